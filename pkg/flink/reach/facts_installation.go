package reach

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

var (
	crdResource      = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	validating       = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "validatingwebhookconfigurations"}
	mutating         = schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}
	certificates     = schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: "certificates"}
	storageClasses   = storagev1.SchemeGroupVersion.WithResource("storageclasses")
	metricsDiscovery = "/apis/metrics.k8s.io"
)

func parseQuantity(text string) (int64, error) {
	q, err := resource.ParseQuantity(text)
	if err != nil {
		return 0, err
	}
	return q.Value(), nil
}

// Installation gathers what is known of the operator's installation, as far as
// it matters to a namespace; "" is all.
func (g *Gatherer) Installation(ctx context.Context, namespace string) (*diagnosis.InstallationFacts, []Unread) {
	f := &diagnosis.InstallationFacts{Now: g.now()}
	s := g.sources()
	s.ask(ctx, diagnosis.FromCluster, func(ctx context.Context) (func(), error) {
		version, err := g.Client.KubernetesVersion(ctx)
		return func() { f.Kubernetes = strings.TrimPrefix(version, "v") }, err
	})
	s.ask(ctx, diagnosis.FromCRDs, func(ctx context.Context) (func(), error) {
		crds, err := g.crds(ctx)
		return func() { f.CRDs = crds }, err
	})
	s.ask(ctx, diagnosis.FromOperator, func(ctx context.Context) (func(), error) {
		found, err := g.operators(ctx)
		return func() { f.Operators = found }, err
	})
	s.ask(ctx, diagnosis.FromJobs, func(ctx context.Context) (func(), error) {
		jobs, err := g.Jobs(ctx, namespace, "")
		accounts := g.accounts(ctx, jobs)
		return func() {
			for _, job := range jobs {
				f.Jobs = append(f.Jobs, inShort(job))
			}
			f.Accounts = accounts
		}, err
	})
	if g.Store != nil {
		s.ask(ctx, diagnosis.FromStorage, func(ctx context.Context) (func(), error) {
			jobs, err := g.Jobs(ctx, namespace, "")
			if err != nil {
				return nil, err
			}
			found := g.stores(ctx, jobs)
			return func() { f.Storage = found }, nil
		})
	}
	s.ask(ctx, diagnosis.FromWebhooks, func(ctx context.Context) (func(), error) {
		hooks, err := g.webhooks(ctx)
		return func() { f.Webhooks = hooks }, err
	})
	s.ask(ctx, "certificates", func(ctx context.Context) (func(), error) {
		found, pods, err := g.certificates(ctx)
		return func() { f.Certificates, f.CertManager = found, pods }, err
	})
	s.ask(ctx, diagnosis.FromMetricsAPI, func(ctx context.Context) (func(), error) {
		_, err := g.Client.Core().CoreV1().RESTClient().Get().AbsPath(metricsDiscovery).SetHeader("Accept", "application/json").DoRaw(ctx)
		return nil, err
	})
	s.ask(ctx, diagnosis.FromClaims, func(ctx context.Context) (func(), error) {
		claims, err := g.claims(ctx, namespace)
		return func() { f.Claims = claims }, err
	})
	s.ask(ctx, diagnosis.FromRights, func(ctx context.Context) (func(), error) {
		rights, err := g.rights(ctx, namespace)
		return func() { f.Rights = rights }, err
	})
	var unread []Unread
	f.Marks, unread = s.wait()
	return f, unread
}

func (g *Gatherer) crds(ctx context.Context) ([]diagnosis.CRDFacts, error) {
	var out []diagnosis.CRDFacts
	for _, kind := range []api.Kind{api.Deployment, api.SessionJob, api.StateSnap, api.BlueGreen} {
		object, err := g.Client.Dynamic().Resource(crdResource).Get(ctx, kind.Plural+"."+api.Group, getOptions)
		if MarkOf(err) == diagnosis.NotThere {
			// Something else than a CRD may serve it.
			if served, err := g.Client.Serves(ctx, kind); err == nil && served {
				out = append(out, diagnosis.CRDFacts{Name: kind.Plural + "." + api.Group, Served: []string{api.Version}, Established: true})
			}
			continue
		}
		if err != nil {
			return nil, err
		}
		out = append(out, readCRD(object))
	}
	return out, nil
}

func readCRD(object *unstructured.Unstructured) diagnosis.CRDFacts {
	c := diagnosis.CRDFacts{Name: object.GetName(), Created: object.GetCreationTimestamp().Time, Conversion: api.Text(object.Object, "spec", "conversion", "strategy")}
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range conditions {
		if condition, ok := one.(map[string]any); ok && api.Text(condition, "type") == "Established" {
			c.Established = api.Text(condition, "status") == "True"
		}
	}
	versions, _, _ := unstructured.NestedSlice(object.Object, "spec", "versions")
	for _, one := range versions {
		version, ok := one.(map[string]any)
		if !ok {
			continue
		}
		if served, _ := version["served"].(bool); served {
			c.Served = append(c.Served, api.Text(version, "name"))
			properties := api.Section(version, "schema", "openAPIV3Schema", "properties")
			for _, part := range []string{"spec", "status"} {
				fieldsOf(&c.Fields, part, api.Section(properties, part), 0)
			}
		}
	}
	return c
}

// deepestField is how deep fields of a schema are named: what shows a CRD's
// age lies near the top, a pod template has thousands below.
const deepestField = 3

func fieldsOf(out *[]string, path string, schema map[string]any, depth int) {
	*out = append(*out, path)
	if depth == deepestField || strings.HasSuffix(path, "odTemplate") {
		return
	}
	properties := api.Section(schema, "properties")
	for _, name := range api.SortedKeys(properties) {
		fieldsOf(out, path+"."+name, api.Section(properties, name), depth+1)
	}
}

func inShort(job api.Job) diagnosis.JobInShort {
	o := job.Object
	j := diagnosis.JobInShort{
		Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName(), Created: o.GetCreationTimestamp().Time, Generation: o.GetGeneration(),
		HasError: api.Text(o.Object, "status", "error") != "", FlinkVersion: job.FlinkVersion(),
		Suspended: api.Text(job.Spec(), "job", "state") == api.WantSuspended, Canary: o.GetLabels()["flink.apache.org/canary"] == "true",
	}
	j.StatusKnown = len(api.Section(o.Object, "status")) > 0
	j.Observed, _ = api.Number(o.Object, "status", "observedGeneration")
	j.RestartNonce, _ = api.Number(job.Spec(), "restartNonce")
	// Who writes the status is the operator; everybody else changes the spec.
	for _, entry := range o.GetManagedFields() {
		if entry.Time != nil && entry.Subresource == "" && entry.Time.After(j.Changed) {
			j.Changed = entry.Time.Time
		}
	}
	return j
}

// mostAccounts bounds how many service accounts are looked for.
const mostAccounts = 50

// accounts are the service accounts that jobs name, and whether they are there.
func (g *Gatherer) accounts(ctx context.Context, jobs []api.Job) []diagnosis.AccountFacts {
	var out []diagnosis.AccountFacts
	for _, job := range jobs {
		name := api.Text(job.Spec(), "serviceAccount")
		if !isName(name) {
			continue
		}
		ref := job.Ref()
		i := slices.IndexFunc(out, func(a diagnosis.AccountFacts) bool { return a.Namespace == ref.Namespace && a.Name == name })
		if i < 0 {
			if len(out) == mostAccounts {
				continue
			}
			_, err := g.Client.Core().CoreV1().ServiceAccounts(ref.Namespace).Get(ctx, name, getOptions)
			out = append(out, diagnosis.AccountFacts{Namespace: ref.Namespace, Name: name, Exists: MarkOf(err)})
			i = len(out) - 1
		}
		out[i].Jobs = append(out[i].Jobs, ref.String())
	}
	return out
}

// webhooks are the admission webhooks for the operator's kinds.
func (g *Gatherer) webhooks(ctx context.Context) ([]diagnosis.WebhookFacts, error) {
	var out []diagnosis.WebhookFacts
	for _, kind := range []schema.GroupVersionResource{validating, mutating} {
		list, err := g.list(ctx, kind, "")
		if err != nil {
			return out, err
		}
		for i := range list {
			hooks, _, _ := unstructured.NestedSlice(list[i].Object, "webhooks")
			for _, one := range hooks {
				if hook, ok := one.(map[string]any); ok && concernsFlink(hook) {
					out = append(out, g.webhook(ctx, list[i].GetName(), hook))
				}
			}
		}
	}
	return out, nil
}

func concernsFlink(hook map[string]any) bool {
	rules, _ := hook["rules"].([]any)
	return slices.ContainsFunc(rules, func(one any) bool {
		rule, _ := one.(map[string]any)
		groups, _ := rule["apiGroups"].([]any)
		return slices.Contains(groups, any(api.Group))
	})
}

func (g *Gatherer) webhook(ctx context.Context, name string, hook map[string]any) diagnosis.WebhookFacts {
	out := diagnosis.WebhookFacts{Name: name, Fails: api.Text(hook, "failurePolicy") != "Ignore"}
	bundle := api.Text(hook, "clientConfig", "caBundle")
	raw, err := base64.StdEncoding.DecodeString(bundle)
	if err == nil {
		out.CABundle, out.Expires = len(raw), expires(raw)
	}
	namespace, service := api.Text(hook, "clientConfig", "service", "namespace"), api.Text(hook, "clientConfig", "service", "name")
	if service == "" {
		out.Service = api.Text(hook, "clientConfig", "url")
		return out
	}
	out.Service = namespace + "/" + service
	if !isName(namespace) || !isName(service) {
		return out
	}
	ready, _, err := g.endpoints(ctx, namespace, service)
	out.Endpoints, out.EndpointsMark = ready, MarkOf(err)
	if err == nil && ready > 0 {
		port, ok := api.Number(hook, "clientConfig", "service", "port")
		if !ok {
			port = 443
		}
		out.Served = g.servedCertificate(ctx, namespace, service, port, raw)
	}
	return out
}

// expires is when the last of some certificates (PEM) ends; zero where there is
// none. A bundle may keep old authorities beside the new one.
func expires(bundle []byte) time.Time {
	var last time.Time
	for {
		block, rest := pem.Decode(bundle)
		if block == nil {
			return last
		}
		bundle = rest
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && c.NotAfter.After(last) {
			last = c.NotAfter
		}
	}
}

// certificates are cert-manager's for an operator, and cert-manager's pods.
func (g *Gatherer) certificates(ctx context.Context) ([]diagnosis.CertificateFacts, []diagnosis.PodFacts, error) {
	operators, err := g.operators(ctx)
	if err != nil {
		return nil, nil, err
	}
	var out []diagnosis.CertificateFacts
	seen := map[string]bool{}
	for _, o := range operators {
		if seen[o.Namespace] {
			continue
		}
		seen[o.Namespace] = true
		list, err := g.list(ctx, certificates, o.Namespace)
		if err != nil {
			return nil, nil, err
		}
		for i := range list {
			if strings.Contains(list[i].GetName(), "flink-operator") {
				out = append(out, readCertificate(&list[i]))
			}
		}
	}
	if len(out) == 0 {
		return nil, nil, errNotThere
	}
	pods, err := clientset.Pods(ctx, g.Client.Core(), metav1.NamespaceAll, metav1.ListOptions{LabelSelector: "app.kubernetes.io/instance=cert-manager"})
	return out, podFacts(pods), err
}

func readCertificate(object *unstructured.Unstructured) diagnosis.CertificateFacts {
	c := diagnosis.CertificateFacts{Namespace: object.GetNamespace(), Name: object.GetName()}
	c.Expires, _ = time.Parse(time.RFC3339, api.Text(object.Object, "status", "notAfter"))
	conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
	for _, one := range conditions {
		if condition, ok := one.(map[string]any); ok && api.Text(condition, "type") == "Ready" {
			c.Ready, c.Message = api.Text(condition, "status") == "True", api.Text(condition, "message")
		}
	}
	return c
}

// claims are the volumes that jobs of a namespace name.
func (g *Gatherer) claims(ctx context.Context, namespace string) ([]diagnosis.Claim, error) {
	pods, err := clientset.Pods(ctx, g.Client.Core(), namespace, metav1.ListOptions{LabelSelector: "app,component in (jobmanager,taskmanager)"})
	if err != nil {
		return nil, err
	}
	users := map[string][]string{}
	for i := range pods {
		for _, v := range pods[i].Spec.Volumes {
			if v.PersistentVolumeClaim == nil {
				continue
			}
			at, app := pods[i].Namespace+"/"+v.PersistentVolumeClaim.ClaimName, pods[i].Labels["app"]
			if !slices.Contains(users[at], app) {
				users[at] = append(users[at], app)
			}
		}
	}
	if len(users) == 0 {
		return nil, nil
	}
	waits := map[string]bool{}
	if classes, err := g.list(ctx, storageClasses, ""); err == nil {
		for i := range classes {
			waits[classes[i].GetName()] = api.Text(classes[i].Object, "volumeBindingMode") == string(storagev1.VolumeBindingWaitForFirstConsumer)
		}
	}
	var out []diagnosis.Claim
	err = clientset.AllPages(ctx, metav1.ListOptions{}, g.Client.Core().CoreV1().PersistentVolumeClaims(namespace).List, func(page *corev1.PersistentVolumeClaimList) error {
		for i := range page.Items {
			c := &page.Items[i]
			by := users[c.Namespace+"/"+c.Name]
			if len(by) == 0 {
				continue
			}
			one := diagnosis.Claim{Namespace: c.Namespace, Name: c.Name, Phase: string(c.Status.Phase), Class: classOf(c), Created: c.CreationTimestamp.Time, UsedBy: by}
			one.Waits = waits[one.Class]
			if c.Status.Phase != corev1.ClaimBound {
				one.Reason = g.claimReason(ctx, c.Namespace, c.Name)
			}
			out = append(out, one)
		}
		return nil
	})
	return out, err
}
