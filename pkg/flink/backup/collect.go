package backup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
)

// Inspected is what is known of a state by its own files.
type Inspected struct {
	// Page is what `snapshot inspect -o json` prints.
	Page         any
	CheckpointID int64
	Size         int64
	// Taken is when it was written; zero where that isn't known.
	Taken time.Time
	// Problems are why a restore from it would fail.
	Problems []string
}

// Stores look at the files of a job's state.
type Stores interface {
	lifecycle.StateFinder
	// Look looks into a state.
	Look(ctx context.Context, job api.Job, path string) (Inspected, error)
}

// Collector gathers the backups of jobs.
type Collector struct {
	Client *operator.Client
	// Savepoint takes one of each job that runs.
	Savepoint bool
	// Stores opens the way to the files of a job's state, until done is called;
	// nil looks at none.
	Stores func(reporter operator.Reporter) (stores Stores, done func(), err error)
	// Dir is written to; nil writes nothing.
	Dir *Dir
	Now func() time.Time

	mu        sync.Mutex
	manifests map[api.Ref]*unstructured.Unstructured
	wanted    map[[2]string]bool
}

// inspectLimit bounds how long a state is looked into.
const inspectLimit = time.Minute

// Job gathers the backup of one job. Its error says that nothing of it could be
// backed up; what is merely not whole is in the entry's Failures.
func (b *Collector) Job(ctx context.Context, ref api.Ref, reporter operator.Reporter) (Entry, error) {
	entry := Entry{Kind: ref.Kind.Name, Namespace: ref.Namespace, Name: ref.Name}
	if err := CheckNames(ref.Namespace, ref.Name); err != nil {
		return entry, err
	}
	reporter.Waitingf("%s: reading its manifest", ref)
	object, err := b.Client.Get(ctx, ref)
	if err != nil {
		return entry, err
	}
	job := api.Job{Kind: ref.Kind, Object: object}
	if parent := job.BlueGreenParent(); parent != "" {
		return entry, fmt.Errorf("%s belongs to %s/%s: back that one up", ref, api.BlueGreen.Singular, parent)
	}
	entry.Condition, entry.Described = conditionOf(job), job.Describe(b.Now())
	if job.IsSessionCluster() {
		entry.Described = "JobManager " + api.OrUnknown(job.JobManager())
	}
	entry.FlinkVersion, entry.JobID = api.Dotted(job.FlinkVersion()), job.JobID()
	if object.GetDeletionTimestamp() != nil {
		entry.Warnings = append(entry.Warnings, "it is being deleted")
	}
	manifest := api.Applied(object)
	if err := b.keep(&entry, manifest); err != nil {
		return entry, err
	}
	b.references(&entry, job)
	if entry.Condition == SessionCluster {
		return entry, nil
	}
	b.state(ctx, &entry, job, reporter)
	if ctx.Err() != nil {
		return entry, context.Cause(ctx)
	}
	b.snapshots(ctx, &entry) // after the savepoint that was taken
	return entry, nil
}

func conditionOf(job api.Job) string {
	switch {
	case job.IsSessionCluster():
		return SessionCluster
	case job.IsStopped(), job.Wanted() == api.WantSuspended:
		return Suspended
	case canSave(job):
		return Running
	case job.State() == api.JobFinished:
		return Finished
	case job.NeverRan():
		return NeverRan
	}
	return NotRunning
}

// canSave reports whether a savepoint of the job can be taken.
func canSave(job api.Job) bool {
	if job.Kind.Name == api.BlueGreen.Name {
		_, active := job.ActiveChild()
		return active && job.State() == api.JobRunning
	}
	return job.IsRunning()
}

// keep writes a job's manifest, and warns of secrets in it.
func (b *Collector) keep(entry *Entry, manifest *unstructured.Unstructured) error {
	b.mu.Lock()
	if b.manifests == nil {
		b.manifests, b.wanted = map[api.Ref]*unstructured.Unstructured{}, map[[2]string]bool{}
	}
	b.manifests[entry.Ref()] = manifest
	b.mu.Unlock()
	job := api.Job{Kind: entry.Ref().Kind, Object: manifest}
	var keys []string
	for key, value := range api.Flatten(api.Section(job.Spec(), "flinkConfiguration")) {
		if value != "" && secret.Value(key, value) != value {
			keys = append(keys, key)
		}
	}
	if slices.Sort(keys); len(keys) > 0 {
		entry.Warnings = append(entry.Warnings, "its manifest has secrets in it ("+strings.Join(keys, ", ")+"): keep the backup as secrets are kept")
	}
	if b.Dir == nil {
		return nil
	}
	entry.Manifest = entry.file("manifest.yaml")
	return b.Dir.writeYAML(entry.Manifest, manifest.Object)
}

// references notes what the pods of a job need besides, and which ConfigMaps are
// to be kept.
func (b *Collector) references(entry *Entry, job api.Job) {
	for _, r := range lifecycle.References(job.Spec()) {
		if CheckNames(entry.Namespace, r.Name) != nil {
			entry.Warnings = append(entry.Warnings, fmt.Sprintf("%s %q, which it names, can't be one", r.Kind, r.Name))
			continue
		}
		switch r.Kind {
		case "configmap":
			entry.ConfigMaps = append(entry.ConfigMaps, r.Name)
			b.mu.Lock()
			b.wanted[[2]string{entry.Namespace, r.Name}] = true
			b.mu.Unlock()
		case "secret":
			entry.Secrets = append(entry.Secrets, r.Name)
		case "serviceaccount":
			entry.ServiceAccounts = append(entry.ServiceAccounts, r.Name)
		case "persistentvolumeclaim":
			entry.Claims = append(entry.Claims, r.Name)
		}
	}
}

// snapshots keeps the FlinkStateSnapshots of a job, with their status: it says
// where their data is.
func (b *Collector) snapshots(ctx context.Context, entry *Entry) {
	if b.Dir == nil {
		return
	}
	served, err := b.Client.Serves(ctx, api.StateSnap)
	if err == nil && !served {
		return
	}
	objects, err := b.Client.List(ctx, api.StateSnap, entry.Namespace, metav1.ListOptions{})
	if err != nil {
		entry.Failures = append(entry.Failures, "its FlinkStateSnapshots can't be listed: "+api.FirstLine(err.Error()))
		return
	}
	var documents []map[string]any
	for i := range objects {
		if snapshot := (api.Snapshot{Object: &objects[i]}); !lifecycle.IsOf(entry.Ref(), snapshot.Job()) {
			continue
		}
		kept := api.Applied(&objects[i])
		if status := api.Section(objects[i].Object, "status"); status != nil {
			kept.Object["status"] = status
		}
		documents = append(documents, kept.Object)
	}
	if len(documents) == 0 {
		return
	}
	text, err := stream(documents)
	if err == nil {
		err = b.Dir.write(entry.file("snapshots.yaml"), text)
	}
	if err != nil {
		entry.Failures = append(entry.Failures, "its FlinkStateSnapshots can't be written: "+err.Error())
		return
	}
	entry.Snapshots = entry.file("snapshots.yaml")
}

// stream is YAML documents one after the other.
func stream(documents []map[string]any) ([]byte, error) {
	var out []byte
	for n, document := range documents {
		data, err := yaml.Marshal(document)
		if err != nil {
			return nil, err
		}
		if n > 0 {
			out = append(out, "---\n"...)
		}
		out = append(out, data...)
	}
	return out, nil
}

// WriteConfigMaps keeps the ConfigMaps that the jobs' manifests name, which is
// known when all of them were read.
func (b *Collector) WriteConfigMaps(ctx context.Context, entries []Entry) []ConfigMap {
	var out []ConfigMap
	for _, at := range slices.SortedFunc(maps.Keys(b.wanted), func(a, b [2]string) int { return slices.Compare(a[:], b[:]) }) {
		m, err := b.configMap(ctx, at[0], at[1])
		if err == nil {
			out = append(out, m)
			continue
		}
		for i := range entries {
			if e := &entries[i]; e.Namespace == at[0] && slices.Contains(e.ConfigMaps, at[1]) {
				e.Failures = append(e.Failures, fmt.Sprintf("configmap/%s can't be backed up: %s", at[1], api.FirstLine(err.Error())))
			}
		}
	}
	return out
}

func (b *Collector) configMap(ctx context.Context, namespace, name string) (ConfigMap, error) {
	m := ConfigMap{Namespace: namespace, Name: name}
	object, err := ReadConfigMap(ctx, b.Client, namespace, name)
	if apierrors.IsNotFound(err) {
		err = errors.New("there is none")
	}
	if err != nil {
		return m, err
	}
	b.mu.Lock()
	b.manifests[api.Ref{Namespace: namespace, Name: name}] = object
	b.mu.Unlock()
	if b.Dir == nil {
		return m, nil
	}
	m.Manifest = m.file()
	return m, b.Dir.writeYAML(m.Manifest, object.Object)
}

// Manifests are what GitOps takes: ConfigMaps, session clusters, and jobs that
// start from their state, as a stream of YAML.
func (b *Collector) Manifests(configMaps []ConfigMap, entries []Entry) ([]byte, error) {
	var documents []map[string]any
	for _, m := range configMaps {
		documents = append(documents, b.manifests[api.Ref{Namespace: m.Namespace, Name: m.Name}].Object)
	}
	for _, clusters := range []bool{true, false} {
		for _, e := range entries {
			object := b.manifests[e.Ref()]
			if object == nil || clusters != (e.Condition == SessionCluster) {
				continue
			}
			job := api.Job{Kind: e.Ref().Kind, Object: object}
			if e.State != nil {
				if err := job.Set(e.State.Path, "job", "initialSavepointPath"); err != nil {
					return nil, err
				}
			}
			documents = append(documents, object.Object)
		}
	}
	return stream(documents)
}

// Targets are the jobs of refs, and the session clusters that they run in, before
// the jobs in them.
func Targets(ctx context.Context, c *operator.Client, refs []api.Ref) ([]api.Ref, error) {
	var clusters, jobs []api.Ref
	for _, ref := range refs {
		if ref.Kind.Name == api.Deployment.Name {
			clusters = append(clusters, ref)
			continue
		}
		jobs = append(jobs, ref)
		if ref.Kind.Name != api.SessionJob.Name {
			continue
		}
		object, err := c.Get(ctx, ref)
		if err != nil {
			return nil, err
		}
		if name := (api.Job{Kind: ref.Kind, Object: object}).SessionCluster(); name != "" {
			clusters = append(clusters, api.Ref{Kind: api.Deployment, Namespace: ref.Namespace, Name: name})
		}
	}
	var out []api.Ref
	seen := map[api.Ref]bool{}
	for _, ref := range append(clusters, jobs...) {
		if !seen[ref] {
			seen[ref] = true
			out = append(out, ref)
		}
	}
	return out, nil
}

// Everything is every job of a namespace ("" is all), and every session cluster.
func Everything(ctx context.Context, c *operator.Client, namespace, selector string) ([]api.Ref, error) {
	options := metav1.ListOptions{LabelSelector: selector}
	jobs, err := c.Jobs(ctx, namespace, options)
	if err != nil {
		return nil, err
	}
	var refs []api.Ref
	for _, job := range jobs {
		refs = append(refs, job.Ref())
	}
	deployments, err := c.List(ctx, api.Deployment, namespace, options)
	if err != nil {
		return nil, err
	}
	for i := range deployments {
		if job := (api.Job{Kind: api.Deployment, Object: &deployments[i]}); job.IsSessionCluster() {
			refs = append(refs, job.Ref())
		}
	}
	if len(refs) == 0 {
		return nil, errors.New("no jobs match")
	}
	return Targets(ctx, c, refs)
}

// takeSavepoint takes the one that the backup is to have.
func (b *Collector) takeSavepoint(ctx context.Context, ref api.Ref, reporter operator.Reporter) (savepoint.Report, error) {
	return savepoint.Take(ctx, b.Client, ref, savepoint.Request{Method: savepoint.Auto, Format: "auto"}, reporter)
}
