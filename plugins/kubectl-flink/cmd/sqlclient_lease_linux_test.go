package cmd

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// flinkHome has files where an image with a SQL client has them. The client
// runs until it is ended.
func flinkHome(t *testing.T, withClient bool) string {
	t.Helper()
	home := t.TempDir()
	for _, dir := range []string{"bin", "opt", "conf"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if !withClient {
		return home
	}
	for name, text := range map[string]string{"bin/sql-client.sh": "#!/bin/bash\necho runs\nexec sleep 600\n", "opt/flink-sql-client-1.jar": "", "conf/config.yaml": ""} {
		if err := os.WriteFile(filepath.Join(home, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return home
}

// However its client ends, of sql-client neither process nor files are left.
func TestNothingOfSQLClientIsLeft(t *testing.T) {
	for name, end := range map[string]func(lines io.WriteCloser){
		"in good order":          func(lines io.WriteCloser) { _, _ = io.WriteString(lines, "\n\nend\n") },
		"a connection that ends": func(lines io.WriteCloser) { _ = lines.Close() },
		"lines that don't come":  func(io.WriteCloser) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := flinkHome(t, true)
			lease := exec.Command("bash", "-c", leaseScript, "lease", "3")
			lease.Env = append(os.Environ(), "FLINK_HOME="+home)
			lines, err := lease.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			out, err := lease.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := lease.Start(); err != nil {
				t.Fatal(err)
			}
			first, err := bufio.NewReader(out).ReadString('\n')
			directory := strings.TrimSpace(first)
			if err != nil || !clientDirectory.MatchString(directory) {
				t.Fatalf("%q, %v", first, err)
			}
			client := exec.Command("bash", "-c", clientScript, "sql-client", directory, "file")
			client.Env = lease.Env
			said, err := client.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := client.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(said).ReadString('\n'); line != "runs\n" {
				t.Fatal(line, err)
			}
			if pid, err := os.ReadFile(filepath.Join(directory, "pid")); err != nil || strings.TrimSpace(string(pid)) != strconv.Itoa(client.Process.Pid) {
				t.Errorf("%q, %v", pid, err)
			}
			end(lines)
			ended := make(chan error, 1)
			go func() { ended <- errors.Join(client.Wait(), lease.Wait()) }()
			select {
			case err := <-ended:
				if err == nil || !strings.Contains(err.Error(), "terminated") || lease.ProcessState.ExitCode() != 0 {
					t.Errorf("%v, the lease's exit code %d", err, lease.ProcessState.ExitCode())
				}
			case <-time.After(60 * time.Second):
				_ = client.Process.Kill()
				_ = lease.Process.Kill()
				t.Fatal("the client goes on")
			}
			if _, err := os.Stat(directory); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %v", directory, err)
			}
		})
	}
}

func TestAnImageWithoutSQLClient(t *testing.T) {
	lease := exec.Command("bash", "-c", leaseScript, "lease", "3")
	lease.Env = append(os.Environ(), "FLINK_HOME="+flinkHome(t, false))
	if out, _ := lease.Output(); lease.ProcessState.ExitCode() != noClient || len(out) > 0 {
		t.Errorf("exit code %d, %q", lease.ProcessState.ExitCode(), out)
	}
}
