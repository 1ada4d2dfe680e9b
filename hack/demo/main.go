// Command demo shows the plugins at work: it brings up a cluster, runs a Flink
// job and takes a savepoint of it with the real kubectl.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

const (
	job     = "basic-example"
	session = "session-example"
	cluster = "demo"
	// patience is how long the job may take to run: on a slow machine its
	// JVMs start for minutes.
	patience = 8 * time.Minute
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bin := flag.String("bin", "bin", "directory of the built plugins")
	kubeconfig := flag.String("kubeconfig", "", "use this cluster, which has the operator, instead of bringing one up")
	flag.Parse()
	if err := run(ctx, *bin, *kubeconfig); err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

// demo is one run of the demo.
type demo struct {
	kubectl string
	env     []string
}

func run(ctx context.Context, bin, kubeconfig string) error {
	started := time.Now()
	d := &demo{kubectl: "kubectl"}
	kubectlDir := ""
	if kubeconfig == "" {
		if err := tool(ctx, os.Stderr, "up", "--name", cluster); err != nil {
			return fmt.Errorf("bring the cluster up: %w", err)
		}
		var out strings.Builder
		if err := tool(ctx, &out, "kubeconfig", "--name", cluster); err != nil {
			return err
		}
		kubeconfig = strings.TrimSpace(out.String())
		out.Reset()
		if err := tool(ctx, &out, "assets"); err != nil {
			return err
		}
		kubectlDir = strings.TrimSpace(out.String())
		d.kubectl = filepath.Join(kubectlDir, "kubectl")
	}
	path := strings.Join([]string{bin, kubectlDir, os.Getenv("PATH")}, string(os.PathListSeparator))
	d.env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "PATH="+path)

	if err := d.show(ctx, "apply", "-f", "examples/"+job+".yaml"); err != nil {
		return err
	}
	if err := d.waitForJob(ctx); err != nil {
		return err
	}
	if err := d.show(ctx, "flink", "savepoint", job); err != nil {
		return err
	}
	// For SQL; it starts while the user reads.
	if err := d.show(ctx, "apply", "-f", "examples/"+session+".yaml"); err != nil {
		return err
	}
	d.next(bin, kubectlDir, kubeconfig, time.Since(started))
	return nil
}

func tool(ctx context.Context, out interface{ Write([]byte) (int, error) }, args ...string) error {
	command := exec.CommandContext(ctx, "go", append([]string{"-C", "hack/cluster", "run", "."}, args...)...)
	command.Stdout, command.Stderr = out, os.Stderr
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = 30 * time.Second
	return command.Run()
}

// show prints a kubectl command as a user would type it, and runs it.
func (d *demo) show(ctx context.Context, args ...string) error {
	fmt.Printf("\n$ kubectl %s\n", strings.Join(args, " "))
	command := exec.CommandContext(ctx, d.kubectl, args...)
	command.Env, command.Stdout, command.Stderr = d.env, os.Stdout, os.Stderr
	if err := command.Run(); err != nil {
		return fmt.Errorf("kubectl %s: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (d *demo) ask(ctx context.Context, args ...string) string {
	command := exec.CommandContext(ctx, d.kubectl, args...)
	command.Env = d.env
	out, err := command.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// waitForJob waits until the job runs, and shows what it waits for.
func (d *demo) waitForJob(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errors.New("the job did not run within "+patience.String()))
	defer cancel()
	line := progress.New(os.Stderr, false)
	defer line.Done()
	const status = "jsonpath={.status.jobStatus.state} {.status.jobManagerDeploymentStatus} {.status.lifecycleState}"
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		state := d.ask(ctx, "get", "flinkdeployment", job, "-o", status)
		if strings.HasPrefix(state, "RUNNING READY STABLE") {
			return nil
		}
		if message := d.ask(ctx, "get", "flinkdeployment", job, "-o", "jsonpath={.status.error}"); message != "" {
			state += ": " + api.DecodeFailure(message).Root()
		}
		if state == "" {
			state = "not seen by the operator yet"
		}
		line.Set("waiting for %s to run: %s", job, state)
		select {
		case <-ctx.Done():
			line.Done()
			_ = d.show(context.WithoutCancel(ctx), "describe", "flinkdeployment", job)
			_ = d.show(context.WithoutCancel(ctx), "get", "pods", "-o", "wide")
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

func (d *demo) next(bin, kubectlDir, kubeconfig string, took time.Duration) {
	if dir, err := filepath.Abs(bin); err == nil {
		bin = dir
	}
	path := bin
	if kubectlDir != "" {
		path += ":" + kubectlDir
	}
	fmt.Printf(`
Done in %s. To go on:

  export KUBECONFIG=%s PATH=%s:$PATH

  kubectl flink savepoint %s -o jsonpath='{.status.path}'
  kubectl flink savepoint %s --dry-run=client -o yaml
  kubectl flink ui %s
  kubectl flink rest %s /jobs/overview
  kubectl flink sql %s --start-gateway
  kubectl flink sql %s --start-gateway -e 'SELECT 1'
  kubectl flink version

`, took.Round(time.Second), kubeconfig, path, job, job, job, job, session, session)
	if kubectlDir != "" {
		fmt.Println("make demo-down takes the cluster down.")
	}
}
