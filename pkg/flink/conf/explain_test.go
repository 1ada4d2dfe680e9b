package conf

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// layered is a deployment whose spec has moved on since the operator carried
// it out.
func layered(t *testing.T) Layers {
	t.Helper()
	const carried = `{"spec":{"flinkVersion":"v1_20","image":"flink:1.20","job":{"parallelism":2,"jarURI":"local:///a.jar","args":["--db-password","hunter2"]},
		"jobManager":{"replicas":1,"resource":{"memory":"1024m","cpu":0.1}},"taskManager":{"resource":{"memory":"1024m","cpu":0.2}},"podTemplate":{"spec":{}},
		"flinkConfiguration":{"state.backend":"rocksdb","execution.checkpointing.interval":"10s","s3.secret-key":"hunter2","old.option":"x","parallelism.default":"9",
		"jobmanager.heap.size":"1g"}}}`
	raw := `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"basic","namespace":"ns"},
		"spec":{"flinkVersion":"v1_20","image":"flink:1.20","job":{"parallelism":4,"jarURI":"local:///a.jar","args":["--db-password","hunter2"]},
		"jobManager":{"resource":{"memory":"1 gb","cpu":0.1}},"taskManager":{"resource":{"memory":"1024m","cpu":0.2}},"podTemplate":{"spec":{}},
		"flinkConfiguration":{"state.backend":"rocksdb","execution":{"checkpointing.interval":"5s"},"s3.secret-key":"hunter3","new.option":"y","parallelism.default":"9",
		"jobmanager.heap.size":"1g"}},
		"status":{"reconciliationStatus":{"lastReconciledSpec":` + quoted(carried) + `}}}`
	var object map[string]any
	if err := json.Unmarshal([]byte(raw), &object); err != nil {
		t.Fatal(err)
	}
	job := api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: object}}
	l := layersOf(job, job)
	all := api.Config{
		"kubernetes.operator.reconcile.interval": "15 s", "slot.idle.timeout": "20 s", "rest.flamegraph.enabled": "true",
		"kubernetes.operator.default-configuration.namespace.ns.web.history":                "7",
		"kubernetes.operator.default-configuration.namespace.other.web.history":             "8",
		"kubernetes.operator.default-configuration.flink-version.v1_19+.heartbeat.interval": "3 s",
		"kubernetes.operator.default-configuration.flink-version.v1_20+.heartbeat.interval": "4 s",
		"kubernetes.operator.default-configuration.flink-version.v2_0+.heartbeat.interval":  "5 s",
		"kubernetes.operator.default-configuration.flink-version.v1_20.heartbeat.timeout":   "6 s",
	}
	l.DefaultsKnown = true
	l.Defaults, l.DefaultsAt = specific(all, "op/config", "ns", l.Version)
	l.DeployedKnown, l.RunningKnown = true, true
	l.Deployed = api.Config{
		"state.backend": "rocksdb", "execution.checkpointing.interval": "10s", "s3.secret-key": "hunter2", "old.option": "x", "parallelism.default": "2",
		"jobmanager.memory.process.size": "1 gb", "kubernetes.pod-template-file.jobmanager": "/tmp/x.yaml", "web.cancel.enable": "false",
		"slot.idle.timeout": "20 s", "web.history": "7", "heartbeat.interval": "4 s", "heartbeat.timeout": "6 s", "execution.target": "kubernetes-application",
		"taskmanager.memory.process.size": "1 gb", "kubernetes.container.image.ref": "flink:1.20", "jobmanager.heap.size": "1g",
	}
	l.Running = api.Config{"jobmanager.rpc.address": "10.0.0.1", "execution.target": "embedded", "s3.secret-key": "******"}
	for key, value := range l.Deployed {
		if _, ok := l.Running[key]; !ok {
			l.Running[key] = value
		}
	}
	l.Running["old.option"] = "w"
	l.JobRuns = api.Config{"execution.checkpointing.interval": "2 s", "execution.checkpointing.timeout": "10 min", "execution.checkpointing.min-pause": "5 s", "state.backend.type": "rocksdb"}
	return l
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}

func TestEverySettingHasItsSource(t *testing.T) {
	l := layered(t)
	got := map[string]Setting{}
	for _, s := range l.Settings() {
		got[s.Key] = s
	}
	for _, c := range []struct{ key, value, source, from, note string }{
		{"parallelism.default", "2", "spec", "spec.job.parallelism", `spec.job.parallelism says "4" now: not carried out yet`},
		{"parallelism.default", "2", "spec", "spec.job.parallelism", `wins over spec.flinkConfiguration, which says "9"`},
		{"execution.checkpointing.interval", "10s", "spec", "spec.flinkConfiguration", `spec.flinkConfiguration says "5s" now`},
		{"execution.checkpointing.interval", "10s", "spec", "spec.flinkConfiguration", `the job runs with "2 s": set in the job's code`},
		{"state.backend", "rocksdb", "spec", "spec.flinkConfiguration", "deprecated; use state.backend.type"},
		{"jobmanager.heap.size", "1g", "spec", "spec.flinkConfiguration", "deprecated; use jobmanager.memory.process.size"},
		{"s3.secret-key", "******", "spec", "spec.flinkConfiguration", `says "******" now`},
		{"new.option", "", "spec", "spec.flinkConfiguration", `says "y" now: not carried out yet`},
		{"old.option", "w", "spec", "spec.flinkConfiguration", `the pods' configuration file says "x"`},
		{"old.option", "w", "spec", "spec.flinkConfiguration", "doesn't say it any more"},
		{"jobmanager.memory.process.size", "1 gb", "spec", "spec.jobManager.resource.memory", ""},
		{"kubernetes.operator.reconcile.interval", "15 s", "operator", "configmap op/config", ""},
		{"rest.flamegraph.enabled", "true", "operator", "configmap op/config", `default is "true" now: the pods get it with the next upgrade`},
		{"web.history", "7", "operator", "configmap op/config, for namespace ns", ""},
		{"heartbeat.interval", "4 s", "operator", "configmap op/config, for v1_20+", ""},
		{"heartbeat.timeout", "6 s", "operator", "configmap op/config, for v1_20", ""},
		{"web.cancel.enable", "false", "operator", "added by the operator when it deployed", ""},
		{"jobmanager.rpc.address", "10.0.0.1", "flink", "set by Flink when it started", ""},
		{"execution.checkpointing.timeout", "10 min", "flink", "Flink's own value", ""},
		{"execution.checkpointing.min-pause", "5 s", "job", "set in the job's code", ""},
		{"execution.target", "kubernetes-application", "operator", "added by the operator when it deployed", ""},
		{"$internal.application.program-args", "--db-password;******", "spec", "spec.job.args", ""},
	} {
		s, ok := got[c.key]
		if !ok || s.Value != c.value || s.Source != c.source || s.From != c.from {
			t.Errorf("%s: %+v, want %+v", c.key, s, c)
		}
		if all := strings.Join(s.Notes, "\n"); !strings.Contains(all, c.note) || c.note == "" && all != "" {
			t.Errorf("%s: notes %q, want %q", c.key, all, c.note)
		}
	}
	if _, twice := got["state.backend.type"]; twice {
		t.Error("state.backend is told of under its new name, too")
	}
	if !got["kubernetes.pod-template-file.jobmanager"].Internal || got["$internal.application.program-args"].Internal {
		t.Error("what is internal")
	}
	raw, _ := json.Marshal(l.Settings())
	if strings.Contains(string(raw), "hunter") {
		t.Errorf("a secret shows: %s", raw)
	}
}

// Without ConfigMaps and JobManager the objects tell.
func TestSettingsFromTheObjectsAlone(t *testing.T) {
	l := layered(t)
	l.DefaultsKnown, l.DeployedKnown, l.RunningKnown = false, false, false
	l.Defaults, l.Deployed, l.Running, l.JobRuns = nil, nil, nil, nil
	for _, s := range l.Settings() {
		switch s.Key {
		case "parallelism.default":
			if s.Value != "2" || s.Source != FromSpec {
				t.Errorf("%+v", s)
			}
		case "kubernetes.pod-template-file.jobmanager":
			t.Errorf("made up: %+v", s)
		}
	}
}

func TestDeprecatedKeysByVersion(t *testing.T) {
	for _, c := range []struct {
		key, version string
		want         Deprecation
		ok           bool
	}{
		{"state.backend", "v1_17", Deprecation{Successor: "state.backend.type"}, true},
		{"state.checkpoints.dir", "v1_19", Deprecation{Successor: "execution.checkpointing.dir", Since: "1.20"}, false},
		{"state.checkpoints.dir", "v1_20", Deprecation{Successor: "execution.checkpointing.dir", Since: "1.20"}, true},
		{"state.savepoints.dir", "2.3.0", Deprecation{Successor: "execution.checkpointing.savepoint-dir", Since: "1.20"}, true},
		{"high-availability", "v2_0", Deprecation{Successor: "high-availability.type"}, true},
		{"akka.ask.timeout", "v1_17", Deprecation{Successor: "pekko.ask.timeout", Since: "1.18"}, false},
		{"akka.ask.timeout", "v1_20", Deprecation{Successor: "pekko.ask.timeout", Since: "1.18"}, true},
		{"taskmanager.heap.size", "v1_20", Deprecation{Successor: "taskmanager.memory.process.size"}, true},
		{"taskmanager.heap.size", "v2_1", Deprecation{Successor: "taskmanager.memory.process.size", Ignored: true}, true},
		{"state.backend.type", "v1_20", Deprecation{}, false},
	} {
		got, ok := Deprecated(c.key, c.version)
		if diff := cmp.Diff(c.want, got); diff != "" || ok != c.ok {
			t.Errorf("%s in %s: %v %s", c.key, c.version, ok, diff)
		}
	}
	for key, r := range renamed {
		if d, ok := Deprecated(r.now, "v2_3"); ok {
			t.Errorf("%s is to be replaced by %s, which is itself deprecated: %+v", key, r.now, d)
		}
		if _, both := removed[key]; both {
			t.Errorf("%s is both renamed and removed", key)
		}
	}
}

func TestSameValues(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"1024m", "1 gb", true},
		{"1Gi", "1 gb", true},
		{"1073741824b", "1 gb", true},
		{"10s", "10000 ms", true},
		{"10s", "10000", true},
		{"PT10M", "10 min", true},
		{"TRUE", "true", true},
		{"0.10", "0.1", true},
		{"a;b", "['a', 'b']", true},
		{"******", "x", true},
		{"exactly_once", "EXACTLY_ONCE", true},
		{"1024m", "2 gb", false},
		{"10s", "10 min", false},
		{"a;b", "b;a", false},
		{"", "x", false},
		{"1", "2", false},
	} {
		if sameValue(c.a, c.b) != c.want || sameValue(c.b, c.a) != c.want {
			t.Errorf("%q and %q: want %v", c.a, c.b, c.want)
		}
	}
	if got := DurationText(90 * time.Second); got != "90 s" {
		t.Error(got)
	}
}

// Secrets are printed where they are asked for, and nowhere else.
func TestSecretsOfAConfigurationAreShownWhenAskedFor(t *testing.T) {
	for _, show := range []bool{false, true} {
		l := layered(t)
		l.ShowSecrets = show
		told := ""
		for _, s := range l.Settings() {
			told += fmt.Sprintf("%s=%s %q\n", s.Key, s.Value, s.Notes)
			for _, value := range []*string{s.Spec, s.File, s.Running} {
				if value != nil {
					told += *value + "\n"
				}
			}
		}
		for _, value := range []string{"hunter2", "hunter3"} {
			if strings.Contains(told, value) != show {
				t.Errorf("shown %v: %q in\n%s", show, value, told)
			}
		}
	}
}
