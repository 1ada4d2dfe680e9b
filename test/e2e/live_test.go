//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest"
)

// A job of its own: it loses its TaskManager.
func TestLiveScreens(t *testing.T) {
	t.Parallel()
	const namespace = "live-screens"
	// The JobManager would collect its numbers every 10 seconds.
	main.ownJob(t, namespace, "  flinkConfiguration:\n", "  flinkConfiguration:\n    metrics.fetcher.update-interval: 1s\n")
	t.Run("top", func(t *testing.T) { topOfARunningJob(t, namespace) })
	t.Run("status", func(t *testing.T) { statusTellsOfAKilledTaskManager(t, namespace) })
}

func topOfARunningJob(t *testing.T, namespace string) {
	// The numbers of the first moments are zero.
	eventually(t, "records and time of the job's vertices", "moving", func() string {
		var load struct {
			Vertices []struct {
				Out       float64 `json:"recordsOutPerSecond"`
				BusyMax   float64 `json:"busyPercentMax"`
				IdleShare float64 `json:"idlePercent"`
			} `json:"vertices"`
		}
		out := main.kubectl(t, "flink", "top", "basic-example", "--once", "-o", "json", "-n", namespace)
		must(t, json.Unmarshal([]byte(out), &load))
		if len(load.Vertices) == 2 && load.Vertices[0].Out > 0 && load.Vertices[0].BusyMax > 0 && load.Vertices[1].IdleShare > 0 {
			return "moving"
		}
		return out
	})
	eventually(t, "records of the job in the list", "moving", func() string {
		var list struct {
			Items []struct {
				Name string
				In   float64 `json:"recordsInPerSecond"`
			} `json:"items"`
		}
		out := main.kubectl(t, "flink", "top", "-n", namespace, "-o", "json")
		must(t, json.Unmarshal([]byte(out), &list))
		if len(list.Items) == 1 && list.Items[0].Name == "basic-example" && list.Items[0].In > 0 {
			return "moving"
		}
		return out
	})
	terminal := screentest.Open(t, 80, 24)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	command := main.command(ctx, "flink", "top", "basic-example", "-n", namespace)
	terminal.Start(command)
	terminal.Sees("RUNNING", "BUSY", "Source: Events", "q quit", "sorted by graph")
	terminal.Press("s")
	terminal.Sees("sorted by busy")
	terminal.Press("q")
	must(t, command.Wait())
}

// The live page tells what happens when a TaskManager is killed.
func statusTellsOfAKilledTaskManager(t *testing.T, namespace string) {
	terminal := screentest.Open(t, 80, 40)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	command := main.command(ctx, "flink", "status", "basic-example", "-n", namespace, "-w")
	terminal.Start(command)
	terminal.Sees("flinkdeployment/basic-example  healthy", "slots used", "Changes", "basic-example-taskmanager-1-", "q quit")
	main.kubectl(t, "delete", "pod", "-n", namespace, "-l", "app=basic-example,component=taskmanager", "--wait=false")
	terminal.Within(patience, "the end of the TaskManager's pod, another one, and the job running again", func(text string) bool {
		_, changes, _ := strings.Cut(text, "Changes")
		before, _, ok := strings.Cut(changes, " gone")
		if !ok {
			return false
		}
		above := before
		return strings.Contains(above, "healthy  RUNNING") && strings.Contains(text, "2 of 2 slots used")
	})
	terminal.Press("\x03")
	if err := command.Wait(); err == nil || command.ProcessState.ExitCode() != 130 {
		t.Errorf("Ctrl-C: %v", err)
	}
}
