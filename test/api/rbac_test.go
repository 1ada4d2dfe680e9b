//go:build api

package api

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// role binds one of docs/rbac in a namespace, to a user of that role's name.
func (s *server) role(t *testing.T, namespace, name string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "docs", "rbac", name+".yaml"))
	must(t, err)
	role := &rbacv1.ClusterRole{}
	must(t, yaml.UnmarshalStrict(data, role))
	if _, err := s.core.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	user := namespace + "-" + name
	_, err = s.core.RbacV1().RoleBindings(namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: "User", APIGroup: rbacv1.GroupName, Name: user}},
	}, metav1.CreateOptions{})
	must(t, err)
	return user
}

// versions are the objects of a namespace as they are, by kind and name.
func (s *server) versions(t *testing.T, namespace string) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, kind := range []api.Kind{api.Deployment, api.SessionJob, api.StateSnap} {
		list, err := s.dynamic.Resource(kind.GVR()).Namespace(namespace).List(t.Context(), metav1.ListOptions{})
		must(t, err)
		for _, object := range list.Items {
			out[kind.Name+"/"+object.GetName()] = object.GetResourceVersion()
		}
	}
	return out
}

// The verbs that change something, as a user would try them on job and on its
// older snapshot; those that delete apart.
func changes(manifest string) (changing, deleting [][]string) {
	for _, line := range []string{
		"savepoint job --method resource",
		"checkpoint job --method resource",
		"suspend job --mode last-state",
		"restart job --upgrade-mode last-state",
		"scale job --parallelism 2",
		"upgrade job --set execution.checkpointing.interval=30s",
		"submit -f " + manifest,
		"snapshot adopt file:///flink-data/savepoints/savepoint-1 --job job",
	} {
		changing = append(changing, strings.Fields(line))
	}
	for _, line := range []string{
		"delete job --lose-state --yes",
		"snapshot delete saved --keep-data --yes",
		"snapshot prune --keep 1 --keep-data --yes",
	} {
		deleting = append(deleting, strings.Fields(line))
	}
	return changing, deleting
}

// ground is a namespace with a running job and two snapshots of it, and a
// manifest of another job.
func ground(t *testing.T) (namespace, manifest string) {
	t.Helper()
	namespace = current.namespace(t)
	current.runningJob(t, namespace, "job", savepointDir)
	for name, day := range map[string]string{"saved": "01", "newer": "02"} {
		current.create(t, api.StateSnap, namespace, name,
			map[string]any{"jobReference": map[string]any{"kind": "FlinkDeployment", "name": "job"}, "savepoint": map[string]any{"disposeOnDelete": false}},
			map[string]any{"state": "COMPLETED", "path": "file:/flink-data/savepoints/savepoint-a1b2c3-" + day, "triggerTimestamp": "2026-01-" + day + "T00:00:00Z", "resultTimestamp": "2026-01-" + day + "T00:00:01Z"})
	}
	manifest = filepath.Join(t.TempDir(), "job.yaml")
	must(t, os.WriteFile(manifest, []byte(`{apiVersion: flink.apache.org/v1beta1, kind: FlinkDeployment, metadata: {name: new}, spec: {
  image: "flink:1.20", flinkVersion: v1_20, serviceAccount: flink, job: {jarURI: "local:///opt/job.jar", parallelism: 1, upgradeMode: stateless}}}`), 0o600))
	return namespace, manifest
}

func TestViewerLooksAndChangesNothing(t *testing.T) {
	namespace, manifest := ground(t)
	user := current.role(t, namespace, "viewer")
	as := []string{"-n", namespace, "--as", user}
	for _, line := range []string{
		"list", "list -o wide", "status job", "status job -o json", "events job",
		"snapshot list", "snapshot describe saved", "snapshot wait saved", "version",
	} {
		current.flink(t, t.Context(), append(strings.Fields(line), as...)...).wants(t, 0)
	}
	before := current.versions(t, namespace)
	changing, deleting := changes(manifest)
	for _, args := range append(changing, deleting...) {
		r := current.flink(t, t.Context(), append(args, as...)...)
		r.wants(t, 1)
		if !strings.Contains(strings.ToLower(r.err), "forbidden") && !strings.Contains(r.err, "may not") {
			t.Errorf("%v: the error doesn't say that it is forbidden\n%s", args, r)
		}
	}
	if after := current.versions(t, namespace); len(after) != len(before) {
		t.Errorf("objects were %v and are %v", before, after)
	} else {
		for name, version := range before {
			if after[name] != version {
				t.Errorf("%s was changed", name)
			}
		}
	}
	// Through Flink's REST API nothing can be changed either: GET alone is
	// allowed, and no way in that the API server doesn't look into.
	for _, verb := range []string{"create", "update", "patch", "delete"} {
		current.may(t, namespace, user, verb, "services", "proxy", false)
		current.may(t, namespace, user, verb, "pods", "portforward", false)
		current.may(t, namespace, user, verb, "pods", "proxy", false)
		current.may(t, namespace, user, verb, "pods", "exec", false)
	}
	current.may(t, namespace, user, "get", "services", "proxy", true)
	current.may(t, namespace, user, "get", "secrets", "", false)
}

func TestOperatorChangesAndDeletesNothing(t *testing.T) {
	namespace, manifest := ground(t)
	user := current.role(t, namespace, "operator")
	as := []string{"-n", namespace, "--as", user, "--dry-run=server"}
	changing, deleting := changes(manifest)
	for _, args := range changing {
		current.flink(t, t.Context(), append(args, as...)...).wants(t, 0)
	}
	before := current.versions(t, namespace)
	for _, args := range deleting {
		r := current.flink(t, t.Context(), append(args, as[:4]...)...)
		r.wants(t, 1)
		if !strings.Contains(strings.ToLower(r.err), "forbidden") && !strings.Contains(r.err, "may not") {
			t.Errorf("%v: the error doesn't say that it is forbidden\n%s", args, r)
		}
	}
	if after := current.versions(t, namespace); len(after) != len(before) {
		t.Errorf("objects were %v and are %v", before, after)
	}
	current.may(t, namespace, user, "create", "pods", "portforward", true)
	current.may(t, namespace, user, "create", "pods", "exec", false)
	current.may(t, namespace, user, "patch", "pods", "ephemeralcontainers", false)
	current.may(t, namespace, user, "get", "secrets", "", false)
}

func TestAdminDoesAll(t *testing.T) {
	namespace, manifest := ground(t)
	user := current.role(t, namespace, "admin")
	as := []string{"-n", namespace, "--as", user}
	changing, deleting := changes(manifest)
	for _, args := range changing {
		current.flink(t, t.Context(), append(append(args, as...), "--dry-run=server")...).wants(t, 0)
	}
	for i := range deleting {
		args := deleting[len(deleting)-1-i]
		if args[0] == "snapshot" && args[1] == "prune" {
			args = append(args, "--dry-run=server")
		}
		current.flink(t, t.Context(), append(args, as...)...).wants(t, 0)
	}
	if left := current.versions(t, namespace); len(left) != 1 || left["FlinkStateSnapshot/newer"] == "" {
		t.Errorf("left: %v", left)
	}
	current.may(t, namespace, user, "create", "pods", "exec", true)
	current.may(t, namespace, user, "patch", "pods", "ephemeralcontainers", true)
	current.may(t, namespace, user, "create", "pods", "", true)
	current.may(t, namespace, user, "get", "secrets", "", false)
}

// may checks what the API server says to a question of user itself.
func (s *server) may(t *testing.T, namespace, user, verb, resource, subresource string, want bool) {
	t.Helper()
	config, err := clientcmd.RESTConfigFromKubeConfig(s.kubeconfig)
	must(t, err)
	config.Impersonate = rest.ImpersonationConfig{UserName: user}
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: verb, Resource: resource, Subresource: subresource,
		}},
	}, metav1.CreateOptions{})
	must(t, err)
	if answer.Status.Allowed != want {
		t.Errorf("%s may %s %s/%s: %v, want %v", user, verb, resource, subresource, answer.Status.Allowed, want)
	}
}
