//go:build api

package api

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/cmd"
)

// observed marks a status as seen at a generation.
func observed(status map[string]any, generation int64) map[string]any {
	status["observedGeneration"] = generation
	return status
}

// line is the fields of the table's line that contains name.
func line(t *testing.T, r result, name string) string {
	t.Helper()
	for l := range strings.SplitSeq(r.out, "\n") {
		if strings.Contains(l, name) {
			return strings.Join(strings.Fields(l), " ")
		}
	}
	t.Fatalf("no line with %q\n%s", name, r)
	return ""
}

func TestListShowsEveryKindWithItsHealth(t *testing.T) {
	ns := current.namespace(t)
	current.create(t, api.Deployment, ns, "good", deploymentSpec(nil), observed(runningStatus(), 1))
	failed := runningStatus()
	failed["error"] = `{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"x","throwableList":[{"type":"ValidationException","message":"Flink version is not set"}]}`
	bad := current.create(t, api.Deployment, ns, "refused", deploymentSpec(nil), observed(failed, 1))
	must(t, current.bump(t, bad.GetName(), ns))
	session := deploymentSpec(nil)
	delete(session, "job")
	current.create(t, api.Deployment, ns, "cluster", session, map[string]any{
		"lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY", "clusterInfo": map[string]any{"flink-version": "1.20.5"},
	})
	current.create(t, api.SessionJob, ns, "in-cluster", map[string]any{
		"deploymentName": "cluster", "job": map[string]any{"jarURI": "x", "parallelism": int64(3), "upgradeMode": "last-state"},
	}, map[string]any{"lifecycleState": "STABLE", "jobStatus": map[string]any{"state": "RESTARTING", "updateTime": fmt.Sprint(time.Now().UnixMilli())}})
	for name, state := range map[string]string{"done": "COMPLETED", "broken": "FAILED"} {
		current.create(t, api.StateSnap, ns, name, map[string]any{
			"jobReference": map[string]any{"kind": "FlinkDeployment", "name": "good"}, "savepoint": map[string]any{}, "backoffLimit": int64(0),
		}, map[string]any{"state": state, "error": "disk full"})
	}
	_, err := current.dynamic.Resource(api.StateSnap.GVR()).Namespace(ns).Patch(t.Context(), "done", "application/merge-patch+json",
		[]byte(`{"metadata":{"labels":{"snapshot.type":"SAVEPOINT","snapshot.state":"COMPLETED","job-reference.kind":"FlinkDeployment","job-reference.name":"good"}}}`), metav1.PatchOptions{})
	must(t, err)

	r := current.flink(t, t.Context(), "list", "-n", ns)
	r.wants(t, exit.OK)
	for name, want := range map[string]string{
		"flinkdep/good":         "flinkdep/good RUNNING STABLE healthy 1.20 1 savepoint ",
		"flinkdep/refused":      "flinkdep/refused RUNNING STABLE rejected 1.20 1 savepoint <none> ",
		"flinkdep/cluster":      "flinkdep/cluster - STABLE healthy 1.20.5 <none> <none> <none> ",
		"sessionjob/in-cluster": "sessionjob/in-cluster RESTARTING STABLE degraded 1.20.5 3 last-state <none> ",
		"flinksnp/broken":       "flinksnp/broken flinkdep/good FAILED failed ",
	} {
		if got := line(t, r, name); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q…", name, got, want)
		}
	}
	if got := line(t, r, "flinkdep/good"); strings.Contains(got, "<none>") {
		t.Errorf("no last savepoint: %q", got)
	}
	if strings.Contains(r.out, "flinksnp/done") {
		t.Errorf("a completed snapshot is a line of its own\n%s", r)
	}
	if r := current.flink(t, t.Context(), "ls", "flinksnp", "-n", ns, "-o", "name"); r.out != "flinkstatesnapshot.flink.apache.org/broken\nflinkstatesnapshot.flink.apache.org/done\n" {
		t.Errorf("snapshots %s", r)
	}
	if r := current.flink(t, t.Context(), "get", "-n", ns, "--health", "Rejected", "-o", "name"); r.out != "flinkdeployment.flink.apache.org/refused\n" {
		t.Errorf("--health %s", r)
	}
	if r := current.flink(t, t.Context(), "list", "-n", ns, "--state", "restarting", "-o", "name"); r.out != "flinksessionjob.flink.apache.org/in-cluster\n" {
		t.Errorf("--state %s", r)
	}
	if r := current.flink(t, t.Context(), "list", "flinkdep", "-n", ns, "--sort-by", "health", "-o", "name"); !strings.HasPrefix(r.out, "flinkdeployment.flink.apache.org/refused\n") {
		t.Errorf("--sort-by health %s", r)
	}
	if r := current.flink(t, t.Context(), "list", "flinkdep", "-n", ns, "--sort-by", "{.metadata.name}", "-o", "name"); !strings.HasPrefix(r.out, "flinkdeployment.flink.apache.org/cluster\n") {
		t.Errorf("--sort-by JSONPath %s", r)
	}
	if r := current.flink(t, t.Context(), "list", "-n", ns, "--field-selector", "metadata.name=good", "-o", "name"); r.out != "flinkdeployment.flink.apache.org/good\n" {
		t.Errorf("--field-selector %s", r)
	}
	r = current.flink(t, t.Context(), "list", "-n", ns, "-o", "json")
	var list struct {
		Items []struct {
			Kind    string
			Spec    map[string]any
			Summary struct{ Health, Why string }
		}
	}
	must(t, json.Unmarshal([]byte(r.out), &list))
	if len(list.Items) != 5 || list.Items[0].Spec == nil {
		t.Errorf("json %s", r)
	}
	for _, item := range list.Items {
		if item.Summary.Health == "rejected" && !strings.Contains(item.Summary.Why, "Flink version is not set") {
			t.Errorf("why %q", item.Summary.Why)
		}
	}
}

// bump changes a spec as a user would, so that its generation grows.
func (s *server) bump(t *testing.T, name, namespace string) error {
	t.Helper()
	_, err := s.dynamic.Resource(api.Deployment.GVR()).Namespace(namespace).Patch(t.Context(), name, "application/merge-patch+json",
		[]byte(`{"spec":{"job":{"parallelism":7}}}`), metav1.PatchOptions{})
	_, _ = s.dynamic.Resource(api.Deployment.GVR()).Namespace(namespace).Patch(t.Context(), name, "application/merge-patch+json",
		[]byte(`{"spec":{"job":{"parallelism":1}}}`), metav1.PatchOptions{})
	return err
}

func TestListSaysWhatIsMissing(t *testing.T) {
	ns := current.namespace(t)
	current.flink(t, t.Context(), "list", "-n", ns).wants(t, exit.OK, "No Flink resources found in namespace "+ns)
	bare.flink(t, t.Context(), "list").wants(t, exit.Failed, "CRDs are not installed")
	old.flink(t, t.Context(), "list").wants(t, exit.OK, "No Flink resources found")
	old.flink(t, t.Context(), "list", "flinksnp").wants(t, exit.Failed, "this cluster has no FlinkStateSnapshot")
	for _, args := range [][]string{
		{"list", "x"},
		{"list", "flinkdep/a"},
		{"list", "--health", "fine"},
		{"list", "--sort-by", "luck"},
		{"list", "-w", "--live"},
		{"list", "-o", "xml"},
		{"list", "--color", "pink"},
	} {
		current.flink(t, t.Context(), args...).wants(t, exit.Usage)
	}
}

func TestListNeedsLittlePermission(t *testing.T) {
	ns := current.namespace(t)
	current.runningJob(t, ns, "basic", nil)
	user := current.user(t, ns, rbacv1.PolicyRule{APIGroups: []string{api.Group}, Resources: []string{"flinkdeployments", "flinksessionjobs"}, Verbs: []string{"list"}})
	r := flinkAs(t, t.Context(), user, "list", "-n", ns)
	r.wants(t, exit.OK, "Left out")
	line(t, r, "flinkdep/basic ")
}

func TestListIsSafeForTerminals(t *testing.T) {
	ns := current.namespace(t)
	status := runningStatus()
	status["error"] = "\x1b]0;owned\x07\x1b[2Jnone\u202e left"
	current.create(t, api.Deployment, ns, "basic", deploymentSpec(nil), status)
	r := current.flink(t, t.Context(), "list", "-n", ns, "-o", "wide")
	if strings.ContainsAny(r.out, "\x1b\x07\u202e") {
		t.Errorf("raw control characters: %q", r.out)
	}
}

// lockedBuffer may be read while a command writes.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// background runs a command until the test is over. Its standard error is in
// the output, too.
func (s *server) background(t *testing.T, args ...string) (out *lockedBuffer) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, s.kubeconfig, 0o600))
	ctx, cancel := context.WithCancel(context.Background())
	out = &lockedBuffer{}
	streams := genericiooptions.IOStreams{In: strings.NewReader(""), Out: out, ErrOut: out}
	done := make(chan struct{})
	go func() {
		defer close(done)
		plugin.Execute(ctx, cmd.NewRoot(streams), streams, append(args, "--kubeconfig", file))
	}()
	t.Cleanup(func() { cancel(); <-done })
	return out
}

// shows waits until the output satisfies a test.
func shows(t *testing.T, out *lockedBuffer, what string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !strings.Contains(out.String(), what) {
		if time.Now().After(deadline) {
			t.Fatalf("never showed %q:\n%s", what, out)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestListWatchAppendsChanges(t *testing.T) {
	ns := current.namespace(t)
	object := current.runningJob(t, ns, "basic", nil)
	out := current.background(t, "list", "-w", "-n", ns)
	shows(t, out, "healthy")
	status := runningStatus()
	status["jobStatus"].(map[string]any)["state"] = "FAILED"
	current.setStatus(t, api.Deployment, object, status)
	shows(t, out, "failed")
	current.create(t, api.Deployment, ns, "second", deploymentSpec(nil), nil)
	shows(t, out, "flinkdep/second")
	if strings.Count(out.String(), "TYPE/NAME") != 1 {
		t.Errorf("headings again and again:\n%s", out)
	}
}
