package cmd

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/health"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// follow prints changes of the job and its pods, one line each, until ctx ends.
func (o *statusOptions) follow(ctx context.Context, client *operator.Client, ref operator.Ref, place reach.Place) error {
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
	go func() {
		last := ""
		err := wait.Follow(ctx, client.Resource(ref.Kind, ref.Namespace), wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
			if event == watch.Bookmark {
				return false, nil
			}
			summary, err := operator.Summarize(ref.Kind, object)
			if err != nil {
				return true, err
			}
			verdict := health.Of(summary, o.now())
			text := view.ChangeText(summary, verdict, o.palette)
			if event == watch.Deleted {
				text = "deleted"
			}
			if text != last {
				last = text
				say("%s", text)
			}
			return false, nil
		})
		cancel(err)
	}()
	if place.Cluster.Object != nil {
		go func() {
			known := map[string]string{}
			synced := false
			// Without permission to watch pods the job's own changes are told.
			_ = client.FollowPods(ctx, ref.Namespace, place.Cluster.Object.GetName(), func(event watch.EventType, pod operator.Pod) {
				if event == watch.Bookmark {
					synced = true
					return
				}
				text := view.PodText(pod, event == watch.Deleted)
				before := known[pod.Name]
				known[pod.Name] = text
				if synced && before != text {
					say("  %s", term.SafeLine(text))
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
