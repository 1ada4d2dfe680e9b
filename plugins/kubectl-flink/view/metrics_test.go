package view

import (
	"bytes"
	"encoding/csv"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

func form(t *testing.T, m *Metrics, name string) string {
	t.Helper()
	var out bytes.Buffer
	if err := m.Result().Forms[name](&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestMetricsInEveryForm(t *testing.T) {
	m := &Metrics{Job: api.Ref{Kind: api.Deployment, Namespace: "ns", Name: "j"}, JobID: "1a", Width: 60}
	unknown := rest.UnknownAggregate
	for i := range 3 {
		m.Add(time.Unix(int64(100+i), 0), []Metric{
			{Scope: "job", Name: "numRestarts", Value: rest.Measure(i)},
			OfVertex("Flat Map", "0.x.numRecordsIn", rest.Aggregate{Min: 1, Max: 3, Avg: 2, Sum: 4, Skew: 50}),
			OfVertex("Flat Map", "busyTimeMsPerSecond", rest.Aggregate{Min: 1, Max: 3, Avg: 2, Sum: 4, Skew: 50}),
			OfVertex("Flat Map", "no", unknown),
		})
	}
	var text bytes.Buffer
	if err := m.Result().Table.Print(&text, false, false); err != nil || !strings.Contains(text.String(), "vertex/Flat Map   0.x.numRecordsIn      4\n") || !strings.Contains(text.String(), "busyTimeMsPerSecond   3\n") || !strings.Contains(text.String(), "no                    -\n") {
		t.Errorf("%v\n%s", err, text.String())
	}
	rows, err := csv.NewReader(strings.NewReader(form(t, m, MetricCSV))).ReadAll()
	if err != nil || len(rows) != 13 || strings.Join(rows[1], "|") != "1970-01-01T00:01:40Z|job||numRestarts|0|||||" || rows[12][4] != "" {
		t.Errorf("%v %q", err, rows)
	}
	prom := form(t, m, MetricProm)
	for _, want := range []string{
		"# TYPE flink_job_numRestarts untyped\nflink_job_numRestarts{namespace=\"ns\",name=\"j\",job_id=\"1a\"} 2\n",
		`flink_vertex_0_x_numRecordsIn{namespace="ns",name="j",job_id="1a",vertex="Flat Map",metric="0.x.numRecordsIn",agg="sum"} 4`,
	} {
		if !strings.Contains(prom, want) || strings.Contains(prom, "NaN") {
			t.Errorf("lacks %s:\n%s", want, prom)
		}
	}
	if charts := strings.Join(m.Charts(), "\n"); !strings.Contains(charts, "job numRestarts  2\n") || !strings.Contains(charts, "2.00 ┤") || strings.Contains(charts, "vertex/Flat Map no") {
		t.Errorf("%s", charts)
	}
}

// Names and numbers come from whoever wrote the job.
func TestHostileMetrics(t *testing.T) {
	bad := "</title><script>alert(1)</script>\x1b[2J\"\\\n" + strings.Repeat("x", 500) + "\u202e"
	m := &Metrics{Job: api.Ref{Kind: api.Deployment, Namespace: bad, Name: bad}, JobID: bad, Width: 80}
	numbers := []float64{math.MaxFloat64, -math.MaxFloat64, math.NaN(), 5e-324, 0, 1e300, 1}
	for at, n := range numbers {
		var all []Metric
		for i := range 30 {
			all = append(all, Metric{Scope: "job", Of: bad, Name: fmt.Sprint(bad, i), Value: rest.Measure(n)})
		}
		all = append(all, OfVertex(bad, bad, rest.Aggregate{Min: rest.Measure(n), Max: rest.Measure(n), Avg: rest.Measure(math.NaN()), Sum: rest.Measure(n), Skew: 1}))
		m.Add(time.Unix(int64(at), 0), all)
	}
	for _, line := range m.Charts() {
		if term.DisplayWidth(line) > 80 || strings.ContainsAny(line, "\x1b\n\u202e") {
			t.Errorf("%q", line)
		}
	}
	if n := len(m.Charts()); n > 12*MaxCharts {
		t.Errorf("%d lines", n)
	}
	picture := form(t, m, MetricSVG)
	if strings.Contains(picture, "<script") || strings.Contains(picture, "NaN") || strings.Contains(picture, "Inf") {
		t.Errorf("%.2000s", picture)
	}
	decoder := xml.NewDecoder(strings.NewReader(picture))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.SplitSeq(form(t, m, MetricProm), "\n") {
		if line != "" && !strings.HasPrefix(line, "# TYPE flink_") && !strings.HasPrefix(line, "flink_") {
			t.Errorf("%q", line)
		}
	}
	if _, err := csv.NewReader(strings.NewReader(form(t, m, MetricCSV))).ReadAll(); err != nil {
		t.Error(err)
	}
	for range 3 * maxPoints {
		m.Add(time.Unix(1, 0), []Metric{{Scope: "job", Name: "a"}})
	}
	for _, points := range m.series {
		if len(points) > maxPoints {
			t.Errorf("%d points", len(points))
		}
	}
}
