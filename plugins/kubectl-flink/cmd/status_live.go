package cmd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

const (
	// askEvery is how often the JobManager is asked for the live page.
	askEvery = 2 * time.Second
	// lookEvery is how often events and snapshots are read again; the job and
	// its pods are watched.
	lookEvery = 5 * time.Second
	// findEvery is how often it is looked for what is wrong: that asks for more
	// than everything else.
	findEvery = 10 * time.Second
	// keptChanges bounds what the live page remembers.
	keptChanges = 50
)

// live shows the page on the whole terminal until the user leaves.
func (o *statusOptions) live(ctx context.Context, client *operator.Client, ref api.Ref) error {
	place, err := reach.Find(ctx, client, ref)
	if err != nil && place.Job.Object == nil {
		return err
	}
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	source := &statusSource{o: o, client: client, ref: ref, tunnel: tunnel, place: place, poke: make(chan struct{}, 1), lastText: map[string]string{}}
	return screen.Run(ctx, o.In, o.Out, screen.Screen[view.Status]{
		Waiting: "looking at " + ref.String(), Source: source.follow,
		Draw: func(s view.Status, width int) screen.Picture {
			page := view.StatusPage{Palette: o.palette, Width: width, Verbose: o.verbose, Live: true, Now: o.now()}
			lines := strings.Split(strings.TrimSuffix(page.String(s), "\n"), "\n")
			return screen.Picture{Head: lines[:1], Body: lines[1:]}
		},
	})
}

// statusSource brings the live page's model: the job and its pods by watching,
// the JobManager's part and the events at intervals, none waiting for another.
type statusSource struct {
	o      *statusOptions
	client *operator.Client
	ref    api.Ref
	tunnel *portforward.Tunnel
	poke   chan struct{}

	mu      sync.Mutex
	place   reach.Place
	summary api.Summary
	seen    bool
	around  operator.Surroundings
	// pods are those watched; nil until the watch has shown all.
	pods map[string]operator.Pod
	// answer is the JobManager's part, and run what it does with a job that is
	// suspended.
	answer    view.Status
	run       *lifecycle.Rerun
	fromFlink flinkAnswer
	// findings are those of the last look, which is some seconds old.
	findings []diagnosis.Finding
	changes  []view.Change
	// lastText is what was last said of the job ("") and of each pod.
	lastText map[string]string
	gone     bool
}

func (s *statusSource) follow(ctx context.Context, show func(view.Status)) error {
	ctx, cancel := context.WithCancel(ctx)
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	tell := func() {
		if status, ok := s.status(); ok {
			show(status)
		}
	}
	group.Go(func() { s.every(ctx, lookEvery, s.poke, func() { s.look(ctx); tell() }) })
	group.Go(func() { s.every(ctx, findEvery, nil, func() { s.find(ctx); tell() }) })
	group.Go(func() { s.every(ctx, askEvery, nil, func() { s.ask(ctx); tell() }) })
	group.Go(func() { s.followPods(ctx, tell) })
	return wait.Follow(ctx, s.client.Resource(s.ref.Kind, s.ref.Namespace), wait.Named(s.ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		if event == watch.Bookmark {
			return false, nil
		}
		if err := s.take(event, object); err != nil {
			return true, err
		}
		tell()
		select {
		case s.poke <- struct{}{}:
		default:
		}
		return false, nil
	})
}

// every does something at once, at intervals and when poked, until ctx ends.
func (s *statusSource) every(ctx context.Context, interval time.Duration, poke <-chan struct{}, do func()) {
	clock := time.NewTicker(interval)
	defer clock.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-poke:
		case <-clock.C:
		}
	}
}

// take takes the job as the API server has it.
func (s *statusSource) take(event watch.EventType, object *unstructured.Unstructured) error {
	summary, err := api.Summarize(s.ref.Kind, object)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.summary, s.seen, s.gone = summary, true, event == watch.Deleted
	s.place.Job = api.Job{Kind: s.ref.Kind, Object: object}
	if s.place.Cluster.Object != nil && s.place.Cluster.Ref() == s.ref {
		s.place.Cluster = s.place.Job
		s.place.JobID = s.place.Job.JobID()
	}
	verdict := health.Of(summary, s.o.now())
	text := view.ChangeText(summary, verdict, s.o.palette)
	if s.gone {
		text = "deleted"
	}
	s.note("", text)
	return nil
}

// note remembers a change of the job ("") or a pod; mu is held.
func (s *statusSource) note(of, text string) {
	if s.lastText[of] == text {
		return
	}
	s.lastText[of] = text
	s.changes = append(s.changes, view.Change{At: s.o.now(), Text: text})
	if more := len(s.changes) - keptChanges; more > 0 {
		s.changes = slices.Delete(s.changes, 0, more)
	}
}

// look reads what surrounds the job. Where that fails, the page says so.
func (s *statusSource) look(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, s.o.limit())
	defer cancel()
	place, err := reach.Find(limited, s.client, s.ref)
	cluster := s.cluster()
	if err == nil && place.Cluster.Object != nil {
		cluster = place.Cluster.Object.GetName()
	}
	around := s.client.Around(ctx, s.ref, cluster)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.place = place
	}
	s.around = around
}

// find looks for what is wrong.
func (s *statusSource) find(ctx context.Context) {
	found := s.o.findings(ctx, s.client, s.ref)
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.findings = found
}

// limit bounds questions of the live page.
func (o *statusOptions) limit() time.Duration {
	if o.liveWait > 0 {
		return o.liveWait
	}
	return 5 * time.Second
}

func (s *statusSource) cluster() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.place.Cluster.Object == nil {
		return ""
	}
	return s.place.Cluster.Object.GetName()
}

// ask asks the JobManager.
func (s *statusSource) ask(ctx context.Context) {
	s.mu.Lock()
	place := s.place
	s.mu.Unlock()
	var answer view.Status
	fromFlink := s.o.askJobManager(ctx, s.tunnel, place, &answer)
	var run *lifecycle.Rerun
	if place.Suspended() {
		s.mu.Lock()
		pods := s.around.Pods
		s.mu.Unlock()
		run, _ = s.o.askSuspended(ctx, s.tunnel, place, pods) // the next question comes soon
	}
	if ctx.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run = run
	if len(answer.Unknown) > 0 { // what it said last still helps
		answer.Slots, answer.Checkpoints, answer.Job.Restarts = s.answer.Slots, s.answer.Checkpoints, s.answer.Job.Restarts
	}
	s.answer, s.fromFlink = answer, fromFlink
}

// followPods watches the pods of the cluster that the job runs in. Without the
// permission those that look reads are shown.
func (s *statusSource) followPods(ctx context.Context, tell func()) {
	for ctx.Err() == nil {
		cluster := s.cluster()
		watching, cancel := context.WithCancel(ctx)
		var group sync.WaitGroup
		group.Go(func() { // a blue/green deployment moves to another cluster
			s.every(watching, time.Second, nil, func() {
				if s.cluster() != cluster {
					cancel()
				}
			})
		})
		if cluster != "" {
			s.watchPods(watching, cluster, tell)
		}
		<-watching.Done()
		cancel()
		group.Wait()
	}
}

func (s *statusSource) watchPods(ctx context.Context, cluster string, tell func()) {
	pods := map[string]operator.Pod{}
	synced := false
	_ = s.client.FollowPods(ctx, s.ref.Namespace, cluster, func(event watch.EventType, pod operator.Pod) {
		s.mu.Lock()
		switch event {
		case watch.Bookmark:
			synced = true
		case watch.Deleted:
			delete(pods, pod.Name)
		default:
			pods[pod.Name] = pod
		}
		if pod.Name != "" {
			text := term.SafeLine(view.PodText(pod, event == watch.Deleted))
			if synced {
				s.note(pod.Name, text)
			}
			s.lastText[pod.Name] = text
		}
		if synced {
			s.pods = pods
		}
		s.mu.Unlock()
		if synced {
			tell()
		}
	})
	s.mu.Lock()
	s.pods = nil
	s.mu.Unlock()
}

// status is the model as of now; ok is false before the job was seen.
func (s *statusSource) status() (status view.Status, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.seen {
		return status, false
	}
	status = statusOf(s.summary, s.place)
	status.Slots, status.Checkpoints, status.Job.Restarts = s.answer.Slots, s.answer.Checkpoints, s.answer.Job.Restarts
	status.Unknown = slices.Clone(s.answer.Unknown)
	around := s.around
	if s.pods != nil {
		causes := map[string]string{} // a watch doesn't read logs
		for _, pod := range s.around.Pods {
			causes[pod.Name] = pod.Cause
		}
		around.Pods, around.PodsKnown = nil, around.PodsKnown || len(s.pods) > 0
		for _, pod := range s.pods {
			if pod.HasEnded() {
				pod.Cause = causes[pod.Name]
			}
			around.Pods = append(around.Pods, pod)
		}
		sorting.By(around.Pods, func(a, b operator.Pod) int {
			return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.Name, b.Name))
		})
	}
	judge(&status, s.summary, s.place, around, s.findings, s.fromFlink, s.o.now())
	runsAllTheSame(&status, s.run)
	status.Changes = slices.Clone(s.changes)
	slices.Reverse(status.Changes)
	if s.gone {
		status.Why = fmt.Sprintf("%s was deleted", s.ref)
	}
	return status, true
}
