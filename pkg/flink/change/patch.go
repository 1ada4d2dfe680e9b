package change

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Patch is the merge patch of a change to the whole object.
func (ch Change) Patch() map[string]any {
	out := map[string]any{}
	if len(ch.Spec) > 0 {
		out["spec"] = ch.Spec
		if ch.Job.Kind.Name == api.BlueGreen.Name {
			out["spec"] = map[string]any{"template": map[string]any{"spec": ch.Spec}}
		}
	}
	metadata := map[string]any{}
	if len(ch.Annotations) > 0 {
		metadata["annotations"] = ch.Annotations
	}
	if len(ch.Labels) > 0 {
		metadata["labels"] = ch.Labels
	}
	if len(metadata) > 0 {
		out["metadata"] = metadata
	}
	return out
}

// Holds reports whether a job is already as the change would make it.
func (ch Change) Holds(job api.Job) bool { return api.Contains(job.Object.Object, ch.Patch()) }

// Undo is the change that takes this one back.
func (ch Change) Undo() Change {
	back := ch
	back.Spec = api.Inverse(ch.Job.Spec(), ch.Spec)
	before := map[string]any{}
	for key, value := range ch.Job.Object.GetAnnotations() {
		before[key] = value
	}
	back.Annotations = api.Inverse(before, ch.Annotations)
	labels := map[string]any{}
	for key, value := range ch.Job.Object.GetLabels() {
		labels[key] = value
	}
	back.Labels = api.Inverse(labels, ch.Labels)
	return back
}

// conflicts is how often a change is tried again after the operator wrote the
// status in between.
const conflicts = 20

// Rehearsal is a dry run that finds out what the API server makes of a change,
// without its warnings for the user.
const Rehearsal = "rehearsal"

// Apply makes the change. The patch carries the resourceVersion that was read,
// so that two users can't overwrite each other unseen; the operator's status
// writes move that version too, so a conflict is tried again as long as nobody
// has changed the spec (metadata.generation).
func Apply(ctx context.Context, c *operator.Client, change Change, dryRun string) (api.Job, error) {
	job := change.Job
	client := c.Resource(job.Kind, job.Object.GetNamespace())
	options := metav1.PatchOptions{FieldManager: operator.FieldManager}
	if dryRun != "" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	if dryRun == Rehearsal {
		options.FieldValidation = metav1.FieldValidationIgnore
	}
	object := job.Object
	for range conflicts {
		body, err := json.Marshal(api.Merge(map[string]any{"metadata": map[string]any{"resourceVersion": object.GetResourceVersion()}}, change.Patch()))
		if err != nil {
			return job, err
		}
		if ctx.Err() != nil {
			return job, context.Cause(ctx)
		}
		patched, err := operator.Patch(ctx, client, object.GetName(), body, options)
		if err == nil {
			return api.Job{Kind: job.Kind, Object: patched}, nil
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
				job.Ref(), ErrOvertaken, latest.GetGeneration(), job.Object.GetGeneration(), LastWriter(api.Job{Kind: job.Kind, Object: latest}), job.Kind.Singular, object.GetName(), object.GetNamespace())
		}
		object = latest
	}
	return job, fmt.Errorf("%s was not changed: it is being written to all the time; try again", job.Ref())
}

// decisive are the fields of spec.job that decide what becomes of a job's state.
var decisive = []string{"state", "upgradeMode", "initialSavepointPath", "savepointRedeployNonce", "allowNonRestoredState"}

// rehearse has the API server say, before a change is made, what it would make of
// it: an admission webhook may write another value into a field that decides what
// becomes of the state, and the operator reacts at once. Where it can't say, the
// change itself will tell.
func rehearse(ctx context.Context, c *operator.Client, change Change) error {
	fields, _ := change.Spec["job"].(map[string]any)
	if !slices.ContainsFunc(decisive, func(field string) bool { _, set := fields[field]; return set }) {
		return nil
	}
	would, err := Apply(ctx, c, change, Rehearsal)
	if err != nil {
		return nil //nolint:nilerr // the change itself will tell
	}
	return checkKept(change, would)
}

// checkKept refuses a change of which the API server wouldn't keep what decides.
func checkKept(change Change, would api.Job) error {
	fields, _ := change.Spec["job"].(map[string]any)
	kept := api.Section(would.Spec(), "job")
	for _, field := range decisive {
		want, set := fields[field]
		if !set || api.SameJSON(want, kept[field]) {
			continue
		}
		return fmt.Errorf("%s was not changed: the API server would write %s into spec.job.%s instead of %s: an admission webhook changes it, or its CRD doesn't have the field", change.Job.Ref(), shown(kept[field]), field, shown(want))
	}
	return nil
}

// shown is a value as it is told.
func shown(value any) string {
	if value == nil {
		return "nothing"
	}
	return fmt.Sprint(value)
}

// LastWriter says who wrote the spec last, where managedFields tell.
func LastWriter(job api.Job) string {
	entries := slices.DeleteFunc(slices.Clone(job.Object.GetManagedFields()), func(e metav1.ManagedFieldsEntry) bool {
		return e.Subresource != "" || e.Time == nil
	})
	if len(entries) == 0 {
		return ""
	}
	last := slices.MaxFunc(entries, func(a, b metav1.ManagedFieldsEntry) int { return a.Time.Compare(b.Time.Time) })
	return ", last by " + last.Manager
}

// Redeploy is the change that has the operator restart a job from a path.
func Redeploy(job api.Job, path string, allowNonRestored bool) Change {
	nonce, _ := api.Number(job.Spec(), "job", "savepointRedeployNonce")
	fields := map[string]any{"initialSavepointPath": path, "savepointRedeployNonce": nonce + 1, "state": api.WantRunning}
	if allowNonRestored {
		fields["allowNonRestoredState"] = true
	}
	return Change{
		Job: job, Did: "restored", Spec: map[string]any{"job": fields},
		Goal: Goal{NewRun: true, NewJobID: true, State: true, Path: path},
	}
}
