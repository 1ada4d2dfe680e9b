package conf

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// The sources of a setting.
const (
	FromSpec     = "spec"
	FromOperator = "operator"
	FromFlink    = "flink"
	// FromJob is what the job's own code sets.
	FromJob = "job"
)

// Setting is one key of a job's configuration. Secrets are hidden in it.
type Setting struct {
	Key   string `json:"key"`
	Value string `json:"value"`
	// Source is spec, operator, flink or job; From says more exactly where.
	Source string `json:"source"`
	From   string `json:"from"`
	// Spec is what the spec says now, Running what the job or its JobManager
	// runs with, File what the pods' configuration file says; each only where
	// it differs from Value.
	Spec    *string `json:"spec,omitempty"`
	Running *string `json:"running,omitempty"`
	File    *string `json:"file,omitempty"`
	// Deprecated is set where Flink calls the key deprecated.
	Deprecated *Deprecation `json:"deprecated,omitempty"`
	// Notes say in words what is remarkable.
	Notes []string `json:"notes,omitempty"`
	// Standard says that it is Flink's own value, which nobody set.
	Standard bool `json:"standard,omitempty"`
	// Internal is of no use to people.
	Internal bool `json:"internal,omitempty"`
}

// Differs reports whether what was asked for and what runs are not the same.
func (s Setting) Differs() bool { return s.Spec != nil || s.Running != nil || s.File != nil }

// Settings is a job's configuration with the source of each value, by key.
func (l Layers) Settings() []Setting {
	keys := map[string]bool{}
	for _, layer := range []api.Config{l.Spec, l.Carried, l.Defaults, l.Deployed, l.Running, l.JobRuns} {
		for key := range layer {
			keys[key] = true
		}
	}
	for _, fields := range []map[string]Field{l.Fields, l.CarriedFields} {
		for key, field := range fields {
			if !field.Near {
				keys[key] = true
			}
		}
	}
	written := map[string]bool{} // newest names of keys that have an older one
	for key := range keys {
		if name := Canonical(key, l.Version); name != key {
			written[name] = true
		}
	}
	for key := range standard {
		if _, ok := StandardValue(key, l.Version); ok {
			keys[key] = true
		}
	}
	var out []Setting
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if written[key] && !l.set(key) {
			continue // told of under the name that it was written with
		}
		out = append(out, l.setting(key))
	}
	return out
}

// set reports whether somebody set key under exactly this name.
func (l Layers) set(key string) bool {
	for _, layer := range []api.Config{l.Spec, l.Carried, l.Defaults, l.Deployed, l.Running} {
		if _, ok := layer[key]; ok {
			return true
		}
	}
	_, now := l.Fields[key]
	_, carried := l.CarriedFields[key]
	return now || carried
}

// rewritten are the keys that Flink sets again in the JobManager, always.
var rewritten = []string{"execution.target", "pipeline.jars", "pipeline.classpaths", "jobmanager.rpc.address", "rest.address", "rest.bind-address", "web.tmpdir"}

// internalKey reports whether nobody sets key by hand.
func internalKey(key string) bool {
	for _, prefix := range []string{"$internal.", "internal.", "kubernetes.internal.", "kubernetes.pod-template-file.", "kubernetes.jobmanager.owner.", "kubernetes.jobmanager.annotations", "web.tmpdir"} {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// operatorsOwn reports whether key tells the operator what to do and never
// reaches the pods.
func operatorsOwn(key string) bool {
	return strings.HasPrefix(key, "kubernetes.operator.") || strings.HasPrefix(key, "job.autoscaler.")
}

// configured is what was asked for, and where; ok is false where nobody did.
func (l Layers) configured(key string) (value, source, from string, ok bool) {
	if field, found := l.CarriedFields[key]; found {
		if field.Near {
			return l.Deployed[key], FromSpec, field.Path, l.Deployed[key] != ""
		}
		return field.Value, FromSpec, field.Path, true
	}
	if value, found := l.Carried[key]; found {
		at := l.SpecAt
		if l.Own[key] {
			at = l.Job.String() + " " + at
		} else if l.Job.Kind.Name == api.SessionJob.Name {
			at = l.Cluster.String() + " " + at
		}
		return value, FromSpec, at, true
	}
	if value, found := l.Defaults[key]; found {
		return value, FromOperator, l.DefaultsAt[key], true
	}
	return "", "", "", false
}

func (l Layers) setting(key string) Setting {
	s := Setting{Key: key, Internal: internalKey(key)}
	wanted, source, from, asked := l.configured(key)
	file, inFile := l.Deployed[key]
	running, runs := l.Running[key]
	changed := slices.Contains(rewritten, key) || internalKey(key)
	s.Value, s.Source, s.From = wanted, source, from
	// The job's class and arguments have no other key.
	s.Internal = s.Internal && !(asked && strings.HasPrefix(key, "$internal.application."))
	own := operatorsOwn(key) || l.Own[key]
	switch {
	case own: // neither the pods nor the JobManager know it
	case runs && !(changed && (inFile || asked)):
		s.Value = running
	case inFile:
		s.Value = file
	}
	if !asked {
		s.Source, s.From = l.origin(inFile, runs)
	}
	if !asked && !inFile && !runs {
		s.Value, s.Standard = l.notSet(key, &s)
	}
	hide := func(value string) *string {
		value = l.shown(key, value)
		return &value
	}
	note := func(format string, args ...any) { s.Notes = append(s.Notes, fmt.Sprintf(format, args...)) }
	if !own && !changed {
		if inFile && runs && !sameValue(file, running) {
			s.File = hide(file)
			note("the JobManager runs with this; the pods' configuration file says %q", *s.File)
		}
		if inFile && !runs && l.RunningKnown {
			s.Running = hide("")
			note("the JobManager doesn't run with it: it started with an older configuration file")
		}
		if asked && source == FromOperator && (l.DeployedKnown && !inFile && !l.alias(key) || inFile && !sameValue(file, wanted)) {
			s.File = hide(file)
			note("the operator's default is %q now: the pods get it with the next upgrade", *hide(wanted))
			s.Value = cmp.Or(file, wanted)
		}
		if asked && source == FromSpec && inFile && !sameValue(file, wanted) {
			s.Spec = hide(wanted)
			note("%s says %q", from, *s.Spec)
		}
	}
	l.pending(key, &s, note)
	l.inJob(key, &s, asked || inFile, note)
	if other, found := l.Carried[key]; found && source == FromSpec && from != "" && strings.HasPrefix(from, "spec.") && from != l.SpecAt && !sameValue(other, s.Value) {
		note("%s wins over %s, which says %q", from, l.SpecAt, *hide(other))
	}
	// What the operator writes with old names is no concern of the user's.
	if d, ok := Deprecated(key, l.Version); ok && (asked || s.Spec != nil) {
		s.Deprecated = &d
		note("%s", d.Text(key))
		if d.Successor != "" && l.set(d.Successor) && !d.Ignored {
			note("%s is set, too, and wins", d.Successor)
		}
	}
	s.Value = l.shown(key, s.Value)
	return s
}

// origin is who set a key that nobody asked for.
func (l Layers) origin(inFile, runs bool) (source, from string) {
	switch {
	case inFile && l.DefaultsKnown:
		return FromOperator, "added by the operator when it deployed"
	case inFile:
		return FromOperator, "its defaults, or added when it deployed"
	case runs && l.DeployedKnown:
		return FromFlink, "set by Flink when it started"
	case runs:
		return FromOperator, "the operator, or Flink when it started"
	}
	return FromFlink, "Flink's own value"
}

// notSet is the value of a key that no file has: what the job says of itself,
// or Flink's own.
func (l Layers) notSet(key string, s *Setting) (value string, isStandard bool) {
	value, isStandard = StandardValue(key, l.Version)
	job, said := l.JobRuns[key]
	if !said || isStandard && sameValue(job, value) {
		return value, isStandard
	}
	s.Source, s.From = FromJob, l.lastWord()
	if l.Job.Kind.Name == api.SessionJob.Name && key == "execution.checkpointing.externalized-checkpoint-retention" {
		// FlinkConfigBuilder.applyJobConfig
		s.Source, s.From = FromOperator, "added by the operator when it submitted the job"
	}
	return job, false
}

// alias reports whether the file has the key under another name.
func (l Layers) alias(key string) bool {
	name := Canonical(key, l.Version)
	for other := range l.Deployed {
		if other != key && Canonical(other, l.Version) == name {
			return true
		}
	}
	return false
}

// pending notes where the spec as it is now says something else than the one
// carried out.
func (l Layers) pending(key string, s *Setting, note func(string, ...any)) {
	tell := func(at, value string) {
		shown := l.shown(key, value)
		s.Spec = &shown
		note("%s says %q now: %s", at, shown, l.Waiting)
	}
	now, inNow := l.Fields[key]
	before, inBefore := l.CarriedFields[key]
	if inNow && !now.Near && !before.Near && (!inBefore || !sameValue(now.Value, before.Value)) {
		tell(now.Path, now.Value)
		return
	}
	is, inSpec := l.Spec[key]
	was, inCarried := l.Carried[key]
	switch {
	case inSpec && (!inCarried || !sameValue(is, was)):
		tell(l.SpecAt, is)
		if !inCarried && s.Value == "" {
			s.Source, s.From = FromSpec, l.SpecAt
		}
	case inCarried && !inSpec:
		empty := ""
		s.Spec = &empty
		note("%s doesn't say it any more: %s", l.SpecAt, l.Waiting)
	}
}

// shown is a value as it may be printed.
func (l Layers) shown(key, value string) string {
	if l.ShowSecrets {
		return value
	}
	return secret.Value(key, value)
}

// inJob notes where the job runs with something else than was configured:
// its code has the last word.
func (l Layers) inJob(key string, s *Setting, set bool, note func(string, ...any)) {
	job, said := l.JobRuns[Canonical(key, l.Version)]
	if !said || !set || sameValue(job, s.Value) {
		return
	}
	shown := l.shown(key, job)
	s.Running = &shown
	note("the job runs with %q: %s", shown, l.lastWord())
}

// lastWord is who decides in the end what a job runs with.
func (l Layers) lastWord() string {
	if l.Job.Kind.Name != api.SessionJob.Name && len(l.CarriedFields["parallelism.default"].Path) > 0 {
		return "set in the job's code"
	}
	return "set in the job's code, or when it was submitted"
}

// Text is what to do about a deprecated key, in a few words.
func (d Deprecation) Text(key string) string {
	switch {
	case d.Ignored && d.Successor != "":
		return "this Flink version ignores " + key + "; use " + d.Successor
	case d.Ignored:
		return "this Flink version ignores " + key
	case d.Successor != "" && d.Since != "":
		return "deprecated since Flink " + d.Since + "; use " + d.Successor
	case d.Successor != "":
		return "deprecated; use " + d.Successor
	}
	return "deprecated: Flink 2.0 ignores it"
}
