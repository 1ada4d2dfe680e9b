package cmd

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recording reads one of test/record's.
func recording(t *testing.T, name string) playback {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/recorded", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var p playback
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestRecordedConfigurations(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for name, pages := range map[string][][]string{
		"running":     {{}, {"-o", "wide"}, {"execution.checkpointing.*", "parallelism.default", "-o", "yaml"}, {"--source", "operator", "-o", "name"}},
		"running-2.3": {{}, {"restart-strategy.*"}},
		"session":     {{}},
		"old-keys":    {{}, {"--diff"}, {"--deprecated"}, {"--source", "operator", "-o", "wide"}, {"s3.*", "db.*", "state.*", "-o", "json"}},
		"blue-green":  {{"--grep", "PARALLEL"}},
		"suspended":   {{}},
		"rejected":    {{"--diff"}, {"--diff", "-o", "json"}},
		"finished":    {{"no.such.key"}, {"parallelism"}, {"--deprecated"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := recording(t, name)
			text := "# " + p.Note + "\n"
			for _, flags := range pages {
				args := append([]string{"config", p.target(t)}, flags...)
				text += "\n$ kubectl flink " + strings.Join(args, " ") + "\n" + played(t, p, append(args, "--via", "apiserver")...)
			}
			if strings.Contains(text, "hunter2") {
				t.Errorf("a secret shows:\n%s", text)
			}
			golden(t, filepath.Join("testdata/config", name+".txt"), text)
		})
	}
}

func TestConfigRefusesWrongFlags(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	p := recording(t, "running")
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--source", "luck"}, `--source: "luck" is not one of spec, operator, flink, job`},
		{[]string{"--key", "[a"}, `key "[a" is no pattern`},
		{[]string{"--live-timeout", "-1s"}, "--live-timeout: -1s is negative"},
		{[]string{"-o", "xml"}, `--output: unknown format "xml"`},
	} {
		if got := played(t, p, append([]string{"config", "basic-example"}, c.args...)...); !strings.Contains(got, c.want) {
			t.Errorf("%v: %s", c.args, got)
		}
	}
}
