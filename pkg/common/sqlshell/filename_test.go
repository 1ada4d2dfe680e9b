package sqlshell

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A file is named as in a shell: with ~, and in quotes.
func TestFilesOfCommands(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	for argument, want := range map[string]string{
		"":               "",
		"a b.sql":        "a b.sql",
		"'a b.sql'":      "a b.sql",
		`"a b.sql"`:      "a b.sql",
		"~/a.sql":        filepath.Join(home, "a.sql"),
		"'~/a b.sql'":    filepath.Join(home, "a b.sql"),
		"~":              "~",
		"~other/a.sql":   "~other/a.sql",
		"/a/~/b.sql":     "/a/~/b.sql",
		"'":              "'",
		"it's/there.sql": "it's/there.sql",
	} {
		if got := fileName(argument); got != want {
			t.Errorf("%s: %s, want %s", argument, got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "one.sql"), []byte("SELECT 1;"), 0o600); err != nil {
		t.Fatal(err)
	}
	backend := &fake{}
	if _, _, err := script(t, backend, "\\i ~/one.sql\n", Options{}); err != nil || strings.Join(backend.ran, "|") != "SELECT 1" {
		t.Errorf("%v, ran %q", err, backend.ran)
	}
}
