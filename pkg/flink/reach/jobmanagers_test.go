package reach

import (
	"errors"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/fake"
	restclient "k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// placeOf is where a FlinkDeployment runs whose spec was changed generation
// times.
func placeOf(name string, generation int64, started string) Place {
	job := api.Job{Kind: api.Deployment, Object: &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"name": name, "namespace": "ns", "uid": name, "generation": generation},
		"status":   map[string]any{"jobStatus": map[string]any{"startTime": started}},
	}}}
	return Place{Job: job, Cluster: job, Known: true}
}

func TestOneConnectionForEachPlace(t *testing.T) {
	opened := 0
	client := operator.ClientOf(nil, fake.NewClientset())
	managers := NewJobManagers(client, TLSFiles{}, func() (*portforward.Tunnel, error) {
		opened++
		return portforward.New(&restclient.Config{Host: "http://127.0.0.1:1"}, portforward.Options{Clients: client.Core()})
	})
	t.Cleanup(managers.Close)
	first, err := managers.At(placeOf("a", 1, "1"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		place Place
		same  bool
	}{
		"the same place":  {placeOf("a", 1, "1"), true},
		"another cluster": {placeOf("b", 1, "1"), false},
	} {
		if got, err := managers.At(c.place); err != nil || (got == first) != c.same {
			t.Errorf("%s: the same connection %v, %v", name, got == first, err)
		}
	}
	changed, err := managers.At(placeOf("a", 2, "1"))
	if err != nil || changed == first {
		t.Errorf("a changed cluster has the connection from before, %v", err)
	}
	if restarted, err := managers.At(placeOf("a", 2, "2")); err != nil || restarted == changed {
		t.Errorf("a job that started again has the connection from before, %v", err)
	}
	secure := placeOf("a", 2, "2")
	secure.Secure, secure.Mutual = true, true
	if _, err := managers.At(secure); exit.Code(err) != exit.Usage {
		t.Errorf("a place that wants a certificate: %v", err)
	}
	if opened != 1 {
		t.Errorf("%d tunnels were opened", opened)
	}
	managers.Close()
	if _, err := managers.At(placeOf("a", 2, "2")); err == nil {
		t.Error("a connection was made after the end")
	}
}

func TestATunnelThatFailsIsTriedAgain(t *testing.T) {
	refused := errors.New("no configuration")
	managers := NewJobManagers(operator.ClientOf(nil, fake.NewClientset()), TLSFiles{}, func() (*portforward.Tunnel, error) { return nil, refused })
	for range 2 {
		if _, err := managers.At(placeOf("a", 1, "1")); !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}
	}
	managers.Close()
}
