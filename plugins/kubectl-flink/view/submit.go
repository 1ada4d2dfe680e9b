package view

import (
	"fmt"
	"io"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
)

// Submitted is the result of `kubectl flink submit`; dryRun is "", "client" or
// "server".
func Submitted(reports []lifecycle.SubmitReport, dryRun string) printer.Result {
	result := printer.Result{AsIs: true, Table: &printer.Table{Columns: []printer.Column{
		{Name: "NAME"}, {Name: "STATE"}, {Name: "JOB ID"}, {Name: "STARTED FROM"}, {Name: "TOOK"},
	}}}
	objects := make([]any, len(reports))
	for i, r := range reports {
		objects[i] = r.Job.Object.Object
		result.Names = append(result.Names, r.Job.Ref().Printed())
		took := ""
		if r.Took > 0 {
			took = r.Took.Round(time.Second).String()
		}
		result.Table.Rows = append(result.Table.Rows, []printer.Cell{
			printer.C(r.Job.Ref().String()), printer.C(r.Job.State()), printer.C(r.Job.JobID()), printer.C(r.Restored), printer.C(took),
		})
	}
	result.Object = printer.List(objects)
	if len(objects) == 1 {
		result.Object = objects[0]
	}
	result.Text = func(w io.Writer) error {
		for _, r := range reports {
			if _, err := fmt.Fprintln(w, term.SafeLine(submittedLine(r, dryRun))); err != nil {
				return err
			}
		}
		return nil
	}
	return result
}

func submittedLine(r lifecycle.SubmitReport, dryRun string) string {
	name := r.Job.Ref().Printed()
	switch {
	case dryRun != "":
		return fmt.Sprintf("%s created (%s dry run)", name, dryRun)
	case r.Finished:
		return name + " finished" + ofJob(r.Job.JobID())
	case r.Running && r.Job.IsSessionCluster():
		return name + " ready"
	case r.Running && r.Restored != "":
		return fmt.Sprintf("%s running%s, restored from %s", name, ofJob(r.Job.JobID()), r.Restored)
	case r.Running:
		return name + " running" + ofJob(r.Job.JobID())
	case r.Job.Wanted() == api.WantSuspended:
		return name + " created suspended: it runs when spec.job.state is running"
	}
	return name + " created"
}

// ofJob names a job's id; a FlinkBlueGreenDeployment doesn't know it.
func ofJob(id string) string {
	if id == "" {
		return ""
	}
	return ": job " + id
}
