package diagnosis

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
	slices.SortStableFunc(j.events, func(a, b event) int { return b.at.Compare(a.at) })
	j.ends, j.refused = readLog(facts.Flink.Log)
	j.gatherExceptions(text(status, "error"))
	return j
}

// jobNotFound is the operator's error while a JobManager that has just come up
// doesn't know the job yet; it tells nobody anything.
const jobNotFound = "Job Not Found"

func (j *job) gatherExceptions(raw string) {
	j.failure, j.failed = ReadFailure(raw, time.Time{})
	if j.failed {
		if host := hostOf(text(j.spec, "job", "jarURI")); j.kind == kindSessionJob && host != "" && (j.failure.Where == InOperator || j.failure.Where == InFetch) && strings.Contains(j.failure.text(), host) {
			j.failure.Where = InFetch
		}
		if j.failure.Root().Message != jobNotFound {
			j.seen = append(j.seen, j.failure)
		}
	}
	for _, e := range j.Flink.Exceptions {
		e.Source = cmp.Or(e.Source, "the JobManager")
		if e.Where == Somewhere {
			e.Where = whereOf(e.Chain)
		}
		if e.Where == Somewhere && e.Task != "" {
			e.Where = InTask
		}
		j.seen = append(j.seen, e)
	}
	for i := range j.pods {
		p := &j.pods[i]
		for k := range p.containers {
			c := &p.containers[k]
			if !c.main || c.end == nil {
				continue
			}
			if e, ok := exceptionIn(c.log); ok {
				e.At, e.Source = c.end.FinishedAt.Time, "log of pod/"+p.name
				if e.Where == Somewhere {
					if e.Where = InTaskManager; p.role == jobManager {
						e.Where = InJobManager
					}
				}
				c.exception = &e
				j.seen = append(j.seen, e)
			}
		}
	}
	if e, ok := j.checkpointFailure(); ok {
		j.seen = append(j.seen, e)
	}
	// The operator's events hold the first lines of a stack trace: they count
	// where nobody knows more.
	if len(j.seen) == 0 {
		for _, e := range j.events {
			if e.reason == "JobException" && !j.outdated(e.at) {
				x := ReadException(e.message, e.at, InTask)
				x.Source = "event of " + e.about
				j.seen = append(j.seen, x)
				break
			}
		}
	}
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

// find is the first exception thrown in one of the places that a pattern fits;
// no places are all.
func (j *job) find(pattern *lazy, places ...Where) (e Exception, found []string, ok bool) {
	for i := range j.seen {
		e := j.seen[i]
		if len(places) > 0 && !slices.Contains(places, e.Where) {
			continue
		}
		if found := e.match(pattern); found != nil {
			j.touched = append(j.touched, i)
			return e, found, true
		}
	}
	return e, nil, false
}

// matters reports whether exceptions of the past count: the job doesn't run as
// it should, or has restarted just now.
func (j *job) matters(e Exception) bool {
	switch {
	case e.Source == "status.error", j.attempt != nil:
		return true
	case j.outdated(e.At):
		return false
	case j.running() && j.kind != kindBlueGreen && (e.Where == InJobManager || e.Where == InMain || e.Where == InRestore):
		return false // it has started since
	case j.deleting(), j.over() && j.state != api.JobFailed:
		return false
	case j.starting(), j.state == api.JobFailed || j.state == api.JobRestarting || j.state == api.JobFailing:
		return true
	}
	return j.age(e.At) < 10*time.Minute && !e.At.IsZero()
}

// outdated reports whether something happened to what ran before the newest spec
// was carried out: to another job, in a way.
func (j *job) outdated(at time.Time) bool {
	return !at.IsZero() && at.Before(j.reconciled) && j.reconciliation == api.ReconciliationDeployed && !j.lags()
}

// thrown is a finding about an exception that fits a pattern in one of the
// places; nil where none does or it doesn't count any more.
func (j *job) thrown(pattern *lazy, places []Where, means func(e Exception, found []string) string, cures ...Cure) []Finding {
	e, found, ok := j.find(pattern, places...)
	if !ok || !j.matters(e) {
		return nil
	}
	f := Finding{Subject: j.ref(), Means: means(e, found), Evidence: []Evidence{e.evidence()}, Cures: cures}
	if j.running() && e.Source != "status.error" && e.Source != checkpointLog {
		f.Severity = Warning
	}
	return []Finding{f}
}

// checkpointLog is the source of why checkpoints fail.
const checkpointLog = "the JobManager's log, of a checkpoint"

// checkpointFailure is why the newest checkpoint failed, as the JobManager's log
// tells: its REST API keeps only Flink's own words for it ("Failure to finalize
// checkpoint."). It is looked for while checkpoints fail.
func (j *job) checkpointFailure() (Exception, bool) {
	c := j.ckpt()
	if c == nil || len(c.failing()) == 0 || j.over() {
		return Exception{}, false
	}
	for i, line := range slices.Backward(j.Flink.Log) {
		if !strings.Contains(line.Text, "CheckpointException: ") || j.outdated(line.At) {
			continue
		}
		text := []string{line.Text}
		if trace, ok := traceInJSON(line.Text); ok {
			text = []string{trace}
		} else {
			at := strings.Index(line.Text, "org.apache.flink.runtime.checkpoint.CheckpointException: ")
			if at < 0 {
				continue
			}
			text[0] = line.Text[at:]
			for _, next := range j.Flink.Log[i+1:] {
				if !traceLine.MatchString(next.Text) {
					break
				}
				text = append(text, next.Text)
			}
		}
		e := ReadException(strings.Join(text, "\n"), line.At, InCheckpoint)
		if len(e.Chain) > 1 { // else it says no more than the REST API
			e.Source = checkpointLog
			return e, true
		}
	}
	return Exception{}, false
}

// traceLine is a line of a stack trace below its first.
var traceLine = pattern(`^(?:\s+at |\s+\.\.\. \d+|\s*Caused by: |\s*Suppressed: )`)

// traceInJSON is the stack trace in a record that is a JSON object, whatever its
// field is called.
func traceInJSON(line string) (string, bool) {
	var record map[string]any
	if !strings.HasPrefix(strings.TrimSpace(line), "{") || json.Unmarshal([]byte(line), &record) != nil {
		return "", false
	}
	return traceIn(record, 3)
}

func traceIn(value any, depth int) (string, bool) {
	switch v := value.(type) {
	case string:
		at := strings.Index(v, "org.apache.flink.runtime.checkpoint.CheckpointException: ")
		if at >= 0 && strings.Contains(v[at:], "\n") {
			return v[at:], true
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if text, ok := traceIn(v[key], depth-1); ok && depth > 0 {
				return text, true
			}
		}
	}
	return "", false
}

// event is one that Kubernetes or the operator wrote.
type event struct {
	about, reason, message string
	kind, name             string
	at                     time.Time
	count                  int32
	warning                bool
}

func readEvent(e *corev1.Event) event {
	at := e.LastTimestamp.Time
	if e.Series != nil && e.Series.LastObservedTime.After(at) {
		at = e.Series.LastObservedTime.Time
	}
	if at.IsZero() {
		at = e.EventTime.Time
	}
	if at.IsZero() {
		at = e.CreationTimestamp.Time
	}
	return event{
		about: strings.ToLower(e.InvolvedObject.Kind) + "/" + e.InvolvedObject.Name, kind: e.InvolvedObject.Kind, name: e.InvolvedObject.Name,
		reason: e.Reason, message: e.Message, at: at, count: max(e.Count, 1), warning: e.Type == corev1.EventTypeWarning,
	}
}

func (e event) evidence() Evidence {
	source := "event of " + e.about
	if e.count > 1 {
		source += fmt.Sprintf(" (%d times)", e.count)
	}
	return Evidence{Source: source, At: e.at, Text: e.reason + ": " + oneLine(e.message)}
}

// event is the newest event of one of the reasons whose message fits; nil takes
// any.
func (j *job) event(message *lazy, reasons ...string) (event, bool) {
	for _, e := range j.events {
		if slices.Contains(reasons, e.reason) && (message == nil || message.MatchString(e.message)) {
			return e, true
		}
	}
	return event{}, false
}

// takenForEnded is what a JobManager logs of a job whose end it has on record.
// Flink 1.20 speaks of a JobGraph, 2.x of an ExecutionPlan.
const takenForEnded = "already reached a globally-terminal state"

// logged is the last line of the JobManager's log with some words in it.
func (j *job) logged(words string) (LogLine, bool) {
	for _, line := range slices.Backward(j.Flink.Log) {
		if strings.Contains(line.Text, words) {
			return line, true
		}
	}
	return LogLine{}, false
}

// workerEnd is a TaskManager that ended, as the JobManager's log tells. In
// native mode Flink deletes the pod at once.
type workerEnd struct {
	pod, container, reason string
	code                   int
	at                     time.Time
	line                   string
}

// refusal is a pod that the JobManager couldn't create.
type refusal struct {
	at   time.Time
	why  string
	line string
}

var (
	toStateless  = pattern(`upgradeMode : \S+ -> stateless\b`)
	toItsEnd     = pattern(`changed from \w+ to (?:CANCELED|FAILED|FINISHED)$`)
	workerEnded  = pattern(`Worker (\S+) is terminated\. Diagnostics: (.*)$`)
	terminations = pattern(`container termination statuses: \[(.*?)\](?:, pod status: (\w+)|$|\s)`)
	containerEnd = pattern(`([\w.-]+)\(exitCode=(-?\d+), reason=([^,]*), message=`)
	notCreated   = pattern(`Could not create pod (\S+?),? exception: (.*)$`)
	serversWord  = pattern(`Message: (.*?)\.? Received status`)
)

// neverRan is the reason of a pod that ended before its containers ran.
const neverRan = "BeforeItsContainers"

// readLog finds the pods that ended, and those that couldn't be created, in a
// JobManager's log; newest first.
func readLog(log []LogLine) (ends []workerEnd, refused []refusal) {
	for _, line := range slices.Backward(log) {
		if found := notCreated.FindStringSubmatch(line.Text); found != nil {
			why := ReadException(found[2], line.At, InScheduler).Root().String()
			if said := serversWord.FindStringSubmatch(found[2]); said != nil {
				why = said[1]
			}
			refused = append(refused, refusal{line.At, why, line.Text})
			continue
		}
		found := workerEnded.FindStringSubmatch(line.Text)
		if found == nil {
			continue
		}
		end := workerEnd{pod: found[1], at: line.At, line: line.Text}
		if inner := terminations.FindStringSubmatch(found[2]); inner != nil {
			for _, c := range containerEnd.FindAllStringSubmatch(inner[1], -1) {
				code, err := strconv.Atoi(c[2])
				if err != nil || code == 0 && end.container != "" || end.container == mainContainer {
					continue
				}
				if end.container == "" || code != 0 {
					end.container, end.code, end.reason = c[1], code, c[3]
				}
			}
			if inner[1] == "" && inner[2] == "Failed" {
				end.reason = neverRan
			}
		}
		if end.reason != "" {
			ends = append(ends, end)
		}
	}
	return ends, refused
}

// stillRefused is the newest refusal, if no TaskManager was let in since.
func (j *job) stillRefused() (refusal, bool) {
	if len(j.refused) == 0 || j.over() {
		return refusal{}, false
	}
	r := j.refused[0]
	if !r.at.IsZero() && (j.age(r.at) > 5*time.Minute || slices.ContainsFunc(j.pods, func(p pod) bool { return p.role == taskManager && p.created.After(r.at) })) {
		return refusal{}, false
	}
	return r, true
}

// endsLike are the TaskManagers that ended in a way in the last hour, newest
// first.
func (j *job) endsLike(fits func(workerEnd) bool) []workerEnd {
	var out []workerEnd
	for _, e := range j.ends {
		if fits(e) && (e.at.IsZero() || j.age(e.at) < time.Hour) {
			out = append(out, e)
		}
	}
	return out
}

// hasPod reports whether there is a pod of a role.
func (j *job) hasPod(role string) bool {
	return slices.ContainsFunc(j.pods, func(p pod) bool { return p.role == role })
}
