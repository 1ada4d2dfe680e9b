package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/statement"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/view"
)

// exceptionsOptions are the flags of `kubectl cmf statement exceptions`.
type exceptionsOptions struct {
	*common
	plugin.Arguments
	output printer.Flags
	trace  bool
}

// newStatementExceptions is `kubectl cmf statement exceptions`.
func newStatementExceptions(c *common) *cobra.Command {
	o := &exceptionsOptions{common: c}
	cmd := &cobra.Command{
		Use: "exceptions STATEMENT", Short: "Show the last exceptions of a statement, root cause first",
		Long:              "Show the last exceptions of a statement (CMF keeps ten), newest first: the root cause, and below it what it led to.",
		Example:           plugin.Examples("kubectl cmf statement exceptions clicks\nkubectl cmf statement exceptions clicks --trace\nkubectl cmf statement exceptions clicks -o jsonpath='{.items[*].rootCause}'"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(cmf.Must("statement")),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	cmd.Flags().BoolVar(&o.trace, "trace", false, "Print all that CMF has of each, with stack traces")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *exceptionsOptions) Validate() error { return o.output.Validate() }

// Run prints the exceptions.
func (o *exceptionsOptions) Run(ctx context.Context) error {
	client, ref, err := o.named(ctx, cmf.Must("statement"), o.Args[0])
	if err != nil {
		return err
	}
	found, err := client.Exceptions(ctx, ref)
	if err != nil {
		return err
	}
	palette, err := o.palette()
	if err != nil {
		return err
	}
	if len(found) == 0 && o.output.IsHuman() {
		fmt.Fprintf(o.ErrOut, "No exceptions of %s.\n", ref.Where())
		return nil
	}
	return o.output.Print(o.Out, view.ExceptionsResult(view.Exceptions(found), o.trace, o.now(), palette))
}

// resultsOptions are the flags of `kubectl cmf statement results`.
type resultsOptions struct {
	*common
	plugin.Arguments
	output, token string
	limit         int
	timeout       time.Duration
	showSecrets   bool
}

// newStatementResults is `kubectl cmf statement results`.
func newStatementResults(c *common) *cobra.Command {
	o := &resultsOptions{common: c}
	cmd := &cobra.Command{
		Use: "results STATEMENT", Short: "Print the results of a statement that queries",
		Long: `Print the results of a statement that queries, as they come, until it has ended. The
statement is left as it is.

CMF gives each page of results once: what was read can't be read again, here or
elsewhere. Where reading is ended early, the token of the next page is printed on
standard error: --page-token goes on there. Rows that were on their way are lost.`,
		Example: plugin.Examples(`
			kubectl cmf statement results clicks
			kubectl cmf statement results clicks -o csv > clicks.csv
			kubectl cmf statement results clicks -o ndjson --limit 100`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(cmf.Must("statement")),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.output, "output", "o", "", "Output format of results. One of: ("+strings.Join(sqlshell.Formats(), ", ")+")")
	_ = cmd.RegisterFlagCompletionFunc("output", completion.Fixed(sqlshell.Formats()...))
	flags.StringVar(&o.token, "page-token", "", "Page to begin with (default: the first)")
	flags.IntVar(&o.limit, "limit", 0, "End after so many rows; 0 is no limit")
	flags.DurationVar(&o.timeout, "timeout", 0, "How long it may take; 0 is no bound")
	flags.BoolVar(&o.showSecrets, "show-secrets", false, "Print passwords and keys that SHOW CREATE and EXPLAIN show")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *resultsOptions) Validate() error { return sqlshell.CheckFormat(o.output) }

// Run prints the results.
func (o *resultsOptions) Run(ctx context.Context) error {
	o.noteSecrets(o.showSecrets)
	client, ref, err := o.named(ctx, cmf.Must("statement"), o.Args[0])
	if err != nil {
		return err
	}
	object, err := client.Get(ctx, ref)
	if err != nil {
		return err
	}
	execution, err := statement.Attach(client.Client, ref, object, o.token, o.poll)
	if err != nil {
		return err
	}
	err = sqlshell.Results(ctx, execution, object.Text("spec.statement"), sqlshell.Options{
		IOStreams: o.IOStreams, Format: o.output, Limit: o.limit, Timeout: o.timeout, Quiet: o.quiet, ShowSecrets: o.showSecrets,
	})
	if next := execution.Following(); next != "" && !o.quiet {
		fmt.Fprintf(o.ErrOut, "there is more: %s statement results %s -e %s --page-token %s\n", displayName(os.Args), ref.Name, ref.Scope.Environment, quoted(next))
	}
	return err
}

// quoted is foreign text as one word of a shell.
func quoted(text string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.=+/:"
	if strings.Trim(text, plain) == "" {
		return text
	}
	return "'" + strings.ReplaceAll(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, text), "'", `'\''`) + "'"
}

// rescaleOptions are the flags of `kubectl cmf statement rescale`.
type rescaleOptions struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	kind        *cmf.Kind
	parallelism int
	loseState   bool
	force       bool
}

// newStatementRescale is `kubectl cmf statement rescale`.
func newStatementRescale(c *common) *cobra.Command {
	o := &rescaleOptions{common: c, kind: cmf.Must("statement")}
	cmd := &cobra.Command{
		Use: "rescale STATEMENT --parallelism N", Aliases: []string{"scale"}, Short: "Change the parallelism of a statement",
		Long:              "Change the parallelism of a statement. A running job is stopped for that and goes on from its state; a stateless one loses it, which needs --lose-state.",
		Example:           plugin.Examples("kubectl cmf statement rescale clicks --parallelism 4\nkubectl cmf statement rescale clicks --parallelism 4 --wait\nkubectl cmf statement rescale clicks --parallelism 2 -e dev-env --wait --timeout 5m"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.oneName(o.kind),
		RunE:              plugin.RunE(o),
	}
	cmd.Flags().IntVar(&o.parallelism, "parallelism", 0, "The new parallelism")
	cmd.Flags().BoolVar(&o.loseState, "lose-state", false, "Rescale even a stateless statement")
	cmd.Flags().BoolVar(&o.force, "force", false, "Go on even where Confluent for Kubernetes manages the statement")
	o.AddRunFlags(cmd, plugin.RunWords{Wait: "Wait until it runs with it", Timeout: atMost, TimeoutDefault: 10 * time.Minute, Endless: true})
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *rescaleOptions) Validate() error {
	if o.parallelism < 1 {
		return exit.Usagef("--parallelism must be at least 1")
	}
	return o.CheckRun()
}

// rescalable are the phases in which CMF takes another parallelism.
var rescalable = []string{"", cmf.PhasePending, cmf.PhaseRunning, cmf.PhaseStopped, cmf.PhaseFailing}

// Run rescales the statement.
func (o *rescaleOptions) Run(ctx context.Context) error {
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	client, ref, err := o.named(ctx, o.kind, o.Args[0])
	if err != nil {
		return err
	}
	before, err := client.Get(ctx, ref)
	if err != nil {
		return err
	}
	if now := before.Text("spec.parallelism"); now == strconv.Itoa(o.parallelism) {
		_, err := fmt.Fprintf(o.Out, "%s has parallelism %d already\n", ref, o.parallelism)
		return err
	}
	if phase := before.Text("status.phase"); !slices.Contains(rescalable, phase) {
		return fmt.Errorf("%s is %s, in which CMF takes no other parallelism", ref.Where(), phase)
	}
	if err := o.managed(ref, before, o.force); err != nil {
		return err
	}
	if err := apply.LosesState(ref, before); err != nil && !o.loseState {
		return err
	}
	if unknown := apply.StateUnknown(ref, before); !o.loseState && unknown != "" {
		fmt.Fprintln(o.ErrOut, "warning: "+unknown)
	}
	if err := statement.Change(ctx, client.Client, ref, before, func(object cmf.Object) {
		object.Set("spec.parallelism", json.Number(strconv.Itoa(o.parallelism)))
	}); err != nil {
		return err
	}
	if o.Wait {
		line := o.progress()
		defer line.Done()
		ready := apply.Ready(ref, before)
		if _, err := o.waiter(client.Client, line).For(ctx, ref, func(object cmf.Object) (bool, error) {
			if object.Text("spec.parallelism") != strconv.Itoa(o.parallelism) {
				return false, nil
			}
			return ready(object)
		}); err != nil {
			return apply.Requested(err, "the rescaling")
		}
	}
	did := "rescaling requested"
	if o.Wait {
		did = "rescaled"
	}
	_, err = fmt.Fprintf(o.Out, "%s %s: parallelism %d\n", ref, did, o.parallelism)
	return err
}

// managed refuses to change what Confluent for Kubernetes would change back.
func (c *common) managed(ref cmf.Ref, o cmf.Object, force bool) error {
	owner := apply.ManagedBy(o)
	if owner == "" {
		return nil
	}
	text := fmt.Sprintf("%s is managed by Confluent for Kubernetes (%s), which will revert this", ref.Where(), owner)
	if !force {
		return fmt.Errorf("%s; change it there, or use --force", text)
	}
	c.warn("%s", text)
	return nil
}

// startFrom makes a stopped statement begin from the savepoint that wanted
// names: one of its own, a detached one, or a path.
func startFrom(ctx context.Context, client *connect.Connection, ref cmf.Ref, wanted string, allowNonRestored bool) (map[string]any, error) {
	out := map[string]any{}
	if allowNonRestored {
		out["allowNonRestoredState"] = true
	}
	if strings.Contains(wanted, "/") {
		out["initialSavepointPath"] = wanted
		return out, nil
	}
	scope := ref.Scope
	scope.Statement = ref.Name
	for _, place := range []struct {
		kind  *cmf.Kind
		scope cmf.Scope
	}{{cmf.Must("savepoint"), scope}, {cmf.Must("detached-savepoint"), cmf.Scope{}}} {
		list, err := client.List(ctx, place.kind, place.scope, cmf.ListOptions{})
		if err != nil {
			return nil, err
		}
		for _, o := range list {
			if o.Name() != wanted && o.Text("metadata.uid") != wanted {
				continue
			}
			if state, verdict, why := place.kind.State(o); verdict != cmf.Ready {
				return nil, fmt.Errorf("savepoint %s is %s and can't be started from%s", o.Name(), state, because(why))
			}
			if place.kind == cmf.Must("savepoint") {
				out["savepointName"] = o.Name()
			} else {
				out["uid"] = o.Text("metadata.uid")
			}
			return out, nil
		}
	}
	return nil, fmt.Errorf("there is no savepoint %q of %s, nor a detached one of that name", wanted, ref.Where())
}

// completeStatementStart completes savepoints to start a statement from.
func (c *common) completeStatementStart(ctx context.Context, args []string, _ string) ([]completion.Choice, error) {
	if len(args) == 0 {
		return nil, nil
	}
	client, ref, err := c.named(ctx, cmf.Must("statement"), args[0])
	if err != nil {
		return nil, err
	}
	scope := ref.Scope
	scope.Statement = ref.Name
	return savepointChoices(ctx, client, scope), nil
}
