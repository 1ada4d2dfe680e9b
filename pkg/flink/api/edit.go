package api

import (
	"cmp"
	"encoding/json"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// Recreated is a job's object as it would have been created, to start from a path.
func (j Job) Recreated(path string, allowNonRestored bool) Job {
	spec := (&unstructured.Unstructured{Object: Section(j.Object.Object, "spec")}).DeepCopy().Object
	u := &unstructured.Unstructured{Object: map[string]any{"apiVersion": Group + "/" + Version, "kind": j.Kind.Name, "spec": spec}}
	u.SetName(j.Object.GetName())
	u.SetNamespace(j.Object.GetNamespace())
	u.SetLabels(j.Object.GetLabels())
	u.SetOwnerReferences(j.Object.GetOwnerReferences())
	annotations := j.Object.GetAnnotations()
	delete(annotations, "kubectl.kubernetes.io/last-applied-configuration")
	u.SetAnnotations(annotations)
	if job := Section(spec, "job"); job != nil {
		for _, nonce := range []string{"savepointTriggerNonce", "checkpointTriggerNonce", "savepointRedeployNonce"} {
			delete(job, nonce)
		}
		job["initialSavepointPath"], job["state"] = path, WantRunning
		if allowNonRestored {
			job["allowNonRestoredState"] = true
		}
	}
	return Job{j.Kind, u}
}

// NextRestartNonce differs from the nonce in the spec and from the one that
// the operator carried out last: a spec may have lost its nonce since, and the
// old number would then change nothing.
func (j Job) NextRestartNonce() int64 {
	now, _ := Number(j.Spec(), "restartNonce")
	before := int64(0)
	reconciled := j.ReconciledSpec()
	if j.Kind.Name == BlueGreen.Name {
		reconciled = j.BlueGreenSpec()
	}
	if n, ok := reconciled["restartNonce"].(json.Number); ok {
		before, _ = n.Int64()
	}
	return max(now, before) + 1
}

// Set writes a value into the job's spec.
func (j Job) Set(value any, path ...string) error {
	if err := unstructured.SetNestedField(j.Spec(), value, path...); err != nil {
		return exit.Usagef("%s: spec.%s: %v", j.Ref(), strings.Join(path, "."), err)
	}
	return nil
}

// Wanted is spec.job.state: running or suspended; "" without a job.
func (j Job) Wanted() string {
	job := Section(j.Spec(), "job")
	if job == nil {
		return ""
	}
	state, _ := job["state"].(string)
	return cmp.Or(state, WantRunning)
}

// Patched is the job with a merge patch of its spec carried out.
func (j Job) Patched(patch map[string]any) Job {
	out := Job{j.Kind, j.Object.DeepCopy()}
	applyMerge(out.Spec(), patch)
	return out
}

// applyMerge carries out a JSON merge patch.
func applyMerge(into, patch map[string]any) {
	for key, value := range patch {
		below, isMap := value.(map[string]any)
		there, wasMap := into[key].(map[string]any)
		switch {
		case value == nil:
			delete(into, key)
		case isMap && wasMap:
			applyMerge(there, below)
		case isMap:
			fresh := map[string]any{}
			applyMerge(fresh, below)
			into[key] = fresh
		default:
			into[key] = value
		}
	}
}
