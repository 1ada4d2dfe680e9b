package cmd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// appChange is a verb that changes what applications do.
type appChange struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	batch.Options
	loseState bool
	force     bool
	yes       bool
	from      string
	selector  string
	all       bool
	each      bool
	rest      batch.Rest
	// did is the verb in the past tense, loses what a stateless application
	// loses by it; "" is nothing.
	did, loses string
	do         func(ctx context.Context, client *connect.Connection, ref cmf.Ref) error
}

func (a *appChange) command(use, short, long, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Long: long, Example: plugin.Examples(example),
		ValidArgsFunction: completion.Values(a.completeNames(cmf.Must("app"))),
		RunE:              plugin.RunE(a),
	}
	flags := cmd.Flags()
	a.AddRunFlags(cmd, plugin.RunWords{
		Wait: "Wait for the result", WaitDefault: true,
		Timeout: "How long to wait at most for each (0: for ever)", TimeoutDefault: 10 * time.Minute, Endless: true,
	})
	a.AddFlags(cmd)
	flags.StringVarP(&a.selector, "selector", "l", "", "Select applications by labels, as in kubectl")
	flags.BoolVar(&a.all, "all", false, "Every application in the environment")
	flags.BoolVarP(&a.each, "all-environments", "A", false, "With --all or -l: in all environments")
	flags.BoolVarP(&a.yes, "yes", "y", false, "Don't ask before several applications are changed")
	flags.BoolVar(&a.force, "force", false, "Go on even where Confluent for Kubernetes manages the application")
	return cmd
}

// Complete takes over the names.
func (a *appChange) Complete(cmd *cobra.Command, args []string) error {
	a.rest = batch.NewRest(cmd, nil, "selector", "all", "all-environments", "environment")
	return a.Arguments.Complete(cmd, args)
}

// Validate finds what is wrong with the flags.
func (a *appChange) Validate() error {
	chosen := a.all || a.selector != ""
	switch {
	case chosen && len(a.Args) > 0:
		return exit.Usagef("give names, or --all, or -l, but not both")
	case !chosen && len(a.Args) == 0:
		return exit.Usagef("which applications? Give one or more names, --all or -l")
	case a.each && !chosen:
		return exit.Usagef("--all-environments wants --all or a selector (-l)")
	case a.from != "" && (chosen || len(a.Args) > 1):
		return exit.Usagef("--from is the state of one application; name one")
	}
	if _, err := labels.Parse(a.selector); err != nil {
		return exit.Usagef("--selector: %w", err)
	}
	if err := a.Options.Validate(); err != nil {
		return err
	}
	return a.CheckRun()
}

// Run changes the applications.
func (a *appChange) Run(ctx context.Context) error {
	lookup, found := a.Bounded(ctx)
	defer found()
	client, err := a.client(lookup)
	if err != nil {
		return err
	}
	refs, err := a.refs(lookup, client)
	if err != nil {
		return err
	}
	one := func(ctx context.Context, ref cmf.Ref) (struct{}, error) {
		ctx, cancel := a.Bounded(ctx)
		defer cancel()
		return struct{}{}, a.do(ctx, client, ref)
	}
	if len(a.Args) == 1 {
		_, err := one(ctx, refs[0])
		return err
	}
	if err := a.agreed(ctx, refs); err != nil {
		return err
	}
	results := batch.Run(ctx, refs, a.Options, one, func(r batch.Result[cmf.Ref, struct{}], _ int) {
		if r.Err != nil {
			fmt.Fprintln(a.ErrOut, term.Safe(a.name(r.Item)+": ")+kube.Message(r.Err))
		}
	})
	return batch.Err(ctx, results, batch.Words[cmf.Ref]{Noun: "application", Name: a.name, Rest: a.commands})
}

// refs are the applications meant.
func (a *appChange) refs(ctx context.Context, client *connect.Connection) ([]cmf.Ref, error) {
	kind := cmf.Must("app")
	var refs []cmf.Ref
	for _, name := range a.Args {
		ref, err := a.ref(ctx, kind, name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	if len(a.Args) > 0 {
		return refs, nil
	}
	scopes, err := a.scopes(ctx, client, kind)
	if err != nil {
		return nil, err
	}
	selector, err := labels.Parse(a.selector)
	if err != nil {
		return nil, exit.Usagef("--selector: %w", err)
	}
	lists, err := gather(ctx, client, kind, scopes, cmf.ListOptions{Selector: selector})
	if err != nil {
		return nil, err
	}
	for i, list := range lists {
		for _, o := range list {
			refs = append(refs, cmf.Ref{Kind: kind, Scope: scopes[i], Name: o.Name()})
		}
	}
	if len(refs) == 0 {
		return nil, errors.New("no applications match")
	}
	return refs, nil
}

// scopes are the environments meant.
func (a *appChange) scopes(ctx context.Context, client *connect.Connection, kind *cmf.Kind) ([]cmf.Scope, error) {
	if !a.each {
		scope, err := a.place(ctx, kind)
		return []cmf.Scope{scope}, err
	}
	environments, err := client.List(ctx, cmf.Must("env"), cmf.Scope{}, cmf.ListOptions{})
	if err != nil {
		return nil, err
	}
	var out []cmf.Scope
	for _, o := range environments {
		out = append(out, cmf.Scope{Environment: o.Name()})
	}
	return out, nil
}

// agreed asks one question about all of them, where somebody can be asked.
func (a *appChange) agreed(ctx context.Context, refs []cmf.Ref) error {
	if a.yes || !plugin.CanAsk(a.IOStreams) && !(a.loseState && a.loses != "") {
		return nil
	}
	what := fmt.Sprintf("%d applications will be %s", len(refs), a.did)
	if a.loseState && a.loses != "" {
		what += "; " + a.loses
	}
	what += ":"
	for _, ref := range refs {
		what += "\n  " + ref.Where()
	}
	return a.confirm(ctx, false, what)
}

func (a *appChange) name(ref cmf.Ref) string {
	if a.each {
		return ref.Scope.Environment + "/" + ref.Name
	}
	return ref.Name
}

// commands are the commands that go on with refs: one for each environment.
func (a *appChange) commands(refs []cmf.Ref) []string {
	names := map[string][]string{}
	for _, ref := range refs {
		names[ref.Scope.Environment] = append(names[ref.Scope.Environment], ref.Name)
	}
	var out []string
	for _, environment := range slices.Sorted(maps.Keys(names)) {
		out = append(out, a.rest.Command(names[environment], "-e", environment))
	}
	return out
}

func newAppStart(c *common) *cobra.Command {
	a := &appChange{common: c, did: "started"}
	a.do = a.start
	cmd := a.command("start APP ...", "Start a suspended application",
		"Start a suspended application, from the state that it was suspended with or from a savepoint.",
		"kubectl cmf app start basic-example\nkubectl cmf app start basic-example --from before-upgrade\nkubectl cmf app start basic-example --wait=false")
	cmd.Flags().StringVar(&a.from, "from", "", "Savepoint to start from: the name or UID of one of the application's, or of a detached one")
	_ = cmd.RegisterFlagCompletionFunc("from", completion.Values(c.completeStart))
	return cmd
}

func newAppSuspend(c *common) *cobra.Command {
	a := &appChange{common: c, did: "suspended", loses: "stateless ones lose their state"}
	a.do = a.suspend
	cmd := a.command("suspend APP ...", "Stop an application and keep it",
		"Stop an application and keep it. Its upgradeMode says what becomes of the state; with stateless it is lost.",
		"kubectl cmf app suspend basic-example\nkubectl cmf app suspend basic-example --timeout 2m\nkubectl cmf app suspend basic-example --lose-state")
	cmd.Flags().BoolVar(&a.loseState, "lose-state", false, "Suspend even an application whose upgradeMode is stateless")
	return cmd
}

func newAppRestart(c *common) *cobra.Command {
	a := &appChange{common: c, did: "restarted", loses: "stateless ones lose their state"}
	a.do = a.restart
	cmd := a.command("restart APP ...", "Suspend an application and start it again",
		"Suspend an application and start it again, from the state that suspending kept.",
		"kubectl cmf app restart basic-example\nkubectl cmf app restart basic-example --timeout 20m\nkubectl cmf app restart basic-example -e dev-env")
	_ = cmd.Flags().MarkHidden("wait")
	cmd.Flags().BoolVar(&a.loseState, "lose-state", false, "Restart even an application whose upgradeMode is stateless")
	return cmd
}

func (a *appChange) restart(ctx context.Context, client *connect.Connection, ref cmf.Ref) error {
	// Starting before it has stopped would start nothing.
	waiting := *a
	waiting.Wait = true
	if err := waiting.suspend(ctx, client, ref); err != nil {
		return err
	}
	return stillSuspended(ctx, client, ref, waiting.start(ctx, client, ref))
}

// stillSuspended adds to the error of a start that the application is left
// suspended, where it is.
func stillSuspended(ctx context.Context, client *connect.Connection, ref cmf.Ref, err error) error {
	if err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if now, getErr := client.Get(ctx, ref); getErr != nil || now.Text("spec.job.state") != api.WantSuspended {
		return err
	}
	return fmt.Errorf("%w\n%s is suspended now; to start it: kubectl cmf app start %s -e %s", err, ref.Where(), ref.Name, ref.Scope.Environment)
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
	if before.Text("spec.job.state") == api.WantSuspended {
		if state, verdict, _ := ref.Kind.State(before); verdict == cmf.Ready {
			_, err := fmt.Fprintf(a.Out, "%s is %s already\n", ref, state)
			return err
		}
	}
	if mode, source := apply.UpgradeMode(ctx, client.Client, ref, before); apply.Stateless(mode) && !a.loseState {
		return fmt.Errorf("%s: its upgradeMode is stateless (%s), so that suspending loses its state; take a savepoint first (kubectl cmf app savepoint %s) or set it to savepoint, and use --lose-state if that is what you want",
			ref.Where(), source, ref.Name)
	}
	if _, err := client.Act(ctx, ref, "suspend", nil); err != nil {
		return err
	}
	did := "suspension requested"
	if a.Wait {
		line := a.progress()
		defer line.Done()
		condition := func(o cmf.Object) (bool, error) {
			// CMF writes the wish into the spec; until then the status is old.
			if o.Text("spec.job.state") != api.WantSuspended {
				return false, nil
			}
			return apply.Ready(ref, nil)(o)
		}
		if _, err := a.waiter(client.Client, line).For(ctx, ref, condition); err != nil {
			return apply.Requested(err, "the suspension")
		}
		did = "suspended"
	}
	_, err = fmt.Fprintf(a.Out, "%s %s\n", ref, did)
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
	if state, verdict, _ := ref.Kind.State(before); verdict == cmf.Ready && before.Text("spec.job.state") != api.WantSuspended && a.from == "" {
		_, err := fmt.Fprintf(a.Out, "%s is %s already\n", ref, state)
		return err
	}
	query := url.Values{}
	if a.from != "" {
		if before.Text("spec.job.state") != api.WantSuspended {
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
	did := "start requested"
	if a.Wait {
		line := a.progress()
		defer line.Done()
		if _, err := a.waiter(client.Client, line).For(ctx, ref, started(ref, before)); err != nil {
			return a.withEvents(ctx, client, ref, apply.Requested(err, "the start"))
		}
		did = "started"
	}
	_, err = fmt.Fprintf(a.Out, "%s %s\n", ref, did)
	return err
}

// started is ready in a deployment other than before's.
func started(ref cmf.Ref, before cmf.Object) apply.Condition {
	ready := apply.Ready(ref, before)
	return func(o cmf.Object) (bool, error) {
		if o.Text("spec.job.state") == api.WantSuspended {
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
		text += "\n  " + e.Text("status.type") + " " + cmf.Bounded(view.EventMessage(e))
	}
	if text == "" {
		return err
	}
	return fmt.Errorf("%w\nnewest events:%s", err, text)
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
