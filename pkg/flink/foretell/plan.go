package foretell

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlplan"
)

// plans is what Flink's plans of two SQL scripts say. Whether a state has an
// operator is left to the graph, where one was made: it has all operators.
func plans(f *Facts) []Finding {
	if f.Plans == nil || f.Stateless {
		return nil
	}
	var lost, altered []sqlplan.Outcome
	for _, one := range f.Plans.Outcomes {
		switch {
		case one.Fate == sqlplan.Changed:
			altered = append(altered, one)
		case (one.Fate == sqlplan.Gone || one.Fate == sqlplan.Moved) && !one.Old.Perhaps():
			lost = append(lost, one)
		}
	}
	var out []Finding
	if len(lost) > 0 && f.Graph == nil {
		found := Finding{ID: "PLAN", Level: Fails, Todo: "--check --compile makes the job's graph, and tells for certain; --no-check upgrades all the same; --allow-non-restored-state leaves such state out"}
		found.Text = "by the new script's plan the state of these has no operator any more: " + described(lost)
		if f.drops() {
			found.Level, found.Todo = Warning, ""
			found.Text += ", and it is dropped, as allowNonRestoredState says"
		}
		out = append(out, found)
	}
	if len(altered) > 0 {
		out = append(out, Finding{
			ID: "PLAN-CHANGED", Level: Warning,
			Text: "by the new script's plan the state of these goes to operators that do something else, which may fail to read it or go on from wrong values: " + described(altered),
		})
	}
	return out
}

// described names operators in a sentence.
func described(all []sqlplan.Outcome) string {
	const most = 3
	var parts []string
	for _, one := range all[:min(most, len(all))] {
		parts = append(parts, one.Old.Shown())
	}
	text := strings.Join(parts, "; ")
	if len(all) > most {
		text += fmt.Sprintf(" and %d more", len(all)-most)
	}
	return text
}
