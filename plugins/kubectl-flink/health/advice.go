// Package health knows what is wrong with a job, how that shows, and what to
// do about it.
package health

import "strings"

// rule is one known cause of trouble.
type rule struct {
	// signs are texts of which one appears in the cause.
	signs  []string
	advice string
}

// rules are in order: the first that fits is the most specific.
var rules = []rule{
	{
		[]string{"UnsupportedOperationException"},
		"A canonical savepoint can't be taken of this job's state (jobs with asynchronous state, Flink 2): use --format native, and set kubernetes.operator.savepoint.format.type: NATIVE in spec.flinkConfiguration so that suspends and upgrades work too",
	},
	{
		[]string{"Mkdirs failed", "Permission denied", "AccessDenied", "Access Denied", "Failed to create savepoint directory", "Failed to create checkpoint directory", "Read-only file system", "ReadOnlyFileSystem", "FileSystemException", "not exist and could not be created", "Could not create target"},
		"The job's pods can't write to the savepoint directory: check its owner and mode, or the credentials for that storage, and that it is mounted in the JobManager and in every TaskManager",
	},
	{
		[]string{"UnsupportedFileSystemSchemeException", "Could not find a file system implementation", "No FileSystem for scheme"},
		"The image has no plugin for that storage: put flink-s3-fs-presto (or the one for your scheme) into its plugins folder, or set ENABLE_BUILT_IN_PLUGINS",
	},
	{
		[]string{"NoSuchBucket", "UnknownHostException", "Unable to execute HTTP request"},
		"The storage can't be reached from the job's pods: check the bucket, the endpoint and the network",
	},
	{
		[]string{"expired before completing", "Checkpoint expired", "CHECKPOINT_EXPIRED"},
		"The savepoint took longer than execution.checkpointing.timeout (10 min by default): look for backpressure, raise the timeout, or use --format native, which is faster for large state",
	},
	{
		[]string{"Not all required tasks are currently running", "NOT_ALL_REQUIRED_TASKS_RUNNING", "is not being executed at the moment", "tasks have been finished"},
		"Some tasks aren't running: wait until the job is RUNNING with all its slots, then try again",
	},
	{
		[]string{"has to be supplied"},
		"The job has no savepoint directory: give one with --path, or set execution.checkpointing.savepoint-dir (state.savepoints.dir before Flink 1.20) in spec.flinkConfiguration",
	},
	{
		[]string{"Cannot map checkpoint/savepoint state", "Cannot map savepoint state", "allowNonRestoredState"},
		"The savepoint has state of an operator that the job doesn't have any more, or whose uid changed: give the operator its old uid, or leave its state out with --allow-non-restored-state",
	},
	{
		[]string{"Cannot find checkpoint or savepoint file/directory", "Cannot find meta data file", "Could not find checkpoint or savepoint"},
		"There is no savepoint at that path, as the job's pods see it: see what is saved with kubectl flink snapshot list",
	},
	{
		[]string{"OOMKilled", "was killed for want of memory"},
		"The container used more memory than its limit: raise spec.taskManager.resource.memory (or jobManager), or give off-heap memory more room (taskmanager.memory.jvm-overhead.*, …task.off-heap.size)",
	},
	{
		[]string{"OutOfMemoryError: Metaspace"},
		"Classes take more room than there is: raise taskmanager.memory.jvm-metaspace.size; a job that is restarted often without ever freeing its classes has a leak",
	},
	{
		[]string{"OutOfMemoryError: Direct buffer memory", "OutOfMemoryError: Cannot reserve"},
		"Direct memory is full: raise taskmanager.memory.task.off-heap.size, or taskmanager.memory.framework.off-heap.size if it is Flink's own",
	},
	{
		[]string{"OutOfMemoryError: Java heap space", "OutOfMemoryError: GC overhead limit exceeded"},
		"The Java heap is full: raise spec.taskManager.resource.memory, or the heap's part of it (taskmanager.memory.task.heap.size, a smaller taskmanager.memory.managed.fraction)",
	},
	{
		[]string{"Secondary resource "},
		"The job stopped running: look at its status.error and events (kubectl describe)",
	},
	{
		[]string{"Checkpoint Coordinator is suspending", "CHECKPOINT_COORDINATOR_SUSPEND"},
		"The job was restarting or stopping at that moment: see why (kubectl describe, JobManager logs), then try again",
	},
	{
		[]string{"NotFoundException", "There is no savepoint operation"},
		"The JobManager no longer knows this operation: it was restarted in between. The savepoint's directory may exist all the same; look for a _metadata file there before taking another",
	},
}

// Advice is what to do next about a failure that the cause describes; "" where
// nothing better is known than the cause itself.
func Advice(cause string) string {
	for _, r := range rules {
		for _, sign := range r.signs {
			if says(cause, sign) {
				return r.advice
			}
		}
	}
	return ""
}

// says reports whether sign stands in text where a word begins, so that
// FileNotFoundException is no NotFoundException.
func says(text, sign string) bool {
	for from := 0; ; {
		at := strings.Index(text[from:], sign)
		if at < 0 {
			return false
		}
		if at += from; at == 0 || !inWord(text[at-1]) {
			return true
		}
		from = at + len(sign)
	}
}

// inWord reports whether c is a letter, a digit or an underscore.
func inWord(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z'
}
