package version

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestLatest(t *testing.T) {
	answer, status := `{"tag_name":"v1.10.0","html_url":"https://example.com/v1.10.0"}`, http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.UserAgent(), "kubectl-flink/v") && !strings.HasPrefix(r.UserAgent(), "kubectl-flink/dev") {
			t.Errorf("asked by %q", r.UserAgent())
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	for own, want := range map[string]Latest{
		"v1.9.0":         {Newer: true, Comparable: true},
		"v1.10.0-rc.1":   {Newer: true, Comparable: true},
		"v1.10.0":        {Comparable: true},
		"v2.0.0":         {Comparable: true},
		"dev":            {},
		"v1.9.0-3-gabcd": {Newer: true, Comparable: true},
	} {
		got, err := Info{Version: own}.Latest(context.Background(), server.URL, "kubectl-flink")
		want.Version, want.Page = "v1.10.0", "https://example.com/v1.10.0"
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", own, got, err)
		}
	}
	for _, bad := range []struct {
		answer string
		status int
		want   string
	}{{"{}", 200, "no version"}, {"<html>", 200, "read what"}, {"", 403, "few questions an hour"}, {"", 404, "there is no release"}, {"", 502, "answered 502"}} {
		answer, status = bad.answer, bad.status
		if _, err := (Info{Version: "v1.0.0"}).Latest(context.Background(), server.URL, "kubectl-flink"); err == nil || !strings.Contains(err.Error(), bad.want) {
			t.Errorf("%q: %v", bad.answer, err)
		}
	}
}
