package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// lintOptions are the flags of `kubectl flink lint`.
type lintOptions struct {
	*common
	output  printer.Flags
	color   string
	palette term.Palette
	plugin.Arguments
	files     []string
	recursive bool
	strict    bool
}

func newLint(c *common) *cobra.Command {
	o := &lintOptions{common: c}
	cmd := &cobra.Command{
		Use:   "lint -f FILE|DIR|URL|-",
		Short: "Find what is wrong with manifests before they are applied",
		Long: `Find what is wrong with manifests of FlinkDeployments, FlinkSessionJobs,
FlinkBlueGreenDeployments and FlinkStateSnapshots, without a cluster: misspelt and
deprecated configuration keys, values of the wrong kind, memory that Flink would
refuse, files on volumes that no pod mounts, an image of another Flink version,
upgrade modes that can't keep state.

Objects of other kinds in the files are read for what the operator's refer to. It
ends with 3 where there are errors; with --strict, where there are warnings.
doctor looks at what runs, and knows more.`,
		Example: plugin.Examples(`
			# A manifest, or all in a directory and below it
			kubectl flink lint -f job.yaml
			kubectl flink lint -R -f deploy/

			# What a chart makes
			helm template orders ./chart | kubectl flink lint -f -

			# In CI: fail on warnings, and for who reads SARIF
			kubectl flink lint -f deploy/ --strict -o sarif > lint.sarif`),
		Args: cobra.NoArgs,
		RunE: plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath", view.SARIF)
	flags.StringArrayVarP(&o.files, "filename", "f", nil, "File, directory or URL of manifests; - is standard input")
	flags.BoolVarP(&o.recursive, "recursive", "R", false, "Read the directories below a directory, too")
	flags.BoolVar(&o.strict, "strict", false, "End with 3 where there are warnings, too")
	addColor(cmd, &o.color)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *lintOptions) Validate() error {
	if len(o.files) == 0 {
		return exit.Usagef("nothing to look at: name a file, a directory or - with -f")
	}
	var err error
	if o.palette, err = term.NewPalette(o.color, o.Out); err != nil {
		return err
	}
	return o.output.Validate()
}

// Run looks at the manifests and prints what it found.
func (o *lintOptions) Run(ctx context.Context) error {
	read, err := lifecycle.ReadObjects(ctx, o.In, o.files, o.recursive)
	if err != nil {
		return err
	}
	all := make([]*unstructured.Unstructured, len(read))
	for i := range read {
		all[i] = read[i].Object
	}
	page := view.LintPage{Palette: o.palette, Width: terminalWidth(o.Out)}
	var report view.LintReport
	for _, one := range read {
		if !diagnosis.Lints(one.Object) {
			report.Others++
			continue
		}
		report.Add(one.File, one.Object, diagnosis.LintObject(one.Object, all))
	}
	if len(report.Items) == 0 {
		return exit.Usagef("--filename: none of the %d objects in %s is of the Flink Kubernetes Operator", report.Others, strings.Join(o.files, ", "))
	}
	if err := o.output.Print(o.Out, page.Result(report)); err != nil {
		return err
	}
	switch {
	case report.Errors > 0:
		return exit.With(exit.No, fmt.Errorf("%s in the manifests", view.Count(report.Errors, "error")))
	case o.strict && report.Warnings > 0:
		return exit.With(exit.No, fmt.Errorf("%s in the manifests", view.Count(report.Warnings, "warning")))
	}
	return nil
}
