package diagnosis

import (
	"slices"
	"time"
)

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

// Mark says whether a source was read.
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
	// Fields are the paths in the schema that show its age, as in
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
