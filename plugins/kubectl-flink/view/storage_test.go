package view

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// What is in a job's directories is listed with who reports it, and summed up
// by kind.
func TestStoragePage(t *testing.T) {
	const run = "0123456789abcdef0123456789abcdef"
	now := time.Unix(1e9, 0)
	owners := storage.Owners{Runs: map[string]string{run: "flinkdeployment/a"}, Clusters: map[string]string{"a": "flinkdeployment/a"}}
	owners.AddPath("file:/d/savepoint-9999aa-1", "flinkstatesnapshot/nightly")
	owners.AddPath("file:///d/savepoint-9999aa-1/", "somebody later")
	var units storage.Units
	for _, path := range []string{"/d/" + run + "/chk-7/_metadata", "/d/" + run + "/shared/1", "/d/savepoint-9999aa-1/_metadata", "/d/savepoint-777777-1/_metadata"} {
		units.Add("file:///d", storage.Entry{Path: path, Size: 1024, Modified: now.Add(-time.Hour)}, false)
	}
	units.Add("file:///ha", storage.Entry{Path: "/ha/a/blob", Size: 1024}, true)
	page := StoragePage{Job: api.Ref{Kind: api.Deployment, Namespace: "n", Name: "a"}, Now: now}
	for _, unit := range units.List() {
		page.Items = append(page.Items, StorageItem{Unit: unit, Owner: owners.Of(unit)})
	}
	text := func() string {
		var out bytes.Buffer
		if err := page.Result().Table.Print(&out, false, false); err != nil {
			t.Fatal(err)
		}
		return strings.Join(strings.FieldsFunc(out.String(), func(r rune) bool { return r == ' ' }), " ")
	}
	for _, want := range []string{
		"checkpoint 1.0 KiB 1 60m run of flinkdeployment/a file:///d/" + run + "/chk-7", "shared 1.0 KiB 1 60m run of flinkdeployment/a", "savepoint 1.0 KiB 1 60m flinkstatesnapshot/nightly file:///d/savepoint-9999aa-1",
		"savepoint 1.0 KiB 1 60m - file:///d/savepoint-777777-1", "ha 1.0 KiB 1 - flinkdeployment/a file:///ha/a",
	} {
		if got := text(); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	page.Sums = true
	for _, want := range []string{"savepoint 2 2 2.0 KiB 1.0 KiB", "total 5 5 5.0 KiB 1.0 KiB"} {
		if got := text(); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	object, _ := page.Result().Object.(map[string]any)
	if object["size"] != int64(5120) || object["unowned"] != int64(1024) {
		t.Errorf("%v", object)
	}
}
