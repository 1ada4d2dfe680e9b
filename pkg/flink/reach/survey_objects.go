package reach

import (
	"context"
	"regexp"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/savepoint"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// objects finds the runs and paths that objects and JobManagers report.
func (v *surveying) objects(ctx context.Context) {
	namespace := metav1.NamespaceAll
	jobs, err := v.Client.Jobs(ctx, namespace, metav1.ListOptions{})
	if apierrors.IsForbidden(err) {
		namespace = v.job.Object.GetNamespace()
		v.out.Notes = append(v.out.Notes, "only namespace "+namespace+" could be looked into: jobs of others aren't known")
		jobs, err = v.Client.Jobs(ctx, namespace, metav1.ListOptions{})
	}
	if err != nil {
		v.problem("the jobs can't be listed: %v", err)
		return
	}
	clusters, err := v.Client.List(ctx, api.Deployment, namespace, metav1.ListOptions{})
	if err != nil {
		v.problem("the clusters can't be listed: %v", err)
		return
	}
	inventory, err := savepoint.InventoryOf(ctx, v.Client, namespace, "")
	if err != nil {
		v.problem("the snapshots can't be listed: %v", err)
	}
	for _, problem := range inventory.Problems {
		v.problem("what jobs say of their snapshots can't be read: %s", problem)
	}
	for _, s := range inventory.Saved {
		owner := s.Job.String()
		if s.Name() != "" {
			owner = api.StateSnap.Singular + "/" + s.Name()
		}
		v.out.Owners.AddPath(s.Path, owner)
		if id := storage.RunOf(s.Path); id != "" && s.Job == v.job.Ref() && !s.Registered() {
			v.know(id, storage.Run{Job: s.Job.String(), Own: true})
		}
	}
	var all []api.Job
	for i := range clusters {
		all = append(all, api.Job{Kind: api.Deployment, Object: &clusters[i]})
	}
	for _, job := range jobs {
		v.out.Owners.AddPath(job.InitialPath(), "spec of "+job.Ref().String())
		v.out.Owners.AddPath(job.UpgradePath(), job.Ref().String())
		if id := job.JobID(); id != "" {
			v.know(id, storage.Run{Job: job.Ref().String(), Own: job.Ref() == v.job.Ref()})
		}
	}
	var group sync.WaitGroup
	var mu sync.Mutex
	atOnce := make(chan struct{}, 8)
	until := time.Now().Add(v.Patience)
	for _, cluster := range all {
		group.Go(func() {
			atOnce <- struct{}{}
			defer func() { <-atOnce }()
			v.patiently(ctx, until, cluster, jobs, &mu)
		})
	}
	group.Wait()
}

// betweenAsks is how long to wait before a JobManager that didn't answer is asked
// again.
const betweenAsks = 3 * time.Second

// patiently asks a cluster until its JobManager answers, nothing here needs it any
// more, or until has come: it may be starting, or being deleted just now.
func (v *surveying) patiently(ctx context.Context, until time.Time, cluster api.Job, jobs []api.Job, mu *sync.Mutex) {
	for {
		err := v.cluster(ctx, cluster, jobs, mu)
		if err == nil {
			return
		}
		ref := cluster.Ref()
		fresh, lookErr := v.Client.Resource(ref.Kind, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
		if apierrors.IsNotFound(lookErr) {
			return // it went since it was listed
		}
		again := lookErr == nil && cluster.Object.GetDeletionTimestamp().IsZero() && !fresh.GetDeletionTimestamp().IsZero()
		if lookErr == nil {
			cluster.Object = fresh
		}
		switch {
		case again:
		case ctx.Err() != nil || !time.Now().Before(until):
			mu.Lock()
			v.problem("%s in namespace %s runs, and its JobManager couldn't be asked: %s", ref, ref.Namespace, api.FirstLine(err.Error()))
			mu.Unlock()
			return
		default:
			v.say("waiting for the JobManager of %s in namespace %s: %s", ref, ref.Namespace, api.FirstLine(err.Error()))
			select {
			case <-time.After(betweenAsks):
			case <-ctx.Done():
			}
		}
	}
}

// know notes a run; what is known for certain before stays.
func (v *surveying) know(id string, run storage.Run) {
	was, known := v.out.Runs[id]
	if known && (was.Live || !run.Live) {
		return
	}
	run.Recoverable = run.Recoverable || was.Recoverable
	v.out.Runs[id] = run
}

// own reports whether what a cluster runs by itself is of the job.
func (v *surveying) own(cluster api.Job) bool {
	ref := v.job.Ref()
	return cluster.Ref() == ref || ref.Kind.Name == api.BlueGreen.Name && ref.Namespace == cluster.Object.GetNamespace() && cluster.BlueGreenParent() == ref.Name
}

// cluster asks one FlinkDeployment. Its error is that a JobManager, which may use
// the directories, couldn't be asked.
func (v *surveying) cluster(ctx context.Context, cluster api.Job, jobs []api.Job, mu *sync.Mutex) error {
	ref := cluster.Ref()
	var inside []api.Job
	serves := v.own(cluster)
	for _, job := range jobs {
		if job.Kind.Name == api.SessionJob.Name && job.SessionCluster() == ref.Name && job.Object.GetNamespace() == ref.Namespace {
			inside = append(inside, job)
			serves = serves || job.Ref() == v.job.Ref()
		}
	}
	config, known, err := v.Client.EffectiveConfig(ctx, cluster)
	// What isn't known to be elsewhere may be here; one that is being deleted takes
	// its configuration along first.
	near := serves || (err != nil || !known) && cluster.Object.GetDeletionTimestamp().IsZero()
	claims := false
	configs := []api.Config{config}
	for _, job := range inside {
		configs = append(configs, api.Flatten(api.Section(job.Spec(), "flinkConfiguration")))
	}
	for _, c := range configs {
		for _, dir := range StateDirs(c) {
			near = near || v.within(dir.Path)
		}
		mode, _ := c.Get("execution.state-recovery.claim-mode", "execution.savepoint-restore-mode")
		claims = claims || strings.EqualFold(mode, "CLAIM") || strings.EqualFold(mode, "LEGACY")
	}
	own := func(id string) (string, bool) {
		for _, job := range inside {
			if job.JobID() == id {
				return job.Ref().String(), job.Ref() == v.job.Ref()
			}
		}
		if cluster.IsSessionCluster() {
			return "a job in " + ref.String(), false
		}
		return ref.String(), v.own(cluster)
	}
	mu.Lock()
	if id := cluster.JobID(); id != "" {
		job, mine := own(id)
		v.know(id, storage.Run{Job: job, Own: mine})
	}
	startedHere := ""
	for _, job := range append([]api.Job{cluster}, inside...) {
		for _, path := range []string{job.InitialPath(), job.UpgradePath()} {
			if path != "" && v.within(path) && job.Ref() != v.job.Ref() && !v.own(job) {
				startedHere = path
			}
		}
	}
	mu.Unlock()
	if serves {
		v.highAvailability(ctx, cluster, own, mu)
	}
	if startedHere != "" && claims && !near {
		mu.Lock()
		v.problem("%s in namespace %s was started from %s as its owner (claim mode) and keeps its checkpoints elsewhere: they may need files here", ref, ref.Namespace, startedHere)
		mu.Unlock()
		return nil
	}
	if !near || !v.isUp(ctx, cluster) {
		return nil
	}
	runs, err := v.Runs(ctx, ref)
	if err != nil {
		return err
	}
	mu.Lock()
	defer mu.Unlock()
	for _, run := range runs {
		job, mine := own(run.ID)
		live := storage.Run{Job: job, Own: mine, Live: true}
		inHistory := int64(0)
		for _, c := range run.Checkpoints.History {
			if c.Status == api.CheckpointInProgress {
				inHistory++
				live.Saving = live.Saving || c.IsSavepoint
			}
		}
		live.Saving = live.Saving || run.Checkpoints.Counts.InProgress > inHistory
		if c := run.Checkpoints.Latest.Completed; c != nil && !c.IsSavepoint {
			live.Since, live.Newest = c.Triggered.Time(), c.ID
			v.out.Owners.AddNewest(c.Path, "JobManager of "+job)
		}
		if c := run.Checkpoints.Latest.Savepoint; c != nil {
			v.out.Owners.AddPath(c.Path, "JobManager of "+job)
		}
		if r := run.Checkpoints.Latest.Restored; r != nil {
			v.out.Owners.AddPath(r.Path, "JobManager of "+job)
			if c := run.Checkpoints.Latest.Completed; !mine && claims && v.within(r.Path) && c != nil {
				v.mustRead = put(v.mustRead, c.Path, job)
			}
		}
		for _, c := range configs {
			if merging, _ := c.Get("execution.checkpointing.file-merging.enabled", "state.checkpoints.file-merging.enabled"); strings.EqualFold(merging, "true") {
				live.Held = "it merges files, and keeps some open that no checkpoint names yet"
			}
		}
		v.know(run.ID, live)
	}
	return nil
}

func put(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}

var haConfigMap = regexp.MustCompile(`^(.+)-([0-9a-f]{32})-config-map$`)

// highAvailability notes the runs that a cluster can be recovered with.
func (v *surveying) highAvailability(ctx context.Context, cluster api.Job, own func(string) (string, bool), mu *sync.Mutex) {
	maps, err := v.Client.Core().CoreV1().ConfigMaps(cluster.Object.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: "app=" + cluster.Object.GetName()})
	mu.Lock()
	defer mu.Unlock()
	if err != nil {
		v.problem("the high-availability ConfigMaps of %s can't be listed: %v", cluster.Ref(), err)
		return
	}
	for i := range maps.Items {
		if found := haConfigMap.FindStringSubmatch(maps.Items[i].Name); found != nil && found[1] == cluster.Object.GetName() {
			job, mine := own(found[2])
			run := v.out.Runs[found[2]]
			run.Job, run.Own, run.Recoverable = job, mine, true
			v.out.Runs[found[2]] = run
		}
	}
}

// isUp reports whether a cluster has a JobManager, or may have one.
func (v *surveying) isUp(ctx context.Context, cluster api.Job) bool {
	pods, err := v.Client.Core().CoreV1().Pods(cluster.Object.GetNamespace()).List(ctx, metav1.ListOptions{LabelSelector: operator.PodSelector(cluster.Object.GetName()), Limit: 1})
	if err != nil || len(pods.Items) > 0 {
		return true
	}
	status := cluster.JobManager()
	return status != "" && status != api.JobManagerMissing && status != api.JobManagerError && cluster.Lifecycle() != api.LifecycleSuspended
}
