// Package diagnosis knows why a job doesn't do what its spec says. It is given
// facts and gives findings; it asks nobody and changes nothing.
//
// A rule reads facts and says what it found, with the very line, field or event
// that it goes by. It reads an exception only together with where it was
// thrown. What no rule knows is shown as it is.
package diagnosis

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// Severity is how bad a finding is.
type Severity string

// The severities, worst first.
const (
	// Error: the job doesn't do its work, or will lose state.
	Error Severity = "error"
	// Warning: it works, and something is wrong.
	Warning Severity = "warning"
	// Info: worth to know; nobody has to act.
	Info Severity = "info"
)

// rank orders severities, worst first.
func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Info}, s) }

// Worse reports whether s is worse than other.
func (s Severity) Worse(other Severity) bool { return s.rank() < other.rank() }

// Confidence is how sure a finding is.
type Confidence string

// The confidences, surest first.
const (
	// Certain: a field or a line says so itself.
	Certain Confidence = "certain"
	// Likely: what was seen has mostly this cause.
	Likely Confidence = "likely"
	// Possible: one of several causes.
	Possible Confidence = "possible"
)

// Evidence is what a finding goes by.
type Evidence struct {
	// Source is where it was seen: "pod/NAME, container C", "status.error", …
	Source string `json:"source"`
	// At is when; zero where that isn't known.
	At time.Time `json:"at,omitzero"`
	// Text is the very line, field or event. It is foreign.
	Text string `json:"text"`
}

// Cure is something to do.
type Cure struct {
	// Text says what it does; Command can be pasted into a shell, "" where the
	// reader has to know something first.
	Text    string `json:"text"`
	Command string `json:"command,omitempty"`
	// Safe says that the command can be run without being asked for twice: it
	// can't lose state and stops nothing.
	Safe bool `json:"safe,omitempty"`
	// Fix is the command as data where doctor --fix can carry it out; nil where
	// it is for a person.
	Fix *Fix `json:"fix,omitempty"`
}

// Finding is what a rule found.
type Finding struct {
	Rule     string   `json:"rule"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	// Subject is what it is about: "flinkdeployment/NAME", "pod/NAME", a field.
	Subject string `json:"subject"`
	// Means is one sentence. It may hold foreign text.
	Means      string     `json:"means"`
	Evidence   []Evidence `json:"evidence,omitempty"`
	Cures      []Cure     `json:"cures,omitempty"`
	Confidence Confidence `json:"confidence"`
	// Risk says that it tells what may go wrong later, or beside it, and not why
	// the object is as it is.
	Risk bool `json:"risk,omitempty"`
	// Consequences are findings that this one explains.
	Consequences []Finding `json:"consequences,omitempty"`

	// users are the jobs that something of the installation is for.
	users []string
}

// Rule is one known cause.
type Rule struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	Title    string   `json:"title"`
	// Explain is one paragraph: what it is, how it comes about, what to do.
	Explain string `json:"explain"`
	// Link is to the operator's, Flink's or Kubernetes' documentation.
	Link string `json:"link"`
	// Source names what the rule's facts were written from where they could not
	// be made on a cluster; "" where they were.
	Source string `json:"source,omitempty"`
	// Seen says that the fault was made on a real cluster, and that this rule was
	// what was found first.
	Seen bool `json:"seen,omitempty"`
	// Fix is how doctor --fix carries the cure out: FixSafe, FixAsked, or "" where
	// it doesn't.
	Fix string `json:"fix,omitempty"`
	// Explains are ids of rules whose findings follow from this one's; a final *
	// stands for any ending.
	Explains []string `json:"explains,omitempty"`

	// risk is for every finding of the rule.
	risk         bool
	job          func(*job) []Finding
	spec         func(*manifest) []Finding
	installation func(*installation) []Finding
	server       func(*served) []Finding
}

// NeedsCluster reports whether the rule can't be judged by a manifest alone.
func (r Rule) NeedsCluster() bool { return r.spec == nil }

// OfServer reports whether the rule is about a manifest and a cluster together.
func (r Rule) OfServer() bool { return r.server != nil }

// table is all rules: what is nearer to a root cause stands before what follows
// from it.
var table = slices.Concat(
	crdRules, operatorStateRules, installationRules, accessRules, operatorRules, writeRules, shapeRules, refusedRules, specRules, specStateRules, specClusterRules,
	memoryRules, schedulingRules, podStartRules, podRules,
	jobManagerRules, s3Rules, storageRules, outsideRules, flinkRules, serviceRules, exceptionRules, snapshotRules, lifecycleRules, configRules, checkpointRules,
	autoscalerRules, flowRules, lastRules, serverRules,
)

var byID = func() map[string]int {
	out := make(map[string]int, len(table))
	for i := range table {
		out[table[i].ID] = i
		if n := len(table[i].Explains); n > 0 && table[i].Explains[n-1] == theRest {
			table[i].Explains = append(table[i].Explains[:n-1:n-1], whatFollows...)
		}
		table[i].Fix = fixes[table[i].ID]
		table[i].Seen = slices.Contains(seen, table[i].ID)
		table[i].risk = slices.Contains(risks, table[i].ID)
	}
	return out
}()

// seen are the rules that named a fault first that was made on a real cluster.
var seen = []string{
	"FLINK-CKPT-EXPIRED", "FLINK-CONF-UNKNOWN", "FLINK-CONF-VALUE", "FLINK-FS-PLUGIN", "FLINK-HOOK-EXPIRED",
	"FLINK-INST-METRICS", "FLINK-JM-HA-RIGHTS", "FLINK-JOB-CLASS", "FLINK-JOB-EMPTY-START", "FLINK-JOB-ENTRY",
	"FLINK-JOB-JAR", "FLINK-JOB-MAIN", "FLINK-JOB-MAX-PARALLELISM", "FLINK-JOB-SUSPENDED-RUNS",
	"FLINK-MEM-CONTAINER", "FLINK-MEM-HEAP", "FLINK-MEM-NETWORK", "FLINK-MEM-REFUSED", "FLINK-MEM-SMALL",
	"FLINK-OP-NAMESPACE", "FLINK-OP-STOPPED", "FLINK-POD-AFFINITY", "FLINK-POD-ARCH", "FLINK-POD-CLAIM-MISSING",
	"FLINK-POD-CONFIGMAP", "FLINK-POD-DISK", "FLINK-POD-ENTRYPOINT", "FLINK-POD-EVICTED", "FLINK-POD-IMAGE",
	"FLINK-POD-INIT", "FLINK-POD-JVM", "FLINK-POD-LIVENESS", "FLINK-POD-QUOTA", "FLINK-POD-RESOURCES",
	"FLINK-POD-SECRET", "FLINK-POD-SIDECAR", "FLINK-RBAC-ACCOUNT", "FLINK-S3-AWAY", "FLINK-S3-BUCKET",
	"FLINK-S3-DENIED", "FLINK-SPEC-LAST-STATE", "FLINK-SPEC-REJECTED", "FLINK-SPEC-VOLUME",
	"FLINK-STATE-NOT-FOUND",
}

// risks are the rules that tell of what may go wrong. Whatever else is wrong, they
// don't explain it.
var risks = []string{
	"FLINK-AUTO-ERROR", "FLINK-AUTO-INEFFECTIVE", "FLINK-AUTO-MAX", "FLINK-AUTO-MEMORY", "FLINK-AUTO-NO-EFFECT",
	"FLINK-AUTO-QUOTA", "FLINK-CKPT-GROWING", "FLINK-CKPT-IN-MEMORY", "FLINK-CKPT-NONE", "FLINK-CONF-NO-EFFECT",
	"FLINK-CONF-REMOVED", "FLINK-CONF-SECRET", "FLINK-CONF-UNKNOWN", "FLINK-CRD-OLD", "FLINK-INST-CLAIM",
	"FLINK-JM-NO-HA", "FLINK-JOB-BALANCER", "FLINK-JOB-INGRESS", "FLINK-JOB-TIME", "FLINK-OP-CANARY",
	"FLINK-OP-FLINK", "FLINK-OP-KUBERNETES", "FLINK-OP-MEMORY", "FLINK-OP-RESTARTS", "FLINK-OP-SNAPSHOTS",
	"FLINK-POD-DRAIN", "FLINK-POD-PDB", "FLINK-SNAP-FAILED", "FLINK-SNAP-STUCK", "FLINK-SPEC-FINALIZER",
	"FLINK-SPEC-INGRESS", "FLINK-SPEC-LAST-STATE", "FLINK-SPEC-RESOURCES", "FLINK-SPEC-SNAPSHOT-DISPOSE",
	"FLINK-SPEC-STATELESS-RESUME",
}

// Rules are all rules, in the order of the table.
func Rules() []Rule { return slices.Clone(table) }

// Explain is the rule of an id, in either case; ok is false where there is none.
func Explain(id string) (Rule, bool) {
	i, ok := byID[strings.ToUpper(id)]
	if !ok {
		return Rule{}, false
	}
	return table[i], true
}

// Job is what is wrong with a job, the root causes first.
func Job(facts *JobFacts) []Finding {
	if facts == nil || facts.Object == nil {
		return nil
	}
	j := newJob(facts)
	var found []Finding
	for i := range table {
		r := &table[i]
		if r.job != nil {
			own := r.sign(r.job(j))
			if len(own) > 0 {
				for _, n := range j.touched {
					j.claimed[n] = true
				}
			}
			j.touched = j.touched[:0]
			found = append(found, own...)
		}
		if r.spec != nil && !j.deleting() {
			found = append(found, r.sign(r.spec(j.manifest))...)
		}
	}
	j.judgeFixes(found)
	return arrange(found)
}

// Installation is what is wrong with the operator's installation, the root
// causes first.
func Installation(facts *InstallationFacts) []Finding {
	if facts == nil {
		return nil
	}
	i := &installation{facts}
	var found []Finding
	for n := range table {
		if r := &table[n]; r.installation != nil {
			found = append(found, r.sign(r.installation(i))...)
		}
	}
	return arrange(found)
}

// Lint is what is wrong with manifests by themselves. Objects of other kinds
// are only looked at for what the operator's refer to.
func Lint(objects []*unstructured.Unstructured) []Finding {
	var found []Finding
	for _, object := range objects {
		found = append(found, LintObject(object, objects)...)
	}
	return found
}

// LintObject is what is wrong with one manifest by itself, and with what it
// refers to in others; nil for objects that aren't the operator's.
func LintObject(object *unstructured.Unstructured, others []*unstructured.Unstructured) []Finding {
	m := newManifest(object, others)
	if m == nil {
		return nil
	}
	m.inFile = true
	var found []Finding
	for n := range table {
		if r := &table[n]; r.spec != nil {
			found = append(found, r.sign(r.spec(m))...)
		}
	}
	mendFile(found)
	return arrange(found)
}

// Lints reports whether an object is of a kind that rules look at.
func Lints(object *unstructured.Unstructured) bool { return newManifest(object, nil) != nil }

// sign completes a rule's findings.
func (r *Rule) sign(found []Finding) []Finding {
	for i := range found {
		f := &found[i]
		f.Rule, f.Title = r.ID, r.Title
		f.Severity = cmp.Or(f.Severity, r.Severity)
		f.Risk = f.Risk || r.risk
		f.Confidence = cmp.Or(f.Confidence, Certain)
		f.hide()
	}
	return found
}

// hide takes secrets out of what a finding quotes. A command with one in it
// can't be shown, so that only its words stay.
func (f *Finding) hide() {
	f.Means = secret.Text(f.Means)
	for i := range f.Evidence {
		f.Evidence[i].Text = secret.Text(f.Evidence[i].Text)
	}
	for i := range f.Cures {
		c := &f.Cures[i]
		if c.Text = secret.Text(c.Text); c.Command != "" && secret.Text(c.Command) != c.Command {
			c.Command, c.Safe, c.Fix = "", false, nil
		}
	}
}

// explains reports whether a rule says that another's findings follow from its
// own.
func (r *Rule) explains(id string) bool {
	// What ends the JobManager while the job starts may end the job for good.
	if id == jobLost && r.ID != jobLost {
		return r.explains("FLINK-POD-CRASH")
	}
	return slices.ContainsFunc(r.Explains, func(e string) bool {
		if head, any := strings.CutSuffix(e, "*"); any {
			return strings.HasPrefix(id, head) && id != r.ID
		}
		return e == id
	})
}

const jobLost = "FLINK-JOB-LOST"

// arrange puts root causes first and hangs on them what they explain. What may go
// wrong comes after what has.
func arrange(found []Finding) []Finding {
	if len(found) < 2 {
		return found
	}
	sorting.By(found, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(a.Severity.rank(), b.Severity.rank()),
			compareBool(a.Risk, b.Risk),
			cmp.Compare(byID[a.Rule], byID[b.Rule]),
			cmp.Compare(confidenceRank(a.Confidence), confidenceRank(b.Confidence)),
			cmp.Compare(a.Subject, b.Subject),
		)
	})
	parent := make([]int, len(found))
	for i := range parent {
		parent[i] = -1
	}
	for i := range found {
		for k := range found {
			// What is only worth to know explains no trouble.
			if k == i || found[k].Severity == Info && found[i].Severity != Info || !table[byID[found[k].Rule]].explains(found[i].Rule) || under(parent, k, i) {
				continue
			}
			parent[i] = k
			break
		}
	}
	var out []Finding
	for i := range found {
		if parent[i] < 0 {
			out = append(out, gather(found, parent, i))
		}
	}
	return out
}

// compareBool puts false before true.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// under reports whether finding k hangs, by way of others, on finding i.
func under(parent []int, k, i int) bool {
	for ; k >= 0; k = parent[k] {
		if k == i {
			return true
		}
	}
	return false
}

func gather(found []Finding, parent []int, i int) Finding {
	f := found[i]
	for k := range found {
		if parent[k] == i {
			then := gather(found, parent, k)
			if then.Rule == jobLost && len(then.Cures) > 0 {
				// Correcting the cause alone doesn't start the job again.
				f.Cures = append(slices.Clone(f.Cures), then.Cures[0])
				then.Cures = then.Cures[1:]
			}
			f.Consequences = append(f.Consequences, then)
		}
	}
	return f
}

func confidenceRank(c Confidence) int {
	return slices.Index([]Confidence{Certain, Likely, Possible}, c)
}
