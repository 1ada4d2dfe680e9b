package rest

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// What a Rescale's state may be; RescaleGoing is for one that Flink gives none.
const (
	RescaleGoing  = "IN_PROGRESS"
	RescaleFailed = "FAILED"
)

// Rescale is one change of a job's parallelism by the adaptive scheduler.
type Rescale struct {
	ID string `json:"rescaleUuid"`
	// Requirements is the id of the wish that it answers, Attempt counts the
	// rescales for it.
	Requirements string                     `json:"resourceRequirementsUuid"`
	Attempt      int64                      `json:"rescaleAttemptId"`
	Vertices     map[string]RescaledVertex  `json:"vertices"`
	Slots        map[string]RescaledSharing `json:"slots"`
	Started      Millis                     `json:"startTimestampInMillis"`
	Ended        *Millis                    `json:"endTimestampInMillis"`
	// State is COMPLETED, FAILED or IGNORED; "" while it goes on.
	State  string `json:"terminalState"`
	Cause  string `json:"triggerCause"`
	Reason string `json:"terminatedReason"`
}

// RescaledVertex is a vertex's parallelism in a Rescale; nil isn't known.
type RescaledVertex struct {
	ID         string `json:"jobVertexId"`
	Name       string `json:"jobVertexName"`
	Desired    *int   `json:"desiredParallelism"`
	Sufficient *int   `json:"sufficientParallelism"`
	Before     *int   `json:"preRescaleParallelism"`
	After      *int   `json:"postRescaleParallelism"`
}

// RescaledSharing is how many slots a slot sharing group has in a Rescale; nil
// isn't known.
type RescaledSharing struct {
	Name    string `json:"slotSharingGroupName"`
	Desired *int   `json:"desiredSlots"`
	Minimal *int   `json:"minimalRequiredSlots"`
	Before  *int   `json:"preRescaleSlots"`
	After   *int   `json:"postRescaleSlots"`
}

// RescaleCounts count a job's rescales by how they ended.
type RescaleCounts struct {
	Completed  int64 `json:"completed"`
	Failed     int64 `json:"failed"`
	Ignored    int64 `json:"ignored"`
	InProgress int64 `json:"inProgress"`
}

// maxRescales bounds how many rescales are kept of an answer.
const maxRescales = 10_000

// Rescales asks for the rescales that the JobManager remembers
// (web.adaptive-scheduler.rescale-history.size). Only Flink 2.3 and newer has
// them: for others the error is NotFound.
func (c *Client) Rescales(ctx context.Context, job string) ([]Rescale, error) {
	var history []Rescale
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "rescales", "history"), nil, &history)
	return history[:min(len(history), maxRescales)], err
}

// Rescale asks for one with its vertices and slots, which Flink 2.3 leaves out of the
// history.
func (c *Client) Rescale(ctx context.Context, job, id string) (Rescale, error) {
	var out Rescale
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "rescales", "details", id), nil, &out)
	return out, err
}

// RescaleCounts asks how many rescales there were, forgotten ones included.
func (c *Client) RescaleCounts(ctx context.Context, job string) (RescaleCounts, error) {
	var overview struct {
		Counts RescaleCounts `json:"rescalesCounts"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "rescales", "overview"), nil, &overview)
	return overview.Counts, err
}

// RescalesOff reports whether err says that the job's scheduler isn't adaptive, or
// that no rescales are remembered.
func RescalesOff(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == http.StatusNotFound && strings.Contains(strings.Join(e.Messages, "\n"), "rescale-history")
}
