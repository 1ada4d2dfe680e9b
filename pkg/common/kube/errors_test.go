package kube

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

func TestMessageUsesKubectlsWords(t *testing.T) {
	gr := schema.GroupResource{Group: "flink.apache.org", Resource: "flinkdeployments"}
	forbidden := apierrors.NewForbidden(gr, "", errors.New(`User "u" cannot list resource "flinkdeployments" in API group "flink.apache.org" in the namespace "default"`))
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"not found": {
			apierrors.NewNotFound(gr, "x"),
			`Error from server (NotFound): flinkdeployments.flink.apache.org "x" not found`,
		},
		"wrapped not found keeps its context": {
			fmt.Errorf("look up the job: %w", apierrors.NewNotFound(gr, "x")),
			`Error from server (NotFound): look up the job: flinkdeployments.flink.apache.org "x" not found`,
		},
		"unauthorized": {
			apierrors.NewUnauthorized("Unauthorized"),
			"error: You must be logged in to the server (Unauthorized)",
		},
		"forbidden names the verb": {
			forbidden,
			"Error from server (Forbidden): " + forbidden.Error() +
				"\nAsk for the verb \"list\" on flinkdeployments.flink.apache.org; check with: kubectl auth can-i list flinkdeployments.flink.apache.org -n default",
		},
		"refused by a proxy": {
			&url.Error{Op: "Get", URL: "https://api:6443/api", Err: errors.New("proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused")},
			"Unable to connect to the server: proxyconnect tcp: dial tcp 127.0.0.1:9: connect: connection refused",
		},
		"refused by a SOCKS proxy": {
			&url.Error{Op: "Get", URL: "https://api:6443/api", Err: errors.New("socks connect tcp 127.0.0.1:9->api:6443: dial tcp 127.0.0.1:9: connect: connection refused")},
			"Unable to connect to the server: socks connect tcp 127.0.0.1:9->api:6443: dial tcp 127.0.0.1:9: connect: connection refused",
		},
		"refused by who gives tokens": {
			&url.Error{Op: "Get", URL: "https://api:6443/api", Err: errors.New(`getting credentials: Post "https://login/oauth": dial tcp 127.0.0.1:9: connect: connection refused`)},
			`Unable to connect to the server: getting credentials: Post "https://login/oauth": dial tcp 127.0.0.1:9: connect: connection refused`,
		},
		"refused": {
			&url.Error{Op: "Get", URL: "https://127.0.0.1:1/api", Err: errors.New("dial tcp 127.0.0.1:1: connect: connection refused")},
			"The connection to the server 127.0.0.1:1 was refused - did you specify the right host or port?",
		},
		"other connection errors": {
			&url.Error{Op: "Get", URL: "https://h/api", Err: errors.New("no such host")},
			"Unable to connect to the server: no such host",
		},
		"more than is taken into memory": {
			fmt.Errorf("unexpected error when reading response body. Please retry. Original error: %w", &clientset.AnswerTooLargeError{Path: "/version", Limit: 16 << 20}),
			"error: the API server sent more than 16 MiB in one answer to /version: select less with -l, -n or --limit where the command has them, or see whether this is an API server",
		},
		"a text too long to be read": {errors.New(strings.Repeat("x", 100<<20)), "error: " + strings.Repeat("x", 16<<10-7) + "… (100.0 MiB, cut)"},
		"without secrets":            {errors.New("cannot open jdbc:mysql://me:hunter2@db: password=hunter2"), "error: cannot open jdbc:mysql://me:******@db: password=******"},
		"anything else, made safe":   {errors.New("bad \x1b[31mthing"), "error: bad thing"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Message(tc.err); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

func TestPermissionIsCheckedWhereItIsMissing(t *testing.T) {
	for said, want := range map[string]string{
		`User "u" cannot create resource "pods/exec" in API group "" in the namespace "jobs"`:                           "kubectl auth can-i create pods --subresource=exec -n jobs",
		`User "u" cannot patch resource "flinkdeployments/status" in API group "flink.apache.org" at the cluster scope`: "kubectl auth can-i patch flinkdeployments.flink.apache.org --subresource=status -A",
		`User "u" cannot get resource "nodes" in API group ""`:                                                          "kubectl auth can-i get nodes",
	} {
		err := apierrors.NewForbidden(schema.GroupResource{Resource: "x"}, "", errors.New(said))
		if got := Message(err); !strings.HasSuffix(got, "check with: "+want) {
			t.Errorf("%s:\n%s", said, got)
		}
	}
}
