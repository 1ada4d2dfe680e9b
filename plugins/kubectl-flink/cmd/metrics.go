package cmd

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// metricsOptions are the flags of `kubectl flink metrics`.
type metricsOptions struct {
	askOptions
	processFlags
	ofJob    bool
	vertex   string
	watch    bool
	plot     bool
	interval time.Duration
	duration time.Duration
	pattern  *regexp.Regexp
	overTime bool
}

const (
	// metricsKept bounds how many metrics a command asks for.
	metricsKept = 3000
	// collecting is how long a JobManager is given to collect metrics that nobody
	// has asked it for in a while.
	collecting = 5 * time.Second
)

func newMetrics(c *common) *cobra.Command {
	o := &metricsOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "metrics [TYPE/]NAME [PATTERN]",
		Short: "Show any metric of a job, its vertices, TaskManagers and JobManager",
		Long: `Show metrics that have PATTERN in their names; * and ? in it stand for any letters.
Without PATTERN the job's own are shown, or all of what a flag names: --job, --vertex,
--tm or --jm. Tab completes the names.

A vertex's VALUE is the sum over its subtasks of what counts (num…), and the highest
of all else; -o wide has minimum, average, maximum and sum.

Over time with -w (renewed on the terminal), or for --duration: charts with --plot
or as -o svg, every value with -o csv or json. The JobManager itself collects its
numbers every 10 seconds (metrics.fetcher.update-interval).`,
		Example: plugin.Examples(`
			# What the job counts
			kubectl flink metrics basic-example

			# Records a second of each vertex, as charts over half a minute
			kubectl flink metrics basic-example 'numRecords*PerSecond' --plot --duration 30s

			# The heap of JobManager and TaskManagers, for a spreadsheet
			kubectl flink metrics basic-example Heap.Used --duration 10s -o csv

			# For Prometheus' textfile collector
			kubectl flink metrics basic-example --job -o prom`),
		Args:              cobra.RangeArgs(1, 2),
		ValidArgsFunction: c.completeMetrics(o),
		RunE:              plugin.RunE(o),
	}
	o.askOptions.add(cmd, true, "table", printer.Wide, printer.JSON, printer.YAML, view.MetricCSV, view.MetricProm, view.MetricSVG, "jsonpath", "custom-columns")
	o.output.AddTableFlags(cmd.Flags())
	o.processFlags.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.ofJob, "job", false, "Only the job's own metrics")
	flags.StringVar(&o.vertex, "vertex", "", "Only those of this vertex: its id, or a part of its name")
	flags.BoolVarP(&o.watch, "watch", "w", false, "Renew them on the terminal")
	flags.BoolVar(&o.plot, "plot", false, "Show charts over time; without -w for --duration")
	flags.DurationVar(&o.interval, "interval", 2*time.Second, "How often to ask, with -w or --duration")
	flags.DurationVar(&o.duration, "duration", 0, "Ask for that long, and print what came (default 30s with --plot and -o svg)")
	_ = cmd.RegisterFlagCompletionFunc("vertex", c.completeVertices(&o.askOptions))
	return cmd
}

// Complete takes over the arguments.
func (o *metricsOptions) Complete(_ *cobra.Command, args []string) error {
	if len(args) > 1 {
		o.pattern = metricPattern(args[1])
	}
	o.Args = args[:min(len(args), 1)]
	return nil
}

// metricPattern finds names that have text in them, or that a pattern with * and ?
// fits.
func metricPattern(text string) *regexp.Regexp {
	quoted := regexp.QuoteMeta(text)
	if strings.ContainsAny(text, "*?") {
		quoted = "(^|\\.)" + strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(quoted) + "$"
	}
	return regexp.MustCompile("(?i)" + quoted)
}

// Validate finds what is wrong with the flags.
func (o *metricsOptions) Validate() error {
	if err := o.processFlags.Validate(); err != nil {
		return err
	}
	scopes := 0
	for _, one := range []bool{o.ofJob, o.vertex != "", o.jobManager || o.taskManager != ""} {
		if one {
			scopes++
		}
	}
	if o.output.Output == "table" {
		o.output.Output = printer.Human
	}
	if o.duration == 0 && !o.watch && (o.plot || o.output.Output == view.MetricSVG) {
		o.duration = 30 * time.Second
	}
	o.overTime = o.duration > 0
	switch {
	case scopes > 1:
		return exit.Usagef("--job, --vertex, --jm and --tm exclude each other")
	case o.interval < 500*time.Millisecond:
		return exit.Usagef("--interval: %s is too short: a JobManager has new numbers every 10s; give 500ms or more", o.interval)
	case o.duration < 0 || o.duration > 24*time.Hour:
		return exit.Usagef("--duration: %s isn't between 0s and 24h", o.duration)
	case o.watch && o.duration > 0:
		return exit.Usagef("give --watch or --duration, not both")
	case o.plot && !o.output.IsHuman():
		return exit.Usagef("--plot draws on the terminal; leave out -o %s", o.output.Output)
	case o.watch && o.output.Output != view.MetricCSV && !o.output.IsHuman():
		return exit.Usagef("--watch renews the terminal, or writes -o csv; for -o %s give --duration", o.output.Output)
	case o.watch && o.output.IsHuman() && !screen.Possible(o.Out):
		return exit.Usagef("--watch draws on a terminal, and standard output is none; give -o csv, or --duration")
	}
	return o.askOptions.Validate()
}

// metricSource is a thing that has metrics, with those names that are wanted.
type metricSource struct {
	scope  string
	of     string
	at     rest.MetricScope
	vertex string
	job    string
	names  []string
}

func (s metricSource) list(ctx context.Context, jobManager *rest.Client) ([]string, error) {
	if s.vertex != "" {
		return jobManager.SubtaskMetricNames(ctx, s.job, s.vertex)
	}
	return jobManager.MetricNames(ctx, s.at)
}

// ask asks for the values.
func (s metricSource) ask(ctx context.Context, jobManager *rest.Client) (out []view.Metric, err error) {
	if s.vertex == "" {
		values, err := jobManager.Metrics(ctx, s.at, s.names...)
		for _, name := range s.names {
			if value, ok := values[name]; ok {
				out = append(out, view.Metric{Scope: s.scope, Of: s.of, Name: name, Value: value})
			}
		}
		return out, err
	}
	for names := range slices.Chunk(s.names, 40) {
		values, err := jobManager.SubtaskMetrics(ctx, s.job, s.vertex, names...)
		if err != nil {
			return out, err
		}
		for _, name := range names {
			if value, ok := values[name]; ok {
				out = append(out, view.OfVertex(s.of, name, value))
			}
		}
	}
	return out, nil
}

// sources are the things that the flags mean.
func (o *metricsOptions) sources(ctx context.Context, place reach.Place, jobManager *rest.Client) (out []metricSource, job string, err error) {
	all := !o.ofJob && o.vertex == "" && !o.jobManager && o.taskManager == ""
	everywhere := all && o.pattern != nil
	if all || o.ofJob || o.vertex != "" {
		if job, err = o.job(ctx, place, jobManager); err != nil {
			return nil, "", err
		}
	}
	if all || o.ofJob {
		out = append(out, metricSource{scope: "job", at: rest.MetricScope{Job: job}})
	}
	if everywhere || o.vertex != "" {
		found, err := jobManager.Job(ctx, job)
		if err != nil {
			return nil, "", err
		}
		vertices, err := (&flameOptions{vertex: o.vertex}).named(found.Vertices)
		if err != nil && o.vertex != "" {
			return nil, "", err
		}
		for _, v := range vertices {
			out = append(out, metricSource{scope: "vertex", of: v.Name, vertex: v.ID, job: job})
		}
	}
	if everywhere || o.jobManager {
		out = append(out, metricSource{scope: "jobmanager"})
	}
	if everywhere || o.taskManager != "" {
		processes, err := (&processFlags{taskManager: o.taskManager}).choose(ctx, jobManager)
		if err != nil && o.taskManager != "" {
			return nil, "", err
		}
		for _, p := range processes {
			out = append(out, metricSource{scope: "taskmanager", of: p.id, at: rest.MetricScope{TaskManager: p.id}})
		}
	}
	return out, job, nil
}

// find asks each source for the names that are wanted, again while the JobManager
// has none yet.
func (o *metricsOptions) find(ctx context.Context, jobManager *rest.Client, sources []metricSource) ([]metricSource, error) {
	until := time.Now().Add(collecting)
	errs := each(sources, func(i int, s metricSource) error {
		for {
			names, err := s.list(ctx, jobManager)
			if err != nil {
				return err
			}
			if len(names) > 0 || time.Now().After(until) {
				slices.Sort(names)
				for _, name := range slices.Compact(names) {
					if o.pattern == nil || o.pattern.MatchString(name) {
						sources[i].names = append(sources[i].names, name)
					}
				}
				return nil
			}
			timer := time.NewTimer(300 * time.Millisecond)
			select {
			case <-ctx.Done():
				timer.Stop()
				return context.Cause(ctx)
			case <-timer.C:
			}
		}
	})
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	sources = slices.DeleteFunc(sources, func(s metricSource) bool { return len(s.names) == 0 })
	sum := 0
	for _, s := range sources {
		sum += len(s.names)
	}
	switch {
	case sum == 0 && o.pattern != nil:
		return nil, errors.New("no metric has that in its name; Tab completes the names, and without PATTERN all of the job are shown")
	case sum == 0:
		return nil, errors.New("there are no metrics yet")
	case sum > metricsKept:
		return nil, exit.Usagef("%d metrics fit, more than are asked for: give a PATTERN that fits fewer, or --tm, --vertex", sum)
	}
	return sources, nil
}

// once asks all sources for their values.
func (o *metricsOptions) once(ctx context.Context, jobManager *rest.Client, sources []metricSource) ([]view.Metric, error) {
	parts := make([][]view.Metric, len(sources))
	errs := each(sources, func(i int, s metricSource) (err error) {
		parts[i], err = s.ask(ctx, jobManager)
		return err
	})
	return slices.Concat(parts...), errors.Join(errs...)
}

// Run prints the metrics.
func (o *metricsOptions) Run(ctx context.Context) error {
	limit := o.timeout
	o.timeout += o.duration
	if o.watch {
		o.timeout = 100 * 365 * 24 * time.Hour
	}
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		first, cancel := context.WithTimeoutCause(ctx, limit, exit.Timeoutf("timed out after %s: the JobManager of %s doesn't answer", limit, place.Cluster.Ref()))
		defer cancel()
		sources, job, err := o.sources(first, place, jobManager)
		if err == nil {
			sources, err = o.find(first, jobManager, sources)
		}
		if err != nil {
			return reach.AskError(first, err)
		}
		metrics := &view.Metrics{Job: place.Job.Ref(), JobID: job, Palette: o.palette, Width: term.Width(o.Out), Plot: o.plot}
		take := func(ctx context.Context) error {
			ctx, cancel := context.WithTimeoutCause(ctx, limit, exit.Timeoutf("timed out after %s: the JobManager of %s doesn't answer", limit, place.Cluster.Ref()))
			defer cancel()
			found, err := o.once(ctx, jobManager, sources)
			if err != nil {
				return reach.AskError(ctx, err)
			}
			metrics.Add(o.now(), found)
			return nil
		}
		switch {
		case o.watch && o.output.IsHuman():
			return o.follow(ctx, take, metrics)
		case o.watch:
			return o.stream(ctx, jobManager, sources)
		}
		if err := o.collect(ctx, take); err != nil {
			return err
		}
		return o.output.Print(o.Out, metrics.Result())
	})
}

// completeMetrics completes jobs, and then the names of metrics.
func (c *common) completeMetrics(o *metricsOptions) cobra.CompletionFunc {
	jobs := c.completeJobs(false)
	names := completion.Values(func(ctx context.Context, args []string, _ string) (out []completion.Choice, err error) {
		o.Args, o.pattern, o.timeout = args[:1], nil, collecting
		err = o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
			if !o.ofJob && o.vertex == "" && !o.jobManager && o.taskManager == "" {
				o.pattern = regexp.MustCompile("") // of everything
			}
			sources, _, err := o.sources(ctx, place, jobManager)
			if err == nil {
				sources, err = o.find(ctx, jobManager, sources)
			}
			seen := map[string]bool{}
			for _, s := range sources {
				for _, name := range s.names {
					if !seen[name] {
						seen[name] = true
						out = append(out, completion.Choice{Value: name, Description: s.scope})
					}
				}
			}
			return err
		})
		return out, err
	})
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch len(args) {
		case 0:
			return jobs(cmd, args, prefix)
		case 1:
			return names(cmd, args, prefix)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}
