package lifecycle

import (
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// A job may run after its JobManager came up again.
func TestAKilledPodThatCameUpAgainIsNoObstacle(t *testing.T) {
	job := api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "j"}}}}
	s := situation{job: job, pods: []operator.Pod{{Name: "p", Role: "jobmanager", Status: "Running", Ready: true, Restarts: 1, LastEnd: "OOMKilled"}}}
	if got := s.obstacles(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

func TestTaskManagersThatEndBeforeTheJobRuns(t *testing.T) {
	job := api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "j"}, "status": map[string]any{"jobStatus": map[string]any{"state": "CREATED"}}}}}
	end := func(name string) operator.Ended {
		return operator.Ended{Name: name, Role: "taskmanager", Reason: "Error", ExitCode: 1, Container: "fetch-jar", Init: true, Cause: "wget: server returned error: HTTP/1.1 403 Forbidden"}
	}
	s := situation{job: job, ends: []operator.Ended{end("tm-3"), end("tm-2"), end("tm-1")}}
	got := s.obstacles()
	const want = "the TaskManagers: tm-3 ended with its init container fetch-jar (Error, exit code 1), like 2 before it in the last hour: wget: server returned error: HTTP/1.1 403 Forbidden"
	if len(got) != 1 || got[0].String() != want || got[0].Weight != operator.Final {
		t.Errorf("%v", got)
	}
	s.ends = s.ends[:1]
	if got := s.obstacles(); len(got) != 1 || got[0].Weight != operator.Soft {
		t.Errorf("%v", got)
	}
}

func TestWorkersThatCannotBeCreated(t *testing.T) {
	const log = `2026-11-28T17:17:05.407Z 2026-11-28 17:17:05,407 WARN  org.apache.flink.kubernetes.KubernetesResourceManagerDriver  [] - Could not create pod quota-job-taskmanager-1-1, exception: java.util.concurrent.CompletionException: org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.client.KubernetesClientException: Failure executing: POST at: https://10.96.0.1:443/api/v1/namespaces/hunt2/pods. Message: pods "quota-job-taskmanager-1-1" is forbidden: exceeded quota: one-pod, requested: pods=1, used: pods=1, limited: pods=1. Received status: Status(apiVersion=v1, code=403)
2026-11-28T17:17:06Z 2026-11-28 17:17:06,000 INFO  x [] - Worker tm-init-taskmanager-1-7 is terminated. Diagnostics: Pod terminated, container termination statuses: [], pod status: Failed(reason=null, message=null)
2026-11-28T17:17:07Z 2026-11-28 17:17:07,000 INFO  x [] - Worker tm-taskmanager-1-8 is terminated. Diagnostics: Pod terminated, container termination statuses: [fluentbit(exitCode=1, reason=Error, message=null)]
`
	ends, refused := operator.WorkersInLog(strings.NewReader(log))
	if len(refused) != 1 || refused[0].Why != `pods "quota-job-taskmanager-1-1" is forbidden: exceeded quota: one-pod, requested: pods=1, used: pods=1, limited: pods=1` {
		t.Errorf("%+v", refused)
	}
	if len(ends) != 2 || ends[0].How() != "ended before its containers ran" || ends[1].How() != "ended with its container fluentbit (Error, exit code 1)" {
		t.Errorf("%+v", ends)
	}
	at := refused[0].At
	job := api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "j"}}}}
	s := situation{job: job, refused: refused}
	if got := s.obstacles(); len(got) != 1 || !strings.HasPrefix(got[0].String(), `the JobManager: can't create TaskManagers: pods "quota-job`) || got[0].Weight != operator.Stubborn {
		t.Errorf("%v", got)
	}
	// One that came after it was let in.
	s.pods = []operator.Pod{{Name: "tm", Role: "taskmanager", Started: at.Add(time.Second)}}
	if got := s.obstacles(); len(got) != 0 {
		t.Errorf("%v", got)
	}
}
