//go:build e2e

// Package e2e tests the plugins as users run them: through the real kubectl,
// on a real cluster with the real operator and real Flink.
package e2e

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds every wait for something that must happen; starting a job's
// JVMs takes up to two minutes on two cores.
const patience = 5 * time.Minute

// cluster is one real cluster.
type cluster struct {
	name       string
	kubeconfig string
	// data is the host's directory that pods see as /flink-data.
	data string
}

// clusterName is the cluster's; another one lets two runs stand side by side.
var clusterName = cmp.Or(os.Getenv("E2E_CLUSTER"), "e2e")

var (
	root    string
	kubectl string
	// main runs the default operator with Flink 1.20 and 2.3, and has an S3 server.
	main *cluster
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if root, err = filepath.Abs("../.."); err == nil {
		kubectl, err = tool("assets")
	}
	if err == nil {
		main, err = up(clusterName, "--flink", "1.20,2.3", "--minio")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
	// KEEP leaves the cluster for the next run while one works on a test.
	if os.Getenv("KEEP") == "" {
		defer func() { _, _ = tool("down", "--name", main.name) }()
	}
	return m.Run()
}

func tool(args ...string) (string, error) {
	command := exec.Command("go", append([]string{"-C", filepath.Join(root, "hack", "cluster"), "run", "."}, args...)...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		return "", fmt.Errorf("cluster %s: %w", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out)), nil
}

func up(name string, flags ...string) (*cluster, error) {
	if _, err := tool(append([]string{"up", "--name", name}, flags...)...); err != nil {
		return nil, err
	}
	raw, err := tool("status", "--name", name, "-o", "json")
	if err != nil {
		return nil, err
	}
	type state struct{ Name, Kubeconfig, FlinkDataDir string }
	var one state
	var several []state
	if json.Unmarshal([]byte(raw), &several) == nil && len(several) > 0 {
		one = several[0]
	} else if err := json.Unmarshal([]byte(raw), &one); err != nil {
		return nil, fmt.Errorf("status of the cluster: %w", err)
	}
	return &cluster{name: name, kubeconfig: one.Kubeconfig, data: one.FlinkDataDir}, nil
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// result is what a user sees of one command.
type result struct {
	out, err string
	code     int
}

func (r result) String() string {
	return fmt.Sprintf("exit %d\nstdout:\n%s\nstderr:\n%s", r.code, r.out, r.err)
}

func (r result) wants(t *testing.T, code int, inErr ...string) result {
	t.Helper()
	if r.code != code {
		t.Fatalf("exit code %d, want %d\n%s", r.code, code, r)
	}
	for _, want := range inErr {
		if !strings.Contains(r.err, want) {
			t.Errorf("stderr lacks %q\n%s", want, r)
		}
	}
	return r
}

// command is kubectl with the built plugins on PATH.
func (c *cluster) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, filepath.Join(kubectl, "kubectl"), args...)
	command.Env = append(os.Environ(), "KUBECONFIG="+c.kubeconfig,
		"PATH="+filepath.Join(root, "bin")+":"+kubectl+":"+os.Getenv("PATH"))
	return command
}

// run runs `kubectl args`.
func (c *cluster) run(t *testing.T, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := c.command(ctx, args...)
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	err := command.Run()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	return result{out.String(), errOut.String(), command.ProcessState.ExitCode()}
}

// kubectl runs kubectl and wants success.
func (c *cluster) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	return strings.TrimSpace(c.run(t, args...).wants(t, 0).out)
}

// apply applies a manifest given as text.
func (c *cluster) apply(t *testing.T, namespace, manifest string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "manifest.yaml")
	must(t, os.WriteFile(file, []byte(manifest), 0o600))
	c.kubectl(t, "apply", "-n", namespace, "-f", file)
}

// eventually waits until ask gives want, and fails with what it gave last.
func eventually(t *testing.T, what, want string, ask func() string) {
	t.Helper()
	deadline := time.Now().Add(patience)
	got := ""
	for time.Now().Before(deadline) {
		if got = ask(); got == want {
			return
		}
		time.Sleep(500 * time.Millisecond)
	}
	t.Fatalf("%s: %q, want %q", what, got, want)
}

// running waits until a job runs and is stable.
func (c *cluster) running(t *testing.T, kind, name, namespace string) {
	t.Helper()
	eventually(t, kind+"/"+name, "RUNNING STABLE", func() string {
		return strings.TrimSpace(c.run(t, "get", kind, name, "-n", namespace, "-o", "jsonpath={.status.jobStatus.state} {.status.lifecycleState}").out)
	})
	// The operator's word is seconds old; a JobManager that has just come back
	// may still be deploying tasks.
	c.run(t, "flink", "status", kind+"/"+name, "-n", namespace, "--for", "running", "--timeout", "3m").wants(t, 0)
}

// example is a manifest of examples/, with changes made to its text.
func example(t *testing.T, file string, changes ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "examples", file))
	must(t, err)
	return strings.NewReplacer(changes...).Replace(string(data))
}

// basic is the namespace's basic-example, started once for all tests.
func (c *cluster) basic(t *testing.T) {
	t.Helper()
	c.apply(t, "default", example(t, "basic-example.yaml"))
	c.running(t, "flinkdeployment", "basic-example", "default")
}

// hasMetadata checks that a savepoint's directory really holds one.
func (c *cluster) hasMetadata(t *testing.T, path string) {
	t.Helper()
	_, inside, ok := strings.Cut(strings.TrimSpace(path), "/flink-data/")
	if !ok {
		t.Fatalf("path %q", path)
	}
	info, err := os.Stat(filepath.Join(c.data, inside, "_metadata"))
	if err != nil || info.Size() == 0 {
		t.Errorf("no savepoint at %s: %v", path, err)
	}
}
