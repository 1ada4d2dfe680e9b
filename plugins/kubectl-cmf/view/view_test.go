package view

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// object reads JSON as CMF sends it.
func object(t *testing.T, text string) cmf.Object {
	t.Helper()
	o, err := cmf.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// printed is a result as people read it.
func printed(t *testing.T, r printer.Result, output string) string {
	t.Helper()
	var out bytes.Buffer
	if err := (&printer.Flags{Output: output}).Print(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// same compares texts line by line, without the spaces that end a line.
func same(t *testing.T, got, want string) {
	t.Helper()
	var lines []string
	for line := range strings.SplitSeq(strings.TrimSpace(got), "\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	if got := strings.Join(lines, "\n"); got != strings.TrimSpace(want) {
		t.Errorf("printed is\n%s\nwant\n%s", got, strings.TrimSpace(want))
	}
}

func TestTable(t *testing.T) {
	pool := object(t, `{"metadata":{"name":"p","creationTimestamp":"2026-03-01T11:00:00Z","labels":{"b":"2","a":"1"}},
		"spec":{"type":"DEDICATED","clusterSpec":{"flinkVersion":"v1_20","image":"i"}},"status":{"phase":"RUNNING"}}`)
	statement := object(t, `{"metadata":{"name":"s"},"spec":{"statement":"SELECT\n  1,\u001b[31m `+strings.Repeat("x", 80)+`","computePoolName":"p","parallelism":2},"status":{"phase":"FAILED"}}`)
	for name, c := range map[string]struct {
		kind   string
		row    Row
		option TableOptions
		output string
		want   string
	}{
		"a pool": {"pool", Row{Object: pool}, TableOptions{Now: noon}, printer.Human, `
NAME   TYPE        PHASE     FLINK   AGE
p      DEDICATED   RUNNING   v1_20   60m`},
		"a pool, wide, of several environments": {"pool", Row{Object: pool, Scope: cmf.Scope{Environment: "prod"}}, TableOptions{Now: noon, Environments: true}, printer.Wide, `
ENVIRONMENT   NAME   TYPE        PHASE     FLINK   IMAGE   MESSAGE   AGE   MANAGED BY   LABELS
prod          p      DEDICATED   RUNNING   v1_20   i       <none>    60m   <none>       a=1,b=2`},
		"SQL is one line, cut, and can't reach the terminal": {"statement", Row{Object: statement}, TableOptions{Now: noon}, printer.Human, `
NAME   PHASE    POOL   PARALLELISM   STATEMENT                                                      AGE
s      FAILED   p      2             SELECT 1, ` + strings.Repeat("x", 60-len(`SELECT 1, `)-1) + `…   <none>`},
		"lists": {"secret", Row{Object: object(t, `{"metadata":{"name":"k"},"status":{"version":"3","environments":["a","b"]}}`)}, TableOptions{Now: noon}, printer.Human, `
NAME   VERSION   ENVIRONMENTS   AGE
k      3         a,b            <none>`},
		"a kind's older field, and its other name": {"database", Row{Object: object(t, `{"metadata":{"name":"d"},"spec":{"alterEnvironments":["e"],"kafkaCluster":{"connectionConfig":{"bootstrap.servers":"k:9092"}}}}`)}, TableOptions{Now: noon}, printer.Human, `
NAME   BOOTSTRAP SERVERS   SECRET ID   DDL ENVIRONMENTS   AGE
d      k:9092              <none>      e                  <none>`},
	} {
		t.Run(name, func(t *testing.T) {
			same(t, printed(t, printer.Result{Table: Table(cmf.Must(c.kind), []Row{c.row}, c.option)}, c.output), c.want)
		})
	}
}

// A state is painted by what it means for that kind.
func TestColorOfAState(t *testing.T) {
	for state, want := range map[string]term.Color{
		"": "", "RUNNING": term.Green, "STABLE": term.Green, "CONNECTED": term.Green, "FAILED": term.Red, "DISCONNECTED": term.Red,
		"SUSPENDED": term.Dim, "STOPPED": term.Dim, "CREATED": term.Yellow, "SOMETHING_NEW": term.Yellow,
	} {
		if got := color(cmf.Must("app"), state); got != want {
			t.Errorf("%q is painted %q, want %q", state, got, want)
		}
	}
	if got := color(cmf.Must("catalog"), "SOMETHING_NEW"); got != "" {
		t.Errorf("a kind without states is painted %q", got)
	}
}

func TestAge(t *testing.T) {
	for text, want := range map[string]string{
		"2026-03-01T11:59:15Z": "45s", "2026-02-27T12:00:00.123456789Z": "47h", "2026-03-01T13:00:00+01:00": "0s",
		"2026-03-01T12:00:05Z": "0s", // a clock that is ahead
		"":                     "", "yesterday": "",
	} {
		if got := Age(text, noon); got != want {
			t.Errorf("the age of %q is %q, want %q", text, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]string{
		"0": "0 B", "1023": "1023 B", "1024": "1 KiB", "1536": "1.5 KiB", "3221225472": "3 GiB", "5497558138880": "5.0 TiB", "2g": "2g",
	} {
		if got := size(text); got != want {
			t.Errorf("%s bytes are %q, want %q", text, got, want)
		}
	}
}

const application = `{"apiVersion":"cmf.confluent.io/v1","kind":"FlinkApplication",
	"metadata":{"name":"orders","creationTimestamp":"2026-03-01T10:00:00Z","uid":"u-1","labels":{"team":"a"}},
	"spec":{"flinkVersion":"v1_20","job":{"state":"running","parallelism":4,"upgradeMode":"savepoint"}},
	"status":{"lifecycleState":"FAILED","jobManagerDeploymentStatus":"MISSING","jobStatus":{"state":"RECONCILING","jobId":"00ff"},
		"currentDeployedInstanceName":"orders-3","error":"no image","warning":"late","reconciliationStatus":{"lastReconciledSpec":"{long}"}}}`

func TestAppStatus(t *testing.T) {
	s := AppStatus{Name: "orders", Environment: "prod", Verdict: "failed", Cause: "no image", ManagedBy: "ns/orders"}
	s.Fill(object(t, application))
	s.Savepoint = &Savepoint{Name: "sp", Path: "s3://b/sp", Created: "2026-03-01T11:00:00Z"}
	s.Events = []Event{{Time: "2026-03-01T11:58:00Z", Type: "ERROR", Message: "it broke\nhere"}}
	show := func(palette term.Palette) string {
		var out bytes.Buffer
		if err := s.Print(&out, noon, palette); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	same(t, show(term.Palette{}), `
orders in environment prod: failed
Cause:        no image
Wanted:       running
Lifecycle:    FAILED
JobManager:   MISSING
Job:          RECONCILING
Job ID:       00ff
Parallelism:  4
Upgrade mode: savepoint
Instance:     orders-3
Managed by:   ns/orders
Warning:      late
Savepoint:    sp (60m ago) s3://b/sp
Newest events:
  2m     ERROR            it broke here`)
	if text := show(term.Palette{On: true}); !strings.Contains(text, "\x1b[") {
		t.Errorf("nothing is painted:\n%q", text)
	}
	// A warning that is the cause already isn't said twice; no events are no heading.
	s.Warning, s.Events, s.EventsError = s.Cause, nil, "forbidden"
	if text := show(term.Palette{}); strings.Contains(text, "Warning:") || strings.Contains(text, "Newest events") || !strings.Contains(text, "Events:       forbidden") {
		t.Errorf("printed is\n%s", text)
	}
}

func TestDescribe(t *testing.T) {
	event := func(i int) cmf.Object {
		return object(t, fmt.Sprintf(`{"metadata":{"updateTimestamp":"2026-03-01T11:5%d:00Z"},"status":{"type":"INFO","message":"event %d"}}`, i%10, i))
	}
	app := Description{Ref: cmf.Ref{Kind: cmf.Must("app"), Scope: cmf.Scope{Environment: "prod"}, Name: "orders"}, Object: object(t, application), Now: noon}
	statement := func(spec, traits string) Description {
		return Description{
			Ref: cmf.Ref{Kind: cmf.Must("statement"), Scope: cmf.Scope{Environment: "prod"}, Name: "s"}, Now: noon,
			Object: object(t, `{"metadata":{"name":"s"},"spec":{`+spec+`"statement":"SELECT 1"},"status":{"phase":"RUNNING","traits":{`+traits+`}}}`),
		}
	}
	for name, c := range map[string]struct {
		is    Description
		has   []string
		lacks []string
	}{
		"an application, without what the operator writes for itself": {
			is: app, has: []string{
				"Name:         orders\nKind:         FlinkApplication\nEnvironment:  prod\nState:        FAILED\nCause:        no image\nCreated:      2026-03-01T10:00:00Z (120m ago)\nUID:          u-1\nLabels:\n  team=a\n",
				"Spec:\n  flinkVersion: v1_20\n",
			}, lacks: []string{"lastReconciledSpec", "ApiVersion", "Metadata"},
		},
		"ten events of twelve": {
			is: with(app, func(d *Description) {
				for i := range 12 {
					d.Events = append(d.Events, event(i))
				}
			}), has: []string{"Events (newest first):\n", "event 9\n", "  … and 2 more: kubectl cmf event list --application orders\n"}, lacks: []string{"event 10"},
		},
		"events that can't be had": {
			is:  with(app, func(d *Description) { d.EventsError = errors.New("forbidden: password=hunter22") }),
			has: []string{"Events: forbidden"}, lacks: []string{"hunter22"},
		},
		"exceptions": {
			is: with(app, func(d *Description) {
				d.Exceptions = []Exception{{Time: "2026-03-01T11:00:00Z", RootCause: "IOException: full"}}
			}),
			has: []string{"Exceptions (newest first):\n  60m    IOException: full\n"},
		},
		"the mode that was asked for":              {is: statement(`"upgradeMode":"savepoint",`, `"upgradeMode":"savepoint"`), has: []string{"Upgrade mode:  savepoint (as the spec asks)\n"}},
		"one that CMF lacks chosen yet":            {is: statement(`"upgradeMode":"savepoint",`, ``), has: []string{"Upgrade mode:  savepoint (as the spec asks)\n"}},
		"another one than was asked for":           {is: statement(`"upgradeMode":"savepoint",`, `"upgradeMode":"stateless"`), has: []string{"stateless (the spec asks for savepoint)"}},
		"one that loses state, by CMF's choice":    {is: statement(``, `"upgradeMode":"stateless"`), has: []string{"its state is lost over a stop"}},
		"one that keeps it, by CMF's choice":       {is: statement(``, `"upgradeMode":"savepoint"`), has: []string{"savepoint (CMF's choice, since the pool has a checkpoint and a savepoint directory)"}},
		"what a result is like":                    {is: statement(``, `"isBounded":true,"isAppendOnly":false,"upsertColumns":[1,0],"schema":{"columns":[{"name":"a"},{"name":"b"}]}`), has: []string{"Bounded:      yes\nAppend only:  no\nUpsert by:    b, a\n"}},
		"columns by which it is updated, by names": {is: statement(``, `"upsertColumns":["id",7]`), has: []string{"Upsert by:    id, 7\n"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := Describe(&out, c.is); err != nil {
				t.Fatal(err)
			}
			text := out.String()
			for _, want := range c.has {
				// Names are padded to one width.
				if !strings.Contains(strings.ReplaceAll(text, "Upgrade mode: ", "Upgrade mode:  "), want) {
					t.Errorf("no %q in\n%s", want, text)
				}
			}
			for _, no := range c.lacks {
				if strings.Contains(text, no) {
					t.Errorf("%q is in\n%s", no, text)
				}
			}
		})
	}
}

func with(d Description, change func(*Description)) Description {
	change(&d)
	return d
}

func TestDoctorReport(t *testing.T) {
	var r DoctorReport
	r.Step("Service", "ok", "cmf/svc in %s", "confluent")
	r.Step("Login", "warning", "the token ends soon: token=%s", "abcdef0123456789")
	r.Step("CMF", "unknown", "")
	add := func(severity diagnosis.Severity, title, cause, subject, name string) {
		r.Add(DoctorFinding{Severity: severity, Title: title, Cause: cause, Evidence: []string{"line 1"}, Cure: "mend it", Rule: "FLINK-JOB-KAFKA"}, subject, name)
	}
	// Counters and the name of the one that says it don't make another cause.
	add("warning", "a statement fails", "s1: attempt 3 of job 0a1b2c3d4e5f", "statement/s1", "s1")
	add("warning", "a statement fails", "s2: attempt 14 of job ffffffffff00", "statement/s2", "s2")
	add("warning", "a statement fails", "s2: attempt 15 of job ffffffffff00", "statement/s2", "s2")
	add("error", "no Kafka", "refused", "database/d", "d")
	add("warning", "a statement fails", "another cause", "statement/s3", "s3")
	r.Unread, r.Skipped = []string{"events"}, []string{"namespace b"}
	if r.Errors != 1 || r.Warnings != 3 {
		t.Errorf("%d errors, %d warnings", r.Errors, r.Warnings)
	}
	same(t, printed(t, r.Result(term.Palette{}), printer.Human), `
ok       Service     cmf/svc in confluent
warning  Login       the token ends soon: token=******
unknown  CMF

error    no Kafka
         refused
         seen: line 1
         of: database/d
         do: mend it
         more: kubectl flink doctor explain FLINK-JOB-KAFKA

warning  a statement fails (2)
         s1: attempt 3 of job 0a1b2c3d4e5f
         seen: line 1
         of: statement/s1, statement/s2
         do: mend it
         more: kubectl flink doctor explain FLINK-JOB-KAFKA

warning  a statement fails
         another cause
         seen: line 1
         of: statement/s3
         do: mend it
         more: kubectl flink doctor explain FLINK-JOB-KAFKA

Not read: events

Not looked at: namespace b`)
}

// What is left unread isn't healthy, and a long list of subjects has an end.
func TestDoctorReportSaysWhatItDidntSee(t *testing.T) {
	nothing := "Nothing wrong was found."
	for name, c := range map[string]struct {
		report DoctorReport
		want   bool
	}{
		"nothing wrong":           {DoctorReport{}, true},
		"something wasn't read":   {DoctorReport{Unread: []string{"pools"}}, false},
		"something was left out":  {DoctorReport{Skipped: []string{"pods"}}, true},
		"a step failed":           {DoctorReport{Errors: 1}, false},
		"an empty list is a list": {DoctorReport{}, true},
	} {
		text := printed(t, c.report.Result(term.Palette{}), printer.Human)
		if strings.Contains(text, nothing) != c.want {
			t.Errorf("%s:\n%s", name, text)
		}
		if json := printed(t, c.report.Result(term.Palette{}), "json"); !strings.Contains(json, `"findings": []`) {
			t.Errorf("%s: no list of findings:\n%s", name, json)
		}
	}
	var r DoctorReport
	for i := range maxSubjects + 2 {
		r.Add(DoctorFinding{Severity: "error", Title: "no pool"}, fmt.Sprintf("statement/s%d", i), "")
	}
	if text := printed(t, r.Result(term.Palette{}), printer.Human); !strings.Contains(text, "no pool (12)") || !strings.Contains(text, "statement/s9 and 2 more") {
		t.Errorf("printed is\n%s", text)
	}
}

func TestExceptions(t *testing.T) {
	list := Exceptions([]cmf.Object{
		object(t, `{"timestamp":"2026-03-01T10:00:00Z","name":"old"}`),
		object(t, `{"timestamp":"2026-03-01T11:00:00Z","name":"JobException","message":"org.apache.flink.JobException: suppressed\nCaused by: java.io.IOException: write failed\n\tat a.B.c(D.java:1)\nCaused by: java.lang.IllegalStateException: sasl.jaas.config password=\"hunter22\""}`),
	})
	text := printed(t, ExceptionsResult(list, false, noon, term.Palette{}), printer.Human)
	for _, want := range []string{"2026-03-01T11:00:00Z (60m ago)  JobException\n  IllegalStateException: ", "    in IOException: write failed\n    in JobException: suppressed\n", "2026-03-01T10:00:00Z (120m ago)  old\n  CMF has no message of it\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	if strings.Index(text, "11:00") > strings.Index(text, "10:00") {
		t.Errorf("the oldest comes first:\n%s", text)
	}
	trace := printed(t, ExceptionsResult(list, true, noon, term.Palette{}), printer.Human)
	if strings.Contains(text, "D.java") || !strings.Contains(trace, "at a.B.c(D.java:1)\n") {
		t.Errorf("without and with the trace:\n%s\n%s", text, trace)
	}
	for _, output := range []string{printer.Human, "json"} {
		if all := printed(t, ExceptionsResult(list, true, noon, term.Palette{}), output); strings.Contains(all, "hunter22") {
			t.Errorf("a password is shown:\n%s", all)
		}
	}
	if none := printed(t, ExceptionsResult(Exceptions(nil), false, noon, term.Palette{}), "json"); !strings.Contains(none, `"items": []`) {
		t.Errorf("no exceptions are %s", none)
	}
}

func TestKubernetesEvents(t *testing.T) {
	r := KubernetesEvents([]operator.Event{
		{Time: noon.Add(-time.Minute), Type: "Warning", Reason: "BackOff", Object: "Pod/a", Count: 7, Message: "back-off"},
		{Time: noon.Add(time.Second), Type: "Normal", Reason: "Pulled", Object: "Pod/b", Count: 1, Message: "pulled"},
	}, noon, term.Palette{})
	same(t, printed(t, r, printer.Wide), `
LAST SEEN   TYPE      REASON    OBJECT   COUNT   MESSAGE
60s         Warning   BackOff   Pod/a    7       back-off
0s          Normal    Pulled    Pod/b    1       pulled`)
	if json := printed(t, KubernetesEvents(nil, noon, term.Palette{}), "json"); !strings.Contains(json, `"items": []`) {
		t.Errorf("no events are %s", json)
	}
}

func TestPagesOfTheSystem(t *testing.T) {
	options := TableOptions{Now: noon}
	for name, c := range map[string]struct {
		show   func(cmf.Object, TableOptions) printer.Result
		answer string
		want   string
	}{
		"a license": {License, `{"status":{"status":"VALID","licenseType":"ENTERPRISE","expiration":1772373600000}}`, `
Status:               VALID
Type:                 ENTERPRISE
Expires:              2026-03-01T14:00:00Z (in 120m)`},
		"one that has ended": {License, `{"status":{"status":"EXPIRED","expiration":1772362800000}}`, `
Status:               EXPIRED
Expires:              2026-03-01T11:00:00Z (expired 60m ago)`},
		"one without an end": {License, `{"status":{"status":"VALID","expiration":0}}`, `
Status:               VALID`},
		"one whose end is no number": {License, `{"status":{"status":"VALID","expiration":"soon"}}`, `
Status:               VALID`},
		"resources": {Resources, `{"status":{"resources":{"statements":{"RUNNING":2,"FAILED":1,"deep":{"x":1},"none":null},"environments":3,"secrets":null},"resourceSummary":{"cpu":4.5,"memory":2147483648}}}`, `
environments:         3
statements:           1 FAILED, 2 RUNNING
CPU:                  4.5
Memory:               2 GiB`},
		"configuration": {Configuration, `{"status":{"configurationProperties":[
			{"key":"cmf.sql.production","value":"true","origin":"values.yaml","originType":"file"},
			{"key":"db.password","value":"hunter22","origin":"env","originType":"environment"},
			{"key":"cmf.port","value":"8080","sensitive":true},"odd"]}}`, `
KEY                  VALUE        ORIGIN        TYPE
cmf.sql.production   true         values.yaml   file
db.password          <redacted>   env           environment
cmf.port             <redacted>   <none>        <none>`},
		"logins": {AuthConfig, `{"authnEnabled":true,"authzEnabled":false,"tokenMaxLifeSeconds":3600}`, `
Authentication:       yes
Authorization:        no
Tokens live:          3600 s at most`},
		"service accounts": {ServiceAccounts, `{"items":[{"metadata":{"name":"flink","creationTimestamp":"2026-03-01T11:00:00Z"},"status":{"source":"HELM"}},"odd"]}`, `
NAME    SOURCE   AGE
flink   HELM     60m`},
	} {
		t.Run(name, func(t *testing.T) {
			answer := object(t, c.answer)
			same(t, printed(t, c.show(answer, options), printer.Human), c.want)
			if json := printed(t, c.show(answer, options), "json"); strings.Contains(json, "hunter22") {
				t.Errorf("a secret is shown:\n%s", json)
			}
		})
	}
}

func TestEventMessage(t *testing.T) {
	for text, want := range map[string]string{
		`{"status":{"message":"Flink job status changed to RUNNING","type":"JOB_STATUS","data":{"newStatus":"RUNNING"}}}`:                                                                            "Flink job status changed to RUNNING",
		`{"status":{"message":"Job failed","data":{"exceptionString":"a.JobException: Recovery is suppressed\n\tat a.B(C.java:1)\nCaused by: java.io.IOException: no disk\n\tat d.E(F.java:2)\n"}}}`: "Job failed: IOException: no disk",
		`{"status":{"type":"EXCEPTION","data":{"exceptionString":"java.io.IOException: no disk"}}}`:                                                                                                  "IOException: no disk",
		`{"status":{"message":null,"data":{"reason":"ValidationError","message":"Job parallelism must be positive"}}}`:                                                                               "Job parallelism must be positive",
		`{"status":{"message":"Back-off pulling image","data":{"reason":"X","message":"Back-off pulling image"}}}`:                                                                                   "Back-off pulling image",
		`{"status":{"message":"FlinkApplication created","data":null}}`:                                                                                                                              "FlinkApplication created",
		`{"status":null}`: "",
	} {
		if got := EventMessage(object(t, text)); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
