package term

import (
	"fmt"
	"io"
	"os"
)

// Color is an SGR parameter.
type Color string

// The colors and weights that the plugins use; which word gets which is the
// view's choice.
const (
	Bold    Color = "1"
	Dim     Color = "2"
	Red     Color = "31"
	Green   Color = "32"
	Yellow  Color = "33"
	Blue    Color = "34"
	Magenta Color = "35"
	Cyan    Color = "36"

	BoldGreen   Color = "32;1"
	BoldBlue    Color = "34;1"
	BoldMagenta Color = "35;1"
	BoldCyan    Color = "36;1"
)

// Palette paints text, or leaves it alone where color isn't wanted.
type Palette struct{ On bool }

// colors are all that Clean lets through.
var colors = []Color{Bold, Dim, Red, Green, Yellow, Blue, Magenta, Cyan, BoldGreen, BoldBlue, BoldMagenta, BoldCyan}

// NewPalette chooses by mode: "always", "never", or "auto", which paints only
// a terminal and honors NO_COLOR, CLICOLOR_FORCE and TERM=dumb.
func NewPalette(mode string, w io.Writer) (Palette, error) {
	switch mode {
	case "always":
		return Palette{On: true}, nil
	case "never":
		return Palette{}, nil
	case "", "auto":
	default:
		return Palette{}, fmt.Errorf("--color must be auto, always or never, not %q", mode)
	}
	if os.Getenv("NO_COLOR") != "" {
		return Palette{}, nil
	}
	if force := os.Getenv("CLICOLOR_FORCE"); force != "" && force != "0" {
		return Palette{On: true}, nil
	}
	return Palette{On: Moves(w)}, nil
}

// Paint gives text a color. The text must be safe already.
// It isn't inlined: it has many callers, and each would have a copy of it.
//
//go:noinline
func (p Palette) Paint(color Color, text string) string {
	if !p.On || text == "" || color == "" {
		return text
	}
	return color.begin() + text + unpaint
}

// unpaint ends a color.
const unpaint = "\x1b[0m"

func (c Color) begin() string { return "\x1b[" + string(c) + "m" }
