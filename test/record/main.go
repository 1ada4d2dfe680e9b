// Command record writes down what a cluster says about one namespace with
// Flink jobs: the operator's objects, pods, events and the JobManagers'
// answers. Tests print pages from such recordings instead of from a cluster.
//
//	go run ./test/record -n NAMESPACE > testdata/recorded/NAME.json
//
// It asks through `kubectl get --raw`, so the kubeconfig is kubectl's. What
// reports the machine (addresses, node names, uids, resource versions) is
// replaced.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Recording is what the API server answered, by path and query.
type Recording struct {
	// Now is the time on the recorder's clock.
	Now time.Time `json:"now"`
	// Note says how the cluster came to be as it was.
	Note      string                     `json:"note,omitempty"`
	Namespace string                     `json:"namespace"`
	Answers   map[string]json.RawMessage `json:"answers"`
}

func main() {
	namespace := flag.String("n", "default", "namespace")
	note := flag.String("note", "", "how the cluster came to be as it is")
	flag.Parse()
	if err := record(*namespace, *note); err != nil {
		fmt.Fprintln(os.Stderr, "record:", err)
		os.Exit(1)
	}
}

type recorder struct {
	namespace string
	answers   map[string]json.RawMessage
}

func record(namespace, note string) error {
	r := &recorder{namespace, map[string]json.RawMessage{}}
	now := time.Now().UTC()
	const group = "/apis/flink.apache.org/v1beta1"
	r.get(group)
	// The pods first: what the jobs look like then is what they look like
	// with these pods.
	r.get("/api/v1/namespaces/" + namespace + "/pods")
	for _, plural := range []string{"flinkdeployments", "flinksessionjobs", "flinkbluegreendeployments", "flinkstatesnapshots"} {
		r.get(group + "/namespaces/" + namespace + "/" + plural)
	}
	r.get("/api/v1/namespaces/" + namespace + "/events")
	r.operator(r.get("/apis/apps/v1/deployments?labelSelector=app.kubernetes.io%2Fname%3Dflink-kubernetes-operator"))
	var clusters struct {
		Items []struct {
			Metadata struct{ Name string }
		}
	}
	if err := json.Unmarshal(r.answers[group+"/namespaces/"+namespace+"/flinkdeployments"], &clusters); err != nil {
		return fmt.Errorf("namespace %s: %w", namespace, err)
	}
	for _, cluster := range clusters.Items {
		r.get("/api/v1/namespaces/" + namespace + "/configmaps/flink-config-" + cluster.Metadata.Name)
		r.logs(cluster.Metadata.Name)
		r.jobManager(cluster.Metadata.Name)
	}
	return write(Recording{now, note, namespace, r.answers})
}

// write puts each answer on a line of its own, for differences that can be
// read.
func write(r Recording) error {
	paths := slices.Sorted(maps.Keys(r.Answers))
	out := fmt.Sprintf("{\"now\":%s,\n\"note\":%s,\n\"namespace\":%s,\n\"answers\":{", encoded(r.Now), encoded(r.Note), encoded(r.Namespace))
	for i, path := range paths {
		if i > 0 {
			out += ","
		}
		out += "\n" + encoded(path) + ":" + string(r.Answers[path])
	}
	_, err := os.Stdout.WriteString(out + "\n}}\n")
	return err
}

func encoded(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // strings and times can be encoded
	return strings.TrimSpace(out.String())
}

// kept are the lines of a JobManager's log that pages are made of.
var kept = regexp.MustCompile(`is terminated\. Diagnostics: `)

// logs keeps what the JobManagers of a cluster logged of pods that ended, as
// text in JSON.
func (r *recorder) logs(cluster string) {
	var pods struct {
		Items []struct {
			Metadata struct {
				Name   string
				Labels map[string]string
			}
		}
	}
	_ = json.Unmarshal(r.answers["/api/v1/namespaces/"+r.namespace+"/pods"], &pods)
	for _, pod := range pods.Items {
		if pod.Metadata.Labels["app"] != cluster || pod.Metadata.Labels["component"] != "jobmanager" {
			continue
		}
		path := "/api/v1/namespaces/" + r.namespace + "/pods/" + pod.Metadata.Name + "/log"
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		out, err := exec.CommandContext(ctx, "kubectl", "get", "--raw", path+"?timestamps=true&container=flink-main-container").Output()
		cancel()
		if err != nil {
			continue
		}
		log := ""
		for line := range strings.Lines(string(out)) {
			if kept.MatchString(line) {
				log += line
			}
		}
		r.answers[path] = json.RawMessage(encoded(clean("", log)))
	}
}

// operator reads the configuration of the operators among deployments.
func (r *recorder) operator(deployments json.RawMessage) {
	var list struct {
		Items []struct {
			Metadata struct{ Namespace string }
			Spec     struct {
				Template struct {
					Spec struct {
						Volumes []struct{ ConfigMap *struct{ Name string } }
					}
				}
			}
		}
	}
	_ = json.Unmarshal(deployments, &list)
	for _, item := range list.Items {
		for _, volume := range item.Spec.Template.Spec.Volumes {
			if volume.ConfigMap != nil {
				r.get("/api/v1/namespaces/" + item.Metadata.Namespace + "/configmaps/" + volume.ConfigMap.Name)
			}
		}
	}
}

// jobManager asks one for what the verbs ask it.
func (r *recorder) jobManager(cluster string) {
	base := "/api/v1/namespaces/" + r.namespace + "/services/" + cluster + "-rest:rest/proxy"
	if r.get(base+"/config") == nil {
		return
	}
	r.get(base + "/overview")
	r.get(base + "/jobmanager/config")
	var jobs struct{ Jobs []struct{ JID string } }
	_ = json.Unmarshal(r.get(base+"/jobs/overview"), &jobs)
	for _, job := range jobs.Jobs {
		at := base + "/jobs/" + job.JID
		var detail struct{ Vertices []struct{ ID string } }
		_ = json.Unmarshal(r.get(at), &detail)
		r.get(at + "/exceptions?maxExceptions=20")
		r.get(at + "/metrics?get=numRestarts,fullRestarts")
		r.get(at + "/checkpoints/config")
		r.get(at + "/config")
		var checkpoints struct {
			Latest struct{ Completed *struct{ ID int } }
		}
		_ = json.Unmarshal(r.get(at+"/checkpoints"), &checkpoints)
		if last := checkpoints.Latest.Completed; last != nil {
			details := fmt.Sprintf("%s/checkpoints/details/%d", at, last.ID)
			var answer struct{ Tasks map[string]any }
			_ = json.Unmarshal(r.get(details), &answer)
			for task := range answer.Tasks {
				r.get(details + "/subtasks/" + task)
			}
		}
		for _, vertex := range detail.Vertices {
			r.vertex(at + "/vertices/" + vertex.ID + "/subtasks/metrics")
		}
	}
}

// vertex asks which metrics there are, and for all that pages are made of.
func (r *recorder) vertex(at string) {
	var names []struct{ ID string }
	_ = json.Unmarshal(r.get(at), &names)
	var wanted []string
	for _, name := range names {
		if shown.MatchString(name.ID) {
			wanted = append(wanted, name.ID)
		}
	}
	if len(wanted) > 0 {
		r.get(at + "?get=" + strings.Join(wanted, ","))
	}
}

var shown = regexp.MustCompile(`^(busy|idle|backPressured)TimeMsPerSecond$|numRecords(In|Out)PerSecond$|^currentInputWatermark$|pendingRecords$|records-lag-max$`)

func (r *recorder) get(path string) json.RawMessage {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, err := exec.CommandContext(ctx, "kubectl", "get", "--raw", path).Output()
	if err != nil {
		return nil // the replay answers 404
	}
	answer, err := scrub(out)
	if err != nil {
		return nil
	}
	r.answers[path] = answer
	return answer
}

var (
	address  = regexp.MustCompile(`\b(10|172|192|127)\.\d{1,3}\.\d{1,3}\.\d{1,3}\b`)
	identity = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
)

// scrub replaces what shows the machine, and drops what no page shows.
func scrub(raw []byte) (json.RawMessage, error) {
	var value any
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&value); err != nil {
		return nil, err
	}
	return json.Marshal(clean("", value))
}

func clean(key string, value any) any {
	switch v := value.(type) {
	case map[string]any:
		for _, drop := range []string{"managedFields", "selfLink", "hostIP", "hostIPs", "podIPs", "imageID", "containerID"} {
			delete(v, drop)
		}
		for name, child := range v {
			v[name] = clean(name, child)
		}
		return v
	case []any:
		for i := range v {
			v[i] = clean(key, v[i])
		}
		return v
	case string:
		switch {
		case key == "resourceVersion":
			return "1"
		case key == "nodeName" || (key == "host" || key == "reportingInstance") && !address.MatchString(v):
			return "node-1"
		case identity.MatchString(v):
			return "00000000-0000-0000-0000-000000000000"
		}
		return address.ReplaceAllStringFunc(v, func(found string) string {
			if strings.HasPrefix(found, "127.") {
				return found
			}
			return "10.0.0.1"
		})
	}
	return value
}
