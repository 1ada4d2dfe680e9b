package statement

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// answered is an answer that needs no CMF.
type answered struct {
	schema sqlshell.Schema
	rows   []sqlshell.Row
}

func (a *answered) Schema(context.Context) (sqlshell.Schema, error) { return a.schema, nil }

func (a *answered) Next(context.Context) ([]sqlshell.Row, error) {
	if len(a.rows) == 0 {
		return nil, io.EOF
	}
	rows := a.rows
	a.rows = nil
	return rows, nil
}

func (a *answered) JobID() string                { return "" }
func (a *answered) Cancel(context.Context) error { return nil }
func (a *answered) Close(context.Context) error  { return nil }

// local answers what CMF, without sessions, can't: SET, RESET and USE, and a
// statement set in pieces, which it refuses. It is nil for other statements.
func (s *Session) local(text string) (sqlshell.Execution, error) {
	words := sqlshell.Words(text)
	if len(words) == 0 {
		return nil, nil //nolint:nilnil // not one of these
	}
	done := &answered{schema: sqlshell.Schema{Command: true}}
	switch first, rest := strings.ToUpper(words[0]), words[1:]; {
	case first == "SET" && len(rest) == 0:
		return s.list(), nil
	case first == "SET":
		key, value, ok := assignment(text, rest)
		if !ok {
			return nil, &sqlshell.Error{Root: "want SET 'key' = 'value'"}
		}
		s.set(key, value)
		return done, nil
	case first == "RESET":
		s.reset(unquoted(strings.Join(rest, "")))
		return done, nil
	case first == "BEGIN" && len(rest) == 2:
		// Its statements would run each for itself.
		return nil, &sqlshell.Error{Root: "CMF has no sessions that gather a statement set: it takes INSERTs alone, with nothing else between BEGIN and END"}
	case first == "USE" && len(rest) == 2 && strings.EqualFold(rest[0], "CATALOG"):
		s.use(unquoted(rest[1]), "")
		return done, nil
	case first == "USE" && len(rest) == 3 && rest[1] == ".":
		s.use(unquoted(rest[0]), unquoted(rest[2]))
		return done, nil
	case first == "USE" && len(rest) == 1:
		s.use("", unquoted(rest[0]))
		return done, nil
	}
	return nil, nil //nolint:nilnil // not one of these
}

// assignment reads key = value, of which either may be several words without
// quotes, as Flink does: with quotes in it, or white space, all of a value is in
// quotes.
func assignment(text string, words []string) (key, value string, ok bool) {
	at := slices.Index(words, "=")
	if at < 1 || at == len(words)-1 {
		return "", "", false
	}
	value = strings.Join(words[at+1:], "")
	if len(words)-at > 2 && (strings.Contains(value, "'") || !strings.Contains(text, value)) {
		return "", "", false
	}
	return unquoted(strings.Join(words[:at], "")), unquoted(value), true
}

func unquoted(word string) string {
	if n := len(word); n >= 2 && word[0] == word[n-1] && strings.ContainsRune("'`\"", rune(word[0])) {
		quote := word[:1]
		return strings.ReplaceAll(word[1:n-1], quote+quote, quote)
	}
	return word
}

// place is where a key is kept: CMF's own begin with sql., the others are
// Flink's.
func (s *Session) place(key string) map[string]string {
	if strings.HasPrefix(key, "sql.") {
		return s.properties
	}
	return s.configuration
}

func (s *Session) set(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.place(key)[key] = value
}

// reset forgets a key; all of them where key is "".
func (s *Session) reset(key string) {
	s.mu.Lock()
	if key != "" {
		delete(s.place(key), key)
		s.mu.Unlock()
		return
	}
	s.properties, s.configuration = map[string]string{}, maps.Clone(s.options.Configuration)
	if s.configuration == nil {
		s.configuration = map[string]string{}
	}
	s.mu.Unlock()
	s.use(s.options.Catalog, s.options.Database)
}

func (s *Session) list() *answered {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := maps.Clone(s.configuration)
	maps.Copy(all, s.properties)
	text := sqlshell.Type{Name: "STRING"}
	a := &answered{schema: sqlshell.Schema{Columns: []sqlshell.Column{{Name: "key", Type: text}, {Name: "value", Type: text}}}}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		a.rows = append(a.rows, sqlshell.Row{Fields: []any{key, all[key]}})
	}
	return a
}
