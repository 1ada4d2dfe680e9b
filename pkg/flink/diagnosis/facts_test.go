package diagnosis

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
)

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time  { return now.Add(-d) }
func stamp(d time.Duration) metav1.Time { return metav1.NewTime(before(d)) }
func epoch(d time.Duration) string      { return fmt.Sprint(before(d).UnixMilli()) }
func parts(path string) []string        { return strings.Split(path, ".") }
func set(o map[string]any, path string, v any) {
	if v == nil {
		unstructured.RemoveNestedField(o, parts(path)...)
		return
	}
	if err := unstructured.SetNestedField(o, v, parts(path)...); err != nil {
		panic(err)
	}
}

// change is a step from a healthy job to another.
type change func(*JobFacts)

// healthy is a job that runs as its spec says.
func healthy() *JobFacts {
	o := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
		"metadata": map[string]any{"name": "orders", "namespace": "prod", "generation": int64(2), "uid": "u1", "creationTimestamp": before(24 * time.Hour).Format(time.RFC3339)},
		"spec": map[string]any{
			"image": "flink:1.20", "flinkVersion": "v1_20", "serviceAccount": "flink",
			"flinkConfiguration": map[string]any{
				"taskmanager.numberOfTaskSlots": "2", "execution.checkpointing.interval": "1 min", "execution.checkpointing.dir": "s3://state/checkpoints",
				"execution.checkpointing.savepoint-dir": "s3://state/savepoints", "high-availability.type": "kubernetes", "high-availability.storageDir": "s3://state/ha",
			},
			"jobManager":  map[string]any{"resource": map[string]any{"memory": "1600m", "cpu": 0.5}},
			"taskManager": map[string]any{"resource": map[string]any{"memory": "2g", "cpu": int64(1)}},
			"job":         map[string]any{"jarURI": "local:///opt/flink/usrlib/job.jar", "parallelism": int64(2), "upgradeMode": "savepoint"},
		},
		"status": map[string]any{
			"observedGeneration": int64(2), "lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY",
			"jobStatus":            map[string]any{"state": "RUNNING", "jobId": strings.Repeat("a", 32), "updateTime": epoch(3 * time.Hour)},
			"reconciliationStatus": map[string]any{"state": "DEPLOYED", "reconciliationTimestamp": before(3 * time.Hour).UnixMilli()},
		},
	}}
	f := &JobFacts{Now: now, Object: o, Marks: map[Source]Mark{}, Pods: []PodFacts{podOf("orders-6d5f49f8d4-5hvl9", jobManager), podOf("orders-taskmanager-1-1", taskManager)}}
	for _, s := range []Source{FromPods, FromEvents, FromLogs, FromJobManager, FromExceptions, FromCheckpoints, FromVertices, FromClaims, FromSecrets, FromConfigMaps, FromQuotas, FromNodes, FromHPA, FromPDB, FromSnapshots, FromOperator} {
		f.Marks[s] = Read
	}
	f.Nodes = []NodeFacts{{Name: "n1", CPU: 4000, Memory: 16 << 30, Ready: true}}
	f.Operators = []OperatorFacts{{Namespace: "flink", Name: "flink-kubernetes-operator", Version: "1.16.1", Wanted: 1, Ready: 1, WatchedMark: Read}}
	f.Flink = FlinkFacts{
		Version: "1.20.5", State: "RUNNING", JobID: strings.Repeat("a", 32), Type: "STREAMING", Started: before(3 * time.Hour), SlotsTotal: 2, Tasks: map[string]int{"RUNNING": 4},
		Checkpoints: &Checkpoints{Total: 180, Completed: 180, Config: &CheckpointConfig{Interval: time.Minute, Timeout: 10 * time.Minute, Storage: "FileSystemCheckpointStorage"}},
		Vertices: []Vertex{
			{ID: "v1", Name: "Source: Kafka", Parallelism: 2, Max: 128, Status: "RUNNING", Metrics: &VertexMetrics{Busy: 0.3, BusyMean: 0.3, Idle: 0.7, Out: 500, Lag: 10, LagBefore: 12, Between: time.Minute}},
			{ID: "v2", Name: "Window", Parallelism: 2, Max: 128, Status: "RUNNING", Inputs: []string{"v1"}, Metrics: &VertexMetrics{Busy: 0.4, BusyMean: 0.35, In: 500, Lag: -1, Records: []int64{60000, 55000}, Watermark: now.UnixMilli(), WatermarkBefore: now.UnixMilli() - 60000, Between: time.Minute}},
		},
		TaskManagers: []TaskManager{{ID: "orders-taskmanager-1-1", Slots: 2}}, Clock: now, ClockAsked: now,
	}
	for i := range 5 {
		f.Flink.Checkpoints.History = append(f.Flink.Checkpoints.History, Checkpoint{ID: int64(180 - i), Status: "COMPLETED", Triggered: before(time.Duration(i+1) * time.Minute), Duration: 2 * time.Second, State: 50 * mib, Size: mib, Subtasks: 4, Acked: 4})
	}
	return f
}

// podOf is a pod of a role that runs and is ready.
func podOf(name, role string) PodFacts {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "prod", UID: types.UID(name), CreationTimestamp: stamp(3 * time.Hour), Labels: map[string]string{"app": "orders", "component": role, "type": "flink-native-kubernetes"}},
		Spec: corev1.PodSpec{NodeName: "n1", Containers: []corev1.Container{{Name: mainContainer, Image: "flink:1.20", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{"cpu": resource.MustParse("1"), "memory": resource.MustParse("2Gi")}, Limits: corev1.ResourceList{"memory": resource.MustParse("2Gi")},
		}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}, {Type: corev1.PodScheduled, Status: corev1.ConditionTrue}}, ContainerStatuses: []corev1.ContainerStatus{{Name: mainContainer, Ready: true, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp(3 * time.Hour)}}}}},
	}
	return PodFacts{Pod: p}
}

func all(changes ...change) change {
	return func(f *JobFacts) {
		for _, c := range changes {
			c(f)
		}
	}
}

func spec(path string, v any) change {
	return func(f *JobFacts) { set(f.Object.Object, "spec."+path, v) }
}

func status(path string, v any) change {
	return func(f *JobFacts) { set(f.Object.Object, "status."+path, v) }
}

func meta(path string, v any) change {
	return func(f *JobFacts) { set(f.Object.Object, "metadata."+path, v) }
}

func conf(key string, v any) change {
	return func(f *JobFacts) {
		c := section(f.Object.Object, "spec", "flinkConfiguration")
		if v == nil {
			delete(c, key)
			return
		}
		c[key] = v
	}
}
func mode(m string) change { return spec("job.upgradeMode", m) }

// state is the job's, entered a time ago.
func state(s string, ago time.Duration) change {
	return all(status("jobStatus.state", s), status("jobStatus.updateTime", epoch(ago)), status("reconciliationStatus.reconciliationTimestamp", before(ago).UnixMilli()), func(f *JobFacts) { f.Flink.State = s })
}

// starts is a first start that goes on for a time.
func starts(ago time.Duration) change {
	return all(state("RECONCILING", ago), status("lifecycleState", "DEPLOYED"), status("jobManagerDeploymentStatus", "DEPLOYING"), func(f *JobFacts) {
		f.Flink = FlinkFacts{}
		for _, s := range []Source{FromJobManager, FromExceptions, FromCheckpoints, FromVertices} {
			f.Marks[s] = NoAnswer
		}
	})
}

func created(ago time.Duration) change {
	return all(state("CREATED", ago), func(f *JobFacts) { f.Flink.Vertices = nil })
}

func suspended(f *JobFacts) {
	all(spec("job.state", "suspended"), status("lifecycleState", "SUSPENDED"), state("FINISHED", time.Hour), status("jobManagerDeploymentStatus", "MISSING"), status("jobStatus.upgradeSavepointPath", "s3://state/savepoints/savepoint-1"))(f)
	f.Pods, f.Flink = nil, FlinkFacts{}
}

func deleting(ago time.Duration) change {
	return all(meta("deletionTimestamp", before(ago).Format(time.RFC3339)), meta("finalizers", []any{"flinkdeployments.flink.apache.org/finalizer"}))
}
func lags(f *JobFacts) { f.Object.SetGeneration(3) }
func noStatus(f *JobFacts) {
	delete(f.Object.Object, "status")
	f.Pods, f.Flink = nil, FlinkFacts{}
}
func failure(text string) change { return status("error", text) }
func failed(class, message string) change {
	return failure(asJSON(map[string]any{"type": class, "message": message, "throwableList": []any{}}))
}

const (
	reconciliation      = "org.apache.flink.kubernetes.operator.exception.ReconciliationException"
	statusConflictError = "org.apache.flink.kubernetes.operator.exception.StatusConflictException"
)

// thrown is a failure of a task half a minute ago, since when the job restarts.
func thrown(trace string) change {
	return all(state("RESTARTING", 30*time.Second), func(f *JobFacts) {
		e := ReadException(trace, before(30*time.Second), InTask)
		e.Task = "Window (1/2)"
		f.Flink.Exceptions = append(f.Flink.Exceptions, e)
	})
}

// longAgo is a failure that is over.
func longAgo(trace string) change {
	return func(f *JobFacts) {
		e := ReadException(trace, before(5*time.Hour), InTask)
		f.Flink.Exceptions = append(f.Flink.Exceptions, e)
	}
}

// mainFails is a failure of the job's main method.
func mainFails(cause string) change {
	return all(state("FAILED", time.Minute), status("lifecycleState", "FAILED"), failed(reconciliation, "org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: failed\n\tat org.apache.flink.client.program.PackagedProgram.callMainMethod(PackagedProgram.java:373)\nCaused by: "+cause))
}

func podAt(f *JobFacts, role string) *PodFacts {
	for i := range f.Pods {
		if f.Pods[i].Pod.Labels["component"] == role {
			return &f.Pods[i]
		}
	}
	panic("no pod of role " + role)
}

func pods(role string, do func(p *corev1.Pod)) change {
	return func(f *JobFacts) { do(podAt(f, role).Pod) }
}

func unready(p *corev1.Pod) {
	p.Status.Conditions[0].Status = corev1.ConditionFalse
	p.CreationTimestamp = stamp(2 * time.Minute)
}

// longUnready is since when a pod isn't ready; often counts the last event.
func longUnready(p *corev1.Pod) { p.CreationTimestamp = stamp(10 * time.Minute) }
func often(f *JobFacts)         { f.Events[len(f.Events)-1].Count = 60 }

// ended is a container that ended some seconds ago and is down; it is added
// where there is none of its name.
func ended(role, name string, code int32, reason string, log ...string) change {
	return func(f *JobFacts) {
		facts := podAt(f, role)
		p := facts.Pod
		unready(p)
		end := &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, FinishedAt: stamp(10 * time.Second)}
		s := corev1.ContainerStatus{Name: name, RestartCount: 3, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 20s restarting failed container=" + name}}, LastTerminationState: corev1.ContainerState{Terminated: end}}
		if name == mainContainer {
			p.Status.ContainerStatuses[0] = s
		} else {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Image: "side:1"})
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, s)
		}
		facts.Logs = append(facts.Logs, ContainerLog{Container: name, Previous: true, Lines: log})
	}
}

func initEnded(role, name string, code int32, log ...string) change {
	return func(f *JobFacts) {
		facts := podAt(f, role)
		p := facts.Pod
		unready(p)
		p.Status.Phase = corev1.PodPending
		p.Spec.InitContainers = []corev1.Container{{Name: name, Image: "init:1"}}
		end := &corev1.ContainerStateTerminated{ExitCode: code, Reason: "Error", FinishedAt: stamp(10 * time.Second)}
		if code == 0 {
			end.Reason = "Completed"
		}
		p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: name, Ready: code == 0, State: corev1.ContainerState{Terminated: end}}}
		facts.Logs = append(facts.Logs, ContainerLog{Container: name, Lines: log})
	}
}

func waiting(role, reason, message string) change {
	return pods(role, func(p *corev1.Pod) {
		unready(p)
		p.Status.Phase = corev1.PodPending
		p.Status.ContainerStatuses[0] = corev1.ContainerStatus{Name: mainContainer, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}
	})
}

func unscheduled(role, message string) change {
	return pods(role, func(p *corev1.Pod) {
		unready(p)
		p.Status.Phase, p.Spec.NodeName, p.Status.ContainerStatuses = corev1.PodPending, "", nil
		p.Status.Conditions[1].Status, p.Status.Conditions[1].Message = corev1.ConditionFalse, message
	})
}

func event1(kind, name, reason, message string, ago time.Duration) change {
	return func(f *JobFacts) {
		f.Events = append(f.Events, corev1.Event{InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name}, Reason: reason, Message: message, LastTimestamp: stamp(ago), Type: corev1.EventTypeWarning, Count: 3})
	}
}

func logged(lines ...string) change {
	return func(f *JobFacts) {
		for i, line := range lines {
			f.Flink.Log = append(f.Flink.Log, LogLine{At: before(time.Duration(len(lines)-i) * time.Second), Text: line})
		}
	}
}

func repeat(line string, n int) []string {
	var out []string
	for i := range n {
		out = append(out, strings.ReplaceAll(line, "%d", fmt.Sprint(i+1)))
	}
	return out
}
func noTaskManager(f *JobFacts) { f.Pods = f.Pods[:1] }
func only(role string) change {
	return func(f *JobFacts) { f.Pods = []PodFacts{*podAt(f, role)} }
}
func flink(do func(*FlinkFacts)) change { return func(f *JobFacts) { do(&f.Flink) } }
func ckpt(do func(*Checkpoints)) change { return func(f *JobFacts) { do(f.Flink.Checkpoints) } }
func vertex(n int, do func(*Vertex)) change {
	return func(f *JobFacts) { do(&f.Flink.Vertices[n]) }
}

// failedCheckpoints are n that failed in a row.
func failedCheckpoints(n int, why string) change {
	return ckpt(func(c *Checkpoints) {
		for i := range n {
			c.History = append([]Checkpoint{{ID: int64(200 + i), Status: "FAILED", Failure: why, Triggered: before(time.Duration(n-i) * 5 * time.Second), Subtasks: 4, Acked: 2}}, c.History...)
			c.Failed++
		}
	})
}

func snap(ago time.Duration, state, failure string, more ...func(o map[string]any)) change {
	return func(f *JobFacts) {
		o := map[string]any{"apiVersion": "flink.apache.org/v1beta1", "kind": kindSnapshot, "metadata": map[string]any{"name": "orders-1", "namespace": "prod", "creationTimestamp": before(ago).Format(time.RFC3339)}, "spec": map[string]any{"savepoint": map[string]any{}, "jobReference": map[string]any{"kind": kindDeployment, "name": "orders"}}}
		if state != "" {
			set(o, "status.state", state)
		}
		if failure != "" {
			set(o, "status.error", failure)
		}
		for _, m := range more {
			m(o)
		}
		f.Snapshots = append(f.Snapshots, &unstructured.Unstructured{Object: o})
	}
}

// sessionJob makes it a job of the session cluster "shared".
func sessionJob(f *JobFacts) {
	f.Object.SetKind(kindSessionJob)
	own := f.Object.DeepCopy()
	f.Object.Object["spec"] = map[string]any{"deploymentName": "shared", "job": map[string]any{"jarURI": "https://jars.example.com/job.jar", "parallelism": int64(2), "upgradeMode": "savepoint"}}
	unstructured.RemoveNestedField(f.Object.Object, "status", "jobManagerDeploymentStatus")
	own.SetKind(kindDeployment)
	own.SetName("shared")
	unstructured.RemoveNestedField(own.Object, "spec", "job")
	own.Object["status"] = map[string]any{"jobManagerDeploymentStatus": "READY", "lifecycleState": "STABLE", "observedGeneration": int64(2)}
	f.Cluster = own
	f.Marks[FromCluster] = Read
}

func cluster(path string, v any) change { return func(f *JobFacts) { set(f.Cluster.Object, path, v) } }

// sessionCluster makes it a session cluster.
func sessionCluster(f *JobFacts) {
	all(spec("job", nil), status("jobStatus", map[string]any{}))(f)
	f.Flink.Checkpoints, f.Flink.Vertices, f.Flink.State = nil, nil, ""
}

func blueGreen(f *JobFacts) {
	inner := section(f.Object.Object, "spec")
	f.Object.SetKind(kindBlueGreen)
	f.Object.Object["spec"] = map[string]any{"template": map[string]any{"spec": inner}}
	f.Object.Object["status"] = map[string]any{"blueGreenState": "ACTIVE_BLUE", "jobStatus": map[string]any{"state": "RUNNING"}, "lastReconciledTimestamp": before(time.Hour).Format(time.RFC3339)}
}

func template(containers []any, volumes []any) change {
	return spec("podTemplate", map[string]any{"spec": map[string]any{"containers": containers, "volumes": volumes}})
}

func mainMounts(at, kind string, env ...string) change {
	c := map[string]any{"name": mainContainer, "volumeMounts": []any{map[string]any{"name": "data", "mountPath": at}}}
	for i := 0; i+1 < len(env); i += 2 {
		c["env"] = []any{map[string]any{"name": env[i], "value": env[i+1]}}
	}
	return template([]any{c}, []any{map[string]any{"name": "data", kind: map[string]any{}}})
}

func operators(do func(*OperatorFacts)) change {
	return func(f *JobFacts) { do(&f.Operators[0]) }
}

func budget(f *JobFacts) {
	f.PDB = []policyv1.PodDisruptionBudget{{ObjectMeta: metav1.ObjectMeta{Name: "orders"}, Status: policyv1.PodDisruptionBudgetStatus{ExpectedPods: 1, CurrentHealthy: 1, DesiredHealthy: 1}}}
}

func service(do func(*ServiceFacts)) change {
	return func(f *JobFacts) {
		f.Marks[FromService] = Read
		f.Service = &ServiceFacts{Name: "orders-rest", Type: "ClusterIP", Ready: 1, Created: before(time.Hour)}
		do(f.Service)
	}
}
func nothing(*JobFacts) {}
