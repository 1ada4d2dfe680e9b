package operator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/neterr"
)

// Patch merges body into an object. A patch on its way can't be called back, so its answer is
// awaited also after Ctrl-C: whoever is told that the command ended must know
// whether the change was made.
func Patch(ctx context.Context, client dynamic.ResourceInterface, name string, body []byte, options metav1.PatchOptions) (*unstructured.Unstructured, error) {
	ctx, done := context.WithTimeout(context.WithoutCancel(ctx), AnswerLimit)
	defer done()
	patched, err := client.Patch(ctx, name, types.MergePatchType, body, options)
	if Unanswered(err) && len(options.DryRun) == 0 {
		// Its text alone: the server's error itself would be taken for a refusal.
		err = fmt.Errorf("whether %s was changed isn't known; look at it before you try again: %s", name, err.Error())
	}
	return patched, err
}

// Unanswered reports whether a request may have been carried out although it failed:
// the connection, or the API server's time, ended before its answer. What never got
// a connection was not sent.
func Unanswered(err error) bool {
	var link *url.Error
	var dial *net.OpError
	switch {
	case apierrors.IsTimeout(err):
		return true
	case !errors.As(err, &link), neterr.Refused(err), errors.As(err, &dial) && dial.Op == "dial":
		return false
	}
	return true
}

// AnswerLimit is how long the API server may take to answer a patch.
const AnswerLimit = 15 * time.Second
