package cmf

import (
	"regexp"
	"strings"
	"unicode"
)

// asQuery finds the query of a CREATE TABLE … AS, which runs as a job.
var asQuery = regexp.MustCompile(`(?is)\bAS\s+(SELECT|WITH|TABLE|VALUES|\()`)

// quoted is a text, a name in backquotes or a comment in a statement.
var quoted = regexp.MustCompile("(?s)'[^']*'|`[^`]*`|--[^\n]*|/\\*.*?\\*/")

// outside is a statement without texts and comments, and with nothing between its
// outermost brackets: those of its columns, which may be computed by AS (…).
func outside(sql string) string {
	var out strings.Builder
	depth := 0
	for _, c := range quoted.ReplaceAllString(sql, " ") {
		switch c {
		case '(':
			if depth++; depth == 1 {
				out.WriteRune(c)
			}
		case ')':
			depth = max(depth-1, 0)
			if depth == 0 {
				out.WriteRune(c)
			}
		default:
			if depth == 0 {
				out.WriteRune(c)
			}
		}
	}
	return out.String()
}

// definesTable reports whether a statement makes or changes something that
// others may name: all do but those that query and write. One whose beginning
// can't be read does.
func definesTable(o Object) bool {
	switch word := firstWord(o.Text("spec.statement")); word {
	case "INSERT", "SELECT", "WITH", "VALUES", "EXECUTE", "BEGIN", "TABLE", "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "UPDATE", "DELETE":
		return false
	case "CREATE":
		return !strings.EqualFold(wordAfter(o.Text("spec.statement"), "CREATE"), "TABLE") || !asQuery.MatchString(outside(o.Text("spec.statement")))
	}
	return true
}

// firstWord is the first word of a statement, in upper case, past comments.
func firstWord(sql string) string {
	sql = withoutComments(sql)
	end := strings.IndexFunc(sql, func(c rune) bool { return !unicode.IsLetter(c) })
	if end < 0 {
		end = len(sql)
	}
	return strings.ToUpper(sql[:end])
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
		sql = strings.TrimLeft(sql, " \t\r\n\f\v\u00a0\ufeff(;")
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

// tableName is the last part of the name of the table that a CREATE TABLE makes.
var tableName = regexp.MustCompile("(?is)^CREATE (?:OR REPLACE )?TABLE (?:IF NOT EXISTS )?(?:(?:`[^`]+`|[\\w$]+) ?\\. ?){0,2}(`[^`]+`|[\\w$]+)")

// madeTable is the table that a CREATE TABLE … AS makes while its job goes on, ""
// for any other statement.
func madeTable(o Object) string {
	sql := o.Text("spec.statement")
	if firstWord(sql) != "CREATE" || definesTable(o) {
		return ""
	}
	found := tableName.FindStringSubmatch(withoutComments(sql))
	if found == nil {
		return ""
	}
	return strings.Trim(found[1], "`")
}

// namesTable reports whether a statement has the name of a table as a word.
func namesTable(o Object, table string) bool {
	word := regexp.MustCompile(`(^|[^\w$])` + regexp.QuoteMeta(table) + `($|[^\w$])`)
	return word.MatchString(o.Text("spec.statement"))
}
