// Package health knows what is wrong with a job, how that shows, and what to
// do about it.
package health

import (
	"regexp"
	"strings"
)

// Occasion is what was being done when an exception was thrown. The same words
// mean one thing where a savepoint is written, and another in a job's own code.
type Occasion int

// The occasions.
const (
	// Running is everything that isn't known to be Saving: the job's own code
	// may have thrown it.
	Running Occasion = iota
	// Saving says that a savepoint or checkpoint was asked for, and failed.
	Saving
)

// saving are frames and messages of what writes checkpoints: the exceptions of
// a job that are thrown there are about the checkpoint's storage.
var saving = regexp.MustCompile(`prepareCanonicalSavepoint|FsCheckpointStreamFactory|FsCheckpointStorage|FsCheckpointMetadataOutputStream|FsMergingCheckpointStorage|initializeLocationForSavepoint|initializeBaseLocationsForCheckpoint|Failed to create (savepoint|checkpoint) directory`)

// OccasionOf reads from a whole stack trace where it was thrown.
func OccasionOf(stacktrace string) Occasion {
	if saving.MatchString(stacktrace) {
		return Saving
	}
	return Running
}

// rule is one known cause of trouble.
type rule struct {
	// on is the occasion that the rule is about; Running is any.
	on Occasion
	// sign is a text of the cause. unless, where set, tells of the same words
	// thrown for another reason.
	sign, unless *regexp.Regexp
	// advice is what to do; $1 is the sign's first group.
	advice string
}

// begins is where an exception or a word begins, so that FileNotFoundException
// is no NotFoundException.
const begins = `(?:^|\W)`

func signs(texts ...string) *regexp.Regexp {
	for i, text := range texts {
		texts[i] = regexp.QuoteMeta(text)
	}
	return regexp.MustCompile(begins + "(?:" + strings.Join(texts, "|") + ")")
}

// ownCode are messages that say that the job's own functions failed while a
// checkpoint was taken.
var ownCode = regexp.MustCompile(`Could not (complete snapshot|perform checkpoint) \d+ for operator|[Rr]ecoverable ?[Ww]riter|\b(SinkWriter|SinkFunction|SourceReader)\b`)

// rules are in order: the first that fits is the most specific.
var rules = []rule{
	{
		// Flink 2's own words, of operators with asynchronous state.
		Saving, regexp.MustCompile(begins + `UnsupportedOperationException: (?:Not supported yet\.?\s*$|Not supported yet\.?\n|[^\n]*[Cc]anonical)`), nil,
		"A canonical savepoint can't be taken of this job's state (jobs with asynchronous state, Flink 2): use --format native, and set kubernetes.operator.savepoint.format.type: NATIVE in spec.flinkConfiguration so that suspends and upgrades work too",
	},
	{
		Saving, signs("Mkdirs failed", "Permission denied", "AccessDenied", "Access Denied", "Failed to create savepoint directory", "Failed to create checkpoint directory", "Read-only file system", "ReadOnlyFileSystem", "FileSystemException", "not exist and could not be created", "Could not create target"), ownCode,
		"The job's pods can't write to the savepoint directory: check its owner and mode, or the credentials for that storage, and that it is mounted in the JobManager and in every TaskManager",
	},
	{
		Running, regexp.MustCompile(`The scheme is directly supported by Flink through the following plugins?(?:\(s\))?: ([\w-]+(?:, [\w-]+)*)`), nil,
		"The image lacks the plugin of that file system: put $1 into a folder of its own in the image's plugins folder, or name its jar in the environment variable ENABLE_BUILT_IN_PLUGINS",
	},
	{
		Running, regexp.MustCompile(`(?:Could not find a file system implementation for scheme|No FileSystem for scheme:?) '?"?(s3a?|s3p|gs|abfss?|wasbs?|oss)\b`), nil,
		"The image lacks the plugin of the file system $1: put Flink's jar for it into a folder of its own in the image's plugins folder, or name the jar in the environment variable ENABLE_BUILT_IN_PLUGINS",
	},
	{
		Running, regexp.MustCompile(begins + `UnknownHostException: (?:[\w.]+Exception: )?([A-Za-z0-9][\w.-]*)`), nil,
		"The name $1 can't be resolved: check how it is spelled, that its Service or host exists, and the cluster's DNS",
	},
	{
		Running, signs("exec format error"), nil,
		"The image is built for another processor than the node has: use one for the node's architecture (kubectl get nodes -L kubernetes.io/arch), or a nodeSelector for the image's",
	},
	{
		Saving, signs("NoSuchBucket", "Unable to execute HTTP request"), ownCode,
		"The savepoint's storage can't be reached from the job's pods: check the bucket, the endpoint and the network",
	},
	{
		Saving, signs("expired before completing", "Checkpoint expired", "CHECKPOINT_EXPIRED"), nil,
		"The savepoint took longer than execution.checkpointing.timeout (10 min by default): look for backpressure, raise the timeout, or use --format native, which is faster for large state",
	},
	{
		Saving, signs("Not all required tasks are currently running", "NOT_ALL_REQUIRED_TASKS_RUNNING", "is not being executed at the moment", "tasks have been finished"), nil,
		"Some tasks aren't running: wait until the job is RUNNING with all its slots, then try again",
	},
	{
		Running, regexp.MustCompile(`savepoint path in the spec or configuration .* has to be supplied`), nil,
		"The job has no savepoint directory: give one with --path, or set execution.checkpointing.savepoint-dir (state.savepoints.dir before Flink 1.20) in spec.flinkConfiguration",
	},
	{
		Running, signs("Cannot map checkpoint/savepoint state", "Cannot map savepoint state", "allowNonRestoredState"), nil,
		"The savepoint has state of an operator that the job doesn't have any more, or whose uid changed: give the operator its old uid, or leave its state out with --allow-non-restored-state",
	},
	{
		Running, signs("Cannot find checkpoint or savepoint file/directory", "Cannot find meta data file", "Could not find checkpoint or savepoint"), nil,
		"There is no savepoint or checkpoint at that path, as the job's pods see it: see what is saved with kubectl flink snapshot list, and start from that with kubectl flink restore NAME --from SNAPSHOT --no-savepoint",
	},
	{
		Running, signs("OOMKilled", "was OOMKilled (out of memory)"), nil,
		"The container used more memory than its limit: raise spec.taskManager.resource.memory (or jobManager), or give off-heap memory more room (taskmanager.memory.jvm-overhead.*, …task.off-heap.size)",
	},
	{
		Running, signs("OutOfMemoryError: Metaspace"), nil,
		"Classes take more room than there is: raise taskmanager.memory.jvm-metaspace.size; a job that is restarted often without ever freeing its classes has a leak",
	},
	{
		Running, signs("OutOfMemoryError: Direct buffer memory", "OutOfMemoryError: Cannot reserve"), nil,
		"Direct memory is full: raise taskmanager.memory.task.off-heap.size, or taskmanager.memory.framework.off-heap.size if it is Flink's own",
	},
	{
		Running, signs("OutOfMemoryError: Java heap space", "OutOfMemoryError: GC overhead limit exceeded"), nil,
		"The Java heap is full: raise spec.taskManager.resource.memory, or the heap's part of it (taskmanager.memory.task.heap.size, a smaller taskmanager.memory.managed.fraction)",
	},
	{
		Saving, signs("Secondary resource "), nil,
		"The job stopped running while its state was to be saved: take the savepoint again once the job is RUNNING",
	},
	{
		Saving, signs("Checkpoint Coordinator is suspending", "CHECKPOINT_COORDINATOR_SUSPEND"), nil,
		"The job was restarting or stopping at that moment: take the savepoint again once the job is RUNNING; why it restarted is in kubectl flink exceptions",
	},
	{
		Saving, signs("NotFoundException", "There is no savepoint operation"), ownCode,
		"The JobManager no longer knows this operation: it was restarted in between. The savepoint's directory may exist all the same; look for a _metadata file there before taking another",
	},
}

// Advice is what to do next about a failure that the cause describes; "" where
// nothing better is known than the cause itself. above are the exceptions that
// the cause was thrown in, as far as they are known.
func Advice(on Occasion, cause string, above ...string) string {
	chain := cause + "\n" + strings.Join(above, "\n")
	for _, r := range rules {
		if r.on == Saving && on != Saving || r.unless != nil && r.unless.MatchString(chain) {
			continue
		}
		if at := r.sign.FindStringSubmatchIndex(cause); at != nil {
			return string(r.sign.ExpandString(nil, r.advice, cause, at))
		}
	}
	return ""
}
