package reach

import (
	"errors"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

func newManifest(name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"flinkVersion": "v1_20", "serviceAccount": "flink", "job": map[string]any{},
		"podTemplate": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{"name": api.MainContainer, "envFrom": []any{
			map[string]any{"secretRef": map[string]any{"name": "there"}}, map[string]any{"secretRef": map[string]any{"name": "../other"}}, map[string]any{"secretRef": map[string]any{"name": "gone"}},
		}}}}},
	}}}
	o.SetAPIVersion(api.Group + "/" + api.Version)
	o.SetKind(api.Deployment.Name)
	o.SetName(name)
	return o
}

// All that is sent is a dry run, and what a cluster says of it is kept.
func TestFactsOfAManifest(t *testing.T) {
	g, core, dyn := factsCluster(t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "prod"}})
	var dry []string
	watch := func(action clienttesting.Action) (bool, runtime.Object, error) {
		switch a := action.(type) {
		case clienttesting.CreateActionImpl:
			dry = append(dry, strings.Join(a.CreateOptions.DryRun, ","))
		case clienttesting.PatchActionImpl:
			dry = append(dry, strings.Join(a.PatchOptions.DryRun, ","))
		default:
			return false, nil, nil
		}
		return true, nil, apierrors.NewBadRequest(`strict decoding error: unknown field "spec.x"`)
	}
	dyn.PrependReactor("*", "flinkdeployments", watch)
	refuse(&core.Fake, "list", "resourcequotas")
	for name, exists := range map[string]bool{"fresh": false, "orders": true} {
		f, unread := g.Manifest(t.Context(), newManifest(name), nil, "prod")
		if f.Object.GetNamespace() != "prod" || f.Namespace != diagnosis.Read || f.Refused == nil || !strings.Contains(f.Refused.Text, "spec.x") || f.Refused.Forbidden || (f.Current != nil) != exists {
			t.Errorf("%s: %+v", name, f)
		}
		if want := []diagnosis.Existing{{Name: "gone", Exists: diagnosis.NotThere}, {Name: "there", Exists: diagnosis.Read}}; !slices.EqualFunc(f.Named[diagnosis.NamedSecret], want, func(a, b diagnosis.Existing) bool { return a.Name == b.Name && a.Exists == b.Exists }) {
			t.Errorf("%s: %+v", name, f.Named)
		}
		if len(f.Operators) != 1 || !slices.ContainsFunc(unread, func(u Unread) bool { return u.Source == diagnosis.FromQuotas && u.Mark == diagnosis.NotAllowed }) {
			t.Errorf("%s: %+v, %+v", name, f.Operators, unread)
		}
	}
	if !slices.Equal(dry, []string{"All", "All"}) {
		t.Errorf("sent were %q", dry)
	}
	for _, action := range append(dyn.Actions(), core.Actions()...) {
		if verb := action.GetVerb(); verb != "get" && verb != "list" && action.GetResource().Resource != "flinkdeployments" {
			t.Errorf("%s %s", verb, action.GetResource().Resource)
		}
	}
}

// A server that doesn't answer says nothing of a manifest.
func TestFactsOfAManifestWithoutAnAnswer(t *testing.T) {
	g, _, dyn := factsCluster(t)
	dyn.PrependReactor("create", "flinkdeployments", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection reset")
	})
	f, unread := g.Manifest(t.Context(), newManifest("fresh"), nil, "elsewhere")
	if f.Refused != nil || f.Namespace != diagnosis.NotThere || !slices.ContainsFunc(unread, func(u Unread) bool { return u.Source == "dry run" }) {
		t.Errorf("%+v, %+v", f, unread)
	}
}
