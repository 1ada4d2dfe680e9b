package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// SeeingPod is a running pod that can read a path of state.
type SeeingPod struct{ Namespace, Pod, Container string }

// PodThatSees finds a running pod of a cluster whose Flink container mounts the
// volume that a path is in; the JobManager's first. ok is false where there is
// none.
func (c *Client) PodThatSees(ctx context.Context, cluster api.Job, file string) (found SeeingPod, ok bool, err error) {
	if err := api.CheckPathForm(file); err != nil {
		return found, false, err
	}
	namespace := cluster.Object.GetNamespace()
	list, err := c.core.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: PodSelector(cluster.Object.GetName()), Limit: chunk})
	if err != nil {
		return found, false, fmt.Errorf("look for a pod of %s that sees %s: %w", cluster.Ref(), file, err)
	}
	for i := range list.Items {
		pod := &list.Items[i]
		if pod.DeletionTimestamp != nil || !slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
			return s.Name == api.MainContainer && s.State.Running != nil
		}) {
			continue
		}
		if in, err := api.SeesPath(pod.Spec, file); err != nil || !in {
			continue
		}
		if front := pod.Labels["component"] == "jobmanager"; front || !ok {
			found, ok = SeeingPod{Namespace: namespace, Pod: pod.Name, Container: api.MainContainer}, true
			if front {
				break
			}
		}
	}
	return found, ok, nil
}

// StartReader creates a reader pod and waits until it runs. What it returns
// removes the pod, also where ctx has ended; it must be called, and is nil only
// where no pod was created.
func (c *Client) StartReader(ctx context.Context, pod *corev1.Pod) (at SeeingPod, remove func() error, err error) {
	return c.startPod(ctx, pod, "reads the volume", time.Minute)
}

// StartProbe is StartReader for a pod that does something as the JobManager would, as
// "tries the storage". It has longer, because it may have init containers.
func (c *Client) StartProbe(ctx context.Context, pod *corev1.Pod, does string) (at SeeingPod, remove func() error, err error) {
	return c.startPod(ctx, pod, does, 3*time.Minute)
}

// startPod starts a pod that does something, as "reads the volume".
func (c *Client) startPod(ctx context.Context, pod *corev1.Pod, does string, limit time.Duration) (at SeeingPod, remove func() error, err error) {
	pods := c.core.CoreV1().Pods(pod.Namespace)
	// Not ended by Ctrl-C: a pod whose creation wasn't confirmed would stay.
	creating, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer stop()
	created, err := pods.Create(creating, pod, metav1.CreateOptions{})
	if err != nil {
		return at, nil, fmt.Errorf("create a pod that %s: %w", does, err)
	}
	at = SeeingPod{Namespace: created.Namespace, Pod: created.Name, Container: api.MainContainer}
	remove = func() error {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		now := int64(0)
		if err := pods.Delete(ending, created.Name, metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(created.UID))}); err != nil {
			return fmt.Errorf("remove pod %s, which %s: %w\nIt ends by itself within %s; delete it with: kubectl delete pod %s -n %s", created.Name, does, err, api.ReaderLife, created.Name, created.Namespace)
		}
		return nil
	}
	waiting, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it didn't run within %s", limit))
	defer cancel()
	for {
		now, err := pods.Get(waiting, created.Name, metav1.GetOptions{})
		if err != nil {
			if waiting.Err() != nil {
				err = context.Cause(waiting)
			}
			return at, remove, fmt.Errorf("wait for pod %s, which %s: %w", created.Name, does, err)
		}
		for _, s := range now.Status.ContainerStatuses {
			if s.State.Running != nil {
				return at, remove, nil
			}
		}
		if why := readerTrouble(now); why != "" {
			return at, remove, &ProbeError{Pod: created.Name, Does: does, reason: why}
		}
		select {
		case <-waiting.Done():
			return at, remove, fmt.Errorf("wait for pod %s, which %s: %w", created.Name, does, context.Cause(waiting))
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// ProbeError says why a pod that does something can't run.
type ProbeError struct{ Pod, Does, reason string }

func (e *ProbeError) Error() string {
	return fmt.Sprintf("pod %s, which %s, can't run: %s", e.Pod, e.Does, e.reason)
}

// Why is the reason alone.
func (e *ProbeError) Why() string { return e.reason }

// Image reports whether it is the image that can't be had.
func (e *ProbeError) Image() bool {
	reason, _, _ := strings.Cut(e.reason, ":")
	return slices.Contains([]string{"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}, reason)
}

// readerTrouble is why a pod won't run; "" as long as it may.
func readerTrouble(pod *corev1.Pod) string {
	for _, s := range pod.Status.InitContainerStatuses {
		if end := s.State.Terminated; end != nil && end.ExitCode != 0 {
			return strings.TrimSuffix(fmt.Sprintf("its init container %s ended with %s (exit code %d): %s", s.Name, end.Reason, end.ExitCode, end.Message), ": ")
		}
	}
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return cmp.Or(pod.Status.Message, "it has ended")
	}
	for _, s := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
		if w := s.State.Waiting; w != nil && w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
			return w.Reason + ": " + w.Message
		}
	}
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			return c.Message
		}
	}
	return ""
}

// Template is what a cluster's pods of a side are made of, with all that Flink adds;
// nil where there is no Deployment of them and none runs. node is where such a pod
// runs, "" where none does.
func (c *Client) Template(ctx context.Context, cluster api.Job, side api.Side) (template *corev1.PodSpec, node string, err error) {
	namespace, name := cluster.Object.GetNamespace(), cluster.Object.GetName()
	of := name
	if side == api.TaskManagerSide {
		of += "-taskmanager" // in standalone mode; Flink's own TaskManagers are bare pods
	}
	deployment, err := c.core.AppsV1().Deployments(namespace).Get(ctx, of, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err), apierrors.IsForbidden(err):
	case err != nil:
		return nil, "", fmt.Errorf("read the %s's Deployment: %w", side, err)
	case deployment.Spec.Selector != nil && deployment.Spec.Selector.MatchLabels["component"] == side.Component():
		template = &deployment.Spec.Template.Spec
	}
	list, err := c.core.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: "app=" + name + ",component=" + side.Component(), Limit: chunk})
	if err != nil {
		return nil, "", fmt.Errorf("look for the %s's pod: %w", side, err)
	}
	for i := range list.Items {
		if pod := &list.Items[i]; pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp == nil {
			node = pod.Spec.NodeName
			if template == nil {
				template = &pod.Spec
			}
		}
	}
	return template, node, nil
}

// storageEnv are the variables that the AWS SDK in a job's pods takes its
// credentials and places from.
var storageEnv = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"}

// StorageEnv reads the variables for the object store that a cluster's pod
// template gives its JobManager, also from Secrets and ConfigMaps, and says
// which Secret they came from ("" for none). A Secret that may not be read is
// an error.
func (c *Client) StorageEnv(ctx context.Context, cluster api.Job) (env map[string]string, from string, err error) {
	env = map[string]string{}
	spec, err := api.FlinkPodSpec(cluster.RunsWith(), "jobManager")
	if err != nil {
		return env, "", fmt.Errorf("the pod template of %s: %w", cluster.Ref(), err)
	}
	at := slices.IndexFunc(spec.Containers, func(c corev1.Container) bool { return c.Name == api.MainContainer })
	if at < 0 {
		return env, "", nil
	}
	main := spec.Containers[at]
	namespace := cluster.Object.GetNamespace()
	secretOf := func(name string) (map[string]string, error) {
		found, err := c.core.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read Secret %s, which the pods of %s get their credentials from: %w", name, cluster.Ref(), err)
		}
		out := map[string]string{}
		for key, value := range found.Data {
			out[key] = string(value)
		}
		return out, nil
	}
	mapOf := func(name string) (map[string]string, error) {
		found, err := c.core.CoreV1().ConfigMaps(namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, fmt.Errorf("read ConfigMap %s, which the pods of %s get variables from: %w", name, cluster.Ref(), err)
		}
		return found.Data, nil
	}
	optional := func(o *bool) bool { return o != nil && *o }
	for _, e := range main.EnvFrom {
		var values map[string]string
		var err error
		skip := false
		switch {
		case e.SecretRef != nil:
			values, err = secretOf(e.SecretRef.Name)
			skip = optional(e.SecretRef.Optional)
		case e.ConfigMapRef != nil:
			values, err = mapOf(e.ConfigMapRef.Name)
			skip = optional(e.ConfigMapRef.Optional)
		}
		if err != nil && !skip {
			return env, from, err
		}
		for key, value := range values {
			if name := e.Prefix + key; slices.Contains(storageEnv, name) {
				env[name] = value
				if e.SecretRef != nil {
					from = e.SecretRef.Name
				}
			}
		}
	}
	for _, e := range main.Env {
		if !slices.Contains(storageEnv, e.Name) {
			continue
		}
		env[e.Name] = e.Value
		var values map[string]string
		key := ""
		var err error
		switch v := e.ValueFrom; {
		case v == nil:
			continue
		case v.SecretKeyRef != nil:
			key, from = v.SecretKeyRef.Key, v.SecretKeyRef.Name
			if values, err = secretOf(v.SecretKeyRef.Name); optional(v.SecretKeyRef.Optional) {
				err = nil
			}
		case v.ConfigMapKeyRef != nil:
			key = v.ConfigMapKeyRef.Key
			if values, err = mapOf(v.ConfigMapKeyRef.Name); optional(v.ConfigMapKeyRef.Optional) {
				err = nil
			}
		}
		if err != nil {
			return env, from, err
		}
		env[e.Name] = values[key]
	}
	maps.DeleteFunc(env, func(_, value string) bool { return value == "" })
	return env, from, nil
}

// JobConfig is what a job runs with as far as its storage goes: the cluster's
// configuration, and over it a session job's own.
func (c *Client) JobConfig(ctx context.Context, job, cluster api.Job) (api.Config, error) {
	config, _, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if job.Kind.Name == api.SessionJob.Name {
		maps.Copy(config, api.Flatten(api.Section(job.Spec(), "flinkConfiguration")))
	}
	return config, nil
}

// ErrNoJobSees says that no job of a namespace sees a path.
var ErrNoJobSees = errors.New("no job there sees it")

// stateDirKeys are the settings that name directories of state.
var stateDirKeys = append(append([]string{"high-availability.storageDir"}, api.SavepointDirKeys...), api.CheckpointDirKeys...)

// JobThatSees is the job of a namespace that keeps its state where a path is: of
// a file, one whose pods mount its volume; of an object store, one with state in
// the same bucket. The one whose directory is nearest to the path comes first.
// Its error is ErrNoJobSees, wrapped, where there is none.
func (c *Client) JobThatSees(ctx context.Context, namespace, file string) (api.Job, error) {
	jobs, err := c.Jobs(ctx, namespace, metav1.ListOptions{})
	if err != nil {
		return api.Job{}, err
	}
	wanted := api.NormalPath(file)
	best, score := api.Job{}, 0
	for _, job := range jobs {
		cluster, err := c.RunsIn(ctx, job)
		if err != nil {
			continue
		}
		config := api.Flatten(api.Section(cluster.RunsWith(), "flinkConfiguration"))
		maps.Copy(config, api.Flatten(api.Section(job.Spec(), "flinkConfiguration")))
		fits := 0
		for _, key := range stateDirKeys {
			if dir := api.NormalPath(config[key]); dir != "" {
				fits = max(fits, api.Nearness(dir, wanted))
			}
		}
		if fits == 0 && api.MountsOf(cluster.RunsWith()).Place(file).Kind == api.SharedPlace {
			fits = 1
		}
		if fits > score {
			best, score = job, fits
		}
	}
	if score == 0 {
		return api.Job{}, fmt.Errorf("%s: %w (namespace %s)\nName a job that does with --job, or write ./ before a directory of this machine", file, ErrNoJobSees, namespace)
	}
	return best, nil
}
