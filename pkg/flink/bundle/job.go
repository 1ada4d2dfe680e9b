package bundle

import (
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// Job is a job that a bundle is made of.
type Job struct {
	Ref   api.Ref
	Facts *diagnosis.JobFacts
}

// Dir is the directory of a job in a bundle.
func (j Job) Dir() string { return Join("jobs", j.Ref.Namespace, j.Ref.Kind.Singular+"-"+j.Ref.Name) }

// cluster is the FlinkDeployment that serves the job; "" where there is none.
func (j Job) cluster() string {
	switch {
	case j.Facts.Cluster != nil:
		return j.Facts.Cluster.GetName()
	case j.Ref.Kind.Name == api.Deployment.Name:
		return j.Ref.Name
	}
	return ""
}

// Collector puts into an Archive what is known of jobs.
type Collector struct {
	Client  *operator.Client
	Archive *Archive
	// Ask is a client of the JobManager at a place; nil asks none.
	Ask func(reach.Place) (*rest.Client, error)
	// Since is how far back logs go; 0 is as far as they are kept.
	Since time.Duration
	// Limit bounds each question.
	Limit time.Duration
	Now   func() time.Time
	// Tell is called with what is being read; nil is quiet.
	Tell func(format string, args ...any)
}

func (c *Collector) tell(format string, args ...any) {
	if c.Tell != nil {
		c.Tell(format, args...)
	}
}

// miss notes what is missing, unless that is only because somebody ended the
// command.
func (c *Collector) miss(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		c.Archive.Miss(what, err.Error())
	}
}

func isName(name string) bool { return len(validation.IsDNS1123Subdomain(name)) == 0 }

// Learn takes in the secrets of a job, so that they are hidden wherever they stand:
// those in the object and the pods, and those in the Secrets that the pods name,
// which are looked at for nothing else.
func (c *Collector) Learn(ctx context.Context, job Job) {
	known := c.Archive.Secrets
	known.Except(job.Ref.Name, job.Ref.Namespace, job.cluster())
	for _, object := range append([]*unstructured.Unstructured{job.Facts.Object, job.Facts.Cluster}, job.Facts.Snapshots...) {
		if object != nil {
			c.learnFrom(object.Object)
		}
	}
	for key, value := range job.Facts.Config {
		known.AddNamed(key, value)
	}
	for _, p := range job.Facts.Pods {
		known.Except(p.Pod.Name, p.Pod.Spec.NodeName, p.Pod.Spec.ServiceAccountName)
		if plain, err := decoded(p.Pod); err == nil {
			known.AddIn(plain)
		}
	}
	for _, e := range job.Facts.Events {
		known.AddText(e.Message)
	}
	for _, x := range job.Facts.Flink.Exceptions {
		for _, cause := range x.Chain {
			known.AddText(cause.Message)
		}
	}
	for i, one := range job.Facts.Secrets {
		if one.Exists != diagnosis.Read || !isName(one.Name) || i >= mostSecrets {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, c.Limit)
		object, err := c.Client.Core().CoreV1().Secrets(job.Ref.Namespace).Get(limited, one.Name, metav1.GetOptions{})
		cancel()
		if err != nil {
			c.miss(ctx, "what is in Secret "+job.Ref.Namespace+"/"+one.Name+", to hide it in logs", err)
			continue
		}
		for _, value := range object.Data {
			if len(value) <= 64<<10 {
				known.Add(string(value))
			}
		}
	}
}

// mostSecrets bounds how many Secrets of a job are looked at.
const mostSecrets = 50

// learnFrom takes in the secrets of an object, those in texts that are JSON
// themselves among them.
func (c *Collector) learnFrom(object map[string]any) {
	c.Archive.Secrets.AddIn(object)
	var inner func(any)
	inner = func(value any) {
		switch v := value.(type) {
		case map[string]any:
			for _, item := range v {
				inner(item)
			}
		case []any:
			for _, item := range v {
				inner(item)
			}
		case string:
			if !strings.HasPrefix(v, "{") {
				return
			}
			u := map[string]any{}
			if decodeInto(v, &u) == nil {
				c.Archive.Secrets.AddIn(u)
			}
		}
	}
	inner(object)
}

// Objects puts in the object, what serves it, its pods, events and snapshots, and
// what belongs to its cluster.
func (c *Collector) Objects(ctx context.Context, job Job) {
	dir, ref := job.Dir(), job.Ref.String()+" in "+job.Ref.Namespace
	c.Archive.Object(dir+"/object.yaml", ref, job.Facts.Object.Object)
	if job.Facts.Cluster != nil {
		c.Archive.Object(dir+"/cluster.yaml", "FlinkDeployment "+job.Facts.Cluster.GetName()+" that serves "+ref, job.Facts.Cluster.Object)
	}
	var pods, events, snapshots []any
	for _, p := range job.Facts.Pods {
		p.Pod.APIVersion, p.Pod.Kind = "v1", "Pod"
		pods = append(pods, p.Pod)
	}
	for _, e := range job.Facts.Events {
		events = append(events, e)
	}
	for _, s := range job.Facts.Snapshots {
		snapshots = append(snapshots, s.Object)
	}
	list := func(name, what string, items []any) {
		if len(items) > 0 {
			c.Archive.Object(dir+"/"+name+".yaml", what+" of "+ref, map[string]any{"apiVersion": "v1", "kind": "List", "items": plainItems(items)})
		}
	}
	list("pods", "pods", pods)
	list("events", "events", events)
	list("snapshots", "snapshots", snapshots)
	if cluster := job.cluster(); isName(cluster) {
		c.tell("%s: Deployments, Services and ConfigMaps", job.Ref)
		c.belongings(ctx, job, cluster, list)
	}
}

func plainItems(items []any) []any {
	out := make([]any, 0, len(items))
	for _, item := range items {
		if plain, err := decoded(item); err == nil {
			out = append(out, plain)
		}
	}
	return out
}

// belonging are the kinds of objects that belong to a cluster by its label.
var belonging = []schema.GroupVersionResource{
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "configmaps"},
	{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
}

// mostBelongings bounds how many objects of a kind are read.
const mostBelongings = 200

func (c *Collector) belongings(ctx context.Context, job Job, cluster string, list func(name, what string, items []any)) {
	for _, resource := range belonging {
		limited, cancel := context.WithTimeout(ctx, c.Limit)
		found, err := c.Client.Dynamic().Resource(resource).Namespace(job.Ref.Namespace).List(limited, metav1.ListOptions{LabelSelector: "app=" + cluster, Limit: mostBelongings})
		cancel()
		if err != nil {
			c.miss(ctx, resource.Resource+" of "+job.Ref.String()+" in "+job.Ref.Namespace, err)
			continue
		}
		var items []any
		for i := range found.Items {
			found.Items[i].SetManagedFields(nil)
			items = append(items, found.Items[i].Object)
		}
		list(resource.Resource, resource.Resource, items)
	}
}

// Gaps notes the sources that couldn't be read.
func (c *Collector) Gaps(about string, unread []reach.Unread) {
	for _, u := range unread {
		c.Archive.Miss(string(u.Source)+" of "+about, string(u.Mark)+": "+u.Why)
	}
}

// Facts puts in the facts that doctor judged by, for whoever wants to judge again.
func (c *Collector) Facts(job Job) {
	facts := *job.Facts
	facts.Operators = nil
	facts.Flink.Log = nil
	c.Archive.Value(job.Dir()+"/facts.json", "facts that doctor judged "+job.Ref.String()+" by", &facts)
}

// readNewest is what a stream has, of a long one the newest part; cut says that the
// beginning is missing.
func readNewest(in io.Reader, most int) (text []byte, cut bool, err error) {
	buffer := make([]byte, 64<<10)
	for range mostRead / len(buffer) {
		n, err := in.Read(buffer)
		text = append(text, buffer[:n]...)
		if len(text) > 2*most {
			text, cut = slices.Clone(newest(text, most)), true
		}
		if errors.Is(err, io.EOF) {
			err = nil
			if len(text) > most {
				text, cut = newest(text, most), true
			}
			return text, cut, err
		}
		if err != nil {
			return newest(text, most), cut, err
		}
	}
	return newest(text, most), true, errors.New("the log doesn't end")
}

// mostRead bounds how much of one log is read, in bytes.
const mostRead = 256 << 20

// containersOf are all containers of a pod with a log.
func containersOf(p *corev1.Pod) []corev1.ContainerStatus {
	return slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses, p.Status.EphemeralContainerStatuses)
}
