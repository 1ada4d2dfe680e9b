package cmd

import (
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// flinkCluster is the FlinkDeployment behind something of CMF's.
type flinkCluster struct {
	namespace, name string
	// pool is set where it is a SHARED pool's, on which others run, too.
	pool string
}

// flinkCluster finds out which FlinkDeployment an application, a pool or a
// statement has. Applications, statements and SHARED pools of one namespace have
// one set of names, says CMF's document of 2.4 (createOrUpdateApplication, 409):
// their deployments are called as they are.
func (c *common) flinkCluster(ctx context.Context, client *connect.Connection, ref cmf.Ref) (flinkCluster, error) {
	environment, err := client.Get(ctx, cmf.Ref{Kind: cmf.Must("env"), Name: ref.Scope.Environment})
	if err != nil {
		return flinkCluster{}, err
	}
	out := flinkCluster{namespace: environment.Text("kubernetesNamespace"), name: ref.Name}
	if name := environment.Text("kubernetesClusterName"); name != "" && name != "default" && name != "default-k8s-cluster" {
		c.warn("environment %s deploys to the Kubernetes cluster %q; this is what the current kube context has", ref.Scope.Environment, name)
	}
	if ref.Kind == cmf.Must("statement") {
		object, err := client.Get(ctx, ref)
		if err != nil {
			return out, err
		}
		pool := object.Text("spec.computePoolName")
		found, err := client.Get(ctx, cmf.Ref{Kind: cmf.Must("pool"), Scope: ref.Scope, Name: pool})
		if err != nil {
			return out, err
		}
		if found.Text("spec.type") == "SHARED" {
			out.name, out.pool = pool, pool
		}
	}
	// They go into paths and selectors.
	if problems := validation.IsDNS1123Label(out.namespace); len(problems) > 0 {
		return out, fmt.Errorf("environment %q is in the namespace %q, which can't be one", ref.Scope.Environment, out.namespace)
	}
	if problems := validation.IsDNS1123Label(out.name); len(problems) > 0 {
		return out, fmt.Errorf("%q can't be the name of a FlinkDeployment", out.name)
	}
	return out, nil
}

// statementEventsOptions are the flags of `kubectl cmf statement events`.
type statementEventsOptions struct {
	*common
	plugin.Arguments
	output   printer.Flags
	warnings bool
}

// newStatementEvents is `kubectl cmf statement events`.
func newStatementEvents(c *common) *cobra.Command {
	o := &statementEventsOptions{common: c}
	cmd := &cobra.Command{
		Use: "events STATEMENT", Short: "Show Kubernetes' events about a statement's Flink cluster and its pods",
		Long:              "Show Kubernetes' events about the Flink cluster of a statement and its pods, newest first. CMF has none of its own for statements. They are read from Kubernetes, in the namespace of the statement's environment: the kube context must be that of the cluster where it runs. On a SHARED pool they are the pool's.",
		Example:           plugin.Examples("kubectl cmf statement events clicks\nkubectl cmf statement events clicks --warnings\nkubectl cmf statement events clicks -o json"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(cmf.Must("statement")),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.Wide, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	o.output.AddTableFlags(cmd.Flags())
	cmd.Flags().BoolVar(&o.warnings, "warnings", false, "Only warnings")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *statementEventsOptions) Validate() error { return o.output.Validate() }

// Run prints the events.
func (o *statementEventsOptions) Run(ctx context.Context) error {
	client, ref, err := o.named(ctx, cmf.Must("statement"), o.Args[0])
	if err != nil {
		return err
	}
	cluster, err := o.flinkCluster(ctx, client, ref)
	if err != nil {
		return err
	}
	flink, err := operator.NewClient(o.factory)
	if err != nil {
		return err
	}
	palette, err := o.palette()
	if err != nil {
		return err
	}
	o.notePool(cluster)
	events, err := flink.EventsAbout(ctx, api.Ref{Kind: api.Deployment, Namespace: cluster.namespace, Name: cluster.name}, cluster.name)
	if err != nil {
		return fmt.Errorf("%s: %w", ref.Where(), err)
	}
	if o.warnings {
		events = slices.DeleteFunc(events, func(e operator.Event) bool { return e.Type != "Warning" })
	}
	if len(events) == 0 && o.output.IsHuman() {
		_, err := io.WriteString(o.ErrOut, "No events: Kubernetes keeps them for an hour.\n")
		return err
	}
	return o.output.Print(o.Out, view.KubernetesEvents(events, o.now(), palette))
}

// notePool says that what is shown isn't one statement's alone.
func (c *common) notePool(cluster flinkCluster) {
	if cluster.pool != "" {
		c.note("pool %s is SHARED: this is its cluster's, with all statements on it", cluster.pool)
	}
}
