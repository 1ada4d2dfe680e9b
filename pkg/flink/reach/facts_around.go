package reach

import (
	"cmp"
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// list reads all objects of a kind that isn't among the clientset's.
func (g *Gatherer) list(ctx context.Context, resource schema.GroupVersionResource, namespace string) ([]unstructured.Unstructured, error) {
	var out []unstructured.Unstructured
	err := clientset.AllPages(ctx, metav1.ListOptions{}, g.Client.Dynamic().Resource(resource).Namespace(namespace).List, func(page *unstructured.UnstructuredList) error {
		out = append(out, page.Items...)
		return nil
	})
	return out, err
}

var (
	hpaResource       = autoscalingv2.SchemeGroupVersion.WithResource("horizontalpodautoscalers")
	pdbResource       = policyv1.SchemeGroupVersion.WithResource("poddisruptionbudgets")
	ingressResource   = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"}
	ingressClasses    = schema.GroupVersionResource{Group: "networking.k8s.io", Version: "v1", Resource: "ingressclasses"}
	leaseResource     = schema.GroupVersionResource{Group: "coordination.k8s.io", Version: "v1", Resource: "leases"}
	podMetricResource = schema.GroupVersionResource{Group: "metrics.k8s.io", Version: "v1beta1", Resource: "pods"}
)

// quotas are the quotas of a namespace, which are read once.
func (g *Gatherer) quotas(ctx context.Context, namespace string) ([]corev1.ResourceQuota, error) {
	return once(ctx, g, "quotas/"+namespace, func(ctx context.Context) ([]corev1.ResourceQuota, error) {
		list, err := g.Client.Core().CoreV1().ResourceQuotas(namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return nil, err
		}
		return list.Items, nil
	})
}

// askAround reads what isn't the job's own, and still decides whether it runs.
func (g *Gatherer) askAround(ctx context.Context, s *sources, f *diagnosis.JobFacts, ref api.Ref, cluster string) {
	namespace := ref.Namespace
	s.ask(ctx, diagnosis.FromQuotas, func(ctx context.Context) (func(), error) {
		quotas, err := g.quotas(ctx, namespace)
		return func() { f.Quotas = quotas }, err
	})
	s.ask(ctx, diagnosis.FromNodes, func(ctx context.Context) (func(), error) {
		nodes, err := once(ctx, g, "nodes", g.nodes)
		return func() { f.Nodes = nodes }, err
	})
	s.ask(ctx, diagnosis.FromHPA, func(ctx context.Context) (func(), error) {
		all, err := once(ctx, g, "hpa/"+namespace, func(ctx context.Context) ([]unstructured.Unstructured, error) {
			return g.list(ctx, hpaResource, namespace)
		})
		return func() {
			for i := range all {
				if h, ok := readHPA(&all[i], ref); ok {
					f.HPA = append(f.HPA, h)
				}
			}
		}, err
	})
	s.ask(ctx, diagnosis.FromPDB, func(ctx context.Context) (func(), error) {
		all, err := once(ctx, g, "pdb/"+namespace, func(ctx context.Context) ([]policyv1.PodDisruptionBudget, error) {
			items, err := g.list(ctx, pdbResource, namespace)
			return typed[policyv1.PodDisruptionBudget](items), err
		})
		return func() { f.PDB = all }, err
	})
	s.ask(ctx, diagnosis.FromSnapshots, func(ctx context.Context) (func(), error) {
		if served, err := g.Client.Serves(ctx, api.StateSnap); err != nil || !served {
			return nil, cmp.Or(err, errNotThere)
		}
		items, err := once(ctx, g, "snapshots/"+namespace, func(ctx context.Context) ([]unstructured.Unstructured, error) {
			return g.Client.List(ctx, api.StateSnap, namespace, metav1.ListOptions{})
		})
		return func() {
			for i := range items {
				if (api.Snapshot{Object: &items[i]}).Refers(ref) {
					f.Snapshots = append(f.Snapshots, &items[i])
				}
			}
		}, err
	})
	s.ask(ctx, diagnosis.FromNeighbors, func(ctx context.Context) (func(), error) {
		jobs, err := g.Jobs(ctx, namespace, "")
		return func() { readNeighbors(f, jobs, ref, cluster) }, err
	})
	s.ask(ctx, diagnosis.FromAutoscaler, func(ctx context.Context) (func(), error) {
		scaler, err := g.Client.Autoscaler(ctx, namespace, ref.Name)
		return func() {
			if err == nil {
				f.Autoscaler = readScaler(scaler)
			}
		}, err
	})
	s.ask(ctx, diagnosis.FromOperator, func(ctx context.Context) (func(), error) {
		found, err := g.operators(ctx)
		return func() {
			for i := range found {
				found[i].Log = about(found[i].Log, ref)
			}
			f.Operators = found
		}, err
	})
}

func typed[T any](items []unstructured.Unstructured) []T {
	var out []T
	for i := range items {
		var one T
		if runtime.DefaultUnstructuredConverter.FromUnstructured(items[i].Object, &one) == nil {
			out = append(out, one)
		}
	}
	return out
}

func (g *Gatherer) nodes(ctx context.Context) ([]diagnosis.NodeFacts, error) {
	var out []diagnosis.NodeFacts
	err := clientset.AllPages(ctx, metav1.ListOptions{}, g.Client.Core().CoreV1().Nodes().List, func(page *corev1.NodeList) error {
		for i := range page.Items {
			n := &page.Items[i]
			one := diagnosis.NodeFacts{
				Name: n.Name, CPU: n.Status.Allocatable.Cpu().MilliValue(), Memory: n.Status.Allocatable.Memory().Value(),
				Architecture: n.Status.NodeInfo.Architecture, Labels: n.Labels, Unschedulable: n.Spec.Unschedulable,
			}
			for _, c := range n.Status.Conditions {
				one.Ready = one.Ready || c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
			}
			out = append(out, one)
		}
		return nil
	})
	return out, err
}

func readHPA(object *unstructured.Unstructured, ref api.Ref) (diagnosis.HPAFacts, bool) {
	if api.Text(object.Object, "spec", "scaleTargetRef", "kind") != ref.Kind.Name || api.Text(object.Object, "spec", "scaleTargetRef", "name") != ref.Name {
		return diagnosis.HPAFacts{}, false
	}
	h := diagnosis.HPAFacts{Name: object.GetName(), Min: 1}
	if n, ok := api.Number(object.Object, "spec", "minReplicas"); ok {
		h.Min = n
	}
	h.Max, _ = api.Number(object.Object, "spec", "maxReplicas")
	return h, true
}

// readNeighbors finds the session jobs of a cluster, and other clusters'
// directories.
func readNeighbors(f *diagnosis.JobFacts, jobs []api.Job, ref api.Ref, cluster string) {
	for _, job := range jobs {
		other := job.Ref()
		switch {
		case other.Kind.Name == api.SessionJob.Name && ref.Kind.Name == api.Deployment.Name && job.SessionCluster() == ref.Name:
			f.SessionJobs = append(f.SessionJobs, other.Name)
			f.Flink.OtherJobs = slices.DeleteFunc(f.Flink.OtherJobs, func(id string) bool { return id == job.JobID() })
		case other.Kind.Name == api.Deployment.Name && other.Name != cluster && job.BlueGreenParent() == "":
			own, _ := job.Spec()["flinkConfiguration"].(map[string]any)
			config := api.Flatten(own)
			dir, _ := config.Get("high-availability.storageDir", "high-availability.zookeeper.storageDir", "recovery.zookeeper.storageDir")
			if dir == "" {
				continue
			}
			id, _ := config.Get("high-availability.cluster-id", "kubernetes.cluster-id")
			f.Neighbors = append(f.Neighbors, diagnosis.Neighbor{Name: other.Namespace + "/" + other.Name, HADir: dir, ClusterID: cmp.Or(id, other.Name)})
		}
	}
}

func readScaler(scaler operator.Autoscaler) *diagnosis.AutoscalerFacts {
	out := &diagnosis.AutoscalerFacts{Overrides: scaler.Overrides}
	for _, d := range scaler.Decisions {
		out.Decisions = append(out.Decisions, diagnosis.Decision{At: d.At, Vertex: d.VertexID, From: d.From, To: d.To})
	}
	return out
}

// askService reads the REST Service of a cluster, whether somebody is behind
// it, and its ingress.
func (g *Gatherer) askService(ctx context.Context, s *sources, f *diagnosis.JobFacts, namespace, cluster string) {
	s.ask(ctx, diagnosis.FromService, func(ctx context.Context) (func(), error) {
		name := cluster + "-rest"
		service, err := g.Client.Core().CoreV1().Services(namespace).Get(ctx, name, getOptions)
		if err != nil {
			return nil, err
		}
		out := &diagnosis.ServiceFacts{Name: name, Type: string(service.Spec.Type), Created: service.CreationTimestamp.Time}
		for _, in := range service.Status.LoadBalancer.Ingress {
			out.Addresses = append(out.Addresses, cmp.Or(in.IP, in.Hostname))
		}
		if out.Ready, out.NotReady, err = g.endpoints(ctx, namespace, name); err != nil {
			return nil, err
		}
		ingress, err := g.Client.Dynamic().Resource(ingressResource).Namespace(namespace).Get(ctx, cluster, getOptions)
		if err == nil {
			out.HasIngress = true
			out.IngressClass = api.Text(ingress.Object, "spec", "ingressClassName")
			found, _, _ := unstructured.NestedSlice(ingress.Object, "status", "loadBalancer", "ingress")
			for _, in := range found {
				if one, ok := in.(map[string]any); ok {
					out.IngressAddresses = append(out.IngressAddresses, cmp.Or(api.Text(one, "ip"), api.Text(one, "hostname")))
				}
			}
			if classes, err := g.list(ctx, ingressClasses, ""); err == nil {
				for i := range classes {
					out.Classes = append(out.Classes, classes[i].GetName())
				}
			}
		}
		return func() { f.Service = out }, nil
	})
}

// endpoints counts who is behind a Service.
func (g *Gatherer) endpoints(ctx context.Context, namespace, service string) (ready, notReady int, err error) {
	slicesOf, err := g.Client.Core().DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + service})
	if err != nil {
		return 0, 0, err
	}
	for i := range slicesOf.Items {
		for _, e := range slicesOf.Items[i].Endpoints {
			if e.Conditions.Ready == nil || *e.Conditions.Ready {
				ready++
			} else {
				notReady++
			}
		}
	}
	return ready, notReady, nil
}

// about are the lines of an operator's log that name an object, those that say what
// the operator may not do, and of a thread that ended at the object.
func about(log []diagnosis.LogLine, ref api.Ref) []diagnosis.LogLine {
	tag := "[" + ref.Namespace + "." + ref.Name + "] "
	var out []diagnosis.LogLine
	tagged := "" // the object that was named last
	for _, line := range log {
		switch {
		case hasWord(line.Text, ref.Namespace) && hasWord(line.Text, ref.Name), strings.Contains(line.Text, "is forbidden"),
			// A thread that ends says so without the object that it was at.
			diagnosis.IsThreadsEnd(line.Text) && tagged == tag:
			out = append(out, line)
		}
		if found := objectTag.FindString(line.Text); found != "" {
			tagged = found
		}
	}
	return out
}

// hasWord reports whether a name stands in a text, and not as a part of another:
// orders isn't in orders-2.
func hasWord(text, name string) bool {
	part := func(c byte) bool {
		return c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
	}
	for from := 0; name != ""; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return false
		}
		begin, end := from+i, from+i+len(name)
		if (begin == 0 || !part(text[begin-1])) && (end == len(text) || !part(text[end])) {
			return true
		}
		from = end
	}
	return false
}

// objectTag is how an operator's line names its object: [namespace.name], or [.]
// for none.
var objectTag = regexp.MustCompile(`\[[a-z0-9-]*\.[a-z0-9.-]*\] `)

// operators are those that were found, with their configuration and the end of
// their log. Each answer is the caller's own.
func (g *Gatherer) operators(ctx context.Context) ([]diagnosis.OperatorFacts, error) {
	found, err := once(ctx, g, "operators", g.readOperators)
	return slices.Clone(found), err
}

func (g *Gatherer) readOperators(ctx context.Context) ([]diagnosis.OperatorFacts, error) {
	state := g.Client.OperatorHealth(ctx)
	if state.Err != nil {
		return nil, state.Err
	}
	out := make([]diagnosis.OperatorFacts, 0, len(state.Deployments))
	for _, d := range state.Deployments {
		out = append(out, g.readOperator(ctx, d))
	}
	return out, nil
}

// readOperator reads what is known of one operator. What the user may not see
// is missing.
func (g *Gatherer) readOperator(ctx context.Context, d operator.OperatorDeployment) diagnosis.OperatorFacts {
	out := diagnosis.OperatorFacts{Namespace: d.Namespace, Name: d.Name, Version: d.Version, Image: d.Image, Wanted: d.Wanted, Ready: d.Ready}
	core := g.Client.Core()
	watched, fromEnv := "", false
	deployment, err := core.AppsV1().Deployments(d.Namespace).Get(ctx, d.Name, getOptions)
	out.WatchedMark = MarkOf(err)
	if err == nil {
		for _, c := range deployment.Spec.Template.Spec.Containers {
			for _, env := range c.Env {
				if env.Name == "WATCH_NAMESPACES" && env.ValueFrom == nil {
					watched, fromEnv = env.Value, env.Value != ""
				}
			}
		}
	}
	config := api.Config{}
	for _, name := range d.ConfigMaps {
		if !isName(name) {
			continue
		}
		found, err := core.CoreV1().ConfigMaps(d.Namespace).Get(ctx, name, getOptions)
		if err != nil {
			if !apierrors.IsNotFound(err) {
				out.WatchedMark = MarkOf(err)
			}
			continue
		}
		for _, file := range []string{"flink-conf.yaml", "config.yaml"} {
			maps.Copy(config, api.ParseConfig(file, found.Data[file]))
		}
	}
	out.Config = config
	if value := config["kubernetes.operator.watched.namespaces"]; !fromEnv {
		watched = value
	}
	for name := range strings.FieldsFuncSeq(watched, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
		if name = strings.Trim(name, `[]"'`); name != "" && name != "JOSDK_ALL_NAMESPACES" {
			out.Watched = append(out.Watched, name)
		}
	}
	pods, err := clientset.Pods(ctx, core, d.Namespace, metav1.ListOptions{LabelSelector: d.Pods})
	if err != nil {
		return out
	}
	out.Pods = podFacts(pods)
	for i := range pods {
		out.Log = append(out.Log, g.operatorLog(ctx, &pods[i])...)
		if usage, err := g.Client.Dynamic().Resource(podMetricResource).Namespace(d.Namespace).Get(ctx, pods[i].Name, getOptions); err == nil {
			out.MemoryUsed = max(out.MemoryUsed, memoryOf(usage))
		}
	}
	sorting.By(out.Log, func(a, b diagnosis.LogLine) int { return a.At.Compare(b.At) })
	if config["kubernetes.operator.leader-election.enabled"] == "true" {
		out.Lease = g.lease(ctx, d.Namespace, config["kubernetes.operator.leader-election.lease-name"])
	}
	return out
}

// operatorLines is how much of an operator's log is read.
const operatorLines = 2000

// operatorLog reads warnings, errors and what objects they are about.
func (g *Gatherer) operatorLog(ctx context.Context, pod *corev1.Pod) []diagnosis.LogLine {
	tail, since := int64(operatorLines), metav1.NewTime(g.now().Add(-logBack))
	var container string
	for _, c := range pod.Spec.Containers {
		if container == "" || c.Name == "flink-kubernetes-operator" {
			container = c.Name
		}
	}
	lines, err := g.tail(ctx, pod.Namespace, pod.Name, &corev1.PodLogOptions{Container: container, TailLines: &tail, SinceTime: &since, Timestamps: true})
	if err != nil {
		return nil
	}
	return stamped(lines)
}

func memoryOf(metrics *unstructured.Unstructured) int64 {
	containers, _, _ := unstructured.NestedSlice(metrics.Object, "containers")
	var sum int64
	for _, c := range containers {
		one, ok := c.(map[string]any)
		if !ok {
			continue
		}
		if q, err := parseQuantity(api.Text(one, "usage", "memory")); err == nil {
			sum += q
		}
	}
	return sum
}

func (g *Gatherer) lease(ctx context.Context, namespace, name string) *diagnosis.LeaseFacts {
	if !isName(name) {
		return nil
	}
	object, err := g.Client.Dynamic().Resource(leaseResource).Namespace(namespace).Get(ctx, name, getOptions)
	if err != nil {
		return nil
	}
	out := &diagnosis.LeaseFacts{Name: name, Holder: api.Text(object.Object, "spec", "holderIdentity")}
	out.Renewed, _ = time.Parse(time.RFC3339Nano, api.Text(object.Object, "spec", "renewTime"))
	if n, ok := api.Number(object.Object, "spec", "leaseDurationSeconds"); ok {
		out.Lasts = time.Duration(min(max(n, 0), 1<<20)) * time.Second
	}
	return out
}
