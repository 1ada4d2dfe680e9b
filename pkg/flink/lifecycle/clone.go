package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// The words for --from that are neither a snapshot nor a path.
const (
	fromLatest = "latest"
	fromNone   = "none"
)

// CloneRequest is how a job is to be copied.
type CloneRequest struct {
	// Name and Namespace are the copy's.
	Name, Namespace string
	// Elsewhere says that the copy goes to another cluster.
	Elsewhere bool
	// From is a FlinkStateSnapshot of the source, a path, "latest" or "none"
	// (no state); "" is a fresh savepoint where the source runs, else the state
	// that it was suspended with.
	From string
	// SuspendSource stops the source with the savepoint that the copy starts
	// from.
	SuspendSource bool
	// Force goes on where the copy doesn't seem to have what it needs.
	Force bool
	// ClaimMode is as in RestoreRequest, for the copy.
	ClaimMode string
	// AllowNonRestored, NoWait and DryRun are as in SubmitRequest.
	AllowNonRestored, NoWait bool
	DryRun                   string
	// Look is as in change.Options.
	Look func(ctx context.Context, p change.Prospect) error
}

// CloneReport is the outcome of a clone.
type CloneReport struct {
	Source api.Ref
	// From is the state that the copy starts from; "" for none.
	From string
	// Suspended says that the source was.
	Suspended bool
	SubmitReport
}

// Validate finds what is wrong with the request alone.
func (r CloneRequest) Validate(source api.Ref) error {
	if err := CheckName(source.Kind, r.Name); err != nil {
		return err
	}
	if r.From != "" {
		if err := CheckFrom(r.From); err != nil {
			return err
		}
	}
	if err := CheckClaimMode(r.ClaimMode); err != nil {
		return err
	}
	switch {
	case r.From == fromNone && r.ClaimMode != "":
		return exit.Usagef("--claim-mode says something about a state, and --from none has none")
	case r.From != "" && r.SuspendSource:
		return exit.Usagef("--suspend-source starts the clone from the savepoint that the source stops with; leave out --from")
	case r.From == fromNone && r.AllowNonRestored:
		return exit.Usagef("--allow-non-restored-state says something about a state, and --from none has none")
	case !r.Elsewhere && r.Name == source.Name && r.Namespace == source.Namespace:
		return exit.Usagef("the clone would be %s itself: give another name, --to-namespace or --to-context", source)
	}
	return nil
}

// Clone copies a job of c to the cluster of target, which may be the same, and
// starts the copy from the job's state. The job itself is never deleted.
func Clone(ctx context.Context, c *operator.Client, ref api.Ref, target *operator.Client, request CloneRequest, reporter operator.Reporter) (report CloneReport, err error) {
	report = CloneReport{Source: ref}
	reporter.Waitingf("%s: checking the job", ref)
	object, err := c.Get(ctx, ref)
	if err != nil {
		return report, err
	}
	source := api.Job{Kind: ref.Kind, Object: object}
	if parent := source.BlueGreenParent(); parent != "" {
		return report, fmt.Errorf("%s belongs to %s/%s: clone that one", ref, api.BlueGreen.Singular, parent)
	}
	fresh := source.Fresh()
	fresh.Object.SetName(request.Name)
	fresh.Object.SetNamespace(request.Namespace)
	report.Job = fresh
	if source.IsSessionCluster() {
		if request.SuspendSource || request.From != "" || request.ClaimMode != "" {
			return report, exit.Usagef("%s is a session cluster, which has no state; leave out --from, --claim-mode and --suspend-source", ref)
		}
		request.From = fromNone
	}
	if request.ClaimMode != "" {
		claim, err := claimFields(fresh, runsFlink(ctx, c, source), request.ClaimMode)
		if err != nil {
			return report, err
		}
		fresh = fresh.Patched(claim)
		report.Job = fresh
	}
	known, err := stateFor(ctx, c, source, request, reporter)
	if err != nil {
		return report, err
	}
	if err := checkTarget(ctx, c, source, fresh, target, request, known, reporter); err != nil {
		return report, err
	}
	if request.Look != nil && !source.IsSessionCluster() {
		if err := request.Look(ctx, cloneProspect(ctx, c, source, fresh, request, known)); err != nil {
			return report, err
		}
	}
	// What the API server would refuse is to be known before the source is
	// touched.
	if request.DryRun != "client" {
		_, err := target.Resource(ref.Kind, request.Namespace).Create(ctx, fresh.Object.DeepCopy(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldManager: operator.FieldManager})
		if err != nil {
			return report, fmt.Errorf("the clone: %w", err)
		}
	}
	report.From = known
	if request.DryRun == "" && known == "" && request.From != fromNone {
		if report.From, err = saveForClone(ctx, c, source, request, &report, reporter); err != nil {
			return report, err
		}
	}
	if report.From == "" && request.DryRun != "" && request.From != fromNone {
		reporter.Notef("%s would start from a savepoint of %s taken then", fresh.Ref(), ref)
	}
	report.SubmitReport, err = Submit(ctx, target, fresh, SubmitRequest{
		From: report.From, AllowNonRestored: request.AllowNonRestored, NoWait: request.NoWait, DryRun: request.DryRun,
	}, reporter)
	if err != nil && report.Suspended {
		err = fmt.Errorf("%w\n%s is suspended with %s; go on with it: kubectl flink resume %s -n %s", err, ref, report.From, ref, ref.Namespace)
	}
	return report, err
}

// stateFor is the state that the copy starts from, as far as that is there
// already; "" where a savepoint is to be taken, or none is wanted.
func stateFor(ctx context.Context, c *operator.Client, source api.Job, request CloneRequest, reporter operator.Reporter) (string, error) {
	runs := source.IsRunning() || source.Kind.Name == api.BlueGreen.Name && source.Wanted() == api.WantRunning
	switch from := request.From; {
	case request.SuspendSource, from == fromNone:
		return "", nil
	case from == "" && source.Wanted() == api.WantRunning && runs:
		return "", nil
	case from == "" || from == fromLatest:
		if source.IsStopped() {
			// By its last checkpoint, too, which the status doesn't name.
			if left, why := leftState(ctx, c, source, nil); why == "" && left.Path != "" {
				return left.Path, nil
			}
		}
		states, err := savepoint.LastStates(ctx, c, source, reporter)
		if err != nil {
			return "", err
		}
		if runs {
			if states = lasting(source, states); len(states) == 0 {
				reporter.Notef("nothing is saved of %s but checkpoints, which Flink deletes while it goes on: a savepoint is taken", source.Ref())
				return "", nil
			}
			reporter.Notef("%s runs: its checkpoints are left out, because Flink deletes them while it goes on", source.Ref())
		}
		if len(states) > 0 && (from == fromLatest || states[0].Final) {
			return states[0].Path, nil
		}
		if nothing, _ := source.NothingToLose(); nothing && from == "" {
			return "", fmt.Errorf("%s has no state that a clone could start from: %s\nStart the clone empty with --from none", source.Ref(), source.Describe(time.Now()))
		}
		message := fmt.Sprintf("%s is not RUNNING, so no savepoint can be taken for the clone: %s", source.Ref(), source.Describe(time.Now()))
		if len(states) > 0 {
			return "", errors.New(message + fmt.Sprintf("\nIts newest state is %s %s: use it with --from latest", states[0].Kind(), states[0].Path))
		}
		return "", errors.New(message + "\nNo state of it is known; name one with --from, or start the clone empty with --from none")
	case isPath(from):
		if runs && api.IsCheckpointPath(from) && source.JobID() != "" && strings.Contains(from, source.JobID()) {
			reporter.Notef("%s is a checkpoint of a job that runs: Flink deletes it as soon as there is a newer one", from)
		}
		return cleanPath(from), nil
	}
	found, err := namedSource(ctx, c, source.Ref(), request.From)
	return found.Path, err
}

// lasting are the states of a job that goes on which stay meanwhile.
func lasting(job api.Job, states []savepoint.LastState) []savepoint.LastState {
	var out []savepoint.LastState
	for _, s := range states {
		if s.Savepoint || api.SamePath(s.Path, job.UpgradePath()) {
			out = append(out, s)
		}
	}
	return out
}

// saveForClone takes the savepoint that the copy starts from.
func saveForClone(ctx context.Context, c *operator.Client, source api.Job, request CloneRequest, report *CloneReport, reporter operator.Reporter) (string, error) {
	if request.SuspendSource {
		suspended, err := Suspend(ctx, c, source.Ref(), SuspendRequest{Mode: api.UpgradeSavepoint, Did: "suspended", Options: change.Options{Force: request.Force}}, reporter)
		if err != nil {
			return "", fmt.Errorf("%w\nNothing was cloned", err)
		}
		report.Suspended = true
		if suspended.Left.Path == "" {
			return "", fmt.Errorf("%s was suspended, but where its state is isn't known\nGo on with it: kubectl flink resume %s -n %s", source.Ref(), source.Ref(), source.Ref().Namespace)
		}
		reporter.Notef("%s suspended with savepoint %s", source.Ref().Printed(), suspended.Left.Path)
		return suspended.Left.Path, nil
	}
	saved, err := savepoint.Take(ctx, c, source.Ref(), savepoint.Request{Method: savepoint.Auto, Format: "auto"}, reporter)
	if err != nil {
		return "", fmt.Errorf("%w\nNothing was cloned", err)
	}
	reporter.Notef("savepoint completed: %s", saved.Path)
	return saved.Path, nil
}

// checkTarget refuses a copy that couldn't start where it is to go.
func checkTarget(ctx context.Context, c *operator.Client, source, fresh api.Job, target *operator.Client, request CloneRequest, from string, reporter operator.Reporter) error {
	namespace := request.Namespace
	away := request.Elsewhere || namespace != source.Object.GetNamespace()
	if _, err := target.Core().CoreV1().Namespaces().Get(ctx, namespace, metav1.GetOptions{}); apierrors.IsNotFound(err) {
		return fmt.Errorf("there is no namespace %s for the clone: create it, with the service account and permissions that Flink's pods need", namespace)
	}
	if served, err := target.Serves(ctx, fresh.Kind); err == nil && !served {
		return fmt.Errorf("the clone's cluster has no %s", fresh.Kind.Name)
	} else if errors.Is(err, operator.ErrNotInstalled) {
		return fmt.Errorf("the clone's cluster: %w", err)
	}
	var missing []string
	if away {
		missing = MissingReferences(ctx, target, namespace, References(fresh.Spec()))
	}
	cluster, err := c.ClusterOf(ctx, source)
	if err != nil {
		return err
	}
	if request.From != fromNone {
		stop, warn := storageOf(ctx, c, source, cluster, request, from)
		missing = append(missing, stop...)
		for _, w := range warn {
			reporter.Notef("check: %s", w)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	text := "the clone would not start:\n  " + strings.Join(missing, "\n  ")
	if request.Force {
		reporter.Notef("warning: %s", text)
		return nil
	}
	return errors.New(text + "\nPut that right, or use --force to clone all the same")
}
