package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// snapshotListOptions are the flags of `kubectl flink snapshot list`.
type snapshotListOptions struct {
	*common
	plugin.Arguments
	snapshotFilter
	output  printer.Flags
	sortBy  string
	color   string
	palette term.Palette
	now     func() time.Time
}

func newSnapshotList(c *common) *cobra.Command {
	o := &snapshotListOptions{common: c, now: time.Now}
	cmd := &cobra.Command{
		Use:     "list",
		Aliases: []string{"ls", "get"},
		Short:   "List savepoints and checkpoints: of which job, how old, and where",
		Long: `List FlinkStateSnapshots and, in the same list, the savepoints that the status of
a job reports (operators before 1.10, and what an upgrade left). They are
listed by job, newest first; each path is listed once.

DATA ON DELETE says whether the data goes when the object is deleted. A line
without a name stands for no object.

` + objectsAsTheyAre,
		Example: plugin.Examples(`
			# What is saved of the namespace's jobs
			kubectl flink snapshot list

			# Savepoints of one job, the oldest first
			kubectl flink snapshot list --job basic-example --type savepoint --sort-by=-age

			# Failed ones of every namespace, and why
			kubectl flink snapshot list -A --state FAILED,ABANDONED -o wide

			# The path of the newest completed savepoint
			kubectl flink snapshot list --job basic-example --type savepoint --state COMPLETED -o jsonpath='{.items[0].summary.path}'`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	o.output.AddFlags(cmd)
	o.output.AddTableFlags(cmd.Flags())
	o.snapshotFilter.add(c, cmd)
	flags := cmd.Flags()
	flags.StringSliceVar(&o.states, "state", nil, "Only these states, as in COMPLETED,FAILED")
	flags.StringVar(&o.sortBy, "sort-by", "", "Sort by a column: "+strings.Join(keys(snapshotOrders), ", ")+"; with - before it the other way round")
	addColor(cmd, &o.color)
	_ = cmd.RegisterFlagCompletionFunc("state", completion.Fixed(snapshotStates...))
	_ = cmd.RegisterFlagCompletionFunc("sort-by", completion.Fixed(keys(snapshotOrders)...))
	return cmd
}

// snapshotOrders are the columns to sort by; times are newest first.
var snapshotOrders = map[string]func(a, b api.Saved) int{
	"name":      func(a, b api.Saved) int { return cmp.Compare(a.Name(), b.Name()) },
	"namespace": func(a, b api.Saved) int { return cmp.Compare(a.Namespace, b.Namespace) },
	"job":       func(a, b api.Saved) int { return cmp.Compare(a.Job.String(), b.Job.String()) },
	"type":      func(a, b api.Saved) int { return cmp.Compare(fmt.Sprint(b.Savepoint), fmt.Sprint(a.Savepoint)) },
	"trigger":   func(a, b api.Saved) int { return cmp.Compare(a.Trigger, b.Trigger) },
	"state":     func(a, b api.Saved) int { return cmp.Compare(a.State, b.State) },
	"age":       func(a, b api.Saved) int { return b.At().Compare(a.At()) },
	"duration":  func(a, b api.Saved) int { return cmp.Compare(b.Duration, a.Duration) },
	"path":      func(a, b api.Saved) int { return cmp.Compare(a.Path, b.Path) },
}

func (o *snapshotListOptions) order() (func(a, b api.Saved) int, error) {
	by, reverse := strings.CutPrefix(strings.ToLower(o.sortBy), "-")
	order := snapshotOrders[by]
	switch {
	case o.sortBy == "":
		return nil, nil
	case order == nil:
		return nil, exit.Usagef("--sort-by: %q is not one of %s", o.sortBy, strings.Join(keys(snapshotOrders), ", "))
	case reverse:
		return func(a, b api.Saved) int { return order(b, a) }, nil
	}
	return order, nil
}

// Validate finds what is wrong with the flags.
func (o *snapshotListOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	var err error
	if o.palette, err = term.NewPalette(o.color, o.Out); err != nil {
		return exit.With(exit.Usage, err)
	}
	if err := o.snapshotFilter.complete(o.common, o.now()); err != nil {
		return err
	}
	_, err = o.order()
	return err
}

// Run lists what is saved.
func (o *snapshotListOptions) Run(ctx context.Context) error {
	order, err := o.order()
	if err != nil {
		return err
	}
	client, err := o.operator()
	if err != nil {
		return err
	}
	inventory, err := savepoint.InventoryOf(ctx, client, o.namespace, o.selector)
	if err != nil {
		return err
	}
	o.tell(inventory.Problems)
	saved := slices.DeleteFunc(inventory.Saved, func(s api.Saved) bool {
		return !o.wants(s) || !o.before.IsZero() && s.At().After(o.before)
	})
	if order != nil {
		sorting.By(saved, order)
	}
	if len(saved) == 0 && (o.output.IsHuman() || o.output.Format() == printer.Name) {
		fmt.Fprintln(o.ErrOut, term.SafeLine(o.nothing()))
		return nil
	}
	return o.output.Print(o.Out, view.SnapshotList{Namespaces: o.allNamespaces, Palette: o.palette, Now: o.now()}.Result(saved))
}

// tell warns of what could not be read.
func (c *common) tell(problems []string) {
	for _, problem := range problems {
		fmt.Fprintln(c.ErrOut, term.SafeLine("Left out: savepoints in the status of jobs, and which snapshots jobs use: "+problem))
	}
}

func (o *snapshotListOptions) nothing() string {
	what := "No savepoints or checkpoints found"
	if o.selector+o.job+o.kind+o.older != "" || len(o.states) > 0 {
		what = "No savepoints or checkpoints match"
	}
	if o.allNamespaces {
		return what + "."
	}
	return what + " in namespace " + o.namespace + "; every namespace: kubectl flink snapshot list -A"
}
