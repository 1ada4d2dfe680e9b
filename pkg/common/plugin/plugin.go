// Package plugin runs a kubectl plugin: signals, the last words of an error
// and the exit code are the same for each.
package plugin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/config"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// memory is where the garbage collector begins to save memory rather than
// time, in bytes. Nothing that a server sends is kept beyond that; what was
// thrown away would otherwise double it.
const memory = 160 << 20

const (
	// mostMemory ends the command where so many bytes are in use after garbage was
	// collected. Bounds on answers keep it from that; what they don't know ends here.
	mostMemory = 208 << 20
	// tidyTime is how long it then has to put in order what it had begun.
	tidyTime = 3 * time.Second
)

// Main runs the command that newRoot makes with the process's streams and
// arguments, and returns the exit code.
func Main(newRoot func(genericiooptions.IOStreams) *cobra.Command) int {
	ctx, cancel := context.WithCancelCause(context.Background())
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: term.Guard(os.Stdout), ErrOut: term.Guard(os.Stderr)}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memory)
		limitMemory(cancel, streams.ErrOut)
	}
	listen(cancel, os.Stdout, func() {
		Report(streams.ErrOut, nil, exit.Interrupted, errInterrupted)
		os.Exit(exit.Interrupted)
	})
	args := completion.Args(os.Args)
	root := newRoot(streams)
	home, _ := os.UserHomeDir()
	err := config.Apply(root, config.Path(runtime.GOOS, os.Getenv, home))
	if len(args) > 0 && strings.HasPrefix(args[0], cobra.ShellCompRequestCmd) {
		// A completion has no place to report an error.
		completion.KeepAnswers(args)
		streams.Out = completion.Filter(os.Stdout, args[len(args)-1])
	} else if err != nil {
		code := exit.Code(err)
		Report(streams.ErrOut, nil, code, err)
		return code
	}
	return Execute(ctx, root, streams, args)
}

// limitMemory cancels the command where too much memory is in use, and ends the
// process where it doesn't end by that, in the middle of a call, or takes more
// still.
func limitMemory(cancel context.CancelCauseFunc, errOut io.Writer) {
	tooMuch := &untrusted.MemoryError{Limit: mostMemory}
	abandon := func() {
		Report(errOut, nil, exit.Failed, tooMuch)
		os.Exit(exit.Failed)
	}
	var canceled sync.Once
	untrusted.WatchMemory(mostMemory, func(inUse uint64) {
		if inUse > mostMemory+mostMemory/8 {
			abandon()
		}
		canceled.Do(func() {
			cancel(tooMuch)
			time.AfterFunc(tidyTime, abandon)
		})
	})
}

// Execute runs root with args and returns the exit code; errors are printed to
// the error stream.
func Execute(ctx context.Context, root *cobra.Command, streams genericiooptions.IOStreams, args []string) int {
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.ErrOut)
	root.SetArgs(args)
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetFlagErrorFunc(flagError)
	eachCommand(root, func(cmd *cobra.Command) {
		check := cmd.Args
		if check == nil && (!cmd.HasParent() || !cmd.Runnable()) {
			return // unknown subcommands are found there
		}
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if check != nil {
				if err := check(cmd, args); err != nil {
					return exit.With(exit.Usage, err)
				}
			}
			// cobra checks them later, and its error has no exit code.
			if err := cmd.ValidateRequiredFlags(); err != nil {
				return exit.With(exit.Usage, err)
			}
			return exit.With(exit.Usage, cmd.ValidateFlagGroups())
		}
	})
	command, err := root.ExecuteContextC(ctx)
	if lostReader(ctx, err, streams.Out) {
		return exit.BrokenPipe
	}
	if err == nil {
		return exit.OK
	}
	code := exit.Code(err)
	var coded *exit.Error
	if !errors.As(err, &coded) && strings.HasPrefix(err.Error(), "unknown command") {
		code = exit.Usage
	}
	if !exit.IsQuiet(err) {
		Report(streams.ErrOut, command, code, err)
	}
	return code
}

// flagError is the usage error of a flag. One behind a word that no command of
// a group has is a consequence: the word is what is wrong.
func flagError(cmd *cobra.Command, err error) error {
	if words := cmd.Flags().Args(); cmd.HasSubCommands() && len(words) > 0 {
		err = fmt.Errorf("unknown command %q for %q", words[0], cmd.CommandPath())
	}
	return exit.With(exit.Usage, err)
}

// Report prints err for the user of command.
func Report(w io.Writer, command *cobra.Command, code int, err error) {
	text := kube.Message(err)
	if command != nil {
		text = kube.Aim(text, command.Flags())
		// Advice names commands as kubectl has them; another program may have started this one.
		root := command.Root()
		if typed := root.Annotations[cobra.CommandDisplayNameAnnotation]; typed != "" {
			text = strings.ReplaceAll(text, strings.Replace(root.Name(), "-", " ", 1), typed)
		}
	}
	fmt.Fprintln(w, text)
	if code == exit.Usage && command != nil {
		fmt.Fprintf(w, "See '%s --help' for help and examples.\n", term.SafeLine(command.CommandPath()))
	}
}

func eachCommand(cmd *cobra.Command, do func(*cobra.Command)) {
	do(cmd)
	for _, child := range cmd.Commands() {
		eachCommand(child, do)
	}
}

// Examples trims the common indentation of a command's examples, which may
// then stand indented in the source, and gives them cobra's two spaces.
func Examples(text string) string {
	lines := strings.Split(strings.Trim(text, "\n"), "\n")
	var out []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line != "" {
			line = "  " + line
		}
		out = append(out, line)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n ")
}
