package rest

import (
	"context"
	"net/http"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Millis is a moment or a duration in milliseconds, as Flink writes them; -1
// is none.
type Millis int64

// Time is the moment; zero for none.
func (m Millis) Time() time.Time {
	if m < 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(m))
}

// Duration is the length of time; 0 for none.
func (m Millis) Duration() time.Duration { return time.Duration(max(m, 0)) * time.Millisecond }

// Config is GET /config.
type Config struct {
	RefreshInterval Millis          `json:"refresh-interval"`
	FlinkVersion    string          `json:"flink-version"`
	FlinkRevision   string          `json:"flink-revision"`
	Features        map[string]bool `json:"features"`
}

// Overview is GET /overview.
type Overview struct {
	TaskManagers   int    `json:"taskmanagers"`
	SlotsTotal     int    `json:"slots-total"`
	SlotsAvailable int    `json:"slots-available"`
	JobsRunning    int    `json:"jobs-running"`
	JobsFinished   int    `json:"jobs-finished"`
	JobsCancelled  int    `json:"jobs-cancelled"`
	JobsFailed     int    `json:"jobs-failed"`
	FlinkVersion   string `json:"flink-version"`
}

// JobOverview is one of GET /jobs/overview.
type JobOverview struct {
	ID               string         `json:"jid"`
	Name             string         `json:"name"`
	State            string         `json:"state"`
	StartTime        Millis         `json:"start-time"`
	EndTime          Millis         `json:"end-time"`
	Duration         Millis         `json:"duration"`
	LastModification Millis         `json:"last-modification"`
	Tasks            map[string]int `json:"tasks"`
	// StateOnly says that Flink's overview leaves the job out, as 2.1 to 2.3 do
	// where its JobMaster doesn't answer in time (FLINK-40602): ID and State are
	// known, the rest isn't.
	StateOnly bool `json:"-"`
}

// Job is GET /jobs/:id.
type Job struct {
	ID             string            `json:"jid"`
	Name           string            `json:"name"`
	State          string            `json:"state"`
	JobType        string            `json:"job-type"` // 1.20 and newer
	StartTime      Millis            `json:"start-time"`
	EndTime        Millis            `json:"end-time"`
	Duration       Millis            `json:"duration"`
	MaxParallelism int               `json:"maxParallelism"`
	Timestamps     map[string]Millis `json:"timestamps"` // state → when it was entered; 0 is never
	Vertices       []Vertex          `json:"vertices"`
	Now            Millis            `json:"now"` // by the JobManager's clock
	Plan           Plan              `json:"plan"`
	// PendingOperators are not among Vertices yet. Flink 2 and newer.
	PendingOperators int `json:"pending-operators"`
}

// Plan is the graph of a Job: the same vertices, with what flows into each.
type Plan struct {
	Nodes []PlanNode `json:"nodes"`
}

// PlanNode is a vertex of a Plan.
type PlanNode struct {
	ID          string      `json:"id"`
	Description string      `json:"description"` // HTML
	Inputs      []PlanInput `json:"inputs"`
}

// PlanInput is an edge of a Plan, from the vertex ID.
type PlanInput struct {
	ID           string `json:"id"`
	ShipStrategy string `json:"ship_strategy"`
	Exchange     string `json:"exchange"`
}

// Vertex is one of a Job's.
type Vertex struct {
	ID             string         `json:"id"`
	Name           string         `json:"name"`
	Parallelism    int            `json:"parallelism"`
	MaxParallelism int            `json:"maxParallelism"`
	Status         string         `json:"status"`
	StartTime      Millis         `json:"start-time"`
	EndTime        Millis         `json:"end-time"`
	Duration       Millis         `json:"duration"`
	Tasks          map[string]int `json:"tasks"`
	Metrics        VertexMetrics  `json:"metrics"`
}

// VertexMetrics are what a Vertex's tasks have counted; complete once each has
// reported.
type VertexMetrics struct {
	Read          int64 `json:"read-records"`
	ReadComplete  bool  `json:"read-records-complete"`
	Written       int64 `json:"write-records"`
	WriteComplete bool  `json:"write-records-complete"`
}

// SavepointRequest is the body of POST /jobs/:id/savepoints. Empty fields are
// left to Flink.
type SavepointRequest struct {
	TargetDirectory string `json:"target-directory,omitempty"`
	CancelJob       bool   `json:"cancel-job"`
	FormatType      string `json:"formatType,omitempty"` // CANONICAL or NATIVE
	TriggerID       string `json:"triggerId,omitempty"`
}

// SavepointStatus is GET /jobs/:id/savepoints/:trigger. Completed alone does
// not mean success.
type SavepointStatus struct {
	Completed bool
	// Location is where the savepoint is; "" where it failed.
	Location string
	// FailureClass and FailureTrace say why it failed.
	FailureClass, FailureTrace string
}

// operationCompleted is the state of an operation that Flink has ended, well or
// not.
const operationCompleted = "COMPLETED"

// Failed reports whether the savepoint ended without a location.
func (s SavepointStatus) Failed() bool { return s.Completed && s.Location == "" }

// Config asks for the version and features; the cheapest sign of life.
func (c *Client) Config(ctx context.Context) (Config, error) {
	var out Config
	err := c.call(ctx, http.MethodGet, httpapi.Path("config"), nil, &out)
	return out, err
}

// Overview asks for the cluster's numbers.
func (c *Client) Overview(ctx context.Context) (Overview, error) {
	var out Overview
	err := c.call(ctx, http.MethodGet, httpapi.Path("overview"), nil, &out)
	return out, err
}

// Jobs asks for all jobs of the cluster, ended ones included, and those that
// Flink's overview leaves out.
func (c *Client) Jobs(ctx context.Context) ([]JobOverview, error) {
	var states struct {
		Jobs []struct {
			ID     string `json:"id"`
			Status string `json:"status"`
		} `json:"jobs"`
	}
	// Before the overview: a job that starts in between is in that.
	err := c.call(ctx, http.MethodGet, httpapi.Path("jobs"), nil, &states)
	if err != nil && !NotFound(err) {
		return nil, err
	}
	var out struct {
		Jobs []JobOverview `json:"jobs"`
	}
	if err := c.call(ctx, http.MethodGet, httpapi.Path("jobs", "overview"), nil, &out); err != nil {
		return nil, err
	}
	known := make(map[string]bool, len(out.Jobs))
	for _, job := range out.Jobs {
		known[job.ID] = true
	}
	for _, job := range states.Jobs {
		if !known[job.ID] {
			known[job.ID] = true
			out.Jobs = append(out.Jobs, JobOverview{ID: job.ID, State: job.Status, StartTime: -1, EndTime: -1, LastModification: -1, StateOnly: true})
		}
	}
	return out.Jobs, nil
}

// Ended reports whether a job in state won't run again.
func Ended(state string) bool {
	return state == api.JobFinished || state == api.JobCanceled || state == api.JobFailed
}

// Job asks for one job. Its error may be NotFound.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	var out Job
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", id), nil, &out)
	return out, err
}

// TriggerSavepoint starts a savepoint and returns its trigger id, which the
// JobManager remembers for some minutes after the end.
func (c *Client) TriggerSavepoint(ctx context.Context, job string, request SavepointRequest) (string, error) {
	var out struct {
		ID string `json:"request-id"`
	}
	err := c.call(ctx, http.MethodPost, httpapi.IDPath("jobs", job, "savepoints"), request, &out)
	return out.ID, err
}

// SavepointStatus asks how far a savepoint is. Its error is NotFound once
// the JobManager has forgotten the trigger.
func (c *Client) SavepointStatus(ctx context.Context, job, trigger string) (SavepointStatus, error) {
	var out struct {
		Status struct {
			ID string `json:"id"`
		} `json:"status"`
		Operation struct {
			Location string `json:"location"`
			Cause    struct {
				Class string `json:"class"`
				Trace string `json:"stack-trace"`
			} `json:"failure-cause"`
		} `json:"operation"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "savepoints", trigger), nil, &out)
	return SavepointStatus{
		Completed:    out.Status.ID == operationCompleted,
		Location:     out.Operation.Location,
		FailureClass: out.Operation.Cause.Class,
		FailureTrace: out.Operation.Cause.Trace,
	}, err
}
