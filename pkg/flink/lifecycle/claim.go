package lifecycle

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/conf"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// The claim modes as users write them: who owns the files of the savepoint or
// checkpoint that a job starts from.
const (
	Claim   = "claim"
	NoClaim = "no-claim"
	Legacy  = "legacy"
)

// oldClaimKey is the key of Flink 1.15 to 1.19; since 1.20 it has another name.
const oldClaimKey = "execution.savepoint-restore-mode"

// CheckClaimMode finds what is wrong with a --claim-mode alone; "" is none.
func CheckClaimMode(mode string) error {
	switch mode {
	case "", Claim, NoClaim, Legacy:
		return nil
	}
	return exit.Usagef("--claim-mode: %q is not one of claim, no-claim, legacy", mode)
}

// claimFields is the part of a spec that gives a job a claim mode, under the key
// that its Flink version knows. version may be "".
func claimFields(job api.Job, version, mode string) (map[string]any, error) {
	if mode == "" {
		return nil, nil
	}
	if mode == Legacy && strings.HasPrefix(strings.TrimPrefix(version, "v"), "2") {
		return nil, exit.Usagef("--claim-mode legacy: Flink 2 no longer has it, and %s is of %s; use claim or no-claim", job.Ref(), version)
	}
	key := conf.Canonical(oldClaimKey, version)
	fields := UpgradeFields{Set: map[string]string{key: strings.ToUpper(strings.ReplaceAll(mode, "-", "_"))}}
	if key != oldClaimKey {
		fields.Unset = []string{oldClaimKey} // else both names would be set
	}
	return map[string]any{"flinkConfiguration": fields.config(job)}, nil
}

// runsFlink is the Flink version that a job runs, or will run, with; "" where it
// isn't known.
func runsFlink(ctx context.Context, c *operator.Client, job api.Job) string {
	if job.Kind.Name != api.SessionJob.Name {
		return job.FlinkVersion()
	}
	cluster, err := c.RunsIn(ctx, job)
	if err != nil {
		return ""
	}
	return cluster.FlinkVersion()
}

// claimModeOf is the claim mode that is in force by a configuration, as users
// write it.
func claimModeOf(config api.Config) string {
	value, _ := config.Get("execution.state-recovery.claim-mode", oldClaimKey)
	switch strings.ToUpper(value) {
	case "CLAIM":
		return Claim
	case "LEGACY":
		return Legacy
	}
	return NoClaim
}

// OwnerOfFiles says who owns the files of the state that a job was started from.
func OwnerOfFiles(mode, path string) string {
	switch mode {
	case Claim:
		return fmt.Sprintf("%s is Flink's now (claim mode CLAIM): it deletes the files when no checkpoint needs them any more; don't start another job from it", path)
	case Legacy:
		return fmt.Sprintf("%s stays yours (claim mode LEGACY), but later checkpoints may need its files for as long as the job lives: don't delete it", path)
	}
	return fmt.Sprintf("%s stays yours (claim mode NO_CLAIM): Flink doesn't delete it, and the job needs it until its first checkpoint is completed", path)
}

// sayOwner says who owns the files once a job runs from them.
func sayOwner(ctx context.Context, c *operator.Client, job api.Job, mode, path string, reporter operator.Reporter) {
	if mode == "" {
		config, err := configOf(ctx, c, job)
		if err != nil {
			return
		}
		mode = claimModeOf(config)
	}
	reporter.Notef("%s: %s", job.Ref(), OwnerOfFiles(mode, path))
}
