package view

import (
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// EventList prints events, given newest first, oldest first: what happened
// last is where the eye is.
func EventList(events []operator.Event, palette term.Palette, now time.Time) printer.Result {
	folded := Events(events)
	slices.Reverse(folded)
	table := &printer.Table{Palette: palette, Columns: []printer.Column{{Name: "LAST SEEN"}, {Name: "TYPE"}, {Name: "REASON"}, {Name: "OBJECT"}, {Name: "COUNT"}, {Name: "MESSAGE"}}}
	for _, e := range folded {
		seen, color := "", term.Color("")
		if e.Time != nil {
			seen = age(*e.Time, now)
		}
		if e.Type == "Warning" {
			color = term.Yellow
		}
		table.Rows = append(table.Rows, []printer.Cell{
			printer.C(seen), {Text: e.Type, Color: color}, printer.C(e.Reason), printer.C(e.Object), printer.C(fmt.Sprint(e.Count)), printer.C(e.Message),
		})
	}
	return printer.Result{Object: printer.List(folded), Table: table}
}
