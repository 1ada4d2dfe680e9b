package apply

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

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
	// Done is told of each step as it ends, in any order within a rank.
	Done func(step Step, result cmf.Object, err error)
	// Warn is told what to know before a step.
	Warn func(text string)
	// MetadataOnly deletes CMF's records only.
	MetadataOnly bool
	// WaitGone waits for each deletion to end before the next rank.
	WaitGone bool
	// Poll is how often a wait looks.
	Poll time.Duration
}

// IncompleteError says what was not done because something else failed or the
// user interrupted.
type IncompleteError struct {
	Failed []error
	// NotDone are the steps that weren't begun.
	NotDone []cmf.Ref
	// Cause is why the work ended early, nil where it ran to its end.
	Cause error
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
		text += "run the same command again to finish"
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
// each other. After a failure it ends the rank and begins no other.
func (r Runner) Run(ctx context.Context, steps []Step) error {
	var incomplete IncompleteError
	for len(steps) > 0 {
		n := 1
		for n < len(steps) && steps[n].Ref.Kind.Rank == steps[0].Ref.Kind.Rank {
			n++
		}
		var rank []Step
		rank, steps = steps[:n], steps[n:]
		if len(incomplete.Failed) > 0 || ctx.Err() != nil {
			incomplete.skip(rank)
			continue
		}
		r.rank(ctx, rank, &incomplete)
	}
	if ctx.Err() != nil {
		incomplete.Cause = context.Cause(ctx)
	}
	if incomplete.Cause == nil && len(incomplete.Failed) == 0 {
		return nil
	}
	return &incomplete
}

func (e *IncompleteError) skip(steps []Step) {
	for _, s := range steps {
		if s.Action != Unchanged {
			e.NotDone = append(e.NotDone, s.Ref)
		}
	}
}

func (r Runner) rank(ctx context.Context, steps []Step, incomplete *IncompleteError) {
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
			results[i], errs[i] = r.step(ctx, s)
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
		}
		r.Done(steps[i], results[i], errs[i])
	}
}

var errNotBegun = errors.New("not begun")

func (r Runner) step(ctx context.Context, s Step) (cmf.Object, error) {
	if s.Warning != "" && r.Warn != nil {
		r.Warn(s.Warning)
	}
	// What was begun is brought to an end.
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(finish, cancel) })()
	switch s.Action {
	case Create:
		return r.Client.Create(work, s.Ref, s.Merged)
	case Configure:
		return r.Client.Update(work, s.Ref, s.Merged)
	case Replace:
		if err := r.delete(ctx, work, s.Ref, true); err != nil {
			return nil, err
		}
		return r.Client.Create(work, s.Ref, s.Merged)
	case Delete, Prune:
		return nil, r.delete(ctx, work, s.Ref, r.WaitGone)
	case Unchanged:
		return s.Live, nil
	}
	return nil, fmt.Errorf("%s: nothing is known about %q", s.Ref, s.Action)
}

func (r Runner) delete(ctx, work context.Context, ref cmf.Ref, wait bool) error {
	_, err := r.Client.Delete(work, ref, cmf.DeleteOptions{MetadataOnly: r.MetadataOnly})
	if cmf.IsNotFound(err) {
		return nil // gone already is what was asked for
	}
	if err != nil || !wait {
		return err
	}
	return Gone(ctx, r.Client, ref, r.Poll)
}

// DeletePlan are the steps that delete items, dependents first.
func DeletePlan(items []Item, action Action) []Step {
	steps := make([]Step, len(items))
	for i, item := range items {
		steps[i] = Step{Item: item, Action: action}
	}
	slices.SortStableFunc(steps, func(a, b Step) int { return b.Ref.Kind.Rank - a.Ref.Kind.Rank })
	return steps
}
