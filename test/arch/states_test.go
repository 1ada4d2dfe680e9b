package arch

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// statesFile is where the states of jobs and what belongs to them are defined.
const statesFile = "../../pkg/flink/api/states.go"

// stateWords are the states that statesFile defines.
func stateWords(t *testing.T) map[string]bool {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), statesFile, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	ast.Inspect(parsed, func(node ast.Node) bool {
		if spec, ok := node.(*ast.ValueSpec); ok {
			for _, value := range spec.Values {
				if lit, ok := value.(*ast.BasicLit); ok {
					words[unquoted(lit)] = true
				}
			}
		}
		return true
	})
	return words
}

func unquoted(lit *ast.BasicLit) string {
	text, _ := strconv.Unquote(lit.Value) // what is no string isn't a state
	return text
}

// Words that mean other things, too, count where a state is spoken of: what a
// user asks for is "running", and ERROR is a level of logs.
var (
	ambiguous   = regexp.MustCompile(`^([a-z-]+|ERROR)$`)
	aboutStates = regexp.MustCompile(`(?i)mode\b|"state"|\.state\b|\bstate\b|\bwant(s|ed)?\b|\bstops\b|jobManager`)
)

// typedStates are the places in a file that have a state as text, where they
// should name its constant. The constants of others' states are their own.
func typedStates(name string, source any, words map[string]bool) ([]string, error) {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, name, source, 0)
	if err != nil {
		return nil, err
	}
	show := func(node ast.Node) string {
		var out bytes.Buffer
		if err := printer.Fprint(&out, files, node); err != nil {
			return ""
		}
		return out.String()
	}
	var found []string
	var above []ast.Node
	ast.Inspect(parsed, func(node ast.Node) bool {
		if node == nil {
			above = above[:len(above)-1]
			return true
		}
		if decl, ok := node.(*ast.GenDecl); ok && decl.Tok == token.CONST {
			return false
		}
		above = append(above, node)
		lit, ok := node.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING || !words[unquoted(lit)] {
			return true
		}
		if ambiguous.MatchString(unquoted(lit)) && !aboutStates.MatchString(beside(above, show)) {
			return true
		}
		found = append(found, fmt.Sprintf("%s: %s", files.Position(lit.Pos()), lit.Value))
		return true
	})
	return found, nil
}

// beside is what the last of some nodes is compared with or assigned to.
func beside(above []ast.Node, show func(ast.Node) string) string {
	lit := above[len(above)-1]
	switch parent := above[len(above)-2].(type) {
	case *ast.BinaryExpr:
		return show(parent.X)
	case *ast.AssignStmt:
		for i, right := range parent.Rhs {
			if right == lit && len(parent.Lhs) == len(parent.Rhs) {
				return show(parent.Lhs[i])
			}
		}
	case *ast.KeyValueExpr:
		if parent.Value == lit {
			return show(parent.Key)
		}
	case *ast.CaseClause:
		for _, node := range slices.Backward(above) {
			if of, ok := node.(*ast.SwitchStmt); ok && of.Tag != nil {
				return show(of.Tag)
			}
		}
	case *ast.CallExpr:
		if isSelector(parent.Fun, "cmp", "Or") {
			return show(parent.Args[0])
		}
	}
	return ""
}

// A state is named by its constant, so that a misspelled one doesn't compile and
// each place that depends on a state can be found.
func TestStatesAreNamedByTheirConstants(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, pattern := range []string{"pkg/flink/*/*.go", "pkg/common/sqlshell/*.go", "plugins/*/*/*.go"} {
		more, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, more...)
	}
	words, checked := stateWords(t), 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") || strings.Contains(file, "/cmftest/") || strings.HasPrefix(file, filepath.Join(root, "pkg/flink/api")+"/") {
			continue
		}
		checked++
		found, err := typedStates(file, nil, words)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range found {
			t.Errorf("%s: use the constant in pkg/flink/api", strings.TrimPrefix(place, root+"/"))
		}
	}
	if checked < 300 || len(words) < 30 {
		t.Errorf("only %d files were looked at for %d states", checked, len(words))
	}
}

func TestStatesAsTextAreFound(t *testing.T) {
	words := stateWords(t)
	for code, want := range map[string]int{
		`if job.State() == "RUNNING" {}`:                                        1,
		`if job.State() == api.JobRunning {}`:                                   0,
		`switch state { case "FAILED", "FINISHED": }`:                           2,
		`busy := counts["CREATED"]`:                                             1,
		`x := []string{"READY", "DEPLOYING"}`:                                   2,
		`const mine = "COMPLETED"`:                                              0,
		`switch r.Mode { case "savepoint": }`:                                   1,
		`switch r.kind { case "savepoint": }`:                                   0,
		`x := map[string]any{"state": "suspended", "upgradeMode": "stateless"}`: 2,
		`x := map[string]any{"savepoint": path}`:                                0,
		`job["state"] = "running"`:                                              1,
		`wanted := cmp.Or(text(spec, "job", "state"), "running")`:               1,
		`r := Request{Did: "suspended"}`:                                        0,
		`if job.JobManager() == "ERROR" || level == "ERROR" {}`:                 1,
		`fmt.Println("it is RUNNING")`:                                          0,
	} {
		found, err := typedStates("x.go", "package x\nfunc f() {\n"+code+"\n}\n", words)
		if err != nil || len(found) != want {
			t.Errorf("%s: %q, want %d (%v)", code, found, want, err)
		}
	}
}
