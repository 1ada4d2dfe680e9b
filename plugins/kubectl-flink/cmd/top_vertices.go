package cmd

import (
	"cmp"
	"context"
	"slices"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// vertices shows the vertices of one job.
func (o *topOptions) vertices(ctx context.Context) error {
	var meter rest.Meter
	if o.once {
		return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
			model, err := o.load(ctx, &meter, place, jobManager)
			if err != nil {
				return err
			}
			view.Sort(model.Vertices, view.VertexOrders, o.sortBy, o.reverse)
			return o.output.Print(o.Out, o.view(terminalWidth(o.Out)).Vertices(model, place.Job.Ref()))
		})
	}
	client, place, err := o.findPlace(ctx, o.Args)
	if err != nil {
		return err
	}
	ref := place.Job.Ref()
	return screen.Run(ctx, o.In, o.Out, screen.Screen[view.JobLoad]{
		Waiting: "waiting for the numbers of " + ref.String(), Keys: o.keys(view.Orders(view.VertexOrders)),
		Source: func(ctx context.Context, show func(view.JobLoad)) error {
			return o.followLoad(ctx, client, ref, &meter, show)
		},
		Draw: func(l view.JobLoad, width int) screen.Picture { return o.drawVertices(l, ref, width) },
	})
}

func (o *topOptions) load(ctx context.Context, meter *rest.Meter, place reach.Place, jobManager *rest.Client) (view.JobLoad, error) {
	id, err := o.job(ctx, place, jobManager)
	if err != nil {
		return view.JobLoad{}, err
	}
	load, err := meter.Load(ctx, jobManager, id)
	return view.NewJobLoad(place.Job.Ref(), id, load), err
}

// followLoad asks at intervals until ctx ends.
func (o *topOptions) followLoad(ctx context.Context, client *operator.Client, ref api.Ref, meter *rest.Meter, show func(view.JobLoad)) error {
	last := view.JobLoad{Metadata: view.StatusMetadata{Type: ref.Kind.Singular, Name: ref.Name, Namespace: ref.Namespace}}
	return followModel(ctx, &o.askOptions, client, ref, o.interval, last, func(ctx context.Context, place reach.Place, jobManager *rest.Client) (view.JobLoad, error) {
		return o.load(ctx, meter, place, jobManager)
	}, func(last *view.JobLoad, state string, err error) {
		last.State, last.Unreachable = cmp.Or(state, last.State), err.Error()
	}, show)
}

func (o *topOptions) drawVertices(l view.JobLoad, ref api.Ref, width int) screen.Picture {
	l.Vertices = slices.Clone(l.Vertices)
	view.Sort(l.Vertices, view.VertexOrders, o.sortBy, o.reverse)
	v := o.view(width)
	lines := o.table(v.Vertices(l, ref))
	second := o.sorted()
	if l.Unreachable != "" {
		second = o.palette.Paint(term.Red, "as last seen: "+term.SafeLine(l.Unreachable))
	}
	return screen.Picture{Head: []string{v.Title(l), second, "", lines[0]}, Body: lines[1:]}
}
