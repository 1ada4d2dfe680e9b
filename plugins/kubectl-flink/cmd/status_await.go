package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// await waits until the job is what --for says.
func (o *statusOptions) await(ctx context.Context, client *operator.Client, ref api.Ref) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, errWaited)
	defer cancel()
	line := o.progress(o.quiet)
	defer line.Done()
	// A name that doesn't exist is reported at once.
	if _, err := client.Get(ctx, ref); err != nil {
		return err
	}
	summaries := make(chan api.Summary)
	ended := make(chan error, 1)
	go func() {
		ended <- wait.Follow(ctx, client.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
			if event == watch.Bookmark {
				return false, nil
			}
			if event == watch.Deleted {
				return true, fmt.Errorf("%s was deleted", ref)
			}
			summary, err := api.Summarize(ref.Kind, object)
			if err != nil {
				return true, err
			}
			select {
			case summaries <- summary:
			case <-ctx.Done():
			}
			return false, nil
		})
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	jobManagers := o.jobManagers(client, o.tunnelFlags, o.tls)
	defer jobManagers.Close()
	w := goalWaiter{goal: o.goal, now: o.now, front: o.frontOf(client, ref, jobManagers, line.Print), say: func(last string) {
		line.Set("waiting until %s is %s; it is %s", ref, o.goal, last)
	}}
	err := w.wait(ctx, ref, summaries, tick.C, ended)
	if errors.Is(err, errWaited) {
		return exit.Timeoutf("timed out after %s: %s is %s", o.timeout, ref, w.last)
	}
	return err
}

var errWaited = errors.New("waited long enough")

// goalWaiter waits until a job has reached a goal.
type goalWaiter struct {
	goal string
	now  func() time.Time
	// front judges what the object alone calls reached by the cluster that
	// serves it.
	front func(context.Context, api.Summary) health.Verdict
	say   func(string)
	// last is what the job was when it was last looked at.
	last string
}

// wait ends when the goal is reached, can't be reached, or ctx or the watch
// ends. At each tick a job whose object says that the goal is reached, while its
// JobManager is away, is looked at again.
func (w *goalWaiter) wait(ctx context.Context, ref api.Ref, summaries <-chan api.Summary, ticks <-chan time.Time, ended <-chan error) error {
	var summary api.Summary
	seen, again := false, false
	for {
		select {
		case summary = <-summaries:
			seen = true
		case <-ticks:
			if !seen || !again {
				continue
			}
		case err := <-ended:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		verdict := health.Of(summary, w.now())
		done, never := health.Reached(w.goal, summary, verdict)
		again = done && verdict.Word == health.Healthy
		if again {
			if front := w.front(ctx, summary); front.Word != verdict.Word {
				done, verdict = false, front
			}
		}
		before, _, _ := strings.Cut(w.last, ", for ")
		w.last = strings.TrimSuffix(string(verdict.Word)+": "+verdict.Why, ": ")
		if stem, _, _ := strings.Cut(w.last, ", for "); stem != before {
			w.say(w.last) // not again because it has lasted a second longer
		}
		switch {
		case never != "":
			return fmt.Errorf("%s can't become %s: %s", ref, w.goal, never)
		case done:
			return nil
		}
	}
}

// frontOf judges a job by its object, its cluster's, the JobManager's pods and,
// if all of these call it well, by what Flink says of its tasks.
func (o *statusOptions) frontOf(client *operator.Client, ref api.Ref, jobManagers operator.Flink, note func(string, ...any)) func(context.Context, api.Summary) health.Verdict {
	if o.liveWait > 0 {
		client = client.Asking(jobManagers)
	}
	missed := 0
	return func(ctx context.Context, summary api.Summary) health.Verdict {
		place, err := reach.Find(ctx, client, ref)
		if err != nil && !place.Gone {
			// It is watched: what the object says counts.
			return health.Of(summary, o.now())
		}
		var pods []operator.Pod
		known := false
		if place.Cluster.Object != nil {
			pods, known = client.FrontPods(ctx, ref.Namespace, place.Cluster.Object.GetName())
		}
		verdict := verdictOf(summary, place, pods, known, o.now())
		if verdict.Word != health.Healthy || summary.State != api.JobRunning || o.liveWait <= 0 || missed >= change.MaxMissedAnswers {
			return verdict
		}
		state, asked, why := client.State(ctx, place.Job)
		if !asked {
			if missed++; missed < change.MaxMissedAnswers {
				return health.Verdict{Word: health.Starting, Why: "asking the JobManager for its tasks: " + why}
			}
			note("note: %s: its JobManager couldn't be asked whether its tasks run (%s); it is RUNNING by the operator's word", ref, why)
			return verdict
		}
		return byTasks(verdict, state)
	}
}

// byTasks judges a job that the operator calls well by what Flink says of it:
// Flink calls a job RUNNING while its tasks wait for slots, and what the operator
// passes on is seconds old.
func byTasks(verdict health.Verdict, state api.FlinkState) health.Verdict {
	switch {
	case state.State == api.JobRunning && state.Waiting > 0:
		return health.Verdict{Word: health.Starting, Why: state.WaitingTasks()}
	case state.State != api.JobRunning && state.State != "":
		return health.Verdict{Word: health.Degraded, Why: "RUNNING by the operator's last word, " + state.State + " by Flink's"}
	}
	return verdict
}
