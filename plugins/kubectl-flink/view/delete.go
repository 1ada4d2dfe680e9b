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

// Deleted is the result of `kubectl flink delete`; dryRun is "", "client" or
// "server". As an object it is the manifest that starts the job again.
func Deleted(reports []lifecycle.DeleteReport, dryRun string, form ChangeForm) printer.Result {
	result := printer.Result{AsIs: true, Table: &printer.Table{Columns: []printer.Column{
		{Name: "NAME"}, {Name: "DELETED"}, {Name: "STATE"}, {Name: "AGE OF STATE"}, {Name: "PATH"},
	}}}
	objects := make([]any, len(reports))
	for i, r := range reports {
		objects[i] = r.Again.Object.Object
		result.Names = append(result.Names, r.Job.Printed())
		kind, age := "", ""
		if r.State.Path != "" {
			kind = r.State.Kind()
		}
		if !r.State.At.IsZero() {
			age = api.Ago(time.Since(r.State.At))
		}
		result.Table.Rows = append(result.Table.Rows, []printer.Cell{
			printer.C(r.Job.String()), printer.C(fmt.Sprint(r.Gone)), printer.C(kind), printer.C(age), printer.C(r.State.Path),
		})
	}
	result.Object = printer.List(objects)
	if len(objects) == 1 && !form.List {
		result.Object = objects[0]
	}
	result.Text = func(w io.Writer) error {
		for _, r := range reports {
			line := deletedLine(r, dryRun)
			if form.Namespaces {
				line += " (namespace " + r.Job.Namespace + ")"
			}
			if _, err := fmt.Fprintln(w, term.SafeLine(line)); err != nil {
				return err
			}
		}
		return nil
	}
	return result
}

func deletedLine(r lifecycle.DeleteReport, dryRun string) string {
	line := r.Job.Printed() + " deleted"
	switch {
	case dryRun != "":
		line += fmt.Sprintf(" (%s dry run)", dryRun)
	case !r.Gone:
		line = r.Job.Printed() + " is being deleted"
	}
	switch {
	case dryRun != "" && r.Stops == api.UpgradeSavepoint:
		line += ": it would be stopped with a savepoint first"
	case dryRun != "" && r.Stops != "":
		line += ": it would be stopped with its last checkpoint first"
		if r.State.Path != "" {
			line += "; the newest now is " + r.State.Path
		}
	case r.State.Path != "":
		line += ": " + r.State.Kind() + " " + r.State.Path
	}
	return line
}
