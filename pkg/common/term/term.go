// Package term knows what the user's terminal is like and makes foreign text
// safe to print on it.
package term

import (
	"io"
	"os"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"
	"golang.org/x/term"
)

// DefaultWidth is the number of columns assumed where no terminal tells.
const DefaultWidth = 80

// IsTerminal reports whether stream, a reader or a writer, is a terminal.
func IsTerminal(stream any) bool {
	file := fileOf(stream)
	return file != nil && term.IsTerminal(int(file.Fd()))
}

// Moves reports whether stream is a terminal whose cursor can be moved. TERM is
// dumb on those where it can't, such as a shell in Emacs.
func Moves(stream any) bool { return IsTerminal(stream) && os.Getenv("TERM") != "dumb" }

// Keep notes how the terminal behind stream is set; restore sets it so again.
// Where there is no terminal it does nothing.
func Keep(stream any) (restore func()) {
	file := fileOf(stream)
	if file == nil {
		return func() {}
	}
	state, err := term.GetState(int(file.Fd()))
	if err != nil {
		return func() {}
	}
	return func() { _ = term.Restore(int(file.Fd()), state) } // it may be gone
}

// Width is the number of columns of the terminal behind w, or DefaultWidth
// where there is none. COLUMNS, where set to a number, wins, as in most tools.
func Width(w io.Writer) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if file := fileOf(w); file != nil {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return DefaultWidth
}

// Height is the number of rows of the terminal behind w, or 24.
func Height(w io.Writer) int {
	if file := fileOf(w); file != nil {
		if _, height, err := term.GetSize(int(file.Fd())); err == nil && height > 0 {
			return height
		}
	}
	return 24
}

// Safe makes foreign text safe for a terminal and keeps its line breaks and
// tabs: escape sequences vanish, other control characters, invalid UTF-8 and
// the invisible characters that reorder text are shown as U+FFFD.
//
// Without this a job's name or an exception's message could move the cursor,
// set the window title or forge lines of our own output.
func Safe(text string) string {
	if plain(text) {
		return text
	}
	text = ansi.Strip(strings.ToValidUTF8(text, "\uFFFD"))
	var out strings.Builder
	out.Grow(len(text))
	var seen shown
	for i, r := range text {
		switch {
		case r == '\n' || r == '\t':
			out.WriteRune(r)
		case r == '\r':
		case seen.hides(r, text[i+utf8.RuneLen(r):]):
			out.WriteRune(utf8.RuneError)
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// SafeLine is Safe for text that must stay on one line: runs of white space
// become one space.
func SafeLine(text string) string {
	return strings.Join(strings.Fields(Safe(text)), " ")
}

func plain(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' && c != '\n' && c != '\t' || c >= 0x7f {
			return false
		}
	}
	return true
}

// reorders reports whether r changes the direction of the text around it or
// hides in it: the "Trojan Source" characters, zero-width and format ones, tags,
// fillers that show as nothing, and line separators.
func reorders(r rune) bool {
	switch {
	case r == 0x2028, r == 0x2029, r == 0x2800, r >= 0x180B && r <= 0x180F, r >= 0xE0000 && r <= 0xE0FFF:
		return true
	case unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r):
		return true
	}
	// Arabic number signs are of that category too, and are seen.
	return unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// DisplayWidth is the number of terminal columns that text takes; escape
// sequences take none.
func DisplayWidth(text string) int { return ansi.StringWidth(text) }

// Cut shortens text to at most width columns and ends it with an ellipsis
// where something is missing.
func Cut(text string, width int) string {
	if width <= 0 || ansi.StringWidth(text) <= width {
		return text
	}
	return ansi.Truncate(text, width, "…")
}

// Pad fills text with spaces to width columns.
func Pad(text string, width int) string {
	if missing := width - ansi.StringWidth(text); missing > 0 {
		return text + strings.Repeat(" ", missing)
	}
	return text
}
