package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

func TestHeapRefuses(t *testing.T) {
	p := recordedAs(t, "running")
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]string{
		"":                                "--image: the images of Flink have a Java runtime without jcmd",
		"--image j --histo --dump x":      "give --histo or --dump, not both",
		"--image j --top -1":              "--top: -1 is not a number of classes",
		"--image j --dump x -o json":      "-o is for the classes",
		"--image j --force":               "--force goes with --dump",
		"--image j --dump " + there:       "is there already; --force overwrites it",
		"--image j --dump " + t.TempDir(): "is a directory",
		"--image j --dump /no/such/x":     "--dump: stat /no/such",
		"--image j --jm --tm 1":           "exclude each other",
		"--image j --dry-run=x":           "--dry-run:",
		"--image j --timeout 0s":          "--timeout:",
		"--image j -o csv":                "unknown format",
	} {
		if got, code := play(t, p, append([]string{"heap", "basic-example"}, strings.Fields(args)...)...); code != exit.Usage || !strings.Contains(got, want) {
			t.Errorf("%s: exit %d\n%s", args, code, got)
		}
	}
}

// review answers every question about a right.
func (p playback) review(allowed bool) {
	raw, _ := json.Marshal(map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "status": map[string]any{"allowed": allowed}})
	p.Answers["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = raw
}

func TestHeapNamesMissingRights(t *testing.T) {
	p := recordedAs(t, "running")
	p.review(false)
	got, code := play(t, p, "heap", "basic-example", "--image", "j", "--yes")
	for _, want := range []string{
		"you may not patch pods/ephemeralcontainers in namespace " + p.Namespace + "; check with: kubectl auth can-i patch pods --subresource=ephemeralcontainers -n " + p.Namespace,
		"you may not create pods/exec in namespace " + p.Namespace,
	} {
		if code != exit.Failed || !strings.Contains(got, want) {
			t.Errorf("exit %d, lacks %q\n%s", code, want, got)
		}
	}
}

func TestHeapChoosesAPod(t *testing.T) {
	p := recordedAs(t, "running")
	p.review(true)
	// The recording knows no exec: with it, a pod was chosen.
	for args, want := range map[string]string{
		"":       "look for Flink's process in pod basic-example-taskmanager-1-1",
		"--tm 1": "look for Flink's process in pod basic-example-taskmanager-1-1",
		"--jm":   "look for Flink's process in pod basic-example-",
	} {
		if got, code := play(t, p, append([]string{"heap", "basic-example", "--image", "j"}, strings.Fields(args)...)...); code != exit.Failed || !strings.Contains(got, want) {
			t.Errorf("%s: exit %d\n%s", args, code, got)
		}
	}
	if got, code := play(t, p, "heap", "basic-example", "--image", "j", "--tm", "9"); code != exit.Usage || !strings.Contains(got, "--tm: there is no TaskManager 9; there are: basic-example-taskmanager-1-1") {
		t.Errorf("exit %d\n%s", code, got)
	}
	p.pods(t, func(pod map[string]any) {
		if pod["metadata"].(map[string]any)["labels"].(map[string]any)["component"] == "taskmanager" {
			pod["status"].(map[string]any)["phase"] = "Pending"
		}
	})
	if got, code := play(t, p, "heap", "basic-example", "--image", "j"); code != exit.Failed || !strings.Contains(got, "no TaskManager of flinkdeployment/basic-example runs") {
		t.Errorf("exit %d\n%s", code, got)
	}
}
