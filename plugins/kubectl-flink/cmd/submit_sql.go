package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqljob"
)

// sqlFlags are the flags of `kubectl flink submit` for an application of SQL.
type sqlFlags struct {
	files                                []string
	image, version, mode, serviceAccount string
	noImageCheck, compiledPlan           bool
	// ready is a script that is there already, and base what it is to run in.
	ready *sqljob.Script
	base  api.Job
}

// given reports whether a script is to be run.
func (f *sqlFlags) given() bool { return f.ready != nil || len(f.files) > 0 }

// ofScript are those that mean nothing without --sql.
var ofScript = []string{"image", "flink-version", "mode", "service-account", "no-image-check", "compiled-plan"}

func (f *sqlFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringArrayVar(&f.files, "sql", nil, "File with a SQL script to run; - is standard input; may be repeated: files make one script")
	flags.StringVar(&f.image, "image", "", "With --sql: image of Flink with the script's connectors (default flink:VERSION, of --flink-version)")
	flags.StringVar(&f.version, "flink-version", "", "With --sql: Flink version of the image, as in 2.3 (default that of the image's tag)")
	flags.StringVar(&f.mode, "mode", "", "With --sql: who makes TaskManagers: native (Flink, the default) or standalone (the operator)")
	flags.StringVar(&f.serviceAccount, "service-account", "", `With --sql: service account of the job's pods (default "flink")`)
	flags.BoolVar(&f.noImageCheck, "no-image-check", false, "With --sql: don't look into the image first")
	flags.BoolVar(&f.compiledPlan, "compiled-plan", false, "With --sql: have Flink plan the script now, in a pod of some seconds, and the job run that plan (EXECUTE PLAN)")
	_ = cmd.RegisterFlagCompletionFunc("mode", completion.Fixed("native", "standalone"))
}

// without refuses what only a script has.
func (f *sqlFlags) without(flags *pflag.FlagSet) error {
	for _, name := range ofScript {
		if flags.Changed(name) {
			return exit.Usagef("--%s goes with --sql", name)
		}
	}
	return nil
}

// sqlFromFlags finds what is wrong with the flags of a script.
func (o *submitOptions) sqlFromFlags() error {
	switch {
	case len(o.spec.Args) > 0 || len(o.args) > 0:
		return exit.Usagef("a script takes no arguments")
	case o.spec.Class != "":
		return exit.Usagef("--class is a jar's; a script is run by Flink's SqlDriver")
	case o.sql.mode != "" && o.sql.mode != "native" && o.sql.mode != "standalone":
		return exit.Usagef("--mode: %q is neither native nor standalone", o.sql.mode)
	case len(o.files) > 1:
		return exit.Usagef("--filename: with --sql, one FlinkDeployment")
	}
	if o.spec.Cluster == "" {
		if len(o.names) == 0 && len(o.files) == 0 {
			return exit.Usagef("NAME is missing: what is the application to be called?\nTo run the script in a session cluster, name that with --deployment")
		}
		return o.commonFlags()
	}
	for _, flag := range append([]string{"filename", "from", "claim-mode", "upgrade-mode", "label", "dry-run", "output", "check", "no-check", "compile"}, ofScript...) {
		if o.flags.Changed(flag) {
			return exit.Usagef("--%s: a script in a session cluster is a job without an object of Kubernetes, and has none of that\nWithout --deployment it becomes an application", flag)
		}
	}
	return o.commonFlags()
}

// startedScript is an application of a script on its way.
type startedScript struct {
	app       sqljob.App
	job       api.Job
	configMap *corev1.ConfigMap
	created   bool
}

// application makes the objects of a script.
func (o *submitOptions) application(ctx context.Context) (*startedScript, error) {
	if o.sql.ready != nil {
		return o.applicationOf(ctx, *o.sql.ready)
	}
	script, err := sqljob.Read(ctx, o.In, o.sql.files)
	if err != nil {
		return nil, err
	}
	return o.applicationOf(ctx, script)
}

func (o *submitOptions) applicationOf(ctx context.Context, script sqljob.Script) (*startedScript, error) {
	notes, err := script.Check()
	if err != nil {
		return nil, err
	}
	app := sqljob.App{
		Name: o.spec.Name, Namespace: o.spec.Namespace, Image: o.sql.image, FlinkVersion: o.sql.version, Mode: o.sql.mode,
		ServiceAccount: o.sql.serviceAccount, UpgradeMode: o.spec.UpgradeMode, Parallelism: o.spec.Parallelism,
		Jars: o.jars, Config: o.spec.Config, Labels: o.spec.Labels, Script: script, Base: o.sql.base,
	}
	if len(o.files) > 0 {
		bases, err := lifecycle.ReadManifests(ctx, o.In, o.files)
		if err != nil {
			return nil, err
		}
		if len(bases) != 1 {
			return nil, exit.Usagef("--filename: with --sql, one FlinkDeployment; there are %d objects", len(bases))
		}
		app.Base = bases[0]
		own := bases[0].Object.GetNamespace()
		if _, explicit, err := o.factory.Namespace(); err != nil {
			return nil, err
		} else if own != "" && explicit && own != app.Namespace {
			return nil, exit.Usagef("%s is in namespace %s by its manifest, but --namespace is %s", bases[0].Ref(), own, app.Namespace)
		} else if own != "" {
			app.Namespace = own
		}
	}
	job, err := app.Job()
	if err != nil {
		return nil, err
	}
	if err := lifecycle.CheckName(api.Deployment, job.Object.GetName()); err != nil {
		return nil, err
	}
	if !o.Quiet {
		for _, note := range append(notes, app.Lacks(job)...) {
			fmt.Fprintln(o.ErrOut, note)
		}
	}
	return &startedScript{app: app, job: job, configMap: sqljob.ConfigMap(job.Ref(), script)}, nil
}

// store looks into the image and creates the script's ConfigMap, which the job
// owns once there is one.
func (s *startedScript) store(ctx context.Context, client *operator.Client, o *submitOptions, reporter operator.Reporter) (err error) {
	if o.request.DryRun == "client" {
		return nil
	}
	if !o.sql.noImageCheck && o.request.DryRun == "" {
		if err := checkImage(ctx, client, s.job, reporter); err != nil {
			return fmt.Errorf("%w\nNothing was created", err)
		}
	}
	if s.created, err = sqljob.Store(ctx, client, s.configMap, o.request.DryRun); err != nil {
		return err
	}
	o.request.Created = func(ctx context.Context, job api.Job) error {
		return sqljob.Own(ctx, client, job, s.configMap.Name)
	}
	return nil
}

// checkImage finds whether an image can run a script. Where it can't be looked
// into, that is a note.
func checkImage(ctx context.Context, client *operator.Client, job api.Job, reporter operator.Reporter) error {
	image, err := sqljob.LookInto(ctx, client, job, reporter)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil:
		return image.Check(job)
	case errors.Is(err, sqljob.ErrNoStart):
		return fmt.Errorf("image %s: %w", api.Text(job.Spec(), "image"), err)
	case apierrors.IsForbidden(err):
		reporter.Notef("image %s was not looked into: you may not create pods in namespace %s", api.Text(job.Spec(), "image"), job.Object.GetNamespace())
	default:
		reporter.Notef("image %s was not looked into: %v", api.Text(job.Spec(), "image"), err)
	}
	return nil
}

// discard takes back a ConfigMap that nothing uses.
func (s *startedScript) discard(ctx context.Context, client *operator.Client, reporter operator.Reporter) {
	if !s.created {
		return
	}
	if err := sqljob.Discard(ctx, client, s.configMap); err != nil {
		reporter.Notef("%v", err)
	}
}

// printed adds the ConfigMap to what a dry run prints.
func (s *startedScript) printed(result printer.Result) printer.Result {
	configMap, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s.configMap)
	if err != nil {
		return result
	}
	if meta := api.Section(configMap, "metadata"); meta != nil {
		delete(meta, "creationTimestamp")
	}
	result.Object = printer.List([]any{configMap, result.Object})
	result.Names = append([]string{"configmap/" + s.configMap.Name}, result.Names...)
	return result
}

// withoutObject is what a job of a session cluster lacks that an application has.
const withoutObject = `This is a job of the session cluster, not an application. No object stands for it: upgrade,
suspend, restore and scale can't be used on it, and Git can't hold it. It shares TaskManagers
with the cluster's other jobs, and ends with the cluster.
From Flink 2.0 on, a script can be an application: kubectl flink submit NAME --sql FILE
To end it: kubectl flink cancel %s --job-id ID -n %s
`

// runInSession runs a script in a session cluster, and leaves its job running.
func (o *submitOptions) runInSession(ctx context.Context) error {
	script, err := sqljob.Read(ctx, o.In, o.sql.files)
	if err != nil {
		return err
	}
	if err := script.CheckSession(); err != nil {
		return err
	}
	shell := &sqlOptions{
		common: o.common, Arguments: plugin.Arguments{Args: []string{o.spec.Cluster}}, tunnelFlags: o.tunnelFlags, tls: o.tls,
		detach: true, quiet: o.Quiet, anyGateway: true, set: o.set,
	}
	if o.spec.Name != "" {
		shell.set = append(shell.set, "pipeline.name="+o.spec.Name)
	}
	if o.spec.Parallelism > 0 {
		shell.set = append(shell.set, fmt.Sprintf("parallelism.default=%d", o.spec.Parallelism))
	}
	shell.set = append(shell.set, "table.dml-sync=false")
	for _, jar := range o.jars {
		shell.ready = append(shell.ready, sqlshell.Source{Name: "--jar", Text: strings.NewReader("ADD JAR '" + strings.ReplaceAll(jar, "'", "''") + "'")})
	}
	shell.ready = append(shell.ready, sqlshell.Source{Name: strings.Join(o.sql.files, ", "), Text: strings.NewReader(script.Text)})
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	if err := shell.Run(ctx); err != nil {
		return ended(ctx, err)
	}
	if !o.Quiet {
		fmt.Fprintf(o.ErrOut, withoutObject, o.spec.Cluster, o.spec.Namespace)
	}
	return nil
}
