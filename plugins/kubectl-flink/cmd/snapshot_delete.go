package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// deleteFlags are the flags of the verbs that delete snapshots.
type deleteFlags struct {
	dispose bool
	keep    bool
	yes     bool
	force   bool
	plugin.RunFlags
}

func (f *deleteFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.dispose, "dispose", false, "Delete the savepoints' data, too")
	flags.BoolVar(&f.keep, "keep-data", false, "Keep the savepoints' data")
	flags.BoolVarP(&f.yes, "yes", "y", false, "Don't ask before data is deleted")
	flags.BoolVar(&f.force, "force", false, "With --dispose: delete also data that a job starts from, that a checkpoint needs, or that another object stands for")
	f.AddRunFlags(cmd, plugin.RunWords{
		DryRun:      plugin.ServerDryRun("say what would go"),
		Wait:        "Wait until they are gone",
		WaitDefault: true,
		Timeout:     "How long to wait for each", TimeoutDefault: 2 * time.Minute,
		Quiet: plugin.NoProgress,
	})
}

func (f *deleteFlags) validate() error {
	switch {
	case f.dispose && f.keep:
		return exit.Usagef("--dispose and --keep-data exclude each other")
	case f.force && !f.dispose:
		return exit.Usagef("--force goes with --dispose")
	}
	return f.CheckRun()
}

func (f *deleteFlags) choice() savepoint.DataChoice {
	switch {
	case f.dispose:
		return savepoint.DisposeData
	case f.keep:
		return savepoint.KeepData
	}
	return ""
}

// snapshotDeleteOptions are the flags of `kubectl flink snapshot delete`.
type snapshotDeleteOptions struct {
	*common
	deleteFlags
	many manyFlags
}

func newSnapshotDelete(c *common) *cobra.Command {
	o := &snapshotDeleteOptions{common: c}
	cmd := &cobra.Command{
		Use:     "delete (NAME... | -l SELECTOR | --all)",
		Aliases: []string{"rm"},
		Short:   "Delete snapshots: the object alone, or the savepoint's data too",
		Long: `Delete FlinkStateSnapshots and wait until they are gone.

Whether the savepoint's data goes too is written in the object
(disposeOnDelete), and true where it is not set. So where data would go,
--dispose or --keep-data must be said; either is written into the object first.

The operator has the job's JobManager delete the data. While the job doesn't run
it can't, and the object would stay for ever: that is refused, and one that
hangs so already goes with --keep-data. --dispose is refused, too, where
nothing would delete the data: of a snapshot that names no job, or that no operator has
taken up; and where a checkpoint of the job needs files of the savepoint, as after a
start from it in claim mode CLAIM. The operator doesn't wait for the JobManager: that
the files are gone is looked for afterwards where the job keeps them, and what is
still there after a minute is an error.`,
		Example: plugin.Examples(`
			# Forget the object, keep the savepoint
			kubectl flink snapshot delete nightly --keep-data

			# Delete the savepoint too, without being asked
			kubectl flink snapshot delete nightly --dispose --yes

			# Only say what would be deleted
			kubectl flink snapshot delete nightly --keep-data --dry-run=client`),
		ValidArgsFunction: c.completeSnapshots(true),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd)
	o.many.add(cmd, "Delete", "snapshot")
	return cmd
}

// Complete takes over the names.
func (o *snapshotDeleteOptions) Complete(cmd *cobra.Command, args []string) error {
	o.many.complete(cmd, args, nil)
	return nil
}

// Validate finds what is wrong with the flags.
func (o *snapshotDeleteOptions) Validate() error {
	if len(o.many.args) == 0 && !o.many.chosen() {
		return exit.Usagef("which snapshots? Give one or more NAMEs, --all or -l")
	}
	if err := o.many.validate(); err != nil {
		return err
	}
	return o.validate()
}

// Run deletes the snapshots.
func (o *snapshotDeleteOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	refs, err := o.refs(ctx, client)
	if err != nil {
		return err
	}
	inventories := map[string]savepoint.Inventory{}
	var plan []savepoint.Deletion
	for _, ref := range refs {
		inventory, known := inventories[ref.Namespace]
		if o.dispose && !known {
			// Jobs of other namespaces may start from it, too.
			if inventory, err = savepoint.InventoryForDisposal(ctx, client, ref.Namespace); err != nil {
				return err
			}
			inventories[ref.Namespace] = inventory
		}
		s, err := savepoint.GetSnapshot(ctx, client, ref)
		if err != nil {
			return err
		}
		d, err := savepoint.PlanDeletion(ctx, client, s, o.choice(), o.force, inventory)
		if err != nil {
			return err
		}
		plan = append(plan, d)
	}
	return o.carryOut(ctx, client, plan, o.deleteFlags, &o.many)
}

// refs are the snapshots meant.
func (o *snapshotDeleteOptions) refs(ctx context.Context, client *operator.Client) ([]api.Ref, error) {
	if !o.many.chosen() {
		return o.snapshotRefs(o.many.args)
	}
	namespace := ""
	if !o.many.allNamespaces {
		var err error
		if namespace, _, err = o.factory.Namespace(); err != nil {
			return nil, err
		}
	}
	items, err := client.Summaries(ctx, api.StateSnap, operator.Selection{Namespace: namespace, Labels: o.many.selector, Metadata: true})
	if err != nil {
		return nil, err
	}
	var refs []api.Ref
	for _, item := range items {
		refs = append(refs, item.Ref())
	}
	if len(refs) == 0 {
		return nil, errors.New("no snapshots match")
	}
	return refs, nil
}

// carryOut asks where data is at stake and deletes all that is planned.
func (c *common) carryOut(ctx context.Context, client *operator.Client, plan []savepoint.Deletion, f deleteFlags, many *manyFlags) error {
	var lost []string
	for _, d := range plan {
		if d.Loses {
			lost = append(lost, "  "+d.Snapshot.Name()+"  "+d.Snapshot.Path())
		}
	}
	line := c.progress(f.Quiet)
	defer line.Done()
	data := doomedData{client: client, line: line, stores: map[types.UID]doomedStore{}}
	if len(lost) > 0 && (!f.force || f.DryRun == "" && f.Wait) {
		closed, err := data.open(ctx, c, plan)
		if err != nil {
			return err
		}
		defer closed()
		if !f.force {
			if err := data.refuseNeeded(ctx, plan); err != nil {
				return err
			}
		}
	}
	if len(lost) > 0 && f.DryRun == "" {
		line.Clear()
		what := "This deletes the data of " + plural(len(lost), "savepoint") + ", for good:\n" + strings.Join(lost, "\n")
		if err := c.confirm(ctx, f.yes, what); err != nil {
			return err
		}
	}
	results := batch.Run(ctx, plan, many.Options, func(ctx context.Context, d savepoint.Deletion) (string, error) {
		ctx, cancel := f.Bounded(ctx)
		defer cancel()
		if err := deletionEnd(ctx, savepoint.DeleteSnapshot(ctx, client, d, f.DryRun, !f.Wait, reporterOf(line))); err != nil {
			return "", err
		}
		unseen := ""
		if d.Loses && f.DryRun == "" && f.Wait {
			var err error
			if unseen, err = data.awaitGone(ctx, d.Snapshot); err != nil {
				return "", err
			}
		}
		return deletedLine(d, f, unseen), nil
	}, func(r batch.Result[savepoint.Deletion, string], _ int) {
		if r.Err != nil && len(plan) > 1 {
			c.complain(line, kube.Message(r.Err))
		}
	})
	line.Done()
	for _, text := range batch.Values(results, nil) {
		fmt.Fprintln(c.Out, term.SafeLine(text))
	}
	if len(plan) == 1 && results[0].Begun {
		return results[0].Err
	}
	return batch.Err(ctx, results, batch.Words[savepoint.Deletion]{
		Noun: "snapshot",
		Name: func(d savepoint.Deletion) string { return named(d.Snapshot.Ref(), many.allNamespaces) },
		Rest: many.restOfPlan,
	})
}

// restOfPlan are the commands that go on with the deletions.
func (m *manyFlags) restOfPlan(plan []savepoint.Deletion) []string {
	var refs []api.Ref
	for _, d := range plan {
		refs = append(refs, d.Snapshot.Ref())
	}
	return m.commands(refs)
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// deletedLine says what went and what became of the data. unseen is why nobody
// looked whether that has gone.
func deletedLine(d savepoint.Deletion, f deleteFlags, unseen string) string {
	text := d.Snapshot.Ref().Printed() + " deleted"
	if !f.Wait && f.DryRun == "" {
		text = d.Snapshot.Ref().Printed() + " marked for deletion"
	}
	if f.DryRun != "" {
		text += " (" + f.DryRun + " dry run)"
	}
	path := d.Snapshot.Path()
	switch {
	case d.Loses && path == "" && f.DryRun == "" && f.Wait:
		text += "; it was being taken: its data went with it"
	case d.Loses && path == "":
		text += "; it is being taken: its data goes too"
	case d.Loses && f.DryRun == "" && f.Wait && unseen != "":
		text += "; the job's JobManager was told to delete its data, which can't be looked at from here (" + unseen + "): " + path
	case d.Loses && f.DryRun == "" && f.Wait:
		text += "; its data is deleted: " + path
	case d.Loses:
		text += "; its data goes too: " + path
	case d.Snapshot.HasData() && d.Snapshot.IsSavepoint():
		text += "; its data is kept: " + path
	}
	return text
}
