package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strconv"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Measure is the value of a metric. Flink writes NaN and infinities as strings; they
// and what is absent are NaN here.
type Measure float64

// UnmarshalJSON reads a number or a string with one.
func (n *Measure) UnmarshalJSON(data []byte) error {
	*n = Measure(math.NaN())
	text := string(bytes.Trim(data, `"`))
	if f, err := strconv.ParseFloat(text, 64); err == nil && !math.IsInf(f, 0) {
		*n = Measure(f)
	}
	return nil
}

// Known reports whether n is a number.
func (n Measure) Known() bool { return !math.IsNaN(float64(n)) }

// Aggregate is a metric of a vertex over its subtasks. Skew is 0 where all are
// alike and 100 where one has all; unknown before Flink 1.20.
type Aggregate struct {
	Min, Max, Avg, Sum, Skew Measure
}

var unknown = Measure(math.NaN())

// UnknownAggregate is that of a metric that a vertex doesn't have.
var UnknownAggregate = Aggregate{unknown, unknown, unknown, unknown, unknown}

// SubtaskMetricNames asks which metrics a vertex's subtasks have. There are
// none until the JobManager has collected them, which the first question makes
// it do.
func (c *Client) SubtaskMetricNames(ctx context.Context, job, vertex string) ([]string, error) {
	var answer []struct {
		ID string `json:"id"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "vertices", vertex, "subtasks", "metrics"), nil, &answer)
	names := make([]string, 0, len(answer))
	for _, metric := range answer {
		names = append(names, metric.ID)
	}
	return names, err
}

// SubtaskMetrics asks for metrics of a vertex over its subtasks. The
// JobManager answers nothing at all if one of the names doesn't exist.
func (c *Client) SubtaskMetrics(ctx context.Context, job, vertex string, names ...string) (map[string]Aggregate, error) {
	type one struct {
		ID                       string
		Min, Max, Avg, Sum, Skew *Measure
	}
	var answer []json.RawMessage
	path := httpapi.IDPath("jobs", job, "vertices", vertex, "subtasks", "metrics").Asking("get", names...)
	if err := c.call(ctx, http.MethodGet, path, nil, &answer); err != nil {
		return nil, err
	}
	out := make(map[string]Aggregate, len(answer))
	for _, raw := range answer {
		var m one
		if err := json.Unmarshal(raw, &m); err != nil {
			continue
		}
		a := UnknownAggregate
		for _, f := range []struct {
			from *Measure
			to   *Measure
		}{{m.Min, &a.Min}, {m.Max, &a.Max}, {m.Avg, &a.Avg}, {m.Sum, &a.Sum}, {m.Skew, &a.Skew}} {
			if f.from != nil {
				*f.to = *f.from
			}
		}
		out[m.ID] = a
	}
	return out, nil
}
