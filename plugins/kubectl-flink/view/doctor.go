package view

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// DoctorJob is a job that was looked at.
type DoctorJob struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Error is why it couldn't be looked at.
	Error string `json:"error,omitempty"`
	// Findings is how many of the report's are the job's.
	Findings int `json:"findings"`
	// InPart says that what tells most of a job, its pods or its JobManager,
	// couldn't be read: without errors it isn't known to be well.
	InPart bool `json:"inPart,omitempty"`

	// short is its reference, as commands take it.
	short string
}

func (j DoctorJob) String() string { return j.Kind + "/" + j.Namespace + "/" + j.Name }

// DoctorFinding is a finding, with the jobs that have it.
type DoctorFinding struct {
	diagnosis.Finding
	// Jobs are "Kind/namespace/name"; none are those of the installation.
	Jobs []string `json:"jobs,omitempty"`

	jobs []DoctorJob
	key  string
}

// DoctorUnread is a source that couldn't be read, with the jobs that it is
// missing for; none is the installation.
type DoctorUnread struct {
	reach.Unread
	Jobs []string `json:"jobs,omitempty"`

	// first is the first of Jobs, as commands take it.
	first string
}

// DoctorReport is what doctor found.
type DoctorReport struct {
	Jobs     []DoctorJob
	Findings []DoctorFinding
	Unread   []DoctorUnread
	// Errors and Warnings count findings; those that others explain don't count.
	Errors, Warnings int
	// Named says that jobs were asked for by name.
	Named bool
	// Failed is why not all jobs could be looked at; nil where all were.
	Failed error
	// Fixes are the cures that were to be carried out; nil where none was asked for.
	Fixes []DoctorFix
}

// DoctorFix is a cure that --fix was to carry out, and what became of it.
type DoctorFix struct {
	Rule    string `json:"rule"`
	Subject string `json:"subject"`
	// Job is "Kind/namespace/name"; "" is the installation.
	Job     string `json:"job,omitempty"`
	Cure    string `json:"cure"`
	Command string `json:"command"`
	// Asks is what it brings with it.
	Asks string `json:"asks,omitempty"`
	// Outcome is one of the words below; Error is why it failed.
	Outcome string `json:"outcome"`
	Error   string `json:"error,omitempty"`
	// Finding is what is seen of it afterwards: gone, "still there" or "needs
	// time"; "" where nothing was done.
	Finding string `json:"finding,omitempty"`

	short string
}

// FixOf is the cure of a finding of a job; the zero ref is the installation.
func FixOf(ref api.Ref, f diagnosis.Finding, cure diagnosis.Cure) DoctorFix {
	out := DoctorFix{Rule: f.Rule, Subject: f.Subject, Cure: cure.Text, Command: cure.Command, Asks: cure.Fix.Asks}
	if !ref.IsZero() {
		job := doctorJob(ref)
		out.Job, out.short = job.String(), job.short+" in "+job.Namespace
	}
	return out
}

// Line is the outcome, for people.
func (f DoctorFix) Line() string {
	about := f.Rule
	if f.short != "" {
		about += ", " + f.short
	}
	text := about + ": " + f.Outcome
	switch {
	case f.Error != "":
		text += ": " + f.Error
	case f.Outcome == FixNeedsAnswer:
		text += ": " + f.Asks + "; without --yes you are asked"
	}
	switch f.Finding {
	case FindingGone:
		text += "; the finding is gone"
	case FindingStays:
		text += "; the finding is still there"
	case FindingWaits:
		text += "; that needs time: look again in some minutes"
	}
	return term.SafeLine(text)
}

// The outcomes of fixes.
const (
	FixDone        = "done"
	FixFailed      = "failed"
	FixDeclined    = "declined"
	FixNeedsAnswer = "needs an answer"
	FixForeseen    = "would be done"
	FixAccepted    = "accepted by the server"
	FixNotNeeded   = "not needed any more"
	FixNotNow      = "not done while the job is being changed: try again when it runs"
	FindingGone    = "gone"
	FindingStays   = "still there"
	FindingWaits   = "needs time"
)

// AddInstallation takes in what was found of the installation.
func (r *DoctorReport) AddInstallation(findings []diagnosis.Finding, unread []reach.Unread) {
	for _, f := range findings {
		r.add(DoctorFinding{Finding: f})
	}
	for _, u := range unread {
		r.miss(u, DoctorJob{})
	}
}

// Fail takes in a job that couldn't be looked at.
func (r *DoctorReport) Fail(ref api.Ref, err error) {
	job := doctorJob(ref)
	job.Error = secret.Text(api.FirstLine(err.Error()))
	r.Jobs = append(r.Jobs, job)
	if r.Failed == nil {
		r.Failed = fmt.Errorf("%s: %w", ref, err)
	}
}

func doctorJob(ref api.Ref) DoctorJob {
	return DoctorJob{Kind: ref.Kind.Name, Namespace: ref.Namespace, Name: ref.Name, short: ref.String()}
}

// AddJob takes in what was found of a job. What another job has, too, is reported
// once.
func (r *DoctorReport) AddJob(ref api.Ref, findings []diagnosis.Finding, unread []reach.Unread) {
	job := doctorJob(ref)
	job.Findings = len(findings)
	job.InPart = slices.ContainsFunc(unread, func(u reach.Unread) bool {
		return slices.Contains([]diagnosis.Source{diagnosis.FromCluster, diagnosis.FromPods, diagnosis.FromJobManager}, u.Source)
	})
	r.Jobs = append(r.Jobs, job)
	for _, f := range findings {
		one := DoctorFinding{Finding: f, Jobs: []string{job.String()}, jobs: []DoctorJob{job}, key: causeOf(f, ref)}
		same := slices.IndexFunc(r.Findings, func(other DoctorFinding) bool { return other.key == one.key && !slices.Contains(other.jobs, job) })
		if same >= 0 {
			r.Findings[same].Jobs = append(r.Findings[same].Jobs, one.Jobs...)
			r.Findings[same].jobs = append(r.Findings[same].jobs, job)
			continue
		}
		// What is wrong with the installation is known already.
		if slices.ContainsFunc(r.Findings, func(other DoctorFinding) bool {
			return len(other.jobs) == 0 && other.Rule == f.Rule && (other.Means == f.Means || other.Subject == f.Subject)
		}) {
			continue
		}
		r.add(one)
	}
	for _, u := range unread {
		r.miss(u, job)
	}
}

// InPart are the jobs without errors that aren't known to be well.
func (r *DoctorReport) InPart() (names []string) {
	for _, job := range r.Jobs {
		if job.InPart && job.Error == "" && !r.has(job, diagnosis.Error) {
			names = append(names, r.named(job))
		}
	}
	return names
}

// named is a job's short name, with its namespace where those are several.
func (r *DoctorReport) named(job DoctorJob) string {
	for _, other := range r.Jobs {
		if other.Namespace != job.Namespace {
			return job.short + " in " + job.Namespace
		}
	}
	return job.short
}

func (r *DoctorReport) add(f DoctorFinding) {
	switch f.Severity {
	case diagnosis.Error:
		r.Errors++
	case diagnosis.Warning:
		r.Warnings++
	case diagnosis.Info:
	}
	r.Findings = append(r.Findings, f)
}

// miss takes in a source that wasn't read; a job without a name is none.
func (r *DoctorReport) miss(u reach.Unread, job DoctorJob) {
	u.Why = secret.Text(u.Why)
	for i := range r.Unread {
		if other := &r.Unread[i]; other.Unread == u {
			if job.Name != "" && len(other.Jobs) > 0 && !slices.Contains(other.Jobs, job.String()) {
				other.Jobs = append(other.Jobs, job.String())
			}
			return
		}
	}
	one := DoctorUnread{Unread: u}
	if job.Name != "" {
		one.Jobs, one.first = []string{job.String()}, job.short+" in "+job.Namespace
	}
	r.Unread = append(r.Unread, one)
}

// podNames is what Kubernetes and Flink put behind a job's name.
var podNames = regexp.MustCompile(`\x00(-[a-z0-9]+)+`)

var numbers = regexp.MustCompile(`[0-9]+(\.[0-9]+)?[a-z]?\b`)

// causeOf is the same for findings of several jobs that have one cause: what
// differs by job, like names of pods and ages, is left out.
func causeOf(f diagnosis.Finding, ref api.Ref) string {
	means := strings.ReplaceAll(f.Means, ref.Name, "\x00")
	means = podNames.ReplaceAllString(means, "\x00")
	return f.Rule + "\x00" + string(f.Severity) + "\x00" + numbers.ReplaceAllString(means, "#")
}

// sorted are the findings, the worst and the most common first.
func (r *DoctorReport) sorted() []DoctorFinding {
	out := slices.Clone(r.Findings)
	sorting.By(out, func(a, b DoctorFinding) int {
		switch {
		case a.Severity.Worse(b.Severity):
			return -1
		case b.Severity.Worse(a.Severity):
			return 1
		case (len(a.jobs) == 0) != (len(b.jobs) == 0):
			return cmp.Compare(len(a.jobs), len(b.jobs)) // the installation's go first
		}
		return cmp.Compare(len(b.jobs), len(a.jobs))
	})
	return out
}

// DoctorContext is what was found in the cluster of a kubeconfig's context.
type DoctorContext struct {
	Name string
	// Report is nil where the cluster couldn't be looked at; Why is Err in
	// kubectl's words.
	Report *DoctorReport
	Err    error
	Why    string
}

// DoctorContexts is what was found in several clusters.
type DoctorContexts struct{ Contexts []DoctorContext }

// Sort puts the worst first: those that can't be reached, then by errors and
// warnings.
func (d DoctorContexts) Sort() {
	count := func(c DoctorContext) (errors, warnings int) {
		if c.Report == nil {
			return math.MaxInt, 0
		}
		return c.Report.Errors, c.Report.Warnings
	}
	sorting.By(d.Contexts, func(a, b DoctorContext) int {
		errorsA, warningsA := count(a)
		errorsB, warningsB := count(b)
		return cmp.Or(cmp.Compare(errorsB, errorsA), cmp.Compare(warningsB, warningsA))
	})
}

// Contexts is what was found in several clusters, in every format.
func (p DoctorPage) Contexts(d DoctorContexts) printer.Result {
	var out strings.Builder
	items, results, unreached := []any{}, []sarifResult{}, []string{}
	errors, warnings := 0, 0
	for _, c := range d.Contexts {
		fmt.Fprintf(&out, "%s\n", p.Palette.Paint(term.Bold, "context "+term.SafeLine(c.Name)+":"))
		if c.Err != nil {
			why := secret.Text(api.FirstLine(c.Why))
			p.write(&out, "", p.Palette.Paint(term.Red, "error")+"    ", "not looked at: "+why)
			unreached = append(unreached, "context "+c.Name+": "+why)
			items = append(items, map[string]any{"context": c.Name, "error": why})
		} else {
			errors, warnings = errors+c.Report.Errors, warnings+c.Report.Warnings
			out.WriteString(p.text(c.Report))
			results = append(results, c.Report.sarif(c.Name)...)
			object, _ := p.Result(c.Report).Object.(map[string]any)
			delete(object, "apiVersion")
			delete(object, "kind")
			object["context"] = c.Name
			items = append(items, object)
		}
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "%s: %s, %s", Count(len(d.Contexts), "context"), Count(errors, "error"), Count(warnings, "warning"))
	if len(unreached) > 0 {
		fmt.Fprintf(&out, "; %d not looked at", len(unreached))
	}
	out.WriteByte('\n')
	return printer.Result{
		Object: map[string]any{"apiVersion": "kubectl-flink/v1", "kind": "DoctorContexts", "errors": errors, "warnings": warnings, "contexts": items},
		Text:   func(w io.Writer) error { _, err := io.WriteString(w, out.String()); return err },
		Forms:  map[string]func(io.Writer) error{SARIF: func(w io.Writer) error { return writeSARIF(w, results, unreached...) }},
	}
}

// sarif are the findings as results; context is "" where there is only one.
func (r *DoctorReport) sarif(context string) []sarifResult {
	var out []sarifResult
	for _, f := range r.sorted() {
		if len(f.jobs) == 0 {
			out = append(out, sarifResult{Finding: f.Finding, Object: "installation", Context: context})
		}
		for _, job := range f.jobs {
			out = append(out, sarifResult{Finding: f.Finding, Object: job.String(), Context: context})
		}
	}
	return out
}
