// Package backup keeps what starts jobs again when their cluster is lost, in a
// directory, and starts them from it: their manifests, where their newest state
// is, the ConfigMaps that they name, and the names of what else they need. State
// itself stays where Flink wrote it. A directory that is read is foreign input.
package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"time"

	apivalidation "k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// IndexName is the file of a backup that says what is in it. It is written last:
// a directory without it is no backup.
const IndexName = "backup.json"

// Version is that of the index, and the newest that is understood.
const Version = 1

// Bounds of what is read.
const (
	largestIndex    = 64 << 20
	largestManifest = 4 << 20
	mostJobs        = 10_000
	mostConfigMaps  = 10_000
)

// Index says what a backup has.
type Index struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Version    int    `json:"version"`
	// Created is when it was begun.
	Created time.Time `json:"created"`
	// Server is the host of the API server that it is of.
	Server    string     `json:"server,omitempty"`
	Operators []Operator `json:"operators,omitempty"`
	// Namespaces are those of its jobs, sorted.
	Namespaces []string `json:"namespaces"`
	// Whole says that every job's backup is.
	Whole      bool        `json:"whole"`
	Jobs       []Entry     `json:"jobs"`
	ConfigMaps []ConfigMap `json:"configMaps,omitempty"`
	// Missing are things besides jobs that couldn't be backed up.
	Missing []string `json:"missing,omitempty"`
}

// Operator is one operator of the cluster.
type Operator struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Version   string `json:"version,omitempty"`
}

// The conditions that a job may have been in.
const (
	Running        = "running"
	Suspended      = "suspended"
	Finished       = "finished"
	NotRunning     = "not running"
	NeverRan       = "never ran"
	SessionCluster = "session cluster"
	// Unknown is of a job that could not be read.
	Unknown = "unknown"
)

// Entry is one job, or a session cluster.
type Entry struct {
	Kind      string `json:"kind"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	// Manifest, Inspection and Snapshots are files, with "/" between directories;
	// "" where there is none.
	Manifest   string `json:"manifest,omitempty"`
	Inspection string `json:"inspection,omitempty"`
	Snapshots  string `json:"snapshots,omitempty"`
	// Condition is one of the constants above, Described says more.
	Condition string `json:"condition"`
	Described string `json:"described,omitempty"`
	// FlinkVersion is as in 1.20; JobID is Flink's id of the run.
	FlinkVersion string `json:"flinkVersion,omitempty"`
	JobID        string `json:"jobId,omitempty"`
	// State is nil where there is none, or none is known.
	State *State `json:"state,omitempty"`
	// What its pods need besides, by name.
	ConfigMaps      []string `json:"configMaps,omitempty"`
	Secrets         []string `json:"secrets,omitempty"`
	ServiceAccounts []string `json:"serviceAccounts,omitempty"`
	Claims          []string `json:"persistentVolumeClaims,omitempty"`
	// Warnings are what to know, Failures why the backup isn't whole.
	Warnings []string `json:"warnings,omitempty"`
	Failures []string `json:"failures,omitempty"`
}

// State is what a job starts from.
type State struct {
	// Kind is savepoint or checkpoint.
	Kind string `json:"kind"`
	Path string `json:"path"`
	// Taken is when; zero where that isn't known.
	Taken time.Time `json:"taken,omitzero"`
	// CheckpointID counts the checkpoints and savepoints of a job; 0 where its
	// _metadata couldn't be read.
	CheckpointID int64 `json:"checkpointID,omitempty"`
	// Size is in bytes; 0 where unknown.
	Size int64 `json:"size,omitempty"`
	// Fresh says that it was taken for this backup.
	Fresh bool `json:"fresh,omitempty"`
	// Passing says that the running job replaces it: it is likely gone by now.
	Passing bool `json:"passing,omitempty"`
}

// ConfigMap is one that jobs name.
type ConfigMap struct {
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
	Manifest  string `json:"manifest"`
}

// Ref names the job.
func (e Entry) Ref() api.Ref {
	kind, _ := api.ParseKind(e.Kind, api.JobKinds...)
	return api.Ref{Kind: kind, Namespace: e.Namespace, Name: e.Name}
}

// Whole reports whether the backup of the job is.
func (e Entry) Whole() bool { return len(e.Failures) == 0 }

// The files of an object: its directory has its whole name, so that none is too
// long for a file system.
func fileOf(namespace, kind, name, file string) string { return path.Join(namespace, kind, name, file) }

func (e Entry) file(name string) string {
	return fileOf(e.Namespace, e.Ref().Kind.Singular, e.Name, name)
}

func (m ConfigMap) file() string { return fileOf(m.Namespace, "configmap", m.Name, "manifest.yaml") }

// CheckNames refuses a namespace or a name that no object can have, before it
// becomes part of a file's name or an address.
func CheckNames(namespace, name string) error {
	if wrong := apivalidation.IsDNS1123Label(namespace); len(wrong) > 0 {
		return fmt.Errorf("%q is no namespace: %s", namespace, wrong[0])
	}
	if wrong := apivalidation.IsDNS1123Subdomain(name); len(wrong) > 0 {
		return fmt.Errorf("%q is no name: %s", name, wrong[0])
	}
	return nil
}

// ReadIndex reads an index and checks it; nothing of it is trusted before.
func ReadIndex(r io.Reader) (Index, error) {
	var index Index
	data, err := io.ReadAll(io.LimitReader(r, largestIndex+1))
	if err != nil {
		return index, err
	}
	if len(data) > largestIndex {
		return index, fmt.Errorf("it is larger than %d MiB", largestIndex>>20)
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&index); err != nil {
		return index, err
	}
	return index, index.check()
}

func (i Index) check() error {
	switch {
	case i.APIVersion != "kubectl-flink/v1" || i.Kind != "Backup":
		return fmt.Errorf("it is no index of a backup (apiVersion %q, kind %q)", i.APIVersion, i.Kind)
	case i.Version < 1:
		return errors.New("version: it has none")
	case i.Version > Version:
		return fmt.Errorf("version: %d is newer than this kubectl-flink understands (%d)", i.Version, Version)
	case len(i.Jobs) > mostJobs || len(i.ConfigMaps) > mostConfigMaps:
		return fmt.Errorf("it has more than %d jobs or ConfigMaps", mostJobs)
	}
	seen := map[api.Ref]bool{}
	for n, entry := range i.Jobs {
		if err := entry.check(); err != nil {
			return fmt.Errorf("jobs[%d]: %w", n, err)
		}
		if seen[entry.Ref()] {
			return fmt.Errorf("jobs[%d]: %s in namespace %s is there twice", n, entry.Ref(), entry.Namespace)
		}
		seen[entry.Ref()] = true
	}
	for n, m := range i.ConfigMaps {
		if err := CheckNames(m.Namespace, m.Name); err != nil {
			return fmt.Errorf("configMaps[%d]: %w", n, err)
		}
		if m.Manifest != m.file() {
			return fmt.Errorf("configMaps[%d]: manifest: %q is not where it belongs, %s", n, m.Manifest, m.file())
		}
	}
	return nil
}

func (e Entry) check() error {
	kind, known := api.ParseKind(e.Kind, api.JobKinds...)
	if !known || kind.Name != e.Kind {
		return fmt.Errorf("kind: %q is not one that runs jobs", e.Kind)
	}
	if err := CheckNames(e.Namespace, e.Name); err != nil {
		return err
	}
	for _, file := range [][2]string{{e.Manifest, "manifest.yaml"}, {e.Inspection, "inspection.json"}, {e.Snapshots, "snapshots.yaml"}} {
		if file[0] != "" && file[0] != e.file(file[1]) {
			return fmt.Errorf("%q is not where it belongs, %s", file[0], e.file(file[1]))
		}
	}
	for _, list := range [][]string{e.ConfigMaps, e.Secrets, e.ServiceAccounts, e.Claims} {
		for _, name := range list {
			if err := CheckNames(e.Namespace, name); err != nil {
				return err
			}
		}
	}
	if !slices.Contains([]string{Running, Suspended, Finished, NotRunning, NeverRan, SessionCluster, Unknown}, e.Condition) {
		return fmt.Errorf("condition: %q is none that is known", e.Condition)
	}
	if e.State != nil {
		if err := api.CheckPathForm(e.State.Path); err != nil {
			return fmt.Errorf("state.path: %w", err)
		}
		if e.State.Kind != api.RetainedSavepoint && e.State.Kind != api.RetainedCheckpoint {
			return fmt.Errorf("state.kind: %q is neither savepoint nor checkpoint", e.State.Kind)
		}
	}
	return nil
}

// Files are the files of a backup besides its index, with "/" between directories.
func (i Index) Files() []string {
	var out []string
	for _, e := range i.Jobs {
		for _, name := range []string{e.Manifest, e.Inspection, e.Snapshots} {
			if name != "" {
				out = append(out, name)
			}
		}
	}
	for _, m := range i.ConfigMaps {
		if m.Manifest != "" {
			out = append(out, m.Manifest)
		}
	}
	return out
}

// New is the index of a backup that is begun.
func New(now time.Time) Index {
	return Index{APIVersion: "kubectl-flink/v1", Kind: "Backup", Version: Version, Created: now.UTC()}
}

// Complete fills in what was backed up.
func (i *Index) Complete(entries []Entry, configMaps []ConfigMap) {
	i.Jobs, i.ConfigMaps, i.Whole, i.Namespaces = entries, configMaps, true, []string{}
	for _, e := range entries {
		i.Whole = i.Whole && e.Whole()
		if !slices.Contains(i.Namespaces, e.Namespace) {
			i.Namespaces = append(i.Namespaces, e.Namespace)
		}
	}
	slices.Sort(i.Namespaces)
}

// Unread is the entry of a job of which nothing was backed up.
func Unread(ref api.Ref, why string) Entry {
	return Entry{Kind: ref.Kind.Name, Namespace: ref.Namespace, Name: ref.Name, Condition: Unknown, Failures: []string{why}}
}
