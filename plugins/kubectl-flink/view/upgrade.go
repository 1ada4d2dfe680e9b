package view

import (
	"fmt"
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
func Upgraded(reports []lifecycle.UpgradeReport, form ChangeForm) printer.Result {
	changes := make([]change.Report, len(reports))
	objects := make([]any, len(reports))
	for i, r := range reports {
		changes[i], objects[i] = r.Report, upgradeObject(r)
	}
	result := Changed(changes, form)
	form.finish(&result, objects, func(i int) string {
		text := upgradeText(reports[i])
		if form.Namespaces {
			text += " (namespace " + reports[i].Job.Namespace + ")"
		}
		return term.Safe(text)
	})
	return result
}

func upgradeText(r lifecycle.UpgradeReport) string {
	switch {
	case r.Plan.Effect == lifecycle.NoEffect:
		return r.Job.Printed() + " unchanged"
	case r.DryRun != "":
		return PlanText(r.Plan) + changeLine(r.Report)
	case r.Plan.Suspended && r.Done:
		return r.Job.Printed() + " upgraded, still suspended"
	}
	return changeLine(r.Report)
}

func upgradeObject(r lifecycle.UpgradeReport) any {
	object := changeObject(r.Report)
	fields, ok := object.(map[string]any)
	if !ok {
		return object
	}
	spec, _ := fields["spec"].(map[string]any)
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
	return object
}

func effectWord(plan lifecycle.UpgradePlan) string {
	switch plan.Effect {
	case lifecycle.NoEffect:
		return "none"
	case lifecycle.NoRestart:
		return "no-restart"
	case lifecycle.InPlace:
		return "in-place"
	case lifecycle.Redeploy:
	}
	return "redeploy"
}
