package lifecycle

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
)

// The key is the one that the Flink version knows, the older name doesn't stay
// beside it, and nested configurations are changed where they are written.
func TestClaimFields(t *testing.T) {
	for name, c := range map[string]struct {
		config, version, mode, want string
		fails                       bool
	}{
		"none":                {`{}`, "v1_20", "", `null`, false},
		"1.20":                {`{}`, "v1_20", Claim, `{"flinkConfiguration":{"execution.state-recovery.claim-mode":"CLAIM"}}`, false},
		"1.19":                {`{}`, "v1_19", NoClaim, `{"flinkConfiguration":{"execution.savepoint-restore-mode":"NO_CLAIM"}}`, false},
		"2.3":                 {`{}`, "v2_3", Claim, `{"flinkConfiguration":{"execution.state-recovery.claim-mode":"CLAIM"}}`, false},
		"unknown":             {`{}`, "", Claim, `{"flinkConfiguration":{"execution.state-recovery.claim-mode":"CLAIM"}}`, false},
		"legacy":              {`{}`, "v1_20", Legacy, `{"flinkConfiguration":{"execution.state-recovery.claim-mode":"LEGACY"}}`, false},
		"legacy, Flink 2":     {`{}`, "v2_0", Legacy, ``, true},
		"the old name":        {`{"execution.savepoint-restore-mode":"CLAIM"}`, "v1_20", NoClaim, `{"flinkConfiguration":{"execution.savepoint-restore-mode":null,"execution.state-recovery.claim-mode":"NO_CLAIM"}}`, false},
		"nested, old and new": {`{"execution":{"savepoint-restore-mode":"CLAIM","state-recovery":{"claim-mode":"CLAIM"}}}`, "v1_20", NoClaim, `{"flinkConfiguration":{"execution":{"savepoint-restore-mode":null,"state-recovery":{"claim-mode":"NO_CLAIM"}}}}`, false},
	} {
		job := flinktest.JobOf(t, api.Deployment, `{"metadata":{"name":"a","namespace":"n"},"spec":{"flinkConfiguration":`+c.config+`}}`)
		fields, err := claimFields(job, c.version, c.mode)
		if c.fails {
			if exit.Code(err) != exit.Usage {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		got, _ := json.Marshal(fields)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %s %v, want %s", name, got, err, c.want)
		}
		if c.mode != "" && claimModeOf(api.Flatten(api.Section(job.Patched(fields).Spec(), "flinkConfiguration"))) != c.mode {
			t.Errorf("%s: the mode isn't in force", name)
		}
	}
	for _, mode := range []string{"CLAIM", "none"} {
		if exit.Code(CheckClaimMode(mode)) != exit.Usage {
			t.Error(mode)
		}
	}
}

// A restore sets the claim mode together with the path, and says whose the files
// are then.
func TestRestoreClaims(t *testing.T) {
	for mode, want := range map[string]string{"": "stays yours (claim mode NO_CLAIM)", Claim: "is Flink's now (claim mode CLAIM)", Legacy: "don't delete it"} {
		inBubble(t, func(t *testing.T) {
			f := newFakeOperator(t, nil, ordersWith(t))
			f.tells(ordersRef, stateFrom(""))
			request := RestoreRequest{From: "s3://b/s/1", ClaimMode: mode, NoSavepoint: true}
			if _, err := Restore(patience(t), f.client, ordersRef, request, f.reporter()); err != nil {
				t.Fatal(err)
			}
			f.group.Wait()
			f.noted("s3://b/s/1 ", want)
			if sent := strings.Join(f.sent, ""); strings.Contains(sent, "claim-mode") != (mode != "") || len(f.sent) != 1 {
				t.Errorf("%q: %s", mode, sent)
			}
		})
	}
}
