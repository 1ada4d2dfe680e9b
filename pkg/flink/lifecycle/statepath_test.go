package lifecycle

import (
	"fmt"
)

// template is a pod template whose Flink container mounts one volume.
func template(volume, at, more string) string {
	return fmt.Sprintf(`{"spec":{"containers":[{"name":"flink-main-container","volumeMounts":[{"name":"v","mountPath":"%s"%s}]}],"volumes":[{"name":"v",%s}]}}`, at, more, volume)
}
