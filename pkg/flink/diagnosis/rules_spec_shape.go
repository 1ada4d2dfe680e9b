package diagnosis

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// shape is what a field of the operator's objects may hold.
type shape struct {
	// of is object, list, string, integer, number, boolean, or any: what isn't
	// looked into (a pod template, a configuration, a map).
	of string
	// words are all that a string may be; none is any.
	words  []string
	fields map[string]*shape
	item   *shape
}

// The fields of the CRDs of the operator 1.0 to 1.16 and its main branch, one a
// line: path, type, words. None was ever taken away.
const (
	jobFields = `
job object
job.allowNonRestoredState boolean
job.args list
job.args[] string
job.autoscalerResetNonce integer
job.checkpointTriggerNonce integer
job.entryClass string
job.initialSavepointPath string
job.jarURI string
job.parallelism integer
job.savepointRedeployNonce integer
job.savepointTriggerNonce integer
job.state string running suspended
job.upgradeMode string savepoint last-state stateless
flinkConfiguration any
restartNonce integer`
	ingressFields = `
ingress object
ingress.annotations any
ingress.className string
ingress.labels any
ingress.template string
ingress.tls list
ingress.tls[] object
ingress.tls[].hosts list
ingress.tls[].hosts[] string
ingress.tls[].secretName string`
	clusterFields = jobFields + ingressFields + `
flinkVersion string
image string
imagePullPolicy string Always IfNotPresent Never
jobManager object
jobManager.podTemplate any
jobManager.replicas integer
jobManager.resource object
jobManager.resource.cpu number
jobManager.resource.ephemeralStorage string
jobManager.resource.memory string
jobManager.resources any
logConfiguration any
mode string native standalone
podTemplate any
serviceAccount string
taskManager object
taskManager.podTemplate any
taskManager.replicas integer
taskManager.resource object
taskManager.resource.cpu number
taskManager.resource.ephemeralStorage string
taskManager.resource.memory string
taskManager.resources any`
	snapshotFields = `
backoffLimit integer
checkpoint object
jobReference object
jobReference.kind string FlinkDeployment FlinkSessionJob
jobReference.name string
savepoint object
savepoint.alreadyExists boolean
savepoint.disposeOnDelete boolean
savepoint.formatType string CANONICAL NATIVE UNKNOWN
savepoint.path string`
)

// shapes are the specs by kind.
var shapes = sync.OnceValue(func() map[string]*shape {
	cluster := shapeOf(clusterFields)
	blueGreen := shapeOf("configuration any" + ingressFields + "\ntemplate object\ntemplate.metadata any")
	blueGreen.fields["template"].fields["spec"] = cluster
	return map[string]*shape{
		kindDeployment: cluster, kindSessionJob: shapeOf("deploymentName string" + jobFields),
		kindSnapshot: shapeOf(snapshotFields), kindBlueGreen: blueGreen,
	}
})

// shapeOf reads a table of fields.
func shapeOf(table string) *shape {
	root := &shape{of: "object", fields: map[string]*shape{}}
	for line := range strings.Lines(table) {
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		path := strings.Split(strings.ReplaceAll(words[0], "[]", ".[]"), ".")
		parent, last := root, path[len(path)-1]
		for _, name := range path[:len(path)-1] {
			if name == "[]" {
				parent = parent.item
			} else {
				parent = parent.fields[name]
			}
		}
		one := &shape{of: words[1], words: words[2:], fields: map[string]*shape{}}
		if last == "[]" {
			parent.item = one
		} else {
			parent.fields[last] = one
		}
	}
	return root
}

// misfit is a place of a manifest that the CRD doesn't have, or has otherwise.
type misfit struct {
	// path is the field's; wants what it has to be, "" where it isn't there at all.
	path, wants string
	// got is the value as JSON.
	got string
	// near is the field that was probably meant; "" where none is like it.
	near string
}

// mostMisfits bounds how many are looked for: a file of another kind has many.
const mostMisfits = 20

// misfits looks for places where a value isn't of a shape. null is a field that
// isn't there.
func (s *shape) misfits(path string, value any, out []misfit) []misfit {
	if value == nil || s.of == "any" || len(out) >= mostMisfits {
		return out
	}
	wrong := func() []misfit {
		wants := "of type " + s.of
		if len(s.words) > 0 {
			wants = strings.Join(s.words, ", ")
		}
		got, _ := json.Marshal(value)
		return append(out, misfit{path: path, wants: wants, got: oneLine(string(got))})
	}
	switch s.of {
	case "object":
		fields, ok := value.(map[string]any)
		if !ok {
			return wrong()
		}
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			if len(out) >= mostMisfits {
				break
			}
			if one := s.fields[name]; one != nil {
				out = one.misfits(path+"."+name, fields[name], out)
				continue
			}
			out = append(out, misfit{path: path + "." + oneLine(name), near: s.nearest(name)})
		}
	case "list":
		items, ok := value.([]any)
		if !ok {
			return wrong()
		}
		for i, item := range items {
			out = s.item.misfits(fmt.Sprintf("%s[%d]", path, i), item, out)
		}
	case "string":
		if text, ok := value.(string); !ok || len(s.words) > 0 && !slices.Contains(s.words, text) {
			return wrong()
		}
	case "integer":
		if n, ok := value.(float64); ok && n == float64(int64(n)) {
			return out
		}
		if _, ok := value.(int64); !ok {
			return wrong()
		}
	case "number":
		switch value.(type) {
		case int64, float64:
		default:
			return wrong()
		}
	case "boolean":
		if _, ok := value.(bool); !ok {
			return wrong()
		}
	}
	return out
}

// nearest is the field that a name is like; "" where there is none.
func (s *shape) nearest(name string) string {
	best, distance := "", min(max(len(name)/4, 1), 3)+1
	for _, known := range slices.Sorted(maps.Keys(s.fields)) {
		if len(name) > len(known)+distance {
			continue // a name may be of any length
		}
		if fold(known) == fold(name) {
			return known
		}
		if d := editDistance(name, known, distance); d < distance {
			best, distance = known, d
		}
	}
	return best
}

// misplaced are the fields beside a manifest's spec that no object has.
func misplaced(object map[string]any) []misfit {
	top := &shape{of: "object", fields: map[string]*shape{}}
	for _, name := range []string{"apiVersion", "kind", "metadata", "spec", "status"} {
		top.fields[name] = &shape{of: "any"}
	}
	meta := &shape{of: "object", fields: map[string]*shape{}}
	for _, name := range []string{"name", "generateName", "namespace", "labels", "annotations", "finalizers", "ownerReferences", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields", "selfLink"} {
		meta.fields[name] = &shape{of: "any"}
	}
	top.fields["metadata"] = meta
	out := top.misfits("", object, nil)
	for i := range out {
		out[i].path = strings.TrimPrefix(out[i].path, ".")
	}
	return out
}

var shapeRules = []Rule{
	{
		ID: "FLINK-SPEC-FIELD", Severity: Error, Title: "a field doesn't exist", Link: docReference,
		Explain: "The manifest has a field that the operator's CRDs don't have. kubectl refuses it; where it isn't validated (other clients, --validate=false) the API server leaves it out without a word, so that what it says is never done. A newer operator may have fields that aren't known here.",
		spec: func(m *manifest) []Finding {
			if !m.inFile {
				return nil // the API server has taken it
			}
			var out []Finding
			for _, one := range append(misplaced(m.object.Object), shapes()[m.kind].misfits("spec", m.object.Object["spec"], nil)...) {
				if one.wants != "" {
					continue
				}
				f := Finding{Subject: one.path, Means: one.path + " is no field of a " + m.kind, Evidence: []Evidence{{Source: "the manifest", Text: one.path}}, Cures: []Cure{{Text: "take it out, or put it where it belongs (kubectl explain " + strings.ToLower(m.kind) + ".spec)"}}}
				if one.near != "" {
					f.Means += "; " + one.near + " is"
					f.Cures[0].Text = "write it " + one.near
				} else {
					f.Severity = Warning
				}
				out = append(out, f)
			}
			return out
		},
	},
	{
		ID: "FLINK-SPEC-TYPE", Severity: Error, Title: "a field has a value that it can't have", Link: docReference,
		Explain: "The API server refuses the manifest: a field is of another type (numbers in quotes, sizes without), or a word isn't one of those that it may be.",
		spec: func(m *manifest) []Finding {
			if !m.inFile {
				return nil
			}
			var out []Finding
			for _, one := range append(shapes()[m.kind].misfits("spec", m.object.Object["spec"], nil), versionMisfit(m)...) {
				if one.wants == "" {
					continue
				}
				out = append(out, Finding{Subject: one.path, Means: fmt.Sprintf("%s is %s, and has to be %s", one.path, one.got, one.wants), Evidence: []Evidence{{Source: one.path, Text: one.got}}, Cures: []Cure{{Text: typeCure(one)}}})
			}
			return out
		},
	},
}

// versionMisfit is an API version that no release of the operator serves.
func versionMisfit(m *manifest) []misfit {
	if v := m.object.GetAPIVersion(); v != group+"/v1beta1" {
		return []misfit{{path: "apiVersion", got: v, wants: group + "/v1beta1"}}
	}
	return nil
}

// typeCure is how to write a value as its field wants it.
func typeCure(one misfit) string {
	for word := range strings.SplitSeq(one.wants, ", ") {
		if fold(word) == fold(strings.Trim(one.got, `"`)) {
			return "write it " + word
		}
	}
	switch quoted := strings.HasPrefix(one.got, `"`); {
	case quoted && (one.wants == "of type integer" || one.wants == "of type number" || one.wants == "of type boolean"):
		return "write it without quotes"
	case one.wants == "of type string" && !strings.ContainsAny(one.got, "{["):
		return "put it in quotes"
	}
	return "write it so"
}
