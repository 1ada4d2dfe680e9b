package diagnosis

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// trial is a rule with facts that it is about, and facts that look like them.
type trial struct {
	rule      string
	yes, miss change
}

const (
	m1 = time.Minute
	h1 = time.Hour
)

var (
	crashed   = ended(jobManager, mainContainer, 1, "Error", "Exception in thread \"main\" java.lang.IllegalStateException: broken 42")
	onRocks   = "java.lang.Exception: Exception while creating StreamOperatorStateContext.\n\tat org.apache.flink.streaming.runtime.tasks.StreamTask.restoreInternal(StreamTask.java:1)\nCaused by: java.io.IOException: No local storage directories available. Local DB files directory '/proc/none' does not exist and cannot be created."
	jmStarts  = all(starts(10*m1), noTaskManager)
	autoscale = conf("job.autoscaler.enabled", "true")
)

func task(cause string) change {
	return thrown("org.apache.flink.runtime.JobException: Recovery is needed\n\tat org.apache.flink.runtime.taskmanager.Task.run(Task.java:1)\nCaused by: " + cause)
}

func checkpointing(cause string) change {
	return thrown("java.io.IOException: Could not perform checkpoint 11 for operator Window (1/2)\n\tat org.apache.flink.streaming.runtime.tasks.SubtaskCheckpointCoordinatorImpl.checkpointState(S.java:1)\nCaused by: " + cause)
}

func restoringState(cause string) change {
	return thrown("java.lang.IllegalStateException: Could not restore from the savepoint\nCaused by: " + cause)
}

const neverStarted = "Worker orders-taskmanager-1-1 is terminated. Diagnostics: Pod terminated, container termination statuses: [], pod status: Failed(reason=null, message=null)"

func jmFails(lines ...string) change {
	return all(starts(2*m1), noTaskManager, ended(jobManager, mainContainer, 1, "Error", lines...))
}

var podTrials = []trial{
	{"FLINK-POD-QUOTA", all(created(m1), noTaskManager, logged(`WARN KubernetesResourceManagerDriver [] - Could not create pod orders-taskmanager-1-1, exception: java.util.concurrent.CompletionException: io.fabric8.kubernetes.client.KubernetesClientException: Failure executing: POST at: https://10.96.0.1:443/api/v1/namespaces/prod/pods. Message: pods "orders-taskmanager-1-1" is forbidden: exceeded quota: one-pod, requested: pods=1, used: pods=1, limited: pods=1. Received status: Status(code=403)`)), all(created(m1), logged("Could not create pod orders-taskmanager-1-1, exception: io.fabric8.kubernetes.client.KubernetesClientException: Operation timed out"))},
	{"FLINK-POD-FORBIDDEN", all(created(m1), noTaskManager, logged(`Could not create pod x, exception: E: Message: pods is forbidden: User "system:serviceaccount:prod:flink" cannot create resource "pods" in API group. Received status: S`)), all(created(m1), noTaskManager, logged(`Could not create pod x, exception: E: Message: pods "x" is forbidden: violates PodSecurity "restricted". Received status: S`))},
	{"FLINK-POD-REFUSED", all(created(m1), noTaskManager, logged(`Could not create pod x, exception: E: Message: pods "x" is forbidden: violates PodSecurity "restricted:latest". Received status: S`)), all(logged("Worker orders-taskmanager-1-1 is terminated. Diagnostics: released"))},
	{"FLINK-POD-NO-ACCOUNT", all(jmStarts, only(jobManager), func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `Error creating: pods "orders-6d5f49f8d4-" is forbidden: error looking up service account prod/flink: serviceaccount "flink" not found`, m1)), event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `serviceaccount "flink" not found`, 20*h1)},
	{"FLINK-POD-CLAIM-MISSING", all(jmStarts, unscheduled(jobManager, `0/1 nodes are available: persistentvolumeclaim "state-pvc" not found. not found`)), all(jmStarts, unscheduled(jobManager, `0/1 nodes are available: persistentvolumeclaim "state-pvc" not found.`), func(f *JobFacts) { f.Claims = []Existing{{Name: "state-pvc", Exists: Read}} })},
	{"FLINK-POD-CLAIM-UNBOUND", all(jmStarts, unscheduled(jobManager, "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims. preemption: none"), func(f *JobFacts) {
		f.Claims = []Existing{{Name: "state", Exists: Read, Phase: "Pending", Class: "fast"}}
	}), all(jmStarts, unscheduled(jobManager, "0/1 nodes are available: 1 Insufficient cpu."))},
	{"FLINK-POD-AFFINITY", all(jmStarts, unscheduled(jobManager, "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."), pods(jobManager, func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"zone": "a"} })), all(jmStarts, unscheduled(jobManager, "0/2 nodes are available: 1 Insufficient memory, 1 node(s) didn't match Pod's node affinity/selector."))},
	{"FLINK-POD-TAINT", all(jmStarts, unscheduled(jobManager, "0/1 nodes are available: 1 node(s) had untolerated taint {team: x}. preemption: none")), all(jmStarts, unscheduled(jobManager, "0/2 nodes are available: 1 node(s) had untolerated taint {team: x}, 1 Insufficient cpu."))},
	{"FLINK-POD-RESOURCES", all(created(m1), unscheduled(taskManager, "0/1 nodes are available: 1 Insufficient cpu. preemption: none")), all(created(m1), unscheduled(taskManager, `0/1 nodes are available: persistentvolumeclaim "x" not found.`))},
	{"FLINK-POD-UNSCHEDULED", all(created(m1), unscheduled(taskManager, "0/1 nodes are available: 1 node(s) were unschedulable.")), all(created(m1), unscheduled(taskManager, "0/1 nodes are available: 1 Insufficient cpu."))},
	{"FLINK-POD-IMAGE", all(jmStarts, waiting(jobManager, "ImagePullBackOff", "Back-off pulling image"), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Failed", `Failed to pull image "flink:1.20": not found`, m1)), all(jmStarts, waiting(jobManager, "ContainerCreating", ""))},
	{"FLINK-POD-ARCH", jmFails("exec /docker-entrypoint.sh: exec format error"), jmFails("exec /docker-entrypoint.sh: no such file or directory")},
	{"FLINK-POD-INIT", all(created(2*m1), initEnded(taskManager, "fetch-jar", 1, "curl: (22) The requested URL returned error: 403 Forbidden")), initEnded(taskManager, "fetch-jar", 0, "done")},
	{"FLINK-POD-SECRET", all(created(2*m1), waiting(taskManager, "CreateContainerConfigError", `secret "s3-keys" not found`)), all(created(2*m1), waiting(taskManager, "CreateContainerConfigError", "container has runAsNonRoot and image will run as root"))},
	{"FLINK-POD-CONFIGMAP", all(created(2*m1), waiting(taskManager, "ContainerCreating", ""), event1("Pod", "orders-taskmanager-1-1", "FailedMount", `MountVolume.SetUp failed for volume "c" : configmap "rules" not found`, m1)), all(created(2*m1), waiting(taskManager, "ContainerCreating", ""), event1("Pod", "orders-taskmanager-1-1", "FailedMount", `MountVolume.SetUp failed for volume "c" : configmap "rules" not found`, m1), func(f *JobFacts) { f.ConfigMaps = []Existing{{Name: "rules", Exists: Read}} })},
	{"FLINK-POD-VOLUME", all(created(2*m1), waiting(taskManager, "ContainerCreating", ""), event1("Pod", "orders-taskmanager-1-1", "FailedMount", `MountVolume.SetUp failed for volume "data" : hostPath type check failed: /data is not a directory`, m1)), event1("Pod", "orders-taskmanager-1-1", "FailedMount", "hostPath type check failed", 3*h1)},
	{"FLINK-POD-CONTAINER", all(created(2*m1), waiting(taskManager, "CreateContainerConfigError", "container has runAsNonRoot and image will run as root")), all(created(2*m1), waiting(taskManager, "CreateContainerConfigError", `secret "s3-keys" not found`))},
	{"FLINK-POD-JVM", all(conf("env.java.opts.jobmanager", "-javaagent:/opt/agent.jar"), jmFails("Starting kubernetes-application as a console application", "Error occurred during initialization of VM", "agent library failed to init: instrument", "Error opening zip file or JAR manifest missing : /opt/agent.jar")), jmFails("Error: the job ended")},
	{"FLINK-POD-ENTRYPOINT", all(starts(2*m1), noTaskManager, ended(jobManager, mainContainer, 127, "Error", "/docker-entrypoint.sh: line 3: kubernetes-jobmanager.sh: command not found")), jmFails("kubernetes-jobmanager.sh: something else")},
	{"FLINK-MEM-CONTAINER", all(task("java.lang.Exception: gone 1"), ended(taskManager, mainContainer, 137, "OOMKilled")), ended(taskManager, mainContainer, 137, "Error")},
	{"FLINK-POD-DISK", checkpointing("java.io.IOException: No space left on device"), longAgo("java.io.IOException: No space left on device")},
	{"FLINK-POD-EVICTED", all(created(2*m1), event1("Pod", "orders-taskmanager-1-1", "Evicted", `Usage of EmptyDir volume "tmp" exceeds the limit "1Gi".`, m1)), event1("Pod", "orders-taskmanager-1-1", "Evicted", "The node was low on resource: memory.", 5*h1)},
	{"FLINK-POD-SIDECAR", all(starts(2*m1), noTaskManager, ended(jobManager, "fluentbit", 1, "Error", "[error] [output:es] could not connect to es:9200")), ended(jobManager, "fluentbit", 0, "Completed")},
	{"FLINK-POD-LIVENESS", all(jmStarts, pods(jobManager, unready), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Unhealthy", "Startup probe failed: connection refused", m1), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Killing", "Container flink-main-container failed startup probe, will be restarted", m1)), all(starts(m1), pods(jobManager, unready), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Unhealthy", "Startup probe failed: connection refused", m1), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Killing", "Stopping container flink-main-container", m1))},
	{"FLINK-POD-LIVENESS", all(state("CREATED", m1), ended(taskManager, mainContainer, 143, "Error"), event1("Pod", "orders-taskmanager-1-1", "Unhealthy", "Liveness probe failed: connection refused", m1), event1("Pod", "orders-taskmanager-1-1", "Killing", "Stopping container flink-main-container", m1)), all(event1("Pod", "orders-taskmanager-1-1", "Unhealthy", "Liveness probe failed: connection refused", 9*m1), event1("Pod", "orders-taskmanager-1-1", "Killing", "Stopping container flink-main-container", m1))},
	{"FLINK-POD-PROBE", all(starts(10*m1), noTaskManager, pods(jobManager, unready), pods(jobManager, longUnready), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Unhealthy", "Readiness probe failed: connection refused", m1), often), all(starts(m1), pods(jobManager, unready), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Unhealthy", "Startup probe failed: connection refused", m1))},
	{"FLINK-POD-NODE", func(f *JobFacts) { f.Nodes[0].Ready = false }, func(f *JobFacts) { f.Nodes = append(f.Nodes, NodeFacts{Name: "n2"}) }},
	{"FLINK-POD-PDB", budget, all(budget, func(f *JobFacts) { f.PDB[0].Status.DisruptionsAllowed = 1 })},
	{"FLINK-POD-DRAIN", all(budget, func(f *JobFacts) { f.Nodes[0].Unschedulable = true }), budget},
	{"FLINK-POD-KILLED", ended(taskManager, mainContainer, 137, "Error"), ended(taskManager, mainContainer, 143, "Error")},
	{"FLINK-POD-CRASH", all(starts(2*m1), noTaskManager, crashed), ended(jobManager, mainContainer, 0, "Completed")},
	{"FLINK-POD-ENDS", all(created(2*m1), logged(repeat("Worker orders-taskmanager-1-%d is terminated. Diagnostics: Pod terminated, container termination statuses: [flink-main-container(exitCode=1, reason=Error, message=null)]", 4)...)), all(created(2*m1), logged(repeat("Stopping worker orders-taskmanager-1-%d.", 4)...))},
	{"FLINK-POD-ENDS", all(created(2*m1), logged(neverStarted)), logged(neverStarted)},
	{"FLINK-POD-NO-TASKMANAGER", all(created(3*m1), noTaskManager), all(created(30*time.Second), noTaskManager)},
}

var memoryTrials = []trial{
	{"FLINK-MEM-REFUSED", spec("taskManager.resource.memory", "512m"), spec("taskManager.resource.memory", "1g")},
	{"FLINK-MEM-SMALL", spec("jobManager.resource.memory", "640m"), spec("jobManager.resource.memory", "1g")},
	{"FLINK-MEM-HEAP", task("java.lang.OutOfMemoryError: Java heap space"), longAgo("java.lang.OutOfMemoryError: Java heap space")},
	{"FLINK-MEM-METASPACE", task("java.lang.OutOfMemoryError: Metaspace"), task("java.lang.OutOfMemoryError: Java heap space")},
	{"FLINK-MEM-DIRECT", task("java.lang.OutOfMemoryError: Direct buffer memory"), task("java.lang.OutOfMemoryError: Metaspace")},
	{"FLINK-MEM-THREADS", task("java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory"), task("java.lang.OutOfMemoryError: Java heap space")},
	{"FLINK-MEM-NETWORK", task("java.io.IOException: Insufficient number of network buffers: required 65, but only 1 available."), longAgo("java.io.IOException: Insufficient number of network buffers: required 65")},
}

var storageTrials = []trial{
	{"FLINK-FS-PLUGIN", mainFails("org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop, flink-s3-fs-presto."), mainFails("org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 'jfs'.")},
	{"FLINK-FS-WRITER", mainFails("java.lang.UnsupportedOperationException: This s3 file system implementation does not support recoverable writers."), mainFails("java.lang.UnsupportedOperationException: the sink does not support upserts")},
	{"FLINK-S3-DENIED", checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: Forbidden (Service: Amazon S3; Status Code: 403; Error Code: InvalidAccessKeyId)"), task("java.io.IOException: REST call answered Status Code: 403")},
	{"FLINK-S3-DENIED", checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: The provided token has expired. (Service: Amazon S3; Status Code: 400; Error Code: ExpiredToken; Request ID: 1)"), task("java.io.IOException: the session's token is an ExpiredToken")},
	{"FLINK-S3-CLOCK", checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: The difference between the request time and the current time is too large. (Service: Amazon S3; Status Code: 403; Error Code: RequestTimeTooSkewed)"), checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: Forbidden (Service: Amazon S3; Status Code: 403; Error Code: 403 Forbidden)")},
	{"FLINK-S3-POOL", checkpointing("com.amazonaws.SdkClientException: Unable to execute HTTP request: Timeout waiting for connection from pool"), checkpointing("com.amazonaws.SdkClientException: Unable to execute HTTP request: Connect to minio:9000 failed: connect timed out")},
	{"FLINK-S3-BUCKET", all(failedCheckpoints(4, "Failure to finalize checkpoint."), logged(bucketGone...)), all(logged(bucketGone...))},
	{"FLINK-S3-BUCKET", all(failedCheckpoints(4, "Failure to finalize checkpoint."), logged(`{"@timestamp":"2026-01-02T03:04:05Z","log.level":"WARN","message":"Failed to trigger or complete checkpoint 8","error":{"stack_trace":"`+strings.Join(bucketGone[1:], `\n`)+`"}}`)), failedCheckpoints(4, "Failure to finalize checkpoint.")},
	{"FLINK-S3-BUCKET", checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: The specified bucket does not exist (Error Code: NoSuchBucket)"), longAgo("com.amazonaws.AmazonS3Exception: The specified bucket does not exist")},
	{"FLINK-S3-AWAY", all(conf("s3.endpoint", "http://minio:9000"), checkpointing("com.amazonaws.SdkClientException: Unable to execute HTTP request: Connect to state.minio:9000 timed out\n\tat com.amazonaws.http.AmazonHttpClient.execute(A.java:1)")), task("java.io.IOException: Unable to execute HTTP request: elastic:9200")},
	{"FLINK-STATE-WRITE", checkpointing("java.io.IOException: Mkdirs failed to create file:/state/chk-1"), task("java.nio.file.AccessDeniedException: /out/part-1")},
	{"FLINK-STATE-LOCAL", thrown(onRocks), longAgo(onRocks)},
	{"FLINK-STATE-LOCAL", all(conf("state.backend.rocksdb.localdir", "/proc/none"), task(onRocks)), longAgo(onRocks)},
	{"FLINK-STATE-NOT-FOUND", all(state("FAILED", m1), status("lifecycleState", "FAILED"), failed(reconciliation, "java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory 's3://state/savepoints/gone' on file system 's3'.")), task("java.io.FileNotFoundException: /data/input.csv (No such file or directory)")},
	{"FLINK-JOB-UNKNOWN-HOST", all(state("FAILED", m1), status("lifecycleState", "FAILED"), failure(`{"type":"org.apache.flink.util.SerializedThrowable","message":"org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy","throwableList":[{"type":"org.apache.flink.util.SerializedThrowable","message":"java.net.UnknownHostException: kafka-1.kafka.svc: Name or service not known"}]}`)), all(sessionJob, spec("job.jarURI", "https://nowhere.invalid/job.jar"), failed(reconciliation, "java.net.UnknownHostException: nowhere.invalid"))},
}

// apiRefusal is how the operator's client words an answer of the API server.
func apiRefusal(verb, path, why string) string {
	return "io.fabric8.kubernetes.client.KubernetesClientException: Failure executing: " + verb + " at: https://10.96.0.1:443/" + path + ". Message: " + why + ". Received status: Status(apiVersion=v1, code=403, reason=Forbidden)."
}

var outsideTrials = []trial{
	{"FLINK-STORE-DENIED", checkpointing("com.google.cloud.storage.StorageException: flink@prod.iam.gserviceaccount.com does not have storage.objects.create access to the Google Cloud Storage object."), task("java.io.IOException: storage.objects.create took 4 s")},
	{"FLINK-STORE-DENIED", checkpointing("org.apache.hadoop.fs.azurebfs.contracts.exceptions.AbfsRestOperationException: Operation failed: \"This request is not authorized to perform this operation using this permission.\", 403, PUT, AuthorizationPermissionMismatch"), checkpointing("java.io.IOException: 403")},
	{"FLINK-S3-SLOW", checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: Please reduce your request rate. (Service: Amazon S3; Status Code: 503; Error Code: SlowDown)"), checkpointing("java.io.IOException: the disk is slow")},
	{"FLINK-S3-REGION", checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: The bucket you are attempting to access must be addressed using the specified endpoint. (Status Code: 301; Error Code: PermanentRedirect)"), checkpointing("java.io.IOException: 301 moved")},
	{"FLINK-S3-DENIED", checkpointing("software.amazon.awssdk.services.sts.model.StsException: Not authorized to perform sts:AssumeRoleWithWebIdentity (Service: Sts, Status Code: 403)\n\tat org.apache.hadoop.fs.s3a.S3AFileSystem.x(S.java:1)"), task("java.io.IOException: not authorized to perform this")},
	{"FLINK-JOB-DRIVER", task("java.sql.SQLException: No suitable driver found for jdbc:postgresql://db/x"), task("java.sql.SQLException: the driver is away")},
	{"FLINK-JOB-LOGIN", task("org.postgresql.util.PSQLException: FATAL: password authentication failed for user \"flink\""), task("org.postgresql.util.PSQLException: FATAL: the database system is starting up")},
	{"FLINK-JOB-FILES", task("java.io.IOException: Too many open files"), task("java.io.IOException: too many open orders")},
	{"FLINK-JOB-NATIVE", task("java.lang.UnsatisfiedLinkError: /tmp/rocksdb-lib-1/librocksdbjni-linux64.so: failed to map segment from shared object: Operation not permitted"), task("java.lang.LinkageError: 4")},
	{"FLINK-JOB-LOG-GONE", task("io.debezium.DebeziumException: The connector is trying to read binlog starting at position 4, but this is no longer available on the server."), task("io.debezium.DebeziumException: the table orders has no key")},
	{"FLINK-JOB-RECORD", task("java.io.IOException: Failed to deserialize consumer record due to\nCaused by: java.io.IOException: Unknown data format. Magic number does not match"), task("java.io.IOException: Failed to deserialize consumer record due to\nCaused by: java.net.ConnectException: Connection refused")},
	{"FLINK-JOB-RECORD", task("java.io.IOException: Failed to deserialize JSON 'abc'.\nCaused by: com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'abc'"), mainFails("java.io.IOException: Failed to deserialize JSON 'abc'.")},
}

var exceptionTrials = []trial{
	{"FLINK-STATE-BROKEN", restoringState("org.rocksdb.RocksDBException: Corruption: block checksum mismatch"), task("java.io.IOException: the format is 4")},
	{"FLINK-JOB-SEVERAL", mainFails("org.apache.flink.util.FlinkRuntimeException: Cannot have more than one execute() or executeAsync() call in a single environment."), mainFails("java.lang.IllegalStateException: execute() was called")},
	{"FLINK-JOB-KEYS", task("java.lang.IllegalArgumentException: Key group 50 is not in KeyGroupRange{startKeyGroup=0, endKeyGroup=15}."), task("java.lang.IllegalArgumentException: Key group 5")},
	{"FLINK-JM-HA-GRAPH", jmFails("org.apache.flink.util.FlinkException: Could not retrieve submitted JobGraph from state handle under jobGraph-00. This indicates that the retrieved state handle is broken.", "Caused by: java.io.InvalidClassException: org.apache.flink.runtime.jobgraph.JobGraph; local class incompatible"), jmFails("java.io.FileNotFoundException: /etc/app.yaml (No such file or directory)")},
	{"FLINK-JOB-SQL", mainFails("org.apache.flink.table.api.ValidationException: SQL validation failed. From line 3, column 8: Column 'user_idd' not found in any table"), all(lags, failed("org.apache.flink.kubernetes.operator.exception.ValidationException", "spec.serviceAccount must be defined"))},
	{"FLINK-JOB-CONNECTOR", mainFails("org.apache.flink.table.api.ValidationException: Could not find any factory for identifier 'kafka' that implements 'DynamicTableFactory' in the classpath."), mainFails("org.apache.flink.table.api.ValidationException: Table kafka isn't there")},
	{"FLINK-JOB-MODULES", mainFails("java.lang.RuntimeException: Can not register process function transformation translator."), mainFails("java.lang.RuntimeException: Can not register the user 7")},
	{"FLINK-JOB-JAVA", mainFails("java.lang.UnsupportedClassVersionError: com/acme/Job has been compiled by a more recent version of the Java Runtime (class file version 61.0)"), mainFails("java.lang.ClassFormatError: com/acme/Job")},
	{"FLINK-JOB-CLASS", mainFails("java.lang.ClassNotFoundException: com.acme.Codec"), mainFails("java.lang.IllegalArgumentException: ClassNotFound is a bad name 1")},
	{"FLINK-JOB-LINKAGE", mainFails("java.lang.NoSuchMethodError: 'void org.apache.kafka.X.y()'"), mainFails("java.lang.NoSuchElementException: No value present 1")},
	{"FLINK-JOB-CAST", task("java.lang.ClassCastException: class com.acme.E cannot be cast to class com.acme.E (com.acme.E is in unnamed module of loader A and B)"), task("java.lang.ClassCastException: 5")},
	{"FLINK-JOB-PROGRAM", mainFails(`java.io.IOException: Cannot run program "/usr/bin/python3": error=2, No such file or directory`), mainFails("java.io.IOException: error=2, No such file or directory")},
	{"FLINK-JOB-PYTHON", all(mainFails("java.lang.RuntimeException: Python process exits with code: 1"), logged(pythonLog...)), mainFails("java.lang.RuntimeException: the process exits with code: 1")},
	{"FLINK-STATE-MAP", restoringState("java.lang.IllegalStateException: Failed to rollback. Cannot map checkpoint/savepoint state for operator 4d1f to the new program, because the operator is not available in the new program."), restoringState("java.lang.IllegalStateException: the map has no key 5")},
	{"FLINK-STATE-SCHEMA", restoringState("org.apache.flink.util.StateMigrationException: The new state serializer must not be incompatible with the old state serializer"), restoringState("java.io.IOException: the stream is closed 1")},
	{"FLINK-JOB-MAX-PARALLELISM", restoringState("java.lang.IllegalStateException: The maximum parallelism (128) with which the latest checkpoint was taken is lower than the parallelism 200"), task("java.lang.IllegalStateException: parallelism is 4")},
	{"FLINK-JOB-NO-JOB", mainFails("java.lang.IllegalStateException: No operators defined in streaming topology. Cannot execute."), mainFails("java.lang.IllegalStateException: no orders 1")},
	{"FLINK-JOB-SERIALIZABLE", mainFails("java.io.NotSerializableException: com.acme.Client"), mainFails("java.io.NotActiveException: com.acme.Client")},
	{"FLINK-JOB-TIMESTAMP", task("java.lang.RuntimeException: Rowtime timestamp is not defined. Please make sure that a proper TimestampAssigner is defined"), task("java.lang.RuntimeException: timestamp 12 is bad")},
	{"FLINK-JOB-SERVICES", jmFails(`java.lang.RuntimeException: services "orders-rest" is forbidden: User "x" cannot get resource "services"`), jmFails("java.lang.RuntimeException: the services are closed 1")},
	{"FLINK-JOB-DUPLICATE", jmFails("org.apache.flink.runtime.client.DuplicateJobSubmissionException: Job has already been submitted."), jmFails("java.lang.RuntimeException: duplicate key 7")},
	{"FLINK-JOB-FRAME", task("java.io.IOException: The rpc invocation size 10485800 exceeds the maximum pekko framesize."), task("java.io.IOException: the invocation size 10 is odd")},
	{"FLINK-JOB-KAFKA", task("org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition."), task("com.acme.PartitionException: This server is full 1")},
	{"FLINK-JOB-NO-SLOTS", all(created(6*m1), thrown("org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum required resources.")), longAgo("org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Could not acquire the minimum required resources.")},
	{"FLINK-JOB-MAIN", mainFails("java.lang.IllegalArgumentException: --topic is missing 1"), task("java.lang.IllegalArgumentException: --topic is missing 1")},
	{"FLINK-JOB-NO-RESTART", all(state("FAILED", m1), failed("org.apache.flink.runtime.JobException", "Recovery is suppressed by NoRestartBackoffTimeStrategy")), task("java.lang.Exception: x 1")},
	{"FLINK-JOB-ATTEMPTS", all(state("FAILED", m1), failed("org.apache.flink.runtime.JobException", "Recovery is suppressed by FixedDelayRestartBackoffTimeStrategy(maxNumberRestartAttempts=3, backoffTimeMS=1000)")), all(state("FAILED", m1), failed("org.apache.flink.runtime.JobException", "Recovery is suppressed by NoRestartBackoffTimeStrategy"))},
	{"FLINK-JOB-TASKMANAGER-LOST", thrown("java.util.concurrent.TimeoutException: Heartbeat of TaskManager with id orders-taskmanager-1-1 timed out."), longAgo("java.util.concurrent.TimeoutException: Heartbeat of TaskManager with id x timed out.")},
	{"FLINK-JOB-RESTARTS", all(task("java.lang.Exception: a 1"), task("java.lang.Exception: a 1"), task("java.lang.Exception: a 1")), task("java.lang.Exception: a 1")},
	{"FLINK-JOB-EXCEPTION", task("com.acme.OrderException: order 7 has no items"), longAgo("com.acme.OrderException: order 7 has no items")},
	{"FLINK-JOB-FAILED", all(state("FAILED", m1), status("lifecycleState", "FAILED")), all(state("FAILED", m1), failed("x.Y", "order 7 is bad"))},
	{"FLINK-JOB-STARTS-SLOWLY", starts(10 * m1), starts(m1)},
	{"FLINK-JM-WATCH", all(starts(2*m1), logged("a watch stream was requested by the client but the required storage feature RequestWatchProgress is disabled")), all(starts(2*m1), logged("a watch stream was closed"))},
	{"FLINK-JM-HA-RIGHTS", jmFails(`io.fabric8.kubernetes.client.KubernetesClientException: configmaps "orders-cluster-config-map" is forbidden: User "system:serviceaccount:prod:flink" cannot get resource "configmaps"`), jmFails("java.lang.RuntimeException: the config 1 is wrong")},
	{"FLINK-JOB-JAR", jmFails("org.apache.flink.util.FlinkException: Could not create the job", "Caused by: java.nio.file.NoSuchFileException: /opt/flink/usrlib/job.jar"), jmFails("java.nio.file.NoSuchFileException: /opt/flink/rules.txt")},
	{"FLINK-JOB-ENTRY", jmFails("org.apache.flink.client.program.ProgramInvocationException: Neither a 'Main-Class', nor a 'program-class' entry was found in the jar file."), jmFails("java.lang.RuntimeException: no main 1")},
	{"FLINK-JOB-ENTRY", all(spec("job.entryClass", "com.acme.Orders"), jmFails("java.lang.ClassNotFoundException: com.acme.Orders")), all(spec("job.entryClass", "com.acme.Orders"), jmFails("java.lang.ClassNotFoundException: com.acme.Codec"))},
	{"FLINK-JOB-LOST", lostJob, all(starts(m1), failure("Job Not Found"))},
	{"FLINK-JOB-LOST", lostJob, all(lostJob, func(f *JobFacts) { f.Flink.Log = nil })}, // its main method may still be on its way
	{"FLINK-JM-NO-HA", all(conf("high-availability.type", nil), spec("jobManager.replicas", int64(2))), spec("jobManager.replicas", int64(2))},
}

var operatorTrials = []trial{
	{"FLINK-OP-IGNORED", all(noStatus, operators(func(o *OperatorFacts) { o.Config = map[string]string{"kubernetes.operator.label.selector": "team=a"} })), all(noStatus, meta("creationTimestamp", before(10*time.Second).Format(time.RFC3339)))},
	{"FLINK-OP-CANARY-JOB", all(noStatus, meta("labels", map[string]any{"flink.apache.org/canary": "true"})), meta("labels", map[string]any{"flink.apache.org/canary": "false"})},
	{"FLINK-SPEC-REJECTED", all(lags, failed("org.apache.flink.kubernetes.operator.exception.ValidationException", "Cannot switch from native mode to standalone")), all(mainFails("org.apache.flink.table.api.ValidationException: SQL validation failed"), lags)},
	{"FLINK-JOB-FINISHED-BLOCKS", all(state("FINISHED", h1), lags), state("FINISHED", h1)},
	{"FLINK-CKPT-LAST-STATE-NONE", all(mode("last-state"), lags, ckpt(func(c *Checkpoints) { *c = Checkpoints{Failed: 5, Config: c.Config} })), all(mode("last-state"), lags)},
	{"FLINK-OP-FETCH", all(sessionJob, status("lifecycleState", "UPGRADING"), spec("job.jarURI", "https://nowhere.invalid/job.jar"), failed(reconciliation, "java.net.UnknownHostException: nowhere.invalid")), all(sessionJob, failed(reconciliation, "java.net.UnknownHostException: kafka-1"))},
	{"FLINK-OP-REST", failed(reconciliation, "java.net.ConnectException: Connection refused: orders-rest.prod/10.1.2.3:8081"), failed(reconciliation, "java.net.ConnectException: Connection refused: kafka/10.1.2.3:9092")},
	{"FLINK-JOB-HA-LOST", all(starts(10*m1), status("jobManagerDeploymentStatus", "MISSING"), failed("org.apache.flink.kubernetes.operator.exception.UpgradeFailureException", "HA metadata is not available to restore from last state. Manual restore required.")), all(starts(10*m1), failed("x.Y", "metadata 7 is not available"))},
	{"FLINK-JOB-HA-LOST", all(starts(m1), status("jobManagerDeploymentStatus", "MISSING"), status("lifecycleState", "FAILED"), failed("org.apache.flink.kubernetes.operator.exception.UpgradeFailureException", "HA metadata is not available to restore from last state.")), all(starts(m1), status("jobManagerDeploymentStatus", "DEPLOYING"), failed("org.apache.flink.kubernetes.operator.exception.UpgradeFailureException", "HA metadata is not available to restore from last state."))},
	{"FLINK-JOB-CLUSTER-EXISTS", all(starts(10*m1), status("jobManagerDeploymentStatus", "MISSING"), failed(reconciliation, `services "orders-rest" already exists`)), all(starts(10*m1), failed(reconciliation, `table "orders" already exists`))},
	{"FLINK-OP-REFUSED", failed(reconciliation, apiRefusal("POST", "api/v1/namespaces/prod/configmaps", `configmaps "flink-config-orders" is forbidden: exceeded quota: small, requested: configmaps=1, used: configmaps=5, limited: configmaps=5`)), failed(reconciliation, apiRefusal("POST", "api/v1/namespaces/prod/configmaps", `configmaps is forbidden: User "system:serviceaccount:op:op" cannot create resource "configmaps" in API group "" in the namespace "prod"`))},
	{"FLINK-OP-SLOW-SERVER", failed(reconciliation, apiRefusal("PUT", "apis/apps/v1/namespaces/prod/deployments/orders", "etcdserver: request timed out")), failed(reconciliation, apiRefusal("PUT", "apis/apps/v1/namespaces/prod/deployments/orders", `Deployment.apps "orders" is invalid: spec.selector: field is immutable`))},
	{"FLINK-OP-SLOW-SERVER", failure(`{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"io.fabric8.kubernetes.client.KubernetesClientException: Operation: [list]  for kind: [Pod]  with name: [null]  in namespace: [prod]  failed.","throwableList":[{"type":"io.fabric8.kubernetes.client.KubernetesClientException","message":"Operation: [list]  for kind: [Pod]  with name: [null]  in namespace: [prod]  failed."},{"type":"java.io.IOException","message":"timeout"}]}`), failed(reconciliation, "java.io.IOException: timeout")},
	{"FLINK-OP-TIMEOUT", failed(reconciliation, "java.util.concurrent.TimeoutException: Invocation of [RemoteRpcInvocation(JobMasterGateway.stopWithSavepoint(String, SavepointFormatType, boolean, Time))] at recipient [pekko.tcp://flink@orders.prod:6123/user/rpc/jobmanager_2] timed out."), failed(reconciliation, "java.util.concurrent.TimeoutException: Heartbeat of 4 s was missed")},
	{"FLINK-OP-TLS", failed(reconciliation, "org.apache.flink.shaded.netty4.io.netty.handler.ssl.NotSslRecordException: not an SSL/TLS record: 4854"), task("javax.net.ssl.SSLHandshakeException: PKIX path building failed")},
	{"FLINK-OP-CONFLICT", failed(statusConflictError, `Status have been modified externally in version 14835 Previous: {"error":null,"reconciliationStatus":{"lastReconciledSpec":"{\"job\":{\"allowNonRestoredState\":null}}"}} Latest: {"error":"{\"message\":\"Cannot map savepoint state\"}"}`), failed(reconciliation, "java.util.ConcurrentModificationException: modified")},
	{"FLINK-OP-PENDING", lags, all(lags, meta("creationTimestamp", before(m1).Format(time.RFC3339)))},
	{"FLINK-OP-CRASH", all(lags, operators(func(o *OperatorFacts) { o.Ready, o.Pods = 0, crashedOperator("flink-kubernetes-operator") })), operators(func(o *OperatorFacts) { o.Pods = []PodFacts{podOf("op-1", "")} })},
	{"FLINK-OP-STOPPED", all(noStatus, operators(func(o *OperatorFacts) { o.Wanted, o.Ready = 0, 0 })), operators(func(o *OperatorFacts) { o.Ready = 0 })},
	{"FLINK-OP-ABSENT", all(noStatus, func(f *JobFacts) { f.Operators = nil }), func(f *JobFacts) { f.Operators, f.Marks[FromOperator] = nil, NotAllowed }},
	{"FLINK-OP-NAMESPACE", all(noStatus, operators(func(o *OperatorFacts) { o.Watched = []string{"other"} })), operators(func(o *OperatorFacts) { o.Watched = []string{"prod"} })},
	{"FLINK-OP-THREAD", operators(threadEnded(LogLine{At: before(2*m1 - 10*time.Millisecond), Text: "INFO x [prod.orders] Deploying application cluster"})), operators(threadEnded(LogLine{At: before(2*m1 - 2*time.Second), Text: "INFO x [prod.orders] Deploying application cluster"}))},
	{"FLINK-OP-THREAD", operators(threadEnded()), operators(threadEnded(LogLine{At: before(m1), Text: "INFO x [prod.orders] Resource fully reconciled"}))},
	{"FLINK-RBAC-OPERATOR", operators(func(o *OperatorFacts) {
		o.Log = []LogLine{{Text: `events is forbidden: User "system:serviceaccount:flink:flink-operator" cannot create resource "events"`}}
	}), operators(func(o *OperatorFacts) {
		o.Log = []LogLine{{Text: `pods is forbidden: User "system:serviceaccount:prod:flink" cannot create resource "pods"`}}
	})},
}

// threadEnded is an operator whose thread ended at the job, and what came later.
func threadEnded(later ...LogLine) func(*OperatorFacts) {
	return func(o *OperatorFacts) {
		o.Log = append([]LogLine{
			{At: before(2 * m1), Text: "INFO x [prod.orders] Deploying application cluster"},
			{At: before(2 * m1), Text: `Exception in thread "pool-7-thread-35" java.lang.NoSuchMethodError: 'void a.B.c()'`},
		}, later...)
	}
}

var snapshotTrials = []trial{
	{"FLINK-SNAP-FORMAT", checkpointing("java.lang.UnsupportedOperationException: Not supported yet."), task("java.lang.UnsupportedOperationException: Not supported yet.")},
	{"FLINK-SNAP-DIR", snap(5*m1, "FAILED", "Either the savepoint path in the spec or configuration state.savepoints.dir in the Flink resource has to be supplied"), snap(5*m1, "COMPLETED", "")},
	{"FLINK-SNAP-SLOW", snap(5*m1, "FAILED", "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint expired before completing."), snap(5*h1, "FAILED", "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint expired before completing.")},
	{"FLINK-SNAP-TASKS", snap(5*m1, "FAILED", "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint triggering task Source (1/2) is not being executed at the moment. Aborting checkpoint."), snap(5*m1, "IN_PROGRESS", "")},
	{"FLINK-SNAP-UNANSWERED", snap(5*m1, "FAILED", "java.util.concurrent.TimeoutException: Invocation of [RemoteRpcInvocation(JobMasterGateway.triggerSavepoint(String))] timed out."), snap(5*m1, "FAILED", "x.Y: the disk 7 timed out")},
	{"FLINK-SNAP-NOT-RUNNING", snap(5*m1, "ABANDONED", "Secondary resource orders (FlinkDeployment) for savepoint orders-1 is not running"), snap(5*m1, "FAILED", "x.Y: the disk 7 is gone")},
	{"FLINK-SNAP-LOST", snap(5*m1, "FAILED", "org.apache.flink.runtime.rest.NotFoundException: There is no savepoint operation with triggerId=1"), snap(5*m1, "FAILED", "java.io.FileNotFoundException: /state/1")},
	{"FLINK-SNAP-OLD-FLINK", snap(5*m1, "FAILED", "Manual checkpoint triggering is not supported for this Flink job (requires Flink 1.17+)"), snap(5*m1, "FAILED", "Manual restore is not supported 1")},
	{"FLINK-SNAP-NO-STATUS", snap(5*m1, "", ""), snap(10*time.Second, "", "")},
	{"FLINK-SNAP-STUCK", all(snap(5*m1, "TRIGGER_PENDING", ""), event1(kindSnapshot, "orders-1", "ValidationError", "Target for snapshot prod/orders-1 was not found", m1)), snap(m1, "TRIGGER_PENDING", "")},
	{"FLINK-SNAP-FINALIZER", snap(h1, "COMPLETED", "", func(o map[string]any) { set(o, "metadata.deletionTimestamp", before(10*m1).Format(time.RFC3339)) }), snap(h1, "COMPLETED", "", func(o map[string]any) {
		set(o, "metadata.deletionTimestamp", before(5*time.Second).Format(time.RFC3339))
	})},
	{"FLINK-SNAP-FAILED", snap(5*m1, "FAILED", "com.acme.Broken: disk 7 is odd"), snap(5*m1, "FAILED", "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint expired before completing.")},
}

var lifecycleTrials = []trial{
	{"FLINK-JOB-SUSPENDED-RUNS", all(suspended, flink(func(f *FlinkFacts) { f.State, f.Tasks = "RUNNING", map[string]int{"RUNNING": 4} })), all(suspended, flink(func(f *FlinkFacts) { f.State = "FINISHED" }))},
	{"FLINK-JOB-DELETE-SAVEPOINT", all(deleting(10*m1), state("RESTARTING", h1), conf("kubernetes.operator.job.savepoint-on-deletion", "true")), all(deleting(10*time.Second), conf("kubernetes.operator.job.savepoint-on-deletion", "true"))},
	{"FLINK-JOB-DELETE-SESSION", all(sessionCluster, deleting(10*m1), func(f *JobFacts) { f.SessionJobs = []string{"a"} }), all(sessionCluster, func(f *JobFacts) { f.SessionJobs = []string{"a"} })},
	{"FLINK-JOB-FINALIZER", deleting(10 * m1), deleting(m1)},
	{"FLINK-JOB-CLUSTER-MISSING", all(sessionJob, func(f *JobFacts) { f.Cluster, f.Marks[FromCluster] = nil, NotThere }), all(sessionJob, func(f *JobFacts) { f.Cluster, f.Marks[FromCluster] = nil, NotAllowed })},
	{"FLINK-JOB-CLUSTER-IS-JOB", all(sessionJob, cluster("spec.job", map[string]any{"jarURI": "local:///x.jar"})), sessionJob},
	{"FLINK-JOB-CLUSTER-DOWN", all(sessionJob, state("RECONCILING", 5*m1), cluster("status.jobManagerDeploymentStatus", "DEPLOYING")), all(sessionJob, state("RECONCILING", 5*m1))},
	{"FLINK-JOB-BLUEGREEN-STUCK", all(blueGreen, status("blueGreenState", "TRANSITIONING_TO_GREEN")), all(blueGreen, status("blueGreenState", "TRANSITIONING_TO_GREEN"), status("lastReconciledTimestamp", before(m1).Format(time.RFC3339)))},
	{"FLINK-JOB-BLUEGREEN-MOVES", all(blueGreen, status("blueGreenState", "SAVEPOINTING_BLUE"), status("lastReconciledTimestamp", before(m1).Format(time.RFC3339))), blueGreen},
	{"FLINK-JOB-ROLLED-BACK", status("lifecycleState", "ROLLED_BACK"), status("lifecycleState", "DEPLOYED")},
	{"FLINK-JOB-CANCELED", state("CANCELED", h1), all(state("CANCELED", h1), status("lifecycleState", "UPGRADING"), status("reconciliationStatus.reconciliationTimestamp", before(m1).UnixMilli()))},
	{"FLINK-JOB-EMPTY-START", restartedEmpty, all(restartedEmpty, flink(func(f *FlinkFacts) { f.Checkpoints.Restored = 1 }))},
	{"FLINK-JOB-EMPTY-START", restartedEmpty, all(restartedEmpty, mode("stateless"))},
	{"FLINK-JOB-JOBMANAGER-GONE", all(state("FINISHED", 30*h1), status("jobManagerDeploymentStatus", "MISSING")), state("FINISHED", h1)},
	{"FLINK-JOB-UPGRADE-HANGS", all(status("lifecycleState", "UPGRADING"), status("reconciliationStatus.reconciliationTimestamp", before(20*m1).UnixMilli())), all(status("lifecycleState", "UPGRADING"), status("reconciliationStatus.reconciliationTimestamp", before(m1).UnixMilli()))},
	{"FLINK-JOB-NO-ENDPOINTS", service(func(s *ServiceFacts) { s.Ready, s.NotReady = 0, 1 }), service(func(s *ServiceFacts) { s.Ready, s.NotReady, s.Created = 0, 1, before(m1) })},
	{"FLINK-JOB-BALANCER", service(func(s *ServiceFacts) { s.Type = "LoadBalancer" }), service(func(s *ServiceFacts) { s.Type, s.Addresses = "LoadBalancer", []string{"1.2.3.4"} })},
	{"FLINK-JOB-INGRESS", service(func(s *ServiceFacts) { s.HasIngress, s.IngressClass, s.Classes = true, "nginx", []string{"traefik"} }), service(func(s *ServiceFacts) {
		s.HasIngress, s.IngressClass, s.IngressAddresses = true, "nginx", []string{"1.2.3.4"}
	})},
	{"FLINK-JOB-TIME", flink(func(f *FlinkFacts) { f.Clock = now.Add(5 * m1) }), flink(func(f *FlinkFacts) { f.Clock = now.Add(3 * time.Second) })},
	{"FLINK-JOB-HPA", all(spec("mode", "standalone"), spec("taskManager.replicas", int64(2)), func(f *JobFacts) { f.HPA = []HPAFacts{{"orders", 1, 4}} }), nothing},
	{"FLINK-HA-SHARED", func(f *JobFacts) { f.Neighbors = []Neighbor{{"test/orders", "s3://state/ha/", "orders"}} }, func(f *JobFacts) { f.Neighbors = []Neighbor{{"test/others", "s3://state/ha", "others"}} }},
}

var specTrials = []trial{
	{"FLINK-SPEC-NAME", meta("name", "orders-with-a-name-that-is-much-too-long-for-its-service"), meta("name", "a-name-that-has-just-forty-five-letters-in-it")},
	{"FLINK-SPEC-ACCOUNT", spec("serviceAccount", nil), nothing},
	{"FLINK-SPEC-REFUSED", spec("taskManager.replicas", int64(0)), spec("taskManager.replicas", int64(1))},
	{"FLINK-SPEC-REFUSED", spec("jobManager.resource.memory", "1 gigs"), spec("jobManager.resource.memory", "1.5Gi")},
	{"FLINK-SPEC-REFUSED", spec("taskManager.resource.ephemeralStorage", "lots"), spec("taskManager.resource.ephemeralStorage", "2Gi")},
	{"FLINK-SPEC-REFUSED", spec("logConfiguration", map[string]any{"log4j.properties": "x"}), spec("logConfiguration", map[string]any{"log4j-console.properties": "x"})},
	{"FLINK-SPEC-REFUSED", spec("ingress", map[string]any{"template": "{{name}}.{{zone}}.example.com"}), spec("ingress", map[string]any{"template": "{{name}}.{{ namespace }}.example.com"})},
	{"FLINK-CONF-UNIT", conf("execution.checkpointing.interval", "10"), conf("execution.checkpointing.interval", "60000")},
	{"FLINK-SPEC-VERSION", spec("flinkVersion", "1.20"), spec("flinkVersion", "v1_19")},
	{"FLINK-SPEC-IMAGE", spec("image", "registry.example.com/flink:1.19.2-java17"), spec("image", "registry.example.com/orders:1.7.3")},
	{"FLINK-SPEC-JAR", spec("job.jarURI", nil), all(spec("job.jarURI", nil), spec("job.entryClass", "com.acme.Job"))},
	{"FLINK-SPEC-CLUSTER", all(sessionJob, spec("deploymentName", nil)), sessionJob},
	{"FLINK-SPEC-CHECKPOINT-DIR", conf("execution.checkpointing.dir", nil), all(conf("execution.checkpointing.dir", nil), conf("state.checkpoints.dir", "s3://a/b"))},
	{"FLINK-SPEC-SAVEPOINT-DIR", conf("execution.checkpointing.savepoint-dir", nil), all(mode("last-state"), conf("execution.checkpointing.savepoint-dir", nil))},
	{"FLINK-SPEC-LAST-STATE", all(mode("last-state"), conf("high-availability.type", "NONE")), mode("last-state")},
	{"FLINK-SPEC-STATELESS", mode("stateless"), all(mode("stateless"), conf("execution.checkpointing.interval", nil))},
	{"FLINK-SPEC-STATELESS-RESUME", all(suspended, mode("stateless")), suspended},
	{"FLINK-SPEC-VOLUME", conf("execution.checkpointing.dir", "file:///flink-data/checkpoints"), all(conf("execution.checkpointing.dir", "file:///flink-data/checkpoints"), mainMounts("/flink-data", "hostPath"))},
	{"FLINK-SPEC-MOUNT", template([]any{map[string]any{"name": mainContainer, "volumeMounts": []any{map[string]any{"name": "d", "mountPath": "/d"}}}}, nil), mainMounts("/d", "hostPath")},
	{"FLINK-SPEC-MAIN-CONTAINER", template([]any{map[string]any{"name": "flink", "env": []any{}}}, nil), template([]any{map[string]any{"name": mainContainer}}, nil)},
	{"FLINK-SPEC-S3", all(conf("execution.checkpointing.dir", "s3a://state/c"), mainMounts("/x", "hostPath", "ENABLE_BUILT_IN_PLUGINS", "flink-s3-fs-presto-1.20.0.jar")), mainMounts("/x", "hostPath", "ENABLE_BUILT_IN_PLUGINS", "flink-s3-fs-presto-1.20.0.jar")},
	{"FLINK-SPEC-S3-STYLE", conf("s3.endpoint", "http://minio:9000"), all(conf("s3.endpoint", "http://minio:9000"), conf("s3.path-style-access", "true"))},
	{"FLINK-SPEC-PARALLELISM", all(spec("mode", "standalone"), spec("taskManager.replicas", int64(1)), spec("job.parallelism", int64(4))), all(spec("mode", "standalone"), spec("taskManager.replicas", int64(2)), spec("job.parallelism", int64(4)))},
	{"FLINK-SPEC-REDEPLOY", spec("job.savepointRedeployNonce", int64(1)), all(spec("job.savepointRedeployNonce", int64(1)), spec("job.initialSavepointPath", "s3://a/b"))},
	{"FLINK-SPEC-RESOURCES", spec("taskManager.resources", map[string]any{"limits": map[string]any{"memory": "2Gi"}}), nothing},
	{"FLINK-SPEC-INGRESS", spec("ingress", map[string]any{"className": "nginx"}), spec("ingress", map[string]any{"template": "{{name}}.example.com"})},
	{"FLINK-SPEC-HA-DIR", conf(haDirKey, nil), all(conf(haDirKey, nil), conf("high-availability.type", nil))},
	{"FLINK-SPEC-ROLLBACK", all(conf("high-availability.type", nil), conf("kubernetes.operator.deployment.rollback.enabled", "true")), conf("kubernetes.operator.deployment.rollback.enabled", "true")},
	{"FLINK-CONF-FORBIDDEN", conf("kubernetes.cluster-id", "x"), conf("kubernetes.jobmanager.replicas", "1")},
	{"FLINK-CONF-UNKNOWN", conf("taskmanager.numberOfTaskSlot", "2"), all(conf("com.acme.orders.topic", "x"), conf("metrics.reporter.prom.prot", "1"), conf("s3.path-style-acess", "x"))},
	{"FLINK-CONF-VALUE", conf("execution.checkpointing.timeout", "10 minuts"), conf("execution.checkpointing.timeout", "10min")},
	{"FLINK-CONF-REMOVED", all(spec("flinkVersion", "v2_0"), spec("image", "flink:2.0"), conf("cluster.evenly-spread-out-slots", "true")), conf("cluster.evenly-spread-out-slots", "true")},
	{"FLINK-CONF-DEPRECATED", conf("state.backend", "rocksdb"), conf("state.backend.type", "rocksdb")},
	{"FLINK-CONF-NO-EFFECT", conf("restart-strategy.fixed-delay.attempts", "3"), all(conf("restart-strategy.type", "fixed-delay"), conf("restart-strategy.fixed-delay.attempts", "3"))},
	{"FLINK-CONF-SECRET", conf("s3.secret-key", "c2VjcmV0a2V5"), conf("s3.secret-key", "${AWS_SECRET_ACCESS_KEY}")},
	{"FLINK-CONF-SAVEPOINT-FORMAT", all(spec("flinkVersion", "v2_0"), spec("image", "flink:2.0")), all(spec("flinkVersion", "v2_0"), spec("image", "flink:2.0"), conf("kubernetes.operator.savepoint.format.type", "NATIVE"))},
	{"FLINK-CONF-CLAIM", conf("execution.state-recovery.claim-mode", "CLAIM"), conf("execution.state-recovery.claim-mode", "NO_CLAIM")},
}

var checkpointTrials = []trial{
	{"FLINK-CKPT-MEMORY-BACKED", failedCheckpoints(3, "Size of the state is larger than the maximum permitted memory-backed state. Size=6000000, maxSize=5242880."), failedCheckpoints(3, "The size 7 is odd")},
	{"FLINK-CKPT-EXPIRED", all(failedCheckpoints(6, "Checkpoint expired before completing."), completed), all(failedCheckpoints(2, "Checkpoint expired before completing."), completed)},
	{"FLINK-CKPT-FAILING", all(failedCheckpoints(6, "Failure to finalize checkpoint."), completed), all(failedCheckpoints(6, "Failure to finalize checkpoint."), completed, completed, completed, completed)}, // over since
	{"FLINK-CKPT-FAILING", all(failedCheckpoints(6, "Failure to finalize checkpoint."), completed), all(failedCheckpoints(6, "Checkpoint triggering task is not being executed at the moment. Aborting checkpoint. Failure reason: Not all required tasks are currently running."), completed)},
	{"FLINK-CKPT-EXPIRED", failedCheckpoints(3, "Checkpoint expired before completing."), failedCheckpoints(3, "Checkpoint was declined.")},
	{"FLINK-CKPT-FINISHED", failedCheckpoints(1, "Some tasks of the job have already finished and checkpointing with finished tasks is not enabled."), failedCheckpoints(1, "Checkpoint was declined.")},
	{"FLINK-CKPT-TOLERABLE", thrown("org.apache.flink.util.FlinkRuntimeException: Exceeded checkpoint tolerable failure threshold."), longAgo("org.apache.flink.util.FlinkRuntimeException: Exceeded checkpoint tolerable failure threshold.")},
	{"FLINK-CKPT-FAILING", failedCheckpoints(4, "Checkpoint was declined."), all(state("RUNNING", m1), failedCheckpoints(4, "Not all required tasks are currently running."))},
	{"FLINK-CKPT-UNFINISHED", underWay(4, 4*m1), underWay(3, 4*m1)},
	{"FLINK-CKPT-UNFINISHED", underWay(4, 2*m1), underWay(4, 30*time.Second)},
	{"FLINK-CKPT-STALLED", ckpt(func(c *Checkpoints) {
		for i := range c.History {
			c.History[i].Triggered = c.History[i].Triggered.Add(-20 * m1)
		}
	}), ckpt(func(c *Checkpoints) { c.Config.Interval = h1; c.History[0].Triggered = before(50 * m1) })},
	{"FLINK-CKPT-NONE", ckpt(func(c *Checkpoints) { *c = Checkpoints{Config: &CheckpointConfig{}} }), ckpt(func(c *Checkpoints) { c.Config = nil })},
	{"FLINK-CKPT-SLOW", ckpt(func(c *Checkpoints) {
		for i := range c.History {
			c.History[i].Duration = 90 * time.Second
		}
	}), ckpt(func(c *Checkpoints) { c.History[0].Duration = 90 * time.Second })},
	{"FLINK-CKPT-ALIGNMENT", ckpt(func(c *Checkpoints) {
		for i := range c.History {
			c.History[i].Duration, c.History[i].Alignment = 40*time.Second, 35*time.Second
		}
	}), ckpt(func(c *Checkpoints) {
		for i := range c.History {
			c.History[i].Duration, c.History[i].Alignment = 40*time.Second, 3*time.Second
		}
	})},
	{"FLINK-CKPT-GROWING", ckpt(func(c *Checkpoints) {
		for i := range c.History {
			c.History[i].State = int64(10-i) * 200 * mib
		}
	}), ckpt(func(c *Checkpoints) { c.History[0].State = 60 * mib })},
	{"FLINK-CKPT-IN-MEMORY", ckpt(func(c *Checkpoints) { c.Config.Storage = "JobManagerCheckpointStorage" }), ckpt(func(c *Checkpoints) { c.Config.Storage, c.Config.Interval = "JobManagerCheckpointStorage", 0 })},
	{"FLINK-CKPT-DROPPED", ckpt(func(c *Checkpoints) { c.Config.Dropped = true }), ckpt(func(c *Checkpoints) { c.Config.Dropped, c.Config.Interval = true, 0 })},
}

// underWay is a checkpoint that some of four subtasks answered in a quarter of a
// second.
func underWay(acked int, age time.Duration) change {
	return ckpt(func(c *Checkpoints) {
		c.History = append([]Checkpoint{{ID: 400, Status: "IN_PROGRESS", Triggered: before(age), Duration: 250 * time.Millisecond, Subtasks: 4, Acked: acked}}, c.History...)
	})
}

var flowTrials = []trial{
	{"FLINK-FLOW-BACKPRESSURE", all(vertex(0, func(v *Vertex) { v.Metrics.Backpressured = 0.8 }), vertex(1, func(v *Vertex) { v.Metrics.Busy, v.Metrics.BusyMean = 0.97, 0.9 })), vertex(1, func(v *Vertex) { v.Metrics.Busy = 0.97 })},
	{"FLINK-FLOW-SKEW", vertex(1, func(v *Vertex) { v.Metrics.Records, v.Metrics.Busy = []int64{199000, 1000}, 0.9 }), vertex(1, func(v *Vertex) { v.Metrics.Records, v.Metrics.Busy = []int64{199, 1}, 0.9 })},
	{"FLINK-FLOW-IDLE", vertex(0, func(v *Vertex) { v.Metrics.SubtasksIdle = 1 }), vertex(0, func(v *Vertex) { v.Metrics.SubtasksIdle, v.Metrics.Out = 2, 0 })},
	{"FLINK-FLOW-WATERMARK", vertex(1, func(v *Vertex) { v.Metrics.WatermarkBefore = v.Metrics.Watermark }), vertex(1, func(v *Vertex) { v.Metrics.WatermarkBefore, v.Metrics.In = v.Metrics.Watermark, 0 })},
	{"FLINK-FLOW-LAG", vertex(0, func(v *Vertex) { v.Metrics.Lag, v.Metrics.LagBefore = 90000, 40000 }), vertex(0, func(v *Vertex) { v.Metrics.Lag, v.Metrics.LagBefore = 40000, 90000 })},
	{"FLINK-AUTO-NO-EFFECT", all(autoscale, func(f *JobFacts) { f.Autoscaler = &AutoscalerFacts{Overrides: map[string]int{"v2": 6}} }), all(autoscale, func(f *JobFacts) { f.Autoscaler = &AutoscalerFacts{Overrides: map[string]int{"v2": 2}} })},
	{"FLINK-AUTO-ERROR", all(autoscale, event1(kindDeployment, "orders", "AutoscalerError", "metrics of v2 are missing", m1)), event1(kindDeployment, "orders", "AutoscalerError", "metrics are missing", m1)},
	{"FLINK-AUTO-INEFFECTIVE", all(autoscale, event1(kindDeployment, "orders", "IneffectiveScaling", "Ineffective scaling detected for v2", m1)), all(autoscale, event1(kindDeployment, "orders", "IneffectiveScaling", "for v2", 20*h1))},
	{"FLINK-AUTO-MEMORY", all(autoscale, event1(kindDeployment, "orders", "MemoryPressure", "Heap usage 0.98 over the threshold 0.9", m1)), autoscale},
	{"FLINK-AUTO-QUOTA", all(autoscale, event1(kindDeployment, "orders", "ResourceQuotaReached", "Resource usage is above the allowed limit", m1)), autoscale},
	{"FLINK-AUTO-MAX", all(autoscale, conf("job.autoscaler.vertex.max-parallelism", "2"), vertex(1, func(v *Vertex) { v.Metrics.Busy = 0.95 })), all(autoscale, vertex(1, func(v *Vertex) { v.Metrics.Busy = 0.95 }))},
	{"FLINK-AUTO-EXCLUDED", all(autoscale, conf("job.autoscaler.vertex.exclude.ids", "v2")), conf("job.autoscaler.vertex.exclude.ids", "v2")},
}

// crashedOperator is an operator's pod whose container ends again and again.
func crashedOperator(name string) []PodFacts {
	f := &JobFacts{Pods: []PodFacts{podOf("operator-1", jobManager)}}
	ended(jobManager, mainContainer, 1, "Error", "java.lang.IllegalStateException: no rights 1")(f)
	f.Pods[0].Pod.Name = name + "-1"
	return f.Pods
}

// all the jobs' trials.
func trials() []trial {
	return slices.Concat(podTrials, memoryTrials, storageTrials, outsideTrials, serviceTrials, podSecurityTrials, processTrials, exceptionTrials, operatorTrials, snapshotTrials, lifecycleTrials, specTrials, checkpointTrials, flowTrials, stuckTrials)
}

// with is a healthy job, changed.
func with(c change) *JobFacts {
	f := healthy()
	c(f)
	return f
}

// found are the rules that have findings, with those that hang on others.
func found(findings []Finding) map[string]Finding {
	out := map[string]Finding{}
	for _, f := range findings {
		out[f.Rule] = f
		maps.Copy(out, found(f.Consequences))
	}
	return out
}

func ids(findings []Finding) []string { return sortedKeys(found(findings)) }

func TestRulesOfJobs(t *testing.T) {
	for _, tr := range trials() {
		t.Run(tr.rule, func(t *testing.T) {
			if _, known := Explain(tr.rule); !known {
				t.Fatal("no such rule")
			}
			findings := Job(with(tr.yes))
			f, ok := found(findings)[tr.rule]
			if !ok {
				t.Fatalf("not found; found are %v", ids(findings))
			}
			check(t, f)
			if rule, _ := Explain(tr.rule); rule.job != nil && findings[0].Rule != tr.rule && f.Severity == Error && findings[0].Severity == Error {
				t.Errorf("%s comes first: %s", findings[0].Rule, findings[0].Means)
			}
			if findings := Job(with(tr.miss)); slices.Contains(ids(findings), tr.rule) {
				t.Errorf("found where it isn't: %+v", found(findings)[tr.rule])
			}
		})
	}
}

// restartedEmpty is a job without high availability that was canceled in Flink and
// that the operator started again, as recorded with operator 1.16.
var restartedEmpty = all(conf("high-availability.type", "NONE"), conf("high-availability.storageDir", nil),
	status("jobStatus.upgradeSavepointPath", "file:/state/checkpoints/3283cd134eef4a6c55bcae7d37a68088/chk-2"),
	status("reconciliationStatus.lastReconciledSpec", `{"spec":{"job":{"upgradeMode":"stateless","state":"running"}},"resource_metadata":{"firstDeployment":false}}`),
	event1("FlinkDeployment", "orders", "JobStatusChanged", "Job status changed from RUNNING to CANCELED", 2*m1))

// cameBack is a JobManager that runs again.
var cameBack = pods(jobManager, func(p *corev1.Pod) {
	p.Status.Conditions[0].Status = corev1.ConditionTrue
	p.Status.ContainerStatuses[0].Ready = true
	p.Status.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
})

// Who has thrown the state away by the spec isn't warned.
func TestStateThatWasGivenUp(t *testing.T) {
	given := event1("FlinkDeployment", "orders", "SpecChanged", "UPGRADE change(s) detected (Diff: FlinkDeploymentSpec[job.upgradeMode : savepoint -> stateless, restartNonce : null -> 1]), starting reconciliation.", m1)
	for _, f := range Job(with(all(restartedEmpty, given))) {
		if f.Rule == "FLINK-JOB-EMPTY-START" && f.Severity != Info {
			t.Errorf("%+v", f)
		}
	}
}

// The number that the state was divided into is in Flink's words.
func TestMaxParallelismOfTheState(t *testing.T) {
	for said, want := range map[string]string{
		"java.lang.IllegalStateException: The maximum parallelism (128) with which the latest checkpoint was taken is lower than the parallelism 200":                                                                                      "lower spec.job.parallelism",
		"java.lang.IllegalStateException: The maximum parallelism (128) with which the latest checkpoint of the execution job vertex x has been taken and the current maximum parallelism (64) changed. This is currently not supported.":  "to 128 again",
		"java.lang.IllegalStateException: Max parallelism mismatch between checkpoint/savepoint state and new program. Cannot map operator 20ba with max parallelism 720 to new program with max parallelism 64. This cannot be restored.": "to 720 again",
	} {
		found := Job(with(all(starts(10*m1), noTaskManager, ended(jobManager, mainContainer, 1, "Error", said))))
		if len(found) == 0 || found[0].Rule != "FLINK-JOB-MAX-PARALLELISM" || !strings.Contains(found[0].Cures[0].Text, want) {
			t.Errorf("%s: %+v", said, found)
		}
	}
}

// lostJob is a job that failed for good as it started, as recorded with operator
// 1.16 and Flink 1.20.
var lostJob = lostWith("java.lang.Exception: x 1")

func lostWith(log string) change {
	return all(starts(10*m1), noTaskManager, failure("Job Not Found"), ended(jobManager, mainContainer, 1, "Error", log), cameBack, logged("2026-11-29 12:52:31,193 WARN  org.apache.flink.runtime.dispatcher.StandaloneDispatcher     [] - Ignoring JobGraph submission 'orders' (39691835b8090534c6b1e3204fbec127) because the job already reached a globally-terminal state (i.e. FAILED, CANCELED, FINISHED) in a previous execution."))
}

// A lost job is told what starts it again, and why it failed is reported first.
func TestALostJobIsStartedAgain(t *testing.T) {
	ran := status("jobStatus.startTime", "1795954848287")
	for name, c := range map[string]struct {
		change change
		want   string
	}{
		"it ran":                                {ran, "kubectl flink restore orders --from latest --no-savepoint -n prod"},
		"it never, but has state to start from": {all(status("jobStatus.updateTime", nil), status("jobStatus.state", "RECONCILING"), spec("job.initialSavepointPath", "s3://state/savepoints/a b")), "kubectl flink restore orders --from 's3://state/savepoints/a b' --no-savepoint -n prod"},
		"its pod was replaced": {all(ran, pods(jobManager, func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].RestartCount, p.Status.ContainerStatuses[0].LastTerminationState = 0, corev1.ContainerState{}
		})), "kubectl flink restore orders --from latest --no-savepoint -n prod"},
		"it never": {all(status("jobStatus.updateTime", nil), status("jobStatus.startTime", nil), status("jobStatus.state", "RECONCILING")), "kubectl flink restart orders --lose-state -n prod"},
	} {
		t.Run(name, func(t *testing.T) {
			found := Job(with(all(lostJob, c.change)))
			if len(found) == 0 || found[0].Rule != jobLost || found[0].Cures[0].Command != c.want {
				t.Errorf("%+v", found)
			}
		})
	}
	neverUp := all(status("jobStatus.updateTime", nil), status("jobStatus.state", "RECONCILING"), status("jobManagerDeploymentStatus", "ERROR"), failure("JobManager deployment is missing and HA metadata is not available to make stateful upgrades. It is possible that the job has finished or terminally failed, or the configmaps have been deleted.Manual restore required."))
	if found := Job(with(neverUp)); len(found) == 0 || found[0].Rule != "FLINK-JOB-HA-LOST" || found[0].Cures[0].Command != "kubectl flink restart orders --lose-state -n prod" {
		t.Errorf("%+v", found)
	}
	noPlugin := "org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop, flink-s3-fs-presto."
	found := Job(with(all(lostWith(noPlugin), ran)))
	if len(found) == 0 || found[0].Rule != "FLINK-FS-PLUGIN" || len(found[0].Consequences) == 0 || found[0].Consequences[0].Rule != jobLost {
		t.Fatalf("%+v", found)
	}
	if cures := found[0].Cures; cures[len(cures)-1].Command != "kubectl flink restore orders --from latest --no-savepoint -n prod" {
		t.Errorf("%+v", cures)
	}
}

// completed is a checkpoint that was completed just now.
var completed = ckpt(func(c *Checkpoints) {
	c.History = append([]Checkpoint{{ID: 300, Status: "COMPLETED", Triggered: before(time.Second), Duration: time.Second, Subtasks: 4, Acked: 4}}, c.History...)
	c.Completed++
})

// Where one key has all records, more parallelism isn't advised.
func TestPressureOfASkewedKey(t *testing.T) {
	slow := all(vertex(0, func(v *Vertex) { v.Metrics.Backpressured = 1 }), vertex(1, func(v *Vertex) { v.Metrics.Busy, v.Metrics.BusyMean = 1, 0.5 }))
	for name, c := range map[string]struct {
		change change
		want   string
	}{
		"spread": {slow, "give the job more parallelism"},
		"skewed": {all(slow, vertex(1, func(v *Vertex) { v.Metrics.Records = []int64{47343, 0} })), "more parallelism doesn't help"},
	} {
		t.Run(name, func(t *testing.T) {
			found := Job(with(c.change))
			if len(found) == 0 || found[0].Rule != "FLINK-FLOW-BACKPRESSURE" || !strings.Contains(found[0].Cures[0].Text, c.want) {
				t.Errorf("%+v", found)
			}
		})
	}
}

// bucketGone is what a JobManager logs of a checkpoint.
var bucketGone = []string{
	"2026-11-29 10:57:48,121 WARN  org.apache.flink.runtime.checkpoint.CheckpointFailureManager [] - Failed to trigger or complete checkpoint 8 for job 594eb5f1b3ab7b8eeb91c7c299a4e00a. (0 consecutive failed attempts so far)",
	"org.apache.flink.runtime.checkpoint.CheckpointException: Failure to finalize checkpoint.",
	"    at org.apache.flink.runtime.checkpoint.CheckpointCoordinator.finalizeCheckpoint(CheckpointCoordinator.java:1478) ~[flink-dist-1.20.5.jar:1.20.5]",
	"    ... 6 more",
	"Caused by: com.amazonaws.services.s3.model.AmazonS3Exception: The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket)",
	"    at com.amazonaws.http.AmazonHttpClient$RequestExecutor.handleErrorResponse(AmazonHttpClient.java:1912) ~[?:?]",
}

// What kept a JobManager from starting is over once the job runs.
func TestAStartThatSucceededSince(t *testing.T) {
	crashed := ended(jobManager, mainContainer, 1, "Error", `io.fabric8.kubernetes.client.KubernetesClientException: configmaps "orders-cluster-config-map" is forbidden: User "system:serviceaccount:prod:flink" cannot get resource "configmaps"`)
	for _, f := range Job(with(all(state("RUNNING", 5*m1), crashed, cameBack))) {
		if f.Rule == "FLINK-JM-HA-RIGHTS" {
			t.Errorf("%s: %s", f.Rule, f.Means)
		}
	}
}

// What befell the job before the newest spec was carried out is no finding about
// the job that runs since.
func TestWhatIsOutdatedDoesNotCount(t *testing.T) {
	evicted := event1("Pod", "orders-taskmanager-1-1", "Evicted", `Usage of EmptyDir volume "tmp" exceeds the limit "1Gi".`, 2*m1)
	failed := event1("FlinkDeployment", "orders", "JobException", "java.lang.IllegalArgumentException: --topic is missing", 2*m1)
	carriedOut := status("reconciliationStatus.reconciliationTimestamp", before(m1).UnixMilli())
	for name, c := range map[string]change{"evicted": evicted, "failed": failed} {
		if worst := Job(with(c)); len(worst) == 0 || worst[0].Severity == Info {
			t.Errorf("%s: nothing found before the change", name)
		}
		for _, f := range Job(with(all(c, carriedOut))) {
			if f.Severity != Info {
				t.Errorf("%s: %s: %s", name, f.Rule, f.Means)
			}
		}
	}
}
