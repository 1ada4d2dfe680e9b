package timeline

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// flink says what the JobManager knows, and the operator's status of the job.
func (b *builder) flink() {
	f := &b.f.Flink
	if f.JobID != "" {
		b.add(Entry{At: f.Started, Kind: Job, Text: "job " + f.JobID + " was submitted", Source: "the JobManager", ID: "job/" + f.JobID})
	}
	if state := b.job.State(); state != "" {
		e := Entry{At: b.job.StateSince(), Kind: Job, Text: "the job is " + state, Source: "status.jobStatus", ID: "state/" + state + "/" + b.job.StateSince().UTC().Format(time.RFC3339)}
		if state == api.JobFailed || state == api.JobFailing {
			e.Severity = diagnosis.Error
		} else if state == api.JobRestarting {
			e.Severity = diagnosis.Warning
		}
		b.add(e)
	}
	if failure := b.job.Failure(); !failure.IsZero() {
		root := failure.Root()
		if !slices.ContainsFunc(b.entries, func(e Entry) bool { return root != "" && strings.Contains(e.Text, root) }) {
			b.add(Entry{At: b.f.Now, Kind: Operator, Severity: diagnosis.Error, Text: "the operator's error now: " + root, Source: "status.error", ID: "error/" + root})
		}
	}
	for _, x := range f.Exceptions {
		e := Entry{At: x.At, Kind: Exception, Severity: diagnosis.Error, Text: x.Telling(), Source: cmp.Or(x.Source, "the JobManager"), Count: max(x.Count, 1), ID: fmt.Sprintf("exception/%d/%s/%s", x.At.UnixMilli(), x.Task, x.Telling())}
		if x.Task != "" {
			e.Details = append(e.Details, "task: "+x.Task)
		}
		if x.TaskManager != "" {
			e.Details = append(e.Details, "TaskManager: "+x.TaskManager)
		}
		e.group = "exception/" + e.Text
		e.fold = func(same []Entry) string { return fmt.Sprintf("%s (%d tasks or times)", same[0].Text, len(same)) }
		b.add(e)
	}
	if f.RestoredFrom != "" {
		b.add(Entry{At: cmp.Or(f.RestoredAt, f.Started), Kind: Restore, Text: "restored from " + f.RestoredFrom, Source: "the JobManager", ID: "restore/" + f.RestoredFrom + "/" + cmp.Or(f.RestoredAt, f.Started).UTC().Format(time.RFC3339)})
	}
	b.checkpoints()
}

// checkpoints reports the checkpoints and savepoints in the JobManager's memory.
func (b *builder) checkpoints() {
	if b.f.Flink.Checkpoints == nil {
		return
	}
	for _, c := range b.f.Flink.Checkpoints.History {
		e := Entry{Kind: Checkpoint, Source: "the JobManager", one: &c, ID: fmt.Sprintf("checkpoint/%s/%d/%s", b.f.Flink.JobID, c.ID, c.Status), Count: 1}
		what := "checkpoint"
		if c.Savepoint {
			e.Kind, what = Savepoint, "savepoint"
		}
		switch c.Status {
		case api.CheckpointCompleted:
			e.At = c.Triggered.Add(c.Duration)
			e.Text = fmt.Sprintf("%s %d completed in %s, %s", what, c.ID, duration(c.Duration), size(c.Size))
			if c.Savepoint {
				if c.Path != "" {
					e.Text += ", at " + c.Path
				}
			} else {
				e.group, e.fold = "completed", foldCompleted
			}
		case api.CheckpointFailed:
			e.At = cmp.Or(c.FailedAt, c.Triggered.Add(c.Duration))
			cause := "for a reason that the JobManager doesn't give"
			if c.Failure != "" {
				cause = api.RootCause(c.Failure)
			}
			e.Severity = diagnosis.Warning
			if c.Savepoint {
				e.Severity = diagnosis.Error
			}
			e.Text = fmt.Sprintf("%s %d failed after %s: %s", what, c.ID, duration(max(e.At.Sub(c.Triggered), 0)), cause)
			if c.Subtasks > 0 && c.Acked < c.Subtasks {
				e.Details = []string{fmt.Sprintf("%d of %d subtasks had answered", c.Acked, c.Subtasks)}
			}
			if !c.Savepoint {
				e.group = "failed/" + cause
				e.fold = func(same []Entry) string { return fmt.Sprintf("%s failed (%d): %s", span(same), len(same), cause) }
			}
		case api.CheckpointInProgress:
			if !c.Savepoint && b.f.Now.Sub(c.Triggered) < time.Minute {
				continue // the next look says how it ended
			}
			e.At = c.Triggered
			e.Text = fmt.Sprintf("%s %d began and isn't complete: %d of %d subtasks have answered", what, c.ID, c.Acked, c.Subtasks)
		default:
			continue
		}
		b.add(e)
	}
}

// span names the checkpoints of several entries.
func span(same []Entry) string {
	least, most := same[0].one.ID, same[0].one.ID
	for _, e := range same {
		least, most = min(least, e.one.ID), max(most, e.one.ID)
	}
	return fmt.Sprintf("checkpoints %d to %d", least, most)
}

func foldCompleted(same []Entry) string {
	least, most := same[0].one.Duration, same[0].one.Duration
	for _, e := range same {
		least, most = min(least, e.one.Duration), max(most, e.one.Duration)
	}
	return fmt.Sprintf("%s completed (%d), each in %s to %s, the last one %s", span(same), len(same), duration(least), duration(most), size(same[len(same)-1].one.Size))
}

// snapshots reports savepoints that objects and statuses report and the
// JobManager, which forgets, doesn't.
func (b *builder) snapshots() {
	known := map[string]bool{}
	if b.f.Flink.Checkpoints != nil {
		for _, c := range b.f.Flink.Checkpoints.History {
			if c.Status == api.CheckpointCompleted && c.Savepoint && c.Path != "" {
				known[api.NormalPath(c.Path)] = true
			}
		}
	}
	for _, object := range b.f.Snapshots {
		s := api.Snapshot{Object: object}
		saved := api.SavedFrom(s)
		name := saved.Noun() + " " + s.Name()
		if t := s.Trigger(); t != "" {
			name += " (" + strings.ToLower(t) + ")"
		}
		source := "flinkstatesnapshot/" + s.Name()
		id := "snapshot/" + string(object.GetUID()) + "/" + s.Name() + "/" + s.State()
		switch {
		case saved.Registered():
			b.add(Entry{At: saved.Created, Kind: Savepoint, Text: name + " was registered: " + s.Path(), Source: source, ID: id})
		case s.State() == api.SnapshotCompleted:
			if known[api.NormalPath(s.Path())] {
				continue
			}
			known[api.NormalPath(s.Path())] = true
			text := name + " completed"
			if d := s.Duration(); d > 0 {
				text += " in " + duration(d)
			}
			b.add(Entry{At: cmp.Or(s.CompletedAt(), saved.Created), Kind: Savepoint, Text: text + ": " + s.Path(), Source: source, ID: id})
		case !s.Failure().IsZero():
			b.add(Entry{At: cmp.Or(s.CompletedAt(), s.TriggeredAt(), saved.Created), Kind: Savepoint, Severity: diagnosis.Error, Text: fmt.Sprintf("%s failed (%s): %s", name, s.State(), s.Failure().Root()), Source: source, ID: id})
		default:
			b.add(Entry{At: cmp.Or(s.TriggeredAt(), saved.Created), Kind: Savepoint, Text: name + " was asked for: " + cmp.Or(s.State(), "not seen by the operator yet"), Source: source, ID: id})
		}
	}
	for _, s := range api.SavedIn(b.job) {
		if known[api.NormalPath(s.Path)] {
			continue
		}
		text := s.Noun()
		if s.Trigger != "" {
			text += " (" + strings.ToLower(s.Trigger) + ")"
		}
		b.add(Entry{At: s.At(), Kind: Savepoint, Text: text + " completed: " + s.Path, Source: "status.jobStatus.savepointInfo", ID: "saved/" + s.Path})
	}
}

// scalings says what the autoscaler decided.
func (b *builder) scalings() {
	if b.f.Autoscaler == nil {
		return
	}
	names := map[string]string{}
	for _, v := range b.f.Flink.Vertices {
		names[v.ID] = v.Name
	}
	decisions := map[time.Time][]string{}
	for _, d := range b.f.Autoscaler.Decisions {
		name := cmp.Or(names[d.Vertex], "vertex "+d.Vertex)
		decisions[d.At] = append(decisions[d.At], fmt.Sprintf("%s: %d → %d", name, d.From, d.To))
	}
	for at, details := range decisions {
		slices.Sort(details)
		text := "the autoscaler scaled " + details[0]
		if len(details) > 1 {
			text = fmt.Sprintf("the autoscaler scaled %d vertices", len(details))
		} else {
			details = nil
		}
		b.add(Entry{At: at, Kind: Scaling, Text: text, Details: few(details), Source: "autoscaler's ConfigMap", ID: "scaling/" + at.UTC().Format(time.RFC3339Nano)})
	}
}

// eventsKept is how long an API server keeps events unless it is told otherwise
// (--event-ttl).
const eventsKept = time.Hour

// asked are the sources that a story is made of, and what is missing without each.
var asked = []struct {
	source diagnosis.Source
	what   string
}{
	{diagnosis.FromEvents, "events"},
	{diagnosis.FromPods, "starts and ends of pods"},
	{diagnosis.FromJobManager, "the job's submission, exceptions, checkpoints and restores"},
	{diagnosis.FromExceptions, "exceptions"},
	{diagnosis.FromCheckpoints, "checkpoints and restores"},
	{diagnosis.FromSnapshots, "FlinkStateSnapshots"},
	{diagnosis.FromAutoscaler, "the autoscaler's decisions"},
}

// gaps names what isn't known.
func (b *builder) gaps() {
	start := later(b.from, b.created)
	gap := func(id string, until time.Time, source, text string) {
		if until.After(start) {
			b.add(Entry{At: start, Until: &until, Kind: Gap, Text: text, Source: source, ID: "gap/" + id})
		}
	}
	for _, a := range asked {
		mark := b.f.Mark(a.source)
		switch {
		case mark == diagnosis.NotAllowed || mark == diagnosis.NoAnswer:
			why := string(mark)
			if text := b.o.Why[a.source]; text != "" {
				why += ": " + text
			}
			gap(string(a.source), b.f.Now, string(a.source), a.what+" could not be read ("+why+")")
		case a.source == diagnosis.FromJobManager && (mark == diagnosis.NotThere || mark == diagnosis.NotAsked):
			gap(string(a.source), b.f.Now, string(a.source), "no JobManager was asked: "+a.what+" aren't known")
		}
	}
	if b.f.Mark(diagnosis.FromEvents) == diagnosis.Read {
		oldest := b.f.Now.Add(-eventsKept)
		for i := range b.f.Events {
			if first, _, _ := times(&b.f.Events[i]); first.Before(oldest) {
				oldest = first
			}
		}
		gap("events", oldest, "events", "events older than "+back(b.f.Now.Sub(oldest))+" are gone, and with them the pods that were deleted before")
	}
	if n := b.generationsUnknown(); n > 0 {
		what := fmt.Sprintf("%d earlier generations changed isn't kept", n)
		if n == 1 {
			what = "1 earlier generation changed isn't kept"
		}
		gap("generations", b.f.Now, "metadata.generation", fmt.Sprintf("the spec is of generation %d; what %s in the object", b.generation(), what))
	}
	if b.f.Flink.JobID != "" {
		since, why := b.f.Flink.Started, "it was submitted as "+b.f.Flink.JobID
		if at := b.jobManagerStarted(); at.After(since.Add(time.Minute)) {
			since, why = at, "its JobManager started"
		}
		if since.Sub(start) > 2*time.Minute {
			gap("run", since, "the JobManager", "if the job ran before "+why+", the exceptions and checkpoints of then are forgotten")
		}
	}
	b.historyGaps(gap)
}

// historyGaps names what the JobManager has forgotten of the present run.
func (b *builder) historyGaps(gap func(id string, until time.Time, source, text string)) {
	thrown, oldest := 0, b.f.Now
	for _, x := range b.f.Flink.Exceptions {
		thrown += max(x.Count, 1)
		if x.At.Before(oldest) {
			oldest = x.At
		}
	}
	// Flink keeps 16 by default (web.exception-history-size), and this many are
	// asked for.
	if thrown >= 16 {
		gap("exceptions", oldest, "the JobManager", fmt.Sprintf("exceptions before the last %d may be forgotten (web.exception-history-size)", thrown))
	}
	c := b.f.Flink.Checkpoints
	if c == nil {
		return
	}
	known, first := int64(0), b.f.Now
	for _, h := range c.History {
		if h.Status == api.CheckpointInProgress {
			continue
		}
		known++
		if h.Triggered.Before(first) {
			first = h.Triggered
		}
	}
	if forgotten := c.Completed + c.Failed - known; forgotten > 0 {
		gap("checkpoints", first, "the JobManager", fmt.Sprintf("%d earlier checkpoints are forgotten (web.checkpoints.history); in all, %d completed and %d failed", forgotten, c.Completed, c.Failed))
	}
}

// jobManagerStarted is when the JobManager that runs was started; zero where that
// isn't known.
func (b *builder) jobManagerStarted() time.Time {
	var at time.Time
	for _, p := range b.f.Pods {
		if p.Role != "jobmanager" || p.Pod == nil {
			continue
		}
		for _, c := range p.Pod.Status.ContainerStatuses {
			if c.Name == api.MainContainer && c.State.Running != nil && isReady(p.Pod) {
				at = later(at, c.State.Running.StartedAt.Time)
			}
		}
	}
	return at
}

func isReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}
