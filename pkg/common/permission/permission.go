// Package permission names a Kubernetes permission as kubectl auth can-i does.
package permission

import (
	"regexp"
	"strings"
)

// Permission is a verb on a resource.
type Permission struct {
	Verb string
	// Resource may have a subresource, as in pods/exec.
	Resource string
	// Group is "" for Kubernetes' core group.
	Group string
	// Namespace is "" for resources that are in none.
	Namespace string
	// Everywhere says that it is meant for all namespaces.
	Everywhere bool
}

// denied is what the API server's authorizers say of a request. What they name
// becomes part of a command that is advised, so it must be a name.
var denied = regexp.MustCompile(` cannot ([a-z]+) resource "([a-z0-9./-]+|\*)" in API group "([a-z0-9.-]*|\*)"(?: in the namespace "([a-z0-9-]+)"| (at the cluster scope))?`)

// Parse finds the missing permission in what the API server says of a forbidden
// request.
func Parse(message string) (p Permission, known bool) {
	m := denied.FindStringSubmatch(message)
	if m == nil {
		return Permission{}, false
	}
	return Permission{Verb: m[1], Resource: m[2], Group: m[3], Namespace: m[4], Everywhere: m[5] != ""}, true
}

// Qualified is the resource with its group, and its subresource behind both, as
// in flinkdeployments.flink.apache.org/status.
func (p Permission) Qualified() string {
	base, subresource, found := strings.Cut(p.Resource, "/")
	if p.Group != "" {
		base += "." + p.Group
	}
	if found {
		base += "/" + subresource
	}
	return base
}

// Check is the command with which a user checks the permission.
func (p Permission) Check() string {
	base, subresource, _ := strings.Cut(p.Resource, "/")
	command := "kubectl auth can-i " + p.Verb + " " + Permission{Resource: base, Group: p.Group}.Qualified()
	if subresource != "" {
		command += " --subresource=" + subresource
	}
	switch {
	case p.Everywhere:
		command += " -A"
	case p.Namespace != "":
		command += " -n " + p.Namespace
	}
	return command
}
