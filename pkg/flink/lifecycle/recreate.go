package lifecycle

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/wait"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// recreate deletes a job's object, which cancels the job, and recreates it
// from a path.
func recreate(ctx context.Context, c *operator.Client, job api.Job, source Source, request RestoreRequest, reporter operator.Reporter) (change.Report, error) {
	ref := job.Ref()
	report := change.Report{Job: ref, Did: "restored", DryRun: request.DryRun, Changed: true, OldJobID: job.JobID()}
	fresh := job.Recreated(source.Path, request.AllowNonRestored)
	report.Patch = map[string]any{"spec": fresh.Object.Object["spec"]}
	client := c.Resource(ref.Kind, ref.Namespace)
	// What the API server would refuse, it must refuse before the deletion.
	rehearsal := fresh.Object.DeepCopy()
	rehearsal.SetName("")
	rehearsal.SetGenerateName("recreate-")
	if _, err := client.Create(ctx, rehearsal, metav1.CreateOptions{FieldManager: operator.FieldManager, DryRun: []string{metav1.DryRunAll}}); err != nil {
		return report, fmt.Errorf("%s could not be recreated, so it was not deleted: %w", ref, err)
	}
	if err := request.Confirmf(ctx, "%s is deleted, which cancels the job, and recreated from %s.", ref, source); err != nil {
		return report, err
	}
	if request.DryRun != "" {
		return report, nil
	}
	manifest, err := keepManifest(fresh)
	if err != nil {
		return report, err
	}
	reporter.Notef("%s: the manifest that it is created from is kept in %s", ref, manifest)
	again := fmt.Sprintf("\nCreate it with: kubectl create -f %s -n %s", api.ShellWord(manifest), ref.Namespace)
	started := time.Now()
	uid := job.Object.GetUID()
	if err := client.Delete(ctx, ref.Name, metav1.DeleteOptions{Preconditions: &metav1.Preconditions{UID: &uid}}); err != nil {
		return report, err
	}
	reporter.Waitingf("%s: deleted; waiting until it is gone", ref)
	there := false
	err = wait.Follow(ctx, client, wait.Named(ref.Name), func(event watch.EventType, object *unstructured.Unstructured) (bool, error) {
		if event == watch.Bookmark {
			return !there, nil
		}
		there = event != watch.Deleted && object.GetUID() == uid
		return !there, nil
	}, wait.OnTrouble(reporter.Trouble(ref.String(), func() {})))
	if err != nil {
		return report, fmt.Errorf("%w: %s is being deleted and was not recreated yet%s", err, ref, again)
	}
	created, err := client.Create(ctx, fresh.Object, metav1.CreateOptions{FieldManager: operator.FieldManager})
	if err != nil && !apierrors.IsAlreadyExists(err) {
		return report, fmt.Errorf("%s was deleted and could not be recreated: %w%s", ref, err, again)
	}
	if err != nil {
		return report, fmt.Errorf("%s was deleted, and another one of that name was created: %w", ref, err)
	}
	reporter.Notef("%s recreated", ref.Printed())
	running, err := AwaitRunning(ctx, c, Start{Ref: ref, Since: operator.CreatedAt(created, started)}, reporter)
	if err != nil {
		return report, err
	}
	restored, err := change.ProveRestored(ctx, c, running, source.Path, reporter)
	report.Observe(running)
	report.Took = time.Since(started)
	if err != nil {
		return report, err
	}
	_ = os.Remove(manifest)
	report.Done, report.From = true, api.RetainedState{Kind: source.Kind, Path: restored, Proven: true}
	return report, nil
}

// keepManifest writes a job's manifest where the user finds it if all else
// fails.
func keepManifest(job api.Job) (string, error) {
	data, err := json.MarshalIndent(job.Object.Object, "", "  ")
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp("", filepath.Base(job.Object.GetName())+"-*.json")
	if err != nil {
		return "", fmt.Errorf("keep the manifest before deleting %s: %w", job.Ref(), err)
	}
	if _, err = file.Write(data); err == nil {
		err = file.Close()
	}
	return file.Name(), err
}
