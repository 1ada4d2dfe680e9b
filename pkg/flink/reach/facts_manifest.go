package reach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

var (
	deployments     = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	priorityClasses = schema.GroupVersionResource{Group: "scheduling.k8s.io", Version: "v1", Resource: "priorityclasses"}
)

// Manifest gathers what a cluster says of a manifest that isn't applied yet. It
// asks for a dry run, and changes nothing. Objects without a namespace come to
// namespace.
func (g *Gatherer) Manifest(ctx context.Context, object *unstructured.Unstructured, others []*unstructured.Unstructured, namespace string) (*diagnosis.ManifestFacts, []Unread) {
	object = object.DeepCopy()
	if object.GetNamespace() == "" {
		object.SetNamespace(namespace)
	}
	namespace = object.GetNamespace()
	f := &diagnosis.ManifestFacts{Object: object, Others: others, Named: map[string][]diagnosis.Existing{}}
	kind, known := api.ParseKind(object.GetKind(), append([]api.Kind{api.StateSnap}, api.JobKinds...)...)
	if !known || !isName(namespace) || !isName(object.GetName()) {
		return f, nil // its name is a finding of its own, and leads nowhere here
	}
	s := g.sources()
	core := g.Client.Core().CoreV1()
	s.ask(ctx, "namespaces", func(ctx context.Context) (func(), error) {
		_, err := once(ctx, g, "namespace/"+namespace, func(ctx context.Context) (bool, error) {
			_, err := core.Namespaces().Get(ctx, namespace, getOptions)
			return err == nil, err
		})
		mark := MarkOf(err)
		return func() { f.Namespace = mark }, err
	})
	s.ask(ctx, "dry run", func(ctx context.Context) (func(), error) {
		current, refused, err := g.dryRun(ctx, kind, object)
		return func() { f.Current, f.Refused = current, refused }, err
	})
	if kind.Name == api.Deployment.Name {
		s.ask(ctx, "deployments", func(ctx context.Context) (func(), error) {
			found, err := g.Client.Dynamic().Resource(deployments).Namespace(namespace).Get(ctx, object.GetName(), getOptions)
			if err != nil {
				return nil, err
			}
			return func() { f.Deployment = found }, nil
		})
	}
	s.ask(ctx, diagnosis.FromQuotas, func(ctx context.Context) (func(), error) {
		quotas, err := g.quotas(ctx, namespace)
		return func() { f.Quotas = quotas }, err
	})
	s.ask(ctx, diagnosis.FromOperator, func(ctx context.Context) (func(), error) {
		found, err := g.operators(ctx)
		return func() { f.Operators = found }, err
	})
	for name, names := range diagnosis.PodNames(object, others) {
		s.ask(ctx, diagnosis.Source(strings.ReplaceAll(name, " ", "")), func(ctx context.Context) (func(), error) {
			var out []diagnosis.Existing
			var failed error
			for i, one := range names {
				if i == mostNamed {
					break
				}
				if !isName(one) {
					continue
				}
				err := g.exists(ctx, name, namespace, one)
				mark := MarkOf(err)
				if mark != diagnosis.Read && mark != diagnosis.NotThere {
					failed = errors.Join(failed, err)
					continue
				}
				out = append(out, diagnosis.Existing{Name: one, Exists: mark})
			}
			return func() { f.Named[name] = out }, failed
		})
	}
	var unread []Unread
	f.Marks, unread = s.wait()
	return f, unread
}

// exists is nil where an object is there.
func (g *Gatherer) exists(ctx context.Context, kind, namespace, name string) error {
	core := g.Client.Core().CoreV1()
	var err error
	switch kind {
	case diagnosis.NamedSecret, diagnosis.NamedPullSecret:
		_, err = core.Secrets(namespace).Get(ctx, name, getOptions)
	case diagnosis.NamedConfigMap:
		_, err = core.ConfigMaps(namespace).Get(ctx, name, getOptions)
	case diagnosis.NamedClaim:
		_, err = core.PersistentVolumeClaims(namespace).Get(ctx, name, getOptions)
	case diagnosis.NamedAccount:
		_, err = core.ServiceAccounts(namespace).Get(ctx, name, getOptions)
	case diagnosis.NamedPriorityClass:
		_, err = g.Client.Dynamic().Resource(priorityClasses).Get(ctx, name, getOptions)
	case diagnosis.NamedSessionCluster:
		_, err = g.Client.Resource(api.Deployment, namespace).Get(ctx, name, getOptions)
	default:
		err = fmt.Errorf("%s: not looked for", kind)
	}
	return err
}

// dryRun asks the API server what it would say to the manifest: as a new object,
// or as a change of the one that is there, by the field manager that kubectl
// apply has.
func (g *Gatherer) dryRun(ctx context.Context, kind api.Kind, object *unstructured.Unstructured) (current *unstructured.Unstructured, refused *diagnosis.Refusal, err error) {
	client := g.Client.Resource(kind, object.GetNamespace())
	current, err = client.Get(ctx, object.GetName(), getOptions)
	switch {
	case apierrors.IsNotFound(err):
		current = nil
		_, err = client.Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: operator.FieldManager, FieldValidation: metav1.FieldValidationStrict})
	case err == nil:
		// Server-side apply with force says what the server makes of the object, and
		// not who else writes it.
		var body []byte
		if body, err = json.Marshal(applied(object)); err == nil {
			force := true
			_, err = client.Patch(ctx, object.GetName(), types.ApplyPatchType, body, metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: operator.FieldManager, FieldValidation: metav1.FieldValidationStrict, Force: &force})
		}
	}
	if err == nil {
		return current, nil, nil
	}
	var status apierrors.APIStatus
	if !errors.As(err, &status) && !meta.IsNoMatchError(err) || apierrors.IsTimeout(err) || apierrors.IsServerTimeout(err) || apierrors.IsTooManyRequests(err) || apierrors.IsUnauthorized(err) {
		return current, nil, err
	}
	refused = &diagnosis.Refusal{Text: err.Error(), Forbidden: apierrors.IsForbidden(err)}
	if apierrors.IsNotFound(err) {
		served, serveErr := g.Client.Serves(ctx, kind)
		switch {
		case errors.Is(serveErr, operator.ErrNotInstalled), serveErr == nil && !served:
			refused.Unserved = true
		default:
			return current, nil, nil // the namespace isn't there, which is told apart
		}
	}
	return current, refused, nil
}

// applied is an object as server-side apply takes it.
func applied(object *unstructured.Unstructured) map[string]any {
	out := object.DeepCopy()
	out.SetManagedFields(nil)
	out.SetResourceVersion("")
	out.SetUID("")
	unstructured.RemoveNestedField(out.Object, "status")
	return out.Object
}
