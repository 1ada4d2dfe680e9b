// Command kubectl-flink operates jobs of the Apache Flink Kubernetes Operator.
// kubectl runs it as `kubectl flink`.
package main

import (
	"os"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/cmd"
)

func main() { os.Exit(plugin.Main(cmd.NewRoot)) }
