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
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// StatusPage prints a Status for people.
type StatusPage struct {
	Palette term.Palette
	// Width is the number of columns of the terminal; 0 where there is none, and
	// then nothing is cut or broken.
	Width   int
	Verbose bool
	// Live is the page that is renewed: with what has changed, without what
	// never does.
	Live bool
	Now  time.Time
}

// String is the page as text.
func (p StatusPage) String(s Status) string { return p.text(s) }

// Result is the page in every format.
func (p StatusPage) Result(s Status, ref api.Ref) printer.Result {
	return printer.Result{Object: s, Names: []string{ref.Printed()}, Text: func(w io.Writer) error {
		_, err := io.WriteString(w, p.text(s))
		return err
	}}
}

// maxText is how much of one text a page shows, in bytes; the other formats
// have all of it.
const maxText = 4 << 10

func (p StatusPage) text(s Status) string {
	o := &page{StatusPage: p}
	head := term.SafeLine(s.Metadata.Type + "/" + s.Metadata.Name)
	fmt.Fprintf(&o.out, "%s  %s  namespace %s\n", p.Palette.Paint(term.Bold, head), p.Palette.Paint(Color(s.Health), string(s.Health)), term.SafeLine(s.Metadata.Namespace))
	if s.Why != "" {
		o.long("Why", s.Why)
	}
	o.evidence(s)
	o.state(s)
	o.resources(s.Pods)
	o.kept(s)
	if s.Error != nil && !s.tells(s.Error.Root) {
		o.long("Error", s.Error.Root)
	}
	if p.Verbose && s.Error != nil {
		for _, cause := range s.Error.Causes {
			o.item("  cause", "%s", cause)
		}
	}
	o.scaler(s.Autoscaler)
	o.pods(s.Pods)
	o.changes(s.Changes)
	o.events(s.Events, s.Metadata.Type+"/"+s.Metadata.Name)
	for i, next := range s.Next {
		if i == 0 {
			fmt.Fprintf(&o.out, "\n%s\n", p.Palette.Paint(term.Bold, "Next"))
		}
		for i, line := range wrapped(term.SafeLine(term.Short(next, maxText)), room(p.Width, 4)) {
			fmt.Fprintf(&o.out, "  %s %s\n", string("-  "[min(i, 1)]), line)
		}
	}
	for _, unknown := range s.Unknown {
		o.item("Unknown", "%s", unknown)
	}
	return o.out.String()
}

// tells reports whether the page says an error of the operator's already, or what
// it only passes on.
func (s Status) tells(root string) bool {
	if strings.Contains(s.Why, root) || diagnosis.PassedOn(root) && len(s.Findings) > 0 {
		return true
	}
	return slices.ContainsFunc(s.Findings, func(f diagnosis.Finding) bool {
		return f.Severity != diagnosis.Info && strings.Contains(f.Means, root)
	})
}

// evidence is what shows the cause, where Why doesn't quote it.
func (o *page) evidence(s Status) {
	root, ok := diagnosis.Root(s.Findings)
	if !ok || !strings.HasPrefix(s.Why, root.Means) {
		return
	}
	for _, e := range shown(root.Evidence, s.Why) {
		o.long("  seen", e.Source+": "+e.Text)
	}
}

func since(now time.Time, t *time.Time) string {
	if t == nil {
		return ""
	}
	return " for " + api.Ago(max(now.Sub(*t), 0))
}

func (p *page) state(s Status) {
	state := s.Job.State
	if state == "" {
		state = "-"
	}
	if s.Job.Unconfirmed {
		state += " by the operator's last word"
	}
	restarts := ""
	if s.Job.Restarts != nil && *s.Job.Restarts > 0 {
		restarts = fmt.Sprintf(", %d restarts", *s.Job.Restarts)
	}
	if s.Spec.State != "" || s.Job.State != "" {
		name := ""
		if s.Job.Name != "" {
			name = ", " + s.Job.Name
		}
		p.item("Job", "%s%s%s%s %s", state, since(p.Now, s.Job.Since), restarts, name, s.Job.ID)
	}
	accepted := fmt.Sprintf("generation %d", s.Spec.Generation)
	switch {
	case s.Spec.Observed == 0:
	case s.Health == health.Rejected:
		accepted += fmt.Sprintf(" rejected, %d in force", s.Spec.Observed)
	case s.Health == health.RolledBack || s.Health == health.RollingBack:
		accepted += " given up"
	case s.Spec.Observed < s.Spec.Generation:
		accepted += fmt.Sprintf(" not seen yet, %d in force", s.Spec.Observed)
	default:
		accepted += " accepted"
	}
	parts := []string{s.Job.Lifecycle, s.Job.BlueGreen, "", accepted}
	if s.JobManager != "" {
		parts[2] = "JobManager " + s.JobManager
	}
	p.item("Lifecycle", "%s", strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), ", "))
	cluster, slots, parallelism := "", "", ""
	if s.Metadata.Cluster != "" {
		cluster = ", in flinkdeployment/" + s.Metadata.Cluster
	}
	if s.Slots != nil {
		slots = fmt.Sprintf(", %d of %d slots used", s.Slots.Total-s.Slots.Free, s.Slots.Total)
	}
	if s.Spec.Parallelism > 0 {
		parallelism = fmt.Sprintf(", parallelism %d", s.Spec.Parallelism)
	}
	p.item("Flink", "%s, %s%s%s%s", s.Spec.FlinkVersion, s.Spec.Image, parallelism, slots, cluster)
}

// kept is what is kept of the job's state, and where.
func (p *page) kept(s Status) {
	if s.Spec.UpgradeMode != "" {
		p.long("Upgrade", strings.TrimSuffix(s.Spec.UpgradeMode+": "+s.Restore, ": "))
	}
	if c := s.Checkpoints; c != nil {
		last := "none completed yet"
		if c.Last != nil {
			last = fmt.Sprintf("#%d %s, %s in %s", c.ID, p.ago(c.Last), Bytes(c.Size), Millis(c.Duration))
		}
		every := ""
		if c.Interval != "" {
			every = ", every " + c.Interval
		}
		p.item("Checkpoint", "%s%s; %d completed, %d failed", last, every, c.Completed, c.Failed)
		if c.Failure != "" {
			p.item("", "last failure: %s", c.Failure)
		}
		if p.Verbose {
			p.item("", "%s", c.Path)
		}
	}
	for i, saved := range s.Savepoints {
		if i > 0 && !p.Verbose {
			break
		}
		label := "Savepoint"
		if saved.Type != "savepoint" {
			label = "Snapshot"
		}
		p.item(label, "%s %s  %s", saved.State, p.ago(saved.Created), or(saved.Path, or(saved.Error, saved.Name)))
	}
	if p.Live && !p.Verbose {
		return
	}
	p.item("Storage", "%s", strings.Join(strings.Fields(s.Storage.Backend+" "+s.Storage.Checkpoints), ", "))
	if p.Verbose {
		p.item("Savepoints", "%s", s.Storage.Savepoints)
	}
	ha := s.Storage.HA
	if ha == "" {
		ha = "none: a JobManager that ends loses the job's place"
	}
	if len(s.Unknown) == 0 || s.Storage.HA != "" {
		p.item("HA", "%s", strings.TrimSuffix(ha+", "+s.Storage.HADir, ", "))
	}
}

func (p *page) pods(pods []PodPart) {
	if len(pods) == 0 {
		return
	}
	table := printer.Table{Palette: p.Palette, Columns: []printer.Column{
		{Name: "POD"}, {Name: "STATUS"}, {Name: "RESTARTS"}, {Name: "LAST END"}, {Name: "AGE"}, {Name: "NODE", Wide: true}, {Name: "REQUESTS", Wide: true}, {Name: "LIMITS", Wide: true}, {Name: "USED", Wide: true},
	}}
	for _, pod := range pods {
		status, color := pod.Status, term.Color("")
		switch {
		case status == "Running" && !pod.Ready:
			status, color = "NotReady", term.Yellow
		case status != "Running" && status != "Succeeded":
			color = term.Red
		}
		end := "-"
		if pod.LastEnd != "" {
			end = fmt.Sprintf("%s (%d) %s", pod.LastEnd, pod.LastExit, p.ago(pod.LastAt))
		}
		created := ""
		if pod.Created != nil {
			created = age(*pod.Created, p.Now)
		}
		table.Rows = append(table.Rows, []printer.Cell{
			printer.C(pod.Name),
			{Text: status, Color: color},
			printer.C(fmt.Sprint(pod.Restarts)), printer.C(end), printer.C(created),
			printer.C(pod.Node), printer.C(pod.Requests), printer.C(pod.Limits), printer.C(used(pod.Usage)),
		})
	}
	p.out.WriteByte('\n')
	_ = table.Print(&p.out, p.Verbose, false)
	if !p.Verbose {
		return
	}
	for _, pod := range pods {
		if pod.Message != "" {
			p.item("", "%s: %s", pod.Name, pod.Message)
		}
	}
}

func used(u *operator.Usage) string {
	if u == nil {
		return "-"
	}
	return CPU(u.CPU) + ", " + Memory(u.Memory)
}

// shownChanges is how many changes a compact page has.
const shownChanges = 8

// changes are newest first. Their texts are safe and painted already.
func (p *page) changes(changes []Change) {
	if len(changes) == 0 {
		return
	}
	if !p.Verbose {
		changes = changes[:min(len(changes), shownChanges)]
	}
	fmt.Fprintf(&p.out, "\n%s\n", p.Palette.Paint(term.Bold, "Changes"))
	for _, c := range changes {
		fmt.Fprintf(&p.out, "  %s\n", p.cut(c.At.Format("15:04:05")+"  "+c.Text, 2))
	}
}

// shownEvents is how many events a compact page has.
const shownEvents = 5

// events are what happened, newest first; those of the object own without its
// name.
func (p *page) events(events []Happened, own string) {
	if len(events) == 0 {
		return
	}
	rest := 0
	if !p.Verbose && len(events) > shownEvents {
		rest = len(events) - shownEvents
		events = events[:shownEvents]
	}
	fmt.Fprintf(&p.out, "\n%s\n", p.Palette.Paint(term.Bold, "Events"))
	for _, e := range events {
		if e.Object == own {
			e.Object = ""
		}
		line := fmt.Sprintf("%-4s %s", strings.TrimSuffix(p.ago(e.Time), " ago"), EventText(e))
		if !p.Verbose {
			line = p.cut(line, 2)
		}
		if e.Type == "Warning" {
			line = p.Palette.Paint(term.Yellow, line)
		}
		fmt.Fprintf(&p.out, "  %s\n", line)
	}
	if rest > 0 {
		fmt.Fprintf(&p.out, "  %d more: --verbose\n", rest)
	}
}

// EventText is an event in one safe line, without its time.
func EventText(e Happened) string {
	times := ""
	if e.Count > 1 {
		times = fmt.Sprintf(" (%d times)", e.Count)
	}
	return term.SafeLine(term.Short(e.Reason+times+"  "+e.Object, maxText)) + "  " + term.SafeLine(term.Short(e.Message, maxText))
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Bytes is a size as people say it.
func Bytes(n int64) string { return api.Bytes(n) }

// Millis is a duration of n milliseconds.
func Millis(n int64) string {
	d := time.Duration(n) * time.Millisecond
	switch {
	case d < time.Second:
		return d.String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}
