package cmd

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// follow prints changes of the job and its pods, one line each, until ctx ends.
func (o *statusOptions) follow(ctx context.Context, client *operator.Client, ref api.Ref, place reach.Place) error {
	parent := ctx
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	lines := make(chan string)
	say := func(format string, args ...any) {
		select {
		case lines <- o.now().Format("15:04:05") + "  " + fmt.Sprintf(format, args...):
		case <-ctx.Done():
		}
	}
	var mu sync.Mutex
	var summary api.Summary
	pods := map[string]operator.Pod{}
	last := ""
	// tell says how the job is by its object and its pods; mu is held.
	tell := func() {
		if summary.Name == "" {
			return
		}
		verdict := health.Of(summary, o.now())
		if len(pods) > 0 {
			verdict = health.Front(verdict, slices.Collect(maps.Values(pods)), o.now())
		}
		if text := view.ChangeText(summary, verdict, o.palette); text != last {
			last = text
			say("%s", text)
		}
	}
	go func() {
		err := wait.Follow(ctx, client.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
			if event == watch.Bookmark {
				return false, nil
			}
			mu.Lock()
			defer mu.Unlock()
			var err error
			if summary, err = api.Summarize(ref.Kind, object); err != nil {
				return true, err
			}
			if event == watch.Deleted {
				summary = api.Summary{}
				last = "deleted"
				say("%s", last)
			}
			tell()
			return false, nil
		})
		cancel(err)
	}()
	if place.Cluster.Object != nil {
		go func() {
			known := map[string]string{}
			synced := false
			// Without permission to watch pods the job's own changes are reported.
			_ = client.FollowPods(ctx, ref.Namespace, place.Cluster.Object.GetName(), func(event watch.EventType, pod operator.Pod) {
				mu.Lock()
				defer mu.Unlock()
				if event == watch.Bookmark {
					synced = true
					tell()
					return
				}
				if pods[pod.Name] = pod; event == watch.Deleted {
					delete(pods, pod.Name)
				}
				text := view.PodText(pod, event == watch.Deleted)
				before := known[pod.Name]
				known[pod.Name] = text
				if synced && before != text {
					say("  %s", term.SafeLine(text))
				}
				if synced {
					tell()
				}
			})
		}()
	}
	for {
		select {
		case line := <-lines:
			fmt.Fprintln(o.Out, secret.Text(line))
		case <-ctx.Done():
			if parent.Err() != nil {
				return context.Cause(parent)
			}
			return context.Cause(ctx)
		}
	}
}
