package view

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// SnapshotPage is what `kubectl flink snapshot describe` knows of one.
type SnapshotPage struct {
	api.Saved
	// Stuck is why it is marked for deletion but still there; "" if it isn't.
	Stuck string
	// Advice is what to do about its failure, a line each; "" where nothing is
	// known.
	Advice string
	// Events are newest first.
	Events []operator.Event
	// Problems say what could not be read.
	Problems []string

	Palette term.Palette
	Now     time.Time
}

// snapshotDetails is what -o json adds to the object.
type snapshotDetails struct {
	Stuck  string     `json:"stuck,omitempty"`
	Advice string     `json:"advice,omitempty"`
	Events []Happened `json:"events,omitempty"`
}

// Result is the page in every format.
func (p SnapshotPage) Result() printer.Result {
	object := SnapshotObject(p.Saved)
	object["details"] = plainJSON(snapshotDetails{Stuck: p.Stuck, Advice: p.Advice, Events: Events(p.Events)})
	return printer.Result{Object: object, AsIs: true, Names: []string{api.StateSnap.Printed(p.Name())}, Text: func(w io.Writer) error {
		_, err := io.WriteString(w, p.text())
		return err
	}}
}

func (p SnapshotPage) text() string {
	var out strings.Builder
	line := func(label, format string, args ...any) {
		text := term.SafeLine(fmt.Sprintf(format, args...))
		if text != "" {
			fmt.Fprintf(&out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 14), text)
		}
	}
	when := func(at time.Time) string {
		if at.IsZero() {
			return ""
		}
		return at.UTC().Format(time.RFC3339) + " (" + age(at, p.Now) + " ago)"
	}
	s := p.Snapshot
	state := SnapshotList{}.state(p.Saved)
	fmt.Fprintf(&out, "%s  %s\n", p.Palette.Paint(term.Bold, term.SafeLine(s.Ref().String())), p.Palette.Paint(state.Color, term.SafeLine(state.Text)))
	line("Namespace", "%s", p.Namespace)
	if p.Job.IsZero() {
		line("Job", "none: it refers to no job%s", map[bool]string{true: ", and was registered only"}[p.Snapshot.Adopted()])
	} else {
		line("Job", "%s", p.Job)
	}
	line("Type", "%s, %s", kindOf(p.Saved), lower(p.Format))
	trigger := or(lower(p.Trigger), "unknown")
	if p.Registered() {
		trigger += "; the savepoint existed before and was registered only"
	}
	line("Trigger", "%s", trigger)
	line("Path", "%s", p.Path)
	switch onDelete := OnDelete(p.Saved); {
	case onDelete == "deleted":
		line("On delete", "its data is deleted too (disposeOnDelete is true)")
	case onDelete == "kept":
		line("On delete", "its data is kept (disposeOnDelete is false)")
	case !p.Savepoint:
		line("On delete", "its data stays with the job, which deletes old checkpoints itself")
	}
	uses := strings.Join(p.UsedBy, ", ")
	line("Used by", "%s", or(uses, "no job of this namespace"))
	line("Created", "%s", when(p.Created))
	line("Triggered", "%s", when(s.TriggeredAt()))
	line("Ended", "%s", when(p.Completed))
	if p.Duration > 0 {
		line("Duration", "%s, by the operator's clock", Millis(p.Duration.Milliseconds()))
	}
	switch n, ok := s.Retries(); {
	case ok && n > 0:
		line("Failures", "%d; the operator tries again %d times", s.Failures(), n)
	case s.Failures() > 0:
		line("Failures", "%d", s.Failures())
	}
	if at := s.Object.GetDeletionTimestamp(); at != nil {
		line("Deleted", "%s; it is held by %s", when(at.Time), strings.Join(s.Object.GetFinalizers(), ", "))
	}
	if p.Stuck != "" {
		fmt.Fprintf(&out, "\n%s\n", p.Palette.Paint(term.Yellow, term.Safe(p.Stuck)))
	}
	p.failure(&out)
	for _, problem := range p.Problems {
		fmt.Fprintf(&out, "\nCould not be read: %s\n", term.SafeLine(problem))
	}
	p.events(&out)
	return out.String()
}

// failure is the decoded error, outermost exception first.
func (p SnapshotPage) failure(out *strings.Builder) {
	failure := p.Snapshot.Failure()
	if failure.IsZero() {
		return
	}
	fmt.Fprintf(out, "\n%s\n", p.Palette.Paint(term.Bold, "Error"))
	said := ""
	for _, cause := range append([]api.Cause{{Type: failure.Type, Message: failure.Message}}, failure.Causes...) {
		for _, text := range api.CauseChain(cause.Message) {
			if text = term.SafeLine(text); !strings.Contains(said, text) {
				said += text + "\n"
				fmt.Fprintf(out, "  %s\n", text)
			}
		}
	}
	if root := term.SafeLine(failure.Root()); !strings.Contains(said, root) {
		fmt.Fprintf(out, "  %s\n", root)
	}
	for advice := range strings.Lines(p.Advice) {
		fmt.Fprintf(out, "  %s\n", p.Palette.Paint(term.Cyan, term.SafeLine(strings.TrimSpace(advice))))
	}
}

func (p SnapshotPage) events(out *strings.Builder) {
	events := Events(p.Events)
	if len(events) == 0 {
		return
	}
	fmt.Fprintf(out, "\n%s\n", p.Palette.Paint(term.Bold, "Events"))
	for _, e := range events {
		ago := ""
		if e.Time != nil {
			ago = age(*e.Time, p.Now)
		}
		text := fmt.Sprintf("%-5s %s", ago, EventText(e))
		if e.Type == "Warning" {
			text = p.Palette.Paint(term.Yellow, text)
		}
		fmt.Fprintf(out, "  %s\n", text)
	}
}
