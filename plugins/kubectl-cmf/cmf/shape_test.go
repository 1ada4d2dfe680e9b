package cmf

import (
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

func TestShape(t *testing.T) {
	for name, c := range map[string]struct{ kind, file, problems, unknown string }{
		"an environment as its template has it": {kind: "env", file: Template(Must("env"), V24)},
		"a block that lost its indentation": {
			kind: "env", file: "name: a\nkubernetesNamespace: b\nflinkApplicationDefaults:\nspec:\n  logConfiguration:\n  log4j.properties: x\n",
			problems: "spec: is in the wrong place; it belongs to computePoolDefaults or flinkApplicationDefaults",
		},
		"defaults without their spec": {
			kind: "env", file: "name: a\nflinkApplicationDefaults: {flinkConfiguration: {a: b}}",
			problems: "flinkApplicationDefaults.flinkConfiguration: is in the wrong place; it belongs to flinkApplicationDefaults.spec",
		},
		"defaults that are a text": {
			kind: "env", file: "name: a\nflinkApplicationDefaults: '{}'\nstatementDefaults: [1]",
			problems: "flinkApplicationDefaults: must be an object, is a string\nstatementDefaults: must be an object, is a list",
		},
		"an environment like other kinds": {
			kind: "env", file: "metadata: {name: a, kubernetesNamespace: b}\nname: a",
			problems: "metadata.kubernetesNamespace: is in the wrong place; it belongs to the top of the file",
		},
		"a field of a newer CMF": {kind: "env", file: "name: a\nquota: 3", unknown: "quota"},
		"a statement without its spec": {
			kind: "statement", file: "metadata: {name: a}\nstatement: SELECT 1\ncomputePoolName: p",
			problems: "computePoolName: is in the wrong place; it belongs to spec\nstatement: is in the wrong place; it belongs to spec",
		},
		"a statement whose numbers are texts": {
			kind: "statement", file: "metadata: {name: a}\nspec: {parallelism: '3', stopped: 'no', statement: 1}",
			problems: "spec.parallelism: must be a number, is a string\nspec.statement: must be a string, is a number; quote it\nspec.stopped: must be true or false, is a string",
		},
		"an application with its job's fields outside of the job": {
			kind: "app", file: "metadata: {name: a}\nspec: {parallelism: 2, upgradeMode: savepoint, job: {jarURI: local:///x}}",
			problems: "spec.parallelism: is in the wrong place; it belongs to spec.job\nspec.upgradeMode: is in the wrong place; it belongs to spec.job",
		},
		"a pool with its cluster's fields outside of the cluster": {
			kind: "pool", file: "metadata: {name: a}\nspec: {type: SHARED, image: x, clusterSpec: {}}",
			problems: "spec.image: is in the wrong place; it belongs to spec.clusterSpec",
		},
		"names in another case": {
			kind: "app", file: "metadata: {name: a}\nspec: {flinkversion: v2_1, jobmanager: {Replicas: 1}, job: {jarUri: local:///x, ParallelismHint: 2}}",
			problems: "spec.flinkversion: is written flinkVersion\nspec.job.jarUri: is written jarURI\nspec.jobmanager: is written jobManager", unknown: "spec.job.ParallelismHint",
		},
		"a configuration may have any key": {kind: "app", file: "metadata: {name: a, labels: {spec: x}}\nspec: {flinkConfiguration: {parallelism: '1', name: x}}"},
		"nothing in a field":               {kind: "app", file: "metadata: {name: a, labels: null}\nspec: {job: null}"},
	} {
		t.Run(name, func(t *testing.T) {
			var o Object
			if err := yaml.Unmarshal([]byte(c.file), &o); err != nil {
				t.Fatal(err)
			}
			problems, unknown := Must(c.kind).Shape(o)
			var texts []string
			for _, p := range problems {
				texts = append(texts, p.Error())
			}
			if got := strings.Join(texts, "\n"); got != c.problems || strings.Join(unknown, " ") != c.unknown {
				t.Errorf("problems:\n%s\nunknown: %v", got, unknown)
			}
		})
	}
}

func TestTemplatesHaveTheirShape(t *testing.T) {
	for _, kind := range Kinds {
		for _, v := range []Version{V20, V21, V23, V24} {
			text := Template(kind, v)
			if text == "" {
				continue
			}
			var o Object
			if err := yaml.Unmarshal([]byte(text), &o); err != nil {
				t.Fatalf("%s: %v", kind.Name, err)
			}
			if problems, unknown := kind.Shape(o); len(problems) > 0 || len(unknown) > 0 {
				t.Errorf("%s for %s: %v %v", kind.Name, v, problems, unknown)
			}
		}
	}
}
