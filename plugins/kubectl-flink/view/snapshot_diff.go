package view

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// difference is the page with --diff.
func (p InspectPage) difference(out *strings.Builder, changes []statefile.Change, files *storage.FileChanges) error {
	one := func(label string, i Inspected) {
		when := ""
		if !i.Taken.IsZero() {
			when = ", " + age(i.Taken, p.Now) + " ago"
		}
		name := or(i.Dir, "standard input")
		if i.Snapshot != "" {
			name = api.StateSnap.Singular + "/" + i.Snapshot
		}
		fmt.Fprintf(out, "%s%s\n", term.Pad(p.Palette.Paint(term.Dim, label), 8), term.SafeLine(fmt.Sprintf("%s: %s, checkpoint %d, %s%s", name, i.Sort(), i.CheckpointID, Bytes(i.Size), when)))
	}
	one("Before", *p.Before)
	one("Now", p.Inspected)
	counts := map[string]int{}
	for _, c := range changes {
		counts[c.What]++
	}
	fmt.Fprintf(out, "%s%s: %d came, %d went, %d changed, %d are the same\n", term.Pad(p.Palette.Paint(term.Dim, "In all"), 8), grew(p.Before.Size, p.Size), counts[statefile.Came], counts[statefile.Went], counts[statefile.Changed], counts[statefile.Same])
	if files != nil && files.Both.Files+files.Before.Files+files.Now.Files > 0 {
		of := func(c statefile.FileCount) string {
			return fmt.Sprintf("%s (%s)", plural(c.Files, "file"), Bytes(c.Size))
		}
		fmt.Fprintf(out, "%s%s that both need, %s only before, %s only now\n", term.Pad(p.Palette.Paint(term.Dim, "Files"), 8), of(files.Both), of(files.Before), of(files.Now))
	}
	out.WriteByte('\n')
	if was, is := p.Before.Sort(), p.Sort(); was != is {
		fmt.Fprintf(out, "One is a %s, the other a %s: the same state has another size in each.\n\n", was, is)
	}
	colors := map[string]term.Color{statefile.Came: term.Green, statefile.Went: term.Red, statefile.Changed: term.Yellow}
	table := printer.Table{Width: p.Width, Palette: p.Palette, Columns: []printer.Column{
		{Name: "OPERATOR"}, {Name: "WHAT"}, {Name: "BEFORE"}, {Name: "NOW"}, {Name: "BY"},
	}}
	also := slices.ContainsFunc(changes, func(c statefile.Change) bool { return len(c.Notes) > 0 })
	if also {
		table.Columns = append(table.Columns, printer.Column{Name: "ALSO", Give: 1})
	}
	for _, c := range changes {
		was, is := printer.C(Bytes(c.Was)), printer.C(Bytes(c.Is))
		switch c.What {
		case statefile.Came:
			was = printer.C("-")
		case statefile.Went:
			is = printer.C("-")
		}
		name := p.called(c.ID, c.Name, c.UID)
		if name == c.ID {
			name = p.Before.called(c.ID, c.Name, c.UID)
		}
		if p.Width > 0 {
			name = term.Cut(term.SafeLine(name), max(20, p.Width-48))
		}
		row := []printer.Cell{printer.C(name), {Text: c.What, Color: colors[c.What]}, was, is, printer.C(grew(c.Was, c.Is))}
		if also {
			row = append(row, printer.C(or(strings.Join(c.Notes, "; "), "-")))
		}
		table.Rows = append(table.Rows, row)
	}
	if len(table.Rows) == 0 {
		out.WriteString("Neither has operators.\n")
		return nil
	}
	return table.Print(out, false, false)
}

// grew is the difference of two sizes with its sign.
func grew(was, is int64) string {
	switch {
	case is > was:
		return "+" + Bytes(is-was)
	case is < was:
		return "-" + Bytes(was-is)
	}
	return "0 B"
}
