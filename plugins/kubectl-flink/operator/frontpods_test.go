package operator

import (
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// flinkPod is a pod as the operator's Deployments make it.
func flinkPod(name, app string, change func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "n", Labels: map[string]string{"app": app, "component": "jobmanager", "type": "flink-native-kubernetes"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: mainContainer}, {Name: "proxy"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}}, ContainerStatuses: []corev1.ContainerStatus{
			{Name: mainContainer, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
			{Name: "proxy", Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}},
		}},
	}
	change(p)
	return p
}

func TestWhyAPodIsNotReady(t *testing.T) {
	no := false
	flink, proxy := 0, 1
	for want, change := range map[string]func(*corev1.Pod){
		"": func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionTrue },
		"Flink's container ended: Error (exit code 143)": func(p *corev1.Pod) {
			p.Status.ContainerStatuses[flink] = corev1.ContainerStatus{Name: mainContainer, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 143}}}
		},
		"Flink's container is starting": func(p *corev1.Pod) {
			p.Status.ContainerStatuses[flink].Ready, p.Status.ContainerStatuses[flink].Started = false, &no
		},
		"Flink's container runs, but its readiness probe fails": func(p *corev1.Pod) { p.Status.ContainerStatuses[flink].Ready = false },
		"its container proxy is in CrashLoopBackOff: back-off 10s": func(p *corev1.Pod) {
			p.Status.ContainerStatuses[proxy] = corev1.ContainerStatus{Name: "proxy", RestartCount: 4, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 10s"}}}
		},
		"its container fetch is in ImagePullBackOff": func(p *corev1.Pod) {
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "fetch", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff"}}}}
		},
		"its readiness gate example.com/ok isn't met": func(p *corev1.Pod) {
			p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/ok"}}
		},
		"its node doesn't answer":                   func(p *corev1.Pod) { p.Status.Phase = corev1.PodUnknown },
		"NodeLost: Node a was unresponsive":         func(p *corev1.Pod) { p.Status.Reason, p.Status.Message = "NodeLost", "Node a was unresponsive" },
		"Evicted: The node was low on resource":     func(p *corev1.Pod) { p.Status.Reason, p.Status.Message = "Evicted", "The node was low on resource" },
		"it is being deleted":                       func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: time.Now()} },
		"its node says so":                          func(*corev1.Pod) {},
		"its containers don't run yet":              func(p *corev1.Pod) { p.Status.ContainerStatuses = nil },
		"Flink's container is in ContainerCreating": func(p *corev1.Pod) { p.Status.ContainerStatuses[flink] = waitingIn("ContainerCreating") },
		"Flink's container is in ImagePullBackOff: no such image": func(p *corev1.Pod) {
			s := waitingIn("ImagePullBackOff")
			s.State.Waiting.Message = "no such image"
			p.Status.ContainerStatuses[flink] = s
		},
	} {
		if got := ReadPod(flinkPod("jm", "a", change)); got.Unready != want {
			t.Errorf("%q, want %q", got.Unready, want)
		}
	}
}

func waitingIn(reason string) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: mainContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}}
}

func TestAPodThatIsMadeIsNotPendingAndItsSidecarsCount(t *testing.T) {
	pod := ReadPod(flinkPod("jm", "a", func(p *corev1.Pod) {
		p.Status.Phase = corev1.PodPending
		p.Status.ContainerStatuses[0] = waitingIn("ContainerCreating")
		p.Status.ContainerStatuses[1].RestartCount = 3
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "fetch", RestartCount: 2, Ready: true}}
	}))
	if pod.Status != "ContainerCreating" || pod.Restarts != 0 || pod.OtherRestarts != 5 {
		t.Errorf("%s, %d and %d restarts", pod.Status, pod.Restarts, pod.OtherRestarts)
	}
}

func TestJobManagerPodsAreThoseOfOperators(t *testing.T) {
	byHand := flinkPod("by-hand", "a", func(p *corev1.Pod) { delete(p.Labels, "type") })
	worker := flinkPod("tm", "a", func(p *corev1.Pod) { p.Labels["component"] = "taskmanager" })
	standalone := flinkPod("b-jm", "b", func(p *corev1.Pod) { p.Labels["type"] = "flink-standalone-kubernetes" })
	client := ClientOf(nil, fake.NewClientset(byHand, worker, standalone, flinkPod("a-1", "a", func(*corev1.Pod) {}), flinkPod("a-2", "a", func(*corev1.Pod) {})))
	pods, err := client.JobManagerPods(t.Context(), "")
	if err != nil || len(pods) != 2 || len(pods[Ref{Deployment, "n", "a"}]) != 2 || len(pods[Ref{Deployment, "n", "b"}]) != 1 {
		t.Errorf("%v: %v", pods, err)
	}
}

func TestSinceWhenAJobIsAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		status string
		want   int64
	}{
		"runs":                          {`"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING","startTime":"1000","updateTime":"5000"}`, 5000},
		"not noted when":                {`"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING","startTime":"1000"}`, 0},
		"a batch job that ended":        {`"lifecycleState":"STABLE","jobStatus":{"state":"FINISHED","updateTime":"5000"}`, 5000},
		"stopped by a savepoint":        {`"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","updateTime":"5000","upgradeSavepointPath":"file:/s/1","savepointInfo":{"lastSavepoint":{"location":"file:///s/1","timeStamp":9000}}}`, 9000},
		"stopped, the savepoint is old": {`"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","updateTime":"5000","upgradeSavepointPath":"file:/s/2","savepointInfo":{"lastSavepoint":{"location":"file:///s/1","timeStamp":9000}}}`, 0},
		"stopped, with snapshots":       {`"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","updateTime":"5000","upgradeSavepointPath":"file:/s/1"}`, 0},
		"being changed":                 {`"lifecycleState":"UPGRADING","jobStatus":{"state":"FINISHED","updateTime":"5000"}`, 0},
		"being deployed":                {`"lifecycleState":"DEPLOYED","jobStatus":{"state":"RECONCILING","updateTime":"5000"}`, 0},
		"being canceled":                {`"lifecycleState":"UPGRADING","jobStatus":{"state":"CANCELLING","updateTime":"5000"}`, 0},
		"failed":                        {`"lifecycleState":"FAILED","jobStatus":{"state":"FAILED","updateTime":"5000"}`, 5000},
	} {
		job := jobOf(t, Deployment, `{"metadata":{"name":"a"},"spec":{"job":{}},"status":{`+c.status+`}}`)
		summary, err := Summarize(Deployment, job.Object)
		if err != nil {
			t.Fatal(err)
		}
		want := time.Time{}
		if c.want > 0 {
			want = time.UnixMilli(c.want)
		}
		if !job.StateSince().Equal(want) || !summary.StateSince.Equal(want) {
			t.Errorf("%s: %v and %v, want %v", name, job.StateSince(), summary.StateSince, want)
		}
	}
}

func TestNoSavepointWhileTheJobManagerIsAway(t *testing.T) {
	job := jobOf(t, SessionJob, `{"metadata":{"name":"a","namespace":"n"},"spec":{"deploymentName":"c","job":{}},"status":{"jobStatus":{"state":"RUNNING"}}}`)
	p := &plan{job: job, target: job, now: time.Now}
	away := flinkPod("jm", "c", func(p *corev1.Pod) { p.Status.ContainerStatuses[0] = waitingIn("CrashLoopBackOff") })
	if err := ClientOf(nil, fake.NewClientset(away)).checkRunning(t.Context(), p); err == nil || !strings.Contains(err.Error(), "no savepoint of flinksessionjob/a can be taken: its JobManager's pod jm isn't ready: Flink's container is in CrashLoopBackOff") {
		t.Error(err)
	}
	there := flinkPod("jm", "c", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionTrue })
	for name, client := range map[string]*Client{"ready": ClientOf(nil, fake.NewClientset(there)), "no pods known": ClientOf(nil, fake.NewClientset())} {
		if err := client.checkRunning(t.Context(), p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	ought := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "n", Labels: map[string]string{"component": "jobmanager"}}}
	if err := ClientOf(nil, fake.NewClientset(ought)).checkRunning(t.Context(), p); err == nil || !strings.Contains(err.Error(), "its JobManager has no pod") {
		t.Error(err)
	}
}
