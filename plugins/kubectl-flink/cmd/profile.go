package cmd

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// profileOptions are the flags of `kubectl flink profile`.
type profileOptions struct {
	askOptions
	processFlags
	mode      string
	duration  time.Duration
	file      string
	noBrowser bool
}

// profileModes are what Flink's profiler can look at.
var profileModes = []string{"cpu", "alloc", "lock", "wall", "itimer"}

const (
	// profilePoll is how often the profiler is asked whether it has ended.
	profilePoll = time.Second
	// largestProfile bounds a result, in bytes.
	largestProfile = 256 << 20
)

func newProfile(c *common) *cobra.Command {
	o := &profileOptions{askOptions: askOptions{common: c}}
	cmd := &cobra.Command{
		Use:   "profile [TYPE/]NAME",
		Short: "Run Flink's profiler in a TaskManager or the JobManager, and open the result",
		Long: `Run Flink's own profiler in one JVM (async-profiler, in Flink 1.19 and newer where
rest.profiling.enabled is on), wait for it, and write its page, which is a flame
graph, to a file. On a terminal it is opened in the browser; the page is kept from
reaching any network.

Where the kernel refuses perf events, which it mostly does in containers, --mode cpu
falls back to itimer, which sees Java code alone, and says so. Without the profiler,
kubectl flink flame and threads --top work everywhere.

It ends after --duration in the JVM, also when this command is ended before.`,
		Example: plugin.Examples(`
			# What does the only TaskManager compute?
			kubectl flink profile basic-example

			# Who allocates memory in the JobManager?
			kubectl flink profile basic-example --jm --mode alloc --duration 10s

			# To a file, and no browser
			kubectl flink profile basic-example --tm 1 --mode wall --duration 10s --file profile.html --no-browser`),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: c.completeJobs(false),
		RunE:              plugin.RunE(o),
	}
	flags := cmd.Flags()
	o.processFlags.add(cmd)
	flags.StringVar(&o.mode, "mode", "cpu", "What to look at: "+strings.Join(profileModes, ", "))
	_ = cmd.RegisterFlagCompletionFunc("mode", completion.Fixed(profileModes...))
	flags.DurationVar(&o.duration, "duration", 30*time.Second, "How long, in whole seconds; Flink allows 5m (rest.profiling.duration-max)")
	flags.StringVar(&o.file, "file", "", "Write the page to this file (default one in the current directory, named for the JVM, mode and time)")
	flags.BoolVar(&o.noBrowser, "no-browser", false, "Don't open a browser")
	flags.DurationVar(&o.timeout, "timeout", time.Minute, "How long to wait for the JobManager's answers, beside --duration")
	o.tunnelFlags.add(cmd, true)
	addRESTFlags(cmd, &o.tls)
	return cmd
}

// Validate finds what is wrong with the flags.
func (o *profileOptions) Validate() error {
	if err := o.processFlags.Validate(); err != nil {
		return err
	}
	switch {
	case !slices.Contains(profileModes, o.mode):
		return exit.Usagef("--mode: %q is not one of %s", o.mode, strings.Join(profileModes, ", "))
	case o.duration < time.Second || o.duration > 24*time.Hour || o.duration%time.Second != 0:
		return exit.Usagef("--duration: %s is not a number of whole seconds up to a day", o.duration)
	}
	if err := o.askOptions.Validate(); err != nil {
		return err
	}
	o.timeout += o.duration
	return nil
}

// Run profiles one JVM.
func (o *profileOptions) Run(ctx context.Context) error {
	line := o.progress(false)
	defer line.Done()
	return o.ask(ctx, func(ctx context.Context, place reach.Place, jobManager *rest.Client) error {
		processes, err := o.choose(ctx, jobManager)
		if err != nil {
			return err
		}
		if len(processes) > 1 {
			var names []string
			for _, p := range processes {
				names = append(names, p.id)
			}
			return exit.Usagef("there are %d TaskManagers: choose one with --tm, or the JobManager with --jm: %s", len(processes), none(names))
		}
		p := processes[0]
		run, err := o.start(ctx, place, jobManager, p, line)
		if err != nil {
			return err
		}
		line.Set("profiling %s (%s) for %s", p, strings.ToLower(run.Mode), o.duration)
		if run, err = o.wait(ctx, jobManager, p, run); err != nil {
			return err
		}
		name := o.file
		if name == "" {
			name = fmt.Sprintf("%s-%s-%s.html", strings.ReplaceAll(safeFile(p.String()), string(filepath.Separator), "_"), strings.ToLower(run.Mode), o.now().UTC().Format("20060102-150405"))
		}
		line.Set("fetching %s", run.File)
		if err := fetchProfile(ctx, jobManager, p, run.File, name); err != nil {
			return err
		}
		line.Clear()
		fmt.Fprintln(o.Out, term.SafeLine(name))
		o.open(ctx, name)
		return nil
	})
}

// safeFile has nothing that a file's name shouldn't have; what it comes from was named
// by a server.
func safeFile(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, strings.TrimLeft(text, ".-"))
}

// start starts the profiler, with itimer where perf events are refused.
func (o *profileOptions) start(ctx context.Context, place reach.Place, jobManager *rest.Client, p process, line *progress.Line) (rest.Profiling, error) {
	cluster := place.Cluster.Ref()
	for mode := o.mode; ; mode = "itimer" {
		run, err := jobManager.StartProfiling(ctx, p.id, strings.ToUpper(mode), int(o.duration/time.Second))
		switch {
		case rest.NotFound(err):
			how := fmt.Sprintf("set rest.profiling.enabled in the configuration of %s, which restarts the JobManager and all jobs there", cluster)
			if !place.Cluster.IsSessionCluster() {
				how = fmt.Sprintf("turn it on, which restarts the job: kubectl flink upgrade %s -n %s --set rest.profiling.enabled=true", cluster, cluster.Namespace)
			}
			return run, fmt.Errorf("the profiler of Flink is off in %s, or Flink is older than 1.19: %s\nWithout it: kubectl flink flame %s -n %s", cluster, how, place.Job.Ref(), cluster.Namespace)
		case err != nil:
			return run, err
		case run.Status != rest.ProfilingFailed:
			return run, nil
		case mode == "cpu" && perfRefused(run.Message):
			line.Print("perf events are refused in %s (%s): itimer is used instead, which sees Java code alone", p, term.Short(run.Message, 200))
		default:
			return run, fmt.Errorf("the profiler of %s refuses the mode %s: %s", p, mode, run.Message)
		}
	}
}

// perfRefused reports whether the profiler couldn't use the kernel's perf events.
func perfRefused(message string) bool {
	message = strings.ToLower(message)
	return strings.Contains(message, "perf event") || strings.Contains(message, "perf_event")
}

// wait waits for the end of a run.
func (o *profileOptions) wait(ctx context.Context, jobManager *rest.Client, p process, run rest.Profiling) (rest.Profiling, error) {
	for {
		timer := time.NewTimer(o.pause(profilePoll))
		select {
		case <-ctx.Done():
			timer.Stop()
			return run, context.Cause(ctx)
		case <-timer.C:
		}
		all, err := jobManager.Profilings(ctx, p.id)
		if err != nil {
			return run, err
		}
		at := slices.IndexFunc(all, func(other rest.Profiling) bool { return other.Triggered == run.Triggered && other.Mode == run.Mode })
		if at < 0 {
			return run, fmt.Errorf("%s has forgotten the run of its profiler: it was restarted", p)
		}
		switch all[at].Status {
		case rest.ProfilingFinished:
			return all[at], nil
		case rest.ProfilingFailed:
			return run, fmt.Errorf("the profiler of %s failed: %s", p, all[at].Message)
		}
	}
}

// isolation keeps a page of HTML from reaching any network, and from being anything
// but itself.
const isolation = `<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'">`

// fetchProfile writes the page into a file, isolated.
func fetchProfile(ctx context.Context, jobManager *rest.Client, p process, remote, name string) error {
	body, err := jobManager.ProfilingFile(ctx, p.id, remote)
	if err != nil {
		return err
	}
	defer body.Close()
	return writeFile(name, func(w io.Writer) error {
		in := bufio.NewReader(io.LimitReader(body, largestProfile+1))
		// In front of everything but the line that says that it is HTML.
		const doctype = "<!doctype html>"
		if begin, _ := in.Peek(len(doctype)); strings.EqualFold(string(begin), doctype) {
			if _, err := io.CopyN(w, in, int64(len(doctype))); err != nil {
				return err
			}
		}
		if _, err := io.WriteString(w, isolation); err != nil {
			return err
		}
		n, err := io.Copy(w, in)
		if err == nil && n > largestProfile {
			err = &untrusted.TooLargeError{Limit: largestProfile}
		}
		return err
	})
}

// open opens the page where somebody sits before it.
func (o *profileOptions) open(ctx context.Context, name string) {
	if o.noBrowser || !term.IsTerminal(o.Out) {
		return
	}
	path, err := filepath.Abs(name)
	if err != nil {
		return
	}
	if err := reach.OpenBrowser(ctx, "file://"+filepath.ToSlash(path), os.Getenv); errors.Is(err, reach.ErrNoBrowser) {
		fmt.Fprintln(o.ErrOut, "open it in a browser")
	}
}
