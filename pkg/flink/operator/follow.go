package operator

import (
	"context"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Follow watches several kinds and reports every object and every change, one
// at a time, until ctx ends or handle has an error. Each kind's first list ends
// with a Bookmark without object.
func (c *Client) Follow(ctx context.Context, kinds []api.Kind, selection Selection,
	handle func(kind api.Kind, event watch.EventType, object *unstructured.Unstructured) error,
) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var mu sync.Mutex
	var group sync.WaitGroup
	for _, kind := range kinds {
		group.Go(func() {
			tell := func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				if ctx.Err() != nil {
					return true, context.Cause(ctx)
				}
				return false, handle(kind, event, object)
			}
			err := wait.Follow(ctx, c.Resource(kind, selection.Namespace), selection.options(), tell)
			if apierrors.IsForbidden(err) && len(kinds) > 1 && (kind.Name == api.BlueGreen.Name || kind.Name == api.StateSnap.Name) {
				// A role made for an older operator doesn't name the newer kinds.
				if _, err = tell(watch.Bookmark, nil); err == nil {
					return
				}
			}
			if apierrors.IsNotFound(err) {
				err = c.ExplainMissingKind(ctx, kind, err)
			}
			if err != nil {
				cancel(err)
			}
		})
	}
	group.Wait()
	if parent.Err() != nil {
		return context.Cause(parent)
	}
	return context.Cause(ctx)
}
