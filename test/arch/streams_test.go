package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// drawing are the packages that write to the terminal past its guard, because
// they move the cursor or hand the terminal to a program in a pod.
var drawing = map[string]bool{
	"pkg/common/progress": true, "pkg/common/screen": true, "pkg/common/sqlshell": true, "pkg/common/podexec": true,
}

// Whatever a command prints goes through the streams that plugin.Main made
// safe.
func TestCommandsWriteThroughTheGuard(t *testing.T) {
	var files int
	for _, root := range []string{"pkg", "plugins"} {
		err := filepath.WalkDir("../../"+root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			folder := strings.TrimPrefix(filepath.ToSlash(filepath.Dir(path)), "../../")
			if strings.HasPrefix(folder, "plugins/kubectl-cmf/cmftest") {
				return nil // programs of the tests
			}
			files++
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			for _, name := range pastTheGuard(file) {
				allowed := name == "term.Raw" && drawing[folder] || folder == "pkg/common/plugin" && strings.HasPrefix(name, "os.") ||
					// Asks which of the files is standard output.
					folder == "pkg/common/sqlshell" && name == "os.Stdout"
				if !allowed {
					t.Errorf("%s uses %s: write to the command's own streams", path, name)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Errorf("only %d files were read", files)
	}
}

// pastTheGuard are the uses of what writes to a terminal without a guard.
func pastTheGuard(file *ast.File) []string {
	var found []string
	ast.Inspect(file, func(node ast.Node) bool {
		selector, ok := node.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := selector.X.(*ast.Ident); ok {
			switch name := pkg.Name + "." + selector.Sel.Name; name {
			case "term.Raw", "os.Stdout", "os.Stderr", "fmt.Print", "fmt.Println", "fmt.Printf":
				found = append(found, name)
			}
		}
		return true
	})
	return found
}

func TestWritingPastTheGuardIsFound(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", "package x\nfunc f() { fmt.Println(1); fmt.Fprintln(os.Stderr, term.Raw(w)) }", 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(pastTheGuard(file), " "); got != "fmt.Println os.Stderr term.Raw" {
		t.Error(got)
	}
}
