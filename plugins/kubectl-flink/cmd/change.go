package cmd

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// changeFlags are the flags of every verb that changes a job.
type changeFlags struct {
	*common
	tunnelFlags
	tls     reach.TLSFiles
	output  printer.Flags
	options change.Options
	state   api.StateChoice

	dryRun  string
	yes     bool
	wait    bool
	timeout time.Duration
	quiet   bool
}

// add adds the flags; keepsState adds --upgrade-mode and --lose-state, for
// verbs that start a job anew.
func (f *changeFlags) add(cmd *cobra.Command, keepsState bool) {
	flags := cmd.Flags()
	f.output.AddFlags(cmd)
	flags.BoolVar(&f.options.Force, "force", false, "Also change what Argo CD, Flux or Confluent Manager for Apache Flink manages and will change back")
	flags.BoolVar(&f.options.KeepTrying, "keep-trying", false, "Leave the change in the spec when the operator fails to carry it out, instead of putting the spec back")
	flags.BoolVarP(&f.yes, "yes", "y", false, "Don't ask before state is lost")
	flags.StringVar(&f.dryRun, "dry-run", "none", "none, client (print what would be changed) or server (have the API server check it)")
	flags.Lookup("dry-run").NoOptDefVal = "client"
	flags.BoolVar(&f.wait, "wait", true, "Wait until the change is carried out")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "How long to wait; the change goes on when this ends")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "No progress on standard error")
	_ = cmd.RegisterFlagCompletionFunc("dry-run", completion.Fixed("none", "client", "server"))
	if keepsState {
		flags.StringVar(&f.state.UpgradeMode, "upgrade-mode", "", "Keep the job's state by savepoint or last-state (its last checkpoint); stays set in spec.job.upgradeMode")
		flags.BoolVar(&f.state.LoseState, "lose-state", false, "Let the job start without its state (spec.job.upgradeMode: stateless)")
		_ = cmd.RegisterFlagCompletionFunc("upgrade-mode", completion.Fixed("savepoint", "last-state"))
	}
	f.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &f.tls)
}

// complete reads the flags and finds what is wrong with them.
func (f *changeFlags) complete() error {
	if err := f.output.Validate(); err != nil {
		return err
	}
	if f.timeout <= 0 {
		return exit.Usagef("--timeout: %s is not a positive duration", f.timeout)
	}
	f.options.NoWait = !f.wait
	if f.dryRun != "none" {
		f.options.DryRun = f.dryRun
	}
	if err := f.state.Validate(); err != nil {
		return err
	}
	return f.options.Validate()
}

// client connects, and lets the operator's client ask JobManagers.
func (f *changeFlags) client() (*operator.Client, error) {
	client, err := f.operator()
	if err != nil {
		return nil, err
	}
	f.askJobManagers(client, f.tunnelFlags, f.tls)
	return client, nil
}

// bounded is ctx with the time-out.
func (f *changeFlags) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, f.timeout, exit.Timeoutf("timed out after %s", f.timeout))
}
