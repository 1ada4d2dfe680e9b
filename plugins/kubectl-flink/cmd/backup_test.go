package cmd

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// A wrong command line of backup and recover is refused before a server is asked.
func TestBackupAndRecoverRefuseBeforeAnythingIsAsked(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	held := filepath.Join(dir, "held")
	if err := os.Mkdir(held, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, filepath.Join(held, "backup.json")} {
		if err := os.WriteFile(name, []byte("{}"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for args, want := range map[string]string{
		"backup --all":                               "where to?",
		"backup -o ./x":                              "which jobs?",
		"backup a --all -o ./x":                      "but not both",
		"backup --all -o json":                       `"json" is no directory`,
		"backup --all -o jsonpath={.items}":          "is no directory",
		"backup --all -o gs://bucket/x":              "gs:// can't be written to",
		"backup --all -o s3://bucket/x --overwrite":  "goes with a directory",
		"backup --all -o s3:///x":                    "is no path of S3",
		"backup --all -o ./x --secret s3":            "are for s3://",
		"recover -f s3:bucket":                       "is no path of S3",
		"backup --all -o manifests --overwrite":      "writes none",
		"backup --all -o " + held:                    "holds a backup already",
		"backup --all -o " + file:                    "is no directory",
		"recover":                                    "--filename is missing",
		"recover -f " + dir:                          "has no backup.json",
		"recover -f " + held:                         "no index of a backup",
		"recover -f " + dir + " --namespace-map a":   `"a" is not old=new`,
		"recover -f " + dir + " --namespace-map a=":  `"a=" is not old=new`,
		"recover -f " + dir + " --max-parallel 0":    "--max-parallel",
		"recover -f " + filepath.Join(dir, "absent"): "no such file",
	} {
		t.Run(args, func(t *testing.T) {
			var out, errOut bytes.Buffer
			root := NewRoot(genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: &errOut})
			root.SetArgs(append(strings.Fields(args), "--kubeconfig", filepath.Join(dir, "none")))
			root.SilenceErrors, root.SilenceUsage = true, true
			err := root.Execute()
			if exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), want) {
				t.Errorf("exit %d: %v; want %q", exit.Code(err), err, want)
			}
		})
	}
}
