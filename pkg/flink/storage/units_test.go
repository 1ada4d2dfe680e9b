package storage

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const aRun = "0123456789abcdef0123456789abcdef"

// Files are grouped to what they belong to, however the directory is written.
func TestUnits(t *testing.T) {
	at := time.Unix(1e9, 0)
	var units Units
	for n, file := range []string{
		"s3://b/c/" + aRun + "/chk-7/_metadata", "s3://b/c/" + aRun + "/chk-7/x", "s3://b/c/" + aRun + "/chk-8/y",
		"s3://b/c/" + aRun + "/shared/1", "s3://b/c/" + aRun + "/taskowned/2", "s3://b/c/savepoint-012345-9f/_metadata", "s3://b/c/stray", "s3://b/c/d/e/f",
	} {
		units.Add("s3://b/c/", Entry{Path: file, Size: 10, Modified: at.Add(time.Duration(n) * time.Second)}, false)
	}
	units.Add("s3://b/ha", Entry{Path: "s3://b/ha/orders/blob/1", Size: 1, Modified: at}, true)
	got := ""
	for _, u := range units.List() {
		got += fmt.Sprintln(u.Kind, u.Path, u.Run, u.Files, u.Size, u.Incomplete)
	}
	want := `other s3://b/c/d  1 10 false
other s3://b/c  1 10 false
savepoint s3://b/c/savepoint-012345-9f 012345 1 10 false
shared s3://b/c/RUN/taskowned RUN 1 10 false
shared s3://b/c/RUN/shared RUN 1 10 false
checkpoint s3://b/c/RUN/chk-8 RUN 1 10 true
checkpoint s3://b/c/RUN/chk-7 RUN 2 20 false
ha s3://b/ha/orders  1 1 false
`
	if want = strings.ReplaceAll(want, "RUN", aRun); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	var volume Units
	volume.Add("file:///data/c", Entry{Path: "/data/c/" + aRun + "/chk-1/_metadata"}, false)
	if list := volume.List(); len(list) != 1 || list[0].Path != "file:///data/c/"+aRun+"/chk-1" || list[0].Incomplete {
		t.Errorf("%+v", list)
	}
}

// A JobManager takes checkpoints while the files are listed, and answers from a
// cache: newer ones are its, too; those of another run and older ones are not.
func TestNewestWhileListing(t *testing.T) {
	var owners Owners
	owners.AddNewest("file:/c/"+aRun+"/chk-7", "JobManager of a")
	owners.AddNewest("file:///c/"+aRun+"/chk-9/", "JobManager of a")
	owners.AddNewest("file:///c/"+strings.Repeat("b", 32)+"/savepoint-1", "b")
	for path, want := range map[string]string{"chk-6": "", "chk-7": "JobManager of a", "chk-8": "JobManager of a", "chk-9": "JobManager of a", "chk-10": "JobManager of a", "chk-x": ""} {
		if got := owners.Of(Unit{Kind: CheckpointUnit, Path: "file:///c/" + aRun + "/" + path}); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if got := owners.Of(Unit{Kind: CheckpointUnit, Path: "file:///c/" + strings.Repeat("b", 32) + "/chk-8"}); got != "" {
		t.Errorf("of another run: %q", got)
	}
}

func TestRunOf(t *testing.T) {
	for path, want := range map[string]string{
		"s3://b/c/" + aRun + "/chk-7": aRun, "/c/" + aRun + "/chk-7/": aRun, "file:/s/savepoint-633692-7cc832b36fa4": "633692", "/x/chk-7": "", "savepoint-xyz": "", "": "",
	} {
		if got := RunOf(path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

// What is saved below a directory is found by its _metadata, newest first.
func TestSavedBelow(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, size int) {
		t.Helper()
		writeFile(t, dir+"/"+name, strings.Repeat("x", size))
	}
	write(aRun+"/chk-7/_metadata", 3)
	write(aRun+"/chk-7/1", 5)
	write(aRun+"/chk-8/1", 5)
	write("savepoint-012345-9f/_metadata", 1)
	found, err := SavedBelow(t.Context(), Local{}, dir)
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v %v", found, err)
	}
	sizes := map[string]int64{found[0].Run: found[0].Size, found[1].Run: found[1].Size}
	if sizes[aRun] != 8 || sizes["012345"] != 1 {
		t.Errorf("%+v", found)
	}
	if none, err := SavedBelow(t.Context(), Local{}, dir+"/none"); err != nil || len(none) != 0 {
		t.Errorf("%+v %v", none, err)
	}
}

// Whatever a store says its files are called, grouping them ends and counts
// each once.
func FuzzUnits(f *testing.F) {
	f.Add("s3://b/c", "s3://b/c/chk-1/x", true)
	f.Add("file:///d/", "/e", false)
	f.Add("", "", false)
	f.Fuzz(func(t *testing.T, dir, file string, ha bool) {
		var units Units
		units.Add(dir, Entry{Path: file, Size: 1}, ha)
		if list := units.List(); len(list) != 1 || list[0].Files != 1 || list[0].Size != 1 || list[0].Kind == "" {
			t.Errorf("%q in %q: %+v", file, dir, list)
		}
	})
}

func writeFile(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
