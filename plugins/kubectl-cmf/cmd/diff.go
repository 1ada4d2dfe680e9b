package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// diffOptions are the flags of `diff`.
type diffOptions struct {
	*common
	plugin.Arguments
	filesFlags
	kind *cmf.Kind
}

// Run prints what apply would change.
func (o *diffOptions) Run(ctx context.Context) error { return o.diff(ctx, o.filesFlags, o.kind) }

// newDiff is `diff`: what apply would change.
func newDiff(c *common, kind *cmf.Kind) *cobra.Command {
	o := &diffOptions{common: c, kind: kind}
	path := "diff"
	if kind != nil {
		path = kind.Name + " diff"
	}
	cmd := &cobra.Command{
		Use: "diff -f FILE", Short: "Show what apply would change", Args: cobra.NoArgs,
		Long:    "Show what apply would change. Exit code 0: nothing; 3: something; others: it couldn't be found out. Secrets are never shown.",
		Example: plugin.Examples("kubectl cmf " + path + " -f " + exampleFile(kind) + "\n" + exampleInput(kind, "kubectl cmf "+path) + "\nkubectl cmf " + path + " -f " + exampleFile(kind) + " -e dev-env"),
		RunE:    plugin.RunE(o),
	}
	if kind == nil {
		cmd.GroupID = "files"
		c.addScope(cmd)
	}
	o.filesFlags.add(cmd, "to compare")
	return cmd
}

func (c *common) diff(ctx context.Context, f filesFlags, kind *cmf.Kind) error {
	documents, err := c.read(ctx, f)
	if err != nil {
		return err
	}
	items, err := c.resolve(ctx, documents, kind)
	if err != nil {
		return err
	}
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	palette, err := c.palette()
	if err != nil {
		return err
	}
	// Forced, because a diff shows what can't be changed, too.
	planner := apply.Planner{Client: client.Client, Options: apply.Options{Force: true, LoseState: true, Clear: true}}
	steps, err := planner.Plan(ctx, items)
	if err != nil {
		return err
	}
	found := false
	for _, s := range steps {
		text, note, err := apply.Diff(s)
		if err != nil {
			return err
		}
		if note != "" {
			fmt.Fprintln(c.ErrOut, secret.Text(term.Safe(note)))
		}
		if s.Warning != "" {
			c.warn("%s", s.Warning)
		}
		if text == "" {
			continue
		}
		found = true
		if err := c.printDiff(text, palette); err != nil {
			return err
		}
	}
	if found {
		return exit.Silent(exit.No)
	}
	return nil
}

func (c *common) printDiff(text string, palette term.Palette) error {
	for line := range strings.Lines(term.Safe(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
			line = palette.Paint(term.Bold, line)
		case strings.HasPrefix(line, "+"):
			line = palette.Paint(term.Green, line)
		case strings.HasPrefix(line, "-"):
			line = palette.Paint(term.Red, line)
		case strings.HasPrefix(line, "@@"):
			line = palette.Paint(term.Cyan, line)
		}
		if _, err := fmt.Fprintln(c.Out, line); err != nil {
			return err
		}
	}
	return nil
}
