// Command kubectl-cmf operates Confluent Manager for Apache Flink.
// kubectl runs it as `kubectl cmf`.
package main

import (
	"os"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmd"
)

func main() { os.Exit(plugin.Main(cmd.NewRoot)) }
