//go:build e2e

package e2e

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// found is what `doctor -o json` says, in its order.
type found struct {
	Rule, Severity, Subject, Means string
	Evidence                       []struct{ Source, Text string }
	Cures                          []struct{ Text, Command string }
	Consequences                   []found
}

func (c *cluster) doctor(t *testing.T, code int, args ...string) []found {
	t.Helper()
	r := c.run(t, append([]string{"flink", "doctor", "-o", "json"}, args...)...).wants(t, code)
	var out struct{ Findings []found }
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	return out.Findings
}

// A healthy job has no finding above info. TaskManagers whose init container
// fails are what is named first, with the container's last words, and what it
// brings about hangs on it; once the cause is gone, so is the finding.
func TestDoctorNamesTheCauseFirst(t *testing.T) {
	t.Parallel()
	const ns = "doctor-e2e"
	main.ownJob(t, ns)
	for _, f := range main.doctor(t, 0, "basic-example", "-n", ns) {
		if f.Severity != "info" {
			t.Errorf("a healthy job: %+v", f)
		}
	}
	main.storyAndReport(t, ns)
	breaks := `{"spec":{"restartNonce":1,"job":{"upgradeMode":"last-state"},"taskManager":{"podTemplate":{"spec":{"initContainers":[{"name":"migrate","image":"flink:1.20","command":["sh","-c","echo the schema is locked; exit 3"]}]}}}}}`
	main.kubectl(t, "patch", "flinkdeployment", "basic-example", "-n", ns, "--type", "merge", "-p", breaks)
	var first found
	eventually(t, "the first finding", "FLINK-POD-INIT", func() string {
		r := main.run(t, "flink", "doctor", "basic-example", "-n", ns, "-o", "json")
		var out struct{ Findings []found }
		if r.code != 3 || json.Unmarshal([]byte(r.out), &out) != nil || len(out.Findings) == 0 {
			return r.out
		}
		first = out.Findings[0]
		return first.Rule
	})
	words := first.Means
	for _, e := range first.Evidence {
		words += "\n" + e.Source + ": " + e.Text
	}
	if first.Severity != "error" || !strings.Contains(words, "migrate") || !strings.Contains(words, "the schema is locked") {
		t.Errorf("the container and its last words aren't quoted: %+v", first)
	}
	eventually(t, "the exit code for the namespace", "3", func() string { // between two TaskManagers none is broken
		return fmt.Sprint(main.run(t, "flink", "doctor", "-n", ns).code)
	})
	main.run(t, "flink", "doctor", "explain", first.Rule).wants(t, 0)

	main.kubectl(t, "patch", "flinkdeployment", "basic-example", "-n", ns, "--type", "merge", "-p", `{"spec":{"restartNonce":2,"taskManager":{"podTemplate":null}}}`)
	eventually(t, "after the cure", "0", func() string {
		r := main.run(t, "flink", "doctor", "basic-example", "-n", ns)
		if r.code == 0 && main.run(t, "flink", "status", "basic-example", "-n", ns, "--exit-status").code == 0 {
			return "0"
		}
		return r.out
	})
}

// storyAndReport asks for what happened to a running job, and for a bundle that has
// what the JobManager and the pods say.
func (c *cluster) storyAndReport(t *testing.T, ns string) {
	t.Helper()
	story := c.run(t, "flink", "timeline", "basic-example", "-n", ns, "--since", "0").wants(t, 0)
	for _, want := range []string{"created by", "was submitted", "flink-main-container started", "the job is RUNNING"} {
		if !strings.Contains(story.out, want) {
			t.Errorf("%q isn't told:\n%s", want, story)
		}
	}
	file := filepath.Join(t.TempDir(), "report.zip")
	c.run(t, "flink", "report", "basic-example", "-n", ns, "--file", file).wants(t, 0)
	bundle, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer bundle.Close()
	found := ""
	for _, f := range bundle.File {
		if f.UncompressedSize64 > 0 {
			found += f.Name + "\n"
		}
	}
	for _, want := range []string{"index.html", "object.yaml", "plan.json", "checkpoints.json", "jobmanager.thread-dump.json", "config.txt", "flink-main-container.log", "deployment.yaml"} {
		if !strings.Contains(found, want) {
			t.Errorf("the bundle has no %s:\n%s", want, found)
		}
	}
	c.run(t, "flink", "report", "basic-example", "-n", ns, "--file", file).wants(t, 2)
}
