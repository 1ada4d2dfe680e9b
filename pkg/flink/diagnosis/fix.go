package diagnosis

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Fix is a cure as data, so that a program can carry it out. The command that is
// printed is made of it: what is read and what is done can't differ.
type Fix struct {
	// Kind, Namespace and Name are of the object that is patched.
	Kind      string `json:"kind,omitempty"`
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name,omitempty"`
	// Patch is merged into the object; nil deletes a field. Expect must still be
	// so before.
	Patch  map[string]any `json:"patch,omitempty"`
	Expect map[string]any `json:"expect,omitempty"`
	// Create are objects to make, in this order.
	Create []map[string]any `json:"create,omitempty"`
	// Asks is what a person has to know and agree to: that a job is restarted and
	// what becomes of its state, for instance. "" where nothing has to be agreed to.
	Asks string `json:"asks,omitempty"`

	// spec is the part of Patch that changes the spec of a job.
	spec map[string]any
}

// How a rule's cure is carried out.
const (
	// FixSafe stops nothing and can't lose state.
	FixSafe = "safe"
	// FixAsked is done only if a person agrees to what it brings with it.
	FixAsked = "asked"
)

// fixes are the rules whose cure can be carried out. Left out on purpose, though
// a command is printed: what deletes, what gives state up, what changes the
// version, the jar or where state is looked for, what a rule only guesses, and
// what restarts a job for no effect.
var fixes = map[string]string{
	"FLINK-OP-STOPPED": FixAsked, "FLINK-OP-IGNORED": FixAsked,
	"FLINK-RBAC-ACCOUNT": FixAsked, "FLINK-POD-NO-ACCOUNT": FixAsked, "FLINK-POD-FORBIDDEN": FixAsked, "FLINK-JM-HA-RIGHTS": FixAsked,
	"FLINK-SPEC-STATELESS-RESUME": FixSafe, "FLINK-SNAP-FORMAT": FixSafe,
	"FLINK-SPEC-PARALLELISM": FixAsked, "FLINK-SPEC-ACCOUNT": FixAsked, "FLINK-SPEC-ROLLBACK": FixAsked, "FLINK-CONF-FORBIDDEN": FixAsked, "FLINK-JM-NO-HA": FixAsked,
	"FLINK-MEM-CONTAINER": FixAsked, "FLINK-MEM-METASPACE": FixAsked, "FLINK-MEM-DIRECT": FixAsked, "FLINK-MEM-NETWORK": FixAsked,
	"FLINK-S3-AWAY": FixAsked, "FLINK-STATE-LOCAL": FixAsked,
}

// quietKeys begin the configuration keys whose change the operator carries out
// without touching the job.
var quietKeys = []string{"kubernetes.operator.", "job.autoscaler.", "parallelism.default"}

// command is what does the same by hand.
func (f *Fix) command() string {
	if f.Patch != nil {
		return f.patchCommand()
	}
	var out []string
	for _, object := range f.Create {
		namespace, name := word(text(object, "metadata", "namespace")), word(text(object, "metadata", "name"))
		switch kind := text(object, "kind"); kind {
		case "Role":
			var resources []string
			var verbs []string
			rules, _ := object["rules"].([]any)
			for _, one := range rules {
				rule, _ := one.(map[string]any)
				verbs = words(rule["verbs"])
				for _, resource := range words(rule["resources"]) {
					if group := words(rule["apiGroups"])[0]; group != "" {
						base, sub, has := strings.Cut(resource, "/")
						resource = base + "." + group
						if has {
							resource += "/" + sub
						}
					}
					resources = append(resources, resource)
				}
			}
			out = append(out, fmt.Sprintf("kubectl create role %s -n %s --verb %s --resource %s", name, namespace, word(strings.Join(verbs, ",")), word(strings.Join(resources, ","))))
		case "RoleBinding":
			subjects, _ := object["subjects"].([]any)
			subject, _ := subjects[0].(map[string]any)
			out = append(out, fmt.Sprintf("kubectl create rolebinding %s -n %s --role %s --serviceaccount %s", name, namespace, word(text(object, "roleRef", "name")), word(text(subject, "namespace")+":"+text(subject, "name"))))
		default:
			out = append(out, fmt.Sprintf("kubectl create %s %s -n %s", strings.ToLower(kind), name, namespace))
		}
	}
	return strings.Join(out, " && ")
}

func words(list any) []string {
	items, _ := list.([]any)
	out := make([]string, len(items))
	for i, item := range items {
		out[i], _ = item.(string)
	}
	return out
}

func (f *Fix) patchCommand() string {
	in := ""
	if f.Namespace != "" {
		in = " -n " + word(f.Namespace)
	}
	if labels := section(f.Patch, "metadata", "labels"); len(labels) > 0 {
		out := "kubectl label " + word(strings.ToLower(f.Kind)) + " " + word(f.Name)
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			out += " " + word(fmt.Sprintf("%s=%v", key, labels[key]))
		}
		return out + in
	}
	if replicas, ok := section(f.Patch, "spec")["replicas"]; ok && f.Kind == "Deployment" {
		return fmt.Sprintf("kubectl scale deployment %s%s --replicas %v", word(f.Name), in, replicas)
	}
	body, _ := json.Marshal(f.Patch)
	return fmt.Sprintf("kubectl patch %s %s --type merge -p %s%s", word(strings.ToLower(f.Kind)), word(f.Name), word(string(body)), in)
}

// cure is a cure that can be carried out.
func (f *Fix) cure(what string) Cure {
	return Cure{Text: what, Command: f.command(), Safe: f.Asks == "", Fix: f}
}

// mend is the cure of merging a value into the spec. Whether it can be carried
// out is decided once the whole job is known.
func (m *manifest) mend(what string, spec map[string]any) Cure {
	cure := Cure{Text: what, Command: m.patch(spec), Safe: m.keepsState()}
	if !m.inFile {
		cure.Fix = &Fix{Kind: m.kind, Namespace: m.ns, Name: m.name, Patch: m.specPatch(spec), spec: spec}
	}
	return cure
}

// clusterKeys begin configuration keys that a job in a session cluster can't set
// for itself.
var clusterKeys = []string{"taskmanager.", "jobmanager.", "s3.", "state.backend.rocksdb.localdir"}

// mendConf is the cure of setting keys of the configuration; nil takes one away.
func (m *manifest) mendConf(what string, values map[string]any) Cure {
	if m.kind == kindSessionJob {
		for key := range values {
			if slices.ContainsFunc(clusterKeys, func(of string) bool { return strings.HasPrefix(key, of) }) {
				return Cure{Text: what + ", in spec.flinkConfiguration of its session cluster, which restarts every job there"}
			}
		}
	}
	return m.mend(what, m.confPatch(values))
}

// serviceAccountFix makes a service account.
func serviceAccountFix(namespace, name string) *Fix {
	return &Fix{Create: []map[string]any{{
		"apiVersion": "v1", "kind": "ServiceAccount", "metadata": map[string]any{"name": name, "namespace": namespace},
	}}}
}

// roleFix gives an account what Flink needs, by a role of its own: a role flink
// may be there already, with less.
func roleFix(namespace, account string) *Fix {
	name := account + "-for-flink"
	metadata := func() map[string]any { return map[string]any{"name": name, "namespace": namespace} }
	const group = "rbac.authorization.k8s.io"
	rule := func(group string, resources ...any) any {
		return map[string]any{"apiGroups": []any{group}, "resources": resources, "verbs": []any{"*"}}
	}
	return &Fix{
		Asks: fmt.Sprintf("Service account %s gets all rights to pods, configmaps, services and deployments of namespace %s", account, namespace),
		Create: []map[string]any{
			{
				"apiVersion": group + "/v1", "kind": "Role", "metadata": metadata(),
				"rules": []any{rule("", "pods", "configmaps", "services"), rule("apps", "deployments", "deployments/finalizers")},
			},
			{
				"apiVersion": group + "/v1", "kind": "RoleBinding", "metadata": metadata(),
				"roleRef":  map[string]any{"apiGroup": group, "kind": "Role", "name": name},
				"subjects": []any{map[string]any{"kind": "ServiceAccount", "name": account, "namespace": namespace}},
			},
		},
	}
}

// startFix starts an operator that was scaled to 0.
func startFix(o OperatorFacts) *Fix {
	return &Fix{
		Kind: "Deployment", Namespace: o.Namespace, Name: o.Name,
		Patch:  map[string]any{"spec": map[string]any{"replicas": int64(1)}},
		Expect: map[string]any{"spec": map[string]any{"replicas": int64(0)}},
		Asks:   "The operator starts, and then carries out every change that waits for it, in all its namespaces",
	}
}

// labelFix gives an object the label that an operator looks for; nil where the
// selector is more than one value of one label.
func (m *manifest) labelFix(key, value string) *Fix {
	if len(validation.IsQualifiedName(key)) > 0 || len(validation.IsValidLabelValue(value)) > 0 {
		return nil
	}
	return &Fix{
		Kind: m.kind, Namespace: m.ns, Name: m.name, Asks: "The operator begins to look after it, and starts the job if that is what its spec says",
		Patch: map[string]any{"metadata": map[string]any{"labels": map[string]any{key: value}}},
	}
}

// judgeFixes decides which cures can be carried out, and what a person has to know
// before.
func (j *job) judgeFixes(found []Finding) {
	for i := range found {
		for n := range found[i].Cures {
			cure := &found[i].Cures[n]
			if cure.Fix == nil {
				continue
			}
			ok := fixes[found[i].Rule] != "" && !j.deleting() && !j.ownedByBlueGreen()
			if ok && cure.Fix.spec != nil {
				cure.Fix.Asks, ok = j.brings(cure.Fix.spec)
			}
			if !ok {
				cure.Fix = nil
			}
		}
		j.judgeFixes(found[i].Consequences)
	}
}

func (j *job) ownedByBlueGreen() bool {
	return slices.ContainsFunc(j.object.GetOwnerReferences(), ownedBy(kindBlueGreen))
}

// brings is what a change of the spec brings with it, "" for nothing; ok is
// false where state could be lost, or that isn't known.
func (j *job) brings(spec map[string]any) (asks string, ok bool) {
	quiet := isQuiet(spec)
	also := ""
	if j.lags() {
		also = "; what else was changed in the spec since the operator accepted it last is carried out, too"
	}
	switch {
	case quiet && !j.lags():
		return "", true
	case !j.runsJob():
		return "", false // jobs of a session cluster go with it
	case j.notBegun():
		return "The job, which has not run yet, is started with the changed spec" + also, true
	case j.mode() == api.UpgradeStateless:
		return "", false
	case j.wants() == api.WantSuspended && j.over():
		return "The job stays suspended, and resumes with the changed spec and its state" + also, true
	case j.state == api.JobFinished || j.over():
		return "", false // the operator may begin it again
	case !j.running():
		return fmt.Sprintf("The operator starts the job again with the changed spec (upgradeMode %s: from its last savepoint or checkpoint; where it finds none, it waits and starts nothing)%s", j.mode(), also), j.mode() == api.UpgradeSavepoint || j.conf.ha() != ""
	case j.mode() == api.UpgradeSavepoint:
		canonical := j.version() >= 200 && !strings.EqualFold(j.conf["kubernetes.operator.savepoint.format.type"], "NATIVE")
		return "The job is restarted; its state is kept: the operator takes a savepoint first, and starts it again from that (upgradeMode savepoint)" + also, j.conf.savepointDir() != "" && !canonical
	default:
		c := j.Flink.Checkpoints
		return "The job is restarted; its state is kept: the operator starts it again from its newest checkpoint (upgradeMode last-state)" + also, j.conf.ha() != "" && c != nil && c.Completed+c.Restored > 0
	}
}

// isQuiet reports whether the operator carries out a change of the spec without
// touching the job.
func isQuiet(spec map[string]any) bool {
	for field, value := range spec {
		below, _ := value.(map[string]any)
		switch field {
		case "job":
			for name := range below {
				if name != "upgradeMode" {
					return false
				}
			}
		case "flinkConfiguration":
			for key := range flattenAll(below) {
				if !slices.ContainsFunc(quietKeys, func(quiet string) bool { return strings.HasPrefix(key, quiet) }) {
					return false
				}
			}
		default:
			return false
		}
	}
	return true
}

// flattenAll are the keys of a configuration that may be nested, those that are
// taken away among them.
func flattenAll(nested map[string]any) map[string]any {
	out := map[string]any{}
	for key, value := range nested {
		if below, ok := value.(map[string]any); ok {
			for tail, v := range flattenAll(below) {
				out[key+"."+tail] = v
			}
			continue
		}
		out[key] = value
	}
	return out
}

// notBegun reports whether the job has no state that could be lost: the operator
// has not started it once, and it is not to start from any.
func (j *job) notBegun() bool {
	status := section(j.object.Object, "status")
	return cmp.Or(text(status, "jobStatus", "jobId"), text(status, "jobStatus", "startTime"), text(status, "jobStatus", "upgradeSavepointPath"),
		text(status, "reconciliationStatus", "lastStableSpec"), j.state) == "" && j.Flink.State == "" &&
		!slices.Contains([]string{api.JobManagerReady, api.JobManagerNotReady, api.JobManagerDeploying}, j.jobManager)
}

// withoutFixes leaves cures to be carried out by hand.
func withoutFixes(found []Finding) {
	for i := range found {
		for n := range found[i].Cures {
			found[i].Cures[n].Fix = nil
		}
		withoutFixes(found[i].Consequences)
	}
}

func ownedBy(kind string) func(metav1.OwnerReference) bool {
	return func(o metav1.OwnerReference) bool { return o.Kind == kind }
}
