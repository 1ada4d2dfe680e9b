package term

import (
	"unicode"
	"unicode/utf8"
)

// mostMarks is how many marks may stand over and under one character. No language
// has so many; hundreds of them cover the lines around.
const mostMarks = 8

const (
	// joiner joins emoji to one, and letters of some scripts.
	joiner = '\u200d'
	// nonJoiner keeps letters of some scripts apart: Persian words have it.
	nonJoiner = '\u200c'
)

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
	if (r == joiner || r == nonJoiner) && joins(before) && s.marks <= mostMarks {
		// Before a letter of these it is part of how a word is written, and seen.
		if next, _ := utf8.DecodeRuneInString(rest); unicode.IsLetter(next) && joins(next) {
			return false
		}
	}
	s.marks = 0
	if r == joiner && (isPicture(before) || isSelector(before)) {
		next, _ := utf8.DecodeRuneInString(rest)
		return rest == "" || !isPicture(next)
	}
	return unsafe(r)
}

// joins reports whether r is of a script whose letters take other forms beside
// each other: Arabic and Syriac, those of India, Burmese, Khmer.
func joins(r rune) bool {
	return (r >= 0x0620 && r <= 0x07BF || r >= 0x0900 && r <= 0x0DFF || r >= 0x1000 && r <= 0x109F || r >= 0x1780 && r <= 0x17DD) &&
		unicode.In(r, unicode.L, unicode.Mn, unicode.Mc) && !unsafe(r)
}

// isPicture reports whether r is an emoji or the like.
func isPicture(r rune) bool {
	return r >= 0x2190 && unicode.In(r, unicode.So, unicode.Sk) || r >= 0x1F000 && r <= 0x1FAFF
}

// isSelector reports whether r chooses how a picture before it looks.
func isSelector(r rune) bool { return r >= 0xFE00 && r <= 0xFE0F }
