package view

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
)

// The forms that a flame graph has beside JSON.
const (
	FlameTTY        = "tty"
	FlameSVG        = "svg"
	FlameFolded     = "folded"
	FlameSpeedscope = "speedscope"
)

// Who took the samples of a flame graph.
const (
	FlameByFlink = "flink"
	FlameByDumps = "thread-dumps"
)

// FlamePage shows a flame graph.
type FlamePage struct {
	Job            api.Ref
	JobID, JobName string
	Mode           jvm.Mode
	// Source is who took the samples, Taken when the last ones were complete.
	Source string
	Taken  time.Time
	// Dumps is how many thread dumps there were, Seen how many threads of the
	// job's tasks were in them; 0 where Flink took the samples.
	Dumps, Seen int
	// Cut says that the outermost calls are missing from some stacks.
	Cut  bool
	Root *jvm.Node

	Palette term.Palette
	// Height is the terminal's; 0 for all rows.
	Width, Height int
}

// Title is whose flame graph it is.
func (p FlamePage) Title() string {
	return fmt.Sprintf("%s, %s, %s", p.Job, p.JobName, p.Mode)
}

// About is where the samples are from.
func (p FlamePage) About() string {
	if p.Source == FlameByDumps {
		text := fmt.Sprintf("%d of %s from %s", p.Root.Value, plural(p.Seen, "sample"), plural(p.Dumps, "thread dump"))
		if p.Cut {
			text += "; some stacks are cut at cluster.thread-dump.stacktrace-max-depth"
		}
		return text
	}
	return fmt.Sprintf("%s, taken by Flink until %s", plural(int(p.Root.Value), "sample"), p.Taken.UTC().Format(time.RFC3339))
}

// Empty says what it means that there are no samples.
func (p FlamePage) Empty() string {
	seen := ""
	if p.Seen > 0 {
		seen = fmt.Sprintf(" in %s from %s", plural(p.Seen, "sample"), plural(p.Dumps, "thread dump"))
	}
	switch p.Mode {
	case jvm.OnCPU:
		return "No task computed" + seen + ": they wait; see what for with --mode off-cpu"
	case jvm.OffCPU:
		return "No task waited" + seen + ": all compute; see what with --mode on-cpu"
	default:
		return "There are no samples" + seen + "; do the job's tasks run?"
	}
}

// Result is the flame graph in every format.
func (p FlamePage) Result() printer.Result {
	object := map[string]any{
		"apiVersion": "kubectl-flink/v1", "kind": "FlameGraph", "job": p.Job.String(), "jobID": p.JobID, "jobName": p.JobName,
		"mode": string(p.Mode), "source": p.Source, "samples": p.Root.Value, "taken": p.Taken.UTC().Format(time.RFC3339), "root": p.Root,
	}
	if p.Source == FlameByDumps {
		object["threadDumps"], object["stacksCut"] = p.Dumps, p.Cut
	}
	return printer.Result{
		Object: object,
		Text: func(w io.Writer) error {
			_, err := io.WriteString(w, p.text())
			return err
		},
		Forms: map[string]func(io.Writer) error{
			FlameSVG:        func(w io.Writer) error { return p.Root.SVG(w, p.Title(), p.About()) },
			FlameFolded:     p.Root.Folded,
			FlameSpeedscope: func(w io.Writer) error { return p.Root.Speedscope(w, p.Title()) },
		},
	}
}

const (
	// hottest is how many calls the list below the picture has.
	hottest = 10
	// mostRows bounds the picture where no terminal does.
	mostRows = 60
)

func (p FlamePage) text() string {
	var text strings.Builder
	out := bufio.NewWriter(&text)
	fmt.Fprintln(out, p.Palette.Paint(term.Bold, term.SafeLine(p.Title())))
	fmt.Fprintln(out, p.Palette.Paint(term.Dim, term.SafeLine(p.About())))
	fmt.Fprintln(out)
	rows := mostRows
	if p.Height > 0 {
		rows = max(p.Height-hottest-8, 12)
	}
	for _, line := range p.Root.Icicle(p.Width, rows, p.Palette) {
		fmt.Fprintln(out, line)
	}
	fmt.Fprintln(out)
	fmt.Fprintln(out, p.Palette.Paint(term.Dim, " SELF  TOTAL  CALL"))
	share := func(n int64) float64 { return 100 * float64(n) / float64(max(p.Root.Value, 1)) }
	for _, h := range p.Root.Hottest(hottest) {
		fmt.Fprintln(out, term.Cut(fmt.Sprintf("%4.0f%%  %4.0f%%  %s", share(h.Self), share(h.Total), term.SafeLine(h.Name)), max(p.Width, 40)))
	}
	_ = out.Flush()
	return text.String()
}
