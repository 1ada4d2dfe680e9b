package view

import (
	"cmp"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// Rules is the table of rules.
func Rules(rules []diagnosis.Rule) printer.Result {
	table := &printer.Table{Columns: []printer.Column{{Name: "ID"}, {Name: "SEVERITY"}, {Name: "FIX"}, {Name: "TITLE"}, {Name: "TRIED ON"}}}
	for _, r := range rules {
		table.Rows = append(table.Rows, []printer.Cell{printer.C(r.ID), {Text: string(r.Severity), Color: severityColors[r.Severity]}, printer.C(cmp.Or(r.Fix, "-")), printer.C(r.Title), printer.C(triedOn(r))})
	}
	return printer.Result{Object: printer.List(rules), Table: table}
}

// ExplainRule is a rule for people, broken to a terminal's width; 0 breaks
// nothing.
func ExplainRule(r diagnosis.Rule, width int) string {
	var out strings.Builder
	paragraph := func(text string) {
		for _, line := range wrapped(text, room(width, 0)) {
			out.WriteString(line + "\n")
		}
	}
	paragraph(r.ID + ": " + r.Title + " (" + string(r.Severity) + ")")
	out.WriteByte('\n')
	paragraph(r.Explain)
	out.WriteByte('\n')
	needs := "found by doctor"
	switch {
	case r.OfServer():
		needs = "found by lint --server"
	case !r.NeedsCluster():
		needs += ", and by lint in manifests"
	}
	paragraph(needs + "; tried on " + triedOn(r))
	switch r.Fix {
	case diagnosis.FixSafe:
		paragraph("doctor --fix carries the cure out: it stops nothing and can't lose state")
	case diagnosis.FixAsked:
		paragraph("doctor --fix carries the cure out if you agree to what it brings with it; for a job, only where its state is known to be kept")
	}
	if len(r.Explains) > 0 {
		paragraph("what follows from it: " + strings.Join(r.Explains, ", "))
	}
	paragraph("see " + r.Link)
	return out.String()
}
