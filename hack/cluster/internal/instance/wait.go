package instance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/run"
)

const (
	nodeTimeout     = 2 * time.Minute
	workloadTimeout = 3 * time.Minute
)

// nodeFailure is what the node itself says went wrong, with the end of the
// logs of whatever has ended.
func nodeFailure(s node.Spec) error {
	state, err := node.ReadState(s)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	var msg strings.Builder
	if state.Error != "" {
		msg.WriteString(state.Error)
	}
	for _, name := range node.Components {
		c, started := state.Components[name]
		if started && !c.Running {
			fmt.Fprintf(&msg, "\n%s ended with %s; the end of %s:\n%s", name, c.Exit, s.Log(name), logTail(s.Log(name)))
		}
	}
	if msg.Len() > 0 {
		return errors.New(strings.TrimSpace(msg.String()))
	}
	if procs, err := processesOf(s.Name); err == nil && len(procs) == 0 {
		return fmt.Errorf("the node has ended; the end of %s:\n%s", s.Log("node"), logTail(s.Log("node")))
	}
	return nil
}

func logTail(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return run.LastLines(string(data), run.TailLines)
}

// wait polls until done says so, unless the node fails first.
func wait(ctx context.Context, s node.Spec, what string, timeout time.Duration, done func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	for {
		err := done(ctx)
		if err == nil {
			return nil
		}
		if failure := nodeFailure(s); failure != nil {
			return failure
		}
		select {
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return fmt.Errorf("%s after %s: %w", what, timeout, err)
			}
			return context.Cause(ctx)
		case <-time.After(150 * time.Millisecond):
		}
	}
}

func waitContainerd(ctx context.Context, s node.Spec) error {
	return wait(ctx, s, "containerd is not ready", nodeTimeout, func(context.Context) error {
		_, err := os.Stat(s.ContainerdReady())
		return err
	})
}

func waitStarted(ctx context.Context, s node.Spec) error {
	return wait(ctx, s, "Kubernetes has not started", nodeTimeout, func(context.Context) error {
		state, err := node.ReadState(s)
		if err == nil && !state.Started {
			err = errors.New("components are still starting")
		}
		return err
	})
}

func waitNode(ctx context.Context, s node.Spec) error {
	return wait(ctx, s, "the node is not Ready", nodeTimeout, func(ctx context.Context) error {
		out, err := kubectl(ctx, s, "get", "node", s.Name, "-o", `jsonpath={.status.conditions[?(@.type=="Ready")]}`)
		if err == nil && !strings.Contains(out, `"status":"True"`) {
			err = fmt.Errorf("kubelet says %s; the end of its log:\n%s", out, logTail(s.Log("kubelet")))
		}
		return err
	})
}

func waitRollout(ctx context.Context, s node.Spec, namespace, deployment string) error {
	_, err := kubectl(ctx, s, "-n", namespace, "rollout", "status", "deployment/"+deployment, "--timeout", workloadTimeout.String())
	if err == nil {
		return nil
	}
	if failure := nodeFailure(s); failure != nil {
		return failure
	}
	pods, _ := kubectl(ctx, s, "-n", namespace, "get", "pods", "-o", "wide")
	events, _ := kubectl(ctx, s, "-n", namespace, "get", "events", "--sort-by=.lastTimestamp")
	logs, _ := kubectl(ctx, s, "-n", namespace, "logs", "deployment/"+deployment, "--tail", "25")
	return fmt.Errorf("%w\n%s\n%s\n%s", err, pods, run.LastLines(events, run.TailLines), logs)
}
