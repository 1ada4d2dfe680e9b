package cmftest

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"regexp"
	"strings"
	"time"
)

// Backend runs applications as Flink clusters. Its methods are called while
// the server answers.
type Backend interface {
	// Apply brings the deployment to spec, with the environment's defaults
	// merged in.
	Apply(ctx context.Context, namespace, name string, spec map[string]any, instance string) error
	// Status is what Flink's operator says; nil where there is nothing yet.
	Status(ctx context.Context, namespace, name string) (map[string]any, error)
	Delete(ctx context.Context, namespace, name string) error
	// Snapshot takes a savepoint of an application's job.
	Snapshot(ctx context.Context, namespace, name, app string, spec map[string]any) error
	// SnapshotStatus is how that savepoint is; nil where there is nothing yet.
	SnapshotStatus(ctx context.Context, namespace, name string) (map[string]any, error)
	// Ask has the JobManager answer what a dashboard asks; path begins with a
	// slash.
	Ask(ctx context.Context, namespace, name, path string) (status int, body []byte, err error)
}

// deployment is what is known of an application's current deployment.
type deployment struct {
	instance string
	started  time.Time
	jobID    string
	spec     any
	// number tells deployments of the same millisecond apart.
	number int
	// restored is the savepoint that it started from, left the one that a
	// suspension by savepoint took.
	restored, left string
	// again is the savepoint that it goes on from, after a suspension.
	again string
}

// left is what the suspension of an application that ran leaves: a savepoint,
// where its upgradeMode says so.
func left(e *entry) string {
	was, _ := e.deployment.spec.(map[string]any)
	ran := was != nil && object{"spec": was}.text("spec.job.state") != "suspended"
	if !ran || e.object.text("spec.job.state") != "suspended" || e.object.text("spec.job.upgradeMode") != "savepoint" {
		return ""
	}
	return fmt.Sprintf("s3://flink/savepoints/savepoint-%06d", e.deployment.number)
}

// deployed makes a new deployment where the spec of an application changed.
func (s *Server) deployed(c *collection, e *entry, fresh bool) *reply {
	if c.rule.kind == "Statement" && fresh {
		e.broken = s.missingTable(c, e)
	}
	if c.rule.kind != "FlinkApplication" {
		return nil
	}
	spec, _ := e.object.copy().at("spec")
	if !fresh && reflect.DeepEqual(spec, e.deployment.spec) {
		return nil
	}
	instance := s.uid()
	if s.options.Backend != nil {
		merged := s.mergedSpec(c, e)
		if err := s.options.Backend.Apply(context.Background(), s.namespaceOf(c), e.name, merged, instance); err != nil {
			return bad(http.StatusUnprocessableEntity, "%s", err)
		}
	}
	now := s.options.Now()
	if !fresh {
		e.changed = now
	}
	again := ""
	if e.object.text("spec.job.state") != "suspended" && e.object.text("spec.job.upgradeMode") == "savepoint" {
		again = e.deployment.left
	}
	e.deployment = deployment{
		instance: instance, started: now, spec: spec, restored: e.object.text("spec.job.initialSavepointPath"),
		number: s.serial,
		jobID:  fmt.Sprintf("%032x", s.serial),
		left:   left(e), again: again,
	}
	base := c.path + "/" + e.name
	instances := s.in(base + "/instances")
	i := s.put(instances, nil, instance, object{"apiVersion": "cmf.confluent.io/v1", "kind": "FlinkApplicationInstance"})
	i.deployment = e.deployment
	// What an instance shows has the environment's defaults in it, say the
	// documents of FlinkApplicationInstance.
	i.deployment.spec = s.mergedSpec(c, e)
	what := "FlinkApplication created"
	if !fresh {
		what = "FlinkApplication updated"
	}
	s.event(base, instance, "CMF_STATUS", what, nil)
	if e.object.text("spec.job.state") != "suspended" {
		s.event(base, instance, "JOB_STATUS", "Flink job status changed to RECONCILING", map[string]any{"newStatus": "RECONCILING"})
	}
	return nil
}

func (s *Server) event(base, instance, kind, message string, data map[string]any) {
	events := s.in(base + "/events")
	e := s.put(events, nil, s.uid(), object{"apiVersion": "cmf.confluent.io/v1alpha1", "kind": "FlinkApplicationEvent"})
	status := map[string]any{"message": message, "type": kind}
	if data != nil {
		status["data"] = data
	}
	e.object["status"] = status
	e.object.fields("metadata")["flinkApplicationInstance"] = instance
	if len(events.entries) > 100 {
		events.entries = events.entries[1:]
	}
}

func (s *Server) environmentOf(c *collection) object {
	if e := s.in("environments").find(c.scope[0]); e != nil {
		return e.object
	}
	return object{}
}

func (s *Server) namespaceOf(c *collection) string {
	return s.environmentOf(c).text("kubernetesNamespace")
}

// mergedSpec is the application's spec under the environment's: CMF's documents,
// "Configure Environments", give the environment's configuration precedence.
func (s *Server) mergedSpec(c *collection, e *entry) map[string]any {
	defaults, _ := s.environmentOf(c).copy().at("flinkApplicationDefaults.spec")
	base, _ := defaults.(map[string]any)
	own, _ := e.object.copy().at("spec")
	spec, _ := own.(map[string]any)
	return merge(spec, base)
}

func merge(base, over map[string]any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, base)
	for key, value := range over {
		a, aMap := out[key].(map[string]any)
		b, bMap := value.(map[string]any)
		if aMap && bMap {
			value = merge(a, b)
		}
		out[key] = value
	}
	return out
}

// view is e as CMF shows it now; nil where its deletion has ended.
func (s *Server) view(c *collection, e *entry) object {
	if !e.deleting.IsZero() && s.options.Now().Sub(e.deleting) >= s.options.Step {
		s.forget(c, e)
		return nil
	}
	o := e.object.copy()
	created, updated := s.timestamp(e.created), s.timestamp(e.changed)
	if c.rule.kind == "Environment" {
		o["created_time"], o["updated_time"] = created, updated
		secrets := map[string]any{}
		for _, m := range s.in("environments/" + e.name + "/secret-mappings").entries {
			secrets[m.name] = m.object.text("spec.secretName")
		}
		o["secrets"] = secrets
		return o
	}
	metadata := o.fields("metadata")
	metadata["uid"], metadata["creationTimestamp"] = e.uid, created
	switch c.rule.kind {
	case "FlinkApplicationInstance", "FlinkApplicationEvent":
		metadata["uid"] = e.name
	case "Savepoint":
	default:
		metadata["updateTimestamp"] = updated
	}
	switch c.rule.kind {
	case "FlinkApplication":
		o["status"] = s.applicationStatus(c, e)
	case "ComputePool":
		o["status"] = s.poolStatus(e, o)
	case "Statement":
		status := s.statementStatus(e)
		o["status"] = status
		if rows := shown(strings.ToUpper(e.object.text("spec.statement"))); rows != nil && status["phase"] == "COMPLETED" {
			o["result"] = s.page(e, rows, "")
		}
	case "Savepoint":
		s.savepointStatus(c, e, o)
	case "Secret":
		o["spec"] = map[string]any{}
		var users []any
		for _, environment := range s.in("environments").entries {
			for _, m := range s.in("environments/" + environment.name + "/secret-mappings").entries {
				if m.object.text("spec.secretName") == e.name {
					users = append(users, environment.name)
				}
			}
		}
		o["status"] = map[string]any{"version": "1", "environments": append([]any{}, users...)}
	case "FlinkApplicationInstance":
		o["status"] = map[string]any{"spec": e.deployment.spec, "jobStatus": map[string]any{"jobId": e.deployment.jobID, "state": s.jobState(e.deployment)}}
	case "Artifact":
		artifactStatus(s, e, o)
	}
	return o
}

// after is in which phase something is that began at t: 0, 1, 2, …
func (s *Server) after(t time.Time) int {
	if s.options.Step <= 0 {
		return 9
	}
	return int(s.options.Now().Sub(t) / s.options.Step)
}

func (s *Server) jobState(d deployment) string {
	fields, _ := d.spec.(map[string]any)
	spec := object{"spec": fields}
	switch {
	case spec.text("spec.job.state") == "suspended":
		return "SUSPENDED"
	case strings.Contains(spec.text("spec.image"), "broken"):
		return "RECONCILING"
	case s.after(d.started) < 2:
		return "RECONCILING"
	}
	return "RUNNING"
}

func (s *Server) applicationStatus(c *collection, e *entry) map[string]any {
	if s.options.Backend != nil {
		status, err := s.options.Backend.Status(context.Background(), s.namespaceOf(c), e.name)
		if err != nil {
			return map[string]any{"warning": err.Error(), "currentDeployedInstanceName": e.deployment.instance}
		}
		if status == nil {
			status = map[string]any{"jobManagerDeploymentStatus": "MISSING", "lifecycleState": "CREATED"}
		}
		status["currentDeployedInstanceName"] = e.deployment.instance
		return status
	}
	d := e.deployment
	phase := s.after(d.started)
	status := map[string]any{
		"currentDeployedInstanceName": d.instance,
		"error":                       nil,
		"lifecycleState":              "DEPLOYED",
		"jobManagerDeploymentStatus":  "DEPLOYING",
		"jobStatus":                   nil, // as CMF answers before Flink does
	}
	state := s.jobState(d)
	switch {
	case phase == 0 && state == "SUSPENDED":
		status["lifecycleState"] = "UPGRADING"
	case phase == 0:
		status["lifecycleState"] = "CREATED"
	case state == "SUSPENDED":
		status["lifecycleState"], status["jobManagerDeploymentStatus"] = "SUSPENDED", "MISSING"
	case strings.Contains(e.object.text("spec.image"), "broken") && phase >= 2:
		status["lifecycleState"], status["jobManagerDeploymentStatus"] = "DEPLOYED", "ERROR"
		status["error"] = `{"type":"org.apache.flink.kubernetes.operator.exception.DeploymentFailedException","message":"Back-off pulling image \"` + e.object.text("spec.image") + `\"","additionalMetadata":{"reason":"ImagePullBackOff"},"throwableList":[]}`
	case state == "RUNNING":
		status["lifecycleState"], status["jobManagerDeploymentStatus"] = "STABLE", "READY"
	}
	if phase > 0 {
		status["jobStatus"] = map[string]any{
			"jobId": d.jobID, "jobName": e.name, "state": state,
			"startTime": fmt.Sprint(d.started.UnixMilli()), "updateTime": fmt.Sprint(d.started.UnixMilli()),
			"checkpointInfo": nil, "savepointInfo": map[string]any{"lastSavepoint": nil},
		}
		if d.left != "" {
			// As in the status of a FlinkDeployment, which CMF mirrors.
			status["jobStatus"].(map[string]any)["upgradeSavepointPath"] = d.left
		}
	}
	status["reconciliationStatus"] = map[string]any{"state": "DEPLOYED", "reconciliationTimestamp": json.Number(fmt.Sprint(d.started.UnixMilli() + int64(d.number))), "lastReconciledSpec": "", "lastStableSpec": ""}
	return status
}

func (s *Server) poolStatus(e *entry, o object) map[string]any {
	if o.text("spec.type") == "DEDICATED" {
		return map[string]any{"phase": "DEDICATED"}
	}
	switch {
	case s.after(e.changed) < 1:
		return map[string]any{"phase": "PENDING", "message": "Waiting for the session cluster"}
	case o.text("spec.state") == "SUSPENDED":
		return map[string]any{"phase": "SUSPENDED"}
	}
	return map[string]any{"phase": "RUNNING", "message": "Session cluster is ready"}
}

func (s *Server) statementStatus(e *entry) map[string]any {
	sql := strings.ToUpper(e.object.text("spec.statement"))
	status := map[string]any{"phase": "PENDING", "detail": ""}
	switch {
	case !e.deleting.IsZero():
		status["phase"] = "DELETING"
	case strings.Contains(sql, "NO_SUCH_TABLE"):
		status["phase"], status["detail"] = "FAILED", "SQL validation failed. From line 1, column 15: Object 'no_such_table' not found"
	case e.broken != "":
		status["phase"], status["detail"] = "FAILED", e.broken
	case s.after(e.changed) < 1:
	case e.object.text("spec.stopped") == "true":
		status["phase"] = "STOPPED"
	case strings.HasPrefix(sql, "SHOW"), strings.HasPrefix(sql, "DESCRIBE"), strings.HasPrefix(sql, "CREATE"), strings.HasPrefix(sql, "DROP"):
		status["phase"] = "COMPLETED"
	default:
		status["phase"] = "RUNNING"
	}
	kind, _, _ := strings.Cut(sql, " ")
	traits := map[string]any{"sqlKind": kind, "isBounded": false, "isAppendOnly": true}
	if s.version.has(4) {
		traits["upgradeMode"] = s.upgradeMode(e)
	}
	status["traits"] = traits
	if columns := columnsOf(sql); columns != nil && status["phase"] != "PENDING" && status["phase"] != "FAILED" {
		traits["schema"] = map[string]any{"columns": columns}
	}
	return status
}

// thrown are a statement's exceptions, as the documents' StatementExceptionList
// has them: one whose text says THROWS has two.
func (e *entry) thrown() []any {
	if !strings.Contains(strings.ToUpper(e.object.text("spec.statement")), "THROWS") {
		return []any{}
	}
	exception := func(at, message string) any {
		return map[string]any{"apiVersion": "cmf.confluent.io/v1", "kind": "StatementException", "name": "org.apache.flink.runtime.JobException", "timestamp": at, "message": message}
	}
	return []any{
		exception("2026-05-01T10:00:00.000Z", "org.apache.flink.util.FlinkException: older"),
		exception("2026-05-01T10:05:00.000Z", "org.apache.flink.runtime.JobException: Recovery is suppressed by NoRestartBackoffTimeStrategy\n\tat org.apache.flink.runtime.A.b(A.java:1)\nCaused by: java.io.IOException: Access denied to s3://bucket/x\n\tat c.D.e(D.java:2)\n\t... 3 more\n"),
	}
}

// upgradeMode is what CMF chooses where a statement doesn't say it (StatementSpec
// in the document of 2.4): savepoint if its pool has directories for both.
func (s *Server) upgradeMode(e *entry) string {
	if mode := e.object.text("spec.upgradeMode"); mode != "" {
		return mode
	}
	for _, c := range s.store {
		if c.rule == nil || c.rule.kind != "ComputePool" {
			continue
		}
		pool := c.find(e.object.text("spec.computePoolName"))
		if pool == nil {
			continue
		}
		value, _ := pool.object.at("spec.clusterSpec.flinkConfiguration")
		config, _ := value.(map[string]any)
		if config["execution.checkpointing.dir"] != nil && config["execution.checkpointing.savepoint-dir"] != nil {
			return "savepoint"
		}
	}
	return "stateless"
}

// inserted and created find the table of a statement.
var (
	inserted = regexp.MustCompile(`(?i)^\s*INSERT\s+INTO\s+(\w+)`)
	created  = regexp.MustCompile(`(?i)^\s*CREATE\s+TABLE\s+(\w+)`)
)

// missingTable is why a statement doesn't compile: a statement that would make
// its table has not ended yet.
func (s *Server) missingTable(c *collection, e *entry) string {
	into := inserted.FindStringSubmatch(e.object.text("spec.statement"))
	if into == nil {
		return ""
	}
	for _, other := range c.entries {
		makes := created.FindStringSubmatch(other.object.text("spec.statement"))
		if makes != nil && strings.EqualFold(makes[1], into[1]) && s.statementStatus(other)["phase"] != "COMPLETED" {
			return fmt.Sprintf("SQL validation failed. Object '%s' not found", into[1])
		}
	}
	return ""
}
