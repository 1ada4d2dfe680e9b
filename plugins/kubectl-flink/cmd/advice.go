package cmd

import (
	"errors"
	"fmt"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// occasionOf is what was being done when err came about. A change that wasn't
// begun failed at the savepoint that it begins with.
func occasionOf(err error) health.Occasion {
	var saved *savepoint.FailedError
	var changed *change.FailedError
	if errors.As(err, &saved) || errors.As(err, &changed) && changed.How == change.ChangeStuck {
		return health.Saving
	}
	return health.Running
}

// chainOf are the exceptions around the cause, as far as err has them.
func chainOf(err error) string {
	var saved *savepoint.FailedError
	if errors.As(err, &saved) {
		return saved.Chain
	}
	return ""
}

// advised adds to an error what to do about its causes, where that is known.
func advised(err error) error {
	if advice := health.Advice(occasionOf(err), lifecycle.Reasons(err)); advice != "" {
		return fmt.Errorf("%w\n%s", err, advice)
	}
	return err
}
