package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// DoctorPage prints a DoctorReport for people.
type DoctorPage struct {
	Palette term.Palette
	// Width is the number of columns of the terminal; 0 where there is none, and
	// then nothing is broken.
	Width int
	Now   time.Time
}

// Result is the report in every format.
func (p DoctorPage) Result(r *DoctorReport) printer.Result {
	findings, unread, jobs := r.sorted(), r.Unread, r.Jobs
	if findings == nil {
		findings = []DoctorFinding{}
	}
	if unread == nil {
		unread = []DoctorUnread{}
	}
	if jobs == nil {
		jobs = []DoctorJob{}
	}
	object := map[string]any{"apiVersion": "kubectl-flink/v1", "kind": "Doctor", "errors": r.Errors, "warnings": r.Warnings, "findings": findings, "jobs": jobs, "unread": unread}
	if r.Fixes != nil {
		object["fixes"] = r.Fixes
	}
	return printer.Result{
		Object: object,
		Text:   func(w io.Writer) error { _, err := io.WriteString(w, p.text(r)); return err },
		Forms:  map[string]func(io.Writer) error{SARIF: func(w io.Writer) error { return writeSARIF(w, r.sarif("")) }},
	}
}

func (p DoctorPage) text(r *DoctorReport) string {
	var out strings.Builder
	infos := 0
	for _, f := range r.sorted() {
		if f.Severity == diagnosis.Info {
			infos++
		}
		p.finding(&out, f.Finding, f.jobs, "")
		out.WriteByte('\n')
	}
	var well []string
	for _, job := range r.Jobs {
		switch {
		case job.Error != "":
			p.write(&out, "", "not looked at: ", job.short+" in "+job.Namespace+": "+job.Error)
		case !r.has(job, diagnosis.Error, diagnosis.Warning) && !job.InPart:
			well = append(well, r.named(job))
		}
	}
	fmt.Fprintf(&out, "%s and the installation looked at: %s, %s", Count(len(r.Jobs), "job"), Count(r.Errors, "error"), Count(r.Warnings, "warning"))
	if infos > 0 {
		fmt.Fprintf(&out, ", %s", Count(infos, "note"))
	}
	out.WriteByte('\n')
	if len(well) > 0 {
		p.write(&out, "", "Nothing wrong: ", some(well))
	}
	if inPart := r.InPart(); len(inPart) > 0 {
		p.write(&out, "", "Not known: ", some(inPart)+": no error was found, but not all that matters could be read")
	}
	for i, u := range r.Unread {
		if i == 0 {
			out.WriteString("Not read, so that what it would show isn't known:\n")
		}
		about := ""
		switch {
		case len(u.Jobs) == 1:
			about = " of " + u.first
		case len(u.Jobs) > 1:
			about = fmt.Sprintf(" of %d jobs", len(u.Jobs))
		}
		p.write(&out, "  ", "", string(u.Source)+about+": "+string(u.Mark)+" ("+u.Why+")")
	}
	return out.String()
}

// some are names for a line, of which there may be many.
func some(names []string) string {
	const most = 20
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
}

// write writes a text behind a label, broken to the terminal's width.
func (p DoctorPage) write(out *strings.Builder, indent, lead, text string) {
	column := term.DisplayWidth(lead)
	for i, line := range wrapped(term.SafeLine(term.Short(text, maxText)), room(p.Width, len(indent)+column)) {
		if i > 0 {
			lead = ""
		}
		fmt.Fprintf(out, "%s%s%s\n", indent, term.Pad(lead, column), line)
	}
}

// finding is one finding with its evidence, its cures and what it explains.
func (p DoctorPage) finding(out *strings.Builder, f diagnosis.Finding, jobs []DoctorJob, indent string) {
	const blank = "         "
	lead := term.Pad(p.Palette.Paint(severityColors[f.Severity], string(f.Severity)), len(blank))
	p.write(out, indent, lead, f.Means)
	p.write(out, indent, blank, f.Rule+", "+p.subject(f, jobs))
	for _, e := range f.Evidence {
		source := e.Source
		if age := p.age(e.At); age != "" {
			source += " (" + age + ")"
		}
		p.write(out, indent, blank, source+": "+e.Text)
	}
	for _, c := range f.Cures {
		about := ""
		switch {
		case c.Fix == nil:
		case c.Fix.Asks == "":
			about = " (--fix does it)"
		default:
			about = " (--fix asks, and does it)"
		}
		p.write(out, indent, blank+p.Palette.Paint(term.Green, "cure:")+" ", c.Text+about)
		if c.Command != "" {
			// Whole and in one line, so that it can be pasted.
			fmt.Fprintf(out, "%s%s      %s\n", indent, blank, term.SafeLine(c.Command))
		}
	}
	for _, then := range f.Consequences {
		p.finding(out, then, nil, indent+"    ")
	}
}

// subject names what a finding is about, and the jobs that have it.
func (p DoctorPage) subject(f diagnosis.Finding, jobs []DoctorJob) string {
	if len(jobs) == 0 {
		return f.Subject
	}
	text := f.Subject
	if !strings.EqualFold(f.Subject, jobs[0].short) && !strings.EqualFold(f.Subject, jobs[0].Kind+"/"+jobs[0].Name) {
		text += " of " + jobs[0].short
	}
	text += " in " + jobs[0].Namespace
	const most = 5
	for i, job := range jobs[1:] {
		if i == most {
			return text + fmt.Sprintf(", and %d more jobs", len(jobs)-1-most)
		}
		text += ", " + job.short + " in " + job.Namespace
	}
	return text
}

func (p DoctorPage) age(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return api.Ago(max(p.Now.Sub(at), 0)) + " ago"
}

// has reports whether a job has a finding of one of the severities.
func (r *DoctorReport) has(job DoctorJob, severities ...diagnosis.Severity) bool {
	return slices.ContainsFunc(r.Findings, func(f DoctorFinding) bool {
		return slices.Contains(severities, f.Severity) && slices.ContainsFunc(f.jobs, func(other DoctorJob) bool { return other.String() == job.String() })
	})
}

// triedOn is what a rule was tried on.
func triedOn(r diagnosis.Rule) string {
	switch {
	case r.Seen:
		return "a cluster"
	case r.Source != "":
		return "facts after " + r.Source
	}
	return "written facts"
}
