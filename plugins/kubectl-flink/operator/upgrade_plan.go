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
	out := map[string]field{}
	for key, value := range spec {
		if config, ok := value.(map[string]any); ok && key == "flinkConfiguration" {
			for name, text := range Flatten(config) {
				out[configPrefix+name] = masked(name, text)
			}
			continue
		}
		flattenField(out, key, value)
	}
	return out
}

func flattenField(out map[string]field, path string, value any) {
	switch v := value.(type) {
	case map[string]any:
		name, _ := v["name"].(string)
		for key, child := range v {
			if text, ok := child.(string); ok && key == "value" && secret.Name(name) {
				out[path+".value"] = masked(name, text)
				continue
			}
			flattenField(out, path+"."+key, child)
		}
	case []any:
		if plain, shown := plainList(v); plain != "" {
			out[path] = field{plain, shown}
			return
		}
		for i, child := range v {
			flattenField(out, fmt.Sprintf("%s[%d]", path, i), child)
		}
	case nil:
	default:
		text := strings.TrimSuffix(fmt.Sprint(v), ".0")
		last := path[strings.LastIndexByte(path, '.')+1:]
		out[path] = masked(last, text)
	}
}

// plainList is a list of words as JSON; "" where it holds more than words.
func plainList(list []any) (plain, shown string) {
	words := make([]string, len(list))
	hidden := make([]string, len(list))
	hideNext := false
	for i, item := range list {
		switch item.(type) {
		case map[string]any, []any:
			return "", ""
		}
		words[i] = fmt.Sprint(item)
		hidden[i] = words[i]
		name, _, hasValue := strings.Cut(words[i], "=")
		switch {
		case hideNext && !strings.HasPrefix(words[i], "--"):
			hidden[i] = secret.Hidden
			hideNext = false
		case secret.Name(name) && hasValue:
			hidden[i] = name + "=" + secret.Hidden
		default:
			hideNext = strings.HasPrefix(name, "-") && secret.Name(name)
		}
	}
	if len(list) == 0 {
		return "", ""
	}
	a, _ := json.Marshal(words)
	b, _ := json.Marshal(hidden)
	return string(a), string(b)
}

// masked is a value, and what may be shown of it. Fields called key or …Name
// say where a secret is.
func masked(name, value string) field {
	if name == "key" || strings.HasSuffix(name, "Name") {
		return field{value, value}
	}
	return field{value, secret.Value(name, value)}
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
