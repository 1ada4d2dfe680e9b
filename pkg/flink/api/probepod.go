package api

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Side is one of the two kinds of pods that a job has.
type Side string

// The sides, as a spec calls them. The zero value is the JobManager's, too.
const (
	JobManagerSide  Side = "jobManager"
	TaskManagerSide Side = "taskManager"
)

// Component is the value of the label component on the side's pods.
func (s Side) Component() string { return strings.ToLower(string(cmp.Or(s, JobManagerSide))) }

// String is the side in words, as the beginning of "the JobManager's side".
func (s Side) String() string {
	if s == TaskManagerSide {
		return "TaskManager"
	}
	return "JobManager"
}

// Probe is what a probe pod is for, and what it needs.
type Probe struct {
	// Side is whose pods it is like.
	Side Side
	// Name is the beginning of the pod's name, Component the value of its label.
	Name, Component string
	// Dir is a directory of its own that the pod may write to, and Ready the file in
	// it that says that the entry point is through.
	Dir, Ready string
	// Image is what it runs where neither the spec nor a pod names one.
	Image string
	// Memory and Room, of Dir, are in bytes.
	Memory, Room int64
}

// ProbePod is a pod in which something can be tried as one of the cluster's own pods
// would do it: with its image, entry point, user, service account, volumes and
// environment, but nothing that Services or Flink would take for one of them. spec is
// the cluster's with which it is to run. running is what the pods of that side are
// made of, nil where there are none or they aren't of that spec; it has what Flink
// itself adds. node is where such a pod runs, "" for anywhere: some volumes are only
// there.
func ProbePod(cluster Job, spec map[string]any, config Config, running *corev1.PodSpec, node string, p Probe) (*corev1.Pod, error) {
	var own corev1.PodSpec
	if running != nil {
		own = *running.DeepCopy()
	} else {
		var err error
		if own, err = FlinkPodSpec(spec, string(cmp.Or(p.Side, JobManagerSide))); err != nil {
			return nil, fmt.Errorf("the pod template of %s: %w", cluster.Ref(), err)
		}
		own.ServiceAccountName = cmp.Or(config["kubernetes."+p.Side.Component()+".service-account"], Text(spec, "serviceAccount"))
	}
	at := slices.IndexFunc(own.Containers, func(c corev1.Container) bool { return c.Name == MainContainer })
	main := corev1.Container{Name: MainContainer}
	if at >= 0 {
		main = own.Containers[at]
	}
	if running == nil {
		if image := Text(spec, "image"); image != "" {
			main.Image = image
		}
		main.Command = nil // what the template says is for Flink
		prefix := p.Side.envPrefix()
		for _, key := range keysWith(config, prefix) {
			main.Env = append(main.Env, corev1.EnvVar{Name: strings.TrimPrefix(key, prefix), Value: config[key]})
		}
	}
	if main.Image = cmp.Or(main.Image, p.Image); main.Image == "" {
		return nil, fmt.Errorf("%s names no image that a pod could be made of", cluster.Ref())
	}
	life, grace := int64(ReaderLife.Seconds()), int64(0)
	probe := corev1.Container{
		Name: MainContainer, Image: main.Image, ImagePullPolicy: main.ImagePullPolicy, SecurityContext: main.SecurityContext,
		Command: main.Command, Args: []string{"sh", "-c", fmt.Sprintf("touch %s; exec sleep %d", p.Ready, life)},
		Env: main.Env, EnvFrom: main.EnvFrom, WorkingDir: main.WorkingDir,
		VolumeMounts: append(slices.Clone(main.VolumeMounts), corev1.VolumeMount{Name: "kubectl-flink-probe", MountPath: p.Dir}),
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: *resource.NewQuantity(min(p.Memory, 256<<20), resource.BinarySI)},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: *resource.NewQuantity(p.Memory, resource.BinarySI)},
		},
	}
	room := resource.NewQuantity(p.Room, resource.BinarySI)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: p.Name, Namespace: cluster.Object.GetNamespace(),
			Labels: map[string]string{"app.kubernetes.io/managed-by": "kubectl-flink", "app.kubernetes.io/component": p.Component},
		},
		Spec: corev1.PodSpec{
			InitContainers: own.InitContainers, Containers: []corev1.Container{probe},
			Volumes:       append(slices.Clone(own.Volumes), corev1.Volume{Name: "kubectl-flink-probe", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: room}}}),
			RestartPolicy: corev1.RestartPolicyNever, ServiceAccountName: own.ServiceAccountName, AutomountServiceAccountToken: own.AutomountServiceAccountToken,
			SecurityContext: own.SecurityContext, ImagePullSecrets: own.ImagePullSecrets, HostAliases: own.HostAliases, DNSPolicy: own.DNSPolicy, DNSConfig: own.DNSConfig,
			NodeSelector: own.NodeSelector, Tolerations: own.Tolerations, Affinity: own.Affinity, NodeName: node, RuntimeClassName: own.RuntimeClassName,
			ActiveDeadlineSeconds: &life, TerminationGracePeriodSeconds: &grace,
		},
	}, nil
}

// envPrefix is how settings name variables of the side's containers.
func (s Side) envPrefix() string {
	if s == TaskManagerSide {
		return "containerized.taskmanager.env."
	}
	return "containerized.master.env."
}

// keysWith are the settings whose names begin with a prefix, sorted.
func keysWith(config Config, prefix string) []string {
	var out []string
	for key := range config {
		if strings.HasPrefix(key, prefix) {
			out = append(out, key)
		}
	}
	slices.Sort(out)
	return out
}

// SidesDiffer reports whether a cluster's JobManager and TaskManagers are configured
// to run in pods that something tried could tell apart: by image, user, service
// account, volumes, environment, init containers, or the nodes and names they reach.
// Its error says that a pod template can't be read.
func SidesDiffer(cluster Job, spec map[string]any, config Config) (bool, error) {
	var pods [2]corev1.PodSpec
	for i, side := range []Side{JobManagerSide, TaskManagerSide} {
		// The image of the spec counts, where it names one: which it is doesn't matter here.
		pod, err := ProbePod(cluster, spec, config, nil, "", Probe{Side: side, Image: "unnamed"})
		if err != nil {
			return false, err
		}
		pods[i] = pod.Spec
	}
	return !equality.Semantic.DeepEqual(pods[0], pods[1]), nil
}
