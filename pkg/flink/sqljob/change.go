package sqljob

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/aymanbagabas/go-udiff"
	"k8s.io/apimachinery/pkg/util/jsonmergepatch"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Edit is the merge patch of a FlinkDeployment's spec that has it run another
// script.
func Edit(job api.Job, script Script) (map[string]any, error) {
	if job.Kind.Name != api.Deployment.Name {
		return nil, exit.Usagef("%s can't run a script: a FlinkDeployment can", job.Ref())
	}
	spec := job.Spec()
	class := api.Text(spec, "job", "entryClass")
	switch {
	case job.IsSessionCluster():
		return nil, exit.Usagef("%s is a session cluster and has no job of its own: kubectl flink submit --deployment %s --sql FILE", job.Ref(), job.Object.GetName())
	case class != Driver:
		return nil, exit.Usagef("%s runs a program and not a SQL script: spec.job.entryClass is %q, not %s", job.Ref(), class, Driver)
	}
	before, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	after := api.Job{Kind: job.Kind, Object: job.Object.DeepCopy()}
	Run(after.Spec())
	Mount(after.Spec(), ConfigMapName(job.Object.GetName(), script))
	changed, err := json.Marshal(after.Spec())
	if err != nil {
		return nil, err
	}
	patch, err := jsonmergepatch.CreateThreeWayJSONMergePatch(before, changed, before)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	return out, json.Unmarshal(patch, &out)
}

// Diff is how a script differs from the one before, as a unified diff without
// secrets.
func Diff(before, after string) string {
	return udiff.Unified("the script that runs", "the new script", secret.Text(before), secret.Text(after))
}

// Effect is what a change of a script may mean for the state, in sentences; known
// is false where only Flink's plans tell.
func Effect(before, after Script) (text string, known bool) {
	was, is := statements(before), statements(after)
	var planner []string
	old, fresh := before.Settings(), after.Settings()
	for _, key := range slices.Sorted(maps.Keys(merged(old, fresh))) {
		if old[key] != fresh[key] && (strings.HasPrefix(key, "table.") || key == "execution.runtime-mode") {
			planner = append(planner, key)
		}
	}
	switch {
	case Untold(before, after) != "":
		return "State: not known. " + Untold(before, after) + "\n" + ifItDoesNot, false
	case slices.Equal(was, is) && len(planner) == 0:
		return "State: the statements are the same, so Flink plans the same job, and each operator takes its state over", true
	case slices.Equal(was, is):
		return "State: not known. The statements are the same, but these settings may change how Flink plans them: " + strings.Join(planner, ", ") + "\n" + ifItDoesNot, false
	case sameInserts(before, after):
		return "State: not known. The job's INSERT is the same, but what it reads or writes has changed, and with it perhaps the plan\n" + ifItDoesNot, false
	}
	return "State: not known. Flink plans the job again. It numbers operators by the shape of the job: one that keeps its place gets its old state, even where it now computes something else, and the start fails where a state has no operator any more\n" + ifItDoesNot, false
}

// Untold is what differs between two scripts, is in no plan, and decides about the
// state all the same; "" where nothing does.
func Untold(before, after Script) string {
	keys := unlike(graph(before), graph(after))
	if before.Plan != "" {
		// Its operators have ids of their own.
		keys = slices.DeleteFunc(keys, func(key string) bool { return key != maxParallelism })
	}
	if len(keys) == 0 {
		return ""
	}
	return "No plan says which operators Flink chains, on which the ids depend by which it knows those of an INSERT, nor the maximum parallelism that their state has to have, and this changes: " +
		strings.Join(keys, ", ") + "\nkubectl flink upgrade --check --compile makes the job's graph and tells"
}

const maxParallelism = "pipeline.max-parallelism"

// graph is what of a script no plan has and its job's graph depends on: settings, and
// the parallelism of single sources and sinks, beside which that of the others counts.
func graph(s Script) map[string]string {
	out := map[string]string{}
	settings := s.Settings()
	for key, value := range settings {
		if strings.HasPrefix(key, "pipeline.operator-chaining") || key == maxParallelism {
			out[key] = value
		}
	}
	for _, statement := range s.Statements {
		words := sqlshell.Words(statement.Text)
		for i, word := range words {
			name := strings.Trim(word, "'")
			if (name == "sink.parallelism" || name == "scan.parallelism") && word != name && i+2 < len(words) && words[i+1] == "=" {
				out[name] += strings.Trim(words[i+2], "'") + " "
				out["parallelism.default"] = settings["parallelism.default"]
			}
		}
	}
	return out
}

// unlike are the keys whose values differ.
func unlike(a, b map[string]string) []string {
	var out []string
	for _, key := range slices.Sorted(maps.Keys(merged(a, b))) {
		if a[key] != b[key] {
			out = append(out, key)
		}
	}
	return out
}

const ifItDoesNot = "If it doesn't start, the state is safe in the savepoint: --rollback-on-failure goes back to it"

func merged(a, b map[string]string) map[string]string {
	out := maps.Clone(a)
	maps.Copy(out, b)
	return out
}

// statements are what a script does, without comments, white space and
// settings.
func statements(s Script) []string {
	var out []string
	for _, statement := range s.Statements {
		words := sqlshell.Words(statement.Text)
		if first := strings.ToUpper(words[0]); first == "SET" || first == "RESET" {
			continue
		}
		out = append(out, strings.Join(words, " "))
	}
	return out
}

// sameInserts reports whether the statements that start the job are the same.
func sameInserts(a, b Script) bool {
	pick := func(s Script) []string {
		var out []string
		for _, statement := range s.Statements {
			if words := sqlshell.Words(statement.Text); startsJob(upper(words)) != "" {
				out = append(out, strings.Join(words, " "))
			}
		}
		return out
	}
	return slices.Equal(pick(a), pick(b))
}
