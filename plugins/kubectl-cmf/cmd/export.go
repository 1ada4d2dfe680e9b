package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
)

// exportOptions are the flags of `kubectl cmf export`.
type exportOptions struct {
	*common
	plugin.Arguments
	apply.ExportOptions
	dir      string
	all      bool
	parallel int
}

// newExport is `kubectl cmf export`.
func newExport(c *common) *cobra.Command {
	o := &exportOptions{common: c}
	cmd := &cobra.Command{
		Use: "export -o DIR", Short: "Write what is on the server as files that apply takes", GroupID: files,
		Long: `Write an environment and what is in it, or with --all everything, as files that
apply takes: applied right away, they change nothing. What the server sets is left
out. ` + "`<as-on-the-server>`" + ` stands for a password: apply takes what the server has
there. The server never shows a secret's data; applying its file keeps the data.

One file has one object, but the statements that define tables and the like stand
in one file for each environment, in the order in which they were made. Savepoints,
artifacts, events and instances can't be described by files. A directory's other
files stay as they are, and are never overwritten without --overwrite.`,
		Example: plugin.Examples(`
			kubectl cmf export -e dev-env -o deploy/
			kubectl cmf export --all -o backup/ --prune
			kubectl cmf export -e dev-env -o - | less`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.dir, "output", "o", "", "Directory to write to; - prints all on standard output")
	flags.BoolVar(&o.all, "all", false, "All environments, and what is in none: secrets, catalogs, databases, detached savepoints")
	flags.BoolVar(&o.Overwrite, "overwrite", false, "Overwrite files that no export wrote, too")
	flags.BoolVar(&o.Prune, "prune", false, "Remove files of an earlier export that this one doesn't have")
	flags.IntVar(&o.parallel, "parallel", 8, "Requests at a time")
	_ = cmd.MarkFlagDirname("output")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *exportOptions) Validate() error {
	switch {
	case o.dir == "":
		return exit.Usagef("where to? Say it with -o DIR")
	case o.all && o.scope.Environment != "":
		return exit.Usagef("--all and -e exclude each other")
	case o.dir == "-" && (o.Overwrite || o.Prune):
		return exit.Usagef("--overwrite and --prune are for a directory")
	case o.parallel < 1 || o.parallel > 64:
		return exit.Usagef("--parallel must be between 1 and 64")
	}
	return nil
}

// Run writes the files.
func (o *exportOptions) Run(ctx context.Context) error {
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	exporter := apply.Exporter{Client: client.Client, Parallel: o.parallel}
	if !o.all {
		if exporter.Environment, err = o.environment(ctx); err != nil {
			return err
		}
	}
	items, err := exporter.Items(ctx)
	if err != nil {
		return err
	}
	written, err := apply.ExportFiles(items, o.all)
	if err != nil {
		return err
	}
	if o.dir == "-" {
		return o.stream(written)
	}
	done, err := apply.WriteFiles(o.dir, written, o.ExportOptions)
	for _, name := range done.Written {
		fmt.Fprintf(o.Out, "%s written\n", name)
	}
	if err != nil {
		return err
	}
	for _, name := range done.Stale {
		if o.Prune {
			fmt.Fprintf(o.Out, "%s removed\n", term.SafeLine(name))
		}
	}
	if len(done.Stale) > 0 && !o.Prune {
		o.warn("%d files of an earlier export are no longer on the server, and apply would create them again: %s; --prune removes them", len(done.Stale), strings.Join(done.Stale[:min(len(done.Stale), 10)], ", "))
	}
	if !o.quiet {
		fmt.Fprintf(o.ErrOut, "%d objects in %d files, %d of them as before\n", len(items), len(written), len(done.Unchanged))
	}
	return nil
}

// stream prints all files as one.
func (o *exportOptions) stream(written []apply.File) error {
	for i, f := range written {
		text := string(f.Text)
		if term.IsTerminal(o.Out) {
			text = term.Safe(text)
		}
		if i > 0 {
			text = "---\n" + text
		}
		if _, err := fmt.Fprint(o.Out, text); err != nil {
			return err
		}
	}
	return nil
}
