package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/scratch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// editOptions are the flags of `edit`.
type editOptions struct {
	*common
	plugin.Arguments
	kind *cmf.Kind
	// force and loseState allow what is refused otherwise.
	force, loseState bool
}

// Run lets the user edit it.
func (o *editOptions) Run(ctx context.Context) error {
	return o.edit(ctx, o.kind, o.Args[0])
}

// newEdit is `kubectl cmf KIND edit`.
func newEdit(c *common, kind *cmf.Kind) *cobra.Command {
	o := &editOptions{common: c, kind: kind}
	cmd := &cobra.Command{
		Use: "edit " + nameArg(kind), Short: "Change " + one(kind) + " in an editor",
		Long: "Change " + one(kind) + " in the editor that KUBE_EDITOR or EDITOR names. Passwords are hidden and stay as they are unless they are replaced.\n" +
			"If someone else changes it meanwhile, nothing is overwritten.",
		Example:           plugin.Examples("kubectl cmf " + kind.Name + " edit " + exampleName(kind) + "\nKUBE_EDITOR='sed -i s/:2.1.0/:2.1.1/' kubectl cmf " + kind.Name + " edit " + exampleName(kind) + "\nkubectl cmf " + kind.Name + " edit " + exampleName(kind) + " --force"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(kind),
		// It can only say that it is of no use: what to do instead.
		Hidden: len(kind.WriteOnly) > 0,
		RunE:   plugin.RunE(o),
	}
	cmd.Flags().BoolVar(&o.force, "force", false, "Delete and create again what can't be changed, and change what Confluent for Kubernetes manages")
	if holdsState(kind) {
		cmd.Flags().BoolVar(&o.loseState, "lose-state", false, loseStateUsage)
	}
	return cmd
}

func (o *editOptions) edit(ctx context.Context, kind *cmf.Kind, name string) error {
	c := o.common
	if len(kind.WriteOnly) > 0 {
		return fmt.Errorf("%s can't be edited: CMF never returns %s; use: kubectl cmf %s update -f FILE", one(kind), kind.WriteOnly[0], kind.Name)
	}
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	ref, err := c.ref(ctx, kind, name)
	if err != nil {
		return err
	}
	live, err := client.Get(ctx, ref)
	if err != nil {
		return err
	}
	clean := apply.Clean(kind, live)
	shown, err := printer.EncodeYAML(map[string]any(cmf.Redact(kind, clean)))
	if err != nil {
		return err
	}
	dir, err := scratch.Dir("kubectl-cmf-edit-")
	if err != nil {
		return err
	}
	path := filepath.Join(dir, kind.Name+".yaml")
	edited, err := c.editFile(ctx, path, shown, fmt.Sprintf("# %s. Save to change it; an unchanged or empty file changes nothing.\n", ref.Where()))
	if err != nil {
		_ = os.RemoveAll(dir)
		return err
	}
	if bytes.Equal(bytes.TrimSpace(edited), bytes.TrimSpace(shown)) || len(bytes.TrimSpace(edited)) == 0 {
		fmt.Fprintln(c.ErrOut, "Edit cancelled, no changes made.")
		return os.RemoveAll(dir)
	}
	if err := o.saveEdit(ctx, ref, edited, clean); err != nil {
		return errors.Join(fmt.Errorf("%w\nyour changes are kept in %s", err, path), scratch.Keep(dir))
	}
	return os.RemoveAll(dir)
}

// editFile lets the user edit text and returns the edited text.
func (c *common) editFile(ctx context.Context, path string, text []byte, head string) ([]byte, error) {
	if err := os.WriteFile(path, append([]byte(head), text...), 0o600); err != nil {
		return nil, err
	}
	command, editor := scratch.Editor(ctx, path, "KUBE_EDITOR", "EDITOR", "VISUAL")
	term.Attach(command, c.In, c.Out, c.ErrOut)
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("the editor %q failed: %w", term.SafeLine(editor), err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var kept []string
	for line := range strings.Lines(string(data)) {
		if !strings.HasPrefix(line, "#") {
			kept = append(kept, line)
		}
	}
	return []byte(strings.Join(kept, "")), nil
}

// saveEdit applies what the user made of clean.
func (o *editOptions) saveEdit(ctx context.Context, ref cmf.Ref, edited []byte, clean cmf.Object) error {
	c := o.common
	documents, err := apply.Parse("edited text", edited)
	if err != nil {
		return err
	}
	if len(documents) != 1 {
		return errors.New("the text must hold one object")
	}
	object := documents[0].Object
	cmf.Restore(ref.Kind, object, clean)
	if err := apply.Validate(ref.Kind, object); err != nil {
		return err
	}
	before, _ := ref.Kind.Shape(clean)
	problems, _ := ref.Kind.Shape(apply.Clean(ref.Kind, object))
	problems = slices.DeleteFunc(problems, func(problem error) bool {
		return slices.ContainsFunc(before, func(old error) bool { return old.Error() == problem.Error() })
	})
	if len(problems) > 0 {
		return errors.Join(problems...)
	}
	if object.Name() != ref.Name {
		return fmt.Errorf("the name can't be changed: it was %s and is %s", ref.Name, object.Name())
	}
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	planner := apply.Planner{Client: client.Client, Options: apply.Options{Force: o.force, LoseState: o.loseState, MustExist: true, Exact: true}}
	steps, err := planner.Plan(ctx, []apply.Item{{Ref: ref, Object: object, Location: "edited text"}})
	if err != nil {
		return err
	}
	// CMF has no lock: what someone else saved since must not be lost.
	if !apply.Equal(map[string]any(apply.Clean(ref.Kind, steps[0].Live)), map[string]any(clean)) {
		return fmt.Errorf("%s was changed by someone else meanwhile; edit it again", ref.Where())
	}
	runner := apply.Runner{
		Client: client.Client, Poll: c.poll,
		Warn: func(text string) { c.warn("%s", text) },
		Done: func(s apply.Step, _ cmf.Object, err error) {
			if err == nil {
				fmt.Fprintf(c.Out, "%s %s\n", s.Ref, s.Action)
			}
		},
	}
	return runner.Run(ctx, steps)
}
