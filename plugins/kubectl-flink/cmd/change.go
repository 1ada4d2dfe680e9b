package cmd

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// changeFlags are the flags of every verb that changes a job.
type changeFlags struct {
	*common
	tunnelFlags
	plugin.RunFlags
	tls     reach.TLSFiles
	output  printer.Flags
	many    manyFlags
	options change.Options
	state   api.StateChoice
	yes     bool
	checkFlags
}

// add adds the flags; each is what the verb does ("Suspend"). keepsState adds
// --upgrade-mode and --lose-state, for verbs that restart a job.
func (f *changeFlags) add(cmd *cobra.Command, each string, keepsState bool) {
	flags := cmd.Flags()
	flags.BoolVar(&f.options.Force, "force", false, "Also change what Argo CD, Flux or Confluent Manager for Apache Flink manages and will change back")
	flags.BoolVar(&f.options.KeepTrying, "keep-trying", false, "Leave the change in the spec when the operator fails to carry it out, instead of putting the spec back")
	flags.BoolVarP(&f.yes, "yes", "y", false, "Don't ask before state is lost, or several jobs are changed")
	f.AddRunFlags(cmd, plugin.RunWords{
		DryRun:      plugin.ServerDryRun("print what would be changed"),
		Wait:        "Wait until the change is carried out",
		WaitDefault: true,
		Timeout:     "How long to wait for each job; the change goes on when this ends", TimeoutDefault: 10 * time.Minute,
		Quiet: plugin.NoProgress,
	})
	if keepsState {
		flags.StringVar(&f.state.UpgradeMode, "upgrade-mode", "", "Keep the job's state by savepoint or last-state (its last checkpoint); stays set in spec.job.upgradeMode")
		flags.BoolVar(&f.state.LoseState, "lose-state", false, "Let the job start without its state (spec.job.upgradeMode: stateless)")
		_ = cmd.RegisterFlagCompletionFunc("upgrade-mode", completion.Fixed(api.UpgradeSavepoint, api.UpgradeLastState))
	}
	f.addReach(cmd, each)
}

// addReach adds the flags that delete has, too: output, the choice of jobs and
// the way to their JobManagers.
func (f *changeFlags) addReach(cmd *cobra.Command, each string) {
	f.output.AddFlags(cmd)
	f.many.add(cmd, each, "job")
	f.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &f.tls)
}

// Complete takes over the names.
func (f *changeFlags) Complete(cmd *cobra.Command, args []string) error {
	f.many.complete(cmd, args, nil)
	return nil
}

// Validate finds what is wrong with the flags.
func (f *changeFlags) Validate() error {
	if err := f.output.Validate(); err != nil {
		return err
	}
	if err := f.CheckRun(); err != nil {
		return err
	}
	if err := f.checkFlags.validate(); err != nil {
		return err
	}
	if f.check {
		f.DryRun = "client"
	}
	f.options.NoWait, f.options.DryRun = !f.Wait, f.DryRun
	if err := f.state.Validate(); err != nil {
		return err
	}
	return f.many.validate()
}
