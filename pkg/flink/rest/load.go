package rest

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Load is how much a job has to do at the moment.
type Load struct {
	Job      Job
	Vertices []VertexLoad // in the order of Job.Vertices
}

// VertexLoad is how much a vertex has to do. What Flink doesn't say is NaN.
type VertexLoad struct {
	Vertex
	// Busy, Idle and Backpressured are in milliseconds of each second.
	Busy, Idle, Backpressured Aggregate
	// In and Out are records a second.
	In, Out Aggregate
	// Lag is the number of records that a source knows of and hasn't read.
	Lag Measure
	// Written is what the vertex's sinks take, in records a second; unknown
	// where it has none.
	Written Measure
	// Watermark is the lowest of the subtasks, in milliseconds; unknown where
	// there is none yet.
	Watermark Measure
	// Source and Sink say that nothing flows in, or out.
	Source, Sink bool
}

// Skew is how unevenly records are spread over the subtasks, 0 to 100.
func (v VertexLoad) Skew() Measure {
	if v.In.Sum > 0 {
		return v.In.Skew
	}
	return v.Out.Skew
}

// In is what the sources bring, in records a second.
func (l Load) In() Measure {
	return l.sum(func(v VertexLoad) Measure {
		switch {
		case !v.Source:
			return unknown
		// Some sources count what comes in, all what goes out; one that is
		// chained up to the sink has no way out.
		case v.In.Sum > v.Out.Sum || !v.Out.Sum.Known():
			return v.In.Sum
		}
		return v.Out.Sum
	})
}

// Out is what the sinks take, in records a second.
func (l Load) Out() Measure {
	return l.sum(func(v VertexLoad) Measure {
		switch {
		case v.Written.Known():
			return v.Written
		case v.Sink: // its sink has no name that tells
			return v.In.Sum
		}
		return unknown
	})
}

// Lag is the number of records that wait for the job's sources.
func (l Load) Lag() Measure { return l.sum(func(v VertexLoad) Measure { return v.Lag }) }

// Busy is the busiest subtask's, in milliseconds of each second.
func (l Load) Busy() Measure { return l.most(func(v VertexLoad) Measure { return v.Busy.Max }) }

// Backpressured is that of the most backpressured subtask, in milliseconds of
// each second.
func (l Load) Backpressured() Measure {
	return l.most(func(v VertexLoad) Measure { return v.Backpressured.Max })
}

func (l Load) sum(of func(VertexLoad) Measure) Measure {
	sum := unknown
	for _, v := range l.Vertices {
		if n := of(v); n.Known() {
			if !sum.Known() {
				sum = 0
			}
			sum += n
		}
	}
	return sum
}

func (l Load) most(of func(VertexLoad) Measure) Measure {
	most := unknown
	for _, v := range l.Vertices {
		if n := of(v); n.Known() && !(n <= most) {
			most = n
		}
	}
	return most
}

const (
	// vertexQuestions is how many vertices are asked about at once.
	vertexQuestions = 8
	// metricPatience is how long a JobManager is given to collect its metrics.
	metricPatience = 2 * time.Second
)

// Meter asks for loads again and again; it keeps which metrics there are. Its
// zero value is ready; it is safe for use by several goroutines.
type Meter struct {
	// NoWait takes the metrics that are there at once; Flink fetches them from the
	// TaskManagers only after it was asked for the first time.
	NoWait bool

	mu    sync.Mutex
	names map[string][]string // of job and vertex
}

// Load asks for a job's load. Its error may be NotFound.
func (m *Meter) Load(ctx context.Context, c *Client, id string) (Load, error) {
	job, err := c.Job(ctx, id)
	if err != nil {
		return Load{}, err
	}
	load := Load{Job: job, Vertices: make([]VertexLoad, len(job.Vertices))}
	fed, feeds := map[string]bool{}, map[string]bool{}
	for _, node := range job.Plan.Nodes {
		for _, input := range node.Inputs {
			fed[node.ID], feeds[input.ID] = true, true
		}
	}
	running := job.State == api.JobRunning
	failures := make([]error, len(job.Vertices))
	places := make(chan struct{}, vertexQuestions)
	var group sync.WaitGroup
	for i, vertex := range job.Vertices {
		v := &load.Vertices[i]
		*v = VertexLoad{Vertex: vertex, Source: !fed[vertex.ID], Sink: !feeds[vertex.ID]}
		v.read(nil)
		if !running {
			continue // numbers of tasks that are gone say nothing
		}
		group.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			values, err := m.values(ctx, c, id, vertex.ID)
			v.read(values)
			failures[i] = err
		})
	}
	group.Wait()
	for _, err := range failures {
		if err != nil && !NotFound(err) {
			return load, err
		}
	}
	return load, nil
}

// values are the metrics that VertexLoad is made of, as far as they exist.
func (m *Meter) values(ctx context.Context, c *Client, job, vertex string) (map[string]Aggregate, error) {
	key := job + "/" + vertex
	m.mu.Lock()
	names := m.names[key]
	m.mu.Unlock()
	until := time.Now().Add(metricPatience)
	for {
		if len(names) == 0 {
			all, err := c.SubtaskMetricNames(ctx, job, vertex)
			if err != nil {
				return nil, err
			}
			names = slices.DeleteFunc(all, func(name string) bool { return !wanted(name) })
		}
		if len(names) > 0 {
			values, err := c.SubtaskMetrics(ctx, job, vertex, names...)
			if err != nil {
				return nil, err
			}
			if len(values) > 0 {
				m.keep(key, names)
				return values, nil
			}
			names = nil // others by now
		}
		if m.NoWait || time.Now().After(until) {
			m.keep(key, nil)
			return nil, nil
		}
		timer := time.NewTimer(250 * time.Millisecond)
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil, context.Cause(ctx)
		case <-timer.C:
		}
	}
}

func (m *Meter) keep(key string, names []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.names == nil {
		m.names = map[string][]string{}
	}
	m.names[key] = names
}

// The names of Flink's metrics: those of a task, and of operators in it, which
// have the operator's name before them.
const (
	metricBusy      = "busyTimeMsPerSecond"
	metricIdle      = "idleTimeMsPerSecond"
	metricPressure  = "backPressuredTimeMsPerSecond"
	metricIn        = "numRecordsInPerSecond"
	metricOut       = "numRecordsOutPerSecond"
	metricWatermark = "currentInputWatermark"
	metricPending   = ".pendingRecords"
	metricKafkaLag  = ".records-lag-max"
)

func wanted(name string) bool {
	switch name {
	case metricBusy, metricIdle, metricPressure, metricIn, metricOut, metricWatermark:
		return true
	}
	return strings.HasSuffix(name, metricPending) || strings.HasSuffix(name, metricKafkaLag) || written(name)
}

// written reports whether a metric is what a sink takes. Sinks of the newer
// API are two operators, of which the committer gets no records.
func written(name string) bool {
	operator, ok := strings.CutSuffix(name, "."+metricIn)
	if !ok || strings.HasSuffix(operator, "Committer") {
		return false
	}
	return strings.HasPrefix(operator, "Sink__") || strings.HasSuffix(operator, "__Writer")
}

func (v *VertexLoad) read(values map[string]Aggregate) {
	get := func(name string) Aggregate {
		if a, ok := values[name]; ok {
			return a
		}
		return UnknownAggregate
	}
	v.Busy, v.Idle, v.Backpressured = get(metricBusy), get(metricIdle), get(metricPressure)
	v.In, v.Out = get(metricIn), get(metricOut)
	v.Lag, v.Written, v.Watermark = unknown, unknown, unknown
	// Long.MIN_VALUE is no watermark yet, Long.MAX_VALUE the end of the input.
	if lowest := get(metricWatermark).Min; lowest.Known() && math.Abs(float64(lowest)) < 9e18 {
		v.Watermark = lowest
	}
	kafka := unknown
	add := func(to *Measure, n Measure) {
		switch {
		case !n.Known():
		case to.Known():
			*to += n
		default:
			*to = n
		}
	}
	for name, a := range values {
		switch {
		case strings.HasSuffix(name, metricPending):
			add(&v.Lag, max(a.Sum, 0))
		case strings.HasSuffix(name, metricKafkaLag):
			add(&kafka, max(a.Max, 0))
		case written(name):
			add(&v.Written, a.Sum)
		}
	}
	if !v.Lag.Known() {
		v.Lag = kafka
	}
}
