package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// SeeingPod is a running pod that can read a path of state.
type SeeingPod struct{ Namespace, Pod, Container string }

// PodThatSees finds a running pod of a cluster whose Flink container mounts the
// volume that a path is in; the JobManager's first. ok is false where there is
// none.
func (c *Client) PodThatSees(ctx context.Context, cluster Job, file string) (found SeeingPod, ok bool, err error) {
	_, file, err = splitPath(file)
	if err != nil {
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
			return s.Name == mainContainer && s.State.Running != nil
		}) {
			continue
		}
		if _, in := mountAt(mountsIn(asMap(pod.Spec)), file); !in {
			continue
		}
		if front := pod.Labels["component"] == "jobmanager"; front || !ok {
			found, ok = SeeingPod{Namespace: namespace, Pod: pod.Name, Container: mainContainer}, true
			if front {
				break
			}
		}
	}
	return found, ok, nil
}

// flinkPodSpec is a role's pod template as the operator merges it.
func flinkPodSpec(spec map[string]any, role string) (corev1.PodSpec, error) {
	byName := strings.EqualFold(Flatten(section(spec, "flinkConfiguration"))[mergeByNameKey], "true")
	merged, _ := mergeTemplates(section(spec, "podTemplate"), section(spec, role, "podTemplate"), byName).(map[string]any)
	data, err := json.Marshal(section(merged, "spec"))
	if err != nil {
		return corev1.PodSpec{}, err
	}
	var out corev1.PodSpec
	return out, json.Unmarshal(data, &out)
}

// ReaderName is the beginning of the names of pods that read state.
const ReaderName = "flink-state-reader-"

// readerLife is how long a reader pod may live where nobody is left to delete
// it.
const readerLife = 15 * time.Minute

// ReaderPod is a pod that can read a path of state where no pod of the job runs:
// with the job's image, service account and security settings, and of its
// volumes the one that the path is in, read-only. Its error says why there can
// be none.
func ReaderPod(cluster Job, file string) (*corev1.Pod, error) {
	_, file, err := splitPath(file)
	if err != nil {
		return nil, err
	}
	spec := cluster.runsWith()
	own, err := flinkPodSpec(spec, "jobManager")
	if err != nil {
		return nil, fmt.Errorf("the pod template of %s: %w", cluster.Ref(), err)
	}
	mount, in := mountAt(mountsIn(asMap(own)), file)
	switch {
	case !in:
		return nil, fmt.Errorf("%s is in no volume of the pods of %s, and none of them runs", file, cluster.Ref())
	case slices.Contains(passingVolumes, mount.volume):
		return nil, fmt.Errorf("%s is in a volume of type %s, which went with the pods of %s", file, mount.volume, cluster.Ref())
	case mount.perPod:
		return nil, fmt.Errorf("%s is in a directory that every pod of %s has of its own, and none of them runs", file, cluster.Ref())
	}
	at := slices.IndexFunc(own.Containers, func(c corev1.Container) bool { return c.Name == mainContainer })
	main := own.Containers[at]
	image := text(spec, "image")
	if image == "" {
		image = main.Image
	}
	if image == "" {
		return nil, fmt.Errorf("%s names no image that a pod could read its volume with", cluster.Ref())
	}
	reader := corev1.Container{
		Name: mainContainer, Image: image, ImagePullPolicy: corev1.PullPolicy(text(spec, "imagePullPolicy")), SecurityContext: main.SecurityContext,
		Command: []string{"sleep"}, Args: []string{fmt.Sprint(int(readerLife.Seconds()))},
	}
	var volumes []corev1.Volume
	for _, m := range main.VolumeMounts {
		if path.Clean("/"+m.MountPath) == mount.at {
			m.ReadOnly = true
			reader.VolumeMounts = append(reader.VolumeMounts, m)
			for _, v := range own.Volumes {
				if v.Name == m.Name {
					volumes = append(volumes, v)
				}
			}
			if m.SubPathExpr != "" {
				reader.Env = main.Env
			}
		}
	}
	life, grace := int64(readerLife.Seconds()), int64(0)
	mountToken := false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: ReaderName, Namespace: cluster.Object.GetNamespace(),
			Labels: map[string]string{"app.kubernetes.io/managed-by": "kubectl-flink", "app.kubernetes.io/component": "state-reader"},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{reader}, Volumes: volumes, RestartPolicy: corev1.RestartPolicyNever,
			ServiceAccountName: text(spec, "serviceAccount"), AutomountServiceAccountToken: &mountToken,
			SecurityContext: own.SecurityContext, ImagePullSecrets: own.ImagePullSecrets,
			NodeSelector: own.NodeSelector, Tolerations: own.Tolerations, Affinity: own.Affinity,
			ActiveDeadlineSeconds: &life, TerminationGracePeriodSeconds: &grace,
		},
	}, nil
}

// StartReader creates a reader pod and waits until it runs. What it returns
// removes the pod, also where ctx has ended; it must be called, and is nil only
// where no pod was created.
func (c *Client) StartReader(ctx context.Context, pod *corev1.Pod) (at SeeingPod, remove func() error, err error) {
	pods := c.core.CoreV1().Pods(pod.Namespace)
	// Not ended by Ctrl-C: a pod whose creation nobody heard of would stay.
	creating, stop := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer stop()
	created, err := pods.Create(creating, pod, metav1.CreateOptions{})
	if err != nil {
		return at, nil, fmt.Errorf("create a pod that reads the volume: %w", err)
	}
	at = SeeingPod{Namespace: created.Namespace, Pod: created.Name, Container: mainContainer}
	remove = func() error {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
		defer cancel()
		now := int64(0)
		if err := pods.Delete(ending, created.Name, metav1.DeleteOptions{GracePeriodSeconds: &now, Preconditions: metav1.NewUIDPreconditions(string(created.UID))}); err != nil {
			return fmt.Errorf("remove pod %s, which was created to read the volume: %w\nIt ends by itself within %s; delete it with: kubectl delete pod %s -n %s", created.Name, err, readerLife, created.Name, created.Namespace)
		}
		return nil
	}
	waiting, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("it didn't run within a minute"))
	defer cancel()
	for {
		now, err := pods.Get(waiting, created.Name, metav1.GetOptions{})
		if err != nil {
			if waiting.Err() != nil {
				err = context.Cause(waiting)
			}
			return at, remove, fmt.Errorf("wait for pod %s, which reads the volume: %w", created.Name, err)
		}
		for _, s := range now.Status.ContainerStatuses {
			if s.State.Running != nil {
				return at, remove, nil
			}
		}
		if why := readerTrouble(now); why != "" {
			return at, remove, fmt.Errorf("pod %s, which was to read the volume, can't run: %s", created.Name, why)
		}
		select {
		case <-waiting.Done():
			return at, remove, fmt.Errorf("wait for pod %s, which reads the volume: %w", created.Name, context.Cause(waiting))
		case <-time.After(300 * time.Millisecond):
		}
	}
}

// readerTrouble is why a pod won't run; "" as long as it may.
func readerTrouble(pod *corev1.Pod) string {
	if pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		return or(pod.Status.Message, "it has ended")
	}
	for _, s := range pod.Status.ContainerStatuses {
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

// storageEnv are the variables that the AWS SDK in a job's pods takes its
// credentials and places from.
var storageEnv = []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"}

// StorageEnv reads the variables for the object store that a cluster's pod
// template gives its JobManager, also from Secrets and ConfigMaps, and says
// which Secret they came from ("" for none). A Secret that may not be read is
// an error.
func (c *Client) StorageEnv(ctx context.Context, cluster Job) (env map[string]string, from string, err error) {
	env = map[string]string{}
	spec, err := flinkPodSpec(cluster.runsWith(), "jobManager")
	if err != nil {
		return env, "", fmt.Errorf("the pod template of %s: %w", cluster.Ref(), err)
	}
	at := slices.IndexFunc(spec.Containers, func(c corev1.Container) bool { return c.Name == mainContainer })
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
func (c *Client) JobConfig(ctx context.Context, job, cluster Job) (Config, error) {
	config, _, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		return nil, err
	}
	if job.Kind.Name == SessionJob.Name {
		maps.Copy(config, Flatten(section(job.spec(), "flinkConfiguration")))
	}
	return config, nil
}

// RunsIn is the FlinkDeployment whose JobManager serves a job.
func (c *Client) RunsIn(ctx context.Context, job Job) (Job, error) { return c.runsIn(ctx, job) }

// IsPath reports whether what a user typed is a path of state and not a name.
func IsPath(text string) bool { return isPath(text) }

// Parallelism is spec.job.parallelism; 0 where it isn't set.
func (j Job) Parallelism() int {
	n, _ := number(j.spec(), "job", "parallelism")
	return int(n)
}

// ErrNoJobSees says that no job of a namespace sees a path.
var ErrNoJobSees = errors.New("no job there sees it")

// stateDirKeys are the settings that name directories of state.
var stateDirKeys = append(append([]string{"high-availability.storageDir"}, savepointDirKeys...), checkpointDirKeys...)

// JobThatSees is the job of a namespace that keeps its state where a path is: of
// a file, one whose pods mount its volume; of an object store, one with state in
// the same bucket. The one whose directory is nearest to the path comes first.
// Its error is ErrNoJobSees, wrapped, where there is none.
func (c *Client) JobThatSees(ctx context.Context, namespace, file string) (Job, error) {
	jobs, err := c.Jobs(ctx, namespace, metav1.ListOptions{})
	if err != nil {
		return Job{}, err
	}
	wanted := NormalPath(file)
	best, score := Job{}, 0
	for _, job := range jobs {
		cluster, err := c.runsIn(ctx, job)
		if err != nil {
			continue
		}
		config := Flatten(section(cluster.runsWith(), "flinkConfiguration"))
		maps.Copy(config, Flatten(section(job.spec(), "flinkConfiguration")))
		fits := 0
		for _, key := range stateDirKeys {
			if dir := NormalPath(config[key]); dir != "" {
				fits = max(fits, nearness(dir, wanted))
			}
		}
		if fits == 0 && mountsOf(cluster.runsWith()).place(file).Kind == SharedPlace {
			fits = 1
		}
		if fits > score {
			best, score = job, fits
		}
	}
	if score == 0 {
		return Job{}, fmt.Errorf("%s: %w (namespace %s)\nName a job that does with --job, or write ./ before a directory of this machine", file, ErrNoJobSees, namespace)
	}
	return best, nil
}

// nearness is how many parts two normal paths have in common, 0 where they are
// in different stores.
func nearness(a, b string) int {
	x, y := strings.Split(a, "/"), strings.Split(b, "/")
	n := 0
	for n < len(x) && n < len(y) && x[n] == y[n] {
		n++
	}
	if strings.HasPrefix(b, "file:") {
		n++ // of a file, one part in common is enough: the volume
	}
	if n < 3 {
		return 0
	}
	return n
}

// NewestState is the newest savepoint or checkpoint of a job that its
// JobManager, its status or a FlinkStateSnapshot tells of. A JobManager that
// should run and can't be asked is noted: it may know a newer one.
func (c *Client) NewestState(ctx context.Context, job Job, reporter Reporter) (Source, error) {
	inventory, err := c.InventoryOf(ctx, job.Ref().Namespace, "")
	if err != nil {
		return Source{}, fmt.Errorf("look for what is saved of %s: %w", job.Ref(), err)
	}
	var best Source
	for _, s := range inventory.Saved {
		if s.State != SnapshotCompleted || NormalPath(s.Path) == "" || !isOwn(job, s.Job) {
			continue
		}
		if source := sourceOf(s); best.Path == "" || source.At.After(best.At) {
			best = source
		}
	}
	flink, known, why := c.State(ctx, job)
	if !known && job.IsRunning() {
		reporter.note("the JobManager of %s can't be asked for newer ones: %s", job.Ref(), why)
	}
	if l := flink.Latest; l != nil && NormalPath(l.Path) != "" && (best.Path == "" || l.At.After(best.At)) {
		best = Source{Kind: "checkpoint", Path: l.Path, At: l.At, Of: job.Ref()}
		if l.Savepoint {
			best.Kind = "savepoint"
		}
	}
	if best.Path == "" {
		return best, fmt.Errorf("no savepoint or checkpoint of %s is known", job.Ref())
	}
	return best, nil
}
