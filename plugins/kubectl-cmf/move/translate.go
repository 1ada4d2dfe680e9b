// Package move takes a job from Flink's operator to CMF and back. The state
// goes with it as a savepoint, one side is stopped before the other starts, and
// what was stopped runs again where the other doesn't.
package move

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Point is something of a job that the other side hasn't, or has in another way.
type Point struct {
	// Field is where it stands in the job's manifest.
	Field string `json:"field"`
	// Text says what becomes of it.
	Text string `json:"text"`
	// Stops says that nothing is moved because of it.
	Stops bool `json:"stops,omitempty"`
}

// String is the point as one line.
func (p Point) String() string { return p.Field + ": " + p.Text }

// Source is the annotation of an application that was made of a FlinkDeployment,
// as NAMESPACE/NAME: an import that was interrupted knows its own by it.
const Source = "kubectl-cmf/imported-from"

// ownMarks begins annotations that say where something is, or came from: of the
// other side they would say something wrong.
const ownMarks = "kubectl-cmf/"

// confluents are the labels and annotations that CMF puts on what it deploys
// ("Savepoints", "Applications" in its documents: platform.confluent.io/…).
const confluents = "platform.confluent.io/"

// claimKeys are the option that gives a savepoint to the job which starts from
// it, under its names of Flink 2 and 1.
var claimKeys = []string{"execution.state-recovery.claim-mode", "execution.savepoint-restore-mode"}

// once are the fields of a spec that asked something of the operator once.
var once = []string{"spec.restartNonce", "spec.job.savepointTriggerNonce", "spec.job.checkpointTriggerNonce", "spec.job.savepointRedeployNonce", "spec.job.autoscalerResetNonce", "spec.job.initialSavepointPath"}

// Application is the application called name that CMF is to make of job in an
// environment, and what becomes of that which doesn't go over as it is. It is
// suspended: it starts when the job has left its state.
func Application(job api.Job, name string, environment cmf.Object) (cmf.Object, []Point) {
	var points []Point
	stop := func(field, format string, args ...any) {
		points = append(points, Point{Field: field, Text: fmt.Sprintf(format, args...), Stops: true})
	}
	// CMF's documents, "Deploy and Manage Applications": every application runs on
	// a cluster of its own.
	if job.Kind.Name != api.Deployment.Name || job.IsSessionCluster() {
		stop("spec.job", "%s is a session cluster; an application of CMF has a cluster of its own, with one job", job.Ref())
		return nil, points
	}
	for _, key := range slices.Sorted(maps.Keys(job.Object.GetAnnotations())) {
		if strings.HasPrefix(key, confluents+"cmf") {
			stop("metadata.annotations", "%s belongs to CMF already (%s)", job.Ref(), key)
		}
	}
	if err := lifecycle.CheckName(api.Deployment, name); err != nil {
		stop("metadata.name", "%v; give another one with --name", err)
	}
	// The same page: it is started in the namespace of its environment, as a
	// FlinkDeployment with its name.
	if namespace := environment.Text("kubernetesNamespace"); namespace == job.Object.GetNamespace() && name == job.Object.GetName() {
		stop("metadata.name", "CMF's own FlinkDeployment would be %s, too, in the same namespace %s; give another name with --name", job.Ref(), namespace)
	}
	points = append(points, leftOut(job)...)
	fresh := job.Fresh()
	spec := cmf.Object{"spec": fresh.Spec()}.Copy()
	spec.Set("spec.job.state", "suspended")
	points = append(points, trim(spec)...)
	points = append(points, defaults(spec, environment)...)
	points = append(points, checks(job, name, spec, environment)...)
	annotations := map[string]any{Source: job.Object.GetNamespace() + "/" + job.Object.GetName()}
	for key, value := range fresh.Object.GetAnnotations() {
		if !strings.HasPrefix(key, ownMarks) {
			annotations[key] = value
		}
	}
	metadata := map[string]any{"name": name, "annotations": annotations}
	if labels := fresh.Object.GetLabels(); len(labels) > 0 {
		own := map[string]any{}
		for key, value := range labels {
			own[key] = value
		}
		metadata["labels"] = own
	}
	return cmf.Object{"apiVersion": cmf.Group + "/v1", "kind": "FlinkApplication", "metadata": metadata, "spec": spec["spec"]}, points
}

// leftOut says which fields of a job don't go over, because they asked something
// of the operator once or belong to the cluster of the job.
func leftOut(job api.Job) []Point {
	var points []Point
	for _, path := range once {
		if cmf.Object(job.Object.Object).Text(path) != "" {
			points = append(points, Point{Field: path, Text: "left out: it asked something of the operator once"})
		}
	}
	was := api.Flatten(api.Section(job.Spec(), "flinkConfiguration"))
	for _, key := range api.PerCluster {
		if was[key] != "" {
			points = append(points, Point{Field: "spec.flinkConfiguration." + key, Text: fmt.Sprintf("left out: it belongs to the cluster of %s", job.Ref())})
		}
	}
	return points
}

// trim takes out of a spec what an application doesn't have.
func trim(spec cmf.Object) []Point {
	var points []Point
	if _, has := spec.At("spec.ingress"); has {
		// The examples of createOrUpdateApplication in CMF's document have none, and
		// its host would be that of the job that the application is made of.
		spec.Remove("spec.ingress")
		points = append(points, Point{Field: "spec.ingress", Text: "left out: CMF's documents have none for applications; the dashboard is at kubectl cmf ui, through CMF's own proxy"})
	}
	return append(points, unmark(spec)...)
}

// unmark takes out of a spec the marks of CMF's own pods.
func unmark(spec cmf.Object) []Point {
	var points []Point
	for _, template := range []string{"spec.podTemplate", "spec.jobManager.podTemplate", "spec.taskManager.podTemplate"} {
		for _, marks := range []string{".metadata.labels", ".metadata.annotations"} {
			entries := spec.Map(template + marks)
			for _, key := range slices.Sorted(maps.Keys(entries)) {
				if strings.HasPrefix(key, confluents) {
					delete(entries, key)
					points = append(points, Point{Field: template + marks + "." + key, Text: "left out: CMF marks its pods with it"})
				}
			}
		}
	}
	return points
}

// defaults says what the environment puts in the place of the job's own values.
// CMF's documents, "Configure Environments": the configuration of the environment
// has precedence over that of an application.
func defaults(spec, environment cmf.Object) []Point {
	var points []Point
	forced := api.Flatten(environment.Map("flinkApplicationDefaults.spec.flinkConfiguration"))
	own := api.Flatten(spec.Map("spec.flinkConfiguration"))
	for _, key := range slices.Sorted(maps.Keys(forced)) {
		switch value, has := own[key]; {
		case !has:
			points = append(points, Point{Field: "spec.flinkConfiguration." + key, Text: fmt.Sprintf("becomes %q: a default of the environment", forced[key])})
		case value != forced[key]:
			points = append(points, Point{Field: "spec.flinkConfiguration." + key, Text: fmt.Sprintf("becomes %q in place of %q: the environment's value goes first", forced[key], value)})
		}
	}
	rest := environment.Map("flinkApplicationDefaults.spec")
	for _, field := range slices.Sorted(maps.Keys(rest)) {
		if field != "flinkConfiguration" {
			points = append(points, Point{Field: "spec." + field, Text: "the environment has defaults for it, which go first"})
		}
	}
	return points
}

// checks says what may keep the application from running as the job does.
func checks(job api.Job, name string, spec, environment cmf.Object) []Point {
	var points []Point
	note := func(field, format string, args ...any) {
		points = append(points, Point{Field: field, Text: fmt.Sprintf(format, args...)})
	}
	config := api.Flatten(api.Section(Merged(spec, environment), "flinkConfiguration"))
	points = append(points, claims(config, "the application", "the job")...)
	if name == job.Object.GetName() {
		points = append(points, sharedFiles(config, "the job", "the application")...)
	}
	if image := spec.Text("spec.image"); image != "" && !strings.Contains(image, "cp-flink") {
		note("spec.image", "%s is none of Confluent's images (confluentinc/cp-flink:…), which are what it supports", image)
	}
	if spec.Text("spec.mode") == "standalone" {
		note("spec.mode", "standalone is in none of CMF's documents; whether it takes it is known when the application is created, before the job is touched")
	}
	if mode := spec.Text("spec.job.upgradeMode"); mode == api.UpgradeStateless || mode == "" {
		note("spec.job.upgradeMode", "is stateless: each time that the application is suspended it loses its state")
	}
	return points
}

// claims forbids that what starts from a savepoint owns it: what left it needs it
// to run again.
func claims(config map[string]string, starts, left string) []Point {
	var points []Point
	for _, key := range claimKeys {
		if strings.EqualFold(config[key], "CLAIM") {
			points = append(points, Point{Field: "spec.flinkConfiguration." + key, Stops: true, Text: fmt.Sprintf("is CLAIM: %s would own the savepoint, and delete what %s needs to run again; set NO_CLAIM first", starts, left)})
		}
	}
	return points
}

// sharedFiles warns where both of a name keep files of high availability.
func sharedFiles(config map[string]string, left, starts string) []Point {
	const key = "high-availability.storageDir"
	if config[key] == "" {
		return nil
	}
	return []Point{{Field: "spec.flinkConfiguration." + key, Text: fmt.Sprintf("both would keep files in %s under the same name: deleting %s may delete %s's; give another name with --name", config[key], left, starts)}}
}

// Merged is the spec that CMF deploys: the application's with the environment's
// defaults laid over it (documents, "Configure Environments").
func Merged(application, environment cmf.Object) map[string]any {
	return api.Merge(application.Copy().Map("spec"), environment.Copy().Map("flinkApplicationDefaults.spec"))
}
