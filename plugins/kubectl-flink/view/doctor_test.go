package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

var doctorNow = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func doctorRef(name string) api.Ref {
	return api.Ref{Kind: api.Deployment, Namespace: "prod", Name: name}
}

// doctorReport has a cause that two jobs have in common, one with what follows
// from it and foreign text, a note of the installation and what wasn't read.
func doctorReport() *DoctorReport {
	image := func(name string) diagnosis.Finding {
		return diagnosis.Finding{
			Rule: "FLINK-POD-IMAGE", Severity: diagnosis.Error, Subject: "pod/" + name + "-5d4f7c9b6d-abcde", Means: name + "-5d4f7c9b6d-abcde can't get its image",
			Evidence: []diagnosis.Evidence{{Source: "pod/" + name + "-5d4f7c9b6d-abcde", At: doctorNow.Add(-5 * time.Minute), Text: "ImagePullBackOff: \x1b[31mno such tag"}},
			Cures:    []diagnosis.Cure{{Text: "check spec.image", Command: "kubectl get flinkdeployment " + name + " -n prod"}},
			Consequences: []diagnosis.Finding{{
				Rule: "FLINK-JOB-STARTS-SLOWLY", Severity: diagnosis.Warning, Subject: "flinkdeployment/" + name, Means: "it doesn't come up for 5m",
				Evidence: []diagnosis.Evidence{{Source: "status", Text: "state RECONCILING"}},
			}},
		}
	}
	r := &DoctorReport{}
	r.AddInstallation([]diagnosis.Finding{{Rule: "FLINK-INST-METRICS", Severity: diagnosis.Info, Subject: "installation", Means: "metrics.k8s.io isn't served"}},
		[]reach.Unread{{Source: diagnosis.FromNodes, Mark: diagnosis.NotAllowed, Why: "nodes is forbidden"}})
	denied := []reach.Unread{{Source: diagnosis.FromSecrets, Mark: diagnosis.NotAllowed, Why: "secrets is forbidden"}}
	r.AddJob(doctorRef("orders"), []diagnosis.Finding{image("orders")}, denied)
	r.AddJob(doctorRef("bills"), []diagnosis.Finding{image("bills")}, denied)
	r.AddJob(doctorRef("fine"), nil, nil)
	r.Fail(doctorRef("gone"), errors.New("not found\nand more"))
	return r
}

const doctorText = `error    orders-5d4f7c9b6d-abcde can't get its image
         FLINK-POD-IMAGE, pod/orders-5d4f7c9b6d-abcde of flinkdeployment/orders in prod, flinkdeployment/bills in prod
         pod/orders-5d4f7c9b6d-abcde (5m ago): ImagePullBackOff: no such tag
         cure: check spec.image
               kubectl get flinkdeployment orders -n prod
    warning  it doesn't come up for 5m
             FLINK-JOB-STARTS-SLOWLY, flinkdeployment/orders
             status: state RECONCILING

info     metrics.k8s.io isn't served
         FLINK-INST-METRICS, installation

not looked at: flinkdeployment/gone in prod: not found
4 jobs and the installation looked at: 1 error, 0 warnings, 1 note
Nothing wrong: flinkdeployment/fine
Not read, so that what it would show isn't known:
  nodes: not allowed (nodes is forbidden)
  secrets of 2 jobs: not allowed (secrets is forbidden)
`

func TestDoctorPage(t *testing.T) {
	got := DoctorPage{Now: doctorNow}.text(doctorReport())
	want := doctorText
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	// Nothing but the commands is longer than a terminal is wide.
	for line := range strings.Lines((DoctorPage{Now: doctorNow, Width: 60}).text(doctorReport())) {
		if len(strings.TrimSpace(line)) > 60 && !strings.Contains(line, "kubectl ") && strings.Contains(strings.TrimSpace(line), " ") && !strings.HasPrefix(line, "4 jobs") {
			t.Errorf("too wide: %q", line)
		}
	}
}

func TestDoctorSARIF(t *testing.T) {
	var out bytes.Buffer
	if err := (DoctorPage{}).Result(doctorReport()).Forms[SARIF](&out); err != nil {
		t.Fatal(err)
	}
	var log struct {
		Version string
		Runs    []struct {
			Tool struct {
				Driver struct{ Rules []struct{ ID string } }
			}
			Results []struct {
				RuleID string `json:"ruleId"`
				Level  string
			}
		}
	}
	if err := json.Unmarshal(out.Bytes(), &log); err != nil || log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatalf("%v: %s", err, out.String())
	}
	// One for each job that has it, and the installation's.
	if run := log.Runs[0]; len(run.Results) != 3 || run.Results[0].Level != "error" || run.Results[0].RuleID != "FLINK-POD-IMAGE" || len(run.Tool.Driver.Rules) != 2 {
		t.Errorf("%s", out.String())
	}
}

// Without its pods or its JobManager nobody knows that a job is well, also where
// nothing was found; what else is missing is only named.
func TestDoctorCallsNoJobWellThatCouldNotBeRead(t *testing.T) {
	ref := func(name string) api.Ref { return api.Ref{Kind: api.Deployment, Namespace: "prod", Name: name} }
	missing := func(source diagnosis.Source) []reach.Unread {
		return []reach.Unread{{Source: source, Mark: diagnosis.NotAllowed, Why: "forbidden"}}
	}
	warning := []diagnosis.Finding{{Rule: "FLINK-X", Severity: diagnosis.Warning, Subject: "flinkdeployment/warned", Means: "something"}}
	broken := []diagnosis.Finding{{Rule: "FLINK-Y", Severity: diagnosis.Error, Subject: "flinkdeployment/broken", Means: "something else"}}
	r := &DoctorReport{}
	r.AddJob(ref("read"), nil, missing(diagnosis.FromNodes))
	r.AddJob(ref("no-pods"), nil, missing(diagnosis.FromPods))
	r.AddJob(ref("no-jobmanager"), nil, missing(diagnosis.FromJobManager))
	r.AddJob(ref("warned"), warning, missing(diagnosis.FromCluster))
	r.AddJob(ref("broken"), broken, missing(diagnosis.FromPods))
	const unknown = "flinkdeployment/no-pods, flinkdeployment/no-jobmanager, flinkdeployment/warned"
	if got := strings.Join(r.InPart(), ", "); got != unknown {
		t.Errorf("in part: %s", got)
	}
	text := DoctorPage{}.text(r)
	for _, want := range []string{"Nothing wrong: flinkdeployment/read\n", "Not known: " + unknown + ": no error was found", "nodes of flinkdeployment/read in prod: not allowed (forbidden)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}
