package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
)

var (
	deployments = schema.GroupVersionResource{Group: "flink.apache.org", Version: "v1beta1", Resource: "flinkdeployments"}
	snapshots   = schema.GroupVersionResource{Group: "flink.apache.org", Version: "v1beta1", Resource: "flinkstatesnapshots"}
)

// callTimeout bounds one call of the API server.
const callTimeout = 10 * time.Second

// flink makes FlinkDeployments of applications, as CMF does.
type flink struct{ client dynamic.Interface }

func newFlink() (*flink, error) {
	config, err := rest.InClusterConfig()
	if err != nil {
		return nil, err
	}
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, err
	}
	return &flink{client}, nil
}

// Apply brings the FlinkDeployment to spec; an absent field goes away.
func (f *flink) Apply(ctx context.Context, namespace, name string, spec map[string]any, instance string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	resource := f.client.Resource(deployments).Namespace(namespace)
	want := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment",
		"metadata": map[string]any{
			"name": name, "namespace": namespace,
			"annotations": map[string]any{"platform.confluent.io/cmf-fa-instance": instance},
		},
		"spec": spec,
	}}
	old, err := resource.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = resource.Create(ctx, want, metav1.CreateOptions{})
		return err
	case err != nil:
		return err
	}
	want.SetResourceVersion(old.GetResourceVersion())
	want.SetFinalizers(old.GetFinalizers())
	_, err = resource.Update(ctx, want, metav1.UpdateOptions{})
	return err
}

// Status is the FlinkDeployment's own.
func (f *flink) Status(ctx context.Context, namespace, name string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o, err := f.client.Resource(deployments).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the FlinkDeployment: %w", err)
	}
	status, _, err := unstructured.NestedMap(o.Object, "status")
	return status, err
}

// Delete deletes the FlinkDeployment.
func (f *flink) Delete(ctx context.Context, namespace, name string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := f.client.Resource(deployments).Namespace(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// Snapshot makes a FlinkStateSnapshot.
func (f *flink) Snapshot(ctx context.Context, namespace, name, app string, spec map[string]any) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	savepoint := map[string]any{"disposeOnDelete": false}
	for _, field := range []string{"formatType", "path"} {
		if value, ok := spec[field]; ok {
			savepoint[field] = value
		}
	}
	_, err := f.client.Resource(snapshots).Namespace(namespace).Create(ctx, &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkStateSnapshot",
		"metadata": map[string]any{"name": name, "namespace": namespace},
		"spec": map[string]any{
			"backoffLimit": 0, "savepoint": savepoint,
			"jobReference": map[string]any{"kind": "FlinkDeployment", "name": app},
		},
	}}, metav1.CreateOptions{})
	return err
}

// SnapshotStatus is the FlinkStateSnapshot's.
func (f *flink) SnapshotStatus(ctx context.Context, namespace, name string) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	o, err := f.client.Resource(snapshots).Namespace(namespace).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	status, _, err := unstructured.NestedMap(o.Object, "status")
	return status, err
}

// Ask sends a dashboard's question to the JobManager's Service.
func (f *flink) Ask(ctx context.Context, namespace, name, path string) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+name+"-rest."+namespace+":8081"+path, nil)
	if err != nil {
		return 0, nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 16<<20))
	return response.StatusCode, body, err
}
