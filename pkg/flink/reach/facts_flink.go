package reach

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

const (
	// mostThrown is how many exceptions are read.
	mostThrown = 20
	// mostWorkers bounds how many TaskManagers are asked for their memory.
	mostWorkers = 32
	// notReadyLimit bounds the question to a JobManager that the operator doesn't
	// call READY: it answers at once, or isn't there.
	notReadyLimit = 2 * time.Second
)

// askFlink asks the JobManager: whether it answers, and then the rest at once.
func (g *Gatherer) askFlink(ctx context.Context, s *sources, f *diagnosis.JobFacts, place Place) {
	if g.Ask == nil || place.Gone {
		return
	}
	s.group.Go(func() {
		var client *rest.Client
		if !s.answer(ctx, diagnosis.FromJobManager, func(ctx context.Context) (func(), error) {
			c, err := g.Ask(place)
			if err != nil {
				return nil, err
			}
			if place.Cluster.Object != nil && place.Cluster.JobManager() != api.JobManagerReady {
				limited, cancel := context.WithTimeout(ctx, notReadyLimit)
				defer cancel()
				ctx = limited
			}
			overview, err := c.Overview(ctx)
			if err != nil {
				return nil, Explain(err)
			}
			jobs, err := c.Jobs(ctx)
			if err != nil {
				return nil, Explain(err)
			}
			return func() {
				client = c
				f.Flink.Version = overview.FlinkVersion
				f.Flink.SlotsTotal, f.Flink.SlotsFree = overview.SlotsTotal, overview.SlotsAvailable
				f.Flink.OtherJobs = foreignJobs(jobs, place)
			}, nil
		}) {
			return
		}
		s.ask(ctx, diagnosis.FromVertices, func(ctx context.Context) (func(), error) {
			if !untrusted.IsID(place.JobID) {
				return nil, errNotThere
			}
			meter := rest.Meter{NoWait: g.NoWait}
			asked := g.now()
			load, err := meter.Load(ctx, client, place.JobID)
			if err != nil && load.Job.ID == "" {
				return nil, err
			}
			metrics, _ := client.JobMetrics(ctx, place.JobID, "numRestarts", "fullRestarts")
			var records map[string][]int64
			if !g.NoWait {
				records = g.subtasks(ctx, client, load)
			}
			return func() {
				readJob(&f.Flink, load, metrics, asked)
				keepSubtasks(&f.Flink, records)
			}, err
		})
		g.sampleFlow(ctx, s, f, place, client)
		if untrusted.IsID(place.JobID) {
			s.ask(ctx, diagnosis.FromExceptions, func(ctx context.Context) (func(), error) {
				history, _, err := client.Exceptions(ctx, place.JobID, mostThrown)
				return func() { f.Flink.Exceptions = readExceptions(history) }, err
			})
			s.ask(ctx, diagnosis.FromCheckpoints, func(ctx context.Context) (func(), error) {
				all, err := client.Checkpoints(ctx, place.JobID)
				if err != nil {
					return nil, err
				}
				config, configErr := client.CheckpointConfig(ctx, place.JobID)
				var slow map[int64]diagnosis.Checkpoint
				if !g.NoWait {
					slow = slowCheckpoints(ctx, client, place.JobID, all.History)
				}
				return func() {
					f.Flink.Checkpoints = readCheckpoints(all)
					for i := range f.Flink.Checkpoints.History {
						h := &f.Flink.Checkpoints.History[i]
						h.SlowVertex, h.Alignment = slow[h.ID].SlowVertex, slow[h.ID].Alignment
					}
					if all.Latest.Restored != nil {
						f.Flink.RestoredFrom = all.Latest.Restored.Path
						if all.Latest.Restored.Time > 0 {
							f.Flink.RestoredAt = all.Latest.Restored.Time.Time()
						}
					}
					if configErr == nil {
						f.Flink.Checkpoints.Config = readCheckpointConfig(config)
					}
				}, nil
			})
		}
		s.group.Go(func() {
			limited, cancel := context.WithTimeout(ctx, s.limit)
			defer cancel()
			workers := g.workers(limited, client)
			s.mu.Lock()
			defer s.mu.Unlock()
			f.Flink.TaskManagers = workers
		})
	})
}

// foreignJobs are the jobs of a cluster that go on beside the one that was
// asked about. In a session cluster the operator's own are among them.
func foreignJobs(jobs []rest.JobOverview, place Place) []string {
	var out []string
	for _, job := range jobs {
		if job.ID != place.JobID && !rest.Ended(job.State) {
			out = append(out, job.ID)
		}
	}
	return out
}

func readJob(f *diagnosis.FlinkFacts, load rest.Load, metrics map[string]string, asked time.Time) {
	job := load.Job
	f.State, f.JobID, f.Type, f.Started = job.State, job.ID, job.JobType, job.StartTime.Time()
	if job.Now > 0 {
		f.Clock, f.ClockAsked = job.Now.Time(), asked
	}
	f.Tasks = map[string]int{}
	inputs := map[string][]string{}
	for _, node := range job.Plan.Nodes {
		for _, input := range node.Inputs {
			inputs[node.ID] = append(inputs[node.ID], input.ID)
		}
	}
	for _, v := range load.Vertices {
		for state, n := range v.Tasks {
			if n > 0 {
				f.Tasks[state] += n
			}
		}
		one := diagnosis.Vertex{ID: v.ID, Name: v.Name, Parallelism: v.Parallelism, Max: max(v.MaxParallelism, 0), Status: v.Status, Inputs: inputs[v.ID]}
		if v.Busy.Max.Known() || v.Backpressured.Max.Known() {
			one.Metrics = readVertex(v)
		}
		f.Vertices = append(f.Vertices, one)
	}
	for _, name := range []string{"numRestarts", "fullRestarts"} {
		if n, ok := wholeNumber(metrics[name]); ok {
			f.Restarts = n
			f.Window = max(time.Duration(job.Now-job.StartTime)*time.Millisecond, 0)
			break
		}
	}
}

func wholeNumber(text string) (n int64, ok bool) {
	if text == "" || len(text) > 15 {
		return 0, false
	}
	for _, digit := range text {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		n = n*10 + int64(digit-'0')
	}
	return n, true
}

// known is a measure as a number; 0 where it isn't known.
func known(m rest.Measure) float64 {
	if !m.Known() {
		return 0
	}
	return float64(m)
}

// whole is a measure as a whole number; otherwise where it isn't one.
func whole(m rest.Measure, otherwise int64) int64 {
	if !m.Known() || math.Abs(float64(m)) > 1<<62 {
		return otherwise
	}
	return int64(m)
}

func readVertex(v rest.VertexLoad) *diagnosis.VertexMetrics {
	share := func(m rest.Measure) float64 { return min(known(m)/1000, 1) }
	m := &diagnosis.VertexMetrics{
		Busy: share(v.Busy.Max), BusyMean: share(v.Busy.Avg), Backpressured: share(v.Backpressured.Max), Idle: share(v.Idle.Max),
		In: known(v.In.Sum), Out: known(v.Out.Sum), Lag: whole(v.Lag, -1), LagBefore: -1,
	}
	m.Watermark = max(whole(v.Watermark, 0), 0)
	return m
}

func readExceptions(history []rest.Exception) []diagnosis.Exception {
	var out []diagnosis.Exception
	add := func(e rest.Exception) {
		if e.Stacktrace == "" && e.Name == "" {
			return
		}
		trace := e.Stacktrace
		if trace == "" {
			trace = e.Name
		}
		x := diagnosis.ReadException(trace, e.Time.Time(), diagnosis.Somewhere)
		if len(x.Chain) == 0 {
			return
		}
		x.Source, x.Task, x.TaskManager = "the JobManager", e.Task, e.TaskManager
		if len(out) > 0 {
			last := &out[len(out)-1]
			if last.Task == x.Task && last.Telling() == x.Telling() {
				last.Count = max(last.Count, 1) + 1
				return
			}
		}
		out = append(out, x)
	}
	sorting.By(history, func(a, b rest.Exception) int { return int(min(max(int64(b.Time-a.Time), -1), 1)) })
	for _, e := range history {
		add(e)
		for i, c := range e.Concurrent {
			if i == 3 {
				break // the same failure as other tasks saw it
			}
			add(c)
		}
	}
	return out
}

func readCheckpoints(all rest.Checkpoints) *diagnosis.Checkpoints {
	c := &diagnosis.Checkpoints{
		Restored: all.Counts.Restored, Total: all.Counts.Total, InProgress: all.Counts.InProgress, Completed: all.Counts.Completed, Failed: all.Counts.Failed,
	}
	for _, h := range all.History {
		c.History = append(c.History, diagnosis.Checkpoint{
			ID: h.ID, Status: h.Status, Savepoint: h.IsSavepoint, Triggered: h.Triggered.Time(), Duration: h.Duration.Duration(),
			Size: h.Size, State: h.State, Failure: h.Failure, FailedAt: failedAt(h), Path: h.Path, Subtasks: h.Subtasks, Acked: h.Acked,
		})
	}
	return c
}

func failedAt(h rest.Checkpoint) time.Time {
	if h.FailedAt <= 0 {
		return time.Time{}
	}
	return h.FailedAt.Time()
}

func readCheckpointConfig(c rest.CheckpointConfig) *diagnosis.CheckpointConfig {
	out := &diagnosis.CheckpointConfig{
		Timeout: c.Timeout.Duration(), MinPause: c.MinPause.Duration(), Unaligned: c.Unaligned, AlignedFor: c.AlignedFor.Duration(),
		Tolerable: c.Tolerable, Storage: c.Storage, Backend: c.Backend, Dropped: c.Externalization.Delete || !c.Externalization.Enabled,
	}
	// Flink says "never" by the largest number there is.
	if c.Interval < math.MaxInt64/2 {
		out.Interval = c.Interval.Duration()
	}
	return out
}

const (
	heapUsed      = "Status.JVM.Memory.Heap.Used"
	heapMax       = "Status.JVM.Memory.Heap.Max"
	metaspaceUsed = "Status.JVM.Memory.Metaspace.Used"
	metaspaceMax  = "Status.JVM.Memory.Metaspace.Max"
)

// workers are the TaskManagers with what memory they use. What can't be read is
// missing: the slots are known from the overview.
func (g *Gatherer) workers(ctx context.Context, client *rest.Client) []diagnosis.TaskManager {
	list, err := client.TaskManagerList(ctx)
	if err != nil {
		return nil
	}
	var out []diagnosis.TaskManager
	now := g.now()
	for i, one := range list {
		t := diagnosis.TaskManager{ID: one.ID, Slots: one.Slots, Free: one.Free}
		if one.Heartbeat > 0 {
			t.Heartbeat = max(now.Sub(one.Heartbeat.Time()), 0)
		}
		if i < mostWorkers && !strings.Contains(one.ID, "/") {
			m, err := client.TaskManagerMetrics(ctx, one.ID, heapUsed, heapMax, metaspaceUsed, metaspaceMax)
			if err == nil {
				t.HeapUsed, t.HeapMax = whole(m[heapUsed], 0), whole(m[heapMax], 0)
				t.MetaspaceUsed, t.MetaspaceMax = whole(m[metaspaceUsed], 0), whole(m[metaspaceMax], 0)
			}
		}
		out = append(out, t)
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			break
		}
	}
	return out
}
