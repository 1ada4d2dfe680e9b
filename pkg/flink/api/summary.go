package api

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Summary is what the object alone says of a job, a session cluster or a
// snapshot, in one line's worth of fields. Times are zero where unknown.
type Summary struct {
	Kind      Kind
	Namespace string
	Name      string
	Created   time.Time
	Deleting  time.Time
	// Generation is the spec's, Observed the last one that the operator
	// accepted; 0 before operator 1.8.
	Generation, Observed int64

	// State is Flink's state of the job, or the snapshot's state.
	State string
	// StateSince is when the operator saw the job come into its state; zero where
	// nothing tells.
	StateSince time.Time
	// UpgradePath is the state that the job was stopped with last, or started
	// from; it may be no path at all (NormalPath tells).
	UpgradePath string
	Lifecycle   Lifecycle
	// JobManager is the state of its Deployment; "" for session jobs.
	JobManager string
	// Reconciliation is reconciliationStatus.state, At when it was written.
	Reconciliation   string
	ReconciliationAt time.Time
	BlueGreen        string
	// Session says that a FlinkDeployment runs no job of its own.
	Session bool
	// Cluster is the session cluster's name, of session jobs.
	Cluster string
	// Of is the job that a snapshot is of; the zero Ref where it refers to none.
	Of Ref
	// Savepoint says that a snapshot is one, not a checkpoint.
	Savepoint bool
	// Wanted is spec.job.state: running or suspended; "" without a job.
	Wanted      string
	Version     string
	Parallelism int64
	UpgradeMode UpgradeMode
	Image       string
	JobID       string
	JobName     string
	Error       Failure
	// LastSavepoint is the newest savepoint that the status reports. Since
	// operator 1.10 snapshots are objects of their own instead.
	LastSavepoint  time.Time
	LastCheckpoint time.Time
	// ResultAt is when a snapshot was completed.
	ResultAt time.Time
	// updated is when Flink last reported another state to the operator.
	updated time.Time
	// StatusKnown says that an operator has written a status at all.
	StatusKnown bool
	// JarHost is the host that the job's jar is fetched from; "" where it is in
	// the image.
	JarHost string
}

// Ref names the object.
func (s Summary) Ref() Ref { return Ref{Kind: s.Kind, Namespace: s.Namespace, Name: s.Name} }

// Lags reports whether the operator has not accepted the newest spec; false
// where the operator is too old to tell.
func (s Summary) Lags() bool { return s.Observed > 0 && s.Observed < s.Generation }

// Since is how long ago the state was entered; 0 if unknown.
func (s Summary) Since(now time.Time) time.Duration {
	if s.StateSince.IsZero() || now.Before(s.StateSince) {
		return 0
	}
	return now.Sub(s.StateSince)
}

// StoppedAt is when a suspended job was stopped, by the snapshot that the operator
// made of its last savepoint; zero where none of them is.
func (s Summary) StoppedAt(snapshots []Snapshot) time.Time {
	if s.Lifecycle != LifecycleSuspended || NormalPath(s.UpgradePath) == "" {
		return time.Time{}
	}
	for _, snapshot := range snapshots {
		// A job that came into another state after that was stopped without one.
		at := snapshot.Object.GetCreationTimestamp().Time
		if snapshot.Trigger() == "UPGRADE" && SamePath(snapshot.Path(), s.UpgradePath) && at.After(s.updated) {
			return at
		}
	}
	return time.Time{}
}

// Wire has the fields of all four kinds that a Summary is made of, and no
// other: whatever else an object has is skipped without being kept.
type Wire struct {
	Metadata struct {
		Name              string    `json:"name"`
		Namespace         string    `json:"namespace"`
		CreationTimestamp time.Time `json:"creationTimestamp"`
		DeletionTimestamp time.Time `json:"deletionTimestamp"`
		Generation        int64     `json:"generation"`
		Labels            struct {
			Kind    string `json:"job-reference.kind"`
			Name    string `json:"job-reference.name"`
			Type    string `json:"snapshot.type"`
			Trigger string `json:"snapshot.trigger-type"`
		} `json:"labels"`
	} `json:"metadata"`
	Spec   wireSpec   `json:"spec"`
	Status wireStatus `json:"status"`
}

type wireSpec struct {
	FlinkVersion   string `json:"flinkVersion"`
	Image          string `json:"image"`
	DeploymentName string `json:"deploymentName"`
	Job            *struct {
		JarURI      string `json:"jarURI"`
		Parallelism int64  `json:"parallelism"`
		UpgradeMode string `json:"upgradeMode"`
		State       string `json:"state"`
	} `json:"job"`
	JobReference struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"jobReference"`
	Savepoint *struct{} `json:"savepoint"`
	Template  struct {
		Spec *wireSpec `json:"spec"`
	} `json:"template"`
}

type wireStatus struct {
	LifecycleState     string `json:"lifecycleState"`
	ObservedGeneration int64  `json:"observedGeneration"`
	JobManager         string `json:"jobManagerDeploymentStatus"`
	BlueGreenState     string `json:"blueGreenState"`
	Error              string `json:"error"`
	ClusterInfo        struct {
		FlinkVersion string `json:"flink-version"`
	} `json:"clusterInfo"`
	JobStatus struct {
		State         string `json:"state"`
		JobID         string `json:"jobId"`
		JobName       string `json:"jobName"`
		StartTime     string `json:"startTime"`
		UpdateTime    string `json:"updateTime"`
		UpgradePath   string `json:"upgradeSavepointPath"`
		SavepointInfo struct {
			LastSavepoint struct {
				TimeStamp int64  `json:"timeStamp"`
				Location  string `json:"location"`
			} `json:"lastSavepoint"`
		} `json:"savepointInfo"`
		CheckpointInfo struct {
			LastCheckpoint struct {
				TimeStamp int64 `json:"timeStamp"`
			} `json:"lastCheckpoint"`
		} `json:"checkpointInfo"`
	} `json:"jobStatus"`
	ReconciliationStatus struct {
		State     string `json:"state"`
		Timestamp int64  `json:"reconciliationTimestamp"`
	} `json:"reconciliationStatus"`
	State           string `json:"state"`
	ResultTimestamp string `json:"resultTimestamp"`
}

// Summary makes the Summary of an object of a kind.
func (w *Wire) Summary(kind Kind) Summary {
	spec := &w.Spec
	if spec.Template.Spec != nil {
		spec = spec.Template.Spec
	}
	s := Summary{
		Kind: kind, Namespace: w.Metadata.Namespace, Name: w.Metadata.Name,
		Created: w.Metadata.CreationTimestamp, Deleting: w.Metadata.DeletionTimestamp,
		Generation: w.Metadata.Generation, Observed: w.Status.ObservedGeneration,
		State: w.Status.JobStatus.State, Lifecycle: w.Status.LifecycleState, JobManager: w.Status.JobManager,
		Reconciliation: w.Status.ReconciliationStatus.State, BlueGreen: w.Status.BlueGreenState,
		Cluster: spec.DeploymentName, Version: w.Status.ClusterInfo.FlinkVersion, Image: spec.Image,
		JobID: w.Status.JobStatus.JobID, JobName: w.Status.JobStatus.JobName, Error: DecodeFailure(w.Status.Error),
		ReconciliationAt: fromMillis(w.Status.ReconciliationStatus.Timestamp),
		LastSavepoint:    fromMillis(w.Status.JobStatus.SavepointInfo.LastSavepoint.TimeStamp),
		LastCheckpoint:   fromMillis(w.Status.JobStatus.CheckpointInfo.LastCheckpoint.TimeStamp),
		StatusKnown:      w.Status != wireStatus{},
	}
	if s.Version == "" {
		s.Version = strings.ReplaceAll(strings.TrimPrefix(spec.FlinkVersion, "v"), "_", ".")
	}
	last := w.Status.JobStatus.SavepointInfo.LastSavepoint
	s.UpgradePath = w.Status.JobStatus.UpgradePath
	updated, _ := strconv.ParseInt(w.Status.JobStatus.UpdateTime, 10, 64)
	s.updated = fromMillis(updated)
	s.StateSince = stateSince(s.State, s.Lifecycle, s.updated, fromMillis(last.TimeStamp), last.Location != "" && SamePath(last.Location, s.UpgradePath))
	if job := spec.Job; job != nil {
		s.Parallelism, s.JarHost = job.Parallelism, HostOf(job.JarURI)
		// The operator's defaults, which the API server doesn't write.
		s.UpgradeMode, s.Wanted = cmp.Or(job.UpgradeMode, UpgradeStateless), cmp.Or(job.State, WantRunning)
	} else {
		s.Session = kind.Name == Deployment.Name
	}
	if kind.Name == StateSnap.Name {
		s.State = w.Status.State
		s.Savepoint = spec.Savepoint != nil || w.Metadata.Labels.Type == "SAVEPOINT"
		name := cmp.Or(spec.JobReference.Name, w.Metadata.Labels.Name)
		of, _ := ParseKind(cmp.Or(spec.JobReference.Kind, cmp.Or(w.Metadata.Labels.Kind, Deployment.Name)), JobKinds...)
		if name != "" {
			s.Of = Ref{Kind: of, Namespace: s.Namespace, Name: name}
		}
		s.ResultAt, _ = time.Parse(time.RFC3339Nano, w.Status.ResultTimestamp)
	}
	return s
}

// stateSince is when a job came into its state; zero where the status doesn't
// tell. updated is jobStatus.updateTime: when the operator last asked Flink and
// got another state than before. The states that the operator writes by
// itself, when it stops or starts a job, leave updateTime as it was. saved is
// when the last savepoint was taken, by which the job stopped if stoppedBy.
func stateSince(state, lifecycle string, updated, saved time.Time, stoppedBy bool) time.Time {
	switch state {
	case JobRunning, JobRestarting, JobFailing, JobFailed, JobCreated, JobInitializing:
		return updated
	case JobFinished, JobCanceled:
		switch {
		case lifecycle != LifecycleSuspended && lifecycle != LifecycleUpgrading:
			return updated
		case lifecycle == LifecycleSuspended && stoppedBy && saved.After(updated):
			return saved
		}
	}
	return time.Time{}
}

// HostOf is the host of an address; "" where it has none.
func HostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

// FetchFails reports whether a failure is that the operator can't find the
// host of a session job's jar: the operator fetches it, not the job's pods.
func FetchFails(kind Kind, jarHost string, failure Failure) bool {
	return kind.Name == SessionJob.Name && jarHost != "" && strings.HasPrefix(failure.Root()+" ", "UnknownHostException: "+jarHost+" ")
}

func fromMillis(n int64) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(n)
}

// Summarize reads an object that is there already. It reads by the same rules
// as Summaries.
func Summarize(kind Kind, object *unstructured.Unstructured) (Summary, error) {
	data, err := json.Marshal(object.Object)
	if err != nil {
		return Summary{}, err
	}
	return SummarizeJSON(kind, data)
}

// SummarizeJSON reads a Summary from an object's JSON.
func SummarizeJSON(kind Kind, data []byte) (Summary, error) {
	var w Wire
	if err := json.Unmarshal(data, &w); err != nil {
		return Summary{}, fmt.Errorf("read a %s: %w", kind.Name, err)
	}
	return w.Summary(kind), nil
}
