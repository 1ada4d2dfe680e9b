package sqlshell

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Renewable is a Backend whose session can end before the prompt does.
type Renewable interface {
	// Lost reports whether the session has ended.
	Lost() bool
	// Renew begins another session, which knows nothing of the one before.
	Renew(ctx context.Context) error
}

// mostLasting statements are kept to be run again in another session.
const mostLasting = 500

// Lasting are, of statements that ran, those that another session needs to have
// what this one has: what defines and sets something. What was dropped again
// isn't among them, nor anything that starts a job or drops something.
func Lasting(ran []Statement) []Statement {
	var out []Statement
	for _, statement := range ran {
		words := Words(statement.Text)
		if len(words) == 0 || statement.Meta {
			continue
		}
		// The same again counts once, where it was last.
		out = slices.DeleteFunc(out, func(s Statement) bool { return s.Text == statement.Text })
		switch first := strings.ToUpper(words[0]); first {
		case "SET":
			if len(words) > 1 {
				out = append(out, statement)
			}
		case "RESET", "USE", "LOAD", "UNLOAD":
			out = append(out, statement)
		case "ADD", "REMOVE":
			if len(words) > 1 && strings.EqualFold(words[1], "JAR") {
				out = append(out, statement)
			}
		case "CREATE":
			if kind, _ := subject(words); kind != "" && !selects(kind, words) {
				out = append(out, statement)
			}
		case "ALTER", "DROP":
			kind, name := subject(words)
			created := func(s Statement) bool {
				other, same := subject(Words(s.Text))
				return other == kind && same == name
			}
			switch {
			case kind == "" || len(out) == 0 || !slices.ContainsFunc(out, created):
			case first == "DROP":
				out = slices.DeleteFunc(out, created)
			default:
				out = append(out, statement)
			}
		}
	}
	return out[max(len(out)-mostLasting, 0):]
}

// subject is what CREATE, ALTER or DROP is about: a kind and a name; "" where
// that isn't something that a session has.
func subject(words []string) (kind, name string) {
	if len(words) == 0 || !slices.Contains([]string{"CREATE", "ALTER", "DROP"}, strings.ToUpper(words[0])) {
		return "", ""
	}
	i := 1
	for ; i < len(words) && slices.Contains([]string{"OR", "REPLACE", "TEMPORARY", "SYSTEM"}, strings.ToUpper(words[i])); i++ {
	}
	if i >= len(words) {
		return "", ""
	}
	kind = strings.ToUpper(words[i])
	if !slices.Contains([]string{"TABLE", "VIEW", "FUNCTION", "CATALOG", "DATABASE", "MODEL"}, kind) {
		return "", ""
	}
	for i++; i < len(words) && slices.Contains([]string{"IF", "NOT", "EXISTS"}, strings.ToUpper(words[i])); i++ {
	}
	for ; i < len(words); i += 2 {
		name += unquote(words[i])
		if i+1 >= len(words) || words[i+1] != "." {
			break
		}
		name += "."
	}
	return kind, name
}

// selects reports whether CREATE TABLE fills the table from a query, which is a
// job.
func selects(kind string, words []string) bool {
	if kind != "TABLE" {
		return false
	}
	depth := 0
	for _, word := range words {
		switch strings.ToUpper(word) {
		case "(":
			depth++
		case ")":
			depth--
		case "AS":
			if depth == 0 {
				return true
			}
		}
	}
	return false
}

// offerRenewal asks, where a statement failed because the session has ended,
// whether another one is to begin.
func (s *shell) offerRenewal(ctx context.Context) {
	renewable, ok := s.backend.(Renewable)
	if !ok || !renewable.Lost() || ctx.Err() != nil {
		return
	}
	if !s.ask("Begin a new session now? Type yes: ") {
		return
	}
	before := Lasting(s.ran)
	err := s.interruptible(ctx, renewable.Renew)
	s.names.forget()
	if err != nil {
		s.print(err)
		return
	}
	s.note("A new session has begun")
	s.ran = nil
	s.offer(ctx, before)
}

// offer asks whether statements of a session that has ended are to run in this
// one, and runs them. One that fails doesn't keep the others from it.
func (s *shell) offer(ctx context.Context, statements []Statement) {
	if len(statements) == 0 {
		return
	}
	s.note("The session before had defined and set:")
	for _, statement := range statements {
		s.note("  %s", statement.label())
	}
	if !s.ask("Run this again here? Type yes: ") {
		return
	}
	failures := 0
	err := s.interruptible(ctx, func(ctx context.Context) error {
		for _, statement := range statements {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err := s.runSilently(ctx, statement); err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				failures++
				fmt.Fprintf(s.options.ErrOut, "%s %s: %s\n", s.palette.Paint(term.Red, "error:"), statement.label(), secret.Text(term.Safe(err.Error())))
				continue
			}
			s.succeeded(statement)
		}
		return nil
	})
	s.names.forget()
	if err != nil {
		s.print(err)
		return
	}
	s.note("Ran %d of %d statements", len(statements)-failures, len(statements))
}
