//go:build e2e && long

package e2e

import "testing"

// moreFaults are made for real, too; with those of every run they are more than
// thirty.
var moreFaults = []fault{
	{
		// Stateless: where the API server is slow, operator 1.16 may forget of a job
		// that never ran that it never did, and look for state that there is none of.
		name: "image", job: `{"spec":{"image":"flink:1.20-scala_9","job":{"upgradeMode":"stateless"}}}`,
		rule: "FLINK-POD-IMAGE", says: []string{"flink:1.20-scala_9"},
		cure: patchJob + `'{"spec":{"image":"flink:1.20"}}'`,
	},
	{
		name: "agent", job: configured(`"env.java.opts.jobmanager":"-javaagent:/opt/agents/trace.jar"`),
		rule: "FLINK-POD-JVM", says: []string{"/opt/agents/trace.jar"},
		// The operator looks for state of a job that never came up, if its JobManager
		// has crashed often enough by then.
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"env.java.opts.jobmanager":null}}}' && kubectl flink restart broken -n $NS --lose-state --yes`,
	},
	{
		name: "jar", job: `{"spec":{"job":{"jarURI":"local:///opt/flink/usrlib/orders.jar"}}}`,
		rule: "FLINK-JOB-JAR", says: []string{"/opt/flink/usrlib/orders.jar"},
		cure: patchJob + `'{"spec":{"job":{"jarURI":"local:///opt/flink/examples/streaming/StateMachineExample.jar"}}}' && kubectl flink restart broken -n $NS --lose-state --yes`,
	},
	{
		name: "jm-init", job: `{"spec":{"jobManager":{"podTemplate":{"spec":{"initContainers":[{"name":"migrate","image":"flink:1.20","command":["sh","-c","echo no route to the registry of schemas; exit 7"]}]}}}}}`,
		rule: "FLINK-POD-INIT", says: []string{"migrate", "no route to the registry of schemas"},
		cure: patchJob + `'{"spec":{"jobManager":{"podTemplate":null}}}'`,
	},
	{
		name: "configmap", job: `{"spec":{"podTemplate":{"spec":{"volumes":[{"name":"flink-data","hostPath":{"path":"/var/lib/flink-data","type":"DirectoryOrCreate"}},{"name":"rules","configMap":{"name":"fraud-rules"}}],"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"},{"name":"rules","mountPath":"/rules"}]}]}}}}`,
		rule: "FLINK-POD-CONFIGMAP", says: []string{"fraud-rules"},
		cure: `kubectl create configmap fraud-rules -n $NS --from-literal=a=b`,
	},
	{
		name: "claim", job: `{"spec":{"taskManager":{"podTemplate":{"spec":{"volumes":[{"name":"flink-data","hostPath":{"path":"/var/lib/flink-data","type":"DirectoryOrCreate"}},{"name":"work","persistentVolumeClaim":{"claimName":"work"}}]}}}}}`,
		rule: "FLINK-POD-CLAIM-MISSING", says: []string{"work"},
		cure: patchJob + `'{"spec":{"taskManager":{"podTemplate":null}}}'`,
	},
	{
		// Flink puts its own entry point over that of a template.
		name: "arch",
		job:  `{"spec":{"flinkConfiguration":{"kubernetes.entry.path":"/foreign/program"},"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"},{"name":"foreign","mountPath":"/foreign"}]}],"initContainers":[{"name":"build","image":"flink:1.20","command":["bash","-c","printf '\\x7fELF\\x02\\x01\\x01\\0\\0\\0\\0\\0\\0\\0\\0\\0\\x02\\0\\xb7\\0\\x01\\0\\0\\0\\0\\0\\x40\\0\\0\\0\\0\\0\\x40\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\0\\x40\\0\\x38\\0\\x01\\0\\x40\\0\\0\\0\\0\\0' > /foreign/program; chmod 755 /foreign/program"],"volumeMounts":[{"name":"foreign","mountPath":"/foreign"}]}],"volumes":[{"name":"flink-data","hostPath":{"path":"/var/lib/flink-data","type":"DirectoryOrCreate"}},{"name":"foreign","emptyDir":{}}]}}}}`,
		rule: "FLINK-POD-ARCH", says: []string{"exec format error"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"kubernetes.entry.path":null}}}'`,
	},
	{
		name: "entry", job: configured(`"kubernetes.entry.path":"/opt/start.sh"`),
		rule: "FLINK-POD-ENTRYPOINT", says: []string{"/opt/start.sh"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"kubernetes.entry.path":null}}}'`,
	},
	{
		name: "evicted", job: `{"spec":{"taskManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","lifecycle":{"postStart":{"exec":{"command":["sh","-c","head -c 20000000 /dev/zero > /spill/rows"]}}},"volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"},{"name":"spill","mountPath":"/spill"}]}],"volumes":[{"name":"flink-data","hostPath":{"path":"/var/lib/flink-data","type":"DirectoryOrCreate"}},{"name":"spill","emptyDir":{"sizeLimit":"1Mi"}}]}}}}}`,
		rule: "FLINK-POD-EVICTED", says: []string{"spill", "1Mi"},
		cure: patchJob + `'{"spec":{"taskManager":{"podTemplate":null}}}'`,
	},
	{
		name: "disk", job: `{"spec":{"flinkConfiguration":{"state.backend.type":"rocksdb"},"podTemplate":{"spec":{"volumes":[{"name":"flink-data","hostPath":{"path":"/var/lib/flink-data","type":"DirectoryOrCreate"}},{"name":"work","emptyDir":{"medium":"Memory","sizeLimit":"64Ki"}}]}},"taskManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"},{"name":"work","mountPath":"/tmp"}]}]}}}}}`,
		rule: "FLINK-POD-DISK", says: []string{"No space left"},
		cure: patchJob + `'{"spec":{"taskManager":{"podTemplate":null}}}'`,
	},
	{
		name: "sidecar", job: `{"spec":{"taskManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container"},{"name":"shipper","image":"flink:1.20","command":["sh","-c","echo the token of the log store has run out; exit 4"]}]}}}}}`,
		rule: "FLINK-POD-SIDECAR", says: []string{"shipper", "the token of the log store has run out"},
		cure: patchJob + `'{"spec":{"taskManager":{"podTemplate":null}}}'`,
	},
	{
		name: "affinity", job: `{"spec":{"taskManager":{"podTemplate":{"spec":{"nodeSelector":{"disk":"nvme"}}}}}}`,
		rule: "FLINK-POD-AFFINITY", says: []string{"disk"},
		cure: patchJob + `'{"spec":{"taskManager":{"podTemplate":null}}}'`,
	},
	{
		name: "cpu", job: `{"spec":{"taskManager":{"resource":{"cpu":50}}}}`,
		rule: "FLINK-POD-RESOURCES", says: []string{"cpu"},
		cure: patchJob + `'{"spec":{"taskManager":{"resource":{"cpu":0.2}}}}'`,
	},
	{
		name: "account", job: `{"spec":{"serviceAccount":"orders"}}`,
		rule: "FLINK-RBAC-ACCOUNT", status: "FLINK-POD-NO-ACCOUNT", says: []string{"orders"},
		cure: patchJob + `'{"spec":{"serviceAccount":"flink"}}'`,
	},
	{
		name: "rights", before: `kubectl create serviceaccount bare -n $NS`, job: `{"spec":{"serviceAccount":"bare"}}`,
		rule: "FLINK-JM-HA-RIGHTS", says: []string{"bare"},
	},
	{
		name: "s3-plugin", job: configured(`"execution.checkpointing.dir":"hdfs://store/checkpoints"`),
		rule: "FLINK-FS-PLUGIN", says: []string{"hdfs"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"execution.checkpointing.dir":"file:///flink-data/'$NS'/checkpoints"}}}' && kubectl flink restart broken -n $NS --lose-state --yes`,
	},
	{
		name: "s3-keys", job: `{"spec":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","env":[{"name":"ENABLE_BUILT_IN_PLUGINS","value":"flink-s3-fs-presto-1.20.5.jar"},{"name":"AWS_ACCESS_KEY_ID","value":"nobody"},{"name":"AWS_SECRET_ACCESS_KEY","value":"wrong-wrong"}],"volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"}]}]}},"flinkConfiguration":{"execution.checkpointing.dir":"s3://flink/broken/checkpoints","s3.endpoint":"http://minio.minio-dev:9000","s3.path.style.access":"true"}}}`,
		rule: "FLINK-S3-DENIED", says: []string{"http://minio.minio-dev:9000"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"execution.checkpointing.dir":"file:///flink-data/'$NS'/checkpoints"}}}'`,
	},
	{
		name: "s3-bucket", job: `{"spec":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","env":[{"name":"AWS_ACCESS_KEY_ID","value":"minioadmin"},{"name":"AWS_SECRET_ACCESS_KEY","value":"minioadmin"}],"volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"}]}]}},"flinkConfiguration":{"execution.checkpointing.dir":"s3://nowhere/checkpoints","s3.endpoint":"http://minio.minio-dev:9000","s3.path.style.access":"true"}}}`,
		rule: "FLINK-S3-BUCKET", says: []string{"nowhere"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"execution.checkpointing.dir":"file:///flink-data/'$NS'/checkpoints"}}}'`,
	},
	{
		name: "s3-endpoint", job: `{"spec":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","env":[{"name":"AWS_ACCESS_KEY_ID","value":"minioadmin"},{"name":"AWS_SECRET_ACCESS_KEY","value":"minioadmin"}],"volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"}]}]}},"flinkConfiguration":{"execution.checkpointing.dir":"s3://flink/broken/checkpoints","s3.endpoint":"http://store.nowhere:9000","s3.path.style.access":"true"}}}`,
		rule: "FLINK-S3-AWAY", says: []string{"store.nowhere"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"execution.checkpointing.dir":"file:///flink-data/'$NS'/checkpoints"}}}'`,
	},
	{
		name: "read-only", job: `{"spec":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"flink-data","mountPath":"/flink-data","readOnly":true}]}]}}}}`,
		rule: "FLINK-SPEC-VOLUME", says: []string{"mounted read-only"},
		cure: patchJob + `'{"spec":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"}]}]}}}}'`,
	},
	{
		name: "class", job: `{"spec":{"job":{"entryClass":"com.acme.Orders"}}}`,
		rule: "FLINK-JOB-ENTRY", says: []string{"com.acme.Orders"},
		cure: patchJob + `'{"spec":{"job":{"entryClass":null}}}'`,
	},
	{
		name: "key", once: patchJob + `'{"spec":{"flinkConfiguration":{"execution.checkpointing.intervall":"5s"}}}'`,
		rule: "FLINK-CONF-UNKNOWN", says: []string{"execution.checkpointing.interval"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"execution.checkpointing.intervall":null}}}'`,
	},
	{
		name: "value", job: configured(`"taskmanager.numberOfTaskSlots":"two"`),
		rule: "FLINK-CONF-VALUE", says: []string{"taskmanager.numberOfTaskSlots", "two"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"taskmanager.numberOfTaskSlots":"2"}}}'`,
	},
	{
		name: "memory", job: `{"spec":{"taskManager":{"resource":{"memory":"300m"}}}}`,
		rule: "FLINK-MEM-REFUSED", says: []string{"300"},
		cure: patchJob + `'{"spec":{"taskManager":{"resource":{"memory":"1024m"}}}}'`,
	},
	{
		name: "probe", job: tmWith(`"livenessProbe":{"httpGet":{"path":"/healthz","port":9999},"initialDelaySeconds":5,"periodSeconds":2,"failureThreshold":1}`),
		rule: "FLINK-POD-LIVENESS", says: []string{"9999"},
		cure: patchJob + `'{"spec":{"taskManager":{"podTemplate":null}}}'`,
	},
	{
		// What is in a volume of memory counts as the container's.
		name: "oom", job: `{"spec":{"taskManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","lifecycle":{"postStart":{"exec":{"command":["bash","-c","(sleep 10; head -c 1000000000 /dev/zero > /fill/rows) >/dev/null 2>&1 &"]}}},"volumeMounts":[{"name":"flink-data","mountPath":"/flink-data"},{"name":"fill","mountPath":"/fill"}]}],"volumes":[{"name":"flink-data","hostPath":{"path":"/var/lib/flink-data","type":"DirectoryOrCreate"}},{"name":"fill","emptyDir":{"medium":"Memory"}}]}}}}}`,
		rule: "FLINK-MEM-CONTAINER", says: []string{"OOMKilled"},
		cure: patchJob + `'{"spec":{"taskManager":{"podTemplate":null}}}'`,
	},
	{
		name: "heap", job: configured(`"taskmanager.memory.task.heap.size":"2mb","taskmanager.memory.framework.heap.size":"14mb"`),
		rule: "FLINK-MEM-HEAP", says: []string{"Java heap"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"taskmanager.memory.task.heap.size":null,"taskmanager.memory.framework.heap.size":null}}}'`,
	},
	{
		name: "no-ha", job: configured(`"high-availability.type":"NONE"`),
		rule: "FLINK-SPEC-LAST-STATE",
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"high-availability.type":"kubernetes"}}}'`,
	},
	{
		name: "replicas", job: `{"spec":{"job":{"upgradeMode":"savepoint"},"flinkConfiguration":{"high-availability.type":"NONE"},"jobManager":{"replicas":2}}}`,
		rule: "FLINK-SPEC-REJECTED", says: []string{"High availability should be enabled"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"high-availability.type":"kubernetes"},"jobManager":{"replicas":1}}}'`,
	},
	{
		name: "network", job: configured(`"taskmanager.memory.network.min":"64kb","taskmanager.memory.network.max":"64kb","taskmanager.network.memory.floating-buffers-per-gate":"8"`),
		rule: "FLINK-MEM-NETWORK", says: []string{"network buffers"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"taskmanager.memory.network.min":null,"taskmanager.memory.network.max":null}}}'`,
	},
	{
		name: "max-parallelism", once: patchJob + `'{"spec":{"flinkConfiguration":{"pipeline.max-parallelism":"64"}}}'`,
		rule: "FLINK-JOB-MAX-PARALLELISM", says: []string{"64"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"pipeline.max-parallelism":null}}}' && kubectl flink restore broken -n $NS --from latest --no-savepoint --yes`,
	},
	{
		name: "expired", job: configured(`"execution.checkpointing.timeout":"10ms","execution.checkpointing.tolerable-failed-checkpoints":"1000"`),
		rule: "FLINK-CKPT-EXPIRED", says: []string{"time-out of 10ms"},
		cure: patchJob + `'{"spec":{"flinkConfiguration":{"execution.checkpointing.timeout":null}}}'`,
	},
	{
		// Without high availability this operator starts it again, from nothing.
		name: "canceled", job: `{"spec":{"job":{"upgradeMode":"savepoint"},"flinkConfiguration":{"high-availability.type":null,"high-availability.storageDir":null}}}`,
		once: `kubectl flink checkpoint broken -n $NS && kubectl flink rest broken -n $NS -X PATCH "/jobs/$(kubectl get flinkdeployment broken -n $NS -o 'jsonpath={.status.jobStatus.jobId}')"`,
		rule: "FLINK-JOB-EMPTY-START", says: []string{"Flink restored nothing"},
		cure: `kubectl flink restart broken -n $NS --yes`,
	},
	{
		name: "entry-args", job: `{"spec":{"job":{"args":["--error-rate","much"]}}}`,
		rule: "FLINK-JOB-MAIN", says: []string{"much"},
		cure: patchJob + `'{"spec":{"job":{"args":null}}}'`,
	},
}

func TestMoreBrokenJobs(t *testing.T) { breakAll(t, moreFaults) }
