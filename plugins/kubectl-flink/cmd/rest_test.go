package cmd

import (
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
)

// What isn't sent is said before anything is asked of the cluster.
func TestRESTRefusesWhatLeadsElsewhere(t *testing.T) {
	for _, test := range []struct {
		path, header, want string
	}{
		{path: "/../../secrets", want: "PATH is not sent"},
		{path: "/jobs/%2e%2e/x", want: "PATH is not sent"},
		{path: "/a%2fb", want: "PATH is not sent"},
		{path: `/a\b`, want: "PATH is not sent"},
		{path: "jobs", want: "must begin with a slash"},
		{path: "/config", header: "Impersonate-User: admin", want: "can't pass the API server's proxy"},
		{path: "/config", header: "authorization: Bearer x", want: "can't pass the API server's proxy"},
	} {
		o := &restOptions{common: &common{}}
		if test.header != "" {
			o.Headers, o.via = []string{test.header}, string(portforward.ViaAPIServer)
		}
		o.Args = []string{"job", test.path}
		err := o.Run(t.Context())
		if exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: got %v, want %q", test.path, test.header, err, test.want)
		}
	}
}

func TestPageAddress(t *testing.T) {
	for want, addresses := range map[string][]string{
		"http://localhost:1": nil, "http://localhost:2": {"localhost"}, "http://localhost:3": {"0.0.0.0"}, "http://localhost:4": {"::"},
		"http://10.0.0.1:5": {"10.0.0.1", "0.0.0.0"}, "http://[::1]:6": {"::1"},
	} {
		port := int(want[len(want)-1] - '0')
		if got := pageAddress(addresses, port); got != want {
			t.Errorf("%v: got %s, want %s", addresses, got, want)
		}
	}
}
