package storage

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The newest checkpoint that is complete is read, with one program.
func TestReadNewestInAPod(t *testing.T) {
	t.Parallel()
	recorded := sample(t, "1.20/savepoint-canonical")
	dir := t.TempDir()
	for name, content := range map[string][]byte{"chk-9/_metadata": recorded, "chk-10/_metadata": recorded, "chk-11/one-file": nil, "chk-x/_metadata": nil, "shared/a": nil} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pod := asInPod(t)
	in, err := pod.ReadNewest(t.Context(), "file:"+dir)
	if err != nil || in.Dir != "file:"+dir+"/chk-10" || len(in.Operators) == 0 || in.Taken.IsZero() || in.Where != pod.Where() {
		t.Errorf("%+v, %v", in, err)
	}
	if _, err := pod.ReadNewest(t.Context(), "file:"+dir+"/shared"); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "chk-…") {
		t.Error(err)
	}
	if _, err := pod.ReadNewest(t.Context(), "file:"+dir+"/nowhere"); err == nil {
		t.Error("a directory that isn't there")
	}
	if err := os.WriteFile(filepath.Join(dir, "chk-10/_metadata"), []byte("none"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := pod.ReadNewest(t.Context(), "file:"+dir); err == nil || !strings.Contains(err.Error(), "chk-10/_metadata") {
		t.Error(err)
	}
}
