package sqlshell

import (
	"slices"
	"strings"
	"unicode/utf16"
)

// Statement is one statement of a text.
type Statement struct {
	// Text is what is sent: without the semicolon and without white space and
	// comments around it.
	Text string
	// Source is the name of the text that it comes from; Line and Column, from
	// 1, are where it begins there.
	Source       string
	Line, Column int
	// Before tells of the comments between the statement before and this one,
	// Within of those in it.
	Before, Within Comments
	// Meta says that it is a command to the shell, such as \timing.
	Meta bool

	raw   string
	words []string
	// steps are the statements of a set that has to be sent in pieces, from
	// BEGIN STATEMENT SET to END.
	steps []Statement
	// keep, where it isn't nil, says which rows are printed.
	keep func(Row) bool
	// shifted says by how many columns the text that is sent differs from raw
	// behind the column shiftedFrom of line shiftedLine, as a statement set in
	// the old form is sent in the new one.
	shifted, shiftedLine, shiftedFrom int
}

// Comments tells whether there are any, and whether one that begins with // has
// quotes or a semicolon in it.
type Comments struct{ Any, Slashes bool }

// Kind is what a statement does, as far as its first words show.
type Kind int

// The kinds of statements.
const (
	// KindOther is a command with an answer: SHOW, DESCRIBE, EXPLAIN, CREATE, SET, …
	KindOther Kind = iota
	// KindQuery asks for rows: SELECT, WITH, VALUES, TABLE, or one of these in
	// brackets or behind EXECUTE.
	KindQuery
	// KindJob starts a job: INSERT, UPDATE, DELETE, statement sets, compiled
	// plans. That CREATE TABLE … AS SELECT does too is known by its Schema only.
	KindJob
	// KindExit ends the shell: QUIT, EXIT.
	KindExit
)

// Written is the statement as it was written, where Text may be another form of
// it.
func (s Statement) Written() string { return s.raw }

// HasSecrets reports whether a password or a key stands in the statement.
func (s Statement) HasSecrets() bool { return redact(s.Text) != s.Text }

// Classify tells the kind of a statement from its text.
func Classify(statement string) Kind { return classify(significant(statement, 12)) }

// IsQuery reports whether the statement asks for rows.
func IsQuery(statement string) bool { return Classify(statement) == KindQuery }

// Kind is what the statement does.
func (s Statement) Kind() Kind { return classify(s.words) }

func classify(words []string) Kind {
	if len(words) == 0 {
		return KindOther
	}
	switch words[0] {
	case "SELECT", "WITH", "VALUES", "TABLE", "(":
		return KindQuery
	case "EXECUTE":
		if len(words) > 1 && classify(words[1:]) == KindQuery {
			return KindQuery // EXECUTE SELECT … is SELECT …
		}
		return KindJob
	case "INSERT", "UPDATE", "DELETE", "BEGIN":
		return KindJob
	case "COMPILE":
		if len(words) > 1 && words[1] == "AND" {
			return KindJob
		}
	case "QUIT", "EXIT":
		if len(words) == 1 {
			return KindExit
		}
	}
	return KindOther
}

// clientWord is the statement in upper case where it may be one of those that
// the client itself knows: HELP, CLEAR, QUIT, EXIT.
func (s Statement) clientWord() string {
	if len(s.words) != 1 {
		return ""
	}
	return s.words[0]
}

// Words are the words and symbols of a statement, as they are written.
func Words(statement string) []string {
	var words []string
	for _, t := range tokens(statement) {
		if !t.blank() {
			words = append(words, t.text)
		}
	}
	return words
}

// significant are the first words and symbols of text in upper case.
func significant(text string, most int) []string {
	l := newLexer(strings.NewReader(text))
	var words []string
	for len(words) < most {
		t, err := l.next()
		if err != nil {
			break
		}
		if !t.blank() {
			words = append(words, strings.ToUpper(t.text))
		}
	}
	return words
}

// changesNames reports whether the statement may change the names that
// completion offers, or where unqualified names are looked for.
func (s Statement) changesNames() bool {
	return len(s.words) > 0 && slices.Contains([]string{"CREATE", "DROP", "ALTER", "USE", "SET", "RESET", "LOAD", "UNLOAD", "EXECUTE", "BEGIN", "ADD"}, s.words[0])
}

// place turns a line and column of the text that was sent into those of the
// source.
func (s Statement) place(line, column int) (sourceLine, sourceColumn int) {
	line, column = s.unshift(line, column)
	if line == 1 {
		column += s.Column - 1
	}
	return s.Line + line - 1, column
}

func (s Statement) unshift(line, column int) (int, int) {
	if s.shifted != 0 && line == s.shiftedLine && column > s.shiftedFrom {
		column = max(column-s.shifted, 1)
	}
	return line, column
}

// excerpt is the line of the statement that an error is in, and the same
// number of columns up to the error. ok is false where there is no such line.
func (s Statement) excerpt(line, column int) (text, before string, ok bool) {
	line, column = s.unshift(line, column)
	lines := strings.Split(s.raw, "\n")
	if line < 1 || line > len(lines) {
		return "", "", false
	}
	text = strings.TrimRight(lines[line-1], "\r")
	units := utf16.Encode([]rune(text))
	if column < 1 || column > len(units)+1 {
		return "", "", false
	}
	return text, string(utf16.Decode(units[:column-1])), true
}
