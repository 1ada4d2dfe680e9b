package savepoint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// AdoptRequest is a savepoint that exists and gets a FlinkStateSnapshot.
type AdoptRequest struct {
	Path string
	// Name of the object; "" makes one of the job's name.
	Name string
	// Format is CANONICAL, NATIVE or UNKNOWN.
	Format string
	Labels map[string]string
	NoWait bool
	// DryRun is "", "client" or "server".
	DryRun string
}

// Validate finds what is wrong with the request alone.
func (r AdoptRequest) Validate() error {
	if err := api.CheckPathAsked(r.Path); err != nil {
		return exit.Usagef("PATH: %w", err)
	}
	switch r.Format {
	case "CANONICAL", "NATIVE", "UNKNOWN":
	default:
		return exit.Usagef("--format: %q is not one of canonical, native, unknown", strings.ToLower(r.Format))
	}
	switch r.DryRun {
	case "", "client", "server":
	default:
		return exit.Usagef("--dry-run: %q is not one of none, client, server", r.DryRun)
	}
	return nil
}

// Adopt registers a savepoint that exists as a FlinkStateSnapshot of the job
// ref. Its data stays when that object is deleted. Nobody looks whether there
// is a savepoint at the path.
func Adopt(ctx context.Context, c *operator.Client, ref api.Ref, request AdoptRequest, reporter operator.Reporter) (Report, error) {
	report := Report{Job: ref}
	object, err := c.Get(ctx, ref)
	if err != nil {
		return report, err
	}
	path := strings.TrimSuffix(strings.TrimSuffix(request.Path, "/"), "/_metadata")
	p := &plan{
		job: api.Job{Kind: ref.Kind, Object: object}, method: Resource, format: request.Format, path: path, now: time.Now, adopts: true,
		request: Request{Name: request.Name, Labels: request.Labels, NoWait: request.NoWait, DryRun: request.DryRun},
	}
	p.target = p.job
	if p.hasSnapshots, err = ServesSnapshots(ctx, c, ref.Namespace, Resource); err != nil {
		return report, err
	}
	if !p.hasSnapshots {
		return report, errors.New("this cluster has no FlinkStateSnapshot (it came with operator 1.10): there is nothing that could register a savepoint. Restore from its path directly")
	}
	if p.job.IsSessionCluster() {
		return report, c.ExplainSessionCluster(ctx, p.job)
	}
	if ref.Kind.Name == api.BlueGreen.Name {
		if p.target, err = c.ActiveChild(ctx, p.job); err != nil {
			return report, err
		}
	}
	cluster, err := c.ClusterOf(ctx, p.target)
	if err != nil {
		return report, err
	}
	if place := c.StatePlace(ctx, cluster, path); !place.Lasts() {
		return report, fmt.Errorf("PATH: %s %s\nNothing was registered: restore and prune would rely on it", path, place.Why)
	}
	inventory, err := InventoryOf(ctx, c, ref.Namespace, "")
	if err != nil {
		return report, err
	}
	for _, s := range inventory.Saved {
		if s.Name() != "" && api.SamePath(s.Path, path) {
			return report, fmt.Errorf("%s is registered already: %s of %s", path, s.Snapshot.Ref(), s.Job)
		}
	}
	return savepointByResource(ctx, c, p, reporter)
}
