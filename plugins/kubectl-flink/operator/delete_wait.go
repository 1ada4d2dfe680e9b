package operator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
)

// blockedAfter is how long a deletion takes where all is well, and more; then
// somebody looks what holds it up, and again after as long.
const blockedAfter = 6 * time.Second

// awaitDeleted waits until the job's object is gone, and says what holds that up.
func (c *Client) awaitDeleted(parent context.Context, job Job, report DeleteReport, reporter Reporter) (DeleteReport, error) {
	began := time.Now()
	ref, uid := job.Ref(), job.Object.GetUID()
	ctx, cancel := context.WithCancelCause(parent)
	var mu sync.Mutex
	var blockers []string
	var group sync.WaitGroup
	group.Go(func() {
		tick := time.NewTicker(blockedAfter)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			found, final := c.blockers(ctx, job, began)
			if ctx.Err() != nil {
				return
			}
			mu.Lock()
			for _, blocker := range found {
				if !slices.Contains(blockers, blocker) {
					reporter.note("%s: %s", ref, blocker)
				}
			}
			blockers = found
			mu.Unlock()
			if final != "" {
				cancel(fmt.Errorf("%s is not gone: %s\nIt goes when the operator runs again", ref, final))
			}
		}
	})
	reporter.waiting("%s: waiting until it is gone", ref)
	there := false
	err := wait.Follow(ctx, c.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		switch {
		case event == watch.Bookmark:
			return !there, nil
		case event == watch.Deleted || object.GetUID() != uid:
			return true, nil
		}
		there = true
		return false, nil
	}, reporter.trouble(ref.String(), func() { reporter.waiting("%s: waiting until it is gone", ref) }))
	cancel(nil)
	group.Wait()
	report.Took = time.Since(began)
	if err != nil {
		if code := exit.Code(err); code == exit.TimedOut || code == exit.Interrupted {
			message := fmt.Sprintf("%v: %s is still there; its deletion goes on without this command", err, ref)
			if len(blockers) > 0 {
				message += "\n" + strings.Join(blockers, "\n")
			}
			return report, exit.With(code, fmt.Errorf("%s", message))
		}
		return report, err
	}
	report.Gone = true
	return report, nil
}

// blockers say what holds up a deletion; final says that waiting is of no use.
func (c *Client) blockers(ctx context.Context, job Job, since time.Time) (out []string, final string) {
	ref := job.Ref()
	if stopped := c.stopped(ctx); stopped != "" {
		return []string{stopped}, stopped
	}
	if job.IsSessionCluster() {
		if jobs := c.jobsIn(ctx, job, anyJob); len(jobs) > 0 {
			out = append(out, fmt.Sprintf("its jobs hold it up: %s; end them with kubectl flink delete, and one that the operator doesn't manage with kubectl flink cancel %s -n %s", strings.Join(jobs, ", "), ref.Name, ref.Namespace))
		}
	}
	for _, event := range distinct(c.warningsSince(ctx, ref.Namespace, since.Add(-2*time.Second), subjectOf(job.Object)), "") {
		out = append(out, fmt.Sprintf("event %s: %s", event.Reason, event.Root()))
	}
	if object, err := c.Get(ctx, ref); err == nil {
		for _, finalizer := range object.GetFinalizers() {
			if !strings.Contains(finalizer, Group) {
				out = append(out, "it waits for whoever put the finalizer "+finalizer+" on it")
			}
		}
		if root := (Job{ref.Kind, object}).Failure().Root(); root != "" {
			out = append(out, "the operator says: "+root)
		}
	}
	return out, ""
}
