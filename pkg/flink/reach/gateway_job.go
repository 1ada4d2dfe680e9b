package reach

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// finishedLife is how long a gateway that ended stays to be looked at, in
// seconds: its client asks it why.
const finishedLife = 15

// gatewayJob is a Job around a gateway's pod. Kubernetes deletes a Job after
// its end with its pod, and a pod alone never: so nothing is left where the
// client can't delete it.
func gatewayJob(pod *corev1.Pod) *batchv1.Job {
	retries, after, life := int32(0), int32(finishedLife), int64(gatewayLife)
	return &batchv1.Job{
		ObjectMeta: *pod.ObjectMeta.DeepCopy(),
		Spec: batchv1.JobSpec{
			BackoffLimit: &retries, TTLSecondsAfterFinished: &after, ActiveDeadlineSeconds: &life,
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod.Labels, Annotations: pod.Annotations}, Spec: pod.Spec},
		},
	}
}

// create makes a gateway's pod, by a Job where the user may make one, and
// returns it and what removes all of it.
func (g *GatewayStarter) create(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, func(context.Context) error, error) {
	jobs := g.Core.BatchV1().Jobs(pod.Namespace)
	job, err := jobs.Create(ctx, gatewayJob(pod), metav1.CreateOptions{FieldManager: managedBy})
	if apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		return g.createAlone(ctx, pod)
	}
	if err != nil {
		return nil, nil, err
	}
	background := metav1.DeletePropagationBackground
	remove := func(ctx context.Context) error {
		return removed("job", job.Name, jobs.Delete(ctx, job.Name, metav1.DeleteOptions{
			PropagationPolicy: &background, Preconditions: metav1.NewUIDPreconditions(string(job.UID)),
		}))
	}
	made, err := g.podOf(ctx, job)
	if err != nil {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		if removed := remove(away); removed == nil && apierrors.IsForbidden(err) {
			return g.createAlone(ctx, pod) // its name is known without a list of pods
		} else if removed != nil {
			err = errors.Join(err, removed)
		}
		return nil, nil, err
	}
	return made, remove, nil
}

// createAlone makes the pod where no Job may be made. The pod of a client that
// was killed stays as a finished one until the next gateway of the cluster
// starts.
func (g *GatewayStarter) createAlone(ctx context.Context, pod *corev1.Pod) (*corev1.Pod, func(context.Context) error, error) {
	pods := g.Core.CoreV1().Pods(pod.Namespace)
	made, err := pods.Create(ctx, pod, metav1.CreateOptions{FieldManager: managedBy})
	if apierrors.IsForbidden(err) {
		return nil, nil, fmt.Errorf("%w\nWhere neither a job nor a pod may be made, --start-gateway --in-jobmanager runs it inside the JobManager's pod, in its memory", err)
	}
	if err != nil {
		return nil, nil, err
	}
	return made, func(ctx context.Context) error {
		return removed("pod", made.Name, pods.Delete(ctx, made.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(made.UID))}))
	}, nil
}

func removed(kind, name string, err error) error {
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		return nil
	}
	return fmt.Errorf("delete the SQL gateway's %s %s (it ends by itself within %d seconds): %w", kind, name, gatewayIdle+finishedLife, err)
}

// podOf waits for the pod of a gateway's Job.
func (g *GatewayStarter) podOf(ctx context.Context, job *batchv1.Job) (*corev1.Pod, error) {
	why := fmt.Sprintf("the pod of job %s to be made", job.Name)
	for {
		list, err := g.Core.CoreV1().Pods(job.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "job-name=" + job.Name})
		if err != nil {
			if ctx.Err() != nil {
				err = waited(ctx, why)
			}
			return nil, err
		}
		for i := range list.Items {
			if metav1.IsControlledBy(&list.Items[i], job) {
				return &list.Items[i], nil
			}
		}
		if err := g.refusal(ctx, job); err != nil {
			return nil, err
		}
		g.tell(why)
		if err := pause(ctx); err != nil {
			return nil, waited(ctx, why)
		}
	}
}

// refusal is why the pod of a Job can't be made: the events tell, because it is
// Kubernetes that makes it.
func (g *GatewayStarter) refusal(ctx context.Context, job *batchv1.Job) error {
	events, err := g.Core.CoreV1().Events(job.Namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.uid=" + string(job.UID), Limit: 50,
	})
	if err != nil {
		return nil //nolint:nilerr // who may not list events waits for the pod all the same
	}
	for _, event := range events.Items {
		if event.InvolvedObject.UID == job.UID && event.Type == corev1.EventTypeWarning && event.Reason == "FailedCreate" {
			return fmt.Errorf("the SQL gateway's pod can't be made: %s\n--start-gateway --in-jobmanager runs it inside the JobManager's pod, in its memory", strings.TrimSpace(event.Message))
		}
	}
	return nil
}

// clearGateways deletes what is left of gateways whose clients could not: those
// that ended by themselves, and those that never found room, for which a client
// waits no longer than startLimit.
func (g *GatewayStarter) clearGateways(ctx context.Context, cluster api.Ref) {
	pods := g.Core.CoreV1().Pods(cluster.Namespace)
	list, err := pods.List(ctx, metav1.ListOptions{
		LabelSelector: "app.kubernetes.io/name=" + gatewayName + ",app.kubernetes.io/managed-by=" + managedBy + ",app.kubernetes.io/instance=" + cluster.Name,
	})
	if err != nil {
		return
	}
	background := metav1.DeletePropagationBackground
	for i := range list.Items {
		pod := &list.Items[i]
		phase := pod.Status.Phase
		abandoned := phase == corev1.PodPending && time.Since(pod.CreationTimestamp.Time) > 2*startLimit
		if phase != corev1.PodSucceeded && phase != corev1.PodFailed && !abandoned {
			continue
		}
		if owner := metav1.GetControllerOf(pod); owner != nil && owner.Kind == "Job" {
			_ = g.Core.BatchV1().Jobs(cluster.Namespace).Delete(ctx, owner.Name, metav1.DeleteOptions{
				PropagationPolicy: &background, Preconditions: metav1.NewUIDPreconditions(string(owner.UID)),
			})
			continue
		}
		_ = pods.Delete(ctx, pod.Name, metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(pod.UID))})
	}
}
