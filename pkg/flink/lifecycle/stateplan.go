package lifecycle

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// StatePlan is the state that a job will start from when it is redeployed, or
// resumed. It is reported in the same words wherever that comes up.
type StatePlan struct {
	// Kind is one of the Retained… constants or PlanNew; "" where it isn't known.
	Kind string `json:"kind,omitempty"`
	// Path is "" where it isn't known yet. Of PlanNew it is the directory.
	Path string `json:"path,omitempty"`
	// At is when the state was taken; zero where that isn't known.
	At time.Time `json:"at,omitzero"`
	// By is who says so.
	By string `json:"by,omitempty"`
	// Newer says that a newer checkpoint takes its place if one completes.
	Newer bool `json:"newer,omitempty"`
	// Why says why there is none, or why it isn't known.
	Why string `json:"why,omitempty"`
}

// PlanNew is a savepoint that is still to be taken.
const PlanNew = "new savepoint"

// Text says what the job starts (or resumes, by verb) from.
func (p StatePlan) Text(verb string, now time.Time) string {
	switch {
	case p.Kind == PlanNew:
		text := "a savepoint is taken first"
		if p.Path != "" {
			text += " (to " + p.Path + ")"
		}
		if p.Why != "" {
			text += ", " + p.Why
		}
		return text + ", and it " + verb + " from that"
	case p.Kind == api.RetainedNone:
		return "it " + verb + " empty: " + p.Why
	case p.Kind == "":
		return "what it " + verb + " from isn't known: " + p.Why
	case p.Path == "":
		text := "it " + verb + " from its last checkpoint, which its high-availability data names"
		if p.Why != "" {
			text += " (which one, and how old it is, isn't known: " + p.Why + ")"
		}
		return text
	}
	age := "age unknown"
	if !p.At.IsZero() {
		age = api.Ago(max(now.Sub(p.At), 0)) + " old"
	}
	text := fmt.Sprintf("it %s from %s %s (%s", verb, p.Kind, p.Path, age)
	if p.By != "" {
		text += ", says " + p.By
	}
	text += ")"
	if p.Newer {
		text += ", or a newer checkpoint if one completes before"
	}
	if p.Why != "" {
		text += "; but " + p.Why
	}
	return text
}

// The ones who report state.
const (
	byJobManager = "the JobManager"
	byOperator   = "the operator"
	bySpec       = "spec.job.initialSavepointPath"
)

// PlanFacts are what a StatePlan follows from.
type PlanFacts struct {
	// Job is the job as its spec is, or will be when it is started.
	Job api.Job
	// Serving is the FlinkDeployment of a blue/green deployment that serves; its
	// Object is nil where there is none. Of other jobs it isn't used.
	Serving api.Job
	// Mode is the upgrade mode that will be in force.
	Mode string
	// Config is the configuration that the job runs with.
	Config api.Config
	// Flink is what its JobManager reported; nil where it didn't, and NoAnswer says
	// why.
	Flink    *api.FlinkState
	NoAnswer string
	// Away says why no pod of the JobManager is ready, where that is known.
	Away string
	// Snapshots of the job say how old a path is.
	Snapshots []api.Snapshot
	// NewVersion says that the Flink version changes, for which the operator
	// takes a savepoint whatever the mode.
	NewVersion bool
	Now        time.Time
}

// Keys of the operator that decide about the state of a redeployment.
const (
	maxAgeKey   = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"
	byCancelKey = "kubernetes.operator.job.upgrade.last-state.job-cancel.enabled"
	fallbackKey = "kubernetes.operator.job.upgrade.last-state-fallback.enabled"
)

// Plan is the state from which the job starts, by the operator's rules (those of
// 1.7 to 1.16 were read).
func (f PlanFacts) Plan() StatePlan {
	state := f.Job
	if f.Job.Kind.Name == api.BlueGreen.Name {
		if f.Serving.Object == nil {
			return StatePlan{Why: "it has no active FlinkDeployment (" + api.OrUnknown(f.Job.BlueGreenState()) + ")"}
		}
		state = f.Serving
	}
	suspended := state.SuspendedMode() != ""
	switch {
	case f.neverRan(state):
		if path := f.Job.InitialPath(); path != "" {
			return f.named(path, bySpec)
		}
		return StatePlan{Kind: api.RetainedNone, Why: "it has never run, and spec.job.initialSavepointPath is not set"}
	case f.Mode == api.UpgradeStateless:
		plan := StatePlan{Kind: api.RetainedNone, Why: "by upgradeMode stateless its state is thrown away"}
		switch kept := state.RetainedState(); {
		case kept.Path != "" && suspended:
			plan.Why += "; the state that it left stays at " + kept.Path
		case f.Flink != nil && f.Flink.Latest != nil:
			plan.Why += fmt.Sprintf(" (its newest is %s, %s old)", f.Flink.Latest.Path, api.Ago(max(f.Now.Sub(f.Flink.Latest.At), 0)))
		}
		return plan
	case suspended:
		return f.resumed(state)
	case f.Job.Kind.Name == api.BlueGreen.Name && state.IsRunning():
		return f.fresh("")
	case f.Job.Kind.Name == api.BlueGreen.Name:
		return StatePlan{Why: fmt.Sprintf("%s isn't running, so that no savepoint can be taken (%s)", state.Ref(), state.Describe(f.Now))}
	case state.IsRunning():
		return f.running()
	case hasEnded(state.State()):
		return f.ended(state)
	}
	return f.troubled(state)
}

// neverRan reports whether Flink has never been seen to run the job.
func (f PlanFacts) neverRan(state api.Job) bool { return f.Flink == nil && state.NeverRan() }

func hasEnded(state string) bool {
	return state == api.JobFinished || state == api.JobFailed || state == api.JobCanceled
}

// fresh is a savepoint that will be taken.
func (f PlanFacts) fresh(why string) StatePlan {
	dir, _ := f.Config.Get(api.SavepointDirKeys...)
	return StatePlan{Kind: PlanNew, Path: dir, Why: why}
}

// named is state at a path that the user named.
func (f PlanFacts) named(path, by string) StatePlan {
	plan := StatePlan{Kind: api.KindOfPath(path), Path: path, By: by}
	for _, s := range f.Snapshots {
		saved := api.SavedFrom(s)
		if api.SamePath(saved.Path, path) && saved.State == api.SnapshotCompleted {
			if !saved.Registered() {
				plan.At = saved.At()
			}
			if by == byOperator {
				plan.By = s.Ref().String()
			}
			return plan
		}
	}
	jobs := []api.Job{f.Job}
	if f.Serving.Object != nil {
		jobs = append(jobs, f.Serving)
	}
	for _, job := range jobs {
		for _, saved := range api.SavedIn(job) {
			if api.SamePath(saved.Path, path) {
				plan.At = saved.At()
			}
		}
	}
	if f.Flink != nil {
		for _, s := range []*api.FlinkSnapshot{f.Flink.Latest, f.Flink.Checkpoint} {
			if s != nil && api.SamePath(s.Path, path) {
				plan.At = s.At
			}
		}
	}
	return plan
}

// reportedPlan is of state that the JobManager reported. When the state that a run started
// from was taken it doesn't say.
func (f PlanFacts) reportedPlan(s *api.FlinkSnapshot) StatePlan {
	if s == f.Flink.Restored {
		return f.named(s.Path, byJobManager)
	}
	return StatePlan{Kind: s.RetainedState().Kind, Path: s.Path, At: s.At, By: byJobManager}
}

// resumed is for a job that is suspended.
func (f PlanFacts) resumed(state api.Job) StatePlan {
	switch kept := state.RetainedState(); {
	case kept.Kind == api.RetainedNone:
		return StatePlan{Kind: api.RetainedNone, Why: "it was suspended as stateless, which keeps no state"}
	case kept.Path != "":
		return f.named(kept.Path, byOperator)
	case kept.Kind == api.RetainedCheckpoint:
		return StatePlan{Kind: api.RetainedCheckpoint, By: byOperator, Why: "its JobManager is gone"}
	}
	return StatePlan{Why: "the operator doesn't say what state it left (" + state.Describe(f.Now) + ")"}
}

// byMetadata reports whether the operator restores the job by its
// high-availability data when the mode is last-state: a session job, and a job
// without any, is canceled instead and restored from the newest that it left.
func (f PlanFacts) byMetadata() bool {
	ha, _ := f.Config.Get("high-availability.type", "high-availability")
	cancel := strings.EqualFold(f.Config[byCancelKey], "true")
	return f.Job.Kind.Name == api.Deployment.Name && ha != "" && !strings.EqualFold(ha, "none") && !cancel
}

// running is for a job that runs.
func (f PlanFacts) running() StatePlan {
	savepoint := f.Mode == api.UpgradeSavepoint || f.NewVersion
	fallback := !f.NewVersion && !strings.EqualFold(f.Config[fallbackKey], "false")
	switch {
	case savepoint && f.Away != "" && f.byMetadata() && fallback:
		return StatePlan{Why: f.Away + "; the operator takes a savepoint if it is back by then, and else uses the last checkpoint that the high-availability data names"}
	case savepoint && f.Away != "":
		return f.fresh("once its JobManager is back (" + f.Away + ")")
	case savepoint:
		return f.fresh("")
	}
	plan := f.checkpoint()
	if plan.Kind == api.RetainedCheckpoint && plan.Path != "" && !f.byMetadata() {
		if why := deletesCheckpoints(f.Config, api.CheckpointFacts{}, false); why != "" {
			plan.Why = "it goes when the operator cancels the job, which comes first: " + why
		}
	}
	limit, limited := api.FlinkDuration(f.Config[maxAgeKey])
	if started := api.Millis(f.Job.Object.Object, "status", "jobStatus", "startTime"); !limited || limit <= 0 || !started.IsZero() && f.Now.Sub(started) < limit {
		return plan
	}
	if f.Flink != nil && (plan.Kind == api.RetainedNone || plan.At.IsZero() || f.Now.Sub(plan.At) > limit) {
		return f.fresh("because its last checkpoint is older than " + maxAgeKey + " allows")
	}
	return plan
}

// checkpoint is the newest state that a run has which isn't stopped by a
// savepoint.
func (f PlanFacts) checkpoint() StatePlan {
	if f.Flink == nil {
		if f.byMetadata() {
			return StatePlan{Kind: api.RetainedCheckpoint, By: byOperator, Why: "the JobManager can't be asked: " + cmp.Or(f.NoAnswer, "it doesn't answer")}
		}
		return StatePlan{Why: "the JobManager can't be asked for its newest checkpoint: " + cmp.Or(f.NoAnswer, "it doesn't answer")}
	}
	newest := f.Flink.Latest
	if f.byMetadata() {
		// Savepoints take no part in recovery.
		newest = f.Flink.Checkpoint
	}
	if newest == nil {
		newest = f.Flink.Restored
	}
	switch {
	case newest != nil && newest.Path == api.NotAddressable && f.byMetadata():
		return StatePlan{Why: "its checkpoints are in the JobManager's memory and have no path"}
	case newest != nil && newest.Path == api.NotAddressable:
		return StatePlan{Kind: api.RetainedNone, By: byJobManager, Why: "its checkpoints are in the JobManager's memory and go with it, says the JobManager"}
	case newest == nil || api.NormalPath(newest.Path) == "":
		return StatePlan{Kind: api.RetainedNone, By: byJobManager, Why: "no checkpoint of it has completed, says the JobManager"}
	}
	plan := f.reportedPlan(newest)
	plan.Newer = !hasEnded(f.Flink.State)
	return plan
}

// ended is for a job that has come to its end in Flink.
func (f PlanFacts) ended(state api.Job) StatePlan {
	if f.Flink != nil {
		plan := f.checkpoint()
		plan.Newer = false
		return plan
	}
	if path := state.UpgradeSavepointPath(); path != "" {
		return f.named(path, byOperator)
	}
	return StatePlan{Why: "it is " + state.State() + ", and its JobManager can't be asked for its last checkpoint: " + cmp.Or(f.NoAnswer, "it doesn't answer")}
}

// troubled is for a job that is to run, and doesn't.
func (f PlanFacts) troubled(state api.Job) StatePlan {
	once := "once it runs again (it is " + phase(state) + ")"
	fallback := !strings.EqualFold(f.Config[fallbackKey], "false")
	switch {
	case f.byMetadata() && (f.Mode == api.UpgradeLastState || fallback):
		return f.checkpoint()
	case f.Mode == api.UpgradeSavepoint:
		return f.fresh(once)
	case f.Flink != nil && f.Flink.Latest != nil:
		return f.checkpoint()
	}
	return StatePlan{Why: "the operator waits until it runs again (it is " + phase(state) + ")"}
}
