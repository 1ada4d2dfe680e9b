package backup

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// kept is a backup of an application, a session cluster and the job in it.
func kept(t *testing.T) string {
	t.Helper()
	session := `{"flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c"}}`
	c := flinktest.New(
		flinktest.Object(api.Deployment, "orders", spec, suspended),
		flinktest.Object(api.Deployment, "session", session, `{"jobManagerDeploymentStatus":"READY"}`),
		flinktest.Object(api.SessionJob, "stream", `{"deploymentName":"session","job":{"state":"suspended","upgradeMode":"savepoint"}}`, strings.ReplaceAll(suspended, "savepoint-9", "savepoint-3")),
		flinktest.Object(api.Deployment, "batch", `{"job":{"state":"running"}}`, strings.Replace(runs, "RUNNING", "FINISHED", 1)),
		flinktest.Object(api.Deployment, "fresh", `{"job":{"state":"running"}}`, `{}`),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "conf"}, Data: map[string]string{"a": "1"}})
	dir, index := collected(t, c, &files{}, false, ref(api.SessionJob, "stream"), ref(api.Deployment, "orders"), ref(api.Deployment, "session"), ref(api.Deployment, "batch"), ref(api.Deployment, "fresh"))
	if !index.Whole {
		t.Fatalf("%+v", index)
	}
	return dir
}

func recovering(t *testing.T, dir string, c *flinktest.Cluster) *Recovery {
	t.Helper()
	d, index, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return &Recovery{Client: c.Client, Dir: d, Index: index, NoWait: true}
}

func planned(t *testing.T, r *Recovery, names ...string) map[string]Step {
	t.Helper()
	steps, err := r.Plan(t.Context(), names, "", operator.Reporter{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Step{}
	for _, step := range steps {
		out[step.Entry.Name] = step
	}
	return out
}

func TestThePlanOfARecovery(t *testing.T) {
	r := recovering(t, kept(t), flinktest.New())
	steps, err := r.Plan(t.Context(), nil, "", operator.Reporter{})
	if err != nil || len(steps) != 5 || steps[0].Entry.Name != "session" {
		t.Fatalf("%+v, %v", steps, err)
	}
	all := planned(t, r)
	for name, want := range map[string]struct{ action, path string }{
		"session": {Start, ""}, "stream": {Start, "s3://b/savepoint-3"}, "orders": {Start, "s3://b/savepoint-9"}, "fresh": {Start, ""}, "batch": {Leave, ""},
	} {
		if s := all[name]; s.Action != want.action || s.Job.InitialPath() != want.path {
			t.Errorf("%s: %s from %q, want %+v", name, s.Action, s.Job.InitialPath(), want)
		}
	}
	if s := all["stream"].Runs(); s.Object.GetName() != "session" || api.Text(s.Spec(), "job", "initialSavepointPath") != "s3://b/savepoint-3" {
		t.Errorf("%+v", s.Object)
	}
	if got := planned(t, r, "batch"); len(got) != 1 || got["batch"].Action != Start {
		t.Errorf("who is named is started: %+v", got)
	}
	if got := planned(t, r, "sessionjob/stream"); len(got) != 2 || got["session"].Action != Start {
		t.Errorf("a session job's cluster comes with it: %+v", got)
	}
	for _, names := range [][]string{{"nobody"}, {"flinkdep/stream"}, {"pod/x"}} {
		if _, err := r.Plan(t.Context(), names, "", operator.Reporter{}); err == nil {
			t.Errorf("%v was found", names)
		}
	}
	if _, err := r.Plan(t.Context(), nil, "other", operator.Reporter{}); err == nil {
		t.Error("a namespace that the backup doesn't have was found")
	}
}

func TestJobsGoToAnotherNamespace(t *testing.T) {
	dir := kept(t)
	r := recovering(t, dir, flinktest.New())
	r.Namespaces = map[string]string{"ns": "there"}
	var carried []string
	for _, name := range []string{"session", "stream", "orders"} {
		step := planned(t, r)[name]
		report, err := r.Carry(t.Context(), step, operator.Reporter{})
		if err != nil {
			t.Fatal(err)
		}
		carried = append(carried, report.Job.Object.GetNamespace()+"/"+report.Job.Object.GetName())
	}
	if got := strings.Join(carried, " "); got != "there/session there/stream there/orders" {
		t.Error(got)
	}
	m, err := r.Client.Core().CoreV1().ConfigMaps("there").Get(t.Context(), "conf", metav1.GetOptions{})
	if err != nil || m.Data["a"] != "1" {
		t.Errorf("%v, %v", m, err)
	}
	for _, bad := range []map[string]string{{"other": "there"}, {"ns": "../x"}} {
		r.Namespaces = bad
		if _, err := r.Plan(t.Context(), nil, "", operator.Reporter{}); err == nil || !strings.Contains(err.Error(), "--namespace-map") {
			t.Errorf("%v: %v", bad, err)
		}
	}
}

func TestWhatIsThereIsNotOverwritten(t *testing.T) {
	const path = "s3://b/savepoint-9"
	same := strings.Replace(spec, `"state":"running"`, `"state":"running","initialSavepointPath":"`+path+`"`, 1)
	from := func(p string) api.FlinkState {
		return api.FlinkState{State: "RUNNING", Restored: &api.FlinkSnapshot{Path: p}}
	}
	for name, tc := range map[string]struct {
		spec, status string
		flink        api.FlinkState
		noAnswer     error
		action, said string
	}{
		"it runs from that state":            {same, runs, from("s3://b/savepoint-9/"), nil, There, "runs from that state"},
		"it runs from it with another spec":  {`{"job":{"state":"running"},"image":"x"}`, runs, from(path), nil, There, "runs from that state"},
		"it has gone on":                     {same, runs, from("s3://b/c/0123456789abcdef0123456789abcdef/chk-4"), nil, There, "has gone on"},
		"it was upgraded since":              {strings.Replace(same, `"job":{`, `"restartNonce":1,"job":{`, 1), runs, from("s3://b/savepoint-later"), nil, There, "has gone on"},
		"it is starting":                     {same, `{"jobStatus":{"state":"RECONCILING"}}`, api.FlinkState{}, errors.New("no"), Await, ""},
		"it runs, and nobody says from what": {same, runs, api.FlinkState{}, errors.New("no"), Await, ""},
		"it runs from nothing":               {same, runs, api.FlinkState{State: "RUNNING"}, nil, Stopped, "started without state"},
		"another spec":                       {strings.Replace(same, "v1_20", "v2_0", 1), runs, from("s3://b/other"), nil, Stopped, "spec.flinkVersion"},
		"another state":                      {strings.Replace(same, path, "s3://b/old", 1), runs, from("s3://b/old"), nil, Stopped, "spec.job.initialSavepointPath"},
		"none":                               {`{"job":{"state":"running"}}`, `{}`, api.FlinkState{}, errors.New("no"), Stopped, "isn't overwritten"},
	} {
		t.Run(name, func(t *testing.T) {
			c := flinktest.New(flinktest.Object(api.Deployment, "orders", tc.spec, tc.status))
			c.Ask(flinktest.States(tc.flink, tc.noAnswer))
			dir := kept(t)
			// It ran when it was backed up.
			manifest := filepath.Join(dir, "ns/flinkdeployment/orders/manifest.yaml")
			if err := os.WriteFile(manifest, []byte(strings.Replace(text(t, manifest), "state: suspended", "state: running", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			r := recovering(t, dir, c)
			step := planned(t, r, "orders")["orders"]
			if step.Action != tc.action || !strings.Contains(strings.Join(append(step.Stops, step.Notes...), "\n"), tc.said) {
				t.Errorf("%s: %q %q; want %s, %q", step.Action, step.Stops, step.Notes, tc.action, tc.said)
			}
			_, err := r.Carry(t.Context(), step, c.Reporter())
			if (err != nil) != (tc.action == Stopped) {
				t.Errorf("%v", err)
			}
			if writes := c.Writes(); len(writes) > 0 {
				t.Errorf("changed: %v", writes)
			}
		})
	}
}

func TestTheOriginalThatGoesOnIsTold(t *testing.T) {
	c := flinktest.New(flinktest.Object(api.Deployment, "orders", spec, runs))
	r := recovering(t, kept(t), c)
	r.Namespaces = map[string]string{"ns": "there"}
	all := planned(t, r)
	if said := strings.Join(all["orders"].Notes, "\n"); !strings.Contains(said, "same sources and sinks") {
		t.Errorf("%q", said)
	}
	if said := strings.Join(all["stream"].Notes, "\n"); strings.Contains(said, "sinks") {
		t.Errorf("%q", said)
	}
}

func TestANameThatMayBeTwoIsRefused(t *testing.T) {
	index := Index{Jobs: []Entry{
		{Kind: "FlinkDeployment", Namespace: "a", Name: "shop"}, {Kind: "FlinkDeployment", Namespace: "b", Name: "shop"},
	}}
	if _, err := index.Select([]string{"shop"}, ""); err == nil || !strings.Contains(err.Error(), "a/flinkdeployment/shop, b/flinkdeployment/shop") {
		t.Errorf("%v", err)
	}
	if got, err := index.Select([]string{"shop"}, "b"); err != nil || len(got) != 1 || got[0].Namespace != "b" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAConfigMapThatIsThereStays(t *testing.T) {
	c := flinktest.New(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "conf"}, Data: map[string]string{"a": "2"}})
	r := recovering(t, kept(t), c)
	var must []string
	if _, err := r.Carry(t.Context(), planned(t, r)["orders"], operator.Reporter{Must: func(s string) { must = append(must, s) }}); err != nil {
		t.Fatal(err)
	}
	m, err := c.Core.CoreV1().ConfigMaps("ns").Get(t.Context(), "conf", metav1.GetOptions{})
	if err != nil || m.Data["a"] != "2" || len(must) != 1 || !strings.Contains(must[0], "stays as it is") {
		t.Errorf("%v, %v, %q", m.Data, err, must)
	}
}

func TestWhatStopsAJob(t *testing.T) {
	r := recovering(t, kept(t), flinktest.New())
	r.Check = func(_ context.Context, object *unstructured.Unstructured, others []*unstructured.Unstructured) Verdict {
		maps := 0
		for _, o := range others {
			if o.GetKind() == "ConfigMap" {
				maps++
			}
		}
		if maps != 1 {
			t.Errorf("%d ConfigMaps come with it", maps)
		}
		if object.GetName() == "session" {
			return Verdict{Stops: []string{"no operator"}}
		}
		return Verdict{Notes: []string{"check this"}, Unchecked: []string{"quotas"}}
	}
	r.Look = func(_ context.Context, step Step, reporter operator.Reporter) error {
		reporter.Notef("%s: seen", step.Ref())
		if step.Entry.Name == "orders" {
			return errors.New("files are missing")
		}
		return nil
	}
	all := planned(t, r)
	for name, want := range map[string]string{"session": "no operator", "stream": "its session cluster flinkdeployment/session can't be recovered", "orders": "files are missing"} {
		if s := all[name]; s.Action != Stopped || !strings.Contains(strings.Join(s.Stops, "\n"), want) {
			t.Errorf("%s: %s %q, want %q", name, s.Action, s.Stops, want)
		}
	}
	if s := all["fresh"]; s.Action != Start || len(s.Notes) != 1 || len(s.Unchecked) != 1 {
		t.Errorf("%+v", s)
	}
	if s := all["orders"]; len(s.Notes) != 2 || s.Notes[1] != "seen" {
		t.Errorf("%q", s.Notes)
	}
}

// newest is a finder that has one state.
type newest struct{ found lifecycle.FoundState }

func (n newest) Find(_ context.Context, _ api.Job, dir string) ([]lifecycle.FoundState, error) {
	if strings.Contains(dir, "/c") {
		return []lifecycle.FoundState{n.found}, nil
	}
	return nil, nil
}
func (newest) Whole(context.Context, api.Job, string) error { return nil }

func TestANewerStateOfTheLastRunIsFound(t *testing.T) {
	status := strings.Replace(runs, "RUNNING", "FAILED", 1)
	c := flinktest.New(flinktest.Object(api.Deployment, "j", `{"flinkConfiguration":{"execution.checkpointing.dir":"s3://b/c"},"job":{"state":"running","upgradeMode":"savepoint"}}`, status),
		flinktest.Object(api.StateSnap, "nightly", `{"jobReference":{"kind":"FlinkDeployment","name":"j"},"savepoint":{}}`, `{"state":"COMPLETED","path":"s3://b/savepoint-8","resultTimestamp":"2026-01-02T12:00:00Z"}`))
	dir, _ := collected(t, c, &files{}, false, ref(api.Deployment, "j"))
	for name, tc := range map[string]struct {
		at   time.Time
		run  string
		want string
	}{
		"of the run, and newer": {flinktest.Noon.Add(time.Hour), "0123456789abcdef0123456789abcdef", "s3://b/c/chk-9"},
		"of the run, and older": {flinktest.Noon.Add(-time.Hour), "0123456789abcdef0123456789abcdef", "s3://b/savepoint-8"},
	} {
		t.Run(name, func(t *testing.T) {
			r := recovering(t, dir, flinktest.New())
			r.Finder = newest{lifecycle.FoundState{Path: "s3://b/c/chk-9", At: tc.at, Run: tc.run}}
			step := planned(t, r)["j"]
			if step.Action != Start || step.Job.InitialPath() != tc.want || step.State.Path != tc.want {
				t.Errorf("%s from %q, want %q", step.Action, step.Job.InitialPath(), tc.want)
			}
			if step.Job.JobID() != "" {
				t.Error("the manifest has a status")
			}
		})
	}
}

// A backup may come from anywhere: nothing but the jobs that its index names is
// created of it.
func TestAHostileBackup(t *testing.T) {
	const manifest = "ns/flinkdeployment/orders/manifest.yaml"
	for name, tc := range map[string]struct{ file, text, want string }{
		"a Secret in a job's place":       {manifest, "{apiVersion: v1, kind: Secret, metadata: {name: orders, namespace: ns}}", `apiVersion is "v1"`},
		"another kind":                    {manifest, "{apiVersion: flink.apache.org/v1beta1, kind: FlinkSessionJob, metadata: {name: orders, namespace: ns}, spec: {job: {}}}", `kind is "FlinkSessionJob"`},
		"another namespace":               {manifest, "{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: orders, namespace: kube-system}, spec: {job: {}}}", `metadata.namespace is "kube-system"`},
		"another name":                    {manifest, "{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: ../x, namespace: ns}, spec: {job: {}}}", `metadata.name is "../x"`},
		"two documents":                   {manifest, "a: 1\n---\nb: 2\n", "manifest.yaml"},
		"no object":                       {manifest, "- 1\n", "manifest.yaml"},
		"no spec":                         {manifest, "{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: orders, namespace: ns}}", "no spec"},
		"a session cluster":               {manifest, "{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: orders, namespace: ns}, spec: {image: x}}", "is not a suspended"},
		"a role in a ConfigMap's place":   {"ns/configmap/conf/manifest.yaml", "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: conf, namespace: ns}}", `apiVersion is "rbac`},
		"no texts in a ConfigMap":         {"ns/configmap/conf/manifest.yaml", "{apiVersion: v1, kind: ConfigMap, metadata: {name: conf, namespace: ns}, data: [1]}", "configmap/conf"},
		"a key twice, as two may read it": {manifest, "kind: Secret\nkind: FlinkDeployment\n", "already set"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := kept(t)
			if err := os.WriteFile(filepath.Join(dir, tc.file), []byte(tc.text), 0o600); err != nil {
				t.Fatal(err)
			}
			c := flinktest.New()
			r := recovering(t, dir, c)
			step := planned(t, r)["orders"]
			if step.Action != Stopped || !strings.Contains(strings.Join(step.Stops, "\n"), tc.want) {
				t.Errorf("%s %q, want %q", step.Action, step.Stops, tc.want)
			}
			if _, err := r.Carry(t.Context(), step, c.Reporter()); err == nil || len(c.Writes()) > 0 {
				t.Errorf("carried out: %v, %v", err, c.Writes())
			}
		})
	}
	t.Run("what a map says again beside <<:", func(t *testing.T) {
		dir := kept(t)
		edited := "{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: orders, namespace: ns}, spec: {jobManager: &jm {replicas: 1, resource: {cpu: 1}}, taskManager: {replicas: 2, <<: *jm}, job: {state: suspended}}}"
		if err := os.WriteFile(filepath.Join(dir, manifest), []byte(edited), 0o600); err != nil {
			t.Fatal(err)
		}
		step := planned(t, recovering(t, dir, flinktest.New()))["orders"]
		if replicas, _ := api.Number(step.Job.Spec(), "taskManager", "replicas"); replicas != 2 || api.Section(step.Job.Spec(), "taskManager", "resource") == nil {
			t.Errorf("%q %v", step.Stops, step.Job)
		}
	})
	t.Run("what belongs to the API server", func(t *testing.T) {
		dir := kept(t)
		path := filepath.Join(dir, manifest)
		changed := strings.Replace(text(t, path), "metadata:", "metadata:\n  finalizers: [x]\n  ownerReferences: [{name: x}]\n  uid: u\n  generateName: y", 1) + "status: {error: x}\n"
		if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
			t.Fatal(err)
		}
		object := planned(t, recovering(t, dir, flinktest.New()))["orders"].Job.Object
		if object.GetUID() != "" || len(object.GetFinalizers()) > 0 || len(object.GetOwnerReferences()) > 0 || object.GetGenerateName() != "" || object.Object["status"] != nil {
			t.Errorf("%v", object.Object)
		}
	})
}

// Completed savepoints come back as objects that register what exists, once; none
// of them would delete data unasked.
func TestSavepointsAreRegisteredAgain(t *testing.T) {
	job := `"jobReference":{"kind":"FlinkDeployment","name":"orders"}`
	done := func(n string) string { return `{"state":"COMPLETED","path":"s3://b/savepoint-` + n + `"}` }
	labeled := flinktest.Object(api.StateSnap, "nightly", `{`+job+`,"savepoint":{"formatType":"NATIVE"}}`, done("8"))
	labeled.SetLabels(map[string]string{"team": "orders", api.LabelTrigger: "PERIODIC", "snapshot.state": "COMPLETED"})
	c := flinktest.New(flinktest.Object(api.Deployment, "orders", spec, suspended), labeled,
		flinktest.Object(api.StateSnap, "disposed", `{`+job+`,"savepoint":{"disposeOnDelete":true}}`, done("7")),
		flinktest.Object(api.StateSnap, "failed", `{`+job+`,"savepoint":{}}`, `{"state":"FAILED"}`),
		flinktest.Object(api.StateSnap, "checkpoint", `{`+job+`,"checkpoint":{}}`, done("6")),
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "conf"}})
	dir, _ := collected(t, c, &files{}, false, ref(api.Deployment, "orders"))

	to := flinktest.New()
	r := recovering(t, dir, to)
	r.Namespaces = map[string]string{"ns": "elsewhere"}
	step := planned(t, r)["orders"]
	if notes := strings.Join(step.Notes, "\n"); !strings.Contains(notes, "registered again, 2 FlinkStateSnapshots") {
		t.Fatalf("%q", notes)
	}
	for range 2 { // what is there already is left alone
		if err := r.register(t.Context(), step, operator.Reporter{}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := to.Client.List(t.Context(), api.StateSnap, "elsewhere", metav1.ListOptions{})
	if err != nil || len(list) != 2 {
		t.Fatalf("%d objects, %v", len(list), err)
	}
	for i := range list {
		s := api.Snapshot{Object: &list[i]}
		path, format := "s3://b/savepoint-8", "NATIVE"
		if s.Name() == "disposed" {
			path, format = "s3://b/savepoint-7", "CANONICAL"
		}
		if !s.Adopted() || s.Disposes() || s.Format() != format || api.Text(s.Object.Object, "spec", "savepoint", "path") != path || s.Trigger() != "MANUAL" || s.Object.GetLabels()["snapshot.state"] != "" || !s.Refers(step.Ref()) {
			t.Errorf("%+v", s.Object)
		}
		if s.Name() == "nightly" && s.Object.GetLabels()["team"] != "orders" {
			t.Errorf("%v", s.Object.GetLabels())
		}
	}
}

// What a foreign directory says isn't created where it isn't of the job, and keeps no
// job from being recovered.
func TestForgedSnapshots(t *testing.T) {
	dir := kept(t)
	name := filepath.Join(dir, "ns", "flinkdeployment", "orders", "snapshots.yaml")
	good := `{apiVersion: flink.apache.org/v1beta1, kind: FlinkStateSnapshot, metadata: {name: a, namespace: ns}, spec: {savepoint: {}}, status: {state: COMPLETED, path: "s3://b/s"}}`
	for from, to := range map[string]string{"kind: FlinkStateSnapshot": "kind: Secret", "namespace: ns": "namespace: other", "name: a": `name: "../a"`, "s3://b/s": "b/s", "spec": "spec: {}, spec", good: "{"} {
		if err := os.WriteFile(name, []byte(strings.Replace(good, from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		r := recovering(t, dir, flinktest.New())
		for n := range r.Index.Jobs {
			if e := &r.Index.Jobs[n]; e.Name == "orders" {
				e.Snapshots = e.file("snapshots.yaml")
			}
		}
		step := planned(t, r)["orders"]
		if step.Action != Start || len(step.snapshots) > 0 || !strings.Contains(strings.Join(step.Notes, "\n"), "aren't made again: ns/flinkdeployment/orders/snapshots.yaml: document 1: ") {
			t.Errorf("%s: %s %v", to, step.Action, step.Notes)
		}
	}
}
