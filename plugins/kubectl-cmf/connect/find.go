package connect

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// ServiceName is the name of CMF's Service in every installation of its chart.
// The Service has no labels, and the pods' differ between charts.
const ServiceName = "cmf-service"

// Service is a port of a Service.
type Service struct {
	Namespace, Name string
	Port            int32
}

// String is how kubectl names it.
func (s Service) String() string {
	return fmt.Sprintf("service/%s in namespace %q", s.Name, s.Namespace)
}

// Host is the Service's name within the cluster.
func (s Service) Host() string { return s.Name + "." + s.Namespace + ".svc.cluster.local" }

// names are those that certificates of CMF are made for.
func (s Service) names() []string {
	out := []string{s.Host(), s.Name + "." + s.Namespace + ".svc", s.Name + "." + s.Namespace, s.Name}
	const chart = "confluent-manager-for-apache-flink"
	return append(out, chart+"."+s.Namespace+".svc.cluster.local", chart+"."+s.Namespace+".svc", chart)
}

var restClasses = schema.GroupVersionResource{Group: "platform.confluent.io", Version: "v1beta1", Resource: "cmfrestclasses"}

// Cluster is what the search needs of Kubernetes. An empty namespace means all.
type Cluster interface {
	Services(ctx context.Context, namespace, name string) ([]Service, error)
	RestClasses(ctx context.Context, namespace string) ([]unstructured.Unstructured, error)
	Secret(ctx context.Context, namespace, name string) (map[string][]byte, error)
}

// found is where CMF is: behind a Service, or at an address.
type found struct {
	service Service
	address string
	scheme  string
	// secret is what the object that named the server says of TLS, for this
	// server alone; secretName is its NAMESPACE/NAME.
	secret     map[string][]byte
	secretName string
	how        string
	remember   bool
	// own says that the server, and the object that named it, are in the
	// context's namespace.
	own bool
	// named says that the user named the server.
	named bool
}

// caFrom says where the certificate authority comes from.
func (f *found) caFrom(m material) string {
	if m.caNamed {
		return "--cmf-ca"
	}
	return "secret " + f.secretName
}

// servicePrefix tells a Service from an address: service:NAMESPACE/NAME[:PORT].
const servicePrefix = "service:"

// namedService is the Service that the user names as text.
func (f *Finder) namedService(ctx context.Context, text, by string) (*found, error) {
	wrong := func() error {
		return exit.Usagef("%s: %q is not %sNAMESPACE/NAME or %sNAMESPACE/NAME:PORT", by, text, servicePrefix, servicePrefix)
	}
	namespace, name, ok := strings.Cut(strings.TrimPrefix(text, servicePrefix), "/")
	name, port, hasPort := strings.Cut(name, ":")
	if !ok || !isLabel(namespace) || !isLabel(name) {
		return nil, wrong()
	}
	hit := &found{service: Service{Namespace: namespace, Name: name}, how: by, named: true}
	if hasPort {
		number, err := strconv.ParseUint(port, 10, 16)
		if err != nil || number == 0 {
			return nil, wrong()
		}
		hit.service.Port = int32(number)
		return hit, nil
	}
	services, err := f.cluster().Services(ctx, namespace, name)
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("%s: %w", by, err)
	}
	if len(services) != 1 {
		return nil, fmt.Errorf("%s: there is no service %q in namespace %q", by, name, namespace)
	}
	hit.service.Port = services[0].Port
	return hit, nil
}

// isLabel reports whether name can be that of a Service or a namespace.
func isLabel(name string) bool { return len(validation.IsDNS1123Label(name)) == 0 }

func (f *Finder) cluster() Cluster {
	if f.Cluster != nil {
		return f.Cluster
	}
	return kubeCluster{f.Kube}
}

func (f *Finder) secret(ctx context.Context, namespace, name string) (map[string][]byte, error) {
	return f.cluster().Secret(ctx, namespace, name)
}

// find looks for CMF: in the namespace given, where it was last time, in the
// context's namespace, everywhere, and then for what Confluent for Kubernetes
// says.
func (f *Finder) find(ctx context.Context) (*found, error) {
	namespace, explicit, err := f.Kube.Namespace()
	if err != nil {
		return nil, err
	}
	if f.Elsewhere && explicit {
		// The namespace that the flag names is another thing's.
		namespace, explicit = "", false
	}
	var denied []string
	own := namespace
	look := func(namespace string) (*found, error) {
		services, err := f.cluster().Services(ctx, namespace, ServiceName)
		switch {
		case apierrors.IsForbidden(err):
			denied = append(denied, namespace)
			return nil, nil
		case apierrors.IsNotFound(err) || err == nil && len(services) == 0:
			return nil, nil
		case err != nil:
			return nil, err
		case len(services) > 1:
			var names []string
			for _, s := range services {
				names = append(names, s.Namespace)
			}
			return nil, exit.Usagef("CMF runs in several namespaces: %s; say which with -n NAMESPACE", several(names))
		}
		s := services[0]
		return &found{service: s, how: s.String(), own: s.Namespace == own}, nil
	}
	places := []string{f.State.Get(f.Key()).Namespace, namespace, ""}
	if explicit {
		places = []string{namespace}
	}
	for i, place := range places {
		if i == 0 && !explicit && place == "" || i == 1 && place == places[0] {
			continue
		}
		hit, err := look(place)
		if err != nil {
			return nil, err
		}
		if hit != nil {
			hit.remember = !explicit && i == len(places)-1
			return hit, nil
		}
	}
	hit, err := f.fromRestClass(ctx, places[len(places)-1], own)
	if err != nil || hit != nil {
		return hit, err
	}
	return nil, notFound(namespace, explicit, denied)
}

func notFound(namespace string, explicit bool, denied []string) error {
	text := "CMF was not found: there is no Service " + ServiceName
	if explicit {
		text += fmt.Sprintf(" in namespace %q", namespace)
	} else {
		text += " in any namespace"
	}
	text += " and no CMFRestClass"
	if slices.Contains(denied, "") {
		text = fmt.Sprintf("CMF was not found: there is no Service %s in namespace %q, and you may not list services elsewhere; say where it is with -n NAMESPACE", ServiceName, namespace)
	} else if len(denied) > 0 {
		text = fmt.Sprintf("CMF was not found: you may not get services in namespace %q", denied[0])
	}
	return errors.New(text + "; or give its address with --cmf-url or CONFLUENT_CMF_URL")
}

// fromRestClass follows a CMFRestClass of Confluent for Kubernetes.
func (f *Finder) fromRestClass(ctx context.Context, namespace, own string) (*found, error) {
	class, err := f.restClass(ctx, namespace)
	if class == nil || err != nil {
		return nil, err
	}
	endpoint, _, _ := unstructured.NestedString(class.Object, "spec", "cmfRest", "endpoint")
	how := fmt.Sprintf("cmfrestclass/%s in namespace %q", class.GetName(), class.GetNamespace())
	address, err := cmf.ParseAddress(endpoint)
	if err != nil {
		return nil, fmt.Errorf("%s: spec.cmfRest.endpoint: %w", how, err)
	}
	secret, secretName, err := f.classSecret(ctx, class)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", how, err)
	}
	kind, _, _ := unstructured.NestedString(class.Object, "spec", "cmfRest", "authentication", "type")
	if kind == "oauth" && f.Flags.TokenFile == "" && f.Warn != nil && !completion.Active(ctx) {
		f.Warn("%s says that CMF takes OAuth tokens: give one with --cmf-token-file", how)
	}
	service, inside := serviceOf(address, class.GetNamespace())
	if !inside {
		return &found{address: address.String(), secret: secret, secretName: secretName, how: how}, nil
	}
	return &found{
		service: service, scheme: address.Scheme, secret: secret, secretName: secretName, how: how,
		own: class.GetNamespace() == own && service.Namespace == own,
	}, nil
}

// restClass is the one to follow: the only one, or the one called default.
func (f *Finder) restClass(ctx context.Context, namespace string) (*unstructured.Unstructured, error) {
	classes, err := f.cluster().RestClasses(ctx, namespace)
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) || len(classes) == 0 && err == nil {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(classes) == 1 {
		return &classes[0], nil
	}
	var names []string
	var defaults []*unstructured.Unstructured
	for i := range classes {
		names = append(names, classes[i].GetNamespace()+"/"+classes[i].GetName())
		if classes[i].GetName() == "default" {
			defaults = append(defaults, &classes[i])
		}
	}
	if len(defaults) == 1 {
		return defaults[0], nil
	}
	return nil, exit.Usagef("there are several CMFRestClasses: %s; say which CMF you mean with -n NAMESPACE or --cmf-url", several(names))
}

// several lists names, the first ones of many.
func several(names []string) string {
	const shown = 10
	slices.Sort(names)
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ", "), len(names)-shown)
	}
	return strings.Join(names, ", ")
}

// classSecret is the TLS secret that a class names with its name, nil for none.
func (f *Finder) classSecret(ctx context.Context, class *unstructured.Unstructured) (data map[string][]byte, name string, err error) {
	name, _, _ = unstructured.NestedString(class.Object, "spec", "cmfRest", "tls", "secretRef")
	if name == "" {
		return nil, "", nil
	}
	data, err = f.cluster().Secret(ctx, class.GetNamespace(), name)
	return data, class.GetNamespace() + "/" + name, err
}

// serviceSecret is the TLS secret that a CMFRestClass beside a Service names
// for it. A class speaks for its own endpoint alone.
func (f *Finder) serviceSecret(ctx context.Context, service Service) (data map[string][]byte, name string, err error) {
	classes, err := f.cluster().RestClasses(ctx, service.Namespace)
	if err != nil {
		return nil, "", err
	}
	for i := range classes {
		text, _, _ := unstructured.NestedString(classes[i].Object, "spec", "cmfRest", "endpoint")
		address, err := cmf.ParseAddress(text)
		if err != nil {
			continue
		}
		if of, inside := serviceOf(address, classes[i].GetNamespace()); inside && of == service {
			return f.classSecret(ctx, &classes[i])
		}
	}
	return nil, "", nil
}

// serviceOf tells names within the cluster from others: cmf, cmf.ns,
// cmf.ns.svc and cmf.ns.svc.cluster.local.
func serviceOf(address *url.URL, namespace string) (Service, bool) {
	port := 80
	if address.Scheme == "https" {
		port = 443
	}
	if text := address.Port(); text != "" {
		port, _ = strconv.Atoi(text)
	}
	parts := strings.Split(strings.TrimSuffix(address.Hostname(), "."), ".")
	if !isLabel(parts[0]) || len(parts) > 1 && !isLabel(parts[1]) {
		return Service{}, false
	}
	s := Service{Namespace: namespace, Name: parts[0], Port: int32(port)}
	switch {
	case len(parts) == 1 && parts[0] != "localhost":
		return s, true
	case len(parts) == 2 && parts[1] == namespace, len(parts) >= 3 && parts[2] == "svc":
		s.Namespace = parts[1]
		return s, true
	}
	return Service{}, false
}

// kubeCluster asks the API server.
type kubeCluster struct{ kube clients }

// Services finds a Service by its name, with a port for HTTP.
func (k kubeCluster) Services(ctx context.Context, namespace, name string) ([]Service, error) {
	client, err := k.kube.Clientset()
	if err != nil {
		return nil, err
	}
	list, err := client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{FieldSelector: fields.OneTermEqualSelector("metadata.name", name).String()})
	if apierrors.IsForbidden(err) && namespace != "" {
		// get may be allowed where list isn't.
		one, getErr := client.CoreV1().Services(namespace).Get(ctx, name, metav1.GetOptions{})
		if getErr != nil {
			return nil, getErr
		}
		list.Items, err = append(list.Items[:0:0], *one), nil
	}
	if err != nil {
		return nil, err
	}
	var out []Service
	for _, s := range list.Items {
		if len(s.Spec.Ports) == 0 {
			return nil, fmt.Errorf("service %s/%s has no ports", s.Namespace, s.Name)
		}
		out = append(out, Service{Namespace: s.Namespace, Name: s.Name, Port: s.Spec.Ports[0].Port})
	}
	return out, nil
}

// RestClasses lists the CMFRestClasses.
func (k kubeCluster) RestClasses(ctx context.Context, namespace string) ([]unstructured.Unstructured, error) {
	client, err := k.kube.Dynamic()
	if err != nil {
		return nil, err
	}
	list, err := client.Resource(restClasses).Namespace(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	return list.Items, nil
}

// Secret is the data of a Secret.
func (k kubeCluster) Secret(ctx context.Context, namespace, name string) (map[string][]byte, error) {
	client, err := k.kube.Clientset()
	if err != nil {
		return nil, err
	}
	secret, err := client.CoreV1().Secrets(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("secret %s/%s: %w", namespace, name, err)
	}
	return secret.Data, nil
}
