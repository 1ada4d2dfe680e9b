package view

import (
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/layered"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// The directions in which a line leaves a cell.
const (
	goesUp = 1 << iota
	goesDown
	goesLeft
	goesRight
)

// strokes are the characters of lines that go in these directions.
var strokes = [16]string{
	goesUp: "│", goesDown: "│", goesUp | goesDown: "│",
	goesLeft: "─", goesRight: "─", goesLeft | goesRight: "─",
	goesDown | goesRight: "┌", goesDown | goesLeft: "┐", goesUp | goesRight: "└", goesUp | goesLeft: "┘",
	goesUp | goesDown | goesRight: "├", goesUp | goesDown | goesLeft: "┤",
	goesDown | goesLeft | goesRight: "┬", goesUp | goesLeft | goesRight: "┴",
	goesUp | goesDown | goesLeft | goesRight: "┼",
}

// cell is one character of a canvas, or the beginning of a text.
type cell struct {
	text    string
	color   term.Color
	covered bool // by a text that began further left
	strokes uint8
	net     int
}

// canvas is a picture of characters that grows as it is drawn on.
type canvas struct{ rows [][]cell }

func (c *canvas) at(x, y int) *cell {
	for len(c.rows) <= y {
		c.rows = append(c.rows, nil)
	}
	for len(c.rows[y]) <= x {
		c.rows[y] = append(c.rows[y], cell{})
	}
	return &c.rows[y][x]
}

// put writes a safe text.
func (c *canvas) put(x, y int, text string, color term.Color) {
	width := term.DisplayWidth(text)
	if width == 0 {
		return
	}
	for i := 1; i < width; i++ {
		*c.at(x+i, y) = cell{covered: true}
	}
	*c.at(x, y) = cell{text: text, color: color}
}

// stroke adds a piece of a net's line. Where two nets cross, the vertical one
// is seen whole: a cross would look like a branch.
func (c *canvas) stroke(x, y, net int, directions uint8) {
	one := c.at(x, y)
	const vertical = goesUp | goesDown
	switch {
	case one.strokes == 0 || one.net == net:
		one.strokes |= directions
		one.net = net
	case directions == vertical:
		one.strokes, one.net = vertical, net
	case one.strokes != vertical:
		one.strokes |= directions
	}
}

// vertical is a line down from row top to the row above bottom.
func (c *canvas) vertical(x, top, bottom, net int) {
	for y := top; y < bottom; y++ {
		c.stroke(x, y, net, goesUp|goesDown)
	}
}

// line is a line through a channel.
func (c *canvas) line(line layered.Line, top, bottom int) {
	if line.Track < 0 {
		c.vertical(line.From, top, bottom, line.Net)
		return
	}
	row := top + line.Track
	c.vertical(line.From, top, row, line.Net)
	c.stroke(line.From, row, line.Net, goesUp)
	c.stroke(line.To, row, line.Net, goesDown)
	for x := min(line.From, line.To); x < max(line.From, line.To); x++ {
		c.stroke(x, row, line.Net, goesRight)
		c.stroke(x+1, row, line.Net, goesLeft)
	}
	c.vertical(line.To, row+1, bottom, line.Net)
}

// box is a vertex: its frame, with the ends of lines in it, and its text.
func (c *canvas) box(box layered.Box, top int, text []painted, color term.Color, arrives []int, leaves bool) {
	bottom, right := top+len(text)+1, box.X+box.Width-1
	for x := box.X; x <= right; x++ {
		c.put(x, top, "─", color)
		c.put(x, bottom, "─", color)
	}
	c.put(box.X, top, "┌", color)
	c.put(right, top, "┐", color)
	c.put(box.X, bottom, "└", color)
	c.put(right, bottom, "┘", color)
	for _, x := range arrives {
		c.put(x, top, "▼", color)
	}
	if leaves {
		c.put(box.Out, bottom, "┬", color)
	}
	for i, line := range text {
		y := top + 1 + i
		c.put(box.X, y, "│", color)
		c.put(right, y, "│", color)
		x := box.X + 2
		for _, span := range line.spans {
			c.put(x, y, span.text, span.color)
			x += term.DisplayWidth(span.text)
		}
	}
}

// lines are the rows of the picture, painted.
func (c *canvas) lines(palette term.Palette) []string {
	out := make([]string, len(c.rows))
	for y, row := range c.rows {
		var line, run strings.Builder
		color := term.Color("")
		flush := func() {
			line.WriteString(palette.Paint(color, run.String()))
			run.Reset()
		}
		for _, one := range row {
			text := one.text
			switch {
			case one.covered:
				continue
			case text == "" && one.strokes != 0:
				text = strokes[one.strokes]
			case text == "":
				text = " "
			}
			if one.color != color {
				if color != "" {
					flush()
				} else {
					line.WriteString(run.String())
					run.Reset()
				}
				color = one.color
			}
			run.WriteString(text)
		}
		if color != "" {
			flush()
		} else {
			line.WriteString(run.String())
		}
		out[y] = strings.TrimRight(line.String(), " ")
	}
	return out
}
