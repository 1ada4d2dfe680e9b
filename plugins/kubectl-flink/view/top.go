package view

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"k8s.io/apimachinery/pkg/util/duration"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// TopJob is one line of `kubectl flink top`. What isn't known is nil.
type TopJob struct {
	Type      string      `json:"type"`
	Namespace string      `json:"namespace"`
	Name      string      `json:"name"`
	JobID     string      `json:"jobID,omitempty"`
	JobName   string      `json:"jobName,omitempty"`
	State     string      `json:"state,omitempty"`
	Health    health.Word `json:"health"`
	// Unmanaged says that the job runs in the session cluster of this name,
	// and that no object manages it.
	Unmanaged bool `json:"unmanaged,omitempty"`
	// In and Out are records a second that sources bring and sinks take.
	In  *float64 `json:"recordsInPerSecond,omitempty"`
	Out *float64 `json:"recordsOutPerSecond,omitempty"`
	// Busy and Backpressured are the worst subtask's, in percent of its time.
	Busy          *float64 `json:"busyPercent,omitempty"`
	Backpressured *float64 `json:"backpressuredPercent,omitempty"`
	// Lag is in records that the sources know of and haven't read.
	Lag            *float64   `json:"lagRecords,omitempty"`
	LastCheckpoint *time.Time `json:"lastCheckpoint,omitempty"`
	// Usage is that of the pods of the job's Flink cluster.
	Usage *operator.Usage `json:"usage,omitempty"`
	// Unreachable says why the JobManager's part is missing.
	Unreachable string `json:"unreachable,omitempty"`

	Ref api.Ref `json:"-"`
}

// Take fills in what the JobManager said.
func (j *TopJob) Take(load rest.Load) {
	j.In, j.Out, j.Lag = known(load.In(), 1), known(load.Out(), 1), known(load.Lag(), 1)
	j.Busy, j.Backpressured = known(load.Busy(), 10), known(load.Backpressured(), 10)
}

// known is n divided by unit, rounded to one digit; nil where it is unknown.
func known(n rest.Measure, unit float64) *float64 {
	if !n.Known() {
		return nil
	}
	f := math.Round(float64(n)/unit*10) / 10
	return &f
}

// JobLoad is what `kubectl flink top NAME` shows.
type JobLoad struct {
	APIVersion string         `json:"apiVersion"`
	Kind       string         `json:"kind"`
	Metadata   StatusMetadata `json:"metadata"`
	JobID      string         `json:"jobID,omitempty"`
	JobName    string         `json:"jobName,omitempty"`
	State      string         `json:"state,omitempty"`
	In         *float64       `json:"recordsInPerSecond,omitempty"`
	Out        *float64       `json:"recordsOutPerSecond,omitempty"`
	Lag        *float64       `json:"lagRecords,omitempty"`
	Vertices   []TopVertex    `json:"vertices"`
	// Unreachable says why the rest is missing, or is what it last was.
	Unreachable string `json:"unreachable,omitempty"`
}

// TopVertex is one vertex of a JobLoad. What isn't known is nil. Times are in
// percent of the subtasks' time, on average and of the worst one.
type TopVertex struct {
	ID               string   `json:"id"`
	Name             string   `json:"name"`
	Status           string   `json:"status"`
	Parallelism      int      `json:"parallelism"`
	Busy             *float64 `json:"busyPercent,omitempty"`
	BusyMax          *float64 `json:"busyPercentMax,omitempty"`
	Idle             *float64 `json:"idlePercent,omitempty"`
	Backpressured    *float64 `json:"backpressuredPercent,omitempty"`
	BackpressuredMax *float64 `json:"backpressuredPercentMax,omitempty"`
	In               *float64 `json:"recordsInPerSecond,omitempty"`
	Out              *float64 `json:"recordsOutPerSecond,omitempty"`
	// Skew is 0 where the subtasks get alike and 100 where one gets all.
	Skew *float64 `json:"skewPercent,omitempty"`
	Lag  *float64 `json:"lagRecords,omitempty"`
	// WatermarkLag is how far the lowest watermark is behind the JobManager's
	// clock, in milliseconds.
	WatermarkLag *float64 `json:"watermarkLagMillis,omitempty"`
}

// NewJobLoad makes the model of what the JobManager said.
func NewJobLoad(ref api.Ref, id string, load rest.Load) JobLoad {
	out := JobLoad{
		APIVersion: "kubectl-flink/v1", Kind: "JobLoad",
		Metadata: StatusMetadata{Type: ref.Kind.Singular, Name: ref.Name, Namespace: ref.Namespace},
		JobID:    id, JobName: load.Job.Name, State: load.Job.State,
		In: known(load.In(), 1), Out: known(load.Out(), 1), Lag: known(load.Lag(), 1),
		Vertices: []TopVertex{},
	}
	for _, v := range load.Vertices {
		one := TopVertex{
			ID: v.ID, Name: v.Name, Status: v.Status, Parallelism: v.Parallelism,
			Busy: known(v.Busy.Avg, 10), BusyMax: known(v.Busy.Max, 10), Idle: known(v.Idle.Avg, 10),
			Backpressured: known(v.Backpressured.Avg, 10), BackpressuredMax: known(v.Backpressured.Max, 10),
			In: known(v.In.Sum, 1), Out: known(v.Out.Sum, 1), Skew: known(v.Skew(), 1), Lag: known(v.Lag, 1),
		}
		if v.Watermark.Known() && load.Job.Now > 0 {
			one.WatermarkLag = known(rest.Measure(load.Job.Now)-v.Watermark, 1)
		}
		out.Vertices = append(out.Vertices, one)
	}
	return out
}

// Top prints TopJobs and JobLoads.
type Top struct {
	Namespaces bool
	// NoUsage says that nobody measures the pods.
	NoUsage bool
	Palette term.Palette
	// Width is the terminal's; 0 prints all columns in full.
	Width int
	Now   time.Time
}

// unmanagedName is how much is shown of the name of a job that no object
// manages. Those of SQL jobs are whole statements.
const unmanagedName = 24

// Jobs is the table of jobs in every format.
func (t Top) Jobs(rows []TopJob) printer.Result {
	table := &printer.Table{Palette: t.Palette, Width: t.Width}
	if t.Namespaces {
		table.Columns = append(table.Columns, printer.Column{Name: "NAMESPACE"})
	}
	table.Columns = append(table.Columns,
		printer.Column{Name: "NAME"}, printer.Column{Name: "JOB", Give: 5}, printer.Column{Name: "BUSY"},
		printer.Column{Name: "BACKPRESSURED", Short: "BACKPR"}, printer.Column{Name: "IN/S"}, printer.Column{Name: "OUT/S", Give: 3},
		printer.Column{Name: "LAG"}, printer.Column{Name: "CHECKPOINT", Short: "CHKPT", Give: 4},
		printer.Column{Name: "CPU", Give: 2}, printer.Column{Name: "MEMORY", Short: "MEM", Give: 1})
	for _, name := range []string{"HEALTH", "JOB ID", "UNREACHABLE"} {
		table.Columns = append(table.Columns, printer.Column{Name: name, Wide: true})
	}
	result := printer.Result{Table: table, Object: printer.List(rows)}
	c := printer.C
	for _, r := range rows {
		result.Names = append(result.Names, r.Ref.Printed())
		name := r.Name
		if r.Type != api.Deployment.Singular {
			name = shortType(r.Ref.Kind) + "/" + r.Name
		}
		if r.Unmanaged {
			name += ": " + term.Cut(term.SafeLine(r.JobName), unmanagedName)
		}
		var cells []printer.Cell
		if t.Namespaces {
			cells = append(cells, c(r.Namespace))
		}
		missing := "-"
		if r.Unreachable != "" {
			missing = "?"
		}
		checkpoint := missing
		if r.LastCheckpoint != nil {
			checkpoint = age(*r.LastCheckpoint, t.Now)
		}
		cpu, memory := "-", "-"
		switch {
		case r.Usage != nil:
			cpu, memory = CPU(r.Usage.CPU), Memory(r.Usage.Memory)
		case t.NoUsage:
			cpu, memory = "n/a", "n/a"
		}
		state := r.State
		if state == "" {
			state = "-"
		}
		table.Rows = append(table.Rows, append(cells, c(name), printer.Cell{Text: state, Color: stateColor(state)},
			percent(r.Busy, missing), percent(r.Backpressured, missing), c(count(r.In, missing)), c(count(r.Out, missing)), c(count(r.Lag, missing)),
			c(checkpoint), c(cpu), c(memory),
			printer.Cell{Text: string(r.Health), Color: Color(r.Health)}, c(r.JobID), c(term.SafeLine(term.Short(r.Unreachable, maxText)))))
	}
	return result
}

// leastName is how much of a vertex's name is kept on a narrow terminal.
const leastName = 16

// Vertices is the table of one job's vertices in every format.
func (t Top) Vertices(l JobLoad, ref api.Ref) printer.Result {
	table := &printer.Table{Palette: t.Palette, Width: t.Width, Columns: []printer.Column{
		{Name: "VERTEX"},
		{Name: "PARALLELISM", Short: "PAR", Give: 4},
		{Name: "BUSY"},
		{Name: "IDLE", Give: 1},
		{Name: "BACKPRESSURED", Short: "BACKPR"},
		{Name: "IN/S"},
		{Name: "OUT/S"},
		{Name: "SKEW", Give: 5},
		{Name: "LAG", Give: 3},
		{Name: "WATERMARK LAG", Short: "WMLAG", Give: 2},
		{Name: "BUSY MAX", Wide: true},
		{Name: "BACKPRESSURED MAX", Wide: true},
		{Name: "STATUS", Wide: true},
		{Name: "ID", Wide: true},
	}}
	c := printer.C
	width := 0
	if t.Width > 0 {
		// What the other columns take with short headings and usual numbers.
		width = max(t.Width-59, leastName)
	}
	for _, v := range l.Vertices {
		watermark := "-"
		if v.WatermarkLag != nil {
			watermark = lateness(*v.WatermarkLag)
		}
		table.Rows = append(table.Rows, []printer.Cell{
			c(OperatorName(v.Name, width)), c(strconv.Itoa(v.Parallelism)), percent(v.Busy, "-"),
			{Text: percent(v.Idle, "-").Text},
			percent(v.Backpressured, "-"), c(count(v.In, "-")), c(count(v.Out, "-")), percent(v.Skew, "-"), c(count(v.Lag, "-")), c(watermark),
			percent(v.BusyMax, "-"), percent(v.BackpressuredMax, "-"),
			{Text: v.Status, Color: stateColor(v.Status)},
			c(v.ID),
		})
	}
	return printer.Result{Table: table, Object: l, Names: []string{ref.Printed()}}
}

// Title is the line above the vertices.
func (t Top) Title(l JobLoad) string {
	text := t.Palette.Paint(term.Bold, term.SafeLine(l.Metadata.Type+"/"+l.Metadata.Name))
	state := l.State
	if state == "" {
		state = "no job"
	}
	text += "  " + t.Palette.Paint(stateColor(state), term.SafeLine(state)) + "  " + term.SafeLine(l.JobName)
	return text + fmt.Sprintf("  in %s/s  out %s/s", count(l.In, "-"), count(l.Out, "-"))
}

// percent is a share of time, colored by how much it should worry.
func percent(n *float64, missing string) printer.Cell {
	if n == nil {
		return printer.C(missing)
	}
	cell := printer.C(strconv.FormatFloat(*n, 'f', 0, 64) + "%")
	switch {
	case *n >= 80:
		cell.Color = term.Red
	case *n >= 50:
		cell.Color = term.Yellow
	}
	return cell
}

// count is a number of records in at most five characters or so.
func count(n *float64, missing string) string {
	if n == nil {
		return missing
	}
	f, unit := *n, ""
	for _, u := range []string{"k", "M", "G", "T"} {
		if math.Abs(f) < 9999.5 && unit == "" || math.Abs(f) < 999.95 {
			break
		}
		f, unit = f/1000, u
	}
	if unit == "" && (f >= 10 || f == math.Trunc(f)) {
		return strconv.FormatFloat(f, 'f', 0, 64)
	}
	return strconv.FormatFloat(f, 'f', 1, 64) + unit
}

// lateness is a number of milliseconds behind the clock, or ahead of it.
func lateness(millis float64) string {
	switch {
	case millis < 0:
		return "-" + lateness(-millis)
	case millis < 1000:
		return strconv.FormatFloat(millis, 'f', 0, 64) + "ms"
	}
	return duration.HumanDuration(time.Duration(millis) * time.Millisecond)
}

// CPU is a number of millicores as kubectl top writes it.
func CPU(millicores int64) string { return fmt.Sprintf("%dm", millicores) }

// Memory is a number of bytes as kubectl top writes it.
func Memory(bytes int64) string { return fmt.Sprintf("%dMi", bytes>>20) }
