package cmf

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// The forms of a field's value.
const (
	text    = "a string"
	number  = "a number"
	boolean = "true or false"
	list    = "a list"
	// object is one whose fields aren't known here, such as a configuration;
	// closed is one all of whose fields are.
	object = "an object"
	closed = "an object "
)

// shapes are the fields that the published documents of CMF 2.0 to 2.4 give to
// each kind, and for applications those of Flink's operator, by their path.
var shapes = map[string]map[string]string{
	"env": {
		"name": text, "kubernetesNamespace": text, "kubernetesClusterName": text,
		"created_time": text, "updated_time": text, "secrets": object, "status": object, "apiVersion": text, "kind": text,
		"metadata": closed, "metadata.name": text, "metadata.labels": object, "metadata.annotations": object, "metadata.uid": text,
		"metadata.creationTimestamp": text, "metadata.updateTimestamp": text, "metadata.resourceVersion": text, "metadata.generation": number,
		"flinkApplicationDefaults": closed, "flinkApplicationDefaults.apiVersion": text, "flinkApplicationDefaults.kind": text,
		"flinkApplicationDefaults.metadata": object, "flinkApplicationDefaults.status": object, "flinkApplicationDefaults.spec": closed,
		"computePoolDefaults": closed, "computePoolDefaults.apiVersion": text, "computePoolDefaults.kind": text, "computePoolDefaults.metadata": object,
		"computePoolDefaults.spec": object, "computePoolDefaults.clusterSpec": object, "computePoolDefaults.type": text, "computePoolDefaults.state": text,
		"statementDefaults":          closed,
		"statementDefaults.detached": closed, "statementDefaults.detached.flinkConfiguration": object, "statementDefaults.detached.savepointSchedule": object,
		"statementDefaults.interactive": closed, "statementDefaults.interactive.flinkConfiguration": object, "statementDefaults.interactive.savepointSchedule": object,
	},
	"secret":         {"spec.data": object},
	"secret-mapping": {"spec.secretName": text},
	"catalog": {
		"spec.srInstance": closed, "spec.srInstance.connectionConfig": object, "spec.srInstance.connectionSecretId": text, "spec.kafkaClusters": list,
	},
	"database": {
		"spec.kafkaCluster": closed, "spec.kafkaCluster.connectionConfig": object, "spec.kafkaCluster.connectionSecretId": text,
		"spec.ddlEnvironments": list, "spec.alterEnvironments": list,
	},
	"pool": {
		"spec.type": text, "spec.state": text, "spec.clusterSpec": closed,
		"spec.clusterSpec.flinkVersion": text, "spec.clusterSpec.image": text, "spec.clusterSpec.flinkConfiguration": object,
		"spec.clusterSpec.jobManager": object, "spec.clusterSpec.taskManager": object, "spec.clusterSpec.podTemplate": object,
		"spec.clusterSpec.serviceAccount": text, "spec.clusterSpec.imagePullPolicy": text, "spec.clusterSpec.logConfiguration": object,
		"spec.clusterSpec.mode": text, "spec.clusterSpec.ingress": object,
	},
	"app": applicationShape("spec"),
	"statement": {
		"spec.statement": text, "spec.properties": object, "spec.flinkConfiguration": object, "spec.computePoolName": text, "spec.parallelism": number,
		"spec.stopped": boolean, "spec.upgradeMode": text, "spec.savepointSchedule": object, "spec.startFromSavepoint": closed,
		"spec.startFromSavepoint.savepointName": text, "spec.startFromSavepoint.uid": text, "spec.startFromSavepoint.initialSavepointPath": text,
		"spec.startFromSavepoint.allowNonRestoredState": boolean, "spec.startFromSavepoint.savepointRedeployNonce": number,
		"result": object,
	},
	"savepoint":          savepointShape,
	"detached-savepoint": savepointShape,
	"kubernetes-cluster": {"spec.lifecycleState": text},
}

var savepointShape = map[string]string{"spec.path": text, "spec.formatType": text, "spec.backoffLimit": number, "spec.pinned": boolean}

func applicationShape(spec string) map[string]string {
	out := map[string]string{spec + ".job": closed}
	for name, form := range map[string]string{
		"image": text, "imagePullPolicy": text, "flinkVersion": text, "flinkConfiguration": object, "serviceAccount": text, "mode": text,
		"ingress": object, "podTemplate": object, "logConfiguration": object, "restartNonce": number, "jobManager": object, "taskManager": object,
		"savepointSchedule": object,
		"job.jarURI":        text, "job.parallelism": number, "job.entryClass": text, "job.args": list, "job.state": text, "job.upgradeMode": text,
		"job.allowNonRestoredState": boolean, "job.initialSavepointPath": text, "job.savepointRedeployNonce": number,
		"job.savepointTriggerNonce": number, "job.checkpointTriggerNonce": number, "job.autoscalerResetNonce": number,
	} {
		out[spec+"."+name] = form
	}
	return out
}

func init() {
	maps.Copy(shapes["env"], applicationShape("flinkApplicationDefaults.spec"))
	for name, shape := range shapes {
		if name == "env" {
			continue
		}
		maps.Copy(shape, map[string]string{
			"apiVersion": text, "kind": text, "status": object, "spec": closed, "metadata": closed,
			"metadata.name": text, "metadata.uid": text, "metadata.labels": object, "metadata.annotations": object,
			"metadata.creationTimestamp": text, "metadata.updateTimestamp": text, "metadata.resourceVersion": text, "metadata.generation": number,
		})
	}
}

// Shape compares an object with what is known of its kind. A field that is
// known, but elsewhere, and a value of another form than the field has, are
// problems: CMF drops or misreads them without a word. Fields that nothing
// knows may be those of a newer CMF: they are named, and pass.
func (k *Kind) Shape(o Object) (problems []error, unknown []string) {
	shape := shapes[k.Name]
	if shape == nil {
		return nil, nil
	}
	s := shaper{shape: shape}
	s.fields("", map[string]any(o))
	slices.Sort(s.unknown)
	return s.problems, s.unknown
}

type shaper struct {
	shape    map[string]string
	problems []error
	unknown  []string
}

func (s *shaper) fields(at string, fields map[string]any) {
	for _, key := range slices.Sorted(maps.Keys(fields)) {
		value, path := fields[key], key
		if at != "" {
			path = at + "." + key
		}
		form, known := s.shape[path]
		switch {
		case !known:
			if right := s.inOtherCase(path); right != "" {
				s.problems = append(s.problems, fmt.Errorf("%s: is written %s", path, right))
			} else if places := s.elsewhere(at, key); len(places) > 0 {
				s.problems = append(s.problems, fmt.Errorf("%s: is in the wrong place; it belongs to %s", path, strings.Join(places, " or ")))
			} else {
				s.unknown = append(s.unknown, path)
			}
		case value == nil:
		case form == closed:
			inner, isMap := value.(map[string]any)
			if !isMap {
				s.wrong(path, form, value)
				continue
			}
			s.fields(path, inner)
		case TypeName(value) != form:
			s.wrong(path, form, value)
		}
	}
}

// inOtherCase is the name of the known field that path means, but for upper and
// lower case; "" for none. CMF tells them apart.
func (s *shaper) inOtherCase(path string) string {
	for known := range s.shape {
		if strings.EqualFold(known, path) {
			return known[strings.LastIndexByte(known, '.')+1:]
		}
	}
	return ""
}

func (s *shaper) wrong(path, form string, value any) {
	hint := ""
	if form == text {
		hint = "; quote it"
	}
	s.problems = append(s.problems, fmt.Errorf("%s: must be %s, is %s%s", path, strings.TrimSpace(form), TypeName(value), hint))
}

// elsewhere are the places in which a field that isn't known at one is known,
// the nearest first.
func (s *shaper) elsewhere(at, key string) []string {
	var below, other []string
	for path := range s.shape {
		parent, name := "", path
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			parent, name = path[:i], path[i+1:]
		}
		if name != key || parent == at {
			continue
		}
		place := parent
		if place == "" {
			place = "the top of the file"
		}
		if at != "" && strings.HasPrefix(parent, at+".") {
			below = append(below, place)
		} else {
			other = append(other, place)
		}
	}
	if len(below) > 0 {
		other = below
	}
	slices.Sort(other)
	return other
}
