package apply

import (
	"encoding/binary"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

const aPool = "apiVersion: cmf.confluent.io/v1\nkind: ComputePool\nmetadata: {name: a}\n"

// inUTF16 is text as a Windows shell writes it.
func inUTF16(text string, order binary.AppendByteOrder) string {
	out := order.AppendUint16(nil, 0xfeff)
	for _, unit := range utf16.Encode([]rune(text)) {
		out = order.AppendUint16(out, unit)
	}
	return string(out)
}

func TestFilesOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		file, text string
		want       int
		err        string
	}{
		"documents, an end and nothing": {"f.yaml", aPool + "...\n---\n" + strings.Replace(aPool, "a}", "b}", 1) + "---\n# none\n", 2, ""},
		"carriage returns":              {"f.yaml", strings.ReplaceAll(aPool, "\n", "\r\n"), 1, ""},
		"a mark of UTF-8":               {"f.yaml", "\ufeff" + aPool, 1, ""},
		"a directive":                   {"f.yaml", "%YAML 1.2\n---\n" + aPool, 1, ""},
		"a text that begins like one":   {"f.yaml", aPool + "x: |\n  %YAML 1.2\n", 1, ""},
		"items null":                    {"f.json", `{"apiVersion":"v1","kind":"List","items":null}`, 0, ""},
		"items null beside a spec":      {"f.json", `{"kind":"X","items":null,"spec":{}}`, 1, ""},
		"tabs":                          {"f.yaml", "kind: X\nmetadata:\n\tname: a\n", 0, "YAML is indented with spaces, not with tabs"},
		"a comment in JSON":             {"f.json", "{\"a\":1, // one\n\"b\":2}", 0, "JSON has no comments"},
		"a comment before JSON":         {"f.json", "// one\n{\"a\":1}", 0, "JSON has no comments"},
		"a comma at the end":            {"f.json", `{"a":[1,]}`, 0, "JSON has no comma before the end"},
		"single quotes":                 {"f.json", `{'a':1}`, 0, "JSON's quotes are double"},
		"a template":                    {"f.yaml", "{{ if .Values.x }}\n" + aPool, 0, "it is a template"},
		"a template within":             {"f.yaml", aPool + "spec:\n  {{- toYaml .Values.x }}\n  a: {{ b }}\n", 0, "it is a template"},
		"a key twice":                   {"f.json", "{\"a\":{\n\"b\":1,\n\"b\":2}}", 0, `f.json:3: not valid JSON: key "b" already set`},
		"a key that is merged and said": {"f.yaml", "x: &b {image: i, cpu: 1}\n" + aPool + "spec:\n  image: mine\n  <<: *b\n", 1, ""},
		"a key twice beside a merge":    {"f.yaml", "x: &b {image: i}\n" + aPool + "spec:\n  <<: *b\n  image: a\n  image: b\n", 0, `key "image" already set`},
		"files put together":            {"f.yaml", "\ufeff" + aPool + "\ufeff---\n" + aPool, 2, ""},
		"a key twice in the second":     {"f.json", "{\"a\":1}\n{\"a\":1,\n\"a\":2}", 0, `f.json:3: not valid JSON: key "a" already set`},
		"a key in two objects":          {"f.json", `{"a":{"b":"a","c":"a"},"b":[{"b":1},{"b":[]}],"c":"b"}`, 1, ""},
		"two documents in UTF-16":       {"f.yaml", inUTF16(aPool+"---\n"+strings.Replace(aPool, "a}", "b}", 1), binary.LittleEndian), 2, ""},
		"JSON in UTF-16, big-endian":    {"f.json", inUTF16(`{"a":"é"}`, binary.BigEndian), 1, ""},
		"an old Mac's lines":            {"f.yaml", strings.ReplaceAll(aPool+"---\n"+aPool, "\n", "\r"), 2, ""},
		"cut off":                       {"f.json", `{"a":1`, 0, "f.json:1: not valid JSON: unexpected EOF"},
	} {
		got, err := Parse(c.file, []byte(c.text))
		if c.err == "" && (err != nil || len(got) != c.want) || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%s: %d documents, %v; want %d, %q", name, len(got), err, c.want, c.err)
		}
	}
}

func TestKindsOfOthers(t *testing.T) {
	for text, want := range map[string]string{
		`{"apiVersion":"cmf.confluent.io/v1","kind":"ComputePool"}`:                                "",
		`{"apiVersion":"cmf.confluent.io/v1","kind":"computepool"}`:                                "cmf.confluent.io has no kind computepool; it is ComputePool",
		`{"apiVersion":"cmf.confluent.io/v1","kind":"ComputePools"}`:                               "it is ComputePool",
		`{"apiVersion":"cmf.confluent.io/v1","kind":"Catalog"}`:                                    "it is KafkaCatalog",
		`{"apiVersion":"cmf.confluent.io/v1","kind":"app"}`:                                        "it is FlinkApplication",
		`{"apiVersion":"cmf.confluent.io/v1","kind":"Ingress"}`:                                    "cmf.confluent.io has no kind Ingress",
		`{"apiVersion":"cmf/v1","kind":"EnvironmentSecretMapping"}`:                                "apiVersion of an EnvironmentSecretMapping must be cmf.confluent.io/v1, not cmf/v1",
		`{"apiVersion":"v1","kind":"Secret","data":{"a":"b"}}`:                                     "v1 Secret; kubectl apply may take it",
		`{"apiVersion":"v1","kind":"Secret","spec":{"data":{"a":"b"}}}`:                            "apiVersion of a Secret must be cmf.confluent.io/v1, not v1",
		`{"Name":"e","kubernetesNamespace":"n"}`:                                                   "its field Name is written name",
		`{"Kind":"ComputePool","APIVersion":"cmf.confluent.io/v1"}`:                                "its field APIVersion is written apiVersion",
		`{"name":"e","kubernetesNamespace":"n"}`:                                                   "",
		`{"metadata":{"name":"a"},"spec":{"image":"x","job":{"jarURI":"local:///x"}}}`:             "it says neither apiVersion (cmf.confluent.io/v1) nor kind; kubectl cmf KIND create -f takes it without them",
		`{"spec":{"image":"x","job":{"jarURI":"local:///x"}}}`:                                     "it has neither a kind nor the fields of an environment",
		`{"metadata":{"labels":{"a":"b"}},"spec":{"image":"x","job":{"upgradeMode":"savepoint"}}}`: "",
		`{"apiVersion":"kustomize.config.k8s.io/v1beta1","kind":"Kustomization"}`:                  "a kustomization, which has to be built first: kubectl kustomize deploy | kubectl cmf apply -f -",
		`{"title":"x"}`: "it has neither a kind nor the fields of an environment",
	} {
		_, err := classify(Document{Object: decode(t, text), Source: "deploy/f"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasSuffix(err.Error(), want) && !strings.Contains(err.Error(), want+" (")) {
			t.Errorf("%s: %v; want %q", text, err, want)
		}
	}
}

func TestWhatAStatementHoldsIsKnownAnyhow(t *testing.T) {
	for sql, want := range map[string]bool{
		"INSERT INTO a SELECT 1":                 true,
		"\n  insert into a select 1":             true,
		"\ufeff;INSERT INTO a SELECT 1":          true,
		"-- why\nINSERT INTO a SELECT 1":         true,
		"(WITH q AS (SELECT 1) SELECT * FROM q)": true,
		"":                                       true,
		"\n SELECT 1":                            false,
		"DROP TABLE inserted":                    false,
	} {
		object := cmf.Object{"spec": map[string]any{"statement": sql}, "status": map[string]any{"phase": "RUNNING"}}
		if got := riskOf(cmf.Ref{Kind: cmf.Must("statement"), Name: "s"}, object) != nil; got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}

func TestStepsThatNeedEachOtherAreApart(t *testing.T) {
	step := func(sql string) Step {
		return Step{Item: Item{Ref: cmf.Ref{Kind: cmf.Must("statement")}, Object: cmf.Object{"spec": map[string]any{"statement": sql}}}, Action: Create}
	}
	for name, c := range map[string]struct {
		statements []string
		want       int
	}{
		"a table with a computed column":      {[]string{"CREATE TABLE a (x INT, y AS (x+1))", "INSERT INTO a SELECT 1", "INSERT INTO a SELECT 2"}, 2},
		"a table from a query, and one of it": {[]string{"CREATE TABLE a AS SELECT 1 AS x", "INSERT INTO b SELECT x FROM a"}, 2},
		"a table from a query alone":          {[]string{"CREATE TABLE a AS SELECT 1 AS x", "INSERT INTO b SELECT 1"}, 1},
		"needed before it is made":            {[]string{"INSERT INTO b SELECT x FROM a", "CREATE TABLE a AS SELECT 1 AS x"}, 1},
	} {
		var steps []Step
		for _, sql := range c.statements {
			steps = append(steps, step(sql))
		}
		markNeeded(steps)
		if got := batches(steps); len(got) != c.want {
			t.Errorf("%s: %d batches, want %d", name, len(got), c.want)
		}
	}
}

// Most kustomizations say neither apiVersion nor kind.
func TestKustomizationsAreKnownByTheirName(t *testing.T) {
	resources := decode(t, `{"resources":["app.yaml"]}`)
	for name, want := range map[string]bool{"a/kustomization.yaml": true, "kustomization.yml": true, "a/my-kustomization.yaml": false} {
		if _, err := classify(Document{Object: resources, Source: name}); err == nil || strings.Contains(err.Error(), "kubectl kustomize") != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatIsSaidCountsMoreThanWhatIsMerged(t *testing.T) {
	got, err := Parse("f.yaml", []byte("x: &b {image: base, cpu: 1.5, n: 12345678901234567}\nspec:\n  image: mine\n  <<: *b\n"))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"spec.image": "mine", "spec.cpu": "1.5", "spec.n": "12345678901234567"} {
		if text := got[0].Object.Text(path); text != want {
			t.Errorf("%s: %q, want %q", path, text, want)
		}
	}
}
