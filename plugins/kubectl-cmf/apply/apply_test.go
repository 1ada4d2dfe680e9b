package apply

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

func decode(t *testing.T, text string) cmf.Object {
	t.Helper()
	o, err := cmf.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestChanges(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, file, live string
		version          cmf.Version
		want             []string
	}{
		"same but for what CMF sets": {
			"pool",
			`{"apiVersion":"cmf.confluent.io/v1alpha1","kind":"ComputePool","metadata":{"name":"p"},"spec":{"type":"DEDICATED","clusterSpec":{"cpu":1}},"status":null}`,
			`{"apiVersion":"cmf.confluent.io/v1","kind":"ComputePool","metadata":{"name":"p","uid":"u","creationTimestamp":"t","labels":null,"annotations":{}},"spec":{"type":"DEDICATED","state":"RUNNING","clusterSpec":{"cpu":1.0}},"status":{"phase":"DEDICATED"}}`,
			cmf.V24, nil,
		},
		"a field that the file no longer has": {
			"app", `{"metadata":{"name":"a"},"spec":{"image":"x"}}`, `{"metadata":{"name":"a"},"spec":{"image":"x","job":{"parallelism":2}}}`, cmf.V24, []string{"spec.job"},
		},
		"labels are replaced, where stated": {
			"app", `{"metadata":{"name":"a","labels":{"x":"1"}},"spec":{}}`, `{"metadata":{"name":"a","labels":{"x":"1","y":"2"}},"spec":{}}`, cmf.V24, []string{"metadata.labels.y"},
		},
		"labels stay, where not stated": {
			"app", `{"metadata":{"name":"a"},"spec":{}}`, `{"metadata":{"name":"a","labels":{"x":"1"}},"spec":{}}`, cmf.V24, nil,
		},
		"labels stay, where the file has nothing there": {
			"app", `{"metadata":{"name":"a","labels":null},"spec":{}}`, `{"metadata":{"name":"a","labels":{"x":"1"}},"spec":{}}`, cmf.V24, nil,
		},
		"annotations of others stay": {
			"app", `{"metadata":{"name":"a","annotations":{"mine":"1"}},"spec":{}}`, `{"metadata":{"name":"a","annotations":{"mine":"1","theirs":"2"}},"spec":{}}`, cmf.V24, nil,
		},
		"the old name of a field, new server": {
			"database", `{"metadata":{"name":"d"},"spec":{"kafkaCluster":{},"alterEnvironments":["a"]}}`, `{"metadata":{"name":"d"},"spec":{"kafkaCluster":{},"ddlEnvironments":["a"]}}`, cmf.V24, nil,
		},
		"the new name of a field, old server": {
			"database", `{"metadata":{"name":"d"},"spec":{"ddlEnvironments":["a"]}}`, `{"metadata":{"name":"d"},"spec":{"alterEnvironments":["b"]}}`, cmf.V21, []string{"spec.alterEnvironments"},
		},
		"an environment keeps what isn't named": {
			"env", `{"name":"e"}`, `{"name":"e","kubernetesNamespace":"n","created_time":"t","secrets":{"a":"b"},"status":{},"flinkApplicationDefaults":{"spec":{}}}`, cmf.V24, nil,
		},
		"null clears": {
			"env", `{"name":"e","flinkApplicationDefaults":null}`, `{"name":"e","flinkApplicationDefaults":{"spec":{"a":1}}}`, cmf.V24, []string{"flinkApplicationDefaults"},
		},
		"a text is not a number": {
			"app", `{"metadata":{"name":"a"},"spec":{"cpu":"1"}}`, `{"metadata":{"name":"a"},"spec":{"cpu":1}}`, cmf.V24, []string{"spec.cpu"},
		},
		"numbers in a configuration are texts to CMF": {
			"statement", `{"metadata":{"name":"s"},"spec":{"properties":{"a":1,"b":true,"c":"x"},"flinkConfiguration":{"d":0.5}}}`, `{"metadata":{"name":"s"},"spec":{"properties":{"a":"1","b":"true","c":"x"},"flinkConfiguration":{"d":"0.5"}}}`, cmf.V24, nil,
		},
		"another number in a configuration": {
			"app", `{"metadata":{"name":"a"},"spec":{"flinkConfiguration":{"a":10,"b":{"c":1}}}}`, `{"metadata":{"name":"a"},"spec":{"flinkConfiguration":{"a":"1","b":{"c":"1"}}}}`, cmf.V24, []string{"spec.flinkConfiguration.a", "spec.flinkConfiguration.b.c"},
		},
		"only what can change counts": {
			"savepoint", `{"metadata":{"name":"s"},"spec":{"path":"x","pinned":true}}`, `{"metadata":{"name":"s"},"spec":{"path":"y","formatType":"CANONICAL"}}`, cmf.V24, []string{"spec.pinned"},
		},
		"a mapping whose spec isn't returned": {
			"secret-mapping", `{"metadata":{"name":"m"},"spec":{"secretName":"s"}}`, `{"metadata":{"name":"m"}}`, cmf.V24, []string{"spec"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			kind := cmf.Must(tc.kind)
			file, live := decode(t, tc.file), decode(t, tc.live)
			if err := Translate(kind, file, tc.version); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, Changes(kind, Merge(kind, file, live), live, tc.version)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBothNamesOfAField(t *testing.T) {
	kind := cmf.Must("database")
	same := decode(t, `{"spec":{"alterEnvironments":["a"],"ddlEnvironments":["a"]}}`)
	if err := Translate(kind, same, cmf.V24); err != nil || same.Map("spec")["alterEnvironments"] != nil {
		t.Error(same, err)
	}
	if err := Translate(kind, decode(t, `{"spec":{"alterEnvironments":["a"],"ddlEnvironments":["b"]}}`), cmf.V24); err == nil {
		t.Error("two different lists are accepted")
	}
}

func TestParse(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		lines []int
	}{
		"documents":      {"a: 1\n---\n\nb: 1\n--- # note\nc: 1\n", []int{1, 3, 6}},
		"leading marker": {"---\na: 1\n...\n---\nb: 1\n", []int{2, 5}},
		"in a block":     {"a: |\n  ---\n  x\n", []int{1}},
		"inline":         {"--- {a: 1}\n", []int{1}},
		"comments only":  {"# x\n---\n# y\n", nil},
		"several JSON":   {"{\"a\":1}\n\n{\"b\":2}\n", []int{1, 3}},
		"JSON list":      {"[{\"a\":1},\n{\"b\":2}]", []int{1, 1}},
		"a page":         {`{"items":[{"a":1},{"b":2}],"metadata":{"size":2}}`, []int{1, 1}},
		"flow YAML":      {"{a: 1}\n", []int{1}},
		"BOM, CRLF":      {"\xef\xbb\xbfa: 1\r\n---\r\nb: 1\r\n", []int{1, 3}},
	} {
		documents, err := Parse("f", []byte(tc.text))
		var lines []int
		for _, d := range documents {
			lines = append(lines, d.Line)
		}
		if diff := cmp.Diff(tc.lines, lines); diff != "" || err != nil {
			t.Errorf("%s: %s %v", name, diff, err)
		}
	}
	documents, err := Parse("f", []byte("big: 12345678901234567\nf: 0.4\n"))
	if err != nil || documents[0].Object.Text("big") != "12345678901234567" || documents[0].Object.Text("f") != "0.4" {
		t.Error(documents, err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: 1\n---\nb: 2", `{"a":1}`, "[", "- a\n- b", "kind: x\nmetadata: [1]", "--- x\n...\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		documents, err := Parse("f", []byte(text))
		if err != nil {
			return
		}
		items, err := Resolve(documents, Place{Flags: cmf.Scope{Environment: "e", Catalog: "c", Application: "a"}})
		if err != nil {
			return
		}
		for _, item := range items {
			_ = Changes(item.Ref.Kind, Merge(item.Ref.Kind, item.Object, item.Object), item.Object, cmf.V24)
			if _, _, err := Diff(Step{Item: item, Action: Create, Merged: item.Object}); err != nil && !strings.Contains(err.Error(), "yaml") {
				t.Error(err)
			}
		}
	})
}
