package lifecycle

import (
	"context"
	"encoding/json"
	"strings"

	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// prospectOf is a start by a plan. Where a savepoint is still to be taken, the
// newest that the JobManager reported stands for it: it is of the same operators.
func prospectOf(before, after api.Job, plan StatePlan, flink *api.FlinkState) change.Prospect {
	p := change.Prospect{Before: before, After: after, Kind: plan.Kind, Path: plan.Path, Of: before.Ref(), Proxy: plan.Newer, OwnRun: plan.By != bySpec}
	var newest *api.FlinkSnapshot
	if flink != nil {
		if newest = flink.Latest; newest == nil {
			newest = flink.Restored
		}
	}
	known := newest != nil && api.NormalPath(newest.Path) != ""
	switch plan.Kind {
	case PlanNew:
		p.Path, p.Proxy, p.Fresh = "", true, true
		if known {
			p.Kind, p.Path = newest.RetainedState().Kind, newest.Path
			break
		}
		p.Kind = ""
		p.Unknown = "the savepoint is only taken then, and no completed checkpoint is known that could stand for it"
	case api.RetainedNone:
		p.Path, p.Of = "", api.Ref{}
		p.Stateless = after.UpgradeMode() == api.UpgradeStateless
		if p.Stateless {
			p.Path = before.RetainedState().Path
		}
		if p.Stateless && known {
			p.Path, p.Of, p.Proxy = newest.Path, before.Ref(), true
		}
	case "":
		p.Path, p.Unknown = "", plan.Why
	default:
		if plan.Path == "" {
			p.Unknown = "only the high-availability data names the last checkpoint" + api.Because(plan.Why)
		}
	}
	return p
}

// restoreProspect is a start from the state that a user chose.
func restoreProspect(job api.Job, source Source, request RestoreRequest, claim map[string]any) change.Prospect {
	ch := change.Redeploy(job, source.Path, request.AllowNonRestored)
	ch.Spec = api.Merge(ch.Spec, claim)
	return change.Prospect{
		Before: job, After: job.Patched(ch.Spec), Kind: source.Kind, Path: source.Path, Of: source.Of,
		OwnRun: job.JobID() != "" && strings.Contains(source.Path, job.JobID()),
	}
}

// asItRan is a suspended job with the spec that it ran with, as far as the
// operator noted that: the spec may have been changed since.
func asItRan(job api.Job) api.Job {
	spec := job.ReconciledSpec()
	if spec == nil || job.Wanted() != api.WantSuspended || job.Kind.Name == api.BlueGreen.Name {
		return job
	}
	// Numbers as the API server's client gives them, not those read as text.
	var ran map[string]any
	if data, err := json.Marshal(spec); err != nil || utiljson.Unmarshal(data, &ran) != nil {
		return job
	}
	out := api.Job{Kind: job.Kind, Object: job.Object.DeepCopy()}
	out.Object.Object["spec"] = ran
	return out
}

func firstKind(path string) string {
	if path == "" {
		return api.RetainedNone
	}
	return api.KindOfPath(path)
}

// resumeProspect is a start from what a suspended job left.
func resumeProspect(before, after api.Job, kept api.RetainedState) change.Prospect {
	p := change.Prospect{Before: asItRan(before), After: after, Kind: kept.Kind, Path: kept.Path, Of: before.Ref(), OwnRun: true}
	switch {
	case after.UpgradeMode() == api.UpgradeStateless:
		p.Kind, p.Stateless = api.RetainedNone, true
		p.Path = before.RetainedState().Path
	case kept.Path == "" && kept.Kind != api.RetainedNone:
		p.Unknown = "the operator doesn't say where it is"
		if kept.Kind == api.RetainedCheckpoint {
			p.Unknown = "only the high-availability data names the last checkpoint"
		}
	}
	return p
}

// cloneProspect is the start of a copy: path is "" where a savepoint is taken
// for it, or where it starts empty.
func cloneProspect(ctx context.Context, c *operator.Client, source, fresh api.Job, request CloneRequest, path string) change.Prospect {
	after := fresh
	if request.AllowNonRestored {
		after = fresh.Patched(map[string]any{"job": map[string]any{"allowNonRestoredState": true}})
	}
	p := change.Prospect{Before: source, After: after, Kind: api.KindOfPath(path), Path: path, Of: source.Ref()}
	switch {
	case path != "":
		return p
	case request.From == fromNone:
		p.Kind, p.Of = api.RetainedNone, api.Ref{}
		return p
	}
	flink, known, _ := c.State(ctx, source)
	if !known {
		return prospectOf(source, after, StatePlan{Kind: PlanNew}, nil)
	}
	return prospectOf(source, after, StatePlan{Kind: PlanNew}, &flink)
}
