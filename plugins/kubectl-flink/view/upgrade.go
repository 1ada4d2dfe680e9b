package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

// longestValue is how much of a value a diff shows, in columns.
const longestValue = 160

// PlanText is what an upgrade would change and what the operator will do about
// it, as lines.
func PlanText(plan operator.UpgradePlan) string {
	var out strings.Builder
	line := func(sign, path, value string) {
		fmt.Fprintf(&out, "%s %s: %s\n", sign, term.SafeLine(path), term.Cut(term.SafeLine(value), longestValue))
	}
	for _, change := range plan.Changes {
		if change.Old != "" {
			line("-", change.Path, change.Old)
		}
		if change.New != "" {
			line("+", change.Path, change.New)
		}
	}
	fmt.Fprintf(&out, "%s: %s\n", plan.Job, plan.Words())
	return out.String()
}

// Upgraded is the result of `kubectl flink upgrade`.
func Upgraded(r operator.UpgradeReport) printer.Result {
	result := Changed([]operator.ChangeReport{r.ChangeReport}, ChangeForm{})
	if object, ok := result.Object.(map[string]any); ok {
		spec, _ := object["spec"].(map[string]any)
		// Values may be secrets: only the masked ones are printed.
		delete(spec, "patch")
		changes := []any{}
		for _, change := range r.Plan.Changes {
			one := map[string]any{"path": change.Path}
			if change.Old != "" {
				one["old"] = change.Old
			}
			if change.New != "" {
				one["new"] = change.New
			}
			changes = append(changes, one)
		}
		spec["changes"] = changes
		spec["effect"] = effectWord(r.Plan)
	}
	result.Text = func(w io.Writer) error {
		text := changeLine(r.ChangeReport)
		switch {
		case r.Plan.Effect == operator.NoEffect:
			text = r.Job.Printed() + " unchanged"
		case r.DryRun != "":
			text = PlanText(r.Plan) + text
		case r.Plan.Suspended && r.Done:
			text = r.Job.Printed() + " upgraded, still suspended"
		}
		_, err := fmt.Fprintln(w, term.Safe(text))
		return err
	}
	return result
}

func effectWord(plan operator.UpgradePlan) string {
	switch plan.Effect {
	case operator.NoEffect:
		return "none"
	case operator.NoRestart:
		return "no-restart"
	case operator.InPlace:
		return "in-place"
	}
	return "redeploy"
}
