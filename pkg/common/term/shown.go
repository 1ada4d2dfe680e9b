package term

import (
	"unicode"
	"unicode/utf8"
)

// mostMarks is how many marks may stand over and under one character. No language
// has so many; hundreds of them cover the lines around.
const mostMarks = 8

// joiner joins emoji to one.
const joiner = '\u200d'

// shown is what a text has shown so far. Its zero value is the text's begin.
type shown struct {
	before rune
	marks  int
}

// hides reports whether r, behind which rest follows, must not reach a terminal.
func (s *shown) hides(r rune, rest string) bool {
	before := s.before
	s.before = r
	if unicode.In(r, unicode.Mn, unicode.Me) && !isSelector(r) {
		s.marks++
		return s.marks > mostMarks || unsafe(r)
	}
	s.marks = 0
	if r == joiner && (isPicture(before) || isSelector(before)) {
		next, _ := utf8.DecodeRuneInString(rest)
		return rest == "" || !isPicture(next)
	}
	return unsafe(r)
}

// isPicture reports whether r is an emoji or the like.
func isPicture(r rune) bool {
	return r >= 0x2190 && unicode.In(r, unicode.So, unicode.Sk) || r >= 0x1F000 && r <= 0x1FAFF
}

// isSelector reports whether r chooses how a picture before it looks.
func isSelector(r rune) bool { return r >= 0xFE00 && r <= 0xFE0F }
