package bundle

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// Bounds of what the JobManager is asked for.
const (
	mostAnswer       = 8 << 20
	mostTaskManagers = 8
	mostJobs         = 20
	mostMetrics      = 120
)

// REST puts in what the JobManager says: jobs, plans, checkpoints, exceptions,
// configuration, metrics, thread dumps.
func (c *Collector) REST(ctx context.Context, job Job) {
	if c.Ask == nil || job.Facts.Mark(diagnosis.FromJobManager) != diagnosis.Read {
		return // that it doesn't answer is among what couldn't be read
	}
	about := "REST API of " + job.Ref.String() + " in " + job.Ref.Namespace
	place, err := reach.Find(ctx, c.Client, job.Ref)
	if err != nil {
		c.miss(ctx, about, err)
		return
	}
	client, err := c.Ask(place)
	if err != nil {
		c.miss(ctx, about, err)
		return
	}
	r := restReader{Collector: c, client: client, dir: job.Dir() + "/rest", about: about, ref: job.Ref.String()}
	for _, name := range []string{"config", "overview", "jobs/overview", "jobmanager/config", "jobmanager/environment", "jobmanager/thread-dump", "taskmanagers"} {
		r.get(ctx, name, "")
	}
	r.metrics(ctx, "jobmanager/metrics")
	for _, id := range r.jobs(ctx, place) {
		for _, name := range []string{"", "/plan", "/config", "/checkpoints", "/checkpoints/config"} {
			r.get(ctx, "jobs/"+id+name, "")
		}
		r.get(ctx, "jobs/"+id+"/exceptions", "maxExceptions=100")
		r.metrics(ctx, "jobs/"+id+"/metrics")
	}
	workers, err := client.TaskManagerList(ctx)
	if err != nil {
		c.miss(ctx, about+": TaskManagers", err)
	}
	for i, worker := range workers {
		if i == mostTaskManagers {
			c.Archive.Miss(about+": thread dumps and metrics of more TaskManagers", fmt.Sprintf("only those of %d of %d are read", mostTaskManagers, len(workers)))
			break
		}
		if isWorker(worker.ID) {
			r.get(ctx, "taskmanagers/"+worker.ID, "")
			r.get(ctx, "taskmanagers/"+worker.ID+"/thread-dump", "")
			r.metrics(ctx, "taskmanagers/"+worker.ID+"/metrics")
		}
	}
}

// isWorker reports whether a server's word can be the id of a TaskManager: a pod's
// name, or host:port-random.
func isWorker(id string) bool {
	return id != "" && len(id) <= 253 && !strings.Contains(id, "..") && strings.IndexFunc(id, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '.' && r != ':' && r != '_'
	}) < 0
}

// restReader reads answers of one JobManager.
type restReader struct {
	*Collector
	client          *rest.Client
	dir, about, ref string
}

// jobs are the ids of the jobs that are asked about.
func (r restReader) jobs(ctx context.Context, place reach.Place) []string {
	if untrusted.IsID(place.JobID) {
		return []string{place.JobID}
	}
	if !place.Job.IsSessionCluster() {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, r.Limit)
	defer cancel()
	all, err := r.client.Jobs(limited)
	if err != nil {
		r.miss(ctx, r.about+": jobs", err)
		return nil
	}
	var out []string
	for _, job := range all {
		if untrusted.IsID(job.ID) && len(out) < mostJobs {
			out = append(out, job.ID)
		}
	}
	return out
}

// read is an answer, within its bounds.
func (r restReader) read(ctx context.Context, where, query string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.Limit, errors.New("no answer in time"))
	defer cancel()
	address := "/" + where
	if query != "" {
		address += "?" + query
	}
	response, err := r.client.Do(ctx, http.MethodGet, address, http.Header{"Accept": {"application/json"}}, nil)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, reach.Explain(err)
	}
	defer response.Body.Close()
	body, err := untrusted.ReadAll(response.Body, mostAnswer)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("the JobManager answered %d", response.StatusCode)
	}
	return body, err
}

// get puts in an answer.
func (r restReader) get(ctx context.Context, where, query string) {
	if ctx.Err() != nil {
		return
	}
	r.tell("%s: %s", r.ref, where)
	body, err := r.read(ctx, where, query)
	if err != nil {
		r.miss(ctx, r.about+": "+where, err)
		return
	}
	r.Archive.JSON(r.dir+"/"+Clean(strings.ReplaceAll(where, "/", "."))+".json", "/"+where+" of "+r.ref, body)
}

// metrics puts in the values of all metrics, of very many the first ones.
func (r restReader) metrics(ctx context.Context, where string) {
	if ctx.Err() != nil {
		return
	}
	body, err := r.read(ctx, where, "")
	var listed []struct {
		ID string `json:"id"`
	}
	if err == nil {
		err = decodeInto(string(body), &listed)
	}
	if err != nil {
		r.miss(ctx, r.about+": "+where, err)
		return
	}
	var names []string
	for _, one := range listed {
		if one.ID != "" && len(one.ID) < 200 && !strings.ContainsAny(one.ID, ",&") {
			names = append(names, url.QueryEscape(one.ID))
		}
	}
	slices.Sort(names)
	if len(names) > mostMetrics {
		r.Archive.Miss(r.about+": "+where, fmt.Sprintf("only %d of %d metrics are read", mostMetrics, len(names)))
		names = names[:mostMetrics]
	}
	if len(names) > 0 {
		r.get(ctx, where, "get="+strings.Join(names, ","))
	}
}
