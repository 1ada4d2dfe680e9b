package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// defaultPoll is how often a wait looks; CMF has no watch.
const defaultPoll = time.Second

// settle is how long a resource that was ready before a change may stay as it
// is until the change counts as one that needed no new deployment.
const settle = 20 * time.Second

// Condition is what a wait waits for. It is asked with each state of the
// resource and says done, or an error that ends the wait.
type Condition func(o cmf.Object) (done bool, err error)

// Waiter waits for resources.
type Waiter struct {
	Client *cmf.Client
	Poll   time.Duration
	// Show is called with what the wait is for and what state it found.
	Show func(format string, args ...any)
}

func (w Waiter) show(format string, args ...any) {
	if w.Show != nil {
		w.Show(format, args...)
	}
}

func poll(d time.Duration) time.Duration {
	if d <= 0 {
		return defaultPoll
	}
	return d
}

// For asks for the resource until condition is done. A short absence of CMF
// doesn't end the wait; ctx bounds it.
func (w Waiter) For(ctx context.Context, ref cmf.Ref, condition Condition) (cmf.Object, error) {
	var last string
	tick := time.NewTicker(poll(w.Poll))
	defer tick.Stop()
	for {
		object, err := w.Client.Get(ctx, ref)
		switch {
		case ctx.Err() != nil:
			return nil, ended(ctx, ref, last)
		case err == nil:
			state, _, why := ref.Kind.State(object)
			if last = state; why != "" {
				last += ": " + term.SafeLine(why)
			}
			done, err := condition(object)
			if done || err != nil {
				return object, err
			}
			w.show("waiting for %s: %s", ref, orUnknown(last))
		case passing(err):
			last = err.Error()
			w.show("waiting for %s: %s", ref, last)
		default:
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ended(ctx, ref, last)
		case <-tick.C:
		}
	}
}

// passing reports whether err may go away by itself.
func passing(err error) bool {
	var unreachable *cmf.UnreachableError
	var answer *cmf.AnswerError
	status := cmf.StatusOf(err)
	return errors.As(err, &unreachable) || errors.As(err, &answer) && answer.Cut || status >= 500 || status == 429
}

func orUnknown(state string) string {
	if state == "" {
		return "no state yet"
	}
	return state
}

// ended is the error of a wait that ctx ended: time-outs tell the last state.
func ended(ctx context.Context, ref cmf.Ref, last string) error {
	cause := context.Cause(ctx)
	if exit.Code(cause) == exit.TimedOut {
		return exit.Timeoutf("timed out waiting for %s; it is still: %s", ref.Where(), orUnknown(last))
	}
	return cause
}

// Requested adds to the error of a wait that CMF has taken what is waited for, where
// the error doesn't say how it ended: it may still come true.
func Requested(err error, what string) error {
	var unreachable *cmf.UnreachableError
	var login *cmf.LoginError
	code := exit.Code(err)
	if code != exit.TimedOut && code != exit.Interrupted && cmf.StatusOf(err) == 0 && !errors.As(err, &unreachable) && !errors.As(err, &login) || cmf.IsNotFound(err) {
		return err
	}
	return fmt.Errorf("%w; %s was requested, and CMF goes on with it", err, what)
}

// mark is what tells one deployment of a resource from the next: when Flink's
// operator last took up a spec, and which job runs since when. The instance
// that CMF names doesn't count: it can be the next one while the status is
// still the last one's.
func mark(o cmf.Object) string {
	return o.Text("status.reconciliationStatus.reconciliationTimestamp") + "/" + o.Text("status.jobStatus.jobId") + "/" + o.Text("status.jobStatus.startTime")
}

// Ready is the condition that the resource is in the state that its spec asks
// for. before, where given, is what it was before a change: its old status
// doesn't count, as long as it may still be the old one.
func Ready(ref cmf.Ref, before cmf.Object) Condition {
	started := time.Now()
	passes := mayPass(ref.Kind)
	moved := false
	return func(o cmf.Object) (bool, error) {
		state, verdict, why := ref.Kind.State(o)
		if before != nil && !moved {
			if sameState(ref.Kind, before, o) {
				if time.Since(started) < settle {
					return false, nil // may well be the status from before the change
				}
			} else {
				// A kind whose status has nothing that tells one deployment from the
				// next, as a statement's, has no other sign than that it went through
				// another state.
				moved = mark(before) == noMark
			}
		}
		switch {
		case passes(state, verdict, why):
		case verdict == cmf.Failed:
			return false, failure(ref, state, why)
		case verdict == cmf.Ready:
			return true, nil
		}
		return false, nil
	}
}

// noMark is the mark of what has none.
const noMark = "//"

func sameState(kind *cmf.Kind, a, b cmf.Object) bool {
	x, _, _ := kind.State(a)
	y, _, _ := kind.State(b)
	return x == y && mark(a) == mark(b)
}

// HasFailed is the error of a resource that its status says has failed, nil
// for others.
func HasFailed(ref cmf.Ref, o cmf.Object) error {
	if o == nil {
		return nil
	}
	state, verdict, why := ref.Kind.State(o)
	if verdict != cmf.Failed {
		return nil
	}
	return failure(ref, state, why)
}

func failure(ref cmf.Ref, state, why string) error {
	if why == "" {
		return fmt.Errorf("%s is %s; see: kubectl cmf %s describe %s", ref.Where(), state, ref.Kind.Name, ref.Name)
	}
	return fmt.Errorf("%s is %s: %s", ref.Where(), state, term.SafeLine(why))
}

// State is the condition that the resource's state is the word want. Another
// state that it can't leave by itself ends the wait.
func State(ref cmf.Ref, want string) Condition {
	passes := mayPass(ref.Kind)
	return func(o cmf.Object) (bool, error) {
		state, verdict, why := ref.Kind.State(o)
		if state == want {
			return true, nil
		}
		for _, phase := range ref.Kind.Phases {
			if o.Text(phase.Path) == want {
				return true, nil
			}
		}
		if verdict == cmf.Failed && !passes(state, verdict, why) {
			return false, failure(ref, state, why)
		}
		if slices.Contains(ref.Kind.Ends, state) {
			return false, fmt.Errorf("%s is %s for good, and doesn't become %s any more", ref.Where(), state, want)
		}
		return false, nil
	}
}

// lasts is how long a state that also comes and goes by itself must last to
// count as failure.
const lasts = 45 * time.Second

// mayPass makes a test for states that look like failure but may still pass.
// It remembers since when it sees one, so each wait needs its own.
func mayPass(kind *cmf.Kind) func(state string, verdict cmf.Verdict, why string) bool {
	var since time.Time
	return func(state string, verdict cmf.Verdict, why string) bool {
		if verdict != cmf.Failed || !kind.Passes(state, why) {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) < lasts
	}
}

// Field is the condition that the value at path is want, or is there at all
// where want is empty.
func Field(path, want string) Condition {
	return func(o cmf.Object) (bool, error) {
		got := o.Text(path)
		return got != "" && (want == "" || got == want), nil
	}
}

// identity tells a resource from another one of its name, where CMF has that.
func identity(o cmf.Object) string {
	return o.Text("metadata.uid|metadata.creationTimestamp|created_time")
}

// Gone waits until the resource isn't there any more. Another one of its name, made
// since, isn't it: what is given as was, else what is there at first, tells them apart.
func Gone(ctx context.Context, client *cmf.Client, ref cmf.Ref, was cmf.Object, every time.Duration) error {
	last, own := "", identity(was)
	tick := time.NewTicker(poll(every))
	defer tick.Stop()
	for {
		object, err := client.Get(ctx, ref)
		if err == nil {
			// A resource that CMF deletes may say so, or keep its state meanwhile.
			state, _, _ := ref.Kind.State(object)
			last = cmp.Or(state, "there")
			now := identity(object)
			if own != "" && now != "" && now != own {
				return nil
			}
			own = cmp.Or(own, now)
		}
		switch {
		case cmf.IsNotFound(err):
			return nil
		case ctx.Err() != nil:
			return ended(ctx, ref, last)
		case err != nil && !passing(err):
			return err
		}
		select {
		case <-ctx.Done():
			return ended(ctx, ref, last)
		case <-tick.C:
		}
	}
}
