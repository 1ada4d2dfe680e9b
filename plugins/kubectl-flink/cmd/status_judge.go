package cmd

import (
	"fmt"
	"maps"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// verdictOf judges a job by its object, by that of the cluster that serves it
// and, where they are known, by the JobManager's pods.
func verdictOf(s api.Summary, place reach.Place, pods []operator.Pod, podsKnown bool, now time.Time) health.Verdict {
	if place.Cluster.Object != nil {
		s = health.Serving(s, place.Cluster.JobManager())
	}
	verdict := health.Of(s, now)
	if place.Cluster.Object == nil && s.Kind.Name == api.SessionJob.Name && verdict.Word == health.Healthy && place.Gone {
		return health.Verdict{Word: health.Degraded, Why: fmt.Sprintf("its session cluster %s/%s doesn't exist", api.Deployment.Singular, s.Cluster)}
	}
	if podsKnown && place.Cluster.Object != nil {
		verdict = health.Front(verdict, pods, now)
	}
	return verdict
}

// judge fills what surrounds the job into the page, and says by it how the job
// is, why, and what to look at next.
func judge(status *view.Status, s api.Summary, place reach.Place, around operator.Surroundings, findings []diagnosis.Finding, fromFlink flinkAnswer, now time.Time) {
	status.Around(around)
	verdict := verdictOf(s, place, around.Pods, around.PodsKnown, now)
	if why, _ := operator.JobManagerAway(around.Pods); why != "" && around.PodsKnown && s.State == api.JobRunning && place.Cluster.Object != nil {
		// It hasn't been seen running since.
		status.Job.Since, status.Job.Unconfirmed = nil, true
	}
	if at := s.StoppedAt(around.Snapshots); status.Job.Since == nil && s.State == api.JobFinished && !at.IsZero() {
		status.Job.Since = view.Moment(at)
	}
	status.Health, status.Why, status.Findings = verdict.Word, verdict.Why, findings
	explain(status)
	restore(status, s, place, around, fromFlink, now)
}

// mostFindings bounds what the page says of findings beside the root cause;
// doctor has all.
const mostFindings = 2

// explain says by the findings why the job is as it is, and what to do.
func explain(status *view.Status) {
	root, ok := diagnosis.Root(status.Findings)
	if !ok || !status.Health.OK() && len(root.Cures) == 0 {
		defer func() {
			if !status.Health.OK() && !status.Health.Moving() && status.JobManager == api.JobManagerReady && len(status.Next) == 0 {
				status.Next = append(status.Next, "the job's own failures: kubectl flink exceptions "+status.Metadata.Type+"/"+status.Metadata.Name+" -n "+status.Metadata.Namespace)
			}
		}()
	}
	// An operator that isn't there is no reason of what doesn't wait for it.
	beside := root.Severity != diagnosis.Error && strings.HasPrefix(root.Rule, "FLINK-OP-") && status.Why != ""
	explained := ok && !status.Health.OK() && !beside
	if explained {
		status.Why = root.Means + " (" + root.Rule + ")"
		status.Next = append(status.Next, root.Advice()...)
	}
	said := 0
	for _, f := range status.Findings {
		if f.Severity == diagnosis.Info || explained && f.Rule == root.Rule && f.Subject == root.Subject {
			continue
		}
		if said++; said > mostFindings {
			continue
		}
		status.Next = append(status.Next, fmt.Sprintf("%s: %s (%s)", f.Severity, f.Means, f.Rule))
		status.Next = append(status.Next, f.Advice()...)
	}
	if said > mostFindings {
		status.Next = append(status.Next, fmt.Sprintf("%d more findings: kubectl flink doctor %s/%s -n %s", said-mostFindings, status.Metadata.Type, status.Metadata.Name, status.Metadata.Namespace))
	}
}

// restore says from what the job would start if it were redeployed or resumed
// now.
func restore(status *view.Status, s api.Summary, place reach.Place, around operator.Surroundings, fromFlink flinkAnswer, now time.Time) {
	if s.UpgradeMode == "" || !s.StatusKnown && s.Wanted != api.WantSuspended {
		return
	}
	facts := lifecycle.PlanFacts{
		Job: place.Job, Mode: s.UpgradeMode, Config: api.Config{}, Flink: fromFlink.state, NoAnswer: fromFlink.why, Snapshots: around.Snapshots, Now: now,
	}
	maps.Copy(facts.Config, place.Config)
	own, _, _ := unstructured.NestedMap(place.Job.Object.Object, "spec", "flinkConfiguration")
	maps.Copy(facts.Config, api.Flatten(own))
	if _, active := place.Job.ActiveChild(); active && place.Job.Kind.Name == api.BlueGreen.Name {
		facts.Serving = place.Cluster
	}
	if why, _ := operator.JobManagerAway(around.Pods); why != "" && around.PodsKnown {
		facts.NoAnswer, facts.Away = strings.TrimPrefix(why, "its JobManager's "), why
	}
	plan := facts.Plan()
	verb := "starts"
	if s.Wanted == api.WantSuspended && !place.Job.NeverRan() {
		verb = "resumes"
	}
	status.Restore, status.Plan = plan.Text(verb, now), &plan
}
