package kube

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/permission"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// Message is what the user reads of err: kubectl's words for what the API
// server or the connection says, "error: …" for the rest. It may have several
// lines, is safe for a terminal, has no secrets in it, and says its length where
// it is cut.
func Message(err error) string {
	return secret.Text(term.Safe(term.Short(message(err), term.MaxShown)))
}

func message(err error) string {
	var status apierrors.APIStatus
	var link *url.Error
	var large *clientset.AnswerTooLargeError
	var elsewhere *untrusted.ElsewhereError
	switch {
	case errors.As(err, &link) && errors.As(link.Err, &elsewhere):
		return "error: " + link.Err.Error()
	case errors.As(err, &large):
		// client-go wraps it in advice to try again.
		return "error: " + large.Error()
	case errors.As(err, &status):
		switch s := status.Status(); {
		case s.Reason == metav1.StatusReasonUnauthorized:
			return fmt.Sprintf("error: You must be logged in to the server (%s)", s.Message)
		case s.Reason == metav1.StatusReasonForbidden:
			return fmt.Sprintf("Error from server (%s): %s%s", s.Reason, err, missing(s))
		case len(s.Reason) > 0:
			return fmt.Sprintf("Error from server (%s): %s", s.Reason, err)
		default:
			return fmt.Sprintf("Error from server: %s", err)
		}
	case errors.As(err, &link) && exit.Code(err) == exit.Failed:
		// What refuses may be a proxy on the way, or the one who gives credentials.
		if why := link.Err.Error(); strings.HasPrefix(why, "dial ") && strings.Contains(why, "connection refused") {
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

// missing names the permission, and how to check it.
func missing(s metav1.Status) string {
	asked, known := permission.Parse(s.Message)
	if !known {
		return ""
	}
	return fmt.Sprintf("\nAsk for the verb %q on %s; check with: %s", asked.Verb, asked.Qualified(), asked.Check())
}
