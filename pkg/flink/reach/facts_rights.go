package reach

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
)

// need is a right of the API server that verbs of this plugin need.
type need struct {
	verb, action, group, resource, subresource string
}

// needs are the rights that matter most, by the verb that fails without.
var needs = []need{
	{"list", "list", api.Group, api.Deployment.Plural, ""},
	{"list", "list", api.Group, api.SessionJob.Plural, ""},
	{"status", "get", api.Group, api.Deployment.Plural, ""},
	{"status", "list", "", "pods", ""},
	{"events", "list", "", "events", ""},
	{"logs", "get", "", "pods", "log"},
	{"config", "get", "", "configmaps", ""},
	{"submit", "create", api.Group, api.Deployment.Plural, ""},
	{"submit", "create", api.Group, api.SessionJob.Plural, ""},
	{"upgrade, suspend, resume, scale", "patch", api.Group, api.Deployment.Plural, ""},
	{"delete", "delete", api.Group, api.Deployment.Plural, ""},
	{"savepoint", "create", api.Group, api.StateSnap.Plural, ""},
	{"snapshot", "list", api.Group, api.StateSnap.Plural, ""},
	{"snapshot delete", "delete", api.Group, api.StateSnap.Plural, ""},
	{"ui, rest, top, exceptions, checkpoints", "create", "", "pods", "portforward"},
	{"sql-client", "create", "", "pods", "exec"},
	{"heap", "patch", "", "pods", "ephemeralcontainers"},
}

// rights asks what the user may do.
func (g *Gatherer) rights(ctx context.Context, namespace string) ([]diagnosis.Right, error) {
	var out []diagnosis.Right
	for _, n := range needs {
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
			Namespace: namespace, Verb: n.action, Group: n.group, Resource: n.resource, Subresource: n.subresource,
		}}}
		if n.resource == api.StateSnap.Plural {
			// Older operators have no such kind: the right is not needed.
			if served, err := g.Client.Serves(ctx, api.StateSnap); err != nil || !served {
				continue
			}
		}
		answer, err := g.Client.Core().AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err != nil {
			return out, err
		}
		what := n.resource
		if n.group != "" {
			what += "." + n.group
		}
		if n.subresource != "" {
			what += "/" + n.subresource
		}
		out = append(out, diagnosis.Right{Verb: n.verb, Needs: n.action + " " + what, Namespace: namespace, Allowed: answer.Status.Allowed})
	}
	return out, nil
}
