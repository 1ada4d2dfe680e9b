// Package reach finds the way to a Flink cluster's ports: which Service, TLS
// or not, and why nobody answers.
package reach

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Place is where a job runs at the moment. Upgrades, blue/green switches and
// restarts move it, so a long-lived command looks again.
type Place struct {
	// Job is what the user named.
	Job api.Job
	// Cluster is the FlinkDeployment whose JobManager serves the job.
	Cluster api.Job
	// Gone says that there is no such FlinkDeployment.
	Gone bool
	// JobID is Flink's id of the job; "" before it has one, and for a session
	// cluster.
	JobID string
	// Secure says that the REST API speaks TLS, Mutual that it wants a client
	// certificate. Known is false where the configuration can't be read.
	Secure, Mutual, Known bool
	// Prefix is rest.url-prefix.
	Prefix string
	// Config is the cluster's configuration, as far as it is known.
	Config api.Config
}

// Find looks up where the job ref runs.
func Find(ctx context.Context, client *operator.Client, ref api.Ref) (Place, error) {
	object, err := client.Get(ctx, ref)
	if err != nil {
		return Place{}, err
	}
	p := Place{Job: api.Job{Kind: ref.Kind, Object: object}}
	p.JobID = p.Job.JobID()
	cluster := ""
	switch ref.Kind.Name {
	case api.SessionJob.Name:
		cluster = p.Job.SessionCluster()
	case api.BlueGreen.Name:
		cluster = ref.Name + "-" + servingColor(p.Job.BlueGreenState())
	default:
		p.Cluster = p.Job
	}
	if cluster != "" {
		at := api.Ref{Kind: api.Deployment, Namespace: ref.Namespace, Name: cluster}
		object, err := client.Get(ctx, at)
		if err != nil {
			p.Gone = apierrors.IsNotFound(err)
			return p, fmt.Errorf("%s runs in %s: %w", ref, at, err)
		}
		p.Cluster = api.Job{Kind: api.Deployment, Object: object}
		if id := p.Cluster.JobID(); ref.Kind.Name == api.BlueGreen.Name && id != "" {
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
func urlPrefix(config api.Config) (string, error) {
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

// servingColor is the child that serves in a state of a blue/green
// deployment; during a transition still the old one.
func servingColor(state string) string {
	switch state {
	case api.BlueGreenActiveGreen, api.BlueGreenToBlue, api.BlueGreenSavepointingGreen:
		return "green"
	}
	return "blue"
}

// restTLS reads security.ssl.rest.*; security.ssl.enabled is its old name for
// both REST and RPC.
func restTLS(config api.Config) (secure, mutual bool) {
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
func ServiceTarget(cluster api.Ref) portforward.Target {
	return portforward.Target{
		Namespace: cluster.Namespace, Kind: portforward.Service,
		Name: cluster.Name + "-rest", Port: intstr.FromString("rest"),
	}
}

// JobManager is the cluster's JobManager pods, for ports that its Services
// don't have.
func JobManager(cluster api.Ref, port intstr.IntOrString) portforward.Target {
	return portforward.Target{
		Namespace: cluster.Namespace, Kind: portforward.Selector,
		Name: "app=" + cluster.Name + ",component=jobmanager", Port: port,
	}
}

// Suspended reports whether the job is meant not to run.
func (p Place) Suspended() bool {
	return p.Cluster.Lifecycle() == api.LifecycleSuspended
}

// shutdownTTL is how long the operator keeps the JobManager of a job that has
// come to its end.
const shutdownTTL = "kubernetes.operator.jm-deployment.shutdown-ttl"

// Ended says that the job has come to its end and the operator has taken its
// JobManager away, with what is known of it all the same; "" where that isn't
// so.
func (p Place) Ended() string {
	state := p.Cluster.State()
	if p.Cluster.Object == nil || p.Cluster.IsSessionCluster() || !terminal(state) || state == api.JobSuspended || p.Suspended() || p.Cluster.JobManager() != api.JobManagerMissing {
		return ""
	}
	text := "the job has " + state
	if since := p.Cluster.StateSince(); !since.IsZero() {
		text += " at " + since.UTC().Format(time.RFC3339)
	}
	ttl := shutdownTTL
	if value := p.Config[ttl]; value != "" {
		ttl += ": " + value
	} else {
		ttl += ", a day by default"
	}
	text += ", and the operator has taken its JobManager away (" + ttl + ")"
	if failure := p.Cluster.Failure(); !failure.IsZero() {
		text += "\nThe operator's last word of it: " + failure.Root()
	}
	if path := p.Cluster.UpgradePath(); path != "" {
		text += "\nIts last known state: " + path
	}
	if dir := p.Config["jobmanager.archive.fs.dir"]; dir != "" && p.JobID != "" {
		text += "\nIts exceptions and checkpoints are in its archive, which a history server shows: " + strings.TrimRight(dir, "/") + "/" + p.JobID
	}
	return text
}

// Because says why the JobManager can't be asked where err is that its Service
// isn't there; other errors are given back.
func (p Place) Because(err error) error {
	if !absent(err) {
		return err
	}
	why := p.WhyNot()
	if why == "" {
		why = err.Error()
	}
	return fmt.Errorf("%s has no JobManager to ask: %s", p.Job.Ref(), why)
}

// WhyNot says in one line why the JobManager doesn't answer, as far as the
// operator knows; "" if it should.
func (p Place) WhyNot() string {
	if ended := p.Ended(); ended != "" {
		return ended
	}
	var parts []string
	if p.Suspended() {
		parts = append(parts, fmt.Sprintf("%s is suspended; it has a JobManager again when spec.job.state is running", p.Cluster.Ref()))
	}
	switch state := p.Cluster.JobManager(); state {
	case "", api.JobManagerReady:
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
	case api.JobFinished, api.JobFailed, api.JobCanceled, api.JobSuspended:
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
