package reach

import (
	"context"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// PortPair is [LOCAL:]REMOTE as kubectl port-forward takes it.
type PortPair struct {
	// Local is the local port; -1 where none was given, 0 for any.
	Local  int
	Remote intstr.IntOrString
}

// ParsePort reads [LOCAL:]REMOTE. An empty LOCAL before a colon is any port.
func ParsePort(arg string) (PortPair, error) {
	local, remote, both := strings.Cut(arg, ":")
	pair := PortPair{Local: -1}
	switch {
	case !both:
		remote = local
	case local == "":
		pair.Local = 0
	default:
		n, err := strconv.Atoi(local)
		if err != nil || n < 0 || n > 65535 {
			return pair, exit.Usagef("%q: the local port must be a number between 0 and 65535", arg)
		}
		pair.Local = n
	}
	n, err := strconv.Atoi(remote)
	switch {
	case remote == "" || strings.Contains(remote, ":"):
		return pair, exit.Usagef("%q: want [LOCAL:]REMOTE", arg)
	case err != nil:
		pair.Remote = intstr.FromString(remote)
	case n < 1 || n > 65535:
		return pair, exit.Usagef("%q: the remote port must be between 1 and 65535", arg)
	default:
		pair.Remote = intstr.FromInt(n)
	}
	return pair, nil
}

// KubernetesTarget reads TYPE/NAME of kubectl's own types that have pods; ok
// is false for others.
func KubernetesTarget(arg, namespace string) (target portforward.Target, ok bool) {
	word, name, found := strings.Cut(arg, "/")
	if !found || name == "" {
		return target, false
	}
	word, _, _ = strings.Cut(strings.ToLower(word), ".apps")
	kinds := map[portforward.Kind][]string{
		portforward.PodKind:     {"pod", "pods", "po"},
		portforward.Service:     {"service", "services", "svc"},
		portforward.Deployment:  {"deployment", "deployments", "deploy"},
		portforward.StatefulSet: {"statefulset", "statefulsets", "sts"},
		portforward.ReplicaSet:  {"replicaset", "replicasets", "rs"},
	}
	for kind, words := range kinds {
		if slices.Contains(words, word) {
			return portforward.Target{Namespace: namespace, Kind: kind, Name: name}, true
		}
	}
	return target, false
}

// FlinkPort is a port of a Flink cluster by the name that users know, or by
// number. rest is the REST Service's; the others are the JobManager's.
func FlinkPort(cluster api.Ref, config api.Config, port intstr.IntOrString) (portforward.Target, error) {
	if port.Type == intstr.Int {
		return JobManager(cluster, port), nil
	}
	switch port.StrVal {
	case "rest":
		return ServiceTarget(cluster), nil
	case "rpc":
		return JobManager(cluster, intstr.FromString("jobmanager-rpc")), nil
	case "blob":
		return JobManager(cluster, intstr.FromString("blobserver")), nil
	case "metrics":
		n, err := metricsPort(config)
		return JobManager(cluster, intstr.FromInt(n)), err
	}
	return JobManager(cluster, port), nil
}

// metricsPort is that of the first reporter that listens on one. Reporters
// may have a range; the first process on a host takes its first port.
func metricsPort(config api.Config) (int, error) {
	var keys []string
	for key := range config {
		if strings.HasPrefix(key, "metrics.reporter.") && strings.HasSuffix(key, ".port") {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	for _, key := range keys {
		first, _, _ := strings.Cut(config[key], "-")
		if n, err := strconv.Atoi(strings.TrimSpace(first)); err == nil && n > 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("no metrics reporter with a port is configured: set metrics.reporter.prom.factory.class and metrics.reporter.prom.port, or name the port by number")
}

// Forward is one port to forward.
type Forward struct {
	// Label says what it is; "" for what the user named.
	Label string
	Pair  PortPair
	// Target's port is Pair.Remote's.
	Target portforward.Target
	// Current, where not nil, says where a target that moves is now.
	Current func() portforward.Target
}

// preset describes a product's Service by what every way to install it has in
// common: a word in its name and its well-known ports.
type preset struct {
	product string
	words   []string
	ports   []presetPort
}

type presetPort struct {
	label  string
	number int32
	names  []string
}

var (
	minIO = preset{"MinIO", []string{"minio"}, []presetPort{
		{"MinIO API", 9000, []string{"http-minio", "https-minio", "minio", "api", "s3"}},
		{"MinIO console", 9001, []string{"http-console", "https-console", "console", "minio-console"}},
	}}
	controlCenter = preset{"Control Center", []string{"controlcenter", "control-center", "c3"}, []presetPort{
		{"Control Center", 9021, []string{"external", "control-center", "c3", "http"}},
	}}
)

// MinIO finds the MinIO Service's API and console in namespace, else anywhere.
func MinIO(ctx context.Context, core clientset.Interface, namespace string) ([]Forward, error) {
	return minIO.find(ctx, core, namespace)
}

// ControlCenter finds Confluent Control Center in namespace, else anywhere.
func ControlCenter(ctx context.Context, core clientset.Interface, namespace string) ([]Forward, error) {
	return controlCenter.find(ctx, core, namespace)
}

func (p preset) find(ctx context.Context, core clientset.Interface, namespace string) ([]Forward, error) {
	services, err := clientset.Services(ctx, core, namespace)
	if err != nil {
		return nil, err
	}
	found := p.among(services)
	if len(found) == 0 {
		// It often has a namespace of its own; who may not list all of them
		// learns which one was looked at.
		if all, err := clientset.Services(ctx, core, metav1.NamespaceAll); err == nil {
			found = p.among(all)
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("no Service of %s found in namespace %s (looked for %s in its name and port %d): name it with -n NAMESPACE or as service/NAME",
			p.product, namespace, strings.Join(p.words, " or "), p.ports[0].number)
	}
	return found, nil
}

// among finds each port once; headless Services come last, because they name
// single pods.
func (p preset) among(services []corev1.Service) []Forward {
	sort.SliceStable(services, func(i, j int) bool {
		return services[i].Spec.ClusterIP != corev1.ClusterIPNone && services[j].Spec.ClusterIP == corev1.ClusterIPNone
	})
	var out []Forward
	for _, want := range p.ports {
		if f, ok := want.among(services, p.words); ok {
			out = append(out, f)
		}
	}
	return out
}

func (want presetPort) among(services []corev1.Service, words []string) (Forward, bool) {
	for _, byName := range []bool{false, true} {
		for i := range services {
			s := &services[i]
			label := s.Name + " " + s.Labels["app"] + " " + s.Labels["app.kubernetes.io/name"]
			if !slices.ContainsFunc(words, func(w string) bool { return strings.Contains(label, w) }) {
				continue
			}
			for _, port := range s.Spec.Ports {
				if !byName && port.Port == want.number || byName && slices.Contains(want.names, port.Name) {
					remote := intstr.FromInt32(port.Port)
					return Forward{
						Label:  want.label,
						Pair:   PortPair{Local: -1, Remote: remote},
						Target: portforward.Target{Namespace: s.Namespace, Kind: portforward.Service, Name: s.Name, Port: remote},
					}, true
				}
			}
		}
	}
	return Forward{}, false
}
