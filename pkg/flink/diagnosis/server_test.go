package diagnosis

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// welcome is a manifest that a cluster would take, and run.
func welcome() *ManifestFacts {
	o := healthy().Object
	delete(o.Object, "status")
	o.SetUID("")
	set(o.Object, "spec.podTemplate", map[string]any{"spec": map[string]any{
		"priorityClassName": "batch", "imagePullSecrets": []any{map[string]any{"name": "registry"}},
		"containers": []any{map[string]any{"name": mainContainer, "env": []any{
			map[string]any{"name": "KEY", "valueFrom": map[string]any{"secretKeyRef": map[string]any{"name": "s3-keys", "key": "k"}}},
			map[string]any{"name": "ENABLE_BUILT_IN_PLUGINS", "value": "flink-s3-fs-presto-1.20.1.jar"},
		}}},
		"volumes": []any{
			map[string]any{"name": "c", "configMap": map[string]any{"name": "rules"}},
			map[string]any{"name": "d", "persistentVolumeClaim": map[string]any{"claimName": "data"}},
			map[string]any{"name": "o", "secret": map[string]any{"secretName": "maybe", "optional": true}},
		},
	}})
	f := &ManifestFacts{Object: o, Marks: map[Source]Mark{FromOperator: Read, FromQuotas: Read}, Namespace: Read, Named: map[string][]Existing{}}
	for kind, names := range PodNames(o, nil) {
		for _, name := range names {
			f.Named[kind] = append(f.Named[kind], Existing{Name: name, Exists: Read})
		}
	}
	f.Operators = healthy().Operators
	quota := func(pods, used string) {
		f.Quotas = []corev1.ResourceQuota{{ObjectMeta: metav1.ObjectMeta{Name: "team"}, Status: corev1.ResourceQuotaStatus{
			Hard: corev1.ResourceList{corev1.ResourcePods: resource.MustParse(pods)}, Used: corev1.ResourceList{corev1.ResourcePods: resource.MustParse(used)},
		}}}
	}
	quota("10", "8")
	return f
}

type serverChange func(*ManifestFacts)

func refusedWith(text string) serverChange {
	return func(f *ManifestFacts) { f.Refused = &Refusal{Text: text} }
}

func lacks(kind string, files ...*unstructured.Unstructured) serverChange {
	return func(f *ManifestFacts) {
		for i := range f.Named[kind] {
			f.Named[kind][i].Exists = NotThere
		}
		f.Others = files
	}
}

func fileOf(kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1"}}
	o.SetKind(kind)
	o.SetName(name)
	return o
}

func sessionManifest(exists Mark, files ...*unstructured.Unstructured) serverChange {
	return func(f *ManifestFacts) {
		j := with(sessionJob)
		f.Object = j.Object
		delete(f.Object.Object, "status")
		f.Others = files
		f.Named = map[string][]Existing{NamedSessionCluster: {{Name: text(section(f.Object.Object, "spec"), "deploymentName"), Exists: exists}}}
	}
}

func managedByHelm(o *unstructured.Unstructured) *unstructured.Unstructured {
	o = o.DeepCopy()
	o.SetLabels(map[string]string{"app.kubernetes.io/managed-by": "Helm"})
	return o
}

var serverTrials = []struct {
	rule      string
	yes, miss serverChange
}{
	{"FLINK-SERVER-KIND", func(f *ManifestFacts) {
		f.Refused = &Refusal{Unserved: true, Text: "the server could not find the requested resource"}
	}, refusedWith("the server could not find the requested resource")},
	{"FLINK-SERVER-NAMESPACE", func(f *ManifestFacts) { f.Namespace = NotThere }, func(f *ManifestFacts) {
		f.Namespace, f.Others = NotThere, []*unstructured.Unstructured{fileOf("Namespace", "prod")}
	}},
	{"FLINK-SERVER-FORBIDDEN", func(f *ManifestFacts) {
		f.Refused = &Refusal{Forbidden: true, Text: `flinkdeployments.flink.apache.org is forbidden: User "jane" cannot create resource`}
	}, func(f *ManifestFacts) {
		f.Refused = &Refusal{Forbidden: true, Text: `admission webhook "policy.example" denied the request: no latest tag`}
	}},
	{"FLINK-SERVER-WEBHOOK", refusedWith(`Internal error occurred: failed calling webhook "flinkoperator.flink.apache.org": failed to call webhook: Post "https://x.flink.svc:443/validate": tls: failed to verify certificate: x509: certificate has expired`), refusedWith(`admission webhook "flinkoperator.flink.apache.org" denied the request: x`)},
	{"FLINK-SERVER-REFUSED", refusedWith(`admission webhook "flinkoperator.flink.apache.org" denied the request: Job could not be upgraded with last-state while HA disabled`), refusedWith(`failed calling webhook "flinkoperator.flink.apache.org": timeout`)},
	{"FLINK-SERVER-REFUSED", refusedWith(`FlinkDeployment in version "v1beta1" cannot be handled as a FlinkDeployment: strict decoding error: unknown field "spec.jobmanager"`), nil},
	{"FLINK-SERVER-UNWATCHED", func(f *ManifestFacts) { f.Operators[0].Watched = []string{"other"} }, func(f *ManifestFacts) {
		f.Operators[0].Watched, f.Operators[0].WatchedMark = []string{"other"}, NotAllowed
	}},
	{"FLINK-SERVER-UNWATCHED", func(f *ManifestFacts) { f.Operators = nil }, func(f *ManifestFacts) { f.Operators, f.Marks[FromOperator] = nil, NotAllowed }},
	{"FLINK-SERVER-UNWATCHED", func(f *ManifestFacts) {
		f.Operators[0].Config = map[string]string{"kubernetes.operator.label.selector": "team=a"}
	}, func(f *ManifestFacts) {
		f.Operators[0].Config = map[string]string{"kubernetes.operator.label.selector": "team=a"}
		f.Object.SetLabels(map[string]string{"team": "a"})
	}},
	{"FLINK-SERVER-VERSION", func(f *ManifestFacts) {
		set(f.Object.Object, "spec.flinkVersion", "v2_3")
		f.Operators[0].Version = "1.13.0"
	}, func(f *ManifestFacts) { set(f.Object.Object, "spec.flinkVersion", "v2_3") }},
	{"FLINK-SERVER-TAKEN", func(f *ManifestFacts) { f.Current = managedByHelm(f.Object) }, func(f *ManifestFacts) { f.Object = managedByHelm(f.Object); f.Current = f.Object }},
	{"FLINK-SERVER-TAKEN", func(f *ManifestFacts) { f.Deployment = fileOf("Deployment", "orders") }, func(f *ManifestFacts) {
		f.Deployment = fileOf("Deployment", "orders")
		f.Deployment.SetOwnerReferences([]metav1.OwnerReference{{Kind: kindDeployment, Name: "orders"}})
	}},
	{"FLINK-SERVER-CLUSTER", sessionManifest(NotThere), sessionManifest(Read)},
	{"FLINK-SERVER-ACCOUNT", lacks(NamedAccount), lacks(NamedAccount, fileOf("ServiceAccount", "flink"))},
	{"FLINK-SERVER-SECRET", lacks(NamedSecret), lacks(NamedSecret, fileOf("Secret", "s3-keys"))},
	{"FLINK-SERVER-CONFIGMAP", lacks(NamedConfigMap), lacks(NamedConfigMap, fileOf("ConfigMap", "rules"))},
	{"FLINK-SERVER-CLAIM", lacks(NamedClaim), lacks(NamedClaim, fileOf("PersistentVolumeClaim", "data"))},
	{"FLINK-SERVER-PULL-SECRET", lacks(NamedPullSecret), lacks(NamedPullSecret, fileOf("Secret", "registry"))},
	{"FLINK-SERVER-PRIORITY", lacks(NamedPriorityClass), lacks(NamedPriorityClass, fileOf("PriorityClass", "batch"))},
	{"FLINK-SERVER-QUOTA", func(f *ManifestFacts) { f.Quotas[0].Status.Used[corev1.ResourcePods] = resource.MustParse("9") }, func(f *ManifestFacts) {
		f.Quotas[0].Status.Used[corev1.ResourcePods] = resource.MustParse("9")
		f.Quotas[0].Spec.Scopes = []corev1.ResourceQuotaScope{corev1.ResourceQuotaScopeBestEffort}
	}},
	{"FLINK-SERVER-QUOTA", func(f *ManifestFacts) {
		f.Quotas[0].Status.Hard[corev1.ResourceRequestsMemory] = resource.MustParse("3Gi")
	}, func(f *ManifestFacts) {
		f.Quotas[0].Status.Hard[corev1.ResourceRequestsMemory] = resource.MustParse("3Gi")
		set(f.Object.Object, "spec.job.state", "suspended")
	}},
}

func TestRulesOfServers(t *testing.T) {
	if findings := LintServer(welcome()); len(findings) > 0 {
		t.Errorf("a welcome manifest has findings: %+v", findings)
	}
	for _, tr := range serverTrials {
		t.Run(tr.rule, func(t *testing.T) {
			facts := welcome()
			tr.yes(facts)
			findings := LintServer(facts)
			f, ok := found(findings)[tr.rule]
			if !ok {
				t.Fatalf("not found; found are %v", ids(findings))
			}
			check(t, f)
			if tr.miss == nil {
				return
			}
			facts = welcome()
			tr.miss(facts)
			if findings := LintServer(facts); slices.Contains(ids(findings), tr.rule) {
				t.Errorf("found where it isn't: %+v", found(findings)[tr.rule])
			}
		})
	}
}

// What pods name, optional things aside.
func TestPodNames(t *testing.T) {
	names := PodNames(welcome().Object, nil)
	for kind, want := range map[string]string{NamedSecret: "s3-keys", NamedConfigMap: "rules", NamedClaim: "data", NamedAccount: "flink", NamedPullSecret: "registry", NamedPriorityClass: "batch"} {
		if !slices.Equal(names[kind], []string{want}) {
			t.Errorf("%s: %v", kind, names[kind])
		}
	}
}
