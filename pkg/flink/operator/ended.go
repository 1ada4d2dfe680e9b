package operator

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
)

// Ended is a JobManager or TaskManager whose container ended by itself or was
// killed. In native mode Flink deletes the pod at once; then only the
// JobManager's log, and the exception that it made of it, tell.
type Ended struct {
	Name string `json:"pod"`
	Role string `json:"role"`
	// Reason is Kubernetes' word: OOMKilled, Error, Completed …
	Reason   string    `json:"reason"`
	ExitCode int32     `json:"exitCode"`
	At       time.Time `json:"at"`
	// Container is the one that ended, where that isn't Flink's own; Init says
	// that it runs before the others.
	Container string `json:"container,omitempty"`
	Init      bool   `json:"initContainer,omitempty"`
	// Cause is what its log says; "" where that wasn't read.
	Cause string `json:"cause,omitempty"`
}

// Like reports whether another ended the same way.
func (e Ended) Like(other Ended) bool {
	return e.Reason == other.Reason && e.ExitCode == other.ExitCode && e.Container == other.Container
}

// neverRan is the reason of a pod that ended before its containers ran.
const neverRan = "BeforeItsContainers"

// reasonOutOfMemory is Kubernetes' word for a container that the kernel killed
// because it used more memory than its limit.
const reasonOutOfMemory = "OOMKilled"

// OutOfMemory reports whether it was OOMKilled (out of memory).
func (e Ended) OutOfMemory() bool { return e.Reason == reasonOutOfMemory && e.Container == "" }

// How says in a few words how it ended.
func (e Ended) How() string {
	code := fmt.Sprintf("exit code %d", e.ExitCode)
	switch {
	case e.Reason == neverRan:
		return "ended before its containers ran"
	case e.Container != "":
		return fmt.Sprintf("ended with its %s (%s, %s)", Container{Name: e.Container, Init: e.Init}.Called(), cmp.Or(e.Reason, "Error"), code)
	case e.OutOfMemory():
		return "was OOMKilled (out of memory, " + code + ")"
	case e.ExitCode == 137:
		return "was killed (" + code + "): not by its own memory limit, but perhaps for the node's memory, or by hand"
	case e.ExitCode == 143:
		return "was told to end (" + code + ")"
	case e.ExitCode == 239:
		return "ended after a fatal error (" + code + ")"
	case e.Reason != "" && e.Reason != "Error":
		return "ended: " + e.Reason + ", " + code
	}
	return "ended with " + code
}

// diagnostics is how Flink's KubernetesPod.getTerminatedDiagnostics spells what
// became of the containers; of several the last that failed is reported.
var diagnostics = regexp.MustCompile(`container termination statuses: \[(.*?)\](?:, pod status|$|\s)`)

var containerEnd = regexp.MustCompile(`([\w.-]+)\(exitCode=(-?\d+), reason=([^,)]*), message=`)

// EndOf reads how a TaskManager ended from an exception's message or a line of
// the JobManager's log; ok is false where the text doesn't say.
func EndOf(text string) (end Ended, ok bool) {
	line, _, _ := strings.Cut(text, "\n")
	if !strings.Contains(line, "container termination statuses") {
		if _, line, ok = strings.Cut(text, "Pod terminated, "); !ok {
			return Ended{}, false
		}
		line, _, _ = strings.Cut(line, "\n")
	}
	inner := diagnostics.FindStringSubmatch(line)
	if inner == nil {
		return Ended{}, false
	}
	for _, found := range containerEnd.FindAllStringSubmatch(inner[1], -1) {
		code, err := strconv.ParseInt(found[2], 10, 32)
		if err != nil || found[1] != api.MainContainer && ok && end.Reason != "" {
			continue
		}
		if end.Reason != "" && code == 0 {
			continue // it was told to end
		}
		end, ok = Ended{Role: "taskmanager", Reason: found[3], ExitCode: int32(code)}, true
		if found[1] != api.MainContainer {
			end.Container = found[1]
		}
		if found[3] == "null" {
			end.Reason = ""
		}
		if found[1] == api.MainContainer {
			break
		}
	}
	return end, ok && containerEnd.MatchString(inner[1])
}

// workerEnded is what the JobManager logs when a pod has ended.
var workerEnded = regexp.MustCompile(`Worker (\S+) is terminated\. Diagnostics: (.*)$`)

// emptyPod is what Flink logs of a pod that failed before its containers ran.
var emptyPod = regexp.MustCompile(`container termination statuses: \[\], pod status: Failed`)

// Refusal is a pod that the JobManager couldn't create.
type Refusal struct {
	At time.Time `json:"at"`
	// Why is the API server's own word.
	Why string `json:"why"`
}

// StillRefused is the newest of the refusals, newest first, if no TaskManager
// was let in since.
func StillRefused(refused []Refusal, pods []Pod) (Refusal, bool) {
	if len(refused) == 0 || slices.ContainsFunc(pods, func(p Pod) bool { return p.Role == "taskmanager" && p.Started.After(refused[0].At) }) {
		return Refusal{}, false
	}
	return refused[0], true
}

var (
	couldNotCreate = regexp.MustCompile(`Could not create pod (\S+?),? exception: (.*)$`)
	serversWord    = regexp.MustCompile(`Message: (.*?)\.? Received status`)
)

// WorkersInLog finds the pods that ended, and those that couldn't be created,
// in a JobManager's log whose lines begin with the kubelet's timestamps.
func WorkersInLog(log io.Reader) (ends []Ended, refused []Refusal) {
	lines := bufio.NewScanner(log)
	// A line may be as long as a job's whole configuration.
	lines.Buffer(nil, logLimit)
	for lines.Scan() {
		stamp, text, _ := strings.Cut(lines.Text(), " ")
		if found := couldNotCreate.FindStringSubmatch(text); found != nil {
			why := api.RootCause(found[2])
			if word := serversWord.FindStringSubmatch(found[2]); word != nil {
				why = word[1]
			}
			if at, err := time.Parse(time.RFC3339Nano, stamp); err == nil {
				refused = append(refused, Refusal{at, why})
			}
			continue
		}
		found := workerEnded.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		end, ok := EndOf(found[2])
		if !ok && emptyPod.MatchString(found[2]) {
			end, ok = Ended{Role: "taskmanager", Reason: neverRan}, true
		}
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if !ok || err != nil {
			continue
		}
		end.Name, end.At = found[1], at
		ends = append(ends, end)
	}
	return ends, refused
}

const (
	// endsSince is how far back ends are looked for.
	endsSince = time.Hour
	// endsLines bounds how much of a log is read: a JobManager that starts a
	// TaskManager again every minute writes less in an hour.
	endsLines = 20000
)

// EndsKnown reports whether pods show that others came before them: Flink
// numbers TaskManagers.
func EndsKnown(pods []Pod) bool {
	count := map[string]int{}
	for _, pod := range pods {
		if attempt, _, ok := numbered(pod); ok {
			count[attempt]++
		}
	}
	for _, pod := range pods {
		if pod.LastEnd != "" {
			return true
		}
		if attempt, number, ok := numbered(pod); ok && number > count[attempt] {
			return true
		}
	}
	return false
}

// numbered splits NAME-taskmanager-ATTEMPT-NUMBER.
func numbered(pod Pod) (attempt string, number int, ok bool) {
	i := strings.LastIndex(pod.Name, "-")
	if pod.Role != "taskmanager" || i < 0 {
		return "", 0, false
	}
	number, err := strconv.Atoi(pod.Name[i+1:])
	return pod.Name[:i], number, err == nil
}

// Ends are the pods of a Flink cluster that ended in the last hour, newest
// first: those that are still there, and those that the JobManagers' logs tell
// of. Logs that can't be read tell nothing.
func (c *Client) Ends(ctx context.Context, namespace string, pods []Pod, now time.Time) []Ended {
	ends, _ := c.WorkersOf(ctx, namespace, pods, now, endsSince)
	return ends
}

// RefusedFor is how long a refusal counts: Flink tries again every 3 s.
const RefusedFor = time.Minute

// WorkersOf are the pods that ended, and those that couldn't be created lately,
// newest first.
func (c *Client) WorkersOf(ctx context.Context, namespace string, pods []Pod, now time.Time, back time.Duration) (ends []Ended, refused []Refusal) {
	ctx, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	known := map[string]bool{}
	for _, pod := range pods {
		if pod.LastEnd != "" {
			ends = append(ends, Ended{Name: pod.Name, Role: pod.Role, Reason: pod.LastEnd, ExitCode: pod.LastExit, At: pod.LastAt})
			known[pod.Name] = true
		}
	}
	since, lines := metav1.NewTime(now.Add(-back)), int64(endsLines)
	for _, pod := range pods {
		if pod.Role != "jobmanager" {
			continue
		}
		log, err := c.core.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
			Container: api.MainContainer, SinceTime: &since, TailLines: &lines, Timestamps: true,
		}).Stream(ctx)
		if err != nil {
			continue
		}
		logged, no := WorkersInLog(logs.NewPlain(log))
		for _, end := range logged {
			if !known[end.Name] {
				known[end.Name] = true
				ends = append(ends, end)
			}
		}
		for _, r := range no {
			if now.Sub(r.At) < RefusedFor {
				refused = append(refused, r)
			}
		}
		_ = log.Close()
	}
	sort.SliceStable(ends, func(i, j int) bool { return ends[i].At.After(ends[j].At) })
	sort.SliceStable(refused, func(i, j int) bool { return refused[i].At.After(refused[j].At) })
	return ends, refused
}

// EndedLine says how the last of the pods that ended, newest first, came to its
// end, and how many did before it; "" where none did.
func EndedLine(ends []Ended) string {
	if len(ends) == 0 {
		return ""
	}
	text := ends[0].Name + " " + ends[0].How()
	same, cause := 0, ends[0].Cause
	for _, end := range ends[1:] {
		if end.Like(ends[0]) {
			same++
			cause = cmp.Or(cause, end.Cause)
		}
	}
	if same > 0 {
		text += fmt.Sprintf(", like %d before it in the last hour", same)
	}
	if cause != "" {
		text += ": " + cause
	}
	return text
}

// EndOfWorker is how a TaskManager ended that won't be started again in its
// pod; ok is false where it hasn't, or was asked to.
func EndOfWorker(pod Pod) (Ended, bool) {
	c := pod.Failing
	if pod.Role != "taskmanager" || !c.Ended || c.Exit == 143 || c.Restarts > 0 {
		return Ended{}, false
	}
	end := Ended{Name: pod.Name, Role: pod.Role, Reason: c.End, ExitCode: c.Exit, At: c.At}
	if !c.Main() {
		end.Container, end.Init = c.Name, c.Init
	}
	return end, true
}
