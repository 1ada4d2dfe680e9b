package diagnosis

import (
	"fmt"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

var (
	ckptExpired  = pattern(`(?i)expired before completing|checkpoint expired`)
	ckptTooLarge = pattern(`Size of the state is larger than the maximum permitted memory-backed state`)
	ckptFinished = pattern(`(?i)tasks have been finished|some tasks of the job have already finished`)
	ckptTolerate = pattern(`Exceeded checkpoint tolerable failure threshold`)
)

// unfinished is for how long a JobManager may be at the end of a checkpoint, which
// mostly takes less than a second.
const unfinished = time.Minute

// ckpt is the job's checkpoints; nil where they don't count.
func (j *job) ckpt() *Checkpoints {
	if j.Flink.Checkpoints == nil || j.deleting() || j.over() || strings.EqualFold(j.Flink.Type, "BATCH") {
		return nil
	}
	return j.Flink.Checkpoints
}

// completed are the completed checkpoints that aren't savepoints, newest first.
func (c *Checkpoints) completed() []Checkpoint {
	var out []Checkpoint
	for _, h := range c.History {
		if !h.Savepoint && h.Status == api.CheckpointCompleted {
			out = append(out, h)
		}
	}
	return out
}

// failing are the newest checkpoints that failed in a row.
func (c *Checkpoints) failing() []Checkpoint {
	var out []Checkpoint
	for i := range c.History {
		switch h := &c.History[i]; {
		case h.Savepoint:
		case h.Status == api.CheckpointFailed:
			out = append(out, *h)
		case h.Status == api.CheckpointCompleted:
			return out
		}
	}
	return out
}

// often are the failures among the newest checkpoints where those are at least
// half of them, though some are completed in between; ended is how many there
// are. Those of a start don't count.
func (c *Checkpoints) often() (failures []Checkpoint, ended int) {
	newest := 0 // failures among the last five
	for _, h := range c.History {
		switch {
		case h.Savepoint || notAllTasks.MatchString(h.Failure):
		case h.Status == api.CheckpointFailed:
			failures = append(failures, h)
			if ended++; ended <= 5 {
				newest++
			}
		case h.Status == api.CheckpointCompleted:
			ended++
		}
	}
	if len(failures) < 3 || len(failures)*2 < ended || newest < 2 {
		return nil, ended // few, or over since
	}
	return failures, ended
}

func (h Checkpoint) evidence() Evidence {
	what := h.Status
	if h.Failure != "" {
		what += ": " + oneLine(h.Failure)
	}
	if h.Duration > 0 {
		what += ", " + h.Duration.Round(100*time.Millisecond).String()
	}
	if h.Acked < h.Subtasks {
		what += fmt.Sprintf(", %d of %d subtasks answered", h.Acked, h.Subtasks)
	}
	if h.SlowVertex != "" {
		what += ", last " + h.SlowVertex
	}
	return Evidence{Source: fmt.Sprintf("the JobManager, checkpoint %d", h.ID), At: h.Triggered, Text: what}
}

var checkpointRules = []Rule{
	{
		ID: "FLINK-CKPT-MEMORY-BACKED", Severity: Error, Title: "the state is too large for the JobManager's memory", Link: docCheckpoints,
		Explain:  "Without a checkpoint directory state is kept in the JobManager's heap, at most 5 MB for each task. This state is larger: checkpoints fail until execution.checkpointing.dir names a directory.",
		Explains: []string{"FLINK-CKPT-FAILING", "FLINK-CKPT-IN-MEMORY", "FLINK-JOB-RESTARTS", "FLINK-CKPT-TOLERABLE", "FLINK-JOB-EXCEPTION"},
		job: func(j *job) []Finding {
			c := j.ckpt()
			var evidence []Evidence
			if c != nil {
				for _, h := range c.failing() {
					if ckptTooLarge.MatchString(h.Failure) {
						evidence = []Evidence{h.evidence()}
					}
				}
			}
			if e, _, ok := j.find(ckptTooLarge); ok && j.matters(e) {
				evidence = append(evidence, e.evidence())
			}
			if len(evidence) == 0 {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the state is larger than what checkpoints in the JobManager's memory may hold", Evidence: evidence, Cures: []Cure{{Text: "set execution.checkpointing.dir (state.checkpoints.dir before Flink 1.20) to a directory that all pods share"}}}}
		},
	},
	{
		ID: "FLINK-CKPT-EXPIRED", Severity: Error, Title: "checkpoints time out", Link: docPressureCkp,
		Explain:  "Checkpoints aren't done within execution.checkpointing.timeout (10 min by default). Mostly backpressure holds up their barriers on the way through the job: unaligned checkpoints go past it, though they write more. Else the state is large and its storage slow: incremental checkpoints help.",
		Explains: []string{"FLINK-CKPT-FAILING", "FLINK-CKPT-SLOW", "FLINK-CKPT-TOLERABLE", "FLINK-JOB-RESTARTS", "FLINK-CKPT-ALIGNMENT"},
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil {
				return nil
			}
			failing := c.failing()
			now := len(failing)
			often, ended := c.often()
			if len(often) > now {
				failing = often
			}
			n := 0
			for _, h := range failing {
				if ckptExpired.MatchString(h.Failure) {
					n++
				}
			}
			if n == 0 || n*2 < len(failing) {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("the last %d checkpoints took longer than their time-out", n), Evidence: []Evidence{failing[0].evidence()}}
			switch {
			case n == 1:
				f.Severity, f.Means = Warning, "the last checkpoint took longer than its time-out"
			case n > now:
				f.Severity, f.Means = Warning, fmt.Sprintf("%d of the last %d checkpoints took longer than their time-out", n, ended)
			}
			if c.Config != nil {
				f.Means += fmt.Sprintf(" of %s", c.Config.Timeout)
				if !c.Config.Unaligned {
					f.Cures = append(f.Cures, j.setConf("let barriers go past records that wait (unaligned checkpoints)", map[string]any{"execution.checkpointing.unaligned.enabled": "true"}))
				}
			}
			f.Cures = append(f.Cures, Cure{Text: "look for backpressure", Command: j.flink("top %s", j.target()), Safe: true}, Cure{Text: "or raise execution.checkpointing.timeout; with RocksDB set execution.checkpointing.incremental: true"})
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-CKPT-FINISHED", Severity: Warning, Title: "no checkpoints since some tasks have finished", Link: docCheckpoints,
		Explain:  "Some tasks of the job have come to their end (a bounded source), and this Flink takes no checkpoints any more after that: execution.checkpointing.checkpoints-after-tasks-finish is off.",
		Explains: []string{"FLINK-CKPT-FAILING"},
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil {
				return nil
			}
			for _, h := range c.failing() {
				if ckptFinished.MatchString(h.Failure) {
					return []Finding{{Subject: j.ref(), Means: "some tasks have finished, and no checkpoint is taken since", Evidence: []Evidence{h.evidence()}, Cures: []Cure{j.setConf("take them all the same", map[string]any{"execution.checkpointing.checkpoints-after-tasks-finish": "true"})}}}
				}
			}
			return nil
		},
	},
	{
		ID: "FLINK-CKPT-TOLERABLE", Severity: Error, Title: "the job restarts because checkpoints fail", Link: docCheckpoints,
		Explain:  "A failed checkpoint fails the job when more have failed in a row than execution.checkpointing.tolerable-failed-checkpoints allows (0 by default). Why they fail is shown beside this.",
		Explains: []string{"FLINK-JOB-RESTARTS", "FLINK-JOB-EXCEPTION"},
		job: func(j *job) []Finding {
			e, _, ok := j.find(ckptTolerate)
			if !ok || !j.matters(e) {
				return nil
			}
			return []Finding{{Severity: Warning, Subject: j.ref(), Means: "the job was restarted because too many checkpoints failed", Evidence: []Evidence{e.evidence()}, Cures: []Cure{j.setConf("tolerate some", map[string]any{"execution.checkpointing.tolerable-failed-checkpoints": "3"})}}}
		},
	},
	{
		ID: "FLINK-CKPT-FAILING", Severity: Error, Title: "checkpoints fail", Link: docCheckpoints,
		Explain:  "The last checkpoints have failed and none was completed since. A failure now takes the job back to the last completed one, or to its beginning; upgrades with last-state wait. While a job starts, the first ones fail until all tasks run: that is normal.",
		Explains: []string{"FLINK-CKPT-TOLERABLE"},
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil || !j.running() {
				return nil
			}
			failing := c.failing()
			if len(failing) < 3 {
				often, ended := c.often()
				if len(often) == 0 {
					return nil
				}
				return []Finding{{Severity: Warning, Subject: j.ref(), Means: fmt.Sprintf("%d of the last %d checkpoints failed, last: %s", len(often), ended, oneLine(often[0].Failure)), Evidence: []Evidence{often[0].evidence(), {Source: "the JobManager", Text: fmt.Sprintf("%d completed, %d failed", c.Completed, c.Failed)}}, Cures: look("see what failed", j.flink("checkpoints %s", j.target()))}}
			}
			quiet := true
			for _, h := range failing {
				if !notAllTasks.MatchString(h.Failure) {
					quiet = false
				}
			}
			if quiet && j.standing() < slowStart {
				return nil
			}
			f := Finding{Subject: j.ref(), Means: fmt.Sprintf("the last %d checkpoints failed, last: %s", len(failing), oneLine(failing[0].Failure)), Evidence: []Evidence{failing[0].evidence(), {Source: "the JobManager", Text: fmt.Sprintf("%d completed, %d failed", c.Completed, c.Failed)}}, Cures: look("see what failed", j.flink("checkpoints %s", j.target()))}
			if c.Completed == 0 && c.Restored == 0 {
				f.Means = fmt.Sprintf("no checkpoint was ever completed; %d failed, last: %s", c.Failed, oneLine(failing[0].Failure))
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-CKPT-UNFINISHED", Severity: Error, Title: "the JobManager doesn't complete a checkpoint", Link: docCheckpoints,
		Explain:  "All tasks have written their part of a checkpoint or savepoint; what is left is the JobManager's: it writes the file _metadata into the directory. Where the store doesn't answer, the filesystem's client tries for minutes before an error is reported (Presto's S3 client for up to ten), and the job looks healthy until then. If the JobManager ends now, the job goes back to the checkpoint before this one.",
		Explains: []string{"FLINK-CKPT-STALLED", "FLINK-SNAP-STUCK"},
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil || !j.running() {
				return nil
			}
			for _, h := range c.History {
				waits := j.age(h.Triggered) - h.Duration
				if h.Status != api.CheckpointInProgress || h.Subtasks == 0 || h.Acked < h.Subtasks || h.Triggered.IsZero() || waits < unfinished {
					continue
				}
				what, keys := "checkpoint", api.CheckpointDirKeys
				if h.Savepoint {
					what, keys = "savepoint", api.SavepointDirKeys
				}
				f := Finding{Subject: j.ref(), Evidence: []Evidence{h.evidence()}, Confidence: Likely}
				f.Evidence[0].Text += fmt.Sprintf(", %d of %d subtasks answered", h.Acked, h.Subtasks)
				f.Means = fmt.Sprintf("all tasks answered %s %d %s ago, and the JobManager hasn't completed it: it still tries to write its _metadata", what, h.ID, ago(waits))
				if dir, key := j.conf.find(keys...); dir != "" {
					f.Evidence = append(f.Evidence, j.key(key))
				}
				if endpoint, key := j.conf.find("s3.endpoint", "s3a.endpoint", "fs.s3a.endpoint", "presto.s3.endpoint"); endpoint != "" {
					f.Evidence = append(f.Evidence, j.key(key))
				}
				f.Cures = look("try the directory from inside the cluster, as the job does", j.flink("storage check %s", j.target()))
				return []Finding{f}
			}
			return nil
		},
	},
	{
		ID: "FLINK-CKPT-STALLED", Severity: Warning, Title: "there was no checkpoint for long", Link: docCheckpoints,
		Explain: "The last completed checkpoint is many intervals old, and none is said to have failed: one is under way for long, or none is triggered (min-pause, a task that doesn't run).",
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil || c.Config == nil || c.Config.Interval <= 0 || !j.running() || len(c.failing()) > 0 {
				return nil
			}
			done := c.completed()
			late := max(5*(c.Config.Interval+c.Config.MinPause), 5*time.Minute)
			if len(done) == 0 || j.age(done[0].Triggered) < late+done[0].Duration || c.Config.Interval > 24*time.Hour {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("the last completed checkpoint is %s old; the interval is %s", ago(j.age(done[0].Triggered)), c.Config.Interval), Evidence: []Evidence{done[0].evidence()}, Cures: look("see what is under way", j.flink("checkpoints %s", j.target())), Confidence: Likely}}
		},
	},
	{
		ID: "FLINK-CKPT-NONE", Severity: Warning, Title: "no checkpoints are configured", Link: docCheckpoints,
		Explain: "The job takes no checkpoints: after a failure it starts from its beginning (and without a restart strategy not at all). A job that keeps state, or reads a source that remembers its place, needs execution.checkpointing.interval.",
		job: func(j *job) []Finding {
			c := j.ckpt()
			if !j.running() || j.session || c == nil || c.Config == nil || c.Config.Interval > 0 || c.Total > 0 || !j.streaming() {
				return nil
			}
			f := Finding{Severity: Info, Subject: j.ref(), Means: "the job takes no checkpoints: after a failure it starts from its beginning", Evidence: []Evidence{{Source: "the JobManager, checkpoints/config", Text: "no interval"}}}
			if j.mode() != api.UpgradeStateless {
				f.Severity = Warning
				f.Evidence = append(f.Evidence, field("job.upgradeMode", j.mode()))
			}
			f.Cures = []Cure{j.setConf("take one every minute", map[string]any{"execution.checkpointing.interval": "1 min"})}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-CKPT-SLOW", Severity: Warning, Title: "checkpoints take longer than their interval", Link: docPressureCkp,
		Explain: "Checkpoints take longer than execution.checkpointing.interval, so that one follows the other without a pause: the job always writes state, and a restart goes back further than the interval promises.",
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil || c.Config == nil || c.Config.Interval <= 0 || !j.running() {
				return nil
			}
			done := c.completed()
			if len(done) < 3 {
				return nil
			}
			for _, h := range done[:3] {
				if h.Duration <= c.Config.Interval {
					return nil
				}
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("checkpoints take %s, longer than their interval of %s", done[0].Duration.Round(time.Second/10), c.Config.Interval), Evidence: []Evidence{done[0].evidence(), done[1].evidence(), done[2].evidence()}, Cures: []Cure{j.setConf("leave the job some time between them", map[string]any{"execution.checkpointing.min-pause": "30 s"}), {Text: "look for backpressure", Command: j.flink("top %s", j.target()), Safe: true}}}}
		},
	},
	{
		ID: "FLINK-CKPT-ALIGNMENT", Severity: Warning, Title: "checkpoints wait for barriers", Link: docPressureCkp,
		Explain: "Most of a checkpoint's time goes by in alignment: tasks with several inputs wait until the barrier has come through all of them, held up by backpressure. Unaligned checkpoints, or an aligned-checkpoint-timeout after which they become unaligned, don't wait.",
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil || c.Config == nil || c.Config.Unaligned || !j.running() {
				return nil
			}
			n := 0
			done := c.completed()
			for _, h := range done {
				if h.Alignment > 10*time.Second && h.Alignment*2 > h.Duration {
					n++
				}
			}
			if n < 3 || n*2 < len(done) {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("checkpoints wait for barriers: %s of %s in the last one", done[0].Alignment.Round(time.Second), done[0].Duration.Round(time.Second)), Evidence: []Evidence{done[0].evidence()}, Cures: []Cure{j.setConf("make them unaligned after 10 seconds", map[string]any{"execution.checkpointing.unaligned.enabled": "true", "execution.checkpointing.aligned-checkpoint-timeout": "10 s"})}}}
		},
	},
	{
		ID: "FLINK-CKPT-GROWING", Severity: Warning, Title: "the state grows and grows", Link: docBackends,
		Explain: "Each checkpoint's state is larger than the one before, by more than half within those that the JobManager remembers. State that is never cleared (no TTL, windows that don't close, joins without bounds) fills the disks some day. A job that has just started, or catches up, grows too.",
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil || !j.running() {
				return nil
			}
			done := c.completed()
			if len(done) < 5 {
				return nil
			}
			last, first := done[0], done[len(done)-1]
			for i := 1; i < len(done); i++ {
				if done[i-1].State < done[i].State {
					return nil
				}
			}
			if first.State < 100*mib || last.State < first.State*3/2 || j.age(j.Flink.Started) < time.Hour && !j.Flink.Started.IsZero() {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("the state has grown from %s to %s in %s", size(first.State), size(last.State), ago(last.Triggered.Sub(first.Triggered))), Evidence: []Evidence{first.evidence(), last.evidence()}, Cures: []Cure{{Text: "see which operators hold it", Command: j.flink("checkpoints %s", j.target()), Safe: true}, {Text: "give the state a TTL (StateTtlConfig; for SQL table.exec.state.ttl)"}}, Confidence: Possible}}
		},
	},
	{
		ID: "FLINK-CKPT-IN-MEMORY", Severity: Warning, Title: "checkpoints are in the JobManager's memory", Link: docCheckpoints,
		Explain: "No checkpoint directory is configured: checkpoints are in the JobManager's heap and go with its pod. A restart of a task goes back to them, one of the JobManager to the beginning.",
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil || c.Config == nil || c.Config.Interval <= 0 || !strings.HasPrefix(c.Config.Storage, "JobManager") || !j.running() {
				return nil
			}
			f := Finding{Severity: Info, Subject: j.ref(), Means: "checkpoints are in the JobManager's memory and go with its pod", Evidence: []Evidence{{Source: "the JobManager, checkpoints/config", Text: "checkpoint_storage " + c.Config.Storage}}, Cures: []Cure{{Text: "set execution.checkpointing.dir (state.checkpoints.dir before Flink 1.20)"}}}
			if j.mode() != api.UpgradeStateless {
				f.Severity = Warning
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-CKPT-DROPPED", Severity: Info, Title: "checkpoints go with the job", Link: docCheckpoints,
		Explain: "Checkpoints are deleted when the job is canceled (externalized-checkpoint-retention DELETE_ON_CANCELLATION or none): after a deletion there is nothing to go back to but savepoints.",
		job: func(j *job) []Finding {
			c := j.ckpt()
			if c == nil || c.Config == nil || !c.Config.Dropped || c.Config.Interval <= 0 || !j.running() {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "checkpoints are deleted when the job is canceled or deleted", Evidence: []Evidence{{Source: "the JobManager, checkpoints/config", Text: "delete_on_cancellation: true"}}, Cures: []Cure{j.setConf("keep them", map[string]any{"execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION"})}}}
		},
	},
}
