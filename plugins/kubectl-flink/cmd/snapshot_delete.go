package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// deleteFlags are the flags of the verbs that delete snapshots.
type deleteFlags struct {
	dispose bool
	keep    bool
	yes     bool
	force   bool
	wait    bool
	timeout time.Duration
	dryRun  string
	quiet   bool
}

func (f *deleteFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.dispose, "dispose", false, "Delete the savepoints' data, too")
	flags.BoolVar(&f.keep, "keep-data", false, "Keep the savepoints' data")
	flags.BoolVarP(&f.yes, "yes", "y", false, "Don't ask before data is deleted")
	flags.BoolVar(&f.force, "force", false, "With --dispose: delete also data that a job starts from, or that another object stands for")
	flags.BoolVar(&f.wait, "wait", true, "Wait until they are gone")
	flags.DurationVar(&f.timeout, "timeout", 2*time.Minute, "How long to wait")
	flags.StringVar(&f.dryRun, "dry-run", "none", "none, client (say what would go) or server (have the API server check it)")
	flags.Lookup("dry-run").NoOptDefVal = "client"
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "No progress on standard error")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", completion.Fixed("none", "client", "server"))
}

func (f *deleteFlags) complete() error {
	switch f.dryRun {
	case "none":
		f.dryRun = ""
	case "client", "server":
	default:
		return exit.Usagef("--dry-run: %q is not one of none, client, server", f.dryRun)
	}
	switch {
	case f.dispose && f.keep:
		return exit.Usagef("--dispose and --keep-data exclude each other")
	case f.force && !f.dispose:
		return exit.Usagef("--force goes with --dispose")
	case f.timeout <= 0:
		return exit.Usagef("--timeout: %s is not a positive duration", f.timeout)
	}
	return nil
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

func newSnapshotDelete(c *common) *cobra.Command {
	var f deleteFlags
	cmd := &cobra.Command{
		Use:     "delete NAME...",
		Aliases: []string{"rm"},
		Short:   "Delete snapshots: the object alone, or the savepoint's data too",
		Long: `Delete FlinkStateSnapshots and wait until they are gone.

Whether the savepoint's data goes too is written in the object
(disposeOnDelete), and true where nobody said otherwise. So where data would go,
--dispose or --keep-data must be said; either is written into the object first.

The operator has the job's JobManager delete the data. While the job doesn't run
it can't, and the object would stay for ever: that is refused, and one that
hangs so already goes with --keep-data. --dispose is refused, too, where
nothing would delete the data: of a snapshot that names no job, or that no operator has
taken up.`,
		Example: plugin.Examples(`
			# Forget the object, keep the savepoint
			kubectl flink snapshot delete nightly --keep-data

			# Delete the savepoint too, without being asked
			kubectl flink snapshot delete nightly --dispose --yes

			# Only say what would be deleted
			kubectl flink snapshot delete nightly --keep-data --dry-run=client`),
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: c.completeSnapshots(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.complete(); err != nil {
				return err
			}
			return c.deleteSnapshots(cmd.Context(), args, f)
		},
	}
	f.add(cmd)
	return cmd
}

func (c *common) deleteSnapshots(ctx context.Context, args []string, f deleteFlags) error {
	client, err := c.operator()
	if err != nil {
		return err
	}
	refs, err := c.snapshotRefs(args)
	if err != nil {
		return err
	}
	inventory := savepoint.Inventory{}
	if f.dispose {
		// Jobs of other namespaces may start from it, too.
		if inventory, err = savepoint.InventoryForDisposal(ctx, client, refs[0].Namespace); err != nil {
			return err
		}
	}
	var plan []savepoint.Deletion
	for _, ref := range refs {
		s, err := savepoint.GetSnapshot(ctx, client, ref)
		if err != nil {
			return err
		}
		d, err := savepoint.PlanDeletion(ctx, client, s, f.choice(), f.force, inventory)
		if err != nil {
			return err
		}
		plan = append(plan, d)
	}
	return c.carryOut(ctx, client, plan, f)
}

// carryOut asks where data is at stake and deletes all that is planned.
func (c *common) carryOut(ctx context.Context, client *operator.Client, plan []savepoint.Deletion, f deleteFlags) error {
	var lost []string
	for _, d := range plan {
		if d.Loses {
			lost = append(lost, "  "+d.Snapshot.Name()+"  "+d.Snapshot.Path())
		}
	}
	if len(lost) > 0 && f.dryRun == "" {
		what := "This deletes the data of " + plural(len(lost), "savepoint") + ", for good:\n" + strings.Join(lost, "\n")
		if err := c.confirm(ctx, f.yes, what); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, f.timeout, exit.Timeoutf("timed out after %s", f.timeout))
	defer cancel()
	line := progress.New(c.ErrOut, f.quiet)
	defer line.Done()
	var (
		mu     sync.Mutex
		group  sync.WaitGroup
		worst  int
		first  error
		failed int
		said   = make([]string, len(plan))
		slots  = make(chan struct{}, parallel)
	)
	for i, d := range plan {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			err := deletionEnd(ctx, savepoint.DeleteSnapshot(ctx, client, d, f.dryRun, !f.wait, reporter(line)))
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed++
				worst = worse(worst, exit.Code(err))
				if first == nil {
					first = err
				}
				if len(plan) > 1 {
					(&savepointOptions{common: c}).complain(line, kube.Message(err))
				}
				return
			}
			said[i] = deletedLine(d, f)
		})
	}
	group.Wait()
	line.Done()
	for _, text := range said {
		if text != "" {
			fmt.Fprintln(c.Out, term.SafeLine(text))
		}
	}
	switch {
	case failed == 0:
		return nil
	case len(plan) == 1:
		return first
	}
	return exit.With(worst, errors.New(fmt.Sprint(failed)+" of "+plural(len(plan), "snapshot")+" could not be deleted"))
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// deletedLine says what went and what became of the data.
func deletedLine(d savepoint.Deletion, f deleteFlags) string {
	text := d.Snapshot.Ref().Printed() + " deleted"
	if !f.wait && f.dryRun == "" {
		text = d.Snapshot.Ref().Printed() + " marked for deletion"
	}
	if f.dryRun != "" {
		text += " (" + f.dryRun + " dry run)"
	}
	path := d.Snapshot.Path()
	switch {
	case d.Loses && path == "" && f.dryRun == "" && f.wait:
		text += "; it was being taken: its data went with it"
	case d.Loses && path == "":
		text += "; it is being taken: its data goes too"
	case d.Loses && f.dryRun == "" && f.wait:
		// Its finalizer goes only after the job's JobManager deleted the data.
		text += "; its data is deleted: " + path
	case d.Loses:
		text += "; its data goes too: " + path
	case d.Snapshot.HasData() && d.Snapshot.IsSavepoint():
		text += "; its data is kept: " + path
	}
	return text
}
