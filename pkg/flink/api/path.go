package api

import (
	"strings"
)

// NormalPath is one way to write the path of state: Flink gives file:/x where
// users write file:///x or /x, and a slash at the end means nothing. "" where
// it is no path of stored state.
func NormalPath(path string) string {
	path = strings.TrimSpace(path)
	if path == "" || path == NotAddressable || path == LastState {
		return ""
	}
	scheme, rest, ok := strings.Cut(path, ":")
	if !ok || strings.Contains(scheme, "/") {
		scheme, rest = "file", path
	}
	scheme = strings.ToLower(scheme)
	if scheme == "file" {
		// Of file://host/x no host is of use; file:/x, file:///x and /x are one.
		rest = "/" + strings.TrimLeft(rest, "/")
	}
	for strings.HasSuffix(rest, "/") {
		rest = strings.TrimSuffix(rest, "/")
	}
	rest = strings.TrimSuffix(rest, "/_metadata")
	return scheme + ":" + rest
}

// LastState stands where an upgradeSavepointPath would for "the last
// checkpoint, by HA metadata".
const LastState = "KUBERNETES_OPERATOR_LAST_STATE"

// SamePath reports whether two paths of state are the same.
func SamePath(a, b string) bool {
	a, b = NormalPath(a), NormalPath(b)
	return a != "" && a == b
}

// NotAddressable is what Flink calls the path of a checkpoint that is kept in
// the JobManager's memory.
const NotAddressable = "<checkpoint-not-externally-addressable>"
