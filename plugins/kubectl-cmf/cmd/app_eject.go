package cmd

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/move"
)

// appEjectOptions are the flags of `kubectl cmf app eject`.
type appEjectOptions struct{ moveFlags }

// newAppEject is `kubectl cmf app eject`.
func newAppEject(c *common) *cobra.Command {
	o := &appEjectOptions{moveFlags{common: c}}
	cmd := &cobra.Command{
		Use: "eject [app/]NAME", Short: "Make a FlinkDeployment of an application, with its state",
		Long: `Make a FlinkDeployment for Flink's operator of an application, which goes on from
the application's state: the way back of import. First it says what doesn't go over
as it is, and the API server is asked whether it would take the FlinkDeployment.
Then CMF stops the application with a savepoint, the FlinkDeployment is created
from that, and its JobManager asked whether it was restored from there.

Where that fails, the FlinkDeployment is deleted and the application started again.
It is not started as long as it isn't certain that the FlinkDeployment is gone: both
never run at once. After Ctrl-C everything stays as it is; the command says how that
is, and goes on when it is said again. The application stays, suspended. -n is the
namespace of the FlinkDeployment, in the cluster of the kube context.`,
		Example: plugin.Examples(`
			kubectl cmf app eject basic-example --name basic-example-flink --dry-run=client
			kubectl cmf app eject app/basic-example --name basic-example-flink -e dev-env
			kubectl cmf app eject basic-example --name basic-example-flink --yes -o yaml`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completion.Values(c.completeNames(cmf.Must("app"))),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, "Name of the FlinkDeployment (default: the application's)", "none, or client: print the FlinkDeployment, and what doesn't go over as it is")
	return cmd
}

// names are the application's and the FlinkDeployment's.
func (o *appEjectOptions) names() (application string, target api.Ref, err error) {
	application = o.Args[0]
	if word, name, typed := strings.Cut(application, "/"); typed {
		if cmf.Find(word) != cmf.Must("app") {
			return "", target, exit.Usagef("%q is not an application: [app/]NAME", o.Args[0])
		}
		application = name
	}
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return "", target, err
	}
	name := o.name
	if name == "" {
		name = application
	}
	return application, api.Ref{Kind: api.Deployment, Namespace: namespace, Name: name}, exit.With(exit.Usage, cmf.CheckName("FlinkDeployment", name))
}

// unwatched is move.Eject's, by what the operators of the cluster say.
func (o *appEjectOptions) unwatched(client *operator.Client) func(context.Context, string) string {
	return func(ctx context.Context, namespace string) string {
		facts, _ := (&reach.Gatherer{Client: client, Limit: perSource, Now: o.now}).Installation(ctx, namespace)
		if len(facts.Operators) == 0 {
			return ""
		}
		return unwatched(facts.Operators, namespace)
	}
}

// Run ejects the application.
func (o *appEjectOptions) Run(ctx context.Context) error {
	name, target, err := o.names()
	if err != nil {
		return err
	}
	line := o.progress()
	defer line.Done()
	sides, done, err := o.sides(ctx, line)
	if err != nil {
		return err
	}
	defer done()
	m := &move.Eject{Sides: sides}
	if o.operators == nil {
		m.Unwatched = o.unwatched(sides.Operator)
	}
	m.Job = target
	if m.App, err = o.ref(ctx, cmf.Must("app"), name); err != nil {
		return err
	}
	line.Set("looking at %s, and at namespace %s", m.App, target.Namespace)
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
		return o.print(plan.Deployment.Object.Object, false, target.Printed(), "")
	}
	if err := o.agreed(ctx, line, "%s will be stopped with a savepoint, and %s in namespace %s started from it.", m.App.Where(), target, target.Namespace); err != nil {
		return err
	}
	ejected, err := m.Run(ctx, plan)
	line.Done()
	if err != nil {
		return err
	}
	fmt.Fprintln(o.ErrOut, term.Safe(fmt.Sprintf("%s stays, suspended. What becomes of its savepoints when it is deleted isn't documented: delete it only once the job has completed a checkpoint of its own: kubectl cmf app delete %s -e %s --lose-state", m.App.Where(), m.App.Name, m.App.Scope.Environment)))
	return o.print(ejected.Deployment.Object.Object, false, target.Printed(), fmt.Sprintf("%s ejected from %s, restored from %s\n", target, m.App, ejected.From))
}
