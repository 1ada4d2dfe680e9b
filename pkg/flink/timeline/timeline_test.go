package timeline

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func before(d time.Duration) time.Time { return now.Add(-d) }

func stamp(d time.Duration) metav1.Time { return metav1.NewTime(before(d)) }

// facts are of a job that was created two hours ago and of which all was read.
func facts(object string, change ...func(*diagnosis.JobFacts)) *diagnosis.JobFacts {
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(object), &u.Object); err != nil {
		panic(err)
	}
	u.SetAPIVersion("flink.apache.org/v1beta1")
	u.SetKind("FlinkDeployment")
	u.SetNamespace("prod")
	u.SetName("orders")
	if at := u.GetCreationTimestamp(); at.IsZero() {
		u.SetCreationTimestamp(stamp(2 * time.Hour))
	}
	f := &diagnosis.JobFacts{Now: now, Object: u, Marks: map[diagnosis.Source]diagnosis.Mark{}}
	for _, a := range asked {
		f.Marks[a.source] = diagnosis.Read
	}
	for _, c := range change {
		c(f)
	}
	return f
}

func event(reason, kind, name, message string, first, last time.Duration, count int32) corev1.Event {
	e := corev1.Event{
		ObjectMeta:     metav1.ObjectMeta{Name: name + reason, UID: types.UID(name + reason + message)},
		InvolvedObject: corev1.ObjectReference{Kind: kind, Name: name}, Reason: reason, Message: message, Type: "Normal", Count: count,
		FirstTimestamp: stamp(first), LastTimestamp: stamp(last),
	}
	if strings.HasPrefix(kind, "Flink") {
		e.InvolvedObject.APIVersion = "flink.apache.org/v1beta1"
	}
	return e
}

func pod(name, role string, created time.Duration, statuses ...corev1.ContainerStatus) diagnosis.PodFacts {
	return diagnosis.PodFacts{Role: role, Pod: &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: stamp(created)},
		Status:     corev1.PodStatus{ContainerStatuses: statuses},
	}}
}

func running(container string, since time.Duration) corev1.ContainerStatus {
	return corev1.ContainerStatus{Name: container, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp(since)}}}
}

func terminated(code int32, reason string, from, to time.Duration) *corev1.ContainerStateTerminated {
	return &corev1.ContainerStateTerminated{ExitCode: code, Reason: reason, StartedAt: stamp(from), FinishedAt: stamp(to)}
}

// lines are a story for a test: age, kind, severity, text, details.
func lines(items []Entry) []string {
	var out []string
	for _, e := range items {
		line := fmt.Sprintf("-%s %s %s", now.Sub(e.At), e.Kind, e.Text)
		if e.Severity != "" {
			line = fmt.Sprintf("-%s %s %s! %s", now.Sub(e.At), e.Kind, e.Severity, e.Text)
		}
		if len(e.Details) > 0 {
			line += " | " + strings.Join(e.Details, " | ")
		}
		out = append(out, line)
	}
	return out
}

func quote(v any) string {
	out, _ := json.Marshal(v)
	return string(out)
}

func TestBuild(t *testing.T) {
	const m = time.Minute
	kept := func(generation int, spec string) string {
		return quote(fmt.Sprintf(`{"spec":%s,"resource_metadata":{"metadata":{"generation":%d}}}`, spec, generation))
	}
	for name, c := range map[string]struct {
		facts *diagnosis.JobFacts
		o     Options
		// want are in the story in this order; never aren't in it.
		want, never []string
	}{
		"a spec that isn't carried out, by its writers": {
			facts: facts(`{"metadata":{"generation":3,"managedFields":[
				{"manager":"helm","operation":"Update","time":"2026-11-25T10:00:00Z","fieldsV1":{"f:spec":{"f:image":{},"f:job":{"f:parallelism":{}}}}},
				{"manager":"operator","operation":"Update","subresource":"status","time":"2026-11-25T11:59:00Z","fieldsV1":{"f:status":{}}},
				{"manager":"kubectl-edit","operation":"Update","time":"2026-11-25T11:55:00Z","fieldsV1":{"f:spec":{"f:flinkConfiguration":{"f:taskmanager.numberOfTaskSlots":{}}}}}]},
				"spec":{"image":"flink:2","job":{"parallelism":2},"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"4","s3.secret-key":"hunter2"}},
				"status":{"observedGeneration":2,"reconciliationStatus":{"reconciliationTimestamp":` + fmt.Sprint(before(90*m).UnixMilli()) + `,
					"lastReconciledSpec":` + kept(2, `{"image":"flink:2","job":{"parallelism":2},"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2","s3.secret-key":"hunter3"}}`) + `,
					"lastStableSpec":` + kept(1, `{"image":"flink:1","job":{"parallelism":2},"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2","s3.secret-key":"hunter3"}}`) + `}}}`),
			want: []string{
				"-2h0m0s spec created by helm",
				"-1h30m0s spec the operator carried out generation 2, which differs from generation 1 in 1 field | image: flink:1 → flink:2 (last written by helm)",
				"-5m0s spec kubectl-edit wrote the spec; it is the last writer of 1 field | flinkConfiguration.taskmanager.numberOfTaskSlots",
				"-5m0s spec generation 3 isn't carried out yet: it differs from generation 2 in 2 fields | flinkConfiguration s3.secret-key: ****** → ****** (another value) | flinkConfiguration taskmanager.numberOfTaskSlots: 2 → 4 (last written by kubectl-edit)",
			},
			never: []string{"hunter", "earlier generation"},
		},
		"generations that nobody tells of": {
			facts: facts(`{"metadata":{"generation":9},"spec":{"a":1},"status":{"observedGeneration":9}}`, func(f *diagnosis.JobFacts) {
				f.Events = []corev1.Event{event("SpecChanged", "FlinkDeployment", "orders", "SCALE change(s) detected (Diff: FlinkDeploymentSpec[job.parallelism : 2 -> 4, job.args.0 : a, b -> null, job.parallelism : 2 -> 4]), starting reconciliation.", 10*m, 10*m, 1)}
			}),
			want: []string{
				"gap the spec is of generation 9; what 7 earlier generations changed isn't kept in the object",
				"-10m0s spec the operator saw that the spec had changed (scale) | job.parallelism: 2 → 4 | job.args.0: a, b → (not set)",
			},
		},
		"events by what they are about": {
			facts: facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
				f.Pods = []diagnosis.PodFacts{pod("orders-taskmanager-1-1", "taskmanager", 30*m, running("flink-main-container", 29*m))}
				warning := event("BackOff", "Pod", "orders-taskmanager-1-1", "Back-off restarting", 20*m, 2*m, 12)
				warning.Type = "Warning"
				f.Events = []corev1.Event{
					warning,
					event("Submit", "FlinkDeployment", "orders", "Starting deployment", 31*m, 31*m, 1),
					event("Started", "Pod", "orders-taskmanager-1-1", "Started container", 29*m, 29*m, 1),
					event("Started", "Pod", "orders-taskmanager-9-9", "Started container flink-main-container", 40*m, 40*m, 1),
					event("ScalingReport", "FlinkDeployment", "orders", "Scaling execution enabled", 8*m, 8*m, 1),
				}
			}),
			want: []string{
				"gap events older than 1h are gone", "-40m0s pod pod/orders-taskmanager-9-9: Started: Started container flink-main-container",
				"-31m0s operator Submit: Starting deployment", "-30m0s pod TaskManager orders-taskmanager-1-1: created",
				"-29m0s pod TaskManager orders-taskmanager-1-1: flink-main-container started", "-20m0s pod warning! pod/orders-taskmanager-1-1: BackOff: Back-off restarting", "-8m0s scaling ScalingReport",
			},
			never: []string{"pod/orders-taskmanager-1-1: Started"},
		},
		"containers of all sorts end": {
			facts: facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
				p := pod("orders-x", "jobmanager", 30*m, corev1.ContainerStatus{
					Name: "flink-main-container", RestartCount: 5, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp(4 * m)}},
					LastTerminationState: corev1.ContainerState{Terminated: terminated(137, "OOMKilled", 9*m, 5*m)},
				}, corev1.ContainerStatus{Name: "sidecar", State: corev1.ContainerState{Terminated: terminated(0, "Completed", 28*m, 27*m)}})
				p.Pod.Spec.InitContainers = []corev1.Container{{Name: "fetch"}}
				p.Pod.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "fetch", State: corev1.ContainerState{Terminated: terminated(3, "Error", 29*m, 28*m)}}}
				f.Pods = []diagnosis.PodFacts{p}
				f.Operators = []diagnosis.OperatorFacts{{Pods: []diagnosis.PodFacts{pod("op", "", 3*m, running("flink-kubernetes-operator", 2*m))}}}
			}),
			want: []string{
				"gap JobManager orders-x: flink-main-container restarted 5 times; only the last run's end is kept", "-29m0s pod JobManager orders-x: init container fetch started",
				"-28m0s pod error! JobManager orders-x: init container fetch ended with exit code 3", "-27m0s pod JobManager orders-x: sidecar ended with exit code 0",
				"-5m0s pod error! JobManager orders-x: flink-main-container ended with exit code 137, OOMKilled", "-4m0s pod JobManager orders-x: flink-main-container started",
				"-3m0s operator operator op: created",
			},
		},
		"pods that start together are one": {
			facts: facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
				for i := range 3 {
					d := 30*m - time.Duration(i)*time.Second
					f.Pods = append(f.Pods, pod(fmt.Sprintf("orders-taskmanager-1-%d", i+1), "taskmanager", d, running("flink-main-container", d-1500*time.Millisecond)))
				}
			}),
			want:  []string{"-30m0s pod 3 TaskManagers: created", "pod 3 TaskManagers: flink-main-container started"},
			never: []string{"orders-taskmanager-1-1:", "orders-taskmanager-1-2:"},
		},
		"checkpoints are told in runs": {
			facts: facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
				f.Flink.JobID, f.Flink.Started = "ab", before(2*time.Hour)
				c := &diagnosis.Checkpoints{Completed: 50, Failed: 3}
				for id := int64(60); id > 52; id-- {
					h := diagnosis.Checkpoint{ID: id, Status: "COMPLETED", Triggered: before(time.Duration(61-id) * m), Duration: time.Duration(id-50) * time.Second, Size: 1 << 20}
					switch id {
					case 56, 57:
						h.Status, h.Failure, h.Subtasks, h.Acked = "FAILED", "Checkpoint expired before completing.", 4, 1
					case 54:
						h.Savepoint, h.Path = true, "s3://b/savepoint-1"
					}
					c.History = append(c.History, h)
				}
				f.Flink.Checkpoints = c
			}),
			want: []string{
				"gap 45 earlier checkpoints are forgotten (web.checkpoints.history); in all, 50 completed and 3 failed", "checkpoint checkpoint 53 completed in 3s, 1.0 MiB",
				"savepoint savepoint 54 completed in 4s, 1.0 MiB, at s3://b/savepoint-1", "checkpoint checkpoint 55 completed",
				"checkpoint warning! checkpoints 56 to 57 failed (2): Checkpoint expired before completing. | 1 of 4 subtasks had answered",
				"checkpoint checkpoints 58 to 60 completed (3), each in 8s to 10s, the last one 1.0 MiB",
			},
		},
		"exceptions, restores and what an earlier run left": {
			facts: facts(`{"spec":{},"status":{"jobStatus":{"state":"RESTARTING","updateTime":"`+fmt.Sprint(before(5*m).UnixMilli())+`"}}}`, func(f *diagnosis.JobFacts) {
				f.Flink.JobID, f.Flink.Started, f.Flink.RestoredFrom, f.Flink.RestoredAt = "ab", before(20*m), "s3://b/chk-7", before(19*m)
				x := diagnosis.ReadException("java.lang.RuntimeException: outer\nCaused by: java.io.IOException: No space left on device", before(6*m), diagnosis.InTask)
				x.Task, x.TaskManager, x.Count = "Sink (1/2)", "orders-taskmanager-1-1", 4
				f.Flink.Exceptions = []diagnosis.Exception{x}
				at := fmt.Sprint(before(6 * m).UnixMilli())
				e := event("JobException", "FlinkDeployment", "orders", "No space", 6*m, 6*m, 1)
				e.Annotations = map[string]string{"exception-timestamp": at}
				f.Events = []corev1.Event{e}
			}),
			want: []string{
				"gap if the job ran before it was submitted as ab, the exceptions and checkpoints of then are forgotten", "-20m0s job job ab was submitted", "-19m0s restore restored from s3://b/chk-7",
				"-6m0s exception error! IOException: No space left on device | task: Sink (1/2) | TaskManager: orders-taskmanager-1-1", "-5m0s job warning! the job is RESTARTING",
			},
			never: []string{"JobException"},
		},
		"savepoints are told once": {
			facts: facts(`{"spec":{},"status":{"jobStatus":{"savepointInfo":{"lastSavepoint":{"location":"file:///s/savepoint-1","timeStamp":`+fmt.Sprint(before(30*m).UnixMilli())+`,"triggerType":"MANUAL"},"savepointHistory":[{"location":"file:/s/savepoint-0","timeStamp":`+fmt.Sprint(before(40*m).UnixMilli())+`,"triggerType":"PERIODIC"}]}}}}`, func(f *diagnosis.JobFacts) {
				f.Snapshots = []*unstructured.Unstructured{
					{Object: map[string]any{"metadata": map[string]any{"name": "one", "creationTimestamp": "2026-11-25T11:29:00Z"}, "spec": map[string]any{"savepoint": map[string]any{}}, "status": map[string]any{"state": "COMPLETED", "path": "file:/s/savepoint-1", "resultTimestamp": "2026-11-25T11:30:00Z"}}},
					{Object: map[string]any{"metadata": map[string]any{"name": "two", "creationTimestamp": "2026-11-25T11:40:00Z"}, "spec": map[string]any{"savepoint": map[string]any{}}, "status": map[string]any{"state": "FAILED", "error": "disk full", "resultTimestamp": "2026-11-25T11:41:00Z"}}},
				}
			}),
			want:  []string{"-40m0s savepoint savepoint (periodic) completed: file:/s/savepoint-0", "-30m0s savepoint savepoint one completed: file:/s/savepoint-1", "-19m0s savepoint error! savepoint two failed (FAILED): disk full"},
			never: []string{"(manual)"},
		},
		"scalings": {
			facts: facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
				f.Flink.Vertices = []diagnosis.Vertex{{ID: "a", Name: "Source"}}
				f.Autoscaler = &diagnosis.AutoscalerFacts{Decisions: []diagnosis.Decision{{At: before(9 * m), Vertex: "a", From: 1, To: 2}, {At: before(9 * m), Vertex: "b", From: 4, To: 2}, {At: before(19 * m), Vertex: "a", From: 2, To: 1}}}
			}),
			want: []string{"-19m0s scaling the autoscaler scaled Source: 2 → 1", "-9m0s scaling the autoscaler scaled 2 vertices | Source: 1 → 2 | vertex b: 4 → 2"},
		},
		"what can't be read is a gap, with its reason": {
			facts: facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
				f.Marks[diagnosis.FromEvents], f.Marks[diagnosis.FromJobManager] = diagnosis.NotAllowed, diagnosis.NotThere
			}),
			o:     Options{Why: map[diagnosis.Source]string{diagnosis.FromEvents: "password=hunter2 may not list events"}},
			want:  []string{"gap events could not be read (not allowed: password=****** may not list events)", "gap no JobManager was asked: the job's submission"},
			never: []string{"hunter2", "are gone"},
		},
		"only what is asked for": {
			facts: facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
				f.Events = []corev1.Event{event("A", "FlinkDeployment", "orders", "long ago", 50*m, 50*m, 1), event("B", "FlinkDeployment", "orders", "until now", 50*m, 5*m, 9)}
			}),
			o:     Options{Since: 20 * m, NoGaps: true},
			want:  []string{"-50m0s operator B: until now"},
			never: []string{"long ago", "gap", "created"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			story := Build(c.facts, c.o)
			text := lines(story.Items)
			at := 0
			for _, want := range c.want {
				i := slices.IndexFunc(text[at:], func(line string) bool { return strings.Contains(line, want) })
				if i < 0 {
					t.Fatalf("%q is missing, or stands elsewhere, in\n%s", want, strings.Join(text, "\n"))
				}
				at += i + 1
			}
			for _, never := range c.never {
				if strings.Contains(quote(story), never) {
					t.Errorf("%q stands in\n%s", never, strings.Join(text, "\n"))
				}
			}
			if !slices.IsSortedFunc(story.Items, func(a, b Entry) int { return a.At.Compare(b.At) }) {
				t.Error("not in order")
			}
		})
	}
	if story := Build(nil, Options{}); len(story.Items) != 0 {
		t.Errorf("a story of nothing: %v", story)
	}
}

// What was read once has the same id when it is read again; what is new has
// another.
func TestEntriesAreTheSameAgain(t *testing.T) {
	read := func(count int32) []string {
		entries, _ := Entries(facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
			e := event("BackOff", "Pod", "x", "again", time.Hour, time.Duration(10-count)*time.Minute, count)
			f.Events = []corev1.Event{e, event("Same", "Pod", "y", "a", time.Minute, time.Minute, 1), event("Same", "Pod", "y", "a", time.Minute, time.Minute, 1)}
			f.Pods = []diagnosis.PodFacts{pod("p", "jobmanager", time.Hour, running("c", time.Hour))}
		}), Options{NoGaps: true, Newest: true})
		var ids []string
		for _, e := range entries {
			if slices.Contains(ids, e.ID) {
				t.Errorf("%s twice", e.ID)
			}
			ids = append(ids, e.ID)
		}
		return ids
	}
	first, second := read(1), read(2)
	if !slices.Equal(first, read(1)) {
		t.Errorf("not the same again: %q, %q", first, read(1))
	}
	var fresh []string
	for _, id := range second {
		if !slices.Contains(first, id) {
			fresh = append(fresh, id)
		}
	}
	if len(fresh) != 1 || !strings.Contains(fresh[0], "BackOff") {
		t.Errorf("new are %q", fresh)
	}
}

// A story of very much stays readable, and says what it leaves out.
func TestMuch(t *testing.T) {
	story := Build(facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
		for i := range mostEntries + 100 {
			f.Events = append(f.Events, event("E", "FlinkDeployment", "orders", fmt.Sprintf("%d %s", i, strings.Repeat("x", 10<<10)), time.Duration(i)*time.Second, time.Duration(i)*time.Second, 1))
		}
	}), Options{})
	if len(story.Items) > mostEntries+1 || !strings.Contains(story.Items[0].Text, "left out") {
		t.Errorf("%d entries, the first is %q", len(story.Items), story.Items[0].Text)
	}
	if n := len(story.Items[10].Text); n > longest+10 {
		t.Errorf("a text of %d bytes", n)
	}
}

// Owners of fields are found also where names have dots and lists have no
// fields of their own.
func TestWriters(t *testing.T) {
	at := stamp(0)
	w := readWriters([]metav1.ManagedFieldsEntry{
		{Manager: "a", Time: &at, FieldsV1: metav1.NewFieldsV1(`{"f:spec":{".":{},"f:job":{"f:args":{},"f:jarURI":{}},"f:podTemplate":{},"f:flinkConfiguration":{"f:state.savepoints.dir":{}}}}`)},
		{Manager: "broken", Time: &at, FieldsV1: metav1.NewFieldsV1(`[`)},
		{Manager: "no spec", Time: &at, FieldsV1: metav1.NewFieldsV1(`{"f:metadata":{}}`)},
	})
	for path, want := range map[string]string{
		"job.args": "a", "job.jarURI": "a", "job.jarURIx": "", "job.parallelism": "", "podTemplate.spec.containers[0].image": "a",
		"flinkConfiguration state.savepoints.dir": "a", "flinkConfiguration state.savepoints": "", "image": "",
	} {
		got, _ := w.of(path)
		if got.manager != want {
			t.Errorf("%s: %q, want %q", path, got.manager, want)
		}
	}
	if len(w) != 1 {
		t.Errorf("writers: %v", w)
	}
}

// News are reported once, and not again when a source comes back that couldn't be
// read for a while.
func TestNews(t *testing.T) {
	look := func(events ...string) *diagnosis.JobFacts {
		return facts(`{"spec":{}}`, func(f *diagnosis.JobFacts) {
			for _, name := range events {
				f.Events = append(f.Events, event(name, "FlinkDeployment", "orders", name, time.Minute, time.Minute, 1))
			}
		})
	}
	var news News
	var told []string
	for _, f := range []*diagnosis.JobFacts{look("A"), look("A", "B"), look(), look("A", "B", "C")} {
		told = append(told, strings.Join(lines(news.Of(f, nil)), ", "))
	}
	want := []string{"-2h0m0s spec created, -1m0s operator A: A", "-1m0s operator B: B", "", "-1m0s operator C: C"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}
