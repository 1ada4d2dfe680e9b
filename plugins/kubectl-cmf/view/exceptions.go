package view

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Exception is one of a statement.
type Exception struct {
	Time string `json:"timestamp"`
	Name string `json:"name"`
	// RootCause is the innermost exception that says something, Causes all of
	// the chain, outermost first.
	RootCause string   `json:"rootCause"`
	Causes    []string `json:"causes"`
	Message   string   `json:"message"`
}

// Exceptions reads what CMF says of a statement's exceptions, newest first.
func Exceptions(list []cmf.Object) []Exception {
	out := []Exception{}
	for _, o := range list {
		e := Exception{Time: o.Text("timestamp"), Name: o.Text("name"), Message: secret.Text(o.Text("message"))}
		e.Causes = api.CauseChain(e.Message)
		e.RootCause = api.Telling(e.Causes)
		out = append(out, e)
	}
	sorting.By(out, func(a, b Exception) int { return strings.Compare(b.Time, a.Time) })
	return out
}

// ExceptionsResult shows a statement's exceptions: the root cause first, then
// what it led to. trace adds all that CMF has.
func ExceptionsResult(list []Exception, trace bool, now time.Time, palette term.Palette) printer.Result {
	return printer.Result{
		Object: printer.List(list),
		Text: func(w io.Writer) error {
			var out strings.Builder
			for i, e := range list {
				if i > 0 {
					out.WriteByte('\n')
				}
				e.write(&out, trace, now, palette)
			}
			_, err := io.WriteString(w, out.String())
			return err
		},
	}
}

func (e Exception) write(out *strings.Builder, trace bool, now time.Time, palette term.Palette) {
	when := e.Time
	if age := Age(e.Time, now); age != "" {
		when = e.Time + " (" + age + " ago)"
	}
	fmt.Fprintf(out, "%s  %s\n", term.SafeLine(when), term.SafeLine(e.Name))
	root := e.RootCause
	if root == "" {
		root = "CMF has no message of it"
	}
	fmt.Fprintf(out, "  %s\n", palette.Paint(term.Red, term.SafeLine(cmf.Bounded(root))))
	for i, cause := range slices.Backward(e.Causes) {
		if i == len(e.Causes)-1 {
			continue
		}
		fmt.Fprintf(out, "    in %s\n", term.SafeLine(cmf.Bounded(cause)))
	}
	if trace {
		for line := range strings.Lines(term.Safe(e.Message)) {
			out.WriteString("      " + strings.TrimRight(line, "\n") + "\n")
		}
	}
}

// EventMessage is what an event says: its message, and what its data tells beside,
// the root cause of an exception or the message of the operator's own event.
func EventMessage(e cmf.Object) string {
	message := e.Text("status.message")
	cause := e.Text("status.data.message")
	if trace := e.Text("status.data.exceptionString"); trace != "" {
		cause = secret.Text(api.Telling(api.CauseChain(trace)))
	}
	switch {
	case message == "" || strings.Contains(cause, message):
		return cmp.Or(cause, message)
	case cause == "" || strings.Contains(message, cause):
		return message
	}
	return message + ": " + cause
}
