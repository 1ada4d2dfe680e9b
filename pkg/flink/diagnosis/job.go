package diagnosis

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Times after which being on the way counts as standing still.
const (
	// slowStart is for JobManagers and tasks that start: the operator's own
	// deployment.readiness.timeout.
	slowStart = 5 * time.Minute
	// slowUpgrade is for upgrades, which may wait for a savepoint, whose
	// time-out is 10 minutes in Flink.
	slowUpgrade = 15 * time.Minute
	// slowSight is for an operator to write its first word.
	slowSight = time.Minute
)

// job is a job's facts, read once for all rules.
type job struct {
	*JobFacts
	*manifest
	state, lifecycle, jobManager, reconciliation string
	generation, observed                         int64
	created, deleted                             time.Time
	// reconciled is when the operator last changed what it deploys, since when
	// the job is in its state.
	reconciled, since time.Time
	statusKnown       bool
	session           bool
	pods              []pod
	// failure is status.error; failed says that there is one.
	failure Exception
	failed  bool
	// seen are all exceptions that are known: status.error, those of the
	// JobManager, those in logs of containers that ended.
	seen []Exception
	// events are newest first.
	events []event
	// log is what the JobManager's log says of pods.
	ends    []workerEnd
	refused []refusal
	// claimed are those that a rule has explained, by their place in seen; touched
	// those that the rule at work has looked at.
	claimed map[int]bool
	touched []int
	// attempt is what has just failed, where only that is to be explained.
	attempt *Exception
}

func newJob(facts *JobFacts) *job {
	object := facts.Object
	var others []*unstructured.Unstructured
	if facts.Cluster != nil {
		others = append(others, facts.Cluster)
	}
	j := &job{JobFacts: facts, manifest: newManifest(object, others), claimed: map[int]bool{}}
	if j.manifest == nil {
		j.manifest = &manifest{object: object, kind: object.GetKind(), name: object.GetName(), ns: object.GetNamespace(), spec: section(object.Object, "spec"), own: config{}, conf: config{}}
	}
	if j.Mark(FromConfig) == Read {
		j.effective(facts.Config)
	}
	status := section(object.Object, "status")
	j.statusKnown = len(status) > 0
	j.state, j.lifecycle = text(status, "jobStatus", "state"), text(status, "lifecycleState")
	j.jobManager, j.reconciliation = text(status, "jobManagerDeploymentStatus"), text(status, "reconciliationStatus", "state")
	if facts.Cluster != nil && j.jobManager == "" {
		j.jobManager = text(facts.Cluster.Object, "status", "jobManagerDeploymentStatus")
	}
	j.generation, j.observed = object.GetGeneration(), number(status, "observedGeneration")
	j.created = object.GetCreationTimestamp().Time
	if d := object.GetDeletionTimestamp(); d != nil {
		j.deleted = d.Time
	}
	j.reconciled = millis(status, "reconciliationStatus", "reconciliationTimestamp")
	j.since = millis(status, "jobStatus", "updateTime")
	if j.since.IsZero() {
		j.since = j.reconciled
	}
	j.session = j.kind == kindDeployment && section(j.spec, "job") == nil
	for i := range facts.Pods {
		if p, ok := readPod(&facts.Pods[i], facts.Now); ok {
			j.pods = append(j.pods, p)
		}
	}
	for i := range facts.Events {
		j.events = append(j.events, readEvent(&facts.Events[i]))
	}
	sorting.By(j.events, func(a, b event) int { return b.at.Compare(a.at) })
	j.ends, j.refused = readLog(facts.Flink.Log)
	j.gatherExceptions(text(status, "error"))
	return j
}

var hostForm = pattern(`^[a-zA-Z][\w+.-]*://(?:[^/@]*@)?([^/:?#]+)`)

func hostOf(uri string) string {
	if found := hostForm.FindStringSubmatch(uri); found != nil && !strings.HasPrefix(uri, "local:") {
		return found[1]
	}
	return ""
}

func (j *job) deleting() bool { return !j.deleted.IsZero() }

// age is how long ago a moment was; 0 where it isn't known.
// It isn't inlined: it has many callers, and each would have a copy of it.
//
//go:noinline
func (j *job) age(at time.Time) time.Duration {
	if at.IsZero() {
		return 0
	}
	return max(j.Now.Sub(at), 0)
}

// lags reports whether the operator has not accepted the newest spec.
func (j *job) lags() bool { return j.observed > 0 && j.observed < j.generation }

// running reports whether the job is RUNNING and its JobManager answers for it.
func (j *job) running() bool {
	return j.state == api.JobRunning && (j.jobManager == "" || j.jobManager == api.JobManagerReady)
}

// over reports whether the job has come to an end that was meant.
func (j *job) over() bool {
	return j.state == api.JobFinished || j.lifecycle == api.LifecycleSuspended || j.wants() == api.WantSuspended && j.runsJob()
}

// waitsForOperator reports whether it is the operator's turn: to take up a spec, to
// delete, or to bring a JobManager up. A job that has failed, or that a JobManager
// starts, doesn't fare better with an operator.
func (j *job) waitsForOperator() bool {
	switch {
	case !j.statusKnown, j.lags(), j.deleting():
		return true
	case j.failed, j.state == api.JobFailed, j.lifecycle == api.LifecycleFailed:
		return false
	case j.kind == kindSessionJob:
		return j.starting() && text(j.object.Object, "status", "jobStatus", "jobId") == ""
	}
	return j.starting() && j.jobManager != api.JobManagerReady
}

// starting reports whether the job is to run and doesn't.
func (j *job) starting() bool {
	if j.deleting() || j.over() {
		return false
	}
	if j.session {
		return j.jobManager != api.JobManagerReady
	}
	return j.state != api.JobRunning || j.jobManager != "" && j.jobManager != api.JobManagerReady
}

// standing is for how long a job that should start has been where it is.
func (j *job) standing() time.Duration {
	at := j.since
	if at.IsZero() || j.reconciled.After(at) {
		at = j.reconciled
	}
	if at.IsZero() {
		at = j.created
	}
	return j.age(at)
}

// flink is a command of this plugin about the job.
func (j *job) flink(format string, args ...any) string {
	return "kubectl flink " + fmt.Sprintf(format, args...) + " -n " + word(j.ns)
}

// target is the job as this plugin's commands take it.
func (j *job) target() string {
	if j.kind == kindDeployment {
		return word(j.name)
	}
	return word(j.ref())
}

// clusterRef is the FlinkDeployment whose pods run the job.
func (j *job) clusterRef() string {
	if j.Cluster != nil {
		return "flinkdeployment/" + j.Cluster.GetName()
	}
	if j.kind == kindSessionJob {
		return "flinkdeployment/" + text(j.spec, "deploymentName")
	}
	return j.ref()
}

// statusField is evidence of the object's status.
func (j *job) statusField(format string, args ...any) Evidence {
	return Evidence{Source: "status", At: j.since, Text: fmt.Sprintf(format, args...)}
}

// hasPod reports whether there is a pod of a role.
func (j *job) hasPod(role string) bool {
	return slices.ContainsFunc(j.pods, func(p pod) bool { return p.role == role })
}
