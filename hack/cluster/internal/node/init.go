package node

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

// processes starts programs and, as the first process of a PID namespace
// must, collects every process that ends, its own children or not.
type processes struct {
	mu    sync.Mutex
	env   []string
	waits map[int]chan syscall.WaitStatus
}

func newProcesses(env []string) *processes {
	p := &processes{env: env, waits: map[int]chan syscall.WaitStatus{}}
	go p.reap()
	return p
}

func (p *processes) reap() {
	child := make(chan os.Signal, 1)
	notifyChild(child)
	for range child {
		for {
			var status syscall.WaitStatus
			// Under the lock, so that no child ends before start has noted it.
			p.mu.Lock()
			pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil)
			ch := p.waits[pid]
			delete(p.waits, pid)
			p.mu.Unlock()
			if err != nil || pid <= 0 {
				break
			}
			if ch != nil {
				ch <- status
			}
		}
	}
}

// start starts a program with its output in the file at log. The channel gets
// its status when it ends.
func (p *processes) start(log string, argv ...string) (int, <-chan syscall.WaitStatus, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = out.Close() }()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = p.env
	cmd.Stdout, cmd.Stderr = out, out
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return 0, nil, err
	}
	pid := cmd.Process.Pid
	ch := make(chan syscall.WaitStatus, 1)
	p.waits[pid] = ch
	_ = cmd.Process.Release()
	return pid, ch, nil
}

// run starts a program and waits for it.
func (p *processes) run(ctx context.Context, log string, argv ...string) error {
	pid, done, err := p.start(log, argv...)
	if err != nil {
		return err
	}
	select {
	case status := <-done:
		if status.ExitStatus() != 0 {
			return fmt.Errorf("%q ended with %s, see %s", argv, describe(status), log)
		}
		return nil
	case <-ctx.Done():
		_ = syscall.Kill(pid, syscall.SIGKILL)
		return ctx.Err()
	}
}

func describe(status syscall.WaitStatus) string {
	if status.Signaled() {
		return "signal " + status.Signal().String()
	}
	return fmt.Sprintf("exit code %d", status.ExitStatus())
}
