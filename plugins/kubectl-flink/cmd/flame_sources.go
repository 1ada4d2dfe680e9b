package cmd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// errNoFlameGraphs says that Flink's are off.
var errNoFlameGraphs = errors.New("flame graphs of Flink's own are off")

// flink has Flink take the samples.
func (o *flameOptions) flink(ctx context.Context, place reach.Place, jobManager *rest.Client, job rest.Job, vertices []rest.Vertex, page *view.FlamePage) error {
	refresh := flameRefresh
	if text, _ := place.Config.Get("rest.flamegraph.refresh-interval"); text != "" {
		if set, ok := api.FlinkDuration(text); ok && set > 0 {
			refresh = set
		}
	}
	graphs := make([]rest.FlameGraph, len(vertices))
	var once sync.Once
	err := errors.Join(each(vertices, func(i int, v rest.Vertex) error {
		asked := time.Now()
		for {
			graph, err := jobManager.FlameGraph(ctx, job.ID, v.ID, flameModes[jvm.Mode(o.mode)], o.subtask)
			age := job.Now.Time().Add(time.Since(asked)).Sub(graph.End.Time())
			switch {
			case rest.NotFound(err) || err == nil && graph.Disabled:
				return errNoFlameGraphs
			case err != nil:
				return err
			case graph.Ended:
				return nil // such a vertex has no threads
			// What is older makes Flink take others, which this is not yet.
			case graph.Root != nil && graph.End > 0 && age < refresh:
				graphs[i] = graph
				return nil
			}
			once.Do(func() { o.line.Set("waiting for Flink's samples of the job's tasks") })
			timer := time.NewTimer(o.pause(flamePoll))
			select {
			case <-ctx.Done():
				timer.Stop()
				return context.Cause(ctx)
			case <-timer.C:
			}
		}
	})...)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case errors.Is(err, errNoFlameGraphs):
		return errNoFlameGraphs
	case err != nil:
		return err
	}
	var all []*jvm.Node
	page.Source = view.FlameByFlink
	for i, v := range vertices {
		if graphs[i].Root == nil {
			continue
		}
		page.Taken = graphs[i].End.Time()
		node := jvm.Tidy(nodeOf(graphs[i].Root, 0))
		node.Name = v.Name
		all = append(all, node)
	}
	page.Root = jvm.Under(job.Name, all...)
	return nil
}

// nodeOf is a graph of Flink's as one of jvm's.
func nodeOf(n *rest.FlameNode, depth int) *jvm.Node {
	out := &jvm.Node{Name: n.Name, Value: n.Value}
	for _, child := range n.Children {
		if child != nil && depth < deepestFlame {
			out.Children = append(out.Children, nodeOf(child, depth+1))
		}
	}
	return out
}

// deepestFlame is more than any stack has.
const deepestFlame = 2000

// sampled makes the flame graph of thread dumps.
func (o *flameOptions) sampled(ctx context.Context, place reach.Place, jobManager *rest.Client, vertices []rest.Vertex, page *view.FlamePage) error {
	o.line.Print("%s", whyDumps(place, o.duration))
	processes, err := (&processFlags{}).choose(ctx, jobManager)
	if err != nil {
		return err
	}
	if len(processes) > mostSampled {
		o.line.Print("only the first %d of %d TaskManagers are looked at", mostSampled, len(processes))
		processes = processes[:mostSampled]
	}
	o.line.Set("looking at the threads of %s for %s", plural(len(processes), "JVM"), o.duration)
	names := map[string]bool{}
	for _, v := range vertices {
		names[v.Name] = true
	}
	var mu sync.Mutex
	var sampler jvm.Sampler
	mode := jvm.Mode(o.mode)
	errs := together(processes, func(p process) error {
		return sample(ctx, o.duration, func() error {
			threads, err := dumpOf(ctx, jobManager, p)
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			page.Dumps++
			for _, t := range threads {
				task, ok := t.Task()
				if !ok || !names[task.Vertex] || o.subtask >= 0 && task.Subtask != o.subtask {
					continue
				}
				page.Seen++
				page.Cut = page.Cut || t.Cut
				if mode.Counts(t) {
					sampler.Add(t, task.Vertex)
				}
			}
			return nil
		})
	})
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := left("the threads", processes, errs); err != nil {
		return err
	}
	page.Source, page.Taken = view.FlameByDumps, o.now()
	page.Root = jvm.Tidy(sampler.Graph(page.JobName))
	if page.Seen == 0 {
		return errors.New("no thread of the job's tasks was seen: do they run? See: kubectl flink status " + place.Job.Ref().String() + " -n " + place.Job.Ref().Namespace)
	}
	return nil
}

// whyDumps says why thread dumps are taken, and how Flink would.
func whyDumps(place reach.Place, long time.Duration) string {
	cluster := place.Cluster.Ref()
	text := fmt.Sprintf("Flink's own flame graphs are off (%s): thread dumps are taken for %s instead.\n", flameSetting, long)
	if place.Cluster.IsSessionCluster() {
		return text + fmt.Sprintf("To turn them on, set it in the configuration of %s, which restarts the JobManager and all jobs there", cluster)
	}
	return text + fmt.Sprintf("To turn them on, which restarts the job: kubectl flink upgrade %s -n %s --set %s=true", cluster, cluster.Namespace, flameSetting)
}
