package savepoint

import (
	"context"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Method is a way to have a savepoint taken.
type Method string

// The methods. Auto is Resource where the cluster has FlinkStateSnapshot,
// else Nonce. REST asks the JobManager itself, past the operator: for jobs
// that no object stands for.
const (
	Auto     Method = "auto"
	Resource Method = "resource"
	Nonce    Method = "nonce"
	REST     Method = "rest"
)

// Request is what is wanted of one savepoint, or checkpoint.
type Request struct {
	Method Method
	// Checkpoint is the type of the checkpoint that is wanted; "" wants a
	// savepoint.
	Checkpoint CheckpointType
	// Name of the FlinkStateSnapshot; "" makes one of the job's name.
	Name string
	// Format is "auto", "canonical" or "native".
	Format string
	// Path is the target directory; "" is the job's configured one.
	Path            string
	Labels          map[string]string
	Retries         int64
	DisposeOnDelete bool
	// Follow takes part in a savepoint that is in progress already instead of
	// refusing.
	Follow bool
	// Force takes a canonical savepoint also where it may break the job, and
	// any where it goes with the job's pods.
	Force bool
	// NoWait returns as soon as the savepoint is asked for.
	NoWait bool
	// DryRun is "", "client" or "server".
	DryRun string
	// JobID is Flink's id of the job, for REST; "" is the only one.
	JobID string
}

// Report is the outcome of a Request.
type Report struct {
	Job    api.Ref
	Method Method
	// Snapshot is the FlinkStateSnapshot; its Object is nil where an old
	// operator made the savepoint without one.
	Snapshot api.Snapshot
	Format   string
	// FormatWhy says why the format was chosen; "" where the user chose.
	FormatWhy string
	Path      string
	Duration  time.Duration
	// Nonce is the savepointTriggerNonce that asked for it; 0 if none did.
	Nonce int64
	// JobID is Flink's id of the job, TriggerID that of the operation; "" where
	// unknown.
	JobID, TriggerID string
	// Checkpoint says that it is a checkpoint. Its number and its size in bytes
	// are 0 where unknown.
	Checkpoint              bool
	CheckpointID, StateSize int64
	// TriggeredAt and CompletedAt are zero where unknown.
	TriggeredAt, CompletedAt time.Time
	// Done is false where nobody waited for the end.
	Done bool
}

// Take takes a savepoint or checkpoint of the job ref and follows it to its end. When
// ctx ends first, the error wraps ctx's cause and the report says what was
// left behind.
func Take(ctx context.Context, c *operator.Client, ref api.Ref, request Request, reporter operator.Reporter) (Report, error) {
	reporter.Waitingf("%s: checking the job", ref)
	p, err := planSavepoint(ctx, c, ref, request, reporter)
	if err != nil {
		return Report{Job: ref}, err
	}
	if p.method == Nonce {
		return savepointByNonce(ctx, c, p, reporter)
	}
	return savepointByResource(ctx, c, p, reporter)
}

// beyondNonce is the first flag that savepointTriggerNonce can't carry.
func (r Request) beyondNonce() string {
	switch {
	case r.Path != "":
		return "--path"
	case r.Format != "" && r.Format != "auto":
		return "--format"
	case r.Name != "":
		return "--name"
	case len(r.Labels) > 0:
		return "--label"
	case r.Retries != 0:
		return "--retries"
	case r.DisposeOnDelete:
		return "--dispose-on-delete"
	}
	return ""
}

// Validate finds what is wrong with the request alone.
func (r Request) Validate() error {
	switch r.Method {
	case Auto, Resource, Nonce, REST, "":
	default:
		return exit.Usagef("--method: %q is not one of auto, resource, nonce, rest", r.Method)
	}
	switch r.Format {
	case "", "auto", "canonical", "native":
	default:
		return exit.Usagef("--format: %q is not one of auto, canonical, native", r.Format)
	}
	switch r.DryRun {
	case "", "client", "server":
	default:
		return exit.Usagef("--dry-run: %q is not one of none, client, server", r.DryRun)
	}
	if r.Path != "" {
		if err := api.CheckPathAsked(r.Path); err != nil {
			return exit.Usagef("--path: %w", err)
		}
	}
	if r.Retries < 0 {
		return exit.Usagef("--retries: %d is less than 0", r.Retries)
	}
	if flag := r.beyondNonce(); r.Method == Nonce && flag != "" {
		return exit.Usagef("%s can't be carried by --method nonce: the operator then takes format, directory and name from its own configuration", flag)
	}
	if err := r.validateREST(); err != nil {
		return err
	}
	if err := r.validateCheckpoint(); err != nil {
		return err
	}
	if r.Follow && (r.Name != "" || r.NoWait || r.DryRun != "") {
		return exit.Usagef("--follow takes part in a %s that is already under way: it can't go with --name, --wait=false or --dry-run", r.noun())
	}
	if flag := r.beyondNonce(); r.Follow && flag != "" {
		return exit.Usagef("%s can't be changed for a %s that is already under way (--follow)", flag, r.noun())
	}
	return nil
}

func (r Request) validateREST() error {
	if r.Method != REST {
		if r.JobID != "" {
			return exit.Usagef("--job-id names a job to Flink; it goes with --method rest")
		}
		return nil
	}
	for flag, given := range map[string]bool{
		"--name": r.Name != "", "--label": len(r.Labels) > 0, "--retries": r.Retries != 0,
		"--dispose-on-delete": r.DisposeOnDelete, "--follow": r.Follow,
	} {
		if given {
			return exit.Usagef("%s belongs to a FlinkStateSnapshot, and --method rest makes none", flag)
		}
	}
	if r.DryRun == "server" {
		return exit.Usagef("--dry-run: Flink's REST API has no dry run; use client")
	}
	return nil
}
