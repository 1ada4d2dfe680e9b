package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// served is a manifest with what a cluster says of it.
type served struct {
	*ManifestFacts
	*manifest
}

// LintServer is what a cluster says of a manifest that isn't applied yet; root
// causes first.
func LintServer(facts *ManifestFacts) []Finding {
	m := newManifest(facts.Object, facts.Others)
	if m == nil {
		return nil
	}
	m.inFile = true
	s := &served{facts, m}
	var found []Finding
	for n := range table {
		if r := &table[n]; r.server != nil {
			found = append(found, r.sign(r.server(s))...)
		}
	}
	mendFile(found)
	return arrange(found)
}

// Merge puts findings of several engines about one object in one order.
func Merge(findings ...[]Finding) []Finding { return arrange(slices.Concat(findings...)) }

// inFiles reports whether an object of a kind comes with the manifest.
func (s *served) inFiles(kind, name string) bool {
	return slices.ContainsFunc(s.Others, func(o *unstructured.Unstructured) bool {
		return strings.EqualFold(o.GetKind(), kind) && o.GetName() == name && (o.GetNamespace() == "" || o.GetNamespace() == s.ns)
	})
}

// missing are the objects of a kind that pods name, that aren't there and that
// don't come with the manifest.
func (s *served) missing(kind string) []string {
	of := kind
	if kind == NamedPullSecret {
		of = NamedSecret
	}
	var out []string
	for _, e := range s.Named[kind] {
		if e.Exists == NotThere && !s.inFiles(of, e.Name) {
			out = append(out, e.Name)
		}
	}
	return out
}

// missingRule finds objects that a manifest's pods name and that aren't there.
func missingRule(id string, severity Severity, kind, title, explain, cure, link string) Rule {
	return Rule{
		ID: id, Severity: severity, Title: title, Link: link, Explain: explain,
		server: func(s *served) []Finding {
			var out []Finding
			for _, name := range s.missing(kind) {
				where := " in namespace " + s.ns
				if kind == NamedPriorityClass {
					where = ""
				}
				out = append(out, Finding{Subject: kind + "/" + name, Means: fmt.Sprintf("%s %s isn't there%s, and isn't in the manifests either", kind, name, where), Evidence: []Evidence{{Source: "the API server", Text: kind + " " + name + ": not found"}}, Cures: []Cure{{Text: cure}}})
			}
			return out
		},
	}
}

var (
	webhookDenied  = pattern(`admission webhook "([^"]+)" denied the request: (.*)$`)
	webhookFailed  = pattern(`failed calling webhook "([^"]+)": (.*)$`)
	unknownField   = pattern(`unknown field "([^"]+)"`)
	sameInCluster  = pattern(`(?i)already exists`)
	quotaResources = []corev1.ResourceName{corev1.ResourcePods, "count/pods", corev1.ResourceRequestsCPU, corev1.ResourceCPU, corev1.ResourceRequestsMemory, corev1.ResourceMemory, corev1.ResourceLimitsCPU, corev1.ResourceLimitsMemory}
)

var serverRules = []Rule{
	{
		ID: "FLINK-SERVER-KIND", Severity: Error, Title: "the cluster doesn't know the kind", Link: docHelm,
		Explain:  "The API server doesn't serve the kind: the operator's CRDs aren't installed, or they are older than the kind (FlinkStateSnapshot came with 1.10, FlinkBlueGreenDeployment with 1.14).",
		Explains: []string{"FLINK-SERVER-REFUSED"},
		server: func(s *served) []Finding {
			if s.Refused == nil || !s.Refused.Unserved {
				return nil
			}
			return []Finding{{Subject: s.ref(), Means: "the cluster has no " + s.kind + ": its CRD isn't installed", Evidence: []Evidence{{Source: "the API server, dry run", Text: oneLine(s.Refused.Text)}}, Cures: []Cure{{Text: "install the operator's CRDs (folder crds of its chart), or a newer operator"}}}}
		},
	},
	{
		ID: "FLINK-SERVER-NAMESPACE", Severity: Error, Title: "the namespace isn't there", Link: kubernetesDocs + "concepts/overview/working-with-objects/namespaces/",
		Explain:  "The namespace that the manifest would come to doesn't exist, and doesn't come with the manifests.",
		Explains: []string{"FLINK-SERVER-*"},
		server: func(s *served) []Finding {
			if s.Namespace != NotThere || slices.ContainsFunc(s.Others, func(o *unstructured.Unstructured) bool { return o.GetKind() == "Namespace" && o.GetName() == s.ns }) {
				return nil
			}
			return []Finding{{Subject: "namespace/" + s.ns, Means: "namespace " + s.ns + " isn't there", Evidence: []Evidence{{Source: "the API server", Text: "namespace " + s.ns + ": not found"}}, Cures: []Cure{{Text: "make it, or choose another with -n", Command: "kubectl create namespace " + word(s.ns)}}}}
		},
	},
	{
		ID: "FLINK-SERVER-FORBIDDEN", Severity: Warning, Title: "you may not apply it", Link: docRBAC,
		Explain: "The API server refuses the dry run because you, as you are logged in now, may not create or change the object. Who applies it later (a pipeline, GitOps) may; what the server would say else isn't known.",
		server: func(s *served) []Finding {
			if s.Refused == nil || !s.Refused.Forbidden || webhookDenied.MatchString(s.Refused.Text) {
				return nil
			}
			return []Finding{{Subject: s.ref(), Means: "you may not apply it: " + oneLine(s.Refused.Text), Evidence: []Evidence{{Source: "the API server, dry run", Text: oneLine(s.Refused.Text)}}, Cures: []Cure{{Text: "look as the one who applies it (--as, --context)"}}}}
		},
	},
	{
		ID: "FLINK-SERVER-WEBHOOK", Severity: Error, Title: "a webhook can't be asked", Link: docHelm,
		Explain:  "The API server has to ask an admission webhook about the object, and can't reach it: the operator isn't running, its Service has no endpoints, or its certificate doesn't fit. With failurePolicy Fail nothing can be applied until it answers. kubectl flink doctor says why.",
		Explains: []string{"FLINK-SERVER-REFUSED"},
		server: func(s *served) []Finding {
			if s.Refused == nil {
				return nil
			}
			found := webhookFailed.FindStringSubmatch(oneLine(s.Refused.Text))
			if found == nil {
				return nil
			}
			return []Finding{{Subject: "webhook/" + found[1], Means: "the API server can't ask webhook " + found[1] + ": " + found[2], Evidence: []Evidence{{Source: "the API server, dry run", Text: oneLine(s.Refused.Text)}}, Cures: look("see what is wrong with it", "kubectl flink doctor")}}
		},
	},
	{
		ID: "FLINK-SERVER-REFUSED", Severity: Error, Title: "the cluster refuses the manifest", Link: docReference,
		Explain: "A dry run on the API server was refused: by the CRD's schema (an unknown field, a value of the wrong type), by the operator's webhook or by another one. The words are its own.",
		server: func(s *served) []Finding {
			r := s.Refused
			if r == nil || r.Unserved || r.Forbidden && !webhookDenied.MatchString(r.Text) || sameInCluster.MatchString(r.Text) {
				return nil
			}
			said := oneLine(r.Text)
			if webhookFailed.MatchString(said) {
				return nil
			}
			f := Finding{Subject: s.ref(), Means: "the API server refuses it: " + said, Evidence: []Evidence{{Source: "the API server, dry run", Text: said}}}
			if found := webhookDenied.FindStringSubmatch(said); found != nil {
				f.Means = "webhook " + found[1] + " refuses it: " + found[2]
			} else if found := unknownField.FindStringSubmatch(said); found != nil {
				f.Means = fmt.Sprintf("the cluster's CRD has no field %s", found[1])
				f.Cures = []Cure{{Text: "correct its name; where it came with a newer operator, its CRDs have to be applied first"}}
			}
			return []Finding{f}
		},
	},
	{
		ID: "FLINK-SERVER-UNWATCHED", Severity: Error, Title: "no operator would look after it", Link: docHelm,
		Explain: "No operator was found in the cluster, none watches the namespace, or its label selector (kubernetes.operator.label.selector) leaves the object out: the manifest could be applied, and nothing would happen.",
		server: func(s *served) []Finding {
			if s.Marks[FromOperator] != Read || s.object.GetLabels()["flink.apache.org/canary"] == "true" {
				return nil
			}
			if len(s.Operators) == 0 {
				return []Finding{{Subject: "installation", Means: "no operator was found in this cluster that could look after it", Evidence: []Evidence{{Source: "deployments of all namespaces", Text: "none has the operator's label, image, class or environment"}}, Cures: []Cure{{Text: "install the operator"}}, Confidence: Likely}}
			}
			if !watched(s.Operators, s.ns) {
				return []Finding{{Subject: "namespace/" + s.ns, Means: "no operator watches namespace " + s.ns, Evidence: watchEvidence(s.Operators), Cures: watchCure(s.Operators, s.ns)}}
			}
			for _, o := range s.Operators {
				selector := o.Config["kubernetes.operator.label.selector"]
				key, value, ok := strings.Cut(selector, "=")
				if selector == "" || !ok || s.object.GetLabels()[key] == strings.TrimPrefix(value, "=") {
					return nil
				}
			}
			o := s.Operators[0]
			selector := o.Config["kubernetes.operator.label.selector"]
			return []Finding{{Subject: s.ref(), Means: "the operator only looks at objects with the label " + selector + ", which this one hasn't", Evidence: []Evidence{{Source: "configuration of " + operatorSource(o), Text: "kubernetes.operator.label.selector: " + selector}}, Cures: []Cure{{Text: "give it the label"}}}}
		},
	},
	{
		ID: "FLINK-SERVER-VERSION", Severity: Error, Title: "the cluster's operator doesn't support the Flink version", Link: docOverview,
		Explain: "Each release of the operator knows the Flink versions of its time: it refuses newer ones by their name, and from 1.7 on rejects 1.13 and 1.14. Flink 2.1 and 2.2 need operator 1.13, 2.3 and 2.4 operator 1.16.",
		Source:  "apache/flink-kubernetes-operator, enum FlinkVersion by release",
		server: func(s *served) []Finding {
			v := s.version()
			if v == 0 || !s.isCluster() {
				return nil
			}
			for _, o := range s.Operators {
				has := versionNumber(o.Version)
				if watches, _ := o.Watches(s.ns); !watches || has == 0 || operatorTakes(has, v) {
					continue
				}
				return []Finding{{Subject: "spec.flinkVersion", Means: fmt.Sprintf("operator %s doesn't support flinkVersion %s", o.Version, text(s.cluster, "flinkVersion")), Evidence: []Evidence{field("flinkVersion", text(s.cluster, "flinkVersion")), {Source: operatorSource(o), Text: "version " + o.Version}}, Cures: []Cure{{Text: "upgrade the operator (its CRDs first), or use a Flink version that it supports"}}}}
			}
			return nil
		},
	},
	{
		ID: "FLINK-SERVER-TAKEN", Severity: Warning, Title: "the name is taken by another owner", Link: docReference,
		Explain: "An object of that name is there already, and something else made it: a Helm release or a GitOps tool manages it, it belongs to a blue/green deployment, or a Deployment of Kubernetes has the name that the operator would use for the JobManager. Applying the manifest changes what the other one manages, or fails.",
		server: func(s *served) []Finding {
			if s.Current != nil {
				kind, _ := api.ParseKind(s.kind, append(slices.Clone(api.JobKinds), api.StateSnap)...)
				is, ok := api.Job{Kind: kind, Object: s.Current}.ManagedBy()
				would, _ := api.Job{Kind: kind, Object: s.object}.ManagedBy()
				if release := s.Current.GetAnnotations()["meta.helm.sh/release-name"]; release != "" && !ok {
					is, ok = api.Manager{Name: "Helm", Sign: "annotation meta.helm.sh/release-name=" + release}, true
				}
				switch {
				case ok && is.Name != would.Name:
					return []Finding{{Subject: s.ref(), Means: fmt.Sprintf("%s is there already, and %s manages it", s.ref(), is.Name), Evidence: []Evidence{{Source: s.ref() + " in " + s.ns, Text: is.Sign}}, Cures: []Cure{{Text: "make the change where that is kept, or choose another name"}}}}
				case slices.ContainsFunc(s.Current.GetOwnerReferences(), ownedBy(kindBlueGreen)):
					return []Finding{{Subject: s.ref(), Means: s.ref() + " is there already, and belongs to a blue/green deployment", Evidence: []Evidence{{Source: s.ref() + " in " + s.ns, Text: "ownerReferences: " + kindBlueGreen}}, Cures: []Cure{{Text: "change the blue/green deployment, or choose another name"}}}}
				}
				return nil
			}
			if d := s.Deployment; d != nil && s.kind == kindDeployment && !slices.ContainsFunc(d.GetOwnerReferences(), ownedBy(kindDeployment)) && d.GetLabels()["type"] == "" {
				return []Finding{{Severity: Error, Subject: "deployment/" + s.name, Means: fmt.Sprintf("a Deployment %s is there already, which isn't the operator's: it would need that name for the JobManager", s.name), Evidence: []Evidence{{Source: "deployment " + s.ns + "/" + s.name, At: d.GetCreationTimestamp().Time, Text: "no owner of kind " + kindDeployment}}, Cures: []Cure{{Text: "choose another name"}}, Confidence: Likely}}
			}
			return nil
		},
	},
	missingRule("FLINK-SERVER-CLUSTER", Error, NamedSessionCluster, "the session cluster isn't there",
		"A FlinkSessionJob runs in the FlinkDeployment that spec.deploymentName names, of the same namespace. It isn't there, and doesn't come with the manifests.", "apply the session cluster, too, or correct spec.deploymentName", docReference),
	missingRule("FLINK-SERVER-ACCOUNT", Error, NamedAccount, "the service account isn't there",
		"Flink's pods run as spec.serviceAccount, which isn't there in the namespace: no pod can be made. The operator's chart makes the account flink only in the namespaces that it is given.", "make it, with the role that Flink needs", docRBAC),
	missingRule("FLINK-SERVER-SECRET", Error, NamedSecret, "a Secret isn't there",
		"A pod template names a Secret as a volume or for environment variables, and it isn't there: the pods wait for it and don't start. Something else may make it later (External Secrets, Sealed Secrets).", "make it before, or correct its name", kubernetesDocs+"concepts/configuration/secret/"),
	missingRule("FLINK-SERVER-CONFIGMAP", Error, NamedConfigMap, "a ConfigMap isn't there",
		"A pod template names a ConfigMap as a volume or for environment variables, and it isn't there: the pods wait for it and don't start.", "make it before, or correct its name", kubernetesDocs+"concepts/configuration/configmap/"),
	missingRule("FLINK-SERVER-CLAIM", Error, NamedClaim, "a claim for storage isn't there",
		"A pod template mounts a PersistentVolumeClaim that isn't there: the pods stay Pending.", "make it before, or correct its name", kubernetesDocs+"concepts/storage/persistent-volumes/"),
	missingRule("FLINK-SERVER-PULL-SECRET", Warning, NamedPullSecret, "an image pull secret isn't there",
		"A pod template names an image pull secret that isn't there. Kubernetes goes on without it: an image of a registry that asks for credentials can't be pulled.", "make it before, or correct its name", kubernetesDocs+"tasks/configure-pod-container/pull-image-private-registry/"),
	missingRule("FLINK-SERVER-PRIORITY", Error, NamedPriorityClass, "the priority class isn't there",
		"A pod template names a PriorityClass that the cluster doesn't have: its pods are refused.", "make it, or use one of the cluster's (kubectl get priorityclasses)", kubernetesDocs+"concepts/scheduling-eviction/pod-priority-preemption/"),
	{
		ID: "FLINK-SERVER-QUOTA", Severity: Error, Title: "a quota wouldn't let its pods in", Link: kubernetesDocs + "concepts/policy/resource-quotas/",
		Explain: "The pods that the manifest makes, a JobManager and as many TaskManagers as its parallelism needs, ask for more than what a ResourceQuota of the namespace has left. What the object's own pods use now is counted as free.",
		server: func(s *served) []Finding {
			needs := s.needs()
			if needs == nil || s.Current != nil {
				return nil // what it uses now isn't known apart
			}
			var out []Finding
			for i := range s.Quotas {
				q := &s.Quotas[i]
				if len(q.Spec.Scopes) > 0 || q.Spec.ScopeSelector != nil {
					continue
				}
				for _, name := range quotaResources {
					hard, limited := q.Status.Hard[name]
					need, known := needs[name]
					if !limited || !known {
						continue
					}
					used := q.Status.Used[name]
					left := hard.DeepCopy()
					left.Sub(used)
					if need.Cmp(left) <= 0 {
						continue
					}
					out = append(out, Finding{Subject: "resourcequota/" + q.Name, Means: fmt.Sprintf("quota %s has %s of %s left, and its pods need %s", q.Name, left.String(), name, need.String()), Evidence: []Evidence{{Source: "resourcequota " + s.ns + "/" + q.Name, Text: fmt.Sprintf("%s: used %s of %s", name, used.String(), hard.String())}}, Cures: []Cure{{Text: "raise the quota, free what it counts, or ask for less"}}, Confidence: Likely})
					break
				}
			}
			return out
		},
	},
}

// needs is what a cluster's pods ask for in all, as quotas count it; nil where
// that isn't known.
func (s *served) needs() map[corev1.ResourceName]resource.Quantity {
	if !s.isCluster() || s.wants() == api.WantSuspended && s.runsJob() {
		return nil
	}
	count := map[string]int64{jobManager: max(number(s.cluster, "jobManager", "replicas"), 1)}
	if s.standalone() {
		count[taskManager] = max(number(s.cluster, "taskManager", "replicas"), 1)
	} else if s.runsJob() && s.kind != kindSessionJob {
		slots := max(number(map[string]any{"n": s.conf["taskmanager.numberOfTaskSlots"]}, "n"), 1)
		count[taskManager] = (max(number(s.spec, "job", "parallelism"), 1) + slots - 1) / slots
	}
	var cpu, memory, pods int64
	for role, n := range count {
		pods += n
		field := podField(role)
		q, err := resource.ParseQuantity(cmp.Or(text(s.cluster, field, "resource", "cpu"), "1"))
		if err != nil {
			return nil
		}
		cpu += n * q.MilliValue()
		plan, ok, err := s.plan(role)
		if !ok || err != nil {
			return nil
		}
		memory += n * plan.process
	}
	all, cores, bytes := *resource.NewQuantity(pods, resource.DecimalSI), *resource.NewMilliQuantity(cpu, resource.DecimalSI), *resource.NewQuantity(memory, resource.BinarySI)
	return map[corev1.ResourceName]resource.Quantity{
		corev1.ResourcePods: all, "count/pods": all, corev1.ResourceRequestsCPU: cores, corev1.ResourceCPU: cores, corev1.ResourceLimitsCPU: cores,
		corev1.ResourceRequestsMemory: bytes, corev1.ResourceMemory: bytes, corev1.ResourceLimitsMemory: bytes,
	}
}
