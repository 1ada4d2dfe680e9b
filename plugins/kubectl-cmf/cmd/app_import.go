package cmd

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/move"
)

// moveFlags are what import and eject have in common.
type moveFlags struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	output      printer.Flags
	name        string
	force, yes  bool
	showSecrets bool
}

func (f *moveFlags) add(cmd *cobra.Command, name, dryRun string) {
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", name)
	flags.BoolVar(&f.force, "force", false, "Go on even where something else manages the job, or a namespace lacks what its pods need")
	flags.BoolVarP(&f.yes, "yes", "y", false, "Don't ask before the job is stopped")
	flags.BoolVar(&f.showSecrets, "show-secrets", false, "Print passwords and keys that -o yaml and -o json would hide")
	f.output.AddFlags(cmd, printer.JSON, printer.YAML, "name")
	f.AddRunFlags(cmd, plugin.RunWords{
		DryRun: dryRun, NoServer: noServerDryRun,
		Timeout: "How long it may take (0: for ever); going back has a time-out of its own", TimeoutDefault: 15 * time.Minute, Endless: true,
	})
}

// Validate finds what is wrong with the flags.
func (f *moveFlags) Validate() error {
	if err := f.output.Validate(); err != nil {
		return err
	}
	return f.CheckRun()
}

// sides connects to both; the caller calls done. On the command line -n is the
// FlinkDeployment's namespace, so CMF is looked for as without it.
func (f *moveFlags) sides(ctx context.Context, line *progress.Line) (sides move.Sides, done func(), err error) {
	f.finder.Elsewhere = true
	client, err := f.client(ctx)
	if err != nil {
		return sides, nil, err
	}
	open := f.operators
	if open == nil {
		open = f.operator
	}
	flink, done, err := open()
	if err != nil {
		return sides, nil, err
	}
	reporter := operator.Reporter{
		Waiting: func(s string) { line.Set("%s", s) },
		Note:    func(s string) { line.Print("%s", s) },
	}
	return move.Sides{
		CMF: client.Client, Operator: flink, Force: f.force, Timeout: f.Timeout, Poll: f.poll, Now: f.now, Reporter: reporter,
	}, done, nil
}

// operator is the way to Flink's operator and to JobManagers.
func (c *common) operator() (*operator.Client, func(), error) {
	client, err := operator.NewClient(c.factory)
	if err != nil {
		return nil, nil, err
	}
	managers := reach.NewJobManagers(client, reach.TLSFiles{}, func() (*portforward.Tunnel, error) { return connect.NewTunnel(c.factory) })
	return client.Asking(managers), managers.Close, nil
}

// tell says what doesn't go over as it is, before anything is done.
func (f *moveFlags) tell(points []move.Point, line *progress.Line) {
	if len(points) == 0 {
		return
	}
	line.Clear()
	fmt.Fprintln(f.ErrOut, "What doesn't go over as it is:")
	for _, p := range points {
		fmt.Fprintln(f.ErrOut, secret.Text(term.Safe("  "+p.String())))
	}
}

// agreed asks where there is a terminal.
func (f *moveFlags) agreed(ctx context.Context, line *progress.Line, format string, args ...any) error {
	if f.yes || !plugin.CanAsk(f.IOStreams) {
		return nil
	}
	line.Clear()
	return f.confirm(ctx, false, fmt.Sprintf(format, args...))
}

// print prints an object: as YAML where it is what a dry run is for. redacted
// says that what is secret in it is hidden already, but for --show-secrets.
func (f *moveFlags) print(object any, redacted bool, name, text string) error {
	f.noteSecrets(f.showSecrets)
	if f.DryRun != "" && f.output.IsHuman() {
		f.output.Output = printer.YAML
	}
	return f.output.Print(f.Out, printer.Result{
		Object: object, AsIs: redacted || f.showSecrets, ShowSecrets: f.showSecrets, Names: []string{name},
		Text: func(w io.Writer) error {
			_, err := io.WriteString(w, text)
			return err
		},
	})
}

// application is one as it may be printed.
func (f *moveFlags) application(object cmf.Object) cmf.Object {
	if f.showSecrets {
		return object
	}
	return cmf.Redact(cmf.Must("app"), object)
}

// appImportOptions are the flags of `kubectl cmf app import`.
type appImportOptions struct{ moveFlags }

// newAppImport is `kubectl cmf app import`.
func newAppImport(c *common) *cobra.Command {
	o := &appImportOptions{moveFlags{common: c}}
	cmd := &cobra.Command{
		Use: "import [flinkdeployment/]NAME", Short: "Make an application of a FlinkDeployment, with its state",
		Long: `Make an application of a FlinkDeployment of Flink's operator, which goes on from
the job's state. First it says what doesn't go over as it is. Then the
application is created, suspended: what CMF refuses costs nothing. The job is
suspended with a savepoint, the application started from it, and its JobManager
asked through CMF's proxy whether it was restored from there.

Where that fails, the application is stopped and removed, and the job resumed.
It is not resumed as long as it isn't certain that the application has stopped:
both never run at once. After Ctrl-C everything stays as it is; the command says
how that is, and goes on when it is said again. The FlinkDeployment stays,
suspended; -n is its namespace. It needs CMF 2.1.`,
		Example: plugin.Examples(`
			kubectl cmf app import basic-example --name basic-example-cmf --dry-run=client
			kubectl cmf app import flinkdeployment/basic-example --name basic-example-cmf -e dev-env
			kubectl cmf app import basic-example --name basic-example-cmf --yes -o yaml`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completion.Values(c.completeDeployments),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, "Name of the application (default: the FlinkDeployment's)", "none, or client: print the application, and what doesn't go over as it is")
	return cmd
}

// completeDeployments completes FlinkDeployments.
func (c *common) completeDeployments(ctx context.Context, args []string, _ string) ([]completion.Choice, error) {
	if len(args) > 0 {
		return nil, nil
	}
	client, err := operator.NewClient(c.factory)
	if err != nil {
		return nil, err
	}
	namespace, _, err := c.factory.Namespace()
	if err != nil {
		return nil, err
	}
	list, err := client.List(ctx, api.Deployment, namespace, metav1.ListOptions{ResourceVersion: "0"})
	if err != nil {
		return nil, err
	}
	var out []completion.Choice
	for i := range list {
		if job := (api.Job{Kind: api.Deployment, Object: &list[i]}); !job.IsSessionCluster() {
			out = append(out, completion.Choice{Value: list[i].GetName(), Description: job.State()})
		}
	}
	return out, nil
}

// source is the FlinkDeployment that the argument names.
func (o *appImportOptions) source() (api.Ref, error) {
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return api.Ref{}, err
	}
	ref, err := operator.ParseRef(o.Args[0], namespace, api.Deployment)
	if err != nil {
		return ref, err
	}
	return ref, exit.With(exit.Usage, cmf.CheckName("FlinkDeployment", ref.Name))
}

// Run imports the job.
func (o *appImportOptions) Run(ctx context.Context) error {
	source, err := o.source()
	if err != nil {
		return err
	}
	name := o.name
	if name == "" {
		name = source.Name
	}
	line := o.progress()
	defer line.Done()
	sides, done, err := o.sides(ctx, line)
	if err != nil {
		return err
	}
	defer done()
	m := &move.Import{Sides: sides}
	m.Job = source
	if m.App, err = o.ref(ctx, cmf.Must("app"), name); err != nil {
		return err
	}
	bounded, cancel := o.Bounded(ctx)
	plan, err := m.Plan(bounded)
	cancel()
	if err != nil {
		return err
	}
	o.tell(plan.Points, line)
	if err := move.Stops(plan.Points); err != nil {
		return err
	}
	if o.DryRun != "" {
		line.Done()
		return o.print(o.application(plan.Application), true, m.App.String(), "")
	}
	if err := o.agreed(ctx, line, "%s in namespace %s will be suspended with a savepoint, and %s started from it.", source, source.Namespace, m.App.Where()); err != nil {
		return err
	}
	imported, err := m.Run(ctx, plan)
	line.Done()
	if err != nil {
		return err
	}
	fmt.Fprintf(o.ErrOut, "%s stays, suspended. Once it isn't needed any more: kubectl delete %s %s -n %s\n", source, source.Kind.Singular, source.Name, source.Namespace)
	return o.print(o.application(imported.Application), true, m.App.String(), fmt.Sprintf("%s imported from %s, restored from %s\n", m.App, source, imported.From))
}
