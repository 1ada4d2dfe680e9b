package cmd

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/backup"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// memoryS3 is as much of an object store as a backup needs.
type memoryS3 struct {
	mu      sync.Mutex
	objects map[string]string
	order   []string
}

func (m *memoryS3) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, there := m.objects[r.URL.Path]
	switch {
	case r.Method == http.MethodPut && there && r.Header.Get("If-None-Match") == "*":
		w.WriteHeader(http.StatusPreconditionFailed)
		_, _ = io.WriteString(w, "<Error><Code>PreconditionFailed</Code></Error>")
	case r.Method == http.MethodPut:
		body, _ := io.ReadAll(r.Body)
		m.objects[r.URL.Path] = string(body)
		m.order = append(m.order, r.URL.Path)
	case !there:
		w.WriteHeader(http.StatusNotFound)
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "<Error><Code>NoSuchKey</Code></Error>")
		}
	default:
		w.Header().Set("Last-Modified", time.Unix(2e9, 0).UTC().Format(http.TimeFormat))
		w.Header().Set("ETag", `"x"`)
		_, _ = io.WriteString(w, data)
	}
}

// A backup comes back from an object store as it went there; its index goes last, and
// what is there isn't replaced.
func TestBackupThroughAnObjectStore(t *testing.T) {
	memory := &memoryS3{objects: map[string]string{}}
	server := httptest.NewServer(memory)
	defer server.Close()
	s3, err := storage.NewS3(storage.S3Options{Endpoint: server.URL, PathStyle: true, Credentials: storage.Key("a", "b", "")})
	if err != nil {
		t.Fatal(err)
	}
	index := backup.New(time.Unix(2e9, 0))
	index.Complete([]backup.Entry{{Kind: "FlinkDeployment", Namespace: "ns", Name: "orders", Condition: backup.NeverRan, Manifest: "ns/flinkdeployment/orders/manifest.yaml"}}, nil)
	dir := filepath.Join(t.TempDir(), "b")
	text := `{"apiVersion": "kubectl-flink/v1", "kind": "Backup", "version": 1, "jobs": [{"kind": "FlinkDeployment", "namespace": "ns", "name": "orders", "condition": "never ran", "manifest": "ns/flinkdeployment/orders/manifest.yaml"}]}`
	for name, data := range map[string]string{backup.IndexName: text, index.Jobs[0].Manifest: "kind: FlinkDeployment\n"} {
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(filepath.FromSlash(name))), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.FromSlash(name)), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	line := progress.New(io.Discard, true)
	const place = "s3://bucket/backups/one/"
	if err := checkFree(t.Context(), s3, place); err != nil {
		t.Fatal(err)
	}
	if err := sendBackup(t.Context(), s3, dir, place, index, line); err != nil {
		t.Fatal(err)
	}
	if n := len(memory.order); n != 2 || memory.order[n-1] != "/bucket/backups/one/backup.json" {
		t.Errorf("written in the order %v", memory.order)
	}
	if err := checkFree(t.Context(), s3, place); exit.Code(err) != exit.Usage {
		t.Errorf("a prefix with a backup is free: %v", err)
	}
	if err := sendBackup(t.Context(), s3, dir, place, index, line); err == nil {
		t.Error("what was there is replaced")
	}

	back := t.TempDir()
	if err := fetchBackup(t.Context(), s3, place, back, line); err != nil {
		t.Fatal(err)
	}
	if data, err := os.ReadFile(filepath.Join(back, "ns", "flinkdeployment", "orders", "manifest.yaml")); err != nil || string(data) != "kind: FlinkDeployment\n" {
		t.Errorf("%q %v", data, err)
	}
	if err := fetchBackup(t.Context(), s3, "s3://bucket/backups/two", t.TempDir(), line); err == nil || !strings.Contains(err.Error(), "backup.json is not there") {
		t.Error(err)
	}
	// What an index of somebody else says is written nowhere else.
	memory.objects["/bucket/bad/backup.json"] = strings.Replace(text, "ns/flinkdeployment/orders/manifest.yaml", "../../evil.yaml", 1)
	if err := fetchBackup(t.Context(), s3, "s3://bucket/bad", t.TempDir(), line); err == nil || !strings.Contains(err.Error(), "is not where it belongs") {
		t.Error(err)
	}
}
