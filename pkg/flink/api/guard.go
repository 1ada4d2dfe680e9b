package api

import (
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// Manager is what keeps an object as it is written elsewhere.
type Manager struct {
	// Name is who it is: Argo CD, Flux, …
	Name string
	// Sign is the label or annotation that tells.
	Sign string
	// Reverts says that a change is changed back without anybody doing
	// anything; else only by the next release.
	Reverts bool
}

// ManagedBy is what manages a job's manifest; ok is false where nothing is
// seen to.
func (j Job) ManagedBy() (manager Manager, ok bool) {
	labels, annotations := j.Object.GetLabels(), j.Object.GetAnnotations()
	for _, key := range slices.Sorted(maps.Keys(annotations)) {
		switch sign := "annotation " + key + "=" + annotations[key]; {
		case strings.HasPrefix(key, "argocd.argoproj.io/"):
			return Manager{"Argo CD", sign, true}, true
		case key == "cmf.platform.confluent.io/managed-by":
			return Manager{"Confluent for Kubernetes", sign, true}, true
		}
	}
	if value := labels["argocd.argoproj.io/instance"]; value != "" {
		return Manager{"Argo CD", "label argocd.argoproj.io/instance=" + value, true}, true
	}
	for _, flux := range []struct{ label, name string }{
		{"kustomize.toolkit.fluxcd.io/name", "Flux (Kustomization)"}, {"helm.toolkit.fluxcd.io/name", "Flux (HelmRelease)"},
	} {
		if value := labels[flux.label]; value != "" {
			off := annotations["kustomize.toolkit.fluxcd.io/reconcile"] == "disabled"
			return Manager{flux.name, "label " + flux.label + "=" + value, !off}, true
		}
	}
	if value := labels["app.kubernetes.io/managed-by"]; strings.HasPrefix(strings.ToLower(value), "cmf") || strings.Contains(strings.ToLower(value), "confluent-manager") {
		return Manager{"Confluent Manager for Apache Flink", "label app.kubernetes.io/managed-by=" + value, true}, true
	}
	for _, entry := range j.Object.GetManagedFields() {
		// The label app.kubernetes.io/instance alone, Argo CD's default sign,
		// is on the objects of every Helm chart, too.
		if strings.HasPrefix(entry.Manager, "argocd-") && entry.Subresource == "" {
			if value := labels["app.kubernetes.io/instance"]; value != "" {
				return Manager{"Argo CD", "label app.kubernetes.io/instance=" + value + ", written by " + entry.Manager, true}, true
			}
		}
	}
	if labels["app.kubernetes.io/managed-by"] == "Helm" {
		return Manager{"Helm", "label app.kubernetes.io/managed-by=Helm", false}, true
	}
	return Manager{}, false
}

// StateChoice is how the user wants a job's state dealt with.
type StateChoice struct {
	// UpgradeMode is "" (as the spec says), savepoint or last-state.
	UpgradeMode UpgradeMode
	// LoseState allows that the job starts empty.
	LoseState bool
}

// Validate finds what is wrong with the choice alone.
func (s StateChoice) Validate() error {
	switch s.UpgradeMode {
	case "", UpgradeSavepoint, UpgradeLastState:
	case UpgradeStateless:
		return exit.Usagef("--upgrade-mode: stateless loses the job's state; if that is wanted, use --lose-state")
	default:
		return exit.Usagef("--upgrade-mode: %q is not one of savepoint, last-state", s.UpgradeMode)
	}
	if s.UpgradeMode != "" && s.LoseState {
		return exit.Usagef("--upgrade-mode %s keeps the state and --lose-state doesn't: use one of them", s.UpgradeMode)
	}
	return nil
}
