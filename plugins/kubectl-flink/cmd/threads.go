package cmd

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// threadsOptions are the flags of `kubectl flink threads`.
type threadsOptions struct {
	askOptions
	processFlags
	grep  string
	match *regexp.Regexp
	top   time.Duration
	full  bool
}

const (
	// dumpEvery is how long to wait between two dumps of one JVM, which stands
	// still for some milliseconds for each.
	dumpEvery = 250 * time.Millisecond
	// longestSampling bounds how long threads are looked at.
	longestSampling = 10 * time.Minute
	// mostDumps bounds how many dumps of a JVM are kept.
	mostDumps = 240
)

func newThreads(c *common) *cobra.Command {
	o := &threadsOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "threads [[TYPE/]NAME]",
		Short: "Show what the threads of TaskManagers and JobManager do: deadlocks first",
		Long: `Show what the threads of a job's TaskManagers do, from the dumps that the
JobManager gives: deadlocks first, then locks that many wait for, then all threads,
those at the same place together.

--top takes dumps for that long and shows which threads work, and where: those that
the JVM calls RUNNABLE and that don't wait for the network. It needs nothing in the
pods, no JDK and no exec. For each dump a JVM stands still for some milliseconds.

Stacks are as deep as cluster.thread-dump.stacktrace-max-depth says, 50 calls
(8 before Flink 1.19).`,
		Example: plugin.Examples(`
			# What do the TaskManagers do, and is there a deadlock?
			kubectl flink threads basic-example

			# Which threads work, and where?
			kubectl flink threads basic-example --top 5s

			# Who waits for a checkpoint, in JobManager and TaskManagers?
			kubectl flink threads basic-example --all --grep -i.checkpoint --full

			# The names of the deadlocked threads, for a script
			kubectl flink threads basic-example -o jsonpath='{.items[*].deadlocks[*].threads[*].name}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.askOptions.add(cmd, false, "text", printer.JSON, printer.YAML, "jsonpath")
	o.processFlags.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&o.all, "all", false, "TaskManagers and JobManager")
	flags.StringVar(&o.grep, "grep", "", "Only threads whose name, lock or stack has this (a regular expression); deadlocks are shown all the same")
	flags.DurationVar(&o.top, "top", 0, "Take dumps for that long, and show which threads work")
	flags.BoolVar(&o.full, "full", false, "Whole stacks, and every group of threads")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *threadsOptions) Validate() (err error) {
	switch {
	case o.top != 0 && (o.top < 2*dumpEvery || o.top > longestSampling):
		return exit.Usagef("--top: %s isn't between %s and %s", o.top, 2*dumpEvery, longestSampling)
	case o.grep != "":
		if o.match, err = regexp.Compile(o.grep); err != nil {
			return exit.Usagef("--grep: %v", err)
		}
	}
	if err := o.processFlags.Validate(); err != nil {
		return err
	}
	if err := o.askOptions.Validate(); err != nil {
		return err
	}
	if o.output.Output == "text" {
		o.output.Output = printer.Human
	}
	o.timeout += o.top
	return nil
}

// Run prints the threads.
func (o *threadsOptions) Run(ctx context.Context) error {
	line := o.progress(false)
	defer line.Done()
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		processes, err := o.choose(ctx, jobManager)
		if err != nil {
			return err
		}
		line.Set("asking %s of %s for their threads", plural(len(processes), "JVM"), place.Cluster.Ref())
		if o.top > 0 {
			line.Set("looking at the threads of %s for %s", plural(len(processes), "JVM"), o.top)
		}
		found := make([]view.ProcessThreads, len(processes))
		errs := each(processes, func(i int, p process) error {
			dumps, err := o.dumps(ctx, jobManager, p)
			found[i] = view.ProcessThreads{Process: p.String(), Dumps: dumps}
			return err
		})
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		line.Clear()
		missing := left("the threads", processes, errs)
		page := view.ThreadPage{Palette: o.palette, Width: terminalWidth(o.Out), Full: o.full, Top: o.top}
		if o.match != nil {
			page.Match, page.Pattern = o.match.MatchString, o.grep
		}
		for i := range found {
			if errs[i] == nil {
				page.Processes = append(page.Processes, found[i])
			}
		}
		if len(page.Processes) == 0 {
			return missing
		}
		if err := o.output.Print(o.Out, page.Result(place.Cluster.Ref())); err != nil {
			return err
		}
		return missing
	})
}

// dumps takes one dump, or several for --top.
func (o *threadsOptions) dumps(ctx context.Context, jobManager *rest.Client, p process) ([][]jvm.Thread, error) {
	first, err := dumpOf(ctx, jobManager, p)
	if err != nil || o.top == 0 {
		return [][]jvm.Thread{first}, err
	}
	dumps := [][]jvm.Thread{first}
	return dumps, sample(ctx, o.top, func() error {
		dump, err := dumpOf(ctx, jobManager, p)
		if err == nil {
			dumps = append(dumps, dump)
		}
		return err
	})
}

// sample does something at intervals for so long.
func sample(ctx context.Context, long time.Duration, take func() error) error {
	every := max(dumpEvery, long/mostDumps)
	clock := time.NewTicker(every)
	defer clock.Stop()
	end := time.NewTimer(long)
	defer end.Stop()
	for taken := 0; ; {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end.C:
			if taken == 0 {
				return errors.New("no second dump came in that time")
			}
			return nil
		case <-clock.C:
			if err := take(); err != nil {
				return fmt.Errorf("after %d more dumps: %w", taken, err)
			}
			taken++
		}
	}
}
