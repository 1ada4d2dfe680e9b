package term

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// Guard is the stream that a program writes to: a terminal is wrapped so that
// whatever is written is cleaned, and no command can print a foreign escape
// sequence by forgetting Safe; a pipe or a file gets every byte as it is.
func Guard(file *os.File) io.Writer {
	if !IsTerminal(file) {
		return file
	}
	return &guarded{file: file}
}

// Raw is the stream behind Guard, for what moves the cursor itself: live
// lines, screens, line editors and terminals in a pod. Text must be made safe
// before it is written there. Any other stream is returned as it is.
func Raw(w io.Writer) io.Writer {
	if g, ok := w.(*guarded); ok {
		return g.file
	}
	return w
}

// Attach gives the user's streams to another program, such as an editor, which
// then has the terminal itself and not its guard.
func Attach(program *exec.Cmd, in io.Reader, out, errOut io.Writer) {
	program.Stdin, program.Stdout, program.Stderr = in, Raw(out), Raw(errOut)
}

// fileOf is the file behind a reader or writer, nil if there is none.
func fileOf(stream any) *os.File {
	switch s := stream.(type) {
	case *os.File:
		return s
	case *guarded:
		file, _ := s.file.(*os.File)
		return file
	}
	return nil
}

// guarded is a terminal to which only clean text is written.
type guarded struct {
	file io.Writer
	mu   sync.Mutex
	// rest is the begin of a character or of a color at the end of the last
	// write.
	rest []byte
}

// Write cleans p. It reports all of p as written, also what it keeps back: a
// character that isn't complete yet.
func (g *guarded) Write(p []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	text := string(g.rest) + string(p)
	whole := len(text) - unfinished(text)
	g.rest = append(g.rest[:0], text[whole:]...)
	if _, err := io.WriteString(g.file, Clean(text[:whole])); err != nil {
		return 0, err
	}
	return len(p), nil
}

// unfinished is how many bytes at the end of text are the begin of a character
// or of one of the palette's sequences.
func unfinished(text string) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if c := text[len(text)-n]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRuneInString(text[len(text)-n:]) {
				return n
			}
			break
		}
	}
	if at := strings.LastIndexByte(text, escape); at >= 0 {
		for _, painted := range paints {
			if tail := text[at:]; len(tail) < len(painted) && strings.HasPrefix(painted, tail) {
				return len(tail)
			}
		}
	}
	return 0
}

const escape = '\x1b'

// paints are the only escape sequences that get through Clean.
var paints = func() []string {
	out := []string{unpaint}
	for _, color := range colors {
		out = append(out, color.begin())
	}
	return out
}()

// Clean is Safe for text that may have the palette's colors in it. Other escape
// sequences lose their escape character, so that what they would have done is
// read.
func Clean(text string) string {
	if plain(text) {
		return text
	}
	var out strings.Builder
	out.Grow(len(text))
	var seen shown
	for i := 0; i < len(text); {
		if text[i] == escape {
			if painted := paintAt(text[i:]); painted != "" {
				out.WriteString(painted)
				i += len(painted)
				continue
			}
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\n' || r == '\t':
			out.WriteRune(r)
		case r == '\r':
		case seen.hides(r, text[i+size:]):
			out.WriteRune(utf8.RuneError)
		default:
			out.WriteString(text[i : i+size])
		}
		i += size
	}
	return out.String()
}

func paintAt(text string) string {
	for _, painted := range paints {
		if strings.HasPrefix(text, painted) {
			return painted
		}
	}
	return ""
}

// unsafe reports whether a terminal may do something else with r than show it.
func unsafe(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) || reorders(r) }

// EscapeJSON writes the characters of a JSON text that a terminal may act on,
// or that hide or reorder text, as \u escapes: to a JSON or YAML reader the text
// means the same. It changes only what stands in strings, where alone such
// characters may be.
func EscapeJSON(data []byte) []byte {
	clean := true
	for _, c := range data {
		if c >= 0x7f {
			clean = false
			break
		}
	}
	if clean {
		return data
	}
	out := make([]byte, 0, len(data)+64)
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if size > 1 && r != utf8.RuneError && unsafe(r) || r == 0x7f {
			out = appendEscaped(out, r)
		} else {
			out = append(out, data[i:i+size]...)
		}
		i += size
	}
	return out
}

func appendEscaped(out []byte, r rune) []byte {
	const digits = "0123456789abcdef"
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return appendEscaped(appendEscaped(out, high), low)
	}
	return append(out, '\\', 'u', digits[r>>12&15], digits[r>>8&15], digits[r>>4&15], digits[r&15])
}
