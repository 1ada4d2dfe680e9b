package scratch

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestTheEditorThatTheUserNames(t *testing.T) {
	spaced := filepath.Join(t.TempDir(), "My Editor.exe")
	if err := os.WriteFile(spaced, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		goos, first, second string
		want                []string
	}{
		"none":                           {"linux", "", "", []string{"sh", "-c", `vi "$1"`, "sh", "a b.sql"}},
		"the first":                      {"linux", "code --wait", "ed", []string{"sh", "-c", `code --wait "$1"`, "sh", "a b.sql"}},
		"the second":                     {"darwin", "", "'/Applications/My Editor' -w", []string{"sh", "-c", `'/Applications/My Editor' -w "$1"`, "sh", "a b.sql"}},
		"blank is none":                  {"linux", " ", "\t", []string{"sh", "-c", `vi "$1"`, "sh", "a b.sql"}},
		"none on Windows":                {"windows", "", "", []string{"notepad", "a b.sql"}},
		"with arguments on Windows":      {"windows", "code --wait", "", []string{"code", "--wait", "a b.sql"}},
		"in quotes on Windows":           {"windows", `"C:\Program Files\e\e.exe" -n  -m`, "", []string{`C:\Program Files\e\e.exe`, "-n", "-m", "a b.sql"}},
		"a path with a space on Windows": {"windows", spaced, "", []string{spaced, "a b.sql"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("FIRST_EDITOR", tc.first)
			t.Setenv("SECOND_EDITOR", tc.second)
			command, _ := editor(t.Context(), tc.goos, "a b.sql", []string{"FIRST_EDITOR", "SECOND_EDITOR"})
			if !reflect.DeepEqual(command.Args, tc.want) {
				t.Errorf("%q, want %q", command.Args, tc.want)
			}
		})
	}
}
