package diagnosis

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/resource"
)

var (
	anyPlace = pattern(`\{\{[^{}]*\}\}`)
	logFiles = []string{"log4j-console.properties", "logback-console.xml"}
)

// validatorSays is what the operator's validator has against a place of the spec.
type validatorSays struct {
	path, value, means, cure string
	severity                 Severity
}

// refusedRules are what the operator's validator refuses beside what rules of
// their own tell.
var refusedRules = []Rule{
	{
		ID: "FLINK-SPEC-REFUSED", Severity: Error, Title: "the operator refuses the spec", Link: docReference,
		Explain: "The operator checks a spec before it carries it out, and writes what it has against it into status.error; the job goes on as before, or isn't started. With its webhook the API server refuses the object at once.",
		Source:  "apache/flink-kubernetes-operator, DefaultValidator",
		spec: func(m *manifest) []Finding {
			if !m.isCluster() {
				return nil
			}
			var out []Finding
			for _, says := range validator(m) {
				f := Finding{Severity: says.severity, Subject: "spec." + says.path, Means: says.means, Evidence: []Evidence{field(says.path, says.value)}, Cures: []Cure{{Text: says.cure}}}
				if says.severity != Error {
					f.Confidence = Likely
				}
				out = append(out, f)
			}
			return out
		},
	},
}

// validator checks what is easily judged without a cluster, in the order of the
// spec.
func validator(m *manifest) []validatorSays {
	var out []validatorSays
	for _, name := range sortedKeys(section(m.cluster, "logConfiguration")) {
		if name != logFiles[0] && name != logFiles[1] {
			out = append(out, validatorSays{"logConfiguration", name, fmt.Sprintf("spec.logConfiguration has %q, and the operator takes only %s and %s", name, logFiles[0], logFiles[1]), "name it " + logFiles[0] + ", or " + logFiles[1] + " for Logback", Error})
		}
	}
	for _, role := range []string{jobManager, taskManager} {
		at := podField(role)
		if n := text(m.cluster, at, "replicas"); n != "" && number(m.cluster, at, "replicas") < 1 {
			out = append(out, validatorSays{at + ".replicas", n, fmt.Sprintf("spec.%s.replicas is %s: the operator refuses less than 1", at, n), "set it to at least 1; to stop the job set spec.job.state: suspended", Error})
		}
		memory := text(m.cluster, at, "resource", "memory")
		if _, ok := kubernetesMemory(memory); memory != "" && !ok {
			out = append(out, validatorSays{at + ".resource.memory", memory, fmt.Sprintf("spec.%s.resource.memory is no size: %q", at, memory), "write it as 2048m, 2g or 2Gi", Error})
		}
		if m.inFile && memory == "" && section(m.cluster, at, "resources") == nil && m.conf.get(role+".memory.process.size", role+".memory.flink.size", role+".memory.heap.size", role+".memory.task.heap.size") == "" {
			out = append(out, validatorSays{at + ".resource.memory", "not set", fmt.Sprintf("the %s has no memory: the operator refuses that, unless its own default configuration says how much", calledRole(role)), fmt.Sprintf("set spec.%s.resource.memory", at), Warning})
		}
		storage := text(m.cluster, at, "resource", "ephemeralStorage")
		if _, err := resource.ParseQuantity(storage); storage != "" && err != nil {
			out = append(out, validatorSays{at + ".resource.ephemeralStorage", storage, fmt.Sprintf("spec.%s.resource.ephemeralStorage is no quantity: %q", at, storage), "write it as 2Gi", Error})
		}
	}
	template := text(m.spec, "ingress", "template")
	for _, place := range anyPlace.get().FindAllString(template, 5) {
		if !placeholder.MatchString(place) {
			out = append(out, validatorSays{"ingress.template", template, fmt.Sprintf("spec.ingress.template has %s, and only {{name}} and {{namespace}} are filled in", place), "write the host as it is, with {{name}} and {{namespace}}", Error})
			break
		}
	}
	const age = "kubernetes.operator.job.upgrade.last-state.max.allowed.checkpoint.age"
	if m.inFile && m.runsJob() && m.conf[age] != "" && m.conf.savepointDir() == "" {
		out = append(out, validatorSays{"flinkConfiguration", age + ": " + m.conf[age], age + " needs a savepoint directory, and none is configured", "set execution.checkpointing.savepoint-dir (state.savepoints.dir before Flink 1.20)", Warning})
	}
	return out
}
