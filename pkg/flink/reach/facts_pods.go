package reach

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

var getOptions = metav1.GetOptions{}

const (
	// endLines is how much of the log of a container that ended is read.
	endLines = 300
	// mostEnds bounds how many containers' logs are read: a crash loop of 500
	// TaskManagers says the same 500 times.
	mostEnds = 12
	// logLines and logBack bound what is read of the JobManager's log.
	logLines = 5000
	logBack  = time.Hour
	// longestLine is in bytes; what is longer is cut. A record in JSON may be
	// longestRecord, since it has all lines of a stack trace.
	longestLine   = 8 << 10
	longestRecord = 64 << 10
	// keptLines is how many lines of a log are kept, the newest.
	keptLines = 2000
)

// askPods reads a cluster's pods, what their ended containers wrote and the
// JobManager's log.
func (g *Gatherer) askPods(ctx context.Context, s *sources, f *diagnosis.JobFacts, namespace, cluster string) {
	s.group.Go(func() {
		var pods []corev1.Pod
		if !s.answer(ctx, diagnosis.FromPods, func(ctx context.Context) (func(), error) {
			read, err := clientset.Pods(ctx, g.Client.Core(), namespace, metav1.ListOptions{LabelSelector: operator.PodSelector(cluster)})
			return func() {
				pods = read
				f.Pods = podFacts(read)
			}, err
		}) {
			return
		}
		s.ask(ctx, diagnosis.FromLogs, func(ctx context.Context) (func(), error) {
			logs, log, err := g.readLogs(ctx, namespace, pods)
			return func() {
				for i := range f.Pods {
					f.Pods[i].Logs = logs[f.Pods[i].Pod.Name]
				}
				f.Flink.Log = log
			}, err
		})
	})
}

func podFacts(pods []corev1.Pod) []diagnosis.PodFacts {
	out := make([]diagnosis.PodFacts, len(pods))
	for i := range pods {
		pods[i].ManagedFields = nil
		out[i] = diagnosis.PodFacts{Pod: &pods[i], Role: pods[i].Labels["component"]}
	}
	return out
}

// endedContainer is a container whose end left a log.
type endedContainer struct {
	pod, container string
	previous       bool
}

// endedIn are the containers of pods that ended, those that failed first.
func endedIn(pods []corev1.Pod) []endedContainer {
	var failed, others []endedContainer
	for i := range pods {
		p := &pods[i]
		for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
			end := c.State.Terminated
			previous := false
			if end == nil {
				end, previous = c.LastTerminationState.Terminated, true
			}
			switch {
			case end == nil:
			case end.ExitCode != 0:
				failed = append(failed, endedContainer{p.Name, c.Name, previous})
			case !previous && slices.ContainsFunc(p.Spec.Containers, func(s corev1.Container) bool { return s.Name == c.Name }):
				others = append(others, endedContainer{p.Name, c.Name, false})
			}
		}
	}
	all := slices.Concat(failed, others)
	return all[:min(len(all), mostEnds)]
}

// readLogs reads the ends of logs. What one container refuses doesn't keep the
// others from being read; the error is the first that says more than that a log
// is gone.
func (g *Gatherer) readLogs(ctx context.Context, namespace string, pods []corev1.Pod) (ends map[string][]diagnosis.ContainerLog, log []diagnosis.LogLine, err error) {
	ends = map[string][]diagnosis.ContainerLog{}
	var mu sync.Mutex
	var group sync.WaitGroup
	fail := func(failure error) {
		if mark := MarkOf(failure); err == nil && (mark == diagnosis.NotAllowed || ctx.Err() != nil) {
			err = failure
		}
	}
	for _, c := range endedIn(pods) {
		group.Go(func() {
			tail := int64(endLines)
			lines, failure := g.tail(ctx, namespace, c.pod, &corev1.PodLogOptions{Container: c.container, Previous: c.previous, TailLines: &tail})
			mu.Lock()
			defer mu.Unlock()
			if failure != nil {
				fail(failure)
				return
			}
			ends[c.pod] = append(ends[c.pod], diagnosis.ContainerLog{Container: c.container, Previous: c.previous, Lines: lines})
		})
	}
	for i := range pods {
		p := &pods[i]
		if p.Labels["component"] != "jobmanager" || !slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool {
			return c.Name == api.MainContainer && c.State.Running != nil
		}) {
			continue
		}
		group.Go(func() {
			tail, since := int64(logLines), metav1.NewTime(g.now().Add(-logBack))
			lines, failure := g.tail(ctx, namespace, p.Name, &corev1.PodLogOptions{Container: api.MainContainer, TailLines: &tail, SinceTime: &since, Timestamps: true})
			mu.Lock()
			defer mu.Unlock()
			if failure != nil {
				fail(failure)
				return
			}
			log = append(log, stamped(lines)...)
		})
	}
	group.Wait()
	sorting.By(log, func(a, b diagnosis.LogLine) int { return a.At.Compare(b.At) })
	return ends, log, err
}

// stamped splits the kubelet's timestamps off. A line without one is a further
// line of the record before it.
func stamped(lines []string) []diagnosis.LogLine {
	out := make([]diagnosis.LogLine, 0, len(lines))
	var last time.Time
	for _, line := range lines {
		stamp, text, _ := strings.Cut(line, " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			at, text = last, line
		}
		last = at
		out = append(out, diagnosis.LogLine{At: at, Text: text})
	}
	return out
}

// tail reads the end of a container's log: the newest lines, long ones cut, and
// records in JSON as lines.
func (g *Gatherer) tail(ctx context.Context, namespace, pod string, options *corev1.PodLogOptions) ([]string, error) {
	stream, err := g.Client.Core().CoreV1().Pods(namespace).GetLogs(pod, options).Stream(ctx)
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	in := bufio.NewReaderSize(stream, longestRecord)
	var lines []string
	// A log whose end never comes is cut off after as much as was asked for.
	for range 4 * logLines {
		line, more, err := in.ReadLine()
		text := string(line)
		for more && err == nil {
			_, more, err = in.ReadLine()
		}
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return lines, err
		}
		for _, plain := range logs.Plain(text) {
			lines = append(lines, plain[:min(len(plain), longestLine)])
		}
		if len(lines) >= 2*keptLines {
			lines = slices.Clone(lines[len(lines)-keptLines:])
		}
	}
	return lines, nil
}

// named are the objects that pods name.
type named struct{ claims, secrets, configMaps map[string]bool }

func newNamed() named {
	return named{map[string]bool{}, map[string]bool{}, map[string]bool{}}
}

func isOptional(b *bool) bool { return b != nil && *b }

// add takes in what a pod can't do without.
func (n named) add(spec *corev1.PodSpec) {
	secret := func(name string, optional *bool) {
		if isName(name) && !isOptional(optional) {
			n.secrets[name] = true
		}
	}
	configMap := func(name string, optional *bool) {
		if isName(name) && !isOptional(optional) {
			n.configMaps[name] = true
		}
	}
	for i := range spec.Volumes {
		v := &spec.Volumes[i]
		switch {
		case v.PersistentVolumeClaim != nil && isName(v.PersistentVolumeClaim.ClaimName):
			n.claims[v.PersistentVolumeClaim.ClaimName] = true
		case v.Secret != nil:
			secret(v.Secret.SecretName, v.Secret.Optional)
		case v.ConfigMap != nil:
			configMap(v.ConfigMap.Name, v.ConfigMap.Optional)
		case v.Projected != nil:
			for _, source := range v.Projected.Sources {
				if source.Secret != nil {
					secret(source.Secret.Name, source.Secret.Optional)
				}
				if source.ConfigMap != nil {
					configMap(source.ConfigMap.Name, source.ConfigMap.Optional)
				}
			}
		}
	}
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		for _, from := range c.EnvFrom {
			if from.SecretRef != nil {
				secret(from.SecretRef.Name, from.SecretRef.Optional)
			}
			if from.ConfigMapRef != nil {
				configMap(from.ConfigMapRef.Name, from.ConfigMapRef.Optional)
			}
		}
		for _, env := range c.Env {
			if env.ValueFrom == nil {
				continue
			}
			if ref := env.ValueFrom.SecretKeyRef; ref != nil {
				secret(ref.Name, ref.Optional)
			}
			if ref := env.ValueFrom.ConfigMapKeyRef; ref != nil {
				configMap(ref.Name, ref.Optional)
			}
		}
	}
}

// mostNamed bounds how many objects that pods name are looked for.
const mostNamed = 50

// askNamed looks whether what the pods name is there, without keeping what is
// in it.
func (g *Gatherer) askNamed(ctx context.Context, s *sources, f *diagnosis.JobFacts, namespace, cluster string) {
	n := newNamed()
	for _, p := range f.Pods {
		n.add(&p.Pod.Spec)
	}
	if len(f.Pods) == 0 && cluster != "" {
		// There may be no pod because it can't be made.
		limited, cancel := context.WithTimeout(ctx, s.limit)
		if d, err := g.Client.Core().AppsV1().Deployments(namespace).Get(limited, cluster, getOptions); err == nil {
			n.add(&d.Spec.Template.Spec)
		}
		cancel()
	}
	core := g.Client.Core().CoreV1()
	exist := func(source diagnosis.Source, names map[string]bool, get func(context.Context, *diagnosis.Existing) error, keep func([]diagnosis.Existing)) {
		if len(names) == 0 {
			return
		}
		s.ask(ctx, source, func(ctx context.Context) (func(), error) {
			var out []diagnosis.Existing
			for _, name := range api.SortedKeys(names) {
				if len(out) == mostNamed {
					break
				}
				one := diagnosis.Existing{Name: name, Exists: diagnosis.Read}
				switch err := get(ctx, &one); MarkOf(err) {
				case diagnosis.Read:
				case diagnosis.NotThere:
					one.Exists = diagnosis.NotThere
				default:
					return func() { keep(out) }, err
				}
				out = append(out, one)
			}
			return func() { keep(out) }, nil
		})
	}
	exist(diagnosis.FromSecrets, n.secrets, func(ctx context.Context, e *diagnosis.Existing) error {
		_, err := core.Secrets(namespace).Get(ctx, e.Name, getOptions)
		return err
	}, func(all []diagnosis.Existing) { f.Secrets = all })
	exist(diagnosis.FromConfigMaps, n.configMaps, func(ctx context.Context, e *diagnosis.Existing) error {
		_, err := core.ConfigMaps(namespace).Get(ctx, e.Name, getOptions)
		return err
	}, func(all []diagnosis.Existing) { f.ConfigMaps = all })
	exist(diagnosis.FromClaims, n.claims, func(ctx context.Context, e *diagnosis.Existing) error {
		claim, err := core.PersistentVolumeClaims(namespace).Get(ctx, e.Name, getOptions)
		if err != nil {
			return err
		}
		e.Phase, e.Class = string(claim.Status.Phase), classOf(claim)
		for _, mode := range claim.Spec.AccessModes {
			e.Access = append(e.Access, string(mode))
		}
		if claim.Status.Phase != corev1.ClaimBound {
			e.Reason = g.claimReason(ctx, namespace, e.Name)
		}
		return nil
	}, func(all []diagnosis.Existing) { f.Claims = all })
}

func classOf(claim *corev1.PersistentVolumeClaim) string {
	if claim.Spec.StorageClassName != nil {
		return *claim.Spec.StorageClassName
	}
	return ""
}

// claimReason is what the newest event says of a claim; "" where none does.
func (g *Gatherer) claimReason(ctx context.Context, namespace, claim string) string {
	list, err := g.Client.Core().CoreV1().Events(namespace).List(ctx, metav1.ListOptions{
		FieldSelector: "involvedObject.kind=PersistentVolumeClaim,involvedObject.name=" + claim, Limit: clientset.PageSize,
	})
	if err != nil {
		return ""
	}
	var newest *corev1.Event
	for i := range list.Items {
		if e := &list.Items[i]; newest == nil || !e.LastTimestamp.Before(&newest.LastTimestamp) {
			newest = e
		}
	}
	if newest == nil {
		return ""
	}
	return newest.Message
}
