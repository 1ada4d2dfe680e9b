package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Rerun is a run of a job that is suspended.
//
// Without high availability nothing but its JobManager's memory says that a
// suspended job has ended. The operator keeps that JobManager for
// kubernetes.operator.jm-deployment.shutdown-ttl, a day; when its pod is
// replaced meanwhile, Flink runs the job's main() again, and the operator goes
// on saying SUSPENDED.
type Rerun struct {
	// State is Flink's, and Started when the run began; zero where unknown.
	State   string
	Started time.Time
	// From is what it started from; "" is nothing.
	From string
}

func (r *Rerun) String() string {
	since, from := "", "from nothing"
	if !r.Started.IsZero() {
		since = " for " + api.Ago(max(time.Since(r.Started), 0))
	}
	if r.From != "" {
		from = "from " + r.From
	}
	return fmt.Sprintf("suspended, but runs%s: its JobManager came up again and started the job %s (%s)", since, from, r.State)
}

// HasEnded reports whether a state of Flink's is one that a job doesn't leave.
func HasEnded(state string) bool {
	switch state {
	case api.JobFinished, api.JobFailed, api.JobCanceled:
		return true
	}
	return false
}

// RunsSuspended asks the JobManager that a suspended job may still have whether
// the job runs all the same; nil where it doesn't, or the JobManager
// can't be asked.
func RunsSuspended(ctx context.Context, c *operator.Client, job api.Job) *Rerun {
	cluster, err := c.RunsIn(ctx, job)
	if err != nil || c.Flink() == nil || job.Kind.Name == api.SessionJob.Name || !job.IsStopped() {
		return nil
	}
	if pods, err := c.Pods(ctx, cluster.Object.GetNamespace(), cluster.Object.GetName()); err == nil && !hasJobManager(pods) {
		return nil
	}
	state, known, _ := c.State(ctx, cluster)
	if !known {
		return nil
	}
	return RerunOf(cluster, state)
}

// RerunOf is what the JobManager of a suspended job's FlinkDeployment says, as
// a Rerun; nil where the job has ended there. For 3 s (web.refresh-interval) a
// JobManager shows what was before the job ended: the run that the operator
// knows.
func RerunOf(cluster api.Job, state api.FlinkState) *Rerun {
	known := api.Millis(cluster.Object.Object, "status", "jobStatus", "startTime")
	switch {
	case state.State == "" || HasEnded(state.State):
		return nil
	case HasEnded(cluster.State()) && !known.IsZero() && !state.Started.After(known.Add(time.Second)):
		return nil
	}
	run := &Rerun{State: state.State, Started: state.Started}
	if state.Restored != nil {
		run.From = state.Restored.Path
	}
	return run
}

func hasJobManager(pods []operator.Pod) bool {
	for _, pod := range pods {
		if pod.Role == "jobmanager" && pod.Status != "Terminating" {
			return true
		}
	}
	return false
}

// HasHighAvailability reports whether a cluster remembers a job that has ended
// beyond its JobManager's memory.
func HasHighAvailability(config api.Config) bool { return haKind(config) != noHA }

// Pauses and limits of taking a JobManager away.
const (
	goneEvery = 300 * time.Millisecond
	goneLimit = time.Minute
)

// endJobManager takes away the JobManager of a job that was suspended and would
// run again if that JobManager's pod were replaced. kept is the state that the
// job left. Nothing happens where high availability keeps the job ended, or the
// operator has taken the JobManager away itself.
func endJobManager(ctx context.Context, c *operator.Client, job api.Job, kept api.RetainedState, reporter operator.Reporter) error {
	ref := job.Ref()
	if ref.Kind.Name == api.SessionJob.Name {
		return nil
	}
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		return fmt.Errorf("%s is suspended%s, but whether its JobManager could run it again isn't known: %w", ref, with(kept), err)
	}
	if haKind(change.ConfigFor(ctx, c, cluster, cluster)) != noHA {
		return nil
	}
	name, namespace := cluster.Object.GetName(), cluster.Object.GetNamespace()
	deployment, err := c.Core().AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), err == nil && !isJobManager(deployment, name):
		return nil
	case err != nil && cluster.JobManager() == api.JobManagerMissing:
		return nil //nolint:nilerr // the operator says that there is none
	case err != nil:
		return mayRunAgain(ctx, c, job, cluster, kept, err)
	}
	if run := RunsSuspended(ctx, c, job); run != nil {
		reporter.Notef("%s: %s; this run is ended now, without its state", ref, run)
	}
	if err := awaitNoted(ctx, c, cluster, kept, reporter); err != nil {
		return mayRunAgain(ctx, c, job, cluster, kept, err)
	}
	if deployment.DeletionTimestamp == nil {
		reporter.Waitingf("%s: taking its JobManager away: without high availability it would run the job again if its pod were replaced", ref)
		uid, below := deployment.UID, metav1.DeletePropagationBackground
		err := c.Core().AppsV1().Deployments(namespace).Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &below})
		if apierrors.IsForbidden(err) && ref.Kind.Name == api.Deployment.Name {
			// Who may not delete it can have the operator do so.
			if byOperator := endByOperator(ctx, c, cluster, deployment, reporter); byOperator != nil {
				return mayRunAgain(ctx, c, job, cluster, kept, fmt.Errorf("%w; nor did the operator: %w", err, byOperator))
			}
			reporter.Notef("%s: the operator has taken its JobManager away: without high availability it would have run the job again if its pod were replaced", ref)
			return nil
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return mayRunAgain(ctx, c, job, cluster, kept, err)
		}
	}
	limit, cancel := context.WithTimeoutCause(ctx, goneLimit, fmt.Errorf("deployment/%s is still there after %s", name, goneLimit))
	defer cancel()
	if err := awaitNoJobManager(limit, c, cluster, deployment); err != nil {
		return mayRunAgain(ctx, c, job, cluster, kept, err)
	}
	reporter.Notef("%s: its JobManager is taken away (deployment/%s): without high availability it would have run the job again if its pod were replaced", ref, name)
	return nil
}

// isJobManager reports whether a Deployment is that of a Flink cluster's
// JobManager.
func isJobManager(d *appsv1.Deployment, cluster string) bool {
	labels := d.Spec.Template.Labels
	return labels["app"] == cluster && labels["component"] == "jobmanager"
}

// awaitNoted waits until the operator has noted the state that the job left,
// for good. One before 1.10 reads it from the JobManager, which for 3 s
// (web.refresh-interval) shows what was before.
func awaitNoted(ctx context.Context, c *operator.Client, cluster api.Job, kept api.RetainedState, reporter operator.Reporter) error {
	if kept.Path == "" || api.Text(cluster.Object.Object, "status", "jobStatus", "upgradeSavepointPath") != "" {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, seesLimit)
	defer cancel()
	for {
		object, err := c.Get(limit, cluster.Ref())
		if err != nil {
			return err
		}
		noted := api.Text(object.Object, "status", "jobStatus", "savepointInfo", "lastSavepoint", "location")
		state, known, _ := c.State(limit, api.Job{Kind: cluster.Kind, Object: object})
		if api.SamePath(noted, kept.Path) && (!known || !HasEnded(state.State) || state.Latest != nil && api.SamePath(state.Latest.Path, kept.Path)) {
			return nil
		}
		reporter.Waitingf("%s: waiting until the operator has noted %s", cluster.Ref(), kept.Path)
		if !pause(limit, time.Second) {
			return fmt.Errorf("the operator has noted %s, not %s", cmp.Or(noted, "nothing"), kept.Path)
		}
	}
}

// pause waits; false says that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// awaitNoJobManager waits until a Deployment and its pods are gone, or on their
// way out.
func awaitNoJobManager(ctx context.Context, c *operator.Client, cluster api.Job, deployment *appsv1.Deployment) error {
	for {
		now, err := c.Core().AppsV1().Deployments(deployment.Namespace).Get(ctx, deployment.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && now.UID != deployment.UID {
			list, err := c.Core().CoreV1().Pods(deployment.Namespace).List(ctx, metav1.ListOptions{LabelSelector: operator.PodSelector(cluster.Object.GetName())})
			if err != nil && !apierrors.IsForbidden(err) && ctx.Err() == nil {
				return err
			}
			if ctx.Err() == nil && !hasJobManager(readPods(list)) {
				return nil
			}
		}
		if !pause(ctx, goneEvery) {
			return context.Cause(ctx)
		}
	}
}

// operatorGoneLimit is how long the operator may take to take a JobManager away:
// it looks at a suspended job once in its reconcile interval, of a minute.
const operatorGoneLimit = 100 * time.Second

// endByOperator has the operator take away the JobManager of a job that has
// ended: it does so when its shutdown-ttl is over. The key is in the spec for
// as long as that takes.
func endByOperator(ctx context.Context, c *operator.Client, job api.Job, deployment *appsv1.Deployment, reporter operator.Reporter) error {
	config, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	if _, nested := config[ttlKey]; !nested && api.Flatten(config)[ttlKey] != "" {
		return fmt.Errorf("%s is set in spec.flinkConfiguration as nested YAML, which is left alone", ttlKey)
	}
	object, err := c.Get(ctx, job.Ref())
	if err != nil {
		return err
	}
	job = api.Job{Kind: job.Kind, Object: object}
	ch := change.Change{Job: job, Spec: map[string]any{"flinkConfiguration": map[string]any{ttlKey: "1 s"}}}
	changed, err := change.Apply(ctx, c, ch, "")
	if err != nil {
		return err
	}
	reporter.Notef("%s patched (%s: 1 s, until the operator has taken the JobManager away)", job.Ref().Printed(), ttlKey)
	reporter.Waitingf("%s: waiting until the operator takes its JobManager away", job.Ref())
	limit, cancel := context.WithTimeoutCause(ctx, operatorGoneLimit, fmt.Errorf("deployment/%s is still there after %s", deployment.Name, operatorGoneLimit))
	gone := awaitNoJobManager(limit, c, job, deployment)
	cancel()
	back := ch.Undo()
	back.Job = changed
	restore, done := context.WithTimeout(context.WithoutCancel(ctx), operator.AnswerLimit)
	defer done()
	if _, err := change.Apply(restore, c, back, ""); err != nil {
		reporter.Notef("%s: %s stays in spec.flinkConfiguration: %v", job.Ref(), ttlKey, err)
	}
	return gone
}

func readPods(list *corev1.PodList) []operator.Pod {
	if list == nil {
		return nil
	}
	pods := make([]operator.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = operator.ReadPod(&list.Items[i])
	}
	return pods
}

func with(kept api.RetainedState) string {
	if kept.Path == "" {
		return ""
	}
	return " with " + kept.Kind + " " + kept.Path
}

// ttlKey is how long the operator leaves the JobManager of an ended job.
const ttlKey = "kubernetes.operator.jm-deployment.shutdown-ttl"

// mayRunAgain says that a suspended job may run again, and what helps.
func mayRunAgain(ctx context.Context, c *operator.Client, job, cluster api.Job, kept api.RetainedState, cause error) error {
	ref, name := job.Ref(), cluster.Object.GetName()
	message := fmt.Sprintf("%s is suspended%s, but may run again: it has no high availability, and its JobManager (deployment/%s) stays for %s; if its pod is replaced meanwhile, Flink runs the job again from its start",
		ref, with(kept), name, cmp.Or(change.ConfigFor(ctx, c, cluster, cluster)[ttlKey], "a day")+" ("+ttlKey+")")
	next := fmt.Sprintf("\nHave it taken away: kubectl delete deployment %s -n %s", name, ref.Namespace)
	if ref.Kind.Name == api.Deployment.Name {
		next += fmt.Sprintf("\nOr have the operator do it: kubectl patch %s %s -n %s --type merge -p '{\"spec\":{\"flinkConfiguration\":{\"%s\":\"1 s\"}}}'", ref.Kind.Singular, ref.Name, ref.Namespace, ttlKey)
	}
	if errors.Is(cause, context.Canceled) {
		return fmt.Errorf("%w: %s%s", cause, message, next)
	}
	return fmt.Errorf("%s\nThe JobManager could not be taken away: %w%s", message, cause, next)
}
