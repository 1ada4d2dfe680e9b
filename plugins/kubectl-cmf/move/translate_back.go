package move

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/lifecycle"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Origin is the annotation of a FlinkDeployment that was made of an application,
// as ENVIRONMENT/NAME: an ejection that was interrupted knows its own by it.
const Origin = "kubectl-cmf/ejected-from"

// artifactScheme begins the address of an artifact of CMF 2.4 ("Artifacts" in its
// documents: cmf://ENVIRONMENT/NAME), which nothing but CMF resolves.
const artifactScheme = "cmf://"

// chartAccount is the service account that the operator's Helm chart makes for
// jobs.
const chartAccount = "flink"

// Deployment is the FlinkDeployment at ref that is to be made of an application
// in an environment, and what becomes of that which doesn't go over as it is.
func Deployment(application, environment cmf.Object, app cmf.Ref, ref api.Ref) (api.Job, []Point) {
	var points []Point
	stop := func(field, format string, args ...any) {
		points = append(points, Point{Field: field, Text: fmt.Sprintf(format, args...), Stops: true})
	}
	if application.Map("spec.job") == nil {
		stop("spec.job", "%s has none: there is no job to move", app.Where())
		return api.Job{}, points
	}
	if err := lifecycle.CheckName(api.Deployment, ref.Name); err != nil {
		stop("metadata.name", "%v; give another one with --name", err)
	}
	if environment.Text("kubernetesNamespace") == ref.Namespace && app.Name == ref.Name {
		stop("metadata.name", "CMF's own FlinkDeployment is %s, too, in the same namespace %s; give another name with --name, or another namespace with -n", ref, ref.Namespace)
	}
	job, err := jobOf(application, environment, ref)
	if err != nil {
		stop("spec", "%v", err)
		return api.Job{}, points
	}
	points = append(points, leftOut(job)...)
	fresh := job.Fresh()
	spec := cmf.Object{"spec": fresh.Spec()}
	points = append(points, unmark(spec)...)
	points = append(points, defaults(application, environment)...)
	points = append(points, checksBack(app, ref, spec)...)
	annotations := api.Without(fresh.Object.GetAnnotations(), func(key string) bool { return strings.HasPrefix(key, ownMarks) })
	annotations[Origin] = app.Scope.Environment + "/" + app.Name
	fresh.Object.SetAnnotations(annotations)
	return fresh, points
}

// jobOf is the FlinkDeployment that CMF has, or would have, of an application, as
// ref; its status is what CMF mirrors of it.
func jobOf(application, environment cmf.Object, ref api.Ref) (api.Job, error) {
	metadata := map[string]any{"name": ref.Name, "namespace": ref.Namespace}
	for _, field := range []string{"labels", "annotations"} {
		if entries := application.Map("metadata." + field); len(entries) > 0 {
			metadata[field] = entries
		}
	}
	object := map[string]any{
		"apiVersion": api.Group + "/" + api.Version, "kind": api.Deployment.Name,
		"metadata": metadata, "spec": Merged(application, environment),
	}
	if status := application.Map("status"); status != nil {
		object["status"] = status
	}
	body, err := json.Marshal(object)
	if err != nil {
		return api.Job{}, err
	}
	out := &unstructured.Unstructured{}
	if err := out.UnmarshalJSON(body); err != nil {
		return api.Job{}, err
	}
	return api.Job{Kind: api.Deployment, Object: out}, nil
}

// checksBack says what may keep the FlinkDeployment from running as the
// application does.
func checksBack(app cmf.Ref, ref api.Ref, spec cmf.Object) []Point {
	var points []Point
	note := func(field, format string, args ...any) {
		points = append(points, Point{Field: field, Text: fmt.Sprintf(format, args...)})
	}
	config := api.Flatten(spec.Map("spec.flinkConfiguration"))
	points = append(points, claims(config, "the FlinkDeployment", "the application")...)
	if app.Name == ref.Name {
		points = append(points, sharedFiles(config, "the application", "the FlinkDeployment")...)
	}
	for _, field := range artifacts("spec", spec["spec"]) {
		points = append(points, Point{Field: field, Stops: true, Text: "names an artifact of CMF (" + artifactScheme + "…), which nothing but CMF can fetch; put the file where the pods can read it"})
	}
	if image := spec.Text("spec.image"); strings.Contains(image, "cp-flink") {
		note("spec.image", "%s is one of Confluent's images, which are made for CMF; the namespace's pods must be able to pull it", image)
	}
	if spec.Text("spec.serviceAccount") == "" {
		spec.Set("spec.serviceAccount", chartAccount)
		note("spec.serviceAccount", "becomes %q, which the operator's Helm chart makes: the application names none", chartAccount)
	}
	switch mode := spec.Text("spec.job.upgradeMode"); mode {
	case api.UpgradeSavepoint:
	case api.UpgradeStateless, "":
		note("spec.job.upgradeMode", "is stateless: the application is stopped with a savepoint all the same, and has upgradeMode savepoint from then on; each time that the FlinkDeployment is suspended it loses its state")
	default:
		note("spec.job.upgradeMode", "is %s: the application is stopped with a savepoint all the same, and has upgradeMode savepoint from then on", mode)
	}
	return points
}

// artifacts are the fields at and below field whose text names an artifact of CMF.
func artifacts(field string, value any) []string {
	var out []string
	switch value := value.(type) {
	case string:
		if strings.Contains(value, artifactScheme) {
			return []string{field}
		}
	case []any:
		for i, item := range value {
			out = append(out, artifacts(fmt.Sprintf("%s[%d]", field, i), item)...)
		}
	case map[string]any:
		for _, key := range slices.Sorted(maps.Keys(value)) {
			out = append(out, artifacts(field+"."+key, value[key])...)
		}
	}
	return out
}
