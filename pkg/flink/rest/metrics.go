package rest

import (
	"context"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// MetricScope is what has metrics of its own: a job where Job is set, a
// TaskManager where TaskManager is, else the JobManager.
type MetricScope struct{ Job, TaskManager string }

func (s MetricScope) at() httpapi.Address {
	if s.Job != "" {
		return httpapi.IDPath("jobs", s.Job, "metrics")
	}
	return processAt(s.TaskManager, "metrics")
}

// metricsAtOnce is how many metrics are asked for in one request, whose address has
// their names.
const metricsAtOnce = 40

// MetricNames asks which metrics there are. There are none until the JobManager
// has collected them, which the first question makes it do.
func (c *Client) MetricNames(ctx context.Context, scope MetricScope) ([]string, error) {
	var answer []struct {
		ID string `json:"id"`
	}
	err := c.call(ctx, http.MethodGet, scope.at(), nil, &answer)
	names := make([]string, 0, len(answer))
	for _, metric := range answer {
		names = append(names, metric.ID)
	}
	return names, err
}

// Metrics asks for metrics by name; those that don't exist are left out, and those
// that are no numbers aren't known.
func (c *Client) Metrics(ctx context.Context, scope MetricScope, names ...string) (map[string]Measure, error) {
	out := make(map[string]Measure, len(names))
	for len(names) > 0 {
		n := min(len(names), metricsAtOnce)
		var answer []struct {
			ID    string  `json:"id"`
			Value Measure `json:"value"`
		}
		if err := c.call(ctx, http.MethodGet, scope.at().Asking("get", names[:n]...), nil, &answer); err != nil {
			return out, err
		}
		for _, m := range answer {
			out[m.ID] = m.Value
		}
		names = names[n:]
	}
	return out, nil
}
