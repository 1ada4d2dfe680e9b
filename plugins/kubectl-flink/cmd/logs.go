package cmd

import (
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

type logsOptions struct {
	*common
	plugin.Arguments
	tunnelFlags
	tls         reach.TLSFiles
	output      printer.Flags
	jobManager  bool
	taskManager string
	operatorLog bool
	follow      bool
	since       time.Duration
	tail        int64
	previous    bool
	grep        string
	level       string
	container   string
	full        bool
	bare        bool
	file        string
	files       bool
	quiet       bool
	color       string

	pattern *regexp.Regexp
	share   *levelShare
	printer view.LogPrinter
}

func newLogs(c *common) *cobra.Command {
	o := &logsOptions{common: c, share: &levelShare{}}
	cmd := &cobra.Command{
		Use:   "logs [[TYPE/]NAME]",
		Short: "Show what a job's JobManagers and TaskManagers write, merged by time",
		Long: `Show the logs of a job's JobManagers and TaskManagers as one, in the order of
time, with the pod before each line: jm-x7k2p, tm-1-2. Of stack traces only the
exceptions are shown; --full shows all.

With -f pods that come are taken in as they come. A session job has the pods of
its session cluster; a blue/green deployment those of the active color, and of
both with -f or while it changes over.

--operator shows what the operator wrote about this object instead, for which
the operator's pods must be readable. --file reads a file of Flink's log
directories through the JobManager, where containers don't write to the console.`,
		Example: plugin.Examples(`
			# Follow all pods of a job
			kubectl flink logs basic-example -f

			# Warnings and errors of the TaskManagers in the last hour
			kubectl flink logs basic-example --tm --level warn --since 1h

			# What the operator did with it
			kubectl flink logs basic-example --operator --tail 200`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	flags.BoolVar(&o.jobManager, "jm", false, "Only JobManagers (with --tm: both)")
	flags.StringVar(&o.taskManager, "tm", "", "Only TaskManagers; with =N the one with that number, with =POD that pod")
	flags.Lookup("tm").NoOptDefVal = everyTaskManager
	flags.BoolVar(&o.operatorLog, "operator", false, "What the operator wrote about this object")
	flags.BoolVarP(&o.follow, "follow", "f", false, "Go on with what is written, and with pods that come")
	flags.DurationVar(&o.since, "since", 0, "Only what is newer than this, as in 5s, 2m or 3h")
	flags.Int64Var(&o.tail, "tail", -1, "How many of the last lines of each pod to read (before --grep and --level); -1 reads all")
	flags.BoolVarP(&o.previous, "previous", "p", false, "What containers wrote before they were started again")
	flags.StringVar(&o.grep, "grep", "", "Only messages that match this regular expression, stack traces included")
	flags.StringVar(&o.level, "level", "", "Only messages of this level or graver: "+strings.Join(logs.Levels, ", ")+"; those whose level can't be recognized are shown, too")
	flags.StringVarP(&o.container, "container", "c", "", "Another container than Flink's or the operator's")
	flags.BoolVar(&o.full, "full", false, "Whole stack traces")
	flags.BoolVar(&o.bare, "no-prefix", false, "Lines without the pod before them")
	flags.StringVar(&o.file, "file", "", "Read this file of Flink's log directories through the JobManager, or those that match a pattern such as *.log")
	flags.BoolVar(&o.files, "files", false, "List the files of Flink's log directories")
	flags.BoolVarP(&o.quiet, "quiet", "q", false, "Say nothing about pods on standard error")
	o.output.AddFlags(cmd, printer.JSON)
	addColor(cmd, &o.color)
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	_ = cmd.RegisterFlagCompletionFunc("level", completion.Fixed(logs.Levels...))
	return cmd
}

// everyTaskManager is --tm without a value.
const everyTaskManager = "*"

// Validate finds what is wrong with the flags.
func (o *logsOptions) Validate() error {
	if err := o.output.Validate(); err != nil {
		return err
	}
	palette, err := term.NewPalette(o.color, o.Out)
	if err != nil {
		return exit.With(exit.Usage, err)
	}
	if o.grep != "" {
		if o.pattern, err = regexp.Compile(o.grep); err != nil {
			return exit.Usagef("--grep: %v", err)
		}
	}
	if o.level != "" {
		if o.level, err = logs.ParseLevel(o.level); err != nil {
			return err
		}
	}
	switch {
	case o.since < 0:
		return exit.Usagef("--since: %s is not a positive duration", o.since)
	case o.tail < -1:
		return exit.Usagef("--tail: %d is less than -1", o.tail)
	case o.follow && o.previous:
		return exit.Usagef("give --follow or --previous, not both: what was before doesn't grow")
	case o.operatorLog && (o.jobManager || o.taskManager != ""):
		return exit.Usagef("give --operator or --jm and --tm, not both")
	case o.file != "" && o.files:
		return exit.Usagef("give --file or --files, not both")
	case (o.file != "" || o.files) && (o.follow || o.previous || o.operatorLog || o.container != "" || o.since != 0 || o.tail >= 0):
		return exit.Usagef("--file and --files go with --jm, --tm, --grep and --level only: Flink serves its files whole")
	}
	o.printer.Out, o.printer.Palette, o.printer.Full, o.printer.Bare = o.Out, palette, o.full, o.bare
	o.printer.JSON = o.output.Format() == printer.JSON
	return nil
}

// wanted reports whether a record passes --level and --grep.
func (o *logsOptions) wanted(r logs.Record) bool {
	if o.level != "" {
		var early io.Writer
		if o.follow {
			early = o.ErrOut
		}
		o.share.count(r, early)
	}
	return r.AtLeast(o.level) && (o.pattern == nil || o.pattern.MatchString(term.Safe(r.Text())))
}

// chooses reports whether --jm and --tm want a pod.
func (o *logsOptions) chooses(role, pod string) bool {
	switch {
	case !o.jobManager && o.taskManager == "":
		return role == "jobmanager" || role == "taskmanager"
	case role == "jobmanager":
		return o.jobManager
	case role != "taskmanager" || o.taskManager == "":
		return false
	}
	return o.taskManager == everyTaskManager || pod == o.taskManager || strings.HasSuffix(pod, "-"+o.taskManager)
}

// mentions makes a test for the operator's records about some objects, which
// its layouts write as [NAMESPACE/NAME] or [NAMESPACE.NAME].
func mentions(refs ...api.Ref) *regexp.Regexp {
	var names []string
	for _, ref := range refs {
		names = append(names, regexp.QuoteMeta(ref.Namespace)+"[./]"+regexp.QuoteMeta(ref.Name))
	}
	return regexp.MustCompile(`(^|[^\w.-])(` + strings.Join(names, "|") + `)($|[^\w.-]|\.\s|\.$)`)
}
