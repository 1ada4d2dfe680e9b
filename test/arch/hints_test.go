package arch

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	cmfcmd "github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmd"
	flinkcmd "github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/cmd"
)

// unknown stands for what a text gets only when it is printed.
const unknown = "\x00"

var (
	hintBegin = regexp.MustCompile(`kubectl (flink|cmf) `)
	// hintEnd is where a sentence goes on after a command.
	hintEnd    = regexp.MustCompile("[\n\"`)|;…]| \\(|[,:.](\\s|$)| (?:and|or|has|have|had|to|with|shows|works|says|needs|takes|is|are|does|which|that|where|once|until|then|can|tells|deletes|lists|reads|ends|for|would|knows|follows|instead|first|again|if|as|prints|of|in) | # | > | - ")
	quoted     = regexp.MustCompile(`'[^']*'`)
	formatVerb = regexp.MustCompile(`%(?:\[\d+\])?[-+#0]*\d*(?:\.\d+)?[a-zA-Z]`)
)

// TestHintsCanBeTyped checks that each command that a text of the product names
// exists, with its flags, and takes that many arguments: a hint that ends in a
// usage error is worse than none.
func TestHintsCanBeTyped(t *testing.T) {
	found := 0
	for _, hint := range hints(t) {
		for _, command := range commandsIn(hint.text) {
			found++
			if err := typed(command); err != nil {
				t.Errorf("%s: %q: %v", hint.place, strings.ReplaceAll(command, unknown, "…"), err)
			}
		}
	}
	// Else the texts aren't found any more.
	if found < 150 {
		t.Errorf("only %d commands are named", found)
	}
}

// The check itself: what it has to find, and what it must not.
func TestWhatAHintIs(t *testing.T) {
	for text, ok := range map[string]bool{
		"See with: kubectl flink checkpoints %s -n %s":            true,
		"Look: kubectl flink status " + unknown + " -n n --for x": true,
		"kubectl flink logs NAME --previous%s":                    true,
		"kubectl flink no-such-verb NAME":                         false,
		"kubectl flink status %s --no-such-flag":                  false,
		"kubectl flink checkpoints a b c d":                       false,
		"kubectl cmf statement stop %s":                           true,
		"kubectl cmf statement no-such-verb %s":                   false,
	} {
		commands := commandsIn(text)
		if len(commands) != 1 {
			t.Fatalf("%q: %q", text, commands)
		}
		if err := typed(commands[0]); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

type hint struct{ place, text string }

// hints are the texts of the code, tests left out, that name a command.
func hints(t *testing.T) (out []hint) {
	t.Helper()
	for _, top := range []string{"../../plugins", "../../pkg"} {
		err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			files := token.NewFileSet()
			file, err := parser.ParseFile(files, path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(file, func(node ast.Node) bool {
				if command, ok := cureIn(node); ok {
					at := files.Position(node.Pos())
					out = append(out, hint{fmt.Sprintf("%s:%d", strings.TrimPrefix(at.Filename, "../../"), at.Line), command})
				}
				expression, isExpression := node.(ast.Expr)
				if !isExpression {
					return true
				}
				text, ok := textOf(expression)
				if !ok {
					return true
				}
				if hintBegin.MatchString(text) {
					at := files.Position(node.Pos())
					out = append(out, hint{fmt.Sprintf("%s:%d", strings.TrimPrefix(at.Filename, "../../"), at.Line), text})
				}
				return false // its parts are in it
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// cureIn is the command of a cure of diagnosis, which its method flink makes of
// what follows "kubectl flink".
func cureIn(node ast.Node) (command string, ok bool) {
	call, isCall := node.(*ast.CallExpr)
	if !isCall || len(call.Args) == 0 {
		return "", false
	}
	method, isMethod := call.Fun.(*ast.SelectorExpr)
	if !isMethod || method.Sel.Name != "flink" {
		return "", false
	}
	text, ok := textOf(call.Args[0])
	return "kubectl flink " + quoted.ReplaceAllString(text, "word"), ok
}

// textOf is a text that an expression makes, with unknown for what isn't
// literal; ok is false where it makes none.
func textOf(expression ast.Expr) (text string, ok bool) {
	switch e := expression.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		text, err := strconv.Unquote(e.Value)
		return text, err == nil
	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return "", false
		}
		left, leftOK := textOf(e.X)
		right, rightOK := textOf(e.Y)
		if !leftOK {
			left = unknown
		}
		if !rightOK {
			right = unknown
		}
		return left + right, leftOK || rightOK
	}
	return "", false
}

// commandsIn are the commands that a text names.
func commandsIn(text string) (out []string) {
	for _, at := range hintBegin.FindAllStringIndex(text, -1) {
		command := text[at[0]:]
		end := len(command)
		if found := hintEnd.FindStringIndex(command); found != nil {
			end = found[0]
		}
		if next := hintBegin.FindStringIndex(command[1:]); next != nil {
			end = min(end, next[0]+1)
		}
		out = append(out, strings.TrimRight(strings.TrimSpace(command[:end]), "'."))
	}
	return out
}

// typed says what a plugin has against a command.
func typed(command string) error {
	command = formatVerb.ReplaceAllString(command, unknown)
	words := strings.Fields(quoted.ReplaceAllString(command, unknown))
	var args []string
	for _, word := range words[2:] {
		// What is joined to a word may be empty, or more flags.
		if rest := strings.TrimRight(word, unknown); rest != "" && strings.HasPrefix(rest, "-") && !strings.HasSuffix(rest, "=") {
			word = rest
		}
		args = append(args, strings.ReplaceAll(word, unknown, "x"))
	}
	if len(args) == 0 || args[0] == "x" || strings.HasPrefix(args[0], "-") || strings.ToUpper(args[0]) == args[0] {
		return nil // the verb comes with the text
	}
	root := flinkcmd.NewRoot(genericiooptions.NewTestIOStreamsDiscard())
	if words[1] == "cmf" {
		root = cmfcmd.NewRoot(genericiooptions.NewTestIOStreamsDiscard())
	}
	found, rest, err := root.Find(args)
	switch {
	case err != nil:
		return err
	case found == root:
		return fmt.Errorf("no such command")
	case found.HasSubCommands() && (len(rest) == 0 || rest[0] == "x"):
		return nil // a family, whose verb comes with the text
	}
	for i, arg := range rest {
		if arg == "--" {
			rest = rest[:i]
			break
		}
	}
	if err := fits(found, rest); err != nil {
		return fmt.Errorf("%s: %w", found.CommandPath(), err)
	}
	return nil
}

// fits parses the flags, each with a value that its type takes, and counts the
// arguments.
func fits(command *cobra.Command, args []string) error {
	var plain []string
	for i := 0; i < len(args); i++ {
		arg := args[i]
		if !strings.HasPrefix(arg, "-") || arg == "-" {
			plain = append(plain, arg)
			continue
		}
		name, _, hasValue := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		flag := command.Flag(name)
		if flag == nil && !strings.HasPrefix(arg, "--") && len(name) == 1 {
			if flag = command.Flags().ShorthandLookup(name); flag == nil {
				flag = command.InheritedFlags().ShorthandLookup(name)
			}
		}
		if flag == nil && name != "help" {
			return fmt.Errorf("no flag %s", arg)
		}
		if flag != nil && flag.NoOptDefVal == "" && !hasValue {
			i++ // its value
		}
	}
	// Without arguments a text names a verb.
	if len(plain) == 0 || command.Args == nil {
		return nil
	}
	return command.Args(command, plain)
}
