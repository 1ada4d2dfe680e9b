package view

import (
	"fmt"
	"io"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
)

// longestValue is how much of a value a diff shows, in columns.
const longestValue = 160

// PlanText is what an upgrade would change and what the operator will do about
// it, as lines.
func PlanText(plan lifecycle.UpgradePlan) string {
	var out strings.Builder
	line := func(sign, path, value string) {
		fmt.Fprintf(&out, "%s %s: %s\n", sign, term.SafeLine(path), term.Cut(term.SafeLine(value), longestValue))
	}
	for _, ch := range plan.Changes {
		if ch.Old != "" {
			line("-", ch.Path, ch.Old)
		}
		if ch.New != "" {
			line("+", ch.Path, ch.New)
		}
	}
	fmt.Fprintf(&out, "%s: %s\n", plan.Job, plan.Words())
	return out.String()
}

// Upgraded is the result of `kubectl flink upgrade`.
func Upgraded(r lifecycle.UpgradeReport) printer.Result {
	result := Changed([]change.Report{r.Report}, ChangeForm{})
	if object, ok := result.Object.(map[string]any); ok {
		spec, _ := object["spec"].(map[string]any)
		// Values may be secrets: only the masked ones are printed.
		delete(spec, "patch")
		changes := []any{}
		for _, ch := range r.Plan.Changes {
			one := map[string]any{"path": ch.Path}
			if ch.Old != "" {
				one["old"] = ch.Old
			}
			if ch.New != "" {
				one["new"] = ch.New
			}
			changes = append(changes, one)
		}
		spec["changes"] = changes
		spec["effect"] = effectWord(r.Plan)
	}
	result.Text = func(w io.Writer) error {
		text := changeLine(r.Report)
		switch {
		case r.Plan.Effect == lifecycle.NoEffect:
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

func effectWord(plan lifecycle.UpgradePlan) string {
	switch plan.Effect {
	case lifecycle.NoEffect:
		return "none"
	case lifecycle.NoRestart:
		return "no-restart"
	case lifecycle.InPlace:
		return "in-place"
	}
	return "redeploy"
}
