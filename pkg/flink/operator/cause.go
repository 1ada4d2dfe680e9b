package operator

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"regexp"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
)

const (
	// causeLimit bounds the search for a cause; the failure is reported without
	// one, too.
	causeLimit = 5 * time.Second
	// deeperLimit bounds it in each place where a savepoint's may stand: with the
	// wrong one a user would take it again, which may restart the job again.
	deeperLimit = 10 * time.Second
)

// RootCauseOf looks for the reason below the one that the operator passed on: from
// the JobManager's REST API, else in its log.
func (c *Client) RootCauseOf(ctx context.Context, job api.Job, triggerID string, since time.Time, cause string) string {
	cluster := api.Ref{Kind: api.Deployment, Namespace: job.Object.GetNamespace(), Name: job.Object.GetName()}
	if job.Kind.Name == api.SessionJob.Name {
		cluster.Name = job.SessionCluster()
	}
	deeper := ""
	limited := func(look func(context.Context) string) {
		ctx, cancel := context.WithTimeout(ctx, deeperLimit)
		defer cancel()
		if found := look(ctx); found != "" {
			deeper = found
		}
	}
	if c.flink != nil && triggerID != "" {
		limited(func(ctx context.Context) string {
			return c.flink.SavepointCause(ctx, cluster, job.JobID(), triggerID)
		})
	}
	// That the job was stopping is what followed from the cause: the failure that
	// stopped it, as Flink's own history has it, else its log.
	if c.flink != nil && followed(cmp.Or(deeper, cause)) {
		limited(func(ctx context.Context) string {
			return firstOf(c.flink.Failures(ctx, job.Ref(), since))
		})
	}
	if deeper == "" || followed(deeper) {
		limited(func(ctx context.Context) string {
			return c.causeInLog(ctx, cluster, job.JobID(), since)
		})
	}
	if deeper == "" || strings.Contains(cause, deeper) {
		return cause
	}
	if cause == "" || strings.Contains(deeper, cause) {
		return deeper
	}
	return cause + "\n  cause: " + deeper
}

// firstOf is the newest failure that is a cause itself; "" where there is none.
func firstOf(failures []string) string {
	for _, failure := range failures {
		if failure != "" && !followed(failure) {
			return failure
		}
	}
	return ""
}

// followed reports whether a checkpoint's failure only followed from that of
// the job: the coordinator was stopped, or its tasks were being restarted.
func followed(cause string) bool {
	for _, words := range []string{"Checkpoint Coordinator is suspending", "Checkpoint Coordinator is shutting down", "FailoverRegion is restarting", "CheckpointException: Task has failed.", "CheckpointException: The job has failed.", "Failure reason: Task has failed.", "Failure reason: The job has failed.", "declined (task is closing)"} {
		if strings.Contains(cause, words) {
			return true
		}
	}
	return false
}

// logLimit bounds how much of a log is read, in bytes.
const logLimit = 4 << 20

// causeInLog is the root of the last checkpoint failure that the JobManagers
// of a cluster logged since a moment; "" if there is none or logs can't be
// read.
func (c *Client) causeInLog(ctx context.Context, cluster api.Ref, jobID string, since time.Time) string {
	pods, err := c.core.CoreV1().Pods(cluster.Namespace).List(ctx, metav1.ListOptions{LabelSelector: "component=jobmanager,app=" + cluster.Name})
	if err != nil {
		return ""
	}
	from := metav1.NewTime(since.Add(-2 * time.Second))
	limit := int64(logLimit)
	for i := range pods.Items {
		stream, err := c.core.CoreV1().Pods(cluster.Namespace).GetLogs(pods.Items[i].Name, &corev1.PodLogOptions{
			Container: "flink-main-container", SinceTime: &from, LimitBytes: &limit,
		}).Stream(ctx)
		if err != nil {
			continue
		}
		lines := bufio.NewScanner(logs.NewPlain(io.LimitReader(stream, logLimit)))
		// A line may be as long as a job's whole configuration.
		lines.Buffer(nil, logLimit)
		root := lastCheckpointFailure(lines, jobID)
		stream.Close()
		if root != "" {
			return root
		}
	}
	return ""
}

// lastCheckpointFailure finds the exception below the last log line that says
// that a checkpoint or savepoint failed. Where that one only says that the job
// was stopping, it is the exception that stopped the job.
func lastCheckpointFailure(lines *bufio.Scanner, jobID string) string {
	var ofCheckpoint, ofJob string
	var into *string
	var block []string
	flush := func() {
		if root := api.RootCause(strings.Join(block, "\n")); into != nil && len(block) > 0 && root != "" {
			*into = root
		}
		block = nil
	}
	for lines.Scan() {
		line := lines.Text()
		if !beginsRecord(line) {
			if into != nil {
				block = append(block, line)
			}
			continue
		}
		flush()
		switch {
		case saysCheckpointFailed(line, jobID):
			into = &ofCheckpoint
		case strings.Contains(line, " to FAILED") || strings.Contains(line, " to FAILING"):
			into = &ofJob
		default:
			into = nil
		}
	}
	flush()
	if ofJob != "" && (ofCheckpoint == "" || followed(ofCheckpoint)) {
		return ofJob
	}
	return ofCheckpoint
}

var (
	// levelWord is a level near the beginning of a record, in whatever layout.
	levelWord = regexp.MustCompile(`^.{0,120}?\b(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b`)
	badWord   = regexp.MustCompile(`\b(?:WARN|WARNING|ERROR|FATAL)\b`)
	traceLine = regexp.MustCompile(`^(?:\s+at |\s+\.\.\. \d|\s*Caused by: |\s*Suppressed: )`)
)

// beginsRecord reports whether a line begins a record of a log: with a date, as
// Flink's own layout has it, or with a level somewhere near its beginning.
func beginsRecord(line string) bool {
	dated := len(line) > 4 && line[0] >= '0' && line[0] <= '9' && line[4] == '-'
	return dated || levelWord.MatchString(line) && !traceLine.MatchString(line) && !exceptionLine.MatchString(line)
}

func saysCheckpointFailed(line, jobID string) bool {
	lower := strings.ToLower(line)
	about := strings.Contains(lower, "checkpoint") || strings.Contains(lower, "savepoint")
	bad := badWord.MatchString(line) || strings.Contains(lower, "failed")
	other := jobID != "" && strings.Contains(lower, " for job ") && !strings.Contains(line, jobID)
	return about && bad && !other
}
