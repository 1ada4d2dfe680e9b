package statefile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

// FormatError says where a _metadata stops making sense.
type FormatError struct {
	// Offset is in bytes from the beginning of the file.
	Offset int64
	// What says what is wrong there.
	What string
	// Cause is an error of the reader, io.ErrUnexpectedEOF where the file ends
	// too early; else nil.
	Cause error
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("at byte %d: %s", e.Offset, e.What)
}

// Unwrap is the error of the reader.
func (e *FormatError) Unwrap() error { return e.Cause }

// reader reads Java's DataOutput. After the first error it reads zeros, so that
// callers look at err once per element instead of after every field.
type reader struct {
	in  *bufio.Reader
	at  int64
	err error
}

func newReader(in io.Reader) *reader {
	return &reader{in: bufio.NewReaderSize(in, 1<<16)} // next gives any text in one piece
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = &FormatError{Offset: r.at, What: fmt.Sprintf(format, args...)}
	}
}

func (r *reader) stop(err error) {
	if r.err != nil || err == nil {
		return
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		r.err = &FormatError{Offset: r.at, What: "the file ends too early", Cause: io.ErrUnexpectedEOF}
		return
	}
	r.err = err
}

func (r *reader) fill(to []byte) bool {
	if r.err != nil {
		return false
	}
	n, err := io.ReadFull(r.in, to)
	r.at += int64(n)
	r.stop(err)
	return r.err == nil
}

// next are the next n bytes, at most 65,536, until something else is read: a copy of
// each number and text would be garbage by the million. They are nil after an error.
func (r *reader) next(n int) []byte {
	if r.err != nil {
		return nil
	}
	out, err := r.in.Peek(n)
	done, _ := r.in.Discard(len(out)) // they are in the buffer
	r.at += int64(done)
	r.stop(err)
	if r.err != nil {
		return nil
	}
	return out
}

// skip passes over n bytes.
func (r *reader) skip(n int64) {
	const step = 1 << 30 // Discard takes an int, which has 32 bits on some machines
	for n > 0 && r.err == nil {
		done, err := r.in.Discard(int(min(n, step)))
		r.at += int64(done)
		n -= int64(done)
		r.stop(err)
	}
}

func (r *reader) byte() byte {
	if r.err != nil {
		return 0
	}
	b, err := r.in.ReadByte()
	if err != nil {
		r.stop(err)
		return 0
	}
	r.at++
	return b
}

func (r *reader) uint(bytes int) (out uint64) {
	for _, b := range r.next(bytes) {
		out = out<<8 | uint64(b)
	}
	return out
}

func (r *reader) short() int  { return int(r.uint(2)) }
func (r *reader) int() int    { return int(int32(r.uint(4))) }
func (r *reader) long() int64 { return int64(r.uint(8)) }
func (r *reader) bool() bool  { return r.byte() != 0 }

// count reads how many of something follow.
func (r *reader) count(what string) int {
	n := r.int()
	if n < 0 {
		r.fail("%d %s", n, what)
		return 0
	}
	return n
}

// string reads Java's modified UTF-8, at most 65,535 bytes.
func (r *reader) string() string {
	out, ok := decode(r.next(r.short()))
	if !ok {
		r.fail("a text isn't in Java's UTF-8")
	}
	return out
}

// skipString passes over a text that nobody wants.
func (r *reader) skipString() { r.skip(int64(r.short())) }

// decode reads Java's modified UTF-8, in which zero has two bytes and what is
// beyond 16 bits is a pair of surrogates.
func decode(raw []byte) (string, bool) {
	ascii := true
	for _, b := range raw {
		ascii = ascii && b < 0x80
	}
	if ascii {
		return string(raw), true
	}
	var out strings.Builder
	high := rune(0) // the first half of a pair
	flush := func() {
		if high != 0 {
			out.WriteRune('\uFFFD')
			high = 0
		}
	}
	for i := 0; i < len(raw); {
		b := raw[i]
		var c rune
		size := 1
		switch {
		case b < 0x80:
			c = rune(b)
		case b>>5 == 0b110:
			c, size = rune(b&0x1F), 2
		case b>>4 == 0b1110:
			c, size = rune(b&0x0F), 3
		default:
			return "", false
		}
		if i+size > len(raw) {
			return "", false
		}
		for _, more := range raw[i+1 : i+size] {
			if more>>6 != 0b10 {
				return "", false
			}
			c = c<<6 | rune(more&0x3F)
		}
		i += size
		switch {
		case c >= 0xD800 && c < 0xDC00:
			flush()
			high = c
		case c >= 0xDC00 && c < 0xE000 && high != 0:
			out.WriteRune(utf16.DecodeRune(high, c))
			high = 0
		default:
			flush()
			out.WriteRune(c) // a lone second half is written as U+FFFD
		}
	}
	flush()
	return out.String(), true
}
