package operator

import (
	"context"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// paged answers lists in two pages and keeps what was asked for.
type paged struct {
	dynamic.NamespaceableResourceInterface
	asked []metav1.ListOptions
}

func (p *paged) Resource(schema.GroupVersionResource) dynamic.NamespaceableResourceInterface {
	return p
}

func (p *paged) Namespace(string) dynamic.ResourceInterface { return p }

func (p *paged) List(_ context.Context, options metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	p.asked = append(p.asked, options)
	list := &unstructured.UnstructuredList{Object: map[string]any{}, Items: make([]unstructured.Unstructured, 1)}
	if options.Continue == "" {
		list.SetContinue("next")
	}
	return list, nil
}

// The API server refuses a version together with a continue token.
func TestListContinuesWithoutAVersion(t *testing.T) {
	p := &paged{}
	items, err := (&Client{dynamic: p}).List(t.Context(), api.Deployment, "ns", metav1.ListOptions{ResourceVersion: "0", LabelSelector: "a=b"})
	if err != nil || len(items) != 2 || len(p.asked) != 2 {
		t.Fatalf("%d items, asked %v, %v", len(items), p.asked, err)
	}
	if first, second := p.asked[0], p.asked[1]; first.ResourceVersion != "0" || second.ResourceVersion != "" || second.Continue != "next" || second.LabelSelector != "a=b" {
		t.Errorf("asked %+v", p.asked)
	}
}
