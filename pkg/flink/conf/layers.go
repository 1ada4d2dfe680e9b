package conf

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sort"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Field is a value that a field of a spec sets.
type Field struct {
	// Path is the field, as in spec.job.parallelism.
	Path  string
	Value string
	// Near says that the operator writes another value than the field's into
	// the configuration: a file's name for a pod template.
	Near bool
}

// Layers are the places that a job's configuration comes from, as far
// as they can be read. They hold secrets.
type Layers struct {
	// ShowSecrets leaves passwords and keys in the settings.
	ShowSecrets bool
	Job         api.Ref
	Cluster     api.Ref
	// Version is spec.flinkVersion of the cluster, as in v1_20.
	Version string
	// Spec is what flinkConfiguration says now and Fields what other fields of
	// the spec say, by the keys that the operator makes of them. Carried and
	// CarriedFields are the same of the spec that the operator has carried out.
	Spec, Carried         api.Config
	Fields, CarriedFields map[string]Field
	// SpecAt is where flinkConfiguration is, as in spec.flinkConfiguration.
	SpecAt string
	// Waiting says why the spec as it is now may not be carried out: where
	// values of it differ from those carried out.
	Waiting string
	// Own is the flinkConfiguration of a session job, which its cluster's
	// files and JobManager don't know.
	Own map[string]bool
	// Defaults are the operator's own, for this namespace and Flink version,
	// and DefaultsAt where each is written. DefaultsKnown is false where they
	// can't be read.
	Defaults      api.Config
	DefaultsAt    map[string]string
	DefaultsKnown bool
	// Deployed is the configuration file of the cluster's pods.
	Deployed      api.Config
	DeployedKnown bool
	// Running is what the JobManager says it runs with; JobRuns what it says
	// of the job, some of it set in the job's code.
	Running      api.Config
	RunningKnown bool
	JobRuns      api.Config
	// Problems say what couldn't be read, and why.
	Problems []string
}

// ReadLayers reads where the configuration of a job comes from. cluster is
// the FlinkDeployment that it runs in; its Object is nil where there is none.
func ReadLayers(ctx context.Context, c *operator.Client, job, cluster api.Job) Layers {
	l := layersOf(job, cluster)
	if cluster.Object != nil {
		name := "flink-config-" + cluster.Object.GetName()
		files, err := c.Core().CoreV1().ConfigMaps(l.Cluster.Namespace).Get(ctx, name, metav1.GetOptions{})
		switch {
		case err == nil:
			l.Deployed, l.DeployedKnown = readConfigFiles(files.Data, "config.yaml", "flink-conf.yaml")
		case apierrors.IsNotFound(err):
			l.problem("the pods' configuration: configmap/%s is not there, because nothing is deployed", name)
		default:
			l.problem("the pods' configuration: %v", err)
		}
	}
	defaults, at, err := operatorDefaults(ctx, c)
	if err != nil {
		l.problem("the operator's defaults: %v", err)
		return l
	}
	l.DefaultsKnown = true
	l.Defaults, l.DefaultsAt = specific(defaults, at, job.Object.GetNamespace(), l.Version)
	return l
}

func (l *Layers) problem(format string, args ...any) {
	l.Problems = append(l.Problems, fmt.Sprintf(format, args...))
}

// layersOf is what the objects alone say.
func layersOf(job, cluster api.Job) Layers {
	l := Layers{Job: job.Ref(), SpecAt: "spec.flinkConfiguration", Own: map[string]bool{}}
	if cluster.Object == nil {
		cluster = job
	} else {
		l.Cluster = cluster.Ref()
	}
	now, carried := cluster.Spec(), cluster.ReconciledSpec()
	if job.Kind.Name == api.BlueGreen.Name {
		// What is written goes into the parent; the child follows.
		now, l.SpecAt = job.Spec(), "spec.template.spec.flinkConfiguration"
	}
	if carried == nil {
		carried = now
	}
	l.Version = cmp.Or(api.Text(carried, "flinkVersion"), api.Text(now, "flinkVersion"))
	l.Spec, l.Carried = api.Flatten(api.Section(now, "flinkConfiguration")), api.Flatten(api.Section(carried, "flinkConfiguration"))
	l.Fields, l.CarriedFields = specFields(now, l.Version), specFields(carried, l.Version)
	if job.Kind.Name == api.SessionJob.Name {
		l.addSessionJob(job)
	}
	l.Waiting = "not carried out yet"
	if failure := job.Failure(); failure.Rejects() {
		l.Waiting = "rejected: " + failure.Root()
	}
	return l
}

// addSessionJob lays a session job's own configuration over its cluster's.
func (l *Layers) addSessionJob(job api.Job) {
	now, carried := job.Spec(), job.ReconciledSpec()
	if carried == nil {
		carried = now
	}
	overlay := func(config api.Config, fields map[string]Field, spec map[string]any) {
		for key, value := range api.Flatten(api.Section(spec, "flinkConfiguration")) {
			config[key] = value
			l.Own[key] = true
		}
		for key, field := range jobFields(api.Section(spec, "job")) {
			fields[key] = field
			l.Own[key] = true
		}
	}
	overlay(l.Spec, l.Fields, now)
	overlay(l.Carried, l.CarriedFields, carried)
}

// specFields are the keys that the operator makes of a spec's fields
// (FlinkConfigBuilder). Keys before Flink 1.17 are not made.
func specFields(spec map[string]any, version string) map[string]Field {
	out := jobFields(api.Section(spec, "job"))
	set := func(key string, path ...string) {
		if value, ok := scalar(spec, path...); ok {
			out[key] = Field{Path: "spec." + strings.Join(path, "."), Value: value}
		}
	}
	near := func(key string, path ...string) {
		if api.Section(spec, path...) != nil {
			out[key] = Field{Path: "spec." + strings.Join(path, "."), Near: true}
		}
	}
	if api.Section(spec, "job") == nil {
		delete(out, "parallelism.default")
	}
	set("kubernetes.container.image.ref", "image")
	set("kubernetes.container.image.pull-policy", "imagePullPolicy")
	set("kubernetes.service-account", "serviceAccount")
	for _, role := range []struct{ field, memory, cpu, template string }{
		{"jobManager", "jobmanager.memory.process.size", "kubernetes.jobmanager.cpu.amount", "kubernetes.pod-template-file.jobmanager"},
		{"taskManager", "taskmanager.memory.process.size", "kubernetes.taskmanager.cpu.amount", "kubernetes.pod-template-file.taskmanager"},
	} {
		// Operator 1.16 has resources, as pods do, beside the older resource.
		near(role.memory, role.field, "resources")
		near(role.cpu, role.field, "resources")
		set(role.memory, role.field, "resource", "memory")
		set(role.cpu, role.field, "resource", "cpu")
		near(role.template, "podTemplate")
		near(role.template, role.field, "podTemplate")
	}
	set("kubernetes.jobmanager.replicas", "jobManager", "replicas")
	set("kubernetes.taskmanager.replicas", "taskManager", "replicas")
	near("$internal.deployment.config-dir", "logConfiguration")
	if version != "" {
		out["$internal.flink.version"] = Field{Path: "spec.flinkVersion", Value: version}
	}
	return out
}

// jobFields are the keys that are made of spec.job.
func jobFields(job map[string]any) map[string]Field {
	out := map[string]Field{}
	set := func(key, field string) {
		if value, ok := scalar(job, field); ok {
			out[key] = Field{Path: "spec.job." + field, Value: value}
		}
	}
	set("parallelism.default", "parallelism")
	set("pipeline.jars", "jarURI")
	set("execution.state-recovery.ignore-unclaimed-state", "allowNonRestoredState")
	set("$internal.application.main", "entryClass")
	if args, _ := job["args"].([]any); len(args) > 0 {
		words := make([]string, len(args))
		for i, arg := range args {
			words[i] = fmt.Sprint(arg)
		}
		out["$internal.application.program-args"] = Field{Path: "spec.job.args", Value: strings.Join(words, ";")}
	}
	return out
}

// scalar is the text, number or switch at path.
func scalar(object map[string]any, path ...string) (string, bool) {
	parent := object
	if len(path) > 1 {
		parent = api.Section(object, path[:len(path)-1]...)
	}
	value, ok := parent[path[len(path)-1]]
	switch value.(type) {
	case nil, map[string]any, []any:
		return "", false
	}
	return api.Flatten(map[string]any{"v": value})["v"], ok
}

// readConfigFiles reads the first of names that is there.
func readConfigFiles(files map[string]string, names ...string) (api.Config, bool) {
	for _, name := range names {
		if content, ok := files[name]; ok {
			return api.ParseConfig(name, content), true
		}
	}
	return nil, false
}

// operatorDefaults is the operator's configuration, and where it is.
func operatorDefaults(ctx context.Context, c *operator.Client) (api.Config, string, error) {
	health := c.OperatorHealth(ctx)
	if health.Err != nil {
		return nil, "", health.Err
	}
	if !health.Known() {
		return nil, "", fmt.Errorf("%s", health)
	}
	if len(health.Deployments) > 1 {
		return nil, "", fmt.Errorf("%d operators are in this cluster, and which one cares for this job isn't said anywhere", len(health.Deployments))
	}
	at := health.Deployments[0]
	var lastErr error
	for _, name := range at.ConfigMaps {
		files, err := c.Core().CoreV1().ConfigMaps(at.Namespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			lastErr = err
			continue
		}
		// Flink's loader takes flink-conf.yaml where both are there.
		if config, ok := readConfigFiles(files.Data, "flink-conf.yaml", "config.yaml"); ok {
			return config, at.Namespace + "/" + name, nil
		}
	}
	if lastErr == nil {
		lastErr = fmt.Errorf("deployment %s/%s mounts no ConfigMap with a Flink configuration", at.Namespace, at.Name)
	}
	return nil, "", lastErr
}

// The operator's configuration may have defaults for a namespace or a Flink
// version; v1_19+ holds for that version and newer ones.
const (
	defaultPrefix   = "kubernetes.operator.default-configuration."
	namespacePrefix = defaultPrefix + "namespace."
	versionPrefix   = defaultPrefix + "flink-version."
)

// specific is the operator's configuration for jobs of a namespace and a Flink
// version, and where each value is written. Versions win over namespaces,
// newer versions over older ones, and v1_20 over v1_20+.
func specific(all api.Config, at, namespace, version string) (api.Config, map[string]string) {
	out, from := api.Config{}, map[string]string{}
	apply := func(prefix, label string) {
		for key, value := range all {
			if rest, ok := strings.CutPrefix(key, prefix); ok && rest != "" {
				out[rest], from[rest] = value, label
			}
		}
	}
	for key, value := range all {
		if !strings.HasPrefix(key, defaultPrefix) {
			out[key], from[key] = value, "configmap "+at
		}
	}
	apply(namespacePrefix+namespace+".", "configmap "+at+", for namespace "+namespace)
	var atLeast []string
	for key := range all {
		rest, ok := strings.CutPrefix(key, versionPrefix)
		name, _, _ := strings.Cut(rest, ".")
		older, plus := strings.CutSuffix(name, "+")
		if ok && plus && flinkNumber(older) <= flinkNumber(version) && !slices.Contains(atLeast, name) {
			atLeast = append(atLeast, name)
		}
	}
	sort.Slice(atLeast, func(i, j int) bool {
		return flinkNumber(strings.TrimSuffix(atLeast[i], "+")) < flinkNumber(strings.TrimSuffix(atLeast[j], "+"))
	})
	for _, name := range append(atLeast, version) {
		apply(versionPrefix+name+".", "configmap "+at+", for "+name)
	}
	return out, from
}
