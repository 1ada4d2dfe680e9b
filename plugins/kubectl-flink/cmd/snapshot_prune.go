package cmd

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// pruneOptions are the flags of `kubectl flink snapshot prune`.
type pruneOptions struct {
	*common
	snapshotFilter
	deleteFlags
	many    manyFlags
	count   int
	verbose bool
	now     func() time.Time
}

func newSnapshotPrune(c *common) *cobra.Command {
	o := &pruneOptions{common: c, now: time.Now}
	cmd := &cobra.Command{
		Use:   "prune (--keep N | --older-than AGE)",
		Short: "Delete old snapshots of each job, never the newest or one in use",
		Long: `Delete FlinkStateSnapshots that are not needed any more. The operator itself
deletes only periodic ones and those of upgrades, never those that a user
asked for.

Of each job there stay, whatever is asked: the newest completed savepoint and
checkpoint, what a job starts from (initialSavepointPath, upgradeSavepointPath),
and what is in progress. With --keep and --older-than both, only those go to
which both apply. Failed ones hold nothing and go too.`,
		Example: plugin.Examples(`
			# What would go?
			kubectl flink snapshot prune --keep 3 --dry-run

			# Keep three of each job and their data; forget the older objects
			kubectl flink snapshot prune --keep 3 --keep-data

			# In a nightly job: delete what is older than two weeks with its data
			kubectl flink snapshot prune -A --older-than 14d --dispose --yes`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	o.snapshotFilter.add(c, cmd)
	o.deleteFlags.add(cmd)
	o.many.AddFlags(cmd)
	flags := cmd.Flags()
	flags.IntVar(&o.count, "keep", 0, "Keep this many of the newest completed savepoints, and checkpoints, of each job")
	flags.BoolVarP(&o.verbose, "verbose", "V", false, "Say also what stays and why")
	return cmd
}

// Complete takes over which flags were given. What goes on with the rest is
// the same command again.
func (o *pruneOptions) Complete(cmd *cobra.Command, _ []string) error {
	if !cmd.Flags().Changed("keep") {
		o.count = -1
	}
	o.many.rest, o.many.whole = batch.NewRest(cmd, nil), true
	return nil
}

// Validate finds what is wrong with the flags.
func (o *pruneOptions) Validate() error {
	if err := o.deleteFlags.validate(); err != nil {
		return err
	}
	switch {
	case o.count < -1:
		return exit.Usagef("--keep: %d is less than 1", o.count)
	case o.count < 0 && o.older == "":
		return exit.Usagef("say what is to go: --keep N, --older-than AGE, or both")
	case o.count == 0:
		return exit.Usagef("--keep: want 1 or more; the newest one of a job always stays")
	}
	if err := o.many.Options.Validate(); err != nil {
		return err
	}
	return o.snapshotFilter.complete(o.common, o.now())
}

// Run deletes what is not needed.
func (o *pruneOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	plan, err := o.plan(ctx, client)
	if err != nil {
		return err
	}
	if len(plan) == 0 {
		fmt.Fprintln(o.ErrOut, "Nothing to delete.")
		return nil
	}
	return o.carryOut(ctx, client, plan, o.deleteFlags, &o.many)
}

// plan is what goes. What can't be deleted is left out and said.
func (o *pruneOptions) plan(ctx context.Context, client *operator.Client) ([]savepoint.Deletion, error) {
	line := o.progress(o.Quiet)
	defer line.Done()
	line.Set("looking for snapshots and what jobs start from")
	inventory, err := savepoint.InventoryForDisposal(ctx, client, o.namespace)
	if err != nil {
		return nil, err
	}
	if len(inventory.Problems) > 0 {
		return nil, fmt.Errorf("which snapshots jobs start from can't be read, so none is deleted: %s", inventory.Problems[0])
	}
	labeled, err := o.labeled(ctx, client)
	if err != nil {
		return nil, err
	}
	rule := savepoint.PruneRule{Keep: max(o.count, 0), Before: o.before}
	var plan []savepoint.Deletion
	at, undecided := 0, []string(nil)
	for _, p := range savepoint.Prune(inventory.Saved, rule) {
		if o.namespace != "" && p.Namespace != o.namespace || !o.wants(p.Saved) || !labeled(p.Snapshot) {
			continue
		}
		if p.Passing != "" && !o.Quiet {
			line.Print("%s is not relied upon: %s %s", p.Snapshot.Ref(), p.Path, p.Passing)
		}
		if !p.Goes {
			at++
			if o.verbose {
				line.Print("%s stays: %s", p.Snapshot.Ref(), p.Why)
			}
			continue
		}
		choice := o.choice()
		if !p.Savepoint {
			choice = "" // the job's own; only the object goes
		}
		d, err := savepoint.PlanDeletion(ctx, client, p.Snapshot, choice, o.force, inventory)
		switch {
		case err != nil && exit.Code(err) == exit.Usage && o.DryRun != "":
			undecided = append(undecided, p.Name())
			d = savepoint.Deletion{Snapshot: p.Snapshot, Disposes: true, Loses: true}
		case err != nil && exit.Code(err) == exit.Usage:
			undecided = append(undecided, p.Name())
			continue
		case err != nil:
			line.Print("left out: %v", err)
			continue
		}
		plan = append(plan, d)
	}
	line.Done()
	if at > 0 && !o.Quiet && !o.verbose {
		stay := "stay"
		if at == 1 {
			stay = "stays"
		}
		fmt.Fprintf(o.ErrOut, "%s %s; --verbose says why\n", plural(at, "snapshot"), stay)
	}
	if len(undecided) > 0 && o.DryRun == "" {
		return nil, exit.Usagef("%s would take the data along (disposeOnDelete is true): %s\nSay --keep-data to keep the data, or --dispose to delete it", plural(len(undecided), "snapshot"), list(undecided))
	}
	if len(undecided) > 0 {
		fmt.Fprintln(o.ErrOut, term.SafeLine("To do this, say --keep-data or --dispose: the data of "+plural(len(undecided), "snapshot")+" would go too"))
	}
	return plan, nil
}

// labeled says which snapshots the label selector chooses. The rule counts
// all of a job's, whatever their labels.
func (o *pruneOptions) labeled(ctx context.Context, client *operator.Client) (func(api.Snapshot) bool, error) {
	if o.selector == "" {
		return func(api.Snapshot) bool { return true }, nil
	}
	items, err := client.Summaries(ctx, api.StateSnap, operator.Selection{Namespace: o.namespace, Labels: o.selector, Metadata: true})
	if err != nil {
		return nil, err
	}
	var chosen []api.Ref
	for _, item := range items {
		chosen = append(chosen, item.Ref())
	}
	return func(s api.Snapshot) bool { return slices.Contains(chosen, s.Ref()) }, nil
}

// list is some names, and how many more there are.
func list(names []string) string {
	const most = 5
	text := ""
	for i, name := range names {
		switch {
		case i == most:
			return text + fmt.Sprintf(" and %d more", len(names)-most)
		case i > 0:
			text += ", "
		}
		text += name
	}
	return text
}
