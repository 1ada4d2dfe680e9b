package plugin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
)

// RunFlags are the flags that verbs which do something have in common:
// --dry-run, --wait, --timeout and --quiet.
type RunFlags struct {
	// DryRun is "", "client" or "server" once CheckRun has passed.
	DryRun  string
	Wait    bool
	Timeout time.Duration
	Quiet   bool

	dryRuns []string
	why     string
	endless bool
	timed   bool
}

// RunWords are the usage texts of RunFlags; a flag without one isn't added.
type RunWords struct {
	// DryRun lists the values and says what they do: "none, client (…) or server (…)".
	DryRun string
	// NoServer says why there is no server-side dry run; "" where there is one.
	NoServer string
	Wait     string
	// WaitDefault is the default of --wait.
	WaitDefault bool
	Timeout     string
	// TimeoutDefault is the default of --timeout.
	TimeoutDefault time.Duration
	// Endless takes 0 for no time-out.
	Endless bool
	Quiet   string
}

// ServerDryRun is the usage text of a --dry-run that the API server can do, too.
func ServerDryRun(client string) string {
	return "none, client (" + client + ") or server (have the API server check it)"
}

// NoProgress is the usual text of --quiet.
const NoProgress = "No progress on standard error"

// AddRunFlags adds the flags that words has texts for.
func (f *RunFlags) AddRunFlags(cmd *cobra.Command, words RunWords) {
	flags := cmd.Flags()
	if words.DryRun != "" {
		f.dryRuns, f.why = []string{"none", "client", "server"}, words.NoServer
		if words.NoServer != "" {
			f.dryRuns = f.dryRuns[:2]
		}
		flags.StringVar(&f.DryRun, "dry-run", "none", words.DryRun)
		flags.Lookup("dry-run").NoOptDefVal = "client"
		_ = cmd.RegisterFlagCompletionFunc("dry-run", completion.Fixed(f.dryRuns...))
	}
	if words.Wait != "" {
		flags.BoolVar(&f.Wait, "wait", words.WaitDefault, words.Wait)
	}
	if words.Timeout != "" {
		f.timed, f.endless = true, words.Endless
		flags.DurationVar(&f.Timeout, "timeout", words.TimeoutDefault, words.Timeout)
	}
	if words.Quiet != "" {
		flags.BoolVarP(&f.Quiet, "quiet", "q", false, words.Quiet)
	}
}

// CheckRun finds what is wrong with the flags, and makes DryRun's none "".
func (f *RunFlags) CheckRun() error {
	switch {
	case f.dryRuns == nil || f.DryRun == "":
	case !slices.Contains(f.dryRuns, f.DryRun):
		want := strings.Join(f.dryRuns, ", ")
		if f.why != "" {
			want += " (" + f.why + ")"
		}
		return exit.Usagef("--dry-run: %q is not one of %s", f.DryRun, want)
	case f.DryRun == "none":
		f.DryRun = ""
	}
	if f.timed && (f.Timeout < 0 || f.Timeout == 0 && !f.endless) {
		return exit.Usagef("--timeout: %s is not a positive duration", f.Timeout)
	}
	return nil
}

// Bounded is ctx with the time-out, where there is one.
func (f *RunFlags) Bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if f.Timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, f.Timeout, exit.Timeoutf("timed out after %s", f.Timeout))
}
