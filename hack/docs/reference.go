package main

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// Reference is docs/reference: for each plugin a page that lists its commands,
// and a page for each of these with all that is below it.
func Reference() map[string][]byte {
	files := map[string][]byte{"kubectl-cmf/confluent-cli.md": confluentPage()}
	for _, root := range roots() {
		connection := hideConnection(root)
		dir := root.Name()
		var index bytes.Buffer
		fmt.Fprintf(&index, "# %s\n\n%s\n", root.CommandPath(), long(root))
		section := func(title, group string) {
			first := true
			for _, cmd := range root.Commands() {
				if cmd.GroupID != group || !cmd.IsAvailableCommand() {
					continue
				}
				if first {
					fmt.Fprintf(&index, "\n## %s\n\n| command | |\n| --- | --- |\n", strings.TrimSuffix(title, ":"))
					first = false
				}
				fmt.Fprintf(&index, "| [%s](%s.md) | %s |\n", cmd.Name(), cmd.Name(), cell(cmd.Short))
				var page bytes.Buffer
				each(cmd, func(sub *cobra.Command) { command(&page, cmd, sub) })
				files[dir+"/"+cmd.Name()+".md"] = page.Bytes()
			}
		}
		for _, group := range root.Groups() {
			section(group.Title, group.ID)
		}
		section("Commands:", "")
		if own := root.PersistentFlags(); own.HasAvailableFlags() {
			fmt.Fprintf(&index, "\n## Flags of every command\n\n%s", block(own))
		}
		fmt.Fprintf(&index, "\n## Connection flags\n\nAs in kubectl; every command takes them.\n\n%s", block(connection))
		files[dir+"/README.md"] = index.Bytes()
	}
	return files
}

// command writes one command's part of top's page.
func command(page *bytes.Buffer, top, cmd *cobra.Command) {
	cmd.InitDefaultHelpFlag()
	if cmd == top {
		fmt.Fprintf(page, "# %s\n\n", cmd.CommandPath())
	} else {
		fmt.Fprintf(page, "\n## %s\n\n", cmd.CommandPath())
	}
	fmt.Fprintf(page, "%s\n", long(cmd))
	if cmd.HasAvailableSubCommands() {
		page.WriteString("\n| command | |\n| --- | --- |\n")
		for _, sub := range cmd.Commands() {
			if sub.IsAvailableCommand() {
				fmt.Fprintf(page, "| [%s](#%s) | %s |\n", sub.Name(), strings.ReplaceAll(sub.CommandPath(), " ", "-"), cell(sub.Short))
			}
		}
	} else {
		fmt.Fprintf(page, "\n    %s\n", cmd.UseLine())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(page, "\nAlso: %s\n", strings.Join(cmd.Aliases, ", "))
	}
	if cmd.HasExample() {
		fmt.Fprintf(page, "\n```sh\n%s\n```\n", dedent(cmd.Example))
	}
	if local := cmd.NonInheritedFlags(); local.HasAvailableFlags() {
		fmt.Fprintf(page, "\n%s", block(local))
	}
}

func long(cmd *cobra.Command) string {
	if cmd.Long != "" {
		return strings.TrimSpace(cmd.Long)
	}
	return strings.TrimSuffix(strings.TrimSpace(cmd.Short), ".") + "."
}

// block is flags as `--help` shows them, on 100 columns.
func block(flags *pflag.FlagSet) string {
	return "```text\n" + strings.TrimRight(flags.FlagUsagesWrapped(100), "\n") + "\n```\n"
}

func cell(text string) string { return strings.ReplaceAll(text, "|", "\\|") }

func dedent(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(strings.TrimPrefix(line, "  "), " ")
	}
	return strings.Join(lines, "\n")
}
