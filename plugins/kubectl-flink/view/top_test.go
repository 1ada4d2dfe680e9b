package view

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

func printedJobs(t *testing.T, top Top, rows []TopJob) string {
	t.Helper()
	var out strings.Builder
	if err := top.Jobs(rows).Table.Print(&out, false, false); err != nil {
		t.Fatal(err)
	}
	return "\n" + out.String()
}

func f(n float64) *float64 { return &n }

func topJobs() []TopJob {
	at := time.Date(2026, 11, 20, 10, 0, 0, 0, time.UTC)
	ref := func(kind api.Kind, name string) api.Ref {
		return api.Ref{Kind: kind, Namespace: "default", Name: name}
	}
	return []TopJob{
		{Type: "flinkdeployment", Name: "basic-example", State: "RUNNING", Busy: f(7), Backpressured: f(0), In: f(2000.3), Out: f(0.25), LastCheckpoint: &at, Usage: &operator.Usage{CPU: 312, Memory: 701 << 20}, Ref: ref(api.Deployment, "basic-example")},
		{Type: "flinksessionjob", Name: "evil\x1b[2Jname", State: "RUNNING", Busy: f(97.6), Backpressured: f(61), In: f(1234567), Out: f(99999), Lag: f(5.2e9), Ref: ref(api.SessionJob, "x")},
		{Type: "flinkdeployment", Name: "far", State: "RUNNING", Unreachable: "no answer within 5s", Ref: ref(api.Deployment, "far")},
		{Type: "flinkdeployment", Name: "waiting", Ref: ref(api.Deployment, "waiting")},
	}
}

func TestTopJobs(t *testing.T) {
	now := time.Date(2026, 11, 20, 10, 0, 4, 0, time.UTC)
	wide := `
NAME                  JOB       BUSY   BACKPRESSURED   IN/S   OUT/S    LAG    CHECKPOINT   CPU    MEMORY
basic-example         RUNNING   7%     0%              2000   0.2      -      4s           312m   701Mi
sessionjob/evilname   RUNNING   98%    61%             1.2M   100.0k   5.2G   -            -      -
far                   RUNNING   ?      ?               ?      ?        ?      ?            -      -
waiting               -         -      -               -      -        -      -            -      -
`
	narrow := `
NAME                 JOB      BUSY  BACKPR  IN/S  OUT/S   LAG   CHKPT  CPU
basic-example        RUNNING  7%    0%      2000  0.2     -     4s     312m
sessionjob/evilname  RUNNING  98%   61%     1.2M  100.0k  5.2G  -      -
far                  RUNNING  ?     ?       ?     ?       ?     ?      -
waiting              -        -     -       -     -       -     -      -
`
	if diff := cmp.Diff(wide, printedJobs(t, Top{Now: now}, topJobs())); diff != "" {
		t.Error(diff)
	}
	got := printedJobs(t, Top{Now: now, Width: 80}, topJobs())
	if diff := cmp.Diff(narrow, got); diff != "" {
		t.Error(diff)
	}
	for line := range strings.SplitSeq(got, "\n") {
		if term.DisplayWidth(line) > 80 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
	// With namespaces, too, the state stays: it says why the rest is unknown.
	if got := printedJobs(t, Top{Now: now, Width: 74, Namespaces: true, NoUsage: true}, topJobs()); !strings.Contains(got, " JOB      BUSY  BACKPR  IN/S  LAG   CHKPT\n") {
		t.Errorf("74 columns with namespaces:\n%s", got)
	}
	if got := printedJobs(t, Top{Now: now, NoUsage: true}, topJobs()[3:]); !strings.Contains(got, "n/a") {
		t.Errorf("without a metrics API:\n%s", got)
	}
}

func TestTopSorts(t *testing.T) {
	names := func(by string, reverse bool) string {
		rows := topJobs()
		Sort(rows, JobOrders, by, reverse)
		var out []string
		for _, r := range rows {
			out = append(out, r.Name[:3])
		}
		return strings.Join(out, " ")
	}
	for _, tc := range []struct {
		by      string
		reverse bool
		want    string
	}{
		{"name", false, "bas evi far wai"},
		{"name", true, "wai far evi bas"},
		{"busy", false, "evi bas far wai"},
		{"busy", true, "bas evi far wai"}, // the unknown stay at the end
		{"lag", false, "evi bas far wai"},
		{"cpu", false, "bas evi far wai"},
	} {
		if got := names(tc.by, tc.reverse); got != tc.want {
			t.Errorf("by %s, reversed %v: %s, want %s", tc.by, tc.reverse, got, tc.want)
		}
	}
}

func TestTopVertices(t *testing.T) {
	one := func(n float64) rest.Aggregate {
		m := rest.Measure(n)
		return rest.Aggregate{Min: m, Max: m, Avg: m, Sum: m, Skew: m}
	}
	nan := rest.Measure(math.NaN())
	load := rest.Load{Job: rest.Job{Name: "State machine job", State: "RUNNING", Now: 100_000}, Vertices: []rest.VertexLoad{
		{Vertex: rest.Vertex{ID: "a", Name: "Source: orders with a long name -> Map -> Filter", Parallelism: 2}, Busy: rest.UnknownAggregate, Idle: one(932), Backpressured: one(5), In: one(0), Out: one(2000), Lag: 43, Written: nan, Watermark: nan, Source: true},
		{Vertex: rest.Vertex{ID: "b", Name: "Sink: out", Parallelism: 128}, Busy: one(1000), Idle: one(0), Backpressured: one(0), In: one(98), Out: one(0), Lag: nan, Written: 98, Watermark: 58_000, Sink: true},
	}}
	ref := api.Ref{Kind: api.Deployment, Namespace: "default", Name: "basic-example"}
	model := NewJobLoad(ref, "1", load)
	var out strings.Builder
	top := Top{Width: 80}
	if err := top.Vertices(model, ref).Table.Print(&out, false, false); err != nil {
		t.Fatal(err)
	}
	want := `flinkdeployment/basic-example  RUNNING  State machine job  in 2000/s  out 98/s
VERTEX                 PAR  BUSY  IDLE  BACKPR  IN/S  OUT/S  SKEW   LAG  WMLAG
Source:… ->1-> Filter  2    -     93%   0%      0     2000   2000%  43   -
Sink: out              128  100%  0%    0%      98    0      98%    -    42s
`
	if diff := cmp.Diff(want, top.Title(model)+"\n"+out.String()); diff != "" {
		t.Error(diff)
	}
}
