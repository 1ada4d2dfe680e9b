package diagnosis

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// lastRules say what is seen where nothing better is known.
var lastRules = []Rule{
	{
		ID: "FLINK-JOB-EXCEPTION", Severity: Error, Title: "the job failed", Link: docRecovery,
		Explain: "A task of the job, or Flink itself, threw an exception that no rule knows. The innermost cause is shown as it is, with the line above it that names the thing where the cause itself doesn't.",
		job: func(j *job) []Finding {
			for i, e := range j.seen {
				if j.claimed[i] || !j.matters(e) || e.Where == InValidator && j.lags() || len(e.Chain) == 0 {
					continue
				}
				if e.Source == "status.error" && j.covered(e) {
					continue
				}
				if root := e.Root(); root.Message == "" && root.Type == "" {
					continue
				}
				if e.Source != "status.error" && i > 0 && j.anyClaimed() {
					return nil // an older one; the newest is explained
				}
				what := "the job failed"
				switch e.Where {
				case InOperator:
					what = "the operator says"
				case Somewhere:
					if e.Source != "status.error" {
						what = "an exception"
					}
				case InTask:
					what = "a task failed"
				default:
					what += " (" + string(e.Where) + ")"
				}
				f := Finding{Subject: j.ref(), Means: what + ": " + e.Telling(), Evidence: chainEvidence(e)}
				if j.running() && e.Source != "status.error" {
					f.Severity = Warning
				}
				return []Finding{f}
			}
			return nil
		},
	},
	{
		ID: "FLINK-JOB-FAILED", Severity: Error, Title: "the job has failed for good", Link: docJobs,
		Explain: "The job is FAILED and isn't started again by itself (kubernetes.operator.job.restart.failed is off by default). Nothing that is known of it says why.",
		job: func(j *job) []Finding {
			if j.deleting() || j.state != api.JobFailed && j.lifecycle != api.LifecycleFailed && j.jobManager != api.JobManagerError || j.anyClaimed() {
				return nil
			}
			if slices.ContainsFunc(j.seen, j.matters) {
				return nil // that says more
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("the job is %s, and nothing says why", cmp.Or(j.state, j.lifecycle)), Evidence: []Evidence{j.statusField("jobStatus.state %s, lifecycleState %s, jobManagerDeploymentStatus %s", j.state, j.lifecycle, j.jobManager)}, Cures: look("see what it wrote", j.flink("logs %s --jm", j.target()))}}
		},
	},
	{
		ID: "FLINK-JOB-STARTS-SLOWLY", Severity: Warning, Title: "the job doesn't come up", Link: docOverview,
		Explain: "The job should run, and has been on its way for more than 5 minutes. Nothing that is known of it says why; where its pods, events or JobManager couldn't be read, the cause may be there.",
		job: func(j *job) []Finding {
			if !j.statusKnown || !j.starting() || j.state == api.JobFailed || j.lifecycle == api.LifecycleFailed || j.state == api.JobCanceled || j.standing() < slowStart || j.kind == kindSnapshot || j.kind == kindBlueGreen && j.state == "" {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("it is %s for %s", cmp.Or(j.state, "not running yet")+jobManagerWord(j), ago(j.standing())), Evidence: []Evidence{j.statusField("jobStatus.state %s, lifecycleState %s, jobManagerDeploymentStatus %s", j.state, j.lifecycle, j.jobManager)}, Confidence: Possible, Cures: look("see what its pods write", j.flink("logs %s --tail 50", j.target()))}
			for _, source := range []Source{FromPods, FromEvents, FromJobManager} {
				if m := j.Mark(source); m == NotAllowed || m == NoAnswer {
					f.Evidence = append(f.Evidence, Evidence{Source: string(source), Text: string(m)})
				}
			}
			return []Finding{f}
		},
	},
}

func jobManagerWord(j *job) string {
	if j.jobManager == "" || j.jobManager == api.JobManagerReady {
		return ""
	}
	return ", JobManager " + j.jobManager
}

func (j *job) anyClaimed() bool {
	for _, c := range j.claimed {
		if c {
			return true
		}
	}
	return false
}

// covered reports whether the operator's error only passes on what a pod, or
// another rule, tells better.
func (j *job) covered(e Exception) bool {
	text := e.text()
	if kubeletWords.MatchString(text) || lostHA.MatchString(text) || noAccount.MatchString(text) && j.Mark(FromPods) == Read {
		return true
	}
	if alreadyExists.MatchString(text) && (j.jobManager == api.JobManagerMissing || j.jobManager == api.JobManagerError) {
		return true
	}
	for i := range j.pods {
		if p := &j.pods[i]; p.main() != nil && p.main().failing() && p.role == jobManager {
			return e.Where == InOperator || e.Where == Somewhere
		}
	}
	return e.Where == InFetch || e.Where == InValidator
}

// kubeletWords are what the operator passes on of the kubelet.
var kubeletWords = pattern(`back-off \d+\w* restarting failed container|Back-off pulling image|MountVolume\.SetUp failed|ImagePullBackOff|ErrImagePull|CrashLoopBackOff`)
