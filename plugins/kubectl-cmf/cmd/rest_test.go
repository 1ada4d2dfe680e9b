package cmd

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest"
)

func TestRest(t *testing.T) {
	r := newRig(t, cmftest.Options{Version: "2.4.0"})
	r.env("dev-env")
	r.ok("env", "use", "dev-env")
	r.ok("apply", "-f", r.file("app.yaml", strings.Replace(app("basic", ""), "spec:\n", "spec:\n  flinkConfiguration: {db.password: "+hidden+"}\n", 1)))
	for _, path := range []string{"/v1/environments", "/cmf/api/v1/environments/", "/v1/environments?page=0&size=10"} {
		got := r.ok("rest", path)
		contains(t, got, `"name": "dev-env"`)
	}
	got := r.ok("rest", "/v1/environments/dev-env/applications/basic", "-i")
	contains(t, got, "200 OK", "Content-Type: application/json", `"db.password": "<redacted>"`)
	if strings.Contains(got, hidden) {
		t.Error(got)
	}
	shown := r.run("rest", "/v1/environments/dev-env/applications/basic", "--show-secrets")
	contains(t, shown.out, hidden)
	contains(t, shown.err, "--show-secrets")
	contains(t, r.ok("rest", "-X", "POST", "/v1/environments/dev-env/applications/basic/suspend"), `"state": "suspended"`)
	r.stdin = `{"name": "made", "kubernetesNamespace": "flink"}`
	contains(t, r.ok("rest", "/v1/environments", "-d", "@-"), `"name": "made"`)
	refused := r.fails(1, "CMF answered 404", "rest", "/v1/environments/other")
	contains(t, refused.out, "Environment 'other' not found.")

	r.server.Forget()
	for _, args := range [][]string{
		{"/v1/../../x"},
		{"/v1/environments/%2e%2e/x"},
		{"/v1/a%2fb"},
		{`/v1/a\b`},
		{"/v1/a%5cb"},
		{"/v1/..;/x"},
		{"/security/1.0/authenticate"},
		{"v1/environments"},
		{"http://other/v1/environments"},
		{"//other/v1/environments"},
		{"/v1"},
		{"/v1//x"},
		{"/v1/%00"},
		{"/cmf/api/../v1/x"},
		{"/v1/environments", "-H", "Authorization: Bearer x"},
		{"/v1/environments", "-H", "Cookie: a=b"},
		{"/v1/environments", "-H", "nothing"},
	} {
		if got := r.run(append([]string{"rest"}, args...)...); got.code == 0 {
			t.Errorf("%v: %+v", args, got)
		}
	}
	if asked := r.server.Requests(); len(asked) != 0 {
		t.Errorf("%d requests were sent: %s", len(asked), asked[0].Path)
	}
}

// waitFor is what a command has written once it has words in it.
func waitFor(t *testing.T, out *buffer, words string) string {
	t.Helper()
	for limit := time.Now().Add(30 * time.Second); time.Now().Before(limit); time.Sleep(2 * time.Millisecond) {
		if text := out.text(); strings.Contains(text, words) {
			return text
		}
	}
	t.Fatalf("%q doesn't come: %s", words, out.text())
	return ""
}

func TestUI(t *testing.T) {
	r := newFaultyRig(t, cmftest.Options{Version: "2.4.0", Token: "the-token"})
	t.Setenv("CONFLUENT_CMF_TOKEN", "")
	token := r.file("token", "the-token")
	with := func(args ...string) []string { return append(args, "--cmf-token-file", token, "-e", "dev-env") }
	r.ok(with("env", "create", "dev-env", "--kubernetes-namespace", "flink")...)
	r.ok(with("apply", "-f", r.file("app.yaml", app("basic", "")))...)
	r.fails(1, "not found", with("ui", "app/other")...)
	r.fails(2, "neither app/NAME nor statement/NAME", with("ui", "basic")...)
	r.fails(2, "neither app/NAME nor statement/NAME", with("ui", "pool/basic")...)

	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	var out, errOut buffer
	done := make(chan int, 1)
	go func() {
		done <- r.start(ctx, &out, &errOut, with("ui", "app/basic", "--port", "0", "--print-url")...)
	}()
	address := strings.TrimSpace(waitFor(t, &out, "\n"))
	get := func(path string, header map[string]string) (*http.Response, string) {
		t.Helper()
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(address, "/")+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, value := range header {
			request.Header.Set(name, value)
			if name == "Host" {
				request.Host = value
			}
		}
		response, err := http.DefaultTransport.RoundTrip(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, string(body)
	}
	r.server.Forget()
	response, body := get("/jobs/overview?x=1", map[string]string{"Cookie": "mine=1", "Authorization": "Bearer browser"})
	var answer struct{ Flink, Of string }
	if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Flink != "/jobs/overview" || answer.Of != "basic" {
		t.Errorf("%s %v", body, err)
	}
	if response.Header.Get("Set-Cookie") != "" || response.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("%v", response.Header)
	}
	asked := r.server.Requests()[0]
	if asked.Path != "/cmf/api/v1/environments/dev-env/applications/basic/flink-web-ui/jobs/overview" || asked.Query.Get("x") != "1" ||
		asked.Header.Get("Authorization") != "Bearer the-token" || asked.Header.Get("Cookie") != "" {
		t.Errorf("%s %v %v", asked.Path, asked.Query, asked.Header)
	}
	// Other sites' pages, and paths that lead out of the dashboard.
	for path, header := range map[string]map[string]string{
		"/a": {"Host": "evil.example"}, "/b": {"Origin": "http://evil.example"}, "/c": {"Sec-Fetch-Site": "cross-site"},
		"/..%2f..%2fsuspend": {}, "/%2e%2e/%2e%2e/suspend": {}, `/..\x`: {},
	} {
		r.server.Forget()
		if response, body := get(path, header); response.StatusCode < 400 || len(r.server.Requests()) != 0 {
			t.Errorf("%s %v: %d %s", path, header, response.StatusCode, body)
		}
	}
	// A login page isn't followed.
	r.server.Inject(cmftest.Fault{Path: "/flink-web-ui", Times: 1, Status: 302, Header: map[string]string{"Location": "http://evil.example/"}})
	if response, body := get("/jobs", nil); response.StatusCode != http.StatusBadGateway || response.Header.Get("Location") != "" {
		t.Errorf("%d %s", response.StatusCode, body)
	}
	cancel(exit.With(exit.Interrupted, context.Canceled))
	if code := <-done; code != 0 {
		t.Errorf("exit code %d: %s", code, errOut.text())
	}
}
