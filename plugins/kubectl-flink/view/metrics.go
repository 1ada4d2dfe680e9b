package view

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// The forms that metrics have beside JSON.
const (
	MetricCSV  = "csv"
	MetricProm = "prom"
	MetricSVG  = "svg"
)

// Metric is one metric at one moment. Numbers that aren't known are NaN.
type Metric struct {
	// Scope is job, jobmanager, taskmanager or vertex, and Of which of them: the
	// TaskManager's id or the vertex's name.
	Scope, Of string
	Name      string
	// Value is what is charted: of a vertex's the sum over the subtasks of what
	// counts (num…), the highest of all else.
	Value rest.Measure
	// Subtasks are the numbers over the subtasks of a vertex.
	Subtasks *rest.Aggregate
}

// OfVertex is a vertex's metric.
func OfVertex(vertex, name string, a rest.Aggregate) Metric {
	value := a.Max
	if last := name[strings.LastIndexByte(name, '.')+1:]; strings.HasPrefix(last, "num") || last == "pendingRecords" {
		value = a.Sum
	}
	return Metric{Scope: "vertex", Of: vertex, Name: name, Value: value, Subtasks: &a}
}

func (m Metric) key() string { return m.Scope + "\n" + m.Of + "\n" + m.Name }

// scope is the scope as it is shown.
func (m Metric) scope() string {
	if m.Of == "" {
		return m.Scope
	}
	return m.Scope + "/" + m.Of
}

// point is a metric's value at a moment.
type point struct {
	at     time.Time
	metric Metric
}

// Metrics are metrics over time. Its zero value with a Job is ready.
type Metrics struct {
	Job     api.Ref
	JobID   string
	Palette term.Palette
	Width   int
	// Plot shows charts in place of a table.
	Plot bool

	keys   []string
	series map[string][]point
}

const (
	// maxPoints bounds what is kept of a metric over time.
	maxPoints = 2000
	// MaxCharts is how many charts are drawn.
	MaxCharts = 12
)

// Add takes the metrics of a moment.
func (m *Metrics) Add(at time.Time, metrics []Metric) {
	if m.series == nil {
		m.series = map[string][]point{}
	}
	for _, one := range metrics {
		key := one.key()
		known, ok := m.series[key]
		if !ok {
			m.keys = append(m.keys, key)
		}
		if len(known) == maxPoints {
			known = slices.Delete(known, 0, 1)
		}
		m.series[key] = append(known, point{at, one})
	}
}

// Len is how many metrics there are.
func (m *Metrics) Len() int { return len(m.keys) }

func (m *Metrics) latest() []point {
	out := make([]point, 0, len(m.keys))
	for _, key := range m.keys {
		points := m.series[key]
		out = append(out, points[len(points)-1])
	}
	return out
}

// number is a value in JSON, where NaN has no place.
func number(v rest.Measure) *float64 {
	if !v.Known() {
		return nil
	}
	f := float64(v)
	return &f
}

type metricModel struct {
	Scope  string        `json:"scope"`
	Of     string        `json:"of,omitempty"`
	Name   string        `json:"name"`
	Value  *float64      `json:"value"`
	Min    *float64      `json:"min,omitempty"`
	Max    *float64      `json:"max,omitempty"`
	Avg    *float64      `json:"avg,omitempty"`
	Sum    *float64      `json:"sum,omitempty"`
	Skew   *float64      `json:"skew,omitempty"`
	Points []metricPoint `json:"points,omitempty"`
}

type metricPoint struct {
	Time  time.Time `json:"time"`
	Value *float64  `json:"value"`
}

// Result is the metrics in every format.
func (m *Metrics) Result() printer.Result {
	items := []metricModel{}
	table := &printer.Table{Palette: m.Palette, Columns: []printer.Column{
		{Name: "SCOPE"}, {Name: "METRIC"}, {Name: "VALUE"}, {Name: "MIN", Wide: true}, {Name: "AVG", Wide: true}, {Name: "MAX", Wide: true}, {Name: "SUM", Wide: true}, {Name: "SKEW", Wide: true},
	}}
	for _, p := range m.latest() {
		one := metricModel{Scope: p.metric.Scope, Of: p.metric.Of, Name: p.metric.Name, Value: number(p.metric.Value)}
		cells := []printer.Cell{printer.C(p.metric.scope()), printer.C(p.metric.Name), printer.C(amount(p.metric.Value))}
		if a := p.metric.Subtasks; a != nil {
			one.Min, one.Max, one.Avg, one.Sum, one.Skew = number(a.Min), number(a.Max), number(a.Avg), number(a.Sum), number(a.Skew)
			for _, v := range []rest.Measure{a.Min, a.Avg, a.Max, a.Sum, a.Skew} {
				cells = append(cells, printer.C(amount(v)))
			}
		} else {
			cells = append(cells, printer.C(""), printer.C(""), printer.C(""), printer.C(""), printer.C(""))
		}
		if points := m.series[p.metric.key()]; len(points) > 1 {
			for _, p := range points {
				one.Points = append(one.Points, metricPoint{p.at.UTC(), number(p.metric.Value)})
			}
		}
		items = append(items, one)
		table.Rows = append(table.Rows, cells)
	}
	result := printer.Result{
		Object: map[string]any{"apiVersion": "kubectl-flink/v1", "kind": "MetricList", "job": m.Job.String(), "jobID": m.JobID, "items": items},
		Table:  table,
		Forms: map[string]func(io.Writer) error{
			MetricCSV:  func(w io.Writer) error { return m.CSV(w, true) },
			MetricProm: m.prometheus,
			MetricSVG:  m.svg,
		},
	}
	if m.Plot {
		result.Text = func(w io.Writer) error {
			_, err := io.WriteString(w, strings.Join(m.Charts(), "\n")+"\n")
			return err
		}
	}
	return result
}

// amount is a number for people.
func amount(v rest.Measure) string {
	f := float64(v)
	switch {
	case !v.Known():
		return "-"
	case f == math.Trunc(f) && math.Abs(f) < 1e15:
		return strconv.FormatFloat(f, 'f', -1, 64)
	case math.Abs(f) >= 1e15 || math.Abs(f) < 1e-3:
		return strconv.FormatFloat(f, 'g', 4, 64)
	}
	return strconv.FormatFloat(f, 'f', 3, 64)
}

// CSV writes a line for each metric and moment; the numbers over subtasks are those
// of vertices.
func (m *Metrics) CSV(w io.Writer, head bool) error {
	out := csv.NewWriter(w)
	if head {
		_ = out.Write([]string{"time", "scope", "of", "metric", "value", "min", "avg", "max", "sum", "skew"})
	}
	text := func(v rest.Measure) string {
		if !v.Known() {
			return ""
		}
		return strconv.FormatFloat(float64(v), 'g', -1, 64)
	}
	for _, key := range m.keys {
		for _, p := range m.series[key] {
			a := p.metric.Subtasks
			if a == nil {
				a = &rest.UnknownAggregate
			}
			_ = out.Write([]string{
				p.at.UTC().Format(time.RFC3339Nano), p.metric.Scope, safe(p.metric.Of), safe(p.metric.Name),
				text(p.metric.Value), text(a.Min), text(a.Avg), text(a.Max), text(a.Sum), text(a.Skew),
			})
		}
	}
	out.Flush()
	return out.Error()
}

// promName is a name as Prometheus takes it.
func promName(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '_'
	}, text)
}

var promValue = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// prometheus writes the latest values in Prometheus' text format.
func (m *Metrics) prometheus(w io.Writer) error {
	out := bufio.NewWriter(w)
	// All lines of one name have to stand together.
	latest := m.latest()
	sorting.By(latest, func(a, b point) int {
		return strings.Compare(promName(a.metric.Scope+"_"+a.metric.Name), promName(b.metric.Scope+"_"+b.metric.Name))
	})
	last := ""
	for _, p := range latest {
		name := "flink_" + promName(p.metric.Scope+"_"+p.metric.Name)
		if name != last {
			fmt.Fprintf(out, "# TYPE %s untyped\n", name)
			last = name
		}
		labels := fmt.Sprintf(`namespace="%s",name="%s"`, promValue.Replace(safe(m.Job.Namespace)), promValue.Replace(safe(m.Job.Name)))
		if m.JobID != "" {
			labels += fmt.Sprintf(`,job_id="%s"`, promValue.Replace(safe(m.JobID)))
		}
		if p.metric.Of != "" {
			labels += fmt.Sprintf(`,%s="%s"`, p.metric.Scope, promValue.Replace(safe(p.metric.Of)))
		}
		// What makes two names of Flink one of Prometheus' tells them apart.
		if promName(p.metric.Name) != p.metric.Name {
			labels += fmt.Sprintf(`,metric="%s"`, promValue.Replace(safe(p.metric.Name)))
		}
		write := func(aggregate string, v rest.Measure) {
			if v.Known() {
				fmt.Fprintf(out, "%s{%s%s} %s\n", name, labels, aggregate, strconv.FormatFloat(float64(v), 'g', -1, 64))
			}
		}
		if a := p.metric.Subtasks; a != nil {
			write(`,agg="min"`, a.Min)
			write(`,agg="avg"`, a.Avg)
			write(`,agg="max"`, a.Max)
			write(`,agg="sum"`, a.Sum)
			continue
		}
		write("", p.metric.Value)
	}
	return out.Flush()
}

func (m *Metrics) keyOf(name string) string {
	for _, key := range m.keys {
		if metric := m.series[key][0].metric; metric.scope()+" "+metric.Name == name {
			return key
		}
	}
	return ""
}
