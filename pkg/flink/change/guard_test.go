package change

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// says checks that an error has words; "" wants none.
func says(t *testing.T, err error, words string) {
	t.Helper()
	if (err == nil) != (words == "") || err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("%v\nwant %q", err, words)
	}
}

func TestWhatMustNotBeChanged(t *testing.T) {
	child := flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus)
	child.SetOwnerReferences([]metav1.OwnerReference{{Kind: api.BlueGreen.Name, Name: "shop"}})
	going := flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus)
	going.SetDeletionTimestamp(&metav1.Time{Time: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	going.SetFinalizers([]string{"x"})
	for name, c := range map[string]struct {
		object *unstructured.Unstructured
		want   string
	}{
		"a job":           {flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus), ""},
		"a child":         {child, "Change the parent: flinkbluegreendeployment/shop"},
		"a session":       {flinktest.Object(api.Deployment, "orders", `{"flinkVersion":"v1_20"}`, ""), "A job that no object manages is listed with: kubectl flink jobs orders -n ns"},
		"one that goes":   {going, "flinkdeployment/orders is being deleted (since 2026-01-02T03:04:05Z)"},
		"one of its name": {flinktest.Object(api.Deployment, "order", ordersSpec, ""), "Names near it: order"},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := flinktest.New(c.object)
			_, err := Target(t.Context(), cluster.Client, api.Ref{Kind: api.Deployment, Namespace: flinktest.Namespace, Name: "orders"})
			says(t, err, c.want)
		})
	}
}

func TestAManifestThatIsKeptElsewhere(t *testing.T) {
	for name, c := range map[string]struct {
		annotation, label string
		force             bool
		refused, noted    string
	}{
		"nowhere":      {},
		"Argo CD":      {annotation: "argocd.argoproj.io/tracking-id", refused: "which will change it back\nMake the change where its manifest is kept, or suspend the sync and use --force"},
		"Argo, forced": {annotation: "argocd.argoproj.io/tracking-id", force: true, noted: "warning: flinkdeployment/orders is managed by Argo CD"},
		"Helm":         {label: "Helm", noted: "its next release may undo this change"},
	} {
		t.Run(name, func(t *testing.T) {
			object := flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus)
			if c.annotation != "" {
				object.SetAnnotations(map[string]string{c.annotation: "x"})
			}
			if c.label != "" {
				object.SetLabels(map[string]string{"app.kubernetes.io/managed-by": c.label})
			}
			cluster := flinktest.New(object)
			err := CheckManaged(cluster.Job(api.Deployment, "orders"), Options{Force: c.force, DryRun: "client"}, cluster.Reporter())
			says(t, err, c.refused)
			if !strings.Contains(cluster.Notes(), c.noted) || (cluster.Notes() == "") != (c.noted == "") {
				t.Error(cluster.Notes())
			}
		})
	}
}

func TestTheModeThatKeepsTheState(t *testing.T) {
	for name, c := range map[string]struct {
		mode   string
		choice api.StateChoice
		want   string
		in     string // the mode then in force
	}{
		"as the spec says": {"savepoint", api.StateChoice{}, "map[]", "savepoint"},
		"chosen":           {"stateless", api.StateChoice{UpgradeMode: "last-state"}, "map[job:map[upgradeMode:last-state]]", "last-state"},
		"to be lost":       {"savepoint", api.StateChoice{LoseState: true}, "map[job:map[upgradeMode:stateless]]", "stateless"},
	} {
		t.Run(name, func(t *testing.T) {
			job := flinktest.Object(api.Deployment, "orders", `{"job":{"upgradeMode":"`+c.mode+`"}}`, "")
			fields, mode, err := KeepState(api.Job{Kind: api.Deployment, Object: job}, "restart", c.choice)
			if err != nil || mode != c.in || fmt.Sprint(fields) != c.want {
				t.Errorf("%v %s %v", fields, mode, err)
			}
		})
	}
}

// configOf is the configuration that the operator wrote for a cluster.
func configOf(cluster, text string) *corev1.ConfigMap {
	return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "flink-config-" + cluster, Namespace: flinktest.Namespace}, Data: map[string]string{"config.yaml": text}}
}

func TestDirectoriesForTheState(t *testing.T) {
	for name, c := range map[string]struct {
		spec, config, mode, want string
	}{
		"stateless":                 {mode: "stateless"},
		"not known":                 {mode: "savepoint"},
		"both":                      {mode: "savepoint", config: "execution.checkpointing.dir: s3://b/c\nexecution.checkpointing.savepoint-dir: s3://b/s\n"},
		"no checkpoint directory":   {mode: "last-state", config: "parallelism.default: 1\n", want: "has no checkpoint directory, which upgradeMode last-state needs: set execution.checkpointing.dir"},
		"no savepoint directory":    {mode: "savepoint", config: "execution.checkpointing.dir: s3://b/c\n", want: "or keep the state by its last checkpoint (last-state)"},
		"none needed":               {mode: "last-state", config: "execution.checkpointing.dir: s3://b/c\n"},
		"in the spec":               {mode: "savepoint", spec: `"execution.checkpointing.savepoint-dir":"s3://b/s"`, config: "execution.checkpointing.dir: s3://b/c\n"},
		"savepoints on a pod":       {mode: "savepoint", config: "execution.checkpointing.dir: s3://b/c\nexecution.checkpointing.savepoint-dir: file:///tmp/s\n", want: "flinkdeployment/orders would lose its state: execution.checkpointing.savepoint-dir: file:///tmp/s"},
		"checkpoints on a pod":      {mode: "last-state", config: "execution.checkpointing.dir: file:///tmp/c\n", want: "execution.checkpointing.dir: file:///tmp/c"},
		"checkpoints aren't needed": {mode: "savepoint", config: "execution.checkpointing.dir: file:///tmp/c\nexecution.checkpointing.savepoint-dir: s3://b/s\n"},
	} {
		t.Run(name, func(t *testing.T) {
			objects := []runtime.Object{flinktest.Object(api.Deployment, "orders", `{"flinkConfiguration":{`+c.spec+`},"job":{}}`, "")}
			if c.config != "" {
				objects = append(objects, configOf("orders", c.config))
			}
			cluster := flinktest.New(objects...)
			says(t, CheckDirectories(t.Context(), cluster.Client, cluster.Job(api.Deployment, "orders"), c.mode), c.want)
		})
	}
}

func TestTheFormatOfAnUpgradesSavepoint(t *testing.T) {
	for name, c := range map[string]struct {
		version, config string
		native          bool
	}{
		"Flink 1":              {"v1_20", "", false},
		"Flink 2":              {"v2_1", "", true},
		"somebody's decision":  {"v2_1", `"` + api.FormatKey + `":"CANONICAL"`, false},
		"so already":           {"v2_1", `"kubernetes":{"operator":{"savepoint":{"format":{"type":"NATIVE"}}}}`, false},
		"version not declared": {"", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := flinktest.New(flinktest.Object(api.Deployment, "orders", `{"flinkVersion":"`+c.version+`","flinkConfiguration":{`+c.config+`},"job":{}}`, ""))
			fields, why, err := SavepointFormat(t.Context(), cluster.Client, cluster.Job(api.Deployment, "orders"))
			if err != nil || (fields != nil) != c.native || (why != "") != c.native {
				t.Errorf("%v %q %v", fields, why, err)
			}
			if c.native && api.Section(fields, "flinkConfiguration")[api.FormatKey] != "NATIVE" {
				t.Error(fields)
			}
		})
	}
}

func TestASpecThatIsRejectedAlready(t *testing.T) {
	for name, c := range map[string]struct{ status, want string }{
		"rejected":    {strings.Replace(invalid, "{", `{"observedGeneration":0,`, 1), "would ignore a change to it: Parallelism must be set\nCorrect the spec first: kubectl edit flinkdeployment orders -n ns"},
		"accepted":    {ordersStatus, ""},
		"since then":  {strings.Replace(invalid, "{", `{"observedGeneration":1,`, 1), ""},
		"other error": {noUpgrade, ""},
	} {
		t.Run(name, func(t *testing.T) {
			says(t, CheckRejected(api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, "orders", ordersSpec, c.status)}), c.want)
		})
	}
}

// A pod that ends because the state that it is to start from isn't there.
func TestAJobThatStartsInVain(t *testing.T) {
	crashed := func(message string) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "orders-1", Namespace: flinktest.Namespace, Labels: map[string]string{"app": "orders", "component": "jobmanager", "type": "flink-native-kubernetes"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: api.MainContainer}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{{
				Name: api.MainContainer, RestartCount: 3,
				State:                corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Error", ExitCode: 1, Message: message}},
			}}},
		}
	}
	const down = `{"lifecycleState":"DEPLOYED","jobManagerDeploymentStatus":"DEPLOYING","jobStatus":{"state":"RECONCILING","jobId":"a"}}`
	for name, c := range map[string]struct {
		status, mode string
		pods         []runtime.Object
		want         string
	}{
		"it runs":      {ordersStatus, "savepoint", []runtime.Object{crashed("Cannot find checkpoint or savepoint file/directory")}, ""},
		"no pods":      {down, "savepoint", nil, ""},
		"other causes": {down, "savepoint", []runtime.Object{crashed("java.lang.IllegalStateException: no topic")}, ""},
		"its state is gone": {
			down, "savepoint",
			[]runtime.Object{crashed("java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory 'file:/s/1'")},
			"flinkdeployment/orders was not changed: it can't start: java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory 'file:/s/1'\nThe operator carries out no change that would keep its state. Start it from state that is there: kubectl flink restore flinkdeployment/orders --from PATH --no-savepoint -n ns",
		},
		"its state is gone and not wanted": {down, "stateless", []runtime.Object{crashed("java.io.FileNotFoundException: Cannot find checkpoint or savepoint file/directory 'file:/s/1'")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := flinktest.New(append(c.pods, flinktest.Object(api.Deployment, "orders", ordersSpec, c.status))...)
			says(t, CheckStart(t.Context(), cluster.Client, cluster.Job(api.Deployment, "orders"), c.mode), c.want)
		})
	}
}

func TestASizeThatAnAutoscalerSets(t *testing.T) {
	hpa := func(target string) *unstructured.Unstructured {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
			"scaleTargetRef": map[string]any{"apiVersion": api.Group + "/" + api.Version, "kind": api.Deployment.Name, "name": target}, "maxReplicas": int64(5),
		}}}
		u.SetAPIVersion("autoscaling/v2")
		u.SetKind("HorizontalPodAutoscaler")
		u.SetName("scaler")
		u.SetNamespace(flinktest.Namespace)
		return u
	}
	for name, c := range map[string]struct {
		hpa           runtime.Object
		force         bool
		refused, note string
	}{
		"its own":         {hpa: hpa("orders"), refused: "flinkdeployment/orders is sized by horizontalpodautoscaler/scaler (1 to 5 TaskManagers)"},
		"its own, forced": {hpa: hpa("orders"), force: true, note: "which will set its size by its own metrics again"},
		"another's":       {hpa: hpa("payments")},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := flinktest.New(flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus), c.hpa)
			says(t, CheckHPA(t.Context(), cluster.Client, cluster.Job(api.Deployment, "orders"), Options{Force: c.force}, cluster.Reporter()), c.refused)
			if !strings.Contains(cluster.Notes(), c.note) || (cluster.Notes() == "") != (c.note == "") {
				t.Error(cluster.Notes())
			}
		})
	}
	for path, want := range map[string]bool{"taskManager.replicas": true, "job.parallelism": true, "image": false} {
		if got := ChangesSize([]api.FieldChange{{Path: path}}); got != want {
			t.Errorf("%s: %t", path, got)
		}
	}
}

func TestTheOptionsOfAChange(t *testing.T) {
	for dryRun, code := range map[string]int{"": exit.OK, "client": exit.OK, "server": exit.OK, "all": exit.Usage} {
		if got := exit.Code(Options{DryRun: dryRun}.Validate()); got != code {
			t.Errorf("%q: exit code %d", dryRun, got)
		}
	}
	no := errors.New("no")
	asked := ""
	confirm := func(_ context.Context, question string) error { asked += question; return no }
	noted := ""
	note := func(question string) { noted += question }
	for name, c := range map[string]struct {
		options Options
		want    error
		asked   string
	}{
		"asks":         {Options{Confirm: confirm, Question: note}, no, "Lose it?"},
		"a dry run":    {Options{Confirm: confirm, Question: note, DryRun: "server"}, nil, ""},
		"asks nobody":  {Options{Question: note}, nil, ""},
		"notes nobody": {Options{Confirm: confirm}, no, "Lose it?"},
	} {
		t.Run(name, func(t *testing.T) {
			asked, noted = "", ""
			if err := c.options.Confirmf(t.Context(), "Lose %s?", "it"); !errors.Is(err, c.want) || asked != c.asked || c.options.Question != nil && noted != "Lose it?" {
				t.Errorf("%v, asked %q, noted %q", err, asked, noted)
			}
		})
	}
}

func TestProofOfARestore(t *testing.T) {
	job := api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, "orders", ordersSpec, strings.Replace(ordersStatus, `"jobId":"a"`, `"jobId":"f00d"`, 1))}
	away := errors.New("connection refused")
	for name, c := range map[string]struct {
		nobody  bool
		answers []string // "away" is none
		want    string
		took    time.Duration
	}{
		"the same":            {answers: []string{"file:///s/1"}},
		"after a while":       {answers: []string{"away", "away", "file:/s/1"}, took: 2 * time.Second},
		"another":             {answers: []string{"file:/s/2"}, want: "flinkdeployment/orders runs, but it was restored from file:/s/2, not from file:/s/1"},
		"its own, since":      {answers: []string{"s3://b/c/f00d/chk-3"}},
		"another run's":       {answers: []string{"s3://b/c/beef/chk-3"}, want: "it was restored from s3://b/c/beef/chk-3, not from file:/s/1"},
		"none":                {answers: []string{""}, want: "it was not restored from file:/s/1: it started without state"},
		"nobody answers":      {answers: []string{"away"}, want: "whether it was restored from file:/s/1 isn't known: connection refused\nSee with: kubectl flink checkpoints flinkdeployment/orders -n ns", took: proofLimit},
		"nobody can be asked": {nobody: true, want: "no way to the JobManager"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client := operator.ClientOf(nil, nil)
				if !c.nobody {
					client = client.Asking(flinktest.Flink{OnState: func(context.Context, api.Ref) (api.FlinkState, error) {
						answer := c.answers[0]
						if len(c.answers) > 1 {
							c.answers = c.answers[1:]
						}
						switch answer {
						case "away":
							return api.FlinkState{}, away
						case "":
							return api.FlinkState{}, nil
						}
						return api.FlinkState{Restored: &api.FlinkSnapshot{Path: answer}}, nil
					}})
				}
				began := time.Now()
				_, err := ProveRestored(t.Context(), client, job, "file:/s/1", operator.Reporter{})
				says(t, err, c.want)
				if took := time.Since(began); took != c.took {
					t.Errorf("it took %s", took)
				}
			})
		})
	}
}

func TestTheCheckpointThatAJobLeft(t *testing.T) {
	const name = "orders-f00d-config-map"
	ha := func(keys ...string) *corev1.ConfigMap {
		data := map[string]string{"counter": "1"}
		for _, key := range keys {
			data[key] = "x"
		}
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: flinktest.Namespace}, Data: data}
	}
	nine, ten := "checkpointID-0000000000000000009", "checkpointID-0000000000000000010"
	restored := &api.FlinkSnapshot{ID: 9, Path: "s3://b/s/savepoint-9", Savepoint: true}
	for name, c := range map[string]struct {
		config     string
		objects    []runtime.Object
		known      *api.FlinkSnapshot
		path, want string
		restored   *api.FlinkSnapshot
		from       string
	}{
		// Flink keeps what it restored as the newest until one of its own is completed.
		"none but the one restored":               {`"state.checkpoints.dir":"s3://b/c"`, []runtime.Object{ha(nine)}, nil, "s3://b/s/savepoint-9", "", restored, ""},
		"so, and a savepoint since":               {`"state.checkpoints.dir":"s3://b/c"`, []runtime.Object{ha(nine)}, &api.FlinkSnapshot{ID: 10, Path: "s3://b/s/savepoint-10", Savepoint: true}, "s3://b/s/savepoint-9", "", restored, ""},
		"one of its own since":                    {`"state.checkpoints.dir":"s3://b/c"`, []runtime.Object{ha(nine, ten)}, nil, "s3://b/c/f00d/chk-10", "", restored, ""},
		"another run's, as the operator noted":    {`"state.checkpoints.dir":"s3://b/c"`, []runtime.Object{ha(nine)}, nil, "s3://b/c/before/chk-9", "", nil, "s3://b/c/before/chk-9"},
		"another run's, and one of its own since": {`"state.checkpoints.dir":"s3://b/c"`, []runtime.Object{ha(ten)}, nil, "s3://b/c/f00d/chk-10", "", nil, "s3://b/c/before/chk-9"},

		"the newest":           {`"state.checkpoints.dir":"s3://b/c/"`, []runtime.Object{ha(nine, ten)}, nil, "s3://b/c/f00d/chk-10", "", nil, ""},
		"all in one directory": {`"state.checkpoints.dir":"s3://b/c","state.checkpoints.create-subdir":"false"`, []runtime.Object{ha(nine)}, nil, "s3://b/c/chk-9", "", nil, ""},
		"beside a known one":   {``, []runtime.Object{ha(ten)}, &api.FlinkSnapshot{Path: "s3://d/a/chk-8"}, "s3://d/a/chk-10", "", nil, ""},
		"no directory":         {``, []runtime.Object{ha(ten)}, nil, "", "its last checkpoint is number 10, but in which directory isn't known", nil, ""},
		"none yet":             {``, []runtime.Object{ha()}, nil, "", "it has completed no checkpoint yet", nil, ""},
		"no data":              {``, nil, nil, "", "is not there (configmap/orders-f00d-config-map)", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := flinktest.New(append(c.objects, flinktest.Object(api.Deployment, "orders", `{"flinkConfiguration":{`+c.config+`},"job":{}}`, ordersStatus))...)
			job := cluster.Job(api.Deployment, "orders")
			for field, value := range map[string]string{"jobId": "f00d", "upgradeSavepointPath": c.from} {
				if err := unstructured.SetNestedField(job.Object.Object, value, "status", "jobStatus", field); err != nil {
					t.Fatal(err)
				}
			}
			path, why := LastCheckpoint(t.Context(), cluster.Client, job, c.known, c.restored)
			if path != c.path || !strings.Contains(why, c.want) || (why == "") != (c.want == "") {
				t.Errorf("%q %q", path, why)
			}
			if left, _ := CheckpointLeft(t.Context(), cluster.Client, job, job, c.known, c.restored); left != c.path {
				t.Errorf("left %q", left)
			}
		})
	}
}

func TestTheCommandThatTakesAChangeBack(t *testing.T) {
	for name, c := range map[string]struct {
		spec    map[string]any
		changed bool
		want    string
	}{
		"a patch":     {map[string]any{"job": map[string]any{"parallelism": int64(4)}}, true, `kubectl patch flinkdeployment orders -n ns --type merge -p '{"spec":{"job":{"parallelism":2}}}'`},
		"not changed": {map[string]any{"job": map[string]any{"parallelism": int64(2)}}, false, "change the spec back"},
		"a long one":  {map[string]any{"long": "x"}, true, "kubectl edit flinkdeployment orders -n ns"},
		"with quotes": {map[string]any{"quoted": "x"}, true, `{"spec":{"quoted":"it'\''s"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			object := flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus)
			api.Section(object.Object, "spec")["long"] = strings.Repeat("y", longestCommand)
			api.Section(object.Object, "spec")["quoted"] = "it's"
			f := &Follower{Change: Change{Job: api.Job{Kind: api.Deployment, Object: object}, Spec: c.spec}}
			f.Report.Changed = c.changed
			if got := f.UndoCommand(); !strings.Contains(got, c.want) {
				t.Errorf("%s\nwant %s", got, c.want)
			}
		})
	}
}

// A webhook that writes another upgradeMode would have the operator stop the job
// without the state that was to be kept: it is found out before anything is changed.
func TestAWebhookThatChangesWhatDecides(t *testing.T) {
	for name, c := range map[string]struct {
		writes  string
		options Options
		says    string
	}{
		"another mode":          {`{"spec":{"job":{"upgradeMode":"stateless"}}}`, Options{NoWait: true}, "flinkdeployment/orders was not changed: the API server would write stateless into spec.job.upgradeMode instead of savepoint: an admission webhook changes it"},
		"a dry run":             {`{"spec":{"job":{"upgradeMode":"stateless"}}}`, Options{DryRun: "server"}, "would write stateless into spec.job.upgradeMode"},
		"a field that it drops": {`{"spec":{"job":{"state":null}}}`, Options{NoWait: true}, "would write nothing into spec.job.state instead of suspended"},
		"something else":        {`{"metadata":{"labels":{"team":"a"}}}`, Options{NoWait: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := flinktest.New(flinktest.Object(api.Deployment, "orders", ordersSpec, ordersStatus))
			cluster.Objects.PrependReactor("patch", "*", func(action clienttesting.Action) (bool, runtime.Object, error) {
				patch := action.(clienttesting.PatchActionImpl)
				var sent, own map[string]any
				if err := errors.Join(json.Unmarshal(patch.Patch, &sent), json.Unmarshal([]byte(c.writes), &own)); err != nil {
					return true, nil, err
				}
				body, err := json.Marshal(api.Merge(sent, own))
				if err != nil || string(body) == string(patch.Patch) {
					return err != nil, nil, err
				}
				patch.Patch = body
				for _, next := range cluster.Objects.ReactionChain[1:] {
					if next.Handles(patch) {
						if handled, object, err := next.React(patch); handled {
							return true, object, err
						}
					}
				}
				return false, nil, nil
			})
			job := cluster.Job(api.Deployment, "orders")
			_, err := CarryOut(t.Context(), cluster.Client, Change{Job: job, Did: "suspended", Spec: map[string]any{"job": map[string]any{"state": "suspended", "upgradeMode": "savepoint"}}, Goal: Goal{Suspended: true}}, c.options, cluster.Reporter())
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
			if after := cluster.Job(api.Deployment, "orders"); c.says != "" && after.Object.GetGeneration() != job.Object.GetGeneration() {
				t.Error("it was changed")
			}
		})
	}
}
