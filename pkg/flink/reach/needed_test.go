package reach

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// A checkpoint that names a savepoint's files is found before the savepoint is
// disposed of; what can't be read is an error.
func TestNeededBy(t *testing.T) {
	// The recorded checkpoint names files of its run; as if they were a savepoint's.
	metadata, err := os.ReadFile("../statefile/testdata/1.20/rocksdb-incremental/_metadata")
	if err != nil {
		t.Fatal(err)
	}
	in, err := storage.Read(context.Background(), strings.NewReader(string(metadata)))
	if err != nil {
		t.Fatal(err)
	}
	shared := ""
	for _, file := range in.Files {
		if file.Shared {
			shared = file.Path
		}
	}
	store := &shelves{files: map[string][]byte{
		"s3://b/c/" + surveyRun + "/chk-7/_metadata": metadata,
		"s3://b/s/savepoint-012345-1/_metadata":      metadata[:50],
		"s3://b/s/savepoint-012345-1/own":            nil,
		shared:                                       nil,
	}}
	open := func(context.Context, api.Job, string) (storage.Store, error) { return store, nil }
	dirs := []StateDir{{Path: "s3://b/c"}, {Path: "s3://b/ha", HA: true}}
	if by, err := NeededBy(context.Background(), open, api.Job{}, dirs, storage.Dir(shared)); err != nil || by != "s3://b/c/"+surveyRun+"/chk-7" {
		t.Errorf("%q %v", by, err)
	}
	if by, err := NeededBy(context.Background(), open, api.Job{}, dirs, "s3://b/s/savepoint-012345-1"); err != nil || by != "" {
		t.Errorf("%q %v", by, err)
	}
	store.files["s3://b/c/"+surveyRun+"/chk-8/_metadata"] = []byte("none")
	if _, err := NeededBy(context.Background(), open, api.Job{}, dirs, "s3://b/s/savepoint-012345-1"); err == nil {
		t.Error("an unreadable _metadata needs nothing")
	}
	store.broken = errors.New("denied")
	if _, err := NeededBy(context.Background(), open, api.Job{}, dirs, "s3://b/s/savepoint-012345-1"); err == nil {
		t.Error("a directory that can't be listed needs nothing")
	}
}
