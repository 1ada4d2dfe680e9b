package scratch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestLeftDirectoriesAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv("TMP", os.Getenv("TMPDIR"))
	// A process that has ended.
	command := exec.Command(os.Args[0], "-test.run=^$")
	if err := command.Run(); err != nil {
		t.Fatal(err)
	}
	gone := strconv.Itoa(command.Process.Pid)
	own, err := Dir("edit-")
	if err != nil {
		t.Fatal(err)
	}
	head, _, _ := strings.Cut(filepath.Base(own), strconv.Itoa(os.Getpid()))
	make := func(name string, keep bool) string {
		dir := filepath.Join(os.TempDir(), name)
		if err := os.MkdirAll(filepath.Join(dir, "inner"), 0o700); err != nil {
			t.Fatal(err)
		}
		if keep {
			if err := Keep(dir); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	left := make(head+gone+"-1", false)
	stay := []string{own, make(head+gone+"-2", true), make("edit-00000000-"+gone+"-3", false), make("other-"+gone+"-4", false), make(head+"x-5", false)}
	if _, err := Dir("edit-"); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", left, err)
	}
	for _, dir := range stay {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			t.Errorf("%s: %v", dir, err)
		}
	}
	if info, err := os.Stat(own); err != nil || info.Mode().Perm() != 0o700 {
		t.Error(info, err)
	}
}
