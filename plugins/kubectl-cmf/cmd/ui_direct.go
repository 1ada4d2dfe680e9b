package cmd

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/connect"
)

// dashboard is a way to the dashboard of something of CMF's.
type dashboard struct {
	http.RoundTripper
	// page is where it begins, below the address that is served; it has no
	// leading slash.
	page string
	// by says which way it is, where that is no matter of course.
	by string
	// probe is the path that answers where Flink does.
	probe string
	close func()
}

// proxied is the way through CMF's own proxy.
func proxied(client *connect.Connection, ref cmf.Ref) (dashboard, error) {
	way, err := client.WebUI(ref)
	return dashboard{RoundTripper: way, probe: "/config", close: func() {}}, err
}

// direct is the way through the Kubernetes API server, straight to the JobManager;
// it follows the job wherever that goes.
func (o *uiOptions) direct(ctx context.Context, client *connect.Connection, ref cmf.Ref, tell func(string, ...any)) (dashboard, error) {
	cluster, err := o.flinkCluster(ctx, client, ref)
	if err != nil {
		return dashboard{}, err
	}
	o.notePool(cluster)
	flink, err := operator.NewClient(o.factory)
	if err != nil {
		return dashboard{}, err
	}
	place, err := directPlace(ctx, flink, cluster, ref)
	if err != nil {
		return dashboard{}, err
	}
	tunnel, err := connect.NewTunnel(o.factory)
	if err != nil {
		return dashboard{}, err
	}
	front, err := reach.NewFront(flink, tunnel, place, reach.TLSFiles{}, nil)
	if err != nil {
		tunnel.Close()
		return dashboard{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	work.Go(func() {
		if err := front.Follow(ctx); err != nil && ctx.Err() == nil {
			tell("warning: changes of %s can't be followed: %v", place.Cluster.Ref(), err)
		}
	})
	page := place.Page()
	root, _, _ := strings.Cut(page, "#")
	return dashboard{
		RoundTripper: front, page: strings.TrimPrefix(page, "/"), probe: root + "config",
		by: fmt.Sprintf(" straight from the JobManager of %s in namespace %s", place.Cluster.Ref(), cluster.namespace),
		close: func() {
			cancel()
			work.Wait()
			tunnel.Close()
		},
	}, nil
}

// directPlace is where the JobManager of something of CMF's is in the cluster of
// the kube context.
func directPlace(ctx context.Context, flink *operator.Client, cluster flinkCluster, ref cmf.Ref) (reach.Place, error) {
	place, err := reach.Find(ctx, flink, api.Ref{Kind: api.Deployment, Namespace: cluster.namespace, Name: cluster.name})
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return place, fmt.Errorf("the JobManager of %s can't be found in the cluster of the kube context: %w\nWithout --direct the dashboard comes through CMF's own proxy", ref.Where(), err)
	}
	return place, err
}
