package diagnosis

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
)

const deploymentFailed = "org.apache.flink.kubernetes.operator.exception.DeploymentFailedException"

const jmPod = "orders-6d5f49f8d4-5hvl9"

// pullFailing is an image that the kubelet says this of.
func pullFailing(why string) change {
	return all(jmStarts, waiting(jobManager, "ImagePullBackOff", "Back-off pulling image"), event1("Pod", jmPod, "Failed", `Failed to pull image "flink:1.20": `+why, m1))
}

// refusedPod is a pod of the JobManager that the API server refuses.
func refusedPod(why string) change {
	return all(jmStarts, func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", "Error creating: "+why, m1))
}

// mountFailing is a TaskManager that waits, of which an event tells.
func mountFailing(reason, why string) change {
	return all(created(2*m1), waiting(taskManager, "ContainerCreating", ""), event1("Pod", "orders-taskmanager-1-1", reason, why, m1))
}

// endedAs is a TaskManager's pod that its node let go.
func endedAs(reason, why string) change {
	return all(created(2*m1), pods(taskManager, func(p *corev1.Pod) {
		unready(p)
		p.Status.Phase, p.Status.Reason, p.Status.Message, p.Status.ContainerStatuses = corev1.PodFailed, reason, why, nil
	}))
}

// notStarted is a JobManager's container that couldn't be run.
func notStarted(why string) change {
	return all(starts(2*m1), noTaskManager, ended(jobManager, mainContainer, 128, "StartError"), pods(jobManager, func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].LastTerminationState.Terminated.Message = why
	}))
}

const shim = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "

func TestReportsOfStores(t *testing.T) {
	const aws = "\n\tat com.amazonaws.http.AmazonHttpClient.execute(A.java:1)"
	keys := []string{"s3.access-key, s3.secret-key", "s3.endpoint"}
	for name, c := range map[string]report{
		"a store of another authority":      {all(conf("s3.endpoint", "https://minio:9000"), checkpointing("com.amazonaws.SdkClientException: Unable to execute HTTP request: PKIX path building failed"+aws+"\nCaused by: javax.net.ssl.SSLHandshakeException: PKIX path building failed")), "FLINK-S3-AWAY", "trust the authority", []string{"path.style", "check s3.endpoint"}},
		"a store without TLS":               {all(conf("s3.endpoint", "https://minio:9000"), checkpointing("com.amazonaws.SdkClientException: Unable to execute HTTP request: Unsupported or unrecognized SSL message"+aws+"\nCaused by: javax.net.ssl.SSLException: Unsupported or unrecognized SSL message")), "FLINK-S3-AWAY", "doesn't speak TLS", []string{"path.style"}},
		"a certificate without the bucket":  {all(conf("s3.endpoint", "https://s3.corp"), checkpointing("com.amazonaws.SdkClientException: Unable to execute HTTP request: Certificate for <state.s3.corp> doesn't match any of the subject alternative names: [s3.corp]"+aws)), "FLINK-S3-AWAY", "s3.path.style.access", nil},
		"a store that is slow":              {all(conf("s3.endpoint", "http://minio:9000"), checkpointing("com.amazonaws.SdkClientException: Unable to execute HTTP request: Read timed out"+aws)), "FLINK-S3-AWAY", "too slow", []string{"path.style", "check s3.endpoint"}},
		"no credentials, without frames":    {jmFails("org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize", "Caused by: com.amazonaws.SdkClientException: Unable to load AWS credentials from any provider in the chain"), "FLINK-S3-DENIED", "check the keys", []string{"network"}},
		"no role of the node":               {jmFails("org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize", "Caused by: org.apache.hadoop.fs.s3a.auth.NoAwsCredentialsException: : Failed to connect to service endpoint: ", "Caused by: com.amazonaws.SdkClientException: Failed to connect to service endpoint: ", "Caused by: java.net.SocketTimeoutException: connect timed out"), "FLINK-S3-DENIED", "NoAwsCredentialsException", []string{"check s3.endpoint"}},
		"a token that is old":               {checkpointing("software.amazon.awssdk.services.s3.model.S3Exception: The provided token has expired. (Service: S3, Status Code: 400, Request ID: 1)"), "FLINK-S3-DENIED", "check the keys", nil},
		"a bucket that is full":             {checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: null (Service: Amazon S3; Status Code: 403; Error Code: QuotaExceeded)"), "FLINK-JOB-EXCEPTION", "QuotaExceeded", keys},
		"state in an archive":               {restoringState("software.amazon.awssdk.services.s3.model.S3Exception: The operation is not valid for the object's storage class (Service: S3, Status Code: 403)"), "FLINK-JOB-EXCEPTION", "storage class", append(keys, "refuses the credentials")},
		"a container of Azure's":            {checkpointing("org.apache.hadoop.fs.azurebfs.contracts.exceptions.AbfsRestOperationException: Operation failed: \"The specified filesystem does not exist.\", 404, PUT, https://a.dfs.core.windows.net/flink/x, FilesystemNotFound"), "FLINK-S3-BUCKET", "make the bucket", keys},
		"an identity of Azure's":            {jmFails("org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize", "Caused by: org.apache.hadoop.fs.azurebfs.oauth2.X: HttpStatusCode: 400; AADToken: HTTP connection to https://login.microsoftonline.com/x/oauth2/token failed for getting token from AzureAD. Http response: 400 Bad Request"), "FLINK-STORE-DENIED", "Storage Blob Data Contributor", keys},
		"Google's client elsewhere":         {jmFails("org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize", "Caused by: java.io.IOException: ComputeEngineCredentials cannot find the metadata server. This is likely because code is not running on Google Compute Engine.", "Caused by: java.net.UnknownHostException: metadata.google.internal"), "FLINK-POD-CRASH", "metadata.google.internal", []string{"spelled", "getent"}},
		"a queue of the same cloud refuses": {task("software.amazon.awssdk.services.kinesis.model.AccessDeniedException: User: x is not authorized to perform: kinesis:DescribeStream (Service: Kinesis, Status Code: 400)\n\tat software.amazon.awssdk.core.X.y(X.java:1)"), "FLINK-JOB-LOGIN", "kinesis:DescribeStream", keys},
		"a queue of the same cloud is away": {task("com.amazonaws.SdkClientException: Unable to execute HTTP request: Connect to kinesis.eu-west-1.amazonaws.com:443 failed: connect timed out" + aws), "FLINK-JOB-UNREACHED", "/dev/tcp/kinesis.eu-west-1.amazonaws.com/443", keys},
		"a catalog of the same cloud":       {mainFails("software.amazon.awssdk.services.glue.model.AccessDeniedException: x is not authorized to perform: glue:GetDatabase (Service: Glue, Status Code: 400)\n\tat software.amazon.awssdk.services.glue.D.g(D.java:1)"), "FLINK-JOB-LOGIN", "glue:GetDatabase", keys},
		"a connector's own client of S3":    {task("software.amazon.awssdk.services.s3.model.S3Exception: Access Denied (Service: S3, Status Code: 403)\n\tat org.apache.iceberg.aws.s3.S3OutputStream.close(S.java:1)"), "FLINK-S3-DENIED", "credentials of the connector", []string{"check the keys"}},
		"a connector's own client, away":    {task("software.amazon.awssdk.core.exception.SdkClientException: Unable to execute HTTP request: connect timed out: s3.eu-west-1.amazonaws.com: S3\n\tat org.apache.iceberg.aws.s3.S3OutputStream.close(S.java:1)"), "FLINK-S3-AWAY", "doesn't read Flink's s3.endpoint", []string{"path"}},
		"a lake's sink at a checkpoint":     {checkpointing("org.apache.hudi.exception.HoodieIOException: x\nCaused by: com.amazonaws.services.s3.model.AmazonS3Exception: Forbidden (Service: Amazon S3; Status Code: 403)"), "FLINK-S3-DENIED", "credentials of the connector", []string{"(s3.access-key"}},
		"Flink's own at a checkpoint":       {checkpointing("java.io.IOException: Could not flush and close the file system output stream to s3://iceberg/x\nCaused by: com.amazonaws.services.s3.model.AmazonS3Exception: Forbidden (Service: Amazon S3; Status Code: 403)" + aws), "FLINK-S3-DENIED", "(s3.access-key", []string{"of the connector"}},
		"Flink's client of S3 in a task":    {task("java.nio.file.AccessDeniedException: s3a://b/x: Access Denied (Service: Amazon S3; Status Code: 403)\n\tat com.amazonaws.http.A.e(A.java:1)\n\tat org.apache.flink.fs.s3hadoop.common.HadoopFileSystem.create(H.java:1)"), "FLINK-S3-DENIED", "s3.access-key", []string{"connector or catalog"}},
		"no credentials, as Hadoop says it": {checkpointing("java.nio.file.AccessDeniedException: state: org.apache.hadoop.fs.s3a.auth.NoAuthWithAWSException: No AWS Credentials provided by SimpleAWSCredentialsProvider"), "FLINK-S3-DENIED", "check the keys", []string{"owner and mode"}},
		"the bucket in the host's name":     {all(conf("s3.endpoint", "http://minio.store.svc:9000"), checkpointing("com.amazonaws.SdkClientException: Unable to execute HTTP request: state.minio.store.svc\nCaused by: java.net.UnknownHostException: state.minio.store.svc")), "FLINK-S3-AWAY", "s3.path.style.access", []string{"getent"}},
		"an endpoint that isn't there":      {all(conf("s3.endpoint", "minio.store.svc:9000"), checkpointing("java.net.UnknownHostException: minio.store.svc")), "FLINK-S3-AWAY", "check s3.endpoint", []string{"s3.path.style.access"}},
		"a host that is no store's":         {all(conf("s3.endpoint", "http://minio.store.svc:9000"), checkpointing("java.net.UnknownHostException: kafka.store.svc")), "FLINK-JOB-UNKNOWN-HOST", "kafka.store.svc", keys},
		"a bucket of another cloud":         {checkpointing("com.google.cloud.storage.StorageException: The specified bucket does not exist."), "FLINK-S3-BUCKET", "make the bucket", keys},
		"HDFS without Hadoop":               {mainFails("org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 'hdfs'. The scheme is not directly supported by Flink"), "FLINK-FS-PLUGIN", "HADOOP_CLASSPATH", []string{"ENABLE_BUILT_IN_PLUGINS"}},
		"Hadoop without its module":         {mainFails("org.apache.hadoop.fs.UnsupportedFileSystemException: No FileSystem for scheme \"s3\""), "FLINK-FS-PLUGIN", "Hadoop doesn't see Flink's plugins", []string{"ENABLE_BUILT_IN_PLUGINS"}},
		"Flink without its plugin":          {mainFails("org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 'abfs'."), "FLINK-FS-PLUGIN", "ENABLE_BUILT_IN_PLUGINS", []string{"HADOOP_CLASSPATH"}},
		"HDFS that refuses the user":        {jmFails("org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize the cluster entrypoint", "Caused by: org.apache.hadoop.security.AccessControlException: Permission denied: user=flink, access=WRITE, inode=\"/flink\":hdfs:supergroup:drwxr-xr-x"), "FLINK-STATE-WRITE", "HADOOP_USER_NAME", []string{"fsGroup"}},
		"a volume of another owner":         {jmFails("org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize the cluster entrypoint", "Caused by: java.io.IOException: Mkdirs failed to create file:/nas/flink/ha"), "FLINK-STATE-WRITE", "fsGroup", []string{"HADOOP_USER_NAME"}},
		"a database's disk":                 {task("org.postgresql.util.PSQLException: ERROR: could not extend file \"base/1/2\": No space left on device"), "FLINK-JOB-EXCEPTION", "could not extend file", []string{"io.tmp.dirs"}},
		"a name node's disk":                {checkpointing("org.apache.hadoop.ipc.RemoteException: java.io.IOException: No space left on device"), "FLINK-JOB-EXCEPTION", "No space left", []string{"io.tmp.dirs"}},
		"RocksDB's disk":                    {task("org.rocksdb.RocksDBException: While appending to file: /tmp/db/1.sst: No space left on device"), "FLINK-POD-DISK", "io.tmp.dirs", nil},
		"a sink that isn't written yet":     {checkpointing("java.lang.UnsupportedOperationException: Not supported yet.\n\tat com.acme.MySink.snapshotState(MySink.java:9)\n\tat org.apache.flink.streaming.X.y(X.java:1)"), "FLINK-JOB-EXCEPTION", "Not supported yet", []string{"canonical", "NATIVE"}},
		"state that only native ones hold":  {checkpointing("java.lang.UnsupportedOperationException: Not supported yet.\n\tat org.apache.flink.runtime.state.v2.X.y(X.java:9)"), "FLINK-SNAP-FORMAT", "native", nil},
	} {
		t.Run(name, c.hold)
	}
}

// notStartedJob is what a main method gets when what it submits can't be started.
const notStartedJob = "org.apache.flink.runtime.client.JobInitializationException: Could not start the JobMaster.\nCaused by: "

// Files that a start fails at aren't the state's unless they are where it is kept.
func TestReportsOfFiles(t *testing.T) {
	starting := func(cause string) change {
		return jmFails("org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize the cluster entrypoint", "Caused by: "+cause)
	}
	kept := conf(haDirKey, "file:///flink-data/ha")
	blamed := []string{"state directory", "fsGroup"}
	for name, c := range map[string]report{
		"a keystore":                    {starting("java.io.FileNotFoundException: /etc/tls/keystore.jks (Permission denied)"), "FLINK-POD-CRASH", "/etc/tls/keystore.jks", blamed},
		"a temporary directory":         {all(kept, starting("java.nio.file.AccessDeniedException: /flink-tmp/jm_1/blobStorage")), "FLINK-POD-CRASH", "/flink-tmp/jm_1", blamed},
		"the directory of HA":           {all(kept, starting("java.nio.file.AccessDeniedException: /flink-data/ha/orders")), "FLINK-STATE-WRITE", "fsGroup", nil},
		"what that is to be made in":    {all(kept, starting("java.nio.file.AccessDeniedException: /flink-data")), "FLINK-STATE-WRITE", "fsGroup", nil},
		"where checkpoints go":          {mainFails(notStartedJob + "org.apache.flink.util.FlinkRuntimeException: Failed to create checkpoint storage at checkpoint coordinator side.\nCaused by: java.nio.file.AccessDeniedException: /flink-data/checkpoints"), "FLINK-STATE-WRITE", "fsGroup", nil},
		"state of a newer Flink":        {mainFails(notStartedJob + "java.lang.IllegalStateException: Could not restore x\nCaused by: java.io.IOException: Unrecognized checkpoint version number: 5"), "FLINK-STATE-BROKEN", "the image of the Flink that wrote it", nil},
		"the operator's own disk":       {all(sessionJob, state("RECONCILING", 5*m1), failed(reconciliation, "java.io.IOException: No space left on device")), "FLINK-POD-DISK", "artifacts.base.dir", []string{"sizeLimit"}},
		"what HA knows of a checkpoint": {jmFails("org.apache.flink.util.FlinkException: Could not retrieve checkpoint 12 from state handle under checkpointID-0000000000000000012. This indicates that the retrieved state handle is broken.", "Caused by: java.io.FileNotFoundException: No such file or directory: s3://state/ha/orders/completedCheckpoint1a2b"), "FLINK-JM-HA-GRAPH", "is gone", []string{"see what it wrote"}},
		"a program's file":              {mainFails("java.io.FileNotFoundException: /shared/config/app.yaml (No such file or directory)"), "FLINK-JOB-MAIN", "/shared/config/app.yaml", []string{"savepoint", "restore"}},
		"an object of the state":        {restoringState("com.amazonaws.services.s3.model.AmazonS3Exception: The specified key does not exist. (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey)"), "FLINK-STATE-NOT-FOUND", "a file of the state", []string{"no savepoint at that path"}},
		"an object of the program's":    {task("com.amazonaws.services.s3.model.AmazonS3Exception: The specified key does not exist. (Service: Amazon S3; Status Code: 404; Error Code: NoSuchKey)"), "FLINK-JOB-EXCEPTION", "NoSuchKey", []string{"restore"}},
	} {
		t.Run(name, c.hold)
	}
}

func TestReportsOfClasses(t *testing.T) {
	twice, statement := []string{"loaded twice"}, []string{"correct the statement"}
	for name, c := range map[string]report{
		"a number of another type":          {task("java.lang.ClassCastException: class java.lang.Integer cannot be cast to class java.lang.Long (java.lang.Integer and java.lang.Long are in module java.base of loader 'bootstrap')"), "FLINK-JOB-EXCEPTION", "java.lang.Long", twice},
		"a class of the job's, another":     {task("java.lang.ClassCastException: class com.acme.A cannot be cast to class com.acme.B (com.acme.A and com.acme.B are in unnamed module of loader org.apache.flink.util.ChildFirstClassLoader @1)"), "FLINK-JOB-EXCEPTION", "com.acme.B", twice},
		"a class twice, in old Java":        {task("java.lang.ClassCastException: com.acme.E cannot be cast to com.acme.E"), "FLINK-JOB-CAST", "one place only", nil},
		"a class twice, in a field":         {task("java.lang.ClassCastException: cannot assign instance of org.apache.commons.collections.map.LinkedMap to field org.x.K.pending of type org.apache.commons.collections.map.LinkedMap in instance of org.x.K"), "FLINK-JOB-CAST", "one place only", nil},
		"a class that fails to start":       {task("java.lang.NoClassDefFoundError: Could not initialize class com.acme.Holder"), "FLINK-JOB-EXCEPTION", "com.acme.Holder", []string{"class Could", "jar"}},
		"a class with slashes":              {task("java.lang.NoClassDefFoundError: org/apache/avro/Schema"), "FLINK-JOB-CLASS", "org.apache.avro.Schema", []string{"build the job"}},
		"a class that Flink 2 has no more":  {mainFails("java.lang.NoClassDefFoundError: org/apache/flink/streaming/api/functions/source/SourceFunction"), "FLINK-JOB-CLASS", "build the job and its connectors for Flink", []string{"put the library"}},
		"a TaskManager that isn't reached":  {task("org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException: Could not send message [RemoteRpcInvocation(TaskExecutorGateway.submitTask(TaskDeploymentDescriptor, JobMasterId, Time))] to recipient [Actor[pekko.tcp://flink@10.1.2.3:6122/user/rpc/taskmanager_0]], because the recipient is unreachable."), "FLINK-JOB-TASKMANAGER-LOST", "how TaskManagers ended", nil},
		"a TaskManager that doesn't answer": {task("java.lang.Exception: Cannot deploy task Source (1/8) - TaskManager (a) not responding after a rpcTimeout of 10000 ms\nCaused by: java.util.concurrent.TimeoutException: Invocation of [RemoteRpcInvocation(TaskExecutorGateway.submitTask(TaskDeploymentDescriptor, JobMasterId, Time))] at recipient [pekko.tcp://flink@10.0.0.3:6122/user/rpc/taskmanager_0] timed out."), "FLINK-JOB-TASKMANAGER-LOST", "how TaskManagers ended", nil},
		"direct memory of a JobManager":     {jmFails("java.lang.OutOfMemoryError: Direct buffer memory. The direct out-of-memory error has occurred.", "\tat a.b(C.java:1)"), "FLINK-MEM-DIRECT", "jobmanager.memory.off-heap.size", []string{"taskmanager.memory"}},
		"a class that Flink's images lack":  {task("java.lang.NoClassDefFoundError: org/apache/flink/dropwizard/metrics/DropwizardHistogramWrapper"), "FLINK-JOB-CLASS", "put the library into the job's jar", []string{"build the job"}},
		"a class of a connector":            {mainFails("java.lang.ClassNotFoundException: org.apache.flink.connector.kafka.source.KafkaSource"), "FLINK-JOB-CLASS", "flink-sql-connector", []string{"build the job"}},
		"two connectors of one name":        {mainFails("org.apache.flink.table.api.ValidationException: Multiple factories for identifier 'kafka' that implement 'DynamicTableFactory' found in the classpath."), "FLINK-JOB-FACTORIES", "in one jar", statement},
		"no planner":                        {mainFails("org.apache.flink.table.api.TableException: Could not instantiate the executor. Make sure a planner module is on the classpath"), "FLINK-JOB-MAIN", "planner", statement},
		"a date that is none":               {mainFails("java.text.ParseException: Unparseable date: \"2026-13-01\""), "FLINK-JOB-MAIN", "Unparseable date", statement},
		"arguments that are none":           {mainFails("org.apache.commons.cli.ParseException: Missing argument for option: topic"), "FLINK-JOB-MAIN", "Missing argument", statement},
		"a rule of the program's own":       {mainFails("com.acme.ValidationException: rule 7 isn't valid"), "FLINK-JOB-MAIN", "rule 7", statement},
		"a statement that can't be parsed":  {mainFails("org.apache.flink.sql.parser.impl.ParseException: Encountered \"FORM\" at line 1"), "FLINK-JOB-SQL", "correct the statement", nil},
		"a producer that was fenced":        {task("org.apache.kafka.common.errors.ProducerFencedException: There is a newer producer with the same transactionalId which fences the current one."), "FLINK-JOB-KAFKA", "transactionalIdPrefix", []string{"topic exists"}},
		"an id that brokers forgot":         {restoringState("org.apache.kafka.common.errors.InvalidPidMappingException: The producer attempted to use a producer id which is not currently assigned to its transactional id."), "FLINK-JOB-KAFKA", "transactional.id.expiration.ms", []string{"topic exists"}},
		"brokers without a name":            {mainFails("org.apache.kafka.common.KafkaException: Failed to construct kafka consumer\nCaused by: org.apache.kafka.common.config.ConfigException: No resolvable bootstrap urls given in bootstrap.servers"), "FLINK-JOB-KAFKA", "bootstrap.servers", []string{"topic exists"}},
		"a trust store that isn't there":    {mainFails("org.apache.kafka.common.KafkaException: Failed to construct kafka consumer\nCaused by: java.nio.file.NoSuchFileException: /certs/trust.jks"), "FLINK-JOB-KAFKA", "correct the client's properties", []string{"topic exists", "doesn't serve"}},
		"a listener with TLS":               {task("java.lang.OutOfMemoryError: Java heap space\n\tat org.apache.kafka.common.memory.MemoryPool$1.tryAllocate(M.java:30)"), "FLINK-MEM-HEAP", "security.protocol", nil},
		"a heap that is full":               {task("java.lang.OutOfMemoryError: Java heap space\n\tat com.acme.Cache.put(C.java:30)"), "FLINK-MEM-HEAP", "half as much again", []string{"security.protocol"}},
		"a package that Java keeps":         {task("java.lang.reflect.InaccessibleObjectException: Unable to make field private final byte[] java.lang.String.value accessible: module java.base does not \"opens java.lang\" to unnamed module @1"), "FLINK-JOB-MODULES", "--add-opens=java.base/java.lang=ALL-UNNAMED", nil},
		"a name that netty can't resolve":   {task("java.net.UnknownHostException: Failed to resolve 'es.logs' [A(1)] after 2 queries"), "FLINK-JOB-UNKNOWN-HOST", "the name es.logs", nil},
		"a name that Hadoop can't resolve":  {checkpointing("java.net.UnknownHostException: Invalid host name: local host is: (unknown); destination host is: \"nn1\":8020; java.net.UnknownHostException"), "FLINK-JOB-UNKNOWN-HOST", "the name nn1", nil},
		"no name at all":                    {task("java.net.UnknownHostException: Name or service not known"), "FLINK-JOB-EXCEPTION", "Name or service", []string{"the name Name"}},
		"a listener without TLS":            {task("org.apache.kafka.common.errors.SslAuthenticationException: SSL handshake failed\nCaused by: javax.net.ssl.SSLException: Unsupported or unrecognized SSL message"), "FLINK-JOB-KAFKA", "doesn't speak TLS", []string{"truststore"}},
		"a client without a certificate":    {task("org.apache.kafka.common.errors.SslAuthenticationException: SSL handshake failed\nCaused by: javax.net.ssl.SSLHandshakeException: Received fatal alert: bad_certificate"), "FLINK-JOB-KAFKA", "ssl.keystore", []string{"truststore"}},
		"a client that can't be made":       {task("org.apache.kafka.common.KafkaException: Failed to create new KafkaAdminClient\nCaused by: javax.security.auth.login.LoginException: An internal error occurred while retrieving token from callback handler"), "FLINK-JOB-KAFKA", "correct the client's properties", []string{"Kerberos"}},
		"a login of the program's own":      {task("com.acme.LoginException: user x is locked"), "FLINK-JOB-EXCEPTION", "user x is locked", []string{"Kerberos"}},
		"a mechanism that isn't enabled":    {task("org.apache.kafka.common.errors.UnsupportedSaslMechanismException: Client SASL mechanism 'PLAIN' not enabled in the server"), "FLINK-JOB-KAFKA", "security.protocol", []string{"topic exists"}},
		"a pool's parallelism":              {mainFails("java.lang.IllegalArgumentException: max parallelism of the pool cannot be 0"), "FLINK-JOB-MAIN", "the pool", []string{"spec.job.parallelism"}},
		"a bulk request that is too large":  {task("org.elasticsearch.client.ResponseException: method [POST], URI [/_bulk], status line [HTTP/1.1 413 Request Entity Too Large]"), "FLINK-JOB-EXCEPTION", "413", []string{"jar"}},
		"a program's own YAML":              {mainFails("java.lang.RuntimeException: Error parsing YAML configuration of the rules 7"), "FLINK-JOB-MAIN", "of the rules", []string{"Flink can't read"}},
		"a transaction that was aborted":    {task("org.apache.flink.util.FlinkRuntimeException: Committing one of transactions failed\nCaused by: org.apache.kafka.common.errors.InvalidTxnStateException: The producer attempted a transactional operation in an invalid state."), "FLINK-JOB-KAFKA", "transaction.timeout.ms", []string{"topic exists"}},
		"a transaction that isn't begun":    {task("org.apache.kafka.common.errors.TimeoutException: Timeout expired after 60000 milliseconds while awaiting InitProducerId"), "FLINK-JOB-KAFKA", "__transaction_state", []string{"topic exists"}},
		"an id that it may not use":         {task("org.apache.kafka.common.errors.TransactionalIdAuthorizationException: Transactional Id authorization failed."), "FLINK-JOB-KAFKA", "what its user may do", []string{"topic exists"}},
		"rights of another broker":          {task("org.apache.pulsar.client.api.PulsarClientException$AuthorizationException: Client is not authorized to Consume"), "FLINK-JOB-EXCEPTION", "not authorized to Consume", []string{"Kafka"}},
		"a topic that isn't there":          {task("org.apache.kafka.common.errors.UnknownTopicOrPartitionException: This server does not host this topic-partition."), "FLINK-JOB-KAFKA", "topic exists", nil},
	} {
		t.Run(name, c.hold)
	}
}

func TestReportsOfNodes(t *testing.T) {
	login, tmpl := []string{"imagePullSecrets"}, []string{"in the pod template"}
	for name, c := range map[string]report{
		"a pod that its node ended, as Flink logs it": {all(created(2*m1), logged("Worker orders-taskmanager-1-1 is terminated. Diagnostics: Pod terminated, container termination statuses: [], pod status: Failed(reason=Evicted, message=The node was low on resource: ephemeral-storage. )")), "FLINK-POD-EVICTED", "the node's disk was full", []string{"before its containers ran"}},
		"an account that the spec doesn't name":       {all(created(m1), noTaskManager, logged(`Could not create pod x, exception: E: Message: pods is forbidden: User "system:serviceaccount:prod:default" cannot create resource "pods" in API group. Received status: S`)), "FLINK-POD-FORBIDDEN", "service account default may not", []string{"account flink may not", "prod:flink"}},
		"OpenShift's owners":                          {all(created(m1), noTaskManager, logged(`Could not create pod x, exception: E: Message: pods "x" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>. Received status: S`)), "FLINK-POD-FORBIDDEN", "finalizers", []string{"correct spec"}},
		"a ConfigMap of the operator's":               {all(starts(2*m1), noTaskManager, waiting(jobManager, "ContainerCreating", ""), event1("Pod", jmPod, "FailedMount", `MountVolume.SetUp failed for volume "flink-config-volume" : configmap "flink-config-orders" not found`, m1)), "FLINK-POD-CONFIGMAP", "the operator makes it", []string{"correct its name"}},
		"a disk that isn't attached":                  {mountFailing("FailedAttachVolume", `AttachVolume.Attach failed for volume "pvc-1" : rpc error: code = Internal desc = Could not attach volume "vol-1" to node "i-1"`), "FLINK-POD-VOLUME", "the volume's driver", []string{"pod template"}},
		"a pod that Karpenter moved":                  {all(created(2*m1), noTaskManager, event1("Pod", "orders-taskmanager-1-1", "Evicted", "Evicted pod: Underutilized", m1)), "FLINK-POD-EVICTED", "do-not-disrupt", []string{"ask for the memory"}},
		"nodes that aren't ready yet":                 {all(created(m1), unscheduled(taskManager, "0/2 nodes are available: 2 node(s) had untolerated taint {ebs.csi.aws.com/agent-not-ready: }.")), "FLINK-POD-TAINT", "come or go", []string{"add the toleration"}},
		"nodes of a spot pool":                        {all(created(m1), unscheduled(taskManager, "0/2 nodes are available: 2 node(s) had untolerated taint {kubernetes.azure.com/scalesetpriority: spot}.")), "FLINK-POD-TAINT", "add the toleration", []string{"come or go"}},
		"a quota, said by the operator":               {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, failed(deploymentFailed, `pods "orders-1" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1`)), "FLINK-POD-QUOTA", "edit resourcequota team", nil},
		"a policy, said by the operator":              {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, failed(deploymentFailed, `admission webhook "v.k.svc" denied the request: no label team`)), "FLINK-POD-REFUSED", "webhook v.k.svc", nil},
		"what isn't about pods":                       {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, failed(deploymentFailed, `ReplicaSet "orders-6d5f49f8d4" has timed out progressing.`)), "FLINK-JOB-EXCEPTION", "timed out progressing", []string{"refuses"}},
		"a TaskManager that is made twice":            {all(created(m1), noTaskManager, logged(`Could not create pod x, exception: E: Message: pods "x" already exists. Received status: S`)), "FLINK-POD-REFUSED", "asked for again", []string{"refuses", "correct spec"}},
		"an API server that is slow":                  {refusedPod("etcdserver: request timed out"), "FLINK-POD-REFUSED", "asked for again", []string{"refuses", "correct the spec"}},
		"a quota that isn't counted yet":              {refusedPod(`pods "x" is forbidden: status unknown for quota: team, resources: pods`), "FLINK-POD-REFUSED", "asked for again", []string{"correct the spec", "resourcequota"}},
		"an image that begins as root":                {all(starts(2*m1), noTaskManager, waiting(jobManager, "CreateContainerConfigError", "container has runAsNonRoot and image will run as root")), "FLINK-POD-CONTAINER", "runAsUser; Flink's images: 9999", []string{"correct the container"}},
		"a registry without TLS":                      {pullFailing(`failed to do request: Head "https://reg:5000/v2/": http: server gave HTTP response to HTTPS client`), "FLINK-POD-IMAGE", "HTTP without TLS", []string{"imagePullSecrets", "its CA"}},
		"a registry that is broken":                   {pullFailing("unexpected status from HEAD request to https://reg/v2/flink/manifests/1: 503 Service Unavailable"), "FLINK-POD-IMAGE", "doesn't serve the image now", login},
		"a node whose disk is full":                   {pullFailing("failed to extract layer sha256:1: write /var/lib/containerd/x: no space left on device: unknown"), "FLINK-POD-IMAGE", "the node's disk is full", login},
		"an image of an old format":                   {pullFailing(`media type "application/vnd.docker.distribution.manifest.v1+prettyjws" is no longer supported since containerd v2.1`), "FLINK-POD-IMAGE", "push it again", login},
		"a tag that looks like a status":              {pullFailing("failed to resolve reference \"reg:5000/flink:403\": reg:5000/flink:403: not found"), "FLINK-POD-IMAGE", "no such name or tag", login},
		"a status without words":                      {pullFailing("unexpected status code 403"), "FLINK-POD-IMAGE", "imagePullSecrets", nil},
		"an image that isn't signed":                  {all(jmStarts, waiting(jobManager, "SignatureValidationFailed", "image pull failed for reg/flink:1 because the signature validation failed")), "FLINK-POD-IMAGE", "signed", login},
		"an image with a short name":                  {all(jmStarts, waiting(jobManager, "ImageInspectError", `Failed to inspect image "flink": short-name "flink" did not resolve to an alias`)), "FLINK-POD-IMAGE", "docker.io/library", login},
		"a mount onto what it isn't":                  {notStarted(shim + `error during container init: error mounting "/var/lib/kubelet/x" to rootfs at "/opt/flink/conf/x": no such file or directory: unknown`), "FLINK-POD-CONTAINER", "volumeMounts", []string{"build the image"}},
		"a limit that no program fits":                {notStarted(shim + "container init was OOM-killed (memory limit too low?): unknown"), "FLINK-POD-CONTAINER", "memory limit", []string{"build the image"}},
		"a program that isn't there":                  {notStarted(shim + `exec: "/opt/entry.sh": no such file or directory: unknown`), "FLINK-POD-ENTRYPOINT", "build the image", []string{"volumeMounts"}},
		"a container runtime that is slow":            {all(created(2*m1), waiting(taskManager, "CreateContainerError", "context deadline exceeded")), "FLINK-POD-CONTAINER", "slow", tmpl},
		"a network without addresses":                 {mountFailing("FailedCreatePodSandBox", `Failed to create pod sandbox: plugin type="aws-cni" name="aws-cni" failed (add): add cmd: failed to assign an IP address to container`), "FLINK-POD-CONTAINER", "no address left", tmpl},
		"a network plugin that is away":               {mountFailing("FailedCreatePodSandBox", `Failed to create pod sandbox: plugin type="calico" failed (add): stat /var/lib/calico/nodename: no such file or directory`), "FLINK-POD-CONTAINER", "network plugin", tmpl},
		"a driver that isn't installed":               {mountFailing("FailedMount", `MountVolume.MountDevice failed for volume "pvc-1" : driver name efs.csi.aws.com not found in the list of registered CSI drivers`), "FLINK-POD-VOLUME", "install the volume's CSI driver", tmpl},
		"a server that refuses":                       {mountFailing("FailedMount", `MountVolume.SetUp failed for volume "nfs" : mount failed: exit status 32 Output: mount.nfs: access denied by server while mounting nfs:/x`), "FLINK-POD-VOLUME", "lets this node mount it", tmpl},
		"a provider of secrets":                       {mountFailing("FailedMount", `MountVolume.SetUp failed for volume "s" : rpc error: failed to get secretproviderclass prod/aws, error: SecretProviderClass "aws" not found`), "FLINK-POD-VOLUME", "SecretProviderClass and its provider", tmpl},
		"a node that was shut down":                   {endedAs("Terminated", "Pod was terminated in response to imminent node shutdown."), "FLINK-POD-EVICTED", "its node went", []string{"memory"}},
		"a node without healthy devices":              {endedAs("UnexpectedAdmissionError", "Allocate failed due to no healthy devices present; cannot allocate unhealthy devices nvidia.com/gpu"), "FLINK-POD-EVICTED", "was not admitted by its node", []string{"ask for the memory"}},
		"a node that had filled up":                   {endedAs("OutOfcpu", "Node didn't have enough resource: cpu, requested: 1000, used: 3900, capacity: 4000"), "FLINK-POD-EVICTED", "OutOfcpu", []string{"ask for the memory"}},
		"a pod of a higher priority":                  {all(created(2*m1), noTaskManager, event1("Pod", "orders-taskmanager-1-1", "Preempted", "Preempted by pod 12 on node n1", m1)), "FLINK-POD-EVICTED", "priorityClassName", []string{"ask for the memory"}},
		"more of the disk than it may":                {endedAs("Evicted", "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi. "), "FLINK-POD-EVICTED", "ephemeral-storage of the pod template", []string{"ask for the memory"}},
		"a disk that others filled":                   {endedAs("Evicted", "The node was low on resource: ephemeral-storage. Container fluent-bit was using 9Gi, request is 0"), "FLINK-POD-EVICTED", "the node's disk was full", []string{"sizeLimit"}},
		"an eviction without a reason":                {endedAs("Evicted", ""), "FLINK-POD-EVICTED", "why they let it go", []string{"ask for the memory"}},
		"more memory than it asked for":               {endedAs("Evicted", "The node was low on resource: memory. Container flink-main-container was using 2Gi, request is 1Gi"), "FLINK-POD-EVICTED", "ask for the memory", []string{"disk"}},
		"a node that went before an image was wrong": {all(pullFailing("docker.io/library/flink:1.20: not found"), func(f *JobFacts) {
			gone := podOf("orders-6d5f49f8d4-aaaaa", jobManager)
			gone.Pod.Status.Phase, gone.Pod.Status.Reason = corev1.PodFailed, "NodeShutdown"
			gone.Pod.Status.Conditions[0] = corev1.PodCondition{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: stamp(2 * h1)}
			gone.Pod.Status.ContainerStatuses = nil
			f.Pods = append(f.Pods, gone)
		}), "FLINK-POD-IMAGE", "no such name", nil},
		"a quota for priorities":             {refusedPod(`pods "x" is forbidden: insufficient quota to match these scopes: [{PriorityClass In [system-node-critical]}]`), "FLINK-POD-QUOTA", "ResourceQuota for that priority class", []string{"free what it counts"}},
		"a policy that speaks of quota":      {refusedPod(`admission webhook "v.k.svc" denied the request: the label quota-team is missing`), "FLINK-POD-REFUSED", "webhook v.k.svc", []string{"resourcequota"}},
		"a policy about TaskManagers":        {all(created(m1), noTaskManager, logged(`Could not create pod x, exception: E: Message: admission webhook "v.k.svc" denied the request: policies require-quota: x. Received status: S`)), "FLINK-POD-REFUSED", "webhook v.k.svc", []string{"the namespace's quota"}},
		"a webhook that isn't trusted":       {refusedPod(`Internal error occurred: failed calling webhook "x.y": failed to call webhook: Post "https://x.y.svc:443/m": tls: failed to verify certificate: x509: certificate signed by unknown authority`), "FLINK-POD-REFUSED", "caBundle", []string{"pods that are ready"}},
		"the node that fits is cordoned":     {all(jmStarts, unscheduled(jobManager, "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector.")), "FLINK-POD-AFFINITY", "cordoned", []string{"label a node"}},
		"no node fits but the control plane": {all(jmStarts, unscheduled(jobManager, "0/3 nodes are available: 1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }, 2 node(s) didn't match Pod's node affinity/selector.")), "FLINK-POD-AFFINITY", "label a node", []string{"cordoned"}},
		"a pod that a queue holds back": {all(jmStarts, unscheduled(jobManager, "Scheduling is blocked due to non-empty scheduling gates"), pods(jobManager, func(p *corev1.Pod) {
			p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "kueue.x-k8s.io/admission"}}
		})), "FLINK-POD-UNSCHEDULED", "kueue.x-k8s.io/admission", []string{"finds no node"}},
		"a claim that goes": {all(jmStarts, unscheduled(jobManager, `0/3 nodes are available: persistentvolumeclaim "state" is being deleted.`)), "FLINK-POD-UNSCHEDULED", `"state" is being deleted`, []string{"create the claim"}},
	} {
		t.Run(name, c.hold)
	}
}

func TestReportsOfProcesses(t *testing.T) {
	agent := []string{"\tat java.base/jdk.internal.loader.X.y(Unknown Source)", "*** java.lang.instrument ASSERTION FAILED ***", "FATAL ERROR in native method: processing of -javaagent failed, processJavaStart failed"}
	jar := []string{"into the job's jar"}
	for name, c := range map[string]report{
		"an agent without its class":                  {jmFails(append([]string{"Exception in thread \"main\" java.lang.ClassNotFoundException: io.prometheus.jmx.JavaAgent"}, agent...)...), "FLINK-POD-JVM", "io.prometheus.jmx.JavaAgent", jar},
		"an agent whose port is taken":                {jmFails(append([]string{"Exception in thread \"main\" java.lang.reflect.InvocationTargetException", "\tat a.b(C.java:1)", "Caused by: java.net.BindException: Address already in use"}, agent...)...), "FLINK-POD-JVM", "Address already in use", jar},
		"a debugger's port":                           {jmFails("ERROR: transport error 202: bind failed: Address already in use", "ERROR: JDWP Transport dt_socket failed to initialize, TRANSPORT_INIT(510)"), "FLINK-POD-JVM", "bind failed", nil},
		"a JVM that gets no memory":                   {jmFails("# There is insufficient memory for the Java Runtime Environment to continue.", "# Native memory allocation (mmap) failed to map 2147483648 bytes for committing reserved memory."), "FLINK-POD-JVM", "ask for less in spec.jobManager.resource.memory", []string{"doesn't start", "env.java.opts"}},
		"a JVM that knows no option":                  {jmFails("Unrecognized VM option 'UseConcMarkSweepGC'", "Error: Could not create the Java Virtual Machine."), "FLINK-POD-JVM", "env.java.opts", []string{"memory"}},
		"a library that breaks the JVM":               {jmFails("#", "# A fatal error has been detected by the Java Runtime Environment:", "#", "#  SIGSEGV (0xb) at pc=0x1, pid=1, tid=2", "#", "# JRE version: OpenJDK 17", "# Problematic frame:", "# C  [librocksdbjni-linux64.so+0x1]"), "FLINK-POD-NATIVE", "SIGSEGV (0xb) in librocksdbjni-linux64.so+0x1", []string{"see what it wrote"}},
		"an entry point that writes into a ConfigMap": {jmFails("sed: couldn't open temporary file /opt/flink/conf/sedX: Read-only file system", "/docker-entrypoint.sh: line 73: /opt/flink/conf/flink-conf.yaml.tmp: Read-only file system"), "FLINK-POD-CRASH", "ends again and again", []string{"Read-only"}},
		"a volume over Flink's jars":                  {jmFails("Error: Could not find or load main class org.apache.flink.kubernetes.entrypoint.KubernetesApplicationClusterEntrypoint", "Caused by: java.lang.ClassNotFoundException: org.apache.flink.kubernetes.entrypoint.KubernetesApplicationClusterEntrypoint"), "FLINK-POD-JVM", "mount no volume over /opt/flink", []string{"env.java.opts"}},
		"an option that is taken for it":              {jmFails("Error: Could not find or load main class .opts"), "FLINK-POD-JVM", "env.java.opts", []string{"mount no volume"}},
		"an image without JAVA_HOME":                  {jmFails("Please specify JAVA_HOME. Either in Flink config ./conf/flink-conf.yaml or as system-wide JAVA_HOME."), "FLINK-POD-JVM", "JAVA_HOME", nil},
		"scripts that can't divide":                   {jmFails("[ERROR] The execution result is empty.", "[ERROR] Could not get JVM parameters and dynamic configurations properly."), "FLINK-POD-CRASH", "Could not get JVM parameters", nil},
		"another jar than the job's":                  {jmFails("java.lang.RuntimeException: no plugin", "\tat a.b(C.java:1)", "Caused by: java.nio.file.NoSuchFileException: /opt/flink/plugins/x/y.jar"), "FLINK-POD-CRASH", "y.jar", []string{"jarURI"}},
		"a main class that isn't there":               {jmFails("org.apache.flink.client.program.ProgramInvocationException: The program's entry point class 'com.acme.Main' was not found in the jar file.", "\tat a.b(C.java:1)", "Caused by: java.lang.ClassNotFoundException: com.acme.Main"), "FLINK-JOB-ENTRY", "spec.job.entryClass", jar},
		"threads that were stopped after":             {jmFails("2026-06-01 11:59:00,000 ERROR x [] - failed", "java.lang.IllegalStateException: the true cause 1", "\tat a.b(C.java:1)", "2026-06-01 11:59:01,500 WARN y [] - while closing", "java.lang.InterruptedException: sleep interrupted", "\tat a.b(C.java:1)"), "FLINK-POD-CRASH", "the true cause 1", []string{"interrupted"}},
		"a thread that was stopped":                   {jmFails("java.lang.InterruptedException: sleep interrupted", "\tat a.b(C.java:1)"), "FLINK-POD-CRASH", "sleep interrupted", nil},
		"logback's short time":                        {jmFails("11:59:00.000 [main] ERROR x - failed", "java.lang.IllegalStateException: the true cause 1", "\tat a.b(C.java:1) ~[flink-dist.jar:1.20]", "Caused by: java.io.IOException: below it 2", "\t... 4 common frames omitted", "11:59:01.000 [main] INFO x - Caused by nothing"), "FLINK-POD-CRASH", "below it 2", nil},
	} {
		t.Run(name, c.hold)
	}
}

// A container's end is told by its own message where there is no log of it.
func TestReportsOfEndsWithoutLogs(t *testing.T) {
	message := func(text string) change {
		return all(jmFails(), pods(jobManager, func(p *corev1.Pod) { p.Status.ContainerStatuses[0].LastTerminationState.Terminated.Message = text }))
	}
	for name, c := range map[string]report{
		"cut at its beginning":  {message("at org.apache.flink.x.y(Z.java:1)\n2026-06-01 11:59:00,000 ERROR x [] - Could not start cluster entrypoint.\norg.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize\n\tat a.b(C.java:1)\nCaused by: org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop"), "FLINK-FS-PLUGIN", "ENABLE_BUILT_IN_PLUGINS", nil},
		"the JVM's last line":   {message("Terminating due to java.lang.OutOfMemoryError: Java heap space"), "FLINK-MEM-HEAP", "half as much again", nil},
		"nothing of Java's":     {message("Terminating due to a signal"), "FLINK-POD-CRASH", "a signal", nil},
		"a heap that is dumped": {jmFails("java.lang.OutOfMemoryError: Java heap space", "Dumping heap to /tmp/x.hprof ...", "Terminating due to java.lang.OutOfMemoryError: Java heap space"), "FLINK-MEM-HEAP", "half as much again", nil},
	} {
		t.Run(name, c.hold)
	}
}

func TestReportsOfSessionJobs(t *testing.T) {
	fetch := func(uri, why string) change {
		return all(sessionJob, spec("job.jarURI", uri), state("RECONCILING", 5*m1), failed(reconciliation, why))
	}
	for name, c := range map[string]report{
		"a bucket that refuses the operator": {fetch("s3://jars/job.jar", "java.nio.file.AccessDeniedException: s3://jars/job.jar: com.amazonaws.services.s3.model.AmazonS3Exception: Forbidden (Service: Amazon S3; Status Code: 403)"), "FLINK-OP-FETCH", "the operator's own pod", []string{"s3.access-key"}},
		"a filesystem that it doesn't know":  {fetch("s3://jars/job.jar", "org.apache.flink.core.fs.UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop."), "FLINK-OP-FETCH", "operator's own image", []string{"pod template"}},
		"a certificate that it doesn't know": {fetch("https://jars.example.com/job.jar", "javax.net.ssl.SSLHandshakeException: PKIX path building failed: jars.example.com"), "FLINK-OP-FETCH", "trust the certificate of jars.example.com", nil},
		"a main class that isn't there":      {fetch("https://jars.example.com/job.jar", "org.apache.flink.runtime.rest.util.RestClientException: [Internal server error., <Exception on server side:\norg.apache.flink.client.program.ProgramInvocationException: The program's entry point class 'com.acme.Main' was not found in the jar file.\nEnd of exception on server side>]"), "FLINK-JOB-ENTRY", "com.acme.Main", []string{"End of exception"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.hold(t)
			for _, f := range Job(with(c.facts))[1:] {
				t.Errorf("and %s: %s", f.Rule, f.Means)
			}
		})
	}
}

func TestReportsOfState(t *testing.T) {
	leave := []string{"leave the old state out"}
	invalid := "java.io.InvalidClassException: com.acme.F; local class incompatible: stream classdesc serialVersionUID = 1, local class serialVersionUID = 2"
	for name, c := range map[string]report{
		"two versions of a function":    {task("org.apache.flink.streaming.runtime.tasks.StreamTaskException: Cannot instantiate user function.\nCaused by: " + invalid), "FLINK-JOB-LINKAGE", "no second copy", leave},
		"a class of state that changed": {restoringState(invalid), "FLINK-STATE-SCHEMA", "leave the old state out", []string{"second copy"}},
		"a shared file that is gone":    {restoringState("java.io.FileNotFoundException: No such file or directory: s3://state/checkpoints/a/shared/0b1f"), "FLINK-STATE-NOT-FOUND", "a file of the state", []string{"no savepoint at that path"}},
		"a file of a chk that is gone":  {restoringState("java.io.FileNotFoundException: /state/a/chk-12/0b1f (No such file or directory)"), "FLINK-STATE-NOT-FOUND", "a file of the state", []string{"no savepoint at that path"}},
		"no metadata":                   {restoringState("java.io.FileNotFoundException: /state/a/chk-12/_metadata (No such file or directory)"), "FLINK-STATE-NOT-FOUND", "no savepoint at that path", nil},
		"a file of the job's own":       {task("java.io.FileNotFoundException: /shared/in.csv (No such file or directory)"), "FLINK-JOB-EXCEPTION", "/shared/in.csv", []string{"state"}},
		"a class of state that is gone": {restoringState("com.esotericsoftware.kryo.KryoException: Unable to find class: com.acme.Event\nCaused by: java.lang.ClassNotFoundException: com.acme.Event"), "FLINK-JOB-CLASS", "under its old name", append(leave, "into the job's jar")},
	} {
		t.Run(name, c.hold)
	}
}

// What the operator passes on of the job's own end, with causes below causes and
// without frames, isn't the operator's trouble.
func TestReportsOfEnds(t *testing.T) {
	const ser = "org.apache.flink.util.SerializedThrowable"
	ended := func(causes ...string) change {
		var list []any
		for i := len(causes) - 1; i > 0; i-- {
			list = []any{map[string]any{"type": ser, "message": causes[i], "throwableList": list}}
		}
		return all(state("FAILED", m1), status("lifecycleState", "FAILED"), failure(asJSON(map[string]any{"type": ser, "message": causes[0], "throwableList": list})))
	}
	suppressed := "org.apache.flink.runtime.JobException: Recovery is suppressed by FixedDelayRestartBackoffTimeStrategy(maxNumberRestartAttempts=3, backoffTimeMS=1000)"
	operator, keys := []string{"the operator"}, []string{"(s3.access-key"}
	for name, c := range map[string]report{
		"TLS of a sink":               {ended("org.apache.flink.util.FlinkRuntimeException: the sink failed", "javax.net.ssl.SSLHandshakeException: PKIX path building failed: unable to find valid certification path to requested target"), "FLINK-JOB-TLS", "trust the authority", operator},
		"TLS of the API server":       {failed(reconciliation, "io.fabric8.kubernetes.client.KubernetesClientException: Operation: [get]  for kind: [Deployment]  failed.\nCaused by: javax.net.ssl.SSLHandshakeException: PKIX path building failed"), "FLINK-JOB-EXCEPTION", "PKIX", []string{"JobManager"}},
		"a Service's name":            {failed(reconciliation, "java.net.UnknownHostException: orders-rest.prod: Name or service not known"), "FLINK-OP-REST", "cluster's DNS", []string{"NetworkPolic"}},
		"TLS of the operator":         {failed(reconciliation, "javax.net.ssl.SSLHandshakeException: PKIX path building failed"), "FLINK-OP-TLS", "the operator's pod", nil},
		"a coordinator's time-out":    {ended("org.apache.flink.util.FlinkException: Global failure triggered by OperatorCoordinator for 'Source: orders'.", "java.util.concurrent.TimeoutException"), "FLINK-JOB-EXCEPTION", "the job failed: TimeoutException", append(operator, "client.timeout")},
		"a cause below a cause":       {ended(suppressed, "org.apache.flink.util.FlinkRuntimeException: Failed to list subscribed", "org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [orders]"), "FLINK-JOB-KAFKA", "Not authorized", nil},
		"a lake's bucket":             {ended(suppressed, "org.apache.iceberg.exceptions.RuntimeIOException: Failed to write", "software.amazon.awssdk.services.s3.model.S3Exception: Access Denied (Service: S3, Status Code: 403)"), "FLINK-S3-DENIED", "credentials of the connector", keys},
		"a bucket with a lake's name": {ended(suppressed, "java.nio.file.AccessDeniedException: s3a://iceberg/x: com.amazonaws.services.s3.model.AmazonS3Exception: Forbidden (Service: Amazon S3; Status Code: 403)"), "FLINK-S3-DENIED", "(s3.access-key", []string{"credentials of the connector"}},
	} {
		t.Run(name, c.hold)
	}
}
