//go:build api

package api

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// losesOnResume is a suspended job that would start without its state.
func (s *server) losesOnResume(t *testing.T, namespace, name string) {
	t.Helper()
	spec := deploymentSpec(bothDirs)
	job := spec["job"].(map[string]any)
	job["state"], job["upgradeMode"] = "suspended", "stateless"
	object := s.create(t, api.Deployment, namespace, name, spec, nil)
	s.setStatus(t, api.Deployment, object, carriedOut(object, "SUSPENDED", "FINISHED", map[string]any{"upgradeSavepointPath": "file:/s/savepoint-1"}))
}

const resumeRule = "FLINK-SPEC-STATELESS-RESUME"

// A cure is written to the object, and to nothing else; what a person has to
// agree to isn't done unasked.
func TestDoctorFix(t *testing.T) {
	t.Parallel()
	ns := current.namespace(t)
	_, err := current.core.CoreV1().ServiceAccounts(ns).Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "flink"}}, metav1.CreateOptions{})
	must(t, err)
	current.losesOnResume(t, ns, "orders")
	current.losesOnResume(t, ns, "other")
	current.carryOut(t, ns)
	mode := func(name string) string { return jobField(current.deployment(t, ns, name), "upgradeMode") }

	r := current.flink(t, t.Context(), "doctor", "orders", "-n", ns, "--fix")
	r.wants(t, exit.Usage, "there is no terminal to ask on")
	for _, dry := range []string{"client", "server"} {
		before := current.deployment(t, ns, "orders").GetResourceVersion()
		r = current.flink(t, t.Context(), "doctor", "orders", "-n", ns, "--fix", "--dry-run="+dry)
		if after := current.deployment(t, ns, "orders").GetResourceVersion(); after != before || !strings.Contains(r.out, resumeRule) {
			t.Errorf("%s: version %s, was %s\n%s", dry, after, before, r)
		}
	}

	r = current.flink(t, t.Context(), "doctor", "orders", "-n", ns, "--fix", "--yes")
	if !strings.Contains(r.out, resumeRule) || !strings.Contains(r.out, "the finding is gone") {
		t.Error(r)
	}
	if mode("orders") == "stateless" || mode("other") != "stateless" {
		t.Errorf("modes %s and %s\n%s", mode("orders"), mode("other"), r)
	}
	if state := jobField(current.deployment(t, ns, "orders"), "state"); state != "suspended" {
		t.Errorf("the job is %s\n%s", state, r)
	}
	// The account of the job has no rights: giving it some is for a person to say.
	roles, err := current.core.RbacV1().Roles(ns).List(t.Context(), metav1.ListOptions{})
	must(t, err)
	if len(roles.Items) > 0 {
		t.Errorf("%d roles were made\n%s", len(roles.Items), r)
	}
}

// A user who may look and not change is told so, and nothing is changed.
func TestDoctorFixWithoutPermission(t *testing.T) {
	ns := current.namespace(t)
	current.losesOnResume(t, ns, "orders")
	user := current.user(t, ns, rbacv1.PolicyRule{APIGroups: []string{api.Group, "", "apps"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}})
	r := flinkAs(t, t.Context(), user, "doctor", "orders", "-n", ns, "--fix", "--yes")
	if r.code == exit.OK || !strings.Contains(r.out+r.err, "orbidden") {
		t.Error(r)
	}
	if mode := jobField(current.deployment(t, ns, "orders"), "upgradeMode"); mode != "stateless" {
		t.Errorf("mode %s\n%s", mode, r)
	}
}
