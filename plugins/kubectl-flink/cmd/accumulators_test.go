package cmd

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

const recordedJob = "/jobs/ebd8fd3ef03d2081e54b6c6153110bcd"

func TestAccumulators(t *testing.T) {
	p := recordedAs(t, "running")
	const source, sink = "/vertices/bc764cd8ddf7a0cff126f51c16239658/subtasks/accumulators", "/vertices/20ba6b65f97481d5570070de90e4e791/subtasks/accumulators"
	p.answerJobManager(map[string]string{
		recordedJob + "/accumulators": `{"job-accumulators":[],"user-task-accumulators":[{"name":"lines","type":"IntCounter","value":"42"},{"name":"hist\u001b[31m","type":"Histogram","value":"{1=2,\n3=4}"}]}`,
		recordedJob + source: `{"id":"bc764cd8ddf7a0cff126f51c16239658","parallelism":2,"subtasks":[{"subtask":0,"attempt":1,"endpoint":"10.0.0.1:1","user-accumulators":[{"name":"lines","type":"IntCounter","value":"40"}]},` +
			`{"subtask":1,"attempt":0,"host":"old","user-accumulators":[{"name":"lines","type":"IntCounter","value":"2"}]}]}`,
		recordedJob + sink: `{"subtasks":[]}`,
	})
	for _, tc := range []struct {
		args string
		code int
		want string
	}{
		{"", exit.OK, "NAME    TYPE         VALUE\nlines   IntCounter   42\n"},
		{"-o table --no-headers", exit.OK, "lines   IntCounter   42\n"},
		{"--no-headers", exit.OK, "hist    Histogram    {1=2, 3=4}\n"},
		{"-o name", exit.OK, "accumulator/lines\naccumulator/hist"},
		{"--vertex source", exit.OK, "SUBTASK   NAME    TYPE         VALUE\n0         lines   IntCounter   40\n1         lines   IntCounter   2\n"},
		{"--vertex source -o name", exit.OK, "accumulator/lines\n"},
		{"--vertex source -o jsonpath={.items[*].endpoint}", exit.OK, "10.0.0.1:1 old"},
		{"--vertex source -o jsonpath={.items[*].subtask}", exit.OK, "0 1"},
		{"--vertex sink", exit.OK, "vertex Flat Map -> Sink: Print to Std. Out of job ebd8fd3ef03d2081e54b6c6153110bcd of flinkdeployment/basic-example has no accumulators"},
		{"--vertex sink -o json", exit.OK, `"items": []`},
		{"--vertex nowhere", exit.Usage, "no vertex has \"nowhere\" in its name"},
		{"-o csv", exit.Usage, "unknown format"},
	} {
		got, code := play(t, p, append([]string{"accumulators", "basic-example", "--via", "apiserver"}, strings.Fields(tc.args)...)...)
		if code != tc.code || !strings.Contains(got, tc.want) || strings.Contains(got, "\x1b") {
			t.Errorf("%s: exit %d\n%q", tc.args, code, got)
		}
	}
	p.answerJobManager(map[string]string{recordedJob + "/accumulators": `{"user-task-accumulators":[]}`})
	if got, code := play(t, p, "accumulators", "basic-example", "--via", "apiserver"); code != exit.OK || !strings.Contains(got, "job ebd8fd3ef03d2081e54b6c6153110bcd of flinkdeployment/basic-example has no accumulators") {
		t.Errorf("exit %d\n%s", code, got)
	}
}

func TestRescales(t *testing.T) {
	p := recordedAs(t, "running")
	p.answerJobManager(map[string]string{
		recordedJob + "/rescales/history": `[{"rescaleUuid":"zeroth","vertices":{},"slots":{},"startTimestampInMillis":1795404100000,"endTimestampInMillis":1795404101000,"terminalState":"COMPLETED","triggerCause":"RECOVERABLE_FAILOVER","terminatedReason":"SUCCEEDED"},` +
			`{"rescaleUuid":"gone","vertices":{},"slots":{},"startTimestampInMillis":1795404000000,"endTimestampInMillis":1795404001000,"terminalState":"IGNORED","triggerCause":"RECOVERABLE_FAILOVER","terminatedReason":"JOB_FAILING"},{"rescaleUuid":"first","rescaleAttemptId":1,"vertices":{"a":{"jobVertexId":"a","jobVertexName":"Source","desiredParallelism":1,"sufficientParallelism":1,"preRescaleParallelism":null,"postRescaleParallelism":1}},` +
			`"slots":{"g":{"slotSharingGroupName":"default","desiredSlots":1,"postRescaleSlots":1}},"schedulerStates":null,"startTimestampInMillis":1795404200000,"endTimestampInMillis":1795404202500,"terminalState":"COMPLETED","triggerCause":"INITIAL_SCHEDULE","terminatedReason":"SUCCEEDED"},` +
			`{"rescaleUuid":"third","vertices":{"a":{"preRescaleParallelism":2,"desiredParallelism":4}},"startTimestampInMillis":1795404277750,"endTimestampInMillis":null,"triggerCause":"NEW_RESOURCE_AVAILABLE"},` +
			`{"rescaleUuid":"second","vertices":{"a":{"preRescaleParallelism":1,"postRescaleParallelism":2},"b":{"preRescaleParallelism":1,"postRescaleParallelism":2},"c":{"preRescaleParallelism":1,"postRescaleParallelism":1}},"startTimestampInMillis":1795404210000,"endTimestampInMillis":1795404210400,"terminalState":"FAILED","triggerCause":"UPDATE_REQUIREMENT","terminatedReason":"EXCEPTION_OCCURRED"}]`,
		recordedJob + "/rescales/details/zeroth": `{"rescaleUuid":"zeroth","vertices":{"a":{"preRescaleParallelism":3,"postRescaleParallelism":5}},"slots":{}}`,
		recordedJob + "/rescales/overview":       `{"rescalesCounts":{"ignored":3,"inProgress":1,"completed":7,"failed":2},"latest":{}}`,
	})
	for args, want := range map[string][]string{
		"":                                    {"flinkdeployment/basic-example: 7 completed, 2 failed, 3 ignored, 1 in progress\nAGE", "IN_PROGRESS   NEW_RESOURCE_AVAILABLE   <none>               2 (wanted 4)\n", "400ms    FAILED        UPDATE_REQUIREMENT       EXCEPTION_OCCURRED   1, 1→2\n", "2.5s     COMPLETED     INITIAL_SCHEDULE         SUCCEEDED            1\n", "SUCCEEDED            3→5\n", "IGNORED       RECOVERABLE_FAILOVER     JOB_FAILING          <none>\n"},
		"-o wide":                             {"PARALLELISM    ID\n", "1→2         second\n"},
		"-o jsonpath={.items[*].rescaleUuid}": {"third second first zeroth gone"},
		"-o jsonpath={.counts.ignored}":       {"3"},
	} {
		got, code := play(t, p, append([]string{"rescales", "basic-example", "--via", "apiserver"}, strings.Fields(args)...)...)
		for _, part := range want {
			if code != exit.OK || !strings.Contains(got, part) {
				t.Errorf("%s: exit %d, lacks %q\n%s", args, code, part, got)
			}
		}
	}
	p.answerJobManager(map[string]string{recordedJob + "/rescales/history": `[]`})
	if got, code := play(t, p, "rescales", "basic-example", "--via", "apiserver"); code != exit.OK || !strings.Contains(got, "job ebd8fd3ef03d2081e54b6c6153110bcd of flinkdeployment/basic-example has not been rescaled") {
		t.Errorf("exit %d\n%s", code, got)
	}
}

func TestRescalesOfAnOlderFlink(t *testing.T) {
	p := recordedAs(t, "running")
	if got, code := play(t, p, "rescales", "basic-example", "--via", "apiserver"); code != exit.Failed || !strings.Contains(got, "of flinkdeployment/basic-example has no history of rescales: it came with Flink 2.3") || !strings.Contains(got, "Flink 1.20") {
		t.Errorf("exit %d\n%s", code, got)
	}
}
