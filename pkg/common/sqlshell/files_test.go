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

// A file without statements, such as a template that was filled with nothing, isn't
// passed over in silence.
func TestATextWithoutStatements(t *testing.T) {
	const note = "note: there is no statement in jobs.sql: nothing ran\n"
	for sql, want := range map[string]string{
		"": note, "-- nothing yet\n/* ; */;;\n": note, "\ufeff": note,
		"SELECT 1": "", "HELP;": "", "\\timing\n": "", "QUIT; SELECT 1;": "",
	} {
		if _, errOut, err := script(t, &fake{}, sql, Options{}); err != nil || strings.Contains(errOut, "no statement") != (want != "") || want != "" && errOut != want {
			t.Errorf("%q: %v %q", sql, err, errOut)
		}
		if _, errOut, err := script(t, &fake{}, sql, Options{Quiet: true}); err != nil || errOut != "" {
			t.Errorf("%q, quiet: %v %q", sql, err, errOut)
		}
	}
}
