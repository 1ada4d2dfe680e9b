package health

import (
	"strings"
	"testing"
)

func TestAdviceFitsWhatWasSaidAndWhereItWasThrown(t *testing.T) {
	for _, c := range []struct {
		on          Occasion
		cause, want string
	}{
		{Saving, "IOException: Mkdirs failed to create file:/no/write", "can't write to the savepoint directory"},
		{Saving, "Secondary resource basic (FlinkDeployment) for savepoint s is not running", "The job stopped running"},
		{Saving, "NotFoundException: There is no savepoint operation with triggerId=x", "no longer knows this operation"},
		{Saving, "ReconciliationException: NotFoundException: Operation not found under key: x", "no longer knows this operation"},
		{Saving, "java.lang.UnsupportedOperationException: Not supported yet.", "--format native"},
		{Saving, "UnsupportedOperationException: canonical savepoints are not supported for this state", "--format native"},
		{Saving, "AmazonS3Exception: Access Denied (Service: Amazon S3)", "can't write to the savepoint directory"},
		{Running, "UnknownHostException: kafka-1.kafka.default.svc.cluster.local: Name or service not known", "The name kafka-1.kafka.default.svc.cluster.local can't be resolved"},
		{Saving, "UnknownHostException: minio", "The name minio can't be resolved"},
		{Running, "UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop, flink-s3-fs-presto. Please ensure", "put flink-s3-fs-hadoop, flink-s3-fs-presto into"},
		{Running, "Could not find a file system implementation for scheme 'gs'", "the file system gs"},
		{Running, "IllegalStateException: Failed to rollback to checkpoint/savepoint file:/s. Cannot map checkpoint/savepoint state for operator a to the new program", "--allow-non-restored-state"},
		{Running, "OutOfMemoryError: Metaspace", "jvm-metaspace.size"},
		{Running, "exec /docker-entrypoint.sh: exec format error", "another processor"},
		// The same words of the job's own code, or of something unknown.
		{Running, "UnsupportedOperationException: This s3 file system implementation does not support recoverable writers.", ""},
		{Saving, "UnsupportedOperationException: Recoverable writers on Hadoop are only supported for HDFS", ""},
		{Running, "UnsupportedOperationException: Not supported yet.", ""},
		{Saving, "UnsupportedOperationException: Not supported yet by MyFunction", ""},
		{Running, "IOException: Mkdirs failed to create file:/out/part-0", ""},
		{Running, "AccessDeniedException: /etc/secret", ""},
		{Running, "SQLException: Permission denied for relation users", ""},
		{Saving, "Could not complete snapshot 7 for operator Sink: Files (1/1)#0.\nIOException: Permission denied", ""},
		{Running, "NotFoundException: no such topic", ""},
		{Running, "NoSuchBucketException: The specified bucket does not exist", ""},
		{Running, "Could not find a file system implementation for scheme 'alluxio'", ""},
		{Running, "IllegalArgumentException: a value has to be supplied", ""},
		{Running, "FileNotFoundException: /flink-data/x (No such file or directory)", ""},
		{Running, "ClassNotFoundException: com.example.State", ""},
		{Running, "the operator is not running: deployment flink/flink-kubernetes-operator has 0 of 0 replicas", ""},
	} {
		got := Advice(c.on, c.cause)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%d %q: advice %q, want %q", c.on, c.cause, got, c.want)
		}
	}
}

func TestWhereAnExceptionWasThrown(t *testing.T) {
	for trace, want := range map[string]Occasion{
		"java.io.IOException: Mkdirs failed to create file:/s\n\tat org.apache.flink.runtime.state.filesystem.FsCheckpointStreamFactory$FsCheckpointStateOutputStream.createStream(A.java:1)":                                        Saving,
		"java.lang.UnsupportedOperationException: Not supported yet.\n\tat org.apache.flink.streaming.api.operators.StreamOperatorStateHandler.prepareCanonicalSavepoint(B.java:1)":                                                  Saving,
		"java.io.IOException: Mkdirs failed to create file:/out\n\tat org.apache.flink.connector.file.sink.writer.FileWriter.snapshotState(C.java:1)\n\tat org.apache.flink.streaming.runtime.tasks.StreamTask.performCheckpoint(D)": Running,
		"java.lang.UnsupportedOperationException: Not supported yet.\n\tat com.example.Mapper.map(E.java:1)":                                                                                                                         Running,
	} {
		if got := OccasionOf(trace); got != want {
			t.Errorf("%q: %d", trace, got)
		}
	}
}
