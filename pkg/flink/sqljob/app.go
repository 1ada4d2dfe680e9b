package sqljob

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Driver is the class of Flink, since 2.0, that runs a script.
const Driver = "org.apache.flink.table.runtime.application.SqlDriver"

const (
	// Dir is where pods see the script; nothing of Flink's image is there.
	Dir  = "/etc/flink-sql"
	file = "script.sql"
	// volume is the ConfigMap's name in pod templates.
	volume = api.ScriptVolume
	// nativeJar is in every image of Flink, whatever its version, and its
	// classes are never asked for. The operator starts an application in native
	// mode only with a jar, and SqlDriver needs none.
	nativeJar = "local:///opt/flink/bin/bash-java-utils.jar"
	// artifactsKey names jars that Flink fetches before it starts a job.
	artifactsKey = "user.artifacts.artifact-list"
)

// The memory that Flink's own default configuration has.
const (
	jobManagerMemory  = "1600m"
	taskManagerMemory = "1728m"
)

// App is an application of a script.
type App struct {
	// Name is the FlinkDeployment's; "" is that of Base.
	Name, Namespace string
	// Base is a FlinkDeployment that has all but the job; its Object is nil for
	// none.
	Base  api.Job
	Image string
	// FlinkVersion is as users write it: 2.3 or v2_3; "" is that of the image's tag.
	FlinkVersion string
	// Mode is native or standalone; "" is Base's, else native.
	Mode           string
	ServiceAccount string
	// UpgradeMode "" is the one that keeps the state that there are
	// directories for.
	UpgradeMode string
	Parallelism int64
	// Jars are URIs of further jars: of the image (local:///…) or to be fetched.
	Jars   []string
	Config map[string]string
	Labels map[string]string
	Script Script
}

// ConfigMapName is the ConfigMap of one version of a job's script.
func ConfigMapName(job string, script Script) string { return job + "-sql-" + script.Hash() }

var versionForm = regexp.MustCompile(`^v?(\d+)[._](\d+)(?:[._].*)?$`)

// version takes a version apart.
func version(text string) (major, minor int, ok bool) {
	parts := versionForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, 0, false
	}
	major, err1 := strconv.Atoi(parts[1])
	minor, err2 := strconv.Atoi(parts[2])
	return major, minor, err1 == nil && err2 == nil
}

var tagForm = regexp.MustCompile(`^v?(\d+)\.(\d+)(?:[.-].*)?$`)

// ofFlink is an image that Flink's or Confluent's projects publish, from whatever
// registry: their tags are Flink's versions.
var ofFlink = regexp.MustCompile(`(?:^|/)(?:flink|cp-flink(?:-sql)?)(?:[:@]|$)`)

// VersionOfImage is the Flink version that an image's tag names, as in 2.3; ""
// where it names none.
func VersionOfImage(image string) string {
	image, _, _ = strings.Cut(image, "@")
	base := image[strings.LastIndexByte(image, '/')+1:]
	name, tag, _ := strings.Cut(base, ":")
	parts := tagForm.FindStringSubmatch(tag)
	if parts == nil || !strings.Contains(name, "flink") {
		return ""
	}
	return parts[1] + "." + parts[2]
}

// Job is the FlinkDeployment. Its errors are usage errors.
func (a App) Job() (api.Job, error) {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}}
	if a.Base.Object != nil {
		if a.Base.Kind.Name != api.Deployment.Name {
			return api.Job{}, exit.Usagef("--filename: with --sql it is a FlinkDeployment that the script runs in, not %s", a.Base.Ref())
		}
		object = a.Base.Object.DeepCopy()
	}
	object.SetAPIVersion(api.Group + "/" + api.Version)
	object.SetKind(api.Deployment.Name)
	object.SetName(cmp.Or(a.Name, object.GetName()))
	if object.GetName() == "" {
		return api.Job{}, exit.Usagef("NAME is missing: what is the application to be called?")
	}
	object.SetNamespace(a.Namespace)
	if len(a.Labels) > 0 {
		labels := maps.Clone(object.GetLabels())
		if labels == nil {
			labels = map[string]string{}
		}
		maps.Copy(labels, a.Labels)
		object.SetLabels(labels)
	}
	job := api.Job{Kind: api.Deployment, Object: object}
	spec := job.Spec()
	set := func(value string, key, otherwise string) {
		if value = cmp.Or(value, api.Text(spec, key), otherwise); value != "" {
			spec[key] = value
		}
	}
	set(a.Image, "image", "")
	set(a.ServiceAccount, "serviceAccount", "flink")
	set(a.Mode, "mode", "")
	major, minor, ok := version(cmp.Or(a.FlinkVersion, api.Text(spec, "flinkVersion"), VersionOfImage(api.Text(spec, "image"))))
	switch {
	case !ok && a.FlinkVersion != "":
		return api.Job{}, exit.Usagef("--flink-version: %q is no version such as 2.3", a.FlinkVersion)
	case !ok && api.Text(spec, "image") == "":
		return api.Job{}, exit.Usagef("--image is missing: an image of Flink with the script's connectors in it, such as flink:2.3")
	case !ok:
		return api.Job{}, exit.Usagef("--flink-version is missing: the tag of image %s doesn't name it", api.Text(spec, "image"))
	case major < 2 && a.FlinkVersion == "" && api.Text(spec, "flinkVersion") == "" && !ofFlink.MatchString(api.Text(spec, "image")):
		return api.Job{}, exit.Usagef("--flink-version is missing: %d.%d in the tag of image %s may be a version of its own", major, minor, api.Text(spec, "image"))
	case major < 2:
		return api.Job{}, tooOld(major, minor)
	}
	spec["flinkVersion"] = fmt.Sprintf("v%d_%d", major, minor)
	if api.Text(spec, "image") == "" {
		spec["image"] = fmt.Sprintf("flink:%d.%d", major, minor)
	}
	for role, memory := range map[string]string{"jobManager": jobManagerMemory, "taskManager": taskManagerMemory} {
		section := api.Section(spec, role)
		if section == nil {
			section = map[string]any{}
			spec[role] = section
		}
		if section["resource"] == nil && section["resources"] == nil {
			section["resource"] = map[string]any{"memory": memory, "cpu": int64(1)}
		}
	}
	a.configure(spec)
	a.run(spec)
	Mount(spec, ConfigMapName(object.GetName(), a.Script))
	return job, nil
}

func tooOld(major, minor int) error {
	return exit.Usagef("Flink %d.%d can't run a script as an application: it has no SqlDriver, which came with 2.0\nRun it in a session cluster: kubectl flink submit --deployment SESSION --sql FILE", major, minor)
}

// configure writes the settings.
func (a App) configure(spec map[string]any) {
	config, _ := spec["flinkConfiguration"].(map[string]any)
	if config == nil {
		config = map[string]any{}
	}
	for key, value := range a.Config {
		config[key] = value
	}
	if len(config) > 0 {
		spec["flinkConfiguration"] = config
	}
}

// run writes the job.
func (a App) run(spec map[string]any) {
	job := api.Section(spec, "job")
	if job == nil {
		job = map[string]any{}
		spec["job"] = job
	}
	Run(spec)
	jars := slices.Clone(a.Jars)
	if at := slices.IndexFunc(jars, func(jar string) bool { return strings.HasPrefix(jar, "local:") }); at >= 0 {
		job["jarURI"] = jars[at]
		jars = slices.Delete(jars, at, at+1)
	}
	if len(jars) > 0 {
		config, _ := spec["flinkConfiguration"].(map[string]any)
		if config == nil {
			config = map[string]any{}
			spec["flinkConfiguration"] = config
		}
		config[artifactsKey] = strings.Join(jars, ";")
	}
	if a.Parallelism > 0 {
		job["parallelism"] = a.Parallelism
	} else if _, ok := job["parallelism"]; !ok {
		job["parallelism"] = int64(1)
	}
	if a.UpgradeMode != "" {
		job["upgradeMode"] = a.UpgradeMode
	} else if _, ok := job["upgradeMode"]; !ok {
		job["upgradeMode"] = keepingMode(api.Flatten(api.Section(spec, "flinkConfiguration")))
	}
	if _, ok := job["state"]; !ok {
		job["state"] = api.WantRunning
	}
}

// Run has a FlinkDeployment's job run the script that Mount mounts.
func Run(spec map[string]any) {
	job := api.Section(spec, "job")
	job["entryClass"] = Driver
	job["args"] = []any{"--scriptUri", "file://" + Dir + "/" + file}
	if api.Text(job, "jarURI") == "" && api.Text(spec, "mode") != "standalone" {
		job["jarURI"] = nativeJar
	}
}

// keepingMode is the upgrade mode that keeps a job's state where there are
// directories for it.
func keepingMode(config api.Config) string {
	savepoints, _ := config.Get(api.SavepointDirKeys...)
	checkpoints, _ := config.Get(api.CheckpointDirKeys...)
	switch {
	case checkpoints == "":
		return api.UpgradeStateless
	case savepoints == "":
		return api.UpgradeLastState
	}
	return api.UpgradeSavepoint
}

// Lacks says what an application doesn't have that keeps its state.
func (a App) Lacks(job api.Job) []string {
	config := api.Flatten(api.Section(job.Spec(), "flinkConfiguration"))
	own := api.Config(a.Script.Settings())
	var out []string
	lack := func(what string, keys ...string) {
		there, _ := config.Get(keys...)
		set, _ := own.Get(keys...)
		if there == "" && set == "" {
			out = append(out, "not set: "+keys[0]+": "+what)
		}
	}
	if strings.EqualFold(own["execution.runtime-mode"], "batch") || strings.EqualFold(config["execution.runtime-mode"], "batch") {
		return nil
	}
	lack("no checkpoints are taken, so what a failure interrupts begins again from the start", "execution.checkpointing.interval")
	lack("checkpoints, if any, end with the JobManager", api.CheckpointDirKeys...)
	lack("no savepoint can be taken", api.SavepointDirKeys...)
	lack("a JobManager that is replaced runs the script again from the beginning", "high-availability.type", "high-availability")
	if len(out) > 0 {
		out[len(out)-1] += "\nSet them with --set KEY=VALUE, or in a FlinkDeployment given with -f; defaults of the operator's own configuration aren't seen here"
	}
	return out
}

// Mount has the JobManager's Flink container see a ConfigMap's script, in place
// of the one that it saw before.
func Mount(spec map[string]any, configMap string) {
	volumeSpec := map[string]any{"name": volume, "configMap": map[string]any{"name": configMap}}
	if have := api.FindVolume(spec, volume); have != nil {
		delete(have, "configMap")
		maps.Copy(have, volumeSpec)
		return
	}
	// The operator lays the JobManager's template over the common one, lists by
	// position: the end of the longer list is ours alone.
	common, own := templateSpec(spec, "podTemplate", false), templateSpec(spec, "jobManager", false)
	in := common
	switch {
	case own != nil && (common == nil || length(own, "volumes") >= length(common, "volumes") && length(own, "volumes") > 0):
		in = own
	case common == nil:
		in = templateSpec(spec, "podTemplate", true)
	}
	volumes, _ := in["volumes"].([]any)
	in["volumes"] = append(slices.Clone(volumes), volumeSpec)
	mount := map[string]any{"name": volume, "mountPath": Dir, "readOnly": true}
	in = common
	if own != nil && (common == nil || length(mainContainer(own), "volumeMounts") >= length(mainContainer(common), "volumeMounts") && mainContainer(own) != nil) {
		in = own
	}
	if in == nil {
		in = templateSpec(spec, "podTemplate", true)
	}
	main := mainContainer(in)
	if main == nil {
		main = map[string]any{"name": api.MainContainer}
		containers, _ := in["containers"].([]any)
		in["containers"] = append(slices.Clone(containers), any(main))
	}
	mounts, _ := main["volumeMounts"].([]any)
	main["volumeMounts"] = append(slices.Clone(mounts), mount)
}

// templateSpec is the spec of a pod template: the common one, or a role's.
func templateSpec(spec map[string]any, of string, create bool) map[string]any {
	path := []string{"podTemplate", "spec"}
	if of != "podTemplate" {
		path = append([]string{of}, path...)
	}
	at := spec
	for _, key := range path {
		next, _ := at[key].(map[string]any)
		if next == nil {
			if !create {
				return nil
			}
			next = map[string]any{}
			at[key] = next
		}
		at = next
	}
	return at
}

func length(section map[string]any, list string) int {
	items, _ := section[list].([]any)
	return len(items)
}

func mainContainer(podSpec map[string]any) map[string]any {
	containers, _ := podSpec["containers"].([]any)
	for _, item := range containers {
		if container, _ := item.(map[string]any); api.Text(container, "name") == api.MainContainer {
			return container
		}
	}
	return nil
}

// ConfigMapOf is the ConfigMap of the script that a FlinkDeployment's spec runs;
// "" where it runs none that kubectl flink has mounted.
func ConfigMapOf(spec map[string]any) string { return api.ScriptConfigMap(spec) }
