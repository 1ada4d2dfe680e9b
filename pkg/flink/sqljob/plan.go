package sqljob

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// uidKey says which operators get a uid; PLAN_ONLY, its default, gives one to
// those of compiled plans.
const uidKey = "table.exec.uid.generation"

// Compilable are the statements of a script that come before the one that starts
// its job, and that one as COMPILE PLAN … FOR takes it. The error says why a plan
// can't be had without doing more than planning.
func (s Script) Compilable() (before []string, job string, err error) {
	foreign := false
	for _, statement := range s.Statements {
		words := upper(sqlshell.Words(statement.Text))
		if starts := startsJob(words); starts != "" {
			job, err = planned(statement, words)
			return before, job, err
		}
		key, value, ok := setting(statement.Text)
		switch first := words[0]; {
		case ok && key == uidKey && !strings.EqualFold(value, "PLAN_ONLY"):
			return nil, "", fmt.Errorf("%s: with %s = %s, operators are known by numbers that no plan tells", at(statement), uidKey, value)
		case ok && key == "execution.runtime-mode" && strings.EqualFold(value, "batch"):
			return nil, "", fmt.Errorf("%s: a batch job keeps no state", at(statement))
		case first == "CREATE" && len(words) > 1 && words[1] == "CATALOG":
			foreign = true
		case first == "USE" && elsewhere(words):
			foreign = true
		case first == "SET", first == "RESET", first == "USE", first == "LOAD", first == "UNLOAD", first == "ADD", first == "REMOVE":
		case first == "CREATE" && len(words) > 1 && words[1] == "TEMPORARY":
		case (first == "CREATE" || first == "ALTER" || first == "DROP") && !foreign && !farNamed(words):
		case first == "CREATE" || first == "ALTER" || first == "DROP":
			return nil, "", fmt.Errorf("%s: %s may last in its catalog, and isn't run for a comparison", at(statement), firstLine(statement.Text))
		case asksOnly(words):
			continue
		default:
			return nil, "", fmt.Errorf("%s: %s isn't run for a comparison", at(statement), firstLine(statement.Text))
		}
		before = append(before, statement.Text)
	}
	return nil, "", errors.New("no statement of the script starts a job")
}

// elsewhere reports whether USE leads to a catalog that isn't Flink's own: USE
// CATALOG catalog, or USE catalog.database.
func elsewhere(words []string) bool {
	if len(words) < 3 || words[1] != "CATALOG" && words[2] != "." {
		return false
	}
	catalog := words[1]
	if catalog == "CATALOG" {
		catalog = words[2]
	}
	return strings.Trim(catalog, "`") != "DEFAULT_CATALOG"
}

// farNamed reports whether a statement names something of another catalog:
// catalog.database.name, or DATABASE catalog.database.
func farNamed(words []string) bool {
	database := len(words) > 1 && words[1] == "DATABASE"
	for i := 0; i+1 < len(words) && words[i] != "("; i++ {
		if words[i] == "." && (database || i+2 < len(words) && words[i+2] == ".") {
			return true
		}
	}
	return false
}

var (
	executed = regexp.MustCompile(`(?is)^EXECUTE\s+((?:STATEMENT\s+SET|INSERT)\s.*)$`)
	// begun is a statement set as it was written before Flink 1.15.
	begun = regexp.MustCompile(`(?is)^BEGIN\s+STATEMENT\s+SET\s*;(.*)$`)
)

// planned is the statement of a job without the word EXECUTE.
func planned(statement sqlshell.Statement, words []string) (string, error) {
	if words[0] == "INSERT" {
		return statement.Text, nil
	}
	if parts := executed.FindStringSubmatch(statement.Text); parts != nil {
		return parts[1], nil
	}
	if parts := begun.FindStringSubmatch(statement.Text); parts != nil {
		return "STATEMENT SET BEGIN" + parts[1], nil
	}
	return "", fmt.Errorf("%s: COMPILE PLAN takes an INSERT or a statement set, not %s", at(statement), firstLine(statement.Text))
}

// The files beside a script that runs a compiled plan.
const (
	planFile   = "plan.json"
	sourceFile = "source.sql"
)

// Planned is the script with a compiled plan in place of its job's statement.
func (s Script) Planned(plan []byte) (Script, error) {
	before, _, err := s.Compilable()
	if err != nil {
		return Script{}, err
	}
	var text strings.Builder
	for _, statement := range before {
		text.WriteString(statement + "\n;\n")
	}
	text.WriteString("EXECUTE PLAN 'file://" + Dir + "/" + planFile + "'\n;\n")
	out, err := New(Part{"the script of the compiled plan", text.String()})
	if err != nil {
		return Script{}, err
	}
	out.Plan, out.Source = string(plan), s.Text
	if size := len(out.Text) + len(out.Plan) + len(out.Source); size > LargestScript {
		return Script{}, exit.Usagef("--compiled-plan: script and plan have %d bytes, and a ConfigMap holds at most %d (1 MiB)", size, LargestScript)
	}
	return out, nil
}

// data is what the ConfigMap of a script has.
func (s Script) data() map[string]string {
	out := map[string]string{file: s.Text}
	if s.Plan != "" {
		out[planFile], out[sourceFile] = s.Plan, s.Source
	}
	return out
}
