package portforward

import (
	"context"
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// permitted is asked before a wait for pod to become ready, so that nobody
// waits only to learn then that it was forbidden all along. It returns a
// *PermissionError, or nil where the API server doesn't say.
func (t *Tunnel) permitted(ctx context.Context, pod Pod) error {
	t.mu.Lock()
	known := t.permits[pod.Namespace]
	t.mu.Unlock()
	if known {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	// SPDY needs create, and WebSocket either, depending on the API server's
	// version.
	verbs := []string{"create", "get"}
	if t.options.Transport == SPDY {
		verbs = verbs[:1]
	}
	reason := ""
	for _, verb := range verbs {
		review, err := t.clients.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
			Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: pod.Namespace, Verb: verb, Resource: "pods", Subresource: "portforward", Name: pod.Name,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return nil //nolint:nilerr // the connection itself will say
		}
		if review.Status.Allowed {
			t.mu.Lock()
			t.permits[pod.Namespace] = true
			t.mu.Unlock()
			return nil
		}
		if reason == "" {
			reason = review.Status.Reason
		}
	}
	if reason == "" {
		reason = fmt.Sprintf("you can't create pods/portforward for pod %q", pod.Name)
	}
	return &PermissionError{Namespace: pod.Namespace, Missing: []string{"create pods/portforward"}, Said: reason}
}
