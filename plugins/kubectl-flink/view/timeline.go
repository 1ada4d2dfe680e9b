package view

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/timeline"
)

// TimelinePage prints the story of a job, also line by line as it goes on.
type TimelinePage struct {
	Palette term.Palette
	// Width is the number of columns of the terminal; 0 where there is none, and
	// then nothing is broken.
	Width int
	// Zone is where times are shown; nil is local time.
	Zone *time.Location

	day string
}

// kindColors are what kinds of entries are painted with.
var kindColors = map[timeline.Kind]term.Color{
	timeline.Spec: term.Magenta, timeline.Operator: term.Blue, timeline.Restore: term.Cyan, timeline.Savepoint: term.Green,
	timeline.Scaling: term.Cyan, timeline.Gap: term.Dim,
}

// Result is the story in every format.
func (p *TimelinePage) Result(t timeline.Timeline) printer.Result {
	return printer.Result{
		Object: t,
		Text: func(w io.Writer) error {
			if len(t.Items) == 0 {
				_, err := io.WriteString(w, "nothing is known of this time\n")
				return err
			}
			return p.Lines(w, t.Items)
		},
		Forms: map[string]func(io.Writer) error{GraphSVG: func(w io.Writer) error {
			_, err := io.WriteString(w, TimelineSVG(t, p.zone()))
			return err
		}},
	}
}

func (p *TimelinePage) zone() *time.Location {
	if p.Zone == nil {
		return time.Local
	}
	return p.Zone
}

// Lines writes entries, each with its time, its kind and what happened, below the
// day where that changes.
func (p *TimelinePage) Lines(w io.Writer, items []timeline.Entry) error {
	var out strings.Builder
	for _, e := range items {
		at := e.At.In(p.zone())
		if day := at.Format("2006-01-02 MST"); day != p.day {
			p.day = day
			out.WriteString(p.Palette.Paint(term.Bold, day) + "\n")
		}
		p.entry(&out, e, at)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// kindWidth is the width of the longest kind, and of the space behind it.
const kindWidth = 12

func (p *TimelinePage) entry(out *strings.Builder, e timeline.Entry, at time.Time) {
	lead := at.Format("15:04:05") + "  " + term.Pad(p.Palette.Paint(kindColors[e.Kind], string(e.Kind)), kindWidth)
	blank := strings.Repeat(" ", term.DisplayWidth(lead))
	color := severityColors[e.Severity]
	if e.Kind == timeline.Gap {
		color = term.Dim
	}
	line := func(lead, indent, text string) {
		for _, part := range wrapped(term.SafeLine(term.Short(text, maxText)), room(p.Width, len(blank)+len(indent))) {
			if color != "" {
				part = p.Palette.Paint(color, part)
			}
			out.WriteString(lead + indent + part + "\n")
			lead = blank
		}
	}
	line(lead, "", EntryText(e, p.zone()))
	color = ""
	for _, detail := range e.Details {
		line(blank, "  ", detail)
	}
}

// EntryText is what happened in one line, with how often and until when.
func EntryText(e timeline.Entry, zone *time.Location) string {
	switch until := untilText(e, zone); {
	case e.Kind == timeline.Gap && until != "":
		return "until " + until + ": " + e.Text
	case e.Count > 1 && until != "" && strings.HasPrefix(e.Source, "event"):
		return fmt.Sprintf("%s (%d times until %s)", e.Text, e.Count, until)
	case until != "":
		return e.Text + " (until " + until + ")"
	case e.Count > 1:
		return fmt.Sprintf("%s (%d times)", e.Text, e.Count)
	}
	return e.Text
}

func untilText(e timeline.Entry, zone *time.Location) string {
	if e.Until == nil || e.Until.Sub(e.At) < time.Second {
		return ""
	}
	from, to := e.At.In(zone), e.Until.In(zone)
	if from.Format(time.DateOnly) == to.Format(time.DateOnly) {
		return to.Format("15:04:05")
	}
	return to.Format("2006-01-02 15:04:05")
}

// TimelineJSON writes entries as JSON, one a line.
func TimelineJSON(w io.Writer, items []timeline.Entry) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	for _, e := range items {
		if err := encoder.Encode(e); err != nil {
			return err
		}
	}
	return nil
}

// Measures of the picture, in pixels.
const (
	storyWidth = 1040
	storyLeft  = 118
	storyLane  = 30
	storyTop   = 62
	storyRow   = 19
	// storyTold is how many entries are shown below the lanes, the newest.
	storyTold = 40
	storyMost = 128
)

const storyStyle = `
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
  .page { fill: #ffffff; } .title { font-weight: bold; font-size: 14px; } .quiet { fill: #59636e; } .kind { font-weight: bold; }
  .lane { stroke: #d1d9e0; } .tick { stroke: #d1d9e0; stroke-dasharray: 2 4; }
  .dot { fill: #0969da; } .span { stroke: #0969da; stroke-width: 6; stroke-linecap: round; opacity: .45; }
  .warning.dot { fill: #bf8700; } .warning.span { stroke: #bf8700; } .error.dot { fill: #cf222e; } .error.span { stroke: #cf222e; }
  text.error { fill: #a40e26; } text.warning { fill: #7d4e00; }
  .gap { fill: #8c959f; opacity: .35; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .page { fill: #0d1117; } .quiet { fill: #9198a1; } .lane, .tick { stroke: #3d444d; }
    .dot { fill: #4493f8; } .span { stroke: #4493f8; } .warning.dot { fill: #d29922; } .warning.span { stroke: #d29922; } .error.dot { fill: #f85149; } .error.span { stroke: #f85149; }
    text.error { fill: #ff7b72; } text.warning { fill: #e3b341; } .gap { fill: #9198a1; opacity: .3; }
  }
`

// TimelineSVG is the story as a picture that needs nothing else: a lane for each
// kind, time from left to right, and what matters below in words.
func TimelineSVG(t timeline.Timeline, zone *time.Location) string {
	return timelineSVG(t, zone, storyLines(t.Items, zone))
}

func timelineSVG(t timeline.Timeline, zone *time.Location, lines []storyLine) string {
	// The picture begins where something is known.
	from, to := t.To.Add(-time.Minute), t.To
	for _, e := range t.Items {
		if e.Kind != timeline.Gap && e.At.Before(from) {
			from = e.At
		}
	}
	x := func(at time.Time) int {
		part := float64(at.Sub(from)) / float64(to.Sub(from))
		return storyLeft + int(min(max(part, 0), 1)*(storyWidth-storyLeft-24))
	}
	lanes := map[timeline.Kind]int{}
	for _, kind := range timeline.Kinds {
		for _, e := range t.Items {
			if e.Kind == kind {
				lanes[kind] = len(lanes)
				break
			}
		}
	}
	bottom := storyTop + len(lanes)*storyLane
	height := bottom + 20
	if len(lines) > 0 {
		height += 24 + len(lines)*storyRow
	}
	title := term.SafeLine(t.Job + "  " + from.In(zone).Format("2006-01-02 15:04:05") + " to " + to.In(zone).Format("2006-01-02 15:04:05 MST"))
	var out strings.Builder
	fmt.Fprintf(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", storyWidth, height, storyWidth, height)
	fmt.Fprintf(&out, "<title>%s</title>\n<style>%s</style>\n<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n<text class=\"title\" x=\"20\" y=\"28\">%s</text>\n", xmlText(title), storyStyle, storyWidth, height, xmlText(term.Cut(title, storyMost)))
	const ticks = 6
	for i := range ticks + 1 {
		at := from.Add(to.Sub(from) * time.Duration(i) / ticks)
		fmt.Fprintf(&out, "<line class=\"tick\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n<text class=\"quiet\" x=\"%d\" y=\"%d\" text-anchor=\"middle\">%s</text>\n", x(at), x(at), storyTop-6, bottom, min(x(at), storyWidth-36), storyTop-12, at.In(zone).Format("15:04:05"))
	}
	for _, kind := range timeline.Kinds {
		if lane, ok := lanes[kind]; ok {
			y := storyTop + lane*storyLane + storyLane/2
			fmt.Fprintf(&out, "<text class=\"kind\" x=\"20\" y=\"%d\">%s</text>\n<line class=\"lane\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/>\n", y+4, kind, storyLeft, storyWidth-24, y, y)
		}
	}
	for _, e := range t.Items {
		y := storyTop + lanes[e.Kind]*storyLane + storyLane/2
		class := ""
		if e.Severity == diagnosis.Error || e.Severity == diagnosis.Warning {
			class = string(e.Severity) + " "
		}
		fmt.Fprintf(&out, "<g><title>%s</title>", xmlText(e.At.In(zone).Format("15:04:05")+" "+term.Short(EntryText(e, zone), 600)))
		start, end := x(e.At), x(e.At)
		if e.Until != nil {
			end = x(*e.Until)
		}
		switch {
		case e.Kind == timeline.Gap:
			fmt.Fprintf(&out, "<rect class=\"gap\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"10\" rx=\"3\"/>", start, y-5, max(end-start, 4))
		case end > start+4:
			fmt.Fprintf(&out, "<line class=\"%sspan\" x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\"/><circle class=\"%sdot\" cx=\"%d\" cy=\"%d\" r=\"5\"/>", class, start, end, y, y, class, start, y)
		default:
			fmt.Fprintf(&out, "<circle class=\"%sdot\" cx=\"%d\" cy=\"%d\" r=\"5\"/>", class, start, y)
		}
		out.WriteString("</g>\n")
	}
	for i, line := range lines {
		fmt.Fprintf(&out, "<text class=\"%s\" x=\"20\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", line.class, bottom+34+i*storyRow, xmlText(line.text))
	}
	out.WriteString("</svg>\n")
	return out.String()
}

type storyLine struct{ class, text string }

// storyLines are the entries that matter, the newest of very many.
func storyLines(items []timeline.Entry, zone *time.Location) []storyLine {
	var out []storyLine
	for _, e := range items {
		if e.Severity == "" && (e.Kind == timeline.Pod || e.Kind == timeline.Checkpoint || e.Kind == timeline.Gap) {
			continue
		}
		text := e.At.In(zone).Format("15:04:05") + "  " + term.Pad(string(e.Kind), kindWidth) + term.SafeLine(term.Short(EntryText(e, zone), 600))
		class := string(e.Severity)
		out = append(out, storyLine{strings.TrimSpace(class), term.Cut(text, storyMost)})
	}
	if left := len(out) - storyTold; left > 0 {
		out = append([]storyLine{{"quiet", fmt.Sprintf("… %d earlier ones are left out", left)}}, out[left:]...)
	}
	return out
}
