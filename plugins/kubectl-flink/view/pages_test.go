package view

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// shownAs is a result as a user reads it with -o output.
func shownAs(t *testing.T, r printer.Result, output string) string {
	t.Helper()
	var out bytes.Buffer
	if err := (&printer.Flags{Output: output}).Print(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// contains holds a text against parts that it must have and others that it must
// not have.
func contains(t *testing.T, text string, has []string, lacks ...string) {
	t.Helper()
	for _, part := range has {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
	for _, part := range lacks {
		if strings.Contains(text, part) {
			t.Errorf("%q is in\n%s", part, text)
		}
	}
}

// answer reads one of the JobManager's.
func answer[T any](t *testing.T, text string) T {
	t.Helper()
	var out T
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func ago(d time.Duration) *time.Time { return moment(doctorNow.Add(-d)) }

// statusOf is a job that runs, with all around it.
func statusOf(edit func(*Status)) Status {
	restarts := int64(2)
	s := Status{
		Metadata: StatusMetadata{Type: "flinkdeployment", Name: "orders", Namespace: "prod"}, Health: health.Healthy,
		Job:  JobPart{ID: "00ff", State: "RUNNING", Since: ago(time.Hour), Lifecycle: "STABLE", Restarts: &restarts},
		Spec: SpecPart{Generation: 3, Observed: 3, State: "running", FlinkVersion: "v1_20", Image: "flink:1.20", Parallelism: 4, UpgradeMode: "savepoint"}, JobManager: "READY",
		Slots: &Slots{TaskManagers: 2, Total: 4, Free: 1}, Restore: "a savepoint is taken",
		Checkpoints: &Marks{Completed: 9, Failed: 1, ID: 10, Last: ago(time.Minute), Size: 2048, Duration: 350, Path: "s3://b/c/chk-10", Failure: "expired", Interval: "1m"},
		Savepoints:  []Saved{{Name: "sp1", Type: "savepoint", State: "COMPLETED", Created: ago(2 * time.Hour), Path: "s3://bucket/with/a/long/name/savepoints/savepoint-000000-111111111111"}, {Name: "sp0", State: "FAILED", Type: "checkpoint", Error: "disk full"}},
		Storage:     Storage{Backend: "rocksdb", Checkpoints: "s3://b/c", Savepoints: "s3://b/s", HA: "kubernetes", HADir: "s3://b/ha"},
		Pods: []PodPart{
			{Name: "orders-1", Role: "jobmanager", Status: "Running", Ready: true, Created: ago(time.Hour), Requests: "1 CPU, 2 GiB", Limits: "1 CPU, 2 GiB", Node: "n1", Usage: &operator.Usage{CPU: 250, Memory: 1 << 30}},
			{Name: "orders-taskmanager-1-1", Role: "taskmanager", Status: "Running", Restarts: 1, LastEnd: "OOMKilled", LastExit: 137, LastAt: ago(3 * time.Minute), Message: "readiness", Requests: "1 CPU, 1 GiB"},
			{Name: "orders-taskmanager-1-2", Role: "taskmanager", Status: "Pending", Requests: "1 CPU, 1 GiB"},
		},
		Events: []Happened{{Time: ago(time.Minute), Type: "Warning", Reason: "BackOff", Object: "Pod/x", Message: "image \x1b[31mgone", Count: 3}, {Time: ago(time.Hour), Type: "Normal", Reason: "Submit", Object: "flinkdeployment/orders", Message: "started"}},
		Next:   []string{"kubectl flink logs orders"},
	}
	if edit != nil {
		edit(&s)
	}
	return s
}

func TestStatusPage(t *testing.T) {
	pipe := StatusPage{Now: doctorNow}
	for name, c := range map[string]struct {
		page  StatusPage
		edit  func(*Status)
		has   []string
		lacks []string
	}{
		"all of it": {page: pipe, has: []string{
			"flinkdeployment/orders  healthy  namespace prod\n", "Job         RUNNING for 60m, 2 restarts 00ff\n", "Lifecycle   STABLE, JobManager READY, generation 3 accepted\n",
			"Flink       v1_20, flink:1.20, parallelism 4, 3 of 4 slots used\n", "Resources   1 JobManager 1 CPU, 2 GiB; 2 TaskManager 1 CPU, 1 GiB (limit none); used ",
			"Upgrade     savepoint: a savepoint is taken\n", "Checkpoint  #10 60s ago, 2.0 KiB in 350ms, every 1m; 9 completed, 1 failed\n            last failure: expired\n",
			"Savepoint   COMPLETED 2h ago s3://bucket/with/a/long/name/savepoints/savepoint-000000-111111111111\n", "Storage     rocksdb, s3://b/c\n", "HA          kubernetes, s3://b/ha\n",
			"orders-taskmanager-1-1   NotReady   1          OOMKilled (137) 3m ago", "60s  BackOff (3 times) Pod/x  image gone\n", "60m  Submit  started\n", "\nNext\n  - kubectl flink logs orders\n",
		}, lacks: []string{"sp0", "disk full", "chk-10", "s3://b/s\n", "\x1b"}},
		"more of it": {page: StatusPage{Now: doctorNow, Verbose: true}, has: []string{"s3://b/c/chk-10\n", "Snapshot    FAILED", "disk full\n", "Savepoints  s3://b/s\n", "NODE", "orders-taskmanager-1-1: readiness\n"}},
		"what is meant to be copied is whole on a narrow terminal": {page: StatusPage{Now: doctorNow, Width: 40}, has: []string{"s3://bucket/with/a/long/name/savepoints/savepoint-000000-111111111111\n"}},
		"the live page has no words that never change":             {page: StatusPage{Now: doctorNow, Live: true}, edit: func(s *Status) { s.Changes = []Change{{At: doctorNow, Text: "RUNNING"}} }, has: []string{"\nChanges\n  12:00:00  RUNNING\n"}, lacks: []string{"Storage ", "HA "}},
		"a cause, with what shows it": {page: pipe, edit: func(s *Status) {
			s.Health, s.Why = health.Failed, "no image (FLINK-POD-IMAGE)"
			s.Findings = []diagnosis.Finding{{Rule: "FLINK-POD-IMAGE", Severity: diagnosis.Error, Means: "no image", Evidence: []diagnosis.Evidence{{Source: "pod/orders-1", Text: "not found"}}}}
			s.Error = &ErrorPart{Root: "no image", Causes: []string{"a", "b"}}
		}, has: []string{"Why         no image (FLINK-POD-IMAGE)\n  seen      pod/orders-1: not found\n"}, lacks: []string{"Error "}},
		"an error that nothing explains": {page: StatusPage{Now: doctorNow, Verbose: true}, edit: func(s *Status) {
			s.Health, s.Error = health.Degraded, &ErrorPart{Root: "late", Causes: []string{"outer", "late"}}
		}, has: []string{"Error       late\n", "  cause     outer\n"}},
		"a spec that was refused":       {page: pipe, edit: func(s *Status) { s.Health, s.Spec.Generation = health.Rejected, 4 }, has: []string{"generation 4 rejected, 3 in force\n"}},
		"one that was given up":         {page: pipe, edit: func(s *Status) { s.Health = health.RolledBack }, has: []string{"generation 3 given up\n"}},
		"one that isn't seen yet":       {page: pipe, edit: func(s *Status) { s.Health, s.Spec.Generation = health.Pending, 4 }, has: []string{"generation 4 not seen yet, 3 in force\n"}},
		"an operator of old":            {page: pipe, edit: func(s *Status) { s.Spec.Observed = 0 }, has: []string{"generation 3\n"}},
		"a JobManager that is away":     {page: pipe, edit: func(s *Status) { s.Job.Unconfirmed = true }, has: []string{"RUNNING by the operator's last word"}},
		"no high availability":          {page: pipe, edit: func(s *Status) { s.Storage.HA, s.Storage.HADir = "", "" }, has: []string{"HA          none: a JobManager that ends loses the job's place\n"}},
		"what isn't known isn't absent": {page: pipe, edit: func(s *Status) { s.Storage, s.Unknown = Storage{}, []string{"configuration: forbidden"} }, has: []string{"Unknown     configuration: forbidden\n"}, lacks: []string{"HA "}},
		"no checkpoint yet":             {page: pipe, edit: func(s *Status) { s.Checkpoints = &Marks{} }, has: []string{"Checkpoint  none completed yet; 0 completed, 0 failed\n"}},
		"a session cluster":             {page: pipe, edit: func(s *Status) { s.Job, s.Spec.State, s.Spec.UpgradeMode = JobPart{Lifecycle: "STABLE"}, "", "" }, lacks: []string{"Job  ", "Upgrade "}},
		"an autoscaler": {page: pipe, edit: func(s *Status) {
			s.scaler(operator.Autoscaler{Decisions: []operator.Scaling{{At: doctorNow.Add(-time.Minute), VertexID: "0123456789abcdef", From: 2, To: 4, Load: 0.934}}})
			s.Autoscaler.Enabled = true
		}, has: []string{"Autoscaler  enabled; 60s ago vertex 01234567 parallelism 2 → 4, load 93%\n"}},
		"one that has decided nothing": {page: pipe, edit: func(s *Status) { s.Autoscaler = &Scaler{} }, has: []string{"Autoscaler  disabled, nothing decided yet\n"}},
		"many events": {page: pipe, edit: func(s *Status) {
			for range 5 {
				s.Events = append(s.Events, s.Events[1])
			}
		}, has: []string{"  2 more: --verbose\n"}},
	} {
		t.Run(name, func(t *testing.T) { contains(t, c.page.String(statusOf(c.edit)), c.has, c.lacks...) })
	}
}

func TestEventsThatSayTheSameAreOne(t *testing.T) {
	e := operator.Event{Type: "Warning", Reason: "BackOff", Object: "Pod/x", Message: "m", Count: 2, Time: doctorNow}
	other := e
	other.Object = "Pod/y"
	got := Events([]operator.Event{e, other, e})
	if len(got) != 2 || got[0].Count != 4 || got[1].Count != 2 {
		t.Errorf("%+v", got)
	}
}

func TestChanged(t *testing.T) {
	ref := api.Ref{Kind: api.Deployment, Namespace: "prod", Name: "orders"}
	for name, c := range map[string]struct {
		report change.Report
		want   string
	}{
		"it left a savepoint":     {change.Report{Did: "suspended", Changed: true, Done: true, State: "FINISHED", Left: api.RetainedState{Kind: api.RetainedSavepoint, Path: "s3://b/sp"}}, "suspended: savepoint s3://b/sp"},
		"it left its checkpoint":  {change.Report{Did: "suspended", Changed: true, Done: true, Left: api.RetainedState{Kind: api.RetainedCheckpoint}}, "suspended: its last checkpoint"},
		"it left nothing":         {change.Report{Did: "suspended", Changed: true, Done: true, Left: api.RetainedState{Kind: api.RetainedNone}}, "suspended: no state was kept"},
		"it runs from there":      {change.Report{Did: "resumed", Changed: true, Done: true, State: "RUNNING", Left: api.RetainedState{Kind: api.RetainedSavepoint, Path: "old"}, From: api.RetainedState{Kind: api.RetainedSavepoint, Path: "s3://b/sp", Proven: true}}, "resumed: RUNNING from savepoint s3://b/sp"},
		"it runs from nothing":    {change.Report{Did: "resumed", Changed: true, Done: true, State: "RUNNING", From: api.RetainedState{Kind: api.RetainedNone}}, "resumed: RUNNING from no state"},
		"there was nothing to do": {change.Report{Did: "suspended"}, "suspended already"},
		"nobody waited":           {change.Report{Did: "suspended", Changed: true}, "patched"},
		"it was only tried":       {change.Report{Did: "suspended", Changed: true, DryRun: "server"}, "suspended (server dry run)"},
		"it says where it is":     {change.Report{Did: "restarted", Changed: true, Done: true, State: "RUNNING"}, "restarted: RUNNING"},
	} {
		t.Run(name, func(t *testing.T) {
			c.report.Job = ref
			if got := shownAs(t, Changed([]change.Report{c.report}, ChangeForm{}), printer.Human); got != ref.Printed()+" "+c.want+"\n" {
				t.Errorf("printed is %q", got)
			}
		})
	}
	reports := []change.Report{
		{Job: ref, Did: "suspended", Changed: true, Done: true, State: "FINISHED", Generation: 4, JobID: "b", OldJobID: "a", Took: 1500 * time.Millisecond, Left: api.RetainedState{Kind: api.RetainedSavepoint, Path: "old"}, From: api.RetainedState{Kind: api.RetainedSavepoint, Path: "new", Proven: true}},
		{Job: ref, Did: "stopped", Changed: true, Done: true, Unmanaged: true, JobID: "cc"},
	}
	many := Changed(reports, ChangeForm{List: true, Namespaces: true})
	contains(t, shownAs(t, many, printer.Human), []string{"suspended: FINISHED from savepoint new (namespace prod)\n", "job cc of " + ref.Printed() + " stopped (namespace prod)\n"})
	contains(t, shownAs(t, many, printer.Wide), []string{"NAMESPACE   JOB", "savepoint new", "1.5s"})
	// The path is the state that it runs from, where it runs.
	contains(t, shownAs(t, many, "json"), []string{`"path": "new"`, `"previousJobId": "a"`, `"proven": true`, `"generation": 4`, `"seconds": 1.5`, `"kind": "List"`})
	contains(t, shownAs(t, Changed(reports[:1], ChangeForm{}), "json"), []string{`"kind": "Change"`}, `"kind": "List"`)
	if names := shownAs(t, many, "name"); names != ref.Printed()+"\n"+ref.Printed()+"\n" {
		t.Errorf("names are %q", names)
	}
}

func TestExceptionPage(t *testing.T) {
	ref := api.Ref{Kind: api.Deployment, Namespace: "prod", Name: "orders"}
	at := rest.Millis(doctorNow.Add(-time.Minute).UnixMilli())
	trace := "org.apache.flink.runtime.JobException: Recovery is suppressed\n\tat a.B.c(D.java:1)\nCaused by: java.io.IOException: disk \x1b[31mfull\n\tat x.Y.z(W.java:2)\n"
	tm := "orders-taskmanager-1-1"
	history := []rest.Exception{
		{Name: "org.apache.flink.runtime.JobException", Stacktrace: trace, Time: at, Task: "Map (1/2)", Endpoint: "10.0.0.1:6122", TaskManager: tm, Labels: map[string]string{"type": "USER", "a": "b"}, Concurrent: []rest.Exception{{Name: "x.Y", Task: "Sink (1/1)"}, {Name: "x.Y"}, {Name: "x.Y"}, {Name: "x.Y"}, {Name: "x.Y"}}},
	}
	killed := operator.Ended{Name: tm, Role: "taskmanager", Reason: "OOMKilled", ExitCode: 137, At: doctorNow.Add(-70 * time.Second)}
	other := operator.Ended{Name: "orders-taskmanager-1-9", Reason: "Evicted", At: doctorNow.Add(-30 * time.Minute)}
	page := ExceptionPage{Now: doctorNow}
	text := shownAs(t, page.Result(ref, "00ff", history, true, []operator.Ended{killed, other}, []string{"kubectl flink logs orders", "and then"}), printer.Human)
	contains(t, text, []string{
		"60s ago  IOException: disk full\n", "  its pod " + tm + " ", "OOMKilled", "  task Map (1/2), on " + tm + ", a=b, type=USER\n", "  in JobException: Recovery is suppressed\n",
		"  at the same time:\n    x.Y\n      task Sink (1/1)\n", "  and 2 more tasks\n", "There were more; see --limit", "\nPods that ended\n  30m ago orders-taskmanager-1-9 ", "\nNext: kubectl flink logs orders\n      and then\n",
	}, "D.java", "\x1b")
	page.Full = true
	contains(t, shownAs(t, page.Result(ref, "00ff", history, false, nil, nil), printer.Human), []string{"D.java:1", "W.java:2"}, "There were more", "Pods that ended", "more tasks")
	contains(t, shownAs(t, page.Result(ref, "00ff", nil, false, nil, nil), printer.Human), []string{"the JobManager knows of no failures of job 00ff\n"})
	contains(t, shownAs(t, page.Result(ref, "00ff", nil, false, nil, nil), "json"), []string{`"items": []`})
	// An end long before isn't that of this exception.
	killed.At = doctorNow.Add(-time.Hour)
	contains(t, shownAs(t, page.Result(ref, "00ff", history, false, []operator.Ended{killed}, nil), printer.Human), []string{"Pods that ended\n"}, "its pod")
}

const checkpointsAnswer = `{"counts":{"restored":1,"total":4,"in_progress":1,"completed":2,"failed":1},
	"summary":{"state_size":{"min":1,"max":4096,"avg":2048,"p50":2048,"p99":4096},"end_to_end_duration":{"min":100,"max":1500,"avg":800,"p50":"NaN","p99":1500}},
	"latest":{"completed":{"id":3,"status":"COMPLETED","external_path":"s3://b/c/chk-3"},"restored":{"id":1,"restore_timestamp":1795604400000,"is_savepoint":true,"external_path":"s3://b/c/chk-1"}},
	"history":[
		{"id":4,"status":"IN_PROGRESS","trigger_timestamp":1795607999000,"checkpoint_type":"CHECKPOINT","num_subtasks":2,"num_acknowledged_subtasks":1},
		{"id":3,"status":"COMPLETED","trigger_timestamp":1795607940000,"checkpoint_type":"UNALIGNED_CHECKPOINT","end_to_end_duration":1500,"checkpointed_size":1024,"state_size":4096,"num_subtasks":2,"num_acknowledged_subtasks":2,"external_path":"s3://b/c/chk-3"},
		{"id":2,"status":"FAILED","trigger_timestamp":1795607880000,"checkpoint_type":"CHECKPOINT","num_subtasks":2,"failure_message":"java.lang.Exception: declined\nCaused by: java.io.IOException: no space"},
		{"id":1,"status":"COMPLETED","is_savepoint":true,"trigger_timestamp":1795607820000,"end_to_end_duration":100,"state_size":1024,"num_subtasks":2,"num_acknowledged_subtasks":2}]}`

func TestCheckpointPage(t *testing.T) {
	c := Checkpoints{Job: "flinkdeployment/orders", JobID: "00ff", Checkpoints: answer[rest.Checkpoints](t, checkpointsAnswer)}
	config := answer[rest.CheckpointConfig](t, `{"mode":"exactly_once","interval":60000,"timeout":600000,"min_pause":0,"max_concurrent":1,"state_backend":"HashMapStateBackend","checkpoint_storage":"FileSystemCheckpointStorage","unaligned_checkpoints":true}`)
	c.Config = &config
	page := CheckpointPage{Now: doctorNow}
	contains(t, shownAs(t, page.Result(c), printer.Human), []string{
		"Counts      2 completed, 1 failed, 1 in progress, 1 restored\n", "Config      every 1m0s, exactly_once, unaligned, time-out 10m0s, pause 0s, at most 1 at once\n",
		// What a job was told to start from is called a savepoint by Flink alone.
		"from checkpoint #1 s3://b/c/chk-1\n", "Latest      #3 s3://b/c/chk-3\n", "Usual       800ms (p99 1.5s, at most 1.5s), 2.0 KiB of state (at most 4.0 KiB)\n",
		"Size        ▃█ 1.0 KiB to 4.0 KiB\n", "unaligned checkpoint", "savepoint", "1/2", "#2 failed: IOException: no space\n",
	})
	config.Interval = 9223372036854775807
	contains(t, shownAs(t, page.Result(Checkpoints{Config: &config}), printer.Human), []string{"Config      off, "}, "Usual", "Latest", "Restored")
}

func TestCheckpointDetailPage(t *testing.T) {
	vertex := answer[rest.TaskCheckpoint](t, `{"id":3,"status":"COMPLETED","num_subtasks":14,"num_acknowledged_subtasks":2,"end_to_end_duration":1500,"checkpointed_size":1024,"subtasks":[
		{"index":0,"status":"completed","end_to_end_duration":1500,"start_delay":20,"alignment":{"duration":30},"checkpoint":{"sync":5,"async":900},"checkpointed_size":512,"state_size":2048,"unaligned_checkpoint":true},
		{"index":1,"status":"completed","end_to_end_duration":200,"start_delay":40,"checkpoint":{"sync":7,"async":100}},
		{"index":2,"status":"pending_or_failed"},{"index":3,"status":"pending_or_failed"},{"index":4,"status":"pending_or_failed"},{"index":5,"status":"pending_or_failed"},
		{"index":6,"status":"pending_or_failed"},{"index":7,"status":"pending_or_failed"},{"index":8,"status":"pending_or_failed"},{"index":9,"status":"pending_or_failed"},
		{"index":10,"status":"pending_or_failed"},{"index":11,"status":"pending_or_failed"},{"index":12,"status":"pending_or_failed"},{"index":13,"status":"pending_or_failed"}]}`)
	d := CheckpointDetail{
		Job: "flinkdeployment/orders", Checkpoint: answer[rest.Checkpoint](t, `{"id":3,"status":"FAILED","trigger_timestamp":1795607940000,"failure_timestamp":1795607941000,"checkpoint_type":"SAVEPOINT","savepointFormat":"NATIVE","end_to_end_duration":1500,"checkpointed_size":1024,"state_size":4096,"num_subtasks":14,"num_acknowledged_subtasks":2,"external_path":"s3://b/sp","discarded":true,"failure_message":"x.E: expired"}`),
		Vertices: []VertexCheckpoint{{Name: "Source", TaskCheckpoint: rest.TaskCheckpoint{}}, {Name: "Window", TaskCheckpoint: vertex}},
	}
	page := CheckpointDetailPage{Now: doctorNow}
	contains(t, shownAs(t, page.Result(d), printer.Human), []string{
		"checkpoint #3  FAILED\n", "Type        savepoint, native\n", "took 1.5s, 2 of 14 subtasks acknowledged\n", "Size        1.0 KiB written, 4.0 KiB of state;", "Path        s3://b/sp (deleted: newer ones took its place)\n", "ago: E: expired\n",
		"1: 1.5s", "Window: no acknowledgement of subtask 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 2 more\n",
	})
	contains(t, shownAs(t, page.Result(d), printer.Wide), []string{"SUBTASK", "pending_or_failed", "true"})
	if got, want := d.Slowest(), "Window (1/14) took 1.5s: start delay 20ms, alignment 30ms, sync 5ms, async 900ms"; got != want {
		t.Errorf("the slowest is %q, want %q", got, want)
	}
	if got := (CheckpointDetail{Vertices: d.Vertices[:1]}).Slowest(); got != "" {
		t.Errorf("without subtasks the slowest is %q", got)
	}
}

func TestCheckpointLines(t *testing.T) {
	ended := answer[rest.Checkpoints](t, checkpointsAnswer).History
	events := []rest.CheckpointEvent{
		{Ended: &ended[1]},
		{Ended: &ended[2]},
		{Ended: &ended[3]},
		{Missed: 7},
		{NewJob: "aa"},
		{Restored: &rest.Restored{ID: 9, IsSavepoint: true, Path: "s3://b/sp", Time: ended[0].Triggered}},
	}
	show := func(l *CheckpointLines) string {
		var out bytes.Buffer
		for _, e := range events {
			if err := l.Print(&out, "00ff", e); err != nil {
				t.Fatal(err)
			}
		}
		return out.String()
	}
	text := show(&CheckpointLines{Zone: time.UTC})
	contains(t, text, []string{"TIME", "11:59:00", "s3://b/c/chk-3\n", "IOException: no space\n", "7 more ended than the JobManager remembers", "the job restarted, as aa\n", "restored from savepoint 9: s3://b/sp\n"})
	if strings.Count(text, "TIME") != 1 {
		t.Errorf("the heading is there more than once:\n%s", text)
	}
	contains(t, show(&CheckpointLines{JSON: true}), []string{`"type":"checkpoint","jobID":"00ff"`, `"type":"missed"`, `"missed":7`, `"type":"newJob"`, `"type":"restored"`})
}

func TestChangeText(t *testing.T) {
	s := api.Summary{State: "RECONCILING", Lifecycle: "DEPLOYED", JobManager: "DEPLOYING", Generation: 3, Observed: 2}
	s.Error.Message = "late\x1b[31m"
	if got, want := ChangeText(s, health.Verdict{Word: health.Starting}, term.Palette{}), "starting  RECONCILING, DEPLOYED, JobManager DEPLOYING, generation 2 of 3, late"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for want, pod := range map[string]operator.Pod{
		"a Running, not ready": {Name: "a", Status: "Running"}, "a Pending: no node": {Name: "a", Status: "Pending", Message: "no node"},
		"a Running, 3 restarts, last ended: OOMKilled (exit code 137)": {Name: "a", Status: "Running", Ready: true, Restarts: 2, OtherRestarts: 1, LastEnd: "OOMKilled", LastExit: 137},
	} {
		if got := PodText(pod, false); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := PodText(operator.Pod{Name: "a", Message: "m"}, true); got != "a gone" {
		t.Errorf("one that is gone is %q", got)
	}
}
