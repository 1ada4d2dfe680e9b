package change

import (
	"time"
)

// readinessKey is how long a changed job may take to be stable until the
// operator rolls it back; readinessDefault where it isn't set.
const (
	ReadinessKey     = "kubernetes.operator.deployment.readiness.timeout"
	ReadinessDefault = 5 * time.Minute
)
