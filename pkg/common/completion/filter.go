package completion

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Filter is where the answer to a completion request goes: values that a shell
// could interpret are left out of it, whatever found them, because what stands
// on the command line after Tab is run by the shell, and some completion
// scripts evaluate it even before that. word is what the user has typed of the
// value. Descriptions are made safe.
func Filter(out io.Writer, word string) io.Writer {
	return &filter{out: out, flags: strings.HasPrefix(word, "-")}
}

type filter struct {
	out io.Writer
	// flags says that a flag is being completed, which may begin with a dash.
	flags bool
	line  []byte
}

func (f *filter) Write(p []byte) (int, error) {
	f.line = append(f.line, p...)
	for {
		end := bytes.IndexByte(f.line, '\n')
		if end < 0 {
			return len(p), nil
		}
		line := string(f.line[:end])
		f.line = f.line[end+1:]
		value, description, described := strings.Cut(line, "\t")
		if !isDirective(value) && !f.harmless(value) {
			continue
		}
		if described {
			value += "\t" + term.SafeLine(description)
		}
		if _, err := io.WriteString(f.out, value+"\n"); err != nil {
			return 0, err
		}
	}
}

// isDirective reports whether line is the number that ends cobra's answer, as
// in :4. Its active help isn't used here, and not all shells keep it from the
// command line: a name that begins like it is a name.
func isDirective(line string) bool {
	digits, found := strings.CutPrefix(line, ":")
	return found && digits != "" && strings.Trim(digits, "0123456789") == ""
}

// harmless reports whether no shell finds anything in value but a word.
func (f *filter) harmless(value string) bool {
	for i, r := range value {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._:/@+,", r):
		case strings.ContainsRune("=%~", r) && i > 0:
			// At the begin of a word some shells expand them.
		case r == '-' && (i > 0 || f.flags):
		default:
			return false
		}
	}
	return true
}

// fishArgs is where cobra's script for fish puts the words before the cursor
// into a command line that it evaluates.
const fishArgs = "$args[1] " + cobra.ShellCompRequestCmd + " $args[2..-1] $lastArg"

// Fish writes root's completion script for fish.
func Fish(root *cobra.Command, out io.Writer) error {
	var script bytes.Buffer
	if err := root.GenFishCompletion(&script, true); err != nil {
		return err
	}
	// cobra evaluates the words as fish has already unquoted them: a file or a
	// resource called $(reboot) would be run by the second Tab.
	begin := `set -l requestComp "`
	from := strings.Index(script.String(), begin)
	if from < 0 || strings.Count(script.String(), fishArgs) != 1 {
		return errors.New("cobra's completion script for fish has changed: its words would be evaluated without quotes")
	}
	text := strings.Replace(script.String(), fishArgs, "$quoted[1] "+cobra.ShellCompRequestCmd+" $quoted[2..-1] $lastArg", 1)
	text = text[:from] + "set -l quoted (string escape -- $args)\n    " + text[from:]
	_, err := io.WriteString(out, text)
	return err
}
