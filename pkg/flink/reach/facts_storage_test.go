package reach

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// Only stores that are Services of the cluster are asked from here: a host that
// merely has such a name may be known to pods and not to this computer.
func TestOnlyStoresOfTheClusterAreJudged(t *testing.T) {
	on := func(name, endpoint string) api.Job {
		return api.Job{Kind: api.Deployment, Object: flinktest.Object(api.Deployment, name, `{"flinkConfiguration": {"s3.endpoint": "`+endpoint+`", "execution.checkpointing.dir": "s3://bucket/`+name+`"}}`, `{}`)}
	}
	cluster := flinktest.New(&corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "minio", Namespace: "dev"}})
	var asked []string
	g := &Gatherer{Client: cluster.Client, Store: func(_ context.Context, job api.Job, _ string) (storage.Store, func() error, error) {
		asked = append(asked, job.Object.GetName())
		return &shelves{}, func() error { return nil }, nil
	}}
	out := g.stores(t.Context(), []api.Job{
		on("inside", "http://minio.dev:9000"), on("beside", "http://minio.dev.svc:9000"), on("corp", "http://store.corp:9000"),
		on("short", "http://minio:9000"), on("amazon", "https://s3.eu-central-1.amazonaws.com"), on("none", ""),
	})
	if got := strings.Join(asked, " "); got != "inside beside" || len(out) != 2 || out[0].Reached != diagnosis.Read {
		t.Errorf("asked for %q: %+v", got, out)
	}
}
