package cmftest

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// rule is how CMF treats one kind.
type rule struct {
	kind    string
	since   int // minor version
	created int // status of POST; 0: no POST
	upsert  bool
	// put is the minor version with PUT, -1 for none; empty says that its
	// answer has no body.
	put   int
	empty bool
	// del says that DELETE exists.
	del bool
	// etag says that lists carry one, filter the minor version from which on
	// they take a filter.
	etag   bool
	filter int
	alpha  bool
	page   bool // lists describe the page; events don't
	check  func(s *Server, c *collection, old *entry, o object) *reply
	gone   func(s *Server, e *entry) *reply
}

// The rules by the last word of the collection's path.
var rules map[string]*rule

func init() {
	rules = map[string]*rule{
		"environments":        {kind: "Environment", created: 200, upsert: true, put: -1, del: true, etag: true, filter: 3, page: true, check: checkEnvironment},
		"applications":        {kind: "FlinkApplication", created: 201, upsert: true, put: -1, del: true, etag: true, filter: 3, page: true, check: checkApplication},
		"compute-pools":       {kind: "ComputePool", created: 200, put: 3, del: true, filter: 3, page: true, check: checkPool, gone: poolUnused},
		"statements":          {kind: "Statement", created: 200, put: 0, empty: true, del: true, filter: 3, page: true, check: checkStatement},
		"secrets":             {kind: "Secret", created: 200, put: 0, del: true, etag: true, filter: 3, page: true},
		"secret-mappings":     {kind: "EnvironmentSecretMapping", created: 200, put: 0, del: true, filter: 9, page: true, check: checkMapping},
		"kafka":               {kind: "KafkaCatalog", created: 200, put: 1, empty: true, del: true, filter: 4, page: true, gone: catalogEmpty},
		"databases":           {kind: "KafkaDatabase", since: 1, created: 200, put: 1, empty: true, del: true, filter: 4, page: true, check: checkDatabase},
		"savepoints":          {kind: "Savepoint", since: 1, created: 201, put: 4, del: true, filter: 3, page: true},
		"detached-savepoints": {kind: "Savepoint", since: 1, created: 201, put: -1, del: true, filter: 3, page: true, check: checkDetached},
		"instances":           {kind: "FlinkApplicationInstance", put: -1, filter: 9, page: true},
		"events":              {kind: "FlinkApplicationEvent", put: -1, filter: 3, alpha: true},
		"kubernetes-clusters": {kind: "KubernetesCluster", since: 3, put: 3, filter: 3, page: true},
		"artifacts":           {kind: "Artifact", since: 4, put: 4, del: true, filter: 4, page: true},
	}
}

func bad(status int, format string, args ...any) *reply {
	r := failure(status, format, args...)
	return &r
}

var namePattern = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)

// checkName is what all kinds have in common.
func (s *Server) checkName(r *rule, name string) *reply {
	switch {
	case name == "":
		return bad(http.StatusBadRequest, "name: must not be null")
	case r.kind == "Environment" && !s.version.has(4) && len(name) < 4:
		return bad(http.StatusBadRequest, "name: size must be between 4 and 2147483647")
	case len(name) > 253 || !namePattern.MatchString(name):
		return bad(http.StatusBadRequest, `name: must match "%s"`, namePattern)
	}
	return nil
}

func checkEnvironment(s *Server, _ *collection, old *entry, o object) *reply {
	namespace := o.text("kubernetesNamespace")
	if namespace == "" {
		return bad(http.StatusBadRequest, "kubernetesNamespace: must not be null")
	}
	if s.options.Namespaces != nil && !slices.Contains(s.options.Namespaces, namespace) {
		return bad(http.StatusBadRequest, "Environment's kubernetesNamespace '%s' does not exist.", namespace)
	}
	if old != nil {
		if was := old.object.text("kubernetesNamespace"); was != namespace {
			return bad(http.StatusBadRequest, "Environment's kubernetesNamespace cannot be changed from %s to %s because the field is immutable.", was, namespace)
		}
	}
	if _, has := o["metadata"]; has && !s.version.has(3) {
		return bad(http.StatusBadRequest, `Unrecognized field "metadata" (class Environment), not marked as ignorable`)
	}
	return nil
}

func checkApplication(_ *Server, _ *collection, _ *entry, o object) *reply {
	spec, ok := o["spec"].(map[string]any)
	if !ok {
		return bad(http.StatusBadRequest, "spec: must not be null")
	}
	if _, ok := spec["image"]; !ok {
		return bad(http.StatusUnprocessableEntity, "spec.image: must not be null")
	}
	if state := o.text("spec.job.state"); state != "" && state != "running" && state != "suspended" {
		return bad(http.StatusUnprocessableEntity, "spec.job.state: '%s' is not one of running, suspended", state)
	}
	return nil
}

func checkPool(s *Server, _ *collection, old *entry, o object) *reply {
	kind := o.text("spec.type")
	switch {
	case kind == "SHARED" && !s.version.has(3):
		return bad(http.StatusUnprocessableEntity, "spec.type: SHARED is not supported")
	case kind != "DEDICATED" && kind != "SHARED":
		return bad(http.StatusBadRequest, "spec.type: '%s' is not one of DEDICATED, SHARED", kind)
	}
	for _, field := range []string{"serviceAccount", "job"} {
		if _, has := o.at("spec.clusterSpec." + field); has {
			return bad(http.StatusUnprocessableEntity, "spec.clusterSpec.%s: must not be set in a compute pool", field)
		}
	}
	if image := o.text("spec.clusterSpec.image"); image != "" && !strings.Contains(image, "cp-flink-sql") {
		return bad(http.StatusUnprocessableEntity, "spec.clusterSpec.image: must be a cp-flink-sql image")
	}
	if old != nil && old.object.text("spec.type") != kind {
		return bad(http.StatusUnprocessableEntity, "spec.type: cannot be changed from %s to %s", old.object.text("spec.type"), kind)
	}
	return nil
}

func poolUnused(s *Server, e *entry) *reply {
	for _, statement := range s.in("environments/" + e.scope[0] + "/statements").entries {
		if statement.object.text("spec.computePoolName") == e.name {
			return bad(http.StatusConflict, "Compute pool '%s' is in use by statement '%s' and cannot be deleted.", e.name, statement.name)
		}
	}
	return nil
}

func checkStatement(s *Server, c *collection, old *entry, o object) *reply {
	pool := o.text("spec.computePoolName")
	on := s.in("environments/" + c.scope[0] + "/compute-pools").find(pool)
	if on == nil {
		return bad(http.StatusUnprocessableEntity, "spec.computePoolName: compute pool '%s' does not exist", pool)
	}
	// The documents' answer 409 of createStatement: "shared pool not running".
	if phase := fmt.Sprint(s.poolStatus(on, on.object)["phase"]); old == nil && on.object.text("spec.type") == "SHARED" && phase != "RUNNING" {
		return bad(http.StatusConflict, "Compute pool '%s' is not running (phase %s).", pool, phase)
	}
	if old != nil {
		for _, field := range []string{"spec.statement", "spec.computePoolName", "spec.properties"} {
			was, _ := old.object.at(field)
			is, _ := o.at(field)
			if fmt.Sprint(was) != fmt.Sprint(is) {
				return bad(http.StatusUnprocessableEntity, "%s: cannot be changed", field)
			}
		}
	}
	return s.checkStart(c, old, o)
}

// checkStart holds a statement to the documents' StatementStartFromSavepoint:
// "Works only with update Statement", and "the request will be rejected if
// savepoint that has not completed is referenced".
func (s *Server) checkStart(c *collection, old *entry, o object) *reply {
	start, _ := o.at("spec.startFromSavepoint")
	if start == nil {
		return nil
	}
	if old == nil {
		return bad(http.StatusUnprocessableEntity, "spec.startFromSavepoint: works only with update Statement")
	}
	if name := o.text("spec.startFromSavepoint.savepointName"); name != "" {
		savepoints := s.in(c.path + "/" + old.name + "/savepoints")
		found := savepoints.find(name)
		if found == nil {
			return bad(http.StatusUnprocessableEntity, "Savepoint '%s' not found.", name)
		}
		if shown := s.view(savepoints, found); shown.text("status.state") != "COMPLETED" {
			return bad(http.StatusUnprocessableEntity, "Savepoint '%s' has not completed.", name)
		}
	}
	if uid := o.text("spec.startFromSavepoint.uid"); uid != "" {
		if _, found := s.savepointPath(uid); !found {
			return bad(http.StatusUnprocessableEntity, "Savepoint with uid '%s' not found.", uid)
		}
	}
	return nil
}

func checkMapping(s *Server, _ *collection, _ *entry, o object) *reply {
	name := o.text("spec.secretName")
	if s.in("secrets").find(name) == nil {
		return bad(http.StatusBadRequest, "Secret '%s' does not exist.", name)
	}
	return nil
}

func catalogEmpty(s *Server, e *entry) *reply {
	if n := len(s.in("catalogs/kafka/" + e.name + "/databases").entries); n > 0 {
		return bad(http.StatusConflict, "Catalog '%s' contains %d databases and cannot be deleted.", e.name, n)
	}
	return nil
}

func checkDatabase(s *Server, _ *collection, _ *entry, o object) *reply {
	field, other := "alterEnvironments", "ddlEnvironments"
	if s.version.has(3) {
		field, other = other, field
	}
	if _, has := o.at("spec." + other); has {
		return bad(http.StatusBadRequest, `Unrecognized field "%s" (class KafkaDatabaseSpec), not marked as ignorable (known: "kafkaCluster", "%s")`, other, field)
	}
	if _, has := o.at("spec.kafkaCluster.connectionConfig"); !has {
		return bad(http.StatusUnprocessableEntity, "spec.kafkaCluster.connectionConfig: must not be null")
	}
	return nil
}

func checkDetached(_ *Server, _ *collection, _ *entry, o object) *reply {
	if o.text("spec.path") == "" {
		return bad(http.StatusUnprocessableEntity, "spec.path: must not be null")
	}
	return nil
}
