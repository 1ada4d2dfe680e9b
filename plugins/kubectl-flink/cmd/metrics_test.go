package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

func TestMetrics(t *testing.T) {
	p := recordedAs(t, "running")
	const job = "/jobs/ebd8fd3ef03d2081e54b6c6153110bcd/metrics"
	p.answerJobManager(map[string]string{
		job: `[{"id":"numRestarts"},{"id":"uptime"}]`, job + "?get=numRestarts": `[{"id":"numRestarts","value":"3"}]`,
		job + "?get=numRestarts,uptime":                       `[{"id":"numRestarts","value":"3"},{"id":"uptime","value":"NaN"}]`,
		"/jobmanager/metrics":                                 `[{"id":"Status.JVM.Memory.Heap.Used"}]`,
		"/jobmanager/metrics?get=Status.JVM.Memory.Heap.Used": `[{"id":"Status.JVM.Memory.Heap.Used","value":"1024"}]`,
		"/taskmanagers":                                       `{"taskmanagers":[{"id":"tm-1-1"}]}`, "/taskmanagers/tm-1-1/metrics": `[{"id":"Status.JVM.Memory.Heap.Used"}]`,
		"/taskmanagers/tm-1-1/metrics?get=Status.JVM.Memory.Heap.Used": `[{"id":"Status.JVM.Memory.Heap.Used","value":"2048"}]`,
	})
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"", exit.OK, "job     numRestarts   3\njob     uptime        -\n"},
		{"Restarts -o prom", exit.OK, "flink_job_numRestarts{"},
		{"heap", exit.OK, "jobmanager           Status.JVM.Memory.Heap.Used   1024\ntaskmanager/tm-1-1   Status.JVM.Memory.Heap.Used   2048\n"},
		{"Heap.* --tm 1", exit.OK, "taskmanager/tm-1-1   Status.JVM.Memory.Heap.Used   2048\n"},
		{"--jm -o jsonpath={.items[0].value}", exit.OK, "1024"},
		{"numRestarts --duration 700ms --interval 500ms -o csv", exit.OK, ",job,,numRestarts,3,"},
		{"numRestarts --job --duration 100ms --plot", exit.OK, "job numRestarts  3\n"},
		{"nothing", exit.Failed, "no metric has that in its name"},
		{"--job --jm", exit.Usage, "exclude each other"},
		{"--plot -o csv", exit.Usage, "--plot draws"},
		{"-w", exit.Usage, "--watch draws on a terminal"},
		{"-w -o svg", exit.Usage, "--watch renews"},
		{"--interval 1ms", exit.Usage, "--interval: 1ms is too short"},
	} {
		if got, code := play(t, p, append([]string{"metrics", "basic-example", "--via", "apiserver"}, strings.Fields(tc.args)...)...); code != tc.code || !strings.Contains(got, tc.want) {
			t.Errorf("%s: exit %d\n%s", tc.args, code, got)
		}
	}
	for text, names := range map[string][2]string{
		"heap": {"Status.JVM.Memory.Heap.Used", "uptime"}, "num*PerSecond": {"0.Map.numRecordsInPerSecond", "0.numRecordsIn"}, "a.b": {"xa.bx", "axb"}, "(": {"a(b", "a"},
	} {
		if pattern := metricPattern(text); !pattern.MatchString(names[0]) || pattern.MatchString(names[1]) {
			t.Errorf("%s: %s", text, pattern)
		}
	}
}

func TestProfileRefuses(t *testing.T) {
	p := withDump(t)
	for args, want := range map[string]string{
		"--mode x": `--mode: "x" is not one of cpu, alloc, lock, wall, itimer`, "--duration 1500ms": "whole seconds", "": "there are 2 TaskManagers: choose one with --tm", "--jm --tm 1": "exclude",
	} {
		if got, code := play(t, p, append([]string{"profile", "basic-example", "--via", "apiserver"}, strings.Fields(args)...)...); code != exit.Usage || !strings.Contains(got, want) {
			t.Errorf("%s: exit %d\n%s", args, code, got)
		}
	}
	p.answerJobManager(map[string]string{"/taskmanagers": `{"taskmanagers":[{"id":"tm"}]}`})
	if got, code := play(t, p, "profile", "basic-example", "--via", "apiserver"); code != exit.Failed || !strings.Contains(got, "the profiler of Flink is off in flinkdeployment/basic-example") || !strings.Contains(got, "--set rest.profiling.enabled=true") {
		t.Errorf("exit %d\n%s", code, got)
	}
}

// The page is another program's: whatever it says, it reaches no network.
func TestProfile(t *testing.T) {
	p := withDump(t)
	const run = `{"status":"RUNNING","mode":"ITIMER","triggerTime":5,"duration":1}`
	page := "<!DOCTYPE html><html><script>x</script></html>"
	p.answerJobManager(map[string]string{
		"/jobmanager/profiler":        `{"profilingList":[{"status":"FINISHED","mode":"ITIMER","triggerTime":5,"outputFile":"a.html"},{"status":"FAILED","mode":"CPU","triggerTime":4}]}`,
		"/jobmanager/profiler/a.html": page,
		"POST /jobmanager/profiler":   run,
	})
	name := filepath.Join(t.TempDir(), "p.html")
	got, code := play(t, p, "profile", "basic-example", "--via", "apiserver", "--jm", "--mode", "itimer", "--duration", "1s", "--file", name)
	data, err := os.ReadFile(name)
	if code != exit.OK || err != nil || string(data) != "<!DOCTYPE html>"+isolation+"<html><script>x</script></html>" || !strings.HasPrefix(got, name+"\n") {
		t.Errorf("exit %d, %v\n%s\n%s", code, err, got, data)
	}
	p.answerJobManager(map[string]string{"/jobmanager/profiler/a.html": "", "/jobmanager/profiler": `{"profilingList":[{"status":"FINISHED","mode":"ITIMER","triggerTime":5,"outputFile":"../../x"}]}`})
	if got, code := play(t, p, "profile", "basic-example", "--via", "apiserver", "--jm", "--mode", "itimer", "--duration", "1s", "--file", name); code != exit.Failed || !strings.Contains(got, "leads elsewhere") && !strings.Contains(got, "slash") {
		t.Errorf("exit %d\n%s", code, got)
	}
	p.answerJobManager(map[string]string{"POST /jobmanager/profiler": `{"status":"FAILED","mode":"CPU","triggerTime":4,"message":"Start profiler failed. No access to perf events. Try --fdtransfer"}`})
	if got, code := play(t, p, "profile", "basic-example", "--via", "apiserver", "--jm", "--duration", "1s"); code != exit.Failed || !strings.Contains(got, "perf events are refused in jobmanager") || !strings.Contains(got, "refuses the mode itimer") {
		t.Errorf("exit %d\n%s", code, got)
	}
}
