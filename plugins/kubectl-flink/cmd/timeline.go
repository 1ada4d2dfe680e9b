package cmd

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/timeline"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// timelineOptions are the flags of `kubectl flink timeline`.
type timelineOptions struct {
	*common
	tunnelFlags
	plugin.Arguments
	tls      reach.TLSFiles
	output   printer.Flags
	color    string
	palette  term.Palette
	since    time.Duration
	follow   bool
	interval time.Duration
	timeout  time.Duration
	utc      bool
}

func newTimeline(c *common) *cobra.Command {
	o := &timelineOptions{common: c}
	cmd := &cobra.Command{
		Use:   "timeline [[TYPE/]NAME]",
		Short: "Show what happened to a job as one story",
		Long: `Show what happened to a job, oldest first, out of what is otherwise in six places:
changes of the spec with the last writer of each field, the operator's events, starts
and ends of all containers, exceptions, checkpoints, savepoints, scalings and restores.
Checkpoints that follow each other, and pods that start together, are shown as one.

What can't be known is named where it is missing: an API server keeps events for an
hour, the JobManager forgets what was before it started, and of the spec only the
present one, the one carried out last and the last stable one are kept. A field's
last writer is who wrote it last; that it was this change isn't certain.

With -f it goes on until Ctrl-C: what is new is printed as it is seen.`,
		Example: plugin.Examples(`
			# The last six hours
			kubectl flink timeline basic-example

			# All that is known
			kubectl flink timeline basic-example --since 0

			# What happens during an upgrade, as it happens
			kubectl flink timeline basic-example --since 5m -f

			# As a picture for a page
			kubectl flink timeline basic-example -o svg > story.svg`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd, view.GraphSVG, printer.JSON, printer.YAML, "jsonpath")
	flags.DurationVar(&o.since, "since", 6*time.Hour, "How far back it goes; 0 is as far as anything is known")
	flags.BoolVarP(&o.follow, "follow", "f", false, "Go on printing what is new; with -o json, one object a line")
	flags.DurationVar(&o.interval, "interval", 5*time.Second, "With -f, how often to look")
	flags.DurationVar(&o.timeout, "timeout", reach.SourceLimit, "How long each source is waited for")
	flags.BoolVar(&o.utc, "utc", false, "Show times in UTC, not in local time")
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	addColor(cmd, &o.color)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *timelineOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	switch {
	case o.since < 0:
		return exit.Usagef("--since: %s is negative", o.since)
	case o.timeout <= 0:
		return exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
	case o.follow && o.interval < time.Second:
		return exit.Usagef("--interval: %s is too short: each look asks some twenty questions; give 1s or more", o.interval)
	case o.follow && o.output.Output != printer.Human && o.output.Output != printer.JSON:
		return exit.Usagef("--follow prints lines: leave out -o %s, or say -o json", o.output.Format())
	}
	var err error
	o.palette, err = term.NewPalette(o.color, o.Out)
	return exit.With(exit.Usage, err)
}

// Run tells the story.
func (o *timelineOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	ref, err := o.oneJob(ctx, client, o.Args)
	if err != nil {
		return err
	}
	way := o.tunnelFlags
	way.reconnect = 0 // who isn't there isn't waited for
	tunnel, err := o.tunnel(way, nil)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	line := o.progress(!term.Moves(o.ErrOut))
	defer line.Done()
	line.Set("looking at %s", ref)
	facts, why, err := o.look(ctx, client, tunnel, ref)
	if err != nil {
		return err
	}
	page := &view.TimelinePage{Palette: o.palette, Width: terminalWidth(o.Out)}
	if o.utc {
		page.Zone = time.UTC
	}
	story := timeline.Build(facts, timeline.Options{Since: o.since, Why: why})
	if o.follow {
		return o.goOn(ctx, client, tunnel, ref, line, page, story, facts, why)
	}
	line.Done()
	return o.output.Print(o.Out, page.Result(story))
}

// look gathers what is known of the job now.
func (o *timelineOptions) look(ctx context.Context, client *operator.Client, tunnel *portforward.Tunnel, ref api.Ref) (*diagnosis.JobFacts, map[diagnosis.Source]string, error) {
	gatherer := o.gathererOf(client, tunnel, o.tls, o.timeout)
	gatherer.NoWait = true
	facts, unread, err := gatherer.Job(ctx, ref)
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	return facts, reasonsOf(unread), err
}

// reasonsOf are why sources weren't read.
func reasonsOf(unread []reach.Unread) map[diagnosis.Source]string {
	why := map[diagnosis.Source]string{}
	for _, u := range unread {
		why[u.Source] = u.Why
	}
	return why
}

// goOn prints the story and what is new at each look.
func (o *timelineOptions) goOn(ctx context.Context, client *operator.Client, tunnel *portforward.Tunnel, ref api.Ref, line *progress.Line, page *view.TimelinePage, story timeline.Timeline, facts *diagnosis.JobFacts, why map[diagnosis.Source]string) error {
	show := func(items []timeline.Entry) error {
		if len(items) == 0 {
			return nil
		}
		line.Clear()
		if o.output.Output == printer.JSON {
			return view.TimelineJSON(o.Out, items)
		}
		return page.Lines(o.Out, items)
	}
	if err := show(story.Items); err != nil {
		return err
	}
	news := timeline.News{}
	news.Of(facts, why)
	clock := time.NewTicker(o.interval)
	defer clock.Stop()
	for {
		line.Set("following %s", ref)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.C:
		}
		facts, why, err := o.look(ctx, client, tunnel, ref)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case apierrors.IsNotFound(err):
			return fmt.Errorf("%s was deleted", ref)
		case err != nil:
			line.Set("%s", strings.TrimSpace("can't look: "+term.SafeLine(err.Error())))
			continue
		}
		if err := show(news.Of(facts, why)); err != nil {
			return err
		}
	}
}
