package cmftest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"strings"
)

func (s *Server) savepointStatus(c *collection, e *entry, o object) {
	spec := o.fields("spec")
	for key, value := range map[string]any{"formatType": "CANONICAL", "backoffLimit": -1} {
		if spec[key] == nil {
			spec[key] = value
		}
	}
	if last(c.path) == "detached-savepoints" {
		return
	}
	if s.options.Backend != nil && strings.Contains(c.path, "/applications/") {
		o["status"] = s.realSavepoint(c, e)
		return
	}
	status := map[string]any{"state": "TRIGGER_PENDING", "failures": 0}
	switch phase := s.after(e.created); {
	case phase == 1:
		status["state"] = "IN_PROGRESS"
		status["triggerTimestamp"] = s.timestamp(e.created)
	case phase > 1 && strings.Contains(o.text("spec.path"), "denied"):
		status["state"], status["error"], status["failures"] = "FAILED", "java.io.IOException: Access denied", 1
	case phase > 1:
		status["state"], status["path"] = "COMPLETED", e.savepointPath()
		status["triggerTimestamp"], status["resultTimestamp"] = s.timestamp(e.created), s.timestamp(e.created)
	}
	if s.version.has(4) {
		status["source"] = "MANUAL"
	}
	o["status"] = status
}

// dashboard answers as a JobManager does through CMF's proxy: what a job was
// restored from is reported, other answers say what came. Confluent's CLI sends a
// dashboard's requests there (web-ui-forward); the published documents don't have
// it.
func (s *Server) dashboard(c *collection, e *entry, path string, r *http.Request) reply {
	header := map[string]string{"Set-Cookie": "a=b", "Access-Control-Allow-Origin": "*"}
	if s.options.Backend != nil && last(c.path) == "applications" {
		if r.URL.RawQuery != "" {
			path += "?" + r.URL.RawQuery
		}
		status, body, err := s.options.Backend.Ask(r.Context(), s.namespaceOf(c), e.name, path)
		if err != nil {
			return failure(http.StatusBadGateway, "%s", err)
		}
		return reply{status: status, body: body, header: header}
	}
	if path == "/jobs/"+e.deployment.jobID+"/checkpoints" {
		latest := map[string]any{}
		if from := cmp.Or(e.deployment.again, e.deployment.restored); from != "" {
			latest["restored"] = map[string]any{"id": 7, "restore_timestamp": e.deployment.started.UnixMilli(), "is_savepoint": true, "external_path": from}
		}
		return jsonReply(http.StatusOK, map[string]any{"latest": latest})
	}
	return reply{status: http.StatusOK, body: []byte(fmt.Sprintf(`{"flink":%q,"of":%q}`, path, e.name)), header: header}
}

// realSavepoint is what Flink's operator says of a savepoint; its fields are
// CMF's.
func (s *Server) realSavepoint(c *collection, e *entry) map[string]any {
	status, err := s.options.Backend.SnapshotStatus(context.Background(), s.namespaceOf(c), e.name)
	if err != nil || status == nil || status["state"] == nil {
		return map[string]any{"state": "TRIGGER_PENDING"}
	}
	if path, ok := status["path"].(string); ok {
		e.path = path
	}
	return status
}

func (e *entry) savepointPath() string {
	if e.path != "" {
		return e.path
	}
	base := e.object.text("spec.path")
	if base == "" {
		base = "s3://flink/savepoints"
	}
	return strings.TrimRight(base, "/") + "/savepoint-" + e.uid[len(e.uid)-6:]
}

// savepointPath finds a savepoint, attached or not, by its uid.
func (s *Server) savepointPath(uid string) (string, bool) {
	for _, c := range s.store {
		if c.rule == nil || c.rule.kind != "Savepoint" {
			continue
		}
		for _, e := range c.entries {
			if e.uid == uid {
				if last(c.path) == "detached-savepoints" {
					return e.object.text("spec.path"), true
				}
				return e.savepointPath(), true
			}
		}
	}
	return "", false
}

func (s *Server) detach(c *collection, e *entry) reply {
	path := e.savepointPath()
	s.forget(c, e)
	o := e.object.copy()
	o.fields("spec")["path"] = path
	detached := s.in("detached-savepoints")
	d := s.put(detached, nil, e.name, o)
	d.uid, d.created = e.uid, e.created
	return jsonReply(http.StatusOK, s.view(detached, d))
}
