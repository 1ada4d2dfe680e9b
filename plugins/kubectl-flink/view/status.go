package view

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/health"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

// Status is the page of `kubectl flink status`, in the shape that JSON has.
type Status struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   StatusMetadata `json:"metadata"`
	Health     health.Word    `json:"health"`
	// Why is one line about Health.
	Why         string     `json:"why,omitempty"`
	Job         JobPart    `json:"job"`
	Spec        SpecPart   `json:"spec"`
	JobManager  string     `json:"jobManager,omitempty"`
	Slots       *Slots     `json:"slots,omitempty"`
	Checkpoints *Marks     `json:"checkpoints,omitempty"`
	Savepoints  []Saved    `json:"savepoints,omitempty"`
	Restore     string     `json:"restore,omitempty"`
	Storage     Storage    `json:"storage"`
	Error       *ErrorPart `json:"error,omitempty"`
	Pods        []PodPart  `json:"pods,omitempty"`
	Events      []Happened `json:"events,omitempty"`
	// Next is what to look at next.
	Next []string `json:"next,omitempty"`
	// Unknown says what couldn't be read, and why.
	Unknown []string `json:"unknown,omitempty"`
}

// StatusMetadata names the job.
type StatusMetadata struct {
	Type              string     `json:"type"`
	Name              string     `json:"name"`
	Namespace         string     `json:"namespace"`
	CreationTimestamp *time.Time `json:"creationTimestamp,omitempty"`
	// Cluster is the FlinkDeployment that the job runs in, if it is another.
	Cluster string `json:"cluster,omitempty"`
}

// JobPart is what Flink and the operator say of the job.
type JobPart struct {
	ID        string     `json:"id,omitempty"`
	Name      string     `json:"name,omitempty"`
	State     string     `json:"state,omitempty"`
	Since     *time.Time `json:"since,omitempty"`
	Lifecycle string     `json:"lifecycle,omitempty"`
	BlueGreen string     `json:"blueGreenState,omitempty"`
	Restarts  *int64     `json:"restarts,omitempty"`
}

// SpecPart is what is wanted, and whether the operator has accepted it.
type SpecPart struct {
	Generation   int64  `json:"generation"`
	Observed     int64  `json:"observedGeneration,omitempty"`
	State        string `json:"state,omitempty"`
	FlinkVersion string `json:"flinkVersion,omitempty"`
	Image        string `json:"image,omitempty"`
	Parallelism  int64  `json:"parallelism,omitempty"`
	UpgradeMode  string `json:"upgradeMode,omitempty"`
}

// Slots are the cluster's.
type Slots struct {
	TaskManagers int `json:"taskManagers"`
	Total        int `json:"total"`
	Free         int `json:"free"`
}

// Marks are the job's checkpoints. Size is in bytes, Duration in milliseconds.
type Marks struct {
	Completed int64      `json:"completed"`
	Failed    int64      `json:"failed"`
	Last      *time.Time `json:"last,omitempty"`
	ID        int64      `json:"lastID,omitempty"`
	Size      int64      `json:"lastSize"`
	Duration  int64      `json:"lastDuration"`
	Path      string     `json:"lastPath,omitempty"`
	Failure   string     `json:"lastFailure,omitempty"`
	Interval  string     `json:"interval,omitempty"`
}

// Saved is a snapshot object.
type Saved struct {
	Name    string     `json:"name"`
	State   string     `json:"state"`
	Type    string     `json:"type"`
	Created *time.Time `json:"created,omitempty"`
	Path    string     `json:"path,omitempty"`
	Error   string     `json:"error,omitempty"`
}

// Storage is where state goes.
type Storage struct {
	Backend     string `json:"backend,omitempty"`
	Checkpoints string `json:"checkpoints,omitempty"`
	Savepoints  string `json:"savepoints,omitempty"`
	HA          string `json:"highAvailability,omitempty"`
	HADir       string `json:"highAvailabilityDir,omitempty"`
}

// ErrorPart is the operator's error; Root is its innermost cause.
type ErrorPart struct {
	Type   string   `json:"type,omitempty"`
	Root   string   `json:"root"`
	Causes []string `json:"causes,omitempty"`
}

// PodPart is one pod.
type PodPart struct {
	Name     string     `json:"name"`
	Role     string     `json:"role"`
	Status   string     `json:"status"`
	Message  string     `json:"message,omitempty"`
	Ready    bool       `json:"ready"`
	Restarts int32      `json:"restarts"`
	LastEnd  string     `json:"lastEnd,omitempty"`
	LastExit int32      `json:"lastExitCode,omitempty"`
	LastAt   *time.Time `json:"lastEndAt,omitempty"`
	Node     string     `json:"node,omitempty"`
	Created  *time.Time `json:"created,omitempty"`
	Requests string     `json:"requests,omitempty"`
	Limits   string     `json:"limits,omitempty"`
}

// Happened is one event, or several alike.
type Happened struct {
	Time    *time.Time `json:"time,omitempty"`
	Type    string     `json:"type"`
	Reason  string     `json:"reason"`
	Object  string     `json:"object"`
	Message string     `json:"message"`
	Count   int32      `json:"count"`
}

// Moment is a time for JSON; nil where there is none.
func Moment(t time.Time) *time.Time { return moment(t) }

// Around fills in what surrounds the job.
func (s *Status) Around(a operator.Surroundings) {
	for _, p := range a.Pods {
		s.Pods = append(s.Pods, PodPart{
			Name: p.Name, Role: p.Role, Status: p.Status, Message: p.Message, Ready: p.Ready, Restarts: p.Restarts,
			LastEnd: p.LastEnd, LastExit: p.LastExit, LastAt: moment(p.LastAt), Node: p.Node, Created: moment(p.Started),
			Requests: p.Asked, Limits: p.Limit,
		})
	}
	for _, snap := range a.Snapshots {
		kind := "checkpoint"
		if snap.IsSavepoint() {
			kind = "savepoint"
		}
		s.Savepoints = append(s.Savepoints, Saved{
			Name: snap.Name(), State: snap.State(), Type: kind, Created: moment(snap.Object.GetCreationTimestamp().Time),
			Path: snap.Path(), Error: snap.Failure().Root(),
		})
	}
	s.Events = Events(a.Events)
	s.Unknown = append(s.Unknown, a.Problems...)
}

// Events makes events of the operator's, folding those that say the same.
func Events(events []operator.Event) []Happened {
	var out []Happened
	at := map[string]int{}
	for _, e := range events {
		h := Happened{Time: moment(e.Time), Type: e.Type, Reason: e.Reason, Object: e.Object, Message: e.Root(), Count: e.Count}
		key := h.Reason + "\x00" + h.Object + "\x00" + h.Message
		if i, seen := at[key]; seen {
			out[i].Count += h.Count
			continue
		}
		at[key] = len(out)
		out = append(out, h)
	}
	return out
}

// StatusPage prints a Status for people.
type StatusPage struct {
	Palette term.Palette
	Width   int
	Verbose bool
	Now     time.Time
}

// Result is the page in every format.
func (p StatusPage) Result(s Status, ref operator.Ref) printer.Result {
	return printer.Result{Object: s, Names: []string{ref.Printed()}, Text: func(w io.Writer) error {
		_, err := io.WriteString(w, p.text(s))
		return err
	}}
}

// page collects lines.
type page struct {
	StatusPage
	out strings.Builder
}

// item is one "Label  text" line; nothing where the text is empty.
func (p *page) item(label, format string, args ...any) {
	text := strings.Trim(term.SafeLine(fmt.Sprintf(format, args...)), " ,")
	if text == "" {
		return
	}
	if !p.Verbose {
		text = term.Cut(text, p.Width-12)
	}
	fmt.Fprintf(&p.out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 12), text)
}

// long is an item whose text matters to its end: it goes on in more lines.
func (p *page) long(label, text string) {
	for i, line := range wrapped(term.SafeLine(text), p.Width-12) {
		if i > 0 {
			label = ""
		}
		fmt.Fprintf(&p.out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 12), line)
	}
}

// wrapped breaks text between words into lines of at most width columns; a
// longer word gets a line of its own.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && term.DisplayWidth(line)+1+term.DisplayWidth(word) > width {
			lines, line = append(lines, line), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func (p *page) ago(t *time.Time) string {
	if t == nil {
		return ""
	}
	return operator.Ago(max(p.Now.Sub(*t), 0)) + " ago"
}

func (p StatusPage) text(s Status) string {
	o := &page{StatusPage: p}
	head := term.SafeLine(s.Metadata.Type + "/" + s.Metadata.Name)
	fmt.Fprintf(&o.out, "%s  %s  namespace %s\n", p.Palette.Paint(term.Bold, head), p.Palette.Paint(Color(s.Health), string(s.Health)), term.SafeLine(s.Metadata.Namespace))
	if s.Why != "" {
		o.long("Why", s.Why)
	}
	o.state(s)
	o.kept(s)
	if s.Error != nil && s.Error.Root != s.Why {
		o.long("Error", s.Error.Root)
	}
	if p.Verbose && s.Error != nil {
		for _, cause := range s.Error.Causes {
			o.item("  cause", "%s", cause)
		}
	}
	o.pods(s.Pods)
	o.events(s.Events)
	for i, next := range s.Next {
		if i == 0 {
			fmt.Fprintf(&o.out, "\n%s\n", p.Palette.Paint(term.Bold, "Next"))
		}
		for i, line := range wrapped(term.SafeLine(next), p.Width-4) {
			fmt.Fprintf(&o.out, "  %s %s\n", string("-  "[min(i, 1)]), line)
		}
	}
	for _, unknown := range s.Unknown {
		o.item("Unknown", "%s", unknown)
	}
	return o.out.String()
}

func since(now time.Time, t *time.Time) string {
	if t == nil {
		return ""
	}
	return " for " + operator.Ago(max(now.Sub(*t), 0))
}

func (p *page) state(s Status) {
	state := s.Job.State
	if state == "" {
		state = "-"
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
		p.item("Upgrade", "%s: %s", s.Spec.UpgradeMode, s.Restore)
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
		{Name: "POD"}, {Name: "STATUS"}, {Name: "RESTARTS"}, {Name: "LAST END"}, {Name: "AGE"}, {Name: "NODE", Wide: true}, {Name: "REQUESTS", Wide: true}, {Name: "LIMITS", Wide: true},
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
			printer.C(pod.Name), {Text: status, Color: color}, printer.C(fmt.Sprint(pod.Restarts)), printer.C(end), printer.C(created),
			printer.C(pod.Node), printer.C(pod.Requests), printer.C(pod.Limits),
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

// shownEvents is how many events a compact page has.
const shownEvents = 5

func (p *page) events(events []Happened) {
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
		line := fmt.Sprintf("%-4s %s", strings.TrimSuffix(p.ago(e.Time), " ago"), EventText(e))
		if !p.Verbose {
			line = term.Cut(line, p.Width-2)
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
	return term.SafeLine(e.Reason+times+"  "+e.Object) + "  " + term.SafeLine(e.Message)
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// Bytes is a size as people say it.
func Bytes(n int64) string {
	size, unit := float64(n), 0
	for size >= 1024 && unit < 5 {
		size /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTP"[unit-1])
}

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
