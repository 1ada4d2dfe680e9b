package backup

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// readConfigMaps reads the ConfigMaps that the steps need, as they are created.
// One that can't be read stops the jobs that need it.
func (r *Recovery) readConfigMaps(steps []Step) []*unstructured.Unstructured {
	r.maps = map[[2]string]*corev1.ConfigMap{}
	var out []*unstructured.Unstructured
	for _, m := range r.Index.ConfigMaps {
		at := [2]string{r.to(m.Namespace), m.Name}
		var users []*Step
		for n := range steps {
			if e := &steps[n]; e.Action == Start && e.Entry.Namespace == m.Namespace && slices.Contains(e.Entry.ConfigMaps, m.Name) {
				users = append(users, e)
			}
		}
		if len(users) == 0 {
			continue
		}
		read, err := r.Dir.ConfigMap(m)
		if err != nil {
			for _, user := range users {
				user.stop("%s", err)
			}
			continue
		}
		read.Namespace = at[0]
		r.maps[at] = read
		object := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap"}}
		object.SetName(at[1])
		object.SetNamespace(at[0])
		out = append(out, object)
	}
	return out
}

// ConfigMaps creates those of a step that aren't there. One that is there stays
// as it is.
func (r *Recovery) configMaps(ctx context.Context, step Step, reporter operator.Reporter) error {
	for _, name := range step.Entry.ConfigMaps {
		wanted := r.maps[[2]string{step.Ref().Namespace, name}]
		if wanted == nil {
			continue
		}
		client := r.Client.Core().CoreV1().ConfigMaps(wanted.Namespace)
		_, err := client.Create(ctx, wanted, metav1.CreateOptions{FieldManager: operator.FieldManager})
		if !apierrors.IsAlreadyExists(err) {
			if err != nil {
				return fmt.Errorf("configmap/%s couldn't be created: %w", name, err)
			}
			reporter.Notef("configmap/%s created", name)
			continue
		}
		there, err := client.Get(ctx, name, metav1.GetOptions{})
		if err == nil && (!maps.Equal(there.Data, wanted.Data) || !maps.EqualFunc(there.BinaryData, wanted.BinaryData, slices.Equal[[]byte])) {
			reporter.Mustf("configmap/%s is there with other content than the backup's: it stays as it is", name)
		}
	}
	return nil
}

// Carry carries out a step, and proves that the job runs from its state.
func (r *Recovery) Carry(ctx context.Context, step Step, reporter operator.Reporter) (lifecycle.SubmitReport, error) {
	switch step.Action {
	case There, Leave:
		return lifecycle.SubmitReport{Job: step.existing}, nil
	case Await:
		if r.NoWait {
			return lifecycle.SubmitReport{Job: step.existing}, nil
		}
		report, err := lifecycle.Follow(ctx, r.Client, step.existing, reporter)
		if err == nil {
			err = r.register(ctx, step, reporter)
		}
		return report, err
	case Start:
	default:
		return lifecycle.SubmitReport{Job: step.Job}, fmt.Errorf("%s can't be recovered: %s", step.Ref(), step.Stops[0])
	}
	if err := r.configMaps(ctx, step, reporter); err != nil {
		return lifecycle.SubmitReport{Job: step.Job}, err
	}
	job := api.Job{Kind: step.Job.Kind, Object: step.Job.Object.DeepCopy()}
	report, err := lifecycle.Submit(ctx, r.Client, job, lifecycle.SubmitRequest{Checked: true, NoWait: r.NoWait}, reporter)
	if err == nil {
		err = r.register(ctx, step, reporter)
	}
	return report, err
}
