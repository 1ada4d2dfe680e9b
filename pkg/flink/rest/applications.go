package rest

import (
	"context"
	"net/http"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Application is one run of a main method, with the jobs that it started: none,
// one or several. Flink has them since 2.3.
type Application struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Status    string `json:"status"`
	StartTime Millis `json:"start-time"`
	EndTime   Millis `json:"end-time"`
	// Jobs are its jobs, as in GET /jobs/overview.
	Jobs []JobOverview `json:"jobs"`
	// Exceptions are those of its main method, newest first.
	Exceptions []ApplicationException `json:"exceptions,omitempty"`
}

// ApplicationException is why a main method failed.
type ApplicationException struct {
	Name  string `json:"exceptionName"`
	Trace string `json:"stacktrace"`
	At    Millis `json:"timestamp"`
}

// maxApplications bounds how many applications of an answer are asked for.
const maxApplications = 100

// Applications asks for all applications of a cluster, ended ones included. Before
// Flink 2.3 the error is NotFound.
func (c *Client) Applications(ctx context.Context) ([]Application, error) {
	var overview struct {
		Applications []struct {
			ID string `json:"id"`
		} `json:"applications"`
	}
	if err := c.call(ctx, http.MethodGet, httpapi.Path("applications", "overview"), nil, &overview); err != nil {
		return nil, err
	}
	all := overview.Applications
	var out []Application
	for _, known := range all[:min(len(all), maxApplications)] {
		var one Application
		if err := c.call(ctx, http.MethodGet, httpapi.IDPath("applications", known.ID), nil, &one); err != nil {
			if NotFound(err) {
				continue // it was forgotten meanwhile
			}
			return nil, err
		}
		var thrown struct {
			History struct {
				Entries []ApplicationException `json:"entries"`
			} `json:"exceptionHistory"`
		}
		if err := c.call(ctx, http.MethodGet, httpapi.IDPath("applications", known.ID, "exceptions"), nil, &thrown); err != nil && !NotFound(err) {
			return nil, err
		}
		one.Exceptions = thrown.History.Entries
		out = append(out, one)
	}
	return out, nil
}
