package sqlshell

import (
	"context"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// hidden stands for a secret in the history and in messages.
const hidden = "'" + secret.Hidden + "'"

// redact hides secrets in SQL and in the shell's own commands: the values of
// options whose names say that they are secret, in SET, WITH and hints, and what
// shows by its form, also in comments.
func redact(sql string) string {
	if command, found := strings.CutPrefix(strings.TrimSpace(sql), `\`); found {
		return redactCommand(command)
	}
	r := redactor{}
	r.out.Grow(len(sql))
	all := tokens(sql)
	for i, t := range all {
		r.token(t, all[i+1:])
	}
	return secret.Text(r.out.String())
}

// redactCommand is redact of a command without its backslash: \set takes a key
// and a value.
func redactCommand(command string) string {
	name, argument, _ := strings.Cut(command, " ")
	if name == "set" {
		key, value, _ := strings.Cut(strings.TrimSpace(strings.Replace(argument, "=", " ", 1)), " ")
		if secret.Name(bareName(key)) && strings.TrimSpace(value) != "" {
			return `\set ` + key + " " + secret.Hidden
		}
	}
	return secret.Text(`\` + command)
}

func bareName(name string) string { return strings.Trim(name, "'`\"") }

// redactor goes through the tokens of SQL.
type redactor struct {
	out strings.Builder
	// name and equals are the tokens before, without the blank ones.
	name   string
	equals bool
	// begun says that the statement has begun, set that it is SET, skip that
	// the rest of it is left out.
	begun, set, skip bool
}

func (r *redactor) token(t token, rest []token) {
	if t.kind == tokenSemicolon {
		r.name, r.equals, r.begun, r.set, r.skip = "", false, false, false, false
		r.out.WriteString(t.text)
		return
	}
	if r.skip {
		return
	}
	if t.blank() {
		// Without quotes a key of SET has no white space in it.
		if r.set && r.name != "" && !r.equals && secret.Name(r.name) && !assigns(rest) {
			r.out.WriteString(" " + hidden)
			r.skip = true
			return
		}
		if t.kind == tokenComment {
			r.out.WriteString(redactComment(t.text))
		} else {
			r.out.WriteString(t.text)
		}
		return
	}
	if !r.begun {
		r.begun, r.set = true, t.is("SET")
		if r.set {
			r.out.WriteString(t.text)
			return
		}
	}
	value := t.kind == tokenString || t.kind == tokenWord || t.kind == tokenNumber || t.kind == tokenName
	switch {
	case t.kind == tokenSymbol && t.text == "=":
		r.equals = true
		r.out.WriteString(t.text)
		return
	case r.equals && secret.Name(r.name) && (r.set || value):
		r.out.WriteString(hidden)
		r.skip = r.set // a value without quotes is several tokens
	case t.kind == tokenString:
		r.out.WriteString(secret.Text(t.text))
	default:
		r.out.WriteString(t.text)
	}
	r.remember(t)
}

// remember keeps what may be the name of an option.
func (r *redactor) remember(t token) {
	switch {
	case r.equals:
		r.name = ""
	case t.kind == tokenString || t.kind == tokenName:
		r.name = bareName(t.text)
	case t.kind == tokenWord || t.kind == tokenNumber || t.kind == tokenSymbol && (t.text == "." || t.text == "-"):
		// SET sasl.jaas.config = … without quotes is several tokens.
		if t.kind != tokenSymbol && !strings.HasSuffix(r.name, ".") && !strings.HasSuffix(r.name, "-") {
			r.name = ""
		}
		r.name += t.text
	default:
		r.name = ""
	}
	r.equals = false
}

// assigns reports whether the next token that isn't blank is "=", or there is
// none.
func assigns(rest []token) bool {
	for _, t := range rest {
		if !t.blank() {
			return t.text == "=" || t.kind == tokenSemicolon
		}
	}
	return true
}

// redactComment is a comment without its secrets; SQL may be in it.
func redactComment(comment string) string {
	for _, signs := range [][2]string{{"--", ""}, {"//", ""}, {"/*", "*/"}} {
		inner, found := strings.CutPrefix(comment, signs[0])
		if !found {
			continue
		}
		inner, closed := strings.CutSuffix(inner, signs[1])
		out := signs[0] + redact(inner)
		if closed {
			out += signs[1]
		}
		return out
	}
	return secret.Text(comment)
}

// withoutSecrets is an execution whose rows have no secrets, where they aren't
// data but the text of a definition or a list of options.
func withoutSecrets(statement string, execution Execution) Execution {
	words := append(significant(statement, 2), "", "")
	var hide func(Row)
	switch first, second := words[0], words[1]; {
	case first == "SHOW" && second == "CREATE":
		hide = func(row Row) { eachText(row, redact) }
	case first == "EXPLAIN":
		hide = func(row Row) { eachText(row, secret.Text) }
	case first == "SET", (first == "DESCRIBE" || first == "DESC") && slices.Contains([]string{"CATALOG", "MODEL"}, second):
		hide = func(row Row) {
			if len(row.Fields) != 2 {
				return
			}
			name, _ := row.Fields[0].(string)
			if value, ok := row.Fields[1].(string); ok {
				row.Fields[1] = secret.Value(name, value)
			}
		}
	default:
		return execution
	}
	return &hiding{execution, hide}
}

func eachText(row Row, change func(string) string) {
	for i, field := range row.Fields {
		if text, ok := field.(string); ok {
			row.Fields[i] = change(text)
		}
	}
}

// hiding is an execution in whose rows secrets are hidden.
type hiding struct {
	Execution
	hide func(Row)
}

// Next waits for more rows.
func (h *hiding) Next(ctx context.Context) ([]Row, error) {
	rows, err := h.Execution.Next(ctx)
	for _, row := range rows {
		h.hide(row)
	}
	return rows, err
}

// Trouble is what keeps rows from coming.
func (h *hiding) Trouble() string {
	if t, ok := h.Execution.(Troubled); ok {
		return t.Trouble()
	}
	return ""
}
