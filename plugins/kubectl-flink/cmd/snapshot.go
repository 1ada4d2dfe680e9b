package cmd

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func newSnapshot(c *common) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "snapshot",
		Aliases: []string{"snapshots", "flinksnp"},
		Short:   "List, describe, inspect, await, delete, prune and adopt savepoints and checkpoints",
		Long: `Work with what is saved of jobs: FlinkStateSnapshot objects (operator 1.10 and
newer), and the savepoints in the status of a job.

To take a new one: kubectl flink savepoint, kubectl flink checkpoint.`,
		Example: plugin.Examples(`
			# What is saved, newest first
			kubectl flink snapshot list

			# Everything about one
			kubectl flink snapshot describe nightly

			# Which ones would go
			kubectl flink snapshot prune --keep 3 --dry-run`),
		Args: cobra.NoArgs,
		RunE: plugin.Help,
	}
	cmd.AddCommand(newSnapshotList(c), newSnapshotDescribe(c), newSnapshotInspect(c), newSnapshotWait(c), newSnapshotDelete(c), newSnapshotPrune(c), newSnapshotAdopt(c))
	return cmd
}

// snapshotFilter chooses among what is saved.
type snapshotFilter struct {
	allNamespaces bool
	selector      string
	job           string
	kind          string
	states        []string
	older         string

	namespace string
	before    time.Time
}

func (f *snapshotFilter) add(c *common, cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVarP(&f.allNamespaces, "all-namespaces", "A", false, "In every namespace")
	flags.StringVarP(&f.selector, "selector", "l", "", "Label selector, as in kubectl; only objects have labels")
	flags.StringVar(&f.job, "job", "", "Only those of this job, as [TYPE/]NAME")
	flags.StringVar(&f.kind, "type", "", "Only savepoint or checkpoint")
	flags.StringVar(&f.older, "older-than", "", "Only those taken longer ago than this, as in 30m, 12h, 7d or 2w")
	_ = cmd.RegisterFlagCompletionFunc("job", c.completeJobs(false))
	_ = cmd.RegisterFlagCompletionFunc("type", completion.Fixed("savepoint", "checkpoint"))
	_ = cmd.RegisterFlagCompletionFunc("older-than", completion.Fixed("1h", "24h", "7d", "30d"))
}

var snapshotStates = []string{api.SnapshotPending, api.SnapshotInProgress, api.SnapshotCompleted, api.SnapshotFailed, api.SnapshotAbandoned}

func (f *snapshotFilter) complete(c *common, now time.Time) error {
	switch f.kind = strings.TrimSuffix(strings.ToLower(f.kind), "s"); f.kind {
	case "", "savepoint", "checkpoint":
	default:
		return exit.Usagef("--type: %q is neither savepoint nor checkpoint", f.kind)
	}
	for i, state := range f.states {
		f.states[i] = strings.ToUpper(strings.TrimSpace(state))
		if !slices.Contains(snapshotStates, f.states[i]) {
			return exit.Usagef("--state: %q is not one of %s", state, strings.Join(snapshotStates, ", "))
		}
	}
	if f.older != "" {
		age, err := parseAge(f.older)
		if err != nil {
			return exit.Usagef("--older-than: %v", err)
		}
		f.before = now.Add(-age)
	}
	if f.job != "" {
		if _, err := operator.ParseRef(f.job, "", api.JobKinds...); err != nil {
			return exit.Usagef("--job: %v", err)
		}
	}
	if f.allNamespaces {
		return nil
	}
	var err error
	f.namespace, _, err = c.factory.Namespace()
	return err
}

// wantsJob reports whether a snapshot is of the job that is wanted. A name
// without a type is that of any type; of a blue/green deployment the snapshots
// are its children's.
func (f *snapshotFilter) wantsJob(of api.Ref) bool {
	if f.job == "" {
		return true
	}
	ref, _ := operator.ParseRef(f.job, of.Namespace, api.JobKinds...)
	typed := strings.Contains(f.job, "/")
	child := of.Kind.Name == api.Deployment.Name && (of.Name == ref.Name+"-blue" || of.Name == ref.Name+"-green")
	if typed && ref.Kind.Name == api.BlueGreen.Name {
		return child || of == ref
	}
	return of.Name == ref.Name && (!typed || of.Kind == ref.Kind)
}

// wants applies what the API server can't, but for the age.
func (f *snapshotFilter) wants(s api.Saved) bool {
	switch {
	case f.kind == "savepoint" && !s.Savepoint, f.kind == "checkpoint" && s.Savepoint:
		return false
	case len(f.states) > 0 && !slices.Contains(f.states, s.State):
		return false
	}
	return f.wantsJob(s.Job)
}

// parseAge reads a duration that may be in days or weeks.
func parseAge(text string) (time.Duration, error) {
	unit := time.Duration(0)
	switch {
	case strings.HasSuffix(text, "d"):
		unit = 24 * time.Hour
	case strings.HasSuffix(text, "w"):
		unit = 7 * 24 * time.Hour
	}
	if unit > 0 {
		n, err := strconv.ParseFloat(text[:len(text)-1], 64)
		if err != nil || !(n > 0 && n < 100*365) {
			return 0, fmt.Errorf("%q is not a length of time, as in 12h, 7d or 2w", text)
		}
		return time.Duration(n * float64(unit)), nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a length of time, as in 12h, 7d or 2w", text)
	}
	return d, nil
}

// snapshotRefs are the FlinkStateSnapshots that args name, each once.
func (c *common) snapshotRefs(args []string) ([]api.Ref, error) {
	namespace, _, err := c.factory.Namespace()
	if err != nil {
		return nil, err
	}
	var refs []api.Ref
	for _, arg := range args {
		ref, err := operator.ParseRef(arg, namespace, api.StateSnap)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

// completeSnapshots completes the names of FlinkStateSnapshots.
func (c *common) completeSnapshots(many bool) cobra.CompletionFunc {
	return completion.Values(func(ctx context.Context, args []string, _ string) ([]completion.Choice, error) {
		if len(args) > 0 && !many {
			return nil, nil
		}
		client, namespace, err := c.operatorHere()
		if err != nil {
			return nil, err
		}
		items, err := client.Summaries(ctx, api.StateSnap, operator.Selection{Namespace: namespace})
		var out []completion.Choice
		for _, item := range items {
			if !slices.Contains(args, item.Name) {
				out = append(out, completion.Choice{Value: item.Name, Description: item.State + " " + item.Of.String()})
			}
		}
		return out, err
	})
}
