package plugin

import (
	"context"
	"maps"
	"slices"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
)

// CompleteConnection completes kubectl's own flags, which kubectl leaves to its
// plugins, on root and all commands below it.
func CompleteConnection(root *cobra.Command, factory *kube.Factory) {
	register := func(flag string, find completion.Func) {
		_ = root.RegisterFlagCompletionFunc(flag, completion.Values(find))
	}
	register("namespace", func(ctx context.Context, _ []string, _ string) ([]completion.Choice, error) {
		client, err := factory.Clientset()
		if err != nil {
			return nil, err
		}
		list, err := client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{ResourceVersion: "0"})
		if err != nil {
			return nil, err
		}
		var out []completion.Choice
		for i := range list.Items {
			out = append(out, completion.Choice{Value: list.Items[i].Name})
		}
		return out, nil
	})
	for flag, names := range map[string]func(*api.Config) []string{
		"context": func(c *api.Config) []string { return slices.Sorted(maps.Keys(c.Contexts)) },
		"cluster": func(c *api.Config) []string { return slices.Sorted(maps.Keys(c.Clusters)) },
		"user":    func(c *api.Config) []string { return slices.Sorted(maps.Keys(c.AuthInfos)) },
	} {
		register(flag, func(context.Context, []string, string) ([]completion.Choice, error) {
			raw, err := factory.Flags.ToRawKubeConfigLoader().RawConfig()
			var out []completion.Choice
			for _, name := range names(&raw) {
				out = append(out, completion.Choice{Value: name})
			}
			return out, err
		})
	}
}
