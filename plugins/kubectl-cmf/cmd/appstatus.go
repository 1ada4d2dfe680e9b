package cmd

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// appStatusOptions are the flags of `kubectl cmf app status`.
type appStatusOptions struct {
	*common
	plugin.Arguments
	output printer.Flags
}

// Validate finds what is wrong with the flags.
func (o *appStatusOptions) Validate() error { return o.output.Validate() }

// Run prints how the application is.
func (o *appStatusOptions) Run(ctx context.Context) error {
	return o.appStatus(ctx, cmf.Must("app"), o.Args[0], &o.output)
}

// newAppStatus is `kubectl cmf app status`.
func newAppStatus(c *common) *cobra.Command {
	o := &appStatusOptions{common: c}
	kind := cmf.Must("app")
	cmd := &cobra.Command{
		Use: "status APP", Short: "Show how an application is, and why",
		Long:              "Show how an application is: its states, its newest savepoint and events. Exit code 0: as its spec wants it; 3: not, or not yet.",
		Example:           plugin.Examples("kubectl cmf app status basic-example\nkubectl cmf app status basic-example -o jsonpath='{.verdict}'\nkubectl cmf app status basic-example -o json"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(kind),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	return cmd
}

func (c *common) appStatus(ctx context.Context, kind *cmf.Kind, name string, output *printer.Flags) error {
	client, err := c.client(ctx)
	if err != nil {
		return err
	}
	ref, err := c.ref(ctx, kind, name)
	if err != nil {
		return err
	}
	o, err := client.Get(ctx, ref)
	if err != nil {
		return err
	}
	palette, err := c.palette()
	if err != nil {
		return err
	}
	state, verdict, why := kind.State(o)
	status := view.AppStatus{
		Name: name, Environment: ref.Scope.Environment, State: state, Cause: why, ManagedBy: apply.ManagedBy(o),
		Verdict: map[cmf.Verdict]string{cmf.Ready: "ready", cmf.Pending: "pending", cmf.Failed: "failed"}[verdict],
	}
	status.Fill(o)
	status.Events, status.EventsError = c.newest(ctx, client, ref)
	status.Savepoint = c.newestSavepoint(ctx, client, ref)
	if err := output.Print(c.Out, printer.Result{
		Object: status,
		Text:   func(w io.Writer) error { return status.Print(w, c.now(), palette) },
	}); err != nil {
		return err
	}
	if verdict != cmf.Ready {
		return exit.Silent(exit.No)
	}
	return nil
}

// newest are the newest events; the status is worth showing without them.
func (c *common) newest(ctx context.Context, client *connect.Connection, ref cmf.Ref) ([]view.Event, string) {
	list, err := events(ctx, client, ref)
	if err != nil {
		return nil, err.Error()
	}
	var out []view.Event
	for _, e := range list[:min(len(list), 5)] {
		out = append(out, view.Event{
			Time: e.Text("metadata.updateTimestamp|metadata.creationTimestamp"),
			Type: e.Text("status.type"), Message: view.EventMessage(e),
		})
	}
	return out, ""
}

// newestSavepoint is the newest completed one, nil where there is none or
// nobody can tell.
func (c *common) newestSavepoint(ctx context.Context, client *connect.Connection, ref cmf.Ref) *view.Savepoint {
	scope := ref.Scope
	scope.Application = ref.Name
	list, err := client.List(ctx, cmf.Must("savepoint"), scope, cmf.ListOptions{})
	if err != nil {
		return nil
	}
	var out *view.Savepoint
	for _, o := range list {
		created := o.Text("metadata.creationTimestamp")
		if o.Text("status.state") == api.SnapshotCompleted && (out == nil || created > out.Created) {
			out = &view.Savepoint{Name: o.Name(), Path: o.Text("status.path"), Created: created}
		}
	}
	return out
}

// newAppLogs is `kubectl cmf app logs`, newStatementLogs `kubectl cmf statement
// logs`.
func newAppLogs(c *common) *cobra.Command {
	return newLogs(c, cmf.Must("app"), "an application", "basic-example", "")
}

func newStatementLogs(c *common) *cobra.Command {
	return newLogs(c, cmf.Must("statement"), "a statement", "clicks", " On a SHARED pool they are those of the pool, on which other statements run, too.")
}

func newLogs(c *common, kind *cmf.Kind, whose, name, more string) *cobra.Command {
	l := &logs{common: c, kind: kind}
	call := "kubectl cmf " + kind.Name + " logs " + name
	cmd := &cobra.Command{
		Use: "logs " + nameArg(kind), Short: "Print the logs of " + whose + "'s pods",
		Long:              "Print the logs of " + whose + "'s pods. They are read from Kubernetes, in the namespace of its environment: the kube context must be that of the cluster where it runs." + more,
		Example:           plugin.Examples(call + "\n" + call + " --component jobmanager -f --tail 100\n" + call + " --component taskmanager --tail 20"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(kind),
		RunE:              plugin.RunE(l),
	}
	flags := cmd.Flags()
	flags.BoolVarP(&l.follow, "follow", "f", false, "Go on as lines come")
	flags.Int64Var(&l.tail, "tail", -1, "Lines from the end of each log (-1: all)")
	flags.StringVar(&l.component, "component", "", "jobmanager or taskmanager only")
	flags.BoolVar(&l.previous, "previous", false, "Print the logs of the containers before these")
	return cmd
}

// Validate finds what is wrong with the flags.
func (l *logs) Validate() error {
	switch l.component {
	case "", "jobmanager", "taskmanager":
		return nil
	}
	return exit.Usagef("--component must be jobmanager or taskmanager, not %q", l.component)
}

// Run prints the logs.
func (l *logs) Run(ctx context.Context) error {
	client, err := l.client(ctx)
	if err != nil {
		return err
	}
	ref, err := l.ref(ctx, l.kind, l.Args[0])
	if err != nil {
		return err
	}
	return l.run(ctx, client, ref)
}
