package diagnosis

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

type install func(*InstallationFacts)

// installed is an installation that works.
func installed() *InstallationFacts {
	f := &InstallationFacts{Now: now, Kubernetes: "1.34.4", Marks: map[Source]Mark{FromCRDs: Read, FromOperator: Read, FromJobs: Read, FromWebhooks: Read, FromRights: Read, FromMetricsAPI: Read}}
	for _, kind := range crdSince {
		f.CRDs = append(f.CRDs, CRDFacts{Name: kind.plural + "." + group, Served: []string{"v1beta1"}, Established: true, Conversion: "None", Created: before(100 * h1)})
	}
	for _, field := range ageOfFields {
		f.CRDs[0].Fields = append(f.CRDs[0].Fields, field.field)
	}
	pod := podOf("operator-1", "")
	pod.Pod.Status.StartTime = &metav1.Time{Time: before(3 * h1)}
	f.Operators = []OperatorFacts{{
		Namespace: "flink", Name: "flink-kubernetes-operator", Version: "1.16.1", Wanted: 1, Ready: 1, WatchedMark: Read, Pods: []PodFacts{pod}, MemoryUsed: 1 << 30, RightsMark: Read,
		Lease: &LeaseFacts{Name: "operator-lease", Holder: "operator-1", Renewed: before(5 * time.Second), Lasts: 15 * time.Second},
	}}
	f.Jobs = []JobInShort{
		{Kind: kindDeployment, Namespace: "prod", Name: "a", Created: before(9 * h1), Changed: before(h1), Generation: 2, Observed: 2, StatusKnown: true, FlinkVersion: "v1_20"},
		{Kind: kindDeployment, Namespace: "prod", Name: "b", Created: before(9 * h1), Changed: before(h1), Generation: 4, Observed: 4, StatusKnown: true, FlinkVersion: "v2_3"},
		{Kind: kindDeployment, Namespace: "prod", Name: "canary", Created: before(9 * h1), Generation: 400, RestartNonce: 399, Canary: true},
	}
	f.Webhooks = []WebhookFacts{{Name: "flink-operator-flink-webhook", Service: "flink/flink-operator-webhook-service", Endpoints: 1, EndpointsMark: Read, Fails: true, CABundle: 1200, Expires: now.Add(80 * 24 * h1)}}
	f.Certificates = []CertificateFacts{{Namespace: "flink", Name: "flink-operator-serving-cert", Ready: true, Expires: now.Add(80 * 24 * h1)}}
	f.CertManager = []PodFacts{podOf("cert-manager-1", "")}
	f.Accounts = []AccountFacts{{Namespace: "prod", Name: "flink", Exists: Read, RightsMark: Read, Jobs: []string{"a"}}}
	f.Rights = []Right{{Verb: "savepoint", Needs: "create flinkstatesnapshots.flink.apache.org", Allowed: true}}
	f.Claims = []Claim{{Namespace: "prod", Name: "state", Phase: "Bound", Created: before(h1)}}
	f.Storage = []StorageFacts{{Endpoint: "http://minio.minio-dev:9000", Bucket: "flink", Reached: Read, Found: Read}}
	return f
}

func op(do func(*OperatorFacts)) install { return func(f *InstallationFacts) { do(&f.Operators[0]) } }

func opPod(do func(*corev1.Pod)) install {
	return op(func(o *OperatorFacts) { do(o.Pods[0].Pod) })
}

func hook(do func(*WebhookFacts)) install {
	return func(f *InstallationFacts) { do(&f.Webhooks[0]) }
}

// servedWell is a certificate with which nothing is wrong.
func servedWell() *ServedCertificate {
	return &ServedCertificate{NotBefore: before(30 * 24 * h1), NotAfter: now.Add(60 * 24 * h1), Names: []string{"flink-operator-webhook-service.flink.svc"}}
}

func late(n int) install {
	return func(f *InstallationFacts) {
		for i := range n {
			f.Jobs[i].Generation++
		}
	}
}

func restarted(n int32, reason string) install {
	return opPod(func(p *corev1.Pod) {
		p.Status.ContainerStatuses[0].RestartCount = n
		p.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: reason, FinishedAt: stamp(h1)}
	})
}

var installationTrials = []struct {
	rule      string
	yes, miss install
}{
	{"FLINK-CRD-MISSING", func(f *InstallationFacts) { f.CRDs = f.CRDs[1:] }, func(f *InstallationFacts) { f.CRDs, f.Operators[0].Version = f.CRDs[:3], "1.13.0" }},
	{"FLINK-CRD-BROKEN", func(f *InstallationFacts) { f.CRDs[1].Established = false }, func(f *InstallationFacts) { f.CRDs[1].Conversion = "" }},
	{"FLINK-CRD-OLD", func(f *InstallationFacts) { f.CRDs[0].Fields = f.CRDs[0].Fields[:4] }, func(f *InstallationFacts) {
		f.CRDs[0].Fields, f.Operators[0].Version = f.CRDs[0].Fields[:4], "1.11.0"
	}},
	{"FLINK-OP-CRASH", op(func(o *OperatorFacts) { o.Ready, o.Pods = 0, crashedOperator("operator") }), restarted(1, "Error")},
	{"FLINK-OP-STOPPED", op(func(o *OperatorFacts) { o.Wanted, o.Ready, o.Pods = 0, 0, nil }), op(func(o *OperatorFacts) { o.Ready = 0 })},
	{"FLINK-OP-NOT-READY", op(func(o *OperatorFacts) { o.Ready = 0 }), op(func(o *OperatorFacts) { o.Wanted = 2 })},
	{"FLINK-OP-ABSENT", func(f *InstallationFacts) { f.Operators = nil }, func(f *InstallationFacts) { f.Operators, f.Marks[FromOperator] = nil, NotAllowed }},
	{"FLINK-OP-NAMESPACE", op(func(o *OperatorFacts) { o.Watched = []string{"other"} }), op(func(o *OperatorFacts) { o.Watched, o.WatchedMark = []string{"other"}, NotAllowed })},
	{"FLINK-OP-SEVERAL", func(f *InstallationFacts) {
		f.Operators = append(f.Operators, OperatorFacts{Namespace: "other", Name: "op", Wanted: 1, Ready: 1, WatchedMark: Read, Watched: []string{"prod"}})
	}, func(f *InstallationFacts) {
		f.Operators[0].Watched = []string{"prod"}
		f.Operators = append(f.Operators, OperatorFacts{Namespace: "other", Name: "op", Wanted: 1, Ready: 1, WatchedMark: Read, Watched: []string{"test"}})
	}},
	{"FLINK-OP-LEASE", op(func(o *OperatorFacts) { o.Lease.Renewed = before(10 * m1) }), op(func(o *OperatorFacts) { o.Lease.Renewed = before(20 * time.Second) })},
	{"FLINK-OP-MEMORY", op(func(o *OperatorFacts) { o.MemoryUsed = 1990 * mib }), op(func(o *OperatorFacts) { o.MemoryUsed = 1500 * mib })},
	{"FLINK-OP-RESTARTS", restarted(5, "Error"), restarted(1, "Error")},
	{"FLINK-OP-STALE", late(2), late(1)},
	{"FLINK-OP-CANARY", func(f *InstallationFacts) { f.Jobs[2].RestartNonce = 0 }, func(f *InstallationFacts) { f.Jobs[2].RestartNonce, f.Jobs[2].Created = 0, before(m1) }},
	{"FLINK-OP-FLINK", op(func(o *OperatorFacts) { o.Version = "1.13.0" }), op(func(o *OperatorFacts) { o.Version = "" })},
	{"FLINK-OP-AGE", op(func(o *OperatorFacts) { o.Version = "1.9.0" }), op(func(o *OperatorFacts) { o.Version = "1.10.0" })},
	{"FLINK-OP-KUBERNETES", func(f *InstallationFacts) { f.Kubernetes = "1.19.3" }, func(f *InstallationFacts) { f.Kubernetes = "1.21.0" }},
	{"FLINK-OP-SNAPSHOTS", func(f *InstallationFacts) { f.CRDs[2].Created = before(h1) }, func(f *InstallationFacts) { f.CRDs[3].Created = before(h1) }},
	{"FLINK-INST-METRICS", func(f *InstallationFacts) { f.Marks[FromMetricsAPI] = NotThere }, func(f *InstallationFacts) { f.Marks[FromMetricsAPI] = NotAllowed }},
	{"FLINK-INST-CLAIM", func(f *InstallationFacts) { f.Claims[0].Phase = "Pending" }, func(f *InstallationFacts) { f.Claims[0].Phase, f.Claims[0].Waits = "Pending", true }},
	{"FLINK-INST-STORAGE", func(f *InstallationFacts) { f.Storage[0].Found = NotThere }, func(f *InstallationFacts) { f.Storage[0].Found = NotAllowed }},
	{"FLINK-HOOK-CERT-MANAGER", func(f *InstallationFacts) { f.CertManager[0].Pod.Status.Conditions[0].Status = "False" }, func(f *InstallationFacts) {
		f.CertManager[0].Pod.Status.Conditions[0].Status, f.CertManager[0].Pod.CreationTimestamp = "False", stamp(time.Second)
	}},
	{"FLINK-HOOK-NOT-READY", func(f *InstallationFacts) { f.Certificates[0].Ready = false }, func(f *InstallationFacts) { f.Certificates[0].Expires = time.Time{} }},
	{"FLINK-HOOK-EXPIRED", hook(func(h *WebhookFacts) { h.Expires = before(h1) }), hook(func(h *WebhookFacts) { h.Expires = now.Add(8 * 24 * h1) })},
	{"FLINK-HOOK-EXPIRED", hook(func(h *WebhookFacts) { h.Served = servedWell(); h.Served.NotAfter = before(h1) }), hook(func(h *WebhookFacts) { h.Served = servedWell() })},
	{"FLINK-HOOK-NAME", hook(func(h *WebhookFacts) { h.Served = servedWell(); h.Served.WrongName = true }), hook(func(h *WebhookFacts) { h.Served = servedWell() })},
	{"FLINK-HOOK-UNSIGNED", hook(func(h *WebhookFacts) { h.Served = servedWell(); h.Served.Unsigned = true }), hook(func(h *WebhookFacts) { h.Served = nil })},
	{"FLINK-HOOK-NO-TLS", hook(func(h *WebhookFacts) { h.Served = &ServedCertificate{NoTLS: true} }), hook(func(h *WebhookFacts) { h.Served = servedWell() })},
	{"FLINK-HOOK-CA", hook(func(h *WebhookFacts) { h.CABundle = 0 }), hook(func(h *WebhookFacts) { h.CABundle = 1 })},
	{"FLINK-HOOK-ENDPOINTS", hook(func(h *WebhookFacts) { h.Endpoints = 0 }), hook(func(h *WebhookFacts) { h.Endpoints, h.EndpointsMark = 0, NotAllowed })},
	{"FLINK-RBAC-OPERATOR", op(func(o *OperatorFacts) { o.Missing = []string{"create events"} }), op(func(o *OperatorFacts) { o.Missing, o.RightsMark = []string{"create events"}, NotAllowed })},
	{"FLINK-RBAC-ACCOUNT", func(f *InstallationFacts) { f.Accounts[0].Missing = []string{"create pods"} }, func(f *InstallationFacts) { f.Accounts[0].Exists = NotAllowed }},
	{"FLINK-RBAC-USER", func(f *InstallationFacts) { f.Rights[0].Allowed = false }, func(f *InstallationFacts) { f.Rights = nil }},
}

func TestRulesOfInstallations(t *testing.T) {
	if findings := Installation(installed()); len(findings) > 0 {
		t.Errorf("a working installation has findings: %+v", findings)
	}
	for _, tr := range installationTrials {
		t.Run(tr.rule, func(t *testing.T) {
			facts := installed()
			tr.yes(facts)
			findings := Installation(facts)
			f, ok := found(findings)[tr.rule]
			if !ok {
				t.Fatalf("not found; found are %v", ids(findings))
			}
			check(t, f)
			if findings[0].Rule != tr.rule && !f.Severity.Worse(Warning) && f.Severity == findings[0].Severity {
				t.Errorf("%s comes first: %s", findings[0].Rule, findings[0].Means)
			}
			facts = installed()
			tr.miss(facts)
			if findings := Installation(facts); slices.Contains(ids(findings), tr.rule) {
				t.Errorf("found where it isn't: %+v", found(findings)[tr.rule])
			}
		})
	}
}

// What a job met itself is said once, by the job; of a store that another job uses,
// too, it is said all the same.
func TestBeyondJobs(t *testing.T) {
	const a, b = "flinkdeployment/a", "flinkdeployment/b"
	for _, c := range []struct {
		users []string
		found []Finding
		want  int
	}{
		{[]string{a}, []Finding{{Rule: "FLINK-S3-BUCKET", Subject: a}}, 1},
		{[]string{a}, []Finding{{Rule: "FLINK-S3-AWAY", Subject: a}}, 1},
		{[]string{a}, []Finding{{Rule: "FLINK-POD-IMAGE", Subject: a}}, 2},
		{[]string{b}, []Finding{{Rule: "FLINK-S3-BUCKET", Subject: a}}, 2},
		{[]string{a, b}, []Finding{{Rule: "FLINK-S3-BUCKET", Subject: a}}, 2},
		{[]string{a, b}, []Finding{{Rule: "FLINK-S3-BUCKET", Subject: a}, {Rule: "FLINK-S3-DENIED", Subject: b}}, 1},
	} {
		got := BeyondJobs([]Finding{{Rule: "FLINK-INST-STORAGE", users: c.users}, {Rule: "FLINK-INST-CLAIM"}}, [][]Finding{nil, c.found})
		if len(got) != c.want || got[len(got)-1].Rule != "FLINK-INST-CLAIM" {
			t.Errorf("%+v: %+v", c, got)
		}
	}
}
