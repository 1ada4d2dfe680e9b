package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// pod is one of a Flink cluster's.
type pod struct {
	*corev1.Pod
	name, role string
	containers []container
	created    time.Time
	age        time.Duration
	// unscheduled is what the scheduler says; "" where a node was found.
	unscheduled string
	ready       bool
	// readySince is when ready last changed.
	readySince time.Time
	deleting   bool
}

// container is one of a pod's, of any kind.
type container struct {
	name, image string
	// init runs before the others; main is Flink's own.
	init, main bool
	// reason and message are those of its waiting.
	reason, message string
	restarts        int32
	// end is how it ended the last time, nil if it never did; down says that it
	// isn't running since.
	end  *corev1.ContainerStateTerminated
	down bool
	// log is the end of what it wrote before it ended.
	log       []string
	exception *Exception
	known     bool
	running   bool
	ready     bool
	// since is when it began to run; started that its startup probe, if it has one,
	// succeeded: of an init container only one that stays beside the others can.
	since          time.Time
	started, stays bool
}

// called is the container as people name it.
func (c container) called() string {
	switch {
	case c.init:
		return "init container " + c.name
	case c.main:
		return "Flink's container"
	}
	return "sidecar " + c.name
}

// failing reports whether the container ended in failure and is down, or ends
// again and again.
func (c container) failing() bool {
	return c.end != nil && c.end.ExitCode != 0 && (c.down || c.reason == "CrashLoopBackOff" || c.restarts >= 2 && !c.ready)
}

func readPod(facts *PodFacts, now time.Time) (pod, bool) {
	p := facts.Pod
	if p == nil {
		return pod{}, false
	}
	out := pod{Pod: p, name: p.Name, role: cmp.Or(facts.Role, p.Labels["component"]), created: p.CreationTimestamp.Time, deleting: p.DeletionTimestamp != nil}
	if !out.created.IsZero() {
		out.age = now.Sub(out.created)
	}
	for _, condition := range p.Status.Conditions {
		switch {
		case condition.Type == corev1.PodReady:
			out.ready, out.readySince = condition.Status == corev1.ConditionTrue, condition.LastTransitionTime.Time
		case condition.Type == corev1.PodScheduled && condition.Status == corev1.ConditionFalse:
			out.unscheduled = cmp.Or(condition.Message, condition.Reason, "no node")
		}
	}
	logs := func(name string) []string {
		var lines []string
		for _, log := range facts.Logs {
			if log.Container == name && (lines == nil || !log.Previous) {
				lines = log.Lines
			}
		}
		return lines
	}
	for _, group := range []struct {
		init     bool
		specs    []corev1.Container
		statuses []corev1.ContainerStatus
	}{{true, p.Spec.InitContainers, p.Status.InitContainerStatuses}, {false, p.Spec.Containers, p.Status.ContainerStatuses}} {
		for i := range group.specs {
			c := container{name: group.specs[i].Name, image: group.specs[i].Image, init: group.init}
			c.main = !c.init && (c.name == mainContainer || len(group.specs) == 1)
			c.stays = c.init && group.specs[i].RestartPolicy != nil && *group.specs[i].RestartPolicy == corev1.ContainerRestartPolicyAlways
			for k := range group.statuses {
				if s := &group.statuses[k]; s.Name == c.name {
					c.read(s)
				}
			}
			if c.log = logs(c.name); len(c.log) == 0 && c.end != nil && c.end.Message != "" {
				c.log = strings.Split(c.end.Message, "\n") // the log's end, by terminationMessagePolicy
			}
			out.containers = append(out.containers, c)
		}
	}
	return out, true
}

func (c *container) read(s *corev1.ContainerStatus) {
	c.known, c.restarts, c.ready, c.running = true, s.RestartCount, s.Ready, s.State.Running != nil
	if c.running {
		c.since, c.started = s.State.Running.StartedAt.Time, c.stays && (s.Started == nil || *s.Started)
	}
	c.end = s.LastTerminationState.Terminated
	if w := s.State.Waiting; w != nil {
		c.reason, c.message, c.down = w.Reason, w.Message, c.end != nil
	}
	if t := s.State.Terminated; t != nil {
		c.end, c.down = t, true
	}
}

// main is Flink's own container; nil where there is none.
func (p *pod) main() *container {
	for i := range p.containers {
		if p.containers[i].main {
			return &p.containers[i]
		}
	}
	return nil
}

// meshes are the containers by which service meshes take a pod's connections.
var meshes = []string{"istio-proxy", "linkerd-proxy", "kuma-sidecar", "consul-dataplane", "envoy-sidecar"}

// meshed is the sidecar of a service mesh in the job's pods; "" where none is.
func (j *job) meshed() string {
	for i := range j.pods {
		for k := range j.pods[i].containers {
			if c := &j.pods[i].containers[k]; slices.Contains(meshes, c.name) {
				return c.name
			}
		}
	}
	return ""
}

// source is the container as evidence names it.
func (p *pod) source(c *container) string { return "pod/" + p.name + ", " + c.called() }

// podField is the part of the spec that makes pods of a role.
func podField(role string) string {
	if role == jobManager {
		return "jobManager"
	}
	return "taskManager"
}

// calledRole is the role as people name it.
func calledRole(role string) string {
	if role == jobManager {
		return "JobManager"
	}
	return "TaskManager"
}

// ending is how a container ended, in a few words.
func ending(end *corev1.ContainerStateTerminated) string {
	return fmt.Sprintf("%s (exit code %d)", cmp.Or(end.Reason, "Error"), end.ExitCode)
}

var (
	// exceptionLine is a line that begins with a Java exception.
	exceptionLine = pattern(`^(Caused by: |Exception in thread "[^"]*" |Terminating due to )?([a-z]\w*(\.[\w$]+)+(Exception|Error)\w*(: .*)?)$`)
	// throwableLine is one that may begin with an exception of any name, if a stack
	// frame follows.
	throwableLine = pattern(`^(?:Exception in thread "[^"]*" )?(?:[\w$]+\.)*[A-Z][\w$]*(?:: .*)?$`)
	// stopsOnly are exceptions of threads that are stopped because the process ends,
	// or what the JVM repeats of the one it ends for,
	// crashPadding are lines of the JVM's own report, and of Flink's entry point at
	// the mounted configuration, that say nothing.
	stopsOnly    = pattern(`^(?:[\w$]+\.)*(?:InterruptedException|CancellationException|RejectedExecutionException|ClosedByInterruptException)\b|^Terminating due to `)
	crashPadding = pattern(`^(?:JRE version|Java VM|Problematic frame):|^sed: couldn't open temporary|/opt/flink/conf/\S+: Read-only file system$`)
	// recordLine is the beginning of a log's record.
	recordLine = pattern(`^\[?\d{2,4}[-/.]\d\d[-/.]\d{2,4}[ T]\d\d:\d\d|^\[?\d\d:\d\d:\d\d[.,]\d|^(?:INFO|WARN|DEBUG|TRACE)\s|^\{"`)
	// complaintLine is how a JVM, a shell or the kernel complains.
	complaintLine = pattern(`(?i)^(\[?error\b|\[?fatal\b|a fatal error has been detected|please specify |exec |invalid |unrecognized |could not |cannot |failed |there is insufficient memory|native memory allocation|agent library |terminating due to )|(: (no such file or directory|not found|command not found|permission denied|exec format error|cannot execute.*|read-only file system)$)`)
)

// exceptionIn reads the stack trace of a log that says why its process ended: the
// last of those that Flink calls fatal, else the last of those that are errors by
// their level, else the last; but not one of a thread that was only stopped where
// another trace comes before it. What follows a fatal one (hooks, connections that
// are closed) are its consequences. Without any trace an exception in the text of
// an error counts.
func exceptionIn(lines []string) (Exception, bool) {
	start, rank := -1, 0
	for _, at := range tracesIn(lines) {
		if r := api.RecordRank(headAbove(lines, at)); r >= rank {
			start, rank = at, r
		}
	}
	if start < 0 {
		if thrown := api.ThrownIn(lastError(lines)); thrown != "" {
			return ReadException(thrown, time.Time{}, Somewhere), true
		}
		return Exception{}, false
	}
	end := start + 1
	for end < len(lines) && !recordLine.MatchString(lines[end]) && !stopsOnly.MatchString(lines[end]) {
		end++
	}
	return ReadException(strings.Join(lines[start:end], "\n"), time.Time{}, Somewhere), true
}

// frameInText is a stack frame in a line of text.
var frameInText = pattern(`\sat [\w$.<>/@-]+\(`)

func beginsRecord(line string) bool { return recordLine.MatchString(line) || api.BeginsWithLevel(line) }

// headAbove is the record that a trace stands below; "" where there is none.
func headAbove(lines []string, at int) string {
	for i := at - 1; i >= 0 && i >= at-20; i-- {
		if line := strings.TrimSpace(lines[i]); beginsRecord(line) {
			return line
		}
	}
	return ""
}

// lastError is the last record of a log that is an error by its level, of those
// that Flink calls fatal where there are any; "" where there is none.
func lastError(lines []string) string {
	best, rank := "", 0
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if r := api.RecordRank(line); r >= max(rank, api.RankError) && beginsRecord(line) && !frameInText.MatchString(line) {
			best, rank = line, r
		}
	}
	return best
}

// tracesIn are where the stack traces of a log begin.
func tracesIn(lines []string) (out []int) {
	start, over := -1, false // over: the message of the exception at start has ended
	for i, raw := range lines {
		line := strings.TrimSpace(raw)
		switch {
		case strings.HasPrefix(line, "at "), recordLine.MatchString(line):
			over = true
		case strings.HasPrefix(line, "Caused by: "), strings.HasPrefix(line, "Suppressed: "):
		case start >= 0 && stopsOnly.MatchString(line):
			over = true
		case exceptionLine.MatchString(line),
			(start < 0 || over) && throwableLine.MatchString(strings.TrimRight(raw, " \r")) && i+1 < len(lines) && strings.HasPrefix(strings.TrimSpace(lines[i+1]), "at "):
			start, over = i, false
			out = append(out, i)
		}
	}
	return out
}

// mostWords is how many lines of a complaint are reported.
const mostWords = 4

// lastWords is the complaint that a log ends with, without exceptions; else,
// where anything will do, its last line.
func lastWords(lines []string, anything bool) string {
	var complaint []string
	last := ""
	for _, line := range lines {
		line = strings.TrimSpace(term.SafeLine(strings.TrimSpace(line)))
		line = strings.TrimSpace(strings.TrimLeft(line, "#"))
		switch {
		case line == "" || strings.HasPrefix(line, "at ") || crashPadding.MatchString(line):
			continue
		case recordLine.MatchString(line):
			complaint = nil
		case len(complaint) > 0 && len(complaint) < mostWords, len(complaint) == 0 && complaintLine.MatchString(line):
			complaint = append(complaint, line)
		}
		last = line
	}
	switch {
	case len(complaint) > 0:
		return strings.Join(complaint, "; ")
	case anything:
		return last
	}
	return ""
}

// said is what a container that ended says of it: its own message, or its log.
func (c *container) said(anything bool) string {
	if said := lastWords(c.log, anything); said != "" {
		return oneLine(said)
	}
	if c.end != nil && c.end.Message != "" {
		return oneLine(c.end.Message)
	}
	return ""
}

// troubled are findings of one kind, one for each role: many pods fail alike.
func (j *job) troubled(fits func(p *pod, c *container) (means string, evidence []Evidence, ok bool), cures func(p *pod, c *container) []Cure) []Finding {
	var out []Finding
	at := map[string]int{}
	for i := range j.pods {
		p := &j.pods[i]
		if p.deleting {
			continue
		}
		for k := range p.containers {
			c := &p.containers[k]
			means, evidence, ok := fits(p, c)
			if !ok {
				continue
			}
			kind := p.role + "/" + c.name
			if n, seen := at[kind]; seen {
				if len(out[n].Evidence) < 4 {
					out[n].Evidence = append(out[n].Evidence, evidence...)
				}
				continue
			}
			at[kind] = len(out)
			out = append(out, Finding{Subject: "pod/" + p.name, Means: means, Evidence: evidence, Cures: cures(p, c)})
		}
	}
	return out
}

// podEvent is the newest event of a pod that fits.
func (j *job) podEvent(p *pod, message *lazy, reasons ...string) (event, bool) {
	for _, e := range j.events {
		if e.kind == "Pod" && e.name == p.name && slices.Contains(reasons, e.reason) && (message == nil || message.MatchString(e.message)) {
			return e, true
		}
	}
	return event{}, false
}

// waits reports whether no container of the pod has begun.
func (p *pod) waits() bool {
	return !p.ready && !p.deleting && p.unscheduled == "" && !slices.ContainsFunc(p.containers, func(c container) bool { return c.running || c.end != nil })
}
