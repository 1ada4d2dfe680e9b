package diagnosis

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// jobNotFound is the operator's error while a JobManager that has just come up
// doesn't know the job yet; it explains nothing.
const jobNotFound = "Job Not Found"

func (j *job) gatherExceptions(raw string) {
	j.failure, j.failed = ReadFailure(raw, time.Time{})
	if j.failed {
		if host := hostOf(text(j.spec, "job", "jarURI")); j.kind == kindSessionJob && host != "" && (j.failure.Where == InOperator || j.failure.Where == InFetch) && strings.Contains(j.failure.text(), host) {
			j.failure.Where = InFetch
		}
		if j.fetchLacksScheme() {
			j.failure.Where = InFetch
		}
		if j.failure.Root().Message != jobNotFound {
			j.seen = append(j.seen, j.failure)
		}
	}
	for _, e := range j.Flink.Exceptions {
		e.Source = cmp.Or(e.Source, "the JobManager")
		if e.Where == Somewhere {
			e.Where = whereOf(e.Chain)
		}
		if e.Where == Somewhere && e.Task != "" {
			e.Where = InTask
		}
		j.seen = append(j.seen, e)
	}
	for i := range j.pods {
		p := &j.pods[i]
		for k := range p.containers {
			c := &p.containers[k]
			if !c.main || c.end == nil {
				continue
			}
			if e, ok := exceptionIn(c.log); ok {
				e.At, e.Source = c.end.FinishedAt.Time, "log of pod/"+p.name
				if e.Where == Somewhere {
					if e.Where = InTaskManager; p.role == jobManager {
						e.Where = InJobManager
					}
				}
				c.exception = &e
				j.seen = append(j.seen, e)
			}
		}
	}
	if e, ok := j.checkpointFailure(); ok {
		j.seen = append(j.seen, e)
	}
	j.findPython()
	// The operator's events hold the first lines of a stack trace: they count
	// where nothing else is known.
	if len(j.seen) == 0 {
		for _, e := range j.events {
			if e.reason == "JobException" && !j.outdated(e.at) {
				x := ReadException(e.message, e.at, InTask)
				x.Source = "event of " + e.about
				j.seen = append(j.seen, x)
				break
			}
		}
	}
}

// fetchLacksScheme reports whether the operator knows no filesystem for the
// jar of a session job, which it fetches itself.
func (j *job) fetchLacksScheme() bool {
	scheme, _, _ := strings.Cut(text(j.spec, "job", "jarURI"), "://")
	if j.kind != kindSessionJob || scheme == "local" || j.failure.Where != InOperator && j.failure.Where != InFetch {
		return false
	}
	found := j.failure.match(schemeLacks)
	return found != nil && found[1] == scheme
}

var schemeLacks = pattern(`Could not find a file system implementation for scheme '([\w+.-]+)'`)

// find is the first exception thrown in one of the places that a pattern fits;
// no places are all but the operator's fetching of a jar.
func (j *job) find(pattern *lazy, places ...Where) (e Exception, found []string, ok bool) {
	for i := range j.seen {
		e := j.seen[i]
		if len(places) > 0 && !slices.Contains(places, e.Where) || len(places) == 0 && e.Where == InFetch {
			continue
		}
		if found := e.match(pattern); found != nil {
			j.touched = append(j.touched, i)
			return e, found, true
		}
	}
	return e, nil, false
}

// matters reports whether exceptions of the past count: the job doesn't run as
// it should, or has restarted just now.
func (j *job) matters(e Exception) bool {
	switch {
	case e.Source == "status.error", j.attempt != nil:
		return true
	case j.outdated(e.At):
		return false
	case j.running() && j.kind != kindBlueGreen && (e.Where == InJobManager || e.Where == InMain || e.Where == InRestore):
		return false // it has started since
	case j.deleting(), j.over() && j.state != api.JobFailed:
		return false
	case j.starting(), j.state == api.JobFailed || j.state == api.JobRestarting || j.state == api.JobFailing:
		return true
	}
	return j.age(e.At) < 10*time.Minute && !e.At.IsZero()
}

// outdated reports whether something happened to what ran before the newest spec
// was carried out: to another job, in a way.
func (j *job) outdated(at time.Time) bool {
	return !at.IsZero() && at.Before(j.reconciled) && j.reconciliation == api.ReconciliationDeployed && !j.lags()
}

// thrown is a finding about an exception that fits a pattern in one of the
// places; nil where none does or it doesn't count any more.
func (j *job) thrown(pattern *lazy, places []Where, means func(e Exception, found []string) string, cures ...Cure) []Finding {
	e, found, ok := j.find(pattern, places...)
	if !ok || !j.matters(e) {
		return nil
	}
	f := Finding{Subject: j.ref(), Means: means(e, found), Evidence: []Evidence{e.evidence()}, Cures: cures}
	if j.running() && e.Source != "status.error" && e.Source != checkpointLog {
		f.Severity = Warning
	}
	return []Finding{f}
}

// checkpointLog is the source of why checkpoints fail.
const checkpointLog = "the JobManager's log, of a checkpoint"

// checkpointFailure is why the newest checkpoint failed, as the JobManager's log
// tells: its REST API keeps only Flink's own words for it ("Failure to finalize
// checkpoint."). It is looked for while checkpoints fail.
func (j *job) checkpointFailure() (Exception, bool) {
	c := j.ckpt()
	if c == nil || len(c.failing()) == 0 || j.over() {
		return Exception{}, false
	}
	for i, line := range slices.Backward(j.Flink.Log) {
		if !strings.Contains(line.Text, "CheckpointException: ") || j.outdated(line.At) {
			continue
		}
		text := []string{line.Text}
		if trace, ok := traceInJSON(line.Text); ok {
			text = []string{trace}
		} else {
			at := strings.Index(line.Text, "org.apache.flink.runtime.checkpoint.CheckpointException: ")
			if at < 0 {
				continue
			}
			text[0] = line.Text[at:]
			for _, next := range j.Flink.Log[i+1:] {
				if !traceLine.MatchString(next.Text) {
					break
				}
				text = append(text, next.Text)
			}
		}
		e := ReadException(strings.Join(text, "\n"), line.At, InCheckpoint)
		if len(e.Chain) > 1 { // else it says no more than the REST API
			e.Source = checkpointLog
			return e, true
		}
	}
	return Exception{}, false
}

// traceLine is a line of a stack trace below its first.
var traceLine = pattern(`^(?:\s+at |\s+\.\.\. \d+|\s*Caused by: |\s*Suppressed: )`)

// traceInJSON is the stack trace in a record that is a JSON object, whatever its
// field is called.
func traceInJSON(line string) (string, bool) {
	var record map[string]any
	if !strings.HasPrefix(strings.TrimSpace(line), "{") || json.Unmarshal([]byte(line), &record) != nil {
		return "", false
	}
	return traceIn(record, 3)
}

func traceIn(value any, depth int) (string, bool) {
	switch v := value.(type) {
	case string:
		at := strings.Index(v, "org.apache.flink.runtime.checkpoint.CheckpointException: ")
		if at >= 0 && strings.Contains(v[at:], "\n") {
			return v[at:], true
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if text, ok := traceIn(v[key], depth-1); ok && depth > 0 {
				return text, true
			}
		}
	}
	return "", false
}
