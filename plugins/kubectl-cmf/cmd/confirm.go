package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// confirm asks a question that is answered yes or no. Where nobody can
// answer, flag has to be given.
func (c *common) confirm(question, flag string) error {
	if !term.IsTerminal(c.In) {
		return fmt.Errorf("%s Nobody can be asked here: add %s to go on", question, flag)
	}
	fmt.Fprintf(c.ErrOut, "%s (y/N) ", secret.Text(term.SafeLine(question)))
	answer, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil && answer == "" {
		return errors.New("not confirmed")
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("not confirmed; nothing was changed")
}
