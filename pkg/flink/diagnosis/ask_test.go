package diagnosis

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// someJob is a running job without anything wrong.
func someJob() *JobFacts {
	return &JobFacts{Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Object: &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "metadata": map[string]any{"name": "orders", "namespace": "shop"},
		"spec":   map[string]any{"job": map[string]any{"parallelism": int64(2)}},
		"status": map[string]any{"jobStatus": map[string]any{"state": "RUNNING"}, "lifecycleState": "STABLE", "jobManagerDeploymentStatus": "READY"},
	}}}
}

// The same words mean one thing where a savepoint is written, and another in a
// job's own code.
func TestAttemptIsExplainedByWhereItWasThrown(t *testing.T) {
	for _, c := range []struct {
		where       Where
		trace, rule string
	}{
		{InCheckpoint, "java.io.IOException: Mkdirs failed to create file:/no/write", "FLINK-STATE-WRITE"},
		{InCheckpoint, "Failed to create savepoint directory at file:/proc/nope", "FLINK-STATE-WRITE"},
		{InCheckpoint, "Permission denied", "FLINK-STATE-WRITE"},
		{InCheckpoint, "Secondary resource basic (FlinkDeployment) for savepoint s is not running", "FLINK-SNAP-NOT-RUNNING"},
		{InCheckpoint, "NotFoundException: There is no savepoint operation with triggerId=x", "FLINK-SNAP-LOST"},
		{InCheckpoint, "ReconciliationException: NotFoundException: Operation not found under key: x", "FLINK-SNAP-LOST"},
		{InCheckpoint, "java.lang.UnsupportedOperationException: Not supported yet.", "FLINK-SNAP-FORMAT"},
		{InCheckpoint, "UnsupportedOperationException: canonical savepoints are not supported for this state", "FLINK-SNAP-FORMAT"},
		{InCheckpoint, "CheckpointException: Checkpoint Coordinator is suspending.\nCaused by: UnsupportedOperationException: Not supported yet. (in CheckpointException: Could not complete snapshot 15 for operator Flat Map -> Sink: Print to Std. Out (1/2)#0. Failure reason: Checkpoint was declined.)", "FLINK-SNAP-FORMAT"},
		{InCheckpoint, "FileNotFoundException: the part (in no order) is gone (in its entirety)", ""},
		{InCheckpoint, "com.amazonaws.services.s3.model.AmazonS3Exception: Access Denied (Service: Amazon S3)", "FLINK-S3-DENIED"},
		{InCheckpoint, "UnknownHostException: minio", "FLINK-JOB-UNKNOWN-HOST"},
		{InCheckpoint, "Checkpoint expired before completing.", "FLINK-SNAP-SLOW"},
		{InCheckpoint, "Not all required tasks are currently running.", "FLINK-SNAP-TASKS"},
		{InCheckpoint, "Checkpoint Coordinator is suspending.", "FLINK-SNAP-NOT-RUNNING"},
		{InCheckpoint, "CheckpointException: Task has failed.", "FLINK-SNAP-NOT-RUNNING"},
		{InCheckpoint, "CheckpointException: Task has failed.\nCaused by: org.apache.flink.util.SerializedThrowable: org.apache.flink.runtime.checkpoint.CheckpointException: Task name with subtask : Map (1/2)#0 Failure reason: Task has failed.", "FLINK-SNAP-NOT-RUNNING"},
		{InCheckpoint, "CheckpointException: Checkpoint was declined (task is closing)", "FLINK-SNAP-NOT-RUNNING"},
		{InCheckpoint, "CheckpointException: Checkpoint was declined (tasks not ready)", "FLINK-SNAP-TASKS"},
		{InCheckpoint, "IllegalStateException: No savepoint directory configured. You can configure a default", "FLINK-SNAP-DIR"},
		{InCheckpoint, "java.util.concurrent.TimeoutException: Invocation of [RemoteRpcInvocation(JobMasterGateway.triggerSavepoint(String, boolean, SavepointFormatType, Duration))] at recipient [pekko.tcp://flink@orders.prod:6123/user/rpc/jobmanager_2] timed out.", "FLINK-SNAP-UNANSWERED"},
		{InCheckpoint, "SinkException: flush\nCaused by: java.util.concurrent.TimeoutException: the index is slow", ""},
		{Somewhere, "UnknownHostException: kafka-1.kafka.default.svc.cluster.local: Name or service not known", "FLINK-JOB-UNKNOWN-HOST"},
		{Somewhere, "UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop, flink-s3-fs-presto. Please ensure", "FLINK-FS-PLUGIN"},
		{Somewhere, "Could not find a file system implementation for scheme 'gs'", "FLINK-FS-PLUGIN"},
		{Somewhere, "IllegalStateException: Failed to rollback to checkpoint/savepoint file:/s. Cannot map checkpoint/savepoint state for operator a to the new program", "FLINK-STATE-MAP"},
		{Somewhere, "java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory 'file:/s' on file system 'file'.", "FLINK-STATE-NOT-FOUND"},
		{Somewhere, "java.lang.OutOfMemoryError: Metaspace", "FLINK-MEM-METASPACE"},
		// The same words of the job's own code, or of something unknown.
		{Somewhere, "UnsupportedOperationException: Not supported yet.", ""},
		{InCheckpoint, `StatusConflictException: Status have been modified externally in version 14835 Previous: {"reconciliationStatus":{"lastReconciledSpec":"{\"job\":{\"allowNonRestoredState\":null}}"}} Latest: {"error":"Cannot map savepoint state for operator a"}`, ""},
		{InCheckpoint, "UnsupportedOperationException: Not supported yet by MyFunction", ""},
		{InTask, "IOException: Mkdirs failed to create file:/out/part-0", ""},
		{InTask, "AccessDeniedException: /etc/secret", ""},
		{InTask, "SQLException: Permission denied for relation users", ""},
		{InCheckpoint, "Could not complete snapshot 7 for operator Sink: Files (1/1)#0.\nCaused by: java.io.IOException: Permission denied", ""},
		{InTask, "NotFoundException: no such topic", ""},
		{Somewhere, "Could not find a file system implementation for scheme 'alluxio'", ""},
		{Somewhere, "IllegalArgumentException: a value has to be supplied", ""},
		{Somewhere, "FileNotFoundException: /flink-data/x (No such file or directory)", ""},
		{Somewhere, "the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas", ""},
		// Where it was thrown shows in the frames.
		{Somewhere, "java.io.IOException: Mkdirs failed to create file:/s\n\tat org.apache.flink.runtime.state.filesystem.FsCheckpointStreamFactory$FsCheckpointStateOutputStream.createStream(A.java:1)", "FLINK-STATE-WRITE"},
		{Somewhere, "java.io.IOException: Mkdirs failed to create file:/out\n\tat org.apache.flink.connector.file.sink.writer.FileWriter.snapshotState(C.java:1)\n\tat org.apache.flink.streaming.runtime.tasks.StreamTask.performCheckpoint(D)", ""},
		{Somewhere, "java.lang.UnsupportedOperationException: Not supported yet.\n\tat org.apache.flink.streaming.api.operators.StreamOperatorStateHandler.prepareCanonicalSavepoint(B.java:1)", "FLINK-SNAP-FORMAT"},
		{Somewhere, "java.lang.UnsupportedOperationException: Not supported yet.\n\tat com.example.Mapper.map(E.java:1)", ""},
	} {
		found := Attempt(someJob(), ReadException(c.trace, time.Time{}, c.where))
		got := ""
		if len(found) > 0 {
			got = found[0].Rule
			if len(found[0].Advice()) == 0 {
				t.Errorf("%s: %s says nothing to do", c.trace, got)
			}
		}
		if got != c.rule {
			t.Errorf("%s in %q: %q, want %q", c.trace, c.where, got, c.rule)
		}
	}
}

// What else is wrong with the job isn't why the savepoint failed.
func TestAttemptLeavesOtherTroublesAlone(t *testing.T) {
	facts := someJob()
	facts.Object.Object["status"].(map[string]any)["error"] = `{"type":"ReconciliationException","message":"java.net.UnknownHostException: elsewhere"}`
	if found := Attempt(facts, ReadException("something unknown", time.Time{}, InCheckpoint)); len(found) > 0 {
		t.Errorf("%+v", found)
	}
	found := Attempt(facts, ReadException("Mkdirs failed", time.Time{}, InCheckpoint))
	if len(found) != 1 || strings.Contains(found[0].Means, "elsewhere") {
		t.Errorf("%+v", found)
	}
}

// A savepoint of Flink 2 fails more than once, each time with other words; the
// cause is behind them, whichever came first.
func TestAttemptLooksAtAllThatWasThrown(t *testing.T) {
	read := func(text string) Exception { return ReadException(text, time.Time{}, InCheckpoint) }
	suspending := read("org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint Coordinator is suspending.")
	unsupported := read("java.lang.UnsupportedOperationException: Not supported yet.")
	for name, thrown := range map[string][]Exception{
		"cause last":  {suspending, unsupported},
		"cause first": {unsupported, suspending},
	} {
		got := Attempt(healthy(), thrown...)
		if len(got) == 0 || got[0].Rule != "FLINK-SNAP-FORMAT" {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := Attempt(healthy(), suspending); len(got) == 0 || got[0].Rule != "FLINK-SNAP-NOT-RUNNING" {
		t.Errorf("the job stopped, and nothing else is known: %+v", got)
	}
}

// Whose code threw an exception shows in its frames, which the job's history has
// where the report of an attempt doesn't.
func TestAttemptTakesFramesFromTheJobsHistory(t *testing.T) {
	const told = "CheckpointException: Checkpoint Coordinator is suspending.\nCaused by: UnsupportedOperationException: Not supported yet. (in CheckpointException: Could not complete snapshot 15 for operator Map (1/2)#0. Failure reason: Checkpoint was declined.)"
	for frame, want := range map[string]string{
		"org.apache.flink.runtime.state.v2.AbstractAsyncStateStorage.snapshot(A.java:1)": "FLINK-SNAP-FORMAT",
		"com.acme.Sink.snapshotState(Sink.java:9)":                                       "",
	} {
		facts := someJob()
		facts.Flink.Exceptions = []Exception{ReadException("java.io.IOException: Could not perform checkpoint 15 for operator Map (1/2)#0.\nCaused by: java.lang.UnsupportedOperationException: Not supported yet.\n\tat "+frame, facts.Now, InCheckpoint)}
		got := ""
		if found := Attempt(facts, ReadException(told, time.Time{}, InCheckpoint)); len(found) > 0 {
			got = found[0].Rule
		}
		if got != want {
			t.Errorf("%s: %q, want %q", frame, got, want)
		}
	}
}
