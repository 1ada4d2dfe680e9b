package view

import (
	"cmp"
	"fmt"
	"io"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// Applications is what `kubectl flink applications` knows: the JobManager's
// answers, under its own names.
type Applications struct {
	APIVersion string             `json:"apiVersion"`
	Kind       string             `json:"kind"`
	Cluster    string             `json:"cluster"`
	Items      []rest.Application `json:"items"`
}

// NewApplications are the applications of a cluster.
func NewApplications(cluster string, items []rest.Application) Applications {
	return Applications{APIVersion: "kubectl-flink/v1", Kind: "ApplicationList", Cluster: cluster, Items: append([]rest.Application{}, items...)}
}

// Result is the applications in every format: a row for each job, and one for each
// application that has none.
func (a Applications) Result(palette term.Palette, now time.Time) printer.Result {
	table := &printer.Table{Palette: palette, Columns: []printer.Column{
		{Name: "APPLICATION"}, {Name: "STATUS"}, {Name: "AGE"}, {Name: "JOB"}, {Name: "STATE"}, {Name: "JOB-ID"}, {Name: "ID", Wide: true},
	}}
	for _, one := range a.Items {
		row := func(name, state, id string) {
			table.Rows = append(table.Rows, []printer.Cell{
				printer.C(one.Name),
				{Text: one.Status, Color: stateColor(one.Status)},
				printer.C(age(one.StartTime.Time(), now)),
				printer.C(name),
				{Text: state, Color: stateColor(state)},
				printer.C(id), printer.C(one.ID),
			})
		}
		for _, job := range one.Jobs {
			row(job.Name, job.State, job.ID)
		}
		if len(one.Jobs) == 0 {
			row("", "", "")
		}
	}
	return printer.Result{Object: a, Table: table, Text: func(w io.Writer) error {
		if err := table.Print(w, false, false); err != nil {
			return err
		}
		for _, one := range a.Items {
			if len(one.Exceptions) == 0 {
				continue
			}
			newest := one.Exceptions[0]
			why := diagnosis.ReadException(cmp.Or(newest.Trace, newest.Name), newest.At.Time(), diagnosis.InMain)
			if _, err := fmt.Fprintln(w, term.SafeLine(fmt.Sprintf("\n%s failed %s ago: %s", one.Name, age(newest.At.Time(), now), why.Telling()))); err != nil {
				return err
			}
		}
		return nil
	}}
}
