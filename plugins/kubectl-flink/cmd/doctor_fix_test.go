package cmd

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/flinktest"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-flink/view"
)

// sick is a job that has something to mend: suspended with state that a resume
// would throw away, or with a key that the operator refuses.
func sick(spec string, change func(o *unstructured.Unstructured)) *gathered {
	o := flinktest.Object(api.Deployment, "orders", `{"flinkVersion":"v1_20","serviceAccount":"flink","flinkConfiguration":{"execution.checkpointing.savepoint-dir":"s3://state/savepoints","execution.checkpointing.dir":"s3://state/checkpoints"},"job":`+spec+`}`,
		`{"lifecycleState":"SUSPENDED","observedGeneration":1,"jobStatus":{"state":"FINISHED","jobId":"a","upgradeSavepointPath":"s3://state/savepoints/savepoint-1"},"reconciliationStatus":{"state":"DEPLOYED"}}`)
	o.SetGeneration(1)
	if change != nil {
		change(o)
	}
	ref := api.Ref{Kind: api.Deployment, Namespace: o.GetNamespace(), Name: "orders"}
	return &gathered{
		named: true, refs: []api.Ref{ref}, installation: &diagnosis.InstallationFacts{},
		jobs: []examination{{facts: &diagnosis.JobFacts{Now: time.Now(), Object: o, Marks: map[diagnosis.Source]diagnosis.Mark{}}}},
	}
}

const resumesEmpty = `{"jarURI":"local:///j.jar","upgradeMode":"stateless","state":"suspended"}`

func forbiddenKey(o *unstructured.Unstructured) {
	_ = unstructured.SetNestedField(o.Object, "x", "spec", "flinkConfiguration", "kubernetes.cluster-id")
	_ = unstructured.SetNestedField(o.Object, "savepoint", "spec", "job", "upgradeMode")
	o.SetGeneration(2)
}

func TestDoctorFixes(t *testing.T) {
	well := sick(`{"jarURI":"local:///j.jar","upgradeMode":"savepoint","state":"suspended"}`, nil)
	busy := sick(resumesEmpty, func(o *unstructured.Unstructured) { o.SetGeneration(2) })
	for name, c := range map[string]struct {
		found        *gathered
		yes          bool
		dryRun       string
		answers      []bool
		refuse       error
		after        *gathered
		want         string
		asked, wrote int
	}{
		"agreed, and it helps":         {found: sick(resumesEmpty, nil), answers: []bool{true}, after: well, want: "done; the finding is gone", asked: 1, wrote: 1},
		"agreed, and it doesn't help":  {found: sick(resumesEmpty, nil), answers: []bool{true}, after: sick(resumesEmpty, nil), want: "done; the finding is still there", asked: 1, wrote: 1},
		"agreed, and the operator not": {found: sick(resumesEmpty, nil), answers: []bool{true}, after: busy, want: "that needs time: look again", asked: 1, wrote: 1},
		"declined":                     {found: sick(resumesEmpty, nil), answers: []bool{false}, want: "declined", asked: 1},
		"without a question":           {found: sick(resumesEmpty, nil), yes: true, after: well, want: "done; the finding is gone", wrote: 1},
		"what needs an answer":         {found: sick(resumesEmpty, forbiddenKey), yes: true, want: "needs an answer: The job stays suspended"},
		"a dry run here":               {found: sick(resumesEmpty, nil), dryRun: "client", want: "would be done"},
		"a dry run there":              {found: sick(resumesEmpty, nil), dryRun: "server", want: "accepted by the server", wrote: 1},
		"refused":                      {found: sick(resumesEmpty, nil), yes: true, refuse: errors.New("forbidden 17"), want: "failed: forbidden 17", wrote: 1},
		"kept by Argo CD": {found: sick(resumesEmpty, func(o *unstructured.Unstructured) {
			o.SetAnnotations(map[string]string{"argocd.argoproj.io/tracking-id": "x"})
		}), yes: true, want: "Make the change where its manifest is kept"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				asked, wrote := 0, 0
				var told []string
				f := &fixer{
					fixFlags: fixFlags{fix: true, yes: c.yes},
					ask: func(_ context.Context, question string) (bool, error) {
						if !strings.Contains(question, "kubectl patch flinkdeployment orders") {
							t.Errorf("a question without its command: %s", question)
						}
						asked++
						return c.answers[asked-1], nil
					},
					look: func(context.Context, []api.Ref) (*gathered, error) { return c.after, nil },
					apply: func(_ context.Context, fix *diagnosis.Fix, object *unstructured.Unstructured) error {
						if object == nil || fix.Name != "orders" {
							t.Errorf("%+v of %v", fix, object)
						}
						wrote++
						return c.refuse
					},
					report: func(fix view.DoctorFix) { told = append(told, fix.Line()) }, waits: func(string, ...any) {}, note: func(string) {},
				}
				f.DryRun = c.dryRun
				_, err := f.run(t.Context(), c.found)
				if err != nil || len(told) != 1 || !strings.Contains(told[0], c.want) || asked != c.asked || wrote != c.wrote {
					t.Errorf("%v, asked %d, wrote %d: %q", err, asked, wrote, told)
				}
			})
		})
	}
}

// A second cure of a job goes by the job as it is after the first.
func TestDoctorFixesOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		both := func(o *unstructured.Unstructured) {
			_ = unstructured.SetNestedField(o.Object, "x", "spec", "flinkConfiguration", "kubernetes.cluster-id")
			_ = unstructured.SetNestedField(o.Object, "y", "spec", "flinkConfiguration", "kubernetes.namespace")
			_ = unstructured.SetNestedField(o.Object, "savepoint", "spec", "job", "upgradeMode")
		}
		second := sick(resumesEmpty, func(o *unstructured.Unstructured) {
			both(o)
			unstructured.RemoveNestedField(o.Object, "spec", "flinkConfiguration", "kubernetes.cluster-id")
			o.SetResourceVersion("later")
		})
		var versions, outcomes []string
		f := &fixer{
			ask:  func(context.Context, string) (bool, error) { return true, nil },
			look: func(context.Context, []api.Ref) (*gathered, error) { return second, nil },
			apply: func(_ context.Context, _ *diagnosis.Fix, object *unstructured.Unstructured) error {
				versions = append(versions, object.GetResourceVersion())
				return nil
			},
			report: func(fix view.DoctorFix) { outcomes = append(outcomes, fix.Outcome) }, waits: func(string, ...any) {}, note: func(string) {},
		}
		if _, err := f.run(t.Context(), sick(resumesEmpty, both)); err != nil || len(versions) != 2 || versions[1] != "later" || !slices.Equal(outcomes, []string{"done", "done"}) {
			t.Errorf("%v: %q %q", err, versions, outcomes)
		}
	})
}

// Where nobody can be asked, nothing is begun.
func TestDoctorFixFlags(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "none"))
	for args, want := range map[string]string{
		"--fix":                 "no terminal to ask on",
		"--yes":                 "go with --fix",
		"--dry-run=client":      "go with --fix",
		"--fix -o sarif --yes":  "no output as sarif",
		"--fix --dry-run=never": "never",
	} {
		if text, code := play(t, playback{Namespace: "default"}, append([]string{"doctor"}, strings.Fields(args)...)...); code != exit.Usage || !strings.Contains(text, want) {
			t.Errorf("%s: exit code %d: %s", args, code, text)
		}
	}
}

// An operator that was started is looked at until it is ready.
func TestDoctorWaitsForTheOperator(t *testing.T) {
	for ready, want := range map[int32]bool{0: false, 1: true} {
		found := &gathered{installation: &diagnosis.InstallationFacts{Operators: []diagnosis.OperatorFacts{{Name: "o", Wanted: 1, Ready: ready}}}}
		if got := found.rests(); got != want {
			t.Errorf("%d of 1 ready: %v", ready, got)
		}
	}
}
