package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// FollowSnapshot follows a FlinkStateSnapshot that exists to its end, as
// Savepoint does with the one it makes.
func (c *Client) FollowSnapshot(ctx context.Context, ref Ref, reporter Reporter) (SavepointReport, error) {
	s, err := c.GetSnapshot(ctx, ref)
	if err != nil {
		return SavepointReport{}, err
	}
	p := &plan{job: c.jobOf(ctx, s), method: Resource, running: &s, now: time.Now}
	if !s.IsSavepoint() {
		p.request.Checkpoint = Full
	}
	p.target = p.job
	return c.savepointByResource(ctx, p, reporter)
}

// jobOf is the job of a snapshot; where it is gone, only its name.
func (c *Client) jobOf(ctx context.Context, s Snapshot) Job {
	ref := s.Job()
	if ref.IsZero() {
		ref = Ref{Kind: Deployment, Namespace: s.Object.GetNamespace()}
	} else {
		if object, err := c.Resource(ref.Kind, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{}); err == nil {
			return Job{ref.Kind, object}
		}
	}
	object := &unstructured.Unstructured{Object: map[string]any{}}
	object.SetNamespace(ref.Namespace)
	object.SetName(ref.Name)
	return Job{ref.Kind, object}
}

// GetSnapshot reads one FlinkStateSnapshot. Where it doesn't exist the error
// names some that do.
func (c *Client) GetSnapshot(ctx context.Context, ref Ref) (Snapshot, error) {
	object, err := c.Resource(StateSnap, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if err == nil {
		return Snapshot{object}, nil
	}
	if !apierrors.IsNotFound(err) {
		return Snapshot{}, err
	}
	if missing := c.explainMissingKind(ctx, StateSnap, err); !errors.Is(missing, err) {
		return Snapshot{}, missing
	}
	var similar []string
	list, listErr := c.List(ctx, StateSnap, ref.Namespace, metav1.ListOptions{})
	for i := range list {
		if name := list[i].GetName(); listErr == nil && near(name, ref.Name) && len(similar) < 5 {
			similar = append(similar, name)
		}
	}
	if len(similar) > 0 {
		return Snapshot{}, WithHint(err, "\nNames near it: "+strings.Join(similar, ", "))
	}
	return Snapshot{}, WithHint(err, fmt.Sprintf("\nSee what is there: kubectl flink snapshot list -n %s", ref.Namespace))
}
