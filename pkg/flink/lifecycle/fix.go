package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// fixable are the resources of Kubernetes' own kinds that a fix may touch.
var fixable = map[string]schema.GroupVersionResource{
	"Deployment":     {Group: "apps", Version: "v1", Resource: "deployments"},
	"ServiceAccount": {Version: "v1", Resource: "serviceaccounts"},
	"Role":           {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "roles"},
	"RoleBinding":    {Group: "rbac.authorization.k8s.io", Version: "v1", Resource: "rolebindings"},
}

// ApplyFix carries out a cure of diagnosis. object is the job as it was when it
// was looked at, nil where the fix isn't a job's: a change made since is not
// overwritten. dryRun is "" or "server"; in a dry run the API server checks all
// and keeps nothing.
func ApplyFix(ctx context.Context, c *operator.Client, fix *diagnosis.Fix, object *unstructured.Unstructured, dryRun string) error {
	if len(fix.Create) > 0 {
		for _, one := range fix.Create {
			if err := create(ctx, c, one, dryRun); err != nil {
				return err
			}
		}
		return nil
	}
	kind, ok := api.ParseKind(fix.Kind, api.JobKinds...)
	if _, own := fixable[fix.Kind]; own || !ok {
		return patchOwn(ctx, c, fix, dryRun)
	}
	if object == nil || object.GetName() != fix.Name || object.GetNamespace() != fix.Namespace {
		return fmt.Errorf("%s/%s isn't what was looked at", kind.Singular, fix.Name)
	}
	metadata, _ := fix.Patch["metadata"].(map[string]any)
	labels, _ := metadata["labels"].(map[string]any)
	spec, _ := fix.Patch["spec"].(map[string]any)
	if kind.Name == api.BlueGreen.Name {
		spec = api.Section(spec, "template", "spec")
	}
	_, err := change.Apply(ctx, c, change.Change{Job: api.Job{Kind: kind, Object: object}, Spec: spec, Labels: labels}, dryRun)
	return err
}

func create(ctx context.Context, c *operator.Client, manifest map[string]any, dryRun string) error {
	object := &unstructured.Unstructured{Object: manifest}
	resource, ok := fixable[object.GetKind()]
	if !ok {
		return fmt.Errorf("%s: not a kind that is made here", object.GetKind())
	}
	ctx, done := context.WithTimeout(ctx, operator.AnswerLimit)
	defer done()
	options := metav1.CreateOptions{FieldManager: operator.FieldManager}
	if dryRun != "" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err := c.Dynamic().Resource(resource).Namespace(object.GetNamespace()).Create(ctx, object.DeepCopy(), options)
	if apierrors.IsAlreadyExists(err) {
		return fmt.Errorf("%w; it was left as it is", err)
	}
	return err
}

// patchOwn changes an object of Kubernetes' own kinds, if it is as it was when it
// was looked at.
func patchOwn(ctx context.Context, c *operator.Client, fix *diagnosis.Fix, dryRun string) error {
	resource, ok := fixable[fix.Kind]
	if !ok {
		return fmt.Errorf("%s: not a kind that is changed here", fix.Kind)
	}
	// As with jobs: a patch on its way can't be called back.
	bounded, done := context.WithTimeout(context.WithoutCancel(ctx), operator.AnswerLimit)
	defer done()
	client := c.Dynamic().Resource(resource).Namespace(fix.Namespace)
	now, err := client.Get(bounded, fix.Name, metav1.GetOptions{})
	if err != nil {
		return err
	}
	if !api.Contains(now.Object, fix.Expect) {
		return fmt.Errorf("%s/%s was not changed: it isn't any more as it was found; look again", fix.Kind, fix.Name)
	}
	body, err := json.Marshal(api.Merge(map[string]any{"metadata": map[string]any{"resourceVersion": now.GetResourceVersion(), "uid": string(now.GetUID())}}, fix.Patch))
	if err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	options := metav1.PatchOptions{FieldManager: operator.FieldManager}
	if dryRun != "" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	_, err = client.Patch(bounded, fix.Name, types.MergePatchType, body, options)
	return err
}
