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
	if getenv("SSH_CONNECTION") != "" {
		return ErrNoBrowser
	}
	var command []string
	switch {
	case getenv("BROWSER") != "":
		command = append(strings.Fields(getenv("BROWSER")), address)
	case runtime.GOOS == "darwin":
		command = []string{"open", address}
	case runtime.GOOS == "windows":
		command = []string{"rundll32", "url.dll,FileProtocolHandler", address}
	case getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "":
		return ErrNoBrowser
	default:
		command = []string{"xdg-open", address}
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
