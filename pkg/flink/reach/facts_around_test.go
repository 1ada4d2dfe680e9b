package reach

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// The end of a thread belongs to the object that it named last.
func TestLinesOfAnOperatorAboutAnObject(t *testing.T) {
	const end = `Exception in thread "pool-7-thread-35" java.lang.NoSuchMethodError: 'void a.B.c()'`
	of := func(lines ...string) string {
		var log []diagnosis.LogLine
		for _, line := range lines {
			log = append(log, diagnosis.LogLine{Text: line})
		}
		var out []string
		for _, line := range about(log, api.Ref{Kind: api.Deployment, Namespace: "prod", Name: "orders"}) {
			out = append(out, line.Text)
		}
		return strings.Join(out, "; ")
	}
	ours, theirs := "INFO o.a.Reconciler [prod.orders] Deploying", "INFO o.a.Reconciler [prod.other] Deploying"
	for _, c := range []struct {
		lines []string
		want  string
	}{
		{[]string{theirs, ours, end, "\tat a.B.c(B.java:1)"}, ours + "; " + end},
		{[]string{ours, theirs, end}, ours},
		{[]string{ours, "INFO o.a.Probe [.] all is well", end}, ours},
		{[]string{end}, ""},
		// Another job whose name begins alike.
		{[]string{ours, "INFO o.a.Reconciler [prod.orders-2] Deploying", end}, ours},
		{[]string{ours, end, "INFO o.a.Reconciler [prod.orders-2] Deploying"}, ours + "; " + end},
		{[]string{ours, "INFO o.a.Reconciler [prod-2.orders] Deploying", "the pods of my-orders in prod"}, ours},
		{[]string{"orders-2 and orders of prod"}, "orders-2 and orders of prod"},
	} {
		if got := of(c.lines...); got != c.want {
			t.Errorf("%q: %q, want %q", c.lines, got, c.want)
		}
	}
}

// A line without a time, as of a trace that stood in one line, keeps its place.
func TestLinesWithoutATime(t *testing.T) {
	log := stamped([]string{"2026-06-01T12:00:00.5Z a", "\tat b.c(D.java:1)", "2026-06-01T12:00:01Z d"})
	if len(log) != 3 || log[1].Text != "\tat b.c(D.java:1)" || !log[1].At.Equal(log[0].At) || log[0].At.IsZero() || !log[2].At.After(log[1].At) {
		t.Errorf("read is %+v", log)
	}
}
