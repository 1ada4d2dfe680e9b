//go:build !windows

package cmd

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// Settings with secrets are no arguments of the command in the pod, and reach
// sql-client all the same.
func TestSecretSettingsReachTheClient(t *testing.T) {
	plain, hidden := splitDefine([]string{"a=b", "s3.secret-key=hunter2 x", "url=x://u:hunter2@h", "c=d=e"})
	if strings.Join(plain, " ") != "a=b c=d=e" || len(hidden) != 2 {
		t.Fatalf("%q %q", plain, hidden)
	}
	home := t.TempDir()
	files, conf := filepath.Join(home, "files"), filepath.Join(home, "conf")
	for _, dir := range []string{files, conf, filepath.Join(home, "bin")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(home, "bin/sql-client.sh"), []byte("#!/bin/sh\nfor a in \"$@\"; do printf '<%s>' \"$a\"; done\n"), 0o755); err != nil { //nolint:gosec // it is run
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(files, "arguments"), []byte(reach.HiddenArguments(hidden)), 0o600); err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "bash", "-c", clientScript, "sql-client", files, "", "embedded", "-Da=b")
	command.Env = append(os.Environ(), "FLINK_HOME="+home, "FLINK_CONF_DIR="+conf)
	out, err := command.Output()
	if want := "<embedded><-Da=b><-Ds3.secret-key=hunter2 x><-Durl=x://u:hunter2@h>"; err != nil || string(out) != want {
		t.Errorf("%v %q", err, out)
	}
}
