package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqljob"
)

// deployer makes an application of what was tried at a prompt.
type deployer struct {
	sql     *sqlOptions
	cluster api.Job
	// statements are those that ran.
	statements []sqlshell.Statement
}

// ran notes a statement.
func (d *deployer) ran(s sqlshell.Statement) { d.statements = append(d.statements, s) }

// deployLimit bounds the wait for the application.
const deployLimit = 10 * time.Minute

// run is \deploy NAME: it makes the script, shows it, and has it submitted with
// the image, the resources and the configuration of the session cluster.
func (d *deployer) run(ctx context.Context, name string) error {
	if name == "" || strings.ContainsAny(name, " \t") {
		return errors.New(`\deploy needs the name of the new application, as in \deploy orders`)
	}
	if err := lifecycle.CheckName(api.Deployment, name); err != nil {
		return errors.New(kube.Message(err))
	}
	script, left, err := sqljob.FromSession(d.statements)
	if err != nil {
		return errors.New(kube.Message(err))
	}
	fmt.Fprint(d.sql.Out, term.Safe(secret.Text(script.Text)))
	if left > 0 {
		fmt.Fprintf(d.sql.ErrOut, "Of %d statements that started jobs, the last is taken: an application has one job\n", left+1)
	}
	submit := &submitOptions{common: d.sql.common, tunnelFlags: d.sql.tunnelFlags, tls: d.sql.tls}
	submit.spec.Name, submit.spec.Namespace = name, d.cluster.Object.GetNamespace()
	submit.sql.ready, submit.sql.base = &script, sqljob.BaseOf(d.cluster)
	submit.Wait, submit.Timeout, submit.Quiet = true, deployLimit, d.sql.quiet
	if err := submit.Run(ctx); err != nil {
		return err
	}
	fmt.Fprintf(d.sql.ErrOut, "A job that this session started for it goes on beside it: \\jobs lists them, \\cancel ID ends one\nTo change it later: kubectl flink upgrade %s --sql FILE -n %s\n", name, submit.spec.Namespace)
	return nil
}
