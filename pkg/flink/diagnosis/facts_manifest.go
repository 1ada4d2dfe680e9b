package diagnosis

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ManifestFacts is what a cluster says of a manifest that isn't applied yet.
type ManifestFacts struct {
	// Object is the manifest, with the namespace that it would come to; Others came
	// with it.
	Object *unstructured.Unstructured   `json:"object"`
	Others []*unstructured.Unstructured `json:"others,omitempty"`
	Marks  map[Source]Mark              `json:"marks,omitempty"`
	// Namespace is Read where it is there.
	Namespace Mark `json:"namespace,omitempty"`
	// Refused is what the API server says to a dry run; nil where it accepts it, or
	// wasn't asked.
	Refused *Refusal `json:"refused,omitempty"`
	// Current is the object of that name as it is; nil where there is none.
	Current *unstructured.Unstructured `json:"current,omitempty"`
	// Deployment is Kubernetes' own of that name, which the operator would make;
	// nil where there is none.
	Deployment *unstructured.Unstructured `json:"deployment,omitempty"`
	// Named are the objects that its pods name, by kind.
	Named map[string][]Existing `json:"named,omitempty"`
	// Quotas are the namespace's.
	Quotas    []corev1.ResourceQuota `json:"quotas,omitempty"`
	Operators []OperatorFacts        `json:"operators,omitempty"`
}

// Refusal is how the API server refuses a dry run.
type Refusal struct {
	// Forbidden says that the user may not make the object.
	Forbidden bool `json:"forbidden,omitempty"`
	// Unserved says that the API server doesn't know the kind.
	Unserved bool `json:"unserved,omitempty"`
	// Text is foreign.
	Text string `json:"text"`
}

// The kinds of ManifestFacts.Named.
const (
	NamedSecret         = "secret"
	NamedConfigMap      = "configmap"
	NamedClaim          = "persistentvolumeclaim"
	NamedAccount        = "serviceaccount"
	NamedPullSecret     = "image pull secret"
	NamedPriorityClass  = "priorityclass"
	NamedSessionCluster = "flinkdeployment"
)

// PodNames are the objects that the pods of a manifest name, by kind and sorted;
// those that may be missing (optional: true) are left out.
func PodNames(object *unstructured.Unstructured, others []*unstructured.Unstructured) map[string][]string {
	m := newManifest(object, others)
	if m == nil {
		return nil
	}
	out := map[string][]string{}
	add := func(kind, name string) {
		if name != "" && !slices.Contains(out[kind], name) {
			out[kind] = append(out[kind], name)
		}
	}
	if m.kind == kindSessionJob {
		add(NamedSessionCluster, text(m.spec, "deploymentName"))
	}
	if !m.isCluster() {
		return out
	}
	add(NamedAccount, text(m.cluster, "serviceAccount"))
	for _, role := range []string{jobManager, taskManager} {
		spec := m.podSpec(role)
		add(NamedPriorityClass, text(spec, "priorityClassName"))
		for _, one := range items(spec, "imagePullSecrets") {
			add(NamedPullSecret, text(one, "name"))
		}
		for _, volume := range items(spec, "volumes") {
			source := func(in map[string]any) {
				needed := func(at map[string]any) bool { return at["optional"] != true }
				if s := section(in, "secret"); needed(s) {
					add(NamedSecret, cmp.Or(text(s, "secretName"), text(s, "name")))
				}
				if c := section(in, "configMap"); needed(c) {
					add(NamedConfigMap, text(c, "name"))
				}
			}
			source(volume)
			for _, one := range items(section(volume, "projected"), "sources") {
				source(one)
			}
			add(NamedClaim, text(volume, "persistentVolumeClaim", "claimName"))
		}
		for _, list := range []string{"containers", "initContainers"} {
			for _, container := range items(spec, list) {
				for _, env := range append(items(container, "env"), items(container, "envFrom")...) {
					from := section(env, "valueFrom")
					for kind, refs := range map[string][]map[string]any{
						NamedSecret:    {section(from, "secretKeyRef"), section(env, "secretRef")},
						NamedConfigMap: {section(from, "configMapKeyRef"), section(env, "configMapRef")},
					} {
						for _, ref := range refs {
							if ref["optional"] != true {
								add(kind, text(ref, "name"))
							}
						}
					}
				}
			}
		}
	}
	for kind := range out {
		slices.Sort(out[kind])
	}
	return out
}

func items(in map[string]any, field string) []map[string]any {
	list, _ := in[field].([]any)
	var out []map[string]any
	for _, one := range list {
		if m, ok := one.(map[string]any); ok {
			out = append(out, m)
		}
	}
	return out
}
