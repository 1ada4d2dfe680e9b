package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// calls are the calls of root in a command's examples, each as its words
// without the program's name.
func calls(root *cobra.Command, example string) [][]string {
	var all [][]string
	for _, line := range strings.Split(example, "\n") {
		at := strings.Index(line, root.CommandPath()+" ")
		if at < 0 || strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		all = append(all, words(line[at+len(root.CommandPath()):]))
	}
	return all
}

// words splits a line as a shell does, up to the end of the first command.
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
	for _, r := range line {
		switch {
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
		case strings.ContainsRune("|>;)&#", r) && (r != '#' || !open):
			end()
			return all
		case r == '<':
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
