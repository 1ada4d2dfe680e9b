package view

import (
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Status is the page of `kubectl flink status`, in the shape that JSON has.
type Status struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   StatusMetadata `json:"metadata"`
	Health     health.Word    `json:"health"`
	// Why is one line about Health.
	Why string `json:"why,omitempty"`
	// Findings are what diagnosis found, the root cause first.
	Findings    []diagnosis.Finding `json:"findings,omitempty"`
	Job         JobPart             `json:"job"`
	Spec        SpecPart            `json:"spec"`
	JobManager  string              `json:"jobManager,omitempty"`
	Slots       *Slots              `json:"slots,omitempty"`
	Checkpoints *Marks              `json:"checkpoints,omitempty"`
	Savepoints  []Saved             `json:"savepoints,omitempty"`
	// Restore says from what the job would start or resume, and Plan the same in
	// parts.
	Restore    string               `json:"restore,omitempty"`
	Plan       *lifecycle.StatePlan `json:"restorePlan,omitempty"`
	Storage    Storage              `json:"storage"`
	Error      *ErrorPart           `json:"error,omitempty"`
	Autoscaler *Scaler              `json:"autoscaler,omitempty"`
	Pods       []PodPart            `json:"pods,omitempty"`
	Events     []Happened           `json:"events,omitempty"`
	// Next is what to look at next.
	Next []string `json:"next,omitempty"`
	// Unknown says what couldn't be read, and why.
	Unknown []string `json:"unknown,omitempty"`
	// Changes are what a live page has seen, newest first.
	Changes []Change `json:"-"`
}

// Change is what has changed of the job or a pod at a moment. Text is safe and
// may be painted.
type Change struct {
	At   time.Time
	Text string
}

// StatusMetadata names the job.
type StatusMetadata struct {
	Type              string     `json:"type"`
	Name              string     `json:"name"`
	Namespace         string     `json:"namespace"`
	CreationTimestamp *time.Time `json:"creationTimestamp,omitempty"`
	// Cluster is the FlinkDeployment that the job runs in, if it is another.
	Cluster string `json:"cluster,omitempty"`
}

// JobPart is what Flink and the operator say of the job.
type JobPart struct {
	ID    string     `json:"id,omitempty"`
	Name  string     `json:"name,omitempty"`
	State string     `json:"state,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	// Unconfirmed says that State is the operator's last word, from before the
	// JobManager went away.
	Unconfirmed bool   `json:"unconfirmed,omitempty"`
	Lifecycle   string `json:"lifecycle,omitempty"`
	BlueGreen   string `json:"blueGreenState,omitempty"`
	Restarts    *int64 `json:"restarts,omitempty"`
}

// SpecPart is what is wanted, and whether the operator has accepted it.
type SpecPart struct {
	Generation   int64  `json:"generation"`
	Observed     int64  `json:"observedGeneration,omitempty"`
	State        string `json:"state,omitempty"`
	FlinkVersion string `json:"flinkVersion,omitempty"`
	Image        string `json:"image,omitempty"`
	Parallelism  int64  `json:"parallelism,omitempty"`
	UpgradeMode  string `json:"upgradeMode,omitempty"`
}

// Slots are the cluster's.
type Slots struct {
	TaskManagers int `json:"taskManagers"`
	Total        int `json:"total"`
	Free         int `json:"free"`
}

// Marks are the job's checkpoints. Size is in bytes, Duration in milliseconds.
type Marks struct {
	Completed int64      `json:"completed"`
	Failed    int64      `json:"failed"`
	Last      *time.Time `json:"last,omitempty"`
	ID        int64      `json:"lastID,omitempty"`
	Size      int64      `json:"lastSize"`
	Duration  int64      `json:"lastDuration"`
	Path      string     `json:"lastPath,omitempty"`
	Failure   string     `json:"lastFailure,omitempty"`
	Interval  string     `json:"interval,omitempty"`
}

// Saved is a snapshot object.
type Saved struct {
	Name    string     `json:"name"`
	State   string     `json:"state"`
	Type    string     `json:"type"`
	Created *time.Time `json:"created,omitempty"`
	Path    string     `json:"path,omitempty"`
	Error   string     `json:"error,omitempty"`
}

// Storage is where state goes.
type Storage struct {
	Backend     string `json:"backend,omitempty"`
	Checkpoints string `json:"checkpoints,omitempty"`
	Savepoints  string `json:"savepoints,omitempty"`
	HA          string `json:"highAvailability,omitempty"`
	HADir       string `json:"highAvailabilityDir,omitempty"`
}

// ErrorPart is the operator's error; Root is its innermost cause.
type ErrorPart struct {
	Type   string   `json:"type,omitempty"`
	Root   string   `json:"root"`
	Causes []string `json:"causes,omitempty"`
}

// PodPart is one pod.
type PodPart struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Status  string `json:"status"`
	Message string `json:"message,omitempty"`
	Ready   bool   `json:"ready"`
	// Unready says why it isn't ready.
	Unready string `json:"unready,omitempty"`
	// Restarts are those of all its containers.
	Restarts int32      `json:"restarts"`
	LastEnd  string     `json:"lastEnd,omitempty"`
	LastExit int32      `json:"lastExitCode,omitempty"`
	LastAt   *time.Time `json:"lastEndAt,omitempty"`
	Node     string     `json:"node,omitempty"`
	Created  *time.Time `json:"created,omitempty"`
	Requests string     `json:"requests,omitempty"`
	Limits   string     `json:"limits,omitempty"`
	// Usage is nil where nobody measures it.
	Usage *operator.Usage `json:"usage,omitempty"`
}

// Happened is one event, or several alike.
type Happened struct {
	Time    *time.Time `json:"time,omitempty"`
	Type    string     `json:"type"`
	Reason  string     `json:"reason"`
	Object  string     `json:"object"`
	Message string     `json:"message"`
	Count   int32      `json:"count"`
}

// Moment is a time for JSON; nil where there is none.
func Moment(t time.Time) *time.Time { return moment(t) }

// Around fills in what surrounds the job.
func (s *Status) Around(a operator.Surroundings) {
	for _, p := range a.Pods {
		s.Pods = append(s.Pods, PodPart{
			Name: p.Name, Role: p.Role, Status: p.Status, Message: p.Message, Ready: p.Ready, Unready: p.Unready, Restarts: p.Restarts + p.OtherRestarts,
			LastEnd: p.LastEnd, LastExit: p.LastExit, LastAt: moment(p.LastAt), Node: p.Node, Created: moment(p.Started),
			Requests: p.Asked, Limits: p.Limit,
		})
	}
	for i, p := range a.Pods {
		if c := p.Failing; p.LastEnd == "" && c.End != "" {
			s.Pods[i].LastEnd, s.Pods[i].LastExit, s.Pods[i].LastAt = c.End, c.Exit, moment(c.At)
		}
		if usage, ok := a.Usages.Of(s.Metadata.Namespace, s.Pods[i].Name); ok {
			s.Pods[i].Usage = &usage
		}
	}
	s.scaler(a.Autoscaler)
	for _, snap := range a.Snapshots {
		kind := "checkpoint"
		if snap.IsSavepoint() {
			kind = "savepoint"
		}
		s.Savepoints = append(s.Savepoints, Saved{
			Name: snap.Name(), State: snap.State(), Type: kind, Created: moment(snap.Object.GetCreationTimestamp().Time),
			Path: snap.Path(), Error: snap.Failure().Root(),
		})
	}
	s.Events = Events(a.Events)
	s.Unknown = append(s.Unknown, a.Problems...)
}

// Events makes events of the operator's, folding those that say the same.
func Events(events []operator.Event) []Happened {
	var out []Happened
	at := map[string]int{}
	for _, e := range events {
		h := Happened{Time: moment(e.Time), Type: e.Type, Reason: e.Reason, Object: e.Object, Message: e.Root(), Count: e.Count}
		key := h.Reason + "\x00" + h.Object + "\x00" + h.Message
		if i, seen := at[key]; seen {
			out[i].Count += h.Count
			continue
		}
		at[key] = len(out)
		out = append(out, h)
	}
	return out
}
