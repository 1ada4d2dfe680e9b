package view

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/guptarohit/asciigraph"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// charted are the series that have something to draw, each at most as long as
// columns.
func (m *Metrics) charted() (names []string, values [][]float64, left int) {
	for _, key := range m.keys {
		var line []float64
		known := false
		for _, p := range m.series[key] {
			line = append(line, float64(p.metric.Value))
			known = known || p.metric.Value.Known()
		}
		if !known {
			continue
		}
		if len(names) == MaxCharts {
			left++
			continue
		}
		metric := m.series[key][0].metric
		names = append(names, metric.scope()+" "+metric.Name)
		values = append(values, line)
	}
	return names, values, left
}

// Charts draws the metrics over time for a terminal.
func (m *Metrics) Charts() []string {
	names, values, left := m.charted()
	width := max(m.Width, 40)
	var out []string
	for i, line := range values {
		last := "-"
		if n := len(line); n > 0 {
			last = amount(rest.Measure(line[n-1]))
		}
		out = append(out, term.Cut(m.Palette.Paint(term.Bold, safe(names[i]))+"  "+last, width))
		if len(line) == 1 {
			line = append(line, line[0])
		}
		chart := asciigraph.Plot(scaled(line), asciigraph.Height(6), asciigraph.Width(min(len(line)*4, width-16)), asciigraph.YAxisValueFormatter(labels(line)))
		for row := range strings.SplitSeq(chart, "\n") {
			out = append(out, term.Cut(strings.TrimRight(row, " "), width))
		}
		out = append(out, "")
	}
	if left > 0 {
		out = append(out, m.Palette.Paint(term.Dim, fmt.Sprintf("… and %s more: give a PATTERN for fewer", plural(left, "metric"))))
	}
	return out
}

// scaled is a series between 0 and 1: what draws it isn't made for numbers that
// are nearly all that fit.
func scaled(line []float64) []float64 {
	low, high := bounds(line)
	half := high/2 - low/2 // halves, because the whole may be more than fits
	out := make([]float64, len(line))
	for i, v := range line {
		switch {
		case math.IsNaN(v):
			out[i] = v
		case half > 0:
			out[i] = (v/2 - low/2) / half
		}
	}
	return out
}

func bounds(line []float64) (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range line {
		if !math.IsNaN(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// labels write the numbers at the axis of a scaled series.
func labels(line []float64) func(float64) string {
	low, high := bounds(line)
	return func(v float64) string {
		return fmt.Sprintf("%10s", short(low*(1-v)+high*v))
	}
}

// short is a number in at most nine letters.
func short(f float64) string {
	abs := math.Abs(f)
	for _, unit := range []struct {
		size float64
		name string
	}{{1e15, ""}, {1e12, "T"}, {1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		switch {
		case abs >= 1e15:
			return strconv.FormatFloat(f, 'g', 3, 64)
		case abs >= unit.size:
			return strconv.FormatFloat(f/unit.size, 'f', 2, 64) + unit.name
		}
	}
	if abs != 0 && abs < 0.01 {
		return strconv.FormatFloat(f, 'g', 2, 64)
	}
	return strconv.FormatFloat(f, 'f', 2, 64)
}

// svg draws the charts as a picture.
func (m *Metrics) svg(w io.Writer) error {
	const width, height, left, gap = 900, 110, 90, 46
	names, values, more := m.charted()
	out := bufio.NewWriter(w)
	total := max(len(values), 1)*(height+gap) + 30
	fmt.Fprintf(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", width, total, width, total)
	fmt.Fprintf(out, "<title>%s</title>\n<style>%s</style>\n<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", xmlText(safe(m.Job.String())), svgStyle, width, total)
	for i, line := range values {
		top := i*(height+gap) + 34
		low, high := bounds(line)
		fmt.Fprintf(out, "<text class=\"name\" x=\"10\" y=\"%d\">%s</text>\n", top-8, xmlText(term.Cut(safe(names[i]), 100)))
		fmt.Fprintf(out, "<text class=\"quiet\" x=\"10\" y=\"%d\">%s</text><text class=\"quiet\" x=\"10\" y=\"%d\">%s</text>\n", top+12, xmlText(short(high)), top+height, xmlText(short(low)))
		path, pen := "", "M"
		for n, v := range scaled(line) {
			if math.IsNaN(v) {
				pen = "M" // a gap
				continue
			}
			x := float64(left) + float64(width-left-20)*float64(n)/float64(max(len(line)-1, 1))
			path += fmt.Sprintf("%s%.1f %.1f", pen, x, float64(top)+float64(height)*(1-v))
			pen = "L"
		}
		fmt.Fprintf(out, "<path class=\"edge\" d=\"%s\"/>\n", path)
		points := m.series[m.keyOf(names[i])]
		if len(points) > 0 {
			fmt.Fprintf(out, "<text class=\"quiet\" x=\"%d\" y=\"%d\">%s to %s</text>\n", left, top+height+14, points[0].at.UTC().Format(time.RFC3339), points[len(points)-1].at.UTC().Format(time.RFC3339))
		}
	}
	if more > 0 {
		fmt.Fprintf(out, "<text class=\"quiet\" x=\"10\" y=\"%d\">and %d more</text>\n", total-8, more)
	}
	fmt.Fprintln(out, "</svg>")
	return out.Flush()
}
