package cmd

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// A JobManager that doesn't know the job answers with a Java exception.
func TestAnUnknownJobIsExplained(t *testing.T) {
	object := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "basic-example", "namespace": "default"}}}
	job := api.Job{Kind: api.Deployment, Object: object}
	place := reach.Place{Job: job, Cluster: job, JobID: "1a"}
	notFound := func(message string) error {
		return &rest.Error{Method: "GET", Path: "/jobs/1a", Code: 404, Messages: []string{message}}
	}
	const said = "org.apache.flink.runtime.rest.NotFoundException: Job 1a not found\n\tat somewhere"
	for _, tc := range []struct {
		jobID string
		err   error
		want  string
	}{
		{"", notFound(said), "the JobManager of flinkdeployment/basic-example doesn't know the job 1a: it ended, or the JobManager is starting again; see: kubectl flink status flinkdeployment/basic-example -n default"},
		{"1a", notFound(said), "the JobManager of flinkdeployment/basic-example doesn't know the job 1a: list its jobs with: kubectl flink jobs basic-example -n default"},
		{"", notFound("Not found: /nope"), "the JobManager answered 404 to GET /jobs/1a: Not found: /nope"},
		{"", errors.New("other"), "other"},
	} {
		o := &askOptions{jobID: tc.jobID}
		if got := o.unknownJob(place, tc.err); got == nil || got.Error() != tc.want {
			t.Errorf("got %v\nwant %s", got, tc.want)
		}
	}
	if err := (&askOptions{}).unknownJob(place, nil); err != nil {
		t.Error(err)
	}
}

// A job that Flink's overview leaves out is listed, and counts where the only
// job of a session cluster is chosen.
func TestJobsThatTheOverviewLeavesOutCount(t *testing.T) {
	p := recordedAs(t, "running")
	p.answerJobManager(map[string]string{"/jobs": `{"jobs":[{"id":"0123456789abcdef0123456789abcdef","status":"RUNNING"}]}`})
	got, code := play(t, p, "jobs", "basic-example", "--via", "apiserver")
	for _, want := range []string{"0123456789abcdef0123456789abcdef   RUNNING", "ebd8fd3ef03d2081e54b6c6153110bcd", "Flink's overview leaves 1 job out, because the JobMaster doesn't answer in time (FLINK-40602): only the state is known\n"} {
		if code != 0 || !strings.Contains(got, want) {
			t.Errorf("exit %d, lacks %q:\n%s", code, want, got)
		}
	}
	if got, _ := play(t, p, "jobs", "basic-example", "--via", "apiserver", "-o", "jsonpath={.items[?(@.stateOnly==true)].id}"); !strings.HasPrefix(got, "0123456789abcdef0123456789abcdef") {
		t.Error(got)
	}
}
