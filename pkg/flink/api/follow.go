package api

import (
	"strings"
)

// KindOfPath tells a savepoint's path from a checkpoint's, by Flink's naming.
func KindOfPath(path string) string {
	last := path[strings.LastIndex(strings.TrimRight(path, "/"), "/")+1:]
	if strings.HasPrefix(last, "chk-") {
		return RetainedCheckpoint
	}
	return RetainedSavepoint
}
