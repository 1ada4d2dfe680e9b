package lifecycle

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// ownSQL is a session job's status.error after its main method threw Flink's
// exception of the same simple name as the operator's.
const ownSQL = `{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"java.util.concurrent.ExecutionException: org.apache.flink.runtime.rest.util.RestClientException: [Internal server error., <Exception on server side:\norg.apache.flink.client.program.ProgramInvocationException: The main method caused an error: SQL validation failed. Column 'user_idd' not found in any table\n\tat org.apache.flink.client.program.PackagedProgram.callMainMethod(PackagedProgram.java:373)\nCaused by: org.apache.flink.table.api.ValidationException: SQL validation failed. Column 'user_idd' not found in any table\n\tat org.apache.flink.table.planner.calcite.FlinkPlannerImpl.validate(FlinkPlannerImpl.scala:200)\n]","additionalMetadata":{},"throwableList":[]}`

// What Flink says of a savepoint that isn't there, and of a path that nothing in
// its image can read.
const (
	noState      = "FileNotFoundException: Cannot find checkpoint or savepoint file/directory 's3a://b/nope' on file system 's3a'."
	noFileSystem = "UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3a'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop."
)

func TestObstacles(t *testing.T) {
	since := time.Unix(1000, 0)
	job := func(kind api.Kind, status map[string]any) api.Job {
		return api.Job{Kind: kind, Object: &unstructured.Unstructured{Object: map[string]any{
			"metadata": map[string]any{"name": "j"}, "spec": map[string]any{"job": map[string]any{}}, "status": status,
		}}}
	}
	state := func(s string) map[string]any {
		return map[string]any{"jobStatus": map[string]any{"state": s}, "lifecycleState": "DEPLOYED"}
	}
	failed := func(kind, message string) map[string]any {
		return map[string]any{"error": `{"type":"org.apache.flink.kubernetes.operator.exception.` + kind + `","message":"` + message + `"}`, "lifecycleState": "UPGRADING"}
	}
	for name, c := range map[string]struct {
		situation situation
		weight    operator.Weight
		want      string
	}{
		"rejected":    {situation{job: job(api.Deployment, failed("ValidationException", "no dir"))}, operator.Final, "the operator: rejects the spec: no dir"},
		"its own SQL": {situation{job: job(api.SessionJob, map[string]any{"error": ownSQL, "lifecycleState": "UPGRADING"})}, operator.Stubborn, "the job's main method: ValidationException: SQL validation failed. Column 'user_idd' not found in any table"},
		"no jar": {
			situation{job: api.Job{Kind: api.SessionJob, Object: &unstructured.Unstructured{Object: map[string]any{
				"metadata": map[string]any{"name": "j"}, "spec": map[string]any{"job": map[string]any{"jarURI": "https://repo.example.invalid/job.jar?token=x"}},
				"status": map[string]any{"error": `{"type":"x.ReconciliationException","message":"java.net.UnknownHostException: repo.example.invalid","throwableList":[{"type":"java.net.UnknownHostException","message":"repo.example.invalid"}]}`},
			}}}},
			operator.Stubborn,
			"the operator: can't fetch spec.job.jarURI: UnknownHostException: repo.example.invalid",
		},
		"tried again":   {situation{job: job(api.SessionJob, failed("ReconciliationException", "no jar"))}, operator.Stubborn, "the operator: no jar"},
		"mounts soon":   {situation{job: job(api.Deployment, failed("DeploymentFailedException", "MountVolume.SetUp failed for volume"))}, operator.Soft, "the operator: MountVolume.SetUp failed for volume"},
		"image, again":  {situation{job: job(api.Deployment, state("RECONCILING")), pods: []operator.Pod{{Name: "p", Status: "ErrImagePull", Message: "not found\nmore"}}}, operator.Stubborn, "pod/p: ErrImagePull: not found"},
		"image, final":  {situation{job: job(api.Deployment, state("RECONCILING")), pods: []operator.Pod{{Name: "p", Status: "ImagePullBackOff"}}}, operator.Final, "pod/p: ImagePullBackOff"},
		"no node":       {situation{job: job(api.Deployment, state("CREATED")), pods: []operator.Pod{{Name: "p", Status: "Pending", Message: "0/1 nodes"}}}, operator.Soft, "pod/p: finds no node: 0/1 nodes"},
		"crashes once":  {situation{job: job(api.Deployment, state("")), pods: []operator.Pod{{Name: "p", Status: "CrashLoopBackOff", LastEnd: "Error", LastExit: 1, Restarts: 1}}, crash: map[string]string{"p": "E: x"}}, operator.Stubborn, "pod/p: CrashLoopBackOff: ended with Error (exit code 1): E: x"},
		"crashes twice": {situation{job: job(api.Deployment, state("")), pods: []operator.Pod{{Name: "p", Status: "CrashLoopBackOff", LastEnd: "Error", LastExit: 1, Restarts: 2}}}, operator.Final, "pod/p: CrashLoopBackOff: ended with Error (exit code 1)"},
		"killed":        {situation{job: job(api.Deployment, state("")), pods: []operator.Pod{{Name: "p", Status: "CrashLoopBackOff", LastEnd: "OOMKilled"}}}, operator.Final, "pod/p: OOMKilled (out of memory)"},
		"no pods":       {situation{job: job(api.Deployment, state("")), since: since, events: []operator.Event{{Object: "replicaset/j-1", Reason: "FailedCreate", Message: "no service account", Time: since}}}, operator.Stubborn, "replicaset/j-1: no service account"},
		"fails once":    {situation{job: job(api.Deployment, state("RESTARTING")), failures: []string{"E: a"}}, operator.Soft, "the job: E: a"},
		"fails on":      {situation{job: job(api.Deployment, state("RESTARTING")), failures: []string{"E: a", "E: a", "E: a"}}, operator.Final, "the job: failed 3 times: E: a"},
		"lost": {
			situation{lost: true, job: job(api.Deployment, state("RECONCILING")), pods: []operator.Pod{{Name: "p", Role: "jobmanager", Ready: true, Restarts: 1, LastEnd: "Error"}}, crash: map[string]string{"p": "FileNotFoundException: no chk-1"}},
			operator.Stubborn,
			"the job: ended while it started, and its JobManager doesn't know it any more: FileNotFoundException: no chk-1",
		},
		"state that isn't there, while it starts once more": {
			situation{job: job(api.Deployment, state("RECONCILING")), pods: []operator.Pod{{Name: "p", Role: "jobmanager", Status: "Running", Restarts: 1, LastEnd: "Error", LastExit: 2}}, crash: map[string]string{"p": noState}},
			operator.Final, "pod/p: ended with Error (exit code 2): " + noState,
		},
		"state that isn't there, with high availability": {
			situation{lost: true, job: job(api.Deployment, state("RECONCILING")), pods: []operator.Pod{{Name: "p", Role: "jobmanager", Ready: true, Restarts: 1, LastEnd: "Error"}}, crash: map[string]string{"p": noState}},
			operator.Final, "the job: ended while it started, and its JobManager doesn't know it any more: " + noState,
		},
		"state that isn't there, by the JobManager": {situation{job: job(api.SessionJob, state("RECONCILING")), failures: []string{noState}}, operator.Final, "the job: " + noState},
		"no file system": {situation{job: job(api.Deployment, state("RECONCILING")), failures: []string{noFileSystem}}, operator.Final, "the job: " + noFileSystem},
		"its log wasn't read yet": {
			situation{job: job(api.Deployment, state("")), pods: []operator.Pod{{Name: "p", Status: "CrashLoopBackOff", LastEnd: "Error", LastExit: 1, Restarts: 2}}, crash: map[string]string{}},
			operator.Stubborn, "pod/p: CrashLoopBackOff: ended with Error (exit code 1)",
		},
		"has failed": {situation{job: job(api.Deployment, state("FAILED")), failures: []string{"E: a"}}, operator.Final, "the job: has FAILED: E: a"},
		"waits for its cluster": {
			situation{job: job(api.SessionJob, nil), cluster: job(api.Deployment, map[string]any{"jobManagerDeploymentStatus": "DEPLOYING"})},
			operator.Soft,
			"session cluster j: its JobManager is DEPLOYING",
		},
	} {
		got := c.situation.obstacles()
		if len(got) == 0 || got[0].String() != c.want || got[0].Weight != c.weight {
			t.Errorf("%s: %+v, want %s (%d)", name, got, c.want, c.weight)
		}
	}
	fine := []situation{
		{job: job(api.Deployment, state("CREATED")), pods: []operator.Pod{{Name: "p", Status: "Running"}, {Name: "q", Status: "Pending"}}},
		{job: job(api.Deployment, state("")), since: since, events: []operator.Event{{Reason: "FailedCreate", Time: since.Add(-time.Hour)}}},
		{job: job(api.Deployment, state("RUNNING"))},
	}
	for i, s := range fine {
		if got := s.obstacles(); len(got) > 0 {
			t.Errorf("%d: %v", i, got)
		}
	}
	// What the operator passes on of the job's own failure is reported once.
	twice := situation{job: job(api.Deployment, map[string]any{"error": "E: a", "jobStatus": map[string]any{"state": "FAILED"}}), failures: []string{"E: a"}}
	if got := twice.obstacles(); len(got) != 1 {
		t.Errorf("%v", got)
	}
}
