//go:build !windows

package reach

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The script gives the gateway the arguments with secrets, from a file or from
// its standard input, beside its own.
func TestTheScriptReadsArgumentsWithSecrets(t *testing.T) {
	home := t.TempDir()
	for name, content := range map[string]string{
		"bin/sql-gateway.sh":        "#!/bin/sh\nfor a in \"$@\"; do printf '<%s>' \"$a\"; done\n",
		"lib/flink-sql-gateway.jar": "",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(home, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, name), []byte(content), 0o755); err != nil { //nolint:gosec // it is run
			t.Fatal(err)
		}
	}
	hidden := HiddenArguments(map[string]string{"a.secret": "x y\nz", "b.token": "'\"$1"})
	file := filepath.Join(home, "arguments")
	if err := os.WriteFile(file, []byte(hidden), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "<start-foreground><-Dplain=1><-Da.secret=x y\nz><-Db.token='\"$1>"
	for name, c := range map[string]struct{ input, where, stdin, want string }{
		"from a file":             {"", file, "", want},
		"from the standard input": {"stdin", "2", hidden, want},
		"without any":             {"", "", "", "<start-foreground><-Dplain=1>"},
		"none on the input":       {"stdin", "0", "", "<start-foreground><-Dplain=1>"},
	} {
		command := exec.CommandContext(t.Context(), "bash", "-c", gatewayScript, gatewayName, "8083", "5", "5", c.input, c.where, "-Dplain=1")
		command.Env = append(os.Environ(), "FLINK_HOME="+home)
		command.Stdin = strings.NewReader(c.stdin)
		out, err := command.Output()
		if err != nil || string(out) != c.want {
			t.Errorf("%s: %v %q", name, err, out)
		}
	}
	command := exec.CommandContext(t.Context(), "bash", "-c", gatewayScript, gatewayName, "8083", "5", "5", "", filepath.Join(home, "none"))
	command.Env = append(os.Environ(), "FLINK_HOME="+home)
	if out, err := command.CombinedOutput(); err == nil || !strings.Contains(string(out), "can't be read") {
		t.Errorf("without its file: %v %s", err, out)
	}
}
