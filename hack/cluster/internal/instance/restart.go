package instance

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
)

// Restart ends a component of the cluster called name as a crash does, and
// returns when it has been started again and the cluster is healthy.
func Restart(ctx context.Context, name, component string) error {
	before, err := Inspect(ctx, name)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(before.Components, func(c ComponentStatus) bool { return c.Name == component })
	if i < 0 {
		return fmt.Errorf("no component %q; there are %s", component, strings.Join(node.Components, ", "))
	}
	s, err := node.ReadSpec(name)
	if err != nil {
		return err
	}
	procs, err := processesOf(name)
	if err != nil {
		return err
	}
	first := slices.IndexFunc(procs, func(p process) bool { return p.inner == 1 })
	if first < 0 {
		return fmt.Errorf("the cluster %q has no first process: it is %s", name, before.State)
	}
	if err := os.WriteFile(s.RestartRequest(), []byte(component), 0o600); err != nil {
		return err
	}
	if err := syscall.Kill(procs[first].pid, node.RestartSignal); err != nil {
		return fmt.Errorf("ask the node to restart %s: %w", component, err)
	}
	return retry(ctx, func() error {
		st := inspect(ctx, name)
		for _, c := range st.Components {
			if c.Name == component && (!c.Up || c.PID == before.Components[i].PID) {
				return fmt.Errorf("%s has not been started again", component)
			}
		}
		if st.State != StateRunning {
			return fmt.Errorf("the cluster is %s: %s", st.State, st.Reason)
		}
		return nil
	})
}
