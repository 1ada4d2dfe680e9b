package operator

import (
	"context"
	"fmt"
	"maps"
	"sort"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// EffectiveConfig is the configuration that a Flink cluster (a FlinkDeployment
// called cluster) runs with: the operator writes its defaults and the spec
// together into one ConfigMap. known is false where that can't be read; then
// config is only what spec says.
func (c *Client) EffectiveConfig(ctx context.Context, cluster api.Job) (config api.Config, known bool, err error) {
	spec := cluster.ReconciledSpec()
	if spec == nil {
		spec = cluster.Spec()
	}
	own, _ := spec["flinkConfiguration"].(map[string]any)
	config = api.Flatten(own)
	name := "flink-config-" + cluster.Object.GetName()
	configMap, err := c.core.CoreV1().ConfigMaps(cluster.Object.GetNamespace()).Get(ctx, name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) || apierrors.IsForbidden(err) {
		return config, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read the configuration of %s: %w", cluster.Ref(), err)
	}
	files := make([]string, 0, len(configMap.Data))
	for file := range configMap.Data {
		files = append(files, file)
	}
	sort.Strings(files)
	for _, file := range files {
		if file != "config.yaml" && file != "flink-conf.yaml" {
			continue
		}
		known = true
		maps.Copy(config, api.ParseConfig(file, configMap.Data[file]))
	}
	return config, known, nil
}
