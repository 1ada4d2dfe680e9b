package cmd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/plugin"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// fixFlags are the flags of `kubectl flink doctor --fix`.
type fixFlags struct {
	plugin.RunFlags
	fix, yes bool
}

func (f *fixFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.fix, "fix", false, "Carry out the cures that are known to be safe, each after a question")
	flags.BoolVarP(&f.yes, "yes", "y", false, "With --fix: don't ask, and leave out what needs a person's answer")
	f.AddRunFlags(cmd, plugin.RunWords{DryRun: "With --fix: " + plugin.ServerDryRun("only say what would be done")})
}

// check finds what is wrong with the flags.
func (f *fixFlags) check(streams genericiooptions.IOStreams, output printer.Flags) error {
	if err := f.CheckRun(); err != nil {
		return err
	}
	switch {
	case !f.fix && (f.yes || f.DryRun != ""):
		return exit.Usagef("--yes and --dry-run go with --fix")
	case f.fix && output.Format() == view.SARIF:
		return exit.Usagef("--fix has no output as %s", view.SARIF)
	case f.fix && !f.yes && f.DryRun == "" && !plugin.CanAsk(streams):
		return exit.Usagef("--fix asks about each cure, and there is no terminal to ask on; say --yes for those that need no answer, or --dry-run=client to see them all")
	}
	return nil
}

const (
	// lookAgain is how often, and lookAgainFor how long, a job is looked at after a
	// cure before what is left is said to need time.
	lookAgain    = 3 * time.Second
	lookAgainFor = time.Minute
)

// fixer carries cures out.
type fixer struct {
	fixFlags
	// ask asks a person.
	ask func(ctx context.Context, question string) (bool, error)
	// look looks at jobs by name, and at the installation.
	look func(ctx context.Context, named []api.Ref) (*gathered, error)
	// apply makes the change.
	apply func(ctx context.Context, fix *diagnosis.Fix, object *unstructured.Unstructured) error
	// report receives what became of a cure, as soon as that is known; waits what is
	// waited for.
	report func(view.DoctorFix)
	waits  func(format string, args ...any)
	note   func(text string)
}

// fixer is what carries cures out by the flags.
func (o *doctorOptions) fixer(at *site, line *progress.Line) *fixer {
	f := &fixer{fixFlags: o.fix, look: at.look}
	f.waits = line.Set
	f.note = func(text string) { line.Print("%s", text) }
	f.ask = func(ctx context.Context, question string) (bool, error) {
		line.Clear()
		fmt.Fprintf(o.ErrOut, "\n%s\nType y to do it: ", secret.Text(term.Safe(question)))
		answer, err := plugin.Answer(ctx, o.IOStreams)
		return strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes"), err
	}
	f.apply = func(ctx context.Context, fix *diagnosis.Fix, object *unstructured.Unstructured) error {
		return lifecycle.ApplyFix(ctx, at.client, fix, object, o.fix.DryRun)
	}
	f.report = func(fix view.DoctorFix) {
		line.Clear()
		if o.output.Format() == "" {
			fmt.Fprintln(o.Out, fix.Line())
		}
	}
	return f
}

// offer is a cure that can be carried out, of a job or of the installation.
type offer struct {
	ref     api.Ref
	object  *unstructured.Unstructured
	finding diagnosis.Finding
	cure    diagnosis.Cure
}

// offers are the cures of what was found that can be carried out. What is only
// worth to know isn't changed unasked.
func (g *gathered) offers() []offer {
	var out []offer
	take := func(ref api.Ref, object *unstructured.Unstructured, findings []diagnosis.Finding) {
		for _, f := range findings {
			for _, c := range f.Cures {
				if f.Severity == diagnosis.Info || c.Fix == nil || slices.ContainsFunc(out, func(o offer) bool { return o.cure.Command == c.Command }) {
					continue
				}
				out = append(out, offer{ref, object, f, c})
			}
		}
	}
	take(api.Ref{}, nil, g.ofInstallation())
	for i, ref := range g.refs {
		if r := g.jobs[i]; r.err == nil && r.facts != nil {
			take(ref, r.facts.Object, diagnosis.Job(r.facts))
		}
	}
	return out
}

// run offers each cure, and says what became of them.
func (f *fixer) run(ctx context.Context, found *gathered) ([]view.DoctorFix, error) {
	fixes := []view.DoctorFix{}
	offers := found.offers()
	if len(offers) == 0 {
		f.note("nothing found has a cure that --fix carries out (kubectl flink doctor rules, column FIX)")
	}
	// changed are the jobs as they were seen after a cure.
	changed := map[api.Ref]*gathered{}
	for _, o := range offers {
		if now := changed[o.ref]; now != nil && !o.ref.IsZero() {
			fresh, there := now.same(o)
			if !there || fresh.cure.Fix == nil {
				fix := view.FixOf(o.ref, o.finding, o.cure)
				if fix.Outcome = view.FixNotNeeded; there {
					fix.Outcome = view.FixNotNow
				}
				fixes = append(fixes, fix)
				f.report(fix)
				continue
			}
			o = fresh
		}
		fix, now, err := f.one(ctx, o)
		if err != nil {
			return fixes, err
		}
		if now != nil {
			changed[o.ref] = now
		}
		fixes = append(fixes, fix)
		f.report(fix)
	}
	return fixes, nil
}

// one carries a cure out. now is what was seen afterwards.
func (f *fixer) one(ctx context.Context, o offer) (fix view.DoctorFix, now *gathered, err error) {
	fix = view.FixOf(o.ref, o.finding, o.cure)
	failed := func(err error) (view.DoctorFix, *gathered, error) {
		fix.Outcome, fix.Error = view.FixFailed, secret.Text(err.Error())
		return fix, nil, nil
	}
	if o.object != nil {
		job := api.Job{Kind: o.ref.Kind, Object: o.object}
		if err := change.CheckManaged(job, change.Options{}, operator.Reporter{Note: f.note}); err != nil {
			return failed(err)
		}
	}
	switch {
	case f.DryRun == "client":
		fix.Outcome = view.FixForeseen
		return fix, nil, nil
	case f.DryRun == "server":
	case f.yes && o.cure.Fix.Asks != "":
		fix.Outcome = view.FixNeedsAnswer
		return fix, nil, nil
	case !f.yes:
		agreed, err := f.ask(ctx, question(o))
		if err != nil {
			return fix, nil, err
		}
		if !agreed {
			fix.Outcome = view.FixDeclined
			return fix, nil, nil
		}
	}
	if err := f.apply(ctx, o.cure.Fix, o.object); err != nil {
		if ctx.Err() != nil {
			return fix, nil, context.Cause(ctx)
		}
		return failed(err)
	}
	if f.DryRun != "" {
		fix.Outcome = view.FixAccepted
		return fix, nil, nil
	}
	fix.Outcome = view.FixDone
	fix.Finding, now, err = f.after(ctx, o)
	return fix, now, err
}

// errorsLeft are the errors that are still found after cures, a line each.
func errorsLeft(report *view.DoctorReport) (lines []string) {
	for _, f := range report.Findings {
		if f.Severity == diagnosis.Error {
			lines = append(lines, "left: "+f.Means+" ("+f.Rule+")")
		}
	}
	return lines
}

// question is what a person is asked: what is wrong, what the cure brings with
// it, and the command that does the same.
func question(o offer) string {
	text := o.finding.Rule
	if !o.ref.IsZero() {
		text += ", " + o.ref.String() + " in " + o.ref.Namespace
	}
	text += ": " + o.finding.Means + "\nCure: " + o.cure.Text + "\n"
	if o.cure.Fix.Asks == "" {
		text += "It restarts nothing, and no state can be lost.\n"
	} else {
		text += o.cure.Fix.Asks + ".\n"
	}
	return text + "  " + o.cure.Command
}

// after looks until the finding is gone and the job at rest, or the time is up.
func (f *fixer) after(ctx context.Context, o offer) (seen string, now *gathered, err error) {
	bounded, cancel := context.WithTimeout(ctx, lookAgainFor)
	defer cancel()
	var named []api.Ref
	if !o.ref.IsZero() {
		named = []api.Ref{o.ref}
	}
	f.waits("looking again")
	seen = view.FindingWaits
	for {
		found, err := f.look(bounded, named)
		switch {
		case ctx.Err() != nil:
			return seen, now, context.Cause(ctx)
		case bounded.Err() != nil:
			return seen, now, nil
		case err == nil:
			now = found
			_, there := found.same(o)
			rests := found.rests()
			switch {
			case !there && rests:
				return view.FindingGone, now, nil
			case there && rests:
				seen = view.FindingStays
			default:
				seen = view.FindingWaits
			}
			f.waits("the change is made; waiting for the finding to go")
		}
		select {
		case <-bounded.Done():
		case <-time.After(lookAgain):
		}
	}
}

// same is a cure as it is now; there is false where its finding is gone, and its
// Fix nil where it can't be carried out as things are.
func (g *gathered) same(o offer) (now offer, there bool) {
	for _, other := range g.offersAndOthers(o.ref) {
		if other.finding.Rule != o.finding.Rule || other.finding.Subject != o.finding.Subject {
			continue
		}
		there = true
		for _, c := range other.finding.Cures {
			if c.Fix != nil && c.Text == o.cure.Text {
				other.cure = c
				return other, true
			}
		}
		now = other
	}
	return now, there
}

// offersAndOthers are the findings of a job, or of the installation.
func (g *gathered) offersAndOthers(ref api.Ref) []offer {
	var out []offer
	var add func(object *unstructured.Unstructured, findings []diagnosis.Finding)
	add = func(object *unstructured.Unstructured, findings []diagnosis.Finding) {
		for _, f := range findings {
			out = append(out, offer{ref: ref, object: object, finding: f})
			add(object, f.Consequences)
		}
	}
	if ref.IsZero() {
		add(nil, diagnosis.Installation(g.installation))
	}
	for i := range g.refs {
		if g.refs[i] == ref && g.jobs[i].facts != nil {
			add(g.jobs[i].facts.Object, diagnosis.Job(g.jobs[i].facts))
		}
	}
	return out
}

// rests reports whether the operator runs where it is to, and has carried out the
// specs of the jobs that were asked for by name.
func (g *gathered) rests() bool {
	if !g.named {
		return g.installation == nil || !slices.ContainsFunc(g.installation.Operators, func(o diagnosis.OperatorFacts) bool { return o.Ready < o.Wanted })
	}
	for i, r := range g.jobs {
		if r.err != nil || r.facts == nil {
			return false
		}
		job := api.Job{Kind: g.refs[i].Kind, Object: r.facts.Object}
		if job.ObservedGeneration() < job.Object.GetGeneration() {
			return false
		}
		if state := api.Text(job.Object.Object, "status", "reconciliationStatus", "state"); state != "" && state != api.ReconciliationDeployed {
			return false
		}
		if job.Wanted() == api.WantRunning && !job.IsSessionCluster() && job.State() != api.JobRunning && job.State() != api.JobFinished {
			return false
		}
	}
	return true
}
