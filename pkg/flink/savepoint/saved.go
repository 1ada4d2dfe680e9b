package savepoint

import (
	"context"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Inventory is all the state that the cluster reports.
type Inventory struct {
	// Saved is newest first within each job, and by namespace and job.
	Saved []api.Saved
	// Problems say what could not be read.
	Problems []string

	uses map[string][]string
	// mounts are the volumes of the FlinkDeployments, and clusters those that
	// the session jobs run in.
	Mounts   map[api.Ref]api.PodMounts
	Clusters map[api.Ref]api.Ref
}

// Place is where a path of a job's state is, as the job's spec says.
func (i Inventory) Place(job api.Ref, path string) api.StatePlace {
	if cluster, ok := i.Clusters[job]; ok {
		job = cluster
	}
	mounts, ok := i.Mounts[job]
	if !ok {
		return api.StatePlace{Kind: api.UnknownPlace}
	}
	return mounts.Place(path)
}

// NoteMounts remembers where the job's pods can keep state.
func (i Inventory) NoteMounts(job api.Job) {
	if job.Kind.Name == api.SessionJob.Name {
		i.Clusters[job.Ref()] = api.Ref{Kind: api.Deployment, Namespace: job.Object.GetNamespace(), Name: job.SessionCluster()}
		return
	}
	i.Mounts[job.Ref()] = api.MountsOf(job.Spec())
}

// UsedBy says which jobs start or restore from a path.
func (i Inventory) UsedBy(path string) []string { return i.uses[api.NormalPath(path)] }

// InventoryOf reads the snapshots of a namespace ("" is all) that the label
// selector matches, and what the jobs' status reports; the latter has no
// labels and is left out where there is a selector. Each path is listed once.
func InventoryOf(ctx context.Context, c *operator.Client, namespace, labels string) (Inventory, error) {
	return inventory(ctx, c, namespace, labels, true)
}

// InventoryForDisposal is an Inventory of all namespaces, as far as the user
// may read them, because a job may start from state of another namespace; at
// least of the one given.
func InventoryForDisposal(ctx context.Context, c *operator.Client, namespace string) (Inventory, error) {
	all, err := inventory(ctx, c, metav1.NamespaceAll, "", true)
	if err == nil && len(all.Problems) == 0 {
		return all, nil
	}
	if err != nil && !apierrors.IsForbidden(err) {
		return all, err
	}
	return inventory(ctx, c, namespace, "", true)
}

// UsesIn is an Inventory that only knows which state the jobs of a namespace
// use, and what their status reports.
func UsesIn(ctx context.Context, c *operator.Client, namespace string) (Inventory, error) {
	return inventory(ctx, c, namespace, "", false)
}

func inventory(ctx context.Context, c *operator.Client, namespace, labels string, snapshots bool) (Inventory, error) {
	served, err := c.Served(ctx)
	if apierrors.IsForbidden(err) {
		served, err = nil, nil // who may not ask tries them all
	}
	if err != nil {
		return Inventory{}, err
	}
	var (
		mu       sync.Mutex
		group    sync.WaitGroup
		out      = Inventory{uses: map[string][]string{}, Mounts: map[api.Ref]api.PodMounts{}, Clusters: map[api.Ref]api.Ref{}}
		own      []api.Saved
		reported []api.Saved
		failure  error
	)
	if snapshots && (served == nil || slices.Contains(served, api.StateSnap.Plural)) {
		group.Go(func() {
			err := c.Pages(ctx, api.StateSnap, namespace, metav1.ListOptions{LabelSelector: labels}, func(page []unstructured.Unstructured) {
				for i := range page {
					own = append(own, api.SavedFrom(api.Snapshot{Object: &page[i]}))
				}
			})
			if err != nil {
				failure = err
			}
		})
	}
	for _, kind := range api.JobKinds {
		if served != nil && !slices.Contains(served, kind.Plural) {
			continue
		}
		group.Go(func() {
			err := c.Pages(ctx, kind, namespace, metav1.ListOptions{}, func(page []unstructured.Unstructured) {
				mu.Lock()
				defer mu.Unlock()
				for i := range page {
					job := api.Job{Kind: kind, Object: &page[i]}
					reported = append(reported, api.SavedIn(job)...)
					out.use(job)
					out.NoteMounts(job)
				}
			})
			newer := kind.Name == api.BlueGreen.Name && (apierrors.IsForbidden(err) || served == nil)
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
	out.Saved = api.MergeSaved(own, reported, labels != "")
	for i := range out.Saved {
		saved := &out.Saved[i]
		saved.UsedBy = out.UsedBy(saved.Path)
		if api.NormalPath(saved.Path) != "" {
			saved.Passing = out.Place(saved.Job, saved.Path).Why
		}
	}
	return out, nil
}

func (i *Inventory) use(job api.Job) {
	note := func(path, where string) {
		if key := api.NormalPath(path); key != "" {
			i.uses[key] = append(i.uses[key], job.Ref().String()+" ("+where+")")
		}
	}
	note(job.InitialPath(), "initialSavepointPath")
	if !api.SamePath(job.UpgradePath(), job.InitialPath()) {
		note(job.UpgradePath(), "upgradeSavepointPath")
	}
}
