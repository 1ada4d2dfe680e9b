package scratch

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Editor is the command that has the user edit file: the first of the variables
// that names an editor, else vi, or notepad on Windows. Its name is for messages.
func Editor(ctx context.Context, file string, variables ...string) (command *exec.Cmd, name string) {
	for _, variable := range variables {
		if name = strings.TrimSpace(os.Getenv(variable)); name != "" {
			break
		}
	}
	if name == "" {
		name = "vi"
		if runtime.GOOS == "windows" {
			name = "notepad"
		}
	}
	words := editor(runtime.GOOS, name, file)
	command = exec.CommandContext(ctx, words[0], words[1:]...)
	// It is told to end, and puts the terminal in order.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 2 * time.Second
	return command, name
}

// editor is the user's editor for a file as a program with its arguments.
func editor(goos, name, file string) []string {
	if goos == "windows" {
		return onWindows(name, file)
	}
	// As kubectl: the variable may hold arguments and quotes, so a shell reads it.
	return []string{"sh", "-c", name + ` "$1"`, "sh", file}
}

// onWindows is editor where there is no sh, and cmd has rules of its own for quotes:
// a program in quotes, or all of it where that is a file, or words.
func onWindows(name, file string) []string {
	program, rest := name, ""
	if quoted, after, ok := strings.Cut(strings.TrimPrefix(name, `"`), `"`); ok && name[0] == '"' {
		program, rest = quoted, after
	} else if _, err := os.Stat(name); err != nil {
		program, rest, _ = strings.Cut(name, " ")
	}
	return append(append([]string{program}, strings.Fields(rest)...), file)
}
