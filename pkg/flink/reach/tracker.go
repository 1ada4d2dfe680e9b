package reach

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// findTimeout bounds one look at where a job runs.
const findTimeout = 15 * time.Second

// follow tells found where the job ref runs, now and after every change of it,
// until ctx ends: the job's id changes with upgrades, and its cluster with
// blue/green switches.
func follow(ctx context.Context, client *operator.Client, ref api.Ref, found func(Place)) error {
	resource := client.Resource(ref.Kind, ref.Namespace)
	return wait.Follow(ctx, resource, wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		if object == nil || event == watch.Deleted {
			return false, nil
		}
		look(ctx, client, ref, found)
		return false, nil
	})
}

// look tells found where the job is. Where that fails, what was known stays;
// the next change brings the next try.
func look(ctx context.Context, client *operator.Client, ref api.Ref, found func(Place)) {
	ctx, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	if place, err := Find(ctx, client, ref); err == nil {
		found(place)
	}
}

// Tracker knows where a job runs at the moment, while Follow runs.
type Tracker struct {
	client *operator.Client

	mu    sync.Mutex
	place Place
}

// NewTracker starts at place.
func NewTracker(client *operator.Client, place Place) *Tracker {
	return &Tracker{client: client, place: place}
}

// Follow keeps the place up to date until ctx ends. moved is called when the job
// has moved to another cluster.
func (t *Tracker) Follow(ctx context.Context, moved func(Place)) error {
	return follow(ctx, t.client, t.Place().Job.Ref(), func(place Place) {
		t.mu.Lock()
		old := t.place.Cluster.Ref()
		t.place = place
		t.mu.Unlock()
		if place.Cluster.Ref() != old {
			moved(place)
		}
	})
}

// Place is where the job was last seen.
func (t *Tracker) Place() Place {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.place
}

// Port is a port of the job's cluster as FlinkPort finds it, and a function
// that finds it in whatever cluster the job runs later.
func (t *Tracker) Port(port intstr.IntOrString) (portforward.Target, func() portforward.Target, error) {
	find := func() (portforward.Target, error) {
		place := t.Place()
		return FlinkPort(place.Cluster.Ref(), place.Config, port)
	}
	first, err := find()
	var mu sync.Mutex
	last := first
	return first, func() portforward.Target {
		mu.Lock()
		defer mu.Unlock()
		// An upgrade may take a port away; the last one's error tells.
		if target, err := find(); err == nil {
			last = target
		}
		return last
	}, err
}
