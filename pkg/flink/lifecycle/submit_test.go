package lifecycle

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

const newJob = `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkDeployment","metadata":{"name":"orders","namespace":"n"},"spec":{"job":{"initialSavepointPath":"s3://b/sp/manifest"},
	"podTemplate":{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"v","mountPath":"/flink-data"}]}],"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}]}}}}`

func snapshotOf(t *testing.T, name, job, status string) runtime.Object {
	t.Helper()
	reference := `,"jobReference":{"kind":"FlinkDeployment","name":"` + job + `"}`
	if job == "" {
		reference = ""
	}
	return flinktest.JobOf(t, api.StateSnap, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkStateSnapshot","metadata":{"name":"`+name+`","namespace":"n"},"spec":{"savepoint":{"disposeOnDelete":false}`+reference+`},"status":{`+status+`}}`).Object
}

func TestFromMeansTheSameEverywhere(t *testing.T) {
	objects := func() []runtime.Object {
		return []runtime.Object{
			snapshotOf(t, "older", "orders", `"state":"COMPLETED","path":"s3://b/sp/older","resultTimestamp":"2026-01-01T00:00:00Z"`),
			snapshotOf(t, "newer", "orders", `"state":"COMPLETED","path":"s3://b/sp/newer","resultTimestamp":"2026-01-02T00:00:00Z"`),
			snapshotOf(t, "failed", "orders", `"state":"FAILED","error":"no room"`),
			snapshotOf(t, "payments", "payments", `"state":"COMPLETED","path":"s3://b/sp/payments","resultTimestamp":"2026-01-03T00:00:00Z"`),
			snapshotOf(t, "registered", "", `"state":"COMPLETED","path":"s3://b/sp/registered"`),
		}
	}
	for from, want := range map[string]string{
		"":                                 "s3://b/sp/manifest",
		"none":                             "",
		"latest":                           "s3://b/sp/newer",
		"older":                            "s3://b/sp/older",
		"flinksnp/older":                   "s3://b/sp/older",
		"registered":                       "s3://b/sp/registered",
		"payments":                         "s3://b/sp/payments",
		"s3://b/sp/else/_metadata":         "s3://b/sp/else",
		"/flink-data/savepoints/savepoint": "/flink-data/savepoints/savepoint",
	} {
		client := operator.ClientOf(fakeDynamic(objects()...), fake.NewClientset(), api.Deployment, api.SessionJob, api.StateSnap)
		job := flinktest.JobOf(t, api.Deployment, newJob)
		if err := CheckSubmit(t.Context(), client, []api.Job{job}, SubmitRequest{From: from}, operator.Reporter{}); err != nil || job.InitialPath() != want {
			t.Errorf("--from %q: %q, %v; want %q", from, job.InitialPath(), err, want)
		}
	}
	for from, want := range map[string]string{"failed": "FAILED: no room", "/tmp/savepoint": "it is in no volume of the job's pods", "missing": `"missing" not found`} {
		dynamic := fakeDynamic(objects()...)
		client := operator.ClientOf(dynamic, fake.NewClientset(), api.Deployment, api.StateSnap)
		_, err := Submit(t.Context(), client, flinktest.JobOf(t, api.Deployment, newJob), SubmitRequest{From: from, NoWait: true}, operator.Reporter{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "Nothing was created") {
			t.Errorf("--from %s: %v", from, err)
		}
		for _, action := range dynamic.Actions() {
			if action.GetVerb() == "create" {
				t.Errorf("--from %s: it was created", from)
			}
		}
	}
	for _, from := range []string{"", "relative/path", "file:relative", "a b"} {
		if err := CheckFrom(from); exit.Code(err) != exit.Usage {
			t.Errorf("%q: %v", from, err)
		}
	}
	wrong := []string{"/", "///", "/_metadata", "s3://", "s3:///", "file:///", " s3://b/sp", "s3://b/sp ", "s3://b/sp\n", "/data/\tsp", "./sp", "ns/flinkstatesnapshot/sp", "flinkdeployment/sp", "sp/"}
	right := []string{"s3://b", "s3://b/sp/", "/data/sp/_metadata", "hdfs:///sp", "/data/my sp", "sp", "flinkstatesnapshot/sp", "snapshot/sp", "latest"}
	for i, from := range append(wrong, right...) {
		want := exit.OK
		if i < len(wrong) {
			want = exit.Usage
		}
		clone := CloneRequest{From: from, Name: "copy", Namespace: "n"}
		for verb, err := range map[string]error{"submit": CheckFrom(from), "restore": RestoreRequest{From: from}.Validate(), "clone": clone.Validate(api.Ref{Kind: api.Deployment, Namespace: "n", Name: "a"})} {
			if exit.Code(err) != want {
				t.Errorf("%s --from %q: %v", verb, from, err)
			}
		}
	}
	if err := (RestoreRequest{From: "none"}).Validate(); exit.Code(err) != exit.Usage {
		t.Errorf("restore --from none: %v", err)
	}
}

func TestSessionClustersComeBeforeTheirJobs(t *testing.T) {
	job := func(name, cluster string) api.Job {
		return flinktest.JobOf(t, api.SessionJob, `{"metadata":{"name":"`+name+`","namespace":"n"},"spec":{"deploymentName":"`+cluster+`","job":{}}}`)
	}
	cluster := flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"c","namespace":"n"},"spec":{}}`)
	app := flinktest.JobOf(t, api.Deployment, newJob)
	ordered, err := InOrder([]api.Job{job("first", "c"), app, job("else", "there"), cluster, job("second", "c")})
	var names []string
	for _, j := range ordered {
		names = append(names, j.Object.GetName())
	}
	if got := strings.Join(names, " "); err != nil || got != "c first orders else second" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := InOrder([]api.Job{app, app}); exit.Code(err) != exit.Usage {
		t.Errorf("the same twice: %v", err)
	}
	for _, dryRun := range []string{"", "client", "server"} {
		client := operator.ClientOf(fakeDynamic(), fake.NewClientset(), api.Deployment, api.SessionJob)
		if err := CheckSubmit(t.Context(), client, []api.Job{cluster, job("first", "c")}, SubmitRequest{DryRun: dryRun}, operator.Reporter{}); err != nil {
			t.Errorf("dry run %q, the cluster comes along: %v", dryRun, err)
		}
		if err := CheckSubmit(t.Context(), client, []api.Job{app, job("first", "orders")}, SubmitRequest{DryRun: dryRun}, operator.Reporter{}); exit.Code(err) != exit.Usage {
			t.Errorf("dry run %q, it is no session cluster: %v", dryRun, err)
		}
	}
}

// A dry run refuses what the real run would.
func TestADryRunOnTheClientLooksAtTheCluster(t *testing.T) {
	app := flinktest.JobOf(t, api.Deployment, newJob)
	lone := flinktest.JobOf(t, api.SessionJob, `{"apiVersion":"flink.apache.org/v1beta1","kind":"FlinkSessionJob","metadata":{"name":"j","namespace":"n"},"spec":{"deploymentName":"c","job":{}}}`)
	client := operator.ClientOf(fakeDynamic(app.Object.DeepCopy()), fake.NewClientset(), api.Deployment, api.SessionJob)
	dry := SubmitRequest{DryRun: "client"}
	if _, err := Submit(t.Context(), client, app, dry, operator.Reporter{}); !apierrors.IsAlreadyExists(err) || !strings.Contains(err.Error(), "kubectl flink upgrade flinkdeployment/orders -n n") {
		t.Errorf("it exists: %v", err)
	}
	if _, err := Submit(t.Context(), client, lone, dry, operator.Reporter{}); err == nil || !strings.Contains(err.Error(), "the session cluster of flinksessionjob/j") {
		t.Errorf("without its cluster: %v", err)
	}
	away := fakeDynamic()
	away.PrependReactor("*", "*", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, &url.Error{Op: "Get", URL: "https://127.0.0.1:1", Err: errors.New("connection refused")}
	})
	var notes []string
	reporter := operator.Reporter{Note: func(text string) { notes = append(notes, text) }}
	if _, err := Submit(t.Context(), operator.ClientOf(away, fake.NewClientset()), lone, dry, reporter); err != nil || len(notes) != 1 || !strings.Contains(notes[0], "was not checked") {
		t.Errorf("no API server: %v, %q", err, notes)
	}
}
