package sqljob

import (
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// FromSession makes a script of what ran in a session: what defines and sets
// something, in order, and the last statement that started a job. left is how
// many of those were left out.
func FromSession(ran []sqlshell.Statement) (script Script, left int, err error) {
	job := -1
	for i, statement := range ran {
		if what := startsJob(upper(sqlshell.Words(statement.Text))); what != "" && what != "query" {
			job = i
		}
	}
	if job < 0 {
		return script, 0, exit.Usagef("there was no INSERT in this session yet: an application of it would have no job")
	}
	var parts []Part
	for i, statement := range ran[:job+1] {
		words := upper(sqlshell.Words(statement.Text))
		starts := startsJob(words)
		key, _, _ := setting(statement.Text)
		switch {
		case i == job:
		case starts == "query", asksOnly(words), once(words), strings.HasPrefix(key, "sql-client."), key == "table.dml-sync":
			continue
		case starts == "insert" && words[0] != "CREATE":
			left++
			continue
		}
		parts = append(parts, Part{"this session", statement.Written()})
	}
	script, err = New(parts...)
	return script, left, err
}

// asksOnly reports whether a statement has only an answer, and changes nothing.
func asksOnly(words []string) bool {
	switch words[0] {
	case "SHOW", "DESCRIBE", "DESC", "EXPLAIN", "STOP":
		return true
	case "SET", "RESET":
		return len(words) == 1 && words[0] == "SET"
	}
	return false
}

// BaseOf is what an application takes over from a session cluster: all of the
// spec.
func BaseOf(cluster api.Job) api.Job {
	object := &unstructured.Unstructured{Object: map[string]any{"spec": cluster.Object.DeepCopy().Object["spec"]}}
	object.SetNamespace(cluster.Object.GetNamespace())
	spec := api.Section(object.Object, "spec")
	delete(spec, "job")
	delete(spec, "ingress")      // its host is the session cluster's
	delete(spec, "restartNonce") // counts for that object only
	return api.Job{Kind: api.Deployment, Object: object}
}
