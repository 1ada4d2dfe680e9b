package api

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and Version are the operator's only API group and the only version
// it has ever served.
const (
	Group   = "flink.apache.org"
	Version = "v1beta1"
)

// Kind is one of the operator's kinds. Its resource is known beforehand, so
// that no discovery is needed.
type Kind struct {
	// Name is the kind, as in manifests: FlinkDeployment.
	Name string
	// Plural is the resource's name in URLs: flinkdeployments.
	Plural string
	// Singular is how the kind is printed and typed: flinkdeployment.
	Singular string
	// Aliases are the other names that users may type, separated by spaces.
	Aliases string
}

// The operator's kinds. FlinkStateSnapshot came with operator 1.10,
// FlinkBlueGreenDeployment with 1.14.
var (
	Deployment = Kind{"FlinkDeployment", "flinkdeployments", "flinkdeployment", "flinkdep deployment deploy"}
	SessionJob = Kind{"FlinkSessionJob", "flinksessionjobs", "flinksessionjob", "sessionjob"}
	BlueGreen  = Kind{"FlinkBlueGreenDeployment", "flinkbluegreendeployments", "flinkbluegreendeployment", "flinkbgdep bluegreen"}
	StateSnap  = Kind{"FlinkStateSnapshot", "flinkstatesnapshots", "flinkstatesnapshot", "flinksnp snapshot"}
)

// JobKinds are the kinds that run jobs.
var JobKinds = []Kind{Deployment, SessionJob, BlueGreen}

// IsZero reports whether k is no kind.
func (k Kind) IsZero() bool { return k.Name == "" }

// GVR is the kind's resource.
func (k Kind) GVR() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: Group, Version: Version, Resource: k.Plural}
}

// Printed is NAME as `-o name` prints it: flinkdeployment.flink.apache.org/NAME.
func (k Kind) Printed(name string) string { return k.Singular + "." + Group + "/" + name }

// ParseKind finds the kind that a user means: its kind, plural, singular or
// short name, in any case, with or without the API group.
func ParseKind(word string, among ...Kind) (Kind, bool) {
	word = strings.ToLower(word)
	word = strings.TrimSuffix(strings.TrimSuffix(word, "."+Group), "."+Version)
	for _, kind := range among {
		if word == kind.Plural || word == kind.Singular || slices.Contains(strings.Fields(kind.Aliases), word) {
			return kind, true
		}
	}
	return Kind{}, false
}

// Ref names one object.
type Ref struct {
	Kind      Kind
	Namespace string
	Name      string
}

// IsZero reports whether r names nothing.
func (r Ref) IsZero() bool { return r.Name == "" }

// String is TYPE/NAME as a user would type it; "" of the zero Ref.
func (r Ref) String() string {
	if r.IsZero() && r.Kind.IsZero() {
		return ""
	}
	return r.Kind.Singular + "/" + r.Name
}

// Printed is TYPE.GROUP/NAME as kubectl prints it.
func (r Ref) Printed() string { return r.Kind.Printed(r.Name) }
