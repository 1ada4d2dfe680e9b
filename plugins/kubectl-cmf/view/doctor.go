package view

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// DoctorStep is one step of the way to CMF.
type DoctorStep struct {
	Name string `json:"name"`
	// Status is ok, warning, error, or unknown where it wasn't come to.
	Status string `json:"status"`
	Text   string `json:"text,omitempty"`
}

// DoctorFinding is something that is wrong, with all that has it.
type DoctorFinding struct {
	Severity diagnosis.Severity `json:"severity"`
	Title    string             `json:"title"`
	// Cause is what CMF or Kubernetes says of it.
	Cause    string   `json:"cause,omitempty"`
	Subjects []string `json:"subjects,omitempty"`
	Evidence []string `json:"evidence,omitempty"`
	Cure     string   `json:"cure,omitempty"`
	// Rule is the diagnosis' rule, as kubectl flink doctor explain takes it.
	Rule string `json:"rule,omitempty"`

	key string
}

// DoctorReport is what doctor found.
type DoctorReport struct {
	Steps    []DoctorStep    `json:"steps"`
	Findings []DoctorFinding `json:"findings"`
	// Unread is what of CMF couldn't be read, Skipped what around it wasn't.
	Unread   []string `json:"unread,omitempty"`
	Skipped  []string `json:"skipped,omitempty"`
	Errors   int      `json:"errors"`
	Warnings int      `json:"warnings"`
}

// Step notes a step.
func (r *DoctorReport) Step(name, status, format string, args ...any) {
	r.Steps = append(r.Steps, DoctorStep{name, status, secret.Text(fmt.Sprintf(format, args...))})
	r.count(diagnosis.Severity(status))
}

func (r *DoctorReport) count(severity diagnosis.Severity) {
	switch severity {
	case diagnosis.Error:
		r.Errors++
	case diagnosis.Warning:
		r.Warnings++
	case diagnosis.Info:
	}
}

// counters are what differs between causes that are the same.
var counters = regexp.MustCompile(`[0-9a-fA-F]{8,}|\d+`)

// Add notes a finding about a subject called name; those of one title and one
// cause are one.
func (r *DoctorReport) Add(f DoctorFinding, subject, name string) {
	f.Cause = secret.Text(f.Cause)
	cause := f.Cause
	if name != "" {
		cause = strings.ReplaceAll(cause, name, "…")
	}
	f.key = f.Title + "\n" + f.Rule + "\n" + counters.ReplaceAllString(cause, "#")
	for i := range r.Findings {
		if r.Findings[i].key == f.key {
			if !slices.Contains(r.Findings[i].Subjects, subject) {
				r.Findings[i].Subjects = append(r.Findings[i].Subjects, subject)
			}
			return
		}
	}
	f.Subjects = []string{subject}
	r.Findings = append(r.Findings, f)
	r.count(f.Severity)
}

// maxSubjects is how many things that have a finding are named as text.
const maxSubjects = 10

// Result shows the report.
func (r *DoctorReport) Result(palette term.Palette) printer.Result {
	sorting.By(r.Findings, func(a, b DoctorFinding) int {
		switch {
		case a.Severity.Worse(b.Severity):
			return -1
		case b.Severity.Worse(a.Severity):
			return 1
		}
		return len(b.Subjects) - len(a.Subjects)
	})
	if r.Findings == nil {
		r.Findings = []DoctorFinding{}
	}
	return printer.Result{Object: r, Text: func(w io.Writer) error {
		var out strings.Builder
		colors := map[string]term.Color{"ok": term.Green, "warning": term.Yellow, "error": term.Red}
		for _, s := range r.Steps {
			fmt.Fprintf(&out, "%s  %-11s %s\n", palette.Paint(colors[s.Status], fmt.Sprintf("%-7s", s.Status)), s.Name, term.SafeLine(cmf.Bounded(s.Text)))
		}
		for _, f := range r.Findings {
			f.write(&out, palette.Paint(colors[string(f.Severity)], fmt.Sprintf("%-7s", f.Severity)))
		}
		for _, text := range r.Unread {
			fmt.Fprintf(&out, "\nNot read: %s\n", term.SafeLine(cmf.Bounded(text)))
		}
		for _, text := range r.Skipped {
			fmt.Fprintf(&out, "\nNot looked at: %s\n", term.SafeLine(cmf.Bounded(text)))
		}
		if len(r.Findings) == 0 && r.Errors == 0 && len(r.Unread) == 0 {
			out.WriteString("\nNothing wrong was found.\n")
		}
		_, err := io.WriteString(w, out.String())
		return err
	}}
}

func (f DoctorFinding) write(out *strings.Builder, severity string) {
	title := f.Title
	if n := len(f.Subjects); n > 1 {
		title = fmt.Sprintf("%s (%d)", title, n)
	}
	fmt.Fprintf(out, "\n%s  %s\n", severity, term.SafeLine(title))
	line := func(text string) {
		if text != "" {
			fmt.Fprintf(out, "         %s\n", term.SafeLine(cmf.Bounded(text)))
		}
	}
	line(f.Cause)
	for _, text := range f.Evidence {
		line("seen: " + text)
	}
	shown := strings.Join(f.Subjects[:min(len(f.Subjects), maxSubjects)], ", ")
	if more := len(f.Subjects) - maxSubjects; more > 0 {
		shown += fmt.Sprintf(" and %d more", more)
	}
	line("of: " + shown)
	if f.Cure != "" {
		line("do: " + f.Cure)
	}
	if f.Rule != "" {
		line("more: kubectl flink doctor explain " + f.Rule)
	}
}
