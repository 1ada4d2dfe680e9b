package lifecycle

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

func (s *runWaiter) followPods(ctx context.Context, cluster string) {
	read := map[string]bool{}
	_ = s.client.FollowPods(ctx, s.start.Ref.Namespace, cluster, func(event watch.EventType, pod operator.Pod) {
		if event == watch.Bookmark {
			return
		}
		s.Tell(func() {
			if event == watch.Deleted || pod.Status == "Terminating" {
				delete(s.pods, pod.Name)
			} else {
				s.pods[pod.Name] = pod
			}
			s.listPods()
		})
		if end, ok := operator.EndOfWorker(pod); ok && event != watch.Deleted && !read[pod.UID] {
			// Its log goes with the pod, which Flink deletes at once.
			read[pod.UID] = true
			end.Cause = s.client.CrashCause(ctx, s.start.Ref.Namespace, pod)
			s.Tell(func() { s.state.ends = append([]operator.Ended{end}, s.state.ends...) })
		}
	})
}

// listPods makes the list of pods that is judged.
func (s *runWaiter) listPods() {
	s.state.pods = s.state.pods[:0:0]
	for _, name := range api.SortedKeys(s.pods) {
		s.state.pods = append(s.state.pods, s.pods[name])
	}
	s.state.pods = operator.WithEvents(s.state.pods, s.state.events)
	for i := range s.state.pods {
		s.state.pods[i].Missing = s.missing[s.state.pods[i].Name]
	}
}

// look asks again and again for what can't be watched: events, which would be
// too many, the job's exceptions, and why containers ended.
func (s *runWaiter) look(ctx context.Context, cluster string) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	looks := 1
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now, ok := s.now(ctx)
		if !ok {
			return
		}
		events := now.events
		if looks%eventsEvery == 0 || wantsEvents(now.pods) {
			// A namespace may have thousands of events.
			events, _ = s.client.EventsAbout(ctx, s.start.Ref, cluster)
		}
		looks++
		missing := map[string]bool{}
		for _, pod := range operator.WithEvents(now.pods, events) {
			missing[pod.Name] = s.client.IsMissing(ctx, s.start.Ref.Namespace, pod.Mount)
		}
		var refused []operator.Refusal
		if state := now.job.State(); state != "" && state != api.JobRunning {
			_, refused = s.client.WorkersOf(ctx, s.start.Ref.Namespace, now.pods, time.Now(), operator.RefusedFor)
		}
		var failures []string
		if flink := s.client.Flink(); flink != nil && now.job.JobID() != "" && now.job.State() != api.JobRunning {
			since := s.start.Since
			if s.observeOnly {
				since = operator.ChangedAt(now.job.Object, since)
			}
			failures = flink.Failures(ctx, s.start.Ref, since)
		}
		crash := map[string]string{}
		for _, pod := range now.pods {
			if pod.HasEnded() {
				crash[pod.Name] = s.client.CrashCause(ctx, s.start.Ref.Namespace, pod)
			}
		}
		s.Tell(func() {
			s.state.events, s.state.crash, s.state.refused, s.missing = events, crash, refused, missing
			s.listPods()
			if len(failures) > 0 {
				s.state.failures = failures
			}
		})
	}
}

// eventsEvery is after how many looks events are read where no pod asks for it.
const eventsEvery = 5

// wantsEvents reports whether events may say what pods don't: there are none,
// or one of them waits.
func wantsEvents(pods []operator.Pod) bool {
	return len(pods) == 0 || slices.ContainsFunc(pods, func(p operator.Pod) bool { return p.Waits() || p.Unscheduled })
}
