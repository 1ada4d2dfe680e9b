// Package cmd wires kubectl-cmf's verbs: flags, examples, completion. What a
// verb does is written in the packages that it calls.
package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// common is what every verb works with.
type common struct {
	genericiooptions.IOStreams
	factory *kube.Factory
	finder  *connect.Finder
	// scope is what -e and the like say.
	scope cmf.Scope
	quiet bool
	color string
	now   func() time.Time
	// poll is how often a wait looks; 0 is the default.
	poll time.Duration
	// backoff, where set, is the pause before an attempt; tests shorten it.
	backoff func(int) time.Duration
	// operators, where set, is the way to Flink's operator; tests have one of
	// their own.
	operators func() (*operator.Client, func(), error)

	mu         sync.Mutex
	connection *connect.Connection
}

// NewRoot is `kubectl cmf`.
func NewRoot(streams genericiooptions.IOStreams) *cobra.Command {
	root, _ := newRoot(streams)
	return root
}

func newRoot(streams genericiooptions.IOStreams) (*cobra.Command, *common) {
	factory := kube.NewFactory("kubectl-cmf", streams)
	c := &common{IOStreams: streams, factory: factory, now: time.Now}
	c.finder = &connect.Finder{Kube: factory, State: connect.OpenState(), Warn: c.warn, OpenTunnel: func() (connect.Tunnel, error) { return connect.OpenTunnel(factory) }}
	c.finder.Note, c.finder.Ask = c.note, c.askServer
	root := &cobra.Command{
		Use:   "kubectl-cmf",
		Short: "Operate Confluent Manager for Apache Flink",
		Long: `Operate Confluent Manager for Apache Flink (CMF): environments, applications, SQL statements and what they need.

CMF is found in the cluster and reached through an in-process tunnel; --cmf-url or CONFLUENT_CMF_URL names another one. One that was found and not used before is shown and asked for once.`,
		Example: plugin.Examples(`
			kubectl cmf env list
			kubectl cmf env use dev-env
			kubectl cmf apply -f deploy/
			kubectl cmf app list
			kubectl cmf pool create -f pool.yaml`),
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: displayName(os.Args)},
		Args:        cobra.NoArgs,
		RunE:        plugin.Help,
		PersistentPostRun: func(*cobra.Command, []string) {
			_ = c.connection.Close()
		},
	}
	flags := root.PersistentFlags()
	factory.AddFlags(flags)
	c.finder.Flags.AddFlags(flags)
	flags.StringVarP(&c.scope.Environment, "environment", "e", "", "Environment to work in (default: kubectl cmf env use)")
	flags.BoolVarP(&c.quiet, "quiet", "q", false, "Print no progress")
	flags.StringVar(&c.color, "color", "auto", "Color: auto, always or never")
	_ = root.RegisterFlagCompletionFunc("environment", completion.Values(c.completeNames(cmf.Must("env"))))
	_ = root.RegisterFlagCompletionFunc("color", completion.Fixed("auto", "always", "never"))
	root.AddGroup(&cobra.Group{ID: files, Title: "Files:"}, &cobra.Group{ID: kinds, Title: "Kinds of resources:"}, &cobra.Group{ID: other, Title: "Other commands:"})
	root.SetHelpCommandGroupID(other)
	root.AddCommand(newApply(c, nil, verbApply), newDiff(c, nil), newDelete(c, nil), newExport(c))
	for _, kind := range cmf.Kinds {
		root.AddCommand(newKind(c, kind))
	}
	root.AddCommand(newSQL(c), newREST(c), newUI(c), newConsole(c), newDoctor(c), newPlugin(c))
	versions := newVersion(c)
	versions.GroupID = other
	servers := newServer(c)
	servers.GroupID = other
	root.AddCommand(servers, newSystem(c), versions)
	plugin.AddUsage(root, other, "environment", "cmf-url", "quiet", "color")
	plugin.AddCompletion(root, other)
	plugin.CompleteConnection(root, factory)
	if name := displayName(os.Args); name != "kubectl cmf" {
		rename(root, name)
	}
	return root, c
}

// rename has the pages of help say what the user types.
func rename(cmd *cobra.Command, name string) {
	for _, text := range []*string{&cmd.Long, &cmd.Short, &cmd.Example} {
		*text = strings.ReplaceAll(*text, "kubectl cmf", name)
	}
	for _, flags := range []*pflag.FlagSet{cmd.Flags(), cmd.PersistentFlags()} {
		flags.VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "kubectl cmf", name) })
	}
	for _, child := range cmd.Commands() {
		rename(child, name)
	}
}

// The groups of commands in the help.
const (
	files = "files"
	kinds = "kinds"
	other = "other"
)

// displayName is what the user typed: the same binary serves kubectl and, as
// confluent-cmf, Confluent's CLI.
func displayName(argv []string) string {
	if len(argv) > 0 && strings.HasPrefix(filepath.Base(argv[0]), "confluent-") {
		return "confluent cmf"
	}
	return "kubectl cmf"
}

// newKind is `kubectl cmf KIND`.
func newKind(c *common, kind *cmf.Kind) *cobra.Command {
	cmd := &cobra.Command{
		Use: kind.Name, Aliases: kind.Aliases, GroupID: kinds,
		Short: strings.ToUpper(kind.Short[:1]) + kind.Short[1:],
		Args:  cobra.NoArgs,
		RunE:  plugin.Help,
	}
	flags := cmd.PersistentFlags()
	if kind.NeedsCatalog() {
		flags.StringVar(&c.scope.Catalog, "catalog", "", "Catalog that the "+kind.Name+" is in")
		_ = cmd.RegisterFlagCompletionFunc("catalog", completion.Values(c.completeNames(cmf.Must("catalog"))))
	}
	if kind.NeedsApplication() || kind.NeedsOwner() {
		flags.StringVar(&c.scope.Application, "application", "", "Application that the "+kind.Name+" belongs to")
		_ = cmd.RegisterFlagCompletionFunc("application", completion.Values(c.completeNames(cmf.Must("app"))))
	}
	if kind.NeedsOwner() {
		flags.StringVar(&c.scope.Statement, "statement", "", "Statement that the "+kind.Name+" belongs to")
		_ = cmd.RegisterFlagCompletionFunc("statement", completion.Values(c.completeNames(cmf.Must("statement"))))
	}
	cmd.AddCommand(newList(c, kind), newGet(c, kind), newDescribe(c, kind))
	if kind.Create && !kind.Files {
		cmd.AddCommand(newApply(c, kind, verbCreate), newApply(c, kind, verbApply), newDiff(c, kind), newTemplate(c, kind))
	}
	if (kind.Upsert || kind.UpdateSince != nil) && !kind.Files {
		cmd.AddCommand(newApply(c, kind, verbUpdate), newEdit(c, kind))
	}
	if kind.Delete {
		cmd.AddCommand(newDelete(c, kind))
	}
	if len(kind.Phases) > 0 || kind.Create {
		cmd.AddCommand(newWait(c, kind))
	}
	for _, more := range special[kind.Name] {
		cmd.AddCommand(more(c))
	}
	return cmd
}

// special are the verbs that only one kind has.
var special = map[string][]func(*common) *cobra.Command{
	"env":       {newEnvUse},
	"app":       {newAppStatus, newAppStart, newAppSuspend, newAppRestart, newAppLogs, newAppSavepoint, newAppImport, newAppEject},
	"statement": {newStatementStop, newStatementResume, newStatementRescale, newStatementExceptions, newStatementResults, newStatementLogs, newStatementEvents, newStatementSavepoint},
	"savepoint": {newSavepointDetach, newSavepointPrune},
	"artifact":  {newArtifactCreate, newArtifactUpdate, newArtifactDownload, newArtifactVersions},
}

// client is the connection, made when it is first needed.
func (c *common) client(ctx context.Context) (*connect.Connection, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.connection != nil {
		return c.connection, nil
	}
	connection, err := c.finder.Open(ctx)
	if err != nil {
		return nil, err
	}
	if c.backoff != nil {
		connection.Backoff = c.backoff
	}
	c.connection = connection
	return connection, nil
}

func (c *common) warn(format string, args ...any) {
	fmt.Fprintln(c.ErrOut, secret.Text(term.Safe("warning: "+said(format, args...))))
}

// noteSecrets says that secrets are shown, where the user wants them.
func (c *common) noteSecrets(shown bool) {
	if shown {
		fmt.Fprintln(c.ErrOut, secret.Shown)
	}
}

func (c *common) note(format string, args ...any) {
	if !c.quiet {
		fmt.Fprintln(c.ErrOut, term.Safe("note: "+said(format, args...)))
	}
}

// said is a message whose commands are named as the user types them.
func said(format string, args ...any) string {
	return strings.ReplaceAll(fmt.Sprintf(format, args...), "kubectl cmf", displayName(os.Args))
}

func (c *common) progress() *progress.Line { return progress.New(c.ErrOut, c.quiet) }

func (c *common) palette() (term.Palette, error) {
	palette, err := term.NewPalette(c.color, c.Out)
	return palette, exit.With(exit.Usage, err)
}

func (c *common) waiter(client *cmf.Client, line *progress.Line) apply.Waiter {
	return apply.Waiter{Client: client, Poll: c.poll, Show: line.Set}
}
