// Package view turns models into what people and scripts read. It does no I/O
// but writing.
package view

import (
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// SavepointForm says how savepoints are printed.
type SavepointForm struct {
	// List makes a list also of one.
	List bool
	// Namespaces says which namespace each is in.
	Namespaces bool
	// DryRun is "", "client" or "server".
	DryRun string
}

// Savepoints is the result of `kubectl flink savepoint`.
func Savepoints(reports []savepoint.Report, form SavepointForm) printer.Result {
	var result printer.Result
	objects := make([]any, len(reports))
	result.Table = &printer.Table{Columns: []printer.Column{
		{Name: "NAME"}, {Name: "JOB"}, {Name: "STATE"}, {Name: "FORMAT"}, {Name: "DURATION"}, {Name: "METHOD"}, {Name: "PATH"},
	}}
	for i, r := range reports {
		objects[i] = savepointObject(r)
		result.Names = append(result.Names, printedName(r))
		state := savepointState(r)
		if state == "" {
			state = "requested"
		}
		duration := ""
		if r.Duration > 0 {
			duration = Millis(r.Duration.Milliseconds())
		}
		name := ""
		if r.Snapshot.Object != nil {
			name = r.Snapshot.Name()
		}
		if name == "" {
			name = "-"
		}
		result.Table.Rows = append(result.Table.Rows, []printer.Cell{
			printer.C(name), printer.C(r.Job.String()), printer.C(state), printer.C(r.Format),
			printer.C(duration), printer.C(string(r.Method)), printer.C(r.Path),
		})
	}
	if form.Namespaces {
		result.Table.Columns = append([]printer.Column{{Name: "NAMESPACE"}}, result.Table.Columns...)
		for i, r := range reports {
			result.Table.Rows[i] = append([]printer.Cell{printer.C(r.Job.Namespace)}, result.Table.Rows[i]...)
		}
	}
	if form.List {
		result.Object = printer.List(objects)
	} else if len(objects) == 1 {
		result.Object = objects[0]
	}
	result.Text = func(w io.Writer) error {
		for _, r := range reports {
			line := savepointLine(r, form.DryRun)
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

// savepointLine is one line that can be cut and pasted.
func savepointLine(r savepoint.Report, dryRun string) string {
	name := printedName(r)
	switch {
	case dryRun != "":
		verb := "created"
		switch {
		case r.Method == savepoint.REST:
			verb = noun(r) + " requested"
		case r.Snapshot.Object == nil:
			verb = "patched"
		}
		return fmt.Sprintf("%s %s (%s dry run)", name, verb, dryRun)
	case r.Done && r.Snapshot.Object == nil:
		return name + " " + noun(r) + " completed: " + r.Path + taken(r)
	case r.Done:
		return name + " completed: " + r.Path + taken(r)
	case r.Snapshot.Object == nil:
		return name + " " + noun(r) + " requested"
	}
	return name + " created"
}

func noun(r savepoint.Report) string {
	if r.Checkpoint {
		return "checkpoint"
	}
	return "savepoint"
}

// taken is a checkpoint's number, size and duration, as far as they are known.
func taken(r savepoint.Report) string {
	if !r.Checkpoint || r.CheckpointID == 0 {
		return ""
	}
	return fmt.Sprintf(" (checkpoint %d, %s in %s)", r.CheckpointID, Bytes(r.StateSize), Millis(r.Duration.Milliseconds()))
}

// printedName is the FlinkStateSnapshot; where an old operator makes none, the
// job.
func printedName(r savepoint.Report) string {
	if r.Snapshot.Object != nil {
		return api.StateSnap.Printed(r.Snapshot.Name())
	}
	return r.Job.Printed()
}

func savepointState(r savepoint.Report) string {
	switch {
	case r.Done:
		return api.SnapshotCompleted
	case r.Snapshot.Object != nil:
		return r.Snapshot.State()
	}
	return ""
}

// savepointObject is what -o json prints. Where an old operator makes no
// FlinkStateSnapshot, it is an object of our own of the same shape, so that
// .status.path means the same whatever the method.
func savepointObject(r savepoint.Report) any {
	if r.Snapshot.Object != nil {
		return withCheckpoint(r, r.Snapshot.Object.Object)
	}
	status := map[string]any{}
	if state := savepointState(r); state != "" {
		status["state"] = state
	}
	if r.Path != "" {
		status["path"] = r.Path
	}
	if !r.CompletedAt.IsZero() {
		status["resultTimestamp"] = r.CompletedAt.UTC().Format(time.RFC3339Nano)
	}
	spec := map[string]any{
		"jobReference": map[string]any{"kind": r.Job.Kind.Name, "name": r.Job.Name},
	}
	switch {
	case r.Checkpoint:
		spec["checkpoint"] = map[string]any{"checkpointType": r.Format}
	case r.Format != "":
		spec["savepoint"] = map[string]any{"formatType": r.Format}
	}
	if r.JobID != "" {
		spec["jobID"] = r.JobID
	}
	if r.Nonce != 0 {
		spec[noun(r)+"TriggerNonce"] = r.Nonce
	}
	kind := "Savepoint"
	if r.Checkpoint {
		kind = "Checkpoint"
	}
	return withCheckpoint(r, map[string]any{
		"apiVersion": "kubectl-flink/v1",
		"kind":       kind,
		"metadata":   map[string]any{"name": r.Job.Name, "namespace": r.Job.Namespace},
		"spec":       spec,
		"status":     status,
	})
}

// withCheckpoint adds what Flink says of a checkpoint to an object.
func withCheckpoint(r savepoint.Report, object map[string]any) map[string]any {
	if r.CheckpointID == 0 {
		return object
	}
	out := maps.Clone(object)
	out["summary"] = map[string]any{
		"checkpointID": r.CheckpointID, "stateBytes": r.StateSize, "durationMillis": r.Duration.Milliseconds(),
	}
	return out
}
