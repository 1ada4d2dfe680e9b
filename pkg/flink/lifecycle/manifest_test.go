package lifecycle

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

const sessionJobYAML = `
apiVersion: flink.apache.org/v1beta1
kind: FlinkSessionJob
metadata: {name: a, uid: x, resourceVersion: "7"}
spec: {deploymentName: s, job: {jarURI: "https://x/y.jar", parallelism: 2}}
status: {lifecycleState: STABLE}
`

func TestReadManifests(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	one := write("one.yaml", sessionJobYAML+"---\n---\n"+strings.Replace(sessionJobYAML, "name: a", "name: b", 1))
	list := write("list.json", `{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"c"},"spec":{}}]}`)
	write("notes.txt", "no manifest")
	for _, c := range []struct {
		files []string
		in    string
		want  string
	}{
		{[]string{one}, "", "flinksessionjob/a flinksessionjob/b"},
		{[]string{list}, "", "flinkdeployment/c"},
		{[]string{dir}, "", "flinkdeployment/c flinksessionjob/a flinksessionjob/b"},
		{[]string{"-"}, sessionJobYAML, "flinksessionjob/a"},
	} {
		jobs, err := ReadManifests(t.Context(), strings.NewReader(c.in), c.files)
		var got []string
		for _, job := range jobs {
			got = append(got, job.Ref().String())
			if job.Object.GetUID() != "" || job.Object.GetResourceVersion() != "" || job.Object.Object["status"] != nil {
				t.Errorf("%v: what the old object had is left: %v", c.files, job.Object.Object)
			}
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%v: %v %v, want %s", c.files, got, err, c.want)
		}
	}
	jobs, _ := ReadManifests(t.Context(), nil, []string{one})
	if n := api.Section(jobs[0].Spec(), "job")["parallelism"]; n != int64(2) {
		t.Errorf("parallelism %T %v", n, n)
	}
	for content, want := range map[string]string{
		"apiVersion: v1\nkind: Pod\nmetadata: {name: x}":                                   "v1 Pod is none of Flink's jobs",
		"kind: FlinkDeployment\nmetadata: {name: x}":                                       "no apiVersion, FlinkDeployment is none",
		"apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nspec: {}":            "without metadata.name",
		"apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: x}": "without a spec",
		"":               "no objects",
		"a: [":           "yaml",
		"just text\n":    "cannot unmarshal",
		"\x1b[2Jx: \x00": "yaml",
	} {
		_, err := ReadManifests(t.Context(), strings.NewReader(content), []string{"-"})
		if err == nil || exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
	if _, err := ReadManifests(t.Context(), nil, []string{filepath.Join(dir, "none.yaml")}); exit.Code(err) != exit.Usage {
		t.Error(err)
	}
}

func TestNameOfJar(t *testing.T) {
	for uri, want := range map[string]string{
		"file:///opt/flink/examples/streaming/TopSpeedWindowing.jar": "topspeedwindowing",
		"https://x/a/My_Job-1.2.jar?token=abc":                       "my-job-1-2",
		"s3://b/--.jar":                                              "",
		"https://x/" + strings.Repeat("a", 60) + ".jar":              strings.Repeat("a", 45),
	} {
		if got := nameOfJar(uri); got != want {
			t.Errorf("%s: %q, want %q", uri, got, want)
		}
	}
}

func TestCheckName(t *testing.T) {
	for _, c := range []struct {
		kind api.Kind
		name string
		ok   bool
	}{
		{api.Deployment, strings.Repeat("a", 45), true},
		{api.Deployment, strings.Repeat("a", 46), false},
		{api.BlueGreen, strings.Repeat("a", 39), true},
		{api.BlueGreen, strings.Repeat("a", 40), false},
		{api.SessionJob, strings.Repeat("a", 60), true},
		{api.Deployment, "1a", false},
		{api.SessionJob, "1a", true},
		{api.Deployment, "a-", false},
		{api.SessionJob, "A", false},
		{api.SessionJob, "a/b", false},
	} {
		if err := CheckName(c.kind, c.name); (err == nil) != c.ok {
			t.Errorf("%s %s: %v", c.kind.Name, c.name, err)
		}
	}
}

func TestSplitArgs(t *testing.T) {
	for text, want := range map[string][]string{
		"":                              nil,
		"--rate 10":                     {"--rate", "10"},
		`--sql "select 'a b'" x`:        {"--sql", "select 'a b'", "x"},
		`a\ b '' "c\"d"`:                {"a b", "", `c"d`},
		"  spaces\t and\nlines  ":       {"spaces", "and", "lines"},
		`'single \ stays'`:              {`single \ stays`},
		"--name=\"with space\"and-more": {"--name=with spaceand-more"},
	} {
		got, err := SplitArgs(text)
		if err != nil || fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s: %q %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{`"open`, `'open`, `end\`} {
		if _, err := SplitArgs(text); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestParseSettings(t *testing.T) {
	got, err := ParseSettings("--set", []string{"a.b=c=d", "empty="})
	if err != nil || got["a.b"] != "c=d" || len(got) != 2 {
		t.Error(got, err)
	}
	for _, pair := range []string{"novalue", "=x", "a b=c", "a: b=c"} {
		if _, err := ParseSettings("--set", []string{pair}); exit.Code(err) != exit.Usage {
			t.Errorf("%q: %v", pair, err)
		}
	}
	if _, err := ParseSettings("--set", []string{"a=1", "a=2"}); err == nil {
		t.Error("a key given twice")
	}
}
