package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// Run takes a savepoint of each job.
func (o *savepointOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	jobManagers := o.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	client = client.Asking(jobManagers)
	// Looking up the jobs is bounded too, but a person who picks one doesn't
	// use up the savepoint's time.
	lookup, found := o.Bounded(ctx)
	defer found()
	refs, asList, err := o.targets(lookup, client, o.many)
	if err != nil {
		return ended(lookup, err)
	}
	line := o.progress(o.Quiet)
	defer line.Done()
	explain := explainer{common: o.common, way: o.tunnelFlags, files: o.tls, looking: func() { line.Set("looking for the cause") }}
	defer explain.Close()
	one := func(ctx context.Context, ref api.Ref, reporter operator.Reporter) (savepoint.Report, error) {
		bounded, cancel := o.Bounded(ctx)
		defer cancel()
		report, err := o.one(bounded, client, jobManagers, ref, reporter)
		return report, explain.explain(ctx, client, ref, ended(bounded, err))
	}
	if !asList {
		report, err := one(ctx, refs[0], reporterOf(line))
		line.Done()
		if err != nil {
			return err
		}
		return o.print([]savepoint.Report{report}, false)
	}
	reports, err := jobBatch[savepoint.Report]{
		common: o.common, many: &o.many, noun: o.noun(), do: one,
		// Nobody waited for its end, but it goes on.
		keep: func(report savepoint.Report, err error) bool {
			code, made := exit.Code(err), report.Snapshot.Object
			return (code == exit.TimedOut || code == exit.Interrupted) && made != nil && made.GetUID() != ""
		},
	}.run(ctx, refs, line)
	line.Done()
	if printErr := o.print(reports, true); printErr != nil {
		return printErr
	}
	return err
}

// ended is err, or why ctx ended where err is only the request that was cut
// off by that: its URL says nothing to a user.
func ended(ctx context.Context, err error) error {
	var request *url.Error
	if ctx.Err() != nil && errors.As(err, &request) {
		cause := context.Cause(ctx)
		return exit.With(exit.Code(cause), fmt.Errorf("%w; the API server had not answered yet", cause))
	}
	return err
}

// one takes one savepoint.
func (o *savepointOptions) one(ctx context.Context, client *operator.Client, jobManagers *reach.JobManagers, ref api.Ref, reporter operator.Reporter) (savepoint.Report, error) {
	var report savepoint.Report
	var err error
	if o.request.Method == savepoint.REST {
		report, err = o.byREST(ctx, client, jobManagers, ref, reporter)
	} else {
		report, err = savepoint.Take(ctx, client, ref, o.request, reporter)
		if err == nil && report.Checkpoint && report.Done {
			err = describeCheckpoint(ctx, client, jobManagers, &report)
		}
	}
	return report, err
}

func (o *savepointOptions) byREST(ctx context.Context, client *operator.Client, jobManagers *reach.JobManagers, ref api.Ref, reporter operator.Reporter) (savepoint.Report, error) {
	report := savepoint.Report{Job: ref}
	place, err := reach.Find(ctx, client, ref)
	if err != nil {
		return report, err
	}
	if o.request.Checkpoint == "" {
		if err := savepoint.CheckSavepointTarget(ctx, client, place.Cluster, o.request.Path, o.request.Force); err != nil {
			return report, err
		}
	}
	jobManager, err := jobManagers.At(place)
	if err != nil {
		return report, err
	}
	take := reach.Savepoint
	if o.request.Checkpoint != "" {
		take = reach.Checkpoint
	}
	report, err = take(ctx, jobManager, place, o.request, reporter)
	var coded *exit.Error
	if errors.As(err, &coded) {
		return report, err
	}
	return report, reach.AskError(ctx, err)
}

func (o *savepointOptions) print(reports []savepoint.Report, asList bool) error {
	return o.output.Print(o.Out, view.Savepoints(reports, view.SavepointForm{List: asList, Namespaces: o.many.allNamespaces, DryRun: o.request.DryRun}))
}
