package diagnosis

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
)

// logOf is a log's lines as they are read.
func logOf(lines ...string) []string {
	var out []string
	for _, line := range lines {
		out = append(out, logs.Plain(line)...)
	}
	return out
}

// keyed is the restore of a keyed operator that fails.
func keyed(cause string) change {
	return thrown("java.lang.Exception: Exception while creating StreamOperatorStateContext.\n\tat org.apache.flink.streaming.runtime.tasks.StreamTask.restoreInternal(StreamTask.java:741)\nCaused by: org.apache.flink.util.FlinkException: Could not restore keyed state backend for WindowOperator_0a44_(1/2) from any of the 1 provided restore options.\n\tat a.b(C.java:1)\nCaused by: " + cause)
}

// entrypoint is a JobManager that doesn't start.
func entrypoint(cause string) change {
	return jmFails(strings.Split("2026-06-01 11:59:00,000 ERROR org.apache.flink.runtime.entrypoint.ClusterEntrypoint [] - Could not start cluster entrypoint KubernetesApplicationClusterEntrypoint.\norg.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize the cluster entrypoint\n\tat org.apache.flink.runtime.entrypoint.ClusterEntrypoint.startCluster(ClusterEntrypoint.java:255)\nCaused by: "+cause, "\n")...)
}

// workerFails is a TaskManager that ends by itself.
func workerFails(lines ...string) change {
	return all(created(2*m1), ended(taskManager, mainContainer, 1, "Error", lines...))
}

// begun is a pod of whose init containers the first runs for minutes.
func begun(role string, always bool, names ...string) change {
	return pods(role, func(p *corev1.Pod) {
		unready(p)
		p.CreationTimestamp, p.Status.Phase = stamp(8*m1), corev1.PodPending
		for i, name := range names {
			c, s := corev1.Container{Name: name, Image: "init:1"}, awaits(name, "PodInitializing")
			if i == 0 {
				s = corev1.ContainerStatus{Name: name, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: stamp(7 * m1)}}}
				if always {
					policy, started := corev1.ContainerRestartPolicyAlways, false
					c.RestartPolicy, s.Started = &policy, &started
				}
			}
			p.Spec.InitContainers, p.Status.InitContainerStatuses = append(p.Spec.InitContainers, c), append(p.Status.InitContainerStatuses, s)
		}
		p.Status.ContainerStatuses = []corev1.ContainerStatus{awaits(mainContainer, "PodInitializing")}
	})
}

// deleted is a pod that was to be gone some time ago.
func deleted(role string, ago time.Duration) change {
	return pods(role, func(p *corev1.Pod) {
		unready(p)
		at := stamp(ago)
		p.DeletionTimestamp = &at
	})
}

const (
	apiRefuses  = "io.fabric8.kubernetes.client.KubernetesClientException: Operation: [get]  for kind: [Service]  with name: [orders-rest]  in namespace: [prod]  failed.\n\tat a.b(C.java:1)\nCaused by: java.net.ConnectException: Failed to connect to /10.96.0.1:443"
	lostKeeper  = "org.apache.flink.shaded.curator5.org.apache.curator.CuratorConnectionLossException: KeeperErrorCode = ConnectionLoss"
	notAccepted = "org.apache.flink.runtime.taskexecutor.exceptions.RegistrationTimeoutException: Could not register at the ResourceManager within the specified maximum registration duration PT5M."
)

var stuckTrials = []trial{
	{"FLINK-JM-API", entrypoint(apiRefuses), entrypoint("java.net.ConnectException: Failed to connect to /10.0.0.1:9000")},
	{"FLINK-JM-ZOOKEEPER", entrypoint(lostKeeper), entrypoint("org.apache.zookeeper.KeeperException$ConnectionLossException: KeeperErrorCode = ConnectionLoss for /hbase")},
	{"FLINK-JM-UNREACHED", workerFails(notAccepted, "\tat a.b(C.java:1)"), workerFails("java.lang.IllegalStateException: Could not register the reporter", "\tat a.b(C.java:1)")},
	{"FLINK-POD-INIT-WAITS", all(starts(8*m1), noTaskManager, begun(jobManager, false, "wait-for-db")), all(starts(8*m1), noTaskManager, begun(jobManager, false, "wait-for-db"), pods(jobManager, func(p *corev1.Pod) {
		p.Status.InitContainerStatuses[0].State.Running.StartedAt = stamp(m1)
	}))},
	{"FLINK-POD-GOES", all(starts(8*m1), noTaskManager, deleted(jobManager, 7*m1)), all(starts(8*m1), noTaskManager, deleted(jobManager, 10*time.Second))},
	{"FLINK-JOB-CDC", task("org.postgresql.util.PSQLException: ERROR: all replication slots are in use"), task("org.postgresql.util.PSQLException: ERROR: all slots of the hall are taken")},
	{"FLINK-JOB-JAR-BROKEN", mainFails("java.util.zip.ZipException: zip END header not found\n\tat a.b(C.java:1)\nCaused by: java.io.IOException: /opt/flink/usrlib/job.jar"), mainFails("java.util.zip.ZipException: zip END header not found")},
	{"FLINK-STATE-BACKEND", keyed("java.lang.IllegalStateException: Unexpected state handle type, expected one of: [class org.apache.flink.runtime.state.KeyGroupsStateHandle], but found: class org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle."), keyed("java.lang.IllegalStateException: Unexpected type of the key")},
}

func TestReportsOfStarts(t *testing.T) {
	volumes := []string{"label a node", "nodeSelector and affinity"}
	for name, c := range map[string]report{
		"a volume of another zone, as Kubernetes 1.34 says it": {all(jmStarts, unscheduled(jobManager, "0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 node(s) didn't match PersistentVolume's node affinity. no new claims to deallocate, preemption: 0/3")), "FLINK-POD-CLAIM-UNBOUND", "another node or zone", volumes},
		"full nodes where the volume is":                       {all(jmStarts, unscheduled(jobManager, "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't match PersistentVolume's node affinity.")), "FLINK-POD-RESOURCES", "not enough cpu", volumes},
		"a volume that is gone":                                {all(jmStarts, unscheduled(jobManager, "0/1 nodes are available: 1 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s).")), "FLINK-POD-CLAIM-UNBOUND", "isn't there any more", []string{"has no volume"}},
		"a claim that another pod has":                         {all(jmStarts, unscheduled(jobManager, "0/1 nodes are available: 1 node(s) unavailable due to PersistentVolumeClaim with ReadWriteOncePod access mode already in-use by another pod.")), "FLINK-POD-UNSCHEDULED", "allows one pod", nil},
		"pods that it wants to be beside":                      {all(jmStarts, unscheduled(jobManager, "0/2 nodes are available: 2 node(s) didn't match pod affinity rules.")), "FLINK-POD-AFFINITY", "podAffinity", volumes},
		"pods that want it away":                               {all(jmStarts, unscheduled(jobManager, "0/2 nodes are available: 2 node(s) didn't satisfy existing pods anti-affinity rules.")), "FLINK-POD-AFFINITY", "anti-affinity of pods that run there", []string{"of its kind", "preferredDuring"}},
		"a kubelet that pulls too often":                       {all(jmStarts, waiting(jobManager, "ErrImagePull", "pull QPS exceeded")), "FLINK-POD-IMAGE", "pulled later", []string{"imagePullSecrets"}},
		"a layer that is gone":                                 {pullFailing("failed to copy: httpReadSeeker: failed open: content at https://reg/v2/flink/blobs/sha256:1 not found: not found"), "FLINK-POD-IMAGE", "push it again", []string{"no such name"}},
		"a token that isn't given":                             {pullFailing("failed to authorize: failed to fetch anonymous token: unexpected status: 400 Bad Request"), "FLINK-POD-IMAGE", "wants a login", nil},
		"pods that a quota keeps from a job that runs":         {logged(`Could not create pod x, exception: E: Message: pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1. Received status: S`), "FLINK-POD-QUOTA", "edit resourcequota q", nil},
		"an agent that waits for its secret":                   {all(starts(8*m1), noTaskManager, begun(jobManager, false, "vault-agent-init", "fetch")), "FLINK-POD-INIT-WAITS", "logs orders -c vault-agent-init", nil},
		"a TaskManager that waits":                             {all(created(8*m1), begun(taskManager, false, "wait-for-kafka")), "FLINK-POD-INIT-WAITS", "wait-for-kafka", nil},
		"a sidecar before Flink that isn't ready":              {all(starts(8*m1), noTaskManager, begun(jobManager, true, "istio-proxy")), "FLINK-POD-INIT-WAITS", "sidecar istio-proxy", []string{"come to its end"}},
		"a sidecar beside Flink that isn't ready": {all(starts(8*m1), noTaskManager, pods(jobManager, func(p *corev1.Pod) {
			unready(p)
			longUnready(p)
			beside(p)
		}), event1("Pod", jmPod, "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", m1), often, func(f *JobFacts) {
			f.Events[len(f.Events)-1].InvolvedObject.FieldPath = "spec.containers{shipper}"
		}), "FLINK-POD-PROBE", "container shipper", []string{"more CPU"}},
		"an init container in a mesh": {all(starts(3*m1), noTaskManager, initEnded(jobManager, "fetch", 7, "curl: (7) Failed to connect to nexus port 443 after 3 ms: Connection refused"), pods(jobManager, func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy", Image: "proxy:1"})
		})), "FLINK-POD-INIT", "only after init containers", nil},
		"Flink before its mesh": {all(entrypoint(apiRefuses), pods(jobManager, func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy", Image: "proxy:1"})
		})), "FLINK-JM-API", "holdApplicationUntilProxyStarts", nil},
		"no DNS in the pods":                    {entrypoint("io.fabric8.kubernetes.client.KubernetesClientException: An error has occurred.\nCaused by: java.net.UnknownHostException: kubernetes.default.svc: Temporary failure in name resolution"), "FLINK-JM-API", "the cluster's DNS", []string{"how it is spelled", "holdApplication"}},
		"an API server that refuses":            {entrypoint("io.fabric8.kubernetes.client.KubernetesClientException: Failure executing: GET at: https://10.96.0.1:443/api/v1/namespaces/prod/services/orders-rest. Message: Unauthorized. Received status: Status(code=401)"), "FLINK-POD-CRASH", "Unauthorized", []string{"NetworkPolic"}},
		"ZooKeeper that refuses":                {entrypoint("org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.KeeperException$NoAuthException: KeeperErrorCode = NoAuth for /flink/orders"), "FLINK-JM-ZOOKEEPER", "client.acl", []string{"reach each host"}},
		"a port of a reporter":                  {entrypoint("java.lang.RuntimeException: Could not start PrometheusReporter HTTP server on any configured port. Ports: 9249"), "FLINK-JOB-PORT", "9249", nil},
		"a key twice":                           {jmFails("Exception in thread \"main\" org.apache.flink.shaded.snakeyaml.engine.v2.exceptions.DuplicateKeyException: found duplicate key s3.endpoint"), "FLINK-CONF-BROKEN", "s3.endpoint", nil},
		"network memory that isn't there":       {workerFails("java.lang.OutOfMemoryError: Could not allocate enough memory segments for NetworkBufferPool (required (MB): 128, allocated (MB): 92, missing (MB): 36).", "\tat a.b(C.java:1)"), "FLINK-MEM-DIRECT", "direct memory", nil},
		"what isn't Flink, and ends well":       {all(starts(2*m1), noTaskManager, ended(jobManager, mainContainer, 0, "Completed")), "FLINK-POD-CRASH", "entry point starts Flink", nil},
		"a fat jar with signatures":             {mainFails("java.lang.SecurityException: Invalid signature file digest for Manifest main attributes"), "FLINK-JOB-JAR-BROKEN", "*.SF", []string{"size"}},
		"a jar that was cut off":                {jmFails("org.apache.flink.client.program.ProgramInvocationException: Error while opening jar file '/opt/flink/usrlib/job.jar'.", "\tat a.b(C.java:1)", "Caused by: java.util.zip.ZipException: zip END header not found"), "FLINK-JOB-JAR-BROKEN", "its size", []string{"main method"}},
		"Scala of another version":              {mainFails("java.lang.NoSuchMethodError: 'scala.collection.immutable.ArraySeq scala.runtime.ScalaRunTime$.wrapRefArray(java.lang.Object[])'"), "FLINK-JOB-LINKAGE", "_2.12", []string{"build the job and its connectors for Flink"}},
		"no Hadoop":                             {mainFails("java.lang.NoClassDefFoundError: org/apache/hadoop/conf/Configuration"), "FLINK-JOB-CLASS", "HADOOP_CLASSPATH", nil},
		"a statement that ran and met a broker": {mainFails("org.apache.flink.table.api.TableException: Failed to wait job finish\nCaused by: org.apache.flink.runtime.client.JobExecutionException: Job execution failed.\nCaused by: org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [x]"), "FLINK-JOB-KAFKA", "what its user may do", []string{"statement"}},
		"a statement's option":                  {mainFails("org.apache.flink.table.api.ValidationException: Unable to create a sink for writing table 'x'.\nCaused by: java.lang.IllegalArgumentException: Invalid value for option 'sink.parallelism'."), "FLINK-JOB-SQL", "sink.parallelism", nil},
	} {
		t.Run(name, c.hold)
	}
}

func TestReportsOfStates(t *testing.T) {
	for name, c := range map[string]report{
		"classes that are registered in another order": {keyed("com.esotericsoftware.kryo.KryoException: Encountered unregistered class ID: 118"), "FLINK-STATE-SCHEMA", "old types", nil},
		"the same between tasks":                       {task("com.esotericsoftware.kryo.KryoException: Encountered unregistered class ID: 118\n\tat com.esotericsoftware.kryo.Kryo.readClass(K.java:1)"), "FLINK-JOB-EXCEPTION", "118", []string{"state"}},
		"timers of another key":                        {keyed("java.lang.IllegalArgumentException: Tried to initialize restored TimerService with incompatible serializers than those used to snapshot its state."), "FLINK-STATE-SCHEMA", "old types", nil},
		"a serializer that is gone":                    {keyed("java.io.IOException: Could not find class 'com.acme.EventSerializer$Snapshot' in classpath."), "FLINK-JOB-CLASS", "the state has objects of it", []string{"put the library"}},
		"another backend":                              {keyed("java.lang.IllegalStateException: Unexpected state handle type, expected one of: [class org.apache.flink.runtime.state.KeyGroupsStateHandle], but found: class org.apache.flink.runtime.state.IncrementalRemoteKeyedStateHandle."), "FLINK-STATE-BACKEND", "canonical format", nil},
		"a store without a region":                     {checkpointing("com.amazonaws.SdkClientException: Unable to find a region via the region provider chain. Must provide an explicit region in the builder or setup environment to supply a region."), "FLINK-S3-REGION", "s3.region", []string{"another region"}},
		"another service without a region":             {task("software.amazon.awssdk.core.exception.SdkClientException: Unable to load region from any of the providers in the chain\n\tat software.amazon.awssdk.services.kinesis.K.x(K.java:1)"), "FLINK-JOB-EXCEPTION", "region", []string{"s3"}},
		"a key that Alibaba doesn't know":              {checkpointing("com.aliyun.oss.OSSException: The OSS Access Key Id you provided does not exist in our records.\n[ErrorCode]: InvalidAccessKeyId\n[RequestId]: 1"), "FLINK-STORE-DENIED", "fs.oss.accessKeyId", []string{"azure"}},
		"HDFS without a ticket":                        {checkpointing("java.io.IOException: Failed on local exception: org.apache.hadoop.security.AccessControlException: Client cannot authenticate via:[TOKEN, KERBEROS]"), "FLINK-JOB-KERBEROS", "security.kerberos.login", nil},
	} {
		t.Run(name, c.hold)
	}
}

func TestReportsOfServicesOfOthers(t *testing.T) {
	kerberos := []string{"Kerberos", "keytab"}
	for name, c := range map[string]report{
		"a login that the SQL jar has under another name": {task("org.apache.kafka.common.KafkaException: javax.security.auth.login.LoginException: unable to find LoginModule class: org.apache.kafka.common.security.plain.PlainLoginModule\nCaused by: javax.security.auth.login.LoginException: unable to find LoginModule class: org.apache.kafka.common.security.plain.PlainLoginModule"), "FLINK-JOB-CLASS", "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.plain.PlainLoginModule", kerberos},
		"a login that no jar has":                         {task("javax.security.auth.login.LoginException: No LoginModule found for software.amazon.msk.auth.iam.IAMLoginModule"), "FLINK-JOB-CLASS", "IAMLoginModule", append(kerberos, "shaded")},
		"a role that may not read a stream":               {task("software.amazon.awssdk.services.kinesis.model.KinesisException: User: arn:aws:sts::1:assumed-role/x is not authorized to perform: kinesis:GetRecords (Service: Kinesis, Status Code: 400)"), "FLINK-JOB-LOGIN", "user or role", []string{"password"}},
		"a catalog that refuses":                          {mainFails("org.apache.iceberg.exceptions.NotAuthorizedException: Not authorized: Credential verification failed"), "FLINK-JOB-LOGIN", "user and password", []string{"main method"}},
		"a program's own refusal":                         {task("com.acme.ForbiddenException: order 7"), "FLINK-JOB-EXCEPTION", "order 7", []string{"password"}},
		"a database that isn't there":                     {task("org.postgresql.util.PSQLException: FATAL: database \"shop\" does not exist"), "FLINK-JOB-DATABASE", "correct the name", nil},
		"two readers of one id":                           {task("io.debezium.DebeziumException: A slave with the same server_uuid/server_id as this slave has connected to the master; the first event 'bin.1' at 4. Error code: 1236; SQLSTATE: HY000."), "FLINK-JOB-CDC", "'server-id'", nil},
		"a log in another form":                           {mainFails("org.apache.flink.table.api.ValidationException: The MySQL server is configured with binlog_format STATEMENT rather than ROW, which is required for this connector to work properly."), "FLINK-JOB-CDC", "binlog_format=ROW", []string{"statement"}},
		"a right to replicate":                            {task("org.postgresql.util.PSQLException: ERROR: must be superuser or replication role to use replication slots"), "FLINK-JOB-LOGIN", "what that user may do", nil},
		"a record of another schema":                      {task("org.apache.kafka.common.errors.SerializationException: Error deserializing Avro message for id 12\nCaused by: org.apache.avro.AvroTypeException: Found long, expecting union"), "FLINK-JOB-RECORD", "expecting union", nil},
		"a registry that isn't reached":                   {task("org.apache.kafka.common.errors.SerializationException: Error deserializing Avro message for id 12\nCaused by: java.net.ConnectException: Connection refused"), "FLINK-JOB-UNREACHED", "nothing listens there", []string{"a record"}},
		"a table that another locks":                      {task("org.apache.hudi.exception.HoodieLockException: Unable to acquire lock, lock object null"), "FLINK-JOB-WRITERS", "one job write", nil},
	} {
		t.Run(name, c.hold)
	}
}

// What a log says, in the layouts that there are. What follows from a failure isn't
// taken for it.
func TestReportsInLayouts(t *testing.T) {
	const at = "2026-06-01 11:59:00,123 "
	for name, lines := range map[string][]string{
		"a trace in one line, with bars":      {at + "ERROR a.B - Could not start cluster entrypoint X. | org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed |     at a.b(C.java:1) | Caused by: java.net.UnknownHostException: minio.store |      at a.b(C.java:1)"},
		"a trace in one line, with escapes":   {at + `ERROR a.B - Could not start\norg.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed\n\tat a.b(C.java:1)\nCaused by: java.net.UnknownHostException: minio.store\n\tat a.b(C.java:1)`},
		"a trace that is escaped twice":       {`{"time":"2026-06-01T11:59:00.123Z","level":"ERROR","logger":"a.B","msg":"Could not start","exception":"a.b.CException: Failed\\n\\tat a.b(C.java:1)\\nCaused by: java.net.UnknownHostException: minio.store\\n\\tat a.b(C.java:1)"}`},
		"logstash with hashes":                {`{"@timestamp":"2026-06-01T11:59:00.123+00:00","message":"x","logger_name":"a.B","level":"ERROR","stack_trace":"<#1a2b3c4d> o.a.f.r.e.ClusterEntrypointException: Failed\n\tat a.b(C.java:1)\nCaused by: <#2b3c4d5e> java.net.UnknownHostException: minio.store\n\tat a.b(C.java:1)"}`},
		"the root first":                      {"11:59:00.123 [main] ERROR a.B - failed", "java.net.UnknownHostException: minio.store", "\tat a.b(C.java:1)", "Wrapped by: a.b.CException: Failed", "\tat a.b(C.java:1)"},
		"in the text alone":                   {at + "ERROR a.B - Could not start cluster entrypoint: java.net.UnknownHostException: minio.store"},
		"every line a record":                 {at + "ERROR a.B - Could not start", at + "ERROR a.B - java.net.UnknownHostException: minio.store", at + "ERROR a.B - \tat a.b(C.java:1)"},
		"connections that were closed after":  {at + "ERROR a.B - Could not start", "java.net.UnknownHostException: minio.store", "\tat a.b(C.java:1)", at + "WARN  a.B - Error while closing", "java.io.IOException: Stream closed", "\tat a.b(C.java:1)"},
		"hooks that came too late":            {at + "ERROR a.B - Fatal error occurred in the cluster entrypoint.", "java.net.UnknownHostException: minio.store", "\tat a.b(C.java:1)", at + "ERROR a.B - Error while shutting down", "java.lang.IllegalStateException: Cannot add a hook", "\tat a.b(C.java:1)"},
		"a warning long before, in the words": {at + "WARN  a.B - no metrics: java.io.IOException: x", at + "ERROR a.B - Could not start: java.net.UnknownHostException: minio.store", at + "INFO  a.B - stopped"},
	} {
		t.Run(name, report{jmFails(logOf(lines...)...), "FLINK-JOB-UNKNOWN-HOST", "the name minio.store", []string{"closed", "hook"}}.hold)
	}
	for name, c := range map[string]report{
		"an error without its exception": {jmFails(at+"INFO  a.B [] - Starting", at+"ERROR a.B [] - Could not start cluster entrypoint KubernetesApplicationClusterEntrypoint.", at+"INFO  a.B [] - Stopped"), "FLINK-POD-CRASH", "Could not start cluster entrypoint", nil},
		"an error before a time to end":  {all(starts(2*m1), noTaskManager, ended(jobManager, mainContainer, 143, "Error", at+"ERROR a.B [] - an old error", at+"INFO  a.B [] - RECEIVED SIGNAL 15: SIGTERM.")), "FLINK-POD-CRASH", "exit code 143", []string{"an old error"}},
		"log4j's trouble with itself":    {jmFails(at+"INFO  a.B [] - Starting", "ERROR StatusLogger Unable to create file /opt/flink/log/x java.io.IOException: Read-only file system", at+"INFO  a.B [] - Stopped"), "FLINK-POD-CRASH", "exit code 1", []string{"Read-only"}},
	} {
		t.Run(name, c.hold)
	}
}

// What the operator cut off, and what it wrote beyond two causes.
func TestReportsOfCutErrors(t *testing.T) {
	forGood := all(state("FAILED", m1), status("lifecycleState", "FAILED"))
	for name, c := range map[string]report{
		"a text without its end":  {all(starts(m1), noTaskManager, failure(`{"type":"`+reconciliation+`","message":"org.apache.flink.client.deployment.ClusterDeploymentException: Could not create Kubernetes cluster \"orders\".","additionalMetadata":{},"throwableList":[{"type":"io.fabric8.kubernetes.client.KubernetesClientException","message":"Failure executing: POST at: https://10.96.0.1:443/apis/apps/v1/namespaces/prod/deployments. Message: admission webhook \"policy.acme\" denied the request: no team la`)), "FLINK-OP-REFUSED", "policy of webhook policy.acme", []string{`\"`, "throwableList"}},
		"a name without its end":  {all(forGood, failed(reconciliation, "org.apache.flink.runtime.rest.util.RestClientException: [Internal server error., <Exception on server side:\norg.apache.flink.util.FlinkRuntimeException: Could not execute application.\n\tat a.b(C.java:1)\nCaused by: org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: no table x\n\tat org.apache.flink.client.program.PackagedProgram.callMainMethod(P.java:1)\nCaused by: org.apa")), "FLINK-JOB-MAIN", "no table x", []string{"org.apa"}},
		"a trace, written whole":  {all(forGood, failure(asJSON(map[string]any{"type": "org.apache.flink.util.SerializedThrowable", "message": "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy", "stackTrace": "org.apache.flink.util.SerializedThrowable: org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy\n\tat a.b(C.java:1)\nCaused by: java.lang.RuntimeException: x\n\tat a.b(C.java:1)\nCaused by: org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [orders]\n", "throwableList": []any{}}))), "FLINK-JOB-KAFKA", "Not authorized", nil},
		"a snapshot's, cut twice": {snap(5*m1, "FAILED", `{"type":"`+reconciliation+`","message":"org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint Coordinator is suspending.","throwableList":[{"type":"org.apache.flink.runtime.checkpoint.CheckpointException","message":"Checkpoint Coordinator is susp`), "FLINK-SNAP-NOT-RUNNING", "wasn't running", nil},
	} {
		t.Run(name, c.hold)
	}
}

// A job that runs isn't in trouble because pods that it would have liked to have
// were refused.
func TestRefusedPodsOfAJobThatRuns(t *testing.T) {
	f := found(Job(with(logged(`Could not create pod x, exception: E: Message: pods "x" is forbidden: exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1. Received status: S`))))["FLINK-POD-QUOTA"]
	if f.Severity != Warning {
		t.Errorf("it is %q: %+v", f.Severity, f)
	}
}
