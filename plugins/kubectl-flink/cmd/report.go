package cmd

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/bundle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/timeline"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// reportOptions are the flags of `kubectl flink report`.
type reportOptions struct {
	*common
	tunnelFlags
	plugin.Arguments
	tls           reach.TLSFiles
	output        printer.Flags
	file          string
	overwrite     bool
	allNamespaces bool
	selector      string
	since         time.Duration
	maxSize       string
	timeout       time.Duration
	quiet         bool

	limit int64
}

// leastSize and mostSize bound --max-size.
const (
	leastSize = 256 << 10
	mostSize  = 2 << 30
)

func newReport(c *common) *cobra.Command {
	o := &reportOptions{common: c}
	cmd := &cobra.Command{
		Use:   "report [[TYPE/]NAME ...]",
		Short: "Write a support bundle of jobs and the installation, without secrets",
		Long: `Write a support bundle as a zip: the jobs' objects, pods, events and logs (of all
containers, of this run and the one before, and of the operator), the effective
configuration, what the JobManager reports (jobs, plan, checkpoints, exceptions,
metrics, thread dumps), what doctor finds, the timeline and the versions. Its
index.html opens in a browser without a network: findings first.

Secrets are hidden by the names of what holds them, by their form, and those that are
known so are hidden wherever else they stand. To know them, the Secrets that pods name
are read, too; they are not put in. Look through the bundle all the same before you
pass it on: a secret whose name and form don't show it is not recognized.

What can't be read is listed in the bundle, and no reason to fail. Nothing is changed
in the cluster. Without a name, all jobs of the namespace are in it.`,
		Example: plugin.Examples(`
			# One job
			kubectl flink report basic-example

			# All jobs of all namespaces, small enough for a mail
			kubectl flink report -A --max-size 10Mi

			# Logs and timeline of the last hour, to a file of your choice
			kubectl flink report basic-example --since 1h --file /tmp/report.zip --overwrite

			# Where it was written, for a script
			kubectl flink report basic-example -o jsonpath='{.file}'`),
		Args:              cobra.ArbitraryArgs,
		ValidArgsFunction: c.completeJobs(true),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.output.AddFlags(cmd, printer.JSON, printer.YAML, "jsonpath")
	flags.StringVar(&o.file, "file", "", "File to write (default flink-report-NAME-TIME.zip in the working directory)")
	flags.BoolVar(&o.overwrite, "overwrite", false, "Replace a file that is there")
	flags.BoolVarP(&o.allNamespaces, "all-namespaces", "A", false, "The jobs of every namespace")
	flags.StringVarP(&o.selector, "selector", "l", "", "Label selector: the jobs that match")
	flags.DurationVar(&o.since, "since", 6*time.Hour, "How far back logs and timeline go; 0 is as far as they are kept")
	flags.StringVar(&o.maxSize, "max-size", "50Mi", "How large the file may become; of logs the newest is kept")
	flags.DurationVar(&o.timeout, "timeout", reach.SourceLimit, "How long each source is waited for")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, plugin.NoProgress)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *reportOptions) Validate() error {
	size, err := resource.ParseQuantity(o.maxSize)
	if err != nil {
		return exit.Usagef("--max-size: %q is no size; give one such as 50Mi", o.maxSize)
	}
	o.limit = size.Value()
	switch {
	case o.limit < leastSize || o.limit > mostSize:
		return exit.Usagef("--max-size: %s is not between 256Ki and 2Gi", o.maxSize)
	case o.since < 0:
		return exit.Usagef("--since: %s is negative", o.since)
	case o.timeout <= 0:
		return exit.Usagef("--timeout: %s is not a positive duration", o.timeout)
	case len(o.Args) > 0 && (o.allNamespaces || o.selector != ""):
		return exit.Usagef("give names, or -A and -l, but not both")
	case o.file == "-":
		return exit.Usagef("--file: the bundle isn't written to standard output; give a file")
	}
	return o.output.Validate()
}

// Run writes the bundle.
func (o *reportOptions) Run(ctx context.Context) error {
	client, err := o.operator()
	if err != nil {
		return err
	}
	namespace, _, err := o.factory.Namespace()
	if err != nil {
		return err
	}
	named, err := refsOf(o.Args, namespace)
	if err != nil {
		return err
	}
	scope := o.scope(namespace, named)
	if o.allNamespaces {
		namespace = metav1.NamespaceAll
	}
	for _, ref := range named {
		// A name that is misspelt is no missing piece.
		limited, cancel := context.WithTimeoutCause(ctx, o.timeout, exit.Timeoutf("no answer within %s", o.timeout))
		_, err := client.Get(limited, ref)
		if err != nil && limited.Err() != nil {
			err = context.Cause(limited)
		}
		cancel()
		if err != nil {
			return err
		}
	}
	line := o.progress(o.quiet)
	defer line.Done()
	name := cmp.Or(o.file, bundle.Clean("flink-report-"+scope+"-"+o.now().UTC().Format("20060102-150405"))+".zip")
	out, err := createFile(name, o.overwrite)
	if err != nil {
		return err
	}
	defer out.abandon()
	b := &reportBuilder{
		reportOptions: o, client: client, line: line,
		archive: bundle.NewArchive(out, strings.TrimSuffix(filepath.Base(name), ".zip"), o.limit, o.now()),
	}
	if err := b.fill(ctx, scope, namespace, named); err != nil {
		return err
	}
	if err := out.finish(); err != nil {
		return err
	}
	line.Done()
	return o.output.Print(o.Out, view.Written{
		APIVersion: "kubectl-flink/v1", Kind: "Report", File: name, Size: b.archive.Size(), Jobs: len(b.jobs), Errors: b.doctor.Errors, Warnings: b.doctor.Warnings,
		Missing: b.archive.Missing(),
	}.Result())
}

// scope says whose report it is, as a part of a file's name.
func (o *reportOptions) scope(namespace string, named []api.Ref) string {
	switch {
	case o.allNamespaces:
		return "all"
	case len(named) == 1:
		return named[0].Name
	}
	return namespace
}

// reportBuilder fills one bundle.
type reportBuilder struct {
	*reportOptions
	client  *operator.Client
	line    *progress.Line
	archive *bundle.Archive
	jobs    []bundle.Job
	doctor  *view.DoctorReport
}

// mostReported bounds how many jobs are in one bundle.
const mostReported = 200

// fill gathers everything and writes it. It fails where nothing can be asked or
// written, and when somebody ends it.
func (b *reportBuilder) fill(ctx context.Context, scope, namespace string, named []api.Ref) error {
	way := b.tunnelFlags
	way.reconnect = 0 // who isn't there isn't waited for
	tunnel, err := b.tunnel(way, nil)
	if err != nil {
		return err
	}
	defer tunnel.Close()
	gatherer := b.gathererOf(b.client, tunnel, b.tls, b.timeout)
	gatherer.NoWait = true
	found, err := gatherAll(ctx, gatherer, namespace, b.selector, named, b.line.Set)
	if err != nil {
		return err
	}
	versions := view.Versions{Client: version.Get()}
	if err := b.serverVersions(ctx, &versions); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if found.failed != nil {
			return found.failed // nobody answers
		}
		b.archive.Miss("versions", err.Error())
	}
	if found.failed != nil {
		b.archive.Miss("list of jobs", found.failed.Error())
	}
	b.doctor = found.report()
	collector := &bundle.Collector{Client: b.client, Archive: b.archive, Ask: gatherer.Ask, Since: b.since, Limit: b.timeout, Now: b.now}
	if term.Moves(b.ErrOut) { // in a pipe nobody waits for the next piece
		collector.Tell = b.line.Set
	}
	b.line.Set("looking for what has to be hidden")
	collector.LearnInstallation(found.installation)
	for i, ref := range found.refs {
		switch one := found.jobs[i]; {
		case one.err != nil:
			b.archive.Miss(ref.String()+" in "+ref.Namespace, one.err.Error())
		case len(b.jobs) == mostReported:
			b.archive.Miss(ref.String()+" in "+ref.Namespace, fmt.Sprintf("a bundle has at most %d jobs", mostReported))
		default:
			b.jobs = append(b.jobs, bundle.Job{Ref: ref, Facts: one.facts})
			collector.Learn(ctx, b.jobs[len(b.jobs)-1])
		}
	}
	b.archive.Secrets.Seal()
	collector.Gaps("the installation", found.unread)
	page := view.Report{Scope: scope, Created: b.now(), Doctor: b.doctor, Versions: versionPairs(versions), Hide: b.archive.Secrets.Hide}
	b.print("doctor", "what doctor finds", view.DoctorPage{Now: b.now()}.Result(b.doctor))
	b.archive.Value("versions.json", "versions", versions)
	logs := collector.Operators(ctx, found.installation)
	n := 0
	for i, ref := range found.refs {
		if n == len(b.jobs) || b.jobs[n].Ref != ref {
			continue
		}
		job := b.jobs[n]
		n++
		page.Jobs = append(page.Jobs, b.job(ctx, collector, job, found.jobs[i].unread))
		logs = append(logs, collector.LogsOf(ref.String()+" in "+ref.Namespace, job.Dir()+"/logs", job.Facts.Pods)...)
		if err := b.ended(ctx); err != nil {
			return err
		}
	}
	collector.Logs(ctx, logs)
	if err := b.ended(ctx); err != nil {
		return err
	}
	b.line.Set("writing index.html")
	b.archive.Value("missing.json", "what is missing", map[string]any{"items": b.archive.Missing()})
	page.Files, page.Missing = b.archive.Files(), b.archive.Missing()
	return b.archive.Close(page.HTML)
}

// ended is why the work can't go on; nil where it can.
func (b *reportBuilder) ended(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return b.archive.Err()
}

// job puts in what is known of one job.
func (b *reportBuilder) job(ctx context.Context, collector *bundle.Collector, job bundle.Job, unread []reach.Unread) view.ReportJob {
	dir, ref := job.Dir(), job.Ref
	b.line.Set("%s in %s", ref, ref.Namespace)
	collector.Gaps(ref.String()+" in "+ref.Namespace, unread)
	collector.Objects(ctx, job)
	story := timeline.Build(job.Facts, timeline.Options{Since: b.since, Why: reasonsOf(unread)})
	page := &view.TimelinePage{Zone: time.UTC}
	b.print(dir+"/timeline", "what happened to "+ref.String(), page.Result(story))
	b.archive.Text(dir+"/timeline.svg", "what happened to "+ref.String()+", as a picture", []byte(view.TimelineSVG(story, time.UTC)))
	collector.Facts(job)
	b.config(ctx, job)
	collector.REST(ctx, job)
	read := api.Job{Kind: ref.Kind, Object: job.Facts.Object}
	out := view.ReportJob{Name: ref.String(), Namespace: ref.Namespace, State: read.Describe(b.now()), Dir: dir, Timeline: story}
	for _, pair := range [][2]string{
		{"Flink", cmp.Or(job.Facts.Flink.Version, api.Dotted(read.FlinkVersion()))},
		{"Image", api.Text(read.Spec(), "image")},
		{"Job id", cmp.Or(job.Facts.Flink.JobID, read.JobID())},
		{"Lifecycle", read.Lifecycle()},
		{"JobManager", read.JobManager()},
		{"Upgrade mode", api.Text(read.Spec(), "job", "upgradeMode")},
		{"Restored from", job.Facts.Flink.RestoredFrom},
		{"Pods", fmt.Sprint(len(job.Facts.Pods))},
	} {
		if pair[1] != "" {
			out.Facts = append(out.Facts, pair)
		}
	}
	return out
}

// config puts in the effective configuration.
func (b *reportBuilder) config(ctx context.Context, job bundle.Job) {
	b.line.Set("%s: configuration", job.Ref)
	limited, cancel := context.WithTimeoutCause(ctx, 3*b.timeout, errors.New("no answer in time"))
	defer cancel()
	options := &configOptions{common: b.common, tunnelFlags: b.tunnelFlags, tls: b.tls, liveWait: b.timeout}
	options.reconnect = 0
	model, all, err := options.read(limited, b.client, job.Ref)
	if err != nil {
		if ctx.Err() == nil {
			b.archive.Miss("configuration of "+job.Ref.String()+" in "+job.Ref.Namespace, err.Error())
		}
		return
	}
	model.Items = all
	b.print(job.Dir()+"/config", "effective configuration of "+job.Ref.String(), view.ConfigPage{}.Result(model))
}

// print puts in a result as JSON and as people read it.
func (b *reportBuilder) print(name, what string, result printer.Result) {
	b.archive.Value(name+".json", what, result.Object)
	var out bytes.Buffer
	if err := result.Text(&out); err != nil {
		b.archive.Miss(what, err.Error())
		return
	}
	b.archive.Text(name+".txt", what, []byte(term.Safe(out.String())))
}

func versionPairs(v view.Versions) [][2]string {
	out := [][2]string{{"kubectl-flink", v.Client.Version}, {"Kubernetes", v.Kubernetes}}
	for _, d := range v.Operator.Deployments {
		out = append(out, [2]string{"Operator " + d.Namespace + "/" + d.Name, cmp.Or(d.Version, d.Image) + fmt.Sprintf(", %d of %d ready", d.Ready, d.Wanted)})
	}
	if len(v.Operator.Kinds) > 0 {
		out = append(out, [2]string{"Kinds", strings.Join(v.Operator.Kinds, ", ")})
	}
	if v.Operator.Problem != "" {
		out = append(out, [2]string{"Operator", v.Operator.Problem})
	}
	return out
}
