package wait

import (
	"context"
	"errors"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
)

// closing ends each watch as soon as it is opened.
type closing struct {
	dynamic.ResourceInterface
	watches int
}

func (c *closing) List(context.Context, metav1.ListOptions) (*unstructured.UnstructuredList, error) {
	return &unstructured.UnstructuredList{Object: map[string]any{"metadata": map[string]any{"resourceVersion": "1"}}}, nil
}

func (c *closing) Watch(context.Context, metav1.ListOptions) (watch.Interface, error) {
	c.watches++
	w := watch.NewFake()
	w.Stop()
	return w, nil
}

// A proxy that ends every watch must not be asked thousands of times.
func TestFollowIsPatientWithWatchesThatEnd(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 600*time.Millisecond)
	defer cancel()
	c := &closing{}
	err := Follow(ctx, c, Named("x"), func(watch.EventType, *unstructured.Unstructured) (bool, error) { return false, nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if c.watches < 1 || c.watches > 4 {
		t.Errorf("%d watches in 600 ms", c.watches)
	}
}

// What has come true at the last moment is no time-out.
func TestFollowIsDoneThoughTheContextEnded(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := Follow(ctx, &closing{}, Named("x"), func(watch.EventType, *unstructured.Unstructured) (bool, error) {
		cancel()
		return true, nil
	})
	if err != nil {
		t.Error(err)
	}
}
