package foretell

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/statefile"
)

// stateless says what a start without state leaves behind.
func stateless(f *Facts) []Finding {
	if !f.Stateless {
		return nil
	}
	if f.State == nil {
		return []Finding{{ID: "STATELESS", Level: Warning, Text: "it starts without state"}}
	}
	return []Finding{{
		ID: "STATELESS", Level: Warning, Bytes: f.State.Size,
		Text: fmt.Sprintf("it starts without state: %s of it in %s are not used", api.Bytes(f.State.Size), f.State.Path),
	}}
}

// format is whether the Flink that is going to run reads the file at all.
func format(f *Facts) []Finding {
	if f.State == nil || f.Stateless {
		return nil
	}
	var out []Finding
	for _, problem := range f.State.Problems(statefile.Target{FlinkVersion: f.version()}) {
		out = append(out, Finding{ID: "FORMAT", Level: Fails, Text: problem, Todo: "start it with the Flink version that took it, or from a state that an older Flink took"})
	}
	return out
}

// Args are the arguments of the job that is going to run.
func (f *Facts) Args() []string {
	if f.After.Object == nil {
		return nil
	}
	return texts(f.After.Spec(), "job", "args")
}

// missing is whether the files are there.
func missing(f *Facts) []Finding {
	switch s := f.State; {
	case s == nil || f.Stateless || s.Proxy:
		return nil
	case s.Missing > 0:
		text := fmt.Sprintf("the file %s isn't there, or not whole", s.Example)
		if s.Missing > 1 {
			text = fmt.Sprintf("%d of the files that it names aren't there, or not whole, as %s", s.Missing, s.Example)
		}
		return []Finding{{ID: "FILES", Level: Fails, Text: text, Todo: "choose another savepoint or checkpoint"}}
	case s.Unchecked != "":
		return []Finding{{ID: "FILES", Level: Unknown, Text: "whether all of its files are there: " + s.Unchecked}}
	}
	return nil
}

// backendOf is the state backend that a configuration names.
func backendOf(config api.Config) string {
	name, _ := config.Get("state.backend.type", "state.backend")
	switch name = strings.ToLower(name); {
	case name == "filesystem" || name == "jobmanager":
		return "hashmap"
	case strings.Contains(name, "embeddedrocksdb"):
		return "rocksdb"
	}
	return name
}

// backend is whether the state backend that is going to run reads the form in
// which the one before has written: only canonical savepoints are every one's.
func backend(f *Facts) []Finding {
	if f.State == nil || f.Stateless || f.Config == nil {
		return nil
	}
	if f.State.Fresh && !strings.EqualFold(f.Config["kubernetes.operator.savepoint.format.type"], "NATIVE") {
		return nil // it will be canonical
	}
	was, is := backendOf(f.Was), backendOf(f.Config)
	if is == "" || was == is || is != "hashmap" && is != "rocksdb" && is != "forst" {
		return nil
	}
	var files, full []statefile.OperatorSummary
	for _, o := range f.State.Operators {
		for _, form := range o.Forms {
			switch form {
			case statefile.BackendFiles:
				files = append(files, o)
			case statefile.KeyGroups:
				full = append(full, o)
			default:
				continue
			}
			break
		}
	}
	const todo = "take a canonical savepoint first (kubectl flink savepoint NAME --format canonical) and start from that"
	switch {
	case len(files) > 0 && is == "hashmap":
		found := Finding{ID: "BACKEND", Level: Fails, Todo: todo}.about(files, f.names())
		found.Text = "the state backend is to be hashmap, and the state is kept as the files of RocksDB or ForSt: " + listed(found.Operators, len(files))
		return []Finding{found}
	case len(files) > 0 && was != "":
		found := Finding{ID: "BACKEND", Level: Warning, Todo: todo}.about(files, f.names())
		found.Text = fmt.Sprintf("the state backend changes from %s to %s, and the state is in a form of the old one's own: %s", was, is, listed(found.Operators, len(files)))
		return []Finding{found}
	case len(full) > 0 && (was == "hashmap" || was == "" && is != "hashmap"):
		found := Finding{ID: "BACKEND", Level: Warning, Todo: todo}.about(full, f.names())
		found.Text = fmt.Sprintf("the state backend is to be %s, and the state is in a form that may be another one's own: %s", is, listed(found.Operators, len(full)))
		return []Finding{found}
	}
	return nil
}

// unaligned is whether a checkpoint has data in flight, which fits only the same
// graph under the same Flink.
func unaligned(f *Facts) []Finding {
	if f.State != nil && f.State.Fresh {
		return nil // the savepoint will have none
	}
	var found []statefile.OperatorSummary
	for _, o := range f.stateful() {
		if o.Kinds[statefile.InputChannel].Handles > 0 || o.Kinds[statefile.ResultChannel].Handles > 0 {
			found = append(found, o)
		}
	}
	if len(found) == 0 || f.sameProgram() {
		return nil
	}
	out := Finding{ID: "UNALIGNED", Level: Warning, Todo: "start from a savepoint instead"}.about(found, f.names())
	out.Text = "it is an unaligned checkpoint with data in flight, which Flink supports only for the same program under the same Flink version"
	return []Finding{out}
}

var versionForm = regexp.MustCompile(`^v?(\d+)[._](\d+)`)

// number is a version as 120 for 1.20; 0 where it is none.
func number(version string) int {
	parts := versionForm.FindStringSubmatch(version)
	if parts == nil {
		return 0
	}
	major, err1 := strconv.Atoi(parts[1])
	minor, err2 := strconv.Atoi(parts[2])
	if err1 != nil || err2 != nil || minor > 99 {
		return 0
	}
	return major*100 + minor
}

func versionText(n int) string { return fmt.Sprintf("%d.%d", n/100, n%100) }

// versions is what Flink promises of state across its versions.
func versions(f *Facts) []Finding {
	was, is := number(f.versionBefore()), number(f.version())
	if f.State == nil || f.Stateless || was == 0 || is == 0 || was == is {
		return nil
	}
	switch {
	case is < was:
		return []Finding{{ID: "VERSION", Level: Warning, Text: fmt.Sprintf("the Flink version goes back from %s to %s: Flink doesn't promise that an older version reads the state of a newer one", versionText(was), versionText(is))}}
	case was < 200 && is >= 200:
		return []Finding{{
			ID: "VERSION", Level: Unknown,
			Text: fmt.Sprintf("Flink %s doesn't promise to read all state of %s: what Kryo wrote (types that are neither POJO nor Avro) it can't, and what has been written by Kryo isn't in the _metadata", versionText(is), versionText(was)),
			Todo: "try it with a copy first: kubectl flink clone NAME COPY, then upgrade the copy",
		}}
	}
	return nil
}

// places is whether every operator's state has an operator to go to.
func places(f *Facts) []Finding {
	stateful := f.stateful()
	if len(stateful) == 0 {
		return nil
	}
	if f.Graph != nil {
		return f.placesInGraph(stateful)
	}
	heads := map[string]bool{}
	for _, v := range f.Vertices {
		heads[v.ID] = true
	}
	same := f.sameProgram()
	if f.State.OwnRun && same {
		return f.chaining(stateful)
	}
	var unplaced []statefile.OperatorSummary
	for _, o := range stateful {
		if same && heads[o.ID] {
			continue
		}
		unplaced = append(unplaced, o)
	}
	if len(unplaced) == 0 {
		return nil
	}
	found := Finding{ID: "PLACE", Level: Unknown, Todo: "--compile has the new program make its graph, in a pod of its own"}.about(unplaced, f.names())
	if f.GraphTrouble != "" {
		found.Todo = ""
	}
	who := listed(found.Operators, len(unplaced))
	found.Text = fmt.Sprintf("whether each state still has its operator (%s in %d operators: %s): a JobManager names only the heads of chains, and of another program nothing. Flink refuses to start where one has none", api.Bytes(found.Bytes), len(unplaced), who)
	if f.drops() {
		found.Level = Warning
		found.Text = fmt.Sprintf("whether these still have an operator isn't known, and state that has none is dropped without a word (allowNonRestoredState), of %s in all: %s", api.Bytes(found.Bytes), who)
	}
	return []Finding{found}
}

// drops reports whether state without an operator is dropped.
func (f *Facts) drops() bool {
	if f.After.Object == nil {
		return false
	}
	allowed, _ := api.Section(f.After.Spec(), "job")["allowNonRestoredState"].(bool)
	return allowed
}

// chaining says where an operator's ID may change by itself: Flink makes those
// without a uid from the graph, chains included, and another parallelism can
// break a chain.
func (f *Facts) chaining(stateful []statefile.OperatorSummary) []Finding {
	was, is := f.Before.Parallelism(), f.Parallelism()
	if is == 0 || was == is || f.State.Version < 5 {
		return nil
	}
	var without []statefile.OperatorSummary
	for _, o := range stateful {
		if o.UID == "" {
			without = append(without, o)
		}
	}
	if len(without) == 0 {
		return nil
	}
	found := Finding{ID: "UID", Level: Unknown, Todo: "give every operator with state a uid"}.about(without, f.names())
	found.Text = fmt.Sprintf("%s have no uid: if the other parallelism changes what is chained, so do their IDs", listed(found.Operators, len(without)))
	return []Finding{found}
}

// ClaimModeKeys are the keys that say who owns what a job starts from, newest
// first.
var ClaimModeKeys = []string{"execution.state-recovery.claim-mode", "execution.savepoint-restore-mode"}

// claim is whether the claim mode is one that this Flink has.
func claim(f *Facts) []Finding {
	mode, key := f.Config.Get(ClaimModeKeys...)
	if !strings.EqualFold(mode, "LEGACY") || number(f.version()) < 200 {
		return nil
	}
	return []Finding{{ID: "CLAIM-MODE", Level: Fails, Text: fmt.Sprintf("%s is LEGACY, which Flink 2 no longer has", key), Todo: "set it to NO_CLAIM or CLAIM"}}
}

// otherJob says where the state is another job's.
func otherJob(f *Facts) []Finding {
	if f.State == nil || f.Stateless || f.State.Of.Name == "" || f.Before.Object == nil {
		return nil
	}
	ref := f.Before.Ref()
	of := f.State.Of
	child := ref.Kind.Name == api.BlueGreen.Name && of.Kind.Name == api.Deployment.Name && (of.Name == ref.Name+"-blue" || of.Name == ref.Name+"-green")
	if of == ref || child {
		return nil
	}
	return []Finding{{ID: "OTHER-JOB", Level: Warning, Text: fmt.Sprintf("the state is of another job, %s", of)}}
}

var javaTag = regexp.MustCompile(`(?:^|[-_.])java-?(\d{1,2})(?:$|[-_.])`)

// javaOf is the Java version that an image's tag names; 0 for none.
func javaOf(job api.Job) int {
	if job.Object == nil {
		return 0
	}
	image, _, _ := strings.Cut(api.Text(job.Spec(), "image"), "@")
	parts := javaTag.FindStringSubmatch(image[strings.LastIndexByte(image, ':')+1:])
	if parts == nil {
		return 0
	}
	n, _ := strconv.Atoi(parts[1])
	return n
}

// java is whether the image's Java is one that this Flink runs on.
func java(f *Facts) []Finding {
	is, v := javaOf(f.Cluster), number(f.version())
	was := 0
	if f.Before.Object != nil && f.Before.Kind.Name != api.SessionJob.Name {
		was = javaOf(f.Before)
	}
	switch {
	case is == 0 || v == 0:
		return nil
	case v >= 200 && is < 11:
		return []Finding{{ID: "JAVA", Level: Fails, Text: fmt.Sprintf("the image's tag names Java %d, and Flink %s needs 11 or newer", is, versionText(v))}}
	case is >= 17 && v < 118 || is >= 21 && v < 119:
		return []Finding{{ID: "JAVA", Level: Warning, Text: fmt.Sprintf("the image's tag names Java %d, which Flink %s doesn't support", is, versionText(v))}}
	case was > 0 && was < 17 && is >= 17:
		return []Finding{{ID: "JAVA", Level: Note, Text: fmt.Sprintf("Java changes from %d to %d: classes that reach into the JDK need --add-opens in env.java.opts.all, which the operator's default configuration has", was, is)}}
	}
	return nil
}

// manifest is what lint has to say of the new spec that it hasn't of the old.
func manifest(f *Facts) []Finding {
	if f.After.Object == nil || f.Before.Object == nil {
		return nil
	}
	old := map[string]bool{}
	for _, found := range diagnosis.LintObject(f.Before.Object, nil) {
		old[found.Rule+" "+found.Subject] = true
	}
	var out []Finding
	for _, found := range diagnosis.LintObject(f.After.Object, nil) {
		if old[found.Rule+" "+found.Subject] {
			continue
		}
		level := Warning
		if found.Severity == diagnosis.Info {
			level = Note
		}
		out = append(out, Finding{ID: found.Rule, Level: level, Text: found.Means})
	}
	return out
}
