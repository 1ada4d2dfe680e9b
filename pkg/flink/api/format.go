package api

import (
	"fmt"
	"strings"
)

// OrUnknown is a state, or "an unknown state" where it is empty.
func OrUnknown(s string) string {
	if s == "" {
		return "an unknown state"
	}
	return s
}

// ChooseFormat is the savepoint format for a job of cluster, and why where the
// user didn't choose. wanted is native, canonical or auto; force takes canonical
// also where it is known to break jobs. It avoids what breaks jobs: from Flink 2.0 on a
// canonical savepoint of a job with asynchronous state fails and restarts the
// job.
func ChooseFormat(job Ref, cluster Job, wanted string, force bool) (format, why string, err error) {
	version := cluster.FlinkVersion()
	modern := strings.HasPrefix(version, "v2_")
	switch {
	case wanted == "native":
		return "NATIVE", "", nil
	case wanted == "canonical" && modern && !force:
		return "", "", fmt.Errorf("%s runs Flink %s, where a canonical savepoint of a job with asynchronous state fails and restarts the job\nUse --format native (or leave it out), or --force if the job is known to take it", job, Dotted(version))
	case wanted == "canonical":
		return "CANONICAL", "", nil
	case version == "":
		return "CANONICAL", "the Flink version is not declared", nil
	case modern:
		return "NATIVE", "Flink " + Dotted(version), nil
	}
	return "CANONICAL", "Flink " + Dotted(version), nil
}

// FormatKey is the format that the operator takes where nobody names one. Its
// default is CANONICAL.
const FormatKey = "kubernetes.operator.savepoint.format.type"

// Dotted is v1_20 as people write it: 1.20.
func Dotted(version string) string {
	return strings.ReplaceAll(strings.TrimPrefix(version, "v"), "_", ".")
}
