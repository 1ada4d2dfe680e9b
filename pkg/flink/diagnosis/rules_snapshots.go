package diagnosis

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

var (
	canonicalNo      = pattern(`^UnsupportedOperationException: (?:Not supported yet\.?\s*$|[^\n]*[Cc]anonical)`)
	snapshotSlow     = pattern(`expired before completing|Checkpoint expired|CHECKPOINT_EXPIRED`)
	notAllTasks      = pattern(`Not all required tasks are currently running|NOT_ALL_REQUIRED_TASKS_RUNNING|is not being executed at the moment|tasks have been finished|declined \(tasks not ready\)`)
	noDirectory      = pattern(`savepoint path in the spec or configuration .* has to be supplied|savepoint .*config key\[|No savepoint directory configured`)
	notRunning       = pattern(`Secondary resource .* is not running`)
	suspending       = pattern(`Checkpoint Coordinator is (?:suspending|shutting down)|CHECKPOINT_COORDINATOR_SUSPEND|FailoverRegion is restarting|(?:CheckpointException|Failure reason): (?:Task has failed|The job has failed)\.|declined \(task is closing\)`)
	stoppedMeanwhile = pattern(notRunning.String() + "|" + suspending.String())
	unanswered       = pattern(`RemoteRpcInvocation\(\w*Gateway\.(?:trigger|stop)|AskTimeoutException|Ask timed out on|SocketTimeoutException: timeout$|^TimeoutException: (?:null)?$`)
	lostOperation    = pattern(`There is no savepoint operation|(?:^|\W)NotFoundException`)
	disposalFails    = pattern(`Cannot dispose of snapshot`)
	oldFlinkManual   = pattern(`Manual checkpoint triggering is not supported`)
)

// snapshot is a FlinkStateSnapshot of the job.
type snapshot struct {
	object      *unstructured.Unstructured
	name, state string
	created     time.Time
	failure     Exception
	failed      bool
	deleted     time.Time
}

// snapshots are those of the job that are worth a look: unfinished ones, and
// failed ones of the last hour.
func (j *job) snapshots() []snapshot {
	var out []snapshot
	if j.attempt != nil {
		if j.attempt.Where == InCheckpoint {
			out = append(out, snapshot{state: api.SnapshotFailed, failure: *j.attempt, failed: true})
		}
		return out
	}
	for _, o := range j.Snapshots {
		if o == nil {
			continue
		}
		s := snapshot{object: o, name: o.GetName(), state: text(o.Object, "status", "state"), created: o.GetCreationTimestamp().Time}
		if d := o.GetDeletionTimestamp(); d != nil {
			s.deleted = d.Time
		}
		at := s.created
		if t, err := time.Parse(time.RFC3339Nano, text(o.Object, "status", "resultTimestamp")); err == nil {
			at = t
		}
		s.failure, s.failed = ReadFailure(text(o.Object, "status", "error"), at)
		s.failure.Source = "flinkstatesnapshot/" + s.name + ", status.error"
		if s.failed && s.deleted.IsZero() && (s.state == api.SnapshotCompleted || j.age(at) > time.Hour) {
			continue
		}
		out = append(out, s)
	}
	return out
}

// subject is "" for what failed without an object of its own.
func (s snapshot) subject() string {
	if s.object == nil {
		return ""
	}
	return "flinkstatesnapshot/" + s.name
}

// failedAs are findings of snapshots whose error fits a pattern.
func (j *job) failedAs(pattern *lazy, unless func(Exception) bool, means string, cures func(s snapshot) []Cure) []Finding {
	for _, s := range j.snapshots() {
		if !s.failed || unless != nil && unless(s.failure) {
			continue
		}
		if found := s.failure.match(pattern); found != nil {
			if j.attempt != nil {
				j.touched = append(j.touched, 0)
			}
			return []Finding{{Severity: Warning, Subject: cmp.Or(s.subject(), j.ref()), Means: means, Evidence: []Evidence{s.failure.evidence()}, Cures: cures(s)}}
		}
	}
	return nil
}

// ofSnapshots are findings about savepoints: of FlinkStateSnapshots, else of
// the job's own errors while one is taken.
func (j *job) ofSnapshots(pattern *lazy, unless func(Exception) bool, means string, cures ...Cure) []Finding {
	if out := j.failedAs(pattern, unless, means, func(snapshot) []Cure { return cures }); len(out) > 0 {
		return out
	}
	e, _, ok := j.find(pattern, InCheckpoint)
	if !ok || !j.matters(e) || unless != nil && unless(e) {
		return nil
	}
	return []Finding{{Subject: j.ref(), Means: means, Evidence: []Evidence{e.evidence()}, Cures: cures}}
}

func ofOwnCode(e Exception) bool {
	thrown, found := e.fitting(canonicalNo)
	// "Not supported yet." is also what programs write for themselves.
	byOthers := found != nil && len(thrown.Frames) > 0 && !strings.Contains(thrown.Frames[0], "org.apache.flink.")
	return byOthers || ownCode.MatchString(e.text())
}

// knownWhy reports whether what stopped the job while it was saved is known: to
// take it again may stop it again.
func knownWhy(e Exception) bool { return !stoppedMeanwhile.MatchString(e.Root().String()) }

var snapshotRules = []Rule{
	{
		ID: "FLINK-SNAP-FORMAT", Severity: Error, Title: "a canonical savepoint can't be taken of this state", Link: docSavepoints,
		Explain:  "Operators with asynchronous state (Flink 2) can't write canonical savepoints, which is the operator's default format. The attempt fails, and takes the tasks down with it; a suspend or upgrade with savepoint tries again for ever. Native savepoints work.",
		Explains: []string{"FLINK-SNAP-*", "FLINK-CKPT-*", "FLINK-JOB-RESTARTS", "FLINK-JOB-EXCEPTION", "FLINK-OP-PENDING", "FLINK-JOB-UPGRADE-HANGS"},
		job: func(j *job) []Finding {
			if len(j.seen) == 0 && len(j.Snapshots) == 0 {
				return nil
			}
			return j.ofSnapshots(canonicalNo, ofOwnCode, "a canonical savepoint can't be taken of this job's state",
				j.mendConf("have the operator take native ones, for suspends and upgrades too", map[string]any{"kubernetes.operator.savepoint.format.type": "NATIVE"}),
				Cure{Text: "take one now", Command: j.flink("savepoint %s --format native", j.target()), Safe: true})
		},
	},
	{
		ID: "FLINK-SNAP-DIR", Severity: Error, Title: "there is no savepoint directory", Link: docSnapshots,
		Explain:  "Neither the snapshot names a directory, nor does the job's configuration: execution.checkpointing.savepoint-dir (state.savepoints.dir before Flink 1.20). For session jobs operators up to 1.15 only look at the session cluster's configuration.",
		Explains: []string{"FLINK-SNAP-FAILED"},
		job: func(j *job) []Finding {
			if len(j.seen) == 0 && len(j.Snapshots) == 0 {
				return nil
			}
			return j.ofSnapshots(noDirectory, nil, "the job has no savepoint directory", Cure{Text: "give one", Command: j.flink("savepoint %s --path DIRECTORY", j.target())}, Cure{Text: "set execution.checkpointing.savepoint-dir in spec.flinkConfiguration (state.savepoints.dir before Flink 1.20)"})
		},
	},
	{
		ID: "FLINK-SNAP-SLOW", Severity: Error, Title: "a savepoint took too long", Link: docPressureCkp,
		Explain:  "The savepoint wasn't done within execution.checkpointing.timeout (10 min by default): backpressure holds up its barriers, or the state is large. Native savepoints are faster for large state.",
		Explains: []string{"FLINK-SNAP-FAILED"},
		job: func(j *job) []Finding {
			return j.failedAs(snapshotSlow, nil, "the savepoint took longer than execution.checkpointing.timeout (10 min by default)", func(snapshot) []Cure {
				return []Cure{{Text: "use the native format, which is faster for large state", Command: j.flink("savepoint %s --format native", j.target()), Safe: true}, {Text: "look for backpressure", Command: j.flink("top %s", j.target()), Safe: true}, {Text: "or raise execution.checkpointing.timeout"}}
			})
		},
	},
	{
		ID: "FLINK-SNAP-TASKS", Severity: Error, Title: "not all tasks ran when a savepoint was asked for", Link: docSavepoints,
		Explain:  "A savepoint needs every task of the job running, and some weren't: it was starting, restarting, or parts of it have finished.",
		Explains: []string{"FLINK-SNAP-FAILED"},
		job: func(j *job) []Finding {
			return j.failedAs(notAllTasks, nil, "some tasks weren't running when the savepoint was asked for", func(snapshot) []Cure {
				return look("try again once the job runs with all its tasks", j.flink("savepoint %s", j.target()))
			})
		},
	},
	{
		ID: "FLINK-SNAP-NOT-RUNNING", Severity: Error, Title: "the job stopped running while it was to be saved", Link: docSnapshots,
		Explain: "The job wasn't RUNNING when its state was to be saved, or stopped being so meanwhile: the operator abandons the snapshot and doesn't try again.",
		job: func(j *job) []Finding {
			return j.failedAs(stoppedMeanwhile, knownWhy, "the job wasn't running while its state was to be saved", func(snapshot) []Cure {
				return []Cure{{Text: "take it again once the job is RUNNING", Command: j.flink("savepoint %s", j.target()), Safe: true}, {Text: "why it restarted", Command: j.flink("exceptions %s", j.target()), Safe: true}}
			})
		},
	},
	{
		ID: "FLINK-SNAP-LOST", Severity: Error, Title: "the JobManager no longer knows the savepoint", Link: docSavepoints,
		Explain: "The JobManager was restarted while a savepoint was being taken; what became of it was only in its memory. Its directory may exist all the same: a _metadata file there says that it is whole.",
		job: func(j *job) []Finding {
			return j.failedAs(lostOperation, ofOwnCode, "the JobManager no longer knows this savepoint: it was restarted in between", func(snapshot) []Cure {
				return look("look for a _metadata file in the savepoint's directory, then take another", j.flink("savepoint %s", j.target()))
			})
		},
	},
	{
		ID: "FLINK-SNAP-UNANSWERED", Severity: Error, Title: "the JobManager didn't answer in time", Link: docSavepoints,
		Explain:  "The JobManager was asked for a savepoint and didn't answer within its time-out (pekko.ask.timeout, the operator's client time-out): it is overloaded, in a long garbage collection, or away. It may have heard the question all the same, and take the savepoint.",
		Explains: []string{"FLINK-SNAP-FAILED"},
		job: func(j *job) []Finding {
			if j.attempt == nil && len(j.Snapshots) == 0 {
				return nil
			}
			return j.failedAs(unanswered, nil, "the JobManager didn't answer in time; it may take the savepoint all the same", func(snapshot) []Cure {
				return []Cure{
					{Text: "see whether one is being taken", Command: j.flink("checkpoints %s", j.target()), Safe: true},
					{Text: "see what the JobManager is busy with", Command: j.flink("logs %s --jm --level warn", j.target()), Safe: true},
					{Text: "then take another", Command: j.flink("savepoint %s", j.target()), Safe: true},
				}
			})
		},
	},
	{
		ID: "FLINK-SNAP-OLD-FLINK", Severity: Error, Title: "this Flink takes no checkpoints on demand", Link: docSnapshots,
		Explain: "Checkpoints can be triggered from outside since Flink 1.17. Older ones only take savepoints on demand.",
		job: func(j *job) []Finding {
			return j.failedAs(oldFlinkManual, nil, "this Flink is older than 1.17 and takes no checkpoints on demand", func(snapshot) []Cure {
				return look("take a savepoint instead", j.flink("savepoint %s", j.target()))
			})
		},
	},
	{
		ID: "FLINK-SNAP-NO-STATUS", Severity: Error, Title: "no operator works on the snapshot", Link: docSnapshots,
		Explain: "The FlinkStateSnapshot has no status: no operator looks after it. It is older than 1.10 or has its snapshot controller off (kubernetes.operator.snapshot.resource.enabled, or the CRD came after it started), its label selector leaves the snapshot out, or it doesn't run.",
		job: func(j *job) []Finding {
			for _, s := range j.snapshots() {
				if s.state == "" && s.deleted.IsZero() && j.age(s.created) > slowSight {
					return []Finding{{Subject: s.subject(), Means: fmt.Sprintf("no operator has written a status for the snapshot for %s", ago(j.age(s.created))), Evidence: []Evidence{{Source: s.subject(), At: s.created, Text: "status: empty"}}, Cures: []Cure{{Text: "take a savepoint the old way, through the job's spec", Command: j.flink("savepoint %s --method nonce", j.target())}, {Text: "see whether the operator runs", Command: "kubectl get deployments -A -l app.kubernetes.io/name=flink-kubernetes-operator", Safe: true}}, Confidence: Likely}}
				}
			}
			return nil
		},
	},
	{
		ID: "FLINK-SNAP-STUCK", Severity: Warning, Title: "the snapshot doesn't get on", Link: docSnapshots,
		Explain: "The snapshot waits in TRIGGER_PENDING: its spec isn't valid (exactly one of savepoint and checkpoint), or its job isn't there; only an event says so. Or it is IN_PROGRESS for longer than a savepoint may take.",
		job: func(j *job) []Finding {
			for _, s := range j.snapshots() {
				old := j.age(s.created)
				if s.state != api.SnapshotPending || old < 2*time.Minute || s.failed {
					if s.state != api.SnapshotInProgress || old < time.Hour {
						continue
					}
				}
				f := Finding{Subject: s.subject(), Means: fmt.Sprintf("the snapshot is %s for %s", s.state, ago(old)), Evidence: []Evidence{{Source: s.subject(), At: s.created, Text: "status.state " + s.state}}, Cures: look("see its events", j.kubectl("describe flinkstatesnapshot %s", s.name))}
				for _, e := range j.events {
					if e.kind == kindSnapshot && e.name == s.name && e.reason == "ValidationError" {
						f.Means += ": " + oneLine(e.message)
						f.Evidence = append(f.Evidence, e.evidence())
						break
					}
				}
				return []Finding{f}
			}
			return nil
		},
	},
	{
		ID: "FLINK-SNAP-FINALIZER", Severity: Error, Title: "a snapshot can't be deleted", Link: docSnapshots,
		Explain: "The snapshot is to dispose of its data when it is deleted (disposeOnDelete), and only a running JobManager can do that. It keeps its finalizer until the job runs again, or until it is told to leave the data alone.",
		job: func(j *job) []Finding {
			for _, s := range j.snapshots() {
				if s.deleted.IsZero() || j.age(s.deleted) < slowSight {
					continue
				}
				f := Finding{Severity: Warning, Subject: s.subject(), Means: fmt.Sprintf("the snapshot is being deleted for %s: its data can only be disposed of while the job runs", ago(j.age(s.deleted))), Evidence: []Evidence{{Source: s.subject(), At: s.deleted, Text: "deletionTimestamp, disposeOnDelete: " + cmp.Or(text(s.object.Object, "spec", "savepoint", "disposeOnDelete"), "true")}}, Confidence: Likely, Cures: []Cure{{Text: "let it go and keep the data", Command: j.kubectl("patch flinkstatesnapshot %s --type merge -p %s", s.name, `{"spec":{"savepoint":{"disposeOnDelete":false}}}`), Safe: true}}}
				if e, ok := j.event(disposalFails, "CleanupFailed"); ok {
					f.Evidence, f.Confidence = append(f.Evidence, e.evidence()), Certain
				}
				return []Finding{f}
			}
			return nil
		},
	},
	{
		ID: "FLINK-SNAP-FAILED", Severity: Warning, Title: "a savepoint failed", Link: docSnapshots,
		Explain: "A FlinkStateSnapshot failed for a reason that no other rule knows. The innermost cause is shown as it is.",
		job: func(j *job) []Finding {
			for _, s := range j.snapshots() {
				if s.state != api.SnapshotFailed && s.state != api.SnapshotAbandoned || !s.failed {
					continue
				}
				known := false
				for _, pattern := range []*lazy{canonicalNo, snapshotSlow, notAllTasks, noDirectory, notRunning, suspending, lostOperation, oldFlinkManual} {
					if found := s.failure.match(pattern); found != nil && !ofOwnCode(s.failure) {
						known = true
					}
				}
				if known {
					continue
				}
				f := Finding{Subject: s.subject(), Means: "the snapshot has " + s.state + ": " + s.failure.Telling(), Evidence: chainEvidence(s.failure)}
				if found := s.failure.match(cantWrite); found != nil && !ofOwnCode(s.failure) {
					f.Means = "the job's pods can't write to the savepoint directory: " + s.failure.Telling()
					f.Evidence = append(f.Evidence, j.directories()...)
					f.Cures = []Cure{{Text: "check its owner and mode (Flink runs as user 9999), or the credentials for that storage, and that it is mounted in the JobManager and in every TaskManager"}}
				}
				if strings.Contains(s.failure.text(), "S3") {
					f.Cures = []Cure{{Text: "check the bucket, the keys and s3.endpoint"}}
				}
				return []Finding{f}
			}
			return nil
		},
	},
}
