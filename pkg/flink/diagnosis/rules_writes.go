package diagnosis

import (
	"fmt"
	"strings"
)

// What the operator says of its own requests: to the API server, as the Kubernetes
// client words it (fabric8), and to the JobManager.
var (
	writeRefused = pattern(`(?s)Failure executing: (?:POST|PUT|PATCH|DELETE) at: \S*?/(?:apis/[\w.-]+|api)/v\w+/(?:namespaces/[\w.-]+/)?([a-z]+)\S*\. Message: (.+?)(?:\. Received status:|$)`)
	writeLate    = pattern(`request did not complete within|context deadline exceeded|etcdserver: (?:request timed out|leader changed)|currently unable to handle the request|[Tt]oo many requests|rate limit`)
	writeQuota   = pattern(`exceeded quota: ([^,\s]+)`)
	writeDenied  = pattern(`(?s)admission webhook "([^"]+)" denied the request: (.+)`)
	writeLarge   = pattern(`request is too large|Too long: must have at most|Request entity too large`)
	writeFixed   = pattern(`field is immutable|updates to \S+ spec for fields other than .* are forbidden`)
	// noAnswer is the same client's word for a request without an answer.
	noAnswer   = pattern(`(?s)Operation: \[\w+\]\s+for kind: \[(\w+)\].*failed`)
	timedOut   = pattern(`[Tt]imeout$|timed out`)
	lateAnswer = pattern(`Invocation of \[RemoteRpcInvocation\(\w+\.(\w+)\(.*timed out`)
	// ofServer is about the API server.
	ofServer = pattern(`^KubernetesClientException`)
	otherTLS = pattern(`NotSslRecordException|not an SSL/TLS record|Unsupported or unrecognized SSL message|SSLHandshakeException|PKIX path`)
)

// writeCures say what to do about the API server's refusal, by what it says.
func writeCures(j *job, what, why string) []Cure {
	if found := writeQuota.FindStringSubmatch(why); found != nil {
		return []Cure{
			{Text: "raise the quota, or free what it counts", Command: j.kubectl("edit resourcequota %s", word(found[1]))},
			{Text: "see what uses it", Command: j.kubectl("describe resourcequota %s", word(found[1])), Safe: true},
		}
	}
	if found := writeDenied.FindStringSubmatch(why); found != nil {
		return []Cure{{Text: fmt.Sprintf("give the %s what the policy of webhook %s asks for, as far as the spec reaches it, or have the policy leave out what the operator makes", what, oneLine(found[1]))}}
	}
	switch {
	case strings.HasPrefix(what, "flink"):
		return []Cure{{Text: "apply the CRDs of the operator's release, which Helm doesn't upgrade (folder crds of its chart), then restart the operator"}}
	case cannotCreate.MatchString(why): // blockOwnerDeletion
		return []Cure{{Text: "let the operator's account update flinkdeployments/finalizers: upgrade the chart's roles together with the operator"}}
	case alreadyExists.MatchString(why):
		return look("see whose it is; one that is being deleted goes by itself", j.kubectl("get deployment,service,configmap -l app=%s -o wide", j.name))
	case terminating.MatchString(why), hookAway.MatchString(why):
		return []Cure{j.refusedCure(why, "")}
	case writeLarge.MatchString(why):
		return []Cure{{Text: "make spec.flinkConfiguration, spec.logConfiguration or the pod template smaller: the operator puts them into one object, which may have 1 MiB; long files belong into a ConfigMap of your own that the pod template mounts"}}
	case writeFixed.MatchString(why):
		return []Cure{{Text: "have the operator make it again: suspend the job, which keeps its state", Command: j.flink("suspend %s", j.target())}, {Text: "and then", Command: j.flink("resume %s", j.target())}}
	}
	return []Cure{{Text: "correct in the spec what it names"}}
}

var writeRules = []Rule{
	{
		ID: "FLINK-OP-SLOW-SERVER", Severity: Warning, Title: "the API server answers the operator too late", Link: docOverview,
		Explain:  "The API server, or its etcd, was too busy for a request of the operator's. The operator tries again by itself, and the message stands until it succeeds.",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-JOB-EXCEPTION"},
		job: func(j *job) []Finding {
			e, found, ok := j.find(writeRefused, InOperator, Somewhere)
			var why string
			if ok && writeLate.MatchString(found[2]) {
				why = oneLine(found[2])
			} else if e, found, ok = j.find(noAnswer, InOperator, Somewhere); ok && timedOut.MatchString(e.Root().String()) {
				why = "a request about " + found[1] + " objects timed out"
			}
			if why == "" || !j.matters(e) {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the API server was too busy for the operator: " + why + "; it tries again", Evidence: []Evidence{e.evidence()}, Cures: look("nothing, if it goes away; else see whether the API server is well", "kubectl get --raw '/readyz?verbose'")}}
		},
	},
	{
		ID: "FLINK-OP-REFUSED", Severity: Error, Title: "the API server refuses what the operator makes", Link: docOverview,
		Explain:  "The operator makes a Deployment, Services, ConfigMaps and an Ingress for a job. The API server refuses one of them: a quota counts it, a policy's webhook denies it, it is too large, or a field can't be changed any more. The spec itself was accepted. Refusals for lack of rights are FLINK-RBAC-OPERATOR.",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-NO-ENDPOINTS", "FLINK-JOB-UPGRADE-HANGS", "FLINK-JOB-CLUSTER-DOWN", "FLINK-JOB-EXCEPTION"},
		job: func(j *job) []Finding {
			e, found, ok := j.find(writeRefused, InOperator, Somewhere)
			if !ok || !j.matters(e) || e.match(forbidden) != nil || e.match(statusConflict) != nil || writeLate.MatchString(found[2]) {
				return nil
			}
			what := strings.TrimSuffix(found[1], "s") // deployments, services, configmaps, ingresses
			if found[1] == "ingresses" {
				what = "ingress"
			}
			return []Finding{{Subject: j.ref(), Means: fmt.Sprintf("the API server refuses the %s that the operator makes for the job: %s", what, oneLine(found[2])), Evidence: []Evidence{e.evidence()}, Cures: writeCures(j, what, found[2])}}
		},
	},
	{
		ID: "FLINK-OP-TIMEOUT", Severity: Warning, Title: "the JobManager doesn't answer the operator in time", Link: docOpConfig,
		Explain:  "The operator asked the JobManager for something, and waited in vain. The JobManager may be busy (long garbage collection, a job of thousands of tasks), or what it was asked for takes longer than the operator waits: to stop with a savepoint, for instance. It is asked again.",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-JOB-EXCEPTION"},
		job: func(j *job) []Finding {
			if !j.failed || j.failure.Where != InOperator {
				return nil
			}
			found := j.failure.match(lateAnswer)
			if root := j.failure.Root(); found == nil && (root.Name() != "TimeoutException" || root.Message != "") {
				return nil
			}
			means := "the JobManager doesn't answer the operator in time"
			if found != nil {
				means += ": " + found[1]
			}
			return []Finding{{Subject: j.ref(), Means: means, Evidence: []Evidence{j.failure.evidence()}, Confidence: Likely, Cures: []Cure{
				{Text: "see what the JobManager is busy with", Command: j.flink("threads %s --jm", j.target()), Safe: true},
				{Text: "have the operator wait longer: kubernetes.operator.flink.client.timeout (10 s), to stop a job kubernetes.operator.flink.client.cancel.timeout (1 min)"},
			}}}
		},
	},
	{
		ID: "FLINK-OP-TLS", Severity: Error, Title: "operator and JobManager don't agree on TLS", Link: flinkDocs + "deployment/security/security-ssl/",
		Explain:  "One of both speaks TLS at the REST port and the other doesn't, or the operator doesn't trust the JobManager's certificate. security.ssl.rest.enabled counts for both; key and trust stores have to be files in the operator's pod, too, since it is a client.",
		Explains: []string{"FLINK-OP-PENDING", "FLINK-OP-REST", "FLINK-JOB-STARTS-SLOWLY", "FLINK-JOB-EXCEPTION"},
		job: func(j *job) []Finding {
			if !j.failed || j.failure.Where != InOperator || j.failure.match(otherTLS) == nil || j.failure.match(ofServer) != nil {
				return nil
			}
			return []Finding{{Subject: j.ref(), Means: "the operator can't speak TLS with the JobManager: " + j.failure.Telling(), Evidence: []Evidence{j.failure.evidence()}, Confidence: Likely, Cures: []Cure{{Text: "have security.ssl.rest.enabled and the truststore as the JobManager has them, and mount the stores into the operator's pod at the same paths"}}}}
		},
	},
}
