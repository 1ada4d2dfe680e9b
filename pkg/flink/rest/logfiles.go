package rest

import (
	"context"
	"io"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// LogFile is a file in the log directory of a JobManager or TaskManager.
type LogFile struct {
	Name  string `json:"name"`
	Size  int64  `json:"size"` // bytes
	MTime Millis `json:"mtime"`
}

// TaskManagers asks for the ids of the registered TaskManagers, which are the
// names of their pods where Flink itself asks Kubernetes for them.
func (c *Client) TaskManagers(ctx context.Context) ([]string, error) {
	var out struct {
		TaskManagers []struct {
			ID string `json:"id"`
		} `json:"taskmanagers"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.Path("taskmanagers"), nil, &out)
	var ids []string
	for _, one := range out.TaskManagers {
		ids = append(ids, one.ID)
	}
	return ids, err
}

// TaskManager is one that is registered.
type TaskManager struct {
	ID        string `json:"id"`
	Slots     int    `json:"slotsNumber"`
	Free      int    `json:"freeSlots"`
	Heartbeat Millis `json:"timeSinceLastHeartbeat"` // how long ago its last heartbeat was
}

// TaskManagerList asks for the registered TaskManagers.
func (c *Client) TaskManagerList(ctx context.Context) ([]TaskManager, error) {
	var out struct {
		TaskManagers []TaskManager `json:"taskmanagers"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.Path("taskmanagers"), nil, &out)
	return out.TaskManagers, err
}

// TaskManagerMetrics asks for metrics of a TaskManager, by name. There are none
// until the JobManager has collected them.
func (c *Client) TaskManagerMetrics(ctx context.Context, taskManager string, names ...string) (map[string]Measure, error) {
	var answer []struct {
		ID    string  `json:"id"`
		Value Measure `json:"value"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.Path("taskmanagers", taskManager, "metrics").Asking("get", names...), nil, &answer)
	out := make(map[string]Measure, len(answer))
	for _, m := range answer {
		out[m.ID] = m.Value
	}
	return out, err
}

// logsAt is the log directory of a TaskManager, or a file in it.
func logsAt(taskManager string, file ...string) httpapi.Address {
	return processAt(taskManager, append([]string{"logs"}, file...)...)
}

// LogFiles lists the log directory of a TaskManager; "" is the JobManager that
// answers.
func (c *Client) LogFiles(ctx context.Context, taskManager string) ([]LogFile, error) {
	var out struct {
		Logs []LogFile `json:"logs"`
	}
	err := c.call(ctx, http.MethodGet, logsAt(taskManager), nil, &out)
	return out.Logs, err
}

// LogFile opens a file of LogFiles; the caller closes it. Its error may be
// NotFound.
func (c *Client) LogFile(ctx context.Context, taskManager, name string) (io.ReadCloser, error) {
	response, err := c.open(ctx, http.MethodGet, logsAt(taskManager, name))
	if err != nil {
		return nil, err
	}
	return response.Body, nil
}
