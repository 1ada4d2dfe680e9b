package cmd

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/conf"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// configOptions are the flags of `kubectl flink config`.
type configOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls      reach.TLSFiles
	output   printer.Flags
	keys     []string
	grep     string
	sources  []string
	diff     bool
	old      bool
	all      bool
	liveWait time.Duration
	color    string
	palette  term.Palette
	// showSecrets prints passwords and keys.
	showSecrets bool
}

var configSources = []string{conf.FromSpec, conf.FromOperator, conf.FromFlink, conf.FromJob}

func newConfig(c *common) *cobra.Command {
	o := &configOptions{common: c}
	cmd := &cobra.Command{
		Use:   "config [[TYPE/]NAME [KEY ...]]",
		Short: "Show a job's effective configuration and where each value comes from",
		Long: `Show the configuration that a job runs with, and the source of each value:

  spec      spec.flinkConfiguration, and fields that the operator makes keys of
            (parallelism, resources, replicas, image)
  operator  its defaults, for this namespace and Flink version, and what it adds
  flink     what Flink sets when it starts, and its own values where known
  job       what the job's code sets

Where the spec, the pods' configuration file, the JobManager and the job don't
agree, that is shown below the table (--diff shows nothing else), and so are
deprecated keys and their successors. Secrets are shown as ` + "******" + ` in every format,
unless --show-secrets asks for them; what the JobManager itself hides stays so.

KEY is a key, or a pattern such as 'execution.checkpointing.*'; without any,
keys that are rarely set by hand and Flink's own values are left out (--all).

The JobManager is asked if it is ready; without it, only the objects are read.`,
		Example: plugin.Examples(`
			# Everything that is set, and by whom
			kubectl flink config basic-example

			# How it takes checkpoints, Flink's own values included
			kubectl flink config basic-example 'execution.checkpointing.*'

			# One value, for a script
			kubectl flink config basic-example parallelism.default -o jsonpath='{.items[0].value}'

			# Keys to replace before an upgrade of Flink
			kubectl flink config basic-example --deprecated`),
		ValidArgsFunction: o.completeKeys(),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, printer.Wide, printer.Name, printer.JSON, printer.YAML, "jsonpath", "custom-columns")
	flags := cmd.Flags()
	o.output.AddTableFlags(flags)
	flags.StringArrayVar(&o.keys, "key", nil, "Only this key or pattern, as KEY; may be given several times")
	flags.StringVar(&o.grep, "grep", "", "Only keys and values with this text, in upper or lower case")
	flags.StringSliceVar(&o.sources, "source", nil, "Only values from these sources: "+strings.Join(configSources, ", "))
	flags.BoolVar(&o.diff, "diff", false, "Only where spec, pods and job don't agree; exit code 3 if there are any")
	flags.BoolVar(&o.old, "deprecated", false, "Only keys that Flink calls deprecated")
	flags.BoolVar(&o.all, "all", false, "Also keys that are rarely set by hand, and Flink's own values where known")
	flags.BoolVar(&o.showSecrets, "show-secrets", false, "Print passwords and keys")
	flags.DurationVar(&o.liveWait, "live-timeout", 10*time.Second, "How long to wait for the JobManager; 0 doesn't ask it")
	addColor(cmd, &o.color)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	_ = cmd.RegisterFlagCompletionFunc("source", completion.Fixed(configSources...))
	_ = cmd.RegisterFlagCompletionFunc("key", completion.Fixed(conf.KnownKeys()...))
	return cmd
}

// completeKeys completes the job, then keys.
func (o *configOptions) completeKeys() cobra.CompletionFunc {
	jobs := o.completeJobs(false)
	return func(cmd *cobra.Command, args []string, prefix string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) == 0 {
			return jobs(cmd, args, prefix)
		}
		return conf.KnownKeys(), cobra.ShellCompDirectiveNoFileComp
	}
}

// Complete takes over the name, and the keys behind it.
func (o *configOptions) Complete(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		o.keys = append(o.keys, args[1:]...)
		args = args[:1]
	}
	return o.Arguments.Complete(cmd, args)
}

// Validate finds what is wrong with the flags.
func (o *configOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	for _, source := range o.sources {
		if !slices.Contains(configSources, source) {
			return exit.Usagef("--source: %q is not one of %s", source, strings.Join(configSources, ", "))
		}
	}
	for _, key := range o.keys {
		if _, err := path.Match(key, ""); err != nil {
			return exit.Usagef("key %q is no pattern: * stands for any text, ? for one character, [ab] for one of some", key)
		}
	}
	if o.liveWait < 0 {
		return exit.Usagef("--live-timeout: %s is negative", o.liveWait)
	}
	var err error
	o.palette, err = term.NewPalette(o.color, o.Out)
	return exit.With(exit.Usage, err)
}

// Run prints the configuration.
func (o *configOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	ref, err := o.oneJob(ctx, client, o.Args)
	if err != nil {
		return err
	}
	model, all, err := o.read(ctx, client, ref)
	if err != nil {
		return err
	}
	model.Items = slices.DeleteFunc(slices.Clone(all), func(s conf.Setting) bool { return !o.wants(s) })
	if len(model.Items) == 0 && len(o.keys) > 0 && !o.diff && !o.old {
		return o.noKey(ref, all)
	}
	brief := len(o.keys) > 0 || o.grep != "" || len(o.sources) > 0 || o.diff || o.old
	page := view.ConfigPage{Palette: o.palette, Brief: brief}
	if term.IsTerminal(o.Out) {
		page.Width = term.Width(o.Out)
	}
	if o.output.IsHuman() && len(model.Items) == 0 {
		fmt.Fprintln(o.ErrOut, o.nothing(ref, model.Asked))
		return nil
	}
	if o.showSecrets {
		fmt.Fprintln(o.ErrOut, secret.Shown)
	}
	if err := o.output.Print(o.Out, page.Result(model)); err != nil {
		return err
	}
	if o.diff && len(model.Items) > 0 {
		return exit.Silent(exit.No)
	}
	return nil
}

// read is the configuration of a job without its items, and all that these are
// chosen of.
func (o *configOptions) read(ctx context.Context, client *operator.Client, ref api.Ref) (view.Config, []conf.Setting, error) {
	place, err := reach.Find(ctx, client, ref)
	if err != nil && place.Job.Object == nil {
		return view.Config{}, nil, err
	}
	model := view.Config{APIVersion: "kubectl-flink/v1", Kind: "JobConfig", Job: ref.String(), JobID: place.JobID}
	if err != nil { // the session cluster or the color isn't there
		model.Unknown = append(model.Unknown, err.Error())
	}
	layers := conf.ReadLayers(ctx, client, place.Job, place.Cluster)
	o.askJobManager(ctx, place, &layers, &model)
	if err := context.Cause(ctx); err != nil {
		return model, nil, err
	}
	layers.ShowSecrets = o.showSecrets
	if !o.showSecrets {
		model.Hide()
	}
	if place.Cluster.Object != nil {
		model.Cluster = place.Cluster.Ref().String()
	}
	if model.FlinkVersion == "" {
		model.FlinkVersion = strings.ReplaceAll(strings.TrimPrefix(layers.Version, "v"), "_", ".")
	}
	model.Unknown = append(model.Unknown, layers.Problems...)
	return model, layers.Settings(), nil
}

// nothing says that no setting is as was asked for.
func (o *configOptions) nothing(ref api.Ref, asked bool) string {
	switch {
	case o.diff && asked:
		return ref.String() + " runs as it was asked to"
	case o.diff:
		return ref.String() + " runs as it was asked to, as far as the objects show; its JobManager was not asked"
	case o.old:
		return ref.String() + " has no deprecated keys"
	}
	return "no setting of " + ref.String() + " is like that"
}

// wants reports whether a setting is among those asked for.
func (o *configOptions) wants(s conf.Setting) bool {
	switch {
	case len(o.keys) > 0 && !slices.ContainsFunc(o.keys, func(pattern string) bool { ok, _ := path.Match(pattern, s.Key); return ok }):
		return false
	case o.grep != "" && !strings.Contains(strings.ToLower(s.Key+"="+s.Value), strings.ToLower(o.grep)):
		return false
	case len(o.sources) > 0 && !slices.Contains(o.sources, s.Source):
		return false
	case o.diff:
		return s.Differs()
	case o.old:
		return s.Deprecated != nil
	case o.all || len(o.keys) > 0:
		return true
	case s.Standard:
		return len(o.sources) > 0 || o.grep != ""
	}
	return !s.Internal
}

// noKey says that nothing fits what was asked for.
func (o *configOptions) noKey(ref api.Ref, all []conf.Setting) error {
	var near []string
	for _, s := range all {
		if operator.Near(s.Key, o.keys[0]) {
			near = append(near, s.Key)
		}
	}
	hint := "; Flink's own value, if there is one, isn't known here"
	if len(near) > 0 {
		hint += "\nKeys near it: " + strings.Join(near[:min(len(near), 5)], ", ")
	}
	return fmt.Errorf("no key of %s is %q%s", ref, strings.Join(o.keys, `" or "`), hint)
}

// askJobManager adds what only the JobManager knows; without it the objects
// tell.
func (o *configOptions) askJobManager(ctx context.Context, place reach.Place, layers *conf.Layers, model *view.Config) {
	switch {
	case o.liveWait == 0 || place.Cluster.Object == nil:
		return
	case place.Suspended() || place.Cluster.JobManager() != api.JobManagerReady:
		why := place.WhyNot()
		if why == "" {
			why = "it isn't there yet"
		}
		model.Unknown = append(model.Unknown, "what the JobManager runs with: "+why)
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.liveWait, fmt.Errorf("no answer in %s", o.liveWait))
	defer cancel()
	err := func() error {
		tunnel, err := o.tunnel(o.tunnelFlags, nil)
		if err != nil {
			return err
		}
		defer tunnel.Close()
		jobManager, err := restClient(tunnel, place, o.tls)
		if err != nil {
			return err
		}
		if layers.Running, err = jobManager.JobManagerConfig(ctx); err != nil {
			return err
		}
		layers.RunningKnown, model.Asked = true, true
		if version, err := jobManager.Config(ctx); err == nil {
			model.FlinkVersion = version.FlinkVersion
		}
		if place.JobID == "" {
			return nil
		}
		return askJob(ctx, jobManager, place.JobID, layers, model)
	}()
	if err != nil {
		model.Unknown = append(model.Unknown, "what the JobManager runs with: "+reach.AskError(ctx, err).Error())
	}
}

// askJob adds what the job itself runs with.
func askJob(ctx context.Context, jobManager *rest.Client, id string, layers *conf.Layers, model *view.Config) error {
	checkpoints, err := jobManager.CheckpointConfig(ctx, id)
	if err != nil && !rest.NotFound(err) {
		return err
	}
	layers.JobRuns = checkpoints.Settings(conf.DurationText)
	job, err := jobManager.JobConfig(ctx, id)
	if err != nil && !rest.NotFound(err) {
		return err
	}
	model.Restarts, model.Parameters = job.Execution.Restarts, job.Execution.Parameters
	return nil
}
