// Package operator is the cluster's side of Flink's jobs: reading, listing and watching
// objects, pods, events and logs, and the health of the operator.
package operator
