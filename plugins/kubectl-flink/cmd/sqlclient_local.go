package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// runLocal runs the user's own sql-client against a forwarded port.
func (o *sqlClientOptions) runLocal(ctx context.Context, place reach.Place, more []string) error {
	home := os.Getenv("FLINK_HOME")
	if home == "" {
		return exit.Usagef("--local runs $FLINK_HOME/bin/sql-client.sh, and FLINK_HOME is not set")
	}
	client := filepath.Join(home, "bin", "sql-client.sh")
	if _, err := os.Stat(client); err != nil {
		return exit.With(exit.Usage, fmt.Errorf("--local: %w", err))
	}
	flags := o.tunnelFlags
	flags.reconnect = portforward.DefaultReconnectTimeout
	tunnel, err := o.tunnel(flags, nil)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	listener, err := tunnel.Listen(context.WithoutCancel(ctx), portforward.ListenOptions{Target: place.Target(), Addresses: []string{"127.0.0.1"}})
	if err != nil {
		return reach.AskError(ctx, err)
	}
	defer listener.Close()
	var paths []string
	for _, f := range o.uploads() {
		path, err := filepath.Abs(f.path)
		if err != nil {
			return err
		}
		paths = append(paths, path)
	}
	command := exec.CommandContext(ctx, client, o.arguments("127.0.0.1", strconv.Itoa(listener.Port()), paths, more)...)
	term.Attach(command, o.In, o.Out, o.ErrOut)
	var failures *failureWatcher
	hasTerminal := o.file == "" && term.IsTerminal(o.In) && term.IsTerminal(o.Out)
	if !hasTerminal {
		command.Stdout, failures = o.output()
		command.Env = append(os.Environ(), strings.TrimSpace("JVM_ARGS="+os.Getenv("JVM_ARGS")+" -Dorg.jline.terminal.dumb=true"))
	}
	err = runClient(command, hasTerminal)
	var exited *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.As(err, &exited):
		return exit.Silent(max(exited.ExitCode(), 1))
	case err == nil && failures.seenIn(o.file):
		return exit.Silent(exit.Failed)
	}
	return err
}

// runClient runs a program until it ends or its context does; then it is told to
// end, which takes it the time to cancel its queries, and in the end is made to.
// On a terminal it stays with this command, so that it has the keys, and Ctrl-C
// is its own: it ends a query, not the session. Else it and its children are a
// group that ends as a whole.
func runClient(command *exec.Cmd, hasTerminal bool) error {
	end := func(force bool) error { return endProcess(command.Process, !hasTerminal, force) }
	if hasTerminal {
		_, release := interrupt.Take()
		defer release()
	} else {
		ownGroup(command)
	}
	canceled := false
	command.Cancel = func() error {
		canceled = true
		return end(false)
	}
	command.WaitDelay = partingLimit
	err := command.Run()
	if canceled && !hasTerminal {
		_ = end(true) // what the client has left
	}
	return err
}
