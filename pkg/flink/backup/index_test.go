package backup

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func indexWith(change func(*Index)) Index {
	index := New(time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC))
	e := Entry{
		Kind: "FlinkDeployment", Namespace: "ns", Name: "orders", Condition: Running, Manifest: "ns/flinkdeployment/orders/manifest.yaml",
		State: &State{Kind: "savepoint", Path: "s3://flink/orders/savepoint-1"}, Secrets: []string{"s3"},
	}
	index.Complete([]Entry{e}, []ConfigMap{{Namespace: "ns", Name: "conf", Manifest: "ns/configmap/conf/manifest.yaml"}})
	if change != nil {
		change(&index)
	}
	return index
}

func TestAnIndexIsCheckedBeforeItIsUsed(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Index)
		want   string
	}{
		"as it is written":        {nil, ""},
		"another object":          {func(i *Index) { i.Kind = "Secret" }, "no index of a backup"},
		"no version":              {func(i *Index) { i.Version = 0 }, "version"},
		"a newer version":         {func(i *Index) { i.Version = Version + 1 }, "newer than this kubectl-flink understands"},
		"a name with dots":        {func(i *Index) { i.Jobs[0].Name = ".." }, `".." is no name`},
		"a namespace with dots":   {func(i *Index) { i.Jobs[0].Namespace = "../x" }, "is no namespace"},
		"a kind that runs none":   {func(i *Index) { i.Jobs[0].Kind = "Secret" }, "not one that runs jobs"},
		"a kind by another name":  {func(i *Index) { i.Jobs[0].Kind = "flinkdep" }, "not one that runs jobs"},
		"a manifest elsewhere":    {func(i *Index) { i.Jobs[0].Manifest = "../../etc/passwd" }, "not where it belongs"},
		"an absolute inspection":  {func(i *Index) { i.Jobs[0].Inspection = "/etc/passwd" }, "not where it belongs"},
		"a ConfigMap elsewhere":   {func(i *Index) { i.ConfigMaps[0].Manifest = "ns/flinkdeployment/orders/manifest.yaml" }, "not where it belongs"},
		"a ConfigMap's name":      {func(i *Index) { i.ConfigMaps[0].Name = "a/b" }, `"a/b" is no name`},
		"a Secret's name":         {func(i *Index) { i.Jobs[0].Secrets = []string{"a\x1b[2J"} }, "is no name"},
		"a job twice":             {func(i *Index) { i.Jobs = append(i.Jobs, i.Jobs[0]) }, "there twice"},
		"a condition":             {func(i *Index) { i.Jobs[0].Condition = "fine" }, "none that is known"},
		"a state's relative path": {func(i *Index) { i.Jobs[0].State.Path = "savepoints/1" }, "relative path"},
		"a state's kind":          {func(i *Index) { i.Jobs[0].State.Kind = "tape" }, "neither savepoint nor checkpoint"},
		"too many jobs":           {func(i *Index) { i.Jobs = make([]Entry, mostJobs+1) }, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := json.Marshal(indexWith(tc.change))
			if err != nil {
				t.Fatal(err)
			}
			_, err = ReadIndex(strings.NewReader(string(data)))
			if tc.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v, want %q", err, tc.want)
			}
		})
	}
	if _, err := ReadIndex(endless{}); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("an endless index: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

func names(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if want := os.FileMode(0o600); !entry.IsDir() {
			if info.Mode().Perm() != want {
				t.Errorf("%s has mode %s", path, info.Mode())
			}
			relative, _ := filepath.Rel(dir, path)
			out = append(out, filepath.ToSlash(relative))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(out, " ")
}

func TestADirectoryIsReplacedWholeOrNotAtAll(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "here")
	first, err := Create(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	index := indexWith(nil)
	for _, file := range []string{index.Jobs[0].Manifest, index.ConfigMaps[0].Manifest} {
		if err := first.write(file, []byte("a: 1\n")); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "wasn't finished") {
		t.Errorf("a backup that goes on: %v", err)
	}
	if err := first.Finish(index); err != nil {
		t.Fatal(err)
	}
	whole := "backup.json ns/configmap/conf/manifest.yaml ns/flinkdeployment/orders/manifest.yaml"
	if got := names(t, dir); got != whole {
		t.Fatal(got)
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := Create(dir, false); err == nil || !strings.Contains(err.Error(), "--overwrite") {
		t.Errorf("over another backup: %v", err)
	}
	mine := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(mine, nil, 0o600); err != nil {
		t.Fatal(err)
	}

	// One that is broken off leaves the other as it was.
	second, err := Create(dir, true)
	if err != nil || !second.Replaces() {
		t.Fatal(err)
	}
	if err := second.write(index.Jobs[0].Manifest, []byte("a: 2\n")); err != nil {
		t.Fatal(err)
	}
	second.Discard()
	if got := names(t, dir); got != "backup.json notes.txt ns/configmap/conf/manifest.yaml ns/flinkdeployment/orders/manifest.yaml" {
		t.Errorf("after one that was broken off: %s", got)
	}
	opened, read, err := Open(dir)
	if err != nil || len(read.Jobs) != 1 {
		t.Fatal(err)
	}
	if data, err := opened.read(index.Jobs[0].Manifest); string(data) != "a: 1\n" {
		t.Errorf("%q, %v", data, err)
	}

	// One that is finished takes away what only the other had, and nothing else.
	third, err := Create(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := third.write(index.Jobs[0].Manifest, []byte("a: 3\n")); err != nil {
		t.Fatal(err)
	}
	index.ConfigMaps = nil
	if err := third.Finish(index); err != nil {
		t.Fatal(err)
	}
	if got := names(t, dir); got != "backup.json notes.txt ns/flinkdeployment/orders/manifest.yaml" {
		t.Errorf("%s", got)
	}
}

func TestNothingOutsideTheDirectoryIsTouched(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(outside, []byte("password: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	d, err := Create(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.write("../escaped.yaml", nil); err == nil {
		t.Error("a file beside the directory was written")
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(dir, "linked")); err != nil {
		t.Fatal(err)
	}
	if err := d.write("linked/new.yaml", nil); err == nil {
		t.Error("a link out of the directory was followed to write")
	}
	if err := os.Symlink(outside, filepath.Join(dir, "manifest.yaml")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"manifest.yaml", "linked/secret.yaml", "../x", "linked"} {
		if data, err := d.read(name); err == nil {
			t.Errorf("%s was read: %q", name, data)
		}
	}
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, largestManifest+1); err != nil {
		t.Fatal(err)
	}
	if _, err := d.read("large.yaml"); err == nil || !strings.Contains(err.Error(), "larger than 4 MiB") {
		t.Errorf("%v", err)
	}
}
