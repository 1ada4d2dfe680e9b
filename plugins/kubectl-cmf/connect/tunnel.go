package connect

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
)

// OpenTunnel makes a tunnel through the API server that the kubeconfig names.
func OpenTunnel(factory *kube.Factory) (Tunnel, error) {
	inner, err := NewTunnel(factory)
	if err != nil {
		return nil, err
	}
	return tunnel{inner}, nil
}

// NewTunnel is OpenTunnel for what isn't CMF.
func NewTunnel(factory *kube.Factory) (*portforward.Tunnel, error) {
	config, err := factory.Config()
	if err != nil {
		return nil, err
	}
	clientset, err := factory.Clientset()
	if err != nil {
		return nil, err
	}
	options := portforward.Options{Clients: clientset}
	if dir, err := os.UserCacheDir(); err == nil {
		options.CacheDir = filepath.Join(dir, "kubectl-flink")
	}
	return portforward.New(config, options)
}

type tunnel struct{ *portforward.Tunnel }

func target(s Service) portforward.Target {
	return portforward.Target{Namespace: s.Namespace, Kind: portforward.Service, Name: s.Name, Port: intstr.FromInt32(s.Port)}
}

func (t tunnel) Dial(ctx context.Context, s Service) (net.Conn, error) {
	return t.DialContext(ctx, target(s))
}

func (t tunnel) RoundTripper(s Service) http.RoundTripper {
	return t.Tunnel.RoundTripper(target(s), nil)
}
