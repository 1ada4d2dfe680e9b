package savepoint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// FollowSnapshot follows a FlinkStateSnapshot that exists to its end, as
// Savepoint does with the one it makes.
func FollowSnapshot(ctx context.Context, c *operator.Client, ref api.Ref, reporter operator.Reporter) (Report, error) {
	s, err := GetSnapshot(ctx, c, ref)
	if err != nil {
		return Report{}, err
	}
	p := &plan{job: jobOfSnapshot(ctx, c, s), method: Resource, running: &s, now: time.Now}
	if !s.IsSavepoint() {
		p.request.Checkpoint = Full
	}
	p.target = p.job
	return savepointByResource(ctx, c, p, reporter)
}

// jobOf is the job of a snapshot; where it is gone, only its name.
func jobOfSnapshot(ctx context.Context, c *operator.Client, s api.Snapshot) api.Job {
	ref := s.Job()
	if ref.IsZero() {
		ref = api.Ref{Kind: api.Deployment, Namespace: s.Object.GetNamespace()}
	} else {
		if object, err := c.Resource(ref.Kind, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{}); err == nil {
			return api.Job{Kind: ref.Kind, Object: object}
		}
	}
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetNamespace(ref.Namespace)
	object.SetName(ref.Name)
	return api.Job{Kind: ref.Kind, Object: object}
}

// GetSnapshot reads one FlinkStateSnapshot. Where it doesn't exist the error
// names some that do.
func GetSnapshot(ctx context.Context, c *operator.Client, ref api.Ref) (api.Snapshot, error) {
	object, err := c.Resource(api.StateSnap, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err == nil {
		return api.Snapshot{Object: object}, nil
	}
	if !apierrors.IsNotFound(err) {
		return api.Snapshot{}, err
	}
	if missing := c.ExplainMissingKind(ctx, api.StateSnap, err); !errors.Is(missing, err) {
		return api.Snapshot{}, missing
	}
	var similar []string
	list, listErr := c.List(ctx, api.StateSnap, ref.Namespace, metav1.ListOptions{})
	for i := range list {
		if name := list[i].GetName(); listErr == nil && operator.Near(name, ref.Name) && len(similar) < 5 {
			similar = append(similar, name)
		}
	}
	if len(similar) > 0 {
		return api.Snapshot{}, operator.WithHint(err, "\nNames near it: "+strings.Join(similar, ", "))
	}
	return api.Snapshot{}, operator.WithHint(err, fmt.Sprintf("\nSee what is there: kubectl flink snapshot list -n %s", ref.Namespace))
}
