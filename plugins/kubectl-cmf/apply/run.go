package apply

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// finish is how long a change that was begun may take to end after Ctrl-C: cut
// off in the middle, nobody would know whether it was made.
const finish = 15 * time.Second

// Runner takes the steps of a plan.
type Runner struct {
	Client *cmf.Client
	// Parallel bounds requests at a time within one rank.
	Parallel int
	// Done is called with each step as it ends, in any order within a rank.
	Done func(step Step, result cmf.Object, err error)
	// Warn is called with what to know before a step.
	Warn func(text string)
	// MetadataOnly deletes CMF's records only.
	MetadataOnly bool
	// WaitGone waits for each deletion to end before the next rank.
	WaitGone bool
	// Poll is how often a wait looks.
	Poll time.Duration
	// Limit bounds each wait for what other objects need; 0 is none.
	Limit time.Duration
	// Show is called with what is waited for; it may be nil.
	Show func(format string, args ...any)
	// Replan decides on a step once more whose object another user has created
	// since; nil lets it fail.
	Replan func(ctx context.Context, step Step) (Step, error)
	// Again says what to do when the steps weren't all taken.
	Again string
}

// IncompleteError says what was not done because something else failed or the
// user interrupted.
type IncompleteError struct {
	Failed []error
	// NotDone are the steps that weren't begun.
	NotDone []cmf.Ref
	// Cause is why the work ended early, nil where it ran to its end.
	Cause error
	// Again says what to do next.
	Again string
}

func (e *IncompleteError) Error() string {
	text := ""
	for _, err := range e.Failed {
		text += err.Error() + "\n"
	}
	if e.Cause != nil {
		text += e.Cause.Error() + "\n"
	}
	if len(e.NotDone) > 0 {
		text += "not done:\n"
		for _, ref := range e.NotDone {
			text += "  " + ref.String() + "\n"
		}
		again := "when the cause is gone, run the same command again"
		if e.Cause != nil {
			again = "run the same command again to finish"
		}
		text += cmp.Or(e.Again, again)
		return text
	}
	return text[:max(len(text)-1, 0)]
}

// Unwrap gives what went wrong.
func (e *IncompleteError) Unwrap() []error {
	if e.Cause != nil {
		return append(slices.Clone(e.Failed), e.Cause)
	}
	return e.Failed
}

// Run takes the steps, rank after rank; within a rank they don't depend on
// each other, except on what those before them define. After a failure it ends
// what runs beside it and begins no more.
func (r Runner) Run(ctx context.Context, steps []Step) error {
	incomplete := IncompleteError{Again: r.Again}
	markNeeded(steps)
	for _, batch := range batches(steps) {
		if len(incomplete.Failed) > 0 || ctx.Err() != nil {
			incomplete.skip(batch)
			continue
		}
		r.batch(ctx, batch, &incomplete)
	}
	if ctx.Err() != nil && incomplete.Cause == nil {
		incomplete.Cause = context.Cause(ctx)
	}
	if incomplete.Cause == nil && len(incomplete.Failed) == 0 {
		return nil
	}
	return &incomplete
}

// batches are the steps that may be taken at the same time: those of one rank,
// where one that defines what others may need stands alone, at its place in the
// files.
func batches(steps []Step) [][]Step {
	var out [][]Step
	for i, s := range steps {
		if i == 0 || s.Ref.Kind.Rank != steps[i-1].Ref.Kind.Rank || s.defines() || steps[i-1].defines() {
			out = append(out, nil)
		}
		out[len(out)-1] = append(out[len(out)-1], s)
	}
	return out
}

// defines reports whether steps behind s may need what it makes.
func (s Step) defines() bool {
	return s.needed || s.Action != Delete && s.Action != Prune && s.Ref.Kind.Defines != nil && s.Ref.Kind.Defines(s.Object)
}

// markNeeded marks the steps whose objects go on running and make something that
// a step behind them names.
func markNeeded(steps []Step) {
	for i := range steps {
		s := &steps[i]
		if s.Action == Delete || s.Action == Prune || s.Ref.Kind.Makes == nil {
			continue
		}
		made := s.Ref.Kind.Makes(s.Object)
		s.needed = made != "" && slices.ContainsFunc(steps[i+1:], func(later Step) bool {
			return later.Ref.Kind == s.Ref.Kind && later.Ref.Kind.NeedsMade(later.Object, made)
		})
	}
}

func (e *IncompleteError) skip(steps []Step) {
	for _, s := range steps {
		if s.Action != Unchanged {
			e.NotDone = append(e.NotDone, s.Ref)
		}
	}
}

func (r Runner) batch(ctx context.Context, steps []Step, incomplete *IncompleteError) {
	results := make([]cmf.Object, len(steps))
	errs := make([]error, len(steps))
	ended := make(chan int)
	work := make([]func() error, len(steps))
	for i, s := range steps {
		work[i] = func() error {
			defer func() { ended <- i }()
			if ctx.Err() != nil {
				errs[i] = errNotBegun
				return nil
			}
			steps[i], results[i], errs[i] = r.step(ctx, s)
			return nil
		}
	}
	go func() { _ = each(work, r.Parallel) }()
	// Told from here, so that lines don't mix.
	for range steps {
		i := <-ended
		if errors.Is(errs[i], errNotBegun) {
			incomplete.skip(steps[i : i+1])
			continue
		}
		if errs[i] != nil {
			incomplete.Failed = append(incomplete.Failed, errs[i])
		} else if err := steps[i].failed(results[i]); err != nil {
			incomplete.Failed = append(incomplete.Failed, err)
		}
		r.Done(steps[i], results[i], errs[i])
	}
}

var errNotBegun = errors.New("not begun")

// step takes one step, and returns the one that was taken in its place.
func (r Runner) step(ctx context.Context, s Step) (Step, cmf.Object, error) {
	if s.Warning != "" && r.Warn != nil {
		r.Warn(s.Warning)
	}
	// What was begun is brought to an end.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(finish, cancel) })()
	result, err := r.take(ctx, work, &s)
	if s.Action == Create && cmf.IsConflict(err) && r.Replan != nil {
		// Another user may have created it meanwhile.
		if now, planErr := r.Replan(work, s); planErr == nil && now.Live != nil && now.Action != Replace {
			if now.Warning != "" && r.Warn != nil {
				r.Warn(now.Warning)
			}
			result, err = r.take(ctx, work, &now)
			return now, result, err
		}
	}
	return s, result, err
}

func (r Runner) take(ctx, work context.Context, s *Step) (cmf.Object, error) {
	switch s.Action {
	case Create:
		return r.create(ctx, work, *s)
	case Configure:
		return r.Client.Update(work, s.Ref, s.Merged)
	case Replace:
		if _, err := r.delete(ctx, work, s.Ref, s.Live, true); err != nil {
			return nil, err
		}
		return r.create(ctx, work, *s)
	case Delete, Prune:
		gone, err := r.delete(ctx, work, s.Ref, s.Object, r.WaitGone)
		s.Asked = !gone
		return nil, err
	case Unchanged:
		return r.defined(ctx, *s, s.Live)
	}
	return nil, fmt.Errorf("%s: nothing is known about %q", s.Ref, s.Action)
}

// create creates an object, after what it runs on is ready, and waits for what
// it defines.
func (r Runner) create(ctx, work context.Context, s Step) (cmf.Object, error) {
	if s.leaving {
		bounded, cancel := r.limited(ctx)
		defer cancel()
		if err := Gone(bounded, r.Client, s.Ref, nil, r.Poll); err != nil {
			return nil, err
		}
	}
	made, err := r.Client.Create(work, s.Ref, s.Merged)
	if cmf.IsConflict(err) {
		if waited, waitErr := r.host(ctx, s); waitErr != nil {
			return nil, fmt.Errorf("%w\n%w", err, waitErr)
		} else if waited {
			made, err = r.Client.Create(work, s.Ref, s.Merged)
		}
	}
	if err != nil {
		return nil, err
	}
	return r.defined(ctx, s, made)
}

// failed is the error of a step that was taken and whose object has failed all
// the same, as a statement that doesn't compile: CMF answers 200 for it.
func (s Step) failed(result cmf.Object) error {
	err := HasFailed(s.Ref, result)
	switch {
	case err == nil || s.Action == Create || s.Action == Replace:
		return err
	case s.Action == Unchanged && s.Ref.Kind.Remake:
		return fmt.Errorf("%w; it stays so: --force deletes it and creates it again", err)
	}
	return nil
}

// host waits until what s runs on is ready, and reports whether it wasn't
// before: CMF refuses a statement while its pool starts.
func (r Runner) host(ctx context.Context, s Step) (waited bool, err error) {
	name := s.Merged.Text(s.Ref.Kind.HostPath)
	if s.Ref.Kind.Host == "" || name == "" {
		return false, nil
	}
	ref := cmf.Ref{Kind: cmf.Must(s.Ref.Kind.Host), Scope: s.Ref.Scope, Name: name}
	ref.Scope = ref.Kind.Trim(ref.Scope)
	live, err := r.Client.Get(ctx, ref)
	if err != nil {
		return false, ignoreMissing(err)
	}
	if _, verdict, _ := ref.Kind.State(live); verdict != cmf.Pending {
		return false, HasFailed(ref, live)
	}
	_, err = r.wait(ctx, ref, Ready(ref, nil))
	return true, err
}

// defined waits until what s defines is there for others; object is s as CMF
// has it now.
func (r Runner) defined(ctx context.Context, s Step, object cmf.Object) (cmf.Object, error) {
	if object == nil || !s.defines() {
		return object, nil
	}
	if _, verdict, _ := s.Ref.Kind.State(object); verdict != cmf.Pending {
		return object, nil
	}
	return r.wait(ctx, s.Ref, func(o cmf.Object) (bool, error) {
		_, verdict, _ := s.Ref.Kind.State(o)
		return verdict != cmf.Pending, nil
	})
}

func (r Runner) wait(ctx context.Context, ref cmf.Ref, condition Condition) (cmf.Object, error) {
	ctx, cancel := r.limited(ctx)
	defer cancel()
	return Waiter{Client: r.Client, Poll: r.Poll, Show: r.Show}.For(ctx, ref, condition)
}

// limited is ctx with the bound of one wait.
func (r Runner) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Limit <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, r.Limit, exit.Timeoutf("timed out after %s", r.Limit))
}

// delete deletes a resource, which was as given; gone is false where CMF still works
// on it and there was no wait.
func (r Runner) delete(ctx, work context.Context, ref cmf.Ref, was cmf.Object, wait bool) (gone bool, err error) {
	gone, err = r.Client.Delete(work, ref, cmf.DeleteOptions{MetadataOnly: r.MetadataOnly})
	if cmf.IsNotFound(err) {
		return true, nil // gone already is what was asked for
	}
	if err != nil || !wait {
		return gone, err
	}
	return true, Requested(Gone(ctx, r.Client, ref, was, r.Poll), "the deletion")
}

// DeletePlan are the steps that delete items, dependents first.
func DeletePlan(items []Item, action Action) []Step {
	steps := make([]Step, len(items))
	for i, item := range items {
		steps[i] = Step{Item: item, Action: action}
	}
	sorting.By(steps, func(a, b Step) int { return b.Ref.Kind.Rank - a.Ref.Kind.Rank })
	return steps
}
