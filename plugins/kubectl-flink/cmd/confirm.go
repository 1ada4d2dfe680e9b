package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// confirm asks the person at the terminal to type yes, unless yes was given as
// a flag. Where there is no terminal it refuses: nobody would be asked.
func (c *common) confirm(ctx context.Context, yes bool, what string) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(c.In) || !term.IsTerminal(c.ErrOut) {
		return exit.Usagef("%s\nThere is no terminal to ask on; say --yes if that is what you want", what)
	}
	fmt.Fprintf(c.ErrOut, "%s\nType yes to go on: ", secret.Text(term.Safe(what)))
	answers := make(chan string, 1)
	// A read from a terminal can't be cancelled; the process ends right after.
	go func() {
		line, err := bufio.NewReader(c.In).ReadString('\n')
		if err != nil {
			line = ""
		}
		answers <- strings.TrimSpace(line)
	}()
	select {
	case <-ctx.Done():
		fmt.Fprintln(c.ErrOut)
		return context.Cause(ctx)
	case answer := <-answers:
		if !strings.EqualFold(answer, "yes") {
			return errors.New("nothing was changed")
		}
		return nil
	}
}
