package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

func newDoctorExplain(c *common) *cobra.Command {
	o := &doctorExplainOptions{common: c}
	return &cobra.Command{
		Use:   "explain ID",
		Short: "Explain a rule of doctor: what it is, how it comes about, what to do",
		Example: plugin.Examples(`
			# By the id that a finding has
			kubectl flink doctor explain FLINK-POD-INIT

			# In either case
			kubectl flink doctor explain flink-mem-refused

			# What else is known of checkpoints
			kubectl flink doctor rules | grep CKPT`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeRules,
		RunE:              plugin.RunE(o),
	}
}

// completeRules completes the ids of rules.
func completeRules(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return completion.Values(func(_ context.Context, args []string, prefix string) ([]completion.Choice, error) {
		if len(args) > 0 {
			return nil, nil
		}
		var out []completion.Choice
		for _, r := range diagnosis.Rules() {
			value := r.ID
			if prefix != "" && strings.ToLower(prefix) == prefix {
				value = strings.ToLower(value)
			}
			out = append(out, completion.Choice{Value: value, Description: r.Title})
		}
		return out, nil
	})(cmd, args, prefix)
}

type doctorExplainOptions struct {
	*common
	plugin.Arguments
}

// Run prints the rule.
func (o *doctorExplainOptions) Run(context.Context) error {
	rule, ok := diagnosis.Explain(o.Args[0])
	if !ok {
		return exit.Usagef("no rule is called %q; all of them: kubectl flink doctor rules%s", o.Args[0], nearRules(o.Args[0]))
	}
	_, err := fmt.Fprint(o.Out, view.ExplainRule(rule, terminalWidth(o.Out)))
	return err
}

// nearRules names the rules that somebody may have meant.
func nearRules(id string) string {
	var near []string
	for _, r := range diagnosis.Rules() {
		if operator.Near(r.ID, strings.ToUpper(id)) && len(near) < 5 {
			near = append(near, r.ID)
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "\nNames near it: " + strings.Join(near, ", ")
}

func newDoctorRules(c *common) *cobra.Command {
	o := &doctorRulesOptions{common: c}
	cmd := &cobra.Command{
		Use:   "rules",
		Short: "List what doctor and lint know",
		Long: `List the rules of doctor and lint: how bad it is, what it is, and what the rule was
tried on: a fault made on a real cluster, facts after the source that is named, or
facts written for the test. FIX is what doctor --fix does with the cure: safe (it
stops nothing and can't lose state), asked (only if a person agrees to what it brings
with it: a job is restarted with its state, an account gets rights) or nothing.`,
		Example: plugin.Examples(`
			# All
			kubectl flink doctor rules

			# With explanations and links, for a program
			kubectl flink doctor rules -o json

			# Only the ids
			kubectl flink doctor rules -o jsonpath='{.items[*].id}'`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	return cmd
}

type doctorRulesOptions struct {
	*common
	plugin.Arguments
	output printer.Flags
}

// Validate finds what is wrong with the flags.
func (o *doctorRulesOptions) Validate() error { return o.output.Validate() }

// Run prints the table.
func (o *doctorRulesOptions) Run(context.Context) error {
	return o.output.Print(o.Out, view.Rules(diagnosis.Rules()))
}
