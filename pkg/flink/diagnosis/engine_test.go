package diagnosis

import (
	"encoding/json"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

var losesState = regexp.MustCompile(`stateless|--lose-state|finalizers":|allow-non-restored|kubectl delete|flink delete|flink restore|"interval":null`)

// check holds a finding against what all have to be.
func check(t *testing.T, f Finding) {
	t.Helper()
	if f.Means == "" || strings.Contains(f.Means, "%!") || strings.Contains(f.Means, "\n") || f.Subject == "" || len(f.Evidence) == 0 {
		t.Errorf("incomplete: %+v", f)
	}
	for _, e := range f.Evidence {
		if e.Source == "" {
			t.Errorf("evidence without a source: %+v", f)
		}
	}
	for _, c := range f.Cures {
		if c.Text == "" || strings.Contains(c.Command, "%!") || c.Safe && c.Command == "" {
			t.Errorf("incomplete cure: %+v", c)
		}
		if c.Safe && losesState.MatchString(c.Command) {
			t.Errorf("called safe and may lose state: %s", c.Command)
		}
	}
}

func TestEveryRuleIsTold(t *testing.T) {
	tried := map[string]bool{}
	for _, tr := range trials() {
		tried[tr.rule] = true
	}
	for _, tr := range installationTrials {
		tried[tr.rule] = true
	}
	for _, tr := range lintTrials() {
		tried[tr.rule] = true
	}
	for _, tr := range serverTrials {
		tried[tr.rule] = true
	}
	form := regexp.MustCompile(`^FLINK-[A-Z0-9]+(-[A-Z0-9]+)*$`)
	seen := map[string]bool{}
	for _, r := range Rules() {
		switch {
		case seen[r.ID]:
			t.Errorf("%s is there twice", r.ID)
		case !form.MatchString(r.ID):
			t.Errorf("%s is no id", r.ID)
		case !tried[r.ID]:
			t.Errorf("%s is in no trial", r.ID)
		case r.Title == "" || len(r.Explain) < 80 || !strings.HasSuffix(r.Explain, ".") && !strings.HasSuffix(r.Explain, ")") || !strings.HasPrefix(r.Link, "https://") || r.Severity.rank() < 0:
			t.Errorf("%s isn't told: %+v", r.ID, r)
		case r.job == nil && r.spec == nil && r.installation == nil && r.server == nil:
			t.Errorf("%s judges nothing", r.ID)
		}
		seen[r.ID] = true
	}
	for _, r := range Rules() {
		for _, e := range r.Explains {
			any := false
			for id := range seen {
				any = any || r.explains(id) && (id == e || strings.HasSuffix(e, "*"))
			}
			if !any {
				t.Errorf("%s explains %s, which isn't there", r.ID, e)
			}
		}
	}
	if len(seen) < 80 {
		t.Errorf("only %d rules", len(seen))
	}
	if _, ok := Explain("flink-pod-init"); !ok {
		t.Error("an id in lower case isn't known")
	}
	t.Logf("%d rules", len(seen))
}

// healthyShapes are jobs with which nothing is wrong.
func healthyShapes() map[string]change {
	return map[string]change{
		"high availability":    nothing,
		"no high availability": all(conf("high-availability.type", nil), conf(haDirKey, nil)),
		"stateless":            mode("stateless"),
		"as small as the demo": all(mode("stateless"), spec("taskManager.resource.memory", "1g"), spec("jobManager.resource.memory", "1g")),
		"session cluster":      sessionCluster,
		"session job":          sessionJob,
		"blue/green":           blueGreen,
		"suspended":            suspended,
		"finished batch":       all(state("FINISHED", h1), conf("execution.runtime-mode", "BATCH")),
		"finished, JobManager taken away": all(state("FINISHED", 30*h1), status("jobManagerDeploymentStatus", "MISSING"), func(f *JobFacts) {
			f.Pods, f.Flink = nil, FlinkFacts{}
		}),
		"just created":      all(noStatus, meta("creationTimestamp", before(10*time.Second).Format(time.RFC3339))),
		"created suspended": all(noStatus, spec("job.state", "suspended")),
		"first start": all(starts(40*time.Second), noTaskManager, pods(jobManager, unready), waiting(jobManager, "ContainerCreating", ""),
			event1("Pod", "orders-6d5f49f8d4-5hvl9", "FailedMount", `MountVolume.SetUp failed for volume "flink-config-volume" : configmap "flink-config-orders" not found`, 10*time.Second), pods(jobManager, func(p *corev1.Pod) { p.CreationTimestamp = stamp(10 * time.Second) })),
		"first tasks": all(created(20*time.Second), noTaskManager, failedCheckpoints(8, "Not all required tasks are currently running."), ckpt(func(c *Checkpoints) { c.Completed, c.History = 0, c.History[:8] })),
		"standalone": all(spec("mode", "standalone"), spec("taskManager.replicas", int64(2)), func(f *JobFacts) {
			f.Pods = append(f.Pods[:1], podOf("orders-taskmanager-78f8875d4-24zls", taskManager), podOf("orders-taskmanager-78f8875d4-c9mgj", taskManager))
		}),
		"standalone, first tasks": all(spec("mode", "standalone"), spec("taskManager.replicas", int64(2)), created(20*time.Second), func(f *JobFacts) {
			f.Pods = append(f.Pods[:1], podOf("orders-taskmanager-78f8875d4-24zls", taskManager))
		}),
		"with an init container and a sidecar": all(pods(taskManager, func(p *corev1.Pod) {
			p.Spec.InitContainers = []corev1.Container{{Name: "fetch", Image: "i:1"}}
			p.Status.InitContainerStatuses = []corev1.ContainerStatus{{Name: "fetch", Ready: true, State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}}}
			p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "shipper", Image: "s:1"})
			p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, corev1.ContainerStatus{Name: "shipper", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: "Completed"}}})
		})),
		"came back from a failure": longAgo("java.lang.OutOfMemoryError: Java heap space"),
		"idle TaskManagers let go": logged(repeat("Stopping worker orders-taskmanager-1-%d.", 9)...),
		"told to end":              logged("Worker orders-taskmanager-1-3 is terminated. Diagnostics: Pod terminated, container termination statuses: [flink-main-container(exitCode=143, reason=Error, message=null)]"),
		"nothing may be read": func(f *JobFacts) {
			f.Pods, f.Flink, f.Operators, f.Nodes = nil, FlinkFacts{}, nil, nil
			for s := range f.Marks {
				f.Marks[s] = NotAllowed
			}
		},
		"Flink 2":                all(spec("flinkVersion", "v2_3"), spec("image", "flink:2.3")),
		"upgrade that has begun": all(lags, status("lifecycleState", "UPGRADING"), meta("creationTimestamp", before(m1).Format(time.RFC3339)), status("reconciliationStatus.reconciliationTimestamp", before(m1).UnixMilli())),
		"keys of others":         all(conf("com.acme.retries", "3"), conf("metrics.reporter.prom.factory.class", "x"), conf("s3.endpoint.region", "eu"), conf("fs.s3a.threads.max", "9"), conf("containerized.master.env.A", "b"), conf("kubernetes.jobmanager.annotations.a/b", "c"), conf("env.java.opts.all", "-Dx=y"), conf("pipeline.global-job-parameters.topic", "t")),
		"nested configuration": func(f *JobFacts) {
			set(f.Object.Object, "spec.flinkConfiguration", map[string]any{"execution": map[string]any{"checkpointing": map[string]any{"interval": "1 min", "dir": "s3://a/b", "savepoint-dir": "s3://a/c"}}})
		},
	}
}

func TestHealthyJobsHaveNoFindings(t *testing.T) {
	for name, c := range healthyShapes() {
		for _, f := range found(Job(with(c))) {
			if f.Severity != Info {
				t.Errorf("%s: %s %s: %s", name, f.Severity, f.Rule, f.Means)
			}
		}
	}
}

// Facts can be recorded and read again.
func TestFactsAreData(t *testing.T) {
	for _, tr := range trials() {
		facts := with(tr.yes)
		data, err := json.Marshal(facts)
		if err != nil {
			t.Fatalf("%s: %v", tr.rule, err)
		}
		var again JobFacts
		if err := json.Unmarshal(data, &again); err != nil {
			t.Fatalf("%s: %v", tr.rule, err)
		}
		if a, b := ids(Job(facts)), ids(Job(&again)); !slices.Equal(a, b) {
			t.Errorf("%s: recorded facts give %v, the facts themselves %v", tr.rule, b, a)
		}
	}
}

// An exception that no rule knows is shown with the line that names the thing,
// and without advice.
func TestUnknownExceptionsAreShownAsTheyAre(t *testing.T) {
	findings := Job(with(task(`com.acme.PriceException: can't price order "7"` + "\nCaused by: com.acme.NoRate: none")))
	if len(findings) == 0 || findings[0].Rule != "FLINK-JOB-EXCEPTION" {
		t.Fatalf("found are %v", ids(findings))
	}
	f := findings[0]
	if !strings.Contains(f.Means, `NoRate: none`) || !strings.Contains(f.Means, `order "7"`) || len(f.Cures) > 0 {
		t.Errorf("told as %+v", f)
	}
	// What a rule only looked at is shown all the same.
	if findings := Job(with(task("java.io.IOException: answered Status Code: 403"))); len(findings) == 0 || findings[0].Rule != "FLINK-JOB-EXCEPTION" {
		t.Errorf("found are %v", ids(findings))
	}
}

// A cause comes first, and what follows from it hangs on it.
func TestCausesExplainWhatFollows(t *testing.T) {
	facts := with(all(created(10*m1), failedCheckpoints(5, "Not all required tasks are currently running."), waiting(taskManager, "CreateContainerConfigError", `secret "s3-keys" not found`)))
	findings := Job(facts)
	if len(findings) == 0 || findings[0].Rule != "FLINK-POD-SECRET" {
		t.Fatalf("found are %v", ids(findings))
	}
	if _, ok := found(findings[0].Consequences)["FLINK-JOB-STARTS-SLOWLY"]; !ok {
		t.Errorf("hangs on it: %v", ids(findings[0].Consequences))
	}
	for _, f := range findings[1:] {
		if f.Severity == Error {
			t.Errorf("%s stands beside it", f.Rule)
		}
	}
}

// memoryCase is a configuration and what Flink 1.20.5's own calculator made of
// it; an error where it refused.
type memoryCase struct {
	Config                                                                        map[string]string
	Error                                                                         string
	Process, Flink, Heap, TaskHeap, Managed, Network, Direct, Metaspace, Overhead int64
}

func TestMemoryIsDividedAsFlinkDoes(t *testing.T) {
	data, err := os.ReadFile("testdata/memory.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []memoryCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 200 {
		t.Fatalf("only %d configurations", len(cases))
	}
	for i, c := range cases {
		role := taskManager
		for key := range c.Config {
			if strings.HasPrefix(key, "jobmanager.") {
				role = jobManager
			}
		}
		plan, ok, err := planMemory(c.Config, role)
		want := memoryPlan{c.Process, c.Flink, c.Heap, c.TaskHeap, c.Managed, c.Network, c.Direct, c.Metaspace, c.Overhead}
		switch {
		case !ok:
			t.Errorf("%d: %v isn't understood", i, c.Config)
		case (err != nil) != (c.Error != ""):
			t.Errorf("%d: %v: %v; Flink says %q", i, c.Config, err, c.Error)
		case err == nil && plan != want:
			t.Errorf("%d: %v:\n%+v, Flink's\n%+v", i, c.Config, plan, want)
		}
	}
}

func TestLint(t *testing.T) {
	good, bad := healthy().Object, healthy().Object
	for _, o := range []*unstructured.Unstructured{good, bad} {
		delete(o.Object, "status")
		o.SetUID("")
	}
	conf("taskmanager.numberOfTaskSlot", "2")(&JobFacts{Object: bad})
	service := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "Service"}}
	if findings := Lint([]*unstructured.Unstructured{good, service}); len(findings) > 0 {
		t.Errorf("a good manifest has findings: %+v", findings)
	}
	if got := ids(Lint([]*unstructured.Unstructured{bad})); !slices.Contains(got, "FLINK-CONF-UNKNOWN") {
		t.Errorf("found are %v", got)
	}
	for _, tr := range lintTrials() {
		findings := Lint([]*unstructured.Unstructured{tr.yes})
		f, ok := found(findings)[tr.rule]
		if !ok {
			t.Errorf("%s: found are %v", tr.rule, ids(findings))
		} else {
			check(t, f)
		}
		if got := ids(Lint([]*unstructured.Unstructured{tr.miss})); slices.Contains(got, tr.rule) {
			t.Errorf("%s is found where it isn't", tr.rule)
		}
	}
}

type lintTrial struct {
	rule      string
	yes, miss *unstructured.Unstructured
}

// lintTrials are rules that only manifests show.
func lintTrials() []lintTrial {
	snapshot := func(spec map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"apiVersion": "flink.apache.org/v1beta1", "kind": kindSnapshot, "metadata": map[string]any{"name": "s", "namespace": "prod"}, "spec": spec}}
	}
	right := map[string]any{"backoffLimit": int64(0), "jobReference": map[string]any{"kind": kindDeployment, "name": "orders"}, "savepoint": map[string]any{"disposeOnDelete": false}}
	changed := func(key string, value any) map[string]any {
		out := map[string]any{}
		maps.Copy(out, right)
		out[key] = value
		return out
	}
	copied := healthy().Object
	delete(copied.Object, "status")
	copied.SetUID("")
	clean := copied.DeepCopy()
	copied.SetFinalizers([]string{"flinkdeployments.flink.apache.org/finalizer"})
	misspelt, capital := clean.DeepCopy(), clean.DeepCopy()
	spec("job.jarUri", "x")(&JobFacts{Object: misspelt})
	spec("job.state", "Running")(&JobFacts{Object: capital})
	noMemory, memory, noDir, dir := clean.DeepCopy(), clean.DeepCopy(), clean.DeepCopy(), clean.DeepCopy()
	const age = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"
	spec("jobManager.resource.memory", nil)(&JobFacts{Object: noMemory})
	all(spec("jobManager.resource.memory", nil), conf("jobmanager.memory.process.size", "2g"))(&JobFacts{Object: memory})
	all(conf(age, "1h"), conf("execution.checkpointing.savepoint-dir", ""))(&JobFacts{Object: noDir})
	conf(age, "1h")(&JobFacts{Object: dir})
	return []lintTrial{
		{"FLINK-SPEC-REFUSED", noMemory, memory},
		{"FLINK-SPEC-REFUSED", noDir, dir},
		{"FLINK-SPEC-FIELD", misspelt, clean},
		{"FLINK-SPEC-TYPE", capital, clean},
		{"FLINK-SPEC-SNAPSHOT", snapshot(changed("checkpoint", map[string]any{})), snapshot(right)},
		{"FLINK-SPEC-SNAPSHOT-DISPOSE", snapshot(changed("savepoint", map[string]any{})), snapshot(right)},
		{"FLINK-SPEC-SNAPSHOT-BACKOFF", snapshot(changed("backoffLimit", int64(-1))), snapshot(changed("backoffLimit", int64(3)))},
		{"FLINK-SPEC-FINALIZER", copied, clean},
	}
}

func TestNearestKey(t *testing.T) {
	for key, want := range map[string]string{
		"taskmanager.numberOfTaskSlot": "taskmanager.numberOfTaskSlots", "state.backend.typ": "state.backend.type", "parallelism.defualt": "parallelism.default",
		"execution.checkpoint.interval": "execution.checkpointing.interval", "taskmanager.number-of-task-slots": "taskmanager.numberOfTaskSlots",
		"com.acme.topic": "", "my.own.key": "", "kafka.bootstrap.servers": "",
	} {
		if got := nearestKey(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if isKnown("taskmanager.numberOfTaskSlot") || !isKnown("kubernetes.jobmanager.annotations.x") {
		t.Error("keys below maps are known, others not")
	}
}

func TestWhereAnExceptionWasThrown(t *testing.T) {
	for trace, want := range map[string]Where{
		"org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: x":                                             InMain,
		"java.lang.Exception: Could not perform checkpoint 3 for operator x":                                                                         InCheckpoint,
		"java.lang.Exception: Exception while creating StreamOperatorStateContext.":                                                                  InRestore,
		"java.io.IOException: x\n\tat org.apache.flink.runtime.taskmanager.Task.run(Task.java:1)":                                                    InTask,
		"org.apache.flink.runtime.entrypoint.ClusterEntrypointException: Failed to initialize the cluster entrypoint x.":                             InJobManager,
		"org.apache.flink.kubernetes.operator.exception.ValidationException: no":                                                                     InValidator,
		"org.apache.flink.table.api.ValidationException: no":                                                                                         Somewhere,
		"org.apache.flink.runtime.jobmanager.scheduler.NoResourceAvailableException: Slot request bulk is not fulfillable":                           InScheduler,
		"java.net.UnknownHostException: h\n\tat org.apache.flink.kubernetes.operator.artifact.HttpArtifactFetcher.fetch(HttpArtifactFetcher.java:1)": InFetch,
	} {
		if got := ReadException(trace, now, Somewhere).Where; got != want {
			t.Errorf("%q: %q, want %q", trace, got, want)
		}
	}
}

func TestPatternsCompile(t *testing.T) {
	for _, p := range patterns {
		p.get()
	}
	if len(patterns) < 50 {
		t.Errorf("only %d patterns", len(patterns))
	}
}

func TestFindingsShowNoSecrets(t *testing.T) {
	facts := with(all(sessionJob, status("lifecycleState", "UPGRADING"), spec("job.jarURI", "https://nowhere.invalid/job.jar?X-Amz-Signature=deadbeefsignature"),
		spec("flinkConfiguration", map[string]any{"s3.secret-key": "hunter2", "env.java.opts.al": "-Dstorage=AccountName=a;AccountKey=c2VjcmV0a2V5=="}),
		failed(reconciliation, "java.net.UnknownHostException: nowhere.invalid"), task("java.lang.Exception: login failed, password=hunter2")))
	findings := Job(facts)
	if len(findings) < 2 {
		t.Fatalf("found are %v", ids(findings))
	}
	for _, word := range []string{"hunter2", "deadbeefsignature", "c2VjcmV0a2V5"} {
		if text := asJSON(findings); strings.Contains(text, word) {
			t.Errorf("%s is shown: %s", word, text)
		}
	}
}

func TestCommandsAreQuoted(t *testing.T) {
	m := newManifest(healthy().Object, nil)
	if got, want := m.kubectl("get pod %s", "a; rm -r '/'"), `kubectl get pod 'a; rm -r '\''/'\''' -n prod`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if got, want := m.kubectl("run look --image %s --command -- ls %s", "flink:1", "/opt"), "kubectl run look --image flink:1 --command -n prod -- ls /opt"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for uri, want := range map[string]string{"local:///opt/flink/examples/batch/a.jar": "/opt/flink/examples/batch", "https://x/a.jar": "/opt/flink/usrlib", "local:///../a.jar": "/", "": "/opt/flink/usrlib"} {
		if got := jarDirectory(uri); got != want {
			t.Errorf("the jar %q is looked for in %s, want %s", uri, got, want)
		}
	}
	nested := healthy().Object
	set(nested.Object, "spec.flinkConfiguration", map[string]any{"execution": map[string]any{"checkpointing": map[string]any{"dir": "s3://a"}}})
	if got := newManifest(nested, nil).patchConf(map[string]any{"execution.checkpointing.interval": "1 min"}); !strings.Contains(got, `{"execution":{"checkpointing":{"interval":"1 min"}}}`) {
		t.Errorf("a nested configuration is patched in its form: %s", got)
	}
}

// What was tried on a cluster is a rule that there is, and wasn't written from
// a source because it couldn't be made.
func TestSeenRulesExist(t *testing.T) {
	for _, id := range seen {
		if r, ok := Explain(id); !ok || !r.Seen || r.Source != "" {
			t.Errorf("%s: known %t, seen %t, source %q", id, ok, r.Seen, r.Source)
		}
	}
}

// A stopped operator is the error of what waits for it, and only worth a warning of
// what failed by itself or is Flink's to start.
func TestWhoseFaultAStoppedOperatorIs(t *testing.T) {
	t.Parallel()
	gone := operators(func(o *OperatorFacts) { o.Wanted, o.Ready, o.Pods = 0, 0, nil })
	for name, c := range map[string]struct {
		facts change
		want  Severity
		first string
	}{
		"a job that runs":               {all(), Warning, "FLINK-OP-STOPPED"},
		"a spec that isn't taken up":    {lags, Error, "FLINK-OP-STOPPED"},
		"no status yet":                 {noStatus, Error, "FLINK-OP-STOPPED"},
		"no JobManager":                 {all(created(time.Minute), status("jobManagerDeploymentStatus", "MISSING"), status("lifecycleState", "UPGRADING")), Error, "FLINK-OP-STOPPED"},
		"a job that its JobManager has": {all(created(time.Minute)), Warning, "FLINK-OP-STOPPED"},
		"a job that failed":             {mainFails("org.apache.flink.table.api.ValidationException: SQL validation failed. From line 3, column 8: Column 'user_idd' not found in any table"), Warning, "FLINK-JOB-SQL"},
	} {
		f := healthy()
		all(c.facts, gone)(f)
		found := Job(f)
		at := slices.IndexFunc(found, func(f Finding) bool { return f.Rule == "FLINK-OP-STOPPED" })
		if at < 0 || found[at].Severity != c.want || found[0].Rule != c.first {
			t.Errorf("%s: %+v", name, found)
		}
	}
}
