package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// topOptions are the flags of `kubectl flink top`.
type topOptions struct {
	askOptions
	selection     operator.Selection
	allNamespaces bool
	once          bool
	interval      time.Duration
	sortBy        string
	reverse       bool
	// patient waits longer for the only JobManager that is asked, once.
	patient bool
}

// onceLimit is how long that one is waited for.
const onceLimit = 30 * time.Second

func newTop(c *common) *cobra.Command {
	o := &topOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "top [[TYPE/]NAME]",
		Short: "Show how busy jobs are, or the vertices of one job",
		Long: `Show how busy jobs are: the busiest and the most backpressured subtask, records
that come in from sources and go out to sinks, the lag that sources report (Kafka
does), the last checkpoint, and CPU and memory of the Flink cluster's pods where
the cluster serves metrics.k8s.io. Jobs in a session cluster that no object
manages, such as an INSERT of SQL, are "CLUSTER: JOB" (without -l).

With NAME show each vertex of the job's graph: busy, idle and backpressured time
(averages over subtasks), records, skew across subtasks (0% is even; from Flink
1.20 on), and how far its watermark is behind the clock.

On a terminal the screen is renewed until you press q; s sorts by the next
column, r turns the order round. The JobManager itself collects its numbers every
10 seconds (metrics.fetcher.update-interval). "?" is where one doesn't answer
in time, "-" where it has no number.`,
		Example: plugin.Examples(`
			# The jobs of the namespace, or of all
			kubectl flink top
			kubectl flink top -A --sort-by lag

			# The vertices of one job
			kubectl flink top basic-example

			# For a script
			kubectl flink top basic-example --once -o json`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, true)
	flags := cmd.Flags()
	flags.Lookup("timeout").Usage = "How long to wait for each JobManager; with NAME, printed once, 30s"
	flags.Lookup("timeout").DefValue = "5s"
	o.timeout = 5 * time.Second
	o.output.AddTableFlags(flags)
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "In every namespace")
	flags.StringVarP(&o.selection.Labels, "selector", "l", "", "Label selector, as in kubectl")
	flags.BoolVar(&o.once, "once", false, "Print once instead of renewing the screen; so does a pipe, and -o json")
	flags.DurationVar(&o.interval, "interval", 2*time.Second, "How often to renew the screen")
	flags.StringVar(&o.sortBy, "sort-by", "", "Sort by: "+strings.Join(view.Orders(view.JobOrders), ", ")+"; with NAME by: "+strings.Join(view.Orders(view.VertexOrders), ", "))
	flags.BoolVar(&o.reverse, "reverse", false, "Turn the order round")
	_ = cmd.RegisterFlagCompletionFunc("sort-by", func(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		return orderNames(len(args) > 0), cobra.ShellCompDirectiveNoFileComp
	})
	return cmd
}

func orderNames(vertices bool) []string {
	if vertices {
		return view.Orders(view.VertexOrders)
	}
	return view.Orders(view.JobOrders)
}

// Complete takes over the name, and whether a time-out was given.
func (o *topOptions) Complete(cmd *cobra.Command, args []string) error {
	o.patient = !cmd.Flags().Changed("timeout")
	return o.Arguments.Complete(cmd, args)
}

// Run shows the load of jobs, or of one job's vertices.
func (o *topOptions) Run(ctx context.Context) error {
	if len(o.Args) > 0 {
		return o.vertices(ctx)
	}
	return o.jobs(ctx)
}

// Validate finds what is wrong with the flags.
func (o *topOptions) Validate() error {
	args := o.Args
	if err := o.askOptions.Validate(); err != nil {
		return err
	}
	one := len(args) > 0
	o.sortBy = strings.ToLower(o.sortBy)
	if o.sortBy == "" {
		o.sortBy = orderNames(one)[0]
	}
	switch {
	case o.interval < 500*time.Millisecond:
		return exit.Usagef("--interval: %s is too short: a JobManager has new numbers every 10s; give 500ms or more", o.interval)
	case !slices.Contains(orderNames(one), o.sortBy):
		return exit.Usagef("--sort-by: %q is not one of %s", o.sortBy, strings.Join(orderNames(one), ", "))
	case one && o.allNamespaces:
		return exit.Usagef("--all-namespaces lists jobs; leave out %q", args[0])
	case one && o.selection.Labels != "":
		return exit.Usagef("--selector lists jobs; leave out %q", args[0])
	case !one && o.jobID != "":
		return exit.Usagef("--job-id is for one session cluster: give its NAME")
	}
	if !o.output.IsHuman() || !screen.Possible(o.Out) {
		o.once = true
	}
	if one && o.once && o.patient {
		o.timeout = onceLimit
	}
	if o.allNamespaces {
		return nil
	}
	var err error
	o.selection.Namespace, _, err = o.factory.Namespace()
	return err
}

// view is how a table is printed; a terminal's width counts except for -o wide.
func (o *topOptions) view(width int) view.Top {
	return view.Top{Namespaces: o.allNamespaces, Palette: o.palette, Width: width, Now: o.now()}
}

// table is a result's table as lines.
func (o *topOptions) table(result printer.Result) []string {
	var out strings.Builder
	_ = result.Table.Print(&out, o.output.Output == printer.Wide, false)
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// keys sort the screen; names are the orders to choose from.
func (o *topOptions) keys(names []string) []screen.Key {
	return []screen.Key{
		{Press: "s", Does: "sort", Do: func() { o.sortBy = names[(slices.Index(names, o.sortBy)+1)%len(names)] }},
		{Press: "S", Do: func() { o.sortBy = names[(slices.Index(names, o.sortBy)+len(names)-1)%len(names)] }},
		{Press: "r", Does: "reverse", Do: func() { o.reverse = !o.reverse }},
	}
}

func (o *topOptions) sorted() string {
	text := "sorted by " + o.sortBy
	if o.reverse {
		text += ", reversed"
	}
	return o.palette.Paint(term.Dim, text)
}

// jobs shows the jobs of the namespace.
func (o *topOptions) jobs(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	board := newBoard(o, client, tunnel)
	if !o.once {
		return screen.Run(ctx, o.In, o.Out, screen.Screen[boardState]{
			Waiting: "waiting for the jobs' numbers", Source: board.follow, Keys: o.keys(view.Orders(view.JobOrders)),
			Draw: func(s boardState, width int) screen.Picture { return o.drawJobs(s, width) },
		})
	}
	state, err := board.once(ctx)
	if err != nil {
		return err
	}
	view.Sort(state.rows, view.JobOrders, o.sortBy, o.reverse)
	if len(state.rows) == 0 && (o.output.IsHuman() || o.output.Format() == printer.Name) {
		fmt.Fprintln(o.ErrOut, term.SafeLine(o.noJobs()))
		return nil
	}
	v := o.view(terminalWidth(o.Out))
	v.NoUsage = isNoMetrics(state.usageErr)
	if err := o.output.Print(o.Out, v.Jobs(state.rows)); err != nil {
		return err
	}
	if state.usageErr != nil && o.output.IsHuman() {
		fmt.Fprintln(o.ErrOut, term.SafeLine(usageNote(state.usageErr)))
	}
	return nil
}

func (o *topOptions) noJobs() string {
	what := "No jobs found"
	if o.selection.Labels != "" {
		what = "No jobs match"
	}
	if o.allNamespaces {
		return what + "."
	}
	return what + " in namespace " + o.selection.Namespace + "; every namespace: kubectl flink top -A"
}

func isNoMetrics(err error) bool {
	var none *operator.NoMetricsError
	return errors.As(err, &none)
}

func usageNote(err error) string { return "No CPU and memory: " + err.Error() }

func (o *topOptions) drawJobs(s boardState, width int) screen.Picture {
	where := "namespace " + o.selection.Namespace
	if o.allNamespaces {
		where = "all namespaces"
	}
	rows := slices.Clone(s.rows)
	view.Sort(rows, view.JobOrders, o.sortBy, o.reverse)
	v := o.view(width)
	v.NoUsage = isNoMetrics(s.usageErr)
	lines := o.table(v.Jobs(rows))
	picture := screen.Picture{Head: []string{
		fmt.Sprintf("%s  %d jobs  %s  %s", o.palette.Paint(term.Bold, "Flink jobs"), len(rows), term.SafeLine(where), o.sorted()), "", lines[0],
	}, Body: lines[1:]}
	if len(rows) == 0 {
		picture.Body = append(picture.Body, term.SafeLine(o.noJobs()))
	}
	if s.usageErr != nil {
		picture.Body = append(picture.Body, "", o.palette.Paint(term.Dim, term.SafeLine(usageNote(s.usageErr))))
	}
	return picture
}
