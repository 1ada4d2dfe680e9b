package view

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/bundle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/timeline"
)

// ReportJob is a job on the page of a support bundle.
type ReportJob struct {
	// Name is its reference, Namespace where it is, State a line about it.
	Name, Namespace, State string
	// Dir is where its files are.
	Dir      string
	Timeline timeline.Timeline
	// Facts are a few things to know first: name and value.
	Facts [][2]string
}

// Report is what the page of a support bundle shows.
type Report struct {
	Scope   string
	Created time.Time
	// Versions are names and values.
	Versions [][2]string
	Doctor   *DoctorReport
	Jobs     []ReportJob
	Files    []bundle.File
	Missing  []bundle.Missing
	// Hide takes secrets out of a text; all foreign text goes through it.
	Hide func(string) string
}

// HTML is the page: findings first, then what happened, then the jobs with their
// files. It needs no network and runs no script. brief leaves out more.
func (r Report) HTML(brief bool) []byte {
	h := &reportHTML{hide: r.Hide}
	sum := sha256.Sum256([]byte(reportStyle))
	h.raw(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'sha256-` + base64.StdEncoding.EncodeToString(sum[:]) + `'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer"><meta name="robots" content="noindex">
`)
	h.tag("title", "Flink report: "+r.Scope)
	h.raw("<style>" + reportStyle + "</style></head><body>\n<header><div>")
	h.tag("h1", r.Scope)
	h.tag(`div class="quiet"`, "Flink report of "+r.Created.UTC().Format("2006-01-02 15:04:05 MST")+"; all times are UTC")
	h.raw(`<div class="chips">`)
	chip := func(class string, n int, noun string) {
		if n > 0 {
			h.tag(`span class="chip `+class+`"`, Count(n, noun))
		}
	}
	chip("error", r.Doctor.Errors, "error")
	chip("warning", r.Doctor.Warnings, "warning")
	if r.Doctor.Errors+r.Doctor.Warnings == 0 {
		h.tag(`span class="chip ok"`, "nothing wrong was found")
	}
	chip("", len(r.Jobs), "job")
	chip("", len(r.Files), "file")
	if len(r.Missing) > 0 {
		h.tag(`span class="chip warning"`, fmt.Sprintf("%d missing", len(r.Missing)))
	}
	h.raw("</div>\n<nav>")
	for _, one := range [][2]string{{"findings", "Findings"}, {"timeline", "Timeline"}, {"jobs", "Jobs"}, {"logs", "Logs"}, {"missing", "Missing"}, {"versions", "Versions"}} {
		h.raw(`<a href="#` + one[0] + `">` + one[1] + "</a>")
	}
	h.raw("</nav></div></header>\n<main>\n")
	r.findings(h, brief)
	r.stories(h, brief)
	r.jobs(h)
	r.logs(h)
	r.missing(h)
	r.versions(h)
	h.raw(`<footer>Secrets are hidden by their names, by their form, and wherever one that was known stands; look through it all the same before you pass it on.</footer>
</main></body></html>
`)
	return []byte(h.out.String())
}

func (r Report) findings(h *reportHTML, brief bool) {
	h.raw("<h2 id=\"findings\">Findings</h2>\n")
	sorted, most := r.Doctor.sorted(), reportFindings
	if brief {
		most = reportBrief
	}
	if len(sorted) == 0 {
		h.raw("<p class=\"card\">No rule found anything.</p>\n")
	}
	for i, f := range sorted {
		if i == most {
			h.tag("p", fmt.Sprintf("%d more are in doctor.txt and doctor.json.", len(sorted)-most))
			break
		}
		var jobs []string
		for _, job := range f.jobs {
			jobs = append(jobs, job.short+" in "+job.Namespace)
		}
		r.finding(h, f.Finding, some(jobs), 0)
	}
}

var severityClasses = map[diagnosis.Severity]string{diagnosis.Error: "error", diagnosis.Warning: "warning", diagnosis.Info: "info"}

func (r Report) finding(h *reportHTML, f diagnosis.Finding, jobs string, depth int) {
	class := severityClasses[f.Severity]
	h.raw(`<div class="card finding ` + class + `"><p><span class="chip ` + class + `">` + class + `</span> `)
	if rule, ok := diagnosis.Explain(f.Rule); ok && strings.HasPrefix(rule.Link, "https://") {
		h.raw(`<a rel="noreferrer" href="` + html.EscapeString(rule.Link) + `">` + html.EscapeString(rule.ID) + "</a> ")
	} else {
		h.tag("span", f.Rule)
	}
	subject := f.Subject
	if jobs != "" {
		subject += " – " + jobs
	}
	h.tag(`span class="quiet"`, subject)
	h.raw("</p>")
	h.tag(`p class="means"`, f.Means)
	if len(f.Evidence) > 0 {
		h.raw(`<ul class="evidence">`)
		for _, e := range f.Evidence {
			source := e.Source
			if !e.At.IsZero() {
				source += ", " + e.At.UTC().Format("2006-01-02 15:04:05")
			}
			h.raw("<li>")
			h.tag(`span class="quiet small"`, source)
			h.raw(" ")
			h.tag("span", e.Text)
			h.raw("</li>")
		}
		h.raw("</ul>")
	}
	for _, c := range f.Cures {
		h.raw(`<div class="cure"><b>What to do:</b> `)
		h.text(c.Text)
		if c.Command != "" {
			h.tag("pre", c.Command)
		}
		h.raw("</div>")
	}
	if len(f.Consequences) > 0 && depth < 8 {
		h.raw("<details><summary>" + html.EscapeString(Count(len(f.Consequences), "thing")) + " that follow from it</summary>")
		for _, then := range f.Consequences {
			r.finding(h, then, "", depth+1)
		}
		h.raw("</details>")
	}
	h.raw("</div>\n")
}

func (r Report) stories(h *reportHTML, brief bool) {
	h.raw("<h2 id=\"timeline\">Timeline</h2>\n")
	if len(r.Jobs) == 0 {
		h.raw("<p class=\"card\">No job was looked at.</p>\n")
	}
	for i, job := range r.Jobs {
		items := job.Timeline.Items
		most := reportEntries
		if brief {
			most = reportBrief
		}
		h.tag("h3", job.Name+" in "+job.Namespace)
		h.raw(`<div class="card">`)
		// A picture of each of hundreds of jobs would be more than the page.
		if !brief && i < 10 && len(items) > 0 {
			svg := r.Hide(timelineSVG(job.Timeline, time.UTC, nil))
			h.raw(`<img class="picture" alt="The story as a picture" src="data:image/svg+xml;base64,` + base64.StdEncoding.EncodeToString([]byte(svg)) + `">`)
		}
		if len(items) > most {
			h.tag("p", fmt.Sprintf("The newest %d of %d; all of them are in timeline.txt.", most, len(items)))
			items = items[len(items)-most:]
		}
		if early := len(items) - reportOpen; early > 0 {
			h.raw("<details><summary>" + html.EscapeString(fmt.Sprintf("%d earlier ones", early)) + "</summary>")
			r.story(h, items[:early])
			h.raw("</details>")
			items = items[early:]
		}
		r.story(h, items)
		h.raw("</div>\n")
	}
}

func (r Report) story(h *reportHTML, items []timeline.Entry) {
	h.raw("<div class=\"scroll\"><table>")
	day := ""
	for _, e := range items {
		class := severityClasses[e.Severity]
		if e.Kind == timeline.Gap {
			class = "gap"
		}
		at := e.At.UTC()
		if d := at.Format(time.DateOnly); d != day {
			day = d
			h.raw(`<tr><th colspan="3">` + d + "</th></tr>")
		}
		h.raw(`<tr class="` + class + `"><td class="time">` + at.Format("15:04:05") + `</td><td class="kind">` + html.EscapeString(string(e.Kind)) + "</td><td>")
		h.text(EntryText(e, time.UTC))
		if len(e.Details) > 0 {
			h.raw(`<ul class="details">`)
			for _, detail := range e.Details {
				h.tag("li", detail)
			}
			h.raw("</ul>")
		}
		h.raw("</td></tr>\n")
	}
	h.raw("</table></div>")
}

// mostFiles bounds the links of one list.
const mostFiles = 600

func (r Report) files(h *reportHTML, wants func(bundle.File) bool) {
	n := 0
	h.raw("<div class=\"scroll\"><table>")
	for _, f := range r.Files {
		if !wants(f) {
			continue
		}
		if n++; n > mostFiles {
			h.raw("<tr><td>…</td></tr>")
			break
		}
		h.raw("<tr><td>")
		h.link(f.Path, f.Path)
		h.raw(`</td><td class="quiet">`)
		h.text(f.What)
		if f.Cut {
			h.raw(" (the newest part)")
		}
		h.raw(`</td><td class="time">` + html.EscapeString(Bytes(f.Size)) + "</td></tr>\n")
	}
	if n == 0 {
		h.raw("<tr><td>none</td></tr>")
	}
	h.raw("</table></div>")
}

func isLog(f bundle.File) bool { return strings.HasSuffix(f.Path, ".log") }

func (r Report) jobs(h *reportHTML) {
	h.raw("<h2 id=\"jobs\">Jobs</h2>\n")
	for _, job := range r.Jobs {
		h.tag("h3", job.Name+" in "+job.Namespace)
		h.raw(`<div class="card">`)
		h.tag("p", job.State)
		r.pairs(h, job.Facts)
		h.raw("<details><summary>Objects, configuration, what the JobManager says</summary>")
		r.files(h, func(f bundle.File) bool { return strings.HasPrefix(f.Path, job.Dir+"/") && !isLog(f) })
		h.raw("</details></div>\n")
	}
	h.raw("<h3>The installation, and all of it</h3><div class=\"card\">")
	r.files(h, func(f bundle.File) bool { return !strings.HasPrefix(f.Path, "jobs/") && !isLog(f) })
	h.raw("</div>\n")
}

func (r Report) logs(h *reportHTML) {
	h.raw("<h2 id=\"logs\">Logs</h2>\n<div class=\"card\">")
	r.files(h, isLog)
	h.raw("</div>\n")
}

func (r Report) missing(h *reportHTML) {
	h.raw("<h2 id=\"missing\">Missing</h2>\n<div class=\"card\">")
	if len(r.Missing) == 0 {
		h.raw("Nothing that was looked for.")
	} else {
		h.raw("<div class=\"scroll\"><table>")
		for _, m := range r.Missing {
			h.raw("<tr>")
			h.tag("td", m.What)
			h.tag(`td class="quiet"`, m.Why)
			h.raw("</tr>\n")
		}
		h.raw("</table></div>")
	}
	h.raw("</div>\n")
}

func (r Report) versions(h *reportHTML) {
	h.raw("<h2 id=\"versions\">Versions</h2>\n<div class=\"card\">")
	r.pairs(h, r.Versions)
	h.raw("</div>\n")
}

func (r Report) pairs(h *reportHTML, pairs [][2]string) {
	if len(pairs) == 0 {
		return
	}
	h.raw("<dl>")
	for _, pair := range pairs {
		h.tag("dt", pair[0])
		h.tag("dd", pair[1])
	}
	h.raw("</dl>")
}

// Written is what a command says of a support bundle that it wrote.
type Written struct {
	APIVersion string           `json:"apiVersion"`
	Kind       string           `json:"kind"`
	File       string           `json:"file"`
	Size       int64            `json:"size"`
	Jobs       int              `json:"jobs"`
	Errors     int              `json:"errors"`
	Warnings   int              `json:"warnings"`
	Missing    []bundle.Missing `json:"missing"`
}

// Result is the same in every format.
func (w Written) Result() printer.Result {
	return printer.Result{Object: w, Text: func(out io.Writer) error {
		text := fmt.Sprintf("%s written (%s): %s, %s, %s", term.SafeLine(w.File), Bytes(w.Size), Count(w.Jobs, "job"), Count(w.Errors, "error"), Count(w.Warnings, "warning"))
		if len(w.Missing) > 0 {
			text += fmt.Sprintf("; %d missing, listed in its index.html", len(w.Missing))
		}
		_, err := fmt.Fprintln(out, text)
		return err
	}}
}
