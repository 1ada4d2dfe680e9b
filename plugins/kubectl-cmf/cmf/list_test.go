package cmf

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestPagesInEveryForm(t *testing.T) {
	const pool = `{"metadata":{"name":"p"}}`
	type answer struct {
		status int
		body   string
	}
	ok := func(body string) answer { return answer{200, body} }
	for name, c := range map[string]struct {
		first, later answer
		want         int
		err          string
	}{
		"no items":                {ok(`{}`), ok(`{}`), 0, ""},
		"items null":              {ok(`{"items":null}`), ok(`{}`), 0, ""},
		"null":                    {ok(`null`), ok(`null`), 0, ""},
		"nothing":                 {ok(``), ok(``), 0, ""},
		"no items, total 0":       {ok(`{"totalElements":0,"totalPages":0}`), ok(`{}`), 0, ""},
		"no items, a page":        {ok(`{"page":{"size":250,"number":0},"_links":{}}`), ok(`{}`), 0, ""},
		"totals on a later page":  {ok(`{"items":[` + pool + `],"total":1}`), ok(`{"total":1}`), 1, ""},
		"404 behind the last":     {ok(`{"items":[` + pool + `]}`), answer{404, `{"errors":[{"message":"no page 1"}]}`}, 1, ""},
		"a mark of UTF-8":         {ok("\xef\xbb\xbf" + `{"items":[` + pool + `]}`), ok(`{}`), 1, ""},
		"total without items":     {ok(`{"totalElements":3}`), ok(`{}`), 0, "it has no items, but says that totalElements is 3"},
		"something else":          {ok(`{"title":"Welcome"}`), ok(`{}`), 0, `it has no items, but "title"`},
		"an error with 200":       {ok(`{"errors":[{"message":"not ready"}]}`), ok(`{}`), 0, `it has no items, but "errors": not ready`},
		"an error, then":          {ok(`{"items":[` + pool + `]}`), ok(`{"error":"no disk"}`), 0, `it has no items, but "error": no disk`},
		"items of another kind":   {ok(`{"items":{}}`), ok(`{}`), 0, "items is an object, not a list"},
		"404 at once":             {answer{404, `{}`}, answer{404, `{}`}, 0, "not found (HTTP 404)"},
		"a proxy's 404 after one": {ok(`{"items":[` + pool + `]}`), answer{404, `404 page not found`}, 0, "does not come from CMF"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/system-information") {
					_, _ = w.Write([]byte(`{"status":{"version":"2.4.0"}}`))
					return
				}
				a := c.first
				if r.URL.Query().Get("page") != "0" {
					a = c.later
				}
				w.WriteHeader(a.status)
				_, _ = w.Write([]byte(a.body))
			}))
			defer server.Close()
			client, err := NewClient(server.URL, http.DefaultTransport, false)
			if err != nil {
				t.Fatal(err)
			}
			got, err := client.List(t.Context(), Must("pool"), Scope{Environment: "e"}, ListOptions{})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || len(got) != c.want {
				t.Errorf("%d items, error %v; want %d", len(got), err, c.want)
			}
		})
	}
}
