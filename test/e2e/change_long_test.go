//go:build e2e && long

package e2e

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

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
	ns := changeSpace(t, "change-e2e-forgotten")
	main.apply(t, ns, example(t, "basic-example.yaml"))
	main.running(t, "flinkdeployment", "basic-example", ns)
	forgotten := 0
	for round := range 10 {
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
		if strings.Contains(r.err, "told it again") {
			forgotten++
		}
	}
	fmt.Printf("forgotten %d times in 10\n", forgotten)
	if forgotten == 0 {
		t.Error("the operator never forgot a suspension: does it still write each status three times?")
	}
}

// The verbs that change a job, on operator 1.7, which has no FlinkStateSnapshot,
// no observedGeneration and no savepointRedeployNonce.
func TestChangesOnAnOldOperator(t *testing.T) {
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
	r = old.run(t, "flink", "restore", "basic-example", "--from", path, "--recreate", "--yes").wants(t, 0, "created anew")
	if !strings.Contains(r.out, path) {
		t.Error(r)
	}
	r = old.run(t, "flink", "stop", "basic-example", "-o", pathOnly).wants(t, 0)
	old.hasMetadata(t, r.out)
	old.kubectl(t, "delete", "flinkdeployment", "basic-example", "--wait")
}
