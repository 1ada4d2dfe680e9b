package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/health"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// asked bounds how many JobManagers are asked at once.
const asked = 16

func (o *listOptions) run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	kinds, err := o.servedKinds(ctx, client)
	if err != nil {
		return err
	}
	rows, err := o.rows(ctx, client, kinds)
	if err != nil {
		return err
	}
	if o.live {
		if err := o.askAll(ctx, client, rows); err != nil {
			return err
		}
	}
	if err := sortRows(rows, o.sortBy); err != nil {
		return err
	}
	if len(rows) == 0 && (o.output.IsHuman() || o.output.Format() == printer.Name) {
		fmt.Fprintln(o.ErrOut, term.SafeLine(o.nothing()))
		return nil
	}
	return o.output.Print(o.Out, o.view().Result(rows))
}

func (o *listOptions) view() view.List {
	return view.List{Namespaces: o.allNamespaces, Live: o.live, Palette: o.palette, Width: terminalWidth(o.Out), Now: o.now()}
}

func (o *listOptions) nothing() string {
	what := "No Flink resources found"
	if len(o.states)+len(o.health) > 0 || o.selection.Labels+o.selection.Fields != "" {
		what = "No Flink resources match"
	}
	if o.allNamespaces {
		return what + "."
	}
	return what + " in namespace " + o.selection.Namespace + "; every namespace: kubectl flink list -A"
}

// servedKinds are the kinds wanted that this cluster has. A kind asked for by
// name that it doesn't have is an error, reported when it is listed.
func (o *listOptions) servedKinds(ctx context.Context, client *operator.Client) ([]api.Kind, error) {
	if len(o.kinds) < len(allKinds) {
		return o.kinds, nil
	}
	served, err := client.Served(ctx)
	if err != nil {
		return nil, err
	}
	var kinds []api.Kind
	for _, kind := range o.kinds {
		if slices.Contains(served, kind.Plural) {
			kinds = append(kinds, kind)
		}
	}
	return kinds, nil
}

// rows lists all kinds at once, and the savepoints beside them.
func (o *listOptions) rows(ctx context.Context, client *operator.Client, kinds []api.Kind) ([]view.Row, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	o.selection.Budget = operator.NewBudget()
	var group sync.WaitGroup
	lists := make([][]operator.Item, len(kinds))
	failures := make([]error, len(kinds))
	for i, kind := range kinds {
		group.Go(func() {
			lists[i], failures[i] = client.Summaries(ctx, kind, o.selection)
		})
	}
	var saved map[api.Ref]time.Time
	if slices.ContainsFunc(kinds, func(k api.Kind) bool { return k.Name != api.StateSnap.Name }) {
		group.Go(func() {
			saved = o.savepoints(ctx, client)
		})
	}
	var pods operator.ClusterPods
	var unseen error
	if slices.ContainsFunc(kinds, func(k api.Kind) bool { return k.Name != api.StateSnap.Name }) {
		group.Go(func() {
			pods, unseen = client.JobManagerPods(ctx, o.selection.Namespace)
		})
	}
	group.Wait()
	now := o.now()
	clusters := map[api.Ref]api.Summary{}
	var rows []view.Row
	for i, kind := range kinds {
		// A role made for an older operator doesn't name the newer kinds.
		if newer := kind.Name == api.BlueGreen.Name || kind.Name == api.StateSnap.Name; newer &&
			len(kinds) > 1 && apierrors.IsForbidden(failures[i]) {
			fmt.Fprintln(o.ErrOut, term.Safe("Left out: "+kube.Message(failures[i])))
			continue
		}
		if failures[i] != nil {
			return nil, failures[i]
		}
		for _, item := range lists[i] {
			row := o.row(item, saved, now)
			if kind.Name == api.Deployment.Name {
				clusters[row.Ref()] = row.Summary
			}
			rows = append(rows, row)
		}
		lists[i] = nil
	}
	o.front(ctx, client, rows, clusters, pods, now)
	if apierrors.IsForbidden(unseen) {
		fmt.Fprintln(o.ErrOut, term.Safe("Health is by the operator's word alone: "+kube.Message(unseen)))
	}
	kept := rows[:0]
	for _, row := range rows {
		if row.Cluster != "" && row.Version == "" {
			row.Version = clusters[servedBy(row.Summary)].Version
		}
		if o.wants(row) {
			kept = append(kept, row)
		}
	}
	return kept, nil
}

func (o *listOptions) row(item operator.Item, saved map[api.Ref]time.Time, now time.Time) view.Row {
	row := view.Row{Summary: item.Summary, Object: item.Object, Verdict: health.Of(item.Summary, now), Savepoint: item.LastSavepoint}
	if at := saved[item.Ref()]; at.After(row.Savepoint) {
		row.Savepoint = at
	}
	return row
}

// servedBy is the FlinkDeployment whose JobManager serves a row; the zero Ref for
// those that have none.
func servedBy(s api.Summary) api.Ref {
	at := api.Ref{Kind: api.Deployment, Namespace: s.Namespace, Name: s.Name}
	switch s.Kind.Name {
	case api.SessionJob.Name:
		at.Name = s.Cluster
	case api.BlueGreen.Name:
		color, active := strings.CutPrefix(s.BlueGreen, "ACTIVE_")
		if !active {
			return api.Ref{}
		}
		at.Name += "-" + strings.ToLower(color)
	case api.StateSnap.Name:
		return api.Ref{}
	}
	return at
}

// front judges those rows that their objects call healthy by the cluster that
// serves them and by the JobManager's pods.
func (o *listOptions) front(ctx context.Context, client *operator.Client, rows []view.Row, clusters map[api.Ref]api.Summary, pods operator.ClusterPods, now time.Time) {
	var ought map[api.Ref]bool
	asked := pods == nil // what can't be listed isn't missed
	for i := range rows {
		row := &rows[i]
		if row.Word != health.Healthy {
			continue
		}
		at := servedBy(row.Summary)
		if cluster, known := clusters[at]; known && at != row.Ref() {
			row.Verdict = health.Of(health.Serving(row.Summary, cluster.JobManager), now)
		}
		if len(pods[at]) == 0 && !asked {
			// Are there none because it doesn't run, or is one missing?
			ought, asked = client.JobManagerDeployments(ctx, o.selection.Namespace), true
		}
		if len(pods[at]) > 0 || ought[at] {
			row.Verdict = health.Front(row.Verdict, pods[at], now)
		}
	}
}

// wants applies the filters that the API server can't.
func (o *listOptions) wants(row view.Row) bool {
	switch {
	case !o.done && row.Word == health.Completed:
		return false
	case len(o.health) > 0 && !slices.Contains(o.health, string(row.Word)):
		return false
	case len(o.states) > 0:
		return slices.Contains(o.states, row.State) || slices.Contains(o.states, row.Lifecycle) || slices.Contains(o.states, row.BlueGreen)
	}
	return true
}

// savepoints is when each job's newest savepoint was completed, by the labels
// that the operator sets on FlinkStateSnapshots. It is worth a column, not an
// error.
func (o *listOptions) savepoints(ctx context.Context, client *operator.Client) map[api.Ref]time.Time {
	if ok, err := client.Serves(ctx, api.StateSnap); err != nil || !ok {
		return nil
	}
	items, err := client.Summaries(ctx, api.StateSnap, operator.Selection{
		Namespace: o.selection.Namespace, Metadata: true, Labels: "snapshot.type=SAVEPOINT,snapshot.state=COMPLETED",
	})
	if err != nil {
		return nil
	}
	newest := map[api.Ref]time.Time{}
	for _, item := range items {
		if item.Created.After(newest[item.Of]) {
			newest[item.Of] = item.Created
		}
	}
	return newest
}

// askAll asks every JobManager for what only it knows.
func (o *listOptions) askAll(ctx context.Context, client *operator.Client, rows []view.Row) error {
	tunnel, err := o.tunnel(o.tunnelFlags, nil)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	var group sync.WaitGroup
	slots := make(chan struct{}, asked)
	for i := range rows {
		row := &rows[i]
		if row.Session || row.Kind.Name == api.StateSnap.Name || row.JobID == "" && row.BlueGreen == "" {
			continue
		}
		if row.JobManager == api.JobManagerMissing {
			continue // nobody is there
		}
		if row.Word == health.Suspended {
			group.Go(func() {
				slots <- struct{}{}
				defer func() { <-slots }()
				o.askSuspended(ctx, client, tunnel, row)
			})
			continue
		}
		group.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeoutCause(ctx, o.liveTimeout, fmt.Errorf("no answer in %s", o.liveTimeout))
			defer cancel()
			live, err := func() (view.Live, error) {
				place, err := reach.Find(ctx, client, row.Ref())
				if err != nil {
					return view.Live{}, err
				}
				jobManager, err := restClient(tunnel, place, o.tls)
				if err != nil {
					return view.Live{}, err
				}
				pulse, err := jobManager.Pulse(ctx, place.JobID)
				live := view.Live{Restarts: pulse.Restarts}
				if pulse.Checkpoint > 0 {
					live.Checkpoint = pulse.Checkpoint.Time()
				}
				return live, err
			}()
			if err != nil {
				live = view.Live{Problem: reach.AskError(ctx, err).Error()}
			}
			row.Live = &live
		})
	}
	group.Wait()
	return ctx.Err()
}

// askSuspended looks whether a suspended job runs all the same, in a JobManager
// that is still there. Mostly there is none, and nothing answers.
func (o *listOptions) askSuspended(ctx context.Context, client *operator.Client, tunnel *portforward.Tunnel, row *view.Row) {
	ctx, cancel := context.WithTimeoutCause(ctx, o.liveTimeout, fmt.Errorf("no answer in %s", o.liveTimeout))
	defer cancel()
	place, err := reach.Find(ctx, client, row.Ref())
	if err != nil || row.Kind.Name == api.SessionJob.Name {
		return
	}
	pods, err := client.Pods(ctx, row.Namespace, place.Cluster.Object.GetName())
	if err != nil || !hasJobManager(pods) {
		return
	}
	run, err := askRerun(ctx, tunnel, place, o.tls)
	switch {
	case err != nil:
		row.Live = &view.Live{Problem: err.Error()}
	case run != nil:
		row.Verdict = health.Verdict{Word: health.Degraded, Why: run.String()}
	}
}

// follow lists and then prints changes until ctx ends.
func (o *listOptions) follow(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	kinds, err := o.servedKinds(ctx, client)
	if err != nil {
		return err
	}
	v := o.view()
	v.Layout = &printer.Layout{}
	saved := o.savepoints(ctx, client)
	o.selection.Objects = true
	var first []view.Row
	synced, last := 0, map[api.Ref]string{}
	return client.Follow(ctx, kinds, o.selection, func(kind api.Kind, event watch.EventType, object *unstructured.Unstructured) error {
		v.Now = o.now()
		if event == watch.Bookmark {
			if synced++; synced < len(kinds) {
				return nil
			}
			sorting.By(first, func(a, b view.Row) int {
				return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
			})
			if o.watchOnly {
				return nil
			}
			return o.printRows(v, first)
		}
		summary, err := api.Summarize(kind, object)
		if err != nil {
			return err
		}
		if summary.Kind.Name == api.StateSnap.Name && summary.State == api.SnapshotCompleted && summary.Savepoint && summary.ResultAt.After(saved[summary.Of]) && saved != nil {
			saved[summary.Of] = summary.ResultAt
		}
		row := o.row(operator.Item{Summary: summary, Object: object}, saved, v.Now)
		if event == watch.Deleted && row.Word != health.Deleting {
			row.Verdict = health.Verdict{Word: health.Deleting}
		}
		if !o.wants(row) {
			return nil
		}
		if synced < len(kinds) {
			first = append(first, row)
			last[row.Ref()] = look(row)
			return nil
		}
		// The operator writes statuses that change nothing that is shown.
		shown := look(row)
		if shown == last[row.Ref()] && event != watch.Deleted {
			return nil
		}
		last[row.Ref()] = shown
		return o.printRows(v, []view.Row{row})
	})
}

// look is what a reader sees of a row apart from ages.
func look(r view.Row) string {
	return strings.Join([]string{r.State, r.Lifecycle, r.BlueGreen, string(r.Word), r.Version, fmt.Sprint(r.Parallelism), r.UpgradeMode, r.JobManager, r.JobID, r.Image, r.Savepoint.String()}, "\x00")
}

// printRows appends rows; in the other formats each is a document of its own.
func (o *listOptions) printRows(v view.List, rows []view.Row) error {
	if len(rows) == 0 {
		return nil
	}
	if !o.output.IsHuman() && o.output.Format() != printer.Name {
		for _, row := range rows {
			if o.output.Format() == printer.YAML {
				fmt.Fprintln(o.Out, "---")
			}
			if err := o.output.Print(o.Out, printer.Result{Object: v.Object(row), AsIs: true}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := o.output.Print(o.Out, v.Result(rows)); err != nil {
		return err
	}
	o.output.NoHeaders = true
	return nil
}
