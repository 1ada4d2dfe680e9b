package api

import (
	"cmp"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// set writes a value into the job's spec.
func (j Job) Set(value any, path ...string) error {
	if err := unstructured.SetNestedField(j.Spec(), value, path...); err != nil {
		return exit.Usagef("%s: spec.%s: %v", j.Ref(), strings.Join(path, "."), err)
	}
	return nil
}

// Wanted is spec.job.state: running or suspended; "" without a job.
func (j Job) Wanted() string {
	job := Section(j.Spec(), "job")
	if job == nil {
		return ""
	}
	state, _ := job["state"].(string)
	return cmp.Or(state, "running")
}
