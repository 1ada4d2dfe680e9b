package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

const (
	// followEvery is how often the JobManager is asked. It keeps its answer
	// for web.refresh-interval, 3 s, so that nothing is gained by more.
	followEvery = time.Second
	// endedLooks is how often a job must be seen at its end in a row.
	endedLooks = 3
	// followWait bounds one question.
	followWait = 10 * time.Second
)

// checkpointFollower prints what is new in a job's checkpoints.
type checkpointFollower struct {
	o       *checkpointsOptions
	client  *operator.Client
	tunnel  *portforward.Tunnel
	line    *progress.Line
	watch   rest.CheckpointWatch
	lines   view.CheckpointLines
	cluster api.Ref
	asked   *rest.Client
	// ended counts the looks in a row at which the job had ended.
	ended int
}

// followAll prints new checkpoints until the job ends.
func (o *checkpointsOptions) followAll(ctx context.Context) error {
	client, place, err := o.findPlace(ctx, o.Args)
	if err != nil {
		return err
	}
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	if o.timeLimit {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.timeout, exit.Timeoutf("followed %s for %s", place.Job.Ref(), o.timeout))
		defer cancel()
	}
	f := &checkpointFollower{o: o, client: client, tunnel: tunnel, line: o.progress(o.quiet), lines: view.CheckpointLines{Palette: o.palette, JSON: o.output.Output == printer.JSON}}
	defer f.line.Done()
	clock := time.NewTicker(o.pause(followEvery))
	defer clock.Stop()
	for {
		ended, err := f.look(ctx, place)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if ended || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-clock.C:
		}
		// Upgrades give the job another id, blue/green switches another
		// cluster. What can't be read now is read the next time.
		next, err := reach.Find(ctx, client, place.Job.Ref())
		switch {
		case err == nil:
			place = next
		case apierrors.IsNotFound(err) && next.Job.Object == nil:
			return fmt.Errorf("%s was deleted", place.Job.Ref())
		}
	}
}

// look asks once. ended says that nothing will come any more.
func (f *checkpointFollower) look(ctx context.Context, place reach.Place) (ended bool, err error) {
	ref := place.Job.Ref()
	if place.Suspended() || place.Cluster.JobManager() != api.JobManagerReady {
		f.line.Set("%s: %s; waiting for its JobManager", ref, cmp.Or(place.WhyNot(), "no JobManager yet"))
		return false, nil
	}
	asking, cancel := context.WithTimeoutCause(ctx, followWait, errors.New("it doesn't answer"))
	defer cancel()
	if f.asked == nil || f.cluster != place.Cluster.Ref() {
		if f.asked, err = restClient(f.tunnel, place, f.o.tls); err != nil {
			return false, err
		}
		f.cluster = place.Cluster.Ref()
	}
	id, err := f.o.job(asking, place, f.asked)
	if err != nil {
		var wrong *exit.Error
		if errors.As(err, &wrong) { // which of several jobs?
			return false, err
		}
		if ctx.Err() == nil {
			f.line.Set("%s: %s", ref, term.SafeLine(reach.AskError(asking, err).Error()))
		}
		return false, nil
	}
	answer, err := f.asked.Checkpoints(asking, id)
	if ctx.Err() != nil {
		return false, nil // why is reported by whoever ended it
	}
	if err != nil {
		f.line.Set("%s: waiting for its JobManager: %s", ref, term.SafeLine(reach.AskError(asking, err).Error()))
		return false, nil
	}
	events := f.watch.Look(id, answer)
	if len(events) > 0 && term.IsTerminal(f.o.ErrOut) {
		f.line.Clear()
	}
	for _, event := range events {
		if err := f.lines.Print(f.o.Out, id, event); err != nil {
			return false, err
		}
	}
	if f.ends(place) && len(events) == 0 {
		f.line.Print("%s is %s: no more checkpoints", ref, place.Job.State())
		return true, nil
	}
	f.line.Set("following the checkpoints of %s", ref)
	return false, nil
}

// ends reports whether the job has come to an end that isn't a moment of an
// upgrade: a job that is stopped with a savepoint is FINISHED in between.
func (f *checkpointFollower) ends(place reach.Place) bool {
	summary, err := api.Summarize(place.Job.Kind, place.Job.Object)
	if err != nil || place.Job.IsSessionCluster() {
		return false
	}
	word := health.Of(summary, f.o.now()).Word
	if word == health.Finished || word == health.Canceled || word == health.Failed && summary.State == api.JobFailed {
		f.ended++
	} else {
		f.ended = 0
	}
	return f.ended >= endedLooks
}
