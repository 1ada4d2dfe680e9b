//go:build unix

package cmd

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup has a program and its children be a process group.
func ownGroup(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
}

// endProcess tells a process, or the group that it leads, to end; force doesn't
// leave it the choice.
func endProcess(process *os.Process, group, force bool) error {
	signal := syscall.SIGTERM
	if force {
		signal = syscall.SIGKILL
	}
	if !group {
		return process.Signal(signal)
	}
	if err := syscall.Kill(-process.Pid, signal); err == syscall.ESRCH { //nolint:errorlint // an errno
		return os.ErrProcessDone
	} else if err != nil {
		return err
	}
	return nil
}
