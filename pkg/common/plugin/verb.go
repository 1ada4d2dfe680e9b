package plugin

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/startup"
)

// Verb is what a command does, apart from cobra: an options struct whose
// fields are the flags.
type Verb interface {
	// Complete takes over the arguments and what follows from flags together.
	Complete(cmd *cobra.Command, args []string) error
	// Validate finds what is wrong with the command line; nothing was asked of
	// a server yet.
	Validate() error
	// Run does it.
	Run(ctx context.Context) error
}

// RunE wires a verb to its command. It is the only RunE that a verb has.
// It isn't inlined: it has many callers, and each would have a copy of it.
//
//go:noinline
func RunE(verb Verb) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		startup.Done()
		if err := verb.Complete(cmd, args); err != nil {
			return err
		}
		if err := verb.Validate(); err != nil {
			return err
		}
		return verb.Run(cmd.Context())
	}
}

// Help is the RunE of a command that only groups others.
func Help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// Arguments are those of a verb that only takes them over: its Complete.
// Its Validate finds nothing wrong.
type Arguments struct{ Args []string }

// Complete takes over the arguments.
func (a *Arguments) Complete(_ *cobra.Command, args []string) error {
	a.Args = args
	return nil
}

// Validate finds nothing wrong.
func (a *Arguments) Validate() error { return nil }
