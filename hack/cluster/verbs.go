//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/artifact"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/instance"
	"github.com/kubectl-flink/kubectl-flink/hack/cluster/internal/manifest"
)

func (c *command) up(ctx context.Context, fetchOnly bool) error {
	f, err := c.factory()
	if err != nil {
		return err
	}
	o := instance.Options{Name: c.name, Operator: c.operator, Flink: strings.Split(c.flink, ","), MinIO: c.minio}
	if fetchOnly {
		return instance.Fetch(ctx, f, o)
	}
	if err := instance.Up(ctx, f, o); err != nil {
		return err
	}
	st, err := instance.Inspect(ctx, c.name)
	if err != nil {
		return err
	}
	c.log.Printf(c.name, "up: %s", st.Server)
	fmt.Printf("export KUBECONFIG=%s\n", st.Kubeconfig)
	return nil
}

func (c *command) down(ctx context.Context) error {
	names := []string{c.name}
	if c.all {
		var err error
		if names, err = instance.Names(); err != nil {
			return err
		}
	}
	var errs []error
	for _, name := range names {
		errs = append(errs, instance.Down(ctx, c.log, name, c.purge))
	}
	return errors.Join(errs...)
}

// named reports whether the name was given rather than the default.
func (c *command) named() bool {
	found := false
	c.flags.Visit(func(f *flag.Flag) { found = found || f.Name == "name" })
	return found
}

func (c *command) status(ctx context.Context) error {
	names := []string{c.name}
	if !c.named() {
		var err error
		if names, err = instance.Names(); err != nil {
			return err
		}
	}
	clusters := []instance.Status{}
	for _, name := range names {
		st, err := instance.Inspect(ctx, name)
		if err != nil {
			return err
		}
		clusters = append(clusters, st)
	}
	switch c.output {
	case "json":
		enc := json.NewEncoder(os.Stdout)
		enc.SetIndent("", "  ")
		if c.named() {
			return enc.Encode(clusters[0])
		}
		return enc.Encode(clusters)
	case "":
		return printStatus(clusters)
	}
	return usageError{fmt.Errorf("no output format %q, only json", c.output)}
}

func printStatus(clusters []instance.Status) error {
	if len(clusters) == 0 {
		fmt.Println("no clusters")
		return nil
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for i, st := range clusters {
		if i > 0 {
			fmt.Fprintln(w)
		}
		state := st.State
		if st.Reason != "" {
			state += " (" + st.Reason + ")"
		}
		fmt.Fprintf(w, "%s\t%s\n", st.Name, state)
		if st.State == instance.StateDown {
			continue
		}
		fmt.Fprintf(w, "  API server\t%s\n", st.Server)
		fmt.Fprintf(w, "  kubeconfig\t%s\n", st.Kubeconfig)
		fmt.Fprintf(w, "  kubectl\t%s/kubectl\n", st.BinDir)
		fmt.Fprintf(w, "  operator\t%s\n", st.Operator)
		fmt.Fprintf(w, "  Flink data\t%s\n", st.FlinkDataDir)
		fmt.Fprintf(w, "  images\t%s\n", strings.Join(st.Images, " "))
		for _, component := range st.Components {
			if component.Up {
				fmt.Fprintf(w, "  %s\tup, pid %d\n", component.Name, component.PID)
			} else {
				fmt.Fprintf(w, "  %s\tdown %s, log %s\n", component.Name, component.Exit, component.Log)
			}
		}
	}
	return w.Flush()
}

func (c *command) kubeconfig(ctx context.Context) error {
	st, err := instance.Inspect(ctx, c.name)
	if err != nil {
		return err
	}
	if st.State == instance.StateDown {
		return fmt.Errorf("the cluster %q is down", c.name)
	}
	fmt.Println(st.Kubeconfig)
	return nil
}

func (c *command) manifests(ctx context.Context, what string) error {
	var data []byte
	var err error
	switch what {
	case "flink-rbac":
		data, err = manifest.FlinkRBAC(c.namespace)
	case "crds":
		f, ferr := c.factory()
		if ferr != nil {
			return ferr
		}
		data, err = f.CRDs(ctx, c.operator)
	default:
		return usageError{fmt.Errorf("no manifests %q, only flink-rbac and crds", what)}
	}
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(data)
	return err
}

func (c *command) loadJDK(ctx context.Context) error {
	f, err := c.factory()
	if err != nil {
		return err
	}
	img, err := f.JDK(ctx)
	if err != nil {
		return err
	}
	return instance.ImportImage(ctx, c.log, c.name, img)
}

func (c *command) tool(ctx context.Context, name string) error {
	if !slices.Contains(artifact.BuildTools, name) {
		return usageError{fmt.Errorf("no tool %q here, only %s", name, strings.Join(artifact.BuildTools, ", "))}
	}
	f, err := c.factory()
	if err != nil {
		return err
	}
	dir, err := f.BuildTool(ctx, name)
	if err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}

func (c *command) assets(ctx context.Context) error {
	f, err := c.factory()
	if err != nil {
		return err
	}
	dir, err := f.Assets(ctx)
	if err != nil {
		return err
	}
	fmt.Println(dir)
	return nil
}
