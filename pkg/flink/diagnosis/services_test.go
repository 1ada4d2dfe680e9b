package diagnosis

import "testing"

var serviceTrials = []trial{
	{"FLINK-MEM-MANAGED", task("org.apache.flink.runtime.memory.MemoryAllocationException: Could not created the shared memory resource of size 20971520. Not enough memory left to reserve from the slot's managed memory."), task("java.io.IOException: 20971520 bytes are not there")},
	{"FLINK-JOB-NULL", task("org.apache.flink.table.api.TableException: Column 'id' is NOT NULL, however, a null value is being written into it. You can set job configuration 'table.exec.sink.not-null-enforcer'='DROP'"), task("java.lang.NullPointerException: 'id' is null")},
	{"FLINK-JOB-KERBEROS", mainFails("java.io.IOException: Login failure for flink@ACME from keytab /etc/k: javax.security.auth.login.LoginException: Unable to obtain password from user"), mainFails("java.io.IOException: Login failed 4 times")},
	{"FLINK-JOB-REGISTRY", task("io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException: Subject 'orders-value' not found.; error code: 40401"), task("org.apache.flink.runtime.rest.util.RestClientException: [not found 4]")},
	{"FLINK-JOB-TLS", task("javax.net.ssl.SSLHandshakeException: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target"), task("java.io.IOException: no certificate of order 4")},
	{"FLINK-JOB-UNREACHED", task("org.postgresql.util.PSQLException: Connection to db.prod.svc:5432 refused.\nCaused by: java.net.ConnectException: Connection refused"), task("org.apache.flink.runtime.io.network.netty.exception.LocalTransportException: Sending the partition request to '10.0.0.3/10.0.0.3:40111' failed.\nCaused by: java.net.ConnectException: Connection refused")},
	{"FLINK-JOB-SERVICE-BUSY", task("java.lang.RuntimeException: HTTP 429 Too Many Requests"), task("java.lang.RuntimeException: order 429 is unknown")},
	{"FLINK-JOB-WRITERS", task("org.apache.iceberg.exceptions.CommitFailedException: Cannot commit: stale table metadata 7"), task("java.lang.RuntimeException: cannot commit order 7")},
	{"FLINK-JOB-SNAPSHOT-GONE", task("java.lang.RuntimeException: The snapshot with id 5 has expired. You can: 1. increase the snapshot expiration time."), task("java.lang.RuntimeException: the offer with id 5 has expired")},
	{"FLINK-JOB-DATABASE", task("org.postgresql.util.PSQLException: ERROR: relation \"orders\" does not exist"), task("java.lang.IllegalStateException: relation \"orders\" does not exist")},
}

var podSecurityTrials = []trial{
	{"FLINK-POD-USER", jmFails("error: failed switching to \"flink\": operation not permitted"), jmFails("error: failed switching to the other table: 4")},
	{"FLINK-POD-NATIVE", ended(taskManager, mainContainer, 134, "Error", "# A fatal error has been detected by the Java Runtime Environment:", "#  SIGSEGV (0xb) at pc=0x1, pid=1, tid=2", "# C  [librocksdbjni.so+0x1]"), ended(taskManager, mainContainer, 134, "Error", "a fatal error in order 4")},
	{"FLINK-JOB-FACTORIES", mainFails("org.apache.flink.table.api.ValidationException: Multiple factories for identifier 'kafka' that implement 'org.apache.flink.table.factories.DynamicTableFactory' found in the classpath."), mainFails("java.lang.IllegalStateException: Multiple factories")},
}

var processTrials = []trial{
	{"FLINK-SNAP-STOPPING", all(state("RECONCILING", 5*m1), failed(reconciliation, "org.apache.flink.runtime.scheduler.stopwithsavepoint.StopWithSavepointStoppingException: A savepoint has been created at: s3://state/savepoints/savepoint-1, but the corresponding job a failed during stopping. The savepoint is consistent, but might have uncommitted transactions.")), all(state("RECONCILING", 5*m1), failed(reconciliation, "org.apache.flink.util.FlinkException: a savepoint was made 4 times"))},
	{"FLINK-JOB-JAR-SIZE", all(sessionJob, state("RECONCILING", 5*m1), failed(reconciliation, "org.apache.flink.runtime.rest.util.RestClientException: File upload failed: HTTP entity too large. Try to raise [rest.server.max-content-length]")), all(sessionJob, state("RECONCILING", 5*m1), failed(reconciliation, "org.apache.flink.runtime.rest.util.RestClientException: File upload failed 4 times"))},
	{"FLINK-JOB-PORT", jmFails("java.net.BindException: Could not start actor system on any port in port range 6123"), jmFails("java.lang.IllegalStateException: any port 6123")},
	{"FLINK-CONF-BROKEN", jmFails("Exception in thread \"main\" java.lang.RuntimeException: Failed to parse YAML configuration", "Caused by: org.snakeyaml.engine.v2.exceptions.ParserException: while parsing a block mapping"), jmFails("java.lang.RuntimeException: failed to parse order 4")},
	{"FLINK-JOB-CLASSLOADER", task("java.lang.IllegalStateException: Trying to access closed classloader. Please check if you store classloaders directly or indirectly in static fields."), task("java.lang.IllegalStateException: closed 4")},
	{"FLINK-STORE-SLOW", checkpointing("java.io.IOException: Could not flush to file and close the file system output stream to s3://state/x\nCaused by: java.net.SocketTimeoutException: Read timed out"), checkpointing("com.acme.SinkException: flush of 4 rows\nCaused by: java.net.SocketTimeoutException: Read timed out")},
	{"FLINK-STORE-READONLY", checkpointing("java.io.IOException: /state/chk-1: Read-only file system"), task("java.io.IOException: the order is read-only")},
}

func TestReportsOfContainersThatAreNotMade(t *testing.T) {
	mounts, logs := []string{"volumeMounts"}, []string{"see what it wrote", "build the image"}
	scheduled := func(why string) change { return all(created(m1), unscheduled(taskManager, why)) }
	for name, c := range map[string]report{
		"a profile that the node doesn't have": {notStarted(shim + `cannot load seccomp profile "/var/lib/kubelet/seccomp/x.json": open: no such file`), "FLINK-POD-CONTAINER", "seccompProfile", mounts},
		"a profile, said by the kubelet":       {all(created(2*m1), waiting(taskManager, "CreateContainerError", "failed to generate container spec: failed to generate apparmor spec opts: apparmor profile not found flink")), "FLINK-POD-CONTAINER", "appArmorProfile", mounts},
		"a user that the image doesn't have":   {notStarted(shim + "unable to find user flink: no matching entries in passwd file"), "FLINK-POD-CONTAINER", "no user flink", mounts},
		"a directory that is closed to it":     {notStarted(shim + `chdir to cwd ("/srv/app") set in config.json failed: permission denied`), "FLINK-POD-CONTAINER", "working directory /srv/app", mounts},
		"a mount below a read-only one":        {notStarted(shim + "mkdir /data/x: read-only file system: unknown"), "FLINK-POD-CONTAINER", "volumeMounts", logs},
		"no capability to change the user":     {jmFails(`error: failed switching to "flink": operation not permitted`), "FLINK-POD-USER", "runAsUser 9999", logs},
		"a port of the node":                   {scheduled("0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports."), "FLINK-POD-UNSCHEDULED", "hostPort", nil},
		"a runtime class that isn't there":     {refusedPod(`pods "x" is forbidden: pod rejected: RuntimeClass "gvisor" not found`), "FLINK-POD-REFUSED", "RuntimeClass gvisor", nil},
		"a planner in the job's jar":           {mainFails("java.lang.IllegalStateException: Multiple factories for identifier 'default' that implements 'org.apache.flink.table.delegation.ExecutorFactory' found in the classpath."), "FLINK-JOB-FACTORIES", "flink-table-planner", nil},
	} {
		t.Run(name, c.hold)
	}
	// Why an autoscaler brings no node stands beside what the scheduler says.
	found := Job(with(all(scheduled("0/3 nodes are available: 3 Insufficient cpu."), event1("Pod", "orders-taskmanager-1-1", "NotTriggerScaleUp", "pod didn't trigger scale-up: 2 max node group size reached", m1))))
	if len(found) == 0 || found[0].Rule != "FLINK-POD-RESOURCES" || len(found[0].Evidence) != 2 || found[0].Evidence[1].Text == "" {
		t.Errorf("%+v", found)
	}
}

func TestReportsOfTheOperatorsWrites(t *testing.T) {
	spec := []string{"correct in the spec"}
	refused := func(path, why string) change { return failed(reconciliation, apiRefusal("POST", path, why)) }
	for name, c := range map[string]report{
		"a status that the CRD doesn't have": {refused("apis/flink.apache.org/v1beta1/namespaces/prod/flinkdeployments/orders/status", `FlinkDeployment.flink.apache.org "orders" is invalid: status.lifecycleState: Unsupported value: "DELETING"`), "FLINK-OP-REFUSED", "CRDs of the operator's release", spec},
		"a namespace that goes":              {refused("api/v1/namespaces/prod/configmaps", `configmaps "x" is forbidden: unable to create new content in namespace prod because it is being terminated`), "FLINK-OP-REFUSED", "is being deleted", spec},
		"a webhook that is away":             {refused("apis/apps/v1/namespaces/prod/deployments", `Internal error occurred: failed calling webhook "policy.linkerd.io": failed to call webhook: Post "https://x.y.svc": dial tcp 10.0.0.1:443: connect: connection refused`), "FLINK-OP-REFUSED", "nothing is wrong with the job", spec},
		"a right on OpenShift":               {refused("apis/apps/v1/namespaces/prod/deployments", `deployments.apps "orders" is forbidden: cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: , <nil>`), "FLINK-OP-REFUSED", "flinkdeployments/finalizers", spec},
		"one that is there":                  {all(starts(m1), refused("apis/apps/v1/namespaces/prod/deployments", `deployments.apps "orders" already exists`)), "FLINK-OP-REFUSED", "whose it is", spec},
		"a field that isn't right":           {refused("apis/apps/v1/namespaces/prod/deployments", `Deployment.apps "orders" is invalid: spec.template.spec.containers[0].volumeMounts[1].name: Not found: "x"`), "FLINK-OP-REFUSED", "correct in the spec", []string{"CRDs"}},
	} {
		t.Run(name, c.hold)
	}
}

func TestReportsOfServices(t *testing.T) {
	network := "\n\tat org.apache.flink.shaded.netty4.io.netty.handler.ssl.SslHandler.x(S.java:1)"
	reach := []string{"reach-look"}
	for name, c := range map[string]report{
		"a log that the server purged":      {task("com.github.shyiko.mysql.binlog.network.ServerException: Cannot replicate because the source purged required binary logs."), "FLINK-JOB-LOG-GONE", "keep its log for longer", nil},
		"a log that isn't there":            {task("io.debezium.DebeziumException: could not find next log; the first event 'binlog.1' at 4. Error code: 1236; SQLSTATE: HY000."), "FLINK-JOB-LOG-GONE", "keep its log for longer", nil},
		"a right that the user lacks":       {task("java.sql.SQLSyntaxErrorException: Access denied; you need (at least one of) the RELOAD or FLUSH_TABLES privilege(s) for this operation"), "FLINK-JOB-LOGIN", "what that user may do", nil},
		"a table that it may not read":      {task("org.postgresql.util.PSQLException: ERROR: permission denied for table orders"), "FLINK-JOB-LOGIN", "what that user may do", nil},
		"a message about rights":            {task("com.acme.OrderException: permission denied for order 4"), "FLINK-JOB-EXCEPTION", "order 4", []string{"password"}},
		"a database that isn't reached":     {task("com.mysql.cj.jdbc.exceptions.CommunicationsException: Communications link failure\n\nThe last packet sent successfully to the server was 0 milliseconds ago.\nCaused by: java.net.ConnectException: Connection timed out"), "FLINK-JOB-UNREACHED", "NetworkPolicy", reach},
		"a service, after Flink's own":      {all(thrown("org.apache.flink.runtime.io.network.netty.exception.LocalTransportException: Sending the partition request to '10.0.0.3/10.0.0.3:40111' failed.\nCaused by: java.net.ConnectException: Connection refused"), thrown("java.net.ConnectException: Connection refused: db.prod.svc:5432")), "FLINK-JOB-UNREACHED", "nothing listens there", nil},
		"an address in a message":           {task("com.mongodb.MongoTimeoutException: Timed out after 30000 ms while waiting for a server that matches X. Client view of cluster state is {servers=[{address=mongo:27017, type=UNKNOWN}"), "FLINK-JOB-UNREACHED", "/dev/tcp/mongo/27017", nil},
		"an address that is no host":        {task("redis.clients.jedis.exceptions.JedisConnectionException: Failed connecting to $(reboot):6379"), "FLINK-JOB-UNREACHED", "NetworkPolicy", reach},
		"a metastore that isn't reached":    {mainFails("org.apache.hadoop.hive.metastore.api.MetaException: Could not connect to meta store using any of the URIs provided. Most recent failure: org.apache.thrift.transport.TTransportException: java.net.ConnectException: Connection refused"), "FLINK-JOB-UNREACHED", "nothing listens there", []string{"NetworkPolicy"}},
		"Flink's own files":                 {task("java.io.IOException: Failed to fetch BLOB 1/p-2 from orders.prod/10.0.0.3:6124 and store it under /tmp/blobStore\nCaused by: java.net.ConnectException: Connection refused"), "FLINK-JOB-EXCEPTION", "BLOB", []string{"NetworkPolicy"}},
		"Flink's own TLS":                   {task("javax.net.ssl.SSLHandshakeException: PKIX path building failed" + network), "FLINK-JOB-EXCEPTION", "PKIX", []string{"trustStore"}},
		"a certificate whose time is over":  {task("sun.security.validator.ValidatorException: PKIX path validation failed\nCaused by: java.security.cert.CertificateExpiredException: NotAfter: Fri Jan 02 00:00:00 UTC 2026"), "FLINK-JOB-TLS", "renewed", []string{"trustStore"}},
		"a certificate of another name":     {task("javax.net.ssl.SSLPeerUnverifiedException: Certificate for <es> doesn't match any of the subject alternative names: [search.prod]"), "FLINK-JOB-TLS", "a name of the server", []string{"trustStore"}},
		"a server that wants a certificate": {task("javax.net.ssl.SSLException: Received fatal alert: certificate_required"), "FLINK-JOB-TLS", "keystore", []string{"trustStore"}},
		"a connection that broke":           {task("javax.net.ssl.SSLException: Connection reset"), "FLINK-JOB-TLS", "own log", []string{"trustStore"}},
		"a truststore that isn't there":     {task("java.lang.RuntimeException: Unexpected error: java.security.InvalidAlgorithmParameterException: the trustAnchors parameter must be non-empty"), "FLINK-JOB-TLS", "isn't in the pod", nil},
		"an authority that isn't known":     {task("javax.net.ssl.SSLHandshakeException: PKIX path building failed: sun.security.provider.certpath.SunCertPathBuilderException: unable to find valid certification path to requested target"), "FLINK-JOB-TLS", "trust the authority", nil},
		"a server without TLS":              {task("javax.net.ssl.SSLException: Unsupported or unrecognized SSL message"), "FLINK-JOB-TLS", "doesn't speak TLS", []string{"trustStore"}},
		"a pool without connections":        {task("java.sql.SQLTransientConnectionException: HikariPool-1 - Connection is not available, request timed out after 30000ms."), "FLINK-JOB-SERVICE-BUSY", "more connections", []string{"reach-look"}},
		"a lookup that takes long":          {task("java.util.concurrent.TimeoutException: Async function call has timed out."), "FLINK-JOB-SERVICE-BUSY", "capacity", nil},
		"an index that is busy":             {task("org.elasticsearch.client.ResponseException: method [POST], host [http://es:9200], URI [/_bulk], status line [HTTP/1.1 503 Service Unavailable]"), "FLINK-JOB-SERVICE-BUSY", "batches", nil},
		"a row twice":                       {task("java.sql.BatchUpdateException: Batch entry 0 was aborted: ERROR: duplicate key value violates unique constraint \"orders_pkey\""), "FLINK-JOB-DATABASE", "upsert", nil},
		"a column that isn't there":         {task("java.sql.BatchUpdateException: ORA-00904: \"X\": invalid identifier"), "FLINK-JOB-DATABASE", "same columns", nil},
		"too many connections":              {task("org.postgresql.util.PSQLException: FATAL: sorry, too many clients already"), "FLINK-JOB-DATABASE", "pool's size", nil},
		"rows that others hold":             {task("com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException: Deadlock found when trying to get lock; try restarting transaction"), "FLINK-JOB-DATABASE", "new try", nil},
		"the job's own words":               {task("java.lang.IllegalArgumentException: name cannot be null"), "FLINK-JOB-EXCEPTION", "cannot be null", []string{"such records"}},
		"a table of Flink's SQL":            {mainFails("org.apache.flink.table.api.ValidationException: SQL validation failed. From line 1, column 15 to line 1, column 20: Object 'orders' not found"), "FLINK-JOB-SQL", "correct the statement", nil},
		"a schema that isn't there":         {task("java.io.IOException: Could not find schema with id 4 in registry\nCaused by: io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException: Schema 4 not found; error code: 40403"), "FLINK-JOB-REGISTRY", "was not deleted", nil},
		"a schema that doesn't fit":         {task("io.confluent.kafka.schemaregistry.client.rest.exceptions.RestClientException: Schema being registered is incompatible with an earlier schema for subject \"orders-value\"; error code: 409"), "FLINK-JOB-REGISTRY", "compatib", nil},
		"no KDC":                            {mainFails("javax.security.auth.login.LoginException: Cannot locate KDC\nCaused by: sun.security.krb5.KrbException: Cannot locate KDC"), "FLINK-JOB-KERBEROS", "krb5.conf", []string{"klist"}},
		"a commit without an answer":        {task("org.apache.iceberg.exceptions.CommitStateUnknownException: Cannot determine whether the commit was successful"), "FLINK-JOB-WRITERS", "whether the commit is in it", []string{"retries"}},
		"a bucket's key that is gone":       {checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: The ciphertext refers to a customer master key that does not exist (Service: Amazon S3; Status Code: 400; Error Code: KMS.NotFoundException)"), "FLINK-S3-DENIED", "another one", []string{"GenerateDataKey"}},
		"a store of state that is slow":     {checkpointing("java.io.IOException: Error accessing gs://state/x\nCaused by: com.google.api.client.googleapis.json.GoogleJsonResponseException: 429 Too Many Requests"), "FLINK-STORE-SLOW", "file-merging", []string{"parallelism of that operator"}},
		"a sink that is slow at the time":   {checkpointing("com.acme.SinkException: flush of 4 rows\nCaused by: java.net.SocketTimeoutException: Read timed out"), "FLINK-JOB-SERVICE-BUSY", "batches", []string{"file-merging"}},
		"a name node that isn't ready":      {checkpointing("org.apache.hadoop.ipc.RemoteException(org.apache.hadoop.hdfs.server.namenode.SafeModeException): Cannot create directory /x. Name node is in safe mode."), "FLINK-STORE-READONLY", "dfsadmin", []string{"emptyDir"}},
		"records that wait too long":        {task("org.apache.flink.util.FlinkRuntimeException: Failed to send data to Kafka orders-0@-1\nCaused by: org.apache.kafka.common.errors.TimeoutException: Expiring 3 record(s) for orders-0:120000 ms has passed since batch creation"), "FLINK-JOB-KAFKA", "delivery.timeout.ms", nil},
		"replicas that aren't in sync":      {task("org.apache.kafka.common.errors.NotEnoughReplicasException: Messages are rejected since there are fewer in-sync replicas than required."), "FLINK-JOB-KAFKA", "min.insync.replicas", nil},
		"no metadata of a topic":            {task("org.apache.kafka.common.errors.TimeoutException: Timeout expired while fetching topic metadata"), "FLINK-JOB-KAFKA", "advertised listeners", nil},
		"a record that Kafka can't read":    {task("org.apache.kafka.common.errors.RecordDeserializationException: Error deserializing key/value for partition orders-0 at offset 5. If needed, please seek past the record to continue consumption."), "FLINK-JOB-RECORD", "skip", nil},
	} {
		t.Run(name, c.hold)
	}
}
