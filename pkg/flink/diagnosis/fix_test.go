package diagnosis

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// fixesIn are the cures of findings that can be carried out, by rule.
func fixesIn(findings []Finding, out map[string][]*Fix) map[string][]*Fix {
	for _, f := range findings {
		for _, c := range f.Cures {
			if c.Fix != nil {
				out[f.Rule] = append(out[f.Rule], c.Fix)
			}
		}
		fixesIn(f.Consequences, out)
	}
	return out
}

// What the table of rules promises is what happens: every rule with a fix has one
// in its trial, no other has, and the printed command is made of it.
func TestFixesAreWhatRulesSay(t *testing.T) {
	seen, asked := map[string]bool{}, map[string]bool{}
	look := func(findings []Finding) {
		for rule, list := range fixesIn(findings, map[string][]*Fix{}) {
			seen[rule] = true
			for _, f := range list {
				asked[rule] = asked[rule] || f.Asks != ""
				if (f.Patch == nil) == (f.Create == nil) {
					t.Errorf("%s: %+v patches and creates, or does neither", rule, f)
				}
			}
		}
		for _, f := range findings {
			for _, c := range f.Cures {
				if c.Fix != nil && c.Command != c.Fix.command() {
					t.Errorf("%s prints\n%s\nand does\n%s", f.Rule, c.Command, c.Fix.command())
				}
				if c.Fix != nil && losesState.MatchString(c.Command) {
					t.Errorf("%s would lose state: %s", f.Rule, c.Command)
				}
			}
		}
	}
	for _, tr := range trials() {
		look(Job(with(tr.yes)))
	}
	for _, tr := range installationTrials {
		facts := installed()
		tr.yes(facts)
		look(Installation(facts))
	}
	for _, r := range Rules() {
		switch {
		case seen[r.ID] != (r.Fix != ""):
			t.Errorf("%s: the table says %q, and a fix was seen: %t", r.ID, r.Fix, seen[r.ID])
		case r.Fix == FixSafe && asked[r.ID]:
			t.Errorf("%s is said to be safe, and asks", r.ID)
		}
	}
}

// Lint changes nothing: what is wrong is fixed where it is written.
func TestLintHasNoFixes(t *testing.T) {
	for _, tr := range trials() {
		f := with(tr.yes)
		if list := fixesIn(Lint([]*unstructured.Unstructured{f.Object}), map[string][]*Fix{}); len(list) > 0 {
			t.Errorf("%s: %v", tr.rule, list)
		}
	}
}

// A change that restarts a job is only offered where its state is known to be
// kept, and says how.
func TestFixesKeepState(t *testing.T) {
	failing := task("java.io.IOException: Insufficient number of network buffers: required 65, but only 38 available")
	buffers := all(failing, state("RUNNING", m1))
	neverRan := func(f *JobFacts) {
		noStatus(f)
		f.Flink = FlinkFacts{}
		f.Pods = nil
	}
	for name, c := range map[string]struct {
		facts change
		rule  string
		// asks is in the question; "" wants none; no wants no fix.
		asks string
		no   bool
	}{
		"a savepoint first":                {facts: buffers, asks: "takes a savepoint first"},
		"from the newest checkpoint":       {facts: all(buffers, mode("last-state")), asks: "newest checkpoint"},
		"stateless":                        {facts: all(buffers, mode("stateless")), no: true},
		"no checkpoint yet":                {facts: all(buffers, mode("last-state"), ckpt(func(c *Checkpoints) { c.Completed = 0 })), no: true},
		"checkpoints unknown":              {facts: all(buffers, mode("last-state"), flink(func(f *FlinkFacts) { f.Checkpoints = nil })), no: true},
		"last-state without HA":            {facts: all(buffers, mode("last-state"), conf("high-availability.type", nil)), no: true},
		"no savepoint directory":           {facts: all(buffers, conf("execution.checkpointing.savepoint-dir", nil)), no: true},
		"canonical savepoints on Flink 2":  {facts: all(buffers, spec("flinkVersion", "v2_0")), no: true},
		"native savepoints on Flink 2":     {facts: all(buffers, spec("flinkVersion", "v2_0"), conf("kubernetes.operator.savepoint.format.type", "NATIVE")), asks: "savepoint first"},
		"a child of a blue/green":          {facts: all(buffers, meta("ownerReferences", []any{map[string]any{"kind": kindBlueGreen, "name": "shop"}})), no: true},
		"being deleted":                    {facts: all(buffers, deleting(m1)), no: true},
		"with a spec that wasn't accepted": {facts: all(buffers, lags), asks: "what else was changed in the spec"},
		"failed":                           {facts: failing, asks: "where it finds none, it waits"},
		"failed, nothing to start from":    {facts: all(failing, mode("last-state"), conf("high-availability.type", nil)), no: true},
		"never ran, stateless":             {facts: all(neverRan, mode("stateless"), conf("kubernetes.cluster-id", "x")), rule: "FLINK-CONF-FORBIDDEN", asks: "has not run yet"},
		"a session cluster":                {facts: all(sessionCluster, conf("kubernetes.cluster-id", "x")), rule: "FLINK-CONF-FORBIDDEN", no: true},
		"only the operator's own keys":     {facts: all(suspended, mode("stateless"), status("jobStatus.upgradeSavepointPath", "s3://state/savepoints/savepoint-1")), rule: "FLINK-SPEC-STATELESS-RESUME"},
	} {
		t.Run(name, func(t *testing.T) {
			rule := c.rule
			if rule == "" {
				rule = "FLINK-MEM-NETWORK"
			}
			findings := Job(with(c.facts))
			list := fixesIn(findings, map[string][]*Fix{})[rule]
			switch {
			case c.no:
				if len(list) > 0 {
					t.Errorf("offered: %+v", list[0])
				}
			case len(list) == 0:
				t.Errorf("not offered; found are %v", ids(findings))
			case !strings.Contains(list[0].Asks, c.asks) || (list[0].Asks == "") != (c.asks == ""):
				t.Errorf("asks %q", list[0].Asks)
			}
		})
	}
}

func TestCommandsOfFixes(t *testing.T) {
	account := serviceAccountFix("prod", "flink").command()
	if account != "kubectl create serviceaccount flink -n prod" {
		t.Error(account)
	}
	role := roleFix("prod", "flink").command()
	if role != "kubectl create role flink-for-flink -n prod --verb '*' --resource pods,configmaps,services,deployments.apps,deployments.apps/finalizers && kubectl create rolebinding flink-for-flink -n prod --role flink-for-flink --serviceaccount prod:flink" {
		t.Error(role)
	}
	start := startFix(OperatorFacts{Namespace: "flink", Name: "operator"}).command()
	if start != "kubectl scale deployment operator -n flink --replicas 1" {
		t.Error(start)
	}
	m := newManifest(healthy().Object, nil)
	if label := m.labelFix("team", "a").command(); label != "kubectl label flinkdeployment orders team=a -n prod" {
		t.Error(label)
	}
	for _, selector := range [][2]string{{"team", "a,b=c"}, {"!team", "a"}, {"team in (a)", ""}} {
		if fix := m.labelFix(selector[0], selector[1]); fix != nil {
			t.Errorf("%v is no label: %s", selector, fix.command())
		}
	}
	if patch := m.mend("x", map[string]any{"job": map[string]any{"upgradeMode": "savepoint"}}); patch.Command != patch.Fix.command() {
		t.Errorf("%s\n%s", patch.Command, patch.Fix.command())
	}
}
