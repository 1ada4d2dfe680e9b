package api

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Job is a typed view of a FlinkDeployment, FlinkSessionJob or
// FlinkBlueGreenDeployment.
type Job struct {
	Kind   Kind
	Object *unstructured.Unstructured
}

// Ref names the job.
func (j Job) Ref() Ref {
	return Ref{Kind: j.Kind, Namespace: j.Object.GetNamespace(), Name: j.Object.GetName()}
}

// Text is the string at path; "" where there is none or it is something else.
func Text(object map[string]any, path ...string) string {
	value, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	s, _ := value.(string)
	return s
}

// Number is the whole number at path; ok is false where there is none.
func Number(object map[string]any, path ...string) (n int64, ok bool) {
	value, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	switch v := value.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), true
	case string:
		n, err := strconv.ParseInt(v, 10, 64)
		return n, err == nil
	}
	return 0, false
}

// Section is the object at path; nil where there is none.
func Section(object map[string]any, path ...string) map[string]any {
	value, _, _ := unstructured.NestedFieldNoCopy(object, path...)
	m, _ := value.(map[string]any)
	return m
}

// Millis is the time at path, which Flink writes as milliseconds since 1970,
// as a number or as a string of digits.
func Millis(object map[string]any, path ...string) time.Time {
	if n, ok := Number(object, path...); ok && n > 0 {
		return time.UnixMilli(n)
	}
	return time.Time{}
}

// Spec is the spec of a FlinkDeployment, also where a
// FlinkBlueGreenDeployment wraps it in a template.
func (j Job) Spec() map[string]any {
	if j.Kind.Name == BlueGreen.Name {
		return Section(j.Object.Object, "spec", "template", "spec")
	}
	return Section(j.Object.Object, "spec")
}

// IsSessionCluster reports whether a FlinkDeployment runs no job of its own.
func (j Job) IsSessionCluster() bool {
	return j.Kind.Name == Deployment.Name && Section(j.Spec(), "job") == nil
}

// SessionCluster is the name of the FlinkDeployment that a session job runs in.
func (j Job) SessionCluster() string { return Text(j.Spec(), "deploymentName") }

// FlinkVersion is the declared version, as in v1_20; "" for session jobs,
// whose session cluster knows.
func (j Job) FlinkVersion() string { return Text(j.Spec(), "flinkVersion") }

// State is Flink's state of the job (RUNNING, FAILED, …); "" before the
// operator has seen one.
func (j Job) State() JobState { return Text(j.Object.Object, "status", "jobStatus", "state") }

// StateSince is when the operator saw the job come into its state; zero where
// nothing tells.
func (j Job) StateSince() time.Time {
	status := Section(j.Object.Object, "status", "jobStatus")
	last := Section(status, "savepointInfo", "lastSavepoint")
	location := Text(last, "location")
	return stateSince(j.State(), j.Lifecycle(), Millis(status, "updateTime"), Millis(last, "timeStamp"),
		location != "" && SamePath(location, Text(status, "upgradeSavepointPath")))
}

// JobID is Flink's id of the current run; it changes with most redeployments.
func (j Job) JobID() string { return Text(j.Object.Object, "status", "jobStatus", "jobId") }

// Lifecycle is the operator's lifecycle state (STABLE, UPGRADING, …).
func (j Job) Lifecycle() Lifecycle { return Text(j.Object.Object, "status", "lifecycleState") }

// JobManager is the state of the JobManager's deployment; only READY means
// that its REST API answers. "" for session jobs.
func (j Job) JobManager() JobManagerState {
	return Text(j.Object.Object, "status", "jobManagerDeploymentStatus")
}

// BlueGreenState is the state of a FlinkBlueGreenDeployment.
func (j Job) BlueGreenState() BlueGreenState {
	return Text(j.Object.Object, "status", "blueGreenState")
}

// ActiveChild is the FlinkDeployment that a FlinkBlueGreenDeployment serves
// from; ok is false while it has none or is moving to the other color.
func (j Job) ActiveChild() (name string, ok bool) {
	switch j.BlueGreenState() {
	case BlueGreenActiveBlue:
		return j.Object.GetName() + "-blue", true
	case BlueGreenActiveGreen:
		return j.Object.GetName() + "-green", true
	}
	return "", false
}

// BlueGreenParent is the name of the FlinkBlueGreenDeployment that owns this
// FlinkDeployment; "" where none does.
func (j Job) BlueGreenParent() string {
	for _, owner := range j.Object.GetOwnerReferences() {
		if owner.Kind == BlueGreen.Name {
			return owner.Name
		}
	}
	return ""
}

// Failure is the operator's error about the job, decoded; the zero Failure if
// there is none.
func (j Job) Failure() Failure { return DecodeFailure(Text(j.Object.Object, "status", "error")) }

// SavepointNonce is the nonce in spec.job; ok is false where none is set.
func (j Job) SavepointNonce() (int64, bool) { return Number(j.Spec(), "job", "savepointTriggerNonce") }

// ReconciledSpec is the spec that the operator carried out last; nil where
// unknown. The operator keeps it as JSON text.
func (j Job) ReconciledSpec() map[string]any { return j.keptSpec("lastReconciledSpec") }

// StableSpec is the last spec that the job ran with, which the operator rolls back
// to; nil where unknown.
func (j Job) StableSpec() map[string]any { return j.keptSpec("lastStableSpec") }

func (j Job) keptSpec(field string) map[string]any {
	raw := Text(j.Object.Object, "status", "reconciliationStatus", field)
	if raw == "" {
		return nil
	}
	var decoded struct {
		Spec map[string]any `json:"spec"`
	}
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&decoded) != nil {
		return nil
	}
	return decoded.Spec
}

// ReconciledNonce is the nonce in a field of spec.job that the operator has
// dealt with.
func (j Job) ReconciledNonce(field string) (int64, bool) {
	value := Section(j.ReconciledSpec(), "job")[field]
	n, ok := value.(json.Number)
	if !ok {
		return 0, false
	}
	whole, err := n.Int64()
	return whole, err == nil
}

// IsRunning reports whether a savepoint of the job can be taken.
func (j Job) IsRunning() bool {
	if jm := j.JobManager(); jm != "" && jm != JobManagerReady {
		return false
	}
	return j.State() == JobRunning
}

// Describe says in a few words what state the job is in and since when.
func (j Job) Describe(now time.Time) string {
	var words []string
	switch state := j.State(); {
	case state != "":
		words = append(words, state)
	default:
		words = append(words, "not started yet")
	}
	if since := j.StateSince(); !since.IsZero() && now.After(since) {
		words = append(words, "since "+Ago(now.Sub(since)))
	}
	var more []string
	if l := j.Lifecycle(); l != "" && l != LifecycleStable {
		more = append(more, "lifecycle "+l)
	}
	if jm := j.JobManager(); jm != "" && jm != JobManagerReady {
		more = append(more, "JobManager "+jm)
	}
	if bg := j.BlueGreenState(); bg != "" {
		more = append(more, bg)
	}
	if len(more) > 0 {
		words = append(words, "("+strings.Join(more, ", ")+")")
	}
	return strings.Join(words, " ")
}

// Ago is a duration as people say it: 42s, 5m, 3h, 2d.
func Ago(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
