package cmd

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// verb is how an object that is, or isn't, there is treated.
type verb string

const (
	verbApply  verb = "apply"
	verbCreate verb = "create"
	verbUpdate verb = "update"
)

// applier is `apply`, `create` and `update`.
type applier struct {
	*common
	cmd *cobra.Command
	plugin.Arguments
	plugin.RunFlags
	kind *cmf.Kind
	verb verb
	filesFlags
	short shortFlags

	output    printer.Flags
	force     bool
	loseState bool
	clear     bool
	prune     bool
	selector  string
	inventory string
	yes       bool
	parallel  int
}

// filesFlags say what to read.
type filesFlags struct {
	files     []string
	recursive bool
}

func (f *filesFlags) add(cmd *cobra.Command, what string) {
	cmd.Flags().StringSliceVarP(&f.files, "filename", "f", nil, "File, directory, URL or - (standard input) "+what)
	cmd.Flags().BoolVarP(&f.recursive, "recursive", "R", false, "Read directories below the given ones too")
}

// addScope adds the flags that say where files' objects live.
func (c *common) addScope(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&c.scope.Catalog, "catalog", "", "Catalog of databases whose files don't say it")
	flags.StringVar(&c.scope.Application, "application", "", "Application of savepoints whose files don't say it")
	flags.StringVar(&c.scope.Statement, "statement", "", "Statement of savepoints whose files don't say it")
	_ = cmd.RegisterFlagCompletionFunc("catalog", completion.Values(c.completeNames(cmf.Must("catalog"))))
	_ = cmd.RegisterFlagCompletionFunc("application", completion.Values(c.completeNames(cmf.Must("app"))))
	_ = cmd.RegisterFlagCompletionFunc("statement", completion.Values(c.completeNames(cmf.Must("statement"))))
}

func newApply(c *common, kind *cmf.Kind, v verb) *cobra.Command {
	a := &applier{common: c, kind: kind, verb: v}
	what, path := "objects", string(v)
	if kind != nil {
		what, path = many(kind), kind.Name+" "+string(v)
	}
	short := map[verb]string{
		verbApply:  "Create or update " + what + " so that they are as files say",
		verbCreate: "Create " + what + " from files",
		verbUpdate: "Update existing " + what + " from files",
	}[v]
	cmd := &cobra.Command{
		Use: string(v) + " -f FILE", Short: short, Args: cobra.NoArgs,
		Example: plugin.Examples("kubectl cmf " + path + " -f " + exampleFile(kind) + "\nkubectl cmf " + path + " -f " + exampleFile(kind) + " --dry-run=client -o yaml\nkubectl cmf " + path + " -f - < " + exampleFile(kind)),
		RunE:    plugin.RunE(a),
	}
	if kind == nil {
		cmd.GroupID = files
		cmd.Long = `Create or update objects of any kind so that they are as files say.

Objects are put into order by what they depend on, compared with what is there, and changed only where they differ. A spec is replaced whole; an environment keeps what its file doesn't name. Secrets can't be read back: they are sent again each time.

Where an object lives, in this order: its annotation kubectl-cmf/environment (kubectl-cmf/catalog), the flag, the only environment (catalog) among the files, the default (kubectl cmf env use), the only environment there is.`
		cmd.Example = plugin.Examples(`
			kubectl cmf apply -f deploy/
			kubectl cmf apply -f app.yaml -e dev-env --wait
			kubectl cmf apply -f deploy/ --inventory team-a --prune
			kubectl kustomize overlays/dev | kubectl cmf apply -f -`)
		c.addScope(cmd)
	}
	flags := cmd.Flags()
	a.filesFlags.add(cmd, "to read")
	a.output.AddFlags(cmd, printer.Name, printer.JSON, printer.YAML)
	a.AddRunFlags(cmd, plugin.RunWords{
		DryRun: "none, or client: say what would be done and change nothing", NoServer: noServerDryRun,
		Wait:    "Wait until all objects are in the state that they ask for",
		Timeout: atMost, TimeoutDefault: 10 * time.Minute, Endless: true,
	})
	flags.IntVar(&a.parallel, "parallel", 8, "Requests at a time")
	if v != verbCreate {
		flags.BoolVar(&a.force, "force", false, "Delete and create again what can't be changed or has failed, and change what Confluent for Kubernetes manages")
	}
	if v != verbCreate && (kind == nil || holdsState(kind)) {
		flags.BoolVar(&a.loseState, "lose-state", false, loseStateUsage)
	}
	if v != verbCreate && (kind == nil || kind.Flat) {
		flags.BoolVar(&a.clear, "clear", false, "Empty what a file states as null or {}")
	}
	if v == verbApply && kind == nil {
		flags.BoolVar(&a.prune, "prune", false, "Delete what --selector or --inventory selects and no file has; environments are never pruned")
		flags.StringVarP(&a.selector, "selector", "l", "", "Labels of what --prune may delete")
		flags.StringVar(&a.inventory, "inventory", "", "Name of this set of objects; it is kept as an annotation of each, for --prune")
		flags.BoolVarP(&a.yes, "yes", "y", false, "Don't ask before pruning")
	}
	if kind != nil && v == verbCreate {
		a.short.add(cmd, kind)
	}
	if kind != nil && kind.Flat && v == verbUpdate {
		a.short.addUpdate(cmd, kind)
		cmd.ValidArgsFunction = c.oneName(kind)
	}
	return cmd
}

const loseStateUsage = "Go on where a job loses its state: its change stops it and it is stateless, or it is deleted and created again (--force)"

// holdsState reports whether objects of a kind, or what is in them, have state.
func holdsState(kind *cmf.Kind) bool { return kind.Keeps != nil || kind.Flat }

// exampleInput is a call that reads standard input.
func exampleInput(kind *cmf.Kind, call string) string {
	if kind == nil {
		return "kubectl kustomize overlays/dev | " + call + " -f -"
	}
	return call + " -f - < " + exampleFile(kind)
}

func exampleFile(kind *cmf.Kind) string {
	if kind == nil {
		return "deploy/"
	}
	return kind.Name + ".yaml"
}

// Complete takes over the name, and what its flags say of the object.
func (a *applier) Complete(cmd *cobra.Command, args []string) error {
	a.cmd = cmd
	return a.Arguments.Complete(cmd, args)
}

// Validate finds what is wrong with the flags.
func (a *applier) Validate() error {
	if err := a.output.Validate(); err != nil {
		return err
	}
	if err := a.CheckRun(); err != nil {
		return err
	}
	if a.parallel < 1 || a.parallel > 64 {
		return exit.Usagef("--parallel must be between 1 and 64")
	}
	if a.prune && (a.selector == "") == (a.inventory == "") {
		return exit.Usagef("--prune needs either --selector or --inventory: what it may delete")
	}
	if a.selector != "" && !a.prune {
		return exit.Usagef("--selector is for --prune")
	}
	return nil
}

// Run makes the objects so.
func (a *applier) Run(ctx context.Context) error {
	documents, err := a.documents(ctx)
	if err != nil {
		return err
	}
	items, err := a.resolve(ctx, documents, a.kind)
	if err != nil {
		return err
	}
	client, err := a.client(ctx)
	if err != nil {
		return err
	}
	for _, item := range items {
		if len(item.Unknown) > 0 {
			a.warn("%s: not known here, sent as it is: %s", item.Location, strings.Join(item.Unknown, ", "))
		}
	}
	if len(a.files) == 0 && a.verb == verbCreate {
		if err := a.shortEnough(ctx, client); err != nil {
			return err
		}
	}
	planner := apply.Planner{Client: client.Client, Options: apply.Options{
		Force: a.force, LoseState: a.loseState, Clear: a.clear, Inventory: a.inventory, Parallel: a.parallel,
		MustNotExist: a.verb == verbCreate, MustExist: a.verb == verbUpdate,
	}}
	steps, err := planner.Plan(ctx, items)
	if err != nil {
		return err
	}
	extra, err := a.toPrune(ctx, client, items)
	if err != nil {
		return err
	}
	if a.DryRun == "client" {
		return a.report(append(steps, extra...))
	}
	if len(extra) > 0 {
		if err := a.confirmPrune(ctx, extra); err != nil {
			return err
		}
	}
	return a.execute(ctx, client, append(steps, extra...), planner.Again)
}

func (a *applier) documents(ctx context.Context) ([]apply.Document, error) {
	cmd, args := a.cmd, a.Args
	if len(args) > 0 || a.short.used(cmd) {
		if len(a.files) > 0 {
			return nil, exit.Usagef("give either -f or a name and its flags, not both")
		}
		object, err := a.short.object(cmd, a.kind, args, a.In)
		if err != nil {
			return nil, err
		}
		return []apply.Document{{Object: object, Source: "command line"}}, nil
	}
	return a.read(ctx, a.filesFlags)
}

// shortEnough refuses the short form of a kind for a CMF that wants more than
// its flags can say.
func (a *applier) shortEnough(ctx context.Context, client *connect.Connection) error {
	if len(a.kind.RequiredBefore) == 0 {
		return nil
	}
	server, err := client.Server(ctx)
	if err != nil {
		return err
	}
	for path, until := range a.kind.RequiredBefore {
		if server.Version.Before(until) {
			return exit.Usagef("CMF %s wants %s in a %s, for which there is no flag: use -f FILE (kubectl cmf %s template shows one)", server.Version, path, a.kind.Name, a.kind.Name)
		}
	}
	return nil
}

func (c *common) read(ctx context.Context, f filesFlags) ([]apply.Document, error) {
	in := apply.Input{Files: f.files, Recursive: f.recursive, Stdin: c.In}
	return in.Read(ctx)
}

// resolve finds out what the documents are; the environment is asked for only
// where one of them needs it.
func (c *common) resolve(ctx context.Context, documents []apply.Document, only *cmf.Kind) ([]apply.Item, error) {
	return apply.Resolve(documents, c.placeOf(ctx, only))
}

// placeOf is where objects of files live whose files don't say it.
func (c *common) placeOf(ctx context.Context, only *cmf.Kind) apply.Place {
	return apply.Place{
		Flags: c.scope, Only: only,
		Environment: func() (string, error) { return c.environment(ctx) },
	}
}

// report prints a plan without following it.
func (a *applier) report(steps []apply.Step) error {
	for _, s := range steps {
		if s.Warning != "" {
			a.warn("%s", s.Warning)
		}
	}
	var objects []cmf.Object
	for _, s := range steps {
		if a.output.IsHuman() {
			fmt.Fprintf(a.Out, "%s %s (dry run)\n", s.Ref, s.Action)
		} else if s.Merged != nil {
			objects = append(objects, cmf.Redact(s.Ref.Kind, s.Merged))
		}
	}
	if a.output.IsHuman() {
		return nil
	}
	return a.printObjects(objects, steps)
}

func (a *applier) printObjects(objects []cmf.Object, steps []apply.Step) error {
	// Redacted above.
	result := printer.Result{Object: printer.List(objects), AsIs: true}
	if len(objects) == 1 {
		result.Object = objects[0]
	}
	for _, s := range steps {
		result.Names = append(result.Names, s.Ref.String())
	}
	return a.output.Print(a.Out, result)
}

// execute follows the plan, says what was done, and waits. replan is for what
// another user creates meanwhile.
func (a *applier) execute(ctx context.Context, client *connect.Connection, steps []apply.Step, replan func(context.Context, apply.Step) (apply.Step, error)) error {
	var objects []cmf.Object
	var done []apply.Step
	line := a.progress()
	runner := apply.Runner{
		Client: client.Client, Parallel: a.parallel, Poll: a.poll, Limit: a.Timeout, Show: line.Set, Replan: replan,
		Warn: func(text string) { a.warn("%s", text) },
		Done: func(s apply.Step, result cmf.Object, err error) {
			if err != nil {
				return
			}
			done = append(done, s)
			line.Clear()
			if a.output.IsHuman() {
				fmt.Fprintf(a.Out, "%s %s\n", s.Ref, s.Outcome())
			} else if result != nil {
				objects = append(objects, cmf.Redact(s.Ref.Kind, result))
			}
		},
	}
	err := runner.Run(ctx, steps)
	line.Done()
	if !a.output.IsHuman() {
		err = errors.Join(err, a.printObjects(objects, done))
	}
	if err != nil || !a.Wait {
		return err
	}
	return a.waitFor(ctx, client, done)
}

// waitFor waits until what was applied is in the state that it asks for.
func (a *applier) waitFor(ctx context.Context, client *connect.Connection, steps []apply.Step) error {
	ctx, cancel := a.Bounded(ctx)
	defer cancel()
	line := a.progress()
	defer line.Done()
	waiter := a.waiter(client.Client, line)
	var problems []error
	for _, s := range steps {
		if s.Action == apply.Prune || len(s.Ref.Kind.Phases) == 0 {
			continue
		}
		var before cmf.Object
		if s.Action == apply.Configure && slices.ContainsFunc(s.Changes, func(path string) bool { return !strings.HasPrefix(path, "metadata.") }) {
			before = s.Live
		}
		if _, err := waiter.For(ctx, s.Ref, apply.Ready(s.Ref, before)); err != nil {
			if ctx.Err() != nil {
				return errors.Join(append(problems, err)...)
			}
			problems = append(problems, err)
			continue
		}
		line.Print("%s is ready", s.Ref)
	}
	return errors.Join(problems...)
}
