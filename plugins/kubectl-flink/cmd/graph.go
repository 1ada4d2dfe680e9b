package cmd

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// graphOptions are the flags of `kubectl flink graph`.
type graphOptions struct {
	askOptions
	watch    bool
	interval time.Duration
	meter    rest.Meter
}

func newGraph(c *common) *cobra.Command {
	o := &graphOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "graph [[TYPE/]NAME]",
		Short: "Draw a job's graph: vertices, what flows between them, how busy they are",
		Long: `Draw a job's graph: each vertex with its parallelism and state, its busiest and
its most backpressured subtask, records in and out; each edge with the way records
are shipped (FORWARD, HASH, REBALANCE, ...). What is busy or backpressured for half
of the time is yellow, for 80% red.

The picture is made of boxes from top to bottom and fits the terminal's width
(COLUMNS elsewhere, or 80). Where it can't, the graph is a tree, as with -o tree.
SVG is drawn without graphviz and looks well on light and dark pages.

With -w the picture is renewed on the terminal until you press q; t changes
between boxes and tree.`,
		Example: plugin.Examples(`
			# In the terminal
			kubectl flink graph basic-example

			# As a picture for a page
			kubectl flink graph basic-example -o svg > basic-example.svg

			# How records get from one vertex to another
			kubectl flink graph basic-example -o jsonpath='{.edges[*].shipStrategy}'`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, true, view.GraphTree, view.GraphDot, view.GraphMermaid, view.GraphSVG, printer.JSON, printer.YAML, "jsonpath")
	flags := cmd.Flags()
	flags.BoolVarP(&o.watch, "watch", "w", false, "Renew the picture on the terminal")
	flags.DurationVar(&o.interval, "interval", 2*time.Second, "How often to renew it")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *graphOptions) Validate() error {
	if err := o.askOptions.Validate(); err != nil {
		return err
	}
	switch {
	case !o.watch:
	case o.interval < 500*time.Millisecond:
		return exit.Usagef("--interval: %s is too short: a JobManager has new numbers every 10s; give 500ms or more", o.interval)
	case o.output.Output != printer.Human && o.output.Output != view.GraphTree:
		return exit.Usagef("--watch draws on the terminal; leave out -o %s", o.output.Output)
	case !screen.Possible(o.Out):
		return exit.Usagef("--watch draws on a terminal, and standard output is none")
	}
	return nil
}

// graph asks for the graph. Without numbers it is a graph, too.
func (o *graphOptions) graph(ctx context.Context, place reach.Place, jobManager *rest.Client) (view.JobGraph, error) {
	id, err := o.job(ctx, place, jobManager)
	if err != nil {
		return view.JobGraph{}, err
	}
	o.meter.NoWait = o.hurried
	load, err := o.meter.Load(ctx, jobManager, id)
	if err != nil && load.Job.ID == "" {
		return view.JobGraph{}, err
	}
	graph := view.NewJobGraph(place.Job.Ref(), id, load)
	if err != nil {
		graph.Unreachable = "the vertices' numbers: " + reach.AskError(ctx, err).Error()
	}
	return graph, nil
}

func (o *graphOptions) once(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
	graph, err := o.graph(ctx, place, jobManager)
	if err != nil {
		return err
	}
	page := view.GraphPage{Palette: o.palette, Width: term.Width(o.Out)}
	if err := o.output.Print(o.Out, page.Result(graph)); err != nil {
		return err
	}
	if _, fits := page.Boxes(graph); !fits && o.output.IsHuman() {
		fmt.Fprintf(o.ErrOut, "The boxes don't fit into %d columns; for a picture: -o svg, or a wider terminal\n", page.Width)
	}
	if graph.Unreachable != "" {
		fmt.Fprintln(o.ErrOut, term.SafeLine("missing: "+graph.Unreachable))
	}
	return nil
}

// follow renews the picture until the user leaves.
func (o *graphOptions) follow(ctx context.Context) error {
	client, place, err := o.findPlace(ctx, o.Args)
	if err != nil {
		return err
	}
	ref := place.Job.Ref()
	tree := o.output.Output == view.GraphTree
	return screen.Run(ctx, o.In, o.Out, screen.Screen[view.JobGraph]{
		Waiting: "waiting for the graph of " + ref.String(),
		Source: func(ctx context.Context, show func(view.JobGraph)) error {
			return o.followGraph(ctx, client, ref, show)
		},
		Draw: func(g view.JobGraph, width int) screen.Picture {
			page := view.GraphPage{Palette: o.palette, Width: width}
			picture := screen.Picture{Head: []string{page.Title(g)}}
			if g.Unreachable != "" {
				picture.Head = append(picture.Head, o.palette.Paint(term.Red, "as last seen: "+term.SafeLine(g.Unreachable)))
			}
			if tree {
				picture.Body = page.Tree(g)
			} else {
				picture.Body, _ = page.Boxes(g)
			}
			return picture
		},
		Keys: []screen.Key{{Press: "t", Does: "tree", Do: func() { tree = !tree }}},
	})
}

func (o *graphOptions) followGraph(ctx context.Context, client *operator.Client, ref api.Ref, show func(view.JobGraph)) error {
	last := view.JobGraph{Metadata: view.StatusMetadata{Type: ref.Kind.Singular, Name: ref.Name, Namespace: ref.Namespace}}
	return followModel(ctx, &o.askOptions, client, ref, o.interval, last, o.graph, func(last *view.JobGraph, state string, err error) {
		last.State, last.Unreachable = cmp.Or(state, last.State), err.Error()
	}, show)
}

// Run draws the graph.
func (o *graphOptions) Run(ctx context.Context) error {
	if o.watch {
		return o.follow(ctx)
	}
	return o.ask(ctx, o.once)
}
