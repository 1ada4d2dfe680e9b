package rest

import (
	"context"
	"net/http"
	"strconv"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Exception is why a job or one of its tasks failed.
type Exception struct {
	Name       string `json:"exceptionName"`
	Stacktrace string `json:"stacktrace"`
	Time       Millis `json:"timestamp"`
	Task       string `json:"taskName"`
	// Endpoint is host:port; Location is its name before Flink 1.19.
	Endpoint    string            `json:"endpoint"`
	Location    string            `json:"location"`
	TaskManager string            `json:"taskManagerId"`
	Labels      map[string]string `json:"failureLabels"`
	// Concurrent are failures of other tasks in the same restart.
	Concurrent []Exception `json:"concurrentExceptions"`
}

// Exceptions asks for the failures of a job across its restarts, newest first,
// as far as the JobManager keeps them (web.exception-history-size, 16).
// truncated says that there were more. Flink before 2.0 sends them a second
// time in other fields, which Flink 2.0 dropped.
func (c *Client) Exceptions(ctx context.Context, job string, most int) (history []Exception, truncated bool, err error) {
	var out struct {
		History struct {
			Entries   []Exception `json:"entries"`
			Truncated bool        `json:"truncated"`
		} `json:"exceptionHistory"`
	}
	err = c.call(ctx, http.MethodGet, httpapi.IDPath("jobs", job, "exceptions").Asking("maxExceptions", strconv.Itoa(most)), nil, &out)
	return out.History.Entries, out.History.Truncated, err
}
