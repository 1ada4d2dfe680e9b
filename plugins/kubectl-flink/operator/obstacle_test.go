package operator

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// ownSQL is a session job's status.error after its main method threw Flink's
// exception of the same simple name as the operator's.
const ownSQL = `{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"java.util.concurrent.ExecutionException: org.apache.flink.runtime.rest.util.RestClientException: [Internal server error., <Exception on server side:\norg.apache.flink.client.program.ProgramInvocationException: The main method caused an error: SQL validation failed. Column 'user_idd' not found in any table\n\tat org.apache.flink.client.program.PackagedProgram.callMainMethod(PackagedProgram.java:373)\nCaused by: org.apache.flink.table.api.ValidationException: SQL validation failed. Column 'user_idd' not found in any table\n\tat org.apache.flink.table.planner.calcite.FlinkPlannerImpl.validate(FlinkPlannerImpl.scala:200)\n]","additionalMetadata":{},"throwableList":[]}`

func TestOnlyTheOperatorsOwnValidatorRejects(t *testing.T) {
	for raw, want := range map[string]bool{
		`{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"no dir"}`:                                                                                                     true,
		`{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","throwableList":[{"type":"org.apache.flink.kubernetes.operator.exception.ValidationException","message":"no dir"}]}`: true,
		`{"type":"org.apache.flink.kubernetes.operator.exception.ReconciliationException","message":"the ValidationException of my job"}`:                                                                      false,
		ownSQL: false,
		`{"type":"com.example.orders.ValidationException","message":"bad order"}`: false,
		"ValidationException: plain text of a job":                                false,
	} {
		if got := DecodeFailure(raw).Rejects(); got != want {
			t.Errorf("%s: %v", raw, got)
		}
	}
}

// What Flink says of a savepoint that isn't there, and of a path that nothing in
// its image can read.
const (
	noState      = "FileNotFoundException: Cannot find checkpoint or savepoint file/directory 's3a://b/nope' on file system 's3a'."
	noFileSystem = "UnsupportedFileSystemSchemeException: Could not find a file system implementation for scheme 's3a'. The scheme is directly supported by Flink through the following plugin(s): flink-s3-fs-hadoop."
)

func TestObstacles(t *testing.T) {
	since := time.Unix(1000, 0)
	job := func(kind Kind, status map[string]any) Job {
		return Job{kind, &unstructured.Unstructured{Object: map[string]any{
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
		weight    Weight
		want      string
	}{
		"rejected":    {situation{job: job(Deployment, failed("ValidationException", "no dir"))}, Final, "the operator: rejects the spec: no dir"},
		"its own SQL": {situation{job: job(SessionJob, map[string]any{"error": ownSQL, "lifecycleState": "UPGRADING"})}, Stubborn, "the job's main method: ValidationException: SQL validation failed. Column 'user_idd' not found in any table"},
		"no jar": {
			situation{job: Job{SessionJob, &unstructured.Unstructured{Object: map[string]any{
				"metadata": map[string]any{"name": "j"}, "spec": map[string]any{"job": map[string]any{"jarURI": "https://repo.example.invalid/job.jar?token=x"}},
				"status": map[string]any{"error": `{"type":"x.ReconciliationException","message":"java.net.UnknownHostException: repo.example.invalid","throwableList":[{"type":"java.net.UnknownHostException","message":"repo.example.invalid"}]}`},
			}}}},
			Stubborn,
			"the operator: can't fetch spec.job.jarURI: UnknownHostException: repo.example.invalid",
		},
		"tried again":   {situation{job: job(SessionJob, failed("ReconciliationException", "no jar"))}, Stubborn, "the operator: no jar"},
		"mounts soon":   {situation{job: job(Deployment, failed("DeploymentFailedException", "MountVolume.SetUp failed for volume"))}, Soft, "the operator: MountVolume.SetUp failed for volume"},
		"image, again":  {situation{job: job(Deployment, state("RECONCILING")), pods: []Pod{{Name: "p", Status: "ErrImagePull", Message: "not found\nmore"}}}, Stubborn, "pod/p: ErrImagePull: not found"},
		"image, final":  {situation{job: job(Deployment, state("RECONCILING")), pods: []Pod{{Name: "p", Status: "ImagePullBackOff"}}}, Final, "pod/p: ImagePullBackOff"},
		"no node":       {situation{job: job(Deployment, state("CREATED")), pods: []Pod{{Name: "p", Status: "Pending", Message: "0/1 nodes"}}}, Soft, "pod/p: finds no node: 0/1 nodes"},
		"crashes once":  {situation{job: job(Deployment, state("")), pods: []Pod{{Name: "p", Status: "CrashLoopBackOff", LastEnd: "Error", LastExit: 1, Restarts: 1}}, crash: map[string]string{"p": "E: x"}}, Stubborn, "pod/p: CrashLoopBackOff: ended with Error (exit code 1): E: x"},
		"crashes twice": {situation{job: job(Deployment, state("")), pods: []Pod{{Name: "p", Status: "CrashLoopBackOff", LastEnd: "Error", LastExit: 1, Restarts: 2}}}, Final, "pod/p: CrashLoopBackOff: ended with Error (exit code 1)"},
		"killed":        {situation{job: job(Deployment, state("")), pods: []Pod{{Name: "p", Status: "CrashLoopBackOff", LastEnd: "OOMKilled"}}}, Final, "pod/p: killed for want of memory (OOMKilled)"},
		"no pods":       {situation{job: job(Deployment, state("")), since: since, events: []Event{{Object: "replicaset/j-1", Reason: "FailedCreate", Message: "no service account", Time: since}}}, Stubborn, "replicaset/j-1: no service account"},
		"fails once":    {situation{job: job(Deployment, state("RESTARTING")), failures: []string{"E: a"}}, Soft, "the job: E: a"},
		"fails on":      {situation{job: job(Deployment, state("RESTARTING")), failures: []string{"E: a", "E: a", "E: a"}}, Final, "the job: failed 3 times: E: a"},
		"lost": {
			situation{lost: true, job: job(Deployment, state("RECONCILING")), pods: []Pod{{Name: "p", Role: "jobmanager", Ready: true, Restarts: 1, LastEnd: "Error"}}, crash: map[string]string{"p": "FileNotFoundException: no chk-1"}},
			Stubborn,
			"the job: ended while it started, and its JobManager doesn't know it any more: FileNotFoundException: no chk-1",
		},
		"state that isn't there, while it starts once more": {
			situation{job: job(Deployment, state("RECONCILING")), pods: []Pod{{Name: "p", Role: "jobmanager", Status: "Running", Restarts: 1, LastEnd: "Error", LastExit: 2}}, crash: map[string]string{"p": noState}},
			Final, "pod/p: ended with Error (exit code 2): " + noState,
		},
		"state that isn't there, with high availability": {
			situation{lost: true, job: job(Deployment, state("RECONCILING")), pods: []Pod{{Name: "p", Role: "jobmanager", Ready: true, Restarts: 1, LastEnd: "Error"}}, crash: map[string]string{"p": noState}},
			Final, "the job: ended while it started, and its JobManager doesn't know it any more: " + noState,
		},
		"state that isn't there, by the JobManager": {situation{job: job(SessionJob, state("RECONCILING")), failures: []string{noState}}, Final, "the job: " + noState},
		"no file system": {situation{job: job(Deployment, state("RECONCILING")), failures: []string{noFileSystem}}, Final, "the job: " + noFileSystem},
		"its log wasn't read yet": {
			situation{job: job(Deployment, state("")), pods: []Pod{{Name: "p", Status: "CrashLoopBackOff", LastEnd: "Error", LastExit: 1, Restarts: 2}}, crash: map[string]string{}},
			Stubborn, "pod/p: CrashLoopBackOff: ended with Error (exit code 1)",
		},
		"has failed": {situation{job: job(Deployment, state("FAILED")), failures: []string{"E: a"}}, Final, "the job: has FAILED: E: a"},
		"waits for its cluster": {
			situation{job: job(SessionJob, nil), cluster: job(Deployment, map[string]any{"jobManagerDeploymentStatus": "DEPLOYING"})},
			Soft,
			"session cluster j: its JobManager is DEPLOYING",
		},
	} {
		got := c.situation.obstacles()
		if len(got) == 0 || got[0].String() != c.want || got[0].Weight != c.weight {
			t.Errorf("%s: %+v, want %s (%d)", name, got, c.want, c.weight)
		}
	}
	fine := []situation{
		{job: job(Deployment, state("CREATED")), pods: []Pod{{Name: "p", Status: "Running"}, {Name: "q", Status: "Pending"}}},
		{job: job(Deployment, state("")), since: since, events: []Event{{Reason: "FailedCreate", Time: since.Add(-time.Hour)}}},
		{job: job(Deployment, state("RUNNING"))},
	}
	for i, s := range fine {
		if got := s.obstacles(); len(got) > 0 {
			t.Errorf("%d: %v", i, got)
		}
	}
	// What the operator passes on of the job's own failure is told once.
	twice := situation{job: job(Deployment, map[string]any{"error": "E: a", "jobStatus": map[string]any{"state": "FAILED"}}), failures: []string{"E: a"}}
	if got := twice.obstacles(); len(got) != 1 {
		t.Errorf("%v", got)
	}
}

func TestLastException(t *testing.T) {
	for name, c := range map[string]struct{ log, want string }{
		"a stack trace": {
			"2026-01-01 ERROR x - Could not start\njava.lang.RuntimeException: outer\n\tat a.b(C.java:1)\nCaused by: java.io.FileNotFoundException: /opt/x.jar (No such file)\n\t... 3 more\n",
			"FileNotFoundException: /opt/x.jar (No such file)",
		},
		"the JVM's":    {`Exception in thread "main" org.apache.flink.configuration.IllegalConfigurationException: bad` + "\n", "IllegalConfigurationException: bad"},
		"a complaint":  {"Starting\nError: Could not find or load main class x.Y\n", "Error: Could not find or load main class x.Y"},
		"nothing":      {"all is well\n", ""},
		"no exception": {"see java.io.File for more: x\n", ""},
	} {
		if got := lastWords(strings.NewReader(c.log), false); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestRootCauseOnTheServer(t *testing.T) {
	text := "ExecutionException: RestClientException: [Internal server error., <Exception on server side:\n" +
		"java.util.concurrent.CompletionException: org.apache.flink.client.program.ProgramInvocationException: The class 'x' was not found in the jar file.\n\tat a.b.C(D.java:1)"
	if got := RootCause(text); got != "ProgramInvocationException: The class 'x' was not found in the jar file." {
		t.Error(got)
	}
}
