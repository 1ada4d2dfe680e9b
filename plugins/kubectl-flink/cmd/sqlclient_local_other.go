//go:build !unix

package cmd

import (
	"os"
	"os/exec"
)

// ownGroup does nothing: there are no process groups here.
func ownGroup(*exec.Cmd) {}

// endProcess ends a process: here it can't be told to end.
func endProcess(process *os.Process, _, _ bool) error { return process.Kill() }
