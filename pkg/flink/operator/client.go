package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// chunk is how many objects are fetched with one request, as in kubectl.
const chunk = clientset.PageSize

// Client reads and changes the operator's objects.
type Client struct {
	dynamic dynamic.Interface
	core    clientset.Interface

	served *served
	claims *claims
	flink  Flink
}

// served is what the API server was found to serve; asked once.
type served struct {
	once    sync.Once
	plurals []string
	err     error
}

// NewClient connects with the factory's flags; nothing is sent yet.
func NewClient(factory *kube.Factory) (*Client, error) {
	dyn, err := factory.Dynamic()
	if err != nil {
		return nil, err
	}
	core, err := factory.Clientset()
	if err != nil {
		return nil, err
	}
	return ClientOf(dyn, core), nil
}

// ClientOf uses connections that exist. The API server isn't asked for the
// kinds that it serves where they are named.
func ClientOf(dyn dynamic.Interface, core clientset.Interface, kinds ...api.Kind) *Client {
	c := &Client{dynamic: dyn, core: core, served: &served{}, claims: &claims{known: map[string]claimFate{}}}
	if len(kinds) > 0 {
		c.served.once.Do(func() {
			for _, kind := range kinds {
				c.served.plurals = append(c.served.plurals, kind.Plural)
			}
		})
	}
	return c
}

// Resource is the API of one kind in a namespace; "" is all namespaces.
func (c *Client) Resource(kind api.Kind, namespace string) dynamic.ResourceInterface {
	return c.dynamic.Resource(kind.GVR()).Namespace(namespace)
}

// Core is the client for Kubernetes' own kinds.
func (c *Client) Core() clientset.Interface { return c.core }

// ErrNotInstalled says that the cluster has no Flink operator.
var ErrNotInstalled = errors.New(`the Flink Kubernetes Operator's CRDs are not installed in this cluster
Check the context (kubectl config current-context), or install the operator: its Helm chart brings the CRDs of ` + api.Group)

// Served are the plural names of the operator's kinds that the API server
// serves; ErrNotInstalled where there are none.
func (c *Client) Served(ctx context.Context) ([]string, error) {
	c.served.once.Do(func() { c.served.plurals, c.served.err = c.discover(ctx) })
	return c.served.plurals, c.served.err
}

// discover asks for our one group-version instead of everything the server
// has: with hundreds of CRDs that is the difference between ms and seconds.
func (c *Client) discover(ctx context.Context) ([]string, error) {
	raw, err := c.core.CoreV1().RESTClient().Get().AbsPath("/apis", api.Group, api.Version).SetHeader("Accept", "application/json").DoRaw(ctx)
	if apierrors.IsNotFound(err) {
		return nil, ErrNotInstalled
	}
	if err != nil {
		return nil, fmt.Errorf("ask which Flink kinds the API server serves: %w", err)
	}
	var list metav1.APIResourceList
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("read which Flink kinds the API server serves: %w", err)
	}
	var plurals []string
	for _, resource := range list.APIResources {
		if !strings.Contains(resource.Name, "/") {
			plurals = append(plurals, resource.Name)
		}
	}
	if len(plurals) == 0 {
		return nil, ErrNotInstalled
	}
	slices.Sort(plurals)
	return plurals, nil
}

// Serves reports whether the API server serves a kind.
func (c *Client) Serves(ctx context.Context, kind api.Kind) (bool, error) {
	plurals, err := c.Served(ctx)
	return slices.Contains(plurals, kind.Plural), err
}

// Get reads one object. Where it doesn't exist the error says what does: names
// near it, or that the kind isn't installed at all.
func (c *Client) Get(ctx context.Context, ref api.Ref) (*unstructured.Unstructured, error) {
	object, err := c.Resource(ref.Kind, ref.Namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, c.explainNotFound(ctx, ref, err)
	}
	return object, err
}

// List reads all objects of a kind, page after page.
func (c *Client) List(ctx context.Context, kind api.Kind, namespace string, options metav1.ListOptions) ([]unstructured.Unstructured, error) {
	var items []unstructured.Unstructured
	err := clientset.AllPages(ctx, options, c.Resource(kind, namespace).List, keepIn(&items))
	if err != nil {
		return nil, c.listError(ctx, kind, err)
	}
	return items, nil
}

func keepIn(items *[]unstructured.Unstructured) func(*unstructured.UnstructuredList) error {
	return func(page *unstructured.UnstructuredList) error {
		*items = append(*items, page.Items...)
		return nil
	}
}

// Pages reads all objects of a kind and keeps none.
func (c *Client) Pages(ctx context.Context, kind api.Kind, namespace string, options metav1.ListOptions, visit func([]unstructured.Unstructured)) error {
	err := clientset.Pages(ctx, options, c.Resource(kind, namespace).List, func(page *unstructured.UnstructuredList) error {
		visit(page.Items)
		return nil
	})
	return c.listError(ctx, kind, err)
}

// listError explains why a kind can't be listed; nil stays nil.
func (c *Client) listError(ctx context.Context, kind api.Kind, err error) error {
	var long *clientset.ListTooLongError
	switch {
	case apierrors.IsNotFound(err):
		return c.ExplainMissingKind(ctx, kind, err)
	case errors.As(err, &long):
		return fmt.Errorf("list %s: %w", kind.Plural, err)
	}
	return err
}

// ExplainMissingKind says why a kind's URL isn't there.
func (c *Client) ExplainMissingKind(ctx context.Context, kind api.Kind, err error) error {
	served, serveErr := c.Serves(ctx, kind)
	switch {
	case errors.Is(serveErr, ErrNotInstalled):
		return serveErr
	case serveErr == nil && !served:
		return fmt.Errorf("this cluster has no %s: the operator installed here is older than that kind (FlinkStateSnapshot came with 1.10, FlinkBlueGreenDeployment with 1.14), or its CRD is missing", kind.Name)
	}
	return err
}

// notFound keeps kubectl's words and adds what exists.
type notFound struct {
	error
	hint string
}

func (e notFound) Error() string { return e.error.Error() + e.hint }

func (e notFound) Unwrap() error { return e.error }

// WithHint is err with a hint after its text; what err is stays visible to
// errors.As and the checks of the API's errors.
func WithHint(err error, hint string) error { return notFound{err, hint} }

func (c *Client) explainNotFound(ctx context.Context, ref api.Ref, err error) error {
	if missing := c.ExplainMissingKind(ctx, ref.Kind, err); !errors.Is(missing, err) {
		return missing
	}
	var same, other, all []string
	for _, kind := range api.JobKinds {
		list, listErr := c.Resource(kind, ref.Namespace).List(ctx, metav1.ListOptions{Limit: chunk})
		if listErr != nil {
			continue
		}
		for i := range list.Items {
			name := list.Items[i].GetName()
			switch {
			case kind.Name != ref.Kind.Name && name == ref.Name:
				other = append(other, kind.Singular+"/"+name)
			case kind.Name == ref.Kind.Name && Near(name, ref.Name):
				same = append(same, name)
			case kind.Name == ref.Kind.Name:
				all = append(all, name)
			}
		}
	}
	switch {
	case len(other) > 0:
		return WithHint(err, "\nDid you mean "+strings.Join(other, " or ")+"?")
	case len(same) > 0:
		return WithHint(err, "\nNames near it: "+strings.Join(same[:min(len(same), 5)], ", "))
	case len(all) > 0 && len(all) <= 5:
		return WithHint(err, fmt.Sprintf("\nNamespace %s has: %s", ref.Namespace, strings.Join(all, ", ")))
	}
	return WithHint(err, fmt.Sprintf("\nSee what is there: kubectl get %s -n %s (or -A for every namespace)", ref.Kind.Plural, ref.Namespace))
}

// Near reports whether a user who typed b may have meant a.
func Near(a, b string) bool {
	if strings.Contains(a, b) || strings.Contains(b, a) {
		return true
	}
	limit := max(1, (len(b)+1)/3)
	return distance(a, b) <= limit
}

// distance is the Levenshtein distance of a and b, in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := diagonal
			if a[i-1] != b[j-1] {
				cost++
			}
			diagonal = row[j]
			row[j] = min(cost, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}

// KubernetesVersion is the API server's version, as in v1.34.4.
func (c *Client) KubernetesVersion(ctx context.Context) (string, error) {
	raw, err := c.core.CoreV1().RESTClient().Get().AbsPath("/version").SetHeader("Accept", "application/json").DoRaw(ctx)
	if err != nil {
		return "", err
	}
	var v struct {
		GitVersion string `json:"gitVersion"`
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return "", fmt.Errorf("read the server's version: %w", err)
	}
	return v.GitVersion, nil
}

// Dynamic is the connection for objects of any kind.
func (c *Client) Dynamic() dynamic.Interface { return c.dynamic }
