package apply

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Risk is what deleting a resource would lose.
type Risk struct {
	Ref cmf.Ref
	// Why says in words what is lost.
	Why string
	// Savepoint says that a savepoint taken first would keep it.
	Savepoint bool
}

// Risks are what deleting items would lose; items that are deleted with an
// environment count.
func Risks(ctx context.Context, client *cmf.Client, items []Item) ([]Risk, error) {
	var out []Risk
	for _, item := range items {
		if risk := riskOf(item.Ref, item.Object); risk != nil {
			out = append(out, *risk)
		}
		if !item.Ref.Kind.Flat {
			continue
		}
		inside, err := within(ctx, client, item.Ref.Name)
		if err != nil {
			return nil, err
		}
		for _, other := range inside {
			known := slices.ContainsFunc(items, func(i Item) bool { return key(i.Ref) == key(other.Ref) && i.Ref.Kind == other.Ref.Kind })
			if risk := riskOf(other.Ref, other.Object); risk != nil && !known {
				risk.Savepoint = false
				out = append(out, *risk)
			}
		}
	}
	return out, nil
}

// within is what an environment holds that has state.
func within(ctx context.Context, client *cmf.Client, environment string) ([]Item, error) {
	var out []Item
	scope := cmf.Scope{Environment: environment}
	for _, kind := range cmf.Kinds {
		if !kind.NeedsEnvironment() || kind.NeedsOwner() || kind.NeedsApplication() || kind.Keeps == nil {
			continue
		}
		found, err := client.List(ctx, kind, scope, cmf.ListOptions{})
		if ignoreMissing(err) != nil {
			return nil, err
		}
		for _, o := range found {
			out = append(out, Item{Ref: cmf.Ref{Kind: kind, Scope: scope, Name: o.Name()}, Object: o})
		}
	}
	return out, nil
}

// Loses says in words what deleting an object loses; "" for nothing of worth.
func (i Item) Loses() string {
	if risk := riskOf(i.Ref, i.Object); risk != nil {
		return risk.Why
	}
	return ""
}

func riskOf(ref cmf.Ref, o cmf.Object) *Risk {
	keeps := ref.Kind.Keeps
	if keeps == nil {
		return nil
	}
	state, _, _ := ref.Kind.State(o)
	if slices.Contains(keeps.NothingIn, state) || state == cmf.PhaseDeleting {
		return nil // what is being deleted is lost already
	}
	if keeps.Path != "" {
		// What can't be told apart keeps state.
		value := strings.ToUpper(strings.TrimLeft(o.Text(keeps.Path), "(; \t\r\n\f\v\u00a0\ufeff"))
		if value != "" && !slices.ContainsFunc(keeps.Prefixes, func(p string) bool { return strings.HasPrefix(value, p) }) {
			return nil
		}
	}
	why := keeps.What
	if state != "" {
		why = fmt.Sprintf("it is %s; %s", state, why)
	}
	return &Risk{Ref: ref, Why: why, Savepoint: keeps.Savepoint}
}

// keepsDeleted refuses to delete what holds state in order to create it again;
// reason is why it would be.
func (p Planner) keepsDeleted(ctx context.Context, s *Step, reason string) error {
	if p.LoseState {
		return nil
	}
	risks, err := Risks(ctx, p.Client, []Item{{Ref: s.Ref, Object: s.Live}})
	if err != nil || len(risks) == 0 {
		return err
	}
	var lost []string
	for _, r := range risks {
		lost = append(lost, fmt.Sprintf("\n  %s: %s", r.Ref.Where(), r.Why))
	}
	return fmt.Errorf("%s: %s; deleting it and creating it again loses state:%s\nuse --lose-state with --force if that is what you want", s.Ref.Where(), reason, strings.Join(lost, ""))
}

// keepsState refuses a change that stops a job which loses its state by that.
func (p Planner) keepsState(ctx context.Context, s *Step) error {
	at := slices.IndexFunc(s.Changes, s.Ref.Kind.Stops)
	modeChanges := slices.Contains(s.Changes, s.Ref.Kind.NextMode)
	if p.LoseState || at < 0 && !modeChanges {
		return nil
	}
	if s.Ref.Kind.Mode == "" {
		return p.keepsOverUpgrade(ctx, s, at >= 0)
	}
	if at < 0 {
		return nil
	}
	err := LosesState(s.Ref, s.Live)
	if err == nil && modeChanges && Stateless(s.Merged.Text(s.Ref.Kind.NextMode)) && s.Live.Text("spec.stopped") != "true" && riskOf(s.Ref, s.Live) != nil {
		err = losesState(s.Ref, s.Ref.Kind.NextMode+": "+s.Merged.Text(s.Ref.Kind.NextMode))
	}
	if err != nil {
		return fmt.Errorf("%s would change, which stops the job: %w", s.Changes[at], err)
	}
	return nil
}

// holds reports whether the job of a live application has state to lose: it
// runs, or has run and its JobManager is away. One that never ran is RECONCILING,
// too.
func holds(live cmf.Object) bool {
	switch live.Text("status.jobStatus.state") {
	case api.JobRunning, api.JobRestarting, api.JobFailing:
		return true
	case api.JobReconciling:
		return live.Text("status.lifecycleState") == api.LifecycleStable || live.Text("status.reconciliationStatus.lastStableSpec") != ""
	}
	return false
}

// keepsOverUpgrade is keepsState for an application: Flink's operator goes by the
// mode of the new spec. stops says that the change stops the job.
func (p Planner) keepsOverUpgrade(ctx context.Context, s *Step, stops bool) error {
	if s.Ref.Kind.NextMode == "" || s.Live.Map("spec.job") == nil {
		return nil
	}
	mode, source := UpgradeMode(ctx, p.Client, s.Ref, s.Merged)
	if !Stateless(mode) {
		return nil
	}
	if s.Live.Text("spec.job.state") == api.WantSuspended {
		if before, _ := UpgradeMode(ctx, p.Client, s.Ref, s.Live); Stateless(before) {
			return nil
		}
		return fmt.Errorf("%s is suspended and would start without its state (%s); leave %s as it is, or use --lose-state if that is what you want", s.Ref.Where(), source, s.Ref.Kind.NextMode)
	}
	if !stops || !holds(s.Live) {
		return nil
	}
	field := s.Changes[slices.IndexFunc(s.Changes, s.Ref.Kind.Stops)]
	return fmt.Errorf("%s would change, which stops the job: %w", field, losesState(s.Ref, source))
}

// UpgradeMode is how the state of an application's job gets over an upgrade, and
// where that stands: the environment's defaults are laid over the spec.
func UpgradeMode(ctx context.Context, client *cmf.Client, ref cmf.Ref, app cmf.Object) (mode, source string) {
	const defaults = "flinkApplicationDefaults."
	environment, err := client.Get(ctx, cmf.Ref{Kind: cmf.Must("env"), Name: ref.Scope.Environment})
	if mode := environment.Text(defaults + ref.Kind.NextMode); err == nil && mode != "" {
		return mode, fmt.Sprintf("%s%s of environment %q: %s", defaults, ref.Kind.NextMode, ref.Scope.Environment, mode)
	}
	if mode := app.Text(ref.Kind.NextMode); mode != "" {
		return mode, ref.Kind.NextMode + ": " + mode
	}
	source = "no " + ref.Kind.NextMode + ", which means stateless"
	if err != nil {
		source += "; the environment's defaults, which may have one, can't be read: " + err.Error()
	}
	return api.UpgradeStateless, source
}

// Stateless reports whether an upgrade mode keeps no state.
func Stateless(mode string) bool { return strings.EqualFold(mode, api.UpgradeStateless) }

func losesState(ref cmf.Ref, source string) error {
	return fmt.Errorf("%s is stateless (%s): its state is lost with its job; use --lose-state if that is what you want", ref.Where(), source)
}

// LosesState is the error of stopping the job of a live object that doesn't
// keep its state over a stop; nil where it does, or has no state.
func LosesState(ref cmf.Ref, live cmf.Object) error {
	if !ref.Kind.Stateless(live) || live.Text("spec.stopped") == "true" || riskOf(ref, live) == nil {
		return nil
	}
	return losesState(ref, modeSource(ref.Kind, live))
}

// StateUnknown says that CMF doesn't tell whether a live object keeps its state
// over a stop of its job, as it does since 2.4; "" where it tells, or where there is
// nothing to lose.
func StateUnknown(ref cmf.Ref, live cmf.Object) string {
	if ref.Kind.Mode == "" || live.Text(ref.Kind.Mode) != "" || live.Text("spec.stopped") == "true" || riskOf(ref, live) == nil {
		return ""
	}
	return fmt.Sprintf("this CMF doesn't say whether %s keeps its state over a stop (no upgradeMode; it does since 2.4). A savepoint keeps it: kubectl cmf statement savepoint %s", ref.Where(), ref.Name)
}

// modeSource says where it stands that an object is stateless.
func modeSource(kind *cmf.Kind, live cmf.Object) string {
	for path := range strings.SplitSeq(kind.Mode, "|") {
		if value := live.Text(path); value != "" {
			return path + ": " + value
		}
	}
	return "no upgradeMode"
}
