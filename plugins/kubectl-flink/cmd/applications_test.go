package cmd

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// As Flink 2.3 answers; an application may have several jobs, and none.
func TestApplications(t *testing.T) {
	const one, none = "000000004ea75aa20000000000000000", "000000004ea75aa20000000000000001"
	p := recordedAs(t, "running")
	p.answerJobManager(map[string]string{
		"/applications/overview":                `{"applications":[{"id":"` + one + `","name":"com.acme.Main","status":"RUNNING"},{"id":"` + none + `"},{"id":"000000004ea75aa20000000000000002"}]}`,
		"/applications/" + one:                  `{"id":"` + one + `","name":"com.acme.Main","status":"RUNNING","start-time":1795404200000,"end-time":-1,"jobs":[{"jid":"89213e8877be1e480f9adc1e826190f4","name":"orders","state":"RUNNING","tasks":{"running":4}},{"jid":"89213e8877be1e480f9adc1e826190f5","name":"refunds","state":"FAILED"}]}`,
		"/applications/" + one + "/exceptions":  `{"exceptionHistory":{"entries":[]}}`,
		"/applications/" + none:                 `{"id":"` + none + `","name":"com.acme.Second","status":"FAILED","start-time":1795404200000,"jobs":[]}`,
		"/applications/" + none + "/exceptions": `{"exceptionHistory":{"entries":[{"exceptionName":"x","timestamp":1795404260000,"stacktrace":"org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: no topic\n\tat a.B.c(B.java:1)\nCaused by: java.lang.IllegalArgumentException: no topic\u001b[31m\n\tat a.B.c(B.java:1)"}]}}`,
	})
	for args, want := range map[string][]string{
		"": {
			"com.acme.Main     RUNNING   ", "orders    RUNNING   89213e8877be1e480f9adc1e826190f4\n", "refunds   FAILED    89213e8877be1e480f9adc1e826190f5\n",
			"com.acme.Second   FAILED    ", "\ncom.acme.Second failed ", "IllegalArgumentException: no topic",
		},
		"-o wide":                             {one, none},
		"-o jsonpath={.items[*].jobs[*].jid}": {"89213e8877be1e480f9adc1e826190f4 89213e8877be1e480f9adc1e826190f5"},
		"-o jsonpath={.items[1].exceptions[0].exceptionName}": {"x"},
	} {
		got, code := play(t, p, append([]string{"applications", "basic-example", "--via", "apiserver"}, strings.Fields(args)...)...)
		for _, part := range want {
			if code != exit.OK || !strings.Contains(got, part) || strings.Contains(got, "\x1b") {
				t.Errorf("%s: exit %d, lacks %q\n%s", args, code, part, got)
			}
		}
	}
	p.answerJobManager(map[string]string{"/applications/overview": `{"applications":[]}`})
	if got, code := play(t, p, "applications", "basic-example", "--via", "apiserver"); code != exit.OK || !strings.Contains(got, "flinkdeployment/basic-example has no applications") {
		t.Errorf("exit %d\n%s", code, got)
	}
	p.answerJobManager(map[string]string{"/applications/overview": `{"applications":[{"id":"../jobs"}]}`})
	if got, code := play(t, p, "applications", "basic-example", "--via", "apiserver"); code != exit.Failed || !strings.Contains(got, "is not an id that Flink gives") {
		t.Errorf("exit %d\n%s", code, got)
	}
	old := recordedAs(t, "running")
	if got, code := play(t, old, "applications", "basic-example", "--via", "apiserver"); code != exit.Failed || !strings.Contains(got, "has no applications: they came with Flink 2.3") {
		t.Errorf("exit %d\n%s", code, got)
	}
}
