package cmd

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

const soundManifest = `apiVersion: flink.apache.org/v1beta1
kind: FlinkDeployment
metadata: {name: sound}
spec:
  image: flink:1.20
  flinkVersion: v1_20
  serviceAccount: flink
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: "2"
    execution.checkpointing.interval: 10 s
    execution.checkpointing.dir: s3://bucket/cp
    execution.checkpointing.savepoint-dir: s3://bucket/sp
    high-availability.type: kubernetes
    high-availability.storageDir: s3://bucket/ha
    my.company.setting: anything
    metrics.reporter.prom.factory.class: org.apache.flink.metrics.prometheus.PrometheusReporterFactory
  podTemplate:
    spec:
      containers:
        - name: flink-main-container
          env: [{name: ENABLE_BUILT_IN_PLUGINS, value: flink-s3-fs-presto-1.20.1.jar}]
  jobManager: {resource: {memory: 1024m, cpu: 0.5}}
  taskManager: {resource: {memory: 2048m, cpu: 0.5}}
  job: {jarURI: "local:///opt/x.jar", upgradeMode: savepoint, parallelism: 2}
`

// linted runs `kubectl flink lint` and gives what it printed and how it ended.
func linted(t *testing.T, stdin string, args ...string) (string, int) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var out, errOut bytes.Buffer
	root := NewRoot(genericiooptions.IOStreams{In: strings.NewReader(stdin), Out: &out, ErrOut: &errOut})
	root.SetArgs(append([]string{"lint"}, args...))
	root.SetOut(&out)
	root.SetErr(&errOut)
	root.SilenceUsage, root.SilenceErrors = true, true
	err := root.ExecuteContext(t.Context())
	if err != nil {
		out.WriteString("error: " + err.Error() + "\n")
	}
	return out.String(), exit.Code(err)
}

func TestLint(t *testing.T) {
	const service = "---\n{apiVersion: v1, kind: Service, metadata: {name: x}}\n"
	list := "apiVersion: v1\nkind: List\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(strings.Replace(soundManifest, "1024m", "300m", 1)), "\n", "\n  ") + "\n"
	for name, c := range map[string]struct {
		manifest string
		args     []string
		code     int
		want     []string
		never    []string
	}{
		"nothing is wrong":    {soundManifest, nil, exit.OK, []string{"1 manifest looked at: 0 errors, 0 warnings"}, nil},
		"other objects":       {soundManifest + service, nil, exit.OK, []string{"1 object of other kinds not"}, nil},
		"only other objects":  {service, nil, exit.Usage, []string{"none of the 1 objects in - is of the Flink Kubernetes Operator"}, nil},
		"too little memory":   {strings.Replace(soundManifest, "1024m", "300m", 1), nil, exit.No, []string{"error", "FLINK-MEM-REFUSED", "300 MiB", "1 error in the manifests"}, nil},
		"in a list":           {list, nil, exit.No, []string{"FLINK-MEM-REFUSED"}, nil},
		"a misspelt key":      {strings.Replace(soundManifest, "numberOfTaskSlots", "numberOfTaskSlotz", 1), nil, exit.OK, []string{"warning", "is taskmanager.numberOfTaskSlots meant?", `in the manifest: {"spec":{"flinkConfiguration"`}, []string{"kubectl patch"}},
		"strict":              {strings.Replace(soundManifest, "numberOfTaskSlots", "numberOfTaskSlotz", 1), []string{"--strict"}, exit.No, []string{"1 warning in the manifests"}, nil},
		"a secret":            {strings.Replace(soundManifest, "my.company.setting: anything", "s3.secret-key: do-not-show-this", 1), nil, exit.OK, []string{"FLINK-CONF-SECRET"}, []string{"do-not-show-this"}},
		"a secret, json":      {strings.Replace(soundManifest, "my.company.setting: anything", "s3.secret-key: do-not-show-this", 1), []string{"-o", "json"}, exit.OK, []string{"FLINK-CONF-SECRET"}, []string{"do-not-show-this"}},
		"foreign text":        {strings.Replace(soundManifest, "name: sound", `name: "a\u001b]0;x\u0007"`, 1), nil, exit.No, []string{"FLINK-SPEC-"}, []string{"\x1b", "\x07"}},
		"no YAML":             {"a: [", nil, exit.Usage, []string{"--filename: -:"}, nil},
		"nothing":             {"", nil, exit.Usage, []string{"no objects in -"}, nil},
		"an unknown format":   {soundManifest, []string{"-o", "wide"}, exit.Usage, []string{"sarif"}, nil},
		"another API version": {strings.Replace(soundManifest, "flink.apache.org", "flink.example.org", 1), nil, exit.Usage, []string{"none of the 1 objects"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			out, code := linted(t, c.manifest, append([]string{"-f", "-"}, c.args...)...)
			if code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, out)
			}
			for _, want := range c.want {
				if !strings.Contains(out, want) {
					t.Errorf("%q is missing in\n%s", want, out)
				}
			}
			for _, never := range c.never {
				if strings.Contains(out, never) {
					t.Errorf("%q is in\n%q", never, out)
				}
			}
		})
	}
}

// A directory's manifests are told apart by their files, those below it only
// with -R, and what reads SARIF finds the file and the rule.
func TestLintOfADirectory(t *testing.T) {
	dir := t.TempDir()
	wrong := strings.Replace(soundManifest, "1024m", "300m", 1)
	for name, text := range map[string]string{"a.yaml": soundManifest, "below/b.yaml": wrong, "c.txt": "no manifest"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if out, code := linted(t, "", "-f", dir); code != exit.OK || !strings.Contains(out, "1 manifest looked at") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	out, code := linted(t, "", "-R", "-f", dir, "-o", "sarif")
	if code != exit.No {
		t.Errorf("exit code %d:\n%s", code, out)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID    string
				Level     string
				Locations []struct {
					PhysicalLocation struct{ ArtifactLocation struct{ URI string } }
				}
			}
		}
	}
	out, _, _ = strings.Cut(out, "\nerror: ")
	if err := json.Unmarshal([]byte(out), &log); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	if len(log.Runs) != 1 || len(log.Runs[0].Results) != 1 || len(log.Runs[0].Tool.Driver.Rules) != 1 {
		t.Fatalf("one run with one result was expected:\n%s", out)
	}
	r := log.Runs[0].Results[0]
	if log.Version != "2.1.0" || r.RuleID != "FLINK-MEM-REFUSED" || r.Level != "error" || r.Locations[0].PhysicalLocation.ArtifactLocation.URI != filepath.ToSlash(filepath.Join(dir, "below/b.yaml")) {
		t.Errorf("%+v", r)
	}
}

// The manifests of a user, where they are at hand, have nothing that is wrong.
func TestLintOfOtherPeoplesManifests(t *testing.T) {
	const samples = "../../../../shared/samples/flink-studies"
	if _, err := os.Stat(samples); err != nil {
		t.Logf("not looked at: %v", err)
		return
	}
	if out, code := linted(t, "", "-R", "-f", samples); code != exit.OK || !strings.Contains(out, " 0 errors, 0 warnings") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
