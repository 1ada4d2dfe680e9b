package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
)

// patch is the merge patch of a change to the whole object.
func (ch Change) patch() map[string]any {
	out := map[string]any{}
	if len(ch.Spec) > 0 {
		out["spec"] = ch.Spec
		if ch.Job.Kind.Name == BlueGreen.Name {
			out["spec"] = map[string]any{"template": map[string]any{"spec": ch.Spec}}
		}
	}
	if len(ch.Annotations) > 0 {
		out["metadata"] = map[string]any{"annotations": ch.Annotations}
	}
	return out
}

// holds reports whether a job is already as the change would make it.
func (ch Change) holds(job Job) bool { return Contains(job.Object.Object, ch.patch()) }

// undo is the change that takes this one back.
func (ch Change) undo() Change {
	back := ch
	back.Spec = Inverse(ch.Job.spec(), ch.Spec)
	before := map[string]any{}
	for key, value := range ch.Job.Object.GetAnnotations() {
		before[key] = value
	}
	back.Annotations = Inverse(before, ch.Annotations)
	return back
}

// Merge adds the fields of patches to into, field by field, and returns it. It
// is for building a Change's Spec from parts; later ones win.
func Merge(into map[string]any, patches ...map[string]any) map[string]any {
	if into == nil {
		into = map[string]any{}
	}
	for _, patch := range patches {
		for key, value := range patch {
			below, isMap := value.(map[string]any)
			there, wasMap := into[key].(map[string]any)
			if isMap {
				if !wasMap {
					there = map[string]any{}
				}
				value = Merge(maps.Clone(there), below)
			}
			into[key] = value
		}
	}
	return into
}

// Contains reports whether a merge patch would leave an object as it is.
func Contains(object, patch map[string]any) bool {
	for key, want := range patch {
		have, there := object[key]
		switch want := want.(type) {
		case nil:
			if there {
				return false
			}
		case map[string]any:
			below, _ := have.(map[string]any)
			if !Contains(below, want) {
				return false
			}
		default:
			if !there || !sameJSON(have, want) {
				return false
			}
		}
	}
	return true
}

// sameJSON compares values that may have been decoded differently: numbers are
// int64, float64 or json.Number.
func sameJSON(a, b any) bool {
	left, err := json.Marshal(a)
	if err != nil {
		return false
	}
	right, err := json.Marshal(b)
	return err == nil && string(left) == string(right)
}

// Inverse is the merge patch that makes of an object, changed by patch, what it
// was before.
func Inverse(before, patch map[string]any) map[string]any {
	out := map[string]any{}
	for key, want := range patch {
		have, there := before[key]
		below, isMap := want.(map[string]any)
		was, wasMap := have.(map[string]any)
		switch {
		case !there:
			out[key] = nil
		case isMap && wasMap:
			out[key] = Inverse(was, below)
		default:
			out[key] = have
		}
	}
	return out
}

// conflicts is how often a change is tried again after the operator wrote the
// status in between.
const conflicts = 20

// rehearsal is a dry run that finds out what the API server makes of a change,
// without its warnings for the user.
const rehearsal = "rehearsal"

// apply makes the change. The patch carries the resourceVersion that was read,
// so that two users can't overwrite each other unseen; the operator's status
// writes move that version too, so a conflict is tried again as long as nobody
// has changed the spec (metadata.generation).
func (c *Client) apply(ctx context.Context, change Change, dryRun string) (Job, error) {
	job := change.Job
	client := c.Resource(job.Kind, job.Object.GetNamespace())
	options := metav1.PatchOptions{FieldManager: fieldManager}
	if dryRun != "" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	if dryRun == rehearsal {
		options.FieldValidation = metav1.FieldValidationIgnore
	}
	object := job.Object
	for range conflicts {
		body, err := json.Marshal(Merge(map[string]any{"metadata": map[string]any{"resourceVersion": object.GetResourceVersion()}}, change.patch()))
		if err != nil {
			return job, err
		}
		if ctx.Err() != nil {
			return job, context.Cause(ctx)
		}
		patched, err := send(ctx, client, object.GetName(), body, options)
		if err == nil {
			return Job{job.Kind, patched}, nil
		}
		if !apierrors.IsConflict(err) {
			return job, err
		}
		latest, err := client.Get(ctx, object.GetName(), metav1.GetOptions{})
		if err != nil {
			return job, err
		}
		if latest.GetGeneration() != job.Object.GetGeneration() || latest.GetUID() != job.Object.GetUID() {
			return job, fmt.Errorf("%s was not changed: %w at this moment (generation %d, was %d)%s\nLook at it and try again: kubectl get %s %s -n %s -o yaml",
				job.Ref(), errOvertaken, latest.GetGeneration(), job.Object.GetGeneration(), lastWriter(Job{job.Kind, latest}), job.Kind.Singular, object.GetName(), object.GetNamespace())
		}
		object = latest
	}
	return job, fmt.Errorf("%s was not changed: it is being written to all the time; try again", job.Ref())
}

// send patches. A patch on its way can't be called back, so its answer is
// awaited also after Ctrl-C: whoever is told that the command ended must know
// whether the change was made.
func send(ctx context.Context, client dynamic.ResourceInterface, name string, body []byte, options metav1.PatchOptions) (*unstructured.Unstructured, error) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), answerLimit)
	defer done()
	return client.Patch(ctx, name, types.MergePatchType, body, options)
}

// answerLimit is how long the API server may take to answer a patch.
const answerLimit = 15 * time.Second

// lastWriter says who wrote the spec last, where managedFields tell.
func lastWriter(job Job) string {
	entries := slices.DeleteFunc(slices.Clone(job.Object.GetManagedFields()), func(e metav1.ManagedFieldsEntry) bool {
		return e.Subresource != "" || e.Time == nil
	})
	if len(entries) == 0 {
		return ""
	}
	last := slices.MaxFunc(entries, func(a, b metav1.ManagedFieldsEntry) int { return a.Time.Compare(b.Time.Time) })
	return ", last by " + last.Manager
}
