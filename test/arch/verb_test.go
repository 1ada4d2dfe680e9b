package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// badVerbs are the places in a file of commands where a command does something
// itself instead of handing it to an options struct: its RunE is plugin.RunE of
// one, or plugin.Help of a group. verbs is how many do as they should.
func badVerbs(name string, source any) (bad []string, verbs int, err error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, 0)
	if err != nil {
		return nil, 0, err
	}
	report := func(node ast.Node, format string, args ...any) {
		bad = append(bad, fmt.Sprintf("%s: %s", files.Position(node.Pos()), fmt.Sprintf(format, args...)))
	}
	check := func(field string, value ast.Expr) {
		switch {
		case field == "Run" || field == "PreRun" || field == "PreRunE" || field == "PostRun" || field == "PostRunE":
			report(value, "a command has a %s; what it does is in its options' Complete, Validate and Run", field)
		case field != "RunE":
		case isPlugin(value, "Help"):
		case isCallOf(value, "RunE"):
			verbs++
		default:
			report(value, "RunE is not plugin.RunE(options)")
		}
	}
	ast.Inspect(parsed, func(node ast.Node) bool {
		switch n := node.(type) {
		case *ast.CompositeLit:
			if !isSelector(n.Type, "cobra", "Command") {
				return true
			}
			for _, element := range n.Elts {
				if pair, ok := element.(*ast.KeyValueExpr); ok {
					if key, ok := pair.Key.(*ast.Ident); ok {
						check(key.Name, pair.Value)
					}
				}
			}
		case *ast.AssignStmt:
			for i, left := range n.Lhs {
				if field, ok := left.(*ast.SelectorExpr); ok && strings.HasSuffix(field.Sel.Name, "RunE") && i < len(n.Rhs) {
					check(field.Sel.Name, n.Rhs[i])
				}
			}
		}
		return true
	})
	return bad, verbs, nil
}

func isSelector(node ast.Expr, of, name string) bool {
	selector, ok := node.(*ast.SelectorExpr)
	if !ok || selector.Sel.Name != name {
		return false
	}
	ident, ok := selector.X.(*ast.Ident)
	return ok && ident.Name == of
}

func isPlugin(node ast.Expr, name string) bool { return isSelector(node, "plugin", name) }

// isCallOf reports whether node is plugin.NAME(options), where options is a
// variable: no function is written there.
func isCallOf(node ast.Expr, name string) bool {
	call, ok := node.(*ast.CallExpr)
	if !ok || !isPlugin(call.Fun, name) || len(call.Args) != 1 {
		return false
	}
	_, ok = call.Args[0].(*ast.Ident)
	return ok
}

// Every verb of both plugins is wired in one way, which docs/extending.md shows.
func TestVerbsAreWiredInOneWay(t *testing.T) {
	for plugin, atLeast := range map[string]int{"kubectl-flink": 30, "kubectl-cmf": 18} {
		paths, err := filepath.Glob("../../plugins/" + plugin + "/cmd/*.go")
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %d files, %v", plugin, len(paths), err)
		}
		verbs := 0
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			bad, n, err := badVerbs(path, nil)
			if err != nil {
				t.Fatal(err)
			}
			verbs += n
			for _, place := range bad {
				t.Error(place)
			}
		}
		t.Logf("%s: %d verbs", plugin, verbs)
		if verbs < atLeast {
			t.Errorf("%s: only %d verbs were found; does the test still see them?", plugin, verbs)
		}
	}
}

func TestOtherWiringsAreFound(t *testing.T) {
	for name, tc := range map[string]struct {
		code  string
		bad   int
		verbs int
	}{
		"as it should be":     {"c := &cobra.Command{RunE: plugin.RunE(o)}", 0, 1},
		"a group":             {"c := &cobra.Command{RunE: plugin.Help}", 0, 0},
		"logic in RunE":       {"c := &cobra.Command{RunE: func(c *cobra.Command, args []string) error { return o.run() }}", 1, 0},
		"a function as verb":  {"c := &cobra.Command{RunE: plugin.RunE(func() {})}", 1, 0},
		"a method as RunE":    {"c := &cobra.Command{RunE: o.run}", 1, 0},
		"Run":                 {"c := &cobra.Command{Run: func(*cobra.Command, []string) {}}", 1, 0},
		"before it":           {"c := &cobra.Command{PreRunE: o.check, RunE: plugin.RunE(o)}", 1, 1},
		"assigned afterwards": {"c.RunE = func(c *cobra.Command, args []string) error { return nil }", 1, 0},
	} {
		bad, verbs, err := badVerbs("x.go", "package x\nfunc f() {\n"+tc.code+"\n}\n")
		if err != nil || len(bad) != tc.bad || verbs != tc.verbs {
			t.Errorf("%s: %v, %d verbs, %v", name, bad, verbs, err)
		}
	}
}
