// Package clientset holds the clients for those of Kubernetes' own kinds that
// the plugins use. client-go's full set keeps the clients of every kind in the
// binary.
package clientset

import (
	"net/http"

	appsv1 "k8s.io/client-go/kubernetes/typed/apps/v1"
	authorizationv1 "k8s.io/client-go/kubernetes/typed/authorization/v1"
	batchv1 "k8s.io/client-go/kubernetes/typed/batch/v1"
	corev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	discoveryv1 "k8s.io/client-go/kubernetes/typed/discovery/v1"
	"k8s.io/client-go/rest"
)

// Interface is the part of kubernetes.Interface that is used here; client-go's
// own clientsets, the fake one too, satisfy it.
type Interface interface {
	AppsV1() appsv1.AppsV1Interface
	AuthorizationV1() authorizationv1.AuthorizationV1Interface
	BatchV1() batchv1.BatchV1Interface
	CoreV1() corev1.CoreV1Interface
	DiscoveryV1() discoveryv1.DiscoveryV1Interface
}

type set struct {
	apps          *appsv1.AppsV1Client
	authorization *authorizationv1.AuthorizationV1Client
	batch         *batchv1.BatchV1Client
	core          *corev1.CoreV1Client
	discovery     *discoveryv1.DiscoveryV1Client
}

func (s *set) AppsV1() appsv1.AppsV1Interface                            { return s.apps }
func (s *set) AuthorizationV1() authorizationv1.AuthorizationV1Interface { return s.authorization }
func (s *set) BatchV1() batchv1.BatchV1Interface                         { return s.batch }
func (s *set) CoreV1() corev1.CoreV1Interface                            { return s.core }
func (s *set) DiscoveryV1() discoveryv1.DiscoveryV1Interface             { return s.discovery }

// New makes the clients, which share one connection whose answers have a
// bound. It fails where config is
// wrong; nothing is sent yet.
func New(config *rest.Config) (Interface, error) {
	connection, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, err
	}
	return NewWith(config, BoundClient(Interruptible(config, connection)))
}

// NewWith makes the clients on a connection that exists.
func NewWith(config *rest.Config, connection *http.Client) (Interface, error) {
	var s set
	var err error
	if s.apps, err = appsv1.NewForConfigAndClient(config, connection); err != nil {
		return nil, err
	}
	if s.authorization, err = authorizationv1.NewForConfigAndClient(config, connection); err != nil {
		return nil, err
	}
	if s.batch, err = batchv1.NewForConfigAndClient(config, connection); err != nil {
		return nil, err
	}
	if s.core, err = corev1.NewForConfigAndClient(config, connection); err != nil {
		return nil, err
	}
	if s.discovery, err = discoveryv1.NewForConfigAndClient(config, connection); err != nil {
		return nil, err
	}
	return &s, nil
}
