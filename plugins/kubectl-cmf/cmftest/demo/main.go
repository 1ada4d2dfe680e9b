// Command demo shows kubectl cmf at work: it starts the stand-in for CMF in
// the demo's cluster, behind a Service called cmf-service, and runs commands
// against it with the real kubectl. Its applications are real Flink jobs.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmftest/incluster"
)

const (
	// namespace is that of the example environment.
	namespace = "cmf-demo"
	// own is the demo's cluster.
	own = "demo"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bin := flag.String("bin", "bin", "directory of the built plugins")
	cluster := flag.String("cluster", own, "name of the cluster; any other than "+own+" must run already and stays as it is")
	only := flag.Bool("only-start", false, "start the stand-in and show nothing")
	flag.Parse()
	if err := run(ctx, *bin, *cluster, *only); err != nil {
		fmt.Fprintln(os.Stderr, "demo-cmf:", err)
		os.Exit(1)
	}
}

// demo is one run.
type demo struct {
	kubectl string
	env     []string
}

func run(ctx context.Context, bin, cluster string, only bool) error {
	started := time.Now()
	// up recreates a cluster that isn't as it wants it: only our own may go.
	if cluster == own {
		if err := tool(ctx, os.Stderr, "up", "--name", cluster); err != nil {
			return fmt.Errorf("bring the cluster up: %w", err)
		}
	}
	kubeconfig, err := ask(ctx, "kubeconfig", "--name", cluster)
	if err != nil {
		return err
	}
	assets, err := ask(ctx, "assets")
	if err != nil {
		return err
	}
	bin, err = filepath.Abs(bin)
	if err != nil {
		return err
	}
	path := strings.Join([]string{bin, assets, os.Getenv("PATH")}, string(os.PathListSeparator))
	d := &demo{kubectl: filepath.Join(assets, "kubectl"), env: append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+path)}
	if err := d.start(ctx, cluster); err != nil {
		return fmt.Errorf("start the stand-in for CMF: %w", err)
	}
	if !only {
		if err := d.tour(ctx); err != nil {
			return err
		}
	}
	fmt.Printf("\nDone in %s. Go on with:\n  export KUBECONFIG=%s PATH=%s:%s:$PATH\n  kubectl cmf --help\n",
		time.Since(started).Round(time.Second), kubeconfig, bin, assets)
	return nil
}

// start puts the stand-in into the cluster.
func (d *demo) start(ctx context.Context, cluster string) error {
	dir, err := os.MkdirTemp("", "demo-cmf-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	image := filepath.Join(dir, "image.tar")
	if err := incluster.Build(".", image); err != nil {
		return err
	}
	if err := tool(ctx, os.Stderr, "load-image", image, "--name", cluster); err != nil {
		return err
	}
	rbac, err := ask(ctx, "manifests", "flink-rbac", "--namespace", namespace)
	if err != nil {
		return err
	}
	objects, err := incluster.Objects(incluster.Options{Namespace: namespace})
	if err != nil {
		return err
	}
	space := fmt.Sprintf(`{"apiVersion":"v1","kind":"Namespace","metadata":{"name":%q}}`, namespace)
	for _, text := range []string{space, rbac, string(objects)} {
		if err := d.quiet(ctx, strings.NewReader(text), "apply", "-f", "-"); err != nil {
			return err
		}
	}
	// What a run before left, this stand-in knows nothing of.
	if err := d.quiet(ctx, nil, "-n", namespace, "delete", "flinkstatesnapshots,flinkdeployments", "--all", "--timeout", "2m"); err != nil {
		return err
	}
	// The image may be a newer one under the same name.
	if err := d.quiet(ctx, nil, "-n", namespace, "rollout", "restart", "deployment/stand-in-cmf-service"); err != nil {
		return err
	}
	return d.quiet(ctx, nil, "-n", namespace, "rollout", "status", "deployment/stand-in-cmf-service", "--timeout", "2m")
}

// tour is what a user would do first.
func (d *demo) tour(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "demo-cmf-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	edited := filepath.Join(dir, "application.yaml")
	text, err := os.ReadFile("examples/cmf/application.yaml")
	if err != nil {
		return err
	}
	if err := os.WriteFile(edited, bytes.Replace(text, []byte("parallelism: 1"), []byte("parallelism: 2"), 1), 0o600); err != nil {
		return err
	}
	for _, step := range []struct {
		line string
		// code is the exit code that the step ends with.
		code int
	}{
		// Naming the namespace is enough for a server that gets no credential;
		// from then on it is known to this context.
		{"cmf version -n " + namespace, 0},
		{"cmf apply -f examples/cmf/ --wait", 0},
		{"cmf apply -f examples/cmf/", 0},
		{"cmf env use demo-env", 0},
		{"cmf env list", 0},
		{"cmf app list", 0},
		{"cmf app status state-machine", 0},
		{"cmf diff -f " + edited, 3},
		{"cmf app savepoint state-machine --name before-change", 0},
		{"cmf apply -f " + edited + " --wait", 0},
		{"cmf app suspend state-machine", 0},
		{"cmf app start state-machine --from before-change", 0},
		{"cmf app status state-machine", 0},
		{"cmf savepoint list --application state-machine", 0},
	} {
		fmt.Printf("\n$ kubectl %s\n", strings.ReplaceAll(step.line, dir+"/", "edited-"))
		command := exec.CommandContext(ctx, d.kubectl, strings.Fields(step.line)...)
		command.Env, command.Stdout, command.Stderr = d.env, os.Stdout, os.Stderr
		_ = command.Run()
		if code := command.ProcessState.ExitCode(); code != step.code {
			return fmt.Errorf("kubectl %s ended with exit code %d, not %d", step.line, code, step.code)
		}
	}
	return nil
}

// quiet runs kubectl and shows its words only when it fails.
func (d *demo) quiet(ctx context.Context, in io.Reader, args ...string) error {
	command := exec.CommandContext(ctx, d.kubectl, args...)
	command.Env, command.Stdin = d.env, in
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("kubectl %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// tool runs the cluster's program.
func tool(ctx context.Context, out io.Writer, args ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"-C", "hack/cluster", "run", "."}, args...)...)
	command.Stdout, command.Stderr = out, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	if err := command.Run(); err != nil {
		return fmt.Errorf("cluster %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func ask(ctx context.Context, args ...string) (string, error) {
	var out strings.Builder
	err := tool(ctx, &out, args...)
	return strings.TrimSpace(out.String()), err
}
