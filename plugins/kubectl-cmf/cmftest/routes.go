package cmftest

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// nouns are what error messages call the members of a collection.
var nouns = map[string]string{
	"environments": "Environment", "applications": "Application", "compute-pools": "Compute Pool", "statements": "Statement",
	"secrets": "Secret", "secret-mappings": "Environment Secret Mapping", "kafka": "Kafka Catalog", "databases": "Kafka Database",
	"savepoints": "Savepoint", "detached-savepoints": "Detached Savepoint", "instances": "Instance", "events": "Event",
	"kubernetes-clusters": "Kubernetes cluster", "artifacts": "Artifact",
}

// below are the collections that a member of another has.
var below = map[string][]string{
	"environments": {"applications", "compute-pools", "statements", "secret-mappings", "artifacts"},
	"applications": {"instances", "events", "savepoints"},
	"statements":   {"savepoints"},
	"kafka":        {"databases"},
}

func noResource(words []string) reply {
	return failure(http.StatusNotFound, "No static resource cmf/api/v1/%s.", strings.Join(words, "/"))
}

// route finds the collection, the resource or the action; s.mu is held.
func (s *Server) route(r *http.Request, words []string, alpha bool, body []byte) reply {
	if answer, ok := s.single(r, words); ok {
		return answer
	}
	top, rest := words[0], words[1:]
	path := top
	if top == "catalogs" && len(rest) > 0 && rest[0] == "kafka" {
		path, top, rest = "catalogs/kafka", "kafka", rest[1:]
	}
	if !slices.Contains([]string{"environments", "secrets", "kafka", "detached-savepoints", "kubernetes-clusters"}, top) {
		return noResource(words)
	}
	current := top
	for {
		if rule := rules[current]; !s.version.has(rule.since) || rule.alpha != alpha && len(rest) == 0 {
			return noResource(words)
		}
		c := s.in(path)
		if len(rest) == 0 {
			return s.onCollection(c, r, body)
		}
		name := rest[0]
		e := c.find(name)
		if e != nil && s.view(c, e) == nil {
			e = nil // its deletion has ended
		}
		if len(rest) == 1 {
			if e == nil && current == "environments" && name == "" {
				return s.onCollection(c, r, body)
			}
			return s.onItem(c, e, name, r, body)
		}
		if e == nil {
			return failure(http.StatusNotFound, "%s '%s' not found.", nouns[current], name)
		}
		next := rest[1]
		if !slices.Contains(below[current], next) {
			return s.onAction(c, e, rest[1:], r)
		}
		path += "/" + name + "/" + next
		current, rest = next, rest[2:]
	}
}

// single answers what there is only one of.
func (s *Server) single(r *http.Request, words []string) (reply, bool) {
	path := strings.Join(words, "/")
	singles := map[string]struct {
		since int
		body  map[string]any
	}{
		"system-information":   {2, map[string]any{"status": map[string]any{"version": s.options.Version, "revision": "0123456789abcdef0123456789abcdef01234567"}}},
		"resource-information": {2, map[string]any{"status": map[string]any{"resources": map[string]any{"environments": len(s.in("environments").entries)}}}},
		"c3/license":           {3, map[string]any{"kind": "License", "status": map[string]any{"status": "VALID", "licenseType": "TRIAL", "expiration": 4102444800000}}},
		"c3/auth-config": {4, map[string]any{
			"authnEnabled": s.options.Token != "" || s.options.Certificates, "authzEnabled": false,
			"ssoEnabled": false, "basicAuthEnabled": s.options.Users != nil, "tokenMaxLifeSeconds": 3600,
		}},
		"c3/whoami": {4, s.whoami(r)},
		// C3Configuration and ServiceAccountAllowlistEntriesPage in the document
		// of 2.4.
		"c3/configuration": {4, map[string]any{"kind": "Configuration", "status": map[string]any{"configurationProperties": []any{
			map[string]any{"key": "cmf.sql.production", "value": "true", "origin": "cmf-config.yaml", "originType": "CONFIG_FILE", "sensitive": false},
			map[string]any{"key": "cmf.store", "value": "inner-value", "origin": "CMF_STORE", "originType": "ENVIRONMENT_VARIABLE", "sensitive": true},
		}}}},
		"service-account-allowlist-entries": {4, map[string]any{"metadata": map[string]any{"size": 1}, "items": []any{
			map[string]any{
				"apiVersion": "cmf.confluent.io/v1", "kind": "ServiceAccountAllowlistEntry",
				"metadata": map[string]any{"name": "flink", "creationTimestamp": "2026-05-01T10:00:00.000Z"}, "spec": map[string]any{}, "status": map[string]any{"source": "SEED"},
			},
		}}},
	}
	one, ok := singles[path]
	if !ok {
		return reply{}, false
	}
	if !s.version.has(one.since) {
		return noResource(words), true
	}
	if r.Method != http.MethodGet {
		return failure(http.StatusMethodNotAllowed, "Request method '%s' is not supported.", r.Method), true
	}
	return jsonReply(http.StatusOK, one.body), true
}

func (s *Server) whoami(r *http.Request) map[string]any {
	switch {
	case s.options.Token != "" && r.Header.Get("Authorization") != "":
		return map[string]any{"principal": "User:tester", "authMethod": "token"}
	case r.TLS != nil && len(r.TLS.PeerCertificates) > 0:
		return map[string]any{"principal": "User:" + r.TLS.PeerCertificates[0].Subject.CommonName, "authMethod": "certificate"}
	}
	return map[string]any{"principal": nil, "authMethod": nil}
}

func (s *Server) onCollection(c *collection, r *http.Request, body []byte) reply {
	switch {
	case r.Method == http.MethodGet:
		return s.list(c, r)
	case r.Method == http.MethodDelete && c.rule.kind == "Savepoint" && len(c.scope) == 2 && s.version.has(4):
		return s.removeSavepoints(c, r)
	case r.Method == http.MethodPost && c.rule.kind == "Artifact":
		return s.upload(c, nil, "", r, body)
	case r.Method == http.MethodPost && c.rule.created != 0:
		return s.create(c, r, body)
	}
	return failure(http.StatusMethodNotAllowed, "Request method '%s' is not supported.", r.Method)
}

// read checks the body of a POST or PUT.
func (s *Server) read(c *collection, r *http.Request, body []byte) (object, *reply) {
	if kind := r.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/json") {
		return nil, bad(http.StatusUnsupportedMediaType, "Content-Type '%s' is not supported.", kind)
	}
	o, err := parseObject(body)
	if err != nil {
		return nil, bad(http.StatusBadRequest, "%s", err)
	}
	if c.rule.kind == "Environment" {
		return o, nil
	}
	if kind := o.text("kind"); kind != c.rule.kind {
		return nil, bad(http.StatusBadRequest, "kind: must be %s", c.rule.kind)
	}
	if !strings.HasPrefix(o.text("apiVersion"), "cmf.confluent.io/") {
		return nil, bad(http.StatusBadRequest, "apiVersion: must be cmf.confluent.io/v1")
	}
	return o, nil
}

func (s *Server) create(c *collection, r *http.Request, body []byte) reply {
	o, problem := s.read(c, r, body)
	if problem != nil {
		return *problem
	}
	name := o.name()
	if name == "" && c.rule.kind == "Savepoint" {
		name = "savepoint-" + s.uid()
	}
	if problem := s.checkName(c.rule, name); problem != nil {
		return *problem
	}
	old := c.find(name)
	if old != nil && s.view(c, old) == nil {
		old = nil
	}
	if old != nil && !c.rule.upsert {
		return failure(http.StatusConflict, "%s '%s' already exists.", nouns[last(c.path)], name)
	}
	if c.rule.check != nil {
		if problem := c.rule.check(s, c, old, o); problem != nil {
			return *problem
		}
	}
	e := s.put(c, old, name, o)
	if problem := s.deployed(c, e, old == nil); problem != nil {
		return *problem
	}
	if s.options.Backend != nil && c.rule.kind == "Savepoint" && strings.Contains(c.path, "/applications/") {
		spec, _ := o["spec"].(map[string]any)
		if err := s.options.Backend.Snapshot(r.Context(), s.namespaceOf(c), name, c.scope[1], spec); err != nil {
			s.forget(c, e)
			return failure(http.StatusUnprocessableEntity, "%s", err)
		}
	}
	return jsonReply(c.rule.created, s.view(c, e))
}

func last(path string) string { return path[strings.LastIndex(path, "/")+1:] }

// put stores o, as a new entry or as the next state of an old one.
func (s *Server) put(c *collection, e *entry, name string, o object) *entry {
	now := s.options.Now()
	if e == nil {
		e = &entry{name: name, scope: c.scope, created: now, uid: s.uid()}
		c.entries = append(c.entries, e)
		e.changed = now
	} else if c.rule.kind != "Environment" {
		// metadata that isn't sent stays.
		for _, field := range []string{"labels", "annotations"} {
			metadata := o.fields("metadata")
			if was, ok := e.object.at("metadata." + field); ok && metadata[field] == nil {
				metadata[field] = was
			}
		}
	}
	o = o.copy()
	delete(o, "status")
	if c.rule.kind == "Environment" {
		for key, value := range o {
			if value == nil {
				delete(o, key)
			}
		}
	} else {
		o.fields("metadata")["name"] = name
	}
	e.object = o
	return e
}

func (s *Server) onItem(c *collection, e *entry, name string, r *http.Request, body []byte) reply {
	if e == nil {
		return failure(http.StatusNotFound, "%s '%s' not found.", nouns[last(c.path)], name)
	}
	switch {
	case r.Method == http.MethodGet:
		o := s.view(c, e)
		if o == nil {
			// Its deletion ended since it was found, a moment ago.
			return s.onItem(c, nil, name, r, body)
		}
		return jsonReply(http.StatusOK, o)
	case r.Method == http.MethodPut && c.rule.kind == "Artifact":
		return s.upload(c, e, name, r, body)
	case r.Method == http.MethodPut && c.rule.put >= 0 && s.version.has(c.rule.put):
		return s.update(c, e, r, body)
	case r.Method == http.MethodDelete && c.rule.del:
		return s.remove(c, e, r)
	}
	return failure(http.StatusMethodNotAllowed, "Request method '%s' is not supported.", r.Method)
}

func (s *Server) update(c *collection, e *entry, r *http.Request, body []byte) reply {
	o, problem := s.read(c, r, body)
	if problem != nil {
		return *problem
	}
	if name := o.name(); name != "" && name != e.name {
		return failure(http.StatusBadRequest, "metadata.name: must be %s", e.name)
	}
	if c.rule.check != nil {
		if problem := c.rule.check(s, c, e, o); problem != nil {
			return *problem
		}
	}
	if c.rule.kind == "Savepoint" {
		pinned, _ := o.at("spec.pinned")
		e.object.fields("spec")["pinned"] = pinned
	} else {
		s.put(c, e, e.name, o)
		e.changed = s.options.Now()
	}
	if c.rule.empty {
		return reply{status: http.StatusOK}
	}
	return jsonReply(http.StatusOK, s.view(c, e))
}

func (s *Server) remove(c *collection, e *entry, r *http.Request) reply {
	if c.rule.gone != nil {
		if problem := c.rule.gone(s, e); problem != nil {
			return *problem
		}
	}
	if c.rule.kind == "Artifact" {
		return s.removeArtifact(c, e, r)
	}
	if c.rule.kind == "Statement" && s.options.Step > 0 && r.URL.Query().Get("force") != "true" {
		e.deleting = s.options.Now()
		return reply{status: http.StatusAccepted}
	}
	if c.rule.kind == "FlinkApplication" && s.options.Backend != nil {
		if err := s.options.Backend.Delete(r.Context(), s.namespaceOf(c), e.name); err != nil {
			return failure(http.StatusInternalServerError, "%s", err)
		}
	}
	s.forget(c, e)
	return reply{status: http.StatusNoContent}
}

// removeSavepoints is deleteSavepointsForFlinkApplication and -Statement in the
// document of 2.4: those of a source and an age, with what failed counted and
// named. Pinned ones are kept, which the document leaves open: it only names
// retention for them.
func (s *Server) removeSavepoints(c *collection, r *http.Request) reply {
	query := r.URL.Query()
	age := time.Duration(0)
	for key, unit := range map[string]time.Duration{"olderThanDays": 24 * time.Hour, "olderThanHours": time.Hour} {
		if text := query.Get(key); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 {
				return failure(http.StatusBadRequest, "%s: must be a number", key)
			}
			age = time.Duration(n) * unit
		}
	}
	deleted, failures := 0, []any{}
	for _, e := range slices.Clone(c.entries) {
		o := s.view(c, e)
		if source := query.Get("source"); source != "" && o.text("status.source") != source || s.options.Now().Sub(e.created) < age {
			continue
		}
		if o.text("spec.pinned") == "true" {
			failures = append(failures, map[string]any{"name": e.name, "reason": "Savepoint is pinned."})
			continue
		}
		s.forget(c, e)
		deleted++
	}
	return jsonReply(http.StatusOK, map[string]any{"deletedCount": deleted, "failedCount": len(failures), "failures": failures})
}

func (s *Server) forget(c *collection, e *entry) {
	for i, other := range c.entries {
		if other == e {
			c.entries = append(c.entries[:i:i], c.entries[i+1:]...)
			break
		}
	}
	s.drop(c.path + "/" + e.name)
}

// onAction answers what is neither a collection nor its member.
func (s *Server) onAction(c *collection, e *entry, words []string, r *http.Request) reply {
	action := strings.Join(words, "/")
	post := r.Method == http.MethodPost
	switch {
	case last(c.path) == "applications" && post && action == "suspend":
		e.object.fields("spec")["job"] = withState(e.object, "suspended")
		return s.changed(c, e)
	case last(c.path) == "applications" && post && action == "start":
		if uid := r.URL.Query().Get("startFromSavepointUid"); uid != "" {
			path, ok := s.savepointPath(uid)
			if !ok {
				return failure(http.StatusNotFound, "Savepoint with uid '%s' not found.", uid)
			}
			e.object.fields("spec")["job"] = withState(e.object, "running")
			job, _ := e.object.fields("spec")["job"].(map[string]any)
			job["initialSavepointPath"] = path
			// Flink's operator looks at the path of a job that ran before only
			// when this changes.
			s.serial++
			job["savepointRedeployNonce"] = s.serial
		} else {
			e.object.fields("spec")["job"] = withState(e.object, "running")
		}
		return s.changed(c, e)
	case last(c.path) == "savepoints" && post && action == "detach" && strings.Contains(c.path, "/applications/"):
		return s.detach(c, e)
	case last(c.path) == "statements" && action == "exceptions":
		return jsonReply(http.StatusOK, map[string]any{"apiVersion": "cmf.confluent.io/v1", "kind": "StatementExceptionList", "data": e.thrown()})
	case last(c.path) == "statements" && action == "results" && r.Method == http.MethodGet:
		return s.results(e, r.URL.Query().Get("page-token"))
	case (last(c.path) == "applications" || last(c.path) == "statements") && (action == "flink-web-ui" || strings.HasPrefix(action, "flink-web-ui/")):
		return s.dashboard(c, e, strings.TrimPrefix(action, "flink-web-ui"), r)
	case last(c.path) == "environments" && action == "catalog" && s.version.has(4):
		return jsonReply(http.StatusOK, map[string]any{"name": "_env_" + e.name, "databases": []any{}})
	case c.rule.kind == "Artifact":
		return s.artifactAction(c, e, action, r)
	}
	return noResource([]string{c.path, e.name, action})
}

func (s *Server) changed(c *collection, e *entry) reply {
	if problem := s.deployed(c, e, false); problem != nil {
		return *problem
	}
	return jsonReply(http.StatusOK, s.view(c, e))
}

func withState(o object, state string) map[string]any {
	job, _ := o.at("spec.job")
	fields, _ := job.(map[string]any)
	if fields == nil {
		fields = map[string]any{}
	}
	fields["state"] = state
	return fields
}
