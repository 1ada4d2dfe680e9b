package sqlplan

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

const (
	// mostLines bounds how many operators a text lists, and mostWide how much of
	// what one does.
	mostLines, mostWide = 40, 160
)

// Text tells of a comparison, in lines. It may hold foreign text, without
// secrets.
func (c Comparison) Text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "State, by Flink %s's plans of both scripts:\n", c.New.FlinkVersion)
	if len(c.Outcomes) == 0 {
		out.WriteString("  no operator keeps any\n")
	}
	for n, one := range c.Outcomes {
		if n == mostLines {
			fmt.Fprintf(&out, "  … and %d operators more\n", len(c.Outcomes)-n)
			break
		}
		out.WriteString(one.text())
	}
	switch {
	case c.Loses() && c.By == ByPlace:
		out.WriteString("Flink refuses to start where a state has no operator. It knows the operators of an INSERT by their place in the job\n")
	case c.Loses() && c.By == Unrelated:
		out.WriteString("Flink refuses to start where a state has no operator. A compiled plan and an INSERT know no operator of each other again\n")
	case c.Loses():
		out.WriteString("Flink refuses to start where a state has no operator. It knows the operators of a compiled plan by the ids of its nodes\n")
	case c.Alters():
		out.WriteString("An operator that takes over what another one counted may fail to read it, or go on from wrong values\n")
	}
	return out.String()
}

func (o Outcome) text() string {
	line := func(what string, n *Node) string { return fmt.Sprintf("  %-8s %s\n", what, n.Shown()) }
	note := func(format string, args ...any) string { return fmt.Sprintf("           "+format+"\n", args...) }
	var out string
	switch o.Fate {
	case Gone:
		out = line("gone", o.Old)
		if o.Now != nil {
			out += note("in its place: %s", o.Now.Shown())
		}
	case Moved:
		out = line("moved", o.Old) + note("the same operator is there under another id, and doesn't find this state")
	case Changed:
		out = line("changed", o.Now) + note("takes the state of: %s", o.Old.Shown())
	case Kept:
		out = line("kept", o.Now)
	case New:
		return line("new", o.Now)
	}
	if o.Fate == Gone || o.Fate == Moved {
		if o.Old.Perhaps() {
			out += note("it may have had no state")
		}
	}
	if o.Fed && o.Fate != Gone {
		out += note("what comes to it has changed, and its state is of what came before")
	}
	for _, l := range o.Lifetimes {
		out += note("%s lives %s, was %s", l.State, lives(l.After), lives(l.Before))
	}
	return out
}

func lives(ttl string) string {
	if number, _, _ := strings.Cut(ttl, " "); number == "0" {
		return "for ever"
	}
	return ttl
}

// Shown is what a node does, in one short line without secrets.
func (n *Node) Shown() string {
	text := secret.Text(n.Description)
	if text == "" {
		text = n.Kind()
	}
	if runes := []rune(text); len(runes) > mostWide {
		text = string(runes[:mostWide]) + " …"
	}
	return text
}
