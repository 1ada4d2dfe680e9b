package move

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/change"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/apply"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Eject makes a FlinkDeployment of an application.
type Eject struct {
	Sides
	// Unwatched, where set, names an operator where none watches a namespace, as
	// far as is known; "" where one does or may.
	Unwatched func(ctx context.Context, namespace string) string
}

// EjectPlan is what an ejection would do.
type EjectPlan struct {
	// Deployment is what the API server is given, but for the state.
	Deployment api.Job
	Points     []Point
	// From is the state that the application was suspended with before; "" where
	// it runs.
	From string

	environment cmf.Object
	namespace   string
	// elsewhere says that the environment is in another Kubernetes cluster.
	elsewhere bool
	// mode is the application's upgradeMode, before the path that its status
	// tells of as long as it runs.
	mode, before string
	// there says that an ejection that was interrupted made the FlinkDeployment,
	// stopping that it had the application stopped.
	there, stopping bool
}

// isOurs reports whether a FlinkDeployment was made of the application.
func (m *Eject) isOurs(job api.Job) bool {
	return job.Object.GetAnnotations()[Origin] == m.App.Scope.Environment+"/"+m.App.Name
}

// Plan finds out what an ejection would do, and changes nothing.
func (m *Eject) Plan(ctx context.Context) (*EjectPlan, error) {
	p := &EjectPlan{}
	var err error
	if p.environment, p.namespace, p.elsewhere, err = m.environment(ctx); err != nil {
		return nil, err
	}
	application, err := m.CMF.Get(ctx, m.App)
	if err != nil {
		return nil, err
	}
	if err := m.managed(application); err != nil {
		return nil, err
	}
	if p.Deployment, p.Points = Deployment(application, p.environment, m.App, m.Job); p.Deployment.Object == nil || forbidden(p.Points) {
		return p, nil
	}
	wanted := application.Text("spec.job.state")
	if err := m.existing(ctx, p, wanted); err != nil || p.there || forbidden(p.Points) {
		return p, err
	}
	job, err := jobOf(application, p.environment, m.deployed(p.namespace))
	if err != nil {
		return nil, err
	}
	if err := m.state(ctx, p, application, job); err != nil {
		return nil, err
	}
	stop, warn := lifecycle.Fits(ctx, m.Operator, job, p.Deployment, false)
	if m.Unwatched != nil {
		if name := m.Unwatched(ctx, m.Job.Namespace); name != "" {
			stop = append(stop, fmt.Sprintf("Flink's operator doesn't watch it (%s)", name))
		}
	}
	for _, text := range stop {
		p.Points = append(p.Points, Point{Field: "namespace " + m.Job.Namespace, Text: text, Stops: !m.Force})
	}
	for _, text := range warn {
		p.Points = append(p.Points, Point{Field: "spec", Text: text})
	}
	if forbidden(p.Points) {
		return p, nil
	}
	return p, m.creatable(ctx, p)
}

// managed refuses what Confluent for Kubernetes would change back.
func (m *Eject) managed(application cmf.Object) error {
	owner := apply.ManagedBy(application)
	if owner == "" {
		return nil
	}
	text := fmt.Sprintf("%s is managed by Confluent for Kubernetes (%s), which will start it again", m.App.Where(), owner)
	if !m.Force {
		return fmt.Errorf("%s; change it there, or use --force", text)
	}
	m.Reporter.Notef("warning: %s", text)
	return nil
}

// existing looks for a FlinkDeployment of that name.
func (m *Eject) existing(ctx context.Context, p *EjectPlan, wanted string) error {
	object, err := m.Operator.Get(ctx, m.Job)
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return err
	}
	stop := func(format string, args ...any) {
		p.Points = append(p.Points, Point{Field: "metadata.name", Stops: true, Text: fmt.Sprintf(format, args...)})
	}
	job := api.Job{Kind: api.Deployment, Object: object}
	switch {
	case !m.isOurs(job):
		stop("namespace %s has a %s already; give another name with --name", m.Job.Namespace, m.Job)
	case object.GetDeletionTimestamp() != nil:
		stop("%s was made of it and is being deleted; say it again once it is gone", m.Job)
	case wanted != api.WantSuspended && job.Wanted() != api.WantSuspended:
		stop("%s was made of it and is to run, and %s is to run, too: suspend one of them", m.Job, m.App.Where())
	case wanted != api.WantSuspended || job.Wanted() == api.WantSuspended:
		stop("%s was made of it already, and is to be %s; give another name with --name, or delete it", m.Job, job.Wanted())
	default:
		p.there, p.Deployment, p.From = true, job, job.InitialPath()
		if p.From == "" {
			return fmt.Errorf("%s was made of it, but what it is to start from isn't in its spec", m.Job)
		}
	}
	return nil
}

// state finds out what the FlinkDeployment would start from, and refuses an
// application of which there is nothing.
func (m *Eject) state(ctx context.Context, p *EjectPlan, application cmf.Object, job api.Job) error {
	p.mode, p.before = job.UpgradeMode(), job.UpgradeSavepointPath()
	state, verdict, why := m.App.Kind.State(application)
	if job.Wanted() != api.WantSuspended {
		if job.State() != api.JobRunning || verdict != cmf.Ready {
			if why != "" {
				why = ": " + why
			}
			return fmt.Errorf("%s is %s, so no savepoint can be taken%s\nEject it once it runs", m.App.Where(), api.OrUnknown(state), why)
		}
		if p.elsewhere {
			return nil
		}
		return change.CheckDirectories(ctx, m.Operator, job, api.UpgradeSavepoint)
	}
	if job.Drained() && !m.Force {
		return fmt.Errorf("%s was drained when it was stopped: its windows and timers have fired, and going on from that savepoint gives wrong results\nUse --force to eject it all the same", m.App.Where())
	}
	if mode := m.suspendedBy(job); mode != api.UpgradeSavepoint {
		return fmt.Errorf("%s is suspended by upgradeMode %s, and where its state is isn't known\nStart it with kubectl cmf app start %s -e %s and eject it once it runs", m.App.Where(), mode, m.App.Name, m.App.Scope.Environment)
	}
	if verdict != cmf.Ready {
		p.stopping, p.before = true, ""
		return nil
	}
	if p.From = p.before; p.From != "" {
		return p.Deployment.Set(p.From, "job", "initialSavepointPath")
	}
	return fmt.Errorf("%s is suspended, and CMF doesn't tell where its state is\nStart it with kubectl cmf app start %s -e %s and eject it once it runs", m.App.Where(), m.App.Name, m.App.Scope.Environment)
}

// suspendedBy is the mode by which an application was suspended: as its status
// tells, where CMF has that, else as its spec says.
func (m *Eject) suspendedBy(job api.Job) string {
	if mode := job.SuspendedMode(); mode != "" {
		return mode
	}
	return job.UpgradeMode()
}

// unknownField is how an API server names a field that a kind doesn't have.
var unknownField = regexp.MustCompile(`unknown field "([^"]{1,200})"`)

// creatable asks the API server whether it would take the FlinkDeployment: what
// it refuses is to be known before the application is stopped.
func (m *Eject) creatable(ctx context.Context, p *EjectPlan) error {
	dry := metav1.CreateOptions{FieldManager: operator.FieldManager, DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict}
	resource := m.Operator.Resource(api.Deployment, m.Job.Namespace)
	_, err := resource.Create(ctx, p.Deployment.Object.DeepCopy(), dry)
	if err == nil {
		return nil
	}
	unknown := unknownFields(err)
	if len(unknown) == 0 {
		if missing := m.Operator.ExplainMissingKind(ctx, api.Deployment, err); missing != nil {
			err = missing
		}
		return fmt.Errorf("%s can't be created: %w", m.Job, err)
	}
	p.Points = append(p.Points, unknown...)
	// What the operator doesn't have, the API server leaves out.
	dry.FieldValidation = metav1.FieldValidationIgnore
	if _, err = resource.Create(ctx, p.Deployment.Object.DeepCopy(), dry); err != nil {
		return fmt.Errorf("%s can't be created: %w", m.Job, err)
	}
	return nil
}

// unknownFields are the fields that a strict API server refuses because its
// FlinkDeployments don't have them.
func unknownFields(err error) []Point {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || !apierrors.IsBadRequest(err) {
		return nil
	}
	var points []Point
	for _, match := range unknownField.FindAllStringSubmatch(status.Status().Message, 50) {
		points = append(points, Point{Field: match[1], Text: "left out: the FlinkDeployments of this cluster's operator don't have it"})
	}
	return points
}
