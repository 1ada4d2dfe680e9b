package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestEditorCommand(t *testing.T) {
	spaced := filepath.Join(t.TempDir(), "an editor.exe")
	if err := os.WriteFile(spaced, nil, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct{ system, editor, want string }{
		{"linux", "", `sh|-c|vi "$1"|sh|f.yaml`},
		{"darwin", "code --wait", `sh|-c|code --wait "$1"|sh|f.yaml`},
		{"windows", "", `notepad|f.yaml`},
		{"windows", "code --wait", `code|--wait|f.yaml`},
		{"windows", `"C:\Program Files\Vim\gvim.exe" --nofork`, `C:\Program Files\Vim\gvim.exe|--nofork|f.yaml`},
		{"windows", spaced, spaced + "|f.yaml"},
	} {
		editor := tc.editor
		want(t, strings.Join(editorCommand(tc.system, &editor, "f.yaml"), "|"), tc.want)
		if editor == "" {
			t.Error("no editor to name in an error")
		}
	}
}
