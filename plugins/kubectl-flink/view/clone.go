package view

import (
	"fmt"
	"io"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
)

// Cloned is the result of `kubectl flink clone`; dryRun is "", "client" or
// "server".
func Cloned(r lifecycle.CloneReport, dryRun string) printer.Result {
	result := Submitted([]lifecycle.SubmitReport{r.SubmitReport}, dryRun)
	result.Text = func(w io.Writer) error {
		line := submittedLine(r.SubmitReport, dryRun)
		if namespace := r.Job.Ref().Namespace; namespace != r.Source.Namespace {
			line += " (namespace " + namespace + ")"
		}
		_, err := fmt.Fprintln(w, term.SafeLine(line))
		return err
	}
	return result
}
