package api

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

// The pod has what the JobManager's has, and nothing by which a Service or controller would take
// it for one.
func TestProbePod(t *testing.T) {
	room := Probe{Name: "probe-", Component: "probe", Dir: "/tmp/probe", Ready: "/tmp/probe/ready", Memory: 640 << 20, Room: 16 << 20}
	shop := jobAs(t, Deployment, `{"metadata": {"name": "shop", "namespace": "ns"}, "spec": {"image": "flink:1.20", "serviceAccount": "flink", "podTemplate": {"spec": {"containers": [{"name": "flink-main-container", "env": [{"name": "A", "value": "b"}]}, {"name": "sidecar", "image": "x"}]}}}}`)
	pod, err := ProbePod(shop, shop.RunsWith(), Config{"containerized.master.env.ENABLE_BUILT_IN_PLUGINS": "flink-s3.jar"}, nil, "", room)
	if err != nil {
		t.Fatal(err)
	}
	main := pod.Spec.Containers[0]
	if len(pod.Spec.Containers) != 1 || main.Image != "flink:1.20" || len(main.Command) > 0 || pod.Spec.ServiceAccountName != "flink" || !slices.Contains(main.Env, corev1.EnvVar{Name: "ENABLE_BUILT_IN_PLUGINS", Value: "flink-s3.jar"}) || !slices.Contains(main.Env, corev1.EnvVar{Name: "A", Value: "b"}) {
		t.Errorf("%+v", pod.Spec)
	}
	template := &corev1.PodSpec{
		ServiceAccountName: "other", InitContainers: []corev1.Container{{Name: "fetch"}}, Volumes: []corev1.Volume{{Name: "data"}},
		Containers: []corev1.Container{{Name: MainContainer, Image: "own:1", Command: []string{"/docker-entrypoint.sh"}, Args: []string{"kubernetes-jobmanager.sh"}, Ports: []corev1.ContainerPort{{ContainerPort: 8081}}, LivenessProbe: &corev1.Probe{}, VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: "/data"}}}},
	}
	if pod, err = ProbePod(shop, shop.RunsWith(), nil, template, "node-1", room); err != nil {
		t.Fatal(err)
	}
	main = pod.Spec.Containers[0]
	if main.Image != "own:1" || strings.Join(main.Command, " ") != "/docker-entrypoint.sh" || strings.Contains(strings.Join(main.Args, " "), "jobmanager") || len(main.Ports) > 0 || main.LivenessProbe != nil ||
		len(pod.Spec.InitContainers) != 1 || len(main.VolumeMounts) != 2 || len(pod.Spec.Volumes) != 2 || pod.Spec.NodeName != "node-1" || pod.Spec.ServiceAccountName != "other" || len(pod.OwnerReferences) > 0 || pod.Labels["app"] != "" || pod.Labels["component"] != "" {
		t.Errorf("%+v", pod.Spec)
	}
	if len(template.Containers[0].VolumeMounts) != 1 || len(template.Volumes) != 1 {
		t.Error("the Deployment's template was changed")
	}
	if _, err := ProbePod(jobAs(t, Deployment, `{"metadata": {"name": "shop"}, "spec": {}}`), map[string]any{}, nil, nil, "", room); err == nil {
		t.Error("a pod without image")
	}
}

// The sides differ in what reaches the container, wherever it is set; not in what a
// probe doesn't get anyway.
func TestSidesDiffer(t *testing.T) {
	both := `"image": "flink:1.20", "podTemplate": {"spec": {"volumes": [{"name": "v"}]}}`
	for spec, want := range map[string]bool{
		`{` + both + `}`: false,
		`{` + both + `, "taskManager": {"replicas": 3, "resource": {"memory": "4g"}, "podTemplate": {"metadata": {"labels": {"a": "b"}}}}}`:                         false,
		`{` + both + `, "taskManager": {"podTemplate": {"spec": {"volumes": [{"name": "other"}]}}}}`:                                                                true,
		`{` + both + `, "jobManager": {"podTemplate": {"spec": {"containers": [{"name": "flink-main-container", "envFrom": [{"secretRef": {"name": "keys"}}]}]}}}}`: true,
		`{` + both + `, "taskManager": {"podTemplate": {"spec": {"containers": [{"name": "sidecar", "image": "x"}]}}}}`:                                             false,
		`{"podTemplate": {"spec": {"volumes": [{"name": "v"}]}}}`:                                                                                                   false,
	} {
		job := jobAs(t, Deployment, `{"metadata": {"name": "shop"}, "spec": `+spec+`}`)
		if got, err := SidesDiffer(job, job.RunsWith(), Config{}); err != nil || got != want {
			t.Errorf("%s: %v %v", spec, got, err)
		}
	}
	job := jobAs(t, Deployment, `{"metadata": {"name": "shop"}, "spec": {"image": "flink", "serviceAccount": "flink"}}`)
	for _, key := range []string{"containerized.taskmanager.env.AWS_REGION", "containerized.master.env.AWS_REGION", "kubernetes.taskmanager.service-account"} {
		if got, err := SidesDiffer(job, job.RunsWith(), Config{key: "x"}); err != nil || !got {
			t.Errorf("%s: %v %v", key, got, err)
		}
	}
	pod, err := ProbePod(job, job.RunsWith(), Config{"kubernetes.taskmanager.service-account": "workers"}, nil, "", Probe{Side: TaskManagerSide})
	if err != nil || pod.Spec.ServiceAccountName != "workers" {
		t.Errorf("%+v %v", pod, err)
	}
}
