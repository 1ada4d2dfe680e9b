//go:build linux

// Command cluster runs a real one-node Kubernetes cluster with the Apache
// Flink Kubernetes Operator on this machine, for the demo and the tests.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/artifact"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/cache"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/instance"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/node"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/progress"
)

const usage = `A real one-node Kubernetes cluster with the Flink operator, for the demo and the tests.

Usage: cluster VERB [flags]

  up          bring a cluster up, or leave a healthy one as it is
                [--name NAME] [--operator 1.16.1|1.7.0] [--flink 1.20,2.3] [--minio]
  down        take a cluster down and leave nothing behind but its images
                [--name NAME | --all] [--purge]
  status      say how the clusters are [--name NAME] [-o json]
  kubeconfig  print the path of a cluster's kubeconfig [--name NAME]
  load-image  import an archive of images into a cluster: TAR [--name NAME]
  load-jdk    import an image with jcmd into a cluster, by the name
              eclipse-temurin:17-jdk [--name NAME]
  logs        print a component's log: COMPONENT [--name NAME]
  restart     end a component as a crash does and start it again, as in
              kube-apiserver: COMPONENT [--name NAME]
  manifests   print YAML: flink-rbac [--namespace NS], crds [--operator VERSION]
  assets      build kube-apiserver, etcd and kubectl, and print their directory
  tool        build a program that releases and checks are made with, and
              print its directory: goreleaser, krew,
              validate-krew-manifest, golangci-lint or mc
  shells      install the shells that completion is tested in: bash, zsh, fish
  probe       compile the Java classes of kubectl flink: DIR
  fetch       fetch and build everything, without a cluster [flags of up]

Everything that is fetched and built is kept in $KUBECTL_FLINK_CACHE, by
default kubectl-flink in the user's cache directory.
`

// usageError is a mistake on the command line.
type usageError struct{ error }

func main() {
	if len(os.Args) == 3 && os.Args[1] == node.SelfName {
		if err := node.Run(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, "node:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:])
	var mistake usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	case errors.As(err, &mistake):
		fmt.Fprintf(os.Stderr, "%v\n\n%s", err, usage)
		os.Exit(2)
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "interrupted; run the same again to go on")
		os.Exit(130)
	default:
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// command is what the verbs share: the flags and the cache.
type command struct {
	flags *flag.FlagSet
	log   *progress.Log

	name, operator, flink, namespace, output string
	minio, all, purge                        bool
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || slices.Contains([]string{"help", "-h", "--help"}, args[0]) {
		fmt.Print(usage)
		return nil
	}
	verb := args[0]
	c := &command{flags: flag.NewFlagSet(verb, flag.ContinueOnError), log: progress.New(os.Stderr)}
	c.flags.SetOutput(io.Discard)
	c.flags.StringVar(&c.name, "name", instance.DefaultName, "")
	c.flags.StringVar(&c.operator, "operator", artifact.OperatorVersions[0], "")
	c.flags.StringVar(&c.flink, "flink", artifact.Distributions[0].Minor, "")
	c.flags.StringVar(&c.namespace, "namespace", "default", "")
	c.flags.StringVar(&c.output, "o", "", "")
	c.flags.BoolVar(&c.minio, "minio", false, "")
	c.flags.BoolVar(&c.all, "all", false, "")
	c.flags.BoolVar(&c.purge, "purge", false, "")
	positional, err := c.parse(args[1:])
	if errors.Is(err, flag.ErrHelp) {
		fmt.Print(usage)
		return nil
	}
	if err != nil {
		return usageError{err}
	}
	if !slices.Contains(artifact.OperatorVersions, c.operator) {
		return usageError{fmt.Errorf("no operator %q here, only %s", c.operator, strings.Join(artifact.OperatorVersions, " and "))}
	}
	if err := instance.CheckName(c.name); err != nil {
		return usageError{err}
	}

	wants := map[string]int{"load-image": 1, "logs": 1, "manifests": 1, "probe": 1, "restart": 1, "tool": 1}[verb]
	if len(positional) != wants {
		return usageError{fmt.Errorf("%s takes %d arguments, not %q", verb, wants, positional)}
	}
	switch verb {
	case "up", "fetch":
		return c.up(ctx, verb == "fetch")
	case "down":
		return c.down(ctx)
	case "status":
		return c.status(ctx)
	case "kubeconfig":
		return c.kubeconfig(ctx)
	case "load-image":
		return instance.LoadImage(ctx, c.name, positional[0])
	case "load-jdk":
		return c.loadJDK(ctx)
	case "logs":
		return instance.Logs(ctx, os.Stdout, c.name, positional[0])
	case "restart":
		return instance.Restart(ctx, c.name, positional[0])
	case "manifests":
		return c.manifests(ctx, positional[0])
	case "probe":
		f, err := c.factory()
		if err != nil {
			return err
		}
		return f.BuildProbe(ctx, positional[0])
	case "assets":
		return c.assets(ctx)
	case "tool":
		return c.tool(ctx, positional[0])
	case "shells":
		f, err := c.factory()
		if err != nil {
			return err
		}
		return f.Tools(ctx, artifact.Shells...)
	}
	return usageError{fmt.Errorf("no verb %q", verb)}
}

// parse lets flags and arguments come in any order.
func (c *command) parse(args []string) (positional []string, err error) {
	for len(args) > 0 {
		if err := c.flags.Parse(args); err != nil {
			return nil, err
		}
		if c.flags.NArg() == 0 {
			break
		}
		positional = append(positional, c.flags.Arg(0))
		args = c.flags.Args()[1:]
	}
	return positional, nil
}

func (c *command) factory() (*artifact.Factory, error) {
	dir, err := cache.DefaultDir()
	if err != nil {
		return nil, err
	}
	return artifact.NewFactory(&cache.Cache{Dir: dir, Log: c.log})
}
