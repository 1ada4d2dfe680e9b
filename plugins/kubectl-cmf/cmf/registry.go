package cmf

import "github.com/kubectl-flink/kubectl-flink/pkg/flink/api"

// Kinds are all kinds of resource, in the order of their dependencies.
var Kinds = []*Kind{
	secretKind, environmentKind, mappingKind, catalogKind, databaseKind, poolKind, artifactKind,
	applicationKind, statementKind, savepointKind, detachedKind, eventKind, instanceKind, clusterKind,
}

// Columns that many kinds have.
var (
	nameColumn   = Column{Header: "NAME", Path: "metadata.name|name"}
	ageColumn    = Column{Header: "AGE", Path: "metadata.creationTimestamp|created_time", Format: "age"}
	labelsColumn = Column{Header: "LABELS", Path: "metadata.labels", Format: "labels", Wide: true}
	// managedColumn names the resource of Confluent for Kubernetes that something is
	// made of, as its annotation does (NAMESPACE/NAME): what changes it for good.
	managedColumn = Column{Header: "MANAGED BY", Path: "metadata.annotations.cmf~1platform~1confluent~1io/managed-by", Wide: true}
)

var environmentKind = &Kind{
	Name: "env", Aliases: []string{"environment", "envs", "environments"},
	Kind: "Environment", Type: "environment", Short: "environments: where applications, pools and statements live",
	Path: "environments", Flat: true, Since: V20, Rank: 2,
	Create: true, Upsert: true, Delete: true, ForceSince: since(V23), KeepAbsent: true,
	MetadataSince: since(V23),
	Immutable:     []string{"kubernetesNamespace", "kubernetesClusterName"},
	Required:      []string{"name", "kubernetesNamespace"},
	Texts: []string{
		"flinkApplicationDefaults.spec.flinkConfiguration", "computePoolDefaults.clusterSpec.flinkConfiguration", "computePoolDefaults.spec.clusterSpec.flinkConfiguration",
		"statementDefaults.detached.flinkConfiguration", "statementDefaults.interactive.flinkConfiguration",
	},
	Server:      []string{"created_time", "updated_time", "secrets"},
	SecretNames: []string{"secrets"},
	Filter:      since(V23),
	Columns: []Column{
		nameColumn,
		{Header: "NAMESPACE", Path: "kubernetesNamespace"},
		{Header: "CLUSTER", Path: "kubernetesClusterName", Wide: true},
		{Header: "CLUSTER STATE", Path: "status.kubernetesCluster.state", Format: "state", Wide: true},
		ageColumn, managedColumn, labelsColumn,
	},
}

var secretKind = &Kind{
	Name: "secret", Aliases: []string{"secrets"},
	Kind: "Secret", Type: "secret", Short: "secrets: credentials of catalogs and databases",
	Path: "secrets", Since: V20, Rank: 1,
	Create: true, UpdateSince: since(V20), Delete: true,
	Required: []string{"spec.data"}, WriteOnly: []string{"spec.data"},
	Filter: since(V23),
	Columns: []Column{
		nameColumn,
		{Header: "VERSION", Path: "status.version"},
		{Header: "ENVIRONMENTS", Path: "status.environments", Format: "list"},
		ageColumn, managedColumn, labelsColumn,
	},
}

var mappingKind = &Kind{
	Name: "secret-mapping", Aliases: []string{"secret-mappings", "secretmapping", "mapping"},
	Kind: "EnvironmentSecretMapping", Type: "environmentsecretmapping",
	Short: "secret mappings: which secret a connectionSecretId means in an environment",
	Path:  "environments/{environment}/secret-mappings", Since: V20, Rank: 3,
	Create: true, UpdateSince: since(V20), Delete: true,
	Required: []string{"spec.secretName"},
	Columns:  []Column{nameColumn, {Header: "SECRET", Path: "spec.secretName"}, ageColumn, labelsColumn},
}

// DatabasesField is where a table looks for the names of a catalog's databases,
// which no answer of CMF has.
const DatabasesField = "~databases"

var catalogKind = &Kind{
	Name: "catalog", Aliases: []string{"catalogs", "kafka-catalog"},
	Kind: "KafkaCatalog", Type: "kafkacatalog", Short: "catalogs: a Schema Registry and its Kafka databases",
	Path: "catalogs/kafka", Since: V20, Rank: 4,
	Create: true, UpdateSince: since(V21), Delete: true,
	Required: []string{"spec.srInstance.connectionConfig"},
	Texts:    []string{"spec.srInstance.connectionConfig"},
	// KafkaCatalogSpec in the document of 2.0; databases are resources since 2.1.
	RequiredBefore: map[string]Version{"spec.kafkaClusters": V21},
	Filter:         since(V24),
	Columns: []Column{
		nameColumn,
		{Header: "DATABASES", Path: DatabasesField, Format: "list"},
		{Header: "SCHEMA REGISTRY", Path: "spec.srInstance.connectionConfig.schema~1registry~1url"},
		{Header: "SECRET ID", Path: "spec.srInstance.connectionSecretId"},
		{Header: "ENVIRONMENTS", Path: "status.environmentsWithAccess", Format: "list", Wide: true},
		ageColumn, managedColumn, labelsColumn,
	},
}

var databaseKind = &Kind{
	Name: "database", Aliases: []string{"databases", "db", "kafka-database"},
	Kind: "KafkaDatabase", Type: "kafkadatabase", Short: "databases: a Kafka cluster in a catalog",
	Path: "catalogs/kafka/{catalog}/databases", Since: V21, Rank: 5,
	Create: true, UpdateSince: since(V21), Delete: true,
	Required: []string{"spec.kafkaCluster.connectionConfig"},
	Texts:    []string{"spec.kafkaCluster.connectionConfig"},
	// CMF 2.1 and 2.2 call it alterEnvironments.
	Renamed:  []Rename{{Old: "spec.alterEnvironments", New: "spec.ddlEnvironments", Since: V23}},
	Defaults: map[string]any{"spec.ddlEnvironments": []any{}},
	Filter:   since(V24),
	Columns: []Column{
		nameColumn,
		{Header: "BOOTSTRAP SERVERS", Path: "spec.kafkaCluster.connectionConfig.bootstrap~1servers"},
		{Header: "SECRET ID", Path: "spec.kafkaCluster.connectionSecretId"},
		{Header: "DDL ENVIRONMENTS", Path: "spec.ddlEnvironments|spec.alterEnvironments", Format: "list"},
		ageColumn, managedColumn, labelsColumn,
	},
}

var poolKind = &Kind{
	Name: "pool", Aliases: []string{"compute-pool", "pools", "compute-pools", "computepool"},
	Kind: "ComputePool", Type: "computepool", Short: "compute pools: the Flink clusters that statements run on",
	Path: "environments/{environment}/compute-pools", Since: V20, Rank: 6,
	Create: true, UpdateSince: since(V23), Delete: true, ForceSince: since(V23),
	Immutable: []string{"spec.type"},
	Required:  []string{"spec.type", "spec.clusterSpec"},
	Texts:     []string{"spec.clusterSpec.flinkConfiguration"},
	Defaults:  map[string]any{"spec.state": PhaseRunning},
	Filter:    since(V23),
	Columns: []Column{
		nameColumn,
		{Header: "TYPE", Path: "spec.type"},
		{Header: "PHASE", Path: "status.phase", Format: "state"},
		{Header: "FLINK", Path: "spec.clusterSpec.flinkVersion"},
		{Header: "IMAGE", Path: "spec.clusterSpec.image", Wide: true},
		{Header: "MESSAGE", Path: "status.message|status.warning", Wide: true},
		ageColumn, managedColumn, labelsColumn,
	},
	Phases: []Phase{
		{When: map[string]string{"spec.state": PhaseSuspended}, Path: "status.phase", Ready: []string{PhaseSuspended}, Failed: []string{PhaseFailed}},
		{When: map[string]string{"spec.state": "!SUSPENDED"}, Path: "status.phase", Ready: []string{PhaseDedicated, PhaseRunning}, Failed: []string{PhaseFailed}},
	},
	Cause: []string{"status.message", "status.warning"},
}

var applicationKind = &Kind{
	Name: "app", Aliases: []string{"application", "apps", "applications", "flinkapplication"},
	Kind: "FlinkApplication", Type: "flinkapplication", Short: "applications: Flink jobs, each with its own cluster",
	Path: "environments/{environment}/applications", Since: V20, Rank: 7,
	Create: true, Upsert: true, Delete: true, ForceSince: since(V23),
	Keeps:    &Keeps{What: "the state of its job and its attached savepoints go with it", NothingIn: []string{api.JobFinished}, Savepoint: true},
	Required: []string{"spec"},
	Texts:    []string{"spec.flinkConfiguration"},
	// What Flink's operator, on which CMF builds, does with a changed spec.
	NextMode: "spec.job.upgradeMode", Restarts: []string{"spec"},
	Harmless: []string{
		"spec.job.upgradeMode", "spec.job.allowNonRestoredState", "spec.job.initialSavepointPath", "spec.job.savepointTriggerNonce", "spec.job.checkpointTriggerNonce",
		"spec.job.autoscalerResetNonce", "spec.flinkConfiguration.kubernetes.operator", "spec.flinkConfiguration.job.autoscaler", "spec.flinkConfiguration.parallelism.default",
	},
	Filter: since(V23),
	Columns: []Column{
		nameColumn,
		{Header: "LIFECYCLE", Path: "status.lifecycleState", Format: "state"},
		{Header: "JOB", Path: "status.jobStatus.state", Format: "state"},
		{Header: "PARALLELISM", Path: "spec.job.parallelism"},
		{Header: "FLINK", Path: "spec.flinkVersion"},
		{Header: "JOB ID", Path: "status.jobStatus.jobId", Wide: true},
		{Header: "JOB NAME", Path: "status.jobStatus.jobName", Wide: true},
		{Header: "IMAGE", Path: "spec.image", Wide: true},
		{Header: "ERROR", Path: "status.error|status.warning", Wide: true},
		ageColumn, managedColumn, labelsColumn,
	},
	Phases: []Phase{
		{Path: "status.lifecycleState", Failed: []string{api.LifecycleFailed, api.LifecycleRolledBack}, Busy: []string{api.LifecycleUpgrading, api.LifecycleRollingBack}},
		{When: map[string]string{"spec.job.state": api.WantSuspended}, Path: "status.lifecycleState", Ready: []string{api.LifecycleSuspended}},
		// The job of a suspended application may be FINISHED; that isn't what
		// starting it again asks for.
		{When: map[string]string{"spec.job.state": "!suspended"}, Path: "status.lifecycleState", Busy: []string{api.LifecycleSuspended}},
		// Flink's operator says ERROR also while a pod waits for a ConfigMap
		// that it is just about to make.
		{
			When: map[string]string{"spec.job.state": "!suspended"}, Path: "status.jobManagerDeploymentStatus",
			Failed: []string{api.JobManagerError}, Passing: []string{api.JobManagerError}, Final: []string{"ImagePull", "InvalidImageName", "CrashLoopBackOff"},
		},
		// A job is canceled for a moment, too, when it is stopped for an upgrade.
		{
			When: map[string]string{"spec.job.state": "!suspended"}, Path: "status.jobStatus.state",
			Ready: []string{api.JobRunning, api.JobFinished}, Failed: []string{api.JobFailed, api.JobCanceled}, Passing: []string{api.JobCanceled},
		},
	},
	Cause: []string{"status.error", "status.warning"},
	Means: map[string]string{
		api.LifecycleRolledBack: "the operator gave up the last change, and the spec before it runs",
		api.JobCanceled:         "its job was canceled, which nothing starts again by itself",
	},
}

var statementKind = &Kind{
	Name: "statement", Aliases: []string{"statements", "stmt"},
	Kind: "Statement", Type: "statement", Short: "SQL statements",
	Path: "environments/{environment}/statements", Since: V20, Rank: 7,
	Create: true, UpdateSince: since(V20), Delete: true, ForceSince: since(V23),
	Keeps: &Keeps{
		What: "the state of its job goes with it", NothingIn: []string{PhaseCompleted, PhaseFailed},
		Path: "spec.statement", Prefixes: []string{"INSERT", "EXECUTE", "BEGIN", "CREATE", "WITH", "/*", "--"},
	},
	// Nothing says that CMF takes another text or pool for a statement: a PUT
	// stops, resumes, rescales and starts it from a savepoint.
	Immutable: []string{"spec.statement", "spec.computePoolName", "spec.properties"},
	Required:  []string{"spec.statement", "spec.computePoolName"},
	Texts:     []string{"spec.properties", "spec.flinkConfiguration"},
	Server:    []string{"result"},
	Defaults:  map[string]any{"spec.stopped": false, "spec.parallelism": 1},
	Remake:    true, Defines: definesTable, Makes: madeTable, NeedsMade: namesTable, Host: "pool", HostPath: "spec.computePoolName",
	// What CMF chose counts more than what was asked for (StatementTraits in the
	// document of 2.4).
	Mode: "status.traits.upgradeMode|spec.upgradeMode", NextMode: "spec.upgradeMode", Restarts: []string{"spec.parallelism", "spec.stopped", "spec.startFromSavepoint"},
	Filter: since(V23),
	Columns: []Column{
		nameColumn,
		{Header: "PHASE", Path: "status.phase", Format: "state"},
		{Header: "POOL", Path: "spec.computePoolName"},
		{Header: "PARALLELISM", Path: "spec.parallelism"},
		{Header: "STATEMENT", Path: "spec.statement", Format: "cut"},
		{Header: "KIND", Path: "status.traits.sqlKind", Wide: true},
		{Header: "DETAIL", Path: "status.detail|status.warning", Wide: true},
		ageColumn, managedColumn, labelsColumn,
	},
	// A statement that doesn't compile comes back as FAILED with HTTP 200.
	Phases: []Phase{
		{When: map[string]string{"spec.stopped": "true"}, Path: "status.phase", Ready: []string{PhaseStopped, PhaseCompleted}, Failed: []string{PhaseFailed}},
		{When: map[string]string{"spec.stopped": "!true"}, Path: "status.phase", Ready: []string{PhaseRunning, PhaseCompleted}, Failed: []string{PhaseFailed, PhaseFailing}},
	},
	Cause: []string{"status.detail", "status.warning"},
	Ends:  []string{PhaseCompleted},
}

var savepointColumns = []Column{
	nameColumn,
	{Header: "STATE", Path: "status.state", Format: "state"},
	{Header: "FORMAT", Path: "spec.formatType"},
	{Header: "SOURCE", Path: "status.source", Wide: true},
	{Header: "PATH", Path: "status.path|spec.path"},
	{Header: "ERROR", Path: "status.error", Wide: true},
	{Header: "UID", Path: "metadata.uid", Wide: true},
	ageColumn, labelsColumn,
}

var savepointKind = &Kind{
	Name: "savepoint", Aliases: []string{"savepoints", "sp"},
	Kind: "Savepoint", Type: "savepoint", Short: "savepoints of an application or a statement",
	Path: "environments/{environment}/{owner}/savepoints", Since: V21, Rank: 8,
	Create: true, UpdateSince: since(V24), Only: []string{"spec.pinned"}, Delete: true, ForceSince: since(V21),
	Keeps:    &Keeps{What: "its data is deleted with it", NothingIn: []string{api.SnapshotFailed, api.SnapshotAbandoned}},
	Defaults: map[string]any{"spec.formatType": "CANONICAL", "spec.backoffLimit": -1, "spec.pinned": false},
	Filter:   since(V23),
	Columns:  savepointColumns,
	Phases: []Phase{
		{Path: "status.state", Ready: []string{api.SnapshotCompleted}, Failed: []string{api.SnapshotFailed, api.SnapshotAbandoned}},
	},
	Cause: []string{"status.error", "status.warning"},
	Ends:  []string{api.SnapshotCompleted},
}

var detachedKind = &Kind{
	Name: "detached-savepoint", Aliases: []string{"detached-savepoints", "dsp"},
	Kind: "Savepoint", Type: "detachedsavepoint", Short: "detached savepoints: known by their path alone",
	Path: "detached-savepoints", Since: V21, Rank: 6,
	Create: true, Delete: true,
	Required: []string{"spec.path"},
	Defaults: map[string]any{"spec.formatType": "CANONICAL", "spec.backoffLimit": -1, "spec.pinned": false},
	Filter:   since(V23),
	Columns:  savepointColumns,
}

var eventKind = &Kind{
	Name: "event", Aliases: []string{"events", "ev"},
	Kind: "FlinkApplicationEvent", Type: "flinkapplicationevent", Short: "events of an application (the last 100)",
	Path: "environments/{environment}/applications/{application}/events", Alpha: true, Since: V20,
	Filter: since(V23),
	Columns: []Column{
		{Header: "LAST SEEN", Path: "metadata.updateTimestamp|metadata.creationTimestamp", Format: "age"},
		{Header: "TYPE", Path: "status.type"},
		{Header: "COUNT", Path: "status.count", Wide: true},
		{Header: "INSTANCE", Path: "metadata.flinkApplicationInstance", Wide: true},
		{Header: "MESSAGE", Path: "status.message|status.data.message"},
	},
}

var instanceKind = &Kind{
	Name: "instance", Aliases: []string{"instances"},
	Kind: "FlinkApplicationInstance", Type: "flinkapplicationinstance", Short: "instances: each deployment of an application",
	Path: "environments/{environment}/applications/{application}/instances", Since: V20,
	Columns: []Column{
		nameColumn,
		{Header: "JOB", Path: "status.jobStatus.state", Format: "state"},
		{Header: "JOB ID", Path: "status.jobStatus.jobId"},
		ageColumn,
	},
}

var artifactKind = &Kind{
	Name: "artifact", Aliases: []string{"artifacts"},
	Kind: "Artifact", Type: "artifact", Short: "artifacts: files for statements and applications",
	Path: "environments/{environment}/artifacts", Since: V24, Rank: 6,
	Create: true, UpdateSince: since(V24), Delete: true, Files: true,
	Filter: since(V24),
	Columns: []Column{
		nameColumn,
		{Header: "VERSION", Path: "status.version"},
		{Header: "PHASE", Path: "status.phase", Format: "state"},
		{Header: "SIZE", Path: "status.size", Format: "bytes"},
		{Header: "PATH", Path: "status.path", Wide: true},
		{Header: "CHECKSUM", Path: "status.checksum", Wide: true},
		ageColumn, labelsColumn,
	},
	Phases: []Phase{{Path: "status.phase", Ready: []string{PhaseReady}, Failed: []string{PhaseFileMissing, PhaseStoreUnreachable}}},
	Cause:  []string{"status.message"},
}

var clusterKind = &Kind{
	Name: "kubernetes-cluster", Aliases: []string{"kubernetes-clusters", "cluster"},
	Kind: "KubernetesCluster", Type: "kubernetescluster", Short: "Kubernetes clusters that CMF deploys to",
	Path: "kubernetes-clusters", Since: V23, Rank: 0,
	UpdateSince: since(V23), Required: []string{"spec.lifecycleState"},
	Filter: since(V23),
	Columns: []Column{
		nameColumn,
		{Header: "STATE", Path: "status.state", Format: "state"},
		{Header: "LIFECYCLE", Path: "spec.lifecycleState"},
		{Header: "KUBERNETES", Path: "status.kubernetesVersion"},
		{Header: "HEARTBEAT", Path: "status.lastHeartbeatTimestamp", Format: "age"},
		{Header: "MESSAGE", Path: "status.message", Wide: true},
		ageColumn, labelsColumn,
	},
}
