package cmd

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
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
	server    bool
	timeout   time.Duration
}

func newLint(c *common) *cobra.Command {
	o := &lintOptions{common: c}
	cmd := &cobra.Command{
		Use:   "lint -f FILE|DIR|URL|-",
		Short: "Find what is wrong with manifests before they are applied",
		Long: `Find what is wrong with manifests of FlinkDeployments, FlinkSessionJobs,
FlinkBlueGreenDeployments and FlinkStateSnapshots: misspelt and
deprecated configuration keys, values of the wrong kind, memory that Flink would
refuse, files on volumes that no pod mounts, an image of another Flink version,
upgrade modes that can't keep state. Without --server no cluster is needed.

With --server, the cluster is asked, too, and nothing is changed: what the API server,
the CRD's schema and the operator's webhook say to a dry run; whether the namespace,
Secrets, ConfigMaps, claims, service accounts and priority classes that pods name are
there, or come with the manifests; whether a quota has room, an operator watches the
namespace and supports the Flink version, and whether the name is taken by another owner.

Objects of other kinds in the files are read for what the operator's refer to. It
ends with 3 where there are errors; with --strict, where there are warnings.
doctor looks at what runs, and knows more.`,
		Example: plugin.Examples(`
			# A manifest, or all in a directory and below it
			kubectl flink lint -f job.yaml
			kubectl flink lint -R -f deploy/

			# What a chart makes
			helm template orders ./chart | kubectl flink lint -f -

			# And would this cluster take them?
			kubectl flink lint -f deploy/ --server -n prod

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
	ask := flags.VarPF(&askServer{o}, "server", "", "Ask the cluster, too; nothing is changed. With --server=ADDRESS that API server, as in kubectl")
	ask.NoOptDefVal, ask.DefValue = "true", "false"
	flags.DurationVar(&o.timeout, "timeout", reach.SourceLimit, "With --server: how long each answer is waited for")
	addColor(cmd, &o.color)
	return cmd
}

// askServer is --server: a switch that takes the place of kubectl's flag of that
// name, and still takes an address.
type askServer struct{ o *lintOptions }

// String is the flag's value.
func (a *askServer) String() string {
	if a.o == nil || !a.o.server {
		return "false"
	}
	return "true"
}

// Set takes over true, false or the API server's address.
func (a *askServer) Set(text string) error {
	if on, err := strconv.ParseBool(text); err == nil {
		a.o.server = on
		return nil
	}
	a.o.server, a.o.factory.Flags.APIServer = true, &text
	return nil
}

// Type is the flag's, for its usage.
func (a *askServer) Type() string { return "bool" }

// Validate finds what is wrong with the flags.
func (o *lintOptions) Validate() error {
	if o.timeout <= 0 {
		return exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
	}
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
	ask, err := o.asker(all)
	if err != nil {
		return err
	}
	for _, one := range read {
		if !diagnosis.Lints(one.Object) {
			report.Others++
			continue
		}
		found, unread := ask(ctx, one.Object)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		report.Miss(unread)
		report.Add(one.File, one.Object, diagnosis.Merge(diagnosis.LintObject(one.Object, all), found))
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
	case len(report.Unread) > 0:
		return errors.New("the cluster couldn't be asked about everything; what is missing, and why, stands at the end")
	}
	return nil
}

// asker asks the cluster about a manifest; without --server no cluster is asked.
func (o *lintOptions) asker(all []*unstructured.Unstructured) (func(ctx context.Context, object *unstructured.Unstructured) ([]diagnosis.Finding, []reach.Unread), error) {
	if !o.server {
		return func(context.Context, *unstructured.Unstructured) ([]diagnosis.Finding, []reach.Unread) {
			return nil, nil
		}, nil
	}
	client, err := o.operator()
	if err != nil {
		return nil, err
	}
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return nil, err
	}
	gatherer := o.gathererOf(client, nil, reach.TLSFiles{}, o.timeout)
	return func(ctx context.Context, object *unstructured.Unstructured) ([]diagnosis.Finding, []reach.Unread) {
		facts, unread := gatherer.Manifest(ctx, object, all, namespace)
		return diagnosis.LintServer(facts), unread
	}, nil
}
