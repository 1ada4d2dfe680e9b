package timeline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// keptSpec is a spec that the operator keeps in the status.
type keptSpec struct {
	spec map[string]any
	// generation is 0 where it isn't reported.
	generation int64
}

func readKept(text string) (k keptSpec) {
	var decoded struct {
		Spec     map[string]any `json:"spec"`
		Metadata struct {
			Metadata struct {
				Generation int64 `json:"generation"`
			} `json:"metadata"`
		} `json:"resource_metadata"`
	}
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	if decoder.Decode(&decoded) == nil {
		k.spec, k.generation = decoded.Spec, decoded.Metadata.Metadata.Generation
	}
	return k
}

// mostFields bounds how many fields of a change are reported.
const mostFields = 40

// specs says who wrote the spec, and in what the current one, the one carried out
// last and the last stable one differ.
func (b *builder) specs() {
	object := b.f.Object
	writers := readWriters(object.GetManagedFields())
	b.add(Entry{At: b.created, Kind: Spec, Text: "created" + by(writers.at(b.created)), Source: "metadata.creationTimestamp", ID: "created"})
	for _, w := range writers {
		if w.at.Sub(b.created).Abs() < time.Second {
			continue // that is the creation
		}
		b.add(Entry{
			At: w.at, Kind: Spec, Text: w.manager + " wrote the spec; it is the last writer of " + fields(len(w.fields)), Details: few(w.fields),
			Source: "metadata.managedFields", ID: "writer/" + w.manager + "/" + w.at.UTC().Format(time.RFC3339),
		})
	}
	status := func(field string) string { return api.Text(object.Object, "status", "reconciliationStatus", field) }
	reconciled, stable := readKept(status("lastReconciledSpec")), readKept(status("lastStableSpec"))
	reconciled.generation = cmp.Or(b.job.ObservedGeneration(), reconciled.generation)
	at := api.Millis(object.Object, "status", "reconciliationStatus", "reconciliationTimestamp")
	if stable.spec != nil && reconciled.spec != nil {
		if changes := describeChanges(api.DiffSpecs(stable.spec, reconciled.spec), writers); len(changes) > 0 {
			b.add(Entry{
				At: at, Kind: Spec, Text: "the operator carried out " + generation(reconciled.generation, "the spec") + ", which differs from " + generation(stable.generation, "the last stable spec") + " in " + fields(len(changes)),
				Details: few(changes), Source: "status.reconciliationStatus", ID: fmt.Sprintf("reconciled/%d", at.UnixMilli()),
			})
		}
	}
	if reconciled.spec != nil {
		if diff := api.DiffSpecs(reconciled.spec, b.job.Spec()); len(diff) > 0 && b.generation() != reconciled.generation {
			var last time.Time
			for _, change := range diff {
				if w, ok := writers.of(change.Path); ok {
					last = later(last, w.at)
				}
			}
			e := Entry{
				At: last, Kind: Spec, Text: generation(b.generation(), "the spec") + " isn't carried out yet: it differs from " + generation(reconciled.generation, "the last one") + " in " + fields(len(diff)),
				Details: few(describeChanges(diff, writers)), Source: "spec, status.reconciliationStatus.lastReconciledSpec", ID: fmt.Sprintf("pending/%d", b.generation()),
			}
			if last.IsZero() {
				e.At = b.f.Now
				e.Text += "; when it was written isn't known"
			}
			b.add(e)
		}
	}
}

// generationsUnknown is how many generations of the spec are not recorded anywhere.
func (b *builder) generationsUnknown() int64 {
	status := func(field string) string {
		return api.Text(b.f.Object.Object, "status", "reconciliationStatus", field)
	}
	current := b.generation()
	known := map[int64]bool{current: true}
	if n := b.job.ObservedGeneration(); n > 0 {
		known[n] = true
	}
	if k := readKept(status("lastStableSpec")); k.spec != nil {
		known[cmp.Or(k.generation, current)] = true
	}
	return current - int64(len(known)) - int64(b.changes)
}

// generation is the spec's present one; 0 where it isn't known.
func (b *builder) generation() int64 {
	n, _ := api.Number(b.f.Object.Object, "metadata", "generation")
	return n
}

func generation(n int64, otherwise string) string {
	if n <= 0 {
		return otherwise
	}
	return fmt.Sprintf("generation %d", n)
}

func fields(n int) string {
	if n == 1 {
		return "1 field"
	}
	return fmt.Sprintf("%d fields", n)
}

func by(who string) string {
	if who == "" {
		return ""
	}
	return " by " + who
}

// few bounds details.
func few(all []string) []string {
	if len(all) <= mostFields {
		return all
	}
	return append(slices.Clone(all[:mostFields]), fmt.Sprintf("and %d more", len(all)-mostFields))
}

// describeChanges returns changes with who wrote the field last.
func describeChanges(changes []api.FieldChange, writers writers) []string {
	var out []string
	for _, c := range changes {
		line := c.Path + ": " + arrow(c.Old, c.New)
		if w, ok := writers.of(c.Path); ok {
			line += " (last written by " + w.manager + ")"
		}
		out = append(out, line)
	}
	return out
}

// writer is who wrote fields of the spec.
type writer struct {
	manager string
	at      time.Time
	// fields are paths below spec, sorted.
	fields []string
	tree   map[string]any
}

// writers are a spec's, oldest first.
type writers []writer

// readWriters reads managedFields: who wrote which fields of the spec last.
func readWriters(entries []metav1.ManagedFieldsEntry) writers {
	var out writers
	for _, e := range entries {
		if e.Time == nil || e.FieldsV1 == nil || e.Subresource == "status" {
			continue
		}
		var tree map[string]any
		if json.Unmarshal(e.FieldsV1.GetRawBytes(), &tree) != nil {
			continue
		}
		spec, _ := tree["f:spec"].(map[string]any)
		if spec == nil {
			continue
		}
		w := writer{manager: cmp.Or(e.Manager, "somebody"), at: e.Time.Time, tree: spec}
		w.fields = leaves(nil, "", spec, 0)
		slices.Sort(w.fields)
		out = append(out, w)
	}
	sorting.By(out, func(a, b writer) int { return a.at.Compare(b.at) })
	return out
}

// deepest bounds how deep fields are looked for.
const deepest = 40

func leaves(out []string, path string, tree map[string]any, depth int) []string {
	if depth > deepest {
		return out
	}
	for name, below := range tree {
		name, isField := strings.CutPrefix(name, "f:")
		if !isField {
			continue // an item of a list, or the field itself
		}
		full := strings.TrimPrefix(path+"."+name, ".")
		children, _ := below.(map[string]any)
		n := len(out)
		if out = leaves(out, full, children, depth+1); len(out) == n {
			out = append(out, full)
		}
	}
	return out
}

// at is who wrote at a moment; "" where nobody did.
func (w writers) at(moment time.Time) string {
	for _, one := range w {
		if one.at.Sub(moment).Abs() < time.Second {
			return one.manager
		}
	}
	return ""
}

var indexes = regexp.MustCompile(`\[\d+\]`)

// of is the last writer of a field, given as api.FieldChange has it.
func (w writers) of(path string) (writer, bool) {
	if key, isConfig := strings.CutPrefix(path, api.ConfigPrefix); isConfig {
		path = "flinkConfiguration." + key
	}
	path = indexes.ReplaceAllString(path, "")
	for _, one := range slices.Backward(w) {
		if owns(one.tree, path, 0) {
			return one, true
		}
	}
	return writer{}, false
}

// owns reports whether a tree of fields has a path or what it is part of. Names
// may have dots in them, as keys of the configuration do.
func owns(tree map[string]any, path string, depth int) bool {
	if depth > deepest {
		return false
	}
	if depth > 0 && !hasFields(tree) {
		return true // the whole of it: a list, or a value without a schema
	}
	for name, below := range tree {
		name, isField := strings.CutPrefix(name, "f:")
		if !isField {
			continue
		}
		rest, ok := strings.CutPrefix(path, name)
		if !ok || rest != "" && rest[0] != '.' {
			continue
		}
		children, _ := below.(map[string]any)
		if rest == "" || owns(children, rest[1:], depth+1) {
			return true
		}
	}
	return false
}

func hasFields(tree map[string]any) bool {
	for name := range tree {
		if strings.HasPrefix(name, "f:") {
			return true
		}
	}
	return false
}

var (
	changeKind = regexp.MustCompile(`^([A-Z_]+) change\(s\) detected`)
	changed    = regexp.MustCompile(`(^|, )([A-Za-z0-9_.\-]+) : `)
)

// specChange reads the operator's event about a changed spec.
func specChange(message string) (text string, details []string) {
	text = "the operator saw that the spec had changed"
	if m := changeKind.FindStringSubmatch(message); m != nil {
		text += " (" + strings.ToLower(m[1]) + ")"
	}
	_, diff, found := strings.Cut(message, "[")
	end := strings.LastIndex(diff, "])")
	if !found || end < 0 {
		return text, []string{message}
	}
	diff = diff[:end]
	starts := changed.FindAllStringSubmatchIndex(diff, -1)
	for i, at := range starts {
		stop := len(diff)
		if i+1 < len(starts) {
			stop = starts[i+1][0]
		}
		field, value := diff[at[4]:at[5]], diff[at[1]:stop]
		before, after, _ := strings.Cut(value, " -> ")
		line := field + ": " + arrow(present(before), present(after))
		if !slices.Contains(details, line) {
			details = append(details, line)
		}
	}
	if len(details) == 0 {
		details = []string{diff}
	}
	return text, few(details)
}

func present(value string) string {
	if value == "null" {
		return ""
	}
	return value
}
