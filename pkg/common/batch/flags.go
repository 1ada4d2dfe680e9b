package batch

import (
	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// AddFlags adds --max-parallel and --stop-on-failure.
func (o *Options) AddFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.IntVar(&o.MaxParallel, "max-parallel", DefaultParallel, "Of several, how many are worked on at once")
	flags.BoolVar(&o.StopOnFailure, "stop-on-failure", false, "Of several, begin with no other once one has failed")
}

// Validate finds what is wrong with the options.
func (o *Options) Validate() error {
	if o.MaxParallel < 1 {
		return exit.Usagef("--max-parallel: %d is less than 1", o.MaxParallel)
	}
	return nil
}
