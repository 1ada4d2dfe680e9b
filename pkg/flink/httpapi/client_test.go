package httpapi

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

type to struct{ base *url.URL }

func (t to) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Host = t.base.Host
	return http.DefaultTransport.RoundTrip(r)
}

func client(t *testing.T, prefix string, handler http.HandlerFunc) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return New(to{base}, prefix, 1000)
}

func TestAnswersThatAreNone(t *testing.T) {
	var failure *Failure
	var garbled *GarbledError
	var read *ReadError
	var large *untrusted.TooLargeError
	for _, c := range []struct {
		name   string
		code   int
		answer string
		kind   any
		says   string
	}{
		{"a failure", 500, `{"errors":["Internal server error.","<Exception on server side:\njava.io.IOException: disk full"]}`, &failure, "java.io.IOException: disk full"},
		{"a failure without a cause", 500, `{"errors":["Internal server error."]}`, &failure, "Internal server error."},
		{"a proxy's page", 502, "<html>no</html>", &failure, ""},
		{"a text", 503, "come back later\n", &failure, "come back later"},
		// It isn't followed: a server that was found leads nowhere else.
		{"a redirect", 302, "", &failure, ""},
		{"no JSON", 200, "<html>hello</html>", &garbled, ""},
		{"too large", 200, `"` + strings.Repeat("a", 1000) + `"`, &read, ""},
		{"too large, as what it is", 200, `"` + strings.Repeat("a", 1000) + `"`, &large, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := 0
			api := client(t, "", func(w http.ResponseWriter, _ *http.Request) {
				asked++
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(c.code)
				_, _ = io.WriteString(w, c.answer)
			})
			var out any
			err := api.Call(t.Context(), http.MethodGet, Path("jobs"), nil, &out)
			if !errors.As(err, c.kind) || asked != 1 {
				t.Fatalf("%T %v, asked %d times", err, err, asked)
			}
			if c.kind == any(&failure) && (failure.Code != c.code || failure.Path != "/jobs" || strings.Join(failure.Messages, "|") != c.says) {
				t.Errorf("%+v", failure)
			}
		})
	}
}

func TestAddresses(t *testing.T) {
	asked := ""
	api := client(t, "/flink/", func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = r.RequestURI + " " + string(body)
		_, _ = io.WriteString(w, "{}")
	})
	for _, c := range []struct {
		to   Address
		want string
	}{
		{Path("a b", "c?d"), "/flink/a%20b/c%3Fd"},
		{Path("x").Below(Path("v2")), "/flink/v2/x"},
		{IDPath("jobs", "a1").Asking("get", "b&c", "d").And("e", "f=g"), "/flink/jobs/a1?get=b%26c,d&e=f%3Dg"},
		{Typed("jobs?x=1"), "/flink/jobs?x=1"},
		{Path(".."), ""},
		{IDPath("jobs", "a/b"), ""},
		{Path("x").Below(Path("..")), ""},
		{Typed("/%2e%2e/x"), ""},
	} {
		asked = ""
		err := api.Call(t.Context(), http.MethodPost, c.to, map[string]int{"n": 1}, nil)
		if c.want == "" && (err == nil || asked != "" || c.to.Err() == nil) || c.want != "" && (err != nil || asked != c.want+` {"n":1}`) {
			t.Errorf("%s: asked %q, %v", c.to, asked, err)
		}
	}
}
