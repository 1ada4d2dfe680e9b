package move

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Sides are the two sides of a move, and how it is done.
type Sides struct {
	CMF *cmf.Client
	// Operator asks JobManagers, too.
	Operator *operator.Client
	// Job is the FlinkDeployment, App the application.
	Job api.Ref
	App cmf.Ref
	// Force goes on where something else manages one of them.
	Force bool
	// Timeout bounds the move, 0 doesn't; to go back has limits of its own.
	Timeout time.Duration
	// Poll is how often CMF is asked; 0 is the default.
	Poll     time.Duration
	Now      func() time.Time
	Reporter operator.Reporter
}

// Import makes an application of a FlinkDeployment.
type Import struct{ Sides }

// ImportPlan is what an import would do.
type ImportPlan struct {
	// Application is what CMF is given.
	Application cmf.Object
	Points      []Point
	// From is the state that the job was suspended with before; "" where it runs.
	From string

	environment cmf.Object
	namespace   string
	// elsewhere says that the environment is in another Kubernetes cluster.
	elsewhere bool
	// there and started say that an import that was interrupted made the
	// application, and started it.
	there, started bool
}

// Stops are the points that forbid the move.
func Stops(points []Point) error {
	var lines []string
	for _, p := range points {
		if p.Stops {
			lines = append(lines, "  "+p.String())
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return fmt.Errorf("nothing was changed, because of:\n%s", strings.Join(lines, "\n"))
}

// forbidden reports whether one of the points forbids the move.
func forbidden(points []Point) bool {
	return slices.ContainsFunc(points, func(p Point) bool { return p.Stops })
}

// Plan finds out what an import would do, and changes nothing.
func (m *Import) Plan(ctx context.Context) (*ImportPlan, error) {
	if err := m.CMF.Needs(ctx, cmf.Must("detached-savepoint").Since, "starting an application from a savepoint"); err != nil {
		return nil, err
	}
	p := &ImportPlan{}
	var err error
	if p.environment, p.namespace, p.elsewhere, err = m.environment(ctx); err != nil {
		return nil, err
	}
	object, err := m.Operator.Get(ctx, m.Job)
	if err != nil {
		return nil, err
	}
	job := api.Job{Kind: m.Job.Kind, Object: object}
	if p.Application, p.Points = Application(job, m.App.Name, p.environment); p.Application == nil || forbidden(p.Points) {
		return p, nil
	}
	if job, err = change.Target(ctx, m.Operator, m.Job); err != nil {
		return nil, err
	}
	if err := change.CheckManaged(job, m.options(), m.Reporter); err != nil {
		return nil, err
	}
	stop, warn := m.fits(ctx, job, p)
	for _, text := range stop {
		p.Points = append(p.Points, Point{Field: "namespace " + p.namespace, Text: text, Stops: !m.Force})
	}
	for _, text := range warn {
		p.Points = append(p.Points, Point{Field: "spec", Text: text})
	}
	if err := m.existing(ctx, p, job); err != nil {
		return nil, err
	}
	if forbidden(p.Points) {
		return p, nil
	}
	return p, m.state(ctx, p, job)
}

// environment reads the application's environment.
func (s *Sides) environment(ctx context.Context) (environment cmf.Object, namespace string, elsewhere bool, err error) {
	if environment, err = s.CMF.Get(ctx, cmf.Ref{Kind: cmf.Must("env"), Name: s.App.Scope.Environment}); err != nil {
		return nil, "", false, err
	}
	namespace = environment.Text("kubernetesNamespace")
	if len(validation.IsDNS1123Label(namespace)) > 0 {
		return nil, "", false, fmt.Errorf("environment %q is in the namespace %q, which can't be one", s.App.Scope.Environment, namespace)
	}
	cluster := environment.Text("kubernetesClusterName")
	return environment, namespace, cluster != "" && cluster != "default" && cluster != "default-k8s-cluster", nil
}

func (s *Sides) options() change.Options { return change.Options{Force: s.Force} }

// deployed is the FlinkDeployment that CMF makes of the application.
func (s *Sides) deployed(namespace string) api.Ref {
	return api.Ref{Kind: api.Deployment, Namespace: namespace, Name: s.App.Name}
}

// fits looks whether the application could run in its namespace.
func (m *Import) fits(ctx context.Context, job api.Job, p *ImportPlan) (stop, warn []string) {
	to, err := jobOf(p.Application, p.environment, m.deployed(p.namespace))
	if err != nil {
		return []string{err.Error()}, nil
	}
	if p.elsewhere {
		warn = append(warn, "the environment is in another Kubernetes cluster: what its namespace has can't be looked up, and its pods must be able to read the savepoint")
	}
	stop, more := lifecycle.Fits(ctx, m.Operator, job, to, p.elsewhere)
	return stop, append(warn, more...)
}

// existing looks for an application, or a FlinkDeployment, of that name.
func (m *Import) existing(ctx context.Context, p *ImportPlan, job api.Job) error {
	object, err := m.CMF.Get(ctx, m.App)
	switch {
	case cmf.IsNotFound(err):
	case err != nil:
		return err
	case m.isOurs(object):
		p.there, p.started = true, object.Text("spec.job.state") != api.WantSuspended
		if p.started && job.Wanted() != api.WantSuspended {
			p.Points = append(p.Points, Point{Field: "metadata.name", Stops: true, Text: fmt.Sprintf("%s was made of it and is to run, and %s is to run, too: suspend one of them", m.App.Where(), m.Job)})
		}
		return nil
	default:
		p.Points = append(p.Points, Point{Field: "metadata.name", Stops: true, Text: fmt.Sprintf("%s is there already; give another name with --name", m.App.Where())})
		return nil
	}
	if p.elsewhere {
		return nil
	}
	if _, err := m.Operator.Get(ctx, m.deployed(p.namespace)); err == nil {
		p.Points = append(p.Points, Point{Field: "metadata.name", Stops: true, Text: fmt.Sprintf("namespace %s has a %s, which CMF's would be called, too; give another name with --name", p.namespace, m.deployed(p.namespace))})
	}
	return nil
}

// isOurs reports whether an application was made of the job.
func (m *Import) isOurs(application cmf.Object) bool {
	return application.Strings("metadata.annotations")[Source] == m.Job.Namespace+"/"+m.Job.Name
}

// state finds out what the application would start from.
func (m *Import) state(ctx context.Context, p *ImportPlan, job api.Job) error {
	options := m.options()
	options.DryRun = "client"
	report, err := lifecycle.Suspend(ctx, m.Operator, m.Job, lifecycle.SuspendRequest{Mode: api.UpgradeSavepoint, Did: "suspended", Options: options}, operator.Reporter{Waiting: m.Reporter.Waiting})
	if err != nil || job.Wanted() != api.WantSuspended {
		return err
	}
	if report.Left.Path == "" {
		return fmt.Errorf("%s is suspended, and what state it left isn't known: %s\nResume it with kubectl flink resume %s -n %s and import it once it runs", m.Job, job.Describe(m.Now()), m.Job, m.Job.Namespace)
	}
	if job.Drained() && !m.Force {
		return fmt.Errorf("%s was drained when it was stopped: its windows and timers have fired, and going on from that savepoint gives wrong results\nUse --force to import it all the same", m.Job)
	}
	p.From = report.Left.Path
	return nil
}

// Imported is what became of an import.
type Imported struct {
	// Application is as CMF has it now, From what it was restored from.
	Application cmf.Object
	From        string
}

// stage is how far a move has come.
type stage int

const (
	untouched stage = iota
	creating
	created
	suspending
	suspended
	starting
	unproven
)

// Run carries out the plan. Where it fails it goes back: the application is
// stopped and removed first, and the job resumed only when that is certain. An
// interrupted one is left as it is, and the error says how that is.
func (m *Import) Run(ctx context.Context, p *ImportPlan) (Imported, error) {
	bounded, cancel := m.bounded(ctx)
	defer cancel()
	w := &importing{Import: m, plan: p, from: p.From}
	out, err := w.steps(bounded)
	if err == nil {
		return out, nil
	}
	return out, w.failed(ctx, caused(bounded, err))
}

// bounded is ctx with the move's own end.
func (s *Sides) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.Timeout <= 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, s.Timeout, exit.Timeoutf("timed out after %s", s.Timeout))
}

// caused is err with the reason why ctx ended, where it did.
func caused(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && exit.Code(err) != exit.Code(cause) {
		return exit.With(exit.Code(cause), fmt.Errorf("%w: %w", cause, err))
	}
	return err
}

// importing is an import under way.
type importing struct {
	*Import
	plan  *ImportPlan
	stage stage
	// from is the state that the job left.
	from string
	// seen says that the application's FlinkDeployment was seen in Kubernetes.
	seen bool
}

func (w *importing) steps(ctx context.Context) (Imported, error) {
	if !w.plan.there {
		w.Reporter.Waitingf("%s: creating it, suspended", w.App)
		w.stage = creating
		// Before the job is touched: what CMF refuses costs nothing then.
		if _, err := w.CMF.Create(ctx, w.App, w.plan.Application); err != nil {
			return Imported{}, err
		}
		w.Reporter.Notef("%s created, suspended", w.App)
	}
	w.stage = created
	if !w.plan.started {
		if err := w.hand(ctx); err != nil {
			return Imported{}, err
		}
	}
	w.stage = unproven
	w.Reporter.Waitingf("%s: asking the JobManager, through CMF, what it was restored from", w.App)
	if err := prove(ctx, w.CMF, w.App, w.from, w.every()); err != nil {
		return Imported{}, err
	}
	object, err := w.CMF.Get(ctx, w.App)
	return Imported{Application: object, From: w.from}, err
}

// hand stops the job and starts the application from what it left.
func (w *importing) hand(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.stage = suspending
	report, err := lifecycle.Suspend(ctx, w.Operator, w.Job, lifecycle.SuspendRequest{Mode: api.UpgradeSavepoint, Did: "suspended", Options: w.options()}, w.Reporter)
	if err != nil {
		return err
	}
	if w.from = report.Left.Path; w.from == "" {
		return fmt.Errorf("%s was suspended, but where its state is isn't known", w.Job)
	}
	w.stage = suspended
	w.Reporter.Notef("%s suspended with savepoint %s", w.Job.Printed(), w.from)
	uid, err := w.register(ctx)
	if err != nil {
		return err
	}
	object, err := w.Operator.Get(ctx, w.Job)
	if err != nil {
		return err
	}
	if job := (api.Job{Kind: w.Job.Kind, Object: object}); job.Wanted() != api.WantSuspended || job.IsRunning() {
		return fmt.Errorf("%s was resumed by another user or program meanwhile: %s", w.Job, job.Describe(w.Now()))
	}
	before, err := w.CMF.Get(ctx, w.App)
	if err != nil {
		return err
	}
	w.stage = starting
	if _, err := w.CMF.Act(ctx, w.App, "start", url.Values{"startFromSavepointUid": {uid}}); err != nil {
		return err
	}
	ready := apply.Ready(w.App, before)
	_, err = w.waiter().For(ctx, w.App, func(o cmf.Object) (bool, error) {
		if !w.seen && !w.plan.elsewhere {
			_, err := w.Operator.Get(ctx, w.deployed(w.plan.namespace))
			w.seen = err == nil
		}
		if o.Text("spec.job.state") == api.WantSuspended {
			return false, nil
		}
		return ready(o)
	})
	return err
}

// register makes the savepoint known to CMF, and gives its UID. The record is
// never deleted here: whether CMF deletes the files with it isn't documented.
func (w *importing) register(ctx context.Context) (string, error) {
	kind := cmf.Must("detached-savepoint")
	stamp := w.Now().UTC().Format("20060102-150405")
	name := w.App.Name
	if most := longestName - len(stamp) - 1; len(name) > most {
		name = strings.TrimRight(name[:most], "-.")
	}
	ref := cmf.Ref{Kind: kind, Name: name + "-" + stamp}
	object, err := w.CMF.Create(ctx, ref, cmf.Object{
		"apiVersion": cmf.Group + "/v1", "kind": kind.Kind,
		"metadata": map[string]any{"name": ref.Name}, "spec": map[string]any{"path": w.from},
	})
	if err != nil {
		return "", err
	}
	uid := object.Text("metadata.uid")
	if uid == "" {
		return "", fmt.Errorf("CMF gave %s no UID", ref)
	}
	w.Reporter.Notef("%s created: %s", ref, w.from)
	return uid, nil
}

// longestName is the length of names that every CMF takes, in characters.
const longestName = 45

func (s *Sides) every() time.Duration {
	if s.Poll > 0 {
		return s.Poll
	}
	return time.Second
}

func (s *Sides) waiter() apply.Waiter {
	return apply.Waiter{Client: s.CMF, Poll: s.Poll, Show: s.Reporter.Waitingf}
}

// gone waits until a FlinkDeployment isn't there any more.
func (s *Sides) gone(ctx context.Context, ref api.Ref) error {
	for {
		_, err := s.Operator.Get(ctx, ref)
		if apierrors.IsNotFound(err) {
			return nil
		}
		s.Reporter.Waitingf("waiting until %s in namespace %s is gone", ref, ref.Namespace)
		timer := time.NewTimer(s.every())
		select {
		case <-ctx.Done():
			timer.Stop()
			return errors.Join(fmt.Errorf("%s in namespace %s is still there", ref, ref.Namespace), context.Cause(ctx))
		case <-timer.C:
		}
	}
}
