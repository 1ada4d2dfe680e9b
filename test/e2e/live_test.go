//go:build e2e

package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest"
)

func TestTopOfARunningJob(t *testing.T) {
	main.basic(t)
	// The JobManager collects its numbers every 10 seconds; those of the first
	// moments are zero.
	eventually(t, "records and time of the job's vertices", "moving", func() string {
		var load struct {
			Vertices []struct {
				Out        float64 `json:"recordsOutPerSecond"`
				BusyMax    float64 `json:"busyPercentMax"`
				IdleShare  float64 `json:"idlePercent"`
			} `json:"vertices"`
		}
		out := main.kubectl(t, "flink", "top", "basic-example", "--once", "-o", "json", "-n", "default")
		must(t, json.Unmarshal([]byte(out), &load))
		if len(load.Vertices) == 2 && load.Vertices[0].Out > 0 && load.Vertices[0].BusyMax > 0 && load.Vertices[1].IdleShare > 0 {
			return "moving"
		}
		return out
	})
	var list struct {
		Items []struct {
			Name string
			In   float64 `json:"recordsInPerSecond"`
		} `json:"items"`
	}
	must(t, json.Unmarshal([]byte(main.kubectl(t, "flink", "top", "-n", "default", "-o", "json")), &list))
	for _, job := range list.Items {
		if job.Name == "basic-example" && job.In <= 0 {
			t.Errorf("no records: %+v", job)
		}
	}
	terminal := screentest.Open(t, 80, 24)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	command := main.command(ctx, "flink", "top", "basic-example", "-n", "default")
	terminal.Start(command)
	terminal.Sees("RUNNING", "BUSY", "Source: Events", "q quit", "sorted by graph")
	terminal.Press("s")
	terminal.Sees("sorted by busy")
	terminal.Press("q")
	must(t, command.Wait())
}

// The live page tells what happens when a TaskManager is killed. The job is the
// shared one; it goes on from its last checkpoint.
func TestStatusTellsOfAKilledTaskManager(t *testing.T) {
	main.basic(t)
	terminal := screentest.Open(t, 80, 40)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	command := main.command(ctx, "flink", "status", "basic-example", "-n", "default", "-w")
	terminal.Start(command)
	terminal.Sees("flinkdeployment/basic-example  healthy", "slots used", "Changes", "basic-example-taskmanager-1-", "q quit")
	main.kubectl(t, "delete", "pod", "-n", "default", "-l", "app=basic-example,component=taskmanager", "--wait=false")
	terminal.Within(patience, "the end of the TaskManager's pod, another one, and the job running again", func(text string) bool {
		_, changes, _ := strings.Cut(text, "Changes")
		gone := strings.Index(changes, " gone")
		if gone < 0 {
			return false
		}
		above := changes[:gone]
		return strings.Contains(above, "healthy  RUNNING") && strings.Contains(text, "2 of 2 slots used")
	})
	terminal.Press("\x03")
	if err := command.Wait(); err == nil || command.ProcessState.ExitCode() != 130 {
		t.Errorf("Ctrl-C: %v", err)
	}
	main.running(t, "flinkdeployment", "basic-example", "default")
}
