package operator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	authorizationv1 "k8s.io/api/authorization/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// Target reads the job that is to be changed, and refuses what must not be: a
// child of a blue/green deployment, whose spec the operator owns; a session
// cluster, which has no job; an object that is being deleted.
func (c *Client) Target(ctx context.Context, ref Ref) (Job, error) {
	object, err := c.Get(ctx, ref)
	if err != nil {
		return Job{}, err
	}
	job := Job{ref.Kind, object}
	if parent := job.BlueGreenParent(); parent != "" {
		return Job{}, fmt.Errorf("%s belongs to a blue/green deployment, and the operator would overwrite a change to it\nChange the parent: %s/%s", ref, BlueGreen.Singular, parent)
	}
	if job.IsSessionCluster() {
		err := c.explainSessionCluster(ctx, job)
		return Job{}, fmt.Errorf("%w\nA job that nobody manages is listed with: kubectl flink jobs %s -n %s", err, ref.Name, ref.Namespace)
	}
	if at := object.GetDeletionTimestamp(); at != nil {
		return Job{}, fmt.Errorf("%s is being deleted (since %s)", ref, at.UTC().Format("2006-01-02T15:04:05Z"))
	}
	return job, nil
}

// Manager is what keeps an object as it is written elsewhere.
type Manager struct {
	// Name is who it is: Argo CD, Flux, …
	Name string
	// Sign is the label or annotation that tells.
	Sign string
	// Reverts says that a change is changed back without anybody doing
	// anything; else only by the next release.
	Reverts bool
}

// ManagedBy is what manages a job's manifest; ok is false where nothing is
// seen to.
func (j Job) ManagedBy() (manager Manager, ok bool) {
	labels, annotations := j.Object.GetLabels(), j.Object.GetAnnotations()
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		switch sign := "annotation " + key + "=" + annotations[key]; {
		case strings.HasPrefix(key, "argocd.argoproj.io/"):
			return Manager{"Argo CD", sign, true}, true
		case key == "cmf.platform.confluent.io/managed-by":
			return Manager{"Confluent for Kubernetes", sign, true}, true
		}
	}
	if value := labels["argocd.argoproj.io/instance"]; value != "" {
		return Manager{"Argo CD", "label argocd.argoproj.io/instance=" + value, true}, true
	}
	for _, flux := range []struct{ label, name string }{
		{"kustomize.toolkit.fluxcd.io/name", "Flux (Kustomization)"}, {"helm.toolkit.fluxcd.io/name", "Flux (HelmRelease)"},
	} {
		if value := labels[flux.label]; value != "" {
			off := annotations["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled"
			return Manager{flux.name, "label " + flux.label + "=" + value, !off}, true
		}
	}
	if value := labels["app.kubernetes.io/managed-by"]; strings.HasPrefix(strings.ToLower(value), "cmf") || strings.Contains(strings.ToLower(value), "confluent-manager") {
		return Manager{"Confluent Manager for Apache Flink", "label app.kubernetes.io/managed-by=" + value, true}, true
	}
	for _, entry := range j.Object.GetManagedFields() {
		// The label app.kubernetes.io/instance alone, Argo CD's default sign,
		// is on the objects of every Helm chart, too.
		if strings.HasPrefix(entry.Manager, "argocd-") && entry.Subresource == "" {
			if value := labels["app.kubernetes.io/instance"]; value != "" {
				return Manager{"Argo CD", "label app.kubernetes.io/instance=" + value + ", written by " + entry.Manager, true}, true
			}
		}
	}
	if labels["app.kubernetes.io/managed-by"] == "Helm" {
		return Manager{"Helm", "label app.kubernetes.io/managed-by=Helm", false}, true
	}
	return Manager{}, false
}

// CheckManaged refuses, without options.Force, to change what something else
// would change back, and notes what a later release would. A dry run is refused
// like the real one, which it is to foretell.
func (c *Client) CheckManaged(job Job, options ChangeOptions, reporter Reporter) error {
	manager, ok := job.ManagedBy()
	if !ok {
		return nil
	}
	warning := fmt.Sprintf("%s is managed by %s (%s), which will change it back", job.Ref(), manager.Name, manager.Sign)
	switch {
	case !manager.Reverts:
		reporter.note("warning: %s is managed by %s (%s): its next release may undo this change", job.Ref(), manager.Name, manager.Sign)
	case options.Force:
		reporter.note("warning: %s", warning)
	default:
		return fmt.Errorf("%s\nMake the change where its manifest is kept, or suspend the sync and use --force", warning)
	}
	return nil
}

// StateChoice is how the user wants a job's state dealt with.
type StateChoice struct {
	// UpgradeMode is "" (as the spec says), savepoint or last-state.
	UpgradeMode string
	// LoseState allows that the job starts empty.
	LoseState bool
}

// Validate finds what is wrong with the choice alone.
func (s StateChoice) Validate() error {
	switch s.UpgradeMode {
	case "", "savepoint", "last-state":
	case "stateless":
		return exit.Usagef("--upgrade-mode: stateless loses the job's state; if that is wanted, use --lose-state")
	default:
		return exit.Usagef("--upgrade-mode: %q is not one of savepoint, last-state", s.UpgradeMode)
	}
	if s.UpgradeMode != "" && s.LoseState {
		return exit.Usagef("--upgrade-mode %s keeps the state and --lose-state doesn't: use one of them", s.UpgradeMode)
	}
	return nil
}

// KeepState is the part of a change that sees to the job's state: the fields to
// merge, and the upgrade mode that is then in force. A job whose upgradeMode is
// stateless is refused unless the user has chosen: the operator would throw its
// state away. verb is what is about to be done, for the message.
func (c *Client) KeepState(job Job, verb string, choice StateChoice) (fields map[string]any, mode string, err error) {
	mode = job.UpgradeMode()
	switch {
	case choice.LoseState:
		// The user wants to be rid of the state, whatever the mode.
		return map[string]any{"job": map[string]any{"upgradeMode": "stateless"}}, "stateless", nil
	case choice.UpgradeMode != "":
		return map[string]any{"job": map[string]any{"upgradeMode": choice.UpgradeMode}}, choice.UpgradeMode, nil
	case mode == "stateless":
		return nil, mode, fmt.Errorf("%s has upgradeMode stateless: to %s it would throw its state away\nKeep the state with --upgrade-mode savepoint (or last-state), which also stays set in the spec, or lose it with --lose-state", job.Ref(), verb)
	}
	return nil, mode, nil
}

// CheckDirectories refuses a change whose upgrade mode needs a directory that
// isn't configured: the operator would reject it. Where the configuration can't
// be read in full, the operator's word is awaited instead.
func (c *Client) CheckDirectories(ctx context.Context, job Job, mode string) error {
	if mode == "stateless" {
		return nil
	}
	cluster, err := c.runsIn(ctx, job)
	if err != nil {
		return err
	}
	config, known, err := c.EffectiveConfig(ctx, cluster)
	if err != nil {
		return err
	}
	own, _ := job.spec()["flinkConfiguration"].(map[string]any)
	maps.Copy(config, Flatten(own))
	checkpoints, checkpointKey := config.Get(checkpointDirKeys...)
	savepoints, savepointKey := config.Get(savepointDirKeys...)
	switch {
	case known && checkpoints == "":
		return fmt.Errorf("%s has no checkpoint directory, which upgradeMode %s needs: set %s in spec.flinkConfiguration (neither it nor %s is set)", job.Ref(), mode, checkpointDirKeys[0], checkpointDirKeys[1])
	case known && savepoints == "" && mode == "savepoint":
		return fmt.Errorf("%s has no savepoint directory, which upgradeMode savepoint needs: set %s in spec.flinkConfiguration (neither it nor %s is set), or keep the state by its last checkpoint (last-state)", job.Ref(), savepointDirKeys[0], savepointDirKeys[1])
	}
	// What a job leaves on its pods' disks goes with them.
	dir, key := savepoints, savepointKey
	if mode == "last-state" {
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

// runsIn is the FlinkDeployment whose Flink runs the job: itself, its session
// cluster, or the active child of a blue/green deployment.
func (c *Client) runsIn(ctx context.Context, job Job) (Job, error) {
	if job.Kind.Name == BlueGreen.Name {
		return c.activeChild(ctx, job)
	}
	return c.clusterOf(ctx, job)
}

// SavepointFormat is the part of a change that makes the operator take its
// savepoint in a format that the job can take, and a word on it; both empty
// where nothing needs to be set. The operator's own default, canonical, fails
// on Flink 2 for jobs with asynchronous state, and restarts them in a loop.
func (c *Client) SavepointFormat(ctx context.Context, job Job) (fields map[string]any, why string, err error) {
	cluster, err := c.clusterOf(ctx, job)
	if err != nil {
		return nil, "", err
	}
	format, _, err := ChooseFormat(job.Ref(), cluster, "auto", false)
	if err != nil || format != "NATIVE" {
		return nil, "", err
	}
	own, _ := job.spec()["flinkConfiguration"].(map[string]any)
	theirs, _ := cluster.spec()["flinkConfiguration"].(map[string]any)
	for _, config := range []map[string]any{own, theirs} {
		// CANONICAL in the spec is somebody's decision.
		if set, _ := Flatten(config).Get(formatKey); set != "" {
			return nil, "", nil
		}
	}
	why = fmt.Sprintf("%s: NATIVE is set in spec.flinkConfiguration and stays: on Flink %s the operator's canonical savepoints fail for jobs with asynchronous state", formatKey, dotted(cluster.FlinkVersion()))
	return map[string]any{"flinkConfiguration": map[string]any{formatKey: "NATIVE"}}, why, nil
}

// CheckRejected refuses a change to a spec that the operator rejects already,
// unless the change could be the correction.
func (c *Client) CheckRejected(job Job) error {
	failure := job.Failure()
	if observed := job.observedGeneration(); observed >= job.Object.GetGeneration() && observed > 0 {
		return nil
	}
	if !failure.Rejects() {
		return nil
	}
	return errors.New("the operator rejects the spec of " + job.Ref().String() + " and would ignore a change to it: " + failure.Root() + "\nCorrect the spec first: kubectl edit " + job.Kind.Singular + " " + job.Ref().Name + " -n " + job.Ref().Namespace)
}

// checkStart refuses a change that keeps the state of a job that can't start,
// because what it starts from isn't there. The operator carries out none: with
// high availability the job counts as ended, and is looked for for ever, and
// without there is no state that it could go on from.
func (c *Client) checkStart(ctx context.Context, job Job, mode string) error {
	if mode == "stateless" || job.State() == "RUNNING" || job.Wanted() != "running" || job.Kind.Name == SessionJob.Name || job.IsSessionCluster() {
		return nil
	}
	cluster, err := c.runsIn(ctx, job)
	if err != nil {
		return err
	}
	namespace := cluster.Object.GetNamespace()
	pods, err := c.Pods(ctx, namespace, cluster.Object.GetName())
	if err != nil {
		return nil //nolint:nilerr // the operator's word is awaited instead
	}
	for _, pod := range pods {
		if !pod.HasEnded() || pod.Ready && cluster.Failure().Root() != jobNotFound && cluster.JobManager() == "READY" {
			continue
		}
		if pod.Cause = c.crashCause(ctx, namespace, pod); pod.StartsInVain() {
			ref := job.Ref()
			return fmt.Errorf("%s was not changed: it can't start: %s\nThe operator carries out no change that would keep its state. Start it from state that is there: kubectl flink restore %s --from PATH --no-savepoint -n %s (what is saved: kubectl flink snapshot list -n %s)", ref, pod.Cause, ref, ref.Namespace, ref.Namespace)
		}
	}
	return nil
}

// mayWatch refuses a user who may list but not watch, who could start a change
// but not see its end. Where the question itself isn't answered, the watch will
// tell.
func (c *Client) mayWatch(ctx context.Context, ref Ref) error {
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
		ResourceAttributes: &authorizationv1.ResourceAttributes{Namespace: ref.Namespace, Verb: "watch", Group: Group, Resource: ref.Kind.Plural, Name: ref.Name},
	}}
	answer, err := c.core.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
	if err != nil || answer.Status.Allowed {
		return nil //nolint:nilerr // the watch itself will say
	}
	return apierrors.NewForbidden(ref.Kind.GVR().GroupResource(), ref.Name, errors.New("you may not watch it, so that the end of the change could not be seen; nothing was changed"))
}
