package operator

import (
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
		since = " for " + Ago(max(time.Since(r.Started), 0))
	}
	if r.From != "" {
		from = "from " + r.From
	}
	return fmt.Sprintf("suspended, but runs%s: its JobManager came up again and started the job %s (%s)", since, from, r.State)
}

// HasEnded reports whether a state of Flink's is one that a job doesn't leave.
func HasEnded(state string) bool {
	switch state {
	case "FINISHED", "FAILED", "CANCELED":
		return true
	}
	return false
}

// RunsSuspended asks the JobManager that a suspended job may still have whether
// the job runs all the same; nil where it doesn't, or the JobManager
// can't be asked.
func (c *Client) RunsSuspended(ctx context.Context, job Job) *Rerun {
	cluster, err := c.runsIn(ctx, job)
	if err != nil || c.AskFlink == nil || job.Kind.Name == SessionJob.Name || !job.isStopped() {
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
func RerunOf(cluster Job, state FlinkState) *Rerun {
	known := millis(cluster.Object.Object, "status", "jobStatus", "startTime")
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

func hasJobManager(pods []Pod) bool {
	for _, pod := range pods {
		if pod.Role == "jobmanager" && pod.Status != "Terminating" {
			return true
		}
	}
	return false
}

// HasHighAvailability reports whether a cluster remembers a job that has ended
// beyond its JobManager's memory.
func HasHighAvailability(config Config) bool { return haKind(config) != noHA }

// Pauses and limits of taking a JobManager away.
const (
	goneEvery = 300 * time.Millisecond
	goneLimit = time.Minute
)

// endJobManager takes away the JobManager of a job that was suspended and would
// run again if that JobManager's pod were replaced. kept is the state that the
// job left. Nothing happens where high availability keeps the job ended, or the
// operator has taken the JobManager away itself.
func (c *Client) endJobManager(ctx context.Context, job Job, kept Kept, reporter Reporter) error {
	ref := job.Ref()
	if ref.Kind.Name == SessionJob.Name {
		return nil
	}
	cluster, err := c.runsIn(ctx, job)
	if err != nil {
		return fmt.Errorf("%s is suspended%s, but whether its JobManager could run it again isn't known: %w", ref, with(kept), err)
	}
	if haKind(c.configFor(ctx, cluster, cluster)) != noHA {
		return nil
	}
	name, namespace := cluster.Object.GetName(), cluster.Object.GetNamespace()
	deployment, err := c.core.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), err == nil && !isJobManager(deployment, name):
		return nil
	case err != nil && cluster.JobManager() == "MISSING":
		return nil //nolint:nilerr // the operator says that there is none
	case err != nil:
		return c.mayRunAgain(ctx, job, cluster, kept, err)
	}
	if run := c.RunsSuspended(ctx, job); run != nil {
		reporter.note("%s: %s; this run is ended now, without its state", ref, run)
	}
	if err := c.awaitNoted(ctx, cluster, kept, reporter); err != nil {
		return c.mayRunAgain(ctx, job, cluster, kept, err)
	}
	if deployment.DeletionTimestamp == nil {
		reporter.waiting("%s: taking its JobManager away: without high availability it would run the job again if its pod were replaced", ref)
		uid, below := deployment.UID, metav1.DeletePropagationBackground
		err := c.core.AppsV1().Deployments(namespace).Delete(ctx, name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}, PropagationPolicy: &below})
		if apierrors.IsForbidden(err) && ref.Kind.Name == Deployment.Name {
			// Who may not delete it can have the operator do so.
			if byOperator := c.endByOperator(ctx, cluster, deployment, reporter); byOperator != nil {
				return c.mayRunAgain(ctx, job, cluster, kept, fmt.Errorf("%w; nor did the operator: %w", err, byOperator))
			}
			reporter.note("%s: the operator has taken its JobManager away: without high availability it would have run the job again if its pod were replaced", ref)
			return nil
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return c.mayRunAgain(ctx, job, cluster, kept, err)
		}
	}
	limit, cancel := context.WithTimeoutCause(ctx, goneLimit, fmt.Errorf("deployment/%s is still there after %s", name, goneLimit))
	defer cancel()
	if err := c.awaitNoJobManager(limit, cluster, deployment); err != nil {
		return c.mayRunAgain(ctx, job, cluster, kept, err)
	}
	reporter.note("%s: its JobManager is taken away (deployment/%s): without high availability it would have run the job again if its pod were replaced", ref, name)
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
func (c *Client) awaitNoted(ctx context.Context, cluster Job, kept Kept, reporter Reporter) error {
	if kept.Path == "" || text(cluster.Object.Object, "status", "jobStatus", "upgradeSavepointPath") != "" {
		return nil
	}
	limit, cancel := context.WithTimeout(ctx, seesLimit)
	defer cancel()
	for {
		object, err := c.Get(limit, cluster.Ref())
		if err != nil {
			return err
		}
		noted := text(object.Object, "status", "jobStatus", "savepointInfo", "lastSavepoint", "location")
		state, known, _ := c.State(limit, Job{cluster.Kind, object})
		if SamePath(noted, kept.Path) && (!known || !HasEnded(state.State) || state.Latest != nil && SamePath(state.Latest.Path, kept.Path)) {
			return nil
		}
		reporter.waiting("%s: waiting until the operator has noted %s", cluster.Ref(), kept.Path)
		if !pause(limit, time.Second) {
			return fmt.Errorf("the operator has noted %s, not %s", or(noted, "nothing"), kept.Path)
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
func (c *Client) awaitNoJobManager(ctx context.Context, cluster Job, deployment *appsv1.Deployment) error {
	for {
		now, err := c.core.AppsV1().Deployments(deployment.Namespace).Get(ctx, deployment.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) || err == nil && now.UID != deployment.UID {
			list, err := c.core.CoreV1().Pods(deployment.Namespace).List(ctx, metav1.ListOptions{LabelSelector: PodSelector(cluster.Object.GetName())})
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
func (c *Client) endByOperator(ctx context.Context, job Job, deployment *appsv1.Deployment, reporter Reporter) error {
	config, _ := job.spec()["flinkConfiguration"].(map[string]any)
	if _, nested := config[ttlKey]; !nested && Flatten(config)[ttlKey] != "" {
		return fmt.Errorf("%s is set in spec.flinkConfiguration as nested YAML, which is left alone", ttlKey)
	}
	object, err := c.Get(ctx, job.Ref())
	if err != nil {
		return err
	}
	job = Job{job.Kind, object}
	change := Change{Job: job, Spec: map[string]any{"flinkConfiguration": map[string]any{ttlKey: "1 s"}}}
	changed, err := c.apply(ctx, change, "")
	if err != nil {
		return err
	}
	reporter.note("%s patched (%s: 1 s, until the operator has taken the JobManager away)", job.Ref().Printed(), ttlKey)
	reporter.waiting("%s: waiting until the operator takes its JobManager away", job.Ref())
	limit, cancel := context.WithTimeoutCause(ctx, operatorGoneLimit, fmt.Errorf("deployment/%s is still there after %s", deployment.Name, operatorGoneLimit))
	gone := c.awaitNoJobManager(limit, job, deployment)
	cancel()
	back := change.undo()
	back.Job = changed
	restore, done := context.WithTimeout(context.WithoutCancel(ctx), answerLimit)
	defer done()
	if _, err := c.apply(restore, back, ""); err != nil {
		reporter.note("%s: %s stays in spec.flinkConfiguration: %v", job.Ref(), ttlKey, err)
	}
	return gone
}

func readPods(list *corev1.PodList) []Pod {
	if list == nil {
		return nil
	}
	pods := make([]Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = ReadPod(&list.Items[i])
	}
	return pods
}

func with(kept Kept) string {
	if kept.Path == "" {
		return ""
	}
	return " with " + kept.Kind + " " + kept.Path
}

// ttlKey is how long the operator leaves the JobManager of an ended job.
const ttlKey = "kubernetes.operator.jm-deployment.shutdown-ttl"

// mayRunAgain says that a suspended job may run again, and what helps.
func (c *Client) mayRunAgain(ctx context.Context, job, cluster Job, kept Kept, cause error) error {
	ref, name := job.Ref(), cluster.Object.GetName()
	message := fmt.Sprintf("%s is suspended%s, but may run again: it has no high availability, and its JobManager (deployment/%s) stays for %s; if its pod is replaced meanwhile, Flink runs the job again from its start",
		ref, with(kept), name, or(c.configFor(ctx, cluster, cluster)[ttlKey], "a day")+" ("+ttlKey+")")
	next := fmt.Sprintf("\nHave it taken away: kubectl delete deployment %s -n %s", name, ref.Namespace)
	if ref.Kind.Name == Deployment.Name {
		next += fmt.Sprintf("\nOr have the operator do it: kubectl patch %s %s -n %s --type merge -p '{\"spec\":{\"flinkConfiguration\":{\"%s\":\"1 s\"}}}'", ref.Kind.Singular, ref.Name, ref.Namespace, ttlKey)
	}
	if errors.Is(cause, context.Canceled) {
		return fmt.Errorf("%w: %s%s", cause, message, next)
	}
	return fmt.Errorf("%s\nThe JobManager could not be taken away: %w%s", message, cause, next)
}
