//go:build !linux

// Command cluster runs a real one-node Kubernetes cluster with the Apache
// Flink Kubernetes Operator on this machine, for the demo and the tests.
package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "error: a cluster needs Linux: it is made of namespaces, cgroups and mounts.")
	fmt.Fprintln(os.Stderr, "To use a cluster of your own instead: make demo KUBECONFIG=…")
	os.Exit(1)
}
