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

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// files are the files of state that a test's jobs have.
type files struct {
	inspected Inspected
	err       error
	looked    []string
}

func (f *files) Find(context.Context, api.Job, string) ([]lifecycle.FoundState, error) {
	return nil, nil
}
func (f *files) Whole(context.Context, api.Job, string) error { return nil }
func (f *files) Look(_ context.Context, _ api.Job, path string) (Inspected, error) {
	f.looked = append(f.looked, path)
	return f.inspected, f.err
}

const (
	runs      = `{"jobStatus":{"state":"RUNNING","jobId":"0123456789abcdef0123456789abcdef","startTime":"1","updateTime":"1"},"jobManagerDeploymentStatus":"READY","lifecycleState":"STABLE","reconciliationStatus":{"lastStableSpec":"{}"}}`
	suspended = `{"jobStatus":{"state":"FINISHED","startTime":"1","updateTime":"1","upgradeSavepointPath":"s3://b/savepoint-9"},"lifecycleState":"SUSPENDED","reconciliationStatus":{"state":"DEPLOYED","lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"savepoint\"}}}"}}`
	spec      = `{"flinkVersion":"v1_20","serviceAccount":"flink","flinkConfiguration":{"s3.secret-key":"hunter2"},"job":{"jarURI":"local:///a.jar","state":"running","upgradeMode":"savepoint","savepointRedeployNonce":3},
		"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","envFrom":[{"secretRef":{"name":"s3"}}]}],"volumes":[{"name":"c","configMap":{"name":"conf"}},{"name":"d","persistentVolumeClaim":{"claimName":"data"}}]}}}`
)

func collected(t *testing.T, c *flinktest.Cluster, f *files, savepoint bool, refs ...api.Ref) (dir string, index Index) {
	t.Helper()
	dir = t.TempDir()
	d, err := Create(dir, false)
	if err != nil {
		t.Fatal(err)
	}
	b := &Collector{Client: c.Client, Savepoint: savepoint, Dir: d, Now: time.Now, Stores: func(operator.Reporter) (Stores, func(), error) { return f, func() {}, nil }}
	var entries []Entry
	for _, ref := range refs {
		entry, err := b.Job(t.Context(), ref, c.Reporter())
		if err != nil {
			entry = Unread(ref, err.Error())
		}
		entries = append(entries, entry)
	}
	index = New(time.Now())
	index.Complete(entries, b.WriteConfigMaps(t.Context(), entries))
	if err := d.Finish(index); err != nil {
		t.Fatal(err)
	}
	// What is written can be read.
	if _, index, err = Open(dir); err != nil {
		t.Fatal(err)
	}
	return dir, index
}

func ref(kind api.Kind, name string) api.Ref {
	return api.Ref{Kind: kind, Namespace: flinktest.Namespace, Name: name}
}

func text(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestABackupHasWhatStartsAJobAgain(t *testing.T) {
	job := flinktest.Object(api.Deployment, "orders", spec, suspended)
	job.SetLabels(map[string]string{"team": "orders"})
	job.SetAnnotations(map[string]string{"kubectl.kubernetes.io/last-applied-configuration": "{}", "note": "keep"})
	job.SetFinalizers([]string{"flinkdeployments.flink.apache.org/finalizer"})
	job.SetOwnerReferences([]metav1.OwnerReference{{Name: "gone"}})
	snapshot := flinktest.Object(api.StateSnap, "nightly", `{"jobReference":{"kind":"FlinkDeployment","name":"orders"},"savepoint":{}}`, `{"state":"COMPLETED","path":"s3://b/savepoint-8"}`)
	others := flinktest.Object(api.StateSnap, "theirs", `{"jobReference":{"kind":"FlinkDeployment","name":"other"},"savepoint":{}}`, `{"state":"COMPLETED","path":"s3://b/savepoint-7"}`)
	c := flinktest.New(job, snapshot, others,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "conf", UID: "u", ResourceVersion: "7"}, Data: map[string]string{"a": "1"}},
		&corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s3"}, Data: map[string][]byte{"key": []byte("swordfish")}})
	f := &files{inspected: Inspected{Page: map[string]any{"kind": "SnapshotInspection"}, CheckpointID: 42, Size: 1000}}
	dir, index := collected(t, c, f, false, ref(api.Deployment, "orders"))
	e := index.Jobs[0]
	if !index.Whole || e.Condition != Suspended || e.State == nil || e.State.Path != "s3://b/savepoint-9" || e.State.CheckpointID != 42 || e.State.Size != 1000 {
		t.Fatalf("%+v %+v", e, e.State)
	}
	if len(e.Secrets) != 1 || e.Secrets[0] != "s3" || len(e.ServiceAccounts) != 1 || len(e.Claims) != 1 || len(e.ConfigMaps) != 1 {
		t.Errorf("%+v", e)
	}
	if got := names(t, dir); got != "backup.json ns/configmap/conf/manifest.yaml ns/flinkdeployment/orders/inspection.json ns/flinkdeployment/orders/manifest.yaml ns/flinkdeployment/orders/snapshots.yaml" {
		t.Error(got)
	}
	manifest := text(t, dir, e.Manifest)
	for _, gone := range []string{"status", "uid", "creationTimestamp", "last-applied", "finalizer", "ownerReferences", "generation", "resourceVersion"} {
		if strings.Contains(manifest, gone) {
			t.Errorf("%s is in\n%s", gone, manifest)
		}
	}
	for _, kept := range []string{"team: orders", "note: keep", "savepointRedeployNonce: 3", "name: orders", "namespace: ns"} {
		if !strings.Contains(manifest, kept) {
			t.Errorf("%s isn't in\n%s", kept, manifest)
		}
	}
	if m := text(t, dir, "ns/configmap/conf/manifest.yaml"); !strings.Contains(m, "kind: ConfigMap") || !strings.Contains(m, `a: "1"`) || strings.Contains(m, "uid") {
		t.Error(m)
	}
	if s := text(t, dir, e.Snapshots); !strings.Contains(s, "s3://b/savepoint-8") || strings.Contains(s, "theirs") {
		t.Error(s)
	}
	if w := strings.Join(e.Warnings, "\n"); !strings.Contains(w, "secrets in it (s3.secret-key)") {
		t.Errorf("%q", w)
	}
	for file := range strings.FieldsSeq(names(t, dir)) {
		if strings.Contains(text(t, dir, file), "swordfish") {
			t.Errorf("%s has a Secret's value", file)
		}
	}
	for _, action := range c.Core.Actions() {
		if action.GetResource().Resource == "secrets" {
			t.Errorf("a Secret was asked for: %v", action)
		}
	}
}

func TestTheStateOfABackup(t *testing.T) {
	none := errors.New("no way")
	checkpoint := api.FlinkState{State: "RUNNING", Latest: &api.FlinkSnapshot{ID: 7, Path: "s3://b/chk-7", At: time.Now()}}
	taken := flinktest.Object(api.StateSnap, "nightly", `{"jobReference":{"kind":"FlinkDeployment","name":"j"},"savepoint":{}}`, `{"state":"COMPLETED","path":"s3://b/savepoint-8","resultTimestamp":"2026-01-02T12:00:00Z"}`)
	for name, tc := range map[string]struct {
		status    string
		spec      string
		flink     api.FlinkState
		noAnswer  error
		snapshot  bool
		inspected Inspected
		err       error
		path      string
		passing   bool
		condition string
		warning   string
		failure   string
	}{
		"a running job's checkpoints pass":         {status: runs, flink: checkpoint, path: "s3://b/chk-7", passing: true, condition: Running, failure: "--savepoint"},
		"a running job's savepoint is older":       {status: runs, flink: checkpoint, snapshot: true, path: "s3://b/savepoint-8", condition: Running, warning: "what it did since 2026-01-02T12:00:00Z"},
		"a running job without any":                {status: runs, flink: api.FlinkState{State: "RUNNING"}, condition: Running, failure: "has no checkpoint or savepoint yet"},
		"a running job that can't be asked":        {status: runs, noAnswer: none, condition: Running, failure: "can't be asked for its checkpoints"},
		"a suspended job's":                        {status: suspended, noAnswer: none, path: "s3://b/savepoint-9", condition: Suspended},
		"what can't be read is only said":          {status: suspended, noAnswer: none, err: errors.New("S3 refuses"), path: "s3://b/savepoint-9", condition: Suspended, warning: "S3 refuses"},
		"what isn't whole any more":                {status: suspended, noAnswer: none, inspected: Inspected{Problems: []string{"a file isn't there"}}, path: "s3://b/savepoint-9", condition: Suspended, failure: "a file isn't there"},
		"suspended without its state":              {status: strings.Replace(suspended, `upgradeMode\":\"savepoint`, `upgradeMode\":\"stateless`, 1), noAnswer: none, condition: Suspended, warning: "starts empty"},
		"one that never ran":                       {status: `{}`, noAnswer: none, condition: NeverRan},
		"one that never ran and starts from state": {status: `{}`, spec: `{"job":{"state":"suspended","initialSavepointPath":"s3://b/savepoint-1"}}`, noAnswer: none, path: "s3://b/savepoint-1", condition: Suspended},
		"one that has finished":                    {status: strings.Replace(runs, "RUNNING", "FINISHED", 1), noAnswer: none, condition: Finished},
		"one that fails":                           {status: strings.Replace(runs, "RUNNING", "FAILED", 1), noAnswer: none, condition: NotRunning, failure: "no state of it is known that stays"},
		"one that fails, with a savepoint":         {status: strings.Replace(runs, "RUNNING", "FAILED", 1), noAnswer: none, snapshot: true, path: "s3://b/savepoint-8", condition: NotRunning},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.spec == "" {
				tc.spec = `{"job":{"state":"running","upgradeMode":"savepoint"}}`
				if strings.Contains(tc.status, "SUSPENDED") {
					tc.spec = `{"job":{"state":"suspended","upgradeMode":"savepoint"}}`
				}
			}
			c := flinktest.New(flinktest.Object(api.Deployment, "j", tc.spec, tc.status))
			if tc.snapshot {
				c.Add(taken.DeepCopy())
			}
			c.Ask(flinktest.States(tc.flink, tc.noAnswer))
			_, index := collected(t, c, &files{inspected: tc.inspected, err: tc.err}, false, ref(api.Deployment, "j"))
			e := index.Jobs[0]
			path, passing := "", false
			if e.State != nil {
				path, passing = e.State.Path, e.State.Passing
			}
			if path != tc.path || passing != tc.passing || e.Condition != tc.condition {
				t.Errorf("%q (passing %v), %s; want %q (%v), %s", path, passing, e.Condition, tc.path, tc.passing, tc.condition)
			}
			if said := strings.Join(e.Warnings, "\n"); !strings.Contains(said, tc.warning) || tc.warning == "" && said != "" {
				t.Errorf("warnings %q, want %q", said, tc.warning)
			}
			if said := strings.Join(e.Failures, "\n"); !strings.Contains(said, tc.failure) || tc.failure == "" && said != "" {
				t.Errorf("failures %q, want %q", said, tc.failure)
			}
			if index.Whole != (tc.failure == "") {
				t.Errorf("whole: %v", index.Whole)
			}
		})
	}
}

func TestWhatCannotBeBackedUp(t *testing.T) {
	child := flinktest.Object(api.Deployment, "shop-blue", `{"job":{}}`, runs)
	child.SetOwnerReferences([]metav1.OwnerReference{{Kind: api.BlueGreen.Name, Name: "shop"}})
	named := flinktest.Object(api.Deployment, "named", `{"job":{},"podTemplate":{"spec":{"volumes":[{"name":"c","configMap":{"name":"lost"}}]}}}`, `{}`)
	c := flinktest.New(child, named)
	_, index := collected(t, c, &files{}, false, ref(api.Deployment, "shop-blue"), ref(api.Deployment, "nobody"), ref(api.Deployment, "named"))
	for n, want := range []string{"belongs to flinkbluegreendeployment/shop", "not found", "configmap/lost can't be backed up: there is none"} {
		if e := index.Jobs[n]; e.Whole() || !strings.Contains(e.Failures[0], want) {
			t.Errorf("%+v, want %q", e, want)
		}
	}
}

func TestSessionClustersComeBeforeTheirJobs(t *testing.T) {
	c := flinktest.New(
		flinktest.Object(api.Deployment, "session", `{}`, `{"jobManagerDeploymentStatus":"READY"}`),
		flinktest.Object(api.SessionJob, "a", `{"deploymentName":"session","job":{"upgradeMode":"savepoint"}}`, runs),
		flinktest.Object(api.SessionJob, "b", `{"deploymentName":"session","job":{}}`, runs),
		flinktest.Object(api.Deployment, "app", `{"job":{}}`, runs),
	)
	got, err := Targets(t.Context(), c.Client, []api.Ref{ref(api.SessionJob, "b"), ref(api.Deployment, "app")})
	if err != nil || len(got) != 3 || got[0].Name != "session" && got[1].Name != "session" || got[2].Name != "b" {
		t.Errorf("%v, %v", got, err)
	}
	all, err := Everything(t.Context(), c.Client, "", "")
	if err != nil || len(all) != 4 || all[2].Kind.Name != api.SessionJob.Name || all[3].Kind.Name != api.SessionJob.Name {
		t.Errorf("%v, %v", all, err)
	}
	_, index := collected(t, c, &files{}, false, all...)
	for _, e := range index.Jobs {
		if e.Name == "session" && (e.Condition != SessionCluster || e.State != nil || !e.Whole()) {
			t.Errorf("%+v", e)
		}
	}
}
