package api

import (
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// anew is a job's object as it would have been created, to start from a path.
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
		job["initialSavepointPath"], job["state"] = path, "running"
		if allowNonRestored {
			job["allowNonRestoredState"] = true
		}
	}
	return Job{j.Kind, u}
}
