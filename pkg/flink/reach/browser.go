package reach

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
)

// ErrNoBrowser says that there is no browser to open.
var ErrNoBrowser = errors.New("no browser found")

// OpenBrowser opens address in the user's browser; getenv is os.Getenv. Its
// error is ErrNoBrowser where there is none to see: over ssh, or without a
// display.
func OpenBrowser(ctx context.Context, address string, getenv func(string) string) error {
	command, err := browserCommand(runtime.GOOS, address, getenv)
	if err != nil {
		return err
	}
	path, err := exec.LookPath(command[0])
	if err != nil {
		return ErrNoBrowser
	}
	cmd := exec.CommandContext(ctx, path, command[1:]...) //nolint:gosec // the user's own browser
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("%w: %w", ErrNoBrowser, err)
	}
	// Some browsers stay in the foreground.
	go func() { _ = cmd.Wait() }()
	return nil
}

// browserCommand is what opens address on the system goos.
func browserCommand(goos, address string, getenv func(string) string) ([]string, error) {
	switch {
	case getenv("SSH_CONNECTION") != "":
		return nil, ErrNoBrowser
	case getenv("BROWSER") != "":
		return append(strings.Fields(getenv("BROWSER")), address), nil
	case goos == "darwin":
		return []string{"open", address}, nil
	case goos == "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler", address}, nil
	case getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "":
		return nil, ErrNoBrowser
	}
	return []string{"xdg-open", address}, nil
}

// SSHHint is the command that makes address reachable from where the user
// sits; "" outside an ssh session.
func SSHHint(port int, getenv func(string) string) string {
	// SSH_CONNECTION: client address, client port, server address, server port.
	parts := strings.Fields(getenv("SSH_CONNECTION"))
	if len(parts) != 4 {
		return ""
	}
	target := parts[2]
	if user := getenv("USER"); user != "" {
		target = user + "@" + target
	}
	sshPort := ""
	if parts[3] != "22" {
		sshPort = " -p " + parts[3]
	}
	return fmt.Sprintf("ssh -N -L %d:localhost:%d%s %s", port, port, sshPort, target)
}
