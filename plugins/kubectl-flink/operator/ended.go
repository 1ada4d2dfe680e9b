package operator

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
}

// reasonOutOfMemory is Kubernetes' word for a container that the kernel killed
// because it used more memory than its limit.
const reasonOutOfMemory = "OOMKilled"

// OutOfMemory reports whether it was killed for want of memory.
func (e Ended) OutOfMemory() bool { return e.Reason == reasonOutOfMemory }

// How says in a few words how it ended.
func (e Ended) How() string {
	code := fmt.Sprintf("exit code %d", e.ExitCode)
	switch {
	case e.OutOfMemory():
		return "was killed for want of memory (OOMKilled, " + code + ")"
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
// became of the containers; of several the last that failed is told.
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
		if err != nil || found[1] != mainContainer && ok && end.Reason != "" {
			continue
		}
		end, ok = Ended{Role: "taskmanager", Reason: found[3], ExitCode: int32(code)}, true
		if found[3] == "null" {
			end.Reason = ""
		}
		if found[1] == mainContainer {
			break
		}
	}
	return end, ok && containerEnd.MatchString(inner[1])
}

// workerEnded is what the JobManager logs when a pod has ended.
var workerEnded = regexp.MustCompile(`Worker (\S+) is terminated\. Diagnostics: (.*)$`)

// endsInLog finds the pods that ended in a JobManager's log whose lines begin
// with the kubelet's timestamps.
func endsInLog(log io.Reader) []Ended {
	lines := bufio.NewScanner(log)
	// A line may be as long as a job's whole configuration.
	lines.Buffer(nil, logLimit)
	var out []Ended
	for lines.Scan() {
		stamp, text, _ := strings.Cut(lines.Text(), " ")
		found := workerEnded.FindStringSubmatch(text)
		if found == nil {
			continue
		}
		end, ok := EndOf(found[2])
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if !ok || err != nil {
			continue
		}
		end.Name, end.At = found[1], at
		out = append(out, end)
	}
	return out
}

const (
	// endsSince is how far back ends are looked for.
	endsSince = time.Hour
	// endsLines bounds how much of a log is read: a JobManager that starts a
	// TaskManager anew every minute writes less in an hour.
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
	ctx, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	var out []Ended
	known := map[string]bool{}
	for _, pod := range pods {
		if pod.LastEnd != "" {
			out = append(out, Ended{Name: pod.Name, Role: pod.Role, Reason: pod.LastEnd, ExitCode: pod.LastExit, At: pod.LastAt})
			known[pod.Name] = true
		}
	}
	since, lines := metav1.NewTime(now.Add(-endsSince)), int64(endsLines)
	for _, pod := range pods {
		if pod.Role != "jobmanager" {
			continue
		}
		log, err := c.core.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
			Container: mainContainer, SinceTime: &since, TailLines: &lines, Timestamps: true,
		}).Stream(ctx)
		if err != nil {
			continue
		}
		for _, end := range endsInLog(log) {
			if !known[end.Name] {
				known[end.Name] = true
				out = append(out, end)
			}
		}
		_ = log.Close()
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].At.After(out[j].At) })
	return out
}
