package operator

import (
	"context"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func suspendedJob(t *testing.T, config string) Job {
	t.Helper()
	return jobOf(t, Deployment, `{"metadata":{"name":"a","namespace":"ns"},"spec":{"flinkConfiguration":{`+config+`},"job":{"state":"suspended"}},"status":{"lifecycleState":"SUSPENDED","jobManagerDeploymentStatus":"READY",
		"jobStatus":{"state":"FINISHED","jobId":"x","startTime":"1764000000000","upgradeSavepointPath":"file:/s/1"}}}`)
}

// jobManagerOf are the Deployment and pod of a JobManager.
func jobManagerOf(name string) []runtime.Object {
	labels := map[string]string{"app": name, "component": "jobmanager", "type": "flink-native-kubernetes"}
	return []runtime.Object{
		&appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns", UID: "u"}, Spec: appsv1.DeploymentSpec{Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}}}},
		&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name + "-1", Namespace: "ns", Labels: labels}},
	}
}

func TestASuspendedJobsJobManagerIsTakenAway(t *testing.T) {
	kept := Kept{Kind: KeptSavepoint, Path: "file:/s/1"}
	other := jobManagerOf("a")
	other[0].(*appsv1.Deployment).Spec.Template.Labels = map[string]string{"app": "a"}
	for name, c := range map[string]struct {
		config  string
		objects []runtime.Object
		forbid  bool
		deleted bool
		fails   string
	}{
		"no high availability":    {objects: jobManagerOf("a"), deleted: true},
		"NONE":                    {config: `"high-availability":{"type":"NONE"}`, objects: jobManagerOf("a"), deleted: true},
		"high availability":       {config: `"high-availability":"kubernetes"`, objects: jobManagerOf("a")},
		"ZooKeeper":               {config: `"high-availability.type":"zookeeper"`, objects: jobManagerOf("a")},
		"gone already":            {},
		"a Deployment of another": {objects: other},
		"forbidden":               {objects: jobManagerOf("a"), forbid: true, fails: "may run again"},
	} {
		core := fake.NewClientset(c.objects...)
		deleted := false
		core.PrependReactor("delete", "deployments", func(clienttesting.Action) (bool, runtime.Object, error) {
			if c.forbid {
				return true, nil, apierrors.NewForbidden(appsv1.Resource("deployments"), "a", nil)
			}
			deleted = true
			// The pods go with it.
			return false, nil, core.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("pods"), "ns", "a-1")
		})
		err := (&Client{core: core}).endJobManager(t.Context(), suspendedJob(t, c.config), kept, Reporter{})
		if (err == nil) != (c.fails == "") || deleted != c.deleted {
			t.Errorf("%s: %v, deleted: %v", name, err, deleted)
		}
		if err != nil && (!strings.Contains(err.Error(), c.fails) || !strings.Contains(err.Error(), "file:/s/1") || !strings.Contains(err.Error(), "kubectl delete deployment a -n ns")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSuspendedButRuns(t *testing.T) {
	began := time.UnixMilli(1_764_000_000_000)
	again := FlinkState{State: "RUNNING", Started: began.Add(time.Hour)}
	for name, c := range map[string]struct {
		job   Job
		state FlinkState
		runs  bool
	}{
		"ended":                      {suspendedJob(t, ""), FlinkState{State: "FINISHED", Started: began}, false},
		"runs again":                 {suspendedJob(t, ""), again, true},
		"starts again":               {suspendedJob(t, ""), FlinkState{State: "CREATED", Started: began.Add(time.Hour)}, true},
		"a page from before the end": {suspendedJob(t, ""), FlinkState{State: "RUNNING", Started: began}, false},
		"not suspended":              {changedJob(1, map[string]any{"lifecycleState": "STABLE", "jobStatus": map[string]any{"state": "RUNNING", "jobId": "x"}}), again, false},
	} {
		client := &Client{core: fake.NewClientset(jobManagerOf("a")...), AskFlink: func(context.Context, Ref) (FlinkState, error) { return c.state, nil }}
		if run := client.RunsSuspended(t.Context(), c.job); (run != nil) != c.runs || c.runs && !strings.HasPrefix(run.String(), "suspended, but runs") {
			t.Errorf("%s: %v", name, run)
		}
	}
	// Nobody is there to ask.
	asked := false
	client := &Client{core: fake.NewClientset(), AskFlink: func(context.Context, Ref) (FlinkState, error) { asked = true; return again, nil }}
	if run := client.RunsSuspended(t.Context(), suspendedJob(t, "")); run != nil || asked {
		t.Error(run, asked)
	}
}
