package sqlshell

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

type tokenKind int

const (
	tokenSpace tokenKind = iota
	tokenComment
	// tokenWord is a keyword or a name without quotes.
	tokenWord
	tokenNumber
	tokenString
	// tokenName is a name in backquotes, or anything in double quotes.
	tokenName
	tokenSemicolon
	// tokenSymbol is everything else: operators, brackets, and /*+ and */ of a
	// hint, whose inside is lexed like the rest.
	tokenSymbol
)

// token is one piece of SQL text; all tokens together are the text.
type token struct {
	kind tokenKind
	text string
	// at is where it begins.
	at position
	// open says that the text ended before the token did: a quote or a comment
	// that isn't closed.
	open bool
}

// is reports whether the token is the keyword word, given in upper case.
func (t token) is(word string) bool { return t.kind == tokenWord && strings.EqualFold(t.text, word) }

func (t token) blank() bool { return t.kind == tokenSpace || t.kind == tokenComment }

// position is a place in a text: lines and columns count from 1. Columns count
// UTF-16 units, as Flink does.
type position struct{ line, column int }

func (p *position) pass(r rune) {
	switch {
	case r == '\n':
		p.line++
		p.column = 1
	case r > 0xFFFF:
		p.column += 2
	default:
		p.column++
	}
}

// lexer cuts a stream into tokens as Flink's parser would (Calcite with
// backquoted names). It reads no further than a token needs, so that a
// statement that is typed into a pipe runs at its semicolon.
type lexer struct {
	in     *bufio.Reader
	at     position
	text   strings.Builder
	inHint bool
	// begun says that a statement has begun, set that it is SET, and inAddress
	// that it has come to the colon of a value without quotes, as in s3://b.
	begun, set, inAddress bool
	// foreign is where the first byte is that isn't text in UTF-8, or a NUL, of
	// which UTF-16 is full; its line is 0 where there is none.
	foreign position
}

func newLexer(in io.Reader) *lexer {
	return &lexer{in: bufio.NewReader(in), at: position{1, 1}}
}

// read takes one rune into the token; what isn't UTF-8 becomes U+FFFD.
func (l *lexer) read() (rune, error) {
	r, size, err := l.in.ReadRune()
	if err != nil {
		return 0, err
	}
	if l.foreign.line == 0 && (r == 0 || r == utf8.RuneError && size == 1) {
		l.foreign = l.at
	}
	l.text.WriteRune(r)
	l.at.pass(r)
	return r, nil
}

// peek is the next byte, 0 at the end.
func (l *lexer) peek() byte {
	next, err := l.in.Peek(1)
	if err != nil {
		return 0
	}
	return next[0]
}

// peekRune is the next rune, 0 at the end.
func (l *lexer) peekRune() rune {
	r, _, err := l.in.ReadRune()
	if err != nil {
		return 0
	}
	_ = l.in.UnreadRune()
	return r
}

// next is the next token; io.EOF after the last one.
func (l *lexer) next() (token, error) {
	l.text.Reset()
	t := token{at: l.at}
	first, err := l.read()
	if err != nil {
		return t, err
	}
	switch {
	case unicode.IsSpace(first) || first == byteOrderMark:
		t.kind = tokenSpace
		for first != '\n' && unicode.IsSpace(l.peekRune()) {
			if first, err = l.read(); err != nil {
				break
			}
		}
	case first == '-' && l.peek() == '-', first == '/' && l.peek() == '/' && !l.inAddress:
		t.kind = tokenComment
		for l.peek() != '\n' && l.peek() != '\r' {
			if _, err = l.read(); err != nil {
				break
			}
		}
	case first == '/' && l.peek() == '*':
		_, err = l.read()
		if err == nil && l.peek() == '+' {
			_, err = l.read()
			t.kind, l.inHint = tokenSymbol, true
			break
		}
		t.kind = tokenComment
		t.open, err = l.until("*/")
	case first == '*' && l.inHint && l.peek() == '/':
		_, err = l.read()
		t.kind, l.inHint = tokenSymbol, false
	case first == '\'':
		t.kind = tokenString
		t.open, err = l.quoted('\'', false)
	case first == '`':
		t.kind = tokenName
		t.open, err = l.quoted('`', false)
	case first == '"':
		t.kind = tokenName
		t.open, err = l.quoted('"', false)
	case (first == 'e' || first == 'E') && l.peek() == '\'':
		_, err = l.read()
		t.kind = tokenString
		if err == nil {
			t.open, err = l.quoted('\'', true)
		}
	case wordStart(first):
		t.kind = tokenWord
		for wordPart(l.peekRune()) {
			if _, err = l.read(); err != nil {
				break
			}
		}
	case first >= '0' && first <= '9':
		t.kind = tokenNumber
		for {
			r := l.peekRune()
			if !wordPart(r) && r != '.' || r == '$' {
				break
			}
			if _, err = l.read(); err != nil {
				break
			}
		}
	case first == ';':
		t.kind = tokenSemicolon
	default:
		t.kind = tokenSymbol
	}
	t.text = l.text.String()
	switch {
	case t.kind == tokenSemicolon:
		l.begun, l.set = false, false
	case !l.begun && !t.blank():
		l.begun, l.set = true, t.is("SET")
	}
	l.inAddress = l.set && (t.text == ":" || l.inAddress && !t.blank())
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return t, err
}

// quoted reads to the closing quote, which is doubled inside, or with
// backslash after a backslash too.
func (l *lexer) quoted(quote rune, backslash bool) (open bool, err error) {
	for {
		r, err := l.read()
		if err != nil {
			return true, err
		}
		if backslash && r == '\\' {
			if _, err := l.read(); err != nil {
				return true, err
			}
			continue
		}
		if r != quote {
			continue
		}
		if l.peek() != byte(quote) {
			return false, nil
		}
		if _, err := l.read(); err != nil {
			return true, err
		}
	}
}

// until reads to the end of end, two ASCII characters.
func (l *lexer) until(end string) (open bool, err error) {
	var before rune
	for {
		r, err := l.read()
		if err != nil {
			return true, err
		}
		if before == rune(end[0]) && r == rune(end[1]) {
			return false, nil
		}
		before = r
	}
}

// byteOrderMark begins files of some editors.
const byteOrderMark = '\uFEFF'

func wordStart(r rune) bool { return r == '_' || unicode.IsLetter(r) }

func wordPart(r rune) bool { return wordStart(r) || r == '$' || unicode.IsDigit(r) }

// tokens are all tokens of text.
func tokens(text string) []token {
	l := newLexer(strings.NewReader(text))
	var all []token
	for {
		t, err := l.next()
		if err != nil {
			return all
		}
		all = append(all, t)
	}
}
