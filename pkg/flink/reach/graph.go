package reach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	restclient "k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/foretell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/probe"
)

// graphProbe is the pod in which a job's graph is made.
var graphProbe = api.Probe{
	Name: "flink-graph-probe-", Component: "graph-probe", Dir: probe.Room, Ready: probe.Ready,
	Memory: probe.GraphMemory, Room: probe.GraphRoom,
}

// mostGraph bounds what a job says while its graph is made, in bytes, and mostPrinted
// what it prints besides.
const (
	mostGraph   = 32 << 20
	mostPrinted = 1 << 20
)

// Compiler makes the graph of what is going to run: the job's main method runs, up to
// where it would be submitted, in a pod with the image, libraries, environment and
// settings that the job will have.
type Compiler struct {
	Client *operator.Client
	Config *restclient.Config
	// Coming is a ConfigMap that comes with the change and isn't in the cluster yet;
	// nil for none.
	Coming *corev1.ConfigMap
	// Run runs a command in a pod; nil is podexec's.
	Run func(ctx context.Context, command podexec.Command) error
}

// GraphError says why there is no graph.
type GraphError struct {
	Kind foretell.Trouble
	Text string
}

func (e *GraphError) Error() string { return e.Text }

// Graph makes the graph of the job that facts are of. Its error is a *GraphError where
// something is wrong with the job itself. With a graph, it says that the pod couldn't
// be removed.
func (c Compiler) Graph(ctx context.Context, facts foretell.Facts) (nodes []foretell.Node, err error) {
	job := api.Section(facts.After.Spec(), "job")
	jar := api.Text(job, "jarURI")
	if facts.After.Kind.Name == api.SessionJob.Name && inContainer(jar) {
		return nil, fmt.Errorf("its jar %s is a file in the operator's container: no graph can be made of it elsewhere", jar)
	}
	pod, err := c.pod(ctx, facts)
	if err != nil {
		return nil, err
	}
	files := c.bring(pod)
	at, remove, err := c.Client.StartProbe(ctx, pod, "makes the job's graph")
	if remove != nil {
		defer func() { err = errors.Join(err, remove()) }()
	}
	var trouble *operator.ProbeError
	if errors.As(err, &trouble) && trouble.Image() {
		return nil, &GraphError{foretell.TroubleImage, trouble.Why()}
	}
	if err != nil {
		return nil, err
	}
	program := probe.Program{Jar: jar, Class: api.Text(job, "entryClass"), Parallelism: facts.Parallelism(), Args: facts.Args(), Files: files}
	run := c.Run
	if run == nil {
		run = func(ctx context.Context, command podexec.Command) error {
			return podexec.Run(ctx, c.Config, c.Client.Core(), command)
		}
	}
	out, printed := &podexec.Bounded{Most: mostGraph}, &podexec.Bounded{Most: mostPrinted}
	failed := run(ctx, podexec.Command{
		Namespace: at.Namespace, Pod: at.Pod, Container: at.Container,
		Args: probe.GraphCommand(facts.Config), In: probe.GraphInput(facts.Config, program), Out: out, ErrOut: printed,
	})
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	graph := probe.ReadGraph(bytes.NewReader(out.Bytes()))
	if graph.Step != "" {
		return nil, troubleOf(facts, graph)
	}
	if !graph.Whole {
		if failed == nil {
			failed = errors.New("the program ended without a graph")
		}
		return nil, fmt.Errorf("%w%s", failed, lastPrinted(printed.Bytes()))
	}
	return nodesOf(graph, facts.Parallelism() > 0)
}

// inContainer reports whether an address is a path in the container of whom reads it.
func inContainer(address string) bool {
	scheme, _, has := strings.Cut(address, ":")
	return address != "" && (!has || scheme == "local" || scheme == "file")
}

// pod is the pod that it is made in.
func (c Compiler) pod(ctx context.Context, facts foretell.Facts) (*corev1.Pod, error) {
	cluster := facts.Cluster
	if cluster.Object == nil {
		return nil, errors.New("the cluster that the job is to run in isn't known")
	}
	template, node, err := c.Client.Template(ctx, cluster, api.JobManagerSide)
	if err != nil {
		return nil, err
	}
	if facts.After.Kind.Name == api.SessionJob.Name {
		return api.ProbePod(cluster, cluster.RunsWith(), facts.Config, template, node, graphProbe)
	}
	spec := cluster.Spec()
	if api.Text(spec, "image") == "" && template != nil {
		// The operator gives an image of its own; it is the one that runs.
		for i := range template.Containers {
			if template.Containers[i].Name == api.MainContainer {
				changed := api.Job{Kind: cluster.Kind, Object: cluster.Object.DeepCopy()}
				if err := changed.Set(template.Containers[i].Image, "image"); err != nil {
					return nil, err
				}
				spec = changed.Spec()
			}
		}
	}
	return api.ProbePod(cluster, spec, facts.Config, nil, node, graphProbe)
}

// bring makes room in the pod for the ConfigMap that isn't there yet, and returns the
// files that are to be written into it.
func (c Compiler) bring(pod *corev1.Pod) map[string]string {
	if c.Coming == nil {
		return nil
	}
	files := map[string]string{}
	for v := range pod.Spec.Volumes {
		volume := &pod.Spec.Volumes[v]
		if volume.ConfigMap == nil || volume.ConfigMap.Name != c.Coming.Name {
			continue
		}
		volume.VolumeSource = corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: resource.NewQuantity(8<<20, resource.BinarySI)}}
		mounts := pod.Spec.Containers[0].VolumeMounts
		for m := range mounts {
			if mounts[m].Name != volume.Name {
				continue
			}
			mounts[m].ReadOnly = false
			for name, content := range c.Coming.Data {
				files[path.Join(mounts[m].MountPath, name)] = content
			}
		}
	}
	return files
}

// troubleOf says why there is no graph.
func troubleOf(facts foretell.Facts, graph probe.Graph) error {
	if graph.TimedOut {
		text := fmt.Sprintf("it took longer than %s to %s", probe.GraphLimit, graph.Step)
		if at := strings.TrimPrefix(strings.TrimSpace(api.FirstLine(graph.Trace)), "at "); at != "" {
			text += ", which is at " + at
		}
		return errors.New(text)
	}
	now := time.Now()
	thrown := diagnosis.ReadException(graph.Trace, now, diagnosis.InMain)
	why := api.FirstLine(graph.Trace)
	if len(thrown.Chain) > 0 {
		why = thrown.Telling()
		known := &diagnosis.JobFacts{Now: now, Object: facts.After.Object, Config: facts.Config, Marks: map[diagnosis.Source]diagnosis.Mark{diagnosis.FromConfig: diagnosis.Read}}
		for _, found := range diagnosis.Attempt(known, thrown) {
			why = found.Means + " (" + found.Rule + ")"
			break
		}
	}
	if kind, known := stepTroubles[graph.Step]; known {
		return &GraphError{kind, why}
	}
	return fmt.Errorf("can't %s: %s", graph.Step, why)
}

// stepTroubles are what it means for the job that a step of the program fails.
var stepTroubles = map[string]foretell.Trouble{
	"find the jar": foretell.TroubleJar, "load the class": foretell.TroubleClass, "run the main method": foretell.TroubleMain,
}

// lastPrinted is the end of what a program printed.
func lastPrinted(printed []byte) string {
	lines := strings.Split(strings.TrimSpace(string(printed)), "\n")
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return ": " + strings.Join(lines[max(0, len(lines)-3):], " | ")
}

// nodesOf are the operators of a graph. sized says that their parallelism is the one
// with which the job will run.
func nodesOf(graph probe.Graph, sized bool) ([]foretell.Node, error) {
	out := make([]foretell.Node, 0, len(graph.Operators))
	for _, o := range graph.Operators {
		if !untrusted.IsHexID(o.ID) || o.UserID != "" && !untrusted.IsHexID(o.UserID) {
			return nil, errors.New("the program names an operator by something that is no operator's id")
		}
		node := foretell.Node{ID: o.ID, UserID: o.UserID, Name: o.Name, UID: o.UID, MaxParallelism: max(o.MaxParallelism, 0)}
		if node.Name == "" && !strings.Contains(o.Vertex, "->") {
			node.Name = o.Vertex
		}
		if sized {
			node.Parallelism = max(o.Parallelism, 0)
		}
		out = append(out, node)
	}
	return out, nil
}
