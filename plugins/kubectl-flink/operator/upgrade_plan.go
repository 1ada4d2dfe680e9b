package operator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// FieldChange is one field of a spec that differs. Old or New is "" where the
// field is absent there. Secrets are masked.
type FieldChange struct{ Path, Old, New string }

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
	// Redeploy: the job is stopped and started anew.
	Redeploy
)

// UpgradePlan is what an upgrade would do.
type UpgradePlan struct {
	Job     Ref
	Changes []FieldChange
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

// DiffSpecs are the fields that differ between two specs of a job, with
// flinkConfiguration flattened, sorted by path.
func DiffSpecs(before, after map[string]any) []FieldChange {
	old, fresh := flattenSpec(before), flattenSpec(after)
	paths := map[string]bool{}
	for path := range old {
		paths[path] = true
	}
	for path := range fresh {
		paths[path] = true
	}
	var out []FieldChange
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		if old[path] == fresh[path] {
			continue
		}
		change := FieldChange{path, old[path].shown, fresh[path].shown}
		if change.Old == change.New && change.New != "" {
			change.New += " (another value)"
		}
		out = append(out, change)
	}
	return out
}

// field is a value as it is and as it may be shown.
type field struct{ value, shown string }

const configPrefix = "flinkConfiguration "

func flattenSpec(spec map[string]any) map[string]field {
	values, shown := map[string]string{}, map[string]string{}
	flattenField(values, "", spec)
	flattenField(shown, "", withoutSecrets(spec))
	out := map[string]field{}
	for path, value := range values {
		out[path] = field{value, shown[path]}
	}
	config, _ := spec["flinkConfiguration"].(map[string]any)
	for name, text := range Flatten(config) {
		out[configPrefix+name] = field{text, secret.Value(name, text)}
	}
	return out
}

// withoutSecrets is a copy of a spec, or of a part of one, in which secrets are
// hidden.
func withoutSecrets(spec map[string]any) map[string]any {
	hidden, _ := secret.Walk(spec, secret.Hidden, nil).(map[string]any)
	return hidden
}

// flattenField puts the values below path into out; those of flinkConfiguration
// are left out, which has names of its own.
func flattenField(out map[string]string, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		for key, child := range v {
			if path == "" {
				if _, isConfig := child.(map[string]any); isConfig && key == "flinkConfiguration" {
					continue
				}
				flattenField(out, key, child)
				continue
			}
			flattenField(out, path+"."+key, child)
		}
	case []any:
		if plain := plainList(v); plain != "" {
			out[path] = plain
			return
		}
		for i, child := range v {
			flattenField(out, fmt.Sprintf("%s[%d]", path, i), child)
		}
	case nil:
	default:
		out[path] = strings.TrimSuffix(fmt.Sprint(v), ".0")
	}
}

// plainList is a list of words as JSON; "" where it holds more than words, or
// nothing.
func plainList(list []any) string {
	words := make([]string, len(list))
	for i, item := range list {
		switch item.(type) {
		case map[string]any, []any:
			return ""
		}
		words[i] = fmt.Sprint(item)
	}
	if len(list) == 0 {
		return ""
	}
	encoded, _ := json.Marshal(words)
	return string(encoded)
}

// ignoredFields of spec.job change nothing about a running job.
var ignoredFields = []string{"job.savepointTriggerNonce", "job.checkpointTriggerNonce", "job.autoscalerResetNonce", "job.upgradeMode", "job.initialSavepointPath", "job.allowNonRestoredState"}

// effectOf is what the operator does about a change, by its own rules.
func effectOf(changes []FieldChange, spec map[string]any) Effect {
	effect := NoEffect
	config, _ := spec["flinkConfiguration"].(map[string]any)
	flat := Flatten(config)
	scheduler, _ := flat.Get("jobmanager.scheduler")
	standalone := text(spec, "mode") == "standalone"
	reactive := standalone && strings.EqualFold(flat["scheduler-mode"], "reactive")
	for _, change := range changes {
		one := Redeploy
		key, isConfig := strings.CutPrefix(change.Path, configPrefix)
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
