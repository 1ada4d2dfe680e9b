package apply

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// ForeignError says that a document isn't a CMF resource.
type ForeignError struct{ Location, What string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("%s: not a CMF resource: %s", e.Location, e.What)
}

// classify finds the kind of a document; nil with an error where it is none,
// nil without one for the defaults of an environment that it doesn't name.
func classify(d Document) (*cmf.Kind, error) {
	foreign := func(format string, args ...any) error {
		return &ForeignError{d.Location(), fmt.Sprintf(format, args...)}
	}
	name, version := d.Object.Text("kind"), d.Object.Text("apiVersion")
	group, _, _ := strings.Cut(version, "/")
	switch base := filepath.Base(d.Source); {
	case base == "kustomization.yaml" || base == "kustomization.yml" || group == "kustomize.config.k8s.io":
		return nil, foreign("a kustomization, which has to be built first: kubectl kustomize %s | kubectl cmf apply -f -", filepath.Dir(d.Source))
	case name == "" && version == "":
		return bare(d)
	case name == "":
		return nil, foreign("it has no kind")
	case version == "" && name != "Environment":
		return nil, foreign("kind %s without apiVersion; CMF's is %s/v1", name, cmf.Group)
	case version != "" && group != cmf.Group:
		switch {
		case group == "platform.confluent.io":
			return nil, foreign("%s %s belongs to Confluent for Kubernetes; use kubectl apply", version, name)
		case isKind(name) && (name != "Secret" || version != "v1" || len(d.Object.Map("spec")) > 0):
			return nil, foreign("apiVersion of %s must be %s/v1, not %s", article(name), cmf.Group, version)
		}
		return nil, foreign("%s %s; kubectl apply may take it", version, name)
	}
	for _, kind := range cmf.Kinds {
		if kind.Kind == name && kind != cmf.Must("detached-savepoint") {
			return kind, nil
		}
	}
	if near := nearKind(name); near != "" {
		return nil, foreign("%s has no kind %s; it is %s", cmf.Group, name, near)
	}
	return nil, foreign("%s has no kind %s", cmf.Group, name)
}

// nearKind is the kind that name means in another case, in the plural or as the
// command line has it; "" where there is none.
func nearKind(name string) string {
	lower := strings.ToLower(name)
	for _, kind := range cmf.Kinds {
		own := strings.ToLower(kind.Kind)
		if lower == own || lower == own+"s" || lower == strings.ReplaceAll(kind.Name, "-", "") || own == "kafka"+lower {
			return kind.Kind
		}
	}
	return ""
}

// article is word with its article.
func article(word string) string {
	if word != "" && strings.ContainsRune("AEIOU", rune(word[0])) {
		return "an " + word
	}
	return "a " + word
}

// fileFields are the fields at the top of files.
var fileFields = []string{"apiVersion", "kind", "metadata", "name", "kubernetesNamespace"}

// misspelled is a field at the top of o that has the letters of one that a file
// has, in another case, and how it is written; "" where there is none.
func misspelled(o cmf.Object) (field, want string) {
	for _, field := range slices.Sorted(maps.Keys(o)) {
		for _, want := range fileFields {
			if field != want && strings.EqualFold(field, want) && o[want] == nil {
				return field, want
			}
		}
	}
	return "", ""
}

// isKind reports whether CMF has a kind of that name.
func isKind(name string) bool {
	return slices.ContainsFunc(cmf.Kinds, func(k *cmf.Kind) bool { return k.Kind == name })
}

// bare tells environments, which have no kind, from anything else.
func bare(d Document) (*cmf.Kind, error) {
	own := []string{"kubernetesNamespace", "flinkApplicationDefaults", "computePoolDefaults", "statementDefaults", "kubernetesClusterName"}
	if d.Object.Text("name") != "" && slices.ContainsFunc(own, func(f string) bool { _, ok := d.Object[f]; return ok }) {
		return cmf.Must("env"), nil
	}
	if isDefaults(d.Object) {
		return nil, nil
	}
	if field, want := misspelled(d.Object); field != "" {
		return nil, &ForeignError{d.Location(), fmt.Sprintf("its field %s is written %s", field, want)}
	}
	if d.Object.Text("metadata.name") != "" {
		return nil, &ForeignError{d.Location(), fmt.Sprintf("it says neither apiVersion (%s/v1) nor kind; kubectl cmf KIND create -f takes it without them", cmf.Group)}
	}
	return nil, &ForeignError{d.Location(), "it has neither a kind nor the fields of an environment (name, kubernetesNamespace)"}
}

// isDefaults recognizes what `confluent flink environment create --defaults`
// takes: the defaults of an environment's applications, and nothing else.
func isDefaults(o cmf.Object) bool {
	for key := range o {
		if key != "spec" && key != "metadata" {
			return false
		}
	}
	// What is named, or is a job, is an application without its kind: taken for the
	// defaults, it would replace them.
	if o.Text("metadata.name|spec.job.jarURI|spec.job.entryClass") != "" {
		return false
	}
	spec := o.Map("spec")
	for _, field := range []string{"flinkConfiguration", "podTemplate", "jobManager", "taskManager", "image", "flinkVersion", "serviceAccount"} {
		if _, ok := spec[field]; ok {
			return true
		}
	}
	return false
}
