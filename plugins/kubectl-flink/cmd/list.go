package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// allKinds are what `list` lists.
var allKinds = []api.Kind{api.Deployment, api.SessionJob, api.BlueGreen, api.StateSnap}

// listOptions are the flags of `kubectl flink list`.
type listOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls    reach.TLSFiles
	output printer.Flags

	selection     operator.Selection
	allNamespaces bool
	states        []string
	health        []string
	sortBy        string
	watch         bool
	watchOnly     bool
	live          bool
	liveTimeout   time.Duration
	color         string
	palette       term.Palette

	kinds []api.Kind
	// done says that completed snapshots are wanted as lines, too.
	done bool
}

func newList(c *common) *cobra.Command {
	o := &listOptions{common: c}
	words := make([]string, len(health.Words))
	for i, w := range health.Words {
		words[i] = string(w)
	}
	cmd := &cobra.Command{
		Use:     "list [TYPE ...]",
		Aliases: []string{"ls", "get"},
		Short:   "List jobs, session clusters and snapshots with their health",
		Long: `List Flink deployments, session jobs, blue/green deployments and snapshots in
one table. TYPE is flinkdep, sessionjob, flinkbgdep or flinksnp, or the long
name; several are separated by commas or spaces. Without TYPE it is all four,
but completed snapshots, which show as LAST SAVEPOINT of their job.

HEALTH is one word, derived from what the object and the JobManager's pods say:
` + strings.Join(words, ", ") + `.
-o wide and -o json say why. Without permission to list pods, and with --watch,
it is the object's word alone.

No JobManager is asked, so that the list is fast. --live asks each job's JobManager for its last
checkpoint and its restarts; "?" is where none answers. A narrow terminal shows
the columns that fit, a pipe always all but those of -o wide.

-o json prints the objects, and beside metadata, spec and status a "summary"
with the table's derived values.

` + objectsAsTheyAre,
		Example: plugin.Examples(`
			# Everything in the namespace, or in all
			kubectl flink list
			kubectl flink list -A

			# What needs attention
			kubectl flink list -A --health degraded,stalled,failed,rejected

			# With last checkpoint and restarts, worst first
			kubectl flink list --live --sort-by health

			# Changes as they happen
			kubectl flink list -w

			# For a script
			kubectl flink list -o jsonpath='{range .items[*]}{.metadata.name} {.summary.health}{"\n"}{end}'`),
		ValidArgsFunction: completion.Fixed("flinkdep", "sessionjob", "flinkbgdep", "flinksnp"),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd)
	o.output.AddTableFlags(flags)
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "In every namespace")
	flags.StringVarP(&o.selection.Labels, "selector", "l", "", "Label selector, as in kubectl; last savepoints are found whatever their labels")
	flags.StringVar(&o.selection.Fields, "field-selector", "", "Field selector, as in kubectl: metadata.name and metadata.namespace")
	flags.StringSliceVar(&o.states, "state", nil, "Only these job or lifecycle states, as in RUNNING,FAILED")
	flags.StringSliceVar(&o.health, "health", nil, "Only these health words, as in degraded,failed")
	flags.StringVar(&o.sortBy, "sort-by", "", "Sort by a column (name, job, health, age, savepoint, …) or by a JSONPath expression, as in kubectl")
	flags.BoolVarP(&o.watch, "watch", "w", false, "After listing, print changes as they happen")
	flags.BoolVar(&o.watchOnly, "watch-only", false, "Print changes, without listing first")
	flags.BoolVar(&o.live, "live", false, "Ask each job's JobManager for its last checkpoint and restarts")
	flags.DurationVar(&o.liveTimeout, "live-timeout", 5*time.Second, "With --live: how long to wait for each JobManager")
	addColor(cmd, &o.color)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	_ = cmd.RegisterFlagCompletionFunc("health", completion.Fixed(words...))
	_ = cmd.RegisterFlagCompletionFunc("state", completion.Fixed(api.JobRunning, api.JobRestarting, api.JobFailed, api.JobFinished, api.JobSuspended, api.LifecycleStable, api.LifecycleUpgrading))
	_ = cmd.RegisterFlagCompletionFunc("sort-by", completion.Fixed(sortColumns()...))
	return cmd
}

// terminalWidth is the number of columns of the terminal behind w; 0 where it
// is none: what scripts read mustn't depend on a width.
func terminalWidth(w io.Writer) int {
	if !term.IsTerminal(w) {
		return 0
	}
	return term.Width(w)
}

// addColor adds --color.
func addColor(cmd *cobra.Command, mode *string) {
	cmd.Flags().StringVar(mode, "color", "auto", "Color: auto (on a terminal), always or never")
	_ = cmd.RegisterFlagCompletionFunc("color", completion.Fixed("auto", "always", "never"))
}

// Run lists once, or goes on with what changes.
func (o *listOptions) Run(ctx context.Context) error {
	if o.watch {
		return o.follow(ctx)
	}
	return o.run(ctx)
}

// Validate finds what is wrong with the flags.
func (o *listOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	var err error
	if o.palette, err = term.NewPalette(o.color, o.Out); err != nil {
		return exit.With(exit.Usage, err)
	}
	if err := o.completeKinds(o.Args); err != nil {
		return err
	}
	for i, word := range o.health {
		o.health[i] = strings.ToLower(strings.TrimSpace(word))
		if !slices.Contains(health.Words, health.Word(o.health[i])) {
			return exit.Usagef("--health: %q is not one of %s", word, strings.Trim(fmt.Sprint(health.Words), "[]"))
		}
	}
	for i, state := range o.states {
		o.states[i] = strings.ToUpper(strings.TrimSpace(state))
	}
	o.watch = o.watch || o.watchOnly
	switch {
	case o.watch && o.sortBy != "":
		return exit.Usagef("--sort-by can't order what is still to happen; leave out --watch")
	case o.watch && o.live:
		return exit.Usagef("--live doesn't go with --watch: a JobManager reports no changes")
	case o.liveTimeout <= 0:
		return exit.Usagef("--live-timeout: %s is not a positive duration", o.liveTimeout)
	}
	if err := checkSort(o.sortBy); err != nil {
		return err
	}
	o.selection.Objects = !o.output.IsHuman() && o.output.Format() != printer.Name || isPath(o.sortBy)
	if o.allNamespaces {
		return nil
	}
	o.selection.Namespace, _, err = o.factory.Namespace()
	return err
}

func (o *listOptions) completeKinds(args []string) error {
	for _, arg := range args {
		for word := range strings.SplitSeq(arg, ",") {
			kind, ok := api.ParseKind(word, allKinds...)
			switch {
			case word == "all":
				o.kinds, o.done = allKinds, true
				continue
			case !ok && strings.Contains(word, "/"):
				return exit.Usagef("%q: this lists types; for one job: kubectl flink status %s", word, word)
			case !ok:
				return exit.Usagef("%q is not one of flinkdep, sessionjob, flinkbgdep, flinksnp; for one job: kubectl flink status %s", word, word)
			}
			if !slices.Contains(o.kinds, kind) {
				o.kinds = append(o.kinds, kind)
			}
			o.done = o.done || kind.Name == api.StateSnap.Name
		}
	}
	if len(o.kinds) == 0 {
		o.kinds = allKinds
	}
	return nil
}
