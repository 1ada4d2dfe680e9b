package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"sync"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// parallel is how many savepoints are followed at once. The work is the
// cluster's and following one is a watch on a shared connection, so it is
// generous: --timeout counts for all of them together.
const parallel = 64

func (o *savepointOptions) run(ctx context.Context, args []string) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	o.askJobManagers(client, o.tunnelFlags, o.tls)
	// Looking up the jobs is bounded too, but a person who picks one doesn't
	// use up the savepoint's time.
	lookup, found := o.bounded(ctx)
	defer found()
	refs, asList, err := o.targets(lookup, client, args, manyFlags{o.selector, o.all, o.allNamespaces})
	if err != nil {
		return ended(lookup, err)
	}
	ctx, cancel := o.bounded(ctx)
	defer cancel()
	line := progress.New(o.ErrOut, o.quiet)
	defer line.Done()
	if !asList {
		report, err := o.one(ctx, client, refs[0], operator.Reporter{
			Waiting: func(s string) { line.Set("%s", s) },
			Note:    func(s string) { line.Print("%s", s) },
		})
		line.Done()
		if err != nil {
			return ended(ctx, err)
		}
		return o.print([]savepoint.Report{report}, false)
	}
	reports, err := o.many(ctx, client, refs, line)
	line.Done()
	if printErr := o.print(reports, true); printErr != nil {
		return printErr
	}
	return err
}

func (o *savepointOptions) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, o.timeout, exit.Timeoutf("timed out after %s", o.timeout))
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

// one takes one savepoint; the error says what to do next where that is known.
func (o *savepointOptions) one(ctx context.Context, client *operator.Client, ref api.Ref, reporter operator.Reporter) (savepoint.Report, error) {
	var report savepoint.Report
	var err error
	if o.request.Method == savepoint.REST {
		report, err = o.byREST(ctx, client, ref, reporter)
	} else {
		report, err = savepoint.Take(ctx, client, ref, o.request, reporter)
		if err == nil && report.Checkpoint && report.Done {
			err = o.describeCheckpoint(ctx, client, &report)
		}
	}
	return report, withAdvice(err)
}

// withAdvice adds what to do next, where that is known.
func withAdvice(err error) error {
	var failed interface{ Reasons() string }
	if errors.As(err, &failed) {
		if advice := health.Advice(occasionOf(err), failed.Reasons(), chainOf(err)); advice != "" {
			return fmt.Errorf("%w\n%s", err, advice)
		}
	}
	return err
}

func (o *savepointOptions) byREST(ctx context.Context, client *operator.Client, ref api.Ref, reporter operator.Reporter) (savepoint.Report, error) {
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
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return report, err
	}
	defer tunnel.Close()
	jobManager, err := restClient(tunnel, place, o.tls)
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
	return report, reachError(ctx, err)
}

// many takes savepoints of several jobs at once and tells of each as it ends.
func (o *savepointOptions) many(ctx context.Context, client *operator.Client, refs []api.Ref, line *progress.Line) ([]savepoint.Report, error) {
	var (
		mu      sync.Mutex
		group   sync.WaitGroup
		done    int
		worst   int
		failed  int
		results = make([]*savepoint.Report, len(refs))
		slots   = make(chan struct{}, parallel)
	)
	line.Set("0 of %d %ss done", len(refs), o.noun())
	for i, ref := range refs {
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if ctx.Err() != nil {
				mu.Lock()
				defer mu.Unlock()
				failed++
				worst = worse(worst, exit.Code(context.Cause(ctx)))
				o.complain(line, named(ref, o.allNamespaces)+": not started")
				return
			}
			report, err := o.one(ctx, client, ref, operator.Reporter{})
			mu.Lock()
			defer mu.Unlock()
			done++
			line.Set("%d of %d %ss done", done, len(refs), o.noun())
			if code := exit.Code(err); code == exit.TimedOut || code == exit.Interrupted {
				if made := report.Snapshot.Object; made != nil && made.GetUID() != "" {
					// Nobody waited for its end, but it goes on.
					results[i] = &report
				}
			}
			if err != nil {
				failed++
				worst = worse(worst, exit.Code(err))
				o.complain(line, named(ref, o.allNamespaces)+": "+kube.Message(ended(ctx, err)))
				return
			}
			results[i] = &report
		})
	}
	group.Wait()
	var reports []savepoint.Report
	for _, r := range results {
		if r != nil {
			reports = append(reports, *r)
		}
	}
	if failed > 0 {
		return reports, exit.With(worst, fmt.Errorf("%d of %d %ss failed", failed, len(refs), o.noun()))
	}
	return reports, nil
}

// worse is the exit code for several: a failure weighs more than a time-out,
// an interruption more than either.
func worse(a, b int) int {
	for _, code := range []int{exit.Interrupted, exit.Failed, exit.TimedOut} {
		if a == code || b == code {
			return code
		}
	}
	return max(a, b)
}

func named(ref api.Ref, withNamespace bool) string {
	if withNamespace {
		return ref.Namespace + "/" + ref.String()
	}
	return ref.String()
}

func (o *savepointOptions) print(reports []savepoint.Report, asList bool) error {
	return o.output.Print(o.Out, view.Savepoints(reports, view.SavepointForm{List: asList, Namespaces: o.allNamespaces, DryRun: o.request.DryRun}))
}
