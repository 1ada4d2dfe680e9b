package cmd

import (
	"context"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
)

// ofJar are the flags that say what a manifest says, too.
var ofJar = []string{"deployment", "jar", "class", "args", "parallelism", "upgrade-mode", "set", "label"}

func (o *submitOptions) fromFiles(ctx context.Context) ([]api.Job, error) {
	jobs, err := lifecycle.ReadManifests(ctx, o.In, o.files)
	if err != nil {
		return nil, err
	}
	stateful := slices.DeleteFunc(slices.Clone(jobs), api.Job.IsSessionCluster)
	if o.request.From != "" && len(stateful) > 1 {
		return nil, exit.Usagef("--from is the state of one job, and the files have %d", len(stateful))
	}
	_, explicit, err := o.factory.Namespace()
	if err != nil {
		return nil, err
	}
	for _, job := range jobs {
		switch own := job.Object.GetNamespace(); {
		case own == "":
			job.Object.SetNamespace(o.spec.Namespace)
		case explicit && own != o.spec.Namespace:
			return nil, exit.Usagef("%s is in namespace %s by its manifest, but --namespace is %s", job.Ref(), own, o.spec.Namespace)
		}
	}
	return lifecycle.InOrder(jobs)
}

func (o *submitOptions) fromFlags() (err error) {
	if len(o.jars) > 1 {
		return exit.Usagef("--jar: a session job is made of one jar")
	}
	o.spec.Jar = strings.Join(o.jars, "")
	switch {
	case o.spec.Cluster == "" && o.spec.Jar == "":
		return exit.Usagef("what to start? Give a manifest with --filename, a script with --sql, or --deployment and --jar")
	case o.spec.Cluster == "":
		return exit.Usagef("--deployment is missing: the session cluster to run the jar in")
	case o.spec.Jar == "":
		return exit.Usagef("--jar is missing: the URI of what to run")
	}
	if err := o.checkOwnJar(); err != nil {
		return err
	}
	if err := o.commonFlags(); err != nil {
		return err
	}
	if o.spec.Args, err = jobArgs(o.args, o.spec.Args); err != nil {
		return err
	}
	_, err = o.spec.Manifest()
	return err
}

// commonFlags takes over the flags that jars and scripts share.
func (o *submitOptions) commonFlags() (err error) {
	switch {
	case len(o.names) > 1:
		return exit.Usagef("one NAME at most; arguments of the job come after --")
	case o.flags.Changed("parallelism") && o.spec.Parallelism < 1:
		return exit.Usagef("--parallelism: %d is less than 1", o.spec.Parallelism)
	}
	if o.spec.UpgradeMode != "" {
		if err := lifecycle.CheckUpgradeMode(o.spec.UpgradeMode); err != nil {
			return err
		}
	}
	if len(o.names) == 1 {
		o.spec.Name = o.names[0]
	}
	if o.spec.Config, err = lifecycle.ParseSettings("--set", o.set); err != nil {
		return err
	}
	o.spec.Labels, err = lifecycle.ParseSettings("--label", o.labels)
	return err
}

// jobArgs are the arguments in --args and those after --.
func jobArgs(flags, rest []string) ([]string, error) {
	var out []string
	for _, text := range flags {
		words, err := lifecycle.SplitArgs(text)
		if err != nil {
			return nil, exit.Usagef("--args: %q: %v", text, err)
		}
		out = append(out, words...)
	}
	return append(out, rest...), nil
}
