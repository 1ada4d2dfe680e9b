package reach

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// SourceLimit bounds how long one source of facts is waited for.
const SourceLimit = 10 * time.Second

// Gatherer collects the facts that diagnosis goes by. What all jobs have in
// common, like nodes and operators, it reads once.
type Gatherer struct {
	Client *operator.Client
	// Ask is a client of the JobManager at a place; where it is nil JobManagers
	// aren't asked.
	Ask func(Place) (*rest.Client, error)
	// Limit is for each source; 0 is SourceLimit.
	Limit time.Duration
	// Now is the clock; nil is the machine's.
	Now func() time.Time
	// Dial connects to a pod behind a Service; nil asks no webhook for its certificate.
	Dial func(ctx context.Context, target portforward.Target) (net.Conn, error)
	// Store opens where a job keeps its state; nil looks for no bucket.
	Store func(ctx context.Context, job api.Job, path string) (storage.Store, func() error, error)
	// Sample is how long a job's flow is looked at, to see what stands still or
	// grows; 0 looks once.
	Sample time.Duration
	// NoWait takes the numbers of tasks that are there at once. Flink fetches them
	// after it was asked for the first time, so that there may be none.
	NoWait bool

	mu     sync.Mutex
	shared map[string]*sharedAnswer
	slots  chan struct{}
}

// askedAtOnce is how many questions are on their way at once. Each answer has a
// bound, and so have all that are in memory together.
const askedAtOnce = 3

// slot is held while a question is asked.
func (g *Gatherer) slot() chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.slots == nil {
		g.slots = make(chan struct{}, askedAtOnce)
	}
	return g.slots
}

// Unread is a source that wasn't read.
type Unread struct {
	Source diagnosis.Source `json:"source"`
	Mark   diagnosis.Mark   `json:"mark"`
	// Why is the error's first line. It is foreign.
	Why string `json:"why"`
}

func (g *Gatherer) now() time.Time {
	if g.Now != nil {
		return g.Now()
	}
	return time.Now()
}

// sources asks several sources at once and notes which were read.
type sources struct {
	limit  time.Duration
	slots  chan struct{}
	group  sync.WaitGroup
	mu     sync.Mutex
	marks  map[diagnosis.Source]diagnosis.Mark
	unread []Unread
}

// limit is how long one source is waited for.
func (g *Gatherer) limit() time.Duration {
	if g.Limit <= 0 {
		return SourceLimit
	}
	return g.Limit
}

func (g *Gatherer) sources() *sources {
	return &sources{limit: g.limit(), slots: g.slot(), marks: map[diagnosis.Source]diagnosis.Mark{}}
}

// ask runs a question beside the others. What it found is kept only where it
// answers in time: keep is never called after ask's group has been waited for,
// even if the question goes on.
func (s *sources) ask(ctx context.Context, source diagnosis.Source, question func(context.Context) (keep func(), err error)) {
	s.group.Go(func() { s.answer(ctx, source, question) })
}

// answer is ask for who has nothing else to do; it reports whether the source
// was read.
func (s *sources) answer(ctx context.Context, source diagnosis.Source, question func(context.Context) (keep func(), err error)) bool {
	// The time that a question waits for its turn isn't the source's.
	select {
	case s.slots <- struct{}{}:
		defer func() { <-s.slots }()
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.limit, errNoAnswer)
	defer cancel()
	type answer struct {
		keep func()
		err  error
	}
	done := make(chan answer, 1)
	go func() {
		keep, err := question(ctx)
		done <- answer{keep, err}
	}()
	var got answer
	select {
	case got = <-done:
	case <-ctx.Done():
		got.err = context.Cause(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if got.keep != nil {
		got.keep()
	}
	if got.err == nil {
		s.marks[source] = diagnosis.Read
		return true
	}
	if errors.Is(got.err, context.DeadlineExceeded) && ctx.Err() != nil {
		got.err = context.Cause(ctx)
	}
	s.note(source, MarkOf(got.err), got.err)
	return false
}

// note marks a source; s.mu is held.
func (s *sources) note(source diagnosis.Source, mark diagnosis.Mark, err error) {
	s.marks[source] = mark
	if mark != diagnosis.NotThere && mark != diagnosis.NotAsked {
		s.unread = append(s.unread, Unread{source, mark, api.FirstLine(err.Error())})
	}
}

func (s *sources) wait() (map[diagnosis.Source]diagnosis.Mark, []Unread) {
	s.group.Wait()
	sorting.By(s.unread, func(a, b Unread) int { return strings.Compare(string(a.Source), string(b.Source)) })
	return s.marks, s.unread
}

// isName reports whether a server's word can be the name of an object, so that
// it leads nowhere else in a path or a selector.
func isName(name string) bool { return len(validation.IsDNS1123Subdomain(name)) == 0 }

var (
	errNoAnswer = errors.New("no answer in time")
	errNotAsked = errors.New("not asked")
	errNotThere = errors.New("not there")
)

// MarkOf is what an error says of the source that gave it.
func MarkOf(err error) diagnosis.Mark {
	switch {
	case err == nil:
		return diagnosis.Read
	case errors.Is(err, errNotAsked):
		return diagnosis.NotAsked
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return diagnosis.NotAllowed
	case errors.Is(err, errNotThere), apierrors.IsNotFound(err), meta.IsNoMatchError(err), errors.Is(err, operator.ErrNotInstalled), rest.NotFound(err):
		return diagnosis.NotThere
	}
	return diagnosis.NoAnswer
}

// sharedAnswer is what was read once for all jobs.
type sharedAnswer struct {
	once  sync.Once
	value any
	err   error
}

// once reads what several jobs have in common the first time that one asks.
func once[T any](ctx context.Context, g *Gatherer, key string, read func(context.Context) (T, error)) (T, error) {
	g.mu.Lock()
	if g.shared == nil {
		g.shared = map[string]*sharedAnswer{}
	}
	answer := g.shared[key]
	if answer == nil {
		answer = &sharedAnswer{}
		g.shared[key] = answer
	}
	g.mu.Unlock()
	answer.once.Do(func() {
		value, err := read(ctx)
		answer.value, answer.err = value, err
	})
	value, _ := answer.value.(T)
	return value, answer.err
}

// Job gathers what is known of the job ref. It fails only where the object
// itself can't be read.
func (g *Gatherer) Job(ctx context.Context, ref api.Ref) (*diagnosis.JobFacts, []Unread, error) {
	object, err := g.Client.Get(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	f := &diagnosis.JobFacts{Now: g.now(), Object: object}
	s := g.sources()
	place := Place{Job: api.Job{Kind: ref.Kind, Object: object}, Gone: true}
	// What the others need: where the job runs, and how it is configured.
	s.answer(ctx, diagnosis.FromCluster, func(ctx context.Context) (func(), error) {
		found, err := Find(ctx, g.Client, ref)
		if found.Gone {
			err = errNotThere
		}
		return func() {
			if found.Cluster.Object == nil {
				return
			}
			place = found
			f.Config = found.Config
			if ref.Kind.Name != api.Deployment.Name {
				f.Cluster = found.Cluster.Object
			}
		}, err
	})
	cluster := ""
	if place.Cluster.Object != nil {
		cluster = place.Cluster.Object.GetName()
	}
	namespace := ref.Namespace
	s.ask(ctx, diagnosis.FromConfig, func(ctx context.Context) (func(), error) {
		if place.Known || cluster == "" {
			if !place.Known {
				return nil, errNotThere
			}
			return nil, nil
		}
		_, err := g.Client.Core().CoreV1().ConfigMaps(namespace).Get(ctx, "flink-config-"+cluster, getOptions)
		if err == nil {
			err = errNotThere // it came just now, or has no configuration in it
		}
		return nil, err
	})
	s.ask(ctx, diagnosis.FromEvents, func(ctx context.Context) (func(), error) {
		events, err := g.Client.RawEventsAbout(ctx, ref, cluster)
		return func() { f.Events = events }, err
	})
	if cluster != "" {
		g.askPods(ctx, s, f, namespace, cluster)
		g.askFlink(ctx, s, f, place)
		g.askService(ctx, s, f, namespace, cluster)
	}
	g.askAround(ctx, s, f, ref, cluster)
	f.Marks, _ = s.wait()
	// The pods say which objects they name.
	more := g.sources()
	g.askNamed(ctx, more, f, namespace, cluster)
	marks, unread := more.wait()
	maps.Copy(f.Marks, marks)
	if f.EndsUnexplained() {
		g.watchAnEnd(ctx, f, namespace, cluster)
	}
	// A JobManager that isn't there doesn't answer: that is no gap.
	if f.Marks[diagnosis.FromJobManager] == diagnosis.NoAnswer && !hasReadyJobManager(f) {
		s.unread = slices.DeleteFunc(s.unread, func(u Unread) bool { return u.Source == diagnosis.FromJobManager })
	}
	return f, append(s.unread, unread...), nil
}

// Jobs are the jobs and session clusters of a namespace, "" is all, that match a
// label selector. A blue/green deployment's own children aren't among them: they
// are looked at with it.
func (g *Gatherer) Jobs(ctx context.Context, namespace, selector string) ([]api.Job, error) {
	return once(ctx, g, "jobs/"+namespace+"/"+selector, func(ctx context.Context) ([]api.Job, error) {
		served, err := g.Client.Served(ctx)
		if err != nil {
			return nil, err
		}
		var out []api.Job
		for _, kind := range api.JobKinds {
			if !slices.Contains(served, kind.Plural) {
				continue
			}
			items, err := g.Client.List(ctx, kind, namespace, metav1.ListOptions{LabelSelector: selector})
			if apierrors.IsForbidden(err) && kind.Name == api.BlueGreen.Name {
				continue // a role made for an older operator doesn't name this kind
			}
			if err != nil {
				return nil, err
			}
			for i := range items {
				if job := (api.Job{Kind: kind, Object: &items[i]}); job.BlueGreenParent() == "" {
					out = append(out, job)
				}
			}
		}
		return out, nil
	})
}

func hasReadyJobManager(f *diagnosis.JobFacts) bool {
	return f.Marks[diagnosis.FromPods] != diagnosis.Read || slices.ContainsFunc(f.Pods, func(p diagnosis.PodFacts) bool {
		return p.Role == "jobmanager" && podReady(p.Pod)
	})
}

func podReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
