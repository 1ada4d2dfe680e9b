package diagnosis

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

const (
	group         = "flink.apache.org"
	mainContainer = "flink-main-container"
	jobManager    = "jobmanager"
	taskManager   = "taskmanager"

	kindDeployment = "FlinkDeployment"
	kindSessionJob = "FlinkSessionJob"
	kindBlueGreen  = "FlinkBlueGreenDeployment"
	kindSnapshot   = "FlinkStateSnapshot"
)

// manifest is an object of the operator by its spec alone.
type manifest struct {
	object *unstructured.Unstructured
	kind   string
	name   string
	ns     string
	// whole is the object's spec; spec that of the FlinkDeployment in it, which
	// a blue/green deployment has in a template.
	whole, spec map[string]any
	// own is the spec's configuration, conf what counts: with the session
	// cluster's below it, and the sizes that the operator makes of resources.
	own, conf config
	// cluster is the FlinkDeployment whose pods run the job: the object itself,
	// or that of a session job's cluster; nil where it isn't known.
	cluster map[string]any
	// others are the objects that came with it.
	others []*unstructured.Unstructured
	// inFile says that the object isn't in a cluster yet: it is fixed where it
	// is written.
	inFile bool

	// mountsOf and plans are by role, read once; number is the version.
	mountsOf map[string][]mount
	plans    map[string]memoryResult
	number   int
}

// inFile begins the command of a cure that is a change of the manifest.
const inFile = "in the manifest: "

// mendFile makes commands that would patch an object in a cluster the change of
// its manifest.
func mendFile(found []Finding) {
	for i := range found {
		for n := range found[i].Cures {
			cure := &found[i].Cures[n]
			if change, ok := strings.CutPrefix(cure.Command, inFile); ok {
				cure.Text, cure.Command, cure.Safe = cure.Text+"; "+inFile+change, "", false
			}
			cure.Fix = nil
		}
		mendFile(found[i].Consequences)
	}
}

// newManifest reads an object; nil where it is none of the operator's.
func newManifest(object *unstructured.Unstructured, others []*unstructured.Unstructured) *manifest {
	if object == nil || !strings.HasPrefix(object.GetAPIVersion(), group+"/") {
		return nil
	}
	m := &manifest{object: object, kind: object.GetKind(), name: object.GetName(), ns: object.GetNamespace(), others: others}
	m.whole = section(object.Object, "spec")
	m.spec = m.whole
	switch m.kind {
	case kindBlueGreen:
		m.spec = section(m.whole, "template", "spec")
		m.cluster = m.spec
	case kindDeployment:
		m.cluster = m.spec
	case kindSessionJob:
		for _, o := range others {
			if o != nil && o.GetKind() == kindDeployment && o.GetName() == text(m.spec, "deploymentName") && (o.GetNamespace() == m.ns || m.ns == "" || o.GetNamespace() == "") {
				m.cluster = section(o.Object, "spec")
			}
		}
	case kindSnapshot:
	default:
		return nil
	}
	m.own = flatten(section(m.spec, "flinkConfiguration"))
	m.conf = config{}
	for _, layer := range []config{flatten(section(m.cluster, "flinkConfiguration")), m.own} {
		maps.Copy(m.conf, layer)
	}
	for role, field := range map[string]string{jobManager: "jobManager", taskManager: "taskManager"} {
		if bytes, ok := kubernetesMemory(text(m.cluster, field, "resource", "memory")); ok && bytes > 0 {
			m.conf[role+".memory.process.size"] = fmt.Sprintf("%db", bytes)
		}
	}
	return m
}

// effective lays what a cluster really has over the spec's configuration.
func (m *manifest) effective(real map[string]string) {
	for key, value := range real {
		if value != "" && !strings.Contains(value, "****") {
			m.conf[key] = value
		}
	}
}

func (m *manifest) mounts(role string) []mount {
	if found, ok := m.mountsOf[role]; ok {
		return found
	}
	if m.mountsOf == nil {
		m.mountsOf = map[string][]mount{}
	}
	m.mountsOf[role] = mountsIn(m.podSpec(role))
	return m.mountsOf[role]
}

// podSpec is the spec of a role's pods by the templates, merged as the operator
// does.
func (m *manifest) podSpec(role string) map[string]any {
	field := "taskManager"
	if role == jobManager {
		field = "jobManager"
	}
	byName := strings.EqualFold(m.conf["kubernetes.operator.pod-template.merge-arrays-by-name"], "true")
	merged, _ := api.MergeTemplates(any(section(m.cluster, "podTemplate")), any(section(m.cluster, field, "podTemplate")), byName).(map[string]any)
	return section(merged, "spec")
}

// runsJob reports whether the object is to run a job of its own.
func (m *manifest) runsJob() bool { return m.kind != kindSnapshot && section(m.spec, "job") != nil }

func (m *manifest) mode() string {
	return cmp.Or(text(m.spec, "job", "upgradeMode"), api.UpgradeStateless)
}
func (m *manifest) wants() string { return cmp.Or(text(m.spec, "job", "state"), api.WantRunning) }

func (m *manifest) standalone() bool { return text(m.cluster, "mode") == "standalone" }

// version is the Flink version as a number, 120 for 1.20 and 200 for 2.0; 0
// where it isn't known.
func (m *manifest) version() int {
	if m.number == 0 {
		if m.number = versionNumber(text(m.cluster, "flinkVersion")); m.number == 0 {
			m.number = -1
		}
	}
	return max(m.number, 0)
}

// memoryResult is what planMemory says.
type memoryResult struct {
	plan memoryPlan
	ok   bool
	err  error
}

// plan divides the memory of a role.
func (m *manifest) plan(role string) (memoryPlan, bool, error) {
	r, known := m.plans[role]
	if !known {
		r.plan, r.ok, r.err = planMemory(m.conf, role)
		if m.plans == nil {
			m.plans = map[string]memoryResult{}
		}
		m.plans[role] = r
	}
	return r.plan, r.ok, r.err
}

var versionForm = pattern(`^v?(\d+)[._](\d+)`)

func versionNumber(text string) int {
	parts := versionForm.FindStringSubmatch(text)
	if parts == nil {
		return 0
	}
	var major, minor int
	_, _ = fmt.Sscan(parts[1]+" "+parts[2], &major, &minor)
	return major*100 + minor
}

func versionText(n int) string { return fmt.Sprintf("%d.%d", n/100, n%100) }

// streaming reports whether the job is not known to be a bounded one.
func (m *manifest) streaming() bool {
	return !strings.EqualFold(m.conf["execution.runtime-mode"], "BATCH")
}

// ref is the object as people name it.
// It isn't inlined: it has many callers, and each would have a copy of it.
//
//go:noinline
func (m *manifest) ref() string { return strings.ToLower(m.kind) + "/" + m.name }

// kubectl is a command about the object's namespace.
func (m *manifest) kubectl(format string, args ...any) string {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = word(s)
		}
	}
	command := "kubectl " + fmt.Sprintf(format, args...)
	if m.ns == "" {
		return command
	}
	// What is behind "--" is another program's.
	command, rest, more := strings.Cut(command, " -- ")
	command += " -n " + word(m.ns)
	if more {
		command += " -- " + rest
	}
	return command
}

var plainWord = pattern(`^[A-Za-z0-9._/:=,@%+-]+$`)

// word makes a text one word of a shell.
func word(text string) string {
	if plainWord.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// patch is the command that merges a value into the object's spec; for a
// blue/green deployment into the spec of its template.
func (m *manifest) patch(spec map[string]any) string {
	data, _ := json.Marshal(m.specPatch(spec))
	if m.inFile {
		return inFile + string(data)
	}
	return m.kubectl("patch %s %s --type merge -p %s", strings.ToLower(m.kind), m.name, string(data))
}

func (m *manifest) specPatch(spec map[string]any) map[string]any {
	if m.kind == kindBlueGreen {
		return map[string]any{"spec": map[string]any{"template": map[string]any{"spec": spec}}}
	}
	return map[string]any{"spec": spec}
}

// patchConf sets keys of the spec's configuration, in the form in which it is
// written; nil takes a key away.
func (m *manifest) patchConf(values map[string]any) string { return m.patch(m.confPatch(values)) }

func (m *manifest) confPatch(values map[string]any) map[string]any {
	written := section(m.spec, "flinkConfiguration")
	out := map[string]any{}
	for key, value := range values {
		at, have, rest := out, written, key
		for {
			head, tail := nestedHead(have, rest)
			if head == "" {
				break
			}
			next, _ := at[head].(map[string]any)
			if next == nil {
				next = map[string]any{}
				at[head] = next
			}
			have, _ = have[head].(map[string]any)
			at, rest = next, tail
		}
		at[rest] = value
	}
	return map[string]any{"flinkConfiguration": out}
}

// nestedHead finds the part of a key under which the configuration is nested.
func nestedHead(have map[string]any, key string) (head, tail string) {
	for i := 0; i < len(key); i++ {
		if key[i] == '.' {
			if _, ok := have[key[:i]].(map[string]any); ok {
				return key[:i], key[i+1:]
			}
		}
	}
	return "", ""
}

// keepsState reports whether a change of the spec carries the job's state over.
func (m *manifest) keepsState() bool { return m.runsJob() && m.mode() != api.UpgradeStateless }

// setConf is the cure of setting keys.
func (m *manifest) setConf(what string, values map[string]any) Cure {
	return Cure{Text: what, Command: m.patchConf(values), Safe: m.keepsState()}
}

// field is evidence of the spec.
// It isn't inlined: it has many callers, and each would have a copy of it.
//
//go:noinline
func field(path, value string) Evidence { return Evidence{Source: "spec." + path, Text: value} }

// key is evidence of the configuration.
func (m *manifest) key(name string) Evidence {
	return Evidence{Source: "configuration", Text: name + ": " + m.conf[name]}
}
