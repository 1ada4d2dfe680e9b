//go:build e2e && long

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runFor is run with patience of its own.
func (c *cluster) runFor(t *testing.T, patience time.Duration, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := c.command(ctx, args...)
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	_ = command.Run()
	return result{out.String(), errOut.String(), command.ProcessState.ExitCode()}
}

// operatorProcess is the operator's process on this machine.
func (c *cluster) operatorProcess(t *testing.T) int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	for _, dir := range dirs {
		command, _ := os.ReadFile(filepath.Join(dir, "cmdline"))
		group, _ := os.ReadFile(filepath.Join(dir, "cgroup"))
		if strings.Contains(string(command), "kubernetes.operator.FlinkOperator") && strings.Contains(string(group), "kubectl-flink-"+c.name+"/") {
			pid, err := strconv.Atoi(filepath.Base(dir))
			must(t, err)
			return pid
		}
	}
	t.Fatal("the operator's process is not found")
	return 0
}

// The operator writes a status three times. It is halted as soon as the first
// is seen, so that the resumption comes in between: it then forgets the
// suspension and takes the job for finished.
func TestResumeInTheMomentOfSuspension(t *testing.T) {
	ns := main.flinkNamespace(t, "change-e2e-forgotten")
	main.apply(t, ns, exampleIn(t, ns, "basic-example.yaml"))
	main.running(t, "flinkdeployment", "basic-example", ns)
	forgotten := 0
	for round := range 5 {
		pid := main.operatorProcess(t)
		watch := main.command(t.Context(), "get", "flinkdeployment", "basic-example", "-n", ns, "--watch-only", "-o", "jsonpath={.status.lifecycleState}{\"\\n\"}")
		seen, err := watch.StdoutPipe()
		must(t, err)
		must(t, watch.Start())
		halted := make(chan time.Time, 1)
		go func() {
			for lines := bufio.NewScanner(seen); lines.Scan(); {
				if lines.Text() == "SUSPENDED" {
					_ = syscall.Kill(pid, syscall.SIGSTOP)
					halted <- time.Now()
					return
				}
			}
			halted <- time.Time{}
		}()
		left := main.run(t, "flink", "suspend", "basic-example", "-n", ns, "-o", pathOnly).wants(t, 0).out
		if at := <-halted; at.IsZero() {
			t.Fatal("the suspension was never seen")
		}
		_ = watch.Process.Kill()
		_ = watch.Wait()
		r := main.runDisturbed(t, "patched (", func() { must(t, syscall.Kill(pid, syscall.SIGCONT)) },
			"flink", "resume", "basic-example", "-n", ns, "-o", "jsonpath={.status.path} {.status.restoredFrom.proven}").wants(t, 0)
		if r.out != left+" true" {
			t.Errorf("round %d: resumed from %q, left %q\n%s", round, r.out, left, r.err)
		}
		if strings.Contains(r.err, "it missed the suspension") {
			forgotten++
		}
	}
	fmt.Printf("forgotten %d times in 5\n", forgotten)
	if forgotten == 0 {
		t.Error("the operator never forgot a suspension: does it still write each status three times?")
	}
}

// oldOperator is a cluster of its own with operator 1.7 and the example's job.
func oldOperator(t *testing.T) *cluster {
	t.Helper()
	old, err := up(clusterName+"-old", "--operator", "1.7.0", "--flink", "1.20")
	must(t, err)
	t.Cleanup(func() {
		if os.Getenv("KEEP") == "" {
			_, err := tool("down", "--name", old.name)
			must(t, err)
		}
	})
	old.apply(t, "default", example(t, "basic-example.yaml",
		"v1_20", "v1_18",
		"execution.checkpointing.dir", "state.checkpoints.dir",
		"execution.checkpointing.savepoint-dir", "state.savepoints.dir"))
	old.running(t, "flinkdeployment", "basic-example", "default")
	return old
}

// The verbs that change a job, on operator 1.7, which has no FlinkStateSnapshot,
// no observedGeneration and no savepointRedeployNonce.
func TestChangesOnAnOldOperator(t *testing.T) {
	old := oldOperator(t)
	from := "jsonpath={.status.restoredFrom.kind} {.status.restoredFrom.proven} {.status.path}"
	for _, args := range [][]string{{"scale", "--parallelism", "1"}, {"restart"}} {
		r := old.run(t, append(append([]string{"flink"}, args...), "basic-example", "-o", from)...).wants(t, 0, "a savepoint is taken first")
		path, ok := strings.CutPrefix(r.out, "savepoint true ")
		if !ok {
			t.Errorf("%v: %q", args, r.out)
		}
		old.hasMetadata(t, path)
	}
	old.run(t, "flink", "suspend", "basic-example", "--mode", "last-state").wants(t, 0)
	r := old.run(t, "flink", "resume", "basic-example", "-o", from).wants(t, 0)
	if !strings.HasPrefix(r.out, "checkpoint true ") {
		t.Errorf("resumed from %q", r.out)
	}
	path := old.run(t, "flink", "savepoint", "basic-example", "-o", pathOnly).wants(t, 0).out
	r = old.run(t, "flink", "restore", "basic-example", "--from", path, "--recreate", "--yes").wants(t, 0, "recreated")
	if !strings.Contains(r.out, path) {
		t.Error(r)
	}
	r = old.run(t, "flink", "stop", "basic-example", "-o", pathOnly).wants(t, 0)
	old.hasMetadata(t, r.out)
	old.kubectl(t, "delete", "flinkdeployment", "basic-example", "--wait")
}

// The operator rolls an upgrade back by itself, which is followed and not raced.
func TestUpgradeThatTheOperatorRollsBack(t *testing.T) {
	t.Parallel()
	ns := main.flinkNamespace(t, "change-e2e-rollback")
	main.apply(t, ns, exampleIn(t, ns, "basic-example.yaml", "    high-availability.type: kubernetes",
		"    kubernetes.operator.deployment.rollback.enabled: \"true\"\n    kubernetes.operator.deployment.readiness.timeout: 150 s\n    high-availability.type: kubernetes"))
	main.running(t, "flinkdeployment", "basic-example", ns)
	r := main.runFor(t, 12*time.Minute, "flink", "upgrade", "basic-example", "-n", ns, "--image", "flink:none", "--rollback-on-failure", "--timeout", "10m", "--yes").wants(t, 1,
		"flink:none", "the operator rolls it back itself", "2m30s after the change at the latest", "The operator rolled it back (lifecycle ROLLED_BACK)", "what ran before runs again, from ", "kubectl patch flinkdeployment basic-example")
	if strings.Contains(r.err, "going back to the spec of before") {
		t.Errorf("it raced the operator\n%s", r.err)
	}
	status := main.run(t, "flink", "status", "basic-example", "-n", ns, "--exit-status").wants(t, 3)
	if !strings.Contains(status.out, "ROLLED_BACK") {
		t.Error(status)
	}
}

// The operator goes away in the middle of an upgrade and doesn't come back.
func TestUpgradeWhoseOperatorGoes(t *testing.T) {
	ns := main.flinkNamespace(t, "change-e2e-gone")
	main.apply(t, ns, exampleIn(t, ns, "basic-example.yaml"))
	main.running(t, "flinkdeployment", "basic-example", ns)
	scale := func(replicas string) {
		main.kubectl(t, "scale", "deployment", "flink-kubernetes-operator", "-n", "flink-operator", "--replicas="+replicas)
	}
	t.Cleanup(func() { scale("1") })
	var gone time.Time
	r := main.runDisturbed(t, "lifecycle UPGRADING", func() { scale("0"); gone = time.Now() },
		"flink", "upgrade", "basic-example", "-n", ns, "--parallelism", "1", "--timeout", "4m", "--yes").wants(t, 1, "the operator is not running", "It had begun with the change")
	if took := time.Since(gone); took > time.Minute {
		t.Errorf("it took %s\n%s", took, r.err)
	}
	// It goes on where it was.
	scale("1")
	main.run(t, "flink", "status", "basic-example", "-n", ns, "--for", "stable", "--timeout", "4m").wants(t, 0)
	if got := main.kubectl(t, "flink", "checkpoints", "basic-example", "-n", ns, "-o", "jsonpath={.latest.restored.is_savepoint}"); got != "true" {
		t.Errorf("restored from a savepoint: %q", got)
	}
}

// Operator 1.7 has no FlinkStateSnapshot.
func TestSavepointOnAnOldOperator(t *testing.T) {
	old := oldOperator(t)
	r := old.run(t, "flink", "savepoint", "basic-example").wants(t, 0, "savepointTriggerNonce set to")
	name, path, ok := strings.Cut(strings.TrimSpace(r.out), " savepoint completed: ")
	if !ok || name != "flinkdeployment.flink.apache.org/basic-example" {
		t.Fatal(r)
	}
	old.hasMetadata(t, path)
	r = old.run(t, "flink", "savepoint", "basic-example", "-o", pathOnly).wants(t, 0)
	old.hasMetadata(t, r.out)
	old.run(t, "flink", "savepoint", "basic-example", "--format", "native").wants(t, 2, "--format needs FlinkStateSnapshot")
	if got := old.kubectl(t, "flink", "version"); !strings.Contains(got, "1.7.0") {
		t.Error(got)
	}
	r = old.run(t, "flink", "checkpoint", "basic-example").wants(t, 0, "checkpointTriggerNonce set to")
	if !strings.Contains(r.out, "/chk-") {
		t.Error(r)
	}
	old.run(t, "flink", "restore", "basic-example", "--from", path).wants(t, 1, "can't redeploy a job from a savepoint", "--recreate")

	// It would start a job that is resumed at once from an older checkpoint.
	left := old.run(t, "flink", "suspend", "basic-example", "-o", pathOnly).wants(t, 0).out
	old.hasMetadata(t, left)
	r = old.run(t, "flink", "resume", "basic-example", "-o", "jsonpath={.status.path} {.status.restoredFrom.proven}").wants(t, 0, "resumes from savepoint "+left)
	if r.out != left+" true" {
		t.Errorf("resumed from %q, left %q", r.out, left)
	}
	if r := old.run(t, "flink", "snapshot", "list", "-o", "jsonpath={range .items[*]}{.summary.path} {end}").wants(t, 0); !strings.Contains(r.out, path) || !strings.Contains(r.out, left) {
		t.Errorf("%s lacks %s or %s", r.out, path, left)
	}
}
