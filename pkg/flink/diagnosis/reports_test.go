package diagnosis

import (
	"slices"
	"strings"
	"testing"
)

// report is a situation as strangers report it: what is said first, and what
// must not be said. A wrong explanation is worse than none.
type report struct {
	facts change
	rule  string
	// says is in the finding or its cures, never isn't.
	says  string
	never []string
}

func (c report) hold(t *testing.T) {
	t.Helper()
	findings := Job(with(c.facts))
	if len(findings) == 0 || findings[0].Rule != c.rule {
		t.Fatalf("found are %v", ids(findings))
	}
	f := findings[0]
	text := strings.Join(append([]string{f.Means}, f.Advice()...), "\n")
	if !strings.Contains(text, c.says) {
		t.Errorf("no %q in\n%s", c.says, text)
	}
	if i := slices.IndexFunc(c.never, func(wrong string) bool { return strings.Contains(text, wrong) }); i >= 0 {
		t.Errorf("%q in\n%s", c.never[i], text)
	}
}

func TestReportsOfStrangers(t *testing.T) {
	unauthorized := `Failed to pull image "reg.example.com/f:1": failed to authorize: failed to fetch oauth token: unexpected status: 401 Unauthorized`
	for name, c := range map[string]report{
		"FileSink to a Hadoop filesystem":        {task("java.lang.UnsupportedOperationException: Recoverable writers on Hadoop are only supported for HDFS"), "FLINK-FS-WRITER", "FileSink", []string{"canonical", "--format native"}},
		"a schema registry's name":               {task("java.net.UnknownHostException: schema-registry"), "FLINK-JOB-UNKNOWN-HOST", "schema-registry", []string{"bucket", "endpoint"}},
		"SQL without its connector":              {mainFails("org.apache.flink.table.api.ValidationException: Could not find any factory for identifier 'kafka' that implements 'org.apache.flink.table.factories.DynamicTableFactory' in the classpath."), "FLINK-JOB-CONNECTOR", "kafka", []string{"rejects the spec"}},
		"a class for a newer Java":               {mainFails("java.lang.UnsupportedClassVersionError: com/acme/Main has been compiled by a more recent version of the Java Runtime (class file version 61.0), this version of the Java Runtime only recognizes class file versions up to 55.0"), "FLINK-JOB-JAVA", "newer Java", []string{"memory"}},
		"a Secret without the key":               {all(created(2*m1), waiting(taskManager, "CreateContainerConfigError", "couldn't find key password in Secret prod/db"), func(f *JobFacts) { f.Secrets = []Existing{{Name: "db", Exists: Read}} }), "FLINK-POD-SECRET", "key password of secret db", nil},
		"a registry that asks who it is":         {all(jmStarts, waiting(jobManager, "ImagePullBackOff", "Back-off"), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Failed", unauthorized, m1)), "FLINK-POD-IMAGE", "imagePullSecrets", nil},
		"a registry that the node doesn't reach": {all(jmStarts, waiting(jobManager, "ImagePullBackOff", "Back-off"), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Failed", `Failed to pull image "flink:1.20": failed to do request: Head "https://r.io/v2/flink/manifests/1.20": dial tcp: lookup r.io: i/o timeout`, m1)), "FLINK-POD-IMAGE", "DNS, proxy and firewall", []string{"imagePullSecrets"}},
		"a registry of another authority":        {all(jmStarts, waiting(jobManager, "ImagePullBackOff", "Back-off"), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Failed", `Failed to pull image "flink:1.20": tls: failed to verify certificate: x509: certificate signed by unknown authority`, m1)), "FLINK-POD-IMAGE", "its CA", []string{"imagePullSecrets"}},
		"a registry that limits pulls":           {all(jmStarts, waiting(jobManager, "ImagePullBackOff", "Back-off"), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Failed", `Failed to pull image "flink:1.20": 429 Too Many Requests - toomanyrequests: You have reached your pull rate limit.`, m1)), "FLINK-POD-IMAGE", "mirror", []string{"no such name"}},
		"an image of other processors":           {all(jmStarts, waiting(jobManager, "ImagePullBackOff", "Back-off"), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Failed", `Failed to pull image "flink:1.20": no match for platform in manifest: not found`, m1)), "FLINK-POD-IMAGE", "nodeSelector", []string{"imagePullSecrets", "no such name"}},
		"a tag that isn't there":                 {all(jmStarts, waiting(jobManager, "ImagePullBackOff", "Back-off"), event1("Pod", "orders-6d5f49f8d4-5hvl9", "Failed", `Failed to pull image "flink:1.20": docker.io/library/flink:1.20: not found`, m1)), "FLINK-POD-IMAGE", "no such name or tag", []string{"imagePullSecrets"}},
		"no image's name":                        {all(jmStarts, waiting(jobManager, "InvalidImageName", "Failed to apply default image tag: couldn't parse image name")), "FLINK-POD-IMAGE", "no name of an image", []string{"imagePullSecrets"}},
		"a LimitRange":                           {all(created(m1), noTaskManager, logged(`Could not create pod x, exception: E: Message: pods "x" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi. Received status: S`)), "FLINK-POD-REFUSED", "maximum memory usage per Container is 1Gi", []string{"quota", "bind it a role"}},
		"OpenShift's constraints":                {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `Error creating: pods "orders-6d5f49f8d4-" is forbidden: unable to validate against any security context constraint: [provider "anyuid": Forbidden: not usable by user or serviceaccount]`, m1)), "FLINK-POD-REFUSED", "leave runAsUser", []string{"create pods"}},
		"a policy's webhook":                     {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `Error creating: admission webhook "validation.gatekeeper.sh" denied the request: [must-have-team] you must provide labels: {"team"}`, m1)), "FLINK-POD-REFUSED", "policy of webhook validation.gatekeeper.sh", nil},
		"a webhook that is away":                 {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `Error creating: Internal error occurred: failed calling webhook "sidecar-injector.istio.io": failed to call webhook: Post "https://istiod.istio-system.svc:443/inject": dial tcp 10.0.0.1:443: connect: connection refused`, m1)), "FLINK-POD-REFUSED", "nothing is wrong with the job", []string{"correct the spec"}},
		"a PriorityClass that isn't there":       {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `Error creating: pods "orders-" is forbidden: no PriorityClass with name high was found`, m1)), "FLINK-POD-REFUSED", "make the PriorityClass high", []string{"as it says"}},
		"a namespace that goes":                  {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `Error creating: pods "orders-" is forbidden: unable to create new content in namespace prod because it is being terminated`, m1)), "FLINK-POD-REFUSED", "is being deleted", []string{"as it says"}},
		"Pod Security":                           {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `Error creating: pods "orders-" is forbidden: violates PodSecurity "restricted:latest": allowPrivilegeEscalation != false`, m1)), "FLINK-POD-REFUSED", "Pod Security level", []string{"webhook"}},
		"a quota that wants limits":              {all(jmStarts, func(f *JobFacts) { f.Pods = nil }, event1("ReplicaSet", "orders-6d5f49f8d4", "FailedCreate", `Error creating: pods "x" is forbidden: failed quota: team: must specify limits.cpu for: flink-main-container`, m1)), "FLINK-POD-QUOTA", "limits.cpu", []string{"ask for less"}},
		"a volume on two nodes":                  {all(created(2*m1), waiting(taskManager, "ContainerCreating", ""), event1("Pod", "orders-taskmanager-1-1", "FailedAttachVolume", `Multi-Attach error for volume "pvc-1" Volume is already used by pod(s) orders-6d5f49f8d4-5hvl9`, m1)), "FLINK-POD-VOLUME", "ReadWriteMany", []string{"create the claim"}},
		"a volume in another zone":               {all(jmStarts, unscheduled(jobManager, "0/3 nodes are available: 3 node(s) had volume node affinity conflict. preemption: 0/3")), "FLINK-POD-CLAIM-UNBOUND", "another node or zone", []string{"has no volume", "label a node", "ask for less"}},
		"nodes that are full of pods":            {all(jmStarts, unscheduled(jobManager, "0/2 nodes are available: 2 Too many pods. preemption: 0/2")), "FLINK-POD-RESOURCES", "maxPods", []string{"ask for less"}},
		"a GPU":                                  {all(created(m1), unscheduled(taskManager, "0/2 nodes are available: 2 Insufficient nvidia.com/gpu.")), "FLINK-POD-RESOURCES", "pod template", []string{"spec.taskManager.resource"}},
		"zones over which pods are spread":       {all(created(m1), unscheduled(taskManager, "0/2 nodes are available: 2 node(s) didn't match pod topology spread constraints.")), "FLINK-POD-AFFINITY", "topologySpreadConstraints", []string{"label a node", "ask for less"}},
		"TaskManagers that avoid each other":     {all(created(m1), unscheduled(taskManager, "0/2 nodes are available: 2 node(s) didn't match pod anti-affinity rules.")), "FLINK-POD-AFFINITY", "anti-affinity", []string{"label a node", "ask for less"}},
		"state in the JobManager's memory":       {checkpointing("java.io.IOException: Size of the state is larger than the maximum permitted memory-backed state. Size=9437184, maxSize=5242880. Consider using a different checkpoint storage, like the FileSystemCheckpointStorage."), "FLINK-CKPT-MEMORY-BACKED", "execution.checkpointing.dir", []string{"half as much again"}},
		"types that changed":                     {task("org.apache.flink.util.StateMigrationException: The new state serializer (x) must not be incompatible with the old state serializer (y)."), "FLINK-STATE-SCHEMA", "other types", nil},
		"another maximum parallelism":            {jmFails("java.lang.IllegalStateException: Failed to rollback to checkpoint/savepoint s3://state/sp. Max parallelism mismatch between checkpoint/savepoint state and new program. Cannot map operator 0a with max parallelism 128 to new program with max parallelism 256."), "FLINK-JOB-MAX-PARALLELISM", "maximum parallelism", []string{"isn't there"}},
		"a main method that starts no job":       {mainFails("java.lang.IllegalStateException: No operators defined in streaming topology. Cannot execute."), "FLINK-JOB-NO-JOB", "execute()", nil},
		"a topic that it may not read":           {task("org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [orders]"), "FLINK-JOB-KAFKA", "what its user may do", []string{"service account"}},
		"brokers of another authority":           {task("org.apache.kafka.common.errors.SslAuthenticationException: SSL handshake failed\nCaused by: sun.security.validator.ValidatorException: PKIX path building failed"), "FLINK-JOB-KAFKA", "truststore", []string{"topic exists"}},
		"clocks that differ":                     {checkpointing("com.amazonaws.services.s3.model.AmazonS3Exception: The difference between the request time and the current time is too large. (Service: Amazon S3; Status Code: 403; Error Code: RequestTimeTooSkewed)"), "FLINK-S3-CLOCK", "clocks", []string{"check the keys"}},
		"too few connections to S3":              {task("java.io.IOException: Could not flush and close the file system output stream to s3://state/x in order to obtain the stream state handle\nCaused by: com.amazonaws.SdkClientException: Unable to execute HTTP request: Timeout waiting for connection from pool"), "FLINK-S3-POOL", "connection.maximum", []string{"check s3.endpoint"}},
		"a database that refuses connections":    {task("java.net.ConnectException: Connection refused"), "FLINK-JOB-UNREACHED", "nothing listens there", []string{"NetworkPolic", "s3.endpoint"}},
		"the user's own mistake":                 {task("java.lang.NullPointerException: Cannot invoke \"String.length()\""), "FLINK-JOB-EXCEPTION", "NullPointerException", []string{"memory", "savepoint"}},
	} {
		t.Run(name, c.hold)
	}
}
