// Package reach finds the way to a Flink cluster's ports: which Service, TLS
// or not, and why nobody answers.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/operator"
)

// Place is where a job runs at the moment. Upgrades, blue/green switches and
// restarts move it, so a long-lived command looks again.
type Place struct {
	// Job is what the user named.
	Job operator.Job
	// Cluster is the FlinkDeployment whose JobManager serves the job.
	Cluster operator.Job
	// JobID is Flink's id of the job; "" before it has one, and for a session
	// cluster.
	JobID string
	// Secure says that the REST API speaks TLS, Mutual that it wants a client
	// certificate. Known is false where the configuration can't be read.
	Secure, Mutual, Known bool
	// Prefix is rest.url-prefix.
	Prefix string
	// Config is the cluster's configuration, as far as it is known.
	Config operator.Config
}

// Find looks up where the job ref runs.
func Find(ctx context.Context, client *operator.Client, ref operator.Ref) (Place, error) {
	object, err := client.Get(ctx, ref)
	if err != nil {
		return Place{}, err
	}
	p := Place{Job: operator.Job{Kind: ref.Kind, Object: object}}
	p.JobID = p.Job.JobID()
	cluster := ""
	switch ref.Kind.Name {
	case operator.SessionJob.Name:
		cluster = p.Job.SessionCluster()
	case operator.BlueGreen.Name:
		cluster = ref.Name + "-" + servingColour(p.Job.BlueGreenState())
	default:
		p.Cluster = p.Job
	}
	if cluster != "" {
		at := operator.Ref{Kind: operator.Deployment, Namespace: ref.Namespace, Name: cluster}
		object, err := client.Get(ctx, at)
		if err != nil {
			return p, fmt.Errorf("%s runs in %s: %w", ref, at, err)
		}
		p.Cluster = operator.Job{Kind: operator.Deployment, Object: object}
		if id := p.Cluster.JobID(); ref.Kind.Name == operator.BlueGreen.Name && id != "" {
			p.JobID = id
		}
	}
	config, known, err := client.EffectiveConfig(ctx, p.Cluster)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err) {
		return p, err
	}
	p.Known = known
	p.Secure, p.Mutual = restTLS(config)
	p.Config = config
	if p.Prefix, err = urlPrefix(config); err != nil {
		return p, fmt.Errorf("%s: %w", p.Cluster.Ref(), err)
	}
	return p, nil
}

// urlPrefix reads rest.url-prefix, which whoever may write the manifest sets
// and every request of the user is sent below: it must not lead elsewhere.
func urlPrefix(config operator.Config) (string, error) {
	prefix := config["rest.url-prefix"]
	path := (&url.URL{Path: prefix}).EscapedPath()
	if strings.ContainsAny(prefix, "?#%") {
		return "", fmt.Errorf("rest.url-prefix %q in its configuration is no path: it has a ?, # or %%", prefix)
	}
	if err := untrusted.CheckPath(path); err != nil {
		return "", fmt.Errorf("rest.url-prefix %q in its configuration is not followed: %w", prefix, err)
	}
	return prefix, nil
}

// servingColour is the child that serves in a state of a blue/green
// deployment; during a transition still the old one.
func servingColour(state string) string {
	switch state {
	case "ACTIVE_GREEN", "TRANSITIONING_TO_BLUE", "SAVEPOINTING_GREEN":
		return "green"
	}
	return "blue"
}

// restTLS reads security.ssl.rest.*; security.ssl.enabled is its old name for
// both REST and RPC.
func restTLS(config operator.Config) (secure, mutual bool) {
	is := func(keys ...string) bool {
		value, _ := config.Get(keys...)
		return strings.EqualFold(value, "true")
	}
	secure = is("security.ssl.rest.enabled", "security.ssl.enabled")
	return secure, secure && is("security.ssl.rest.authentication-enabled")
}

// Target is the port named rest of the cluster's REST Service.
func (p Place) Target() portforward.Target {
	return ServiceTarget(p.Cluster.Ref())
}

// ServiceTarget is the REST Service of a FlinkDeployment.
func ServiceTarget(cluster operator.Ref) portforward.Target {
	return portforward.Target{
		Namespace: cluster.Namespace, Kind: portforward.Service,
		Name: cluster.Name + "-rest", Port: intstr.FromString("rest"),
	}
}

// JobManager is the cluster's JobManager pods, for ports that its Services
// don't have.
func JobManager(cluster operator.Ref, port intstr.IntOrString) portforward.Target {
	return portforward.Target{
		Namespace: cluster.Namespace, Kind: portforward.Selector,
		Name: "app=" + cluster.Name + ",component=jobmanager", Port: port,
	}
}

// Suspended reports whether the job is meant not to run.
func (p Place) Suspended() bool {
	return p.Cluster.Lifecycle() == "SUSPENDED"
}

// WhyNot says in one line why the JobManager doesn't answer, as far as the
// operator knows; "" if it should.
func (p Place) WhyNot() string {
	var parts []string
	if p.Suspended() {
		parts = append(parts, fmt.Sprintf("%s is suspended; it has a JobManager again when spec.job.state is running", p.Cluster.Ref()))
	}
	switch state := p.Cluster.JobManager(); state {
	case "", "READY":
	default:
		parts = append(parts, "JobManager "+state)
	}
	if failure := p.Cluster.Failure(); !failure.IsZero() {
		parts = append(parts, failure.Root())
	}
	return strings.Join(parts, ": ")
}

// Page is the dashboard's page for the job, below the server's root.
func (p Place) Page() string {
	page := url.URL{Path: prefixOf(p)}
	switch {
	case p.JobID == "":
	case terminal(p.Job.State()):
		page.Fragment = "/job/completed/" + p.JobID + "/overview"
	default:
		page.Fragment = "/job/running/" + p.JobID + "/overview"
	}
	return page.EscapedPath() + fragment(page)
}

// fragment is u's with its sign, escaped: a job's id comes from a status.
func fragment(u url.URL) string {
	if u.Fragment == "" {
		return ""
	}
	return "#" + u.EscapedFragment()
}

func terminal(state string) bool {
	switch state {
	case "FINISHED", "FAILED", "CANCELED", "SUSPENDED":
		return true
	}
	return false
}

func prefixOf(p Place) string {
	if trimmed := strings.Trim(p.Prefix, "/"); trimmed != "" {
		return "/" + trimmed + "/"
	}
	return "/"
}

// absent reports whether err says that the REST Service doesn't exist (yet):
// the operator makes and deletes it with the JobManager.
func absent(err error) bool { return apierrors.IsNotFound(err) }

// cause is err without http.Client's address, which is none that users know.
func cause(err error) error {
	var link *url.Error
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}
