package sqljob

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Labels of a script's ConfigMaps.
const (
	managedByLabel = "app.kubernetes.io/managed-by"
	nameLabel      = "app.kubernetes.io/name"
	jobLabel       = "app.kubernetes.io/instance"
	name           = "flink-sql-script"
)

// ConfigMap is the object that holds one version of a job's script.
func ConfigMap(job api.Ref, script Script) *corev1.ConfigMap {
	immutable := true
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
		ObjectMeta: metav1.ObjectMeta{
			Name: ConfigMapName(job.Name, script), Namespace: job.Namespace,
			Labels: map[string]string{managedByLabel: operator.FieldManager, nameLabel: name, jobLabel: job.Name},
		},
		Data:      script.data(),
		Immutable: &immutable,
	}
}

// Store creates a script's ConfigMap, unless it is there already; created says
// which. dryRun is "" or "server".
func Store(ctx context.Context, c *operator.Client, configMap *corev1.ConfigMap, dryRun string) (created bool, err error) {
	options := metav1.CreateOptions{FieldManager: operator.FieldManager}
	if dryRun != "" {
		options.DryRun = []string{metav1.DryRunAll}
	}
	configMaps := c.Core().CoreV1().ConfigMaps(configMap.Namespace)
	_, err = configMaps.Create(ctx, configMap, options)
	if !apierrors.IsAlreadyExists(err) {
		if err != nil {
			err = fmt.Errorf("create the ConfigMap of the script: %w", err)
		}
		return err == nil, err
	}
	have, err := configMaps.Get(ctx, configMap.Name, metav1.GetOptions{})
	if err != nil {
		return false, fmt.Errorf("look at the ConfigMap of the script: %w", err)
	}
	if !maps.Equal(have.Data, configMap.Data) {
		return false, fmt.Errorf("configmap/%s in namespace %s is there and holds another script than its name says (it was changed); delete it first", configMap.Name, configMap.Namespace)
	}
	return false, nil
}

// Owner has what it stands in deleted with a job.
func Owner(job api.Job) metav1.OwnerReference {
	return metav1.OwnerReference{APIVersion: api.Group + "/" + api.Version, Kind: job.Kind.Name, Name: job.Object.GetName(), UID: job.Object.GetUID()}
}

// Own has a FlinkDeployment own a script's ConfigMap, so that it is deleted
// with the job.
func Own(ctx context.Context, c *operator.Client, job api.Job, configMap string) error {
	patch, err := json.Marshal(map[string]any{"metadata": map[string]any{"ownerReferences": []any{Owner(job)}}})
	if err != nil {
		return err
	}
	_, err = c.Core().CoreV1().ConfigMaps(job.Object.GetNamespace()).Patch(ctx, configMap, types.StrategicMergePatchType, patch, metav1.PatchOptions{FieldManager: operator.FieldManager})
	if err != nil {
		return fmt.Errorf("make %s own configmap/%s: %w", job.Ref(), configMap, err)
	}
	return nil
}

// Discard deletes a script's ConfigMap that nothing runs after all, also where
// ctx has ended.
func Discard(ctx context.Context, c *operator.Client, configMap *corev1.ConfigMap) error {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), 15*time.Second)
	defer cancel()
	err := c.Core().CoreV1().ConfigMaps(configMap.Namespace).Delete(ending, configMap.Name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete configmap/%s, which nothing uses: %w", configMap.Name, err)
	}
	return nil
}

// Stored is the script that a FlinkDeployment's spec runs, as it is in its ConfigMap:
// without its statements. ok is false where it runs none from one.
func Stored(ctx context.Context, c *operator.Client, job api.Job) (script Script, ok bool, err error) {
	configMap := ConfigMapOf(job.Spec())
	if configMap == "" {
		return Script{}, false, nil
	}
	have, err := c.Core().CoreV1().ConfigMaps(job.Object.GetNamespace()).Get(ctx, configMap, metav1.GetOptions{})
	if err != nil {
		return Script{}, false, fmt.Errorf("read the script that %s runs: %w", job.Ref(), err)
	}
	text, ok := have.Data[file]
	return Script{Text: text, Plan: have.Data[planFile], Source: have.Data[sourceFile]}, ok, nil
}

// Prune deletes the ConfigMaps of a job's earlier scripts that nothing refers to
// any more: neither the spec, nor the specs that the operator ran and would roll
// back to. It gives their names.
func Prune(ctx context.Context, c *operator.Client, ref api.Ref) ([]string, error) {
	object, err := c.Get(ctx, ref)
	if err != nil {
		return nil, err
	}
	used := Used(api.Job{Kind: ref.Kind, Object: object})
	configMaps := c.Core().CoreV1().ConfigMaps(ref.Namespace)
	list, err := configMaps.List(ctx, metav1.ListOptions{LabelSelector: nameLabel + "=" + name + "," + jobLabel + "=" + ref.Name})
	if err != nil {
		return nil, fmt.Errorf("look for earlier scripts of %s: %w", ref, err)
	}
	var gone []string
	for _, one := range list.Items {
		owned := slices.ContainsFunc(one.OwnerReferences, func(o metav1.OwnerReference) bool { return o.UID == object.GetUID() })
		if !owned || used[one.Name] {
			continue
		}
		if err := configMaps.Delete(ctx, one.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return gone, fmt.Errorf("delete an earlier script of %s: %w", ref, err)
		}
		gone = append(gone, one.Name)
	}
	return gone, nil
}

// Used are the ConfigMaps that a job's spec refers to, and the specs in its
// status.
func Used(job api.Job) map[string]bool {
	out := map[string]bool{}
	for _, spec := range append([]map[string]any{job.Spec()}, statusSpecs(job)...) {
		if configMap := ConfigMapOf(spec); configMap != "" {
			out[configMap] = true
		}
	}
	return out
}

// statusSpecs are the specs that the operator notes: the last one, and the last
// one that was stable.
func statusSpecs(job api.Job) []map[string]any {
	var out []map[string]any
	for _, field := range []string{"lastReconciledSpec", "lastStableSpec"} {
		var noted struct {
			Spec map[string]any `json:"spec"`
		}
		if json.Unmarshal([]byte(api.Text(job.Object.Object, "status", "reconciliationStatus", field)), &noted) == nil && noted.Spec != nil {
			out = append(out, noted.Spec)
		}
	}
	return out
}
