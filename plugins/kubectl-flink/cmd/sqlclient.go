package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// sqlClientOptions are the flags of `kubectl flink sql-client`.
type sqlClientOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	file     string
	initFile string
	jars     []string
	define   []string
	local    bool
	quiet    bool
	// more are the client's own arguments.
	more []string
}

func newSQLClient(c *common) *cobra.Command {
	o := &sqlClientOptions{common: c}
	cmd := &cobra.Command{
		Use:   "sql-client [[TYPE/]NAME] [-- ARGS]",
		Short: "Run Flink's own sql-client in a session cluster",
		Long: `Run Flink's sql-client.sh in the JobManager's pod of a session cluster, with the
options that make it work there, and ARGS after them. Files named by -f, -i and
--jar are this computer's; they are copied into the pod and removed at the end,
or, with the client, within a minute where this command is killed.
The exit code is sql-client's, and 1 where it says that a statement of a file
failed.

The client's JVM shares the JobManager's memory. --local runs the sql-client.sh
of $FLINK_HOME on this computer instead, against a forwarded port. "kubectl flink
sql" needs no JVM at all.`,
		Example: plugin.Examples(`
			# Flink's own prompt
			kubectl flink sql-client session-example

			# A local file, with a connector from this computer
			kubectl flink sql-client session-example -f pipeline.sql --jar flink-sql-connector-kafka.jar

			# Options of sql-client itself
			kubectl flink sql-client session-example -- --session mine`),
		Args: func(cmd *cobra.Command, args []string) error {
			if at := cmd.ArgsLenAtDash(); at >= 0 {
				args = args[:at]
			}
			return cobra.MaximumNArgs(1)(cmd, args)
		},
		ValidArgsFunction: c.completeSessions(),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.file, "file", "f", "", "File of this computer with statements to run, instead of a prompt")
	flags.StringVarP(&o.initFile, "init", "i", "", "File of this computer with statements to run first")
	flags.StringArrayVarP(&o.jars, "jar", "j", nil, "Jar of this computer for the client and its jobs; may be repeated")
	flags.StringArrayVarP(&o.define, "define", "D", nil, "Flink configuration KEY=VALUE; may be repeated")
	flags.BoolVar(&o.local, "local", false, "Run the sql-client.sh of $FLINK_HOME on this computer")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "No progress and no notes on standard error")
	flags.StringVar(&o.transport, "transport", podexec.Auto, "How to reach the kubelet: auto (WebSocket, else SPDY), spdy or websocket")
	_ = cmd.RegisterFlagCompletionFunc("transport", completion.Fixed(podexec.Auto, podexec.SPDY, podexec.WebSocket))
	return cmd
}

// Complete takes over the name, and the client's own arguments behind --.
func (o *sqlClientOptions) Complete(cmd *cobra.Command, args []string) error {
	names := args
	if at := cmd.ArgsLenAtDash(); at >= 0 {
		names, o.more = args[:at], args[at:]
	}
	return o.Arguments.Complete(cmd, names)
}

// Validate finds what is wrong with the flags and the files of this computer.
func (o *sqlClientOptions) Validate() error {
	if !slices.Contains([]string{podexec.Auto, podexec.SPDY, podexec.WebSocket}, o.transport) {
		return exit.Usagef("--transport: %q is not auto, spdy or websocket", o.transport)
	}
	if _, err := keyValues("-D", o.define); err != nil {
		return err
	}
	for _, f := range o.uploads() {
		info, err := os.Stat(f.path)
		if err != nil {
			return exit.With(exit.Usage, fmt.Errorf("%s: %w", f.flag, err))
		}
		if !info.Mode().IsRegular() {
			return exit.Usagef("%s: %s is not a regular file", f.flag, f.path)
		}
	}
	return nil
}

// Run is Flink's own SQL client.
func (o *sqlClientOptions) Run(ctx context.Context) error {
	_, place, err := o.sessionPlace(ctx, o.Args)
	if err != nil {
		return err
	}
	if version := place.Cluster.FlinkVersion(); version == "v1_15" || version == "v1_16" || version == "v1_17" {
		return fmt.Errorf("the sql-client of Flink %s has no -D to be told where its cluster is (Flink 1.18 and newer have): use kubectl flink sql %s -n %s --start-gateway",
			strings.ReplaceAll(strings.TrimPrefix(version, "v"), "_", "."), place.Cluster.Ref().Name, place.Cluster.Ref().Namespace)
	}
	if o.local {
		return o.runLocal(ctx, place, o.more)
	}
	return o.runInPod(ctx, place, o.more)
}

// upload is a file of this computer that sql-client is to read.
type upload struct{ flag, option, path string }

func (o *sqlClientOptions) uploads() []upload {
	var out []upload
	if o.initFile != "" {
		out = append(out, upload{"-i", "-i", o.initFile})
	}
	if o.file != "" {
		out = append(out, upload{"-f", "-f", o.file})
	}
	for _, jar := range o.jars {
		out = append(out, upload{"--jar", "-j", jar})
	}
	return out
}

// arguments are sql-client's. paths are those of the uploads where it runs.
func (o *sqlClientOptions) arguments(address, port string, paths, more []string) []string {
	if len(more) > 0 && more[0] == "gateway" {
		// A gateway knows its cluster itself.
		args := slices.Clone(more)
		for i, f := range o.uploads() {
			args = append(args, f.option, paths[i])
		}
		return args
	}
	args := []string{"embedded"}
	if len(more) > 0 && more[0] == "embedded" {
		more = more[1:]
	}
	for _, setting := range append([]string{
		"execution.target=remote", "rest.address=" + address, "rest.port=" + port, "high-availability.type=NONE",
	}, o.define...) {
		args = append(args, "-D"+setting)
	}
	for i, f := range o.uploads() {
		args = append(args, f.option, paths[i])
	}
	return append(args, more...)
}

// splitDefine parts the settings that have secrets from the others.
func splitDefine(define []string) (plain []string, hidden map[string]string) {
	hidden = map[string]string{}
	for _, setting := range define {
		key, value, _ := strings.Cut(setting, "=")
		if secret.Value(key, value) == value {
			plain = append(plain, setting)
		} else {
			hidden[key] = value
		}
	}
	return plain, hidden
}

// leaseScript makes a directory for sql-client's files and holds it as long as
// lines come on its standard input; then it ends the client, whose process is
// in the directory's file pid, and removes the directory. $1 is how many seconds
// a line may take: the process of a container outlives a client that is killed,
// whose lines end. It exits with 69 where the image has no client.
const leaseScript = `
home="${FLINK_HOME:-/opt/flink}"
if [ ! -f "$home/bin/sql-client.sh" ] || [ -z "$(ls "$home"/lib/*sql-client*.jar "$home"/opt/*sql-client*.jar 2>/dev/null)" ]; then
  exit 69
fi
directory=$(mktemp -d /tmp/kubectl-flink-XXXXXXXX) || exit 1
trap '' HUP PIPE
trap 'exit 143' TERM
trap 'rm -rf "$directory"' EXIT
echo "$directory"
while read -r -t "$1" line && [ "$line" != end ]; do :; done
pid=$(cat "$directory/pid" 2>/dev/null)
if [ "$pid" ] && kill "$pid" 2>/dev/null; then
  # It cancels its queries first.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    kill -0 "$pid" 2>/dev/null || break
    sleep 1
  done
  kill -9 "$pid" 2>/dev/null
fi
exit 0
`

// leaseLimit is how many seconds sql-client lives without a line of its client.
const leaseLimit = 25

// clientScript runs sql-client; $1 is the directory of its files. $2 says that
// it reads a file instead of standard input.
const clientScript = `
directory=$1 input=$2
shift 2
# Arguments with secrets, ended by NUL: those of a command are in logs of the API
# server.
if [ -f "$directory/arguments" ]; then
  while IFS= read -r -d '' one; do set -- "$@" "$one"; done <"$directory/arguments"
fi
home="${FLINK_HOME:-/opt/flink}"
# The operator's configuration has no log4j-cli.properties: log4j would write
# the stack traces of every failed statement into the results.
conf="${FLINK_CONF_DIR:-$home/conf}"
if [ ! -f "$conf/log4j-cli.properties" ] && mkdir "$directory/conf" && cp -rL "$conf/." "$directory/conf"; then
  echo 'rootLogger.level = OFF' >"$directory/conf/log4j-cli.properties"
  export FLINK_CONF_DIR="$directory/conf"
fi
export JVM_ARGS="$JVM_ARGS -Dlog4j2.StatusLogger.level=OFF"
if [ "$input" = file ]; then exec </dev/null; fi
# Else the client's line editor warns that it has no terminal.
[ -t 0 ] || export JVM_ARGS="$JVM_ARGS -Dorg.jline.terminal.dumb=true"
echo $$ >"$directory/pid" && exec "$home/bin/sql-client.sh" "$@"
`

// noClient is leaseScript's exit code for an image without sql-client.
const noClient = 69

func (o *sqlClientOptions) runInPod(ctx context.Context, place reach.Place, more []string) error {
	core, err := o.factory.Clientset()
	if err != nil {
		return err
	}
	config, err := o.factory.Config()
	if err != nil {
		return err
	}
	pod, container, err := reach.JobManagerPod(ctx, core, place)
	if err != nil {
		return err
	}
	line := o.progress(o.quiet)
	defer line.Done()
	command := func(in io.Reader, out io.Writer, args ...string) podexec.Command {
		return podexec.Command{Namespace: pod.Namespace, Pod: pod.Name, Container: container, Args: args, Transport: o.transport, In: in, Out: out, ErrOut: o.ErrOut}
	}
	lease := podexec.StartLease(ctx, config, core, command(nil, nil, "bash", "-c", leaseScript, "lease", strconv.Itoa(leaseLimit)))
	defer func() {
		away, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingLimit)
		defer cancel()
		lease.End(away)
	}()
	directory, err := lease.First(ctx)
	var exited *podexec.ExitError
	if errors.As(err, &exited) && exited.Code == noClient {
		return fmt.Errorf("the image of %s has no SQL client: no bin/sql-client.sh, or no flink-sql-client jar in lib or opt\n"+
			"kubectl flink sql %s -n %s works with a SQL gateway of any image (--gateway svc/NAME:PORT)", place.Cluster.Ref(), place.Cluster.Ref().Name, place.Cluster.Ref().Namespace)
	}
	if err != nil {
		return fmt.Errorf("make a directory for sql-client's files in pod %s: %w", pod.Name, err)
	}
	if !clientDirectory.MatchString(directory) {
		return fmt.Errorf("pod %s gave %q for a directory", pod.Name, directory)
	}
	inArguments := *o
	plain, hidden := splitDefine(o.define)
	inArguments.define = plain
	if len(hidden) > 0 {
		in := strings.NewReader(reach.HiddenArguments(hidden))
		if err := podexec.Run(ctx, config, core, command(in, io.Discard, "bash", "-c", `cat >"$1"`, "copy", directory+"/arguments")); err != nil {
			return fmt.Errorf("send settings with secrets to pod %s: %w", pod.Name, err)
		}
	}
	var paths []string
	for i, f := range o.uploads() {
		line.Set("copying %s into pod %s", f.path, pod.Name)
		// A number keeps files of the same name apart, and the ending tells
		// Flink that a jar is one.
		path := directory + "/" + strconv.Itoa(i) + "-" + safeName(filepath.Base(f.path))
		if err := sendFile(f.path, func(in io.Reader) error {
			return podexec.Run(ctx, config, core, command(in, io.Discard, "bash", "-c", `cat >"$1"`, "copy", path))
		}); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	line.Done()
	port := place.Config["rest.bind-port"]
	if _, err := strconv.Atoi(port); err != nil {
		if port = place.Config["rest.port"]; port == "" {
			port = "8081"
		}
	}
	tty := o.file == "" && term.IsTerminal(o.In) && term.IsTerminal(o.Out)
	in, input := o.In, "stdin"
	if o.file != "" {
		in, input = nil, "file"
	}
	terminal := os.Getenv("TERM")
	switch {
	case terminal == "" && tty:
		terminal = "xterm" // as container runtimes and screens of this plugin take it
	case terminal == "":
		terminal = "dumb"
	}
	args := append([]string{"env", "TERM=" + terminal, "LC_ALL=C.UTF-8", "bash", "-c", clientScript, "sql-client", directory, input},
		inArguments.arguments("localhost", port, paths, more)...)
	run := command(in, o.Out, args...)
	run.TTY, run.LineFeed = tty, terminal == "dumb"
	var failures *failureWatcher
	if !tty {
		run.Out, failures = o.output()
	}
	// On a terminal Ctrl-C is the client's: a query ends, not the session. What
	// ends this command ends the client, and its end is waited for.
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	run.ErrOut = &untilDone{ctx, o.ErrOut}
	stop := context.AfterFunc(ctx, func() {
		away, done := context.WithTimeout(running, partingLimit)
		defer done()
		lease.End(away)
		cancel()
	})
	defer stop()
	err = podexec.Run(running, config, core, run)
	broken := lease.Broken()
	switch {
	case err == nil && failures.seenIn(o.file):
		return exit.Silent(exit.Failed)
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil && broken != nil:
		return fmt.Errorf("sql-client in pod %s was ended: the connection that keeps it alive broke: %w", pod.Name, broken)
	case errors.As(err, &exited):
		return exit.Silent(exited.Code)
	}
	return err
}

// clientDirectory is what leaseScript's mktemp makes.
var clientDirectory = regexp.MustCompile(`^/tmp/kubectl-flink-[A-Za-z0-9]{8}$`)

// sendFile hands a local file to send.
func sendFile(path string, send func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := send(f); err != nil {
		return fmt.Errorf("copy %s into the pod: %w", path, err)
	}
	return nil
}

// safeName keeps of a file's name what no shell and no Flink minds.
func safeName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '-', r == '_':
			return r
		}
		return '_'
	}, name)
}
