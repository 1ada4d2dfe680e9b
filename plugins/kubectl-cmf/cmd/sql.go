package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/statement"
)

// sqlOptions are the flags of `kubectl cmf sql`.
type sqlOptions struct {
	*common
	plugin.Arguments
	execute, files, set     []string
	pool, catalog, database string
	output                  string
	limit                   int
	timeout                 time.Duration
	wait, full, showSecrets bool
}

func newSQL(c *common) *cobra.Command {
	o := &sqlOptions{common: c}
	cmd := &cobra.Command{
		Use: "sql", Short: "Run SQL: a prompt, statements or files",
		GroupID: other,
		Long: `Run SQL as CMF's statements: at a prompt, or those of --execute and -f one after
another. Each is a statement of the environment on a compute pool. One whose
results were shown is deleted afterwards; one that writes, such as INSERT, stays
and goes on, and its name is printed.

CMF has no sessions: what SET and USE say is kept here and sent with each
statement.`,
		Example: plugin.Examples(`
			# A prompt
			kubectl cmf sql

			# One statement, for a script
			kubectl cmf sql --execute 'SHOW CATALOGS' -o csv

			# A file; the first error ends it
			kubectl cmf sql -f pipeline.sql --pool pool1 --catalog kafka-1 --database main`),
		Args:              cobra.NoArgs,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.execute, "execute", nil, "Statements to run; may be repeated")
	flags.StringArrayVarP(&o.files, "file", "f", nil, "File with statements to run, after those of --execute; - is standard input; may be repeated")
	flags.StringVar(&o.pool, "pool", "", "Compute pool to run on (default: the only one)")
	_ = cmd.RegisterFlagCompletionFunc("pool", completion.Values(c.completeNames(cmf.Must("pool"))))
	flags.StringVar(&o.catalog, "catalog", "", "Catalog of unqualified names")
	_ = cmd.RegisterFlagCompletionFunc("catalog", completion.Values(c.completeNames(cmf.Must("catalog"))))
	flags.StringVar(&o.database, "database", "", "Database of unqualified names")
	flags.StringVarP(&o.output, "output", "o", "", "Output format of results. One of: ("+strings.Join(sqlshell.Formats(), ", ")+")")
	_ = cmd.RegisterFlagCompletionFunc("output", completion.Fixed(sqlshell.Formats()...))
	flags.IntVar(&o.limit, "limit", 0, "End a query after so many rows, or, where it changes rows that it gave before, print so many of those at its end; 0 is no limit")
	flags.DurationVar(&o.timeout, "timeout", 0, "How long each statement may take; 0 is no bound")
	flags.StringArrayVar(&o.set, "set", nil, "Flink configuration KEY=VALUE, as SET does; may be repeated")
	flags.BoolVar(&o.wait, "wait", false, "Wait until a statement that writes has ended, and fail where it fails")
	flags.BoolVar(&o.showSecrets, "show-secrets", false, "Print passwords and keys that SET, SHOW CREATE and EXPLAIN show")
	flags.BoolVar(&o.full, "full", false, "Print all of an error that CMF sent")
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *sqlOptions) Validate() error {
	if strings.ContainsAny(o.scope.Environment, " \t\n;") {
		return exit.Usagef("%q is no environment: -e names the environment here; a statement is given with --execute", o.scope.Environment)
	}
	return sqlshell.CheckFormat(o.output)
}

// Run runs the statements, or the prompt.
func (o *sqlOptions) Run(ctx context.Context) error {
	configuration := map[string]string{}
	for _, pair := range o.set {
		key, value, ok := strings.Cut(pair, "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return exit.Usagef("--set %q: want KEY=VALUE", pair)
		}
		configuration[key] = value
	}
	sources, done, err := o.sources(ctx)
	defer done()
	if err != nil {
		return err
	}
	checked := sources
	if len(checked) == 0 {
		checked = []sqlshell.Source{{Name: "-", Text: o.In}}
	}
	if err := sqlshell.Check(checked); err != nil {
		return err
	}
	client, err := o.client(ctx)
	if err != nil {
		return err
	}
	environment, err := o.environment(ctx)
	if err != nil {
		return err
	}
	if o.pool == "" {
		if o.pool, err = onlyPool(ctx, client, environment); err != nil {
			return err
		}
	}
	session := statement.Open(client.Client, statement.Options{
		Environment: environment, Pool: o.pool, Catalog: o.catalog, Database: o.database, Configuration: configuration,
		Poll: o.poll, Now: o.now,
		StopHint: func(name string) string {
			return fmt.Sprintf("%s statement stop %s -e %s", displayName(os.Args), name, environment)
		},
	})
	defer session.Close(ctx) //nolint:errcheck // it never fails
	options := sqlshell.Options{
		IOStreams: o.IOStreams, Format: o.output, Limit: o.limit, Timeout: o.timeout, Wait: o.wait, Full: o.full, Quiet: o.quiet, ShowSecrets: o.showSecrets,
		Prompt: environment, HistoryFile: sqlHistory(),
	}
	o.noteSecrets(o.showSecrets)
	if len(sources) > 0 {
		return sqlshell.Script(ctx, session, sources, options)
	}
	return sqlshell.Run(ctx, session, options)
}

// sources opens what --execute and -f name.
func (o *sqlOptions) sources(ctx context.Context) (sources []sqlshell.Source, done func(), err error) {
	var open []io.Closer
	done = func() {
		for _, f := range open {
			_ = f.Close()
		}
	}
	for _, text := range o.execute {
		sources = append(sources, sqlshell.Source{Name: "--execute", Text: strings.NewReader(text)})
	}
	stdin := false
	for _, name := range o.files {
		if name == "-" {
			if stdin {
				return nil, done, exit.Usagef("-f - can be given once")
			}
			stdin = true
			sources = append(sources, sqlshell.Source{Name: name, Text: o.In})
			continue
		}
		f, err := source.Open(ctx, name)
		if ctx.Err() != nil {
			return nil, done, context.Cause(ctx)
		}
		if err != nil {
			return nil, done, exit.With(exit.Usage, fmt.Errorf("-f: %w", err))
		}
		open = append(open, f)
		sources = append(sources, sqlshell.Source{Name: name, Text: f})
	}
	return sources, done, nil
}

// onlyPool is the environment's compute pool, where it has one.
func onlyPool(ctx context.Context, client *connect.Connection, environment string) (string, error) {
	list, err := client.List(ctx, cmf.Must("pool"), cmf.Scope{Environment: environment}, cmf.ListOptions{})
	if err != nil {
		return "", err
	}
	var names []string
	for _, o := range list {
		names = append(names, o.Name())
	}
	slices.Sort(names)
	switch len(names) {
	case 1:
		return names[0], nil
	case 0:
		return "", exit.Usagef("environment %s has no compute pool for statements to run on; make one with: kubectl cmf pool create -f FILE -e %s", environment, environment)
	}
	return "", exit.Usagef("which compute pool? Say it with --pool; environment %s has: %s", environment, strings.Join(names, ", "))
}

// sqlHistory is where the prompt keeps its history; "" where there is no home.
func sqlHistory() string {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(dir, "kubectl-cmf", "sql_history")
}

// newStatementStop is `kubectl cmf statement stop`, newStatementResume its
// opposite.
func newStatementStop(c *common) *cobra.Command {
	return newStopped(c, "stop", "Stop a statement", true)
}

func newStatementResume(c *common) *cobra.Command {
	return newStopped(c, "resume", "Let a stopped statement run again", false)
}

// stoppedOptions are the flags of `kubectl cmf statement stop` and `resume`.
type stoppedOptions struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	kind      *cmf.Kind
	verb      string
	stopped   bool
	loseState bool
	force     bool
	// from is the savepoint to start from, nonRestored lets what of it fits
	// nothing fall away.
	from        string
	nonRestored bool
}

// Validate finds what is wrong with the flags.
func (o *stoppedOptions) Validate() error {
	if o.nonRestored && o.from == "" {
		return exit.Usagef("--allow-non-restored-state is for --from")
	}
	return o.CheckRun()
}

// Run stops the statement, or lets it run again.
func (o *stoppedOptions) Run(ctx context.Context) error {
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	client, ref, err := o.named(ctx, o.kind, o.Args[0])
	if err != nil {
		return err
	}
	object, err := client.Get(ctx, ref)
	if err != nil {
		return err
	}
	if text, err := o.already(ref, object); text != "" || err != nil {
		if err == nil {
			_, err = fmt.Fprintln(o.Out, text)
		}
		return err
	}
	if err := apply.LosesState(ref, object); o.stopped && err != nil && !o.loseState {
		return err
	}
	if err := o.managed(ref, object, o.force); err != nil {
		return err
	}
	if unknown := apply.StateUnknown(ref, object); o.stopped && !o.loseState && unknown != "" {
		fmt.Fprintln(o.ErrOut, "warning: "+unknown)
	}
	var from map[string]any
	if o.from != "" {
		if phase := object.Text("status.phase"); object.Text("spec.stopped") != "true" || phase == cmf.PhaseRunning {
			return fmt.Errorf("%s is not stopped (%s); stop it before it is started from a savepoint", ref.Where(), phase)
		}
		if from, err = startFrom(ctx, client, ref, o.from, o.nonRestored); err != nil {
			return err
		}
		// CMF looks at it again only where the number is another one.
		from["savepointRedeployNonce"] = json.Number(strconv.FormatInt(o.now().UnixMilli(), 10))
	}
	if err := statement.Change(ctx, client.Client, ref, object, func(changed cmf.Object) {
		changed.Set("spec.stopped", o.stopped)
		if from != nil {
			changed.Set("spec.startFromSavepoint", from)
		}
	}); err != nil {
		return err
	}
	did := o.verb + " requested"
	if o.Wait {
		line := o.progress()
		defer line.Done()
		ready := apply.Ready(ref, nil)
		condition := func(now cmf.Object) (bool, error) {
			// Until CMF has the wish in the spec, the status is what the old one asks for.
			if (now.Text("spec.stopped") == "true") != o.stopped {
				return false, nil
			}
			return ready(now)
		}
		now, err := o.waiter(client.Client, line).For(ctx, ref, condition)
		if err != nil {
			return apply.Requested(err, map[bool]string{true: "the stop", false: "the resumption"}[o.stopped])
		}
		did = map[bool]string{true: "stopped", false: "resumed"}[o.stopped]
		if phase := now.Text("status.phase"); o.stopped && phase == cmf.PhaseCompleted {
			did = "has ended by itself: it is " + phase
		}
	}
	_, err = fmt.Fprintf(o.Out, "%s %s\n", ref, did)
	return err
}

// already says that the statement is as it is wanted, which changes nothing, or
// why it never will be; neither where it is to be changed.
func (o *stoppedOptions) already(ref cmf.Ref, object cmf.Object) (text string, err error) {
	phase := object.Text("status.phase")
	stopped := object.Text("spec.stopped") == "true"
	switch {
	case phase == cmf.PhaseDeleting:
		return "", fmt.Errorf("%s is being deleted", ref.Where())
	case o.stopped && (phase == cmf.PhaseCompleted || stopped && phase == cmf.PhaseStopped):
		return fmt.Sprintf("%s is %s already", ref, phase), nil
	case o.stopped || stopped || o.from != "":
		return "", nil
	case phase == cmf.PhaseCompleted || phase == cmf.PhaseFailed:
		return "", fmt.Errorf("%s is %s and was not stopped: only a stopped statement goes on; to run it again, delete it and create it again", ref.Where(), phase)
	case phase == cmf.PhaseRunning:
		return fmt.Sprintf("%s is %s already", ref, phase), nil
	}
	return "", nil
}

func newStopped(c *common, verb, short string, stopped bool) *cobra.Command {
	o := &stoppedOptions{common: c, kind: cmf.Must("statement"), verb: verb, stopped: stopped}
	long := "Let a stopped statement run again: from the state that stopping kept, or from nothing where its upgrade mode is stateless."
	if stopped {
		long = "Stop a statement. Its upgrade mode says what becomes of the state: spec.upgradeMode, or what CMF chose (status.traits.upgradeMode), which is stateless where the compute pool has no directories for checkpoints and savepoints. A stateless one loses it: that needs --lose-state."
	}
	cmd := &cobra.Command{
		Use: verb + " STATEMENT", Short: short, Long: long,
		Example: plugin.Examples(fmt.Sprintf("kubectl cmf statement %s clicks\nkubectl cmf statement %s clicks --wait\nkubectl cmf statement %s clicks -e dev-env --wait --timeout 5m", verb, verb, verb)),
		Args:    cobra.ExactArgs(1), ValidArgsFunction: c.oneName(o.kind),
		RunE: plugin.RunE(o),
	}
	cmd.Flags().BoolVar(&o.force, "force", false, "Go on even where Confluent for Kubernetes manages the statement")
	if stopped {
		cmd.Flags().BoolVar(&o.loseState, "lose-state", false, "Stop even a stateless statement")
	} else {
		cmd.Flags().StringVar(&o.from, "from", "", "Savepoint to start from instead: the name or UID of one of the statement's, or of a detached one, or a path")
		cmd.Flags().BoolVar(&o.nonRestored, "allow-non-restored-state", false, "With --from: start even where some of the savepoint's state belongs to nothing any more")
		_ = cmd.RegisterFlagCompletionFunc("from", completion.Values(c.completeStatementStart))
		cmd.Example += "\n  kubectl cmf statement resume clicks --from before-upgrade --wait"
	}
	o.AddRunFlags(cmd, plugin.RunWords{Wait: "Wait until it has", Timeout: atMost, TimeoutDefault: 10 * time.Minute, Endless: true})
	return cmd
}
