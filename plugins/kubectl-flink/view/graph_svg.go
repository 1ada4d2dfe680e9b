package view

import (
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/layered"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Measures of the SVG, in pixels. The font is a fixed-width one, so that the
// width of a text is known without measuring it: 0.6 of its size for each
// letter in all the common ones.
const (
	svgFont     = 12
	svgLetter   = 7.25
	svgLine     = 17
	svgPadding  = 12
	svgGap      = 28
	svgChannel  = 58
	svgTrack    = 8
	svgBorder   = 24
	svgTitle    = 34
	svgName     = 36 // letters of a name in a line
	svgLabel    = 10.5
	svgArrow    = 7
	svgLabelGap = 6
)

// svgStyle has colors for light and dark surroundings; the picture brings its
// own background, so that it is readable on every page.
const svgStyle = `
  text { font: 12px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: #1f2328; }
  .page { fill: #ffffff; }
  .box { fill: #f6f8fa; stroke: #8c959f; }
  .name, .title { font-weight: bold; }
  .title { font-size: 14px; }
  .quiet { fill: #59636e; }
  .edge { fill: none; stroke: #6e7781; stroke-width: 1.4; }
  .tip { fill: #6e7781; }
  .label { font-size: 10.5px; fill: #59636e; stroke: #ffffff; stroke-width: 3px; paint-order: stroke; }
  .box.warm { fill: #fff8c5; stroke: #bf8700; stroke-width: 2; }
  .box.hot { fill: #ffebe9; stroke: #cf222e; stroke-width: 2; }
  .warm { fill: #7d4e00; } .hot { fill: #a40e26; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .page { fill: #0d1117; }
    .box { fill: #161b22; stroke: #6e7681; }
    .quiet { fill: #9198a1; }
    .edge { stroke: #8b949e; }
    .tip { fill: #8b949e; }
    .label { fill: #9198a1; stroke: #0d1117; }
    .box.warm { fill: #2e2a1f; stroke: #d29922; }
    .box.hot { fill: #301b1e; stroke: #f85149; }
    .warm { fill: #e3b341; } .hot { fill: #ff7b72; }
  }
`

// xmlText escapes a text and drops what XML can't carry.
func xmlText(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text))
	return out.String()
}

func svgClass(color term.Color) string {
	switch color {
	case term.Red:
		return " hot"
	case term.Yellow:
		return " warm"
	default:
		return ""
	}
}

// svgWidth is about how wide a text is.
func svgWidth(text string, font float64) int {
	return int(float64(term.DisplayWidth(text))*svgLetter*font/svgFont) + 1
}

// drawSVG is the graph as an SVG that needs nothing else: no graphviz, no
// font, no script.
func drawSVG(g JobGraph) string {
	flows := g.flows()
	source, sink := ends(len(g.Vertices), flows)
	texts := make([][]painted, len(g.Vertices))
	sizes := make([]layered.Size, len(g.Vertices))
	for i, v := range g.Vertices {
		texts[i] = boxText(v.Name, v.notes(source[i], sink[i]), svgName)
		width := 0
		for _, line := range texts[i] {
			width = max(width, svgWidth(line.text(), svgFont))
		}
		width += 2 * svgPadding
		sizes[i] = layered.Size{Least: width, Best: width}
	}
	edges := make([]layered.Edge, len(flows))
	for i, f := range flows {
		edges[i] = layered.Edge{From: f.from, To: f.to, Room: 10}
		if f.label != "" {
			edges[i].Room = svgLabelGap + svgWidth(f.label, svgLabel) + 4
		}
	}
	d, _ := layered.Draw(sizes, edges, layered.Options{Gap: svgGap, Lane: svgGap / 2, Margin: svgPadding})
	title := strings.TrimSpace(g.Metadata.Type + "/" + g.Metadata.Name + "  " + g.State + "  " + g.JobName)
	title = term.Cut(term.SafeLine(title), 100)

	heights, tops := make([]int, len(d.Channels)), make([]int, len(d.Channels)+1)
	for i, box := range d.Boxes {
		heights[box.Layer] = max(heights[box.Layer], len(texts[i])*svgLine+svgPadding)
	}
	tops[0] = svgBorder + svgTitle
	for l, channel := range d.Channels {
		tops[l+1] = tops[l] + heights[l] + svgChannel + svgTrack*channel.Tracks
		if l == len(d.Channels)-1 {
			tops[l+1] = tops[l] + heights[l]
		}
	}
	width := max(d.Width, svgWidth(title, 14)) + 2*svgBorder
	height := tops[len(d.Channels)] + svgBorder

	var out strings.Builder
	fmt.Fprintf(&out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\" role=\"img\">\n", width, height, width, height)
	fmt.Fprintf(&out, "<title>%s</title>\n<style>%s</style>\n", xmlText(title), svgStyle)
	fmt.Fprintf(&out, "<rect class=\"page\" width=\"%d\" height=\"%d\"/>\n", width, height)
	fmt.Fprintf(&out, "<text class=\"title\" x=\"%d\" y=\"%d\">%s</text>\n", svgBorder, svgBorder+12, xmlText(title))
	drawn := svgEdges{out: &out, d: d, tops: tops, heights: heights}
	for v := range g.Vertices {
		drawn.from(v, tops[d.Boxes[v].Layer]+len(texts[v])*svgLine+svgPadding)
	}
	for _, channel := range d.Channels {
		for _, line := range channel.Lines {
			if line.Edge >= 0 && flows[line.Edge].label != "" {
				fmt.Fprintf(&out, "<text class=\"label\" x=\"%d\" y=\"%d\">%s</text>\n", svgBorder+line.To+svgLabelGap, tops[d.Boxes[flows[line.Edge].to].Layer]-svgArrow-3, xmlText(flows[line.Edge].label))
			}
		}
	}
	for i, v := range g.Vertices {
		box := d.Boxes[i]
		x, y := svgBorder+box.X, tops[box.Layer]
		fmt.Fprintf(&out, "<g>\n<title>%s</title>\n", xmlText(OperatorName(v.Name, 0)))
		fmt.Fprintf(&out, "<rect class=\"box%s\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\"/>\n", svgClass(v.worry()), x, y, box.Width, len(texts[i])*svgLine+svgPadding)
		for n, line := range texts[i] {
			fmt.Fprintf(&out, "<text x=\"%d\" y=\"%d\" xml:space=\"preserve\">%s</text>\n", x+svgPadding, y+svgPadding/2+svgLine*(n+1)-5, line.svg())
		}
		out.WriteString("</g>\n")
	}
	out.WriteString("</svg>\n")
	return out.String()
}

func (p painted) text() string {
	var out strings.Builder
	for _, span := range p.spans {
		out.WriteString(span.text)
	}
	return out.String()
}

func (p painted) svg() string {
	var out strings.Builder
	for _, span := range p.spans {
		class := strings.TrimSpace(svgClass(span.color))
		switch {
		case span.color == term.Bold:
			class = "name"
		case class == "":
			class = "quiet"
		}
		fmt.Fprintf(&out, "<tspan class=\"%s\">%s</tspan>", class, xmlText(span.text))
	}
	return out.String()
}

// svgEdges draws the lines of a drawing as curves.
type svgEdges struct {
	out           *strings.Builder
	d             layered.Drawing
	tops, heights []int
}

// from draws all edges of a vertex, which begin at row bottom.
func (s svgEdges) from(vertex, bottom int) {
	box := s.d.Boxes[vertex]
	x := svgBorder + box.Out
	below := s.tops[box.Layer] + s.heights[box.Layer]
	path := fmt.Sprintf("M%d %d", x, bottom)
	if bottom < below {
		path += fmt.Sprintf("V%d", below)
	}
	for l := box.Layer; l+1 < len(s.d.Channels); l++ {
		from, to := s.tops[l]+s.heights[l], s.tops[l+1]
		next := ""
		for _, line := range s.d.Channels[l].Lines {
			if line.Net != vertex {
				continue
			}
			end := svgBorder + line.To
			// The last piece is straight: beside it is the label.
			straight := to - svgArrow - 16
			way := fmt.Sprintf("%sC%d %d %d %d %d %d", path, x, (from+straight)/2+6, end, (from+straight)/2-6, end, straight)
			if x == end {
				way = path
			}
			if line.Edge < 0 {
				next = fmt.Sprintf("%sV%d", way, to+s.heights[l+1])
				continue
			}
			fmt.Fprintf(s.out, "<path class=\"edge\" d=\"%sV%d\"/>\n", way, to-svgArrow)
			fmt.Fprintf(s.out, "<path class=\"tip\" d=\"M%d %dl-4 -%dh8z\"/>\n", end, to, svgArrow+1)
		}
		if next == "" {
			return
		}
		for _, line := range s.d.Channels[l].Lines {
			if line.Net == vertex && line.Edge < 0 {
				x = svgBorder + line.To
			}
		}
		path = next
	}
}
