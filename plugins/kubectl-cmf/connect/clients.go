package connect

import (
	"k8s.io/client-go/dynamic"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
)

// clients is what of kube.Factory the search uses.
type clients interface {
	Clientset() (clientset.Interface, error)
	Dynamic() (dynamic.Interface, error)
}
