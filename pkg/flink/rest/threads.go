package rest

import (
	"context"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// maxThreads bounds a thread dump; a TaskManager with many slots has some
// thousands.
const maxThreads = 50_000

// ThreadInfo is one thread of a dump: its name, and all of it as text in the form of
// java.lang.management.ThreadInfo.
type ThreadInfo struct {
	Name string `json:"threadName"`
	Text string `json:"stringifiedThreadInfo"`
}

// ThreadDump asks for all threads of a TaskManager at one moment; "" is the
// JobManager that answers. Stacks end at cluster.thread-dump.stacktrace-max-depth.
func (c *Client) ThreadDump(ctx context.Context, taskManager string) ([]ThreadInfo, error) {
	var out struct {
		Threads []ThreadInfo `json:"threadInfos"`
	}
	err := c.call(ctx, http.MethodGet, processAt(taskManager, "thread-dump"), nil, &out)
	return out.Threads[:min(len(out.Threads), maxThreads)], err
}

// processAt is a place below a TaskManager, or below the JobManager for "".
// Ids of TaskManagers are names of pods, or host:port-hex.
func processAt(taskManager string, below ...string) httpapi.Address {
	if taskManager == "" {
		return httpapi.Path(append([]string{"jobmanager"}, below...)...)
	}
	return httpapi.Path(append([]string{"taskmanagers", taskManager}, below...)...)
}
