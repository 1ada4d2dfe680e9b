package operator

import (
	corev1 "k8s.io/api/core/v1"
)

// configMapsOf are the ConfigMaps that a pod mounts.
func configMapsOf(spec *corev1.PodSpec) []string {
	var out []string
	for _, volume := range spec.Volumes {
		if volume.ConfigMap != nil {
			out = append(out, volume.ConfigMap.Name)
		}
		if volume.Projected != nil {
			for _, source := range volume.Projected.Sources {
				if source.ConfigMap != nil {
					out = append(out, source.ConfigMap.Name)
				}
			}
		}
	}
	return out
}
