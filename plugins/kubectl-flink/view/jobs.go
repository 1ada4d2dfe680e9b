package view

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// listedJob is one job of a cluster. Duration is in milliseconds.
type listedJob struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	State     string     `json:"state"`
	Managed   bool       `json:"managed"`
	ManagedBy string     `json:"managedBy,omitempty"`
	Started   *time.Time `json:"started,omitempty"`
	Ended     *time.Time `json:"ended,omitempty"`
	Duration  int64      `json:"duration"`
	Running   int        `json:"tasksRunning"`
	Total     int        `json:"tasksTotal"`
	// StateOnly says that Flink's overview leaves the job out: numbers and name
	// aren't known.
	StateOnly bool `json:"stateOnly,omitempty"`
}

// Jobs is the jobs of a cluster, those that go on first and the newest of each
// first; managers are the objects that manage them, by job id.
func Jobs(jobs []rest.JobOverview, managers map[string]api.Ref, palette term.Palette, now time.Time) printer.Result {
	table := &printer.Table{Palette: palette, Columns: []printer.Column{
		{Name: "JOB ID"}, {Name: "STATE"}, {Name: "MANAGED BY"}, {Name: "TASKS"}, {Name: "AGE"}, {Name: "NAME"},
	}}
	jobs = slices.Clone(jobs)
	sorting.By(jobs, func(a, b rest.JobOverview) int {
		if ended := rest.Ended(a.State); ended != rest.Ended(b.State) {
			if ended {
				return 1
			}
			return -1
		}
		return cmp.Compare(b.StartTime, a.StartTime)
	})
	objects := make([]listedJob, 0, len(jobs))
	for _, job := range jobs {
		one := listedJob{
			ID: job.ID, Name: job.Name, State: job.State, Started: moment(job.StartTime.Time()), Ended: moment(job.EndTime.Time()),
			Duration: int64(job.Duration), Running: job.Tasks["running"], Total: job.Tasks["total"], StateOnly: job.StateOnly,
		}
		by := "<unmanaged>"
		if ref, ok := managers[job.ID]; ok {
			one.Managed, one.ManagedBy = true, ref.String()
			by = one.ManagedBy
		} else if one.Ended != nil || job.StateOnly && rest.Ended(job.State) {
			by = "-" // an earlier run
		}
		objects = append(objects, one)
		tasks, old := fmt.Sprintf("%d/%d", one.Running, one.Total), age(job.StartTime.Time(), now)
		if job.StateOnly {
			tasks, old, one.Name = "?", "?", "?"
		}
		table.Rows = append(table.Rows, []printer.Cell{
			printer.C(one.ID),
			{Text: one.State, Color: stateColor(one.State)},
			printer.C(by),
			printer.C(tasks), printer.C(old), printer.C(one.Name),
		})
	}
	return printer.Result{Object: printer.List(objects), Table: table}
}
