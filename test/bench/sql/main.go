// Command sql measures `kubectl flink sql` against sql-client.sh in the
// JobManager's pod, in one run: the time until a first statement is answered,
// what each further statement costs, and the time and memory of a query of many
// rows; and the time until a first row is printed against the gateway's own.
//
//	go run ./test/bench/sql --kubeconfig FILE [--kubectl kubectl] [--bin bin] [--rounds 3] [--rows 1000000]
//
// It makes the session cluster of examples/session-example.yaml where there is
// none, starts its JVMs again with options of its own (see compiled), and a gateway
// for as long as it measures.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type bench struct {
	kubectl, bin, kubeconfig, namespace string
	rounds, count                       int
}

func main() {
	var b bench
	flag.StringVar(&b.kubeconfig, "kubeconfig", os.Getenv("KUBECONFIG"), "path of the kubeconfig file")
	flag.StringVar(&b.kubectl, "kubectl", "kubectl", "the kubectl to run")
	flag.StringVar(&b.bin, "bin", "bin", "directory of the built plugins")
	flag.StringVar(&b.namespace, "namespace", "default", "namespace of the session cluster")
	flag.IntVar(&b.rounds, "rounds", 3, "rounds; the median counts")
	flag.IntVar(&b.count, "rows", 1_000_000, "rows of the query that is written to a file")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := b.run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (b *bench) command(ctx context.Context, args ...string) *exec.Cmd {
	command := exec.CommandContext(ctx, b.kubectl, append(args, "-n", b.namespace)...)
	if args[0] == "flink" {
		command = exec.CommandContext(ctx, filepath.Join(b.bin, "kubectl-flink"), append(args[1:], "-n", b.namespace)...)
	}
	command.Env = append(os.Environ(), "KUBECONFIG="+b.kubeconfig)
	return command
}

func (b *bench) output(ctx context.Context, args ...string) (string, error) {
	command := b.command(ctx, args...)
	command.Stderr = os.Stderr
	out, err := command.Output()
	return strings.TrimSpace(string(out)), err
}

// wait asks until the answer is as wanted.
func (b *bench) wait(ctx context.Context, what string, ok func(string) bool, args ...string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 5*time.Minute, fmt.Errorf("%s within 5 minutes", what))
	defer cancel()
	for {
		out, err := b.output(ctx, args...)
		if err == nil && ok(out) {
			return out, nil
		}
		select {
		case <-ctx.Done():
			return "", context.Cause(ctx)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// compiled has the session cluster's JVMs compile as Flink's do by default: those
// of test clusters stop early, to start sooner, and would slow down both sides.
func (b *bench) compiled(ctx context.Context) error {
	const options = `{"spec":{"flinkConfiguration":{"env.java.opts.jobmanager":"-XX:+UseSerialGC","env.java.opts.taskmanager":"-XX:+UseSerialGC"}}}`
	if _, err := b.output(ctx, "patch", "flinkdeployment", "session-example", "--type", "merge", "-p", options); err != nil {
		return err
	}
	_, err := b.wait(ctx, "the JobManager is not started again", func(s string) bool {
		return strings.Contains(s, "-XX:+UseSerialGC") && !strings.Contains(s, "TieredStopAtLevel")
	}, "exec", "deployment/session-example", "--", "bash", "-c", `tr '\0' ' ' </proc/1/cmdline; exec 3<>/dev/tcp/localhost/8081`)
	return err
}

func (b *bench) run(ctx context.Context) error {
	if _, err := b.output(ctx, "apply", "-f", "examples/session-example.yaml"); err != nil {
		return err
	}
	if _, err := b.wait(ctx, "the session cluster is not ready", func(s string) bool { return s == "READY" },
		"get", "flinkdeployment", "session-example", "-o", "jsonpath={.status.jobManagerDeploymentStatus}"); err != nil {
		return err
	}
	if err := b.compiled(ctx); err != nil {
		return err
	}
	// A session that waits for statements keeps the gateway.
	holder := b.command(ctx, "flink", "sql", "session-example", "--start-gateway", "--quiet")
	hold, err := holder.StdinPipe()
	if err != nil {
		return err
	}
	holder.Stderr = os.Stderr
	if err := holder.Start(); err != nil {
		return err
	}
	defer func() {
		_ = hold.Close()
		_ = holder.Wait()
	}()
	pod, err := b.wait(ctx, "no gateway runs", func(s string) bool { return s != "" && !strings.Contains(s, " ") },
		"get", "pods", "-l", "app.kubernetes.io/name=flink-sql-gateway", "--field-selector", "status.phase=Running", "-o", "jsonpath={.items[*].metadata.name}")
	if err != nil {
		return err
	}
	if _, err := b.wait(ctx, "the gateway does not answer", func(string) bool { return true },
		"flink", "sql", "session-example", "--gateway", "pod/"+pod, "-q", "-e", "SHOW CATALOGS;"); err != nil {
		return err
	}
	for _, c := range []struct {
		statement string
		more      int
	}{{"SHOW CATALOGS", 20}, {"SELECT 1", 3}} {
		if err := b.statements(ctx, pod, c.statement, c.more); err != nil {
			return err
		}
	}
	if err := b.firstRow(ctx, pod); err != nil {
		return err
	}
	return b.rows(ctx, pod, b.count)
}

// With checkpoints that are exactly once, Flink hands out rows when the next
// checkpoint is through: chance would decide.
const settings = "SET 'execution.checkpointing.mode' = 'AT_LEAST_ONCE';\n"

// tableau is what sql-client.sh wants before a query in a script.
const tableau = "SET 'sql-client.execution.result-mode' = 'tableau';\n"

// statements compares one statement, and what more of them cost in the same
// session.
func (b *bench) statements(ctx context.Context, pod, statement string, more int) error {
	script := func(n int) string { return settings + strings.Repeat(statement+";\n", n) }
	ours := func(n int) *exec.Cmd {
		return b.command(ctx, "flink", "sql", "session-example", "--gateway", "pod/"+pod, "-q", "-e", script(n))
	}
	theirs := func(n int) *exec.Cmd {
		return b.command(ctx, "exec", "deployment/session-example", "--", "bash", "-c",
			`f=$(mktemp) && printf '%s' "$1" >"$f" && /opt/flink/bin/sql-client.sh embedded -Dexecution.target=remote -Drest.address=localhost -Drest.port=8081 -Dhigh-availability.type=NONE -f "$f" >"$f.out"; code=$?; grep -qF "[ERROR]" "$f.out" && { cat "$f.out" >&2; code=1; }; rm "$f" "$f.out"; exit $code`,
			"bench", tableau+script(n))
	}
	var first, rest [2][]time.Duration
	for range b.rounds {
		for i, make := range []func(int) *exec.Cmd{ours, theirs} {
			one, err := timed(make(1))
			if err != nil {
				return err
			}
			many, err := timed(make(1 + more))
			if err != nil {
				return err
			}
			first[i] = append(first[i], one)
			rest[i] = append(rest[i], (many-one)/time.Duration(more))
		}
	}
	fmt.Printf("SQL (%s, median of %d rounds, in turn)\n", statement, b.rounds)
	fmt.Printf("  %-34s %12s %20s\n", "", "first answer", "each further one")
	for i, name := range []string{"kubectl flink sql, gateway running", "sql-client.sh in the pod"} {
		fmt.Printf("  %-34s %9.2f s %17.3f s\n", name, median(first[i]).Seconds(), median(rest[i]).Seconds())
	}
	fmt.Printf("  %-34s %12.2f %20.2f\n", "ratio", median(first[0]).Seconds()/median(first[1]).Seconds(), median(rest[0]).Seconds()/median(rest[1]).Seconds())
	return nil
}

func timed(command *exec.Cmd) (time.Duration, error) {
	var said strings.Builder
	command.Stdout, command.Stderr = io.Discard, &said
	began := time.Now()
	if err := command.Run(); err != nil {
		return 0, fmt.Errorf("%s: %w\n%s", strings.Join(command.Args, " "), err, said.String())
	}
	return time.Since(began), nil
}

func median(of []time.Duration) time.Duration {
	slices.Sort(of)
	return of[len(of)/2]
}
