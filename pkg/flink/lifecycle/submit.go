package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// SubmitRequest is how a new job is to be created.
type SubmitRequest struct {
	// From is the state that it starts from: "latest", "none", a path, or the name
	// of a FlinkStateSnapshot; "" leaves that to the manifest.
	From string
	// ClaimMode is Claim, NoClaim or Legacy; "" leaves that to the manifest.
	ClaimMode string
	// AllowNonRestored starts also where a part of the state fits no operator
	// of the job.
	AllowNonRestored bool
	// NoWait returns as soon as the object exists.
	NoWait bool
	// DryRun is "", "client" or "server".
	DryRun string
	// Checked says that CheckSubmit has been asked.
	Checked bool
	// Finder is as in RestoreRequest.
	Finder StateFinder
	// Created is called with the object that was created before it is followed; nil
	// for nobody.
	Created func(context.Context, api.Job) error
	// coming are the jobs that are created with it.
	coming map[api.Ref]api.Job
}

// SubmitReport is the outcome of a submit.
type SubmitReport struct {
	Job api.Job
	// Running and Finished say what was seen of the job; both are false where
	// nobody waited.
	Running, Finished bool
	// Restored is the path that the JobManager restored the job's state from;
	// "" where none was wanted.
	Restored string
	// Took is the time from creation to running.
	Took time.Duration
}

// Submit creates a job's object and follows it until it runs.
func Submit(ctx context.Context, c *operator.Client, job api.Job, request SubmitRequest, reporter operator.Reporter) (SubmitReport, error) {
	report := SubmitReport{Job: job}
	ref := job.Ref()
	if !request.Checked {
		if err := prepare(ctx, c, job, request, reporter); err != nil {
			return report, err
		}
	}
	if request.DryRun == "client" {
		return report, nil
	}
	options := metav1.CreateOptions{FieldManager: operator.FieldManager}
	if request.DryRun == "server" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	created, err := c.Resource(ref.Kind, ref.Namespace).Create(ctx, job.Object, options)
	switch {
	case apierrors.IsAlreadyExists(err):
		return report, existsAlready(ref, err)
	case apierrors.IsNotFound(err):
		if missing := c.ExplainMissingKind(ctx, ref.Kind, err); missing != nil {
			err = missing
		}
		return report, err
	case err != nil && ctx.Err() != nil && request.DryRun == "":
		cause := context.Cause(ctx)
		return report, exit.With(exit.Code(cause), fmt.Errorf("%w: whether %s was created is not known\nSee with: kubectl get %s -n %s", cause, ref, ref, ref.Namespace))
	case err != nil:
		return report, err
	}
	report.Job = api.Job{Kind: ref.Kind, Object: created}
	if request.Created != nil && request.DryRun == "" {
		if err := request.Created(ctx, report.Job); err != nil {
			return report, err
		}
	}
	if request.DryRun != "" || request.NoWait {
		return report, nil
	}
	reporter.Notef("%s created", ref.Printed())
	if report.Job.Wanted() == api.WantSuspended {
		// The operator leaves it alone until it is to run.
		return report, nil
	}
	return followSubmitted(ctx, c, report, reporter)
}

// prepare checks what the operator would only tell later, or never.
func prepare(ctx context.Context, c *operator.Client, job api.Job, request SubmitRequest, reporter operator.Reporter) error {
	if err := CheckName(job.Kind, job.Object.GetName()); err != nil {
		return err
	}
	if request.From != "" || request.AllowNonRestored || request.ClaimMode != "" {
		if api.Section(job.Spec(), "job") == nil {
			return exit.Usagef("%s is a session cluster, which has no state to start from", job.Ref())
		}
	}
	if err := startFrom(ctx, c, job, request.From, request.Finder, reporter); err != nil {
		return err
	}
	if request.AllowNonRestored {
		if err := job.Set(true, "job", "allowNonRestoredState"); err != nil {
			return err
		}
	}
	if request.ClaimMode != "" {
		version := job.FlinkVersion()
		if cluster, comes := request.coming[clusterRef(job)]; comes {
			version = cluster.FlinkVersion()
		} else if job.Kind.Name == api.SessionJob.Name {
			version = runsFlink(ctx, c, job)
		}
		claim, err := claimFields(job, version, request.ClaimMode)
		if err != nil {
			return err
		}
		config, _ := claim["flinkConfiguration"].(map[string]any)
		patched := job.Patched(map[string]any{"flinkConfiguration": config})
		if err := job.Set(patched.Spec()["flinkConfiguration"], "flinkConfiguration"); err != nil {
			return err
		}
	}
	if request.DryRun == "client" {
		if err := checkNew(ctx, c, job.Ref(), reporter); err != nil {
			return err
		}
	}
	if job.Kind.Name != api.SessionJob.Name {
		return nil
	}
	if cluster, comes := request.coming[clusterRef(job)]; comes {
		if !cluster.IsSessionCluster() {
			return exit.Usagef("%s runs a job of its own: %s can't run in it", cluster.Ref(), job.Ref())
		}
		return nil
	}
	err := checkSessionCluster(ctx, c, job, reporter)
	if err != nil && request.DryRun == "client" && isUnreachable(err) {
		return nil // which has been said
	}
	return err
}

func existsAlready(ref api.Ref, err error) error {
	return operator.WithHint(err, fmt.Sprintf("\nTo change it: kubectl flink upgrade %s -n %s", ref, ref.Namespace))
}

// checkNew has a dry run on the client refuse what is there already, as the real
// run would.
func checkNew(ctx context.Context, c *operator.Client, ref api.Ref, reporter operator.Reporter) error {
	_, err := c.Resource(ref.Kind, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case err == nil:
		return existsAlready(ref, apierrors.NewAlreadyExists(ref.Kind.GVR().GroupResource(), ref.Name))
	case apierrors.IsNotFound(err):
		if missing := c.ExplainMissingKind(ctx, ref.Kind, err); missing != nil && !errors.Is(missing, err) {
			return missing
		}
	case isUnreachable(err):
		reporter.Notef("%s: what is in the cluster was not checked: %v", ref, err)
	}
	return nil
}

// isUnreachable reports whether err says that the API server wasn't there to
// answer.
func isUnreachable(err error) bool {
	var network *url.Error
	return errors.As(err, &network)
}

// checkSessionCluster refuses a session job without a cluster to run in: the
// operator would never write it a status.
func checkSessionCluster(ctx context.Context, c *operator.Client, job api.Job, reporter operator.Reporter) error {
	name, namespace := job.SessionCluster(), job.Object.GetNamespace()
	if name == "" {
		return exit.Usagef("%s names no session cluster (spec.deploymentName)", job.Ref())
	}
	object, err := c.Get(ctx, api.Ref{Kind: api.Deployment, Namespace: namespace, Name: name})
	switch {
	case apierrors.IsForbidden(err):
		return nil
	case apierrors.IsNotFound(err):
		return fmt.Errorf("the session cluster of %s: %w%s", job.Ref(), err, sessionClusters(ctx, c, namespace))
	case err != nil:
		return err
	}
	cluster := api.Job{Kind: api.Deployment, Object: object}
	switch {
	case !cluster.IsSessionCluster():
		return fmt.Errorf("%s runs a job of its own: no session job can run in it%s", cluster.Ref(), sessionClusters(ctx, c, namespace))
	case object.GetDeletionTimestamp() != nil:
		return fmt.Errorf("%s is being deleted: no job can run in it", cluster.Ref())
	case cluster.JobManager() != api.JobManagerReady:
		reporter.Notef("%s: its JobManager is %s; the job is submitted when it is READY", cluster.Ref(), cmp.Or(cluster.JobManager(), "not deployed yet"))
	}
	return nil
}

// sessionClusters says which session clusters a namespace has.
func sessionClusters(ctx context.Context, c *operator.Client, namespace string) string {
	objects, err := c.List(ctx, api.Deployment, namespace, metav1.ListOptions{})
	if err != nil {
		return ""
	}
	var names []string
	for i := range objects {
		if cluster := (api.Job{Kind: api.Deployment, Object: &objects[i]}); cluster.IsSessionCluster() {
			names = append(names, cluster.Object.GetName())
		}
	}
	if len(names) == 0 {
		return "\nNamespace " + namespace + " has no session cluster: a FlinkDeployment without spec.job is one"
	}
	return "\nSession clusters in namespace " + namespace + ": " + strings.Join(names, ", ")
}

func followSubmitted(ctx context.Context, c *operator.Client, report SubmitReport, reporter operator.Reporter) (SubmitReport, error) {
	began := time.Now()
	ref := report.Job.Ref()
	start := Start{Ref: ref, Since: operator.CreatedAt(report.Job.Object, began)}
	if report.Job.IsSessionCluster() {
		start.Done = func(j api.Job) bool { return j.JobManager() == api.JobManagerReady && j.IsReconciled() }
	}
	job, err := AwaitRunning(ctx, c, start, reporter)
	if job.Object != nil {
		report.Job = job
	}
	report.Took = time.Since(began)
	if err != nil {
		return report, err
	}
	report.Finished = job.State() == api.JobFinished
	report.Running = !report.Finished
	wanted := api.Text(job.Spec(), "job", "initialSavepointPath")
	if wanted == "" || report.Finished {
		return report, nil
	}
	report.Restored, err = change.ProveRestored(ctx, c, job, wanted, reporter)
	return report, err
}
