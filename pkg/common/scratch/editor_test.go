package scratch

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"testing"
)

func TestTheEditorThatTheUserNames(t *testing.T) {
	spaced := filepath.Join(t.TempDir(), "My Editor.exe")
	if err := os.WriteFile(spaced, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		goos, editor string
		want         []string
	}{
		"with arguments":                 {"linux", "code --wait", []string{"sh", "-c", `code --wait "$1"`, "sh", "a b.sql"}},
		"in quotes":                      {"darwin", "'/Applications/My Editor' -w", []string{"sh", "-c", `'/Applications/My Editor' -w "$1"`, "sh", "a b.sql"}},
		"with arguments on Windows":      {"windows", "code --wait", []string{"code", "--wait", "a b.sql"}},
		"in quotes on Windows":           {"windows", `"C:\Program Files\e\e.exe" -n  -m`, []string{`C:\Program Files\e\e.exe`, "-n", "-m", "a b.sql"}},
		"a path with a space on Windows": {"windows", spaced, []string{spaced, "a b.sql"}},
	} {
		t.Run(name, func(t *testing.T) {
			if got := editor(tc.goos, tc.editor, "a b.sql"); !reflect.DeepEqual(got, tc.want) {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}

// The first variable that names one counts; blanks name none.
func TestTheVariableThatNamesTheEditor(t *testing.T) {
	own := "vi"
	if runtime.GOOS == "windows" {
		own = "notepad"
	}
	for _, tc := range []struct{ first, second, want string }{
		{"ed", "code", "ed"}, {"", "code", "code"}, {" ", "\tcode -w", "code -w"}, {" ", "", own},
	} {
		t.Setenv("FIRST_EDITOR", tc.first)
		t.Setenv("SECOND_EDITOR", tc.second)
		if _, name := Editor(t.Context(), "f", "FIRST_EDITOR", "SECOND_EDITOR"); name != tc.want {
			t.Errorf("%q and %q: %q, want %q", tc.first, tc.second, name, tc.want)
		}
	}
}
