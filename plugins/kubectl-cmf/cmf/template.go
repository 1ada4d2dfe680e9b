package cmf

import "strings"

// Template is a commented skeleton of a kind, in YAML, for a CMF of version v.
// Lines that end in "#since 2.3" or "#until 2.3" are for these versions only.
func Template(kind *Kind, v Version) string {
	var out strings.Builder
	for line := range strings.Lines(templates[kind.Name]) {
		line = strings.TrimSuffix(line, "\n")
		text, mark, marked := strings.Cut(line, "#since ")
		if marked {
			if at, err := ParseVersion(mark); err == nil && v.Before(at) {
				continue
			}
			line = strings.TrimRight(text, " ")
		} else if text, mark, marked = strings.Cut(line, "#until "); marked {
			if at, err := ParseVersion(mark); err == nil && !v.Before(at) {
				continue
			}
			line = strings.TrimRight(text, " ")
		}
		out.WriteString(line + "\n")
	}
	return out.String()
}

var templates = map[string]string{
	"env": `# An environment: a Kubernetes namespace, and defaults for what runs in it.
name: my-environment
kubernetesNamespace: my-namespace       # must exist; can't be changed later
# kubernetesClusterName: my-cluster     # where several are registered #since 2.3
# metadata:                             #since 2.3
#   name: my-environment                #since 2.3
#   labels: {team: data}                #since 2.3
# Merged into the spec of each application.
flinkApplicationDefaults:
  spec:
    flinkConfiguration:
      taskmanager.numberOfTaskSlots: "2"
# Merged into each compute pool.
computePoolDefaults:
  clusterSpec:
    flinkConfiguration:
      taskmanager.numberOfTaskSlots: "2"
# Merged into each statement: those that write (detached) and those that show results.
statementDefaults:
  detached:
    flinkConfiguration:
      execution.checkpointing.interval: 60 s
`,
	"secret": `# A secret. CMF never returns its data, so that it is sent with each apply.
apiVersion: cmf.confluent.io/v1
kind: Secret
metadata:
  name: my-secret
spec:
  data:
    sasl.mechanism: PLAIN
    security.protocol: SASL_SSL
    # Keep the real value out of version control: kubectl cmf secret create my-secret --from-env sasl.jaas.config=VARIABLE
    sasl.jaas.config: ""
`,
	"secret-mapping": `# Says which secret a connectionSecretId means in one environment.
apiVersion: cmf.confluent.io/v1
kind: EnvironmentSecretMapping
metadata:
  name: my-secret-id        # the connectionSecretId of a catalog or database
spec:
  secretName: my-secret
`,
	"catalog": `# A catalog: a Schema Registry; its Kafka clusters are databases.
apiVersion: cmf.confluent.io/v1
kind: KafkaCatalog
metadata:
  name: my-catalog
spec:
  srInstance:
    connectionConfig:
      schema.registry.url: http://schemaregistry.example.svc.cluster.local:8081
    # connectionSecretId: my-secret-id
  kafkaClusters:             # databases are part of the catalog #until 2.1
    - databaseName: kafka    #until 2.1
      connectionConfig: {bootstrap.servers: "kafka:9092"} #until 2.1
`,
	"database": `# A database: a Kafka cluster in a catalog.
apiVersion: cmf.confluent.io/v1
kind: KafkaDatabase
metadata:
  name: my-database
  annotations:
    kubectl-cmf/catalog: my-catalog    # or --catalog my-catalog
spec:
  kafkaCluster:
    connectionConfig:
      bootstrap.servers: kafka.example.svc.cluster.local:9092
    # connectionSecretId: my-secret-id
  # Environments whose statements may create, change and drop tables.
  ddlEnvironments: [my-environment]    #since 2.3
  alterEnvironments: [my-environment]  #until 2.3
`,
	"pool": `# A compute pool: how the Flink clusters of statements look.
apiVersion: cmf.confluent.io/v1
kind: ComputePool
metadata:
  name: my-pool
spec:
  type: DEDICATED           # a cluster for each statement
  # type: SHARED            # one cluster for all #since 2.3
  # state: RUNNING          # or SUSPENDED; SHARED only #since 2.3
  clusterSpec:
    flinkVersion: v2_1
    image: confluentinc/cp-flink-sql:2.1.1-cp1-java21
    flinkConfiguration:
      taskmanager.numberOfTaskSlots: "2"
    jobManager:
      resource: {cpu: 0.5, memory: 1024m}
    taskManager:
      resource: {cpu: 1, memory: 2048m}
`,
	"app": `# An application: a Flink job with a cluster of its own.
apiVersion: cmf.confluent.io/v1
kind: FlinkApplication
metadata:
  name: my-application
spec:
  image: confluentinc/cp-flink:2.1.1-cp1-java21
  flinkVersion: v2_1
  serviceAccount: flink
  flinkConfiguration:
    taskmanager.numberOfTaskSlots: "2"
    # upgradeMode savepoint needs this:
    # execution.checkpointing.savepoint-dir: s3://my-bucket/savepoints
    # execution.checkpointing.dir: s3://my-bucket/checkpoints
  jobManager:
    resource: {cpu: 1, memory: 1024m}
  taskManager:
    resource: {cpu: 1, memory: 1024m}
  job:
    jarURI: local:///opt/flink/examples/streaming/StateMachineExample.jar
    parallelism: 2
    state: running           # or suspended
    upgradeMode: savepoint   # stateless loses state on each change
`,
	"statement": `# A SQL statement. Its text, pool and properties can't be changed later.
apiVersion: cmf.confluent.io/v1
kind: Statement
metadata:
  name: my-statement
spec:
  statement: INSERT INTO sink SELECT * FROM source
  computePoolName: my-pool
  properties:
    sql.current-catalog: my-catalog
    sql.current-database: my-database
  flinkConfiguration:
    execution.checkpointing.interval: 60 s
  parallelism: 1
  stopped: false
  # Of the state over a stop: without it CMF takes savepoint where the pool has a #since 2.4
  # checkpoint and a savepoint directory, else stateless.                        #since 2.4
  # upgradeMode: savepoint   # or last-state, stateless                          #since 2.4
  # savepointSchedule: {cronExpression: "0 0 * * * *", retention: {keepLast: 3}} #since 2.4
`,
	"savepoint": `# A savepoint of an application or a statement; creating it takes it.
apiVersion: cmf.confluent.io/v1
kind: Savepoint
metadata:
  name: my-savepoint
  annotations:
    kubectl-cmf/application: my-application    # or kubectl-cmf/statement
spec:
  formatType: CANONICAL      # or NATIVE
  # path: s3://my-bucket/savepoints
  # backoffLimit: -1
  # pinned: true             # kept by schedules #since 2.4
`,
	"detached-savepoint": `# A savepoint that no application owns: known by its path.
apiVersion: cmf.confluent.io/v1
kind: Savepoint
metadata:
  name: my-savepoint
spec:
  path: s3://my-bucket/savepoints/savepoint-123456-abcdef
  formatType: CANONICAL      # or NATIVE
`,
}
