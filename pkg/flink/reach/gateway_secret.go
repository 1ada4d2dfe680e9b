package reach

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Where a gateway's pod has the arguments with secrets.
const (
	hiddenVolume = "kubectl-flink-sql-settings"
	hiddenDir    = "/etc/kubectl-flink-sql"
	hiddenKey    = "arguments"
)

// splitSettings parts the settings that have secrets from the others. A pod's
// arguments are read by all who may see the pod, and those of a command in a pod
// are in the API server's audit log.
func splitSettings(settings map[string]string) (plain, hidden map[string]string) {
	plain, hidden = map[string]string{}, map[string]string{}
	for key, value := range settings {
		if secret.Value(key, value) == value {
			plain[key] = value
		} else {
			hidden[key] = value
		}
	}
	return plain, hidden
}

// HiddenArguments are settings as scripts read them in a pod, ended by NUL.
func HiddenArguments(settings map[string]string) string {
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		out.WriteString("-D" + key + "=" + settings[key] + "\x00")
	}
	return out.String()
}

// hiddenFile is the file with the arguments of the Secret called name.
func hiddenFile(name string) string {
	if name == "" {
		return ""
	}
	return hiddenDir + "/" + hiddenKey
}

// secretName is a name for the Secret of a gateway beside cluster; "" where
// nothing has to be in it.
func secretName(cluster api.Ref, hidden map[string]string) string {
	if len(hidden) == 0 {
		return ""
	}
	return cluster.Name + "-sql-gateway-" + rand.String(8)
}

// createSecret makes the Secret that pod waits for; it goes with the pod.
func (g *GatewayStarter) createSecret(ctx context.Context, pod *corev1.Pod, name string, hidden map[string]string) error {
	if name == "" {
		return nil
	}
	immutable := true
	_, err := g.Core.CoreV1().Secrets(pod.Namespace).Create(ctx, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Name: name, Namespace: pod.Namespace, Labels: pod.Labels,
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID}},
		},
		Immutable: &immutable,
		Data:      map[string][]byte{hiddenKey: []byte(HiddenArguments(hidden))},
	}, metav1.CreateOptions{FieldManager: managedBy})
	if apierrors.IsForbidden(err) {
		keys := strings.Join(slices.Sorted(maps.Keys(hidden)), ", ")
		return fmt.Errorf("%w\nA Secret keeps %s out of the pod's arguments; where none may be made, set it in the session with SET, or use --in-jobmanager", err, keys)
	}
	return err
}

// deleteSecret deletes what createSecret made; where that isn't allowed, the
// Secret goes because its pod is gone.
func (g *GatewayStarter) deleteSecret(ctx context.Context, namespace, name string) {
	if name != "" {
		_ = g.Core.CoreV1().Secrets(namespace).Delete(ctx, name, metav1.DeleteOptions{})
	}
}
