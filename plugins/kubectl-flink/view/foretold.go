package view

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/foretell"
)

// Foreseen is what can be said of a start before it is made.
type Foreseen struct {
	Job      api.Ref
	Prospect change.Prospect
	// State is nil where it wasn't looked at, and then Unseen may say why.
	State    *foretell.State
	Unseen   string
	Findings []foretell.Finding
	// Done is what was to be done to the job, as in "cloned"; "" is changed.
	Done string
	// Unmade says that a graph was asked for and couldn't be made.
	Unmade bool
}

// Fails reports whether the start would fail.
func (f Foreseen) Fails() bool { return foretell.WouldFail(f.Findings) }

// Act is what a verb does about it: a start that would fail is refused, and what
// it should know is noted.
func (f Foreseen) Act(note func(format string, args ...any)) error {
	var fails []string
	for _, found := range f.Findings {
		text := found.Text
		if found.Todo != "" {
			text += "\n    " + found.Todo
		}
		switch found.Level {
		case foretell.Fails:
			fails = append(fails, text)
		case foretell.Warning:
			if found.ID == "MAIN" || found.ID == "IMAGE" {
				// Only seen where the graph was asked for: who asks wants to know before.
				return fmt.Errorf("%s was not %s: %s\nLeave out --compile to do it all the same", f.Job, cmp.Or(f.Done, "changed"), text)
			}
			if found.ID != "STATELESS" || found.Bytes > 0 { // else the verb says so itself
				note("%s: check: %s", f.Job, text)
			}
		case foretell.Unknown:
			if found.ID == "GRAPH" {
				note("%s: check: %s", f.Job, text)
			}
		case foretell.Note:
		}
	}
	if f.Unseen != "" {
		note("%s: the state wasn't checked: %s", f.Job, f.Unseen)
	}
	if len(fails) == 0 {
		return nil
	}
	return fmt.Errorf("%s was not %s: it would not start from %s: %s\nUse --no-check to do it all the same", f.Job, cmp.Or(f.Done, "changed"), f.from(), strings.Join(fails, "\n  "))
}

// from is the state in a few words.
func (f Foreseen) from() string {
	p := f.Prospect
	switch {
	case p.Stateless, p.Kind == api.RetainedNone:
		return "no state"
	case p.Path == "":
		return "its state"
	}
	kind := p.Kind
	if kind == "" {
		kind = "state"
	}
	path := p.Path
	if f.State != nil && f.State.Path != "" {
		path = f.State.Path
	}
	text := kind + " " + path
	if p.Proxy {
		text += " (its newest, which stands for the one that will be used)"
	}
	return text
}

// foretoldObject is what -o json prints.
type foretoldObject struct {
	Kind string `json:"kind"`
	Job  string `json:"job"`
	// Verdict is fails, unseen or ok; ok is no promise.
	Verdict  string             `json:"verdict"`
	State    *foretoldState     `json:"state,omitempty"`
	Unseen   string             `json:"unseen,omitempty"`
	Findings []foretell.Finding `json:"findings"`
}

type foretoldState struct {
	Path      string `json:"path"`
	Sort      string `json:"sort"`
	Proxy     bool   `json:"proxy,omitempty"`
	Size      int64  `json:"size"`
	Operators int    `json:"operators"`
	Used      bool   `json:"used"`
}

func (f Foreseen) verdict() string {
	switch {
	case f.Fails():
		return "fails"
	case f.Unseen != "", f.Unmade:
		return "unseen"
	}
	return "ok"
}

// Foretold is the result of --check.
func Foretold(all []Foreseen, palette term.Palette, list bool) printer.Result {
	var out printer.Result
	objects := make([]any, len(all))
	for n, f := range all {
		object := foretoldObject{Kind: "StartCheck", Job: f.Job.String(), Verdict: f.verdict(), Unseen: f.Unseen, Findings: f.Findings}
		if s := f.State; s != nil {
			object.State = &foretoldState{Path: s.Path, Sort: s.Sort(), Proxy: s.Proxy, Size: s.Size, Operators: len(s.Operators), Used: !f.Prospect.Stateless}
		}
		objects[n] = object
		out.Names = append(out.Names, f.Job.Printed())
	}
	if out.Object = printer.List(objects); !list && len(objects) == 1 {
		out.Object = objects[0]
	}
	out.Text = func(w io.Writer) error {
		for _, f := range all {
			if _, err := io.WriteString(w, f.text(palette)); err != nil {
				return err
			}
		}
		return nil
	}
	return out
}

func (f Foreseen) text(palette term.Palette) string {
	var out strings.Builder
	verdict, color := "nothing seen speaks against the start", term.Green
	unknown := false
	for _, found := range f.Findings {
		unknown = unknown || found.Level == foretell.Unknown
	}
	switch {
	case f.Fails():
		verdict, color = "would fail", term.Red
	case f.Unseen != "":
		verdict, color = "not checked: "+f.Unseen, term.Yellow
	case f.Unmade:
		verdict, color = "not checked: the new program's graph couldn't be made", term.Yellow
	case unknown:
		verdict += "; some of it can't be seen"
	}
	fmt.Fprintf(&out, "%s: %s\n", f.Job, palette.Paint(color, term.SafeLine(verdict)))
	line := func(label string, color term.Color, text string) {
		fmt.Fprintf(&out, "  %s%s\n", term.Pad(palette.Paint(color, label), 10), term.SafeLine(text))
	}
	from := f.from()
	if s := f.State; s != nil && !f.Prospect.Stateless {
		from += fmt.Sprintf(", %s in %s", api.Bytes(s.Size), plural(len(s.Operators), "operator"))
		if most := s.LowestMax(); most > 0 {
			from += fmt.Sprintf(", max parallelism %d", most)
		}
	}
	line("State", term.Dim, from)
	for _, found := range f.Findings {
		label, color := string(found.Level), term.Dim
		switch found.Level {
		case foretell.Fails:
			label, color = "Fails", term.Red
		case foretell.Warning:
			label, color = "Warning", term.Yellow
		case foretell.Unknown:
			label = "Unknown"
		case foretell.Note:
			label = "Note"
		}
		line(label, color, found.Text)
		if found.Todo != "" {
			line("", term.Dim, found.Todo)
		}
	}
	return out.String()
}
