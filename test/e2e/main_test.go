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
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait for something that must happen; starting a job's
// JVMs takes minutes where other tests start theirs at the same time.
const patience = 8 * time.Minute

// atOnce is how many tests run at the same time on two cores. With four, thirty
// threads of JVMs that start want a core each, and Flink's own time-outs pass.
// -parallel gives another number.
const atOnce = "3"

// cluster is one real cluster.
type cluster struct {
	name       string
	kubeconfig string
	// data is the host's directory that pods see as /flink-data.
	data string
	// env is added to the environment of every command.
	env []string
}

// clusterName is the cluster's; another one lets two runs stand side by side.
var clusterName = cmp.Or(os.Getenv("E2E_CLUSTER"), "e2e")

var (
	root    string
	kubectl string
	// main runs the default operator with Flink 1.20 and 2.3, and has an S3 server.
	main *cluster
)

// A test runs in parallel with others unless it harms them: those that don't
// come first, while nothing else runs.
func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	flag.Parse()
	if flag.Lookup("test.list").Value.String() != "" {
		return m.Run() // which needs no cluster, and must not take down another's
	}
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	var err error
	if !chosen {
		err = flag.Set("test.parallel", atOnce)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		return 1
	}
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
	code := m.Run()
	if !sweeps.done() && code == 0 {
		return 1
	}
	return code
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
	command.Env = append(append(os.Environ(), "KUBECONFIG="+c.kubeconfig,
		"PATH="+filepath.Join(root, "bin")+":"+kubectl+":"+os.Getenv("PATH")), c.env...)
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
	// Half of the requests, so that the jobs of all tests fit on the node.
	requests := strings.NewReplacer("cpu: 0.1", "cpu: 0.05", "cpu: 0.2", "cpu: 0.1").Replace(string(data))
	return strings.NewReplacer(changes...).Replace(requests)
}

// exampleIn is a manifest for a namespace, whose files others don't share:
// what Flink keeps for high availability goes by the job's name alone, and is
// taken away with it.
func exampleIn(t *testing.T, namespace, file string, changes ...string) string {
	t.Helper()
	return strings.ReplaceAll(example(t, file, changes...), "file:///flink-data/", "file:///flink-data/"+namespace+"/")
}

var basicMu sync.Mutex

// basic is the namespace's basic-example, started once for all tests, which
// look at it at the same time: none that runs in parallel with others changes
// it, and no other job is in its namespace.
func (c *cluster) basic(t *testing.T) {
	t.Helper()
	basicMu.Lock()
	defer basicMu.Unlock()
	c.apply(t, "default", example(t, "basic-example.yaml"))
	c.running(t, "flinkdeployment", "basic-example", "default")
}

// flinkNamespace makes a namespace in which Flink may run. At the test's end it
// is taken away, which the next test doesn't wait for.
func (c *cluster) flinkNamespace(t *testing.T, name string) string {
	t.Helper()
	c.kubectl(t, "create", "namespace", name)
	t.Cleanup(func() { sweeps.begin(c, name) })
	rbac, err := tool("manifests", "flink-rbac", "--namespace", name)
	must(t, err)
	c.apply(t, name, rbac)
	return name
}

// ownJob starts a job like basic-example in a namespace of its own.
func (c *cluster) ownJob(t *testing.T, namespace string, changes ...string) string {
	t.Helper()
	c.flinkNamespace(t, namespace)
	c.apply(t, namespace, exampleIn(t, namespace, "basic-example.yaml", changes...))
	c.running(t, "flinkdeployment", "basic-example", namespace)
	return namespace
}

// sweeper takes away the namespaces of tests that have ended.
type sweeper struct {
	work sync.WaitGroup
	mu   sync.Mutex
	errs []string
}

var sweeps sweeper

// begin takes a namespace away: what the operator has to do with its objects
// first, because it can't in a namespace that is going.
func (s *sweeper) begin(c *cluster, namespace string) {
	s.work.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
		defer cancel()
		for _, args := range [][]string{
			// A savepoint that is deleted after its job may wait for that for ever.
			{"delete", "flinkstatesnapshots", "--all", "--wait=false", "--ignore-not-found"},
			{"delete", "flinksessionjobs,flinkbluegreendeployments", "--all", "--wait", "--timeout=4m"},
			{"delete", "flinkdeployments", "--all", "--wait", "--timeout=4m"},
			{"delete", "namespace", namespace, "--wait=false"},
		} {
			if out, err := c.command(ctx, append(args, "-n", namespace)...).CombinedOutput(); err != nil {
				s.mu.Lock()
				s.errs = append(s.errs, fmt.Sprintf("namespace %s: kubectl %s: %v\n%s", namespace, strings.Join(args, " "), err, out))
				s.mu.Unlock()
			}
		}
	})
}

// done waits for what has begun, and says whether all of it went well.
func (s *sweeper) done() bool {
	s.work.Wait()
	for _, err := range s.errs {
		fmt.Fprintln(os.Stderr, "e2e:", err)
	}
	return len(s.errs) == 0
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
