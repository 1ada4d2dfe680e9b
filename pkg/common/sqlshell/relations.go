package sqlshell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// lists is a command that is short for a SHOW statement; of its answer only the
// lines whose name matches the pattern are printed.
func lists(does, statement string, names ...string) meta {
	return meta{names: names, argument: "[PATTERN]", does: does, run: func(ctx context.Context, s *shell, pattern string) error {
		return s.list(ctx, statement, pattern)
	}}
}

func (s *shell) list(ctx context.Context, statement, pattern string) error {
	place, pattern := splitPattern(pattern)
	if len(place) > 0 {
		if statement != "SHOW TABLES" && statement != "SHOW VIEWS" && statement != "SHOW DATABASES" {
			return fmt.Errorf("%s: only tables, views and databases are in something that a pattern can name", term.SafeLine(pattern))
		}
		statement += " IN " + Identifier(place...)
	}
	made, err := NewSplitter("", strings.NewReader(statement)).Next()
	if err != nil {
		return err
	}
	if pattern != "" {
		made.keep = func(row Row) bool {
			name, ok := "", false
			if len(row.Fields) > 0 {
				name, ok = row.Fields[0].(string)
			}
			return ok && matches(strings.ToLower(pattern), strings.ToLower(name))
		}
	}
	return s.run(ctx, made)
}

// splitPattern cuts a.b.pattern into where to look, and what for. A name in
// backquotes may have dots, and none of its characters stands for others.
func splitPattern(text string) (place []string, pattern string) {
	if text == "" {
		return nil, ""
	}
	part, quoted := strings.Builder{}, false
	for _, r := range text {
		switch {
		case r == '`':
			quoted = !quoted
		case r == '.' && !quoted:
			place = append(place, part.String())
			part.Reset()
		case quoted && strings.ContainsRune(`*?\`, r):
			part.WriteString(`\` + string(r))
		default:
			part.WriteRune(r)
		}
	}
	return place, part.String()
}

// matches reports whether a name has the form of a pattern: * is anything, ? one
// character, and \ takes the meaning from the next.
func matches(pattern, name string) bool {
	p, n := []rune(pattern), []rune(name)
	// star is the place behind the last *, from is where in the name it was tried
	// last: one step back is enough, so that no pattern takes long.
	star, from := -1, 0
	i, j := 0, 0
	for j < len(n) {
		width := 1
		same := false
		if i < len(p) {
			switch {
			case p[i] == '*':
				i++
				star, from = i, j
				continue
			case p[i] == '?':
				same = true
			case p[i] == '\\' && i+1 < len(p):
				width, same = 2, p[i+1] == n[j]
			default:
				same = p[i] == n[j]
			}
		}
		switch {
		case same:
			i, j = i+width, j+1
		case star >= 0:
			from++
			i, j = star, from
		default:
			return false
		}
	}
	for i < len(p) && p[i] == '*' {
		i++
	}
	return i == len(p)
}

// sifted is an execution of whose rows only some are kept.
type sifted struct {
	Execution
	keep func(Row) bool
}

// Next waits for more rows.
func (s *sifted) Next(ctx context.Context) ([]Row, error) {
	rows, err := s.Execution.Next(ctx)
	kept := rows[:0]
	for _, row := range rows {
		if s.keep(row) {
			kept = append(kept, row)
		}
	}
	return kept, err
}

// describe is \d: tables and views, or all that is known of one.
func describe(ctx context.Context, s *shell, name string) error {
	if name == "" || strings.ContainsAny(name, "*?") && !strings.Contains(name, "`") {
		return s.list(ctx, "SHOW TABLES", name) // Flink lists views too
	}
	if err := s.execute(ctx, "DESCRIBE "+name); err != nil {
		return err
	}
	// A program reads one result only.
	if format := s.shown(); format != Table && format != Vertical && format != Tableau {
		return nil
	}
	for _, kind := range []string{"TABLE", "VIEW"} {
		text, err := s.textOf(ctx, "SHOW CREATE "+kind+" "+name)
		var refused *Error
		if errors.As(err, &refused) {
			continue // of the other kind, or not to be had: the columns were printed
		}
		if err != nil {
			return err
		}
		return s.printDefinition(text)
	}
	return nil
}

// mostDefinition bounds the text of a definition that is taken apart.
const mostDefinition = 1 << 20

// textOf is the first value of a statement's answer, without secrets.
func (s *shell) textOf(ctx context.Context, statement string) (string, error) {
	execution, err := s.backend.Run(ctx, statement)
	if err != nil {
		return "", err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		_ = execution.Close(ctx) // the session's end frees it too
	}()
	if !s.options.ShowSecrets {
		execution = withoutSecrets(statement, execution)
	}
	found := ""
	for {
		rows, err := execution.Next(ctx)
		if found == "" && len(rows) > 0 && len(rows[0].Fields) > 0 {
			found = text(rows[0].Fields[0])
		}
		if errors.Is(err, io.EOF) {
			return found[:min(len(found), mostDefinition)], nil
		}
		if err != nil {
			return "", err
		}
	}
}

// printDefinition prints what of a definition the columns don't say: the
// options of a table, or the query of a view.
func (s *shell) printDefinition(definition string) error {
	rows := details(definition)
	if len(rows) == 0 {
		return nil
	}
	writer := s.writer(Schema{})
	kind := Type{Name: "STRING"}
	err := writer.begin([]Column{{"option", kind}, {"value", kind}})
	for _, row := range rows {
		if err == nil {
			err = writer.row(Row{Fields: []any{row[0], row[1]}})
		}
	}
	return errors.Join(err, writer.end())
}

// details are the parts of CREATE … behind its columns: PARTITIONED BY and its
// like, each option of WITH, or the query behind AS.
func details(definition string) (rows [][2]string) {
	full := tokens(definition)
	var all []token
	var places []int // in full
	for i, t := range full {
		if !t.blank() {
			all, places = append(all, t), append(places, i)
		}
	}
	depth := 0
	for i := range all {
		switch {
		case all[i].text == "(":
			depth++
		case all[i].text == ")":
			depth--
		case depth > 0:
		case all[i].is("PARTITIONED"), all[i].is("DISTRIBUTED"):
			clause := ""
			for j := i + 1; j < len(all) && !all[j].is("WITH") && !all[j].is("COMMENT") && !all[j].is("DISTRIBUTED") && !all[j].is("PARTITIONED"); j++ {
				clause += all[j].text + " "
			}
			rows = append(rows, [2]string{strings.ToLower(all[i].text), strings.TrimSpace(clause)})
		case all[i].is("WITH") && i+1 < len(all) && all[i+1].text == "(":
			return append(rows, optionsIn(all[i+2:])...)
		case all[i].is("AS"):
			query := ""
			for _, t := range full[places[i]+1:] {
				query += t.text
			}
			return append(rows, [2]string{"query", strings.TrimSpace(query)})
		}
	}
	return rows
}

// optionsIn are the options from a bracket on, whose end ends them.
func optionsIn(words []token) (rows [][2]string) {
	for i := 0; i+2 < len(words) && words[i].text != ")"; i++ {
		if words[i].kind == tokenString && words[i+1].text == "=" && words[i+2].kind == tokenString {
			rows = append(rows, [2]string{unliteral(words[i].text), unliteral(words[i+2].text)})
			i += 2
		}
	}
	return rows
}

// unliteral is the value of a SQL string.
func unliteral(text string) string {
	if len(text) >= 2 && text[0] == '\'' && text[len(text)-1] == '\'' {
		return strings.ReplaceAll(text[1:len(text)-1], "''", "'")
	}
	return text
}
