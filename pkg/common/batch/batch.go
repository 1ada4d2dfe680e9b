// Package batch does one thing to many objects at once: in order, a few at a
// time, with a summary and the command that goes on with the rest.
package batch

import (
	"context"
	"sync"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// DefaultParallel is how many objects are worked on at once where nobody says
// otherwise.
const DefaultParallel = 4

// Options bound a batch.
type Options struct {
	// MaxParallel is how many objects are worked on at once; less than 1 is
	// DefaultParallel.
	MaxParallel int
	// StopOnFailure begins with no other object once one has failed. What was
	// begun is carried on to its end.
	StopOnFailure bool
}

// Result is the outcome of one object of a batch.
type Result[T, R any] struct {
	Item T
	// Begun is false where it was not begun: Value and Err are zero then.
	Begun bool
	// Value may hold something also beside an error.
	Value R
	Err   error
}

// Done reports whether the object was begun and did not fail.
func (r Result[T, R]) Done() bool { return r.Begun && r.Err == nil }

// Run calls do for each item, in their order and options.MaxParallel at once,
// and returns when all that was begun has ended. Nothing is begun once ctx has
// ended. ended, which may be nil, is called after each, never twice at a time;
// done is how many have ended. The results are in the order of the items.
func Run[T, R any](ctx context.Context, items []T, options Options, do func(context.Context, T) (R, error), ended func(result Result[T, R], done int)) []Result[T, R] {
	var (
		mu      sync.Mutex
		group   sync.WaitGroup
		done    int
		failed  bool
		results = make([]Result[T, R], len(items))
		slots   = make(chan struct{}, parallel(options.MaxParallel))
	)
	for i, item := range items {
		results[i].Item = item
	}
	for i, item := range items {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
		}
		mu.Lock()
		stop := options.StopOnFailure && failed
		mu.Unlock()
		if ctx.Err() != nil || stop {
			break
		}
		results[i].Begun = true
		group.Go(func() {
			defer func() { <-slots }()
			value, err := do(ctx, item)
			mu.Lock()
			defer mu.Unlock()
			results[i].Value, results[i].Err = value, err
			failed = failed || err != nil
			done++
			if ended != nil {
				ended(results[i], done)
			}
		})
	}
	group.Wait()
	return results
}

func parallel(n int) int {
	if n < 1 {
		return DefaultParallel
	}
	return n
}

// Values are the results' values that keep wants; nil keeps those that are done.
func Values[T, R any](results []Result[T, R], keep func(Result[T, R]) bool) []R {
	var out []R
	for _, r := range results {
		if r.Done() || keep != nil && keep(r) {
			out = append(out, r.Value)
		}
	}
	return out
}

// Worse is the exit code of two: an interruption weighs more than a failure,
// and that more than a time-out.
func Worse(a, b int) int {
	for _, code := range []int{exit.Interrupted, exit.Failed, exit.TimedOut} {
		if a == code || b == code {
			return code
		}
	}
	return max(a, b)
}
