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

const recordedState = "../../../pkg/flink/statefile/testdata/"

// inspectHere runs the verb on this machine, without a cluster.
func inspectHere(t *testing.T, in string, args ...string) (out string, err error) {
	t.Helper()
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	var stdout, stderr bytes.Buffer
	root := NewRoot(genericiooptions.IOStreams{In: strings.NewReader(in), Out: &stdout, ErrOut: &stderr})
	root.SetArgs(append([]string{"snapshot", "inspect"}, args...))
	root.SilenceErrors, root.SilenceUsage = true, true
	err = root.ExecuteContext(t.Context())
	return stdout.String(), err
}

// A recorded savepoint is shown by its operators, largest first, whole.
func TestInspectHere(t *testing.T) {
	out, err := inspectHere(t, "", recordedState+"2.3/savepoint-canonical")
	if exit.Code(err) != exit.No {
		t.Fatalf("files are missing: %v", err)
	}
	for _, want := range []string{
		"savepoint-canonical  canonical savepoint\n", "Format        version 6, which Flink 2.1 and newer writes\n",
		"Rescalable    up to parallelism 16,", "Movable       yes",
		"A restore would fail: 6 files aren't there or aren't whole",
		"uid=count", "keyed ", "(SourceReaderState)", "none\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Index(out, "uid=count") > strings.Index(out, "uid=slow") || strings.Contains(out, "\x1b") {
		t.Errorf("not by size, or with colors\n%s", out)
	}
	out, err = inspectHere(t, "", recordedState+"1.20/rocksdb-incremental/_metadata", "--files")
	if exit.Code(err) != exit.No || !strings.Contains(out, "checkpoint, incremental\n") || !strings.Contains(out, "keyed, shared") || !strings.Contains(out, "paths of their own") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestInspectInput(t *testing.T) {
	data, err := os.ReadFile(recordedState + "2.3/savepoint-canonical/_metadata")
	if err != nil {
		t.Fatal(err)
	}
	out, err := inspectHere(t, string(data), "-", "-o", "json")
	if err != nil {
		t.Fatal(err)
	}
	var object struct {
		Kind, Sort string
		Version    int
		Size       int64
		Problems   []string
		Operators  []struct {
			UID   string
			Size  int64
			Kinds map[string]struct{ Size int64 }
		}
	}
	if err := json.Unmarshal([]byte(out), &object); err != nil {
		t.Fatal(err)
	}
	sum := int64(0)
	for _, o := range object.Operators {
		sum += o.Size
	}
	if object.Kind != "SnapshotInspection" || object.Sort != "canonical savepoint" || object.Version != 6 || sum != object.Size || sum == 0 || object.Problems == nil {
		t.Errorf("%+v", object)
	}
	out, err = inspectHere(t, string(data), "-", "--diff", recordedState+"2.3/hashmap-inline")
	if err != nil || !strings.Contains(out, "0 came, 0 went, 1 changed, 4 are the same") || !strings.Contains(out, "uid=count") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err = inspectHere(t, string(data[:len(data)/2]), "-"); exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "standard input: at byte ") || !strings.Contains(err.Error(), "ends too early") || out != "" {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err = inspectHere(t, "PK", "-"); err == nil || !strings.Contains(err.Error(), "not a _metadata of Flink") {
		t.Errorf("%v", err)
	}
	if _, err = inspectHere(t, "", t.TempDir()+"/none"); err == nil {
		t.Error("an absolute path is read without a cluster")
	}
}

func TestInspectUsage(t *testing.T) {
	for _, args := range [][]string{
		{"-", "--diff", "-"}, {"-", "-o", "table"}, {"./x", "--job", "pod/x"}, {"a/b/c"}, {"local:///x"}, {"file://host/x"},
	} {
		if _, err := inspectHere(t, "", args...); exit.Code(err) != exit.Usage {
			t.Errorf("%q: %d, %v", args, exit.Code(err), err)
		}
	}
}
