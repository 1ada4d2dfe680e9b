package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/backup"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
)

// Recovery is what is done with the jobs of a backup.
type Recovery struct {
	Index backup.Index
	Dir   string
	Steps []backup.Step
	Now   time.Time
}

// Work is how many jobs are started or waited for.
func (r Recovery) Work() int {
	return r.count(backup.Start) + r.count(backup.Await)
}

func (r Recovery) count(action string) (n int) {
	for _, s := range r.Steps {
		if s.Action == action {
			n++
		}
	}
	return n
}

// Stopped is the error that some can't be recovered; nil where all can.
func (r Recovery) Stopped() error {
	if n := r.count(backup.Stopped); n > 0 {
		return exit.With(exit.Failed, fmt.Errorf("%d of %d can't be recovered", n, len(r.Steps)))
	}
	return nil
}

// Question is what is asked before anything is done.
func (r Recovery) Question() string {
	return fmt.Sprintf("%d of %d will be recovered from %s:\n%s", r.Work(), len(r.Steps), r.heading(), strings.TrimRight(r.text(), "\n"))
}

func (r Recovery) heading() string {
	text := r.Dir
	if !r.Index.Created.IsZero() {
		text += ", a backup of " + r.Index.Created.UTC().Format(time.RFC3339) + " (" + api.Ago(max(r.Now.Sub(r.Index.Created), 0)) + " ago)"
	}
	if r.Index.Server != "" {
		text += " of " + r.Index.Server
	}
	return text
}

func (r Recovery) text() string {
	var out strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&out, "  %s/%s %s\n", s.Ref().Namespace, s.Ref(), r.does(s))
		for _, part := range []struct {
			what  string
			lines []string
		}{{"", s.Stops}, {"", s.Notes}, {"not looked at: ", s.Unchecked}} {
			for _, text := range part.lines {
				fmt.Fprintf(&out, "    %s%s\n", part.what, strings.ReplaceAll(text, "\n", "\n    "))
			}
		}
	}
	return out.String()
}

// Notes are what to know of the jobs that are started, and what of them couldn't be
// looked at, a line each.
func (r Recovery) Notes() []string {
	var out []string
	for _, s := range r.Steps {
		if s.Action != backup.Start {
			continue
		}
		name := s.Ref().Namespace + "/" + s.Ref().String()
		for _, text := range s.Notes {
			out = append(out, name+": "+text)
		}
		for _, text := range s.Unchecked {
			out = append(out, name+": not looked at: "+text)
		}
	}
	return out
}

// does says what is done with a job.
func (r Recovery) does(s backup.Step) string {
	switch s.Action {
	case backup.Stopped:
		return "can't be recovered"
	case backup.Leave:
		return "is left out"
	case backup.There:
		return "is left as it is"
	case backup.Await:
		return "is starting already, and is waited for"
	}
	text := "is started"
	switch {
	case s.Entry.Condition == backup.SessionCluster:
		return text
	case s.Suspended() && s.State != nil:
		text = "is created suspended, to resume"
	case s.Suspended():
		text = "is created suspended"
	}
	if s.State == nil {
		if path := s.Job.InitialPath(); path != "" {
			return text + " from " + path + ", by its manifest"
		}
		return text + " without state"
	}
	return text + " from " + stateOf(*s.State, r.Now)
}

// stepObject is a step as -o json prints it.
type stepObject struct {
	Kind      string        `json:"kind"`
	Job       string        `json:"job"`
	Namespace string        `json:"namespace"`
	From      string        `json:"fromNamespace"`
	Action    string        `json:"action"`
	State     *backup.State `json:"state,omitempty"`
	Stops     []string      `json:"stops,omitempty"`
	Notes     []string      `json:"notes,omitempty"`
	Unchecked []string      `json:"unchecked,omitempty"`
	// Outcome is done, failed or not begun, Restored the path that its JobManager
	// named.
	Outcome  string `json:"outcome,omitempty"`
	Restored string `json:"restored,omitempty"`
	Error    string `json:"error,omitempty"`
}

func objectOf(s backup.Step) stepObject {
	return stepObject{
		Kind: "RecoveryStep", Job: s.Ref().String(), Namespace: s.Ref().Namespace, From: s.Entry.Namespace, Action: s.Action,
		State: s.State, Stops: s.Stops, Notes: s.Notes, Unchecked: s.Unchecked,
	}
}

func stepTable() *printer.Table {
	return &printer.Table{Columns: []printer.Column{{Name: "NAMESPACE"}, {Name: "NAME"}, {Name: "ACTION"}, {Name: "OUTCOME"}, {Name: "STATE"}}}
}

func (o stepObject) row() []printer.Cell {
	path := o.Restored
	if path == "" && o.State != nil {
		path = o.State.Path
	}
	return []printer.Cell{printer.C(o.Namespace), printer.C(o.Job), printer.C(o.Action), printer.C(o.Outcome), printer.C(path)}
}

// Planned is the result of --dry-run.
func (r Recovery) Planned() printer.Result {
	result := printer.Result{Table: stepTable()}
	var objects []stepObject
	for _, s := range r.Steps {
		object := objectOf(s)
		objects = append(objects, object)
		result.Names = append(result.Names, s.Ref().Printed())
		result.Table.Rows = append(result.Table.Rows, object.row())
	}
	result.Object = printer.List(objects)
	result.Text = func(w io.Writer) error {
		_, err := io.WriteString(w, term.Safe(fmt.Sprintf("From %s, %d of %d would be recovered:\n%s", r.heading(), r.Work(), len(r.Steps), r.text())))
		return err
	}
	return result
}

// Done is the result of a recovery.
func (r Recovery) Done(results []batch.Result[backup.Step, lifecycle.SubmitReport]) printer.Result {
	result := printer.Result{Table: stepTable()}
	var objects []stepObject
	var lines []string
	for _, one := range results {
		object := objectOf(one.Item)
		switch {
		case one.Done():
			object.Outcome, object.Restored = "done", one.Value.Restored
			result.Names = append(result.Names, one.Item.Ref().Printed())
			lines = append(lines, r.line(one.Item, one.Value))
		case one.Begun:
			object.Outcome, object.Error = "failed", one.Err.Error()
		default:
			object.Outcome = "not begun"
		}
		objects = append(objects, object)
		result.Table.Rows = append(result.Table.Rows, object.row())
	}
	result.Object = printer.List(objects)
	result.Text = func(w io.Writer) error {
		for _, line := range lines {
			if _, err := fmt.Fprintln(w, term.SafeLine(line)); err != nil {
				return err
			}
		}
		return nil
	}
	return result
}

func (r Recovery) line(s backup.Step, report lifecycle.SubmitReport) string {
	where := " (namespace " + s.Ref().Namespace + ")"
	switch {
	case s.Action == backup.There || s.Action == backup.Leave:
		return s.Ref().Printed() + where + " " + r.does(s) + ": " + strings.Join(s.Notes, "; ")
	case s.Suspended() && s.State != nil:
		return s.Ref().Printed() + where + " created suspended; it resumes from " + s.State.Path
	}
	return submittedLine(report, "") + where
}
