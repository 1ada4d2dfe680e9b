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
	command, name = editor(ctx, runtime.GOOS, file, variables)
	// It is told to end, and puts the terminal in order.
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 2 * time.Second
	return command, name
}

func editor(ctx context.Context, goos, file string, variables []string) (command *exec.Cmd, name string) {
	for _, variable := range variables {
		if name = strings.TrimSpace(os.Getenv(variable)); name != "" {
			break
		}
	}
	if goos != "windows" {
		if name == "" {
			name = "vi"
		}
		// As kubectl: the variable may hold arguments and quotes, so a shell reads it.
		return exec.CommandContext(ctx, "sh", "-c", name+` "$1"`, "sh", file), name
	}
	// There is no sh, and cmd has rules of its own for quotes: a program in quotes,
	// or all of it where that is a file, or words.
	if name == "" {
		name = "notepad"
	}
	program, rest := name, ""
	if quoted, after, ok := strings.Cut(strings.TrimPrefix(name, `"`), `"`); ok && name[0] == '"' {
		program, rest = quoted, after
	} else if _, err := os.Stat(name); err != nil {
		program, rest, _ = strings.Cut(name, " ")
	}
	return exec.CommandContext(ctx, program, append(strings.Fields(rest), file)...), name
}
