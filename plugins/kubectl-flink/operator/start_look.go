package operator

import (
	"context"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/watch"
)

func (s *starter) followPods(ctx context.Context, cluster string) {
	read := map[string]bool{}
	_ = s.client.FollowPods(ctx, s.start.Ref.Namespace, cluster, func(event watch.EventType, pod Pod) {
		if event == watch.Bookmark {
			return
		}
		s.tell(ctx, func() {
			if event == watch.Deleted || pod.Status == "Terminating" {
				delete(s.pods, pod.Name)
			} else {
				s.pods[pod.Name] = pod
			}
			s.listPods()
		})
		if end, ok := endOfWorker(pod); ok && event != watch.Deleted && !read[pod.UID] {
			// Its log goes with the pod, which Flink deletes at once.
			read[pod.UID] = true
			end.Cause = s.client.crashCause(ctx, s.start.Ref.Namespace, pod)
			s.tell(ctx, func() { s.state.ends = append([]Ended{end}, s.state.ends...) })
		}
	})
}

// listPods makes the list of pods that is judged.
func (s *starter) listPods() {
	s.state.pods = s.state.pods[:0:0]
	for _, name := range sortedKeys(s.pods) {
		s.state.pods = append(s.state.pods, s.pods[name])
	}
	s.state.pods = withEvents(s.state.pods, s.state.events)
	for i := range s.state.pods {
		s.state.pods[i].Missing = s.missing[s.state.pods[i].Name]
	}
}

// endOfWorker is how a TaskManager ended that won't be started again in its
// pod; ok is false where it hasn't, or was asked to.
func endOfWorker(pod Pod) (Ended, bool) {
	c := pod.Failing
	if pod.Role != "taskmanager" || !c.Ended || c.Exit == 143 || c.Restarts > 0 {
		return Ended{}, false
	}
	end := Ended{Name: pod.Name, Role: pod.Role, Reason: c.End, ExitCode: c.Exit, At: c.At}
	if !c.Main() {
		end.Container, end.Init = c.Name, c.Init
	}
	return end, true
}

// look asks again and again for what can't be watched: events, which would be
// too many, the job's exceptions, and why containers ended.
func (s *starter) look(ctx context.Context, cluster string) {
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
		for _, pod := range withEvents(now.pods, events) {
			missing[pod.Name] = s.client.isMissing(ctx, s.start.Ref.Namespace, pod.Mount)
		}
		var refused []Refusal
		if state := now.job.State(); state != "" && state != "RUNNING" {
			_, refused = s.client.workers(ctx, s.start.Ref.Namespace, now.pods, time.Now(), refusedFor)
		}
		var failures []string
		if ask := s.client.JobFailures; ask != nil && now.job.JobID() != "" && now.job.State() != "RUNNING" {
			failures = ask(ctx, s.start.Ref, s.start.Since)
		}
		crash := map[string]string{}
		for _, pod := range now.pods {
			if pod.HasEnded() {
				crash[pod.Name] = s.client.crashCause(ctx, s.start.Ref.Namespace, pod)
			}
		}
		s.tell(ctx, func() {
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

// wantsEvents reports whether events may tell what pods don't: there are none,
// or one of them waits.
func wantsEvents(pods []Pod) bool {
	return len(pods) == 0 || slices.ContainsFunc(pods, func(p Pod) bool { return p.waits() || p.Unscheduled })
}
