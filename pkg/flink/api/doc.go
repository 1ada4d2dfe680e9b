// Package api has typed views of the kinds of the Flink Kubernetes Operator, and
// pure functions over them. It does no I/O and takes no context.
package api
