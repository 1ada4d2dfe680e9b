package operator

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Saved is a savepoint or checkpoint that something in the cluster tells of:
// a FlinkStateSnapshot, or the status of a job.
type Saved struct {
	// Snapshot is the object; its Object is nil where only a job's status
	// tells of it, as with operators before 1.10.
	Snapshot  Snapshot
	Namespace string
	Job       Ref
	Savepoint bool
	// Trigger is MANUAL, PERIODIC or UPGRADE; "" if unknown.
	Trigger string
	// State is one of the Snapshot… states; "" while no operator has seen it.
	State  string
	Format string
	Path   string
	// Created is when it came up, Completed when its result was seen; zero
	// where unknown.
	Created, Completed time.Time
	Duration           time.Duration
	// UsedBy says which jobs start or restore from it, and where that stands.
	UsedBy []string
	// Passing is why it goes with its job's pods, as in "is in no volume of …";
	// "" where it stays or that isn't known.
	Passing string
}

// Name of the FlinkStateSnapshot; "" where there is none.
func (s Saved) Name() string {
	if s.Snapshot.Object == nil {
		return ""
	}
	return s.Snapshot.Name()
}

// Registered reports whether somebody registered a savepoint that existed
// before: when it was taken nobody knows. The operator registers those of
// upgrades itself, at once.
func (s Saved) Registered() bool {
	return s.Snapshot.Object != nil && s.Snapshot.Adopted() && s.Trigger != "UPGRADE"
}

// At is when its state was taken, as well as that is known.
func (s Saved) At() time.Time {
	if !s.Completed.IsZero() && s.Snapshot.Object != nil && !s.Snapshot.Adopted() {
		return s.Completed
	}
	return s.Created
}

// SavedFrom reads a FlinkStateSnapshot; UsedBy is left empty.
func SavedFrom(s Snapshot) Saved {
	return Saved{
		Snapshot: s, Namespace: s.Object.GetNamespace(), Job: s.Job(), Savepoint: s.IsSavepoint(), Trigger: s.Trigger(),
		State: s.State(), Format: s.Format(), Path: s.Path(), Created: s.Object.GetCreationTimestamp().Time,
		Completed: s.CompletedAt(), Duration: s.Duration(),
	}
}

// savedIn are the savepoints and checkpoints that a job's status tells of,
// newest first. An upgradeSavepointPath that a job was told to start from is
// none of its own.
func savedIn(job Job) []Saved {
	var out []Saved
	seen := map[string]bool{}
	status := section(job.Object.Object, "status", "jobStatus")
	add := func(s Saved) {
		key := NormalPath(s.Path)
		if key == "" || seen[key] {
			return
		}
		seen[key] = true
		s.Namespace, s.Job, s.State = job.Object.GetNamespace(), job.Ref(), SnapshotCompleted
		out = append(out, s)
	}
	of := func(entry map[string]any) Saved {
		at := millis(entry, "timeStamp")
		return Saved{
			// Operators before 1.10 note the last checkpoint of a finished job here, too.
			Savepoint: !isCheckpointPath(text(entry, "location")), Trigger: text(entry, "triggerType"), Format: text(entry, "formatType"),
			Path: text(entry, "location"), Created: at, Completed: at,
		}
	}
	info := section(status, "savepointInfo")
	add(of(section(info, "lastSavepoint")))
	history, _, _ := unstructured.NestedSlice(info, "savepointHistory")
	for _, entry := range slices.Backward(history) {
		if entry, ok := entry.(map[string]any); ok {
			add(of(entry))
		}
	}
	if path := text(status, "upgradeSavepointPath"); !SamePath(path, job.InitialPath()) {
		add(Saved{Savepoint: !isCheckpointPath(path), Trigger: "UPGRADE", Path: path})
	}
	return out
}

// isCheckpointPath reports whether a path is one that Flink gives checkpoints.
func isCheckpointPath(path string) bool {
	normal := NormalPath(path)
	return strings.HasPrefix(normal[strings.LastIndexByte(normal, '/')+1:], "chk-")
}

// InitialPath is spec.job.initialSavepointPath.
func (j Job) InitialPath() string { return text(j.spec(), "job", "initialSavepointPath") }

// UpgradePath is where the next restore would start from by the status; "" if
// that isn't known or is the last checkpoint.
func (j Job) UpgradePath() string {
	path := text(j.Object.Object, "status", "jobStatus", "upgradeSavepointPath")
	if NormalPath(path) == "" {
		return ""
	}
	return path
}

// Inventory is all the state that the cluster tells of.
type Inventory struct {
	// Saved is newest first within each job, and by namespace and job.
	Saved []Saved
	// Problems say what could not be read.
	Problems []string

	uses map[string][]string
	// mounts are the volumes of the FlinkDeployments, and clusters those that
	// the session jobs run in.
	mounts   map[Ref]podMounts
	clusters map[Ref]Ref
}

// place is where a path of a job's state is, as the job's spec says.
func (i Inventory) place(job Ref, path string) StatePlace {
	if cluster, ok := i.clusters[job]; ok {
		job = cluster
	}
	mounts, ok := i.mounts[job]
	if !ok {
		return StatePlace{Kind: UnknownPlace}
	}
	return mounts.place(path)
}

// noteMounts remembers where the job's pods can keep state.
func (i Inventory) noteMounts(job Job) {
	if job.Kind.Name == SessionJob.Name {
		i.clusters[job.Ref()] = Ref{Deployment, job.Object.GetNamespace(), job.SessionCluster()}
		return
	}
	i.mounts[job.Ref()] = mountsOf(job.spec())
}

// UsedBy says which jobs start or restore from a path.
func (i Inventory) UsedBy(path string) []string { return i.uses[NormalPath(path)] }

// InventoryOf reads the snapshots of a namespace ("" is all) that the label
// selector matches, and what the jobs' status tells of; the latter has no
// labels and is left out where there is a selector. Each path is told once.
func (c *Client) InventoryOf(ctx context.Context, namespace, labels string) (Inventory, error) {
	return c.inventory(ctx, namespace, labels, true)
}

// InventoryForDisposal is an Inventory of all namespaces, as far as the user
// may read them, because a job may start from state of another namespace; at
// least of the one given.
func (c *Client) InventoryForDisposal(ctx context.Context, namespace string) (Inventory, error) {
	all, err := c.inventory(ctx, metav1.NamespaceAll, "", true)
	if err == nil && len(all.Problems) == 0 {
		return all, nil
	}
	if err != nil && !apierrors.IsForbidden(err) {
		return all, err
	}
	return c.inventory(ctx, namespace, "", true)
}

// UsesIn is an Inventory that only knows which state the jobs of a namespace
// use, and what their status tells of.
func (c *Client) UsesIn(ctx context.Context, namespace string) (Inventory, error) {
	return c.inventory(ctx, namespace, "", false)
}

func (c *Client) inventory(ctx context.Context, namespace, labels string, snapshots bool) (Inventory, error) {
	served, err := c.Served(ctx)
	if apierrors.IsForbidden(err) {
		served, err = nil, nil // who may not ask tries them all
	}
	if err != nil {
		return Inventory{}, err
	}
	var (
		mu      sync.Mutex
		group   sync.WaitGroup
		out     = Inventory{uses: map[string][]string{}, mounts: map[Ref]podMounts{}, clusters: map[Ref]Ref{}}
		own     []Saved
		told    []Saved
		failure error
	)
	if snapshots && (served == nil || slices.Contains(served, StateSnap.Plural)) {
		group.Go(func() {
			err := c.pages(ctx, StateSnap, namespace, metav1.ListOptions{LabelSelector: labels}, func(page []unstructured.Unstructured) {
				for i := range page {
					own = append(own, SavedFrom(Snapshot{&page[i]}))
				}
			})
			if err != nil {
				failure = err
			}
		})
	}
	for _, kind := range JobKinds {
		if served != nil && !slices.Contains(served, kind.Plural) {
			continue
		}
		group.Go(func() {
			err := c.pages(ctx, kind, namespace, metav1.ListOptions{}, func(page []unstructured.Unstructured) {
				mu.Lock()
				defer mu.Unlock()
				for i := range page {
					job := Job{kind, &page[i]}
					told = append(told, savedIn(job)...)
					out.use(job)
					out.noteMounts(job)
				}
			})
			newer := kind.Name == BlueGreen.Name && (apierrors.IsForbidden(err) || served == nil)
			if err != nil && !newer {
				mu.Lock()
				defer mu.Unlock()
				out.Problems = append(out.Problems, kind.Plural+": "+err.Error())
			}
		})
	}
	group.Wait()
	if failure != nil {
		return out, failure
	}
	slices.Sort(out.Problems)
	out.Saved = merge(own, told, labels != "")
	for i := range out.Saved {
		saved := &out.Saved[i]
		saved.UsedBy = out.UsedBy(saved.Path)
		if NormalPath(saved.Path) != "" {
			saved.Passing = out.place(saved.Job, saved.Path).Why
		}
	}
	return out, nil
}

func (i *Inventory) use(job Job) {
	note := func(path, where string) {
		if key := NormalPath(path); key != "" {
			i.uses[key] = append(i.uses[key], job.Ref().String()+" ("+where+")")
		}
	}
	note(job.InitialPath(), "initialSavepointPath")
	if !SamePath(job.UpgradePath(), job.InitialPath()) {
		note(job.UpgradePath(), "upgradeSavepointPath")
	}
}

// merge makes one list of objects and what statuses tell, each path once. An
// object knows more than a status.
func merge(own, told []Saved, ownOnly bool) []Saved {
	known := map[string]bool{}
	for _, s := range own {
		known[s.Namespace+" "+NormalPath(s.Path)] = true
	}
	out := own
	for _, s := range told {
		if key := s.Namespace + " " + NormalPath(s.Path); !ownOnly && !known[key] {
			known[key] = true
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(a, b Saved) int {
		for _, order := range []int{
			strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Job.String(), b.Job.String()), b.At().Compare(a.At()),
		} {
			if order != 0 {
				return order
			}
		}
		return strings.Compare(a.Name(), b.Name())
	})
	return out
}
