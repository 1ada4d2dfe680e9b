package cmd

import (
	"context"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
)

// confirm asks the person at the terminal, unless yes was given as a flag.
func (c *common) confirm(ctx context.Context, yes bool, what string) error {
	if yes {
		return nil
	}
	return plugin.Confirm(ctx, c.IOStreams, what)
}
