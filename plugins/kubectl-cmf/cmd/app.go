package cmd

import (
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// appChange is a verb that changes what an application does.
type appChange struct {
	*common
	loseState bool
	force     bool
	from      string
	wait      bool
	timeout   time.Duration
}

func (a *appChange) command(use, short, long, example string, run func(ctx context.Context, client *connect.Connection, ref cmf.Ref) error) *cobra.Command {
	kind := cmf.Must("app")
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: plugin.Examples(example),
		Args: cobra.ExactArgs(1), ValidArgsFunction: a.oneName(kind),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx, cancel := limited(cmd.Context(), a.timeout)
			defer cancel()
			client, err := a.client(ctx)
			if err != nil {
				return err
			}
			ref, err := a.ref(ctx, kind, args[0])
			if err != nil {
				return err
			}
			return run(ctx, client, ref)
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&a.wait, "wait", true, "Wait for the result")
	flags.DurationVar(&a.timeout, "timeout", 10*time.Minute, "How long to wait at most (0: for ever)")
	flags.BoolVar(&a.force, "force", false, "Go on even where Confluent for Kubernetes manages the application")
	return cmd
}

func newAppStart(c *common) *cobra.Command {
	a := &appChange{common: c}
	cmd := a.command("start APP", "Start a suspended application",
		"Start a suspended application, from the state that it was suspended with or from a savepoint.",
		"kubectl cmf app start basic-example\nkubectl cmf app start basic-example --from before-upgrade\nkubectl cmf app start basic-example --wait=false", a.start)
	cmd.Flags().StringVar(&a.from, "from", "", "Savepoint to start from: the name or UID of one of the application's, or of a detached one")
	_ = cmd.RegisterFlagCompletionFunc("from", completion.Values(c.completeStart))
	return cmd
}

func newAppSuspend(c *common) *cobra.Command {
	a := &appChange{common: c}
	cmd := a.command("suspend APP", "Stop an application and keep it",
		"Stop an application and keep it. Its upgradeMode says what becomes of the state; with stateless it is lost.",
		"kubectl cmf app suspend basic-example\nkubectl cmf app suspend basic-example --timeout 2m\nkubectl cmf app suspend basic-example --lose-state", a.suspend)
	cmd.Flags().BoolVar(&a.loseState, "lose-state", false, "Suspend even an application whose upgradeMode is stateless")
	return cmd
}

func newAppRestart(c *common) *cobra.Command {
	a := &appChange{common: c}
	cmd := a.command("restart APP", "Suspend an application and start it again",
		"Suspend an application and start it again, from the state that suspending kept.",
		"kubectl cmf app restart basic-example\nkubectl cmf app restart basic-example --timeout 20m\nkubectl cmf app restart basic-example -e dev-env", func(ctx context.Context, client *connect.Connection, ref cmf.Ref) error {
			a.wait = true // starting before it has stopped would start nothing
			if err := a.suspend(ctx, client, ref); err != nil {
				return err
			}
			return a.start(ctx, client, ref)
		})
	_ = cmd.Flags().MarkHidden("wait")
	cmd.Flags().BoolVar(&a.loseState, "lose-state", false, "Restart even an application whose upgradeMode is stateless")
	return cmd
}

// allowed refuses to change what Confluent for Kubernetes would change back.
func (a *appChange) allowed(ref cmf.Ref, o cmf.Object) error {
	owner := apply.ManagedBy(o)
	if owner == "" {
		return nil
	}
	text := fmt.Sprintf("%s is managed by Confluent for Kubernetes (%s), which will revert this", ref.Where(), owner)
	if !a.force {
		return fmt.Errorf("%s; change it there, or use --force", text)
	}
	a.warn("%s", text)
	return nil
}

func (a *appChange) suspend(ctx context.Context, client *connect.Connection, ref cmf.Ref) error {
	before, err := client.Get(ctx, ref)
	if err != nil {
		return err
	}
	if err := a.allowed(ref, before); err != nil {
		return err
	}
	if before.Text("spec.job.state") == "suspended" {
		if state, verdict, _ := ref.Kind.State(before); verdict == cmf.Ready {
			_, err := fmt.Fprintf(a.Out, "%s is %s already\n", ref, state)
			return err
		}
	}
	// Without the field the operator takes stateless.
	if mode := before.Text("spec.job.upgradeMode"); (mode == "stateless" || mode == "") && !a.loseState {
		return fmt.Errorf("%s: its upgradeMode is stateless, so that suspending loses its state; take a savepoint first (kubectl cmf app savepoint %s) or set spec.job.upgradeMode to savepoint, and use --lose-state if that is what you want",
			ref.Where(), ref.Name)
	}
	if _, err := client.Act(ctx, ref, "suspend", nil); err != nil {
		return err
	}
	if a.wait {
		line := a.progress()
		defer line.Done()
		condition := func(o cmf.Object) (bool, error) {
			// CMF writes the wish into the spec; until then the status is old.
			if o.Text("spec.job.state") != "suspended" {
				return false, nil
			}
			return apply.Ready(ref, nil)(o)
		}
		if _, err := a.waiter(client.Client, line).For(ctx, ref, condition); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(a.Out, "%s suspended\n", ref)
	return err
}

func (a *appChange) start(ctx context.Context, client *connect.Connection, ref cmf.Ref) error {
	before, err := client.Get(ctx, ref)
	if err != nil {
		return err
	}
	if err := a.allowed(ref, before); err != nil {
		return err
	}
	if state, verdict, _ := ref.Kind.State(before); verdict == cmf.Ready && before.Text("spec.job.state") != "suspended" && a.from == "" {
		_, err := fmt.Fprintf(a.Out, "%s is %s already\n", ref, state)
		return err
	}
	query := url.Values{}
	if a.from != "" {
		if before.Text("spec.job.state") != "suspended" {
			return fmt.Errorf("%s runs; suspend it before it is started from a savepoint", ref.Where())
		}
		uid, name, err := findSavepoint(ctx, client, ref, a.from)
		if err != nil {
			return err
		}
		query.Set("startFromSavepointUid", uid)
		fmt.Fprintf(a.ErrOut, "starting from savepoint %s\n", name)
	}
	if _, err := client.Act(ctx, ref, "start", query); err != nil {
		return err
	}
	if a.wait {
		line := a.progress()
		defer line.Done()
		if _, err := a.waiter(client.Client, line).For(ctx, ref, started(ref, before)); err != nil {
			return a.withEvents(ctx, client, ref, err)
		}
	}
	_, err = fmt.Fprintf(a.Out, "%s started\n", ref)
	return err
}

// started is ready in a deployment other than before's.
func started(ref cmf.Ref, before cmf.Object) apply.Condition {
	ready := apply.Ready(ref, before)
	return func(o cmf.Object) (bool, error) {
		if o.Text("spec.job.state") == "suspended" {
			return false, nil
		}
		return ready(o)
	}
}

// withEvents adds the newest events to a failure.
func (c *common) withEvents(ctx context.Context, client *connect.Connection, ref cmf.Ref, err error) error {
	if exit.Code(err) == exit.Interrupted {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	list, listErr := events(ctx, client, ref)
	if listErr != nil {
		return err
	}
	text := ""
	for _, e := range list[:min(len(list), 5)] {
		text += "\n  " + e.Text("status.type") + " " + e.Text("status.message|status.data.exceptionString")
	}
	if text == "" {
		return err
	}
	return fmt.Errorf("%w\nnewest events:%s", err, text)
}

// findSavepoint finds one by name or UID among the application's and the
// detached ones.
func findSavepoint(ctx context.Context, client *connect.Connection, app cmf.Ref, wanted string) (uid, name string, err error) {
	scope := app.Scope
	scope.Application = app.Name
	for _, place := range []struct {
		kind  *cmf.Kind
		scope cmf.Scope
	}{{cmf.Must("savepoint"), scope}, {cmf.Must("detached-savepoint"), cmf.Scope{}}} {
		list, err := client.List(ctx, place.kind, place.scope, cmf.ListOptions{})
		if err != nil {
			return "", "", err
		}
		for _, o := range list {
			if o.Name() != wanted && o.Text("metadata.uid") != wanted {
				continue
			}
			if state, verdict, why := place.kind.State(o); verdict != cmf.Ready {
				return "", "", fmt.Errorf("savepoint %s is %s and can't be started from%s", o.Name(), state, because(why))
			}
			return o.Text("metadata.uid"), fmt.Sprintf("%s (%s)", o.Name(), o.Text("status.path|spec.path")), nil
		}
	}
	return "", "", fmt.Errorf("there is no savepoint %q of %s, nor a detached one of that name", wanted, app.Where())
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}

// completeStart completes savepoints to start the application from.
func (c *common) completeStart(ctx context.Context, args []string, _ string) ([]completion.Choice, error) {
	if len(args) == 0 {
		return nil, nil
	}
	client, err := c.client(ctx)
	if err != nil {
		return nil, err
	}
	app, err := c.ref(ctx, cmf.Must("app"), args[0])
	if err != nil {
		return nil, err
	}
	scope := app.Scope
	scope.Application = app.Name
	var out []completion.Choice
	for kind, where := range map[*cmf.Kind]cmf.Scope{cmf.Must("savepoint"): scope, cmf.Must("detached-savepoint"): {}} {
		list, err := client.List(ctx, kind, where, cmf.ListOptions{})
		if err != nil {
			continue
		}
		for _, o := range list {
			out = append(out, completion.Choice{Value: o.Name(), Description: o.Text("status.path|spec.path")})
		}
	}
	return out, nil
}
