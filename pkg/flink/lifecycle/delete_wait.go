package lifecycle

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// blockedAfter is how long a deletion takes where all is well, and more; then
// somebody looks what holds it up, and again after as long.
const blockedAfter = 6 * time.Second

// awaitDeleted waits until the job's object is gone, and says what holds that up.
func awaitDeleted(parent context.Context, c *operator.Client, job api.Job, report DeleteReport, reporter operator.Reporter) (DeleteReport, error) {
	began := time.Now()
	ref, uid := job.Ref(), job.Object.GetUID()
	loop := operator.NewLoop(parent)
	var blockers []string
	var failure error
	loop.Go(func(ctx context.Context) {
		tick := time.NewTicker(blockedAfter)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			found, final := deletionBlockers(ctx, c, job, began)
			loop.Tell(func() {
				for _, blocker := range found {
					if !slices.Contains(blockers, blocker) {
						reporter.Notef("%s: %s", ref, blocker)
					}
				}
				blockers = found
				if final != "" {
					failure = fmt.Errorf("%s is not gone: %s\nIt goes when the operator runs again", ref, final)
				}
			})
		}
	})
	reporter.Waitingf("%s: waiting until it is gone", ref)
	there, gone := false, false
	loop.Watch(c.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) {
		switch {
		case event == watch.Bookmark:
			gone = !there
		case event == watch.Deleted || object.GetUID() != uid:
			gone = true
		default:
			there = true
		}
	}, func(err error) { failure = err }, reporter.Trouble(ref.String(), func() { reporter.Waitingf("%s: waiting until it is gone", ref) }))
	done, err := loop.Run(parent, func() (bool, error) { return gone, failure })
	if !done {
		err = loop.Ended(parent)
	}
	loop.Close()
	report.Took = time.Since(began)
	if err != nil {
		if code := exit.Code(err); code == exit.TimedOut || code == exit.Interrupted {
			message := fmt.Sprintf("%v: %s is still there; its deletion goes on without this command", err, ref)
			if len(blockers) == 0 { // it was cut short
				last, stop := context.WithTimeout(context.WithoutCancel(parent), 5*time.Second)
				blockers, _ = deletionBlockers(last, c, job, began)
				stop()
			}
			if len(blockers) > 0 {
				message += "\n" + strings.Join(blockers, "\n")
			}
			err = exit.With(code, fmt.Errorf("%s", message))
		}
		return report, report.explain(err)
	}
	report.Gone = true
	if ctx := context.WithoutCancel(parent); parent.Err() == nil {
		last, stop := context.WithTimeout(ctx, 5*time.Second)
		defer stop()
		for _, line := range heldSnapshots(last, c, job) {
			reporter.Mustf("%s", line)
		}
	}
	return report, nil
}

// HeldUp says what holds up the deletion of a job's object, and what to do about
// it; nil where the object isn't being deleted.
func HeldUp(ctx context.Context, c *operator.Client, job api.Job) []string {
	at := job.Object.GetDeletionTimestamp()
	if at == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, operator.AroundLimit)
	defer cancel()
	out, _ := deletionBlockers(ctx, c, job, at.Time)
	return out
}

// foreground is the finalizer by which an object waits for those that it owns.
const foreground = "foregroundDeletion"

// heldSnapshots names the FlinkStateSnapshots of a job that are marked for
// deletion and can't go, because the operator has the job delete their data, and
// those that the job's object waits for; each with what to do about it.
func heldSnapshots(ctx context.Context, c *operator.Client, job api.Job) []string {
	ref := job.Ref()
	// Where the operator doesn't serve the kind there are none.
	items, err := c.List(ctx, api.StateSnap, ref.Namespace, metav1.ListOptions{})
	if err != nil {
		return nil
	}
	waits := slices.Contains(job.Object.GetFinalizers(), foreground)
	var out []string
	more := 0
	for i := range items {
		s := api.Snapshot{Object: &items[i]}
		owned := waits && slices.ContainsFunc(s.Object.GetOwnerReferences(), func(owner metav1.OwnerReference) bool {
			return owner.UID == job.Object.GetUID() && owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion
		})
		line := ""
		switch why := savepoint.WhyStuck(ctx, c, s); {
		case !owned && (!s.Refers(ref) || s.Object.GetDeletionTimestamp() == nil):
			continue
		case why != "":
			line = why
		case len(s.Object.GetFinalizers()) > 0:
			line = fmt.Sprintf("%s isn't gone: it waits for %s", s.Ref(), strings.Join(s.Object.GetFinalizers(), ", "))
		case owned:
			line = fmt.Sprintf("%s isn't gone, and the object that owns it waits for it", s.Ref())
		default:
			continue
		}
		if len(out) == maxHeld {
			more++
			continue
		}
		if owned {
			line = ref.String() + " waits for it: " + line
		}
		out = append(out, line)
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("and %d more: kubectl flink snapshot list --job %s -n %s", more, ref, ref.Namespace))
	}
	return out
}

// maxHeld is how many snapshots are named.
const maxHeld = 5

// blockers say what holds up a deletion; final says that waiting is of no use.
func deletionBlockers(ctx context.Context, c *operator.Client, job api.Job, since time.Time) (out []string, final string) {
	ref := job.Ref()
	health := c.OperatorHealth(ctx)
	switch {
	case health.Stopped():
		return []string{health.String()}, health.String()
	case health.Known() && !health.Ready():
		out = append(out, health.String())
	}
	if job.IsSessionCluster() {
		if jobs, _ := jobsIn(ctx, c, job, anyJob); len(jobs) > 0 {
			out = append(out, fmt.Sprintf("its jobs hold it up: %s; end them with kubectl flink delete, and one that the operator doesn't manage with kubectl flink cancel %s -n %s", strings.Join(jobs, ", "), ref.Name, ref.Namespace))
		}
	}
	for _, event := range operator.DistinctEvents(c.WarningsSince(ctx, ref.Namespace, since.Add(-2*time.Second), operator.SubjectOf(job.Object)), "") {
		out = append(out, fmt.Sprintf("event %s: %s", event.Reason, event.Root()))
	}
	object, err := c.Get(ctx, ref)
	if err != nil {
		return out, ""
	}
	now := api.Job{Kind: ref.Kind, Object: object}
	if root := now.Failure().Root(); root != "" {
		out = append(out, "the operator says: "+root)
	}
	if strings.EqualFold(deletionConfig(ctx, c, now)[savepointOnDeletionKey], "true") && now.State() == api.JobRunning {
		out = append(out, fmt.Sprintf("the operator takes a savepoint first (%s: true); one that fails holds the deletion up: kubectl flink snapshot list --job %s -n %s", savepointOnDeletionKey, ref, ref.Namespace))
	}
	for _, finalizer := range object.GetFinalizers() {
		if !isOperators(finalizer) {
			out = append(out, "it waits for the controller of the finalizer "+finalizer+" on it")
		}
	}
	out = append(out, heldSnapshots(ctx, c, now)...)
	out = append(out, lingering(ctx, c, now)...)
	if len(out) == 0 && slices.ContainsFunc(object.GetFinalizers(), isOperators) {
		out = append(out, fmt.Sprintf("the operator has not let it go yet: its finalizer is on it, and the job is %s. %s", api.OrUnknown(phase(now)), health))
	}
	return out, ""
}

const savepointOnDeletionKey = "kubernetes.operator.job.savepoint-on-deletion"

// deletionConfig is the configuration by which the operator deletes a job: the
// spec's. What is in its own it doesn't show.
func deletionConfig(ctx context.Context, c *operator.Client, job api.Job) api.Config {
	config, err := configOf(ctx, c, job)
	if err != nil {
		own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
		return api.Flatten(own)
	}
	return config
}

// isOperators reports whether a finalizer is the Flink operator's.
func isOperators(finalizer string) bool {
	domain, _, _ := strings.Cut(finalizer, "/")
	return domain == api.Group || strings.HasSuffix(domain, "."+api.Group)
}

// lingering are the pods of a job that is being deleted which don't end: the
// operator waits for them.
func lingering(ctx context.Context, c *operator.Client, job api.Job) []string {
	if job.Kind.Name != api.Deployment.Name {
		return nil
	}
	pods, err := c.Pods(ctx, job.Object.GetNamespace(), job.Object.GetName())
	if err != nil {
		return nil
	}
	var out []string
	for _, p := range pods {
		if p.Status != "Terminating" {
			continue
		}
		line := "pod/" + p.Name + " is still ending"
		if p.Node != "" {
			line += " on node " + p.Node
		}
		out = append(out, line)
	}
	return out
}
