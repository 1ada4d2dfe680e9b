package reach

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

const (
	surveyRun  = "0123456789abcdef0123456789abcdef"
	foreignRun = "fedcba9876543210fedcba9876543210"
)

// shelves is a store of files; a _metadata has the recorded content.
type shelves struct {
	files map[string][]byte
	at    time.Time
	// broken lists nothing.
	broken error
	// listed is called after each listing.
	listed func(*shelves)
	// wholeListed is called after each listing of all checkpoints.
	wholeListed func(*shelves)
}

func (s *shelves) Open(_ context.Context, file string) (io.ReadCloser, error) {
	data, ok := s.files[file]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s *shelves) Stat(_ context.Context, file string) (storage.Entry, error) {
	data, ok := s.files[file]
	if !ok {
		return storage.Entry{}, fs.ErrNotExist
	}
	return storage.Entry{Path: file, Size: int64(len(data)), Modified: s.at}, nil
}

func (s *shelves) List(_ context.Context, dir string, each func(storage.Entry) error) error {
	if s.broken != nil {
		return s.broken
	}
	for file, data := range s.files {
		if storage.Within(dir, file) {
			if err := each(storage.Entry{Path: file, Size: int64(len(data)), Modified: s.at}); err != nil {
				return err
			}
		}
	}
	if s.listed != nil {
		s.listed(s)
	}
	if s.wholeListed != nil && dir == "s3://b/c" {
		s.wholeListed(s)
	}
	return nil
}

func (s *shelves) Where() string { return "on the shelves" }

// surveyTrial is a job with state, and what may be wrong with looking at it.
type surveyTrial struct {
	store   *shelves
	objects []runtime.Object
	runs    map[string][]LiveRun
	fails   map[string]error
	refuse  func(*flinktest.Cluster)
	// whenAsked is called after a JobManager was asked.
	whenAsked func(c *flinktest.Cluster, name string)
	patience  time.Duration
	mu        sync.Mutex
	asked     []string
}

func jobManagerPod(cluster string) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: cluster + "-1", Namespace: flinktest.Namespace, Labels: map[string]string{"app": cluster, "component": "jobmanager"}}}
}

func surveyed(name, config, job, status string) runtime.Object {
	return flinktest.Object(api.Deployment, name, `{"flinkConfiguration": {`+config+`}, "job": {`+job+`}}`, status)
}

const inDirs = `"execution.checkpointing.dir": "s3://b/c", "execution.checkpointing.savepoint-dir": "s3://b/s"`

// newTrial is a running job: checkpoint 7 is its newest, and a file that it shares
// is named by nothing.
func newTrial(t *testing.T) *surveyTrial {
	t.Helper()
	metadata, err := os.ReadFile("../statefile/testdata/1.20/savepoint-native-hashmap/_metadata")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	live := LiveRun{ID: surveyRun}
	live.Checkpoints.Latest.Completed = &rest.Checkpoint{ID: 7, Path: "s3://b/c/" + surveyRun + "/chk-7", Triggered: rest.Millis(now.Add(-time.Minute).UnixMilli())}
	return &surveyTrial{
		store: &shelves{at: now.Add(-240 * time.Hour), files: map[string][]byte{
			"s3://b/c/" + surveyRun + "/chk-7/_metadata": metadata,
			"s3://b/c/" + surveyRun + "/shared/1":        []byte("x"),
		}},
		objects: []runtime.Object{
			surveyed("shop", inDirs, `"upgradeMode": "savepoint"`, `{"jobManagerDeploymentStatus": "READY", "lifecycleState": "STABLE", "jobStatus": {"jobId": "`+surveyRun+`", "state": "RUNNING"}}`),
			jobManagerPod("shop"),
		},
		runs:  map[string][]LiveRun{"shop": {live}},
		fails: map[string]error{},
	}
}

func (s *surveyTrial) look(t *testing.T) storage.Survey {
	t.Helper()
	cluster := flinktest.New(s.objects...)
	if s.refuse != nil {
		s.refuse(cluster)
	}
	job := cluster.Job(api.Deployment, "shop")
	surveyor := Surveyor{
		Client:   cluster.Client,
		Patience: s.patience,
		Store:    func(context.Context, api.Job, string) (storage.Store, error) { return s.store, nil },
		Runs: func(_ context.Context, ref api.Ref) ([]LiveRun, error) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.asked = append(s.asked, ref.Name)
			runs, err := s.runs[ref.Name], s.fails[ref.Name]
			if s.whenAsked != nil {
				s.whenAsked(cluster, ref.Name)
			}
			return runs, err
		},
	}
	out, err := surveyor.Survey(context.Background(), job, StateDirs(api.Config{"execution.checkpointing.dir": "s3://b/c", "execution.checkpointing.savepoint-dir": "s3://b/s"}))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Whatever can't be found out is a problem, and with a problem nothing is deleted.
func TestSurveyProblems(t *testing.T) {
	forbid := func(verb, resource string) func(*flinktest.Cluster) {
		return func(c *flinktest.Cluster) {
			c.Core.PrependReactor(verb, resource, func(clienttesting.Action) (bool, runtime.Object, error) {
				return true, nil, errors.New("not allowed")
			})
		}
	}
	for name, c := range map[string]struct {
		change func(*surveyTrial)
		want   string
	}{
		"all is known":               {},
		"a _metadata that isn't one": {func(s *surveyTrial) { s.store.files["s3://b/s/savepoint-fedcba-1/_metadata"] = []byte("none") }, "savepoint-fedcba-1/_metadata couldn't be read"},
		"a _metadata that ends early": {func(s *surveyTrial) {
			s.store.files["s3://b/s/copy/_metadata"] = s.store.files["s3://b/c/"+surveyRun+"/chk-7/_metadata"][:100]
		}, "copy/_metadata couldn't be read"},
		"a directory that can't be listed":  {func(s *surveyTrial) { s.store.broken = errors.New("access denied") }, "s3://b/c couldn't be listed: access denied"},
		"a directory with too many files":   {func(s *surveyTrial) { s.store.broken = storage.ErrTooMany }, "couldn't be listed"},
		"its JobManager doesn't answer":     {func(s *surveyTrial) { s.fails["shop"] = errors.New("no answer") }, "its JobManager couldn't be asked: no answer"},
		"the newest checkpoint isn't there": {func(s *surveyTrial) { s.runs["shop"][0].Checkpoints.Latest.Completed.ID = 8 }, "checkpoint 8 of flinkdeployment/shop"},
		"a JobManager in the same directories is silent": {func(s *surveyTrial) {
			s.objects = append(s.objects, surveyed("other", inDirs, `"state": "running"`, `{"jobManagerDeploymentStatus": "READY"}`), jobManagerPod("other"))
			s.fails["other"] = errors.New("no answer")
		}, "flinkdeployment/other in namespace " + flinktest.Namespace + " runs, and its JobManager couldn't be asked"},
		"its configuration isn't known, it may use the same": {func(s *surveyTrial) {
			s.objects = append(s.objects, surveyed("other", "", `"state": "running"`, `{"jobManagerDeploymentStatus": "DEPLOYING"}`))
			s.fails["other"] = errors.New("no answer")
		}, "flinkdeployment/other"},
		"a job that owns files here, with its own elsewhere": {func(s *surveyTrial) {
			s.objects = append(s.objects, surveyed("copy", `"execution.checkpointing.dir": "s3://else/c", "execution.state-recovery.claim-mode": "CLAIM"`, `"initialSavepointPath": "s3://b/c/`+surveyRun+`/chk-7"`, `{}`),
				&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "flink-config-copy", Namespace: flinktest.Namespace}, Data: map[string]string{"config.yaml": "execution.checkpointing.dir: s3://else/c\nexecution.state-recovery.claim-mode: CLAIM\n"}})
		}, "was started from s3://b/c/" + surveyRun + "/chk-7 as its owner"},
		"the high-availability data can't be listed": {func(s *surveyTrial) { s.refuse = forbid("list", "configmaps") }, "high-availability ConfigMaps of flinkdeployment/shop can't be listed"},
		"whether it runs isn't known": {func(s *surveyTrial) {
			s.refuse = forbid("list", "pods")
			s.fails["shop"] = errors.New("no answer")
		}, "its JobManager couldn't be asked"},
		"snapshots can't be listed": {func(s *surveyTrial) {
			s.refuse = func(c *flinktest.Cluster) { c.Refuse("list", api.StateSnap, errors.New("not now")) }
		}, "the snapshots can't be listed"},
		"jobs can't be listed": {func(s *surveyTrial) {
			s.refuse = func(c *flinktest.Cluster) { c.Refuse("list", api.SessionJob, errors.New("not now")) }
		}, "the jobs can't be listed"},
		"checkpoints go while they are read, of a run that nobody knows": {func(s *surveyTrial) {
			n := 0
			s.store.files["s3://b/c/"+foreignRun+"/chk-0/_metadata"] = s.store.files["s3://b/c/"+surveyRun+"/chk-7/_metadata"]
			s.store.listed = func(store *shelves) {
				n++
				delete(store.files, fmt.Sprintf("s3://b/c/%s/chk-%d/_metadata", foreignRun, n-1))
				store.files[fmt.Sprintf("s3://b/c/%s/chk-%d/_metadata", foreignRun, n)] = store.files["s3://b/c/"+surveyRun+"/chk-7/_metadata"]
			}
		}, "went while it was read"},
		"checkpoints are taken while all directories are listed, of an unknown run": {func(s *surveyTrial) {
			n := 0
			s.store.files["s3://b/c/"+foreignRun+"/chk-0/_metadata"] = s.store.files["s3://b/c/"+surveyRun+"/chk-7/_metadata"]
			s.store.wholeListed = func(store *shelves) {
				n++
				delete(store.files, fmt.Sprintf("s3://b/c/%s/chk-%d/_metadata", foreignRun, n-1))
				store.files[fmt.Sprintf("s3://b/c/%s/chk-%d/_metadata", foreignRun, n)] = store.files["s3://b/c/"+surveyRun+"/chk-7/_metadata"]
			}
		}, ""},
	} {
		s := newTrial(t)
		if c.change != nil {
			c.change(s)
		}
		got := strings.Join(s.look(t).Problems, "\n")
		if c.want == "" && got != "" || c.want != "" && !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A cluster that went, or is going, since it was listed needs nothing; one that
// starts is asked again. Its ConfigMap goes before its pods do, so that what it
// uses isn't known while it ends.
func TestSurveyAsksAgain(t *testing.T) {
	other := func(c *flinktest.Cluster) *unstructured.Unstructured {
		object, err := c.Client.Resource(api.Deployment, flinktest.Namespace).Get(t.Context(), "other", metav1.GetOptions{})
		if err != nil {
			t.Error(err)
		}
		return object
	}
	for name, c := range map[string]struct {
		asked func(s *surveyTrial, c *flinktest.Cluster, n int)
		asks  int
		fails bool
	}{
		"it is gone": {asks: 1, asked: func(_ *surveyTrial, c *flinktest.Cluster, _ int) {
			if err := c.Client.Resource(api.Deployment, flinktest.Namespace).Delete(t.Context(), "other", metav1.DeleteOptions{}); err != nil {
				t.Error(err)
			}
		}},
		"it is being deleted": {asks: 1, asked: func(_ *surveyTrial, c *flinktest.Cluster, _ int) {
			object := other(c)
			now := metav1.Now()
			object.SetDeletionTimestamp(&now)
			if _, err := c.Client.Resource(api.Deployment, flinktest.Namespace).Update(t.Context(), object, metav1.UpdateOptions{}); err != nil {
				t.Error(err)
			}
		}},
		"it starts": {asks: 4, asked: func(s *surveyTrial, _ *flinktest.Cluster, n int) {
			if n == 3 {
				delete(s.fails, "other")
			}
		}},
		"it never answers": {asks: 21, fails: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newTrial(t)
			s.patience = SurveyPatience
			s.objects = append(s.objects, surveyed("other", "", `"state": "running"`, `{"jobManagerDeploymentStatus": "READY"}`), jobManagerPod("other"))
			s.fails["other"] = errors.New("no answer")
			asks := 0
			s.whenAsked = func(cluster *flinktest.Cluster, name string) {
				if name == "other" {
					asks++
					if c.asked != nil {
						c.asked(s, cluster, asks)
					}
				}
			}
			if got := s.look(t).Problems; len(got) > 0 != c.fails || asks != c.asks {
				t.Errorf("%s: asked %d times, want %d: %q", name, asks, c.asks, got)
			}
		})
	}
}

// verdicts are those of the survey's files, by path.
func verdicts(s storage.Survey, runs ...string) map[string]string {
	out := map[string]string{}
	for _, o := range s.Orphans(storage.OrphanRule{Now: time.Now(), OlderThan: time.Hour, Runs: runs}) {
		out[strings.TrimPrefix(o.Path, "s3://b/")] = o.Verdict
	}
	return out
}

// Whose a run is, and whether it goes on, is found out from objects, JobManagers
// and high availability.
func TestSurveyRuns(t *testing.T) {
	s := newTrial(t)
	if got := verdicts(s.look(t)); len(got) != 1 || got["c/"+surveyRun+"/shared"] != storage.IsOrphan {
		t.Errorf("%v", got)
	}

	s = newTrial(t)
	s.store.files["s3://b/c/"+foreignRun+"/shared/1"] = []byte("x")
	foreign := "c/" + foreignRun + "/shared"
	if got := verdicts(s.look(t)); got[foreign] != storage.IsUnknown {
		t.Errorf("a run of nobody: %v", got)
	}
	if got := verdicts(s.look(t), foreignRun); got[foreign] != storage.IsOrphan {
		t.Errorf("a run that is over: %v", got)
	}
	// Whoever has it keeps it, whatever --run says.
	s.objects = append(s.objects, surveyed("session", inDirs, "", `{"jobManagerDeploymentStatus": "READY"}`), jobManagerPod("session"))
	s.runs["session"] = []LiveRun{{ID: foreignRun}}
	if got := verdicts(s.look(t), foreignRun); got[foreign] != "" {
		t.Errorf("a job in a session cluster: %v", got)
	}
	s = newTrial(t)
	s.store.files["s3://b/c/"+foreignRun+"/shared/1"] = []byte("x")
	s.objects = append(s.objects, surveyed("other", inDirs, `"state": "suspended"`, `{"lifecycleState": "SUSPENDED", "jobManagerDeploymentStatus": "MISSING", "jobStatus": {"jobId": "`+foreignRun+`"}}`))
	if got := verdicts(s.look(t), foreignRun); got[foreign] != "" || strings.Contains(strings.Join(s.asked, " "), "other") {
		t.Errorf("a suspended job's: %v, asked %v", got, s.asked)
	}

	// An earlier run that a snapshot or high availability reports is the job's own.
	s = newTrial(t)
	s.store.files["s3://b/c/"+foreignRun+"/shared/1"] = []byte("x")
	s.objects = append(s.objects, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "shop-" + foreignRun + "-config-map", Namespace: flinktest.Namespace, Labels: map[string]string{"app": "shop"}}})
	survey := s.look(t)
	if got := verdicts(survey); got[foreign] != storage.IsOrphan || !survey.Runs[foreignRun].Recoverable {
		t.Errorf("high availability's: %v %+v", got, survey.Runs)
	}

	// A savepoint is being taken; files are merged; before the first checkpoint.
	for name, change := range map[string]func(*surveyTrial){
		"a savepoint of which the history tells": func(s *surveyTrial) {
			s.runs["shop"][0].Checkpoints.History = []rest.Checkpoint{{Status: "IN_PROGRESS", IsSavepoint: true}}
			s.store.files = map[string][]byte{"s3://b/s/savepoint-012345-1/1": nil, "s3://b/c/" + surveyRun + "/chk-7/_metadata": s.store.files["s3://b/c/"+surveyRun+"/chk-7/_metadata"]}
		},
		"a savepoint that the history has lost": func(s *surveyTrial) {
			s.runs["shop"][0].Checkpoints.Counts.InProgress = 1
			s.store.files = map[string][]byte{"s3://b/s/savepoint-012345-1/1": nil, "s3://b/c/" + surveyRun + "/chk-7/_metadata": s.store.files["s3://b/c/"+surveyRun+"/chk-7/_metadata"]}
		},
		"no checkpoint yet": func(s *surveyTrial) { s.runs["shop"][0].Checkpoints.Latest.Completed = nil },
		"files are merged": func(s *surveyTrial) {
			s.objects[0] = surveyed("shop", inDirs+`, "execution.checkpointing.file-merging.enabled": "true"`, `"upgradeMode": "savepoint"`, `{"jobManagerDeploymentStatus": "READY", "jobStatus": {"jobId": "`+surveyRun+`"}}`)
		},
	} {
		s := newTrial(t)
		change(s)
		if survey := s.look(t); len(verdicts(survey)) > 0 || len(survey.Problems) > 0 {
			t.Errorf("%s: %v %q", name, verdicts(survey), survey.Problems)
		}
	}
}

// Where only one namespace may be looked into, that is said.
func TestSurveyOfOneNamespace(t *testing.T) {
	s := newTrial(t)
	s.refuse = func(c *flinktest.Cluster) {
		c.Objects.PrependReactor("list", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
			if action.GetNamespace() == "" {
				return true, nil, flinktest.Forbidden(api.Deployment, "")
			}
			return false, nil, nil
		})
	}
	survey := s.look(t)
	if len(survey.Problems) > 0 || len(survey.Notes) != 1 || !strings.Contains(survey.Notes[0], "only namespace "+flinktest.Namespace) {
		t.Errorf("%q %q", survey.Problems, survey.Notes)
	}
}

// What is to be deleted needn't be readable.
func TestSurveySpares(t *testing.T) {
	s := newTrial(t)
	s.store.files["s3://b/s/savepoint-fedcba-1/_metadata"] = []byte("none")
	cluster := flinktest.New(s.objects...)
	out, err := Surveyor{
		Client: cluster.Client,
		Store:  func(context.Context, api.Job, string) (storage.Store, error) { return s.store, nil },
		Runs:   func(context.Context, api.Ref) ([]LiveRun, error) { return s.runs["shop"], nil },
		Spare:  func(dir string) bool { return dir == "s3://b/s/savepoint-fedcba-1" },
	}.Survey(context.Background(), cluster.Job(api.Deployment, "shop"), StateDirs(api.Config{"execution.checkpointing.dir": "s3://b/c", "state.savepoints.dir": "s3://b/s"}))
	if err != nil || len(out.Problems) > 0 {
		t.Errorf("%v %q", err, out.Problems)
	}
}

// Directories are listed once, and those of the changelog too.
func TestStateDirs(t *testing.T) {
	var got []string
	for _, dir := range StateDirs(api.Config{
		"state.checkpoints.dir": "s3://b/c/", "execution.checkpointing.savepoint-dir": "s3a://b/c/saved",
		"dstl.dfs.base-path": "s3://b/log", "high-availability.storageDir": "s3://b/ha",
	}) {
		got = append(got, fmt.Sprint(dir.Path, " ", dir.Key, " ", dir.HA))
	}
	if want := "s3://b/c state.checkpoints.dir false, s3://b/log dstl.dfs.base-path false, s3://b/ha high-availability.storageDir true"; strings.Join(got, ", ") != want {
		t.Errorf("%q", got)
	}
}
