package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/batch"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// partingLimit bounds what is tidied up at the end.
const partingLimit = 15 * time.Second

// Run runs the statements, or the prompt.
func (o *sqlOptions) Run(ctx context.Context) (err error) {
	settings, err := keyValues("-D", o.define)
	if err != nil {
		return err
	}
	properties, err := keyValues("--set", o.set)
	if err != nil {
		return err
	}
	sources, initial, closeFiles, err := o.sources(ctx)
	if err != nil {
		return err
	}
	defer closeFiles()
	checked := append(slices.Clone(initial), sources...)
	if o.interactive() {
		checked = append(checked, sqlshell.Source{Name: "-", Text: o.In})
	}
	if err := sqlshell.Check(checked); err != nil {
		return err
	}

	line := o.progress(o.quiet)
	defer line.Done()
	tunnel, err := o.tunnel(o.tunnelFlags, func(e portforward.Event) {
		if e.Type == portforward.Waiting {
			line.Set("waiting for %s: %s", e.Target, e.Text)
		}
	})
	if err != nil {
		return err
	}
	defer tunnel.Close()

	var place reach.Place
	var client *operator.Client
	named := len(o.Args) > 0 || o.gateway == ""
	if named {
		if client, place, err = o.sessionPlace(ctx, o.Args); err != nil {
			return err
		}
	}
	link := &sqlLink{o: o, line: line, tunnel: tunnel, client: client, place: place, settings: settings, properties: properties}
	if o.session != "" {
		if link.named, err = o.openNamed(place); err != nil {
			return err
		}
	}
	defer func() { link.close(ctx, err != nil) }()
	if err := link.open(ctx, named); err != nil {
		return reach.AskError(ctx, err)
	}
	return reach.AskError(ctx, o.statements(ctx, link, sources, initial))
}

// statements runs what is asked for in the session.
func (o *sqlOptions) statements(ctx context.Context, session *sqlLink, sources, initial []sqlshell.Source) error {
	line, place := session.line, session.place
	shell := sqlshell.Options{
		IOStreams: o.IOStreams, Format: o.output, Limit: o.limit, Timeout: o.timeout,
		Wait: o.wait, Full: o.full, Quiet: o.quiet, ShowSecrets: o.showSecrets, Explain: o.explainStatement(session.client, place),
		GoOn: o.onError == "continue",
	}
	deploy := &deployer{sql: o, cluster: place.Cluster}
	if o.interactive() && place.Cluster.Object != nil {
		shell.Succeeded = deploy.ran
		shell.Commands = append(shell.Commands, sqlshell.Command{
			Name: "deploy", Argument: "NAME", Does: "make an application of this session's tables, options and last INSERT", Run: deploy.run,
		})
	}
	session.named.attach(session, &shell)
	if len(initial) > 0 {
		line.Set("running %s", o.initFile)
		silent := shell
		silent.IOStreams = genericiooptions.IOStreams{In: o.In, Out: io.Discard, ErrOut: o.ErrOut}
		silent.Format, silent.Limit, silent.Quiet, silent.GoOn = "", 0, true, false
		silent.Heir = &shell
		if err := sqlshell.Script(ctx, session, initial, silent); err != nil {
			return err
		}
		shell.Ran = true
	}
	line.Done()
	if o.showSecrets {
		fmt.Fprintln(o.ErrOut, secret.Shown)
	}
	if !o.interactive() {
		return sqlshell.Script(ctx, session, sources, shell)
	}
	shell.HistoryFile = historyFile()
	shell.Prompt = "sql"
	if place.Cluster.Object != nil {
		shell.Prompt = place.Cluster.Ref().Name
	}
	return sqlshell.Run(ctx, session, shell)
}

// connect finds or starts a gateway; started is nil for one that was found.
func (o *sqlOptions) connect(ctx context.Context, line *progress.Line, tunnel *portforward.Tunnel, client *operator.Client, place reach.Place, settings map[string]string) (gateway *sqlgateway.Client, where string, started *reach.StartedGateway, err error) {
	transport := func(target portforward.Target) http.RoundTripper { return tunnel.RoundTripper(target, nil) }
	if o.startGateway {
		return o.start(ctx, line, transport, client, place, settings)
	}
	var target portforward.Target
	if o.gateway != "" {
		namespace, _, err := o.factory.Namespace()
		if err != nil {
			return nil, "", nil, err
		}
		if target, err = reach.ParseGateway(o.gateway, namespace); err != nil {
			return nil, "", nil, err
		}
	} else if target, err = reach.FindGateway(ctx, client.Core(), place.Cluster.Ref(), func(ctx context.Context, target portforward.Target) error {
		_, err := sqlgateway.Connect(ctx, transport(target))
		return err
	}); err != nil {
		var none *reach.NoGatewayError
		if o.anyGateway && errors.As(err, &none) {
			return o.start(ctx, line, transport, client, place, settings)
		}
		return nil, "", nil, err
	}
	gateway, err = sqlgateway.Connect(ctx, transport(target))
	if err != nil {
		return nil, "", nil, fmt.Errorf("the SQL gateway at %s, port %s: %w", target, target.Port.String(), err)
	}
	return gateway, target.String(), nil, nil
}

// start starts a gateway.
func (o *sqlOptions) start(ctx context.Context, line *progress.Line, transport func(portforward.Target) http.RoundTripper, client *operator.Client, place reach.Place, settings map[string]string) (gateway *sqlgateway.Client, where string, started *reach.StartedGateway, err error) {
	config, err := o.factory.Config()
	if err != nil {
		return nil, "", nil, err
	}
	starter := &reach.GatewayStarter{
		Core: client.Core(), Config: config, Connect: transport, Transport: o.transport, Settings: settings,
		Wide:    o.via == string(portforward.ViaAPIServer),
		Waiting: func(text string) { line.Set("waiting for %s", text) },
	}
	start := starter.InPod
	if o.inJobManager {
		line.Print("The SQL gateway shares the memory of the JobManager of %s: a large query may end both", place.Cluster.Ref())
		start = starter.InJobManager
	}
	started, err = start(ctx, place)
	if err != nil {
		return nil, "", nil, err
	}
	line.Set("a SQL gateway (Flink %s) runs in %s for this session", started.Client.Flink, started.Where)
	return started.Client, started.Where, started, nil
}

// useJobManager lets the session ask the JobManager for its jobs, where TLS
// doesn't stand in the way.
func (o *sqlOptions) useJobManager(options *sqlgateway.Options, tunnel *portforward.Tunnel, place reach.Place) {
	if client, err := restClient(tunnel, place, o.tls); err == nil {
		options.JobManager = client
	}
	options.StopHint = o.stopHint(place.Cluster.Ref())
}

// stopHint makes the command that stops a job of the cluster later, in the same
// kubeconfig and context.
func (c *common) stopHint(cluster api.Ref) func(job string) string {
	where := " -n " + cluster.Namespace
	flags := c.factory.Flags
	for i, value := range []*string{flags.Context, flags.KubeConfig} {
		if value != nil && *value != "" {
			where += []string{" --context=", " --kubeconfig="}[i] + batch.Quote(*value)
		}
	}
	return func(job string) string { return "kubectl flink cancel " + cluster.Name + " --job-id " + job + where }
}

// warnOfVersion reports a gateway of another Flink: it sends the cluster
// serialized jobs that another version can't read.
func (o *sqlOptions) warnOfVersion(line *progress.Line, gateway *sqlgateway.Client, place reach.Place) {
	major, rest, _ := strings.Cut(gateway.Flink, ".")
	minor, _, _ := strings.Cut(rest, ".")
	want := strings.ReplaceAll(strings.TrimPrefix(place.Cluster.FlinkVersion(), "v"), "_", ".")
	if have := major + "." + minor; want != "" && gateway.Flink != "" && have != want {
		line.Print("warning: the SQL gateway is Flink %s and %s is Flink %s: jobs may fail", gateway.Flink, place.Cluster.Ref(), want)
	}
}

// sources opens what -e, -f and -i name, before anything is asked of a server.
func (o *sqlOptions) sources(ctx context.Context) (sources, initial []sqlshell.Source, done func(), err error) {
	var files []io.Closer
	done = func() {
		for _, f := range files {
			_ = f.Close()
		}
	}
	open := func(flag, name string) (sqlshell.Source, error) {
		f, err := source.Open(ctx, name)
		if ctx.Err() != nil {
			return sqlshell.Source{}, context.Cause(ctx)
		}
		if err != nil {
			return sqlshell.Source{}, exit.With(exit.Usage, fmt.Errorf("%s: %w", flag, err))
		}
		files = append(files, f)
		return sqlshell.Source{Name: name, Text: f}, nil
	}
	sources = append(sources, o.ready...)
	for _, text := range o.execute {
		sources = append(sources, sqlshell.Source{Name: "-e", Text: strings.NewReader(text)})
	}
	stdin := false
	for _, name := range o.files {
		if name == "-" {
			if stdin {
				return nil, nil, done, exit.Usagef("-f - can be given once")
			}
			stdin = true
			sources = append(sources, sqlshell.Source{Name: "-", Text: o.In})
			continue
		}
		opened, err := open("-f", name)
		if err != nil {
			done()
			return nil, nil, done, err
		}
		sources = append(sources, opened)
	}
	if o.initFile != "" {
		source, err := open("-i", o.initFile)
		if err != nil {
			done()
			return nil, nil, done, err
		}
		initial = append(initial, source)
	}
	return sources, initial, done, nil
}

// historyFile is where the prompt keeps its history; "" where there is no home.
func historyFile() string { return stateFile("sql_history") }

// stateFile is a file of this program's own; "" where there is no home.
func stateFile(name ...string) string {
	dir := os.Getenv("XDG_STATE_HOME")
	if dir == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return ""
		}
		dir = filepath.Join(home, ".local", "state")
		if runtime.GOOS == "windows" {
			if dir, err = os.UserCacheDir(); err != nil {
				return ""
			}
		}
	}
	return filepath.Join(append([]string{dir, "kubectl-flink"}, name...)...)
}
