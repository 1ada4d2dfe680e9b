package diagnosis

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Mark says what became of a source of facts. A rule concludes from something
// missing only where its source was read.
type Mark string

// The marks.
const (
	// NotAsked: nobody looked.
	NotAsked Mark = ""
	// Read: the facts are what the source says; an empty list is one.
	Read Mark = "read"
	// NotAllowed: the user may not look.
	NotAllowed Mark = "not allowed"
	// NotThere: the source doesn't exist.
	NotThere Mark = "not there"
	// NoAnswer: the source didn't answer in time, or with an error.
	NoAnswer Mark = "no answer"
)

// Source is where facts come from.
type Source string

// The sources of a job's facts.
const (
	FromPods        Source = "pods"
	FromEvents      Source = "events"
	FromLogs        Source = "logs"
	FromJobManager  Source = "jobmanager"
	FromExceptions  Source = "exceptions"
	FromCheckpoints Source = "checkpoints"
	FromVertices    Source = "vertices"
	FromConfig      Source = "configuration"
	FromCluster     Source = "cluster"
	FromClaims      Source = "persistentvolumeclaims"
	FromSecrets     Source = "secrets"
	FromConfigMaps  Source = "configmaps"
	FromQuotas      Source = "resourcequotas"
	FromNodes       Source = "nodes"
	FromHPA         Source = "horizontalpodautoscalers"
	FromPDB         Source = "poddisruptionbudgets"
	FromSnapshots   Source = "flinkstatesnapshots"
	FromOperator    Source = "operator"
	FromNeighbors   Source = "neighbors"
	FromService     Source = "service"
	FromAutoscaler  Source = "autoscaler"
	FromCRDs        Source = "customresourcedefinitions"
	FromJobs        Source = "jobs"
	FromWebhooks    Source = "webhooks"
	FromRights      Source = "rights"
	FromMetricsAPI  Source = "metrics.k8s.io"
	FromStorage     Source = "storage"
)

// JobFacts is what is known of one job or session cluster at one moment. It is
// plain data, fit to be recorded as JSON.
type JobFacts struct {
	// Now is when the facts were gathered; ages are counted from it.
	Now time.Time `json:"now"`
	// Object is the FlinkDeployment, FlinkSessionJob or
	// FlinkBlueGreenDeployment.
	Object *unstructured.Unstructured `json:"object"`
	// Cluster is what serves the job where that isn't Object itself: a session
	// job's FlinkDeployment, the active color's of a blue/green deployment.
	Cluster *unstructured.Unstructured `json:"cluster,omitempty"`
	// Marks say what became of each source; a missing one is NotAsked.
	Marks map[Source]Mark `json:"marks,omitempty"`

	// Config is the effective configuration, one value a key; where FromConfig
	// isn't Read the spec's own takes its place.
	Config map[string]string `json:"config,omitempty"`
	Pods   []PodFacts        `json:"pods,omitempty"`
	// Events are those of exactly this job's objects, in any order.
	Events []corev1.Event `json:"events,omitempty"`
	Flink  FlinkFacts     `json:"flink"`

	Claims     []Existing             `json:"claims,omitempty"`
	Secrets    []Existing             `json:"secrets,omitempty"`
	ConfigMaps []Existing             `json:"configMaps,omitempty"`
	Quotas     []corev1.ResourceQuota `json:"quotas,omitempty"`
	Nodes      []NodeFacts            `json:"nodes,omitempty"`
	// HPA are the HorizontalPodAutoscalers that size the object.
	HPA []HPAFacts                     `json:"hpa,omitempty"`
	PDB []policyv1.PodDisruptionBudget `json:"pdb,omitempty"`
	// Snapshots are the FlinkStateSnapshots of the job, in any order.
	Snapshots []*unstructured.Unstructured `json:"snapshots,omitempty"`
	// SessionJobs are those that run in the session cluster, as "name".
	SessionJobs []string `json:"sessionJobs,omitempty"`
	// Neighbors are the other jobs whose directories are known.
	Neighbors []Neighbor `json:"neighbors,omitempty"`
	// Service is the REST Service, Ingress the object that the operator made.
	Service    *ServiceFacts    `json:"service,omitempty"`
	Autoscaler *AutoscalerFacts `json:"autoscaler,omitempty"`
	// Operators are those that were found in the cluster.
	Operators []OperatorFacts `json:"operators,omitempty"`
}

// Mark is what became of a source.
func (f *JobFacts) Mark(s Source) Mark { return f.Marks[s] }

// PodFacts is a pod with what its containers wrote.
type PodFacts struct {
	Pod *corev1.Pod `json:"pod"`
	// Role is jobmanager or taskmanager; where it is "" the label component
	// says it.
	Role string `json:"role,omitempty"`
	// Logs are the last lines of containers that ended.
	Logs []ContainerLog `json:"logs,omitempty"`
}

// ContainerLog is the end of a container's log.
type ContainerLog struct {
	Container string `json:"container"`
	// Previous says that it is that of the run before.
	Previous bool     `json:"previous,omitempty"`
	Lines    []string `json:"lines"`
}

// LogLine is a line of a log with its time; zero where unknown.
type LogLine struct {
	At   time.Time `json:"at"`
	Text string    `json:"text"`
}

// Existing is an object that a pod names.
type Existing struct {
	Name string `json:"name"`
	// Exists is Read where it is there, NotThere where it isn't.
	Exists Mark `json:"exists"`
	// Phase is a claim's: Pending, Bound, Lost.
	Phase string `json:"phase,omitempty"`
	// Class and Reason are a claim's storage class and what the newest event
	// says of it.
	Class  string `json:"class,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Access are a claim's access modes.
	Access []string `json:"access,omitempty"`
}

// NodeFacts is a node. CPU is in thousandths of a core, Memory in bytes.
type NodeFacts struct {
	Name          string            `json:"name"`
	CPU           int64             `json:"cpu"`
	Memory        int64             `json:"memory"`
	Architecture  string            `json:"architecture,omitempty"`
	Labels        map[string]string `json:"labels,omitempty"`
	Unschedulable bool              `json:"unschedulable,omitempty"`
	Ready         bool              `json:"ready"`
}

// HPAFacts is a HorizontalPodAutoscaler on the scale subresource.
type HPAFacts struct {
	Name string `json:"name"`
	// Min and Max are numbers of TaskManagers.
	Min int64 `json:"min"`
	Max int64 `json:"max"`
}

// Neighbor is another job and the directories that are its own.
type Neighbor struct {
	// Name is "namespace/name".
	Name string `json:"name"`
	// HADir is high-availability.storageDir, ClusterID what stands below it.
	HADir     string `json:"haDir,omitempty"`
	ClusterID string `json:"clusterID,omitempty"`
}

// ServiceFacts is the REST Service of a cluster, and its ingress.
type ServiceFacts struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Addresses are a load balancer's.
	Addresses []string `json:"addresses,omitempty"`
	// Ready is how many endpoints are, NotReady how many aren't.
	Ready    int       `json:"ready"`
	NotReady int       `json:"notReady"`
	Created  time.Time `json:"created"`
	// IngressClass, IngressAddresses are those of the ingress; HasIngress says
	// that there is one. Classes are the ingress classes of the cluster.
	HasIngress       bool     `json:"hasIngress,omitempty"`
	IngressClass     string   `json:"ingressClass,omitempty"`
	IngressAddresses []string `json:"ingressAddresses,omitempty"`
	Classes          []string `json:"classes,omitempty"`
}

// FlinkFacts is what the JobManager and its log say.
type FlinkFacts struct {
	// Version is the running Flink's, as in 1.20.5.
	Version string `json:"version,omitempty"`
	// State is the JobManager's own word for the job's state; "" where it
	// doesn't know the job.
	State string `json:"state,omitempty"`
	JobID string `json:"jobID,omitempty"`
	// Tasks counts the job's tasks by state.
	Tasks map[string]int `json:"tasks,omitempty"`
	// OtherJobs are jobs of the cluster that no object of the operator stands
	// for.
	OtherJobs []string `json:"otherJobs,omitempty"`
	// Started is when the job was submitted.
	Started time.Time `json:"started"`
	// Restarts is how often the job restarted, within Window.
	Restarts int64         `json:"restarts,omitempty"`
	Window   time.Duration `json:"window,omitempty"`
	// Exceptions are newest first.
	Exceptions   []Exception   `json:"exceptions,omitempty"`
	Checkpoints  *Checkpoints  `json:"checkpoints,omitempty"`
	Vertices     []Vertex      `json:"vertices,omitempty"`
	TaskManagers []TaskManager `json:"taskManagers,omitempty"`
	// SlotsTotal and SlotsFree are the cluster's.
	SlotsTotal int `json:"slotsTotal,omitempty"`
	SlotsFree  int `json:"slotsFree,omitempty"`
	// Scheduler is Default, Adaptive or AdaptiveBatch; "" where unknown.
	Scheduler string `json:"scheduler,omitempty"`
	// Type is STREAMING or BATCH; "" where unknown.
	Type string `json:"type,omitempty"`
	// Log is the end of the JobManager's log, oldest first.
	Log []LogLine `json:"log,omitempty"`
	// Clock is the JobManager's time when ClockAsked was the client's; zero
	// where it wasn't asked.
	Clock      time.Time `json:"clock"`
	ClockAsked time.Time `json:"clockAsked"`
	// RestoredFrom is the path of the state that the job started from.
	RestoredFrom string `json:"restoredFrom,omitempty"`
	// RestoredAt is when that was; zero where unknown.
	RestoredAt time.Time `json:"restoredAt"`
}

// Checkpoints is what the JobManager says of a job's checkpoints.
type Checkpoints struct {
	Restored   int64 `json:"restored"`
	Total      int64 `json:"total"`
	InProgress int64 `json:"inProgress"`
	Completed  int64 `json:"completed"`
	Failed     int64 `json:"failed"`
	// History is newest first.
	History []Checkpoint      `json:"history,omitempty"`
	Config  *CheckpointConfig `json:"config,omitempty"`
}

// Checkpoint is a checkpoint or savepoint. Sizes are in bytes.
type Checkpoint struct {
	ID        int64         `json:"id"`
	Status    string        `json:"status"`
	Savepoint bool          `json:"savepoint,omitempty"`
	Triggered time.Time     `json:"triggered"`
	Duration  time.Duration `json:"duration"`
	// Size is what was written, State the whole state.
	Size  int64 `json:"size"`
	State int64 `json:"state"`
	// Alignment is the longest that a task waited for barriers.
	Alignment time.Duration `json:"alignment,omitempty"`
	Failure   string        `json:"failure,omitempty"`
	FailedAt  time.Time     `json:"failedAt"`
	Path      string        `json:"path,omitempty"`
	// Subtasks had to answer, Acked of them did. SlowVertex is the one that
	// answered last or not at all.
	Subtasks   int    `json:"subtasks,omitempty"`
	Acked      int    `json:"acked,omitempty"`
	SlowVertex string `json:"slowVertex,omitempty"`
}

// CheckpointConfig is how checkpoints are configured. Interval is 0 where they
// are off.
type CheckpointConfig struct {
	Interval  time.Duration `json:"interval"`
	Timeout   time.Duration `json:"timeout"`
	MinPause  time.Duration `json:"minPause"`
	Unaligned bool          `json:"unaligned"`
	// AlignedFor is execution.checkpointing.aligned-checkpoint-timeout.
	AlignedFor time.Duration `json:"alignedFor"`
	Tolerable  int           `json:"tolerable"`
	// Storage is FileSystemCheckpointStorage or JobManagerCheckpointStorage.
	Storage string `json:"storage,omitempty"`
	Backend string `json:"backend,omitempty"`
	// Dropped says that checkpoints go when the job is canceled.
	Dropped bool `json:"dropped,omitempty"`
}

// Vertex is a vertex of the job's graph.
type Vertex struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Parallelism int    `json:"parallelism"`
	Max         int    `json:"max,omitempty"`
	Status      string `json:"status,omitempty"`
	// Inputs are the ids of the vertices before it; a source has none.
	Inputs []string `json:"inputs,omitempty"`
	// Metrics is nil where they weren't read.
	Metrics *VertexMetrics `json:"metrics,omitempty"`
}

// Source reports whether the vertex reads from outside.
func (v Vertex) Source() bool { return len(v.Inputs) == 0 }

// VertexMetrics are of the last seconds.
type VertexMetrics struct {
	// Busy, Backpressured and Idle are shares of time, 0 to 1, of the worst
	// subtask; BusyMean is of all.
	Busy          float64 `json:"busy"`
	BusyMean      float64 `json:"busyMean"`
	Backpressured float64 `json:"backpressured"`
	Idle          float64 `json:"idle"`
	In            float64 `json:"in"`
	Out           float64 `json:"out"`
	// Records are how many each subtask has read.
	Records []int64 `json:"records,omitempty"`
	// SubtasksIdle is how many subtasks of a source read nothing.
	SubtasksIdle int `json:"subtasksIdle,omitempty"`
	// Watermark is in milliseconds; Before is what it was Between earlier. 0 is
	// unknown.
	Watermark       int64         `json:"watermark,omitempty"`
	WatermarkBefore int64         `json:"watermarkBefore,omitempty"`
	Between         time.Duration `json:"between,omitempty"`
	// Lag is how many records wait; -1 where that is unknown.
	Lag       int64 `json:"lag"`
	LagBefore int64 `json:"lagBefore"`
}

// TaskManager is one, as the JobManager knows it. Sizes are in bytes.
type TaskManager struct {
	ID        string        `json:"id"`
	Slots     int           `json:"slots"`
	Free      int           `json:"free"`
	Heartbeat time.Duration `json:"heartbeat,omitempty"`
	HeapUsed  int64         `json:"heapUsed,omitempty"`
	HeapMax   int64         `json:"heapMax,omitempty"`
	// MetaspaceUsed and MetaspaceMax are of the JVM's class memory.
	MetaspaceUsed int64 `json:"metaspaceUsed,omitempty"`
	MetaspaceMax  int64 `json:"metaspaceMax,omitempty"`
}

// AutoscalerFacts is what the autoscaler keeps of a job.
type AutoscalerFacts struct {
	// Overrides are parallelisms by vertex id.
	Overrides map[string]int `json:"overrides,omitempty"`
	// Decisions are newest first.
	Decisions []Decision `json:"decisions,omitempty"`
}

// Decision is one scaling of a vertex.
type Decision struct {
	At     time.Time `json:"at"`
	Vertex string    `json:"vertex"`
	From   int       `json:"from"`
	To     int       `json:"to"`
}

// OperatorFacts is one installed operator.
type OperatorFacts struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Version is as in 1.16.1; "" where unknown.
	Version string `json:"version,omitempty"`
	Image   string `json:"image,omitempty"`
	Wanted  int32  `json:"wanted"`
	Ready   int32  `json:"ready"`
	// Watched are its namespaces where WatchedMark is Read; none are all.
	Watched     []string          `json:"watched,omitempty"`
	WatchedMark Mark              `json:"watchedMark,omitempty"`
	Config      map[string]string `json:"config,omitempty"`
	Pods        []PodFacts        `json:"pods,omitempty"`
	// Log are lines: about the object in JobFacts, of any trouble in
	// InstallationFacts.
	Log   []LogLine   `json:"log,omitempty"`
	Lease *LeaseFacts `json:"lease,omitempty"`
	// MemoryUsed is in bytes; 0 where unknown.
	MemoryUsed int64 `json:"memoryUsed,omitempty"`
	// Missing are rights that its service account lacks, as "verb resource".
	Missing    []string `json:"missing,omitempty"`
	RightsMark Mark     `json:"rightsMark,omitempty"`
}

// Watches reports whether the operator looks after a namespace; known is false
// where its namespaces weren't read.
func (o OperatorFacts) Watches(namespace string) (watches, known bool) {
	if o.WatchedMark != Read {
		return true, false
	}
	if slices.Contains(o.Watched, namespace) {
		return true, true
	}
	return len(o.Watched) == 0, true
}

// LeaseFacts is the Lease by which one of several replicas leads.
type LeaseFacts struct {
	Name    string        `json:"name"`
	Holder  string        `json:"holder"`
	Renewed time.Time     `json:"renewed"`
	Lasts   time.Duration `json:"lasts"`
}

// InstallationFacts is what is known of the operator's installation.
type InstallationFacts struct {
	Now   time.Time       `json:"now"`
	Marks map[Source]Mark `json:"marks,omitempty"`
	// Kubernetes is the server's version, as in 1.34.4.
	Kubernetes string          `json:"kubernetes,omitempty"`
	CRDs       []CRDFacts      `json:"crds,omitempty"`
	Operators  []OperatorFacts `json:"operators,omitempty"`
	// Jobs are the operator's objects of all four kinds, in short.
	Jobs         []JobInShort       `json:"jobs,omitempty"`
	Webhooks     []WebhookFacts     `json:"webhooks,omitempty"`
	Certificates []CertificateFacts `json:"certificates,omitempty"`
	// Accounts are the service accounts that jobs name.
	Accounts []AccountFacts `json:"accounts,omitempty"`
	// Rights are what the user may do.
	Rights []Right `json:"rights,omitempty"`
	// CertManager are the pods of cert-manager.
	CertManager []PodFacts `json:"certManager,omitempty"`
	Claims      []Claim    `json:"claims,omitempty"`
	// Storage are the object stores that jobs are configured with.
	Storage []StorageFacts `json:"storage,omitempty"`
}

// Mark is what became of a source.
func (f *InstallationFacts) Mark(s Source) Mark { return f.Marks[s] }

// CRDFacts is one of the operator's CustomResourceDefinitions.
type CRDFacts struct {
	// Name is as in flinkdeployments.flink.apache.org.
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	// Served are its versions.
	Served      []string `json:"served,omitempty"`
	Established bool     `json:"established"`
	// Conversion is None or Webhook.
	Conversion string `json:"conversion,omitempty"`
	// Fields are the paths in the schema that tell of its age, as in
	// spec.jobManager.resources.
	Fields []string `json:"fields,omitempty"`
}

// JobInShort is an object of the operator.
type JobInShort struct {
	Kind         string    `json:"kind"`
	Namespace    string    `json:"namespace"`
	Name         string    `json:"name"`
	Created      time.Time `json:"created"`
	Changed      time.Time `json:"changed"`
	Generation   int64     `json:"generation"`
	Observed     int64     `json:"observed"`
	StatusKnown  bool      `json:"statusKnown"`
	HasError     bool      `json:"hasError,omitempty"`
	FlinkVersion string    `json:"flinkVersion,omitempty"`
	Suspended    bool      `json:"suspended,omitempty"`
	Canary       bool      `json:"canary,omitempty"`
	// RestartNonce is spec.restartNonce, which the operator counts up for
	// canaries.
	RestartNonce int64 `json:"restartNonce,omitempty"`
}

// WebhookFacts is an admission or conversion webhook of the operator.
type WebhookFacts struct {
	Name    string `json:"name"`
	Service string `json:"service"`
	// Endpoints is how many are ready; EndpointsMark says whether that was read.
	Endpoints     int  `json:"endpoints"`
	EndpointsMark Mark `json:"endpointsMark,omitempty"`
	// Fails says that what can't be asked is refused (failurePolicy: Fail).
	Fails bool `json:"fails"`
	// CABundle is its size in bytes.
	CABundle int `json:"caBundle"`
	// Expires is when its CA ends; zero where unknown.
	Expires time.Time `json:"expires"`
	// Served is the certificate that the pod behind the Service serves; nil where it
	// wasn't asked or didn't answer.
	Served *ServedCertificate `json:"served,omitempty"`
}

// ServedCertificate is what a webhook shows to who connects.
type ServedCertificate struct {
	NotBefore time.Time `json:"notBefore"`
	NotAfter  time.Time `json:"notAfter"`
	// Names are those that it is for. They are foreign.
	Names []string `json:"names,omitempty"`
	// WrongName says that the Service's name isn't among them, Unsigned that no
	// authority of the CA bundle has signed it, NoTLS that who answers speaks no TLS.
	WrongName bool `json:"wrongName,omitempty"`
	Unsigned  bool `json:"unsigned,omitempty"`
	NoTLS     bool `json:"noTLS,omitempty"`
}

// CertificateFacts is a Certificate of cert-manager.
type CertificateFacts struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Ready     bool      `json:"ready"`
	Message   string    `json:"message,omitempty"`
	Expires   time.Time `json:"expires"`
}

// AccountFacts is the service account of jobs.
type AccountFacts struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Exists    Mark   `json:"exists"`
	// Missing are rights that it lacks, as "create pods".
	Missing    []string `json:"missing,omitempty"`
	RightsMark Mark     `json:"rightsMark,omitempty"`
	Jobs       []string `json:"jobs,omitempty"`
}

// Right is one thing that the user may do or not.
type Right struct {
	// Verb is the plugin's, as in savepoint; Needs the API's, as in "create
	// flinkstatesnapshots.flink.apache.org".
	Verb      string `json:"verb"`
	Needs     string `json:"needs"`
	Namespace string `json:"namespace,omitempty"`
	Allowed   bool   `json:"allowed"`
}

// Claim is a PersistentVolumeClaim of a namespace.
type Claim struct {
	Namespace string    `json:"namespace"`
	Name      string    `json:"name"`
	Phase     string    `json:"phase"`
	Class     string    `json:"class,omitempty"`
	Created   time.Time `json:"created"`
	Reason    string    `json:"reason,omitempty"`
	// UsedBy are jobs whose pods name it.
	UsedBy []string `json:"usedBy,omitempty"`
	// Waits says that its class binds it when a pod comes
	// (WaitForFirstConsumer).
	Waits bool `json:"waits,omitempty"`
}

// StorageFacts is an object store.
type StorageFacts struct {
	// Endpoint is its address, Bucket the one that jobs use.
	Endpoint string `json:"endpoint"`
	Bucket   string `json:"bucket,omitempty"`
	// Reached and Found are marks: Read where it is so.
	Reached Mark     `json:"reached"`
	Found   Mark     `json:"found,omitempty"`
	Error   string   `json:"error,omitempty"`
	UsedBy  []string `json:"usedBy,omitempty"`
}
