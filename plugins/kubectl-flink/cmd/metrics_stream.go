package cmd

import (
	"context"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// collect asks once, or for --duration.
func (o *metricsOptions) collect(ctx context.Context, take func(context.Context) error) error {
	line := o.progress(false)
	defer line.Done()
	if o.overTime {
		line.Set("asking for metrics every %s, for %s", o.interval, o.duration)
	}
	end := time.NewTimer(o.duration)
	defer end.Stop()
	clock := time.NewTicker(o.interval)
	defer clock.Stop()
	for {
		if err := take(ctx); err != nil {
			return err
		}
		if !o.overTime {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end.C:
			return nil
		case <-clock.C:
		}
	}
}

// stream writes lines of CSV until the user leaves.
func (o *metricsOptions) stream(ctx context.Context, jobManager *rest.Client, sources []metricSource) error {
	clock := time.NewTicker(o.interval)
	defer clock.Stop()
	for head := true; ; head = false {
		found, err := o.once(ctx, jobManager, sources)
		if err != nil {
			return reach.AskError(ctx, err)
		}
		moment := &view.Metrics{}
		moment.Add(o.now(), found)
		if err := moment.CSV(o.Out, head); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.C:
		}
	}
}

// shot is what a screen shows.
type shot struct {
	rows    []string
	missing string
}

// follow renews them on the terminal.
func (o *metricsOptions) follow(ctx context.Context, take func(context.Context) error, metrics *view.Metrics) error {
	return screen.Run(ctx, o.In, o.Out, screen.Screen[shot]{
		Waiting: "waiting for metrics",
		Source: func(ctx context.Context, show func(shot)) error {
			clock := time.NewTicker(o.interval)
			defer clock.Stop()
			for {
				var s shot
				if err := take(ctx); err != nil {
					s.missing = err.Error()
				}
				if metrics.Len() > 0 && o.plot {
					s.rows = metrics.Charts()
				} else if metrics.Len() > 0 {
					var text strings.Builder
					_ = metrics.Result().Table.Print(&text, o.output.Output == printer.Wide, o.output.NoHeaders)
					s.rows = strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")
				}
				show(s)
				select {
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-clock.C:
				}
			}
		},
		Draw: func(s shot, _ int) screen.Picture {
			picture := screen.Picture{Head: []string{o.palette.Paint(term.Bold, term.SafeLine(metrics.Job.String()))}, Body: s.rows}
			if s.missing != "" {
				picture.Head = append(picture.Head, o.palette.Paint(term.Red, "as last seen: "+term.SafeLine(s.missing)))
			}
			return picture
		},
	})
}
