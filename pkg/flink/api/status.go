package api

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ObservedGeneration is the generation of the last spec that the operator
// accepted; 0 where it doesn't say. Before operator 1.8 that stands in the
// metadata of lastReconciledSpec.
func (j Job) ObservedGeneration() int64 {
	if n, ok := Number(j.Object.Object, "status", "observedGeneration"); ok {
		return n
	}
	var decoded struct {
		Metadata struct {
			Metadata struct {
				Generation int64 `json:"generation"`
			} `json:"metadata"`
		} `json:"resource_metadata"`
	}
	if json.Unmarshal([]byte(Text(j.Object.Object, "status", "reconciliationStatus", "lastReconciledSpec")), &decoded) != nil {
		return 0
	}
	return decoded.Metadata.Metadata.Generation
}

// ContainsPresent is Contains where a removed field may also be kept as null.
func ContainsPresent(object, patch map[string]any) bool {
	for key, want := range patch {
		switch want := want.(type) {
		case nil:
			if object[key] != nil {
				return false
			}
		case map[string]any:
			below, _ := object[key].(map[string]any)
			if !ContainsPresent(below, want) {
				return false
			}
		default:
			if !SameJSON(object[key], want) {
				return false
			}
		}
	}
	return true
}

// BlueGreenSpec is the template's spec that the operator carried out last of a
// FlinkBlueGreenDeployment; nil where unknown.
func (j Job) BlueGreenSpec() map[string]any {
	raw := Text(j.Object.Object, "status", "lastReconciledSpec")
	if raw == "" {
		return nil
	}
	var decoded map[string]any
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&decoded) != nil {
		return nil
	}
	if inner := Section(decoded, "spec"); inner != nil && Section(decoded, "template") == nil {
		decoded = inner
	}
	return Section(decoded, "template", "spec")
}

// UpgradeMode is spec.job.upgradeMode; the operator's default is stateless.
func (j Job) UpgradeMode() UpgradeMode {
	return cmp.Or(Text(j.Spec(), "job", "upgradeMode"), UpgradeStateless)
}

// SuspendedMode is the mode by which the operator suspended the job, and by
// which it will resume unless the spec says stateless then; "" while it isn't
// suspended.
func (j Job) SuspendedMode() UpgradeMode {
	reconciled := j.ReconciledSpec()
	if Text(reconciled, "job", "state") != WantSuspended {
		return ""
	}
	return cmp.Or(Text(reconciled, "job", "upgradeMode"), UpgradeStateless)
}

// UpgradeSavepointPath is the savepoint or checkpoint from which the operator
// last started the job, or will next; "" where there is none. After a
// suspension by last-state it is still the one before.
func (j Job) UpgradeSavepointPath() string {
	path := Text(j.Object.Object, "status", "jobStatus", "upgradeSavepointPath")
	if path == LastState {
		return ""
	}
	if path == "" {
		path = j.newestSaved()
	}
	return path
}

// newestSaved is the newest savepoint that the status of an operator before 1.10
// reports. The one that it noted last may be a checkpoint from before.
func (j Job) newestSaved() string {
	info := Section(j.Object.Object, "status", "jobStatus", "savepointInfo")
	entries, _, _ := unstructured.NestedSlice(info, "savepointHistory")
	if last := Section(info, "lastSavepoint"); last != nil {
		entries = append(entries, last)
	}
	path, newest := "", int64(0)
	for _, entry := range entries {
		entry, _ := entry.(map[string]any)
		if at, _ := Number(entry, "timeStamp"); at >= newest && Text(entry, "location") != "" {
			path, newest = Text(entry, "location"), at
		}
	}
	return path
}

// StartTime is when Flink started this run, as the status writes it.
func (j Job) StartTime() string { return Text(j.Object.Object, "status", "jobStatus", "startTime") }

// ReconciledState is spec.job.state as the operator carried it out last.
func (j Job) ReconciledState() WantedState { return Text(j.ReconciledSpec(), "job", "state") }

// RunState is State, but "" for a session cluster, of which the operator tells
// the state of a job that it doesn't have.
func (j Job) RunState() JobState {
	if j.IsSessionCluster() {
		return ""
	}
	return j.State()
}

// HasObservedGeneration reports whether the operator notes which generation it
// carried out, as it does since 1.8.
func (j Job) HasObservedGeneration() bool {
	_, ok := Number(j.Object.Object, "status", "observedGeneration")
	return ok
}

// IsReconciled reports whether the operator has taken up the newest spec; true
// also where it is too old to tell.
func (j Job) IsReconciled() bool {
	observed, ok := Number(j.Object.Object, "status", "observedGeneration")
	return !ok || observed >= j.Object.GetGeneration()
}

// SortedKeys are the keys of a map in their order.
func SortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// DrainKey stays in the spec of a job that was drained, and tells so whoever
// wants to resume it.
const DrainKey = "kubernetes.operator.job.drain-on-savepoint-deletion"

// Drained reports whether the job was drained when it was stopped: windows and
// timers have fired, so that going on from its savepoint gives wrong results.
func (j Job) Drained() bool {
	return j.Wanted() == WantSuspended && Flatten(Section(j.Spec(), "flinkConfiguration"))[DrainKey] == "true"
}

// RolledBack reports whether the operator's own rollback is done.
func (j Job) RolledBack() bool { return j.Lifecycle() == LifecycleRolledBack && j.IsRunning() }
