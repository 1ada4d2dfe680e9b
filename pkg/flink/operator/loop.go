package operator

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
)

// Loop drives everything that is followed: goroutines watch and ask, and what
// they find is taken in, one thing at a time, by the goroutine that judges it.
// What is known therefore needs no lock, and judging it is a plain function.
type Loop struct {
	found chan func()
	group sync.WaitGroup
	// context ends with Close, and with the context of NewLoop.
	context context.Context //nolint:containedctx // of the loop's own goroutines
	cancel  context.CancelFunc

	mu sync.Mutex
	// cut is the error of the first watch that the loop's end cut off.
	cut error
}

// NewLoop makes a loop whose goroutines end with ctx. The caller closes it.
func NewLoop(ctx context.Context) *Loop {
	ctx, cancel := context.WithCancel(ctx)
	return &Loop{found: make(chan func()), context: ctx, cancel: cancel}
}

// Close ends the loop's goroutines, and returns when they have ended.
func (l *Loop) Close() {
	l.cancel()
	l.group.Wait()
}

// Context ends with the loop.
func (l *Loop) Context() context.Context { return l.context }

// Go runs work beside the loop; its context ends with the loop.
func (l *Loop) Go(work func(ctx context.Context)) {
	l.group.Go(func() { work(l.context) })
}

// Tell has the loop's goroutine take something in. It is for the goroutines
// beside it, and false once the loop has ended.
func (l *Loop) Tell(take func()) bool {
	select {
	case l.found <- take:
		return true
	case <-l.context.Done():
		return false
	}
}

// Ended closes the loop whose context ctx has ended, and is the error of that:
// ctx's cause, with what the API server did at that moment if it didn't answer.
func (l *Loop) Ended(ctx context.Context) error {
	l.Close()
	if l.cut != nil {
		return l.cut
	}
	return context.Cause(ctx)
}

// Watch follows the objects that options select. The loop's goroutine calls see
// with each event, as wait.Handler has them, then ended, which may be nil, with
// what ended the watch, and trouble, which may be nil, as wait.OnTrouble calls it.
func (l *Loop) Watch(resource dynamic.ResourceInterface, options metav1.ListOptions, see func(watch.EventType, *unstructured.Unstructured), ended, trouble func(error)) {
	var opts []wait.Option
	if trouble != nil {
		opts = append(opts, wait.OnTrouble(func(err error) { l.Tell(func() { trouble(err) }) }))
	}
	l.Go(func(ctx context.Context) {
		err := wait.Follow(ctx, resource, options, func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
			l.Tell(func() { see(event, object) })
			return false, nil
		}, opts...)
		if ended != nil && !l.Tell(func() { ended(err) }) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.cut == nil {
				l.cut = err
			}
		}
	})
}

// Run calls judge at once, after all that is taken in, and each second, until it
// is done. done is false where ctx ended before; the error is then its cause.
func (l *Loop) Run(ctx context.Context, judge func() (done bool, err error)) (done bool, err error) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		if done, err := judge(); done || err != nil {
			return true, err
		}
		select {
		case take := <-l.found:
			take()
		case <-tick.C:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

// SilenceLimit is how long the operator may take to react before somebody
// looks why. It watches its objects, so a healthy one reacts within a second
// or two.
const SilenceLimit = 12 * time.Second

// Silence notices that the operator does nothing. The zero value waits for
// Begin.
type Silence struct {
	// last is when it last did something, or was first waited for; checked when
	// somebody last looked why it does not.
	last, checked time.Time
	reacted       bool
	finding       string
}

// Begin says that the operator has something to do from now on.
func (s *Silence) Begin(now time.Time) { s.last = now }

// Active says that the operator did something.
func (s *Silence) Active(now time.Time) { s.last, s.reacted, s.finding = now, true, "" }

// Reacted reports whether the operator ever did.
func (s *Silence) Reacted() bool { return s.reacted }

// Due reports, once for each SilenceLimit without a reaction, that somebody
// should look why.
func (s *Silence) Due(now time.Time) bool {
	if s.last.IsZero() || now.Sub(s.last) < SilenceLimit || now.Sub(s.checked) < SilenceLimit {
		return false
	}
	s.checked = now
	return true
}

// Found remembers why nothing happens, and reports whether that is new.
func (s *Silence) Found(finding string) bool {
	before := s.finding
	s.finding = finding
	return before != finding
}

// Finding is why nothing happens; "" if something did.
func (s *Silence) Finding() string { return s.finding }
