package cmd

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// What is printed of a job changes with its JobManager's pod, while the object
// stays as it is.
func TestWatchingTellsThatTheJobManagerIsAway(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": api.Group + "/" + api.Version, "kind": api.Deployment.Name,
		"metadata": map[string]any{"name": "a", "namespace": "n"}, "spec": map[string]any{"job": map[string]any{}},
		"status": map[string]any{"lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY", "jobStatus": map[string]any{"state": "RUNNING"}},
	}}
	pod := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "v1", "kind": "Pod", "metadata": map[string]any{"name": "a-1", "namespace": "n", "labels": map[string]any{"app": "a", "component": "jobmanager"}},
		"status": map[string]any{"phase": "Running", "conditions": []any{map[string]any{"type": "Ready", "status": "True"}}},
	}}
	pods := schema.GroupVersionResource{Version: "v1", Resource: "pods"}
	lists := map[schema.GroupVersionResource]string{api.Deployment.GVR(): "FlinkDeploymentList", pods: "PodList"}
	dynamic := dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists, object, pod)
	client := operator.ClientOf(dynamic, fake.NewClientset())
	out, in := io.Pipe()
	o := &statusOptions{common: &common{IOStreams: genericiooptions.IOStreams{Out: in}, now: time.Now}}
	job := api.Job{Kind: api.Deployment, Object: object}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = o.follow(ctx, client, job.Ref(), reach.Place{Job: job, Cluster: job})
		in.Close()
	}()
	seen := ""
	lines := bufio.NewScanner(out)
	until := func(want string) {
		t.Helper()
		for lines.Scan() {
			if seen += lines.Text() + "\n"; strings.Contains(lines.Text(), want) {
				return
			}
		}
		t.Fatalf("no %q in:\n%s", want, seen)
	}
	until("healthy")
	gone := pod.DeepCopy()
	gone.Object["status"] = map[string]any{"phase": "Running", "conditions": []any{map[string]any{"type": "Ready", "status": "False"}}}
	// The watch of pods may not have begun yet: it is told until it is seen.
	told := make(chan struct{})
	go func() {
		defer close(told)
		for ctx.Err() == nil {
			_, _ = dynamic.Resource(pods).Namespace("n").Update(ctx, gone, metav1.UpdateOptions{})
			time.Sleep(20 * time.Millisecond)
		}
	}()
	until("degraded")
	cancel()
	_, _ = io.Copy(io.Discard, out)
	<-ended
	<-told
}
