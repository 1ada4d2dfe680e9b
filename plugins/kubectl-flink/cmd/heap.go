package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/podexec"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// heapOptions are the flags of `kubectl flink heap`.
type heapOptions struct {
	*common
	plugin.Arguments
	plugin.RunFlags
	processFlags
	output  printer.Flags
	image   string
	histo   bool
	dump    string
	force   bool
	top     int
	yes     bool
	color   string
	palette term.Palette
}

// heapLife ends the container with the JDK whatever happens.
const heapLife = time.Hour

func newHeap(c *common) *cobra.Command {
	o := &heapOptions{common: c}
	cmd := &cobra.Command{
		Use:   "heap [TYPE/]NAME",
		Short: "Show what is in the heap of a TaskManager or the JobManager, or fetch a dump of it",
		Long: `Show which classes the objects in a JVM's heap are of, or write a dump of the heap to
a local file.

Flink's images have no JDK. An ephemeral container with --image is added to the pod,
beside the processes of Flink's container, with the user of Flink's process and no
further rights. It needs some 60 MB of the pod's memory. At the end of the command,
or after an hour, it ends; Kubernetes keeps it in the pod's list until the pod is gone.

The JVM stands still meanwhile: for a full garbage collection, and while the objects
are counted or written. That is said before, and asked about. A dump is written to
/tmp of Flink's container, if there is room, fetched, and removed in every case. It
has all data of the job in it, with its secrets: the local file is yours alone to read.

It takes patch on pods/ephemeralcontainers and create on pods/exec.`,
		Example: plugin.Examples(`
			# Which classes fill the only TaskManager?
			kubectl flink heap basic-example --image eclipse-temurin:17-jdk

			# A dump of the JobManager's heap, without being asked
			kubectl flink heap basic-example --jm --dump jobmanager.hprof --image eclipse-temurin:17-jdk --yes

			# What would be added to the pod?
			kubectl flink heap basic-example --image eclipse-temurin:17-jdk --dry-run=server`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.output.AddFlags(cmd, "table", view.HeapText, printer.JSON, printer.YAML, "jsonpath")
	o.processFlags.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&o.image, "image", "", "Image with a JDK, of the JVM's Java version or newer (required)")
	flags.BoolVar(&o.histo, "histo", false, "Show how many objects there are of each class (the default)")
	flags.StringVar(&o.dump, "dump", "", "Write a dump of the heap to this local file; - is standard output")
	flags.BoolVar(&o.force, "force", false, "Overwrite the file of --dump")
	flags.IntVar(&o.top, "top", 30, "Show so many classes, the largest first; 0 is all")
	flags.BoolVarP(&o.yes, "yes", "y", false, "Don't ask")
	addColor(cmd, &o.color)
	o.AddRunFlags(cmd, plugin.RunWords{
		DryRun:  plugin.ServerDryRun("print the container that would be added"),
		Timeout: "How long all of it may take, with the pulling of the image", TimeoutDefault: 10 * time.Minute, Quiet: plugin.NoProgress,
	})
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *heapOptions) Validate() (err error) {
	if err := errors.Join(o.processFlags.Validate(), o.CheckRun(), o.output.Validate()); err != nil {
		return err
	}
	switch {
	case o.image == "":
		return exit.Usagef("--image: the images of Flink have a Java runtime without jcmd; name an image with a JDK of the same Java version or a newer one, for example eclipse-temurin:17-jdk\n" +
			"The JVM's version is in: kubectl flink rest NAME /jobmanager/environment")
	case o.histo && o.dump != "":
		return exit.Usagef("give --histo or --dump, not both")
	case o.top < 0:
		return exit.Usagef("--top: %d is not a number of classes", o.top)
	case o.dump != "" && o.output.Output != "":
		return exit.Usagef("-o is for the classes, not for --dump")
	case o.force && o.dump == "":
		return exit.Usagef("--force goes with --dump")
	case o.dump == "-" && term.IsTerminal(o.Out):
		return exit.Usagef("--dump: a dump is no text for a terminal; name a file, or send standard output to one")
	}
	if err := o.checkFile(); err != nil {
		return err
	}
	if o.output.Output == "table" {
		o.output.Output = printer.Human
	}
	o.palette, err = term.NewPalette(o.color, o.Out)
	return exit.With(exit.Usage, err)
}

// checkFile refuses a file that is there already, or can't be.
func (o *heapOptions) checkFile() error {
	if o.dump == "" || o.dump == "-" {
		return nil
	}
	info, err := os.Stat(o.dump)
	switch {
	case err == nil && info.IsDir():
		return exit.Usagef("--dump: %s is a directory", o.dump)
	case err == nil && info.Mode().IsRegular() && !o.force:
		return exit.Usagef("--dump: %s is there already; --force overwrites it", o.dump)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return exit.Usagef("--dump: %v", err)
	}
	if _, err := os.Stat(filepath.Dir(o.dump)); err != nil {
		return exit.Usagef("--dump: %v", err)
	}
	return nil
}

// Run looks into the heap.
func (o *heapOptions) Run(ctx context.Context) error {
	ctx, cancel := o.Bounded(ctx)
	defer cancel()
	client, place, err := o.findPlace(ctx, o.Args)
	if err != nil {
		return err
	}
	config, err := o.factory.Config()
	if err != nil {
		return err
	}
	line := o.progress(o.Quiet)
	defer line.Done()
	run := &heapRun{heapOptions: o, core: client.Core(), config: config, job: place.Job.Ref(), line: line}
	line.Set("looking at the pods of %s", place.Cluster.Ref())
	pod, err := run.choosePod(ctx, place)
	if err != nil {
		return err
	}
	if err := run.allowed(ctx, pod.Namespace); err != nil {
		return err
	}
	run.jvm = &reach.InsideJVM{Pod: pod, Container: reach.FlinkContainer(pod), Exec: func(ctx context.Context, c podexec.Command) error {
		return podexec.Run(ctx, config, client.Core(), c)
	}}
	if err := run.jvm.Find(ctx); err != nil {
		return err
	}
	return run.do(ctx)
}

// question is what is going to happen.
func (o *heapOptions) question(pod, java, container string, reused bool) string {
	how := fmt.Sprintf("gets an ephemeral container %s with the image %s, which stays in the pod's list until the pod is gone", container, o.image)
	if reused {
		how = fmt.Sprintf("has a container %s with the image %s already, which is used", container, o.image)
	}
	what := "counted"
	if o.dump != "" {
		what = "written to a file, with all data and secrets that are in them"
	}
	return fmt.Sprintf("Pod %s %s.\nThe JVM%s stands still for a full garbage collection and while its objects are %s: with a large heap for many seconds. "+
		"Where that takes longer than heartbeat.timeout (50s), Flink gives the process up and restarts the job.", pod, how, java, what)
}
