package backup

import (
	"encoding/json"
	"fmt"
	"strings"

	yamlv3 "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// object reads the one object of a file. It has to be what the index says, for
// whatever else it is would be created in its place.
func (d *Dir) object(file, apiVersion, kind, namespace, name string) (*unstructured.Unstructured, error) {
	data, err := d.read(file)
	if err != nil {
		return nil, err
	}
	text, err := toJSON(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	object := &unstructured.Unstructured{}
	// Whole numbers stay whole this way.
	if err := utiljson.Unmarshal(text, &object.Object); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	for _, field := range [][3]string{
		{"apiVersion", object.GetAPIVersion(), apiVersion},
		{"kind", object.GetKind(), kind},
		{"metadata.namespace", object.GetNamespace(), namespace},
		{"metadata.name", object.GetName(), name},
	} {
		if field[1] != field[2] {
			return nil, fmt.Errorf("%s: %s is %q, and not %q as %s says", file, field[0], field[1], field[2], IndexName)
		}
	}
	return api.Applied(object), nil
}

// toJSON is a document in which no key is there twice. A map that says again what
// <<: brings along isn't that, though the strict parser takes it for it; such a
// document was edited by hand.
func toJSON(data []byte) ([]byte, error) {
	text, err := yaml.YAMLToJSONStrict(data)
	if err == nil || !strings.Contains(err.Error(), "already set in map") {
		return text, err
	}
	var value any
	if yamlv3.Unmarshal(data, &value) != nil {
		return nil, err
	}
	merged, mergeErr := json.Marshal(value)
	if mergeErr != nil {
		return nil, err
	}
	return merged, nil
}

// Job reads the manifest of a job.
func (d *Dir) Job(e Entry) (api.Job, error) {
	if e.Manifest == "" {
		return api.Job{}, fmt.Errorf("the backup has no manifest of it")
	}
	object, err := d.object(e.Manifest, api.Group+"/"+api.Version, e.Kind, e.Namespace, e.Name)
	if err != nil {
		return api.Job{}, err
	}
	job := api.Job{Kind: e.Ref().Kind, Object: object}
	switch {
	case job.Spec() == nil:
		return job, fmt.Errorf("%s: it has no spec", e.Manifest)
	case job.IsSessionCluster() != (e.Condition == SessionCluster):
		return job, fmt.Errorf("%s: it is not a %s, as %s says", e.Manifest, e.Condition, IndexName)
	case job.Kind.Name != api.Deployment.Name && api.Section(job.Spec(), "job") == nil:
		return job, fmt.Errorf("%s: it has no spec.job", e.Manifest)
	}
	return job, nil
}

// ConfigMap reads a ConfigMap.
func (d *Dir) ConfigMap(m ConfigMap) (*corev1.ConfigMap, error) {
	object, err := d.object(m.Manifest, "v1", "ConfigMap", m.Namespace, m.Name)
	if err != nil {
		return nil, err
	}
	out := &corev1.ConfigMap{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(object.Object, out); err != nil {
		return nil, fmt.Errorf("%s: %w", m.Manifest, err)
	}
	return out, nil
}
