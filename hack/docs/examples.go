package main

import (
	"strings"
	"unicode"

	"github.com/spf13/cobra"
)

// calls are the calls of root in a command's examples, each as its words
// without the program's name.
func calls(root *cobra.Command, example string) [][]string {
	var all [][]string
	for line := range strings.SplitSeq(example, "\n") {
		at := strings.Index(line, root.CommandPath()+" ")
		if at < 0 || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		all = append(all, words(line[at+len(root.CommandPath()):]))
	}
	return all
}

// words splits a line as a shell does, up to the end of the first command.
// What $(another command) or a $variable would give is taken to be 1, which may
// be a name as well as a number.
func words(line string) []string {
	var all []string
	var word strings.Builder
	var quote rune
	open := false
	end := func() {
		if open {
			all = append(all, word.String())
			word.Reset()
			open = false
		}
	}
	runes := []rune(line)
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case quote != '\'' && r == '$' && i+1 < len(runes) && runes[i+1] == '(':
			open = true
			for depth := 0; i < len(runes); i++ {
				if runes[i] == '(' {
					depth++
				} else if runes[i] == ')' {
					if depth--; depth == 0 {
						break
					}
				}
			}
			word.WriteByte('1')
		case quote != '\'' && r == '$' && i+1 < len(runes) && unicode.IsLetter(runes[i+1]):
			open = true
			for i+1 < len(runes) && (unicode.IsLetter(runes[i+1]) || unicode.IsDigit(runes[i+1]) || runes[i+1] == '_') {
				i++
			}
			word.WriteByte('1')
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t':
			end()
		case strings.ContainsRune("|<>;)&#", r) && (r != '#' || !open):
			end()
			return all
		default:
			open = true
			word.WriteRune(r)
		}
	}
	end()
	return all
}

// parses says whether a call's command and flags exist and its arguments are
// as many as the command takes.
func parses(program string, words []string) error {
	// Flags remember what they were set to, so each call gets new commands.
	root := newRoot[program]()
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	cmd.InitDefaultHelpFlag()
	if err := cmd.ParseFlags(rest); err != nil {
		return err
	}
	if cmd.Args != nil {
		return cmd.Args(cmd, cmd.Flags().Args())
	}
	return nil
}
