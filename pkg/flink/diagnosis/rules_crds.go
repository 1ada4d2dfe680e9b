package diagnosis

import (
	"fmt"
	"slices"
	"strings"
)

var crdSince = []struct {
	plural string
	// since is the operator's release that has it, as 110 for 1.10.
	since int
	must  bool
}{{"flinkdeployments", 0, true}, {"flinksessionjobs", 100, true}, {"flinkstatesnapshots", 110, false}, {"flinkbluegreendeployments", 114, false}}

// ageOfFields are fields of the schema of FlinkDeployments and the operator's
// release that has them.
var ageOfFields = []struct {
	field string
	since int
}{
	{"status.observedGeneration", 108},
	{"spec.job.savepointRedeployNonce", 108},
	{"status.jobStatus.upgradeSavepointPath", 110},
	{"spec.job.autoscalerResetNonce", 111},
	{"status.conditions", 115},
	{"spec.taskManager.resources", 116},
}

// crdRules are about the kinds that the cluster serves.
var crdRules = []Rule{
	{
		ID: "FLINK-CRD-MISSING", Severity: Error, Title: "a kind of the operator isn't served", Link: docHelm,
		Explain:  "The API server doesn't know one of the operator's kinds: its CustomResourceDefinition was never applied, or deleted. Helm installs CRDs once and never upgrades them, so that kinds of newer releases (FlinkStateSnapshot since 1.10, FlinkBlueGreenDeployment since 1.14) are missing after an upgrade until they are applied by hand. The operator looks for them only while it starts.",
		Explains: []string{"FLINK-OP-SNAPSHOTS"},
		installation: func(i *installation) []Finding {
			if i.Mark(FromCRDs) != Read {
				return nil
			}
			var out []Finding
			for _, kind := range crdSince {
				name := kind.plural + "." + group
				served := slices.ContainsFunc(i.CRDs, func(c CRDFacts) bool { return c.Name == name && len(c.Served) > 0 })
				if served || !kind.must && (i.newest() == 0 || i.newest() < kind.since) {
					continue
				}
				f := Finding{
					Subject: "customresourcedefinition/" + name, Means: name + " isn't served by this cluster's API server",
					Evidence: []Evidence{{Source: "customresourcedefinitions", Text: name + ": not found"}},
					Cures:    []Cure{{Text: "apply the CRDs of the operator's release (folder crds of its chart), then restart the operator", Command: "kubectl apply --server-side -f crds/"}},
				}
				if !kind.must {
					f.Severity = Warning
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-CRD-BROKEN", Severity: Error, Title: "a CRD isn't usable", Link: kubernetesDocs + "tasks/extend-kubernetes/custom-resources/custom-resource-definitions/",
		Explain: "The CustomResourceDefinition is there, but the API server doesn't accept it (Established is not True), or it converts between versions by a webhook. The operator's kinds have one version and need no conversion: with strategy Webhook every read fails when that webhook doesn't answer.",
		installation: func(i *installation) []Finding {
			var out []Finding
			for _, c := range i.CRDs {
				switch {
				case !c.Established && len(c.Served) > 0:
					out = append(out, Finding{Subject: "customresourcedefinition/" + c.Name, Means: c.Name + " is not Established: the API server doesn't accept its names or schema", Evidence: []Evidence{{Source: "customresourcedefinition/" + c.Name, Text: "Established is not True"}}, Cures: look("see why", "kubectl describe crd "+word(c.Name))})
				case c.Conversion == "Webhook":
					out = append(out, Finding{Severity: Warning, Subject: "customresourcedefinition/" + c.Name, Means: c.Name + " is converted by a webhook, which the operator's kinds don't need", Evidence: []Evidence{{Source: "customresourcedefinition/" + c.Name, Text: "spec.conversion.strategy: Webhook"}}, Cures: []Cure{{Text: "apply the CRD of the operator's release, which has no conversion", Command: "kubectl apply --server-side -f crds/"}}})
				}
			}
			return out
		},
	},
	{
		ID: "FLINK-CRD-OLD", Severity: Warning, Title: "the CRDs are older than the operator", Link: docUpgrade,
		Explain: "The schema of the CRDs lacks fields that the operator's release writes or reads. The API server drops unknown fields without a word: a new field of a spec is ignored, and status fields stay empty. Helm never upgrades CRDs; they are replaced by hand before the operator is.",
		installation: func(i *installation) []Finding {
			for _, c := range i.CRDs {
				if c.Name != "flinkdeployments."+group || len(c.Fields) == 0 {
					continue
				}
				var missing []string
				for _, f := range ageOfFields {
					if i.newest() >= f.since && !slices.Contains(c.Fields, f.field) {
						missing = append(missing, f.field)
					}
				}
				if len(missing) == 0 {
					continue
				}
				return []Finding{{
					Subject: "customresourcedefinition/" + c.Name, Means: fmt.Sprintf("the CRD lacks fields of operator %s: %s", versionText(i.newest()), strings.Join(missing, ", ")),
					Evidence: []Evidence{{Source: "customresourcedefinition/" + c.Name, At: c.Created, Text: "no field " + missing[0]}},
					Cures:    []Cure{{Text: "apply the CRDs of the operator's release", Command: "kubectl apply --server-side --force-conflicts -f crds/"}},
				}}
			}
			return nil
		},
	},
}
