package view

import (
	"fmt"
	"io"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
)

// ChangeForm says how changes are printed.
type ChangeForm struct {
	// List makes a list also of one.
	List bool
	// Namespaces says which namespace each is in.
	Namespaces bool
}

// Changed is the result of a verb that changes jobs.
func Changed(reports []change.Report, form ChangeForm) printer.Result {
	var result printer.Result
	objects := make([]any, len(reports))
	result.Table = &printer.Table{Columns: []printer.Column{
		{Name: "JOB"}, {Name: "CHANGE"}, {Name: "STATE"}, {Name: "LIFECYCLE"}, {Name: "LEFT"}, {Name: "RUNS FROM"}, {Name: "TIME"},
	}}
	if form.Namespaces {
		result.Table.Columns = append([]printer.Column{{Name: "NAMESPACE"}}, result.Table.Columns...)
	}
	for i, r := range reports {
		objects[i] = changeObject(r)
		result.Names = append(result.Names, r.Job.Printed())
		took := ""
		if r.Took > 0 {
			took = r.Took.Round(100 * time.Millisecond).String()
		}
		row := []printer.Cell{
			printer.C(r.Job.String()), printer.C(changeWord(r)), printer.C(r.State), printer.C(r.Lifecycle),
			printer.C(kept(r.Left)), printer.C(kept(r.From)), printer.C(took),
		}
		if form.Namespaces {
			row = append([]printer.Cell{printer.C(r.Job.Namespace)}, row...)
		}
		result.Table.Rows = append(result.Table.Rows, row)
	}
	form.finish(&result, objects, func(i int) string {
		line := changeLine(reports[i])
		if form.Namespaces {
			line += " (namespace " + reports[i].Job.Namespace + ")"
		}
		return term.SafeLine(line)
	})
	return result
}

// finish sets what -o json prints of some objects, and the text of each.
func (form ChangeForm) finish(result *printer.Result, objects []any, text func(i int) string) {
	if form.List {
		result.Object = printer.List(objects)
	} else if len(objects) == 1 {
		result.Object = objects[0]
	}
	result.Text = func(w io.Writer) error {
		for i := range objects {
			if _, err := fmt.Fprintln(w, text(i)); err != nil {
				return err
			}
		}
		return nil
	}
}

// changeWord is what was done, as kubectl would say it.
func changeWord(r change.Report) string {
	switch {
	case !r.Changed && r.DryRun == "":
		return r.Did + " already"
	case !r.Done && r.DryRun == "":
		return "patched"
	}
	return r.Did
}

func changeLine(r change.Report) string {
	what := r.Job.Printed()
	if r.Unmanaged {
		what = "job " + r.JobID + " of " + what
	}
	line := what + " " + changeWord(r)
	if r.DryRun != "" {
		return fmt.Sprintf("%s (%s dry run)", line, r.DryRun)
	}
	switch {
	case !r.From.IsZero():
		return line + ": " + r.State + " from " + kept(r.From)
	case !r.Left.IsZero():
		return line + ": " + leftText(r.Left)
	case r.Done && r.State != "":
		return line + ": " + r.State
	}
	return line
}

func leftText(k api.RetainedState) string {
	if k.Kind == api.RetainedNone {
		return "no state was kept"
	}
	return kept(k)
}

// kept is a state in words.
func kept(k api.RetainedState) string {
	switch {
	case k.IsZero():
		return ""
	case k.Kind == api.RetainedNone:
		return "no state"
	case k.Path == "" && k.Kind == api.RetainedCheckpoint:
		return "its last checkpoint"
	}
	return k.Kind + " " + k.Path
}

// changeObject is what -o json prints. status.path is the state that the job
// runs from, or that it left where it doesn't run.
func changeObject(r change.Report) any {
	status := map[string]any{"changed": r.Changed, "done": r.Done}
	put := func(key, value string) {
		if value != "" {
			status[key] = value
		}
	}
	if r.Generation > 0 {
		status["generation"] = r.Generation
	}
	put("state", r.State)
	put("lifecycleState", r.Lifecycle)
	put("jobId", r.JobID)
	if r.OldJobID != r.JobID {
		put("previousJobId", r.OldJobID)
	}
	if !r.Left.IsZero() {
		status["left"] = keptObject(r.Left)
		put("path", r.Left.Path)
	}
	if !r.From.IsZero() {
		status["restoredFrom"] = keptObject(r.From)
		delete(status, "path")
		put("path", r.From.Path)
	}
	if r.Took > 0 {
		status["seconds"] = r.Took.Round(time.Millisecond).Seconds()
	}
	spec := map[string]any{"change": r.Did, "jobReference": map[string]any{"kind": r.Job.Kind.Name, "name": r.Job.Name}}
	if len(r.Patch) > 0 {
		spec["patch"] = r.Patch
	}
	if r.DryRun != "" {
		spec["dryRun"] = r.DryRun
	}
	return map[string]any{
		"apiVersion": "kubectl-flink/v1", "kind": "Change",
		"metadata": map[string]any{"name": r.Job.Name, "namespace": r.Job.Namespace},
		"spec":     spec,
		"status":   status,
	}
}

func keptObject(k api.RetainedState) map[string]any {
	out := map[string]any{"kind": k.Kind, "proven": k.Proven}
	if k.Path != "" {
		out["path"] = k.Path
	}
	return out
}
