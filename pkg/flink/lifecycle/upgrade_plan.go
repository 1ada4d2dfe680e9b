package lifecycle

import (
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Effect is what the operator does about a change of a spec.
type Effect int

// The effects, lightest first.
const (
	// NoEffect: nothing differs.
	NoEffect Effect = iota
	// NoRestart: the operator takes note, and the job goes on.
	NoRestart
	// InPlace: the job is scaled without being stopped, where it can be.
	InPlace
	// Redeploy: the job is stopped and restarted.
	Redeploy
)

// UpgradePlan is what an upgrade would do.
type UpgradePlan struct {
	Job     api.Ref
	Changes []api.FieldChange
	Effect  Effect
	// Mode is the upgrade mode that a redeployment uses.
	Mode string
	// State is what a redeployed job starts from.
	State StatePlan
	// Suspended says that the job doesn't run, so that the change shows when it
	// is resumed.
	Suspended bool
	BlueGreen bool
	// Session says that it is a session cluster, in which no job runs.
	Session bool
}

// Words is what the operator will do, in a sentence.
func (p UpgradePlan) Words() string {
	switch {
	case p.Effect == NoEffect:
		return "nothing to change"
	case p.Suspended:
		return "the job is suspended: the change takes effect when it is resumed"
	case p.Effect == NoRestart:
		return "the operator takes note of it; the job goes on without a restart"
	case p.Effect == InPlace:
		return "the operator scales the job in place"
	case p.Session:
		return "the operator restarts the session cluster; no job runs in it"
	}
	how := "the operator stops the job and starts it again"
	if p.BlueGreen {
		how = "the operator starts the other color and then stops this one"
	}
	return how + ": " + p.State.Text("starts", time.Now())
}

// ignoredFields of spec.job change nothing about a running job.
var ignoredFields = []string{"job.savepointTriggerNonce", "job.checkpointTriggerNonce", "job.autoscalerResetNonce", "job.upgradeMode", "job.initialSavepointPath", "job.allowNonRestoredState"}

// effectOf is what the operator does about a change, by its own rules.
func effectOf(changes []api.FieldChange, spec map[string]any) Effect {
	effect := NoEffect
	config, _ := spec["flinkConfiguration"].(map[string]any)
	flat := api.Flatten(config)
	scheduler, _ := flat.Get("jobmanager.scheduler")
	standalone := api.Text(spec, "mode") == "standalone"
	reactive := standalone && strings.EqualFold(flat["scheduler-mode"], "reactive")
	for _, change := range changes {
		one := Redeploy
		key, isConfig := strings.CutPrefix(change.Path, api.ConfigPrefix)
		switch {
		case slices.Contains(ignoredFields, change.Path),
			isConfig && (strings.HasPrefix(key, "job.autoscaler.") || strings.HasPrefix(key, "kubernetes.operator.") || key == "parallelism.default"):
			one = NoRestart
		case isConfig && key == "pipeline.jobvertex-parallelism-overrides" && !standalone && strings.EqualFold(scheduler, "adaptive"),
			reactive && (change.Path == "job.parallelism" || change.Path == "taskManager.replicas"):
			one = InPlace
		}
		effect = max(effect, one)
	}
	return effect
}
