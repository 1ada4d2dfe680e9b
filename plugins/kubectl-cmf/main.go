// Command kubectl-cmf operates Confluent Manager for Apache Flink.
// kubectl runs it as `kubectl cmf`.
package main

import (
	"os"
	"runtime/debug"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmd"
)

// softMemory is where the garbage collector begins to work harder, in bytes.
// What is kept of any answer is bounded well below (cmf.Client).
const softMemory = 176 << 20

func main() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	os.Exit(plugin.Main(cmd.NewRoot))
}
