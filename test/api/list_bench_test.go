//go:build api && bench

package api

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// The list of thousands of jobs, against kubectl's in the same run. `make bench`
// runs it.
func TestListOfThousands(t *testing.T) {
	binary, err := filepath.Abs("../../bin/kubectl-flink")
	must(t, err)
	const jobs = 5000
	ns := current.namespace(t)
	example, err := os.ReadFile("testdata/flinkdeployment.json")
	must(t, err)
	var group sync.WaitGroup
	names := make(chan int)
	for range 8 {
		group.Go(func() {
			for i := range names {
				var object map[string]any
				must(t, json.Unmarshal(example, &object))
				current.create(t, api.Deployment, ns, fmt.Sprintf("job-%04d", i), object["spec"].(map[string]any), object["status"].(map[string]any))
			}
		})
	}
	for i := range jobs {
		names <- i
	}
	close(names)
	group.Wait()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	must(t, os.WriteFile(file, current.kubeconfig, 0o600))
	assets, err := tool("assets")
	must(t, err)
	run := func(name string, args ...string) (time.Duration, int64) {
		command := exec.Command(name, append(args, "-n", ns, "--kubeconfig", file)...)
		began := time.Now()
		out, err := command.Output()
		must(t, err)
		if n := strings.Count(string(out), "\n"); n != jobs+1 {
			t.Fatalf("%s printed %d lines", name, n)
		}
		return time.Since(began), command.ProcessState.SysUsage().(*syscall.Rusage).Maxrss
	}
	var all [2][]time.Duration
	var memory [2]int64
	const runs = 11
	for range runs {
		for i, args := range [][]string{{binary, "list", "flinkdep"}, {filepath.Join(assets, "kubectl"), "get", "flinkdep"}} {
			wall, rss := run(args[0], args[1:]...)
			all[i] = append(all[i], wall)
			memory[i] = max(memory[i], rss)
		}
	}
	var times [2]time.Duration // the medians
	for i := range all {
		slices.Sort(all[i])
		times[i] = all[i][runs/2]
	}
	t.Logf("%d jobs: kubectl-flink list %v, %d MiB; kubectl get flinkdep %v, %d MiB; time %.2f, memory %.2f", jobs,
		times[0], memory[0]>>10, times[1], memory[1]>>10, float64(times[0])/float64(times[1]), float64(memory[0])/float64(memory[1]))
}
