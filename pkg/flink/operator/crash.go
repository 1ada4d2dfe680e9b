package operator

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
)

// crashLines is how much of a crashed container's log is read.
const crashLines = 300

// CrashCause is why a pod's container ended, as its log or its end itself says:
// of the one that fails, or Flink's. "" where that can't be read or says
// nothing.
func (c *Client) CrashCause(ctx context.Context, namespace string, pod Pod) string {
	container := pod.Failing
	if container.Name == "" {
		container = Container{Name: api.MainContainer, Restarts: pod.Restarts}
	}
	ctx, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	lines := int64(crashLines)
	stream, err := c.core.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: container.Name, Previous: container.Restarts > 0 && !container.Ended, TailLines: &lines,
	}).Stream(ctx)
	cause := ""
	if err == nil {
		defer stream.Close()
		cause = lastWords(logs.NewPlain(stream), !container.Main())
	}
	if cause == "" && container.End != "" && !strings.HasPrefix(container.Message, "back-off ") {
		// A container that couldn't even begin has no log.
		cause = api.FirstLine(container.Message)
	}
	return bounded(cause)
}

// takenForEnded is what a JobManager with high availability logs of a job whose
// end, before a restart, it has on record: it doesn't run it again. Flink 1.20
// speaks of a JobGraph, 2.x of an ExecutionPlan.
const takenForEnded = "already reached a globally-terminal state"

// TakesForEnded reports whether a JobManager takes its job
// for one that has ended, as its log tells: nothing but a start without what
// high availability keeps makes it run again.
func (c *Client) TakesForEnded(ctx context.Context, namespace string, pod Pod) bool {
	if pod.Role != "jobmanager" || !pod.Ready {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	most := int64(1 << 20)
	stream, err := c.core.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{Container: api.MainContainer, LimitBytes: &most}).Stream(ctx)
	if err != nil {
		return false
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, logLimit)
	for lines.Scan() {
		if strings.Contains(lines.Text(), takenForEnded) {
			return true
		}
	}
	return false
}

// finalCauses are words of Flink's about a start that ends the same way each
// time: the savepoint or checkpoint isn't there, or no file system of the image
// reads its path.
var finalCauses = []string{
	"Cannot find checkpoint or savepoint file/directory", "Cannot find meta data file",
	"Could not find a file system implementation for scheme",
}

// NeverPasses reports whether the reason for which a JobManager ended stays
// until somebody does something.
func NeverPasses(cause string) bool {
	return slices.ContainsFunc(finalCauses, func(words string) bool { return strings.Contains(cause, words) })
}

// longestCause bounds a cause, in characters.
const longestCause = 400

func bounded(text string) string {
	if runes := []rune(text); len(runes) > longestCause {
		return string(runes[:longestCause]) + "…"
	}
	return text
}

// exceptionLine is a line that begins with a Java exception, as printed by a
// stack trace or by the JVM.
var exceptionLine = regexp.MustCompile(`^(Caused by: |Exception in thread "[^"]*" )?([a-z]\w*(\.[\w$]+)+(Exception|Error)\w*(: .*)?)$`)

var (
	// recordLine is the beginning of a log's record, after which what was
	// written before isn't the last word.
	recordLine = regexp.MustCompile(`^\[?\d{2,4}[-/.]\d\d[-/.]\d{2,4}[ T]\d\d:\d\d|^\[?\d\d:\d\d:\d\d[.,]\d|^(?:INFO|WARN|DEBUG|TRACE)\s|^\{"`)
	// complaintLine is how a JVM, a shell or the kernel complains.
	complaintLine = regexp.MustCompile(`(?i)^(\[?error\b|\[?fatal\b|a fatal error has been detected|please specify |exec |invalid |unrecognized |could not |cannot |failed |there is insufficient memory|native memory allocation|agent library |terminating due to )|(: (no such file or directory|not found|command not found|permission denied|exec format error|cannot execute.*|read-only file system)$)`)
	// stopsOnly are exceptions of threads that are stopped because the process ends,
	// crashPadding are lines of the JVM's own report that say nothing.
	stopsOnly    = regexp.MustCompile(`^(?:[\w$]+\.)*(?:InterruptedException|CancellationException|RejectedExecutionException|ClosedByInterruptException)\b`)
	crashPadding = regexp.MustCompile(`^(?:JRE version|Java VM|Problematic frame):`)
	frameLine    = regexp.MustCompile(`^(at |\.\.\. \d+ )`)
)

// mostWords is how many lines of a complaint are reported.
const mostWords = 4

// lastWords is why a container ended by its log: the innermost cause of the
// last stack trace that counts, else the complaint that it ends with, else what
// Flink calls fatal, or, if anything will do, its last line.
func lastWords(log io.Reader, anything bool) string {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, logLimit)
	var root, last, head, failed string
	var complaint []string
	rank, failedRank, beside := 0, 0, false // beside: the trace at hand is of something that counts less
	suppressed := -1                        // how far a suppressed exception is indented, with its own causes
	for lines.Scan() {
		raw := lines.Text()
		line := strings.TrimSpace(term.SafeLine(strings.TrimSpace(raw)))
		indent := len(raw) - len(strings.TrimLeft(raw, " \t"))
		if strings.HasPrefix(line, "Suppressed: ") {
			suppressed = indent
		} else if indent < suppressed && !frameLine.MatchString(line) {
			suppressed = -1
		}
		if suppressed > 0 {
			continue
		}
		line = strings.TrimSpace(strings.TrimLeft(line, "#"))
		if line == "" || frameLine.MatchString(line) || crashPadding.MatchString(line) || root != "" && stopsOnly.MatchString(line) {
			continue
		}
		last = line
		if recordLine.MatchString(line) || api.BeginsWithLevel(line) {
			head = line
			if r := api.RecordRank(line); r >= max(failedRank, api.RankError) {
				failed, failedRank = line, r
			}
		}
		switch found := exceptionLine.FindStringSubmatch(line); {
		case found != nil:
			if found[1] != "Caused by: " {
				r := api.RecordRank(head)
				if beside = r < rank; !beside {
					rank = r
				}
			}
			if !beside {
				root = api.ShortenTypes(found[2])
			}
			complaint = nil
		case recordLine.MatchString(line):
			complaint = nil
		case len(complaint) > 0 && len(complaint) < mostWords, len(complaint) == 0 && complaintLine.MatchString(line):
			complaint = append(complaint, line)
		}
	}
	switch {
	case len(complaint) > 0 && root == "", len(complaint) > 0 && strings.Contains(strings.Join(complaint, " "), "initialization of VM"):
		return strings.Join(complaint, "; ")
	case root != "":
		return root
	case api.ThrownIn(failed) != "":
		return api.ShortenTypes(api.ThrownIn(failed))
	case failedRank == api.RankFatal:
		return failed
	case anything:
		return last
	}
	return ""
}
