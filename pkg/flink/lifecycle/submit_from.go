package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// CheckFrom finds what is wrong with a --from alone: it is latest, none, a path,
// or the name of a FlinkStateSnapshot.
func CheckFrom(from string) error {
	switch {
	case from == fromLatest || from == fromNone:
		return nil
	case isPath(from):
		if err := api.CheckPathAsked(from); err != nil {
			return exit.Usagef("--from: %w", err)
		}
		if scheme, rest, found := strings.Cut(from, ":"); strings.Trim(strings.TrimSuffix(cmp.Or(rest, scheme), "_metadata"), "/") == "" && (found || rest == "") {
			return exit.Usagef("--from: %q is the root of a filesystem; give the directory of a savepoint or checkpoint", from)
		}
		return nil
	case from == "":
		return exit.Usagef("--from: it is empty; give latest, none, a path (s3://…, /…), or the name of a FlinkStateSnapshot")
	}
	if _, err := operator.ParseRef(from, "", api.StateSnap); err != nil || strings.ContainsAny(from, ": \t\n") {
		return exit.Usagef("--from: %q is neither latest, nor none, nor a path (s3://…, /…), nor the name of a FlinkStateSnapshot", from)
	}
	return nil
}

// cleanPath is the path of a savepoint or checkpoint as Flink takes it: its
// directory.
func cleanPath(path string) string {
	return strings.TrimSuffix(strings.TrimRight(path, "/"), "/_metadata")
}

// startFrom writes into a new job's spec what it is to start from.
func startFrom(ctx context.Context, c *operator.Client, job api.Job, from string, finder StateFinder, reporter operator.Reporter) error {
	ref := job.Ref()
	var source Source
	switch {
	case from == "":
		return nil
	case from == fromNone:
		if path := job.InitialPath(); path != "" {
			reporter.Notef("%s: it starts empty; spec.job.initialSavepointPath %s of its manifest is left out", ref, path)
		}
		unstructured.RemoveNestedField(job.Spec(), "job", "initialSavepointPath")
		return nil
	case isPath(from):
		source.Path = cleanPath(from)
	case from == fromLatest:
		inventory, err := savepoint.InventoryOf(ctx, c, ref.Namespace, "")
		if err != nil {
			return fmt.Errorf("--from: look for what is saved of %s: %w\nNothing was created", ref, err)
		}
		source, err = latest(job, inventory, api.FlinkState{}, reporter)
		if finder != nil && (err == nil || errors.Is(err, errNothingSaved)) {
			source, err = findState(ctx, c, job, source, finder, false, reporter)
		}
		if err != nil {
			return fmt.Errorf("--from: %w\nNothing was created", err)
		}
	default:
		var err error
		if source, err = namedSource(ctx, c, ref, from); err != nil {
			if exit.Code(err) == exit.Usage {
				return err
			}
			return fmt.Errorf("%w\nNothing was created", err)
		}
		if source.Of.Name != "" && !isOwn(job, source.Of) {
			reporter.Notef("%s: %s is of another job, %s", ref, api.StateSnap.Singular+"/"+source.Snapshot, source.Of)
		}
	}
	if job.Kind.Name == api.Deployment.Name {
		if place := c.StatePlace(ctx, job, source.Path); !place.Lasts() {
			return fmt.Errorf("--from: the pods of %s wouldn't see %s: it %s\nNothing was created", ref, source.Path, place.Why)
		}
	}
	if !isPath(from) {
		reporter.Notef("%s: it starts from %s", ref, source)
	}
	return job.Set(source.Path, "job", "initialSavepointPath")
}

// InOrder puts each session cluster before the session jobs that run in it;
// otherwise jobs keep their order. A job that is there twice is an error.
func InOrder(jobs []api.Job) ([]api.Job, error) {
	at := map[api.Ref]api.Job{}
	for _, job := range jobs {
		if _, twice := at[job.Ref()]; twice {
			return nil, exit.Usagef("--filename: %s in namespace %s is there twice", job.Ref(), job.Ref().Namespace)
		}
		at[job.Ref()] = job
	}
	var out []api.Job
	placed := map[api.Ref]bool{}
	place := func(job api.Job) {
		if !placed[job.Ref()] {
			placed[job.Ref()] = true
			out = append(out, job)
		}
	}
	for _, job := range jobs {
		if cluster, there := at[clusterRef(job)]; there {
			place(cluster)
		}
		place(job)
	}
	return out, nil
}

// clusterRef is the FlinkDeployment that a session job runs in; the zero Ref for
// other jobs.
func clusterRef(job api.Job) api.Ref {
	if job.Kind.Name != api.SessionJob.Name {
		return api.Ref{}
	}
	return api.Ref{Kind: api.Deployment, Namespace: job.Object.GetNamespace(), Name: job.SessionCluster()}
}

// CheckSubmit refuses, before the first of them is created, jobs of which one
// can't be. It writes into each what it starts from.
func CheckSubmit(ctx context.Context, c *operator.Client, jobs []api.Job, request SubmitRequest, reporter operator.Reporter) error {
	request.coming = map[api.Ref]api.Job{}
	for _, job := range jobs {
		request.coming[job.Ref()] = job
	}
	for _, job := range jobs {
		request := request
		if job.IsSessionCluster() && len(jobs) > 1 {
			request.From, request.AllowNonRestored, request.ClaimMode = "", false, "" // they are of the job in it
		}
		if err := prepare(ctx, c, job, request, reporter); err != nil {
			return err
		}
	}
	return nil
}
