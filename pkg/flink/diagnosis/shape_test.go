package diagnosis

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// manifestOf reads YAML as commands do.
func manifestOf(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestFieldsThatAManifestCannotHave(t *testing.T) {
	const head = "apiVersion: flink.apache.org/v1beta1\nkind: FlinkDeployment\nmetadata: {name: a}\n"
	job := func(fields string) string {
		return head + "spec: {image: x, flinkVersion: v1_20, serviceAccount: flink, job: {jarURI: 'local:///x', parallelism: 1, upgradeMode: stateless, " + fields + "}}"
	}
	for name, c := range map[string]struct {
		text, rule string
		says       []string
	}{
		"nothing":               {job("args: [a], state: running, entryClass: null"), "", nil},
		"another capital":       {job("jarUri: x"), "FLINK-SPEC-FIELD", []string{"spec.job.jarUri is no field of a FlinkDeployment; jarURI is", "write it jarURI"}},
		"a letter too few":      {job("alowNonRestoredState: true"), "FLINK-SPEC-FIELD", []string{"allowNonRestoredState is"}},
		"a field of nothing":    {job("color: blue"), "FLINK-SPEC-FIELD", []string{"spec.job.color is no field", "kubectl explain flinkdeployment.spec"}},
		"beside the spec":       {"x-common: {a: 1}\n" + job(""), "FLINK-SPEC-FIELD", []string{"x-common is no field"}},
		"in the metadata":       {strings.Replace(job(""), "{name: a}", "{name: a, label: {x: y}}", 1), "FLINK-SPEC-FIELD", []string{"metadata.label is no field", "labels is"}},
		"a number in quotes":    {job("restartNonce: 1, savepointTriggerNonce: '2'"), "FLINK-SPEC-TYPE", []string{`spec.job.savepointTriggerNonce is "2", and has to be of type integer`, "without quotes"}},
		"a half number":         {job("savepointTriggerNonce: 2.5"), "FLINK-SPEC-TYPE", []string{"is 2.5, and has to be of type integer"}},
		"a word with a capital": {job("state: Running"), "FLINK-SPEC-TYPE", []string{`spec.job.state is "Running", and has to be running, suspended`, "write it running"}},
		"yes for true":          {job("allowNonRestoredState: 'yes'"), "FLINK-SPEC-TYPE", []string{"of type boolean"}},
		"one argument":          {job("args: --fast"), "FLINK-SPEC-TYPE", []string{"spec.job.args is", "of type list"}},
		"a number as argument":  {job("args: [--n, 5]"), "FLINK-SPEC-TYPE", []string{"spec.job.args[1] is 5, and has to be of type string", "put it in quotes"}},
		"a size without unit":   {strings.Replace(job(""), "spec: {", "spec: {taskManager: {resource: {memory: 2048, cpu: 1}}, ", 1), "FLINK-SPEC-TYPE", []string{"spec.taskManager.resource.memory is 2048, and has to be of type string"}},
		"a spec that is a list": {head + "spec: [a]", "FLINK-SPEC-TYPE", []string{"spec is", "of type object"}},
		"another API version":   {strings.Replace(job(""), "v1beta1", "v1alpha1", 1), "FLINK-SPEC-TYPE", []string{"apiVersion is flink.apache.org/v1alpha1, and has to be flink.apache.org/v1beta1"}},
		"a session job's mode":  {"apiVersion: flink.apache.org/v1beta1\nkind: FlinkSessionJob\nmetadata: {name: a}\nspec: {deploymentName: s, job: {jarURI: x, parallelism: 1, upgradeMode: last_state}}", "FLINK-SPEC-TYPE", []string{"savepoint, last-state, stateless", "write it last-state"}},
		"a blue/green template": {"apiVersion: flink.apache.org/v1beta1\nkind: FlinkBlueGreenDeployment\nmetadata: {name: a}\nspec: {template: {spec: {image: x, flinkversion: v1_20}}}", "FLINK-SPEC-FIELD", []string{"spec.template.spec.flinkversion is no field", "flinkVersion is"}},
		"milliseconds":          {strings.Replace(job(""), "spec: {", "spec: {flinkConfiguration: {execution.checkpointing.interval: 10, execution.buffer-timeout.interval: 50}, ", 1), "FLINK-CONF-UNIT", []string{"execution.checkpointing.interval: 10 is 10 milliseconds", "10 min"}},
		"state for seconds":     {strings.Replace(job(""), "spec: {", "spec: {flinkConfiguration: {table.exec.state.ttl: '3600'}, ", 1), "FLINK-CONF-UNIT", []string{"3600 milliseconds", "3600 s"}},
		"bytes":                 {strings.Replace(job(""), "spec: {", "spec: {flinkConfiguration: {taskmanager.memory.process.size: 2048, taskmanager.memory.segment-size: 32768}, ", 1), "FLINK-CONF-UNIT", []string{"taskmanager.memory.process.size: 2048 is 2048 bytes", "2048m"}},
		"no parallelism":        {strings.Replace(job(""), "parallelism: 1, ", "", 1), "FLINK-SPEC-PARALLELISM", []string{"at least 1"}},
	} {
		t.Run(name, func(t *testing.T) {
			found := Lint([]*unstructured.Unstructured{manifestOf(t, c.text)})
			if c.rule == "" {
				if got := ids(found); slices.Contains(got, "FLINK-SPEC-FIELD") || slices.Contains(got, "FLINK-SPEC-TYPE") {
					t.Error(found)
				}
				return
			}
			i := slices.IndexFunc(found, func(f Finding) bool { return f.Rule == c.rule })
			if i < 0 {
				t.Fatalf("found are %v", ids(found))
			}
			text := strings.Join(append([]string{found[i].Means}, found[i].Advice()...), "\n")
			for _, want := range c.says {
				if !strings.Contains(text, want) {
					t.Errorf("no %q in %s", want, text)
				}
			}
		})
	}
	// A huge file of something else isn't told field by field.
	if found := shapes()[kindDeployment].misfits("spec", map[string]any{"job": manyFields(1000)}, nil); len(found) > mostMisfits {
		t.Error(len(found))
	}
}

// Names and values may be of any length.
func TestHugeNamesAreNoTrouble(t *testing.T) {
	found := shapes()[kindDeployment].misfits("spec", map[string]any{strings.Repeat("x", 4<<20): 1, "job": strings.Repeat("y", 4<<20)}, nil)
	if len(found) != 2 || len(found[0].path)+len(found[0].got)+len(found[1].path)+len(found[1].got) > 8<<10 {
		t.Error(len(found))
	}
}

func manyFields(n int) map[string]any {
	out := make(map[string]any, n)
	for i := range n {
		out[strings.Repeat("x", i+1)] = i
	}
	return out
}

// The tables of fields are those of the operator's own CRDs.
func TestFieldsAreThoseOfTheCRDs(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "..", "shared", "specs", "crds")
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and in CI it must be", dir)
		}
		t.Logf("NOT HELD TO THE CRDS: %s is not there", dir)
		return
	}
	for kind, file := range map[string]string{kindDeployment: "flinkdeployments", kindSessionJob: "flinksessionjobs", kindSnapshot: "flinkstatesnapshots", kindBlueGreen: "flinkbluegreendeployments"} {
		data, err := os.ReadFile(filepath.Join(dir, file+".flink.apache.org-v1.yml"))
		if err != nil {
			t.Fatal(err)
		}
		crd := manifestOf(t, string(data))
		versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
		for _, version := range versions {
			spec, _, _ := unstructured.NestedMap(version.(map[string]any), "schema", "openAPIV3Schema", "properties", "spec")
			compareShape(t, kind+" spec", shapes()[kind], spec)
		}
	}
}

func compareShape(t *testing.T, path string, s *shape, schema map[string]any) {
	t.Helper()
	if s.of == "any" {
		return
	}
	kind, _ := schema["type"].(string)
	if kind == "array" {
		kind = "list"
	}
	if kind != s.of {
		t.Errorf("%s is %s in the CRD and %s here", path, kind, s.of)
	}
	if words := wordsIn(schema["enum"]); len(words) > 0 {
		// flinkVersion has a rule of its own.
		if got := slices.Sorted(slices.Values(s.words)); !slices.Equal(got, slices.Sorted(slices.Values(words))) && !strings.HasSuffix(path, "flinkVersion") {
			t.Errorf("%s is one of %v in the CRD and of %v here", path, words, got)
		}
	}
	fields, _ := schema["properties"].(map[string]any)
	for name, one := range fields {
		if s.fields[name] == nil {
			t.Errorf("%s.%s isn't here", path, name)
			continue
		}
		compareShape(t, path+"."+name, s.fields[name], one.(map[string]any))
	}
	for name := range s.fields {
		if _, ok := fields[name]; !ok {
			t.Errorf("%s.%s isn't in the CRD", path, name)
		}
	}
	if s.item != nil {
		items, _ := schema["items"].(map[string]any)
		compareShape(t, path+"[]", s.item, items)
	}
}

func wordsIn(value any) []string {
	items, _ := value.([]any)
	out := make([]string, len(items))
	for i := range items {
		out[i], _ = items[i].(string)
	}
	return out
}
