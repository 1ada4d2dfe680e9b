package kube

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// Message is what the user reads of err: kubectl's words for what the API
// server or the connection says, "error: …" for the rest. It may have several
// lines and is safe for a terminal.
func Message(err error) string { return term.Safe(message(err)) }

func message(err error) string {
	var status apierrors.APIStatus
	var link *url.Error
	switch {
	case errors.As(err, &status):
		switch s := status.Status(); {
		case s.Reason == metav1.StatusReasonUnauthorized:
			return fmt.Sprintf("error: You must be logged in to the server (%s)", s.Message)
		case s.Reason == metav1.StatusReasonForbidden:
			return fmt.Sprintf("Error from server (%s): %s%s", s.Reason, err, permission(s))
		case len(s.Reason) > 0:
			return fmt.Sprintf("Error from server (%s): %s", s.Reason, err)
		default:
			return fmt.Sprintf("Error from server: %s", err)
		}
	case errors.As(err, &link) && exit.Code(err) == exit.Failed:
		if strings.Contains(link.Err.Error(), "connection refused") {
			host := link.URL
			if server, parseErr := url.Parse(link.URL); parseErr == nil {
				host = server.Host
			}
			return fmt.Sprintf("The connection to the server %s was refused - did you specify the right host or port?", host)
		}
		return fmt.Sprintf("Unable to connect to the server: %v", link.Err)
	}
	return "error: " + err.Error()
}

// refusedResource is what the API server says of a request that it refuses.
var refusedResource = regexp.MustCompile(` cannot (\S+) resource "([^"]+)"`)

// refusedIn is where it was refused.
var refusedIn = regexp.MustCompile(` in the namespace "([^"]+)"`)

// permission names the missing permission as `kubectl auth can-i` takes it.
func permission(s metav1.Status) string {
	if s.Details == nil || s.Details.Kind == "" {
		return ""
	}
	_, after, found := strings.Cut(s.Message, " cannot ")
	verb, _, _ := strings.Cut(after, " ")
	if !found || verb == "" {
		return ""
	}
	resource, namespace := s.Details.Kind, ""
	if m := refusedResource.FindStringSubmatch(s.Message); m != nil {
		resource = m[2]
	}
	if s.Details.Group != "" {
		name, sub, has := strings.Cut(resource, "/")
		resource = name + "." + s.Details.Group
		if has {
			resource += "/" + sub
		}
	}
	if m := refusedIn.FindStringSubmatch(s.Message); m != nil {
		namespace = m[1]
	} else if strings.Contains(s.Message, "at the cluster scope") {
		namespace = AllNamespaces
	}
	return fmt.Sprintf("\nAsk for the verb %q on %s; check with: %s", verb, resource, CanI(verb, resource, namespace))
}

// AllNamespaces stands for every namespace in CanI.
const AllNamespaces = "*"

// CanI is the command that says whether the user may do something. resource is
// RESOURCE[.GROUP][/SUBRESOURCE]; kubectl takes what comes after a slash for
// the name of an object.
func CanI(verb, resource, namespace string) string {
	name, sub, has := strings.Cut(resource, "/")
	command := "kubectl auth can-i " + verb + " " + name
	if has {
		command += " --subresource=" + sub
	}
	switch namespace {
	case "":
	case AllNamespaces:
		command += " --all-namespaces"
	default:
		command += " -n " + namespace
	}
	return command
}
