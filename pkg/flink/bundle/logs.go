package bundle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// Log is one log of a container.
type Log struct {
	Namespace, Pod, Container string
	// Previous is the run before the present one.
	Previous bool
	// Dir is where it goes in the bundle.
	Dir string
}

func (l Log) what() string {
	text := "log of container " + l.Container + " of pod " + l.Pod + " in " + l.Namespace
	if l.Previous {
		text = "log of the run before of container " + l.Container + " of pod " + l.Pod + " in " + l.Namespace
	}
	return text
}

// Bounds of logs.
const (
	// mostPods is how many pods' logs of one job are read.
	mostPods = 40
	// mostLogLines and mostLog bound one log, in lines and bytes.
	mostLogLines = 100_000
	mostLog      = 8 << 20
	logsAtOnce   = 3
)

// LogsOf are the logs of pods: of all containers, of this run and the one before.
// Of very many pods, JobManagers and those with trouble come first.
func (c *Collector) LogsOf(about, dir string, pods []diagnosis.PodFacts) []Log {
	pods = slices.DeleteFunc(slices.Clone(pods), func(p diagnosis.PodFacts) bool { return p.Pod == nil || !isName(p.Pod.Name) })
	sorting.By(pods, func(a, b diagnosis.PodFacts) int { return urgency(b) - urgency(a) })
	if len(pods) > mostPods {
		c.Archive.Miss(fmt.Sprintf("logs of %d of %d pods of %s", len(pods)-mostPods, len(pods), about), "only so many are read: JobManagers and pods with trouble first")
		pods = pods[:mostPods]
	}
	var out []Log
	for _, p := range pods {
		for _, status := range containersOf(p.Pod) {
			if !isName(status.Name) {
				continue
			}
			one := Log{Namespace: p.Pod.Namespace, Pod: p.Pod.Name, Container: status.Name, Dir: dir + "/" + Clean(p.Pod.Name)}
			if status.State.Running != nil || status.State.Terminated != nil {
				out = append(out, one)
			}
			if status.LastTerminationState.Terminated != nil {
				one.Previous = true
				out = append(out, one)
			}
		}
	}
	return out
}

// urgency is higher for pods whose logs tell more.
func urgency(p diagnosis.PodFacts) int {
	n := 0
	if p.Role != "taskmanager" {
		n += 2
	}
	for _, s := range containersOf(p.Pod) {
		if s.RestartCount > 0 || s.State.Terminated != nil && s.State.Terminated.ExitCode != 0 {
			return n + 1
		}
	}
	return n
}

// Logs puts in logs; each gets its share of the room that is left.
func (c *Collector) Logs(ctx context.Context, logs []Log) {
	var group sync.WaitGroup
	var mu sync.Mutex
	slots := make(chan struct{}, logsAtOnce)
	left := len(logs)
	for i, l := range logs {
		slots <- struct{}{}
		if ctx.Err() != nil {
			<-slots
			break
		}
		c.tell("log %d of %d: %s of %s", i+1, len(logs), l.Container, l.Pod)
		group.Go(func() {
			defer func() { <-slots }()
			text, cut, err := c.readLog(ctx, l)
			mu.Lock()
			defer mu.Unlock()
			share := c.Archive.Left() / int64(max(left, 1))
			left--
			if err != nil {
				c.miss(ctx, l.what(), err)
				if len(text) == 0 {
					return
				}
			}
			name := Clean(l.Container) + ".log"
			if l.Previous {
				name = Clean(l.Container) + ".previous.log"
			}
			c.Archive.Log(l.Dir+"/"+name, l.what(), text, share, cut)
		})
	}
	group.Wait()
}

func (c *Collector) readLog(ctx context.Context, l Log) (text []byte, cut bool, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 3*c.Limit, errors.New("it was still being read when the time was over"))
	defer cancel()
	tail := int64(mostLogLines)
	options := &corev1.PodLogOptions{Container: l.Container, Previous: l.Previous, Timestamps: true, TailLines: &tail}
	if c.Since > 0 && !l.Previous {
		since := metav1.NewTime(c.Now().Add(-c.Since))
		options.SinceTime = &since
	}
	stream, err := c.Client.Core().CoreV1().Pods(l.Namespace).GetLogs(l.Pod, options).Stream(ctx)
	if err != nil {
		return nil, false, err
	}
	defer stream.Close()
	text, cut, err = readNewest(stream, mostLog)
	if said, ok := noLogs(text); ok {
		return nil, false, errors.New(said)
	}
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return text, cut, err
}

// noLogs is what the kubelet writes in place of a log that it doesn't have any
// more; ok is false where it is a log.
func noLogs(text []byte) (said string, ok bool) {
	line, rest, _ := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 1024)])), "\n")
	return line, rest == "" && strings.HasPrefix(line, "unable to retrieve container logs for ")
}

// Operators puts in what is known of the installed operators, and returns their
// logs to be read.
func (c *Collector) Operators(ctx context.Context, installation *diagnosis.InstallationFacts) []Log {
	if installation == nil {
		return nil
	}
	facts := *installation
	facts.Operators = slices.Clone(facts.Operators)
	for i := range facts.Operators {
		facts.Operators[i].Log = nil
	}
	c.Archive.Value("operator/installation.json", "what is known of the installation", &facts)
	var logs []Log
	for _, o := range installation.Operators {
		dir, about := Join("operator", o.Namespace, o.Name), "operator "+o.Namespace+"/"+o.Name
		if isName(o.Name) && isName(o.Namespace) {
			limited, cancel := context.WithTimeout(ctx, c.Limit)
			deployment, err := c.Client.Core().AppsV1().Deployments(o.Namespace).Get(limited, o.Name, metav1.GetOptions{})
			cancel()
			if err != nil {
				c.miss(ctx, "Deployment of "+about, err)
			} else {
				deployment.APIVersion, deployment.Kind, deployment.ManagedFields = "apps/v1", "Deployment", nil
				c.Archive.Object(dir+"/deployment.yaml", "Deployment of "+about, deployment)
			}
		}
		var pods []any
		for _, p := range o.Pods {
			if p.Pod != nil {
				p.Pod.APIVersion, p.Pod.Kind = "v1", "Pod"
				pods = append(pods, p.Pod)
			}
		}
		if len(pods) > 0 {
			c.Archive.Object(dir+"/pods.yaml", "pods of "+about, map[string]any{"apiVersion": "v1", "kind": "List", "items": plainItems(pods)})
		}
		logs = append(logs, c.LogsOf(about, dir+"/logs", o.Pods)...)
	}
	return logs
}

// LearnInstallation takes in the secrets of operators.
func (c *Collector) LearnInstallation(installation *diagnosis.InstallationFacts) {
	if installation == nil {
		return
	}
	for _, o := range installation.Operators {
		c.Archive.Secrets.Except(o.Name, o.Namespace)
		for key, value := range o.Config {
			c.Archive.Secrets.AddNamed(key, value)
		}
		for _, p := range o.Pods {
			if plain, err := decoded(p.Pod); err == nil {
				c.Archive.Secrets.AddIn(plain)
			}
		}
	}
}

func decodeInto(text string, into any) error {
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	return decoder.Decode(into)
}
