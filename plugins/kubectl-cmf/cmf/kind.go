// Package cmf talks to Confluent Manager for Apache Flink: one HTTP client,
// and the kinds of resource as rows of a table. What it knows of a kind stands
// in that row; everything else treats all kinds alike.
package cmf

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Group is the API group of CMF's resources.
const Group = "cmf.confluent.io"

// Kind is what this program knows of one kind of resource.
type Kind struct {
	// Name is the word of the command line, Aliases the others for it.
	Name    string
	Aliases []string
	// Kind is the value of the field kind, Type the singular that kubectl
	// would print before the group: computepool.cmf.confluent.io/pool1.
	Kind string
	Type string
	// Short describes the kind in one line of help.
	Short string
	// Path is the collection below the API's base. {environment}, {catalog},
	// {application} and {owner} (applications/x or statements/x) are filled in
	// from a Scope.
	Path string
	// Alpha puts the collection below v1alpha1.
	Alpha bool
	// Flat resources have no apiVersion, kind and spec: environments.
	Flat bool
	// Since is the first CMF that serves the kind.
	Since Version
	// Rank orders dependencies: lower is created first and deleted last.
	Rank int

	// Create says that POST creates; Upsert that the same POST updates too.
	Create, Upsert bool
	// UpdateSince is the first CMF with a PUT; nil where there is none.
	UpdateSince *Version
	// Only, where set, are the fields that an update may change.
	Only []string
	// Delete says that DELETE exists; ForceSince is the first CMF where
	// ?force=true removes CMF's record without the cluster behind it.
	Delete     bool
	ForceSince *Version
	// MetadataSince is the first CMF that takes labels and annotations; nil where
	// all do.
	MetadataSince *Version
	// KeepAbsent keeps the top-level fields that a file doesn't name.
	KeepAbsent bool
	// Immutable fields can't change while the resource exists.
	Immutable []string
	// Required fields must be there to create one.
	Required []string
	// RequiredBefore are fields that only CMFs before a version want.
	RequiredBefore map[string]Version
	// Server fields are set by CMF: never sent and never compared. They come
	// on top of status and the common ones in metadata.
	Server []string
	// WriteOnly fields are never returned, so that they can't be compared.
	WriteOnly []string
	// SecretNames are fields that only name secrets, so that they are shown.
	SecretNames []string
	// Defaults are what CMF fills in: absent is the same as this value.
	Defaults map[string]any
	// Texts are objects all of whose values are texts to CMF, as configurations.
	Texts []string
	// Renamed fields changed their name: both names mean the same.
	Renamed []Rename
	// Filter is the first CMF whose list takes ?filter=.
	Filter *Version
	// Files says that contents come as a file besides (artifacts).
	Files bool

	// Columns are those of a table.
	Columns []Column
	// Phases say when the resource is ready and when it has failed; Cause is
	// where it says why.
	Phases []Phase
	Cause  []string
	// Means says what a state of failure is, where the resource says nothing.
	Means map[string]string
	// Ends are states, other than of failure, that nothing leads out of.
	Ends []string
	// Keeps says what deleting one loses, nil for nothing of worth.
	Keeps *Keeps
	// Remake says that one that has failed stays so until it is deleted and
	// created again.
	Remake bool
	// Defines, where set, reports whether others of the same files may need what
	// an object makes: such are made in the order of the files, each to its end.
	Defines func(o Object) bool
	// Makes, where set, names what an object makes beside running on; NeedsMade
	// reports whether another one names that.
	Makes     func(o Object) string
	NeedsMade func(o Object, made string) bool
	// Host is the kind of resource that has to be ready before one is created,
	// and HostPath where its name stands; "" for none.
	Host, HostPath string
	// Mode is where it stands how the job's state gets over a stop, and Restarts
	// are the fields whose change stops the job; "" where it isn't known.
	Mode     string
	Restarts []string
	// NextMode is where it stands how the job's state gets over the next stop, by
	// the spec that is sent; Harmless are fields in Restarts whose change doesn't
	// stop the job after all.
	NextMode string
	Harmless []string
}

// TextsOnly makes texts of the numbers and booleans in o that CMF takes as such:
// it answers with texts, which would be a change for ever.
func (k *Kind) TextsOnly(o Object) {
	for _, path := range k.Texts {
		fields := o.Map(path)
		for key, value := range fields {
			switch v := value.(type) {
			case json.Number:
				fields[key] = v.String()
			case bool:
				fields[key] = strconv.FormatBool(v)
			}
		}
	}
}

// Stops reports whether the change of a field stops the job of an object.
func (k *Kind) Stops(field string) bool {
	within := func(path string) bool { return field == path || strings.HasPrefix(field, path+".") }
	return slices.ContainsFunc(k.Restarts, within) && !slices.ContainsFunc(k.Harmless, within)
}

// Stateless reports whether the job of o loses its state when it is stopped.
func (k *Kind) Stateless(o Object) bool {
	return k.Mode != "" && strings.EqualFold(o.Text(k.Mode), api.UpgradeStateless)
}

// Keeps is what a resource holds that can't be made again.
type Keeps struct {
	// What says it in words.
	What string
	// NothingIn are the states in which there is nothing to lose.
	NothingIn []string
	// Path, where set, is a field that tells those with something to lose: its
	// value, in upper case, begins with one of Prefixes.
	Path     string
	Prefixes []string
	// Savepoint says that a savepoint keeps it.
	Savepoint bool
}

// Rename is a field whose name changed with a version of CMF.
type Rename struct {
	Old, New string
	Since    Version
}

// Column is one column of a kind's table.
type Column struct {
	Header string
	// Path is where the value is; "a|b" tries a, then b.
	Path string
	// Format is "" for a scalar, "age" for a timestamp, "bytes" for a size,
	// "list" for a list, "labels" for labels, "state" for a colored word, "cut"
	// for long text of which the beginning is shown.
	Format string
	Wide   bool
}

// Phase is one test of a resource's status, made when the fields in When have
// the values given ("!x" for any but x). A value in Failed or Busy decides at
// once; one in Ready does when no other test finds a failure.
type Phase struct {
	When   map[string]string
	Path   string
	Ready  []string
	Busy   []string
	Failed []string
	// Passing are those of Failed that also come and go by themselves: a wait
	// takes them for failure only when they last.
	Passing []string
	// Final are words in the cause with which they don't.
	Final []string
}

// Scope says where a resource lives.
type Scope struct {
	Environment string
	Catalog     string
	Application string
	Statement   string
}

// Ref names one resource.
type Ref struct {
	Kind  *Kind
	Scope Scope
	Name  string
}

// String is the resource as kubectl would print it.
func (r Ref) String() string { return r.Kind.FullType() + "/" + r.Name }

// Where is the resource with its place, for messages.
func (r Ref) Where() string {
	scope := r.Scope.in(r.Kind)
	if scope == "" && strings.Contains(r.Kind.Name, "secret") {
		// What stands right behind a name with "secret" in it and a colon is hidden
		// where text leaves the program.
		scope = " of CMF"
	}
	return fmt.Sprintf("%s %q%s", r.Kind.Name, r.Name, scope)
}

func (s Scope) in(k *Kind) string {
	var parts []string
	switch {
	case k.needs("owner") && s.Statement != "":
		parts = append(parts, fmt.Sprintf("of statement %q", s.Statement))
	case (k.needs("owner") || k.needs("application")) && s.Application != "":
		parts = append(parts, fmt.Sprintf("of application %q", s.Application))
	}
	if k.needs("environment") && s.Environment != "" {
		parts = append(parts, fmt.Sprintf("in environment %q", s.Environment))
	}
	if k.needs("catalog") && s.Catalog != "" {
		parts = append(parts, fmt.Sprintf("in catalog %q", s.Catalog))
	}
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, " ")
}

// FullType is the type with its group.
func (k *Kind) FullType() string { return k.Type + "." + Group }

func (k *Kind) needs(place string) bool { return strings.Contains(k.Path, "{"+place+"}") }

// NeedsEnvironment reports whether the kind lives in an environment.
func (k *Kind) NeedsEnvironment() bool { return k.needs("environment") }

// NeedsCatalog reports whether the kind lives in a catalog.
func (k *Kind) NeedsCatalog() bool { return k.needs("catalog") }

// NeedsApplication reports whether the kind belongs to an application.
func (k *Kind) NeedsApplication() bool { return k.needs("application") }

// NeedsOwner reports whether the kind belongs to an application or statement.
func (k *Kind) NeedsOwner() bool { return k.needs("owner") }

// Updatable reports whether a CMF of this version can change one.
func (k *Kind) Updatable(v Version) bool {
	return k.Upsert || k.UpdateSince != nil && !v.Before(*k.UpdateSince)
}

// collection is the path of the kind's collection in s, by segments.
func (k *Kind) collection(s Scope) ([]string, error) {
	path := []string{"v1"}
	if k.Alpha {
		path[0] = "v1alpha1"
	}
	for segment := range strings.SplitSeq(k.Path, "/") {
		var name, what string
		switch segment {
		case "{environment}":
			name, what = s.Environment, "environment"
		case "{catalog}":
			name, what = s.Catalog, "catalog"
		case "{application}":
			name, what = s.Application, "application"
		case "{owner}":
			name, what = s.Application, "application"
			if s.Statement != "" {
				name, what = s.Statement, "statement"
			}
			path = append(path, what+"s")
		default:
			path = append(path, segment)
			continue
		}
		if err := CheckName(what, name); err != nil {
			return nil, fmt.Errorf("%s: %w", k.Name, err)
		}
		path = append(path, name)
	}
	return path, nil
}

// CheckName refuses what can't be the name of a resource, because in an
// address it would lead elsewhere. what says what it names.
func CheckName(what, name string) error {
	if name == "" {
		return fmt.Errorf("the name of the %s is not known", what)
	}
	if _, err := untrusted.Path(name); err != nil {
		return fmt.Errorf("that can't be the name of the %s: %w", what, err)
	}
	return nil
}

// Trim keeps of s what the kind needs, so that equal places compare equal.
func (k *Kind) Trim(s Scope) Scope {
	var out Scope
	if k.NeedsEnvironment() {
		out.Environment = s.Environment
	}
	if k.NeedsCatalog() {
		out.Catalog = s.Catalog
	}
	if k.NeedsApplication() || k.NeedsOwner() {
		out.Application = s.Application
	}
	if k.NeedsOwner() {
		out.Statement = s.Statement
	}
	return out
}

// Find is the kind that a word of the command line means, nil for none.
func Find(word string) *Kind {
	for _, k := range Kinds {
		if k.Name == word || slices.Contains(k.Aliases, word) {
			return k
		}
	}
	return nil
}

// Must is the kind with that name; it panics where there is none.
func Must(name string) *Kind {
	if k := Find(name); k != nil {
		return k
	}
	panic("no kind " + name)
}

// Verdict is what a resource's status says.
type Verdict int

// The verdicts of Kind.State.
const (
	Pending Verdict = iota
	Ready
	Failed
)

// State is the word that tells the resource's state, its meaning and, where it
// has failed, why. A kind without phases is ready as soon as it exists.
func (k *Kind) State(o Object) (state string, verdict Verdict, cause string) {
	if len(k.Phases) == 0 {
		return "", Ready, ""
	}
	ready := ""
	for _, phase := range k.Phases {
		if !phase.applies(o) {
			continue
		}
		value := o.Text(phase.Path)
		if value == "" {
			continue
		}
		if slices.Contains(phase.Failed, value) {
			return value, Failed, cmp.Or(k.Why(o), k.Means[value])
		}
		if slices.Contains(phase.Busy, value) {
			return value, Pending, ""
		}
		if slices.Contains(phase.Ready, value) && ready == "" {
			ready = value
		}
		state = value
	}
	if ready != "" {
		return ready, Ready, ""
	}
	return state, Pending, ""
}

// Passes reports whether a state that means failure also comes and goes by
// itself, with that cause.
func (k *Kind) Passes(state, cause string) bool {
	for _, phase := range k.Phases {
		if slices.Contains(phase.Passing, state) {
			return !slices.ContainsFunc(phase.Final, func(word string) bool { return strings.Contains(cause, word) })
		}
	}
	return false
}

func (p Phase) applies(o Object) bool {
	for path, want := range p.When {
		got := o.Text(path)
		if not, ok := strings.CutPrefix(want, "!"); ok && got == not || !ok && got != want {
			return false
		}
	}
	return true
}

// Why is what the resource says about its failure, "" for nothing.
func (k *Kind) Why(o Object) string {
	for _, path := range k.Cause {
		if text := o.Text(path); text != "" {
			return Bounded(readable(text))
		}
	}
	return ""
}
