package cmf

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// canned answers each request with the next of its bodies, the last for ever.
type canned struct {
	status  int
	bodies  []string
	kind    string
	queries []string

	mu sync.Mutex
}

func (c *canned) RoundTrip(r *http.Request) (*http.Response, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queries = append(c.queries, r.URL.RawQuery)
	body := c.bodies[0]
	if len(c.bodies) > 1 {
		c.bodies = c.bodies[1:]
	}
	status := c.status
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {c.kind}}, Request: r,
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

func client(t testing.TB, transport http.RoundTripper) *Client {
	t.Helper()
	c, err := NewClient("http://cmf", transport, false)
	if err != nil {
		t.Fatal(err)
	}
	c.Backoff = func(int) time.Duration { return time.Microsecond }
	return c
}

// The sample of Confluent's documentation, with its nulls.
const eventsPage = `{"pageable":null,"metadata":{"size":3},"items":[
 {"apiVersion":"cmf.confluent.io/v1alpha1","kind":"FlinkApplicationEvent",
  "metadata":{"name":"77d37980","uid":"77d37980","creationTimestamp":"2025-06-18T11:16:38.061Z","flinkApplicationInstance":null,"labels":null,"annotations":null},
  "status":{"message":"Flink job status changed to RECONCILING","type":"JOB_STATUS","data":{"newStatus":"RECONCILING"}}},
 {"metadata":{"name":"b"},"status":{"message":"FlinkApplication created","type":"CMF_STATUS","data":null}},
 null_or_not]}`

func TestListOfAServerThatIgnoresThePageEnds(t *testing.T) {
	transport := &canned{bodies: []string{`{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}],"pageable":null}`}}
	items, err := client(t, transport).List(t.Context(), Must("secret"), Scope{}, ListOptions{})
	if err != nil || len(items) != 2 {
		t.Fatal(items, err)
	}
	if len(transport.queries) > 1+ahead {
		t.Errorf("%d requests", len(transport.queries))
	}
}

func TestOnePageIsOneRequest(t *testing.T) {
	transport := &canned{bodies: []string{`{"items":[{"name":"a"}],"pageable":{"page":0,"size":100}}`}}
	if _, err := client(t, transport).List(t.Context(), Must("env"), Scope{}, ListOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"page=0&size=250"}, transport.queries); diff != "" {
		t.Error(diff)
	}
}

func TestDocumentedEvents(t *testing.T) {
	page := strings.Replace(eventsPage, ",\n null_or_not", "", 1)
	items, err := client(t, &canned{bodies: []string{page}}).List(t.Context(), Must("event"), Scope{Environment: "e", Application: "a"}, ListOptions{})
	if err != nil || len(items) != 2 || items[0].Text("status.data.newStatus") != "RECONCILING" {
		t.Error(items, err)
	}
	_, err = client(t, &canned{bodies: []string{strings.Replace(eventsPage, "null_or_not", "null", 1)}}).List(t.Context(), Must("event"), Scope{Environment: "e", Application: "a"}, ListOptions{})
	if err == nil || !strings.Contains(err.Error(), "items[2] is null, not an object") {
		t.Error(err)
	}
}

func TestVersions(t *testing.T) {
	for text, want := range map[string]string{"2.3.1": "2.3.1", "v2.4.0-SNAPSHOT": "2.4", "2.10": "2.10"} {
		v, err := ParseVersion(text)
		if err != nil || v.String() != want {
			t.Errorf("%s: %s %v", text, v, err)
		}
	}
	if _, err := ParseVersion("latest"); err == nil {
		t.Error("latest is taken for a version")
	}
	if (Version{}).Before(V24) || !V20.Before(V21) || (Version{2, 10, 0}).Before(V24) || !(Version{2, 3, 0}).Before(Version{2, 3, 1}) {
		t.Error("order of versions")
	}
}

func TestState(t *testing.T) {
	for name, tc := range map[string]struct {
		kind, json, state string
		verdict           Verdict
	}{
		"no status":             {"app", `{"spec":{}}`, "", Pending},
		"null job status":       {"app", `{"status":{"lifecycleState":"DEPLOYED","jobStatus":null}}`, "DEPLOYED", Pending},
		"running":               {"app", `{"status":{"lifecycleState":"STABLE","jobStatus":{"state":"RUNNING"}}}`, "RUNNING", Ready},
		"upgrading, still runs": {"app", `{"status":{"lifecycleState":"UPGRADING","jobStatus":{"state":"RUNNING"}}}`, "UPGRADING", Pending},
		"failed":                {"app", `{"status":{"lifecycleState":"STABLE","jobStatus":{"state":"FAILED"}}}`, "FAILED", Failed},
		"rolled back":           {"app", `{"status":{"lifecycleState":"ROLLED_BACK","jobStatus":{"state":"RUNNING"}}}`, "ROLLED_BACK", Failed},
		"rolling back":          {"app", `{"status":{"lifecycleState":"ROLLING_BACK","jobStatus":{"state":"RUNNING"}}}`, "ROLLING_BACK", Pending},
		"canceled":              {"app", `{"status":{"lifecycleState":"STABLE","jobStatus":{"state":"CANCELED"}}}`, "CANCELED", Failed},
		"canceled to upgrade":   {"app", `{"status":{"lifecycleState":"UPGRADING","jobStatus":{"state":"CANCELED"}}}`, "UPGRADING", Pending},
		"canceled, suspended":   {"app", `{"spec":{"job":{"state":"suspended"}},"status":{"lifecycleState":"SUSPENDED","jobStatus":{"state":"CANCELED"}}}`, "SUSPENDED", Ready},
		"lifecycle failed":      {"app", `{"status":{"lifecycleState":"FAILED","jobStatus":{"state":"RUNNING"}}}`, "FAILED", Failed},
		"suspended":             {"app", `{"spec":{"job":{"state":"suspended"}},"status":{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED"}}}`, "SUSPENDED", Ready},
		"starting again":        {"app", `{"spec":{"job":{"state":"running"}},"status":{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED"}}}`, "SUSPENDED", Pending},
		"deployment error":      {"app", `{"status":{"jobManagerDeploymentStatus":"ERROR","jobStatus":{"state":"RECONCILING"}}}`, "ERROR", Failed},
		"dedicated pool":        {"pool", `{"status":{"phase":"DEDICATED"}}`, "DEDICATED", Ready},
		"suspended pool":        {"pool", `{"spec":{"state":"SUSPENDED"},"status":{"phase":"SUSPENDED"}}`, "SUSPENDED", Ready},
		"statement failing":     {"statement", `{"status":{"phase":"FAILING"}}`, "FAILING", Failed},
		"statement stopped":     {"statement", `{"spec":{"stopped":true},"status":{"phase":"STOPPED"}}`, "STOPPED", Ready},
		"abandoned savepoint":   {"savepoint", `{"status":{"state":"ABANDONED"}}`, "ABANDONED", Failed},
		"no phases":             {"secret", `{}`, "", Ready},
	} {
		o, err := Decode([]byte(tc.json))
		if err != nil {
			t.Fatal(err)
		}
		state, verdict, _ := Must(tc.kind).State(o)
		if state != tc.state || verdict != tc.verdict {
			t.Errorf("%s: %s %v, want %s %v", name, state, verdict, tc.state, tc.verdict)
		}
	}
}

func TestRedactAndRestore(t *testing.T) {
	o := Object{"spec": map[string]any{"a": map[string]any{"password": "x"}, "list": []any{map[string]any{"token": "y"}}}}
	shown := Redact(nil, o)
	if text := fmt.Sprint(shown); strings.Contains(text, "x") && strings.Contains(text, ":x") || !strings.Contains(text, Redacted) {
		t.Error(text)
	}
	if o.Text("spec.a.password") != "x" {
		t.Error("Redact changed the original")
	}
	Restore(nil, shown, o)
	if diff := cmp.Diff(o, shown); diff != "" {
		t.Error(diff)
	}
}

// Each secret stays where it was when items beside it are removed and added.
func TestRestoreTellsItemsApart(t *testing.T) {
	variable := func(name, value string) any { return map[string]any{"name": name, "value": value} }
	live := Object{
		"env":  []any{variable("A_TOKEN", "one"), variable("B_TOKEN", "two"), variable("URL", "x://u:three@h")},
		"args": []any{"--password", "four"},
	}
	shown := Redact(nil, live)
	shown["env"] = []any{shown["env"].([]any)[1], shown["env"].([]any)[2], variable("C", "new")}
	Restore(nil, shown, live)
	want := Object{"env": []any{variable("B_TOKEN", "two"), variable("URL", "x://u:three@h"), variable("C", "new")}, "args": []any{"--password", "four"}}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Error(diff)
	}
	// What was changed beside a secret, and lists whose places have changed, aren't
	// guessed at.
	for _, edited := range []Object{
		{"env": []any{variable("URL", "x://other:<redacted>@h")}},
		{"args": []any{"--verbose", "--password", "<redacted>"}},
	} {
		Restore(nil, edited, live)
		if _, found := HasRedacted(edited); !found {
			t.Errorf("%v was guessed", edited)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"http://h:8080": "http://h:8080", "https://h/cmf/api/v1/": "https://h", "https://h/prefix/": "https://h/prefix", "http://h/?x=1": "http://h",
	} {
		u, err := ParseAddress(in)
		if err != nil || u.String() != want {
			t.Errorf("%s: %v %v", in, u, err)
		}
	}
	for _, in := range []string{"h:8080", "ftp://h", "http://", "http://u:p@h", "http://%zz"} {
		if _, err := ParseAddress(in); err == nil {
			t.Errorf("%s is accepted", in)
		}
	}
}

func TestRegistryIsWhole(t *testing.T) {
	words := map[string]string{}
	for _, k := range Kinds {
		for _, word := range append([]string{k.Name}, k.Aliases...) {
			if other, taken := words[word]; taken {
				t.Errorf("%q is both %s and %s", word, other, k.Name)
			}
			words[word] = k.Name
		}
		if k.Short == "" || len(k.Columns) == 0 || k.Path == "" || k.Type == "" {
			t.Errorf("%s: something is missing", k.Name)
		}
		if k.Create && !k.Files && Template(k, V24) == "" {
			t.Errorf("%s has no template", k.Name)
		}
	}
}

// FuzzAnswers: whatever a server answers, no command panics and nothing that
// harms a terminal comes out.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		eventsPage, `{"items":[{"name":"a","metadata":7}]}`, `{"items":null}`, `{"pageable":{"size":-1},"items":[{}]}`, `{"pageable":{"size":1e99},"items":[{}]}`,
		`{"errors":[{"message":"x"},{"message":7},"y",null]}`, `{"errors":7}`, `<html><title>`, `{"status":{"version":"9.9.9"}}`, `[]`, `null`, `"x"`, ``,
		`{"metadata":{"name":["x"],"labels":{"a":1}},"spec":[],"status":{"phase":{"x":1}}}`,
	} {
		f.Add(seed, 200)
		f.Add(seed, 500)
	}
	f.Fuzz(func(t *testing.T, body string, status int) {
		if status < 200 || status > 599 {
			status = 200
		}
		c := client(t, &canned{status: status, bodies: []string{body}, kind: "application/json"})
		scope := Scope{Environment: "e", Catalog: "c", Application: "a"}
		for _, k := range Kinds {
			items, err := c.List(t.Context(), k, scope, ListOptions{})
			check(t, err)
			for _, o := range items {
				use(k, o)
			}
			o, err := c.Get(t.Context(), Ref{Kind: k, Scope: scope, Name: "n"})
			check(t, err)
			if o != nil {
				use(k, o)
			}
		}
		_, err := c.Server(t.Context())
		check(t, err)
	})
}

func use(k *Kind, o Object) {
	k.State(o)
	o.Name()
	o.Strings("metadata.labels")
	Redact(k, o)
	HasRedacted(o)
	for _, c := range k.Columns {
		o.Text(c.Path)
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil && StatusOf(err) != 0 {
		if strings.ContainsAny(err.Error(), "\x1b\x07\x00") {
			t.Errorf("control characters in %q", err)
		}
	}
}

func TestEncodeKeepsNumbersAndText(t *testing.T) {
	const text = `{"a":12345678901234567890,"b":1.50,"c":"<&>"}`
	o, err := Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	data, err := o.Encode()
	if err != nil || string(data) != text {
		t.Errorf("%s %v", data, err)
	}
	if _, err := Decode([]byte(`{} {}`)); err == nil {
		t.Error("two values are taken for one")
	}
}

// What a text takes when it is decoded is never far above the estimate.
func TestMemoryIsEstimated(t *testing.T) {
	for name, text := range map[string]string{
		"small objects":  `[` + strings.Repeat(`{"a":1},`, 20_000) + `1]`,
		"empty objects":  `[` + strings.Repeat(`{},`, 20_000) + `1]`,
		"lists in lists": `[` + strings.Repeat(`[[]],`, 20_000) + `1]`,
		"numbers":        `[` + strings.Repeat(`1,`, 20_000) + `1]`,
		"fields":         `{` + strings.Repeat(`"a":1,`, 3) + `"b":"` + strings.Repeat(`{,`, 20_000) + `"}`,
		"short strings":  `[` + strings.Repeat(`"a",`, 20_000) + `1]`,
	} {
		value, err := decodeValue([]byte(text))
		if err != nil {
			t.Fatal(name, err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		copies := []any{}
		for range 3 {
			again, _ := decodeValue([]byte(text))
			copies = append(copies, again)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		taken := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / 3
		runtime.KeepAlive(copies)
		for what, estimate := range map[string]int64{"text": memory([]byte(text)), "value": memoryOf(value)} {
			if taken > estimate*5/4 {
				t.Errorf("%s: the %s takes %d bytes, estimated %d", name, what, taken, estimate)
			}
		}
	}
	if n := memory([]byte(`{"a":"` + strings.Repeat(`\"{`, 1000) + `"}`)); n > 5000 {
		t.Errorf("what is in a string counts: %d", n)
	}
}

// A list of pages that come again, and one whose tokens lead on for ever, end.
func TestPagesThatComeAgainGiveTheirBudgetBack(t *testing.T) {
	body := `{"items":[{"metadata":{"name":"a"},"x":"` + strings.Repeat("x", 100_000) + `"}]}`
	budget := NewBudget()
	for range 10 {
		items, err := client(t, &canned{bodies: []string{body}}).List(t.Context(), Must("secret"), Scope{}, ListOptions{Budget: budget})
		if err != nil || len(items) != 1 {
			t.Fatal(len(items), err)
		}
	}
	if left := budget.bytes.Load(); left != maxList {
		t.Errorf("%d bytes are left, want %d", left, maxList)
	}
}

func TestLongTextsAreCutWithTheirSize(t *testing.T) {
	started := time.Now()
	for in, want := range map[string]string{
		"short":                            "short",
		strings.Repeat("x", 1<<20):         strings.Repeat("x", maxMessage-1) + "… (cut; 1.0 MiB in all)",
		strings.Repeat("é\x1b[31m", 1<<20): strings.Repeat("é", maxMessage-1) + "… (cut; 7.0 MiB in all)",
		strings.Repeat(" ", 1<<20) + "x":   "… (cut; 1.0 MiB in all)",
	} {
		if got := shorten(in); got != want {
			t.Errorf("%.40q: %.400q, want %.400q", in, got, want)
		}
	}
	o := Object{"status": map[string]any{"error": strings.Repeat("{", 1<<20)}}
	if why := Must("savepoint").Why(o); len(why) > maxCause+100 || !strings.Contains(why, "(cut; 1.0 MiB in all)") {
		t.Errorf("%.300q", why)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

// One function makes addresses, and one makes requests: there is no other place
// where something foreign could get into them.
func TestAddressesAreMadeInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) < 5 {
		t.Fatal(files, err)
	}
	calls := map[string][]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		parsed, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, declaration := range parsed.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok || function.Body == nil {
				continue
			}
			ast.Inspect(function.Body, func(n ast.Node) bool {
				if selector, ok := n.(*ast.SelectorExpr); ok {
					for _, name := range []string{"NewRequest", "NewRequestWithContext", "PathEscape", "JoinPath", "ResolveReference", "String"} {
						base, isBase := selector.X.(*ast.SelectorExpr)
						if selector.Sel.Name == name && (name != "String" || isBase && base.Sel.Name == "base") {
							calls[name] = append(calls[name], function.Name.Name)
						}
					}
				}
				return true
			})
		}
	}
	want := map[string][]string{"NewRequestWithContext": {"request"}, "String": {"Address", "url"}}
	if diff := cmp.Diff(want, calls); diff != "" {
		t.Error(diff)
	}
}
