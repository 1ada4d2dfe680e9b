//go:build unix

package main

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"strings"

	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/vt"
)

// Sizes in pixels.
const (
	cellWidth  = 8.4
	lineHeight = 18
	margin     = 14
	bar        = 30 // the window's title
)

// The colors that a program doesn't choose.
const (
	background = "#1e2127"
	foreground = "#d7dae0"
	faint      = "#8a919e"
)

// basic are the 16 colors of terminals, which each terminal shows in its own
// way.
var basic = [16]string{
	"#3f4451", "#e05561", "#8cc265", "#d18f52", "#4aa5f0", "#c162de", "#42b3c2", "#d7dae0",
	"#6b7280", "#ff616e", "#a5e075", "#f0a45d", "#4dc4ff", "#de73ff", "#4cd1e0", "#ffffff",
}

// draw is what is on the screen, as SVG.
func draw(screen *vt.Emulator, title string) []byte {
	height := 0
	for y := range screen.Height() {
		for x := range screen.Width() {
			if c := screen.CellAt(x, y); c != nil && strings.TrimSpace(c.Content) != "" {
				height = y + 1
			}
		}
	}
	var b bytes.Buffer
	w, h := float64(screen.Width())*cellWidth+2*margin, height*lineHeight+bar+margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %.0f %d" width="%.0f" height="%d" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="14">`+"\n", w, h, w, h)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" rx="8" fill="%s"/>`+"\n", background)
	for i, fill := range []string{"#e05561", "#d18f52", "#8cc265"} {
		fmt.Fprintf(&b, `<circle cx="%d" cy="15" r="5" fill="%s"/>`+"\n", 18+i*18, fill)
	}
	fmt.Fprintf(&b, `<text x="%.0f" y="20" fill="%s" text-anchor="middle">%s</text>`+"\n", w/2, faint, escape(title))
	for y := range height {
		line(&b, screen, y)
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// line draws runs of cells that look alike.
func line(b *bytes.Buffer, screen *vt.Emulator, y int) {
	for x := 0; x < screen.Width(); {
		first := screen.CellAt(x, y)
		if first == nil {
			x++
			continue
		}
		start := x
		var text strings.Builder
		for x < screen.Width() {
			c := screen.CellAt(x, y)
			if c == nil || !c.Style.Equal(&first.Style) {
				break
			}
			if c.Content == "" {
				text.WriteByte(' ')
			} else {
				text.WriteString(c.Content)
			}
			x += max(c.Width, 1)
		}
		fill, back := look(first.Style)
		left, width := margin+float64(start)*cellWidth, float64(x-start)*cellWidth
		if back != "" {
			fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="%d" fill="%s"/>`+"\n", left, bar+y*lineHeight, width, lineHeight, back)
		}
		// Where fonts differ, the columns stay.
		shown := strings.TrimRight(text.String(), " ")
		width -= float64(len(text.String())-len(shown)) * cellWidth
		trimmed := strings.TrimLeft(shown, " ")
		indent := float64(len(shown)-len(trimmed)) * cellWidth
		if shown, left, width = trimmed, left+indent, width-indent; shown == "" {
			continue
		}
		extra := ""
		if first.Style.Attrs&uv.AttrBold != 0 {
			extra += ` font-weight="bold"`
		}
		if first.Style.Underline != 0 {
			extra += ` text-decoration="underline"`
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d" textLength="%.1f" fill="%s"%s xml:space="preserve">%s</text>`+"\n", left, bar+y*lineHeight+13, width, fill, extra, escape(shown))
	}
}

// look is a style's colors; back is "" for the terminal's own.
func look(style uv.Style) (fill, back string) {
	fill = foreground
	if style.Attrs&uv.AttrFaint != 0 {
		fill = faint
	}
	if style.Fg != nil {
		fill = hex(style.Fg)
	}
	if style.Bg != nil {
		back = hex(style.Bg)
	}
	if style.Attrs&uv.AttrReverse != 0 {
		if back == "" {
			back = background
		}
		fill, back = back, fill
	}
	return fill, back
}

func hex(c color.Color) string {
	switch c := c.(type) {
	case ansi.BasicColor:
		if int(c) < len(basic) {
			return basic[c]
		}
	case ansi.IndexedColor:
		if int(c) < len(basic) {
			return basic[c]
		}
	}
	r, g, b, _ := c.RGBA()
	return fmt.Sprintf("#%02x%02x%02x", r>>8, g>>8, b>>8)
}

func escape(text string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text))
	return b.String()
}
