package cmf

import (
	"regexp"
	"strings"
)

// asQuery finds the query of a CREATE TABLE … AS, which runs as a job.
var asQuery = regexp.MustCompile(`(?is)\bAS\s+(SELECT|WITH|TABLE|VALUES|\()`)

// literal is a text in a statement.
var literal = regexp.MustCompile(`'[^']*'`)

// definesTable reports whether a statement makes or changes something that
// others may name: all do but those that query and write. One whose beginning
// can't be read does.
func definesTable(o Object) bool {
	switch word := firstWord(o.Text("spec.statement")); word {
	case "INSERT", "SELECT", "WITH", "VALUES", "EXECUTE", "BEGIN", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "UPDATE", "DELETE":
		return false
	case "CREATE":
		return !asQuery.MatchString(literal.ReplaceAllString(o.Text("spec.statement"), "''")) || !strings.EqualFold(wordAfter(o.Text("spec.statement"), "CREATE"), "TABLE")
	}
	return true
}

// firstWord is the first word of a statement, in upper case, past comments.
func firstWord(sql string) string {
	sql = withoutComments(sql)
	word, _, _ := strings.Cut(sql, " ")
	return strings.ToUpper(strings.TrimRight(word, "(;"))
}

// wordAfter is the word that follows the first one, past TEMPORARY and OR
// REPLACE; "" if the first isn't begin.
func wordAfter(sql, begin string) string {
	words := strings.Fields(withoutComments(sql))
	if len(words) == 0 || !strings.EqualFold(words[0], begin) {
		return ""
	}
	for _, word := range words[1:] {
		switch strings.ToUpper(word) {
		case "TEMPORARY", "OR", "REPLACE", "SYSTEM":
			continue
		}
		return word
	}
	return ""
}

// withoutComments is a statement without the comments before its first word,
// with white space as single spaces.
func withoutComments(sql string) string {
	for {
		sql = strings.TrimLeft(sql, " \t\r\n(")
		switch {
		case strings.HasPrefix(sql, "--"):
			_, sql, _ = strings.Cut(sql, "\n")
		case strings.HasPrefix(sql, "/*"):
			_, sql, _ = strings.Cut(sql, "*/")
		default:
			return strings.Join(strings.Fields(sql), " ")
		}
	}
}
