//go:build linux

// Command cluster runs a real one-node Kubernetes cluster with the Apache
// Flink Kubernetes Operator on this machine, for the demo and the tests.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/artifact"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, _ := cache.DefaultDir()
	f, err := artifact.NewFactory(&cache.Cache{Dir: dir, Log: progress.New(os.Stderr)})
	if err == nil {
		var d string
		d, err = f.Assets(ctx)
		fmt.Println(d)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
