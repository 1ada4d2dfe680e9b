package rest

import (
	"context"
	"io"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
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
	err := c.call(ctx, http.MethodGet, pathOf("taskmanagers"), nil, &out)
	var ids []string
	for _, one := range out.TaskManagers {
		ids = append(ids, one.ID)
	}
	return ids, err
}

// logsAt is the log directory of a TaskManager, or a file in it. Ids of
// TaskManagers are names of pods, or host:port-hex.
func logsAt(taskManager string, file ...string) address {
	if taskManager == "" {
		return pathOf(append([]string{"jobmanager", "logs"}, file...)...)
	}
	return pathOf(append([]string{"taskmanagers", taskManager, "logs"}, file...)...)
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
	path := logsAt(taskManager, name)
	response, err := c.do(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 {
		defer response.Body.Close()
		data, _ := untrusted.ReadFailure(response.Body)
		return nil, &Error{Method: http.MethodGet, Path: path.String(), Code: response.StatusCode, Messages: messages(data)}
	}
	return response.Body, nil
}
