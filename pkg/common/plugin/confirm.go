package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Prompt is the line on which a person types yes.
const Prompt = "Type yes to go on: "

// CanAsk reports whether somebody sits at a terminal to be asked.
func CanAsk(streams genericiooptions.IOStreams) bool {
	return term.IsTerminal(streams.In) && term.IsTerminal(streams.ErrOut)
}

// Confirm says what is going to happen and asks the person at the terminal to
// type yes. Where there is no terminal it is a usage error: nobody would be
// asked. Another answer is a failure, the end of ctx its cause.
func Confirm(ctx context.Context, streams genericiooptions.IOStreams, what string) error {
	if !CanAsk(streams) {
		return exit.Usagef("%s\nThere is no terminal to ask on; say --yes if that is what you want", what)
	}
	fmt.Fprintf(streams.ErrOut, "%s\n%s", secret.Text(term.Safe(what)), Prompt)
	yes, err := Agreed(ctx, streams)
	if err == nil && !yes {
		err = errors.New("nothing was changed")
	}
	return err
}

// Agreed waits for the answer to a question that was printed with Prompt.
func Agreed(ctx context.Context, streams genericiooptions.IOStreams) (bool, error) {
	answer, err := Answer(ctx, streams)
	return strings.EqualFold(answer, "yes"), err
}

// Answer is the line that a person types; "" at the end of the input. The end
// of ctx ends the wait with its cause.
func Answer(ctx context.Context, streams genericiooptions.IOStreams) (string, error) {
	answers := make(chan string, 1)
	// A read from a terminal can't be canceled; the process ends right after.
	go func() { answers <- readLine(streams.In) }()
	select {
	case <-ctx.Done():
		fmt.Fprintln(streams.ErrOut)
		return "", context.Cause(ctx)
	case answer := <-answers:
		return answer, nil
	}
}

func readLine(in io.Reader) string {
	line, err := bufio.NewReader(in).ReadString('\n')
	if err != nil {
		return ""
	}
	return strings.TrimSpace(line)
}
