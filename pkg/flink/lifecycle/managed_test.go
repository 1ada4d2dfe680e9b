package lifecycle

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// A dry run that promised what the real run refuses would be of no use to
// somebody who checks a change in a pipeline.
func TestADryRunRefusesWhatTheRealRunRefuses(t *testing.T) {
	manifest := func(state string) string {
		return `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"a","namespace":"n","uid":"u","labels":{"argocd.argoproj.io/instance":"x"}},
			"spec":{"flinkVersion":"v1_20","flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c","execution.checkpointing.savepoint-dir":"s3://b/s"},"job":{"state":"` + state + `","upgradeMode":"savepoint","parallelism":1}},
			"status":{"observedGeneration":1,"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","reconciliationStatus":{"lastStableSpec":"{}"},"jobStatus":{"state":"RUNNING","jobId":"x","startTime":"1764000000000"}}}`
	}
	const stopped = "suspended"
	verbs := map[string]func(*operator.Client, api.Ref, change.Options, operator.Reporter) error{
		"suspend": func(c *operator.Client, ref api.Ref, o change.Options, r operator.Reporter) error {
			_, err := Suspend(t.Context(), c, ref, SuspendRequest{Mode: "savepoint", Did: "suspended", Options: o}, r)
			return err
		},
		"resume": func(c *operator.Client, ref api.Ref, o change.Options, r operator.Reporter) error {
			_, err := Resume(t.Context(), c, ref, ResumeRequest{Options: o}, r)
			return err
		},
		"restart": func(c *operator.Client, ref api.Ref, o change.Options, r operator.Reporter) error {
			_, err := Restart(t.Context(), c, ref, RestartRequest{Options: o}, r)
			return err
		},
		"scale": func(c *operator.Client, ref api.Ref, o change.Options, r operator.Reporter) error {
			_, err := Scale(t.Context(), c, ref, ScaleRequest{Parallelism: 2, Options: o}, r)
			return err
		},
		"upgrade": func(c *operator.Client, ref api.Ref, o change.Options, r operator.Reporter) error {
			_, err := Upgrade(t.Context(), c, ref, UpgradeRequest{UpgradeFields: UpgradeFields{Image: "flink:1.21"}, Options: o}, r)
			return err
		},
		"restore": func(c *operator.Client, ref api.Ref, o change.Options, r operator.Reporter) error {
			_, err := Restore(t.Context(), c, ref, RestoreRequest{From: "s3://b/s/1", NoSavepoint: true, Options: o}, r)
			return err
		},
		"delete": func(c *operator.Client, ref api.Ref, o change.Options, r operator.Reporter) error {
			_, err := Delete(t.Context(), c, ref, DeleteRequest{LoseState: true, Force: o.Force, DryRun: o.DryRun}, r)
			return err
		},
	}
	for _, verb := range slices.Sorted(maps.Keys(verbs)) {
		state := "running"
		if verb == "resume" {
			state = stopped
		}
		job := flinktest.JobOf(t, api.Deployment, manifest(state))
		ask := func(o change.Options) (string, []string, error) {
			objects := fakeDynamic(job.Object.DeepCopy())
			client := operator.ClientOf(objects, fake.NewClientset(), api.Deployment, api.StateSnap)
			var notes []string
			err := verbs[verb](client, job.Ref(), o, operator.Reporter{Note: func(note string) { notes = append(notes, note) }})
			for _, action := range objects.Actions() {
				if slices.Contains([]string{"patch", "delete", "create", "update"}, action.GetVerb()) && !dryRuns(action) {
					t.Errorf("%s %+v: it did %s", verb, o, action.GetVerb())
				}
			}
			if err == nil {
				return "", notes, nil
			}
			return err.Error(), notes, err
		}
		real, _, err := ask(change.Options{})
		if !strings.Contains(real, "is managed by Argo CD") || !strings.Contains(real, "--force") {
			t.Errorf("%s: %v", verb, err)
		}
		for _, dry := range []string{"client", "server"} {
			got, _, dryErr := ask(change.Options{DryRun: dry})
			if got != real || exit.Code(dryErr) != exit.Code(err) {
				t.Errorf("%s --dry-run=%s: %q (exit code %d), and the real run %q (%d)", verb, dry, got, exit.Code(dryErr), real, exit.Code(err))
			}
			forced, notes, _ := ask(change.Options{DryRun: dry, Force: true})
			if strings.Contains(forced, "is managed by") || !strings.Contains(strings.Join(notes, "\n"), "warning: flinkdeployment/a is managed by Argo CD") {
				t.Errorf("%s --force --dry-run=%s: %s, notes %q", verb, dry, forced, notes)
			}
		}
	}
}

// dryRuns reports whether an action is one that changes nothing.
func dryRuns(action clienttesting.Action) bool {
	switch action := action.(type) {
	case clienttesting.PatchActionImpl:
		return len(action.PatchOptions.DryRun) > 0
	case clienttesting.DeleteActionImpl:
		return len(action.DeleteOptions.DryRun) > 0
	case clienttesting.CreateActionImpl:
		return len(action.CreateOptions.DryRun) > 0
	}
	return false
}
