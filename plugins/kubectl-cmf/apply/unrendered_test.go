package apply

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// A file that nothing has rendered makes nothing, rather than what can't run.
func TestFilesThatWereNotRendered(t *testing.T) {
	const head = "apiVersion: cmf.confluent.io/v1\nkind: FlinkApplication\n"
	for text, want := range map[string]string{
		head + "metadata: {name: '${APP}'}\nspec: {image: x}":                                     `metadata.name: is "${APP}", which nothing has filled in`,
		head + "metadata: {name: $APP}\nspec: {image: x}":                                         `metadata.name: is "$APP", which`,
		head + "metadata: {name: '{{ .Values.name }}'}\nspec: {image: x}":                         `metadata.name: is "{{ .Values.name }}", which`,
		head + "metadata:\n  name: {{ .Values.name }}\nspec: {image: x}":                          "it is a template, which has to be rendered first",
		head + "metadata:\n  name: {{ .Values.name }}-x\nspec: {image: x}":                        "it is a template, which has to be rendered first",
		head + "metadata: {name: a}\nspec: {image: 'reg/flink:${TAG:-latest}'}":                   `spec.image: is "reg/flink:${TAG:-latest}", which`,
		"name: e\nkubernetesNamespace: ${NAMESPACE}":                                              `kubernetesNamespace: is "${NAMESPACE}", which`,
		head + "metadata: {name: a}\nspec: {image: \"{{ x\"\n":                                    "",
		head + "metadata: {name: a}\nspec: {image: x, flinkConfiguration: {a.b: '${file:/x:y}'}}": "",
	} {
		documents, err := Parse("f.yaml", []byte(text))
		if err == nil {
			_, err = Resolve(documents, Place{Flags: cmf.Scope{Environment: "e"}})
		}
		switch {
		case want == "" && err != nil && strings.Contains(err.Error(), "render"), want != "" && (err == nil || !strings.Contains(err.Error(), want) || exit.Code(err) != exit.Usage):
			t.Errorf("%s\n%v", text, err)
		}
	}
}

// Only what an object is called counts for its deletion.
func TestIdentityOfAFile(t *testing.T) {
	documents, err := Parse("f.yaml", []byte("apiVersion: cmf.confluent.io/v1\nkind: FlinkApplication\nmetadata: {name: a, labels: {x: 1}}\nspec: {image: '${IMAGE}', job: {parallelism: '2'}, flinkConfiguration: {password: "+cmf.Redacted+"}}"))
	if err != nil {
		t.Fatal(err)
	}
	place := Place{Flags: cmf.Scope{Environment: "e"}}
	if _, err := Resolve(documents, place); err == nil {
		t.Error("it can be applied")
	}
	place.Identity = true
	items, err := Resolve(documents, place)
	if err != nil || len(items) != 1 || items[0].Ref.Name != "a" {
		t.Error(items, err)
	}
}
