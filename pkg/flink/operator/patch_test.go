package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// After Ctrl-C in the middle of the request the change is made all the same, and that
// is known.
func TestAPatchOnItsWayIsAwaited(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		cancel()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"apiVersion":"%s/%s","kind":"%s","metadata":{"name":"orders","namespace":"ns","generation":2}}`, api.Group, api.Version, api.Deployment.Name)
	}))
	defer server.Close()
	client, err := dynamic.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	patched, err := Patch(ctx, client.Resource(api.Deployment.GVR()).Namespace("ns"), "orders", []byte(`{}`), metav1.PatchOptions{})
	if err != nil || patched.GetGeneration() != 2 || ctx.Err() == nil {
		t.Errorf("%v %v", patched, err)
	}
}
