package reach

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

const (
	// mostVertices is of how many vertices the subtasks are read, mostSubtasks how
	// many of each are kept.
	mostVertices = 50
	mostSubtasks = 4096
	// slowCheckpoint is from when on it is asked where a checkpoint's time went, of
	// at most mostSlow checkpoints.
	slowCheckpoint = 10 * time.Second
	mostSlow       = 5
)

// subtasks are what each subtask of a job's vertices has read, or written where
// nothing flows in; by vertex.
func (g *Gatherer) subtasks(ctx context.Context, client *rest.Client, load rest.Load) map[string][]int64 {
	out := map[string][]int64{}
	var mu sync.Mutex
	var group sync.WaitGroup
	slots := make(chan struct{}, askedAtOnce)
	asked := 0
	for _, v := range load.Vertices {
		if v.Parallelism < 2 || v.Status != api.TaskRunning {
			continue // nothing can be uneven
		}
		if asked++; asked > mostVertices {
			break
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			found, err := client.VertexSubtasks(ctx, load.Job.ID, v.ID)
			if err != nil || len(found) != v.Parallelism || len(found) > mostSubtasks {
				return
			}
			records := make([]int64, len(found))
			for i, s := range found {
				records[i] = s.Metrics.Read
				complete := s.Metrics.ReadComplete
				if v.Source {
					records[i], complete = s.Metrics.Written, s.Metrics.WriteComplete
				}
				if !complete {
					return // some haven't reported yet: that isn't nothing
				}
			}
			mu.Lock()
			defer mu.Unlock()
			out[v.ID] = records
		})
	}
	group.Wait()
	return out
}

// keepSubtasks adds what subtasks have read to what is known of vertices.
func keepSubtasks(f *diagnosis.FlinkFacts, records map[string][]int64) {
	for i := range f.Vertices {
		v := &f.Vertices[i]
		own := records[v.ID]
		if v.Metrics == nil || len(own) == 0 {
			continue
		}
		if !v.Source() {
			v.Metrics.Records = own
			continue
		}
		for _, n := range own {
			if n == 0 {
				v.Metrics.SubtasksIdle++
			}
		}
	}
}

// slowCheckpoints finds in which vertex the newest slow checkpoints took longest, and
// how long that waited for barriers.
func slowCheckpoints(ctx context.Context, client *rest.Client, job string, history []rest.Checkpoint) map[int64]diagnosis.Checkpoint {
	out := map[int64]diagnosis.Checkpoint{}
	var names map[string]string
	for _, h := range history {
		if h.IsSavepoint || h.Status == api.CheckpointCompleted && h.Duration.Duration() < slowCheckpoint {
			continue
		}
		if len(out) == mostSlow || ctx.Err() != nil {
			break
		}
		detail, err := client.CheckpointDetail(ctx, job, h.ID)
		if err != nil {
			continue
		}
		vertex, worst := "", rest.TaskCheckpoint{}
		for id, task := range detail.Tasks {
			late := task.Acked < task.Subtasks && worst.Acked == worst.Subtasks
			same := (task.Acked < task.Subtasks) == (worst.Acked < worst.Subtasks)
			if vertex == "" || late || same && (task.Duration > worst.Duration || task.Duration == worst.Duration && id < vertex) {
				vertex, worst = id, task
			}
		}
		if vertex == "" {
			continue
		}
		if names == nil {
			names = map[string]string{}
			if known, err := client.Job(ctx, job); err == nil {
				for _, v := range known.Vertices {
					names[v.ID] = v.Name
				}
			}
		}
		one := diagnosis.Checkpoint{SlowVertex: names[vertex]}
		if task, err := client.TaskCheckpoint(ctx, job, h.ID, vertex); err == nil {
			for _, s := range task.Each {
				one.Alignment = max(one.Alignment, s.Alignment.Duration.Duration())
			}
		}
		out[h.ID] = one
	}
	return out
}

// sampleFlow looks at the flow of a job a second time, to see what stands still or
// grows.
func (g *Gatherer) sampleFlow(ctx context.Context, s *sources, f *diagnosis.JobFacts, place Place, client *rest.Client) {
	if g.Sample <= 0 || !untrusted.IsID(place.JobID) {
		return
	}
	s.group.Go(func() {
		meter := rest.Meter{}
		look := func() (rest.Load, bool) {
			limited, cancel := context.WithTimeout(ctx, s.limit)
			defer cancel()
			load, err := meter.Load(limited, client, place.JobID)
			return load, err == nil
		}
		before, ok := look()
		if !ok {
			return // the first look says why
		}
		timer := time.NewTimer(g.Sample)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		after, ok := look()
		if !ok || after.Job.Now <= before.Job.Now {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		keepSample(&f.Flink, before, after)
	})
}

// keepSample adds what was seen of vertices before to what is seen now.
func keepSample(f *diagnosis.FlinkFacts, before, after rest.Load) {
	between := time.Duration(after.Job.Now-before.Job.Now) * time.Millisecond
	for i := range f.Vertices {
		v := &f.Vertices[i]
		at := func(load rest.Load) int {
			return slices.IndexFunc(load.Vertices, func(other rest.VertexLoad) bool { return other.ID == v.ID })
		}
		was, is := at(before), at(after)
		if v.Metrics == nil || was < 0 || is < 0 {
			continue
		}
		then, now := before.Vertices[was], after.Vertices[is]
		m := v.Metrics
		m.In, m.Out, m.Between = known(now.In.Sum), known(now.Out.Sum), between
		m.Watermark, m.WatermarkBefore = max(whole(now.Watermark, 0), 0), max(whole(then.Watermark, 0), 0)
		m.Lag, m.LagBefore = whole(now.Lag, -1), whole(then.Lag, -1)
	}
}
