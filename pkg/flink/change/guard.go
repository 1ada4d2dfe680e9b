package change

import (
	"context"
	"errors"
	"fmt"
	"maps"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Target reads the job that is to be changed, and refuses what must not be: a
// child of a blue/green deployment, whose spec the operator owns; a session
// cluster, which has no job; an object that is being deleted.
func Target(ctx context.Context, c *operator.Client, ref api.Ref) (api.Job, error) {
	object, err := c.Get(ctx, ref)
	if err != nil {
		return api.Job{}, err
	}
	job := api.Job{Kind: ref.Kind, Object: object}
	if parent := job.BlueGreenParent(); parent != "" {
		return api.Job{}, fmt.Errorf("%s belongs to a blue/green deployment, and the operator would overwrite a change to it\nChange the parent: %s/%s", ref, api.BlueGreen.Singular, parent)
	}
	if job.IsSessionCluster() {
		err := c.ExplainSessionCluster(ctx, job)
		return api.Job{}, fmt.Errorf("%w\nA job that no object manages is listed with: kubectl flink jobs %s -n %s", err, ref.Name, ref.Namespace)
	}
	if at := object.GetDeletionTimestamp(); at != nil {
		return api.Job{}, fmt.Errorf("%s is being deleted (since %s)", ref, at.UTC().Format("2006-01-02T15:04:05Z"))
	}
	return job, nil
}

// CheckManaged refuses, without options.Force, to change what something else
// would change back, and notes what a later release would. A dry run is refused
// like the real one, which it is to foretell.
func CheckManaged(job api.Job, options Options, reporter operator.Reporter) error {
	manager, ok := job.ManagedBy()
	if !ok {
		return nil
	}
	warning := fmt.Sprintf("%s is managed by %s (%s), which will change it back", job.Ref(), manager.Name, manager.Sign)
	switch {
	case !manager.Reverts:
		reporter.Notef("warning: %s is managed by %s (%s): its next release may undo this change", job.Ref(), manager.Name, manager.Sign)
	case options.Force:
		reporter.Notef("warning: %s", warning)
	default:
		return fmt.Errorf("%s\nMake the change where its manifest is kept, or suspend the sync and use --force", warning)
	}
	return nil
}

// KeepState is the part of a change that sees to the job's state: the fields to
// merge, and the upgrade mode that is then in force. A job whose upgradeMode is
// stateless is refused unless the user has chosen: the operator would throw its
// state away. verb is what is about to be done, for the message.
func KeepState(job api.Job, verb string, choice api.StateChoice) (fields map[string]any, mode string, err error) {
	mode = job.UpgradeMode()
	switch {
	case choice.LoseState:
		// The user wants to be rid of the state, whatever the mode.
		return map[string]any{"job": map[string]any{"upgradeMode": api.UpgradeStateless}}, api.UpgradeStateless, nil
	case choice.UpgradeMode != "":
		return map[string]any{"job": map[string]any{"upgradeMode": choice.UpgradeMode}}, choice.UpgradeMode, nil
	case mode == api.UpgradeStateless:
		return nil, mode, fmt.Errorf("%s has upgradeMode stateless: to %s it would throw its state away\nKeep the state with --upgrade-mode savepoint (or last-state), which also stays set in the spec, or lose it with --lose-state", job.Ref(), verb)
	}
	return nil, mode, nil
}

// CheckDirectories refuses a change whose upgrade mode needs a directory that
// isn't configured: the operator would reject it. Where the configuration can't
// be read in full, the operator's word is awaited instead.
func CheckDirectories(ctx context.Context, c *operator.Client, job api.Job, mode string) error {
	if mode == api.UpgradeStateless {
		return nil
	}
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		return err
	}
	config, known, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		return err
	}
	own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(config, api.Flatten(own))
	checkpoints, checkpointKey := config.Get(api.CheckpointDirKeys...)
	savepoints, savepointKey := config.Get(api.SavepointDirKeys...)
	switch {
	case known && checkpoints == "":
		return fmt.Errorf("%s has no checkpoint directory, which upgradeMode %s needs: set %s in spec.flinkConfiguration (neither it nor %s is set)", job.Ref(), mode, api.CheckpointDirKeys[0], api.CheckpointDirKeys[1])
	case known && savepoints == "" && mode == api.UpgradeSavepoint:
		return fmt.Errorf("%s has no savepoint directory, which upgradeMode savepoint needs: set %s in spec.flinkConfiguration (neither it nor %s is set), or keep the state by its last checkpoint (last-state)", job.Ref(), api.SavepointDirKeys[0], api.SavepointDirKeys[1])
	}
	// What a job leaves on its pods' disks goes with them.
	dir, key := savepoints, savepointKey
	if mode == api.UpgradeLastState {
		dir, key = checkpoints, checkpointKey
	}
	if dir == "" {
		return nil
	}
	if place := c.StatePlace(ctx, cluster, dir); !place.Lasts() {
		return fmt.Errorf("%s would lose its state: %s: %s %s\nNothing was changed. Set %s to a directory in a volume that all pods share, or to an object store", job.Ref(), key, dir, place.Why, key)
	}
	return nil
}

// SavepointFormat is the part of a change that makes the operator take its
// savepoint in a format that the job can take, and a word on it; both empty
// where nothing needs to be set. The operator's own default, canonical, fails
// on Flink 2 for jobs with asynchronous state, and restarts them in a loop.
func SavepointFormat(ctx context.Context, c *operator.Client, job api.Job) (fields map[string]any, why string, err error) {
	cluster, err := c.ClusterOf(ctx, job)
	if err != nil {
		return nil, "", err
	}
	format, _, err := api.ChooseFormat(job.Ref(), cluster, "auto", false)
	if err != nil || format != "NATIVE" {
		return nil, "", err
	}
	own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
	theirs, _ := cluster.Spec()["flinkConfiguration"].(map[string]any)
	for _, config := range []map[string]any{own, theirs} {
		// CANONICAL in the spec is somebody's decision.
		if set, _ := api.Flatten(config).Get(api.FormatKey); set != "" {
			return nil, "", nil
		}
	}
	why = fmt.Sprintf("%s: NATIVE is set in spec.flinkConfiguration and stays: on Flink %s the operator's canonical savepoints fail for jobs with asynchronous state", api.FormatKey, api.Dotted(cluster.FlinkVersion()))
	return map[string]any{"flinkConfiguration": map[string]any{api.FormatKey: "NATIVE"}}, why, nil
}

// CheckRejected refuses a change to a spec that the operator rejects already,
// unless the change could be the correction.
func CheckRejected(job api.Job) error {
	failure := job.Failure()
	if observed := job.ObservedGeneration(); observed >= job.Object.GetGeneration() && observed > 0 {
		return nil
	}
	if !failure.Rejects() {
		return nil
	}
	return errors.New("the operator rejects the spec of " + job.Ref().String() + " and would ignore a change to it: " + failure.Root() + "\nCorrect the spec first: kubectl edit " + job.Kind.Singular + " " + job.Ref().Name + " -n " + job.Ref().Namespace)
}

// CheckStart refuses a change that keeps the state of a job that can't start:
// what it starts from isn't there, or its JobManager takes it for one that has
// ended. The operator carries out none: with high availability it looks for the
// job for ever, and without there is no state that it could go on from.
func CheckStart(ctx context.Context, c *operator.Client, job api.Job, mode string) error {
	if mode == api.UpgradeStateless || job.State() == api.JobRunning || job.Wanted() != api.WantRunning || job.Kind.Name == api.SessionJob.Name || job.IsSessionCluster() {
		return nil
	}
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		return err
	}
	namespace := cluster.Object.GetNamespace()
	pods, err := c.Pods(ctx, namespace, cluster.Object.GetName())
	if err != nil {
		return nil //nolint:nilerr // the operator's word is awaited instead
	}
	for _, pod := range pods {
		if cluster.Failure().Root() == JobNotFound && c.TakesForEnded(ctx, namespace, pod) {
			cause := "" // of a pod that was replaced the log is gone
			if pod.HasEnded() {
				cause = c.CrashCause(ctx, namespace, pod)
			}
			return lostJob(job, cause)
		}
		if !pod.HasEnded() || pod.Ready && cluster.Failure().Root() != JobNotFound && cluster.JobManager() == api.JobManagerReady {
			continue
		}
		if pod.Cause = c.CrashCause(ctx, namespace, pod); pod.StartsInVain() {
			ref := job.Ref()
			return fmt.Errorf("%s was not changed: it can't start: %s\nThe operator carries out no change that would keep its state. Start it from state that is there: kubectl flink restore %s --from PATH --no-savepoint -n %s (what is saved: kubectl flink snapshot list -n %s)", ref, pod.Cause, ref, ref.Namespace, ref.Namespace)
		}
	}
	return nil
}

// lostJob is the error about a job that failed for good while it started, and
// that its JobManager doesn't start again.
func lostJob(job api.Job, cause string) error {
	ref := job.Ref()
	todo := "Correct its manifest (kubectl apply, kubectl edit), then "
	switch from, path := job.StartsAgainFrom(); from {
	case api.FromNothing:
		todo += fmt.Sprintf("start it without state, as it has never run and has none: kubectl flink restart %s --lose-state -n %s", ref, ref.Namespace)
	case api.FromInitialPath:
		todo += fmt.Sprintf("start it from the state that it names: kubectl flink restore %s --from %s --no-savepoint -n %s", ref, api.ShellWord(path), ref.Namespace)
	default:
		todo += fmt.Sprintf("start it from what is saved: kubectl flink restore %s --from latest --no-savepoint -n %s", ref, ref.Namespace)
	}
	return fmt.Errorf("%s was not changed: it failed for good while it started%s\nIts JobManager has restarted and takes it for ended, and the operator, which looks for it (%s), carries out no change that would keep its state. %s", ref, api.Because(cause), JobNotFound, todo)
}

// mayWatch refuses a user who may list but not watch, who could start a change
// but not see its end. Where the question itself isn't answered, the watch will
// tell.
func mayWatch(ctx context.Context, c *operator.Client, ref api.Ref) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: ref.Namespace, Verb: "watch", Group: api.Group, Resource: ref.Kind.Plural, Name: ref.Name},
	}}
	answer, err := c.Core().AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil || answer.Status.Allowed {
		return nil //nolint:nilerr // the watch itself will say
	}
	return apierrors.NewForbidden(ref.Kind.GVR().GroupResource(), ref.Name, errors.New("you may not watch it, so that the end of the change could not be seen; nothing was changed"))
}
