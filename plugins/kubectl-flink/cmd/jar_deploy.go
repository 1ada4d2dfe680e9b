package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/conf"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jar"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/storage"
)

// checkDeploy finds why the job couldn't run the jar from where it is going to be.
func (o *jarUploadOptions) checkDeploy(ctx context.Context, client *operator.Client, line *progress.Line) error {
	line.Set("looking at %s", o.deploy)
	ref, err := o.oneJob(ctx, client, []string{o.deploy})
	if err != nil {
		return err
	}
	job, cluster, config, err := configured(ctx, client, ref)
	switch {
	case err != nil:
		return err
	case job.IsSessionCluster():
		return exit.Usagef("--deploy: %s is a session cluster, which runs no jar of its own", ref)
	}
	if sameObject(api.Text(job.Spec(), "job", "jarURI"), o.uri) {
		// The same bytes would change nothing, and others the operator wouldn't see.
		return exit.Usagef("%s is the jar of %s already, and the operator does nothing where the address stays: give the new one another address, as in %s", o.uri, ref, jar.NameFor(o.file.name(), "NEW"))
	}
	class := o.class
	if class == "" {
		class = api.Text(job.Spec(), "job", "entryClass")
	}
	if _, err := jar.Check(o.file, o.file.size, class); err != nil {
		return exit.With(exit.Usage, fmt.Errorf("%s: %w, and %s runs it", o.file.path, err, ref))
	}
	scheme, _ := storage.Split(o.uri)
	notes, err := canFetch(ctx, client, job, cluster, config, scheme)
	if err != nil {
		return fmt.Errorf("%s couldn't run %s: %w\nNothing was uploaded", ref, o.uri, err)
	}
	for _, note := range notes {
		line.Print("note: %s", note)
	}
	return nil
}

// canFetch finds why what runs a job can't fetch its jar by a scheme. The notes are
// what has to be so and can't be seen from here.
func canFetch(ctx context.Context, client *operator.Client, job, cluster api.Job, config api.Config, scheme string) (notes []string, err error) {
	if job.Kind.Name != api.SessionJob.Name {
		return jar.ApplicationCanFetch(job.Spec(), config, scheme)
	}
	layers := conf.ReadLayers(ctx, client, job, cluster)
	who := jar.Operator{Known: layers.DefaultsKnown, Schemes: layers.Defaults[jar.SchemesKey]}
	if health := client.OperatorHealth(ctx); len(health.Deployments) == 1 {
		who.Version = health.Deployments[0].Version
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return who.CanFetch(scheme)
}

// upgrade gives the job the jar, as `kubectl flink upgrade --jar` does.
func (o *jarUploadOptions) upgrade(ctx context.Context) error {
	u := &upgradeOptions{changeFlags: changeFlags{
		common: o.common, tunnelFlags: o.tunnelFlags, tls: o.tls, yes: o.yes,
		RunFlags: plugin.RunFlags{Wait: true, Timeout: o.Timeout, Quiet: o.Quiet, DryRun: o.DryRun},
	}}
	u.options.DryRun = o.DryRun
	u.many.args = []string{o.deploy}
	u.request.Jar, u.request.Class, u.request.StableFor = o.uri, o.class, 30*time.Second
	return u.Run(ctx)
}
