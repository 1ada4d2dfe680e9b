package instance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
)

// downTimeout is how long the kernel may take to end a cluster's processes.
const downTimeout = 60 * time.Second

// Down takes a cluster down, in whatever state it is. Its images stay for the
// next one of the same name unless purge is set.
func Down(ctx context.Context, log *progress.Log, name string, purge bool) error {
	if os.Getuid() != 0 {
		return errors.New("only root can take a cluster down")
	}
	unlock, err := lock(ctx, name, log)
	if err != nil {
		return err
	}
	defer unlock()
	if err := down(ctx, name, purge); err != nil {
		return fmt.Errorf("take down %s: %w", name, err)
	}
	log.Printf(name, "is down")
	return nil
}

// down kills rather than stops: nothing of a cluster outlives it but its
// images, which are safe, and an API server that loses its etcd would take a
// minute to stop.
func down(ctx context.Context, name string, purge bool) error {
	if err := killAll(ctx, name); err != nil {
		return err
	}
	if err := disconnect(ctx, name); err != nil {
		return err
	}
	if err := retry(ctx, func() error { return node.RemoveCgroup(name) }); err != nil {
		return err
	}
	dir := node.Dir(name)
	if err := checkNoMounts(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !purge && (entry.Name() == "containerd" || entry.Name() == imagesFile) {
			continue
		}
		if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
			return err
		}
	}
	if purge {
		return os.Remove(dir)
	}
	return nil
}

// killAll kills the cluster's processes until none is left. Killing the first
// one of its PID namespace kills all others; the rest is for what has escaped.
func killAll(ctx context.Context, name string) error {
	return retry(ctx, func() error {
		procs, err := processesOf(name)
		if err != nil {
			return err
		}
		for _, p := range procs {
			if p.inner <= 1 {
				_ = syscall.Kill(p.pid, syscall.SIGKILL)
			}
		}
		for _, p := range procs {
			_ = syscall.Kill(p.pid, syscall.SIGKILL)
		}
		if len(procs) > 0 {
			return fmt.Errorf("%d processes are still there, the first is %d", len(procs), procs[0].pid)
		}
		return nil
	})
}

func retry(ctx context.Context, fn func() error) error {
	ctx, cancel := context.WithTimeout(ctx, downTimeout)
	defer cancel()
	for {
		err := fn()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}
