package plugin

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// AddUsage gives root and its commands a usage page without kubectl's thirty
// connection flags, and a command `options` that lists those. own names root's
// persistent flags that aren't kubectl's; every page shows them.
//
// It is written in Go and not as one of cobra's templates, because the
// template package keeps the linker from dropping unused methods: 10 MB.
func AddUsage(root *cobra.Command, optionsGroup string, own ...string) {
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		usage(cmd.OutOrStderr(), cmd, own)
		return nil
	})
	options := &cobra.Command{
		Use:     "options",
		Short:   "List the connection flags that every command takes",
		GroupID: optionsGroup,
		Args:    cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintln(cmd.OutOrStdout(), "These flags can be given to any command, as in kubectl:")
			fmt.Fprintln(cmd.OutOrStdout())
			fmt.Fprint(cmd.OutOrStdout(), root.PersistentFlags().FlagUsagesWrapped(term.Width(cmd.OutOrStdout())))
		},
	}
	root.AddCommand(options)
}

func usage(w io.Writer, cmd *cobra.Command, own []string) {
	width := term.Width(w)
	fmt.Fprintln(w, "Usage:")
	if cmd.Runnable() && cmd.HasParent() {
		fmt.Fprintf(w, "  %s\n", cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "  %s [command]\n", cmd.CommandPath())
	}
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(w, "\nAliases:\n  %s\n", cmd.NameAndAliases())
	}
	if cmd.HasExample() {
		fmt.Fprintf(w, "\nExamples:\n%s\n", cmd.Example)
	}
	commands(w, cmd)
	local := cmd.NonInheritedFlags()
	if !cmd.HasParent() {
		local = pflag.NewFlagSet("", pflag.ContinueOnError)
	}
	if local.HasAvailableFlags() {
		fmt.Fprintf(w, "\nFlags:\n%s\n", strings.TrimRight(local.FlagUsagesWrapped(width), "\n"))
	}
	if len(own) > 0 {
		shared := pflag.NewFlagSet("", pflag.ContinueOnError)
		for _, name := range own {
			shared.AddFlag(cmd.Root().PersistentFlags().Lookup(name))
		}
		fmt.Fprintf(w, "\nFlags of every command:\n%s\n", strings.TrimRight(shared.FlagUsagesWrapped(width), "\n"))
	}
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(w, "\nUse \"%s [command] --help\" for more about a command.", cmd.CommandPath())
	}
	fmt.Fprintf(w, "\nUse \"%s options\" for the connection flags, kubectl's among them.\n", cmd.Root().CommandPath())
}

// commands lists the subcommands, group by group.
func commands(w io.Writer, cmd *cobra.Command) {
	list := func(title, group string) {
		printed := false
		for _, sub := range cmd.Commands() {
			if sub.GroupID != group || !sub.IsAvailableCommand() && sub.Name() != "help" {
				continue
			}
			if !printed {
				fmt.Fprintf(w, "\n%s\n", title)
				printed = true
			}
			fmt.Fprintf(w, "  %-*s %s\n", sub.NamePadding(), sub.Name(), sub.Short)
		}
	}
	for _, group := range cmd.Groups() {
		list(group.Title, group.ID)
	}
	list("Commands:", "")
}
