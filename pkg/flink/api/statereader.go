package api

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// FlinkPodSpec is a role's pod template as the operator merges it.
func FlinkPodSpec(spec map[string]any, role string) (corev1.PodSpec, error) {
	byName := strings.EqualFold(Flatten(Section(spec, "flinkConfiguration"))[mergeByNameKey], "true")
	merged, _ := MergeTemplates(Section(spec, "podTemplate"), Section(spec, role, "podTemplate"), byName).(map[string]any)
	data, err := json.Marshal(Section(merged, "spec"))
	if err != nil {
		return corev1.PodSpec{}, err
	}
	var out corev1.PodSpec
	return out, json.Unmarshal(data, &out)
}

// ReaderName is the beginning of the names of pods that read state.
const ReaderName = "flink-state-reader-"

// ReaderLife is how long a reader pod may live where nobody is left to delete
// it.
const ReaderLife = 15 * time.Minute

// ReaderPod is a pod that can read a path of state where no pod of the job runs:
// with the job's image, service account and security settings, and of its
// volumes the one that the path is in, read-only unless writes. Its error says why
// there can be none.
func ReaderPod(cluster Job, file string, writes bool) (*corev1.Pod, error) {
	_, file, err := splitPath(file)
	if err != nil {
		return nil, err
	}
	spec := cluster.RunsWith()
	own, err := FlinkPodSpec(spec, "jobManager")
	if err != nil {
		return nil, fmt.Errorf("the pod template of %s: %w", cluster.Ref(), err)
	}
	mount, in := mountAt(MountsIn(PodSpecMap(own)), file)
	switch {
	case !in:
		return nil, fmt.Errorf("%s is in no volume of the pods of %s, and none of them runs", file, cluster.Ref())
	case slices.Contains(passingVolumes, mount.volume):
		return nil, fmt.Errorf("%s is in a volume of type %s, which went with the pods of %s", file, mount.volume, cluster.Ref())
	case mount.perPod:
		return nil, fmt.Errorf("%s is in a directory that every pod of %s has of its own, and none of them runs", file, cluster.Ref())
	}
	at := slices.IndexFunc(own.Containers, func(c corev1.Container) bool { return c.Name == MainContainer })
	main := own.Containers[at]
	image := Text(spec, "image")
	if image == "" {
		image = main.Image
	}
	if image == "" {
		return nil, fmt.Errorf("%s names no image that a pod could read its volume with", cluster.Ref())
	}
	reader := corev1.Container{
		Name: MainContainer, Image: image, ImagePullPolicy: corev1.PullPolicy(Text(spec, "imagePullPolicy")), SecurityContext: main.SecurityContext,
		Command: []string{"sleep"}, Args: []string{fmt.Sprint(int(ReaderLife.Seconds()))},
	}
	var volumes []corev1.Volume
	for _, m := range main.VolumeMounts {
		if path.Clean("/"+m.MountPath) == mount.at {
			m.ReadOnly = m.ReadOnly || !writes
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
	life, grace := int64(ReaderLife.Seconds()), int64(0)
	mountToken := false
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			GenerateName: ReaderName, Namespace: cluster.Object.GetNamespace(),
			Labels: map[string]string{"app.kubernetes.io/managed-by": "kubectl-flink", "app.kubernetes.io/component": "state-reader"},
		},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{reader}, Volumes: volumes, RestartPolicy: corev1.RestartPolicyNever,
			ServiceAccountName: Text(spec, "serviceAccount"), AutomountServiceAccountToken: &mountToken,
			SecurityContext: own.SecurityContext, ImagePullSecrets: own.ImagePullSecrets,
			NodeSelector: own.NodeSelector, Tolerations: own.Tolerations, Affinity: own.Affinity,
			ActiveDeadlineSeconds: &life, TerminationGracePeriodSeconds: &grace,
		},
	}, nil
}

// IsPath reports whether what a user typed is a path of state and not a name.
func IsPath(text string) bool {
	return strings.HasPrefix(text, "/") || strings.Contains(text, ":") // no object has a colon in its name
}

// Parallelism is spec.job.parallelism; 0 where it isn't set.
func (j Job) Parallelism() int {
	n, _ := Number(j.Spec(), "job", "parallelism")
	return int(n)
}

// Nearness is how many parts two normal paths have in common, 0 where they are
// in different stores.
func Nearness(a, b string) int {
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

// SeesPath reports whether a pod's Flink container mounts the volume that a path
// is in. An error is a path that can't be one.
func SeesPath(spec corev1.PodSpec, file string) (bool, error) {
	_, file, err := splitPath(file)
	if err != nil {
		return false, err
	}
	_, in := mountAt(MountsIn(PodSpecMap(spec)), file)
	return in, nil
}
