package connect

import (
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
)

// clients is what of kube.Factory the search uses.
type clients interface {
	Clientset() (kubernetes.Interface, error)
	Dynamic() (dynamic.Interface, error)
}
