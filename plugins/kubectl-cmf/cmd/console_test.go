package cmd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// Where there is no Control Center that is said, with where it was looked for;
// CMF isn't asked.
func TestConsoleWithoutControlCenter(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	cluster := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"kind":"ServiceList","apiVersion":"v1","metadata":{},"items":[
			{"metadata":{"name":"controlcenter","namespace":"confluent"},"spec":{"clusterIP":"10.0.0.1","ports":[{"name":"other","port":7777}]}},
			{"metadata":{"name":"grafana","namespace":"confluent"},"spec":{"clusterIP":"10.0.0.2","ports":[{"name":"http","port":9021}]}}]}`)
	}))
	defer cluster.Close()
	r := &rig{T: t, now: time.Now, state: t.TempDir() + "/state.json"}
	r.fails(1, "no Service of Control Center found in namespace confluent", "console", "-n", "confluent", "--server", cluster.URL)
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(asked, " "); got != "/api/v1/namespaces/confluent/services /api/v1/services" {
		t.Errorf("it asked for %s", got)
	}
	r.fails(2, "--port must be between 0 and 65535", "console", "--port", "70000")
}

func TestConsoleAddress(t *testing.T) {
	want(t, consoleAddress(false, 9021)+" "+consoleAddress(true, 80), "http://localhost:9021/ https://localhost:80/")
}
