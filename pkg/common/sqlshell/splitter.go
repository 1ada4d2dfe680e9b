package sqlshell

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Splitter cuts SQL text into statements. A semicolon ends a statement unless
// it is in a string, a quoted name, a comment, a hint or a statement set
// (BEGIN STATEMENT SET; … END; and … STATEMENT SET BEGIN … END;).
//
// A line that begins with a backslash where a statement could begin is a
// statement of its own.
type Splitter struct {
	name string
	lex  *lexer
	err  error
	// ended says that a semicolon, or the end of its line, ended the last
	// statement.
	ended bool
}

// NewSplitter reads text as it needs it. name is the text's in messages.
func NewSplitter(name string, text io.Reader) *Splitter {
	return &Splitter{name: name, lex: newLexer(text)}
}

// openError says that a text ended within something, or is none.
type openError struct {
	source       string
	line, column int
	what         string
}

func (e *openError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", e.source, e.line, e.column, e.what)
}

// Next is the next statement, or io.EOF after the last one. The last one needs
// no semicolon. Other errors are those of reading, of what is no UTF-8, and of
// text that ends within a string, a comment or a statement set: they name the
// place.
func (s *Splitter) Next() (Statement, error) {
	for {
		statement, closed, err := s.next()
		if err == nil && statement.Text != "" {
			s.ended = closed
		}
		if err != nil || statement.Text != "" {
			return statement, err
		}
	}
}

// Closed reports whether the last statement that Next gave ended with a
// semicolon, or needs none.
func (s *Splitter) Closed() bool { return s.ended }

// next is one statement, which may be empty; closed says that a semicolon
// ended it.
func (s *Splitter) next() (statement Statement, closed bool, err error) {
	if s.err != nil {
		return Statement{}, false, s.err
	}
	var b builder
	for {
		t, err := s.lex.next()
		if err != nil {
			s.err = err
			if !errors.Is(err, io.EOF) {
				return Statement{}, false, fmt.Errorf("%s: %w", s.name, err)
			}
			break
		}
		if !b.begun() && t.kind == tokenSymbol && t.text == `\` {
			line := s.line()
			s.lex.foreign = position{} // it may name a file
			return Statement{Text: line, raw: line, Source: s.name, Line: t.at.line, Column: t.at.column, Meta: true}, true, nil
		}
		if at := s.lex.foreign; at.line > 0 {
			// Sent all the same, it would be other data than was written.
			s.err = &openError{source: s.name, line: at.line, column: at.column, what: "this is no text in UTF-8: save it in that encoding"}
			return Statement{}, false, s.err
		}
		if t.kind == tokenSemicolon && s.lex.inHint {
			t.kind = tokenSymbol
		}
		if t.kind == tokenSemicolon && b.ends() {
			return b.statement(s.name), true, nil
		}
		b.add(t)
	}
	if open := b.open(); open != "" {
		return Statement{}, false, &openError{source: s.name, line: b.openAt.line, column: b.openAt.column, what: open}
	}
	if !b.begun() {
		return Statement{}, false, io.EOF
	}
	return b.statement(s.name), false, nil
}

// line is the rest of a line of which the backslash was read.
func (s *Splitter) line() string {
	s.lex.text.Reset()
	s.lex.text.WriteByte('\\')
	for s.lex.peek() != '\n' {
		if _, err := s.lex.read(); err != nil {
			break
		}
	}
	return strings.TrimSpace(s.lex.text.String())
}

// complete reports whether text ends where a statement does: with nothing
// begun. It is what the prompt asks at Enter.
func complete(text string) bool {
	s := NewSplitter("", strings.NewReader(text))
	for {
		_, closed, err := s.next()
		if err != nil {
			return errors.Is(err, io.EOF) || s.lex.foreign.line > 0
		}
		if !closed {
			return false
		}
	}
}

// builder gathers the tokens of one statement.
type builder struct {
	text   strings.Builder
	length int
	start  position
	// words are the first words and symbols, last the most recent ones, both
	// in upper case.
	words []string
	last  [3]string
	// block says that a statement set is open, which END after a semicolon
	// closes.
	block   bool
	blockAt position
	// oldForm is where BEGIN STATEMENT SET's own semicolon was, as an offset
	// into text and as a place.
	oldForm        int
	oldFormAt      position
	openAt         position
	openWhat       string
	before, within Comments
	// empties says that a set has statements with nothing in them.
	empties bool
}

func (b *builder) begun() bool { return b.text.Len() > 0 }

func (b *builder) add(t token) {
	if t.open {
		b.openAt = t.at
		switch {
		case t.kind == tokenComment:
			b.openWhat = "this comment is not closed by */"
		case t.kind == tokenString:
			b.openWhat = "this string is not closed by '"
		default:
			b.openWhat = "this name is not closed by " + t.text[:1]
		}
	}
	if t.blank() {
		comments := &b.before
		if b.begun() {
			b.text.WriteString(t.text)
			comments = &b.within
		}
		if t.kind == tokenComment {
			comments.Any = true
			comments.Slashes = comments.Slashes || t.text[1] == '/' && strings.ContainsAny(t.text, ";'\"`")
		}
		return
	}
	if !b.begun() {
		b.start = t.at
	}
	b.text.WriteString(t.text)
	b.length = b.text.Len()
	word := t.text
	if t.kind == tokenWord {
		word = strings.ToUpper(word)
	}
	if len(b.words) < 12 {
		b.words = append(b.words, word)
	}
	b.last = [3]string{b.last[1], b.last[2], word}
	b.empties = b.empties || b.block && word == ";" && b.last[1] == ";"
	if !b.block && b.last == [3]string{"STATEMENT", "SET", "BEGIN"} {
		b.block, b.blockAt = true, t.at
	}
	if !b.block && t.kind == tokenSemicolon {
		// ends let it pass: BEGIN STATEMENT SET;
		b.block, b.blockAt = true, b.start
		b.oldForm, b.oldFormAt = b.length, t.at
	}
}

// ends reports whether a semicolon ends the statement here.
func (b *builder) ends() bool {
	switch {
	case b.block:
		return b.last[2] == "END" && (b.last[1] == ";" || b.last[1] == "BEGIN")
	case len(b.words) == 3:
		return b.last != [3]string{"BEGIN", "STATEMENT", "SET"}
	}
	return true
}

// open says what the end of the text leaves open; openAt is where.
func (b *builder) open() string {
	if b.openWhat != "" {
		return b.openWhat
	}
	if b.block && !b.ends() {
		b.openAt = b.blockAt
		what := "this statement set is not closed by END;"
		if slices.Contains(b.last[1:], "END") {
			what += " behind a semicolon"
		}
		return what
	}
	return ""
}

// statement is what was gathered. BEGIN STATEMENT SET; … END, for which the
// session would have to keep state, becomes EXECUTE STATEMENT SET BEGIN … END.
func (b *builder) statement(source string) Statement {
	raw := b.text.String()[:b.length]
	s := Statement{Text: raw, raw: raw, Source: source, Line: b.start.line, Column: b.start.column, Before: b.before, Within: b.within, words: b.words}
	if b.oldForm > 0 {
		head, begin := raw[:b.oldForm], "EXECUTE STATEMENT SET BEGIN"
		if breaks := strings.Count(head, "\n"); breaks > 0 {
			// The lines stay what they are, so that errors point into the source.
			s.Text = "EXECUTE" + strings.Repeat("\n", breaks)
			begin = "STATEMENT SET BEGIN"
		} else {
			s.Text = ""
		}
		s.Text += begin + raw[b.oldForm:]
		s.shiftedLine = b.oldFormAt.line - b.start.line + 1
		width := len(utf16.Encode([]rune(head[strings.LastIndexByte(head, '\n')+1:])))
		s.shifted, s.shiftedFrom = len(begin)-width, len(begin)
		s.steps = b.steps(source, raw)
	}
	return s
}

// steps are the statements of BEGIN STATEMENT SET; … END one by one, where the
// new form can't hold them: an empty set, one with CREATE TABLE … AS, or one with
// semicolons that end nothing.
func (b *builder) steps(source, raw string) []Statement {
	inner := strings.TrimRightFunc(raw[b.oldForm:], unicode.IsSpace)
	splitter := NewSplitter(source, strings.NewReader(inner))
	splitter.lex.at = b.oldFormAt
	splitter.lex.at.column++
	var steps []Statement
	onlyInserts := true
	for {
		statement, err := splitter.Next()
		if err != nil {
			break
		}
		if statement.Meta {
			return nil // Flink says where it stands
		}
		steps = append(steps, statement)
		onlyInserts = onlyInserts && !b.empties && (statement.words[0] == "INSERT" || statement.words[0] == "END")
	}
	if len(steps) > 1 && onlyInserts {
		return nil
	}
	begin := Statement{Text: "BEGIN STATEMENT SET", Source: source, Line: b.start.line, Column: b.start.column, words: b.words[:3]}
	begin.raw = begin.Text
	return append([]Statement{begin}, steps...)
}
