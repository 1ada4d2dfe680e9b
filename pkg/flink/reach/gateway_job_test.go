package reach

import (
	"errors"
	"strings"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// jobsController makes the pod of each Job that is created, or says in an event
// why it can't.
func jobsController(core *fake.Clientset, refusal string) {
	core.PrependReactor("create", "jobs", func(action ktesting.Action) (bool, runtime.Object, error) {
		job := action.(ktesting.CreateAction).GetObject().(*batchv1.Job).DeepCopy()
		job.Name, job.UID = "made", "job-uid"
		meta := metav1.ObjectMeta{Namespace: job.Namespace, Name: "made-abcde", Labels: map[string]string{"job-name": "made"}}
		meta.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(job, batchv1.SchemeGroupVersion.WithKind("Job"))}
		var err error
		if refusal == "" {
			err = core.Tracker().Add(&corev1.Pod{ObjectMeta: meta, Spec: job.Spec.Template.Spec})
		} else {
			err = core.Tracker().Add(&corev1.Event{
				ObjectMeta: metav1.ObjectMeta{Namespace: job.Namespace, Name: "e"}, Type: corev1.EventTypeWarning, Reason: "FailedCreate",
				InvolvedObject: corev1.ObjectReference{UID: job.UID}, Message: refusal,
			})
		}
		return true, job, errors.Join(err, core.Tracker().Add(job))
	})
}

func forbid(core *fake.Clientset, resource string) {
	verb := "create"
	if listed, ok := strings.CutPrefix(resource, "list "); ok {
		verb, resource = "list", listed
	}
	core.PrependReactor(verb, resource, func(ktesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(schema.GroupResource{Resource: resource}, "", errors.New("no rights"))
	})
}

// left are the Jobs and pods of a namespace.
func left(t *testing.T, core *fake.Clientset) string {
	t.Helper()
	var names []string
	jobs, err := core.BatchV1().Jobs("ns").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, job := range jobs.Items {
		names = append(names, "job/"+job.Name)
	}
	pods, err := core.CoreV1().Pods("ns").List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods.Items {
		if metav1.GetControllerOf(&pod) == nil || len(jobs.Items) > 0 { // as the garbage collector leaves it
			names = append(names, "pod/"+pod.Name)
		}
	}
	return strings.Join(names, " ")
}

func TestTheGatewaysPodIsMadeByAJob(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", GenerateName: "session-sql-gateway-", Name: "alone", Labels: map[string]string{"l": "v"}, OwnerReferences: []metav1.OwnerReference{{UID: "deployment"}}},
		Spec:       corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{Name: "c"}}},
	}
	job := gatewayJob(pod)
	if spec := job.Spec; *spec.BackoffLimit != 0 || *spec.TTLSecondsAfterFinished > 30 || *spec.ActiveDeadlineSeconds != gatewayLife ||
		spec.Template.Labels["l"] != "v" || spec.Template.Spec.RestartPolicy != corev1.RestartPolicyNever || job.OwnerReferences[0].UID != "deployment" || job.GenerateName == "" {
		t.Errorf("%+v", job)
	}
	for name, tc := range map[string]struct {
		forbidden []string
		refusal   string
		made, err string
	}{
		"a job":                  {made: "job/made pod/made-abcde"},
		"no rights to jobs":      {forbidden: []string{"jobs"}, made: "pod/alone"},
		"no rights to list pods": {forbidden: []string{"list pods"}, made: "pod/alone"},
		"no rights at all":       {forbidden: []string{"jobs", "pods"}, err: "--in-jobmanager"},
		"pods that are refused":  {refusal: `pods "made-" is forbidden: exceeded quota`, err: "exceeded quota"},
	} {
		t.Run(name, func(t *testing.T) {
			core := fake.NewClientset()
			jobsController(core, tc.refusal)
			for _, resource := range tc.forbidden {
				forbid(core, resource)
			}
			g := &GatewayStarter{Core: core}
			made, remove, err := g.create(t.Context(), pod)
			if len(tc.forbidden) > 0 && strings.HasPrefix(tc.forbidden[0], "list ") {
				core.ReactionChain = core.ReactionChain[1:] // the test lists
			}
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || left(t, core) != "" {
					t.Errorf("%v, left: %s", err, left(t, core))
				}
				return
			}
			if err != nil || left(t, core) != tc.made || !strings.Contains(tc.made, made.Name) {
				t.Fatalf("%v, made %s", err, left(t, core))
			}
			for range 2 { // the second finds nothing any more
				if err := remove(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if now := left(t, core); now != "" {
				t.Errorf("left: %s", now)
			}
		})
	}
}

func TestLeftGatewaysAreCleared(t *testing.T) {
	labels := map[string]string{"app.kubernetes.io/name": gatewayName, "app.kubernetes.io/managed-by": managedBy, "app.kubernetes.io/instance": "session"}
	pod := func(name string, phase corev1.PodPhase, age time.Duration, job string) []runtime.Object {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, Labels: labels, CreationTimestamp: metav1.NewTime(time.Now().Add(-age))}, Status: corev1.PodStatus{Phase: phase}}
		if job == "" {
			return []runtime.Object{p}
		}
		owner := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: job, UID: "u"}}
		p.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, batchv1.SchemeGroupVersion.WithKind("Job"))}
		return []runtime.Object{p, owner}
	}
	for name, tc := range map[string]struct {
		objects []runtime.Object
		left    string
	}{
		"runs":           {pod("a", corev1.PodRunning, time.Hour, "j"), "job/j pod/a"},
		"starts":         {pod("a", corev1.PodPending, time.Minute, "j"), "job/j pod/a"},
		"never had room": {pod("a", corev1.PodPending, time.Hour, "j"), ""},
		"ended":          {pod("a", corev1.PodSucceeded, time.Hour, "j"), ""},
		"failed, alone":  {pod("a", corev1.PodFailed, time.Hour, ""), ""},
		"starts, alone":  {pod("a", corev1.PodPending, 0, ""), "pod/a"},
		"no room, alone": {pod("a", corev1.PodPending, time.Hour, ""), ""},
	} {
		core := fake.NewClientset(tc.objects...)
		(&GatewayStarter{Core: core}).clearGateways(t.Context(), api.Ref{Namespace: "ns", Name: "session"})
		if got := left(t, core); got != tc.left {
			t.Errorf("%s: left %q, want %q", name, got, tc.left)
		}
	}
}
