package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

func objectOf(t *testing.T, manifest string) *unstructured.Unstructured {
	t.Helper()
	object := &unstructured.Unstructured{}
	if err := utiljson.Unmarshal([]byte(manifest), &object.Object); err != nil {
		t.Fatal(err)
	}
	return object
}

func jobAs(t *testing.T, kind Kind, manifest string) Job {
	t.Helper()
	return Job{Kind: kind, Object: objectOf(t, manifest)}
}

func TestCauseChain(t *testing.T) {
	trace := "org.apache.flink.util.FlinkException: outer\n\tat a.B.c(D.java:1)\nCaused by: java.lang.IllegalStateException: middle\n\tat a.B.c(D.java:2)\nCaused by: java.io.IOException: disk full\n\tat a.B.c(D.java:3)\n"
	if got := strings.Join(CauseChain(trace), " < "); got != "FlinkException: outer < IllegalStateException: middle < IOException: disk full" {
		t.Errorf("%q", got)
	}
	if got := CauseChain(""); len(got) != 0 {
		t.Errorf("of nothing: %q", got)
	}
}

func TestChooseFormat(t *testing.T) {
	job := Ref{Kind: SessionJob, Namespace: "ns", Name: "j"}
	for name, c := range map[string]struct {
		version, wanted string
		force           bool
		format, why     string
		fails           string
	}{
		"native":                         {"v1_20", "native", false, "NATIVE", "", ""},
		"canonical":                      {"v1_20", "canonical", false, "CANONICAL", "", ""},
		"canonical on Flink 2":           {"v2_1", "canonical", false, "", "", "flinksessionjob/j runs Flink 2.1"},
		"canonical on Flink 2, by force": {"v2_1", "canonical", true, "CANONICAL", "", ""},
		"by an old version":              {"v1_20", "auto", false, "CANONICAL", "Flink 1.20", ""},
		"by a new version":               {"v2_0", "auto", false, "NATIVE", "Flink 2.0", ""},
		"no version":                     {"", "auto", false, "CANONICAL", "the Flink version is not declared", ""},
	} {
		t.Run(name, func(t *testing.T) {
			cluster := jobAs(t, Deployment, `{"spec":{"flinkVersion":"`+c.version+`"}}`)
			format, why, err := ChooseFormat(job, cluster, c.wanted, c.force)
			if format != c.format || why != c.why || (err != nil) != (c.fails != "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%q %q %v", format, why, err)
			}
		})
	}
}

func TestStateChoiceValidate(t *testing.T) {
	for name, c := range map[string]struct {
		choice StateChoice
		fails  string
	}{
		"as the spec says":   {StateChoice{}, ""},
		"savepoint":          {StateChoice{UpgradeMode: "savepoint"}, ""},
		"lost":               {StateChoice{LoseState: true}, ""},
		"stateless":          {StateChoice{UpgradeMode: "stateless"}, "use --lose-state"},
		"no mode":            {StateChoice{UpgradeMode: "swift"}, `"swift" is not one of savepoint, last-state`},
		"kept, and lost too": {StateChoice{UpgradeMode: "savepoint", LoseState: true}, "use one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.choice.Validate()
			if (err != nil) != (c.fails != "") || err != nil && (exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), c.fails)) {
				t.Error(err)
			}
		})
	}
}

func TestDiffSpecs(t *testing.T) {
	before := objectOf(t, `{"image":"a","job":{"parallelism":2,"args":["x"],"list":[{"a":1}]},"flinkConfiguration":{"s3":{"secret-key":"one"},"k":"v"}}`).Object
	after := objectOf(t, `{"image":"b","job":{"parallelism":2,"args":["x","y"],"list":[{"a":2}]},"flinkConfiguration":{"s3.secret-key":"two","k":"v"}}`).Object
	var got []string
	for _, c := range DiffSpecs(before, after) {
		got = append(got, c.Path+": "+c.Old+" > "+c.New)
	}
	want := `flinkConfiguration s3.secret-key: ****** > ****** (another value)
image: a > b
job.args: ["x"] > ["x","y"]
job.list[0].a: 1 > 2`
	if strings.Join(got, "\n") != want {
		t.Errorf("%s\nwant\n%s", strings.Join(got, "\n"), want)
	}
	if same := DiffSpecs(before, before); len(same) != 0 {
		t.Errorf("of itself: %v", same)
	}
}

// A merge patch takes away by null, leaves alone what it doesn't name, and can
// be taken back.
func TestPatched(t *testing.T) {
	job := jobAs(t, Deployment, `{"spec":{"image":"a","job":{"parallelism":2,"state":"running"},"flinkConfiguration":{"k":"v"}}}`)
	patch := map[string]any{"image": "b", "job": map[string]any{"parallelism": nil}, "ingress": map[string]any{"template": "x"}}
	after := job.Patched(patch)
	text, _ := json.Marshal(after.Spec())
	if want := `{"flinkConfiguration":{"k":"v"},"image":"b","ingress":{"template":"x"},"job":{"state":"running"}}`; string(text) != want {
		t.Errorf("%s, want %s", text, want)
	}
	if job.Spec()["image"] != "a" {
		t.Error("the job itself was changed")
	}
	if back := after.Patched(Inverse(job.Spec(), patch)); !SameJSON(back.Spec(), job.Spec()) {
		t.Errorf("taken back it is %v", back.Spec())
	}
	if !ContainsPresent(map[string]any{"a": nil, "b": map[string]any{"c": int64(1)}}, map[string]any{"a": nil, "b": map[string]any{"c": 1}}) ||
		ContainsPresent(map[string]any{"a": 1}, map[string]any{"a": nil}) || ContainsPresent(map[string]any{"b": 1}, map[string]any{"b": map[string]any{"c": 1}}) || ContainsPresent(nil, map[string]any{"b": 2}) {
		t.Error("ContainsPresent")
	}
	merged := Merge(nil, map[string]any{"a": map[string]any{"b": 1}}, map[string]any{"a": map[string]any{"c": 2}, "d": 3})
	if !SameJSON(merged, map[string]any{"a": map[string]any{"b": 1, "c": 2}, "d": 3}) {
		t.Errorf("merged: %v", merged)
	}
	if err := job.Set("x", "image", "below"); exit.Code(err) != exit.Usage {
		t.Errorf("a field below a text: %v", err)
	}
	if err := job.Set("s3://b/1", "job", "initialSavepointPath"); err != nil || job.InitialPath() != "s3://b/1" {
		t.Errorf("%v, %q", err, job.InitialPath())
	}
}

func TestNextRestartNonce(t *testing.T) {
	for name, c := range map[string]struct {
		kind     Kind
		manifest string
		want     int64
	}{
		"none yet":          {Deployment, `{"spec":{}}`, 1},
		"the spec's":        {Deployment, `{"spec":{"restartNonce":4}}`, 5},
		"lost since":        {Deployment, `{"spec":{},"status":{"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"restartNonce\":7}}"}}}`, 8},
		"of a blue/green":   {BlueGreen, `{"spec":{"template":{"spec":{}}},"status":{"lastReconciledSpec":"{\"template\":{\"spec\":{\"restartNonce\":2}}}"}}`, 3},
		"wrapped in a spec": {BlueGreen, `{"spec":{"template":{"spec":{}}},"status":{"lastReconciledSpec":"{\"spec\":{\"template\":{\"spec\":{\"restartNonce\":5}}}}"}}`, 6},
		"that isn't JSON":   {BlueGreen, `{"spec":{"template":{"spec":{"restartNonce":1}}},"status":{"lastReconciledSpec":"…"}}`, 2},
	} {
		t.Run(name, func(t *testing.T) {
			if got := jobAs(t, c.kind, c.manifest).NextRestartNonce(); got != c.want {
				t.Errorf("%d, want %d", got, c.want)
			}
		})
	}
}

// What a job's status says of it, in words.
func TestJobViews(t *testing.T) {
	now := time.UnixMilli(1764000000000).Add(3 * time.Hour)
	for name, c := range map[string]struct {
		kind     Kind
		manifest string
		describe string
		wanted   string
		runs     bool
		never    bool
		nothing  string
		stopped  bool
	}{
		"new":             {Deployment, `{"spec":{"job":{}}}`, "not started yet", "running", false, true, "it has never run", false},
		"running":         {Deployment, `{"spec":{"job":{}},"status":{"lifecycleState":"STABLE","jobManagerDeploymentStatus":"READY","jobStatus":{"state":"RUNNING","jobId":"a","startTime":"1"}}}`, "RUNNING", "running", true, false, "", false},
		"deploying":       {Deployment, `{"spec":{"job":{}},"status":{"lifecycleState":"DEPLOYED","jobManagerDeploymentStatus":"DEPLOYING","jobStatus":{"state":"RECONCILING","jobId":"a"}}}`, "RECONCILING (lifecycle DEPLOYED, JobManager DEPLOYING)", "running", false, true, "it has never been stable", false},
		"suspended":       {Deployment, `{"spec":{"job":{"state":"suspended"}},"status":{"lifecycleState":"SUSPENDED","jobStatus":{"state":"FINISHED","jobId":"a","startTime":"1"},"reconciliationStatus":{"lastStableSpec":"{}"}}}`, "FINISHED (lifecycle SUSPENDED)", "suspended", false, false, "", true},
		"finished":        {Deployment, `{"spec":{"job":{}},"status":{"lifecycleState":"STABLE","jobStatus":{"state":"FINISHED","jobId":"a","startTime":"1"}}}`, "FINISHED", "running", false, false, "it has finished", false},
		"session cluster": {Deployment, `{"spec":{}}`, "not started yet", "", false, true, "a session cluster has no state of its own", false},
		"blue/green":      {BlueGreen, `{"spec":{"template":{"spec":{"job":{"state":"suspended"}}}},"status":{"blueGreenState":"ACTIVE_BLUE","jobStatus":{"state":"SUSPENDED"}}}`, "SUSPENDED (ACTIVE_BLUE)", "suspended", false, false, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			job := jobAs(t, c.kind, c.manifest)
			nothing, why := job.NothingToLose()
			if got := job.Describe(now); got != c.describe {
				t.Errorf("%q, want %q", got, c.describe)
			}
			if job.Wanted() != c.wanted || job.IsRunning() != c.runs || job.NeverRan() != c.never || job.IsStopped() != c.stopped {
				t.Errorf("wanted %q, runs %v, never ran %v, stopped %v", job.Wanted(), job.IsRunning(), job.NeverRan(), job.IsStopped())
			}
			if nothing != (c.nothing != "") || why != c.nothing {
				t.Errorf("nothing to lose: %v, %q", nothing, why)
			}
			if job.IsSessionCluster() && job.RunState() != "" {
				t.Errorf("a session cluster is %q", job.RunState())
			}
		})
	}
}

func TestAgo(t *testing.T) {
	for want, d := range map[string]time.Duration{"42s": 42 * time.Second, "5m": 5*time.Minute + time.Second, "3h": 3 * time.Hour, "2d": 50 * time.Hour} {
		t.Run(want, func(t *testing.T) {
			if got := Ago(d); got != want {
				t.Errorf("%q", got)
			}
		})
	}
}

func TestRetainedState(t *testing.T) {
	at := func(mode, status string) string {
		return `{"spec":{"job":{"state":"suspended"}},"status":{"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"state\":\"suspended\",\"upgradeMode\":\"` + mode + `\"}}}"},"jobStatus":{"jobId":"aaa",` + status + `}}}`
	}
	for name, c := range map[string]struct {
		manifest string
		want     RetainedState
		canceled string
	}{
		"a savepoint":             {at("savepoint", `"upgradeSavepointPath":"s3://b/s/1"`), RetainedState{Kind: RetainedSavepoint, Path: "s3://b/s/1"}, ""},
		"by an old operator":      {at("savepoint", `"savepointInfo":{"savepointHistory":[{"timeStamp":1,"location":"s3://b/s/1"}],"lastSavepoint":{"timeStamp":2,"location":"s3://b/s/2"}}`), RetainedState{Kind: RetainedSavepoint, Path: "s3://b/s/2"}, ""},
		"its last checkpoint":     {at("last-state", `"upgradeSavepointPath":"s3://b/c/aaa/chk-4"`), RetainedState{Kind: RetainedCheckpoint}, "s3://b/c/aaa/chk-4"},
		"by high availability":    {at("last-state", `"upgradeSavepointPath":"`+LastState+`"`), RetainedState{Kind: RetainedCheckpoint}, ""},
		"nothing":                 {at("stateless", `"state":"FINISHED"`), RetainedState{Kind: RetainedNone}, ""},
		"the default mode":        {at("", `"state":"FINISHED"`), RetainedState{Kind: RetainedNone}, ""},
		"it isn't suspended":      {`{"spec":{"job":{}},"status":{"jobStatus":{"upgradeSavepointPath":"s3://b/s/1"}}}`, RetainedState{}, ""},
		"it doesn't say where to": {at("savepoint", `"state":"FINISHED"`), RetainedState{}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			job := jobAs(t, Deployment, c.manifest)
			if got := job.RetainedState(); got != c.want || got.IsZero() != (c.want == RetainedState{}) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
			if got := job.CanceledWith(); got != c.canceled {
				t.Errorf("canceled with %q, want %q", got, c.canceled)
			}
		})
	}
	var none *FlinkSnapshot
	if got := none.RetainedState(); got != (RetainedState{Kind: RetainedNone, Proven: true}) {
		t.Errorf("of nothing: %+v", got)
	}
	if got := (&FlinkSnapshot{Path: "s3://b/s/1", Savepoint: true}).RetainedState(); got != (RetainedState{Kind: RetainedSavepoint, Path: "s3://b/s/1", Proven: true}) {
		t.Errorf("of a savepoint: %+v", got)
	}
	if got := (FlinkState{Tasks: 3, Waiting: 2}).WaitingTasks(); got != "RUNNING, but 2 of its 3 tasks don't run yet" {
		t.Error(got)
	}
}

func TestObservedGeneration(t *testing.T) {
	for name, c := range map[string]struct {
		status     string
		want       int64
		reconciled bool
	}{
		"told":      {`"observedGeneration":3`, 3, true},
		"behind":    {`"observedGeneration":2`, 2, false},
		"as before": {`"reconciliationStatus":{"lastReconciledSpec":"{\"resource_metadata\":{\"metadata\":{\"generation\":2}}}"}`, 2, true},
		"no JSON":   {`"reconciliationStatus":{"lastReconciledSpec":"…"}`, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			job := jobAs(t, Deployment, `{"metadata":{"generation":3},"spec":{},"status":{`+c.status+`}}`)
			if got := job.ObservedGeneration(); got != c.want || job.IsReconciled() != c.reconciled {
				t.Errorf("%d, %v", got, job.IsReconciled())
			}
		})
	}
}

func TestFailureChain(t *testing.T) {
	job := jobAs(t, Deployment, `{"status":{"error":"{\"type\":\"a.ReconciliationException\",\"message\":\"outer\",\"throwableList\":[{\"type\":\"b.UpgradeFailureException\",\"message\":\"inner\"}]}"}}`)
	f := job.Failure()
	if f.IsZero() || !f.Mentions("UpgradeFailureException") || !f.Mentions("ReconciliationException") || f.Mentions("Other") || f.Chain() != "a.ReconciliationException: outer\nb.UpgradeFailureException: inner" {
		t.Errorf("%+v: %q", f, f.Chain())
	}
	if f := (Job{Object: objectOf(t, `{}`)}).Failure(); !f.IsZero() || f.Chain() != "" {
		t.Errorf("of no error: %+v", f)
	}
	host := DecodeFailure(`{"type":"x.ReconciliationException","message":"y","throwableList":[{"type":"java.net.UnknownHostException","message":"jars.example"}]}`)
	for kind, want := range map[Kind]bool{SessionJob: true, Deployment: false} {
		if got := FetchFails(kind, "jars.example", host); got != want {
			t.Errorf("%s: %v (%q)", kind.Name, got, host.Root())
		}
	}
	if FetchFails(SessionJob, "other.example", host) || FetchFails(SessionJob, "", host) {
		t.Error("another host")
	}
	if FirstLine("\none\ntwo") != "one" || Because("") != "" || Because("x") != ": x" || OrUnknown("") != "an unknown state" || OrUnknown("x") != "x" {
		t.Error("words")
	}
}

func TestReaderPod(t *testing.T) {
	job := func(volume, more string) string {
		return `{"metadata":{"name":"a","namespace":"ns"},"spec":{"image":"flink:1","serviceAccount":"flink","podTemplate":{"spec":{"nodeSelector":{"disk":"ssd"},"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"v","mountPath":"/data"` + more + `},{"name":"w","mountPath":"/other"}]}],
			"volumes":[{"name":"v",` + volume + `},{"name":"w","emptyDir":{}}]}}}}`
	}
	claim := `"persistentVolumeClaim":{"claimName":"c"}`
	for name, c := range map[string]struct {
		manifest, path, fails string
	}{
		"its volume":        {job(claim, ""), "file:///data/s/1", ""},
		"no volume":         {job(claim, ""), "file:///tmp/s", "is in no volume of the pods of flinkdeployment/a"},
		"one that went":     {job(claim, ""), "file:///other/s", "is in a volume of type emptyDir, which went with the pods"},
		"no image":          {strings.Replace(job(claim, ""), "flink:1", "", 1), "file:///data/s/1", "names no image"},
		"one for every pod": {job(claim, `,"subPathExpr":"$(POD_NAME)"`), "file:///data/s/1", "every pod of flinkdeployment/a has of its own"},
	} {
		t.Run(name, func(t *testing.T) {
			pod, err := ReaderPod(jobAs(t, Deployment, c.manifest), c.path, false)
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			spec := pod.Spec
			if len(spec.Volumes) != 1 || spec.Volumes[0].Name != "v" || len(spec.Containers) != 1 || !spec.Containers[0].VolumeMounts[0].ReadOnly || spec.Containers[0].Image != "flink:1" ||
				spec.ServiceAccountName != "flink" || spec.NodeSelector["disk"] != "ssd" || spec.RestartPolicy != corev1.RestartPolicyNever || *spec.AutomountServiceAccountToken || *spec.ActiveDeadlineSeconds != 900 {
				t.Errorf("%+v", spec)
			}
			if sees, err := SeesPath(spec, c.path); !sees || err != nil {
				t.Errorf("it doesn't see what it is to read: %v", err)
			}
			if sees, err := SeesPath(spec, "file:///elsewhere"); sees || err != nil {
				t.Errorf("it sees what it doesn't mount: %v", err)
			}
		})
	}
}

func TestNearness(t *testing.T) {
	for want, pair := range map[int][2]string{0: {"s3://a/x", "s3://b/x"}, 4: {"s3://b/x/1", "s3://b/x/2"}} {
		if got := Nearness(pair[0], pair[1]); got != want {
			t.Errorf("%v: %d, want %d", pair, got, want)
		}
	}
	if Nearness("file:/data/a", "file:/data/b") == 0 || Nearness("file:/a/x", "file:/b/x") != 0 {
		t.Error("of files in a volume")
	}
	for text, want := range map[string]bool{"/s/1": true, "s3://b": true, "sp-1": false} {
		if IsPath(text) != want {
			t.Error(text)
		}
	}
	if n := jobAs(t, Deployment, `{"spec":{"job":{"parallelism":3}}}`).Parallelism(); n != 3 {
		t.Error(n)
	}
}

func TestNames(t *testing.T) {
	ref := Ref{Kind: BlueGreen, Namespace: "ns", Name: "shop"}
	if ref.String() != "flinkbluegreendeployment/shop" || ref.Printed() != "flinkbluegreendeployment.flink.apache.org/shop" || (Ref{}).String() != "" || !(Ref{}).IsZero() || ref.IsZero() {
		t.Error(ref.String(), ref.Printed())
	}
	if gvr := StateSnap.GVR().String(); gvr != "flink.apache.org/v1beta1, Resource=flinkstatesnapshots" {
		t.Error(gvr)
	}
	child := jobAs(t, Deployment, `{"metadata":{"ownerReferences":[{"kind":"ReplicaSet","name":"x"},{"kind":"FlinkBlueGreenDeployment","name":"shop"}]}}`)
	if child.BlueGreenParent() != "shop" || jobAs(t, Deployment, `{"metadata":{}}`).BlueGreenParent() != "" {
		t.Error(child.BlueGreenParent())
	}
	nonces := jobAs(t, Deployment, `{"spec":{"job":{"savepointTriggerNonce":5}},"status":{"reconciliationStatus":{"lastReconciledSpec":"{\"spec\":{\"job\":{\"savepointTriggerNonce\":4,\"x\":1.5}}}"}}}`)
	if n, ok := nonces.SavepointNonce(); n != 5 || !ok {
		t.Error(n, ok)
	}
	for field, want := range map[string]bool{"savepointTriggerNonce": true, "x": false, "none": false} {
		if _, ok := nonces.ReconciledNonce(field); ok != want {
			t.Error(field)
		}
	}
	drained := jobAs(t, Deployment, `{"spec":{"job":{"state":"suspended"},"flinkConfiguration":{"`+DrainKey+`":"true"}}}`)
	if !drained.Drained() || child.Drained() {
		t.Error("drained")
	}
}
