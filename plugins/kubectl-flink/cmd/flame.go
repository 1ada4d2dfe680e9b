package cmd

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// flameOptions are the flags of `kubectl flink flame`.
type flameOptions struct {
	askOptions
	vertex   string
	subtask  int
	mode     string
	duration time.Duration
	file     string
	line     *progress.Line
}

// flameModes are the modes with Flink's names for them.
var flameModes = map[jvm.Mode]string{jvm.OnCPU: "ON_CPU", jvm.OffCPU: "OFF_CPU", jvm.Full: "FULL"}

const (
	flameSetting = "rest.flamegraph.enabled"
	// flamePoll is how often Flink is asked for samples that it takes.
	flamePoll = 500 * time.Millisecond
	// flameRefresh is how old samples get before Flink takes others, as far as
	// rest.flamegraph.refresh-interval says nothing else.
	flameRefresh = time.Minute
	// mostSampled bounds how many TaskManagers are asked for dumps again and again.
	mostSampled = 50
)

func newFlame(c *common) *cobra.Command {
	o := &flameOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "flame [[TYPE/]NAME]",
		Short: "Show where a job's tasks spend their time, as a flame graph",
		Long: `Show where the threads of a job's tasks spend their time, as a flame graph: what
calls what from top to bottom, each as wide as its share of the samples, and the
calls that ran themselves most. With -o svg it is a picture for a browser, where a
click zooms in and / searches; folded and speedscope are for other programs.

Where rest.flamegraph.enabled is on, Flink takes the samples: 100 in 5 seconds.
Elsewhere they are thread dumps, taken for --duration, of which this command makes
the same; it says so. A dump shows 50 calls of a stack, the innermost ones
(cluster.thread-dump.stacktrace-max-depth).

--mode on-cpu is threads that compute, off-cpu those that wait: for locks, input,
the network or a full output.`,
		Example: plugin.Examples(`
			# In the terminal
			kubectl flink flame basic-example

			# As a picture to click into
			kubectl flink flame basic-example --mode full --file basic-example.svg

			# What do the tasks wait for? For flamegraph.pl and the like
			kubectl flink flame basic-example --mode off-cpu -o folded

			# For https://www.speedscope.app
			kubectl flink flame basic-example --duration 20s -o speedscope --file profile.speedscope.json`),
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	o.add(cmd, true, view.FlameTTY, view.FlameSVG, view.FlameFolded, view.FlameSpeedscope, printer.JSON, printer.YAML, "jsonpath")
	flags := cmd.Flags()
	flags.StringVar(&o.vertex, "vertex", "", "Only this vertex of the job's graph: its id, or a part of its name (default all)")
	flags.IntVar(&o.subtask, "subtask", -1, "Only this subtask of each vertex, counted from 0 (default all)")
	flags.StringVar(&o.mode, "mode", string(jvm.OnCPU), "Which threads count: on-cpu, off-cpu or full")
	flags.DurationVar(&o.duration, "duration", 10*time.Second, "How long to take thread dumps where Flink's own flame graphs are off")
	flags.StringVar(&o.file, "file", "", "Write to this file; its ending chooses the format where -o doesn't: .svg, .folded, .json for speedscope")
	_ = cmd.RegisterFlagCompletionFunc("mode", completion.Fixed(string(jvm.OnCPU), string(jvm.OffCPU), string(jvm.Full)))
	_ = cmd.RegisterFlagCompletionFunc("vertex", c.completeVertices(&o.askOptions))
	return cmd
}

// completeVertices completes vertices of the job that the arguments name.
func (c *common) completeVertices(o *askOptions) cobra.CompletionFunc {
	return completion.Values(func(ctx context.Context, args []string, _ string) (out []completion.Choice, err error) {
		o.Args = args
		err = o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
			id, err := o.job(ctx, place, jobManager)
			if err != nil {
				return err
			}
			job, err := jobManager.Job(ctx, id)
			for _, v := range job.Vertices {
				out = append(out, completion.Choice{Value: v.ID, Description: view.OperatorName(v.Name, 60)})
			}
			return err
		})
		return out, err
	})
}

// Validate finds what is wrong with the flags.
func (o *flameOptions) Validate() error {
	if o.file != "" && o.output.Output == printer.Human {
		switch {
		case strings.HasSuffix(o.file, ".svg"):
			o.output.Output = view.FlameSVG
		case strings.HasSuffix(o.file, ".folded"):
			o.output.Output = view.FlameFolded
		case strings.HasSuffix(o.file, ".json"):
			o.output.Output = view.FlameSpeedscope
		default:
			return exit.Usagef("--file: %q doesn't end in .svg, .folded or .json: say with -o what to write", o.file)
		}
	}
	switch {
	case flameModes[jvm.Mode(o.mode)] == "":
		return exit.Usagef("--mode: %q is not one of on-cpu, off-cpu, full", o.mode)
	case o.subtask < -1:
		return exit.Usagef("--subtask: %d is not a subtask; they are counted from 0", o.subtask)
	case o.duration < 2*dumpEvery || o.duration > longestSampling:
		return exit.Usagef("--duration: %s isn't between %s and %s", o.duration, 2*dumpEvery, longestSampling)
	}
	if err := o.askOptions.Validate(); err != nil {
		return err
	}
	if o.output.Output == view.FlameTTY {
		o.output.Output = printer.Human
	}
	o.timeout += o.duration
	return nil
}

// Run prints the flame graph.
func (o *flameOptions) Run(ctx context.Context) error {
	o.line = o.progress(false)
	defer o.line.Done()
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		id, err := o.job(ctx, place, jobManager)
		if err != nil {
			return err
		}
		job, err := jobManager.Job(ctx, id)
		if err != nil {
			return err
		}
		vertices, err := o.chosen(job)
		if err != nil {
			return err
		}
		page := view.FlamePage{Job: place.Job.Ref(), JobID: id, JobName: job.Name, Mode: jvm.Mode(o.mode), Palette: o.palette, Width: term.Width(o.Out), Height: term.Height(o.Out)}
		if !term.IsTerminal(o.Out) {
			page.Height = 0
		}
		if err := o.flink(ctx, place, jobManager, job, vertices, &page); errors.Is(err, errNoFlameGraphs) {
			err = o.sampled(ctx, place, jobManager, vertices, &page)
			if err != nil {
				return err
			}
		} else if err != nil {
			return err
		}
		o.line.Clear()
		if page.Root.Value == 0 && o.output.IsHuman() && o.file == "" {
			fmt.Fprintln(o.ErrOut, term.SafeLine(page.Empty()))
			return nil
		}
		return o.write(page)
	})
}

// write prints the page, or writes it into the file.
func (o *flameOptions) write(page view.FlamePage) error {
	result := page.Result()
	if o.file == "" {
		return o.output.Print(o.Out, result)
	}
	if err := writeFile(o.file, func(w io.Writer) error { return o.output.Print(w, result) }); err != nil {
		return err
	}
	fmt.Fprintln(o.ErrOut, term.SafeLine("written: "+o.file+", "+page.About()))
	return nil
}

// writeFile writes a file that is there as a whole or not at all; what is no
// file, as /dev/null or a pipe, is written into as it is.
func writeFile(name string, write func(io.Writer) error) error {
	return writeFileAs(name, 0o644, write)
}

// writeFileAs is writeFile with the file's permissions.
func writeFileAs(name string, mode os.FileMode, write func(io.Writer) error) error {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		special, err := os.OpenFile(name, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(write(special), special.Close())
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".kubectl-flink-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }()
	err = write(file)
	err = cmp.Or(err, file.Chmod(mode))
	err = cmp.Or(err, file.Close())
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.Rename(file.Name(), name)
}

// chosen are the vertices to show.
func (o *flameOptions) chosen(job rest.Job) ([]rest.Vertex, error) {
	vertices, err := o.named(job.Vertices)
	if err != nil || o.subtask < 0 {
		return vertices, err
	}
	vertices = slices.DeleteFunc(slices.Clone(vertices), func(v rest.Vertex) bool { return v.Parallelism <= o.subtask })
	if len(vertices) == 0 {
		return nil, exit.Usagef("--subtask: none of the vertices has a subtask %d", o.subtask)
	}
	return vertices, nil
}

func (o *flameOptions) named(vertices []rest.Vertex) ([]rest.Vertex, error) {
	if o.vertex == "" {
		if len(vertices) == 0 {
			return nil, errors.New("the job has no vertices yet")
		}
		return vertices, nil
	}
	var found []rest.Vertex
	var names []string
	for _, v := range vertices {
		switch {
		case v.ID == o.vertex || v.Name == o.vertex:
			return []rest.Vertex{v}, nil
		case strings.Contains(strings.ToLower(v.Name), strings.ToLower(o.vertex)):
			found = append(found, v)
		}
		names = append(names, strconv.Quote(term.SafeLine(view.OperatorName(v.Name, 40))))
	}
	switch len(found) {
	case 1:
		return found, nil
	case 0:
		return nil, exit.Usagef("--vertex: no vertex has %q in its name; there are: %s", o.vertex, none(names))
	default:
		return nil, exit.Usagef("--vertex: %d vertices have %q in their names: name one by its id, which Tab completes", len(found), o.vertex)
	}
}

// together does something with all things at the same time.
func together[T any](things []T, do func(T) error) []error {
	errs := make([]error, len(things))
	var work sync.WaitGroup
	for i, thing := range things {
		work.Go(func() { errs[i] = do(thing) })
	}
	work.Wait()
	return errs
}
