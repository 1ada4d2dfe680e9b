package diagnosis

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Mark says whether a source of facts was read. A rule concludes from something
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
	// Marks say of each source whether it was read; a missing one is NotAsked.
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

// Mark says whether a source was read.
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
