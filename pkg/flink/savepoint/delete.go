package savepoint

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// DataChoice says what becomes of a savepoint's data when its object is
// deleted.
type DataChoice string

// The choices. "" leaves it to the object, which is refused where that would
// delete data.
const (
	KeepData    DataChoice = "keep"
	DisposeData DataChoice = "dispose"
)

// Deletion is a FlinkStateSnapshot that is going to be deleted, and what that
// means. Nothing has been changed yet.
type Deletion struct {
	Snapshot api.Snapshot
	// Disposes says that the savepoint's data goes too.
	Disposes bool
	// Loses says that Disposes is about data that exists.
	Loses bool
	// sets is what disposeOnDelete has to be set to first; nil where it is
	// right already.
	sets *bool
}

// PlanDeletion finds out what deleting a snapshot means, and refuses what
// would lose data unasked or couldn't be carried out. force disposes also of
// what a job starts from.
func PlanDeletion(ctx context.Context, c *operator.Client, s api.Snapshot, choice DataChoice, force bool, inventory Inventory) (Deletion, error) {
	d := Deletion{Snapshot: s, Disposes: s.Disposes()}
	set := func(dispose bool) {
		d.Disposes = dispose
		if dispose != s.Disposes() {
			d.sets = &dispose
		}
	}
	deleting := !s.Object.GetDeletionTimestamp().IsZero()
	switch choice {
	case KeepData:
		if s.IsSavepoint() {
			set(false)
		}
	case DisposeData:
		if !s.IsSavepoint() {
			return d, exit.Usagef("%s is of a checkpoint: its data belongs to the job, which deletes old ones itself (--dispose is for savepoints)", s.Ref())
		}
		set(true)
	default:
		if d.Disposes && s.HasData() {
			verb := "would delete"
			if deleting {
				verb = "is waiting to delete"
			}
			return d, exit.Usagef("deleting %s %s the savepoint's data at %s too (its disposeOnDelete is true)\nSay --keep-data to keep the data, or --dispose to delete it", s.Ref(), verb, cmp.Or(s.Path(), "its path"))
		}
	}
	d.Loses = d.Disposes && s.HasData()
	if !d.Loses {
		return d, nil
	}
	if others := inventory.others(s); len(others) > 0 && !force {
		return d, fmt.Errorf("%s: the same data is registered as %s too\nDelete with --keep-data, or delete the data with --force", s.Ref(), strings.Join(others, ", "))
	}
	if uses := inventory.UsedBy(s.Path()); len(uses) > 0 && !force {
		return d, fmt.Errorf("%s: its data at %s is what a job starts from: %s\nDelete with --keep-data, or delete the data with --force", s.Ref(), s.Path(), strings.Join(uses, ", "))
	}
	if why := cannotDispose(ctx, c, s); why != "" {
		return d, errors.New(s.Ref().String() + ": " + why + deleteInstead(s))
	}
	return d, nil
}

// others are the other objects that stand for the same data.
func (i Inventory) others(s api.Snapshot) []string {
	var out []string
	for _, other := range i.Saved {
		if other.Snapshot.Object != nil && other.Snapshot.Object.GetUID() != s.Object.GetUID() && api.SamePath(other.Path, s.Path()) {
			out = append(out, other.Snapshot.Ref().String())
		}
	}
	return out
}

// cannotDispose says why a savepoint's data can't be deleted at the moment; ""
// if it can, or nobody can tell. The operator has the job's JobManager do it.
func cannotDispose(ctx context.Context, c *operator.Client, s api.Snapshot) string {
	ref := s.Job()
	switch {
	case api.Text(s.Object.Object, "spec", "jobReference", "name") == "":
		return "its data can't be deleted, because the operator has the job do that, and it names no job (spec.jobReference): the operator would let it go and keep the data"
	case !s.Held():
		return "its data can't be deleted, because no operator has taken it up (none has put its finalizer on it): it would be gone at once, and its data stay"
	}
	object, err := c.Resource(ref.Kind, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("its data can't be deleted, because the operator has the job do that, and %s doesn't exist any more", ref)
	case err != nil:
		return ""
	}
	job := api.Job{Kind: ref.Kind, Object: object}
	if job.IsRunning() || s.State() == api.SnapshotInProgress {
		return ""
	}
	return fmt.Sprintf("its data can't be deleted, because the operator has the job do that, and %s is not RUNNING (%s)", ref, cmp.Or(job.State(), "not started"))
}

// deleteInstead is what can be done where data can't be deleted.
func deleteInstead(s api.Snapshot) string {
	text := fmt.Sprintf("\nDelete the object alone and keep the data: kubectl flink snapshot delete %s --keep-data -n %s", s.Name(), s.Object.GetNamespace())
	if s.Job().Name != "" && s.Held() {
		text += "\nOr try again while the job runs"
	}
	return text
}

// DeleteSnapshot carries a deletion out and waits until the object is gone;
// with a dry run or without waiting it returns earlier.
func DeleteSnapshot(ctx context.Context, c *operator.Client, d Deletion, dryRun string, noWait bool, reporter operator.Reporter) error {
	s := d.Snapshot
	if dryRun == "client" {
		return nil
	}
	var rehearsal []string
	if dryRun == "server" {
		rehearsal = []string{metav1.DryRunAll}
	}
	if d.sets != nil {
		patched, err := setDispose(ctx, c, s, *d.sets, rehearsal)
		if err != nil {
			return fmt.Errorf("%s: set disposeOnDelete to %t before deleting it: %w", s.Ref(), *d.sets, err)
		}
		if dryRun == "" {
			reporter.Notef("%s patched: disposeOnDelete is %t now", s.Ref().Printed(), *d.sets)
			s = api.Snapshot{Object: patched}
		}
	}
	if s.Object.GetDeletionTimestamp().IsZero() {
		uid := s.Object.GetUID()
		err := c.Resource(api.StateSnap, s.Object.GetNamespace()).Delete(ctx, s.Name(), metav1.DeleteOptions{
			DryRun: rehearsal, Preconditions: &metav1.Preconditions{UID: &uid},
		})
		if apierrors.IsNotFound(err) && d.sets != nil {
			err = nil // it was being deleted, and the patch was all that was missing
		}
		if err != nil {
			return err
		}
	}
	if dryRun != "" || noWait {
		return nil
	}
	return awaitGone(ctx, c, s, d, reporter)
}

// setDispose sets disposeOnDelete, unless somebody else changes the spec at
// the same time.
func setDispose(ctx context.Context, c *operator.Client, s api.Snapshot, dispose bool, rehearsal []string) (*unstructured.Unstructured, error) {
	client := c.Resource(api.StateSnap, s.Object.GetNamespace())
	object := s.Object
	for range 10 {
		body, err := json.Marshal(map[string]any{
			"metadata": map[string]any{"resourceVersion": object.GetResourceVersion(), "uid": object.GetUID()},
			"spec":     map[string]any{"savepoint": map[string]any{"disposeOnDelete": dispose}},
		})
		if err != nil {
			return nil, err
		}
		patched, err := client.Patch(ctx, s.Name(), types.MergePatchType, body, metav1.PatchOptions{FieldManager: operator.FieldManager, DryRun: rehearsal})
		if !apierrors.IsConflict(err) {
			return patched, err
		}
		if object, err = client.Get(ctx, s.Name(), metav1.GetOptions{}); err != nil {
			return nil, err
		}
		if object.GetUID() != s.Object.GetUID() || object.GetGeneration() != s.Object.GetGeneration() && object.GetDeletionTimestamp().IsZero() {
			return nil, fmt.Errorf("%s was changed at the same time; look at it and try again", s.Ref())
		}
	}
	return nil, fmt.Errorf("%s is being written to all the time; try again", s.Ref())
}
