package lifecycle

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Obstacle is something that keeps a job from running.
type Obstacle struct {
	// About is who has it: pod/NAME, the operator, the job.
	About string
	// Text is one line; it may hold foreign text.
	Text   string
	Weight operator.Weight
	// key tells it from others where its text changes; "" where it doesn't.
	key string
	// patience is how long a Stubborn one may stay; zero is stubbornFor.
	patience time.Duration
}

// String is the obstacle in a line.
func (o Obstacle) String() string { return o.About + ": " + o.Text }

func (o Obstacle) id() string { return o.About + "\x00" + cmp.Or(o.key, o.Text) }

// situation is all that is known of a job that is to run.
type situation struct {
	job api.Job
	// cluster is what a session job runs in; the job itself otherwise.
	cluster api.Job
	pods    []operator.Pod
	events  []operator.Event
	// failures are the roots of the job's own exceptions, newest first.
	failures []string
	// crash is why a pod's container ended, by the pod's name.
	crash map[string]string
	since time.Time
	// ends are the TaskManagers that were seen to end, newest first.
	ends []operator.Ended
	// refused are the pods that the JobManager couldn't create, newest first.
	refused []operator.Refusal
	// lost says that the operator asks for a job that the JobManager doesn't
	// know: one that is about to start, or one that has ended while it did.
	lost bool
}

// restartsEnough is how often a job may fail by itself, with its exceptions
// all the same, until that counts as final.
const restartsEnough = 3

// obstacles are what stands in the job's way, heaviest first.
func (s situation) obstacles() []Obstacle {
	out := s.ofOperator()
	if len(out) == 0 {
		out = s.ofCluster()
	}
	out = append(out, s.ofRun()...)
	if state := s.job.State(); state == api.JobFailed || s.job.Lifecycle() == api.LifecycleFailed && len(out) == 0 {
		text := "has FAILED"
		if len(s.failures) > 0 {
			text += ": " + s.failures[0]
		}
		out = append(out, Obstacle{About: "the job", Text: text, Weight: operator.Final})
	}
	return s.ranked(out)
}

// ofRun is what pods, events and the job's own exceptions tell.
func (s situation) ofRun() []Obstacle {
	var out []Obstacle
	for _, pod := range s.pods {
		if o, ok := s.ofPod(pod); ok {
			out = append(out, o)
		}
	}
	out = append(out, s.ofWorkers()...)
	out = append(out, s.ofEvents()...)
	out = append(out, s.ofLostJob()...)
	if len(s.failures) > 0 {
		o := Obstacle{About: "the job", Text: s.failures[0], Weight: operator.Soft}
		same := 0
		for _, failure := range s.failures {
			if failure == s.failures[0] {
				same++
			}
		}
		state := s.job.State()
		if operator.NeverPasses(s.failures[0]) && state != api.JobRunning {
			o.Weight, o.key = operator.Final, s.failures[0]
		} else if same >= restartsEnough && state != api.JobRunning {
			o.Weight, o.Text, o.key = operator.Final, fmt.Sprintf("failed %d times: %s", same, s.failures[0]), s.failures[0]
		}
		out = append(out, o)
	}
	return out
}

// ranked are obstacles, heaviest first, each said once.
func (s situation) ranked(out []Obstacle) []Obstacle {
	out = slices.DeleteFunc(out, func(o Obstacle) bool {
		// What the operator passes on of a pod, the pod itself tells better.
		return o.About == "the operator" && slices.ContainsFunc(s.pods, func(p operator.Pod) bool {
			_, troubled := p.Trouble()
			return troubled && strings.Contains(o.Text, "pod="+p.Name+"_")
		})
	})
	sorting.By(out, func(a, b Obstacle) int { return int(b.Weight) - int(a.Weight) })
	var once []Obstacle
	for _, o := range out {
		if !slices.ContainsFunc(once, func(t Obstacle) bool { return strings.Contains(t.Text, o.Text) }) {
			once = append(once, o)
		}
	}
	return once
}

// ofOperator is what the operator says in the status.
func (s situation) ofOperator() []Obstacle {
	failure := s.job.Failure()
	if failure.IsZero() {
		return nil
	}
	o := Obstacle{About: "the operator", Text: failure.Root(), Weight: operator.Stubborn}
	switch {
	case failure.Rejects():
		o.Weight, o.Text = operator.Final, "rejects the spec: "+failure.Root()
	case api.FetchFails(s.job.Kind, api.HostOf(api.Text(s.job.Object.Object, "spec", "job", "jarURI")), failure):
		o.Text = "can't fetch spec.job.jarURI: " + failure.Root()
	case change.IsTransient(failure.Root()), change.Overlooked(s.job):
		o.Weight = operator.Soft
	case failure.Mentions("ProgramInvocationException") && strings.Contains(failure.Chain(), "The main method caused an error"):
		o.About = "the job's main method"
	}
	return []Obstacle{o}
}

// ofCluster is what is wrong with the session cluster of a session job.
func (s situation) ofCluster() []Obstacle {
	if s.job.Kind.Name != api.SessionJob.Name || s.cluster.Object == nil || s.cluster.JobManager() == api.JobManagerReady {
		return nil
	}
	text := "its JobManager is " + cmp.Or(s.cluster.JobManager(), "not deployed yet")
	if root := s.cluster.Failure().Root(); root != "" {
		text += ": " + root
	}
	return []Obstacle{{About: "session cluster " + s.cluster.Object.GetName(), Text: text, Weight: operator.Soft}}
}

// ofPod judges one pod.
func (s situation) ofPod(pod operator.Pod) (Obstacle, bool) {
	if cause := s.crash[pod.Name]; cause != "" {
		pod.Cause = cause
	}
	t, ok := pod.Trouble()
	if t.Kind == operator.OutOfMemory && pod.Failing.Name == "" && pod.Status == "Running" {
		return Obstacle{}, false // it came up again
	}
	if _, read := s.crash[pod.Name]; !read && s.crash != nil && t.Kind == operator.Crashes {
		t.Weight = min(t.Weight, operator.Stubborn) // until its log says why
	}
	return Obstacle{About: "pod/" + pod.Name, Text: t.Text, Weight: t.Weight, key: t.Key, patience: t.Patience}, ok
}

// endsEnough is how many TaskManagers may end the same way before the job runs.
const endsEnough = 3

// ofWorkers finds TaskManagers that end before the job runs, and Flink puts
// others in their place: none of them stays to be judged.
func (s situation) ofWorkers() []Obstacle {
	if r, ok := operator.StillRefused(s.refused, s.pods); ok {
		return []Obstacle{{About: "the JobManager", Text: "can't create TaskManagers: " + r.Why, Weight: operator.Stubborn, key: "refused"}}
	}
	if len(s.ends) == 0 || s.job.State() == api.JobRunning {
		return nil
	}
	last, same := s.ends[0], 0
	for _, end := range s.ends {
		if end.Like(last) {
			same++
		}
	}
	o := Obstacle{About: "the TaskManagers", Text: operator.EndedLine(s.ends), Weight: operator.Soft, key: last.Container + last.Reason}
	if same >= endsEnough {
		o.Weight = operator.Final
	}
	return []Obstacle{o}
}

// isLost is what lost says, by the operator's error.
func (s situation) isLost() bool { return s.job.Failure().Root() == change.JobNotFound }

// lostJob is the obstacle of a job that isLost.
const lostJob = "ended while it started, and its JobManager doesn't know it any more"

// ofLostJob finds a job that ended while it started, and its JobManager with
// it: the one that comes after takes the job for done, and the operator looks
// for it for ever.
func (s situation) ofLostJob() []Obstacle {
	for _, pod := range s.pods {
		if s.lost && pod.Lost() {
			o := Obstacle{About: "the job", Text: lostJob, Weight: operator.Stubborn, key: "lost"}
			if cause := s.crash[pod.Name]; cause != "" {
				o.Text += ": " + cause
				if operator.NeverPasses(cause) {
					o.Weight = operator.Final
				}
			}
			return []Obstacle{o}
		}
	}
	return nil
}

// ofEvents finds what shows nowhere else: pods that can't even be created.
func (s situation) ofEvents() []Obstacle {
	for _, event := range s.events {
		set, isSet := strings.CutPrefix(event.Object, "replicaset/")
		if event.Reason != "FailedCreate" || event.Time.Before(s.since) || s.job.State() == api.JobRunning {
			continue
		}
		made := slices.ContainsFunc(s.pods, func(p operator.Pod) bool {
			return !isSet || strings.HasPrefix(p.Name, set+"-") && p.Started.After(event.Time)
		})
		if !made {
			return []Obstacle{{About: event.Object, Text: api.FirstLine(event.Message), Weight: operator.Stubborn, key: event.Reason}}
		}
	}
	return nil
}
