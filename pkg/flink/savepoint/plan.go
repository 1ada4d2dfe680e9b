package savepoint

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// plan is a savepoint whose preconditions hold.
type plan struct {
	request Request
	job     api.Job
	// target is the object that the operator takes the savepoint of: the
	// job itself, or the active child of a blue/green deployment.
	target    api.Job
	method    Method
	format    string
	formatWhy string
	path      string
	// hasSnapshots says that the API server serves FlinkStateSnapshot.
	hasSnapshots bool
	// adopts says that the savepoint at path exists already.
	adopts bool
	// running is the savepoint in progress that is to be followed.
	running *api.Snapshot
	// known are the snapshots that existed before.
	known map[string]bool
	now   func() time.Time
}

func planSavepoint(ctx context.Context, c *operator.Client, ref api.Ref, request Request, reporter operator.Reporter) (*plan, error) {
	p := &plan{request: request, now: time.Now}
	object, err := c.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	p.job = api.Job{Kind: ref.Kind, Object: object}
	p.target = p.job
	if p.hasSnapshots, err = ServesSnapshots(ctx, c, ref.Namespace, request.Method); err != nil {
		return nil, err
	}
	if err := p.chooseMethod(); err != nil {
		return nil, err
	}
	if parent := p.job.BlueGreenParent(); p.method == Nonce && parent != "" {
		return nil, exit.Usagef("--method nonce would patch %s, which the operator owns on behalf of %s/%s; it needs FlinkStateSnapshot (operator 1.10 or newer)", p.job.Ref(), api.BlueGreen.Singular, parent)
	}
	if ref.Kind.Name == api.BlueGreen.Name {
		if p.target, err = c.ActiveChild(ctx, p.job); err != nil {
			return nil, err
		}
	}
	if err := checkRunning(ctx, c, p); err != nil {
		return nil, err
	}
	cluster, err := c.ClusterOf(ctx, p.target)
	if err != nil {
		return nil, err
	}
	if request.Follow {
		// Format and directory were settled when it was asked for.
		return p, checkNoneInProgress(ctx, c, p, reporter)
	}
	if err := p.checkNotRejected(); err != nil {
		return nil, err
	}
	if request.Checkpoint != "" {
		if err := p.checkCheckpoint(cluster); err != nil {
			return nil, err
		}
		warnOfPodDisk(ctx, c, p.job, cluster, reporter)
		return p, checkNoneInProgress(ctx, c, p, reporter)
	}
	if err := p.chooseFormat(cluster); err != nil {
		return nil, err
	}
	if err := p.checkNonceFormat(cluster); err != nil {
		return nil, err
	}
	if err := checkDirectory(ctx, c, p, cluster); err != nil {
		return nil, err
	}
	return p, checkNoneInProgress(ctx, c, p, reporter)
}

// ServesSnapshots reports whether the API server serves FlinkStateSnapshot.
// Who may not ask what it serves finds out by listing them; where that is
// forbidden too, a method that the user has chosen is believed.
func ServesSnapshots(ctx context.Context, c *operator.Client, namespace string, method Method) (bool, error) {
	served, err := c.Serves(ctx, api.StateSnap)
	if !apierrors.IsForbidden(err) {
		return served, err
	}
	_, listErr := c.Resource(api.StateSnap, namespace).List(ctx, metav1.ListOptions{Limit: 1})
	switch {
	case apierrors.IsNotFound(listErr):
		return false, nil
	case listErr == nil, apierrors.IsForbidden(listErr) && (method == Resource || method == Nonce):
		return true, nil
	case apierrors.IsForbidden(listErr):
		return false, err
	}
	return false, listErr
}

func (p *plan) chooseMethod() error {
	p.method = p.request.Method
	if p.method == Auto || p.method == "" {
		p.method = Nonce
		if p.hasSnapshots {
			p.method = Resource
		}
	}
	switch {
	case p.method == Resource && !p.hasSnapshots:
		return errors.New("this cluster has no FlinkStateSnapshot (it came with operator 1.10): use --method nonce")
	case p.method == Nonce && p.job.Kind.Name == api.BlueGreen.Name:
		return exit.Usagef("--method nonce would patch a child of %s, which the operator owns; a FlinkBlueGreenDeployment needs FlinkStateSnapshot (operator 1.10 or newer)", p.job.Ref())
	case p.method == Nonce && p.request.Method != Nonce:
		// Chosen for the user: what it can't carry must not be dropped in silence.
		if flag := p.request.beyondNonce(); flag != "" {
			return exit.Usagef("%s needs FlinkStateSnapshot (operator 1.10 or newer), which this cluster doesn't have", flag)
		}
	}
	return nil
}

// checkRunning refuses a job of which no savepoint can be taken: the operator
// would abandon it.
func checkRunning(ctx context.Context, c *operator.Client, p *plan) error {
	if p.target.IsSessionCluster() {
		return c.ExplainSessionCluster(ctx, p.target)
	}
	if p.target.IsRunning() {
		return checkFront(ctx, c, p)
	}
	message := fmt.Sprintf("%s is not RUNNING, so no %s can be taken: %s", p.target.Ref(), p.request.noun(), p.target.Describe(p.now()))
	if failure := p.target.Failure(); !failure.IsZero() {
		message += "\nThe operator says: " + failure.Root()
	}
	if strings.HasPrefix(p.target.Lifecycle(), api.LifecycleSuspended) {
		message += "\nIts last state is kept: see status.jobStatus.upgradeSavepointPath of the object"
	}
	return errors.New(message)
}

func (p *plan) chooseFormat(cluster api.Job) (err error) {
	if p.method != Nonce {
		p.format, p.formatWhy, err = api.ChooseFormat(p.job.Ref(), cluster, p.request.Format, p.request.Force)
	}
	return err
}

// checkNonceFormat refuses a nonce that would make the operator take a
// canonical savepoint where that may break the job.
func (p *plan) checkNonceFormat(cluster api.Job) error {
	version := cluster.FlinkVersion()
	if p.method != Nonce || p.request.Force || !strings.HasPrefix(version, "v2_") {
		return nil
	}
	for _, job := range []api.Job{p.target, cluster} {
		own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
		if format, _ := api.Flatten(own).Get(api.FormatKey); strings.EqualFold(format, "NATIVE") {
			return nil
		}
	}
	return fmt.Errorf("%s runs Flink %s, where the canonical savepoint that the operator takes for a nonce fails for a job with asynchronous state and restarts the job\nSet %s: NATIVE in spec.flinkConfiguration first, or use --force if the job is known to take it", p.job.Ref(), api.Dotted(version), api.FormatKey)
}

// checkNotRejected refuses a nonce in a spec that the operator ignores.
func (p *plan) checkNotRejected() error {
	failure := p.target.Failure()
	if p.method != Nonce || !failure.Rejects() {
		return nil
	}
	message := fmt.Sprintf("the operator rejects the spec of %s and would ignore a nonce in it: %s\nCorrect the spec first", p.job.Ref(), failure.Root())
	if p.hasSnapshots {
		message += ", or use --method resource"
	}
	return errors.New(message)
}

// freshPending is how long a snapshot that nothing has happened to may still
// be about to start. Older ones are stuck, and no reason to refuse.
const freshPending = time.Minute

// checkNoneInProgress refuses a second savepoint beside a running one, or
// finds the one to follow.
func checkNoneInProgress(ctx context.Context, c *operator.Client, p *plan, reporter operator.Reporter) error {
	found, err := inProgress(ctx, c, p)
	if apierrors.IsForbidden(err) && p.request.NoWait {
		reporter.Notef("%s: whether a %s is in progress can't be seen with your permissions (list %s.%s)", p.job.Ref(), p.request.noun(), api.StateSnap.Plural, api.Group)
		return nil
	}
	if err != nil {
		return err
	}
	switch {
	case p.request.Follow && found == "":
		return fmt.Errorf("%s has no %s in progress that --follow could take part in", p.job.Ref(), p.request.noun())
	case found != "" && !p.request.Follow:
		return fmt.Errorf("%s has a %s in progress already: %s\nWait for that one with --follow", p.job.Ref(), p.request.noun(), found)
	}
	return nil
}

func inProgress(ctx context.Context, c *operator.Client, p *plan) (string, error) {
	if trigger := api.Text(p.target.Object.Object, "status", "jobStatus", p.request.infoField(), "triggerId"); trigger != "" {
		if p.request.Follow && p.method == Resource {
			// No resource stands for it, so its end shows in the job only.
			p.method = Nonce
		}
		return "trigger " + trigger, nil
	}
	if !p.hasSnapshots {
		return "", nil
	}
	snapshots, err := c.List(ctx, api.StateSnap, p.target.Object.GetNamespace(), metav1.ListOptions{})
	if err != nil {
		return "", fmt.Errorf("look for %ss in progress: %w", p.request.noun(), err)
	}
	p.known = make(map[string]bool, len(snapshots))
	for i := range snapshots {
		s := api.Snapshot{Object: &snapshots[i]}
		p.known[s.Name()] = true
		if s.IsSavepoint() != (p.request.Checkpoint == "") || !s.Refers(p.target.Ref()) {
			continue
		}
		// Whoever asks to follow may also follow one that is stuck.
		counts := p.request.Follow || p.now().Sub(s.Object.GetCreationTimestamp().Time) < freshPending
		switch state := s.State(); {
		case state == api.SnapshotInProgress:
			p.running = &s
			return api.StateSnap.Singular + "/" + s.Name(), nil
		case counts && (state == "" || state == api.SnapshotPending):
			p.running = &s
		}
	}
	if p.running != nil {
		return api.StateSnap.Singular + "/" + p.running.Name(), nil
	}
	return "", nil
}

// manifest is the FlinkStateSnapshot that asks for it.
func (p *plan) manifest() *unstructured.Unstructured {
	name := p.request.Name
	if name == "" {
		how := "manual"
		if p.adopts {
			how = "adopted"
		}
		name = fmt.Sprintf("%s-%s-%s-%d", p.target.Object.GetName(), p.request.noun(), how, p.now().UnixMilli())
	}
	savepoint := map[string]any{
		"formatType": p.format,
		// The operator's default is true: deleting the object would delete the data.
		"disposeOnDelete": p.request.DisposeOnDelete,
	}
	if p.path != "" {
		savepoint["path"] = p.path
	}
	if p.adopts {
		savepoint["alreadyExists"] = true
	}
	taken := map[string]any{"savepoint": savepoint}
	if p.request.Checkpoint != "" {
		taken = map[string]any{"checkpoint": map[string]any{}}
	}
	labels := map[string]string{
		api.LabelJobKind: p.target.Kind.Name,
		api.LabelJobName: p.target.Object.GetName(),
		api.LabelTrigger: "MANUAL",
	}
	maps.Copy(labels, p.request.Labels)
	u := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": api.Group + "/" + api.Version,
		"kind":       api.StateSnap.Name,
		"spec": map[string]any{
			// The default, -1, means "no retry" up to operator 1.15 and
			// "retry for ever" from 1.16 on; an explicit number means the same
			// everywhere.
			"backoffLimit": p.request.Retries,
			"jobReference": map[string]any{"kind": p.target.Kind.Name, "name": p.target.Object.GetName()},
		},
	}}
	maps.Copy(api.Section(u.Object, "spec"), taken)
	u.SetName(name)
	u.SetNamespace(p.target.Object.GetNamespace())
	u.SetLabels(labels)
	return u
}

func (p *plan) report() Report {
	return Report{Job: p.job.Ref(), Method: p.method, Format: p.format, FormatWhy: p.formatWhy, JobID: p.target.JobID(), Checkpoint: p.request.Checkpoint != ""}
}
