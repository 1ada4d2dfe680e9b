//go:build e2e

package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// fault is something that goes wrong for real with a job of its own.
type fault struct {
	name string
	// job is merged into the example's manifest. before makes what surrounds it;
	// once is done when the job runs. Both are for a shell, in the job's
	// namespace, which is $NS.
	job, before, once string
	// rule is the first finding's; says are words of what it quotes. status has
	// another rule where doctor looks further: at what many jobs have in common.
	rule, status string
	says         []string
	// cure does what the finding says where it prints no command; "" pastes the
	// finding's own command into a shell. Each stands for itself alone.
	cure string
}

// shell pastes commands as a user does.
func (c *cluster) shell(t *testing.T, namespace, commands string) string {
	t.Helper()
	command := c.command(t.Context(), "version")
	sh := exec.CommandContext(t.Context(), "sh", "-euc", commands)
	sh.Env = append(slices.Clone(command.Env), "NS="+namespace, "PATH="+filepath.Join(root, "bin")+":"+kubectl+":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
	out, err := sh.CombinedOutput()
	if err != nil {
		t.Fatalf("%s\n%v\n%s", commands, err, out)
	}
	return string(out)
}

// diagnosed is what `doctor -o json` says of a job.
func (c *cluster) diagnosed(t *testing.T, namespace string) []found {
	t.Helper()
	r := c.run(t, "flink", "doctor", "flinkdeployment/broken", "-n", namespace, "-o", "json")
	var out struct{ Findings []found }
	if err := json.Unmarshal([]byte(r.out), &out); err != nil {
		t.Fatalf("%v\n%s", err, r)
	}
	return out.Findings
}

// lacking says which words a text lacks.
func lacking(text string, words []string) string {
	for _, word := range words {
		if !strings.Contains(text, word) {
			return fmt.Sprintf(" without %q in: %s", word, text)
		}
	}
	return ""
}

// worst are the findings above info.
func worst(findings []found) (out []found) {
	for _, f := range findings {
		if f.Severity != "info" {
			out = append(out, f)
		}
	}
	return out
}

// breaks makes the fault, sees that doctor names it first and status says the
// same, cures it as the finding says, and sees that nothing is left.
func (f fault) breaks(t *testing.T) {
	ns := main.flinkNamespace(t, "broken-"+f.name)
	if f.before != "" {
		main.shell(t, ns, f.before)
	}
	base := exampleIn(t, ns, "basic-example.yaml", "name: basic-example", "name: broken", "upgradeMode: savepoint", "upgradeMode: last-state")
	file := filepath.Join(t.TempDir(), "job.yaml")
	must(t, os.WriteFile(file, []byte(base), 0o600))
	manifest := base
	if f.job != "" {
		manifest = main.kubectl(t, "patch", "--local", "-f", file, "--type=merge", "-p", f.job, "-o", "yaml")
	}
	main.apply(t, ns, manifest)
	if f.once != "" {
		main.running(t, "flinkdeployment", "broken", ns)
		main.shell(t, ns, f.once)
	}

	began := time.Now()
	var first found
	eventually(t, "the first finding", f.rule, func() string {
		findings := worst(main.diagnosed(t, ns))
		if len(findings) == 0 {
			return "none"
		}
		first = findings[0]
		words := first.Means
		for _, e := range first.Evidence {
			words += "\n" + e.Source + ": " + e.Text
		}
		// TaskManagers come and go: what the next one says may be the first that
		// can be read.
		return first.Rule + lacking(words, f.says)
	})
	inStatus := cmp.Or(f.status, f.rule)
	eventually(t, "what status says", inStatus, func() string {
		r := main.run(t, "flink", "status", "flinkdeployment/broken", "-n", ns)
		if !strings.Contains(r.out, "("+inStatus+")") {
			return r.String()
		}
		return inStatus + lacking(r.out, f.says)
	})

	cure := f.cure
	for _, c := range first.Cures {
		t.Logf("%s: cure: %s: %s", f.name, c.Text, c.Command)
		if cure == "" {
			cure = c.Command
		}
	}
	if cure == "" {
		t.Fatalf("no cure that can be pasted: %+v", first)
	}
	main.shell(t, ns, cure)
	// The operator may have taken a job that never ran for one whose state is
	// lost, by a race of its own; that has a finding and a cure of its own.
	again := false
	eventually(t, "after the cure", "RUNNING, nothing found", func() string {
		left := worst(main.diagnosed(t, ns))
		if len(left) > 0 {
			if first := left[0]; !again && first.Rule == "FLINK-JOB-HA-LOST" && strings.HasPrefix(first.Means, "the job never ran") {
				again = true
				t.Logf("%s: then: %s: %s", f.name, first.Cures[0].Text, first.Cures[0].Command)
				main.shell(t, ns, first.Cures[0].Command+" --yes")
			}
			return left[0].Rule + ": " + left[0].Means
		}
		return main.run(t, "get", "flinkdeployment", "broken", "-n", ns, "-o", "jsonpath={.status.jobStatus.state}").out + ", nothing found"
	})
	how := "its own command"
	if f.cure != "" {
		how = "what it says"
	}
	t.Logf("| %s | %s | cured by %s in %s |", f.name, first.Rule, how, time.Since(began).Round(time.Second))
}

// Pieces of manifests.
const (
	patchJob = `kubectl patch flinkdeployment broken -n $NS --type merge -p `
)

// tmWith merges into the TaskManagers' container.
func tmWith(fields string) string {
	return `{"spec":{"taskManager":{"podTemplate":{"spec":{"containers":[{"name":"flink-main-container",` + fields + `}]}}}}}`
}

func configured(pairs string) string { return `{"spec":{"flinkConfiguration":{` + pairs + `}}}` }

// faults are made for real; each is named first, said by status, too, and cured by
// its cure. Those that take their time are in breakit_long_test.go.
var faults = []fault{
	{
		name: "quota", before: `kubectl create quota small -n $NS --hard=pods=1`,
		rule: "FLINK-POD-QUOTA", says: []string{"small"},
		cure: `kubectl delete quota small -n $NS`,
	},
	{
		name: "secret", job: tmWith(`"envFrom":[{"secretRef":{"name":"bucket-keys"}}]`),
		rule: "FLINK-POD-SECRET", says: []string{"bucket-keys"},
		cure: `kubectl create secret generic bucket-keys -n $NS --from-literal=A=b`,
	},
}

func TestBrokenJobs(t *testing.T) { breakAll(t, faults) }

func breakAll(t *testing.T, faults []fault) {
	t.Parallel()
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			f.breaks(t)
		})
	}
}
