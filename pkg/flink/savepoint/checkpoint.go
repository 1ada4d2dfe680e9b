package savepoint

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// CheckpointType is how much of the state a checkpoint holds.
type CheckpointType string

// The types. Configured is what the job's periodic checkpoints are.
const (
	Full        CheckpointType = "full"
	Incremental CheckpointType = "incremental"
	Configured  CheckpointType = "configured"
)

// checkpointTypeKey says which type the operator takes for a
// checkpointTriggerNonce. Its default is FULL.
const checkpointTypeKey = "kubernetes.operator.checkpoint.type"

// noun is what is taken: a savepoint or a checkpoint.
func (r Request) noun() string {
	if r.Checkpoint != "" {
		return "checkpoint"
	}
	return "savepoint"
}

// nonceField is the field of spec.job that asks for it.
func (r Request) nonceField() string { return r.noun() + "TriggerNonce" }

// infoField is the field of status.jobStatus that reports it where no
// FlinkStateSnapshot does.
func (r Request) infoField() string { return r.noun() + "Info" }

func (r Request) validateCheckpoint() error {
	switch r.Checkpoint {
	case "", Full, Incremental, Configured:
	default:
		return exit.Usagef("--type: %q is not one of full, incremental, configured", r.Checkpoint)
	}
	switch {
	case r.Checkpoint == "" || r.Checkpoint == Full:
		return nil
	case r.Method == Resource:
		return exit.Usagef("--type %s: a FlinkStateSnapshot always takes a full checkpoint; use --method rest", r.Checkpoint)
	case r.Method == Nonce && r.Checkpoint == Configured:
		return exit.Usagef("--type configured: the operator takes full or incremental checkpoints for a nonce; use --method rest")
	}
	return nil
}

// checkCheckpoint refuses a checkpoint that this Flink can't be asked for.
func (p *plan) checkCheckpoint(cluster api.Job) error {
	if p.request.Checkpoint == "" {
		return nil
	}
	p.format = strings.ToUpper(string(p.request.Checkpoint))
	return CheckCheckpoint(p.job.Ref(), cluster, p.request.Checkpoint)
}

// CheckCheckpoint refuses to ask a Flink for a checkpoint that it doesn't take.
func CheckCheckpoint(job api.Ref, cluster api.Job, kind CheckpointType) error {
	version := cluster.FlinkVersion()
	switch before, after := olderThan1(version, 17), !olderThan1(version, 19); {
	case version == "":
		return nil // the JobManager will say
	case before:
		return fmt.Errorf("%s runs Flink %s, which takes checkpoints by its own clock only: asking for one came with Flink 1.17\nTake a savepoint instead: kubectl flink savepoint %s -n %s", job, api.Dotted(version), job, job.Namespace)
	case after && kind == Incremental:
		// FLINK-33723: what it made could not be relied upon.
		return fmt.Errorf("%s runs Flink %s, which doesn't take an incremental checkpoint by that name: from Flink 1.19 on it is only full or configured\nUse --type configured, which is incremental where execution.checkpointing.incremental is true (state.backend.incremental before Flink 1.20)", job, api.Dotted(version))
	}
	return nil
}

// olderThan1 reports whether a declared Flink version, as in v1_16, is older
// than 1.minor.
func olderThan1(version string, minor int) bool {
	major, rest, _ := strings.Cut(strings.TrimPrefix(version, "v"), "_")
	a, errA := strconv.Atoi(major)
	b, errB := strconv.Atoi(rest)
	return errA == nil && errB == nil && (a < 1 || a == 1 && b < minor)
}

// noncePatch is what is written into spec of the job's object. Both kinds of
// keys are such that a change of them restarts nothing.
func (p *plan) noncePatch(nonce int64) map[string]any {
	spec := map[string]any{"job": map[string]any{p.request.nonceField(): nonce}}
	if p.changesType() {
		spec["flinkConfiguration"] = map[string]any{checkpointTypeKey: p.format}
	}
	return spec
}

// changesType reports whether the job's configuration asks for another type of
// checkpoint than is wanted.
func (p *plan) changesType() bool {
	if p.request.Checkpoint == "" {
		return false
	}
	own, _ := p.target.Spec()["flinkConfiguration"].(map[string]any)
	configured, _ := api.Flatten(own).Get(checkpointTypeKey)
	return !strings.EqualFold(cmp.Or(configured, "FULL"), p.format)
}
