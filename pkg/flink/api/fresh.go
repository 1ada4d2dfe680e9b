package api

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// perRun are the fields of spec.job that asked something of the operator once.
var perRun = []string{"savepointTriggerNonce", "checkpointTriggerNonce", "savepointRedeployNonce", "autoscalerResetNonce", "initialSavepointPath"}

// PerCluster are configuration keys that belong to one cluster, which a copy
// must not share.
var PerCluster = []string{"kubernetes.cluster-id", "kubernetes.namespace", "high-availability.cluster-id"}

// Fresh is the job's manifest as if newly written: without status, identity,
// ownership and what was asked of the operator once. It is to run.
func (j Job) Fresh() Job {
	source := j.Object.DeepCopy()
	out := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": source.GetAPIVersion(), "kind": source.GetKind(), "spec": source.Object["spec"],
	}}
	out.SetName(source.GetName())
	out.SetNamespace(source.GetNamespace())
	if labels := Without(source.GetLabels(), notOurs); len(labels) > 0 {
		out.SetLabels(labels)
	}
	if annotations := Without(source.GetAnnotations(), notOurs); len(annotations) > 0 {
		out.SetAnnotations(annotations)
	}
	fresh := Job{j.Kind, out}
	spec := fresh.Spec()
	delete(spec, "restartNonce")
	if job := Section(spec, "job"); job != nil {
		for _, field := range perRun {
			delete(job, field)
		}
		job["state"] = WantRunning
	}
	if config, ok := spec["flinkConfiguration"].(map[string]any); ok {
		for _, key := range PerCluster {
			removeKey(config, key)
		}
	}
	return fresh
}

// lastApplied is where kubectl apply keeps the manifest.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// Applied is an object's manifest as it was applied: without its status and what
// the API server and controllers wrote into its metadata. Labels and annotations
// stay, also those of what manages it.
func Applied(object *unstructured.Unstructured) *unstructured.Unstructured {
	source := object.DeepCopy()
	out := &unstructured.Unstructured{Object: map[string]any{}}
	for key, value := range source.Object {
		if key != "metadata" && key != "status" {
			out.Object[key] = value
		}
	}
	out.SetName(source.GetName())
	if namespace := source.GetNamespace(); namespace != "" {
		out.SetNamespace(namespace)
	}
	if labels := source.GetLabels(); len(labels) > 0 {
		out.SetLabels(labels)
	}
	if annotations := Without(source.GetAnnotations(), func(key string) bool { return key == lastApplied }); len(annotations) > 0 {
		out.SetAnnotations(annotations)
	}
	return out
}

// Disown takes away the labels and annotations by which what manages an object
// would know it for its own.
func Disown(object *unstructured.Unstructured) {
	object.SetLabels(orNil(Without(object.GetLabels(), notOurs)))
	object.SetAnnotations(orNil(Without(object.GetAnnotations(), notOurs)))
}

func orNil(entries map[string]string) map[string]string {
	if len(entries) == 0 {
		return nil
	}
	return entries
}

// notOurs reports whether a label or annotation was put there by what applied
// or manages the object: a copy with it would be taken for the object itself.
func notOurs(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	return key == lastApplied || key == "app.kubernetes.io/managed-by" || key == "app.kubernetes.io/instance" ||
		slices.ContainsFunc([]string{"argocd.argoproj.io", "fluxcd.io", "helm.sh", "kubectl-flink", "platform.confluent.io", "applyset.kubernetes.io", "flink"}, func(owner string) bool {
			return domain == owner || strings.HasSuffix(domain, "."+owner)
		})
}

// Without is a copy of entries without those whose keys are to be dropped.
func Without(entries map[string]string, drop func(string) bool) map[string]string {
	out := map[string]string{}
	for key, value := range entries {
		if !drop(key) {
			out[key] = value
		}
	}
	return out
}

// removeKey removes a key from a flinkConfiguration, where it may stand whole
// or as nested YAML.
func removeKey(config map[string]any, key string) {
	delete(config, key)
	for i := range len(key) {
		if key[i] != '.' {
			continue
		}
		if below, ok := config[key[:i]].(map[string]any); ok {
			removeKey(below, key[i+1:])
			if len(below) == 0 {
				delete(config, key[:i])
			}
		}
	}
}
