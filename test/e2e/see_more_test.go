//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
)

func TestLogsOfARunningJob(t *testing.T) {
	t.Parallel()
	main.basic(t)
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"--tail", "20"}, []string{"jm-", "tm-1-", "INFO"}},
		{[]string{"--jm", "--tail", "200", "--grep", "Completed checkpoint"}, []string{"Completed checkpoint"}},
		{[]string{"--operator"}, []string{"operator ", ".basic-example]"}},
		{[]string{"--files"}, []string{"jobmanager", "basic-example-taskmanager-", ".log"}},
		{[]string{"--file", "*.log", "--tm"}, []string{"tm-1-", "TaskExecutor"}},
	} {
		out := main.kubectl(t, append([]string{"flink", "logs", "basic-example", "-n", "default"}, c.args...)...)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v lacks %q:\n%.2000s", c.args, want, out)
			}
		}
	}
	out := main.kubectl(t, "flink", "logs", "basic-example", "-n", "default", "--tm", "--tail", "1", "-o", "json")
	var line struct{ Pod, Role, Message string }
	must(t, json.Unmarshal([]byte(out), &line))
	if line.Role != "taskmanager" || !strings.HasPrefix(line.Pod, "basic-example-taskmanager-") || line.Message == "" {
		t.Error(out)
	}
	main.run(t, "flink", "logs", "basic-example", "-n", "default", "-p").wants(t, 1, "nothing previous")
}

// The JobManager writes with every checkpoint.
func TestLogsFollowed(t *testing.T) {
	t.Parallel()
	main.basic(t)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := main.command(ctx, "flink", "logs", "basic-example", "-n", "default", "-f", "--tail", "0", "--grep", "Triggering checkpoint")
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	buffer := make([]byte, 4096)
	n, err := out.Read(buffer)
	cancel()
	_ = command.Wait()
	if err != nil || !bytes.Contains(buffer[:n], []byte("Triggering checkpoint")) {
		t.Errorf("%q %v", buffer[:n], err)
	}
}

// StateMachineExample sends its events to the flat map by key.
func TestGraphOfARunningJob(t *testing.T) {
	t.Parallel()
	main.basic(t)
	graph := func(args ...string) string {
		t.Helper()
		return main.kubectl(t, append([]string{"flink", "graph", "basic-example", "-n", "default"}, args...)...)
	}
	var model struct {
		State    string
		Vertices []struct {
			ID, Name, Status string
			Parallelism      int
			Operators        []string
		}
		Edges []struct{ From, To, ShipStrategy string }
	}
	must(t, json.Unmarshal([]byte(graph("-o", "json")), &model))
	if model.State != "RUNNING" || len(model.Vertices) != 2 || len(model.Edges) != 1 {
		t.Fatalf("%+v", model)
	}
	source, sink, edge := model.Vertices[0], model.Vertices[1], model.Edges[0]
	if edge.From != source.ID || edge.To != sink.ID || edge.ShipStrategy != "HASH" || source.Parallelism < 1 || len(sink.Operators) != 2 {
		t.Errorf("%+v", model)
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{nil, []string{"flinkdeployment/basic-example  RUNNING", "│ Source: Events Generator Source │", "│ HASH", "▼", "busy "}},
		{[]string{"-o", "tree"}, []string{"[1] Source: Events Generator Source", "└─ HASH → [2] Flat Map"}},
		{[]string{"-o", "dot"}, []string{"digraph", "v1 -> v2 [label=\"HASH\"]"}},
		{[]string{"-o", "mermaid"}, []string{"flowchart TB", "v1 -->|\"HASH\"| v2"}},
		{[]string{"-o", "svg"}, []string{"<svg ", ">HASH</text>", "</svg>"}},
	} {
		out := graph(c.args...)
		for _, want := range c.want {
			if !strings.Contains(out, want) || strings.Contains(out, "\x1b") {
				t.Errorf("%v lacks %q:\n%s", c.args, want, out)
			}
		}
	}
	main.run(t, "flink", "graph", "basic-example", "-n", "default", "-w").wants(t, 2, "--watch")
}
