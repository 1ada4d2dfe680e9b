package savepoint

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// UndeletedError says why a FlinkStateSnapshot isn't deleted although it was asked
// for.
type UndeletedError struct {
	Snapshot api.Ref
	Why      string
	// Next is what to do about it.
	Next string
}

func (e *UndeletedError) Error() string {
	return fmt.Sprintf("%s is marked for deletion but doesn't go: %s%s", e.Snapshot, e.Why, e.Next)
}

// awaitGone waits until a deleted snapshot is gone.
func awaitGone(parent context.Context, c *operator.Client, s api.Snapshot, d Deletion, reporter operator.Reporter) error {
	ctx, cancel := context.WithCancelCause(parent)
	var lookouts sync.WaitGroup
	defer func() { cancel(nil); lookouts.Wait() }()
	there := false
	what := "to be gone"
	if d.Loses {
		what = "and its data to be gone"
	}
	waiting := func() {
		reporter.Waitingf("%s: waiting for it %s", s.Name(), what)
		if s.State() == api.SnapshotInProgress {
			reporter.Waitingf("%s: the savepoint is in progress; it goes when that has ended", s.Name())
		}
	}
	waiting()
	since := time.Now()
	if at := s.Object.GetDeletionTimestamp(); at != nil {
		since = at.Time
	}
	first := s // s changes below
	lookouts.Add(2)
	go func() { defer lookouts.Done(); watchCleanup(ctx, c, cancel, first, since) }()
	go func() { defer lookouts.Done(); watchStuck(ctx, c, cancel, first, d) }()
	err := wait.Follow(ctx, c.Resource(api.StateSnap, s.Object.GetNamespace()), wait.Named(s.Name()), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		switch {
		case event == watch.Bookmark:
			return !there, nil
		case event == watch.Deleted, object.GetUID() != s.Object.GetUID():
			return true, nil // gone, or another one of that name already
		}
		s, there = api.Snapshot{Object: object}, true
		waiting()
		return false, nil
	}, wait.OnTrouble(reporter.Trouble(s.Name(), waiting)))
	code := exit.Code(err)
	if err == nil || code != exit.TimedOut && code != exit.Interrupted {
		return err
	}
	message := fmt.Sprintf("%v: %s is marked for deletion and goes when the operator lets it", err, s.Ref())
	look, done := context.WithTimeout(context.WithoutCancel(parent), 5*time.Second)
	defer done()
	if why := whyStuck(look, c, s, d); why != nil {
		message = fmt.Sprintf("%v: %v", err, why)
	}
	return exit.With(code, errors.New(message))
}

// cleanupFailed is the reason of the event by which the operator says that it
// can't delete a savepoint's data.
const cleanupFailed = "CleanupFailed"

// watchCleanup ends the wait as soon as the operator says that it can't.
func watchCleanup(ctx context.Context, c *operator.Client, cancel context.CancelCauseFunc, s api.Snapshot, since time.Time) {
	// Without the permission to watch events nothing is noticed here.
	_ = wait.Follow(ctx, c.Dynamic().Resource(corev1.SchemeGroupVersion.WithResource("events")).Namespace(s.Object.GetNamespace()), metav1.ListOptions{FieldSelector: operator.WarningsAbout(s.Name())},
		func(event watch.EventType, _ *unstructured.Unstructured) (bool, error) {
			if event != watch.Added && event != watch.Modified {
				return false, nil
			}
			for _, e := range c.WarningsSince(ctx, s.Object.GetNamespace(), since.Add(-2*time.Second), operator.SubjectOf(s.Object)) {
				if e.Reason != cleanupFailed || keepsData(ctx, c, s) {
					continue
				}
				why := "the operator says: " + e.Root()
				if found := cannotDispose(ctx, c, s); found != "" {
					why = found
				}
				cancel(&UndeletedError{Snapshot: s.Ref(), Why: why, Next: deleteInstead(s)})
				return true, nil
			}
			return false, nil
		})
}

// keepsData reports whether the snapshot's data stays by now, or the snapshot
// is gone: what the operator said before is of no matter then.
func keepsData(ctx context.Context, c *operator.Client, s api.Snapshot) bool {
	object, err := c.Resource(api.StateSnap, s.Object.GetNamespace()).Get(ctx, s.Name(), metav1.GetOptions{})
	if err != nil {
		return apierrors.IsNotFound(err)
	}
	dispose, found, _ := unstructured.NestedBool(object.Object, "spec", "savepoint", "disposeOnDelete")
	return found && !dispose
}

// watchStuck looks, after a while, for what else may hold the snapshot.
func watchStuck(ctx context.Context, c *operator.Client, cancel context.CancelCauseFunc, s api.Snapshot, d Deletion) {
	timer := time.NewTimer(operator.SilenceLimit)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
		if why := whyStuck(ctx, c, s, d); why != nil {
			cancel(why)
		}
	}
}

// whyStuck is why a snapshot that was deleted is still there; nil if it may
// go yet.
func whyStuck(ctx context.Context, c *operator.Client, s api.Snapshot, d Deletion) error {
	if health := c.OperatorHealth(ctx); health.Stopped() {
		return &UndeletedError{Snapshot: s.Ref(), Why: health.String(), Next: "\nIt goes when the operator runs again. If it never will, take the finalizer off (the data stays): " + unfinalize(s)}
	}
	if d.Loses {
		if why := cannotDispose(ctx, c, s); why != "" {
			return &UndeletedError{Snapshot: s.Ref(), Why: why, Next: deleteInstead(s)}
		}
	}
	return nil
}

func unfinalize(s api.Snapshot) string {
	return fmt.Sprintf(`kubectl patch %s %s -n %s --type=merge -p '{"metadata":{"finalizers":null}}'`, api.StateSnap.Singular, s.Name(), s.Object.GetNamespace())
}

// WhyStuck is why a snapshot that is marked for deletion is still there; "" if
// it isn't marked or may go yet.
func WhyStuck(ctx context.Context, c *operator.Client, s api.Snapshot) string {
	if s.Object.GetDeletionTimestamp().IsZero() {
		return ""
	}
	if err := whyStuck(ctx, c, s, Deletion{Disposes: s.Disposes(), Loses: s.Disposes() && s.HasData()}); err != nil {
		return err.Error()
	}
	return ""
}
