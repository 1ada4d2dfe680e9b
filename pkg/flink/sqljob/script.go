package sqljob

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// LargestScript is what fits into a ConfigMap, in bytes.
const LargestScript = 1 << 20

// Script is the SQL of an application.
type Script struct {
	// Text is what Flink reads.
	Text string
	// Statements are those of the text.
	Statements []sqlshell.Statement
	// Plan is the compiled plan that the text runs, and Source the text that it was
	// compiled from; "" where the text runs its own statement.
	Plan, Source string
}

// Written is the text as it was written.
func (s Script) Written() string { return cmp.Or(s.Source, s.Text) }

// Read reads files one after another into one script; "-" is in. Its errors are
// usage errors.
func Read(ctx context.Context, in io.Reader, files []string) (Script, error) {
	var parts []Part
	for _, file := range files {
		data, err := source.Read(ctx, file, in, LargestScript)
		if ctx.Err() != nil {
			return Script{}, context.Cause(ctx)
		}
		if err != nil {
			return Script{}, exit.With(exit.Usage, fmt.Errorf("--sql: %s: %w", source.Shown(file), err))
		}
		parts = append(parts, Part{source.Shown(file), string(data)})
	}
	return New(parts...)
}

// Part is one text of a script; Name is what messages call it.
type Part struct{ Name, Text string }

// New makes one script of texts. A text's last statement needs no semicolon.
func New(parts ...Part) (Script, error) {
	var out Script
	var text strings.Builder
	for _, part := range parts {
		if !utf8.ValidString(part.Text) || strings.ContainsRune(part.Text, 0) {
			return out, exit.Usagef("--sql: %s is no text in UTF-8", part.Name)
		}
		body := strings.TrimPrefix(part.Text, "\ufeff")
		splitter := sqlshell.NewSplitter(part.Name, strings.NewReader(body))
		for {
			statement, err := splitter.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return out, exit.With(exit.Usage, fmt.Errorf("--sql: %w", err))
			}
			out.Statements = append(out.Statements, statement)
		}
		body = strings.TrimSpace(body)
		if body == "" {
			continue
		}
		text.WriteString(body)
		if !splitter.Closed() {
			// On a line of its own: the last line may end with a comment.
			text.WriteString("\n;")
		}
		text.WriteByte('\n')
	}
	out.Text = text.String()
	if len(out.Text) > LargestScript {
		return out, exit.Usagef("--sql: the script has %d bytes, and a ConfigMap holds at most %d (1 MiB)\nPut it into the image, and start that with submit -f", len(out.Text), LargestScript)
	}
	return out, nil
}

// Hash tells versions of a script apart.
func (s Script) Hash() string {
	text := s.Text
	if s.Plan != "" {
		text = strings.Join([]string{s.Text, s.Plan, s.Source}, "\x00")
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:10]
}

// at is where a statement is, for messages.
func at(s sqlshell.Statement) string {
	return s.Source + ":" + strconv.Itoa(s.Line) + ":" + strconv.Itoa(s.Column)
}

// Settings are what the script's SETs set, the last of each key, without what is
// reset after it.
func (s Script) Settings() map[string]string {
	out := map[string]string{}
	for _, statement := range s.Statements {
		if key, value, ok := setting(statement.Text); ok {
			out[key] = value
		} else if words := sqlshell.Words(statement.Text); len(words) > 0 && strings.EqualFold(words[0], "RESET") {
			if len(words) == 1 {
				clear(out)
			}
			delete(out, strings.Trim(strings.Join(words[1:], ""), "'"))
		}
	}
	return out
}

var setForm = regexp.MustCompile(`(?is)^SET\s+(?:'((?:[^']|'')+)'|([^\s=']+))\s*=\s*(?:'((?:[^']|'')*)'|(.*?))\s*$`)

// setting is what a SET sets.
func setting(statement string) (key, value string, ok bool) {
	words := sqlshell.Words(statement)
	if len(words) < 3 || !strings.EqualFold(words[0], "SET") {
		return "", "", false
	}
	parts := setForm.FindStringSubmatch(statement)
	if parts == nil {
		return "", "", false
	}
	unquoted := func(quoted, plain string) string {
		return strings.ReplaceAll(cmp.Or(quoted, plain), "''", "'")
	}
	return unquoted(parts[1], parts[2]), unquoted(parts[3], parts[4]), true
}

// Check finds what an application can't do with a script, and what is worth a
// note though it runs. Its errors are usage errors that name the line.
func (s Script) Check() (notes []string, err error) {
	if len(s.Statements) == 0 {
		return nil, exit.Usagef("--sql: there is no statement in the script")
	}
	var jobs, calls []sqlshell.Statement
	for _, statement := range s.Statements {
		words := upper(sqlshell.Words(statement.Text))
		if statement.Meta || isClient(words) {
			return nil, exit.Usagef("%s: %s is a command to the SQL client: an application has none; leave it out", at(statement), firstLine(statement.Text))
		}
		switch what := startsJob(words); what {
		case "":
			if words[0] == "CALL" {
				calls = append(calls, statement)
			}
		case "query":
			return nil, exit.Usagef("%s: the rows of this query would be lost: an application has no reader\nWrite them somewhere with INSERT INTO a table, or run it with: kubectl flink sql", at(statement))
		case "materialized":
			return nil, exit.Usagef("%s: a MATERIALIZED TABLE has jobs of its own, which need a SQL gateway that refreshes them\nRun it with: kubectl flink sql", at(statement))
		default:
			jobs = append(jobs, statement)
		}
		if why := caveat(words); why != "" {
			notes = append(notes, at(statement)+": "+why)
		}
		key, value, ok := setting(statement.Text)
		if !ok {
			continue
		}
		rule := judge(key)
		switch {
		case rule.refuse:
			return nil, exit.Usagef("%s: SET '%s' does harm or nothing in an application: %s", at(statement), key, rule.why)
		case rule.why != "":
			notes = append(notes, fmt.Sprintf("%s: SET '%s': %s", at(statement), key, rule.why))
		case key == "execution.runtime-mode" && strings.EqualFold(value, "batch"):
			notes = append(notes, fmt.Sprintf("%s: a batch job has no checkpoints: one that is upgraded or restarted begins again", at(statement)))
		}
	}
	switch {
	case len(jobs) == 0 && len(calls) > 0:
		// As one that compacts a table.
		notes = append(notes, fmt.Sprintf("%s: the script has no INSERT: its job is the one that this procedure starts, if it starts one", at(calls[len(calls)-1])))
	case len(jobs) == 0:
		return nil, exit.Usagef("--sql: no INSERT in the script: an application of it would have no job")
	case len(jobs) > 1:
		var places []string
		for _, job := range jobs {
			places = append(places, fmt.Sprintf("  %s: %s", at(job), firstLine(job.Text)))
		}
		return nil, exit.Usagef("--sql: the script starts %d jobs, and an application has one\n%s\nMake one job of them with EXECUTE STATEMENT SET BEGIN …; …; END; or one application of each", len(jobs), strings.Join(places, "\n"))
	}
	if last := s.Statements[len(s.Statements)-1]; len(jobs) > 0 && last.Text != jobs[0].Text {
		notes = append(notes, fmt.Sprintf("%s: statements after the INSERT run only once it was started: a table that it needs comes before it", at(last)))
	}
	if err := s.misread(); err != nil {
		return nil, err
	}
	if secret.Text(s.Text) != s.Text {
		notes = append(notes, "the script has passwords or keys in it, and everybody who may read ConfigMaps there can read it")
	}
	return notes, nil
}

// misread finds what Flink's SqlDriver (ScriptExecutor) reads in another way than
// Flink's parser, and the gateway, do: its statements have the comments behind
// them, and with one a SET without quotes is none; of // it doesn't know that it
// begins a comment.
func (s Script) misread() error {
	for i, statement := range s.Statements {
		all := []sqlshell.Comments{statement.Within}
		if i == 0 {
			all = append(all, statement.Before)
		}
		if i+1 < len(s.Statements) {
			all = append(all, s.Statements[i+1].Before)
		}
		words := sqlshell.Words(statement.Text)
		bare := len(words) > 1 && words[1][0] != '\'' && (strings.EqualFold(words[0], "SET") || strings.EqualFold(words[0], "RESET"))
		for _, comments := range all {
			why := ""
			switch {
			case comments.Slashes:
				why = "a comment with // is SQL: begin it with --"
			case comments.Any && bare:
				why = "beside a comment, SET and RESET need quotes, as in SET 'key' = 'value'"
			default:
				continue
			}
			return exit.Usagef("%s: for Flink's SqlDriver %s", at(statement), why)
		}
	}
	return nil
}

// CheckSession finds what a script can't have that runs in a session cluster
// with no reader for rows. Its errors are usage errors.
func (s Script) CheckSession() error {
	jobs := 0
	for _, statement := range s.Statements {
		words := upper(sqlshell.Words(statement.Text))
		if statement.Meta {
			return exit.Usagef("%s: %s is a command to the prompt", at(statement), firstLine(statement.Text))
		}
		switch startsJob(words) {
		case "":
			if words[0] == "CALL" {
				jobs++ // its procedure may start one, as to compact a table
			}
		case "query":
			return exit.Usagef("%s: the rows of this query would be lost: the job runs detached\nWrite them somewhere with INSERT INTO a table, or run it with: kubectl flink sql", at(statement))
		default:
			jobs++
		}
		if key, value, ok := setting(statement.Text); ok && key == "table.dml-sync" && strings.EqualFold(value, "true") {
			return exit.Usagef("%s: SET 'table.dml-sync' waits for the job to end: leave it out, or run the script with kubectl flink sql --wait", at(statement))
		}
	}
	if jobs == 0 {
		return exit.Usagef("--sql: no INSERT in the script: no job would run")
	}
	return nil
}

func upper(words []string) []string {
	out := make([]string, len(words))
	for i, word := range words {
		out[i] = strings.ToUpper(word)
	}
	return out
}

func firstLine(text string) string {
	line, _, more := strings.Cut(text, "\n")
	const most = 60
	if runes := []rune(line); len(runes) > most {
		line, more = string(runes[:most]), true
	}
	line = secret.Text(strings.TrimSpace(line))
	if more {
		line += " …"
	}
	return line
}

// isClient reports whether a statement is for the SQL client, not for Flink.
func isClient(words []string) bool {
	return len(words) == 1 && slices.Contains([]string{"QUIT", "EXIT", "HELP", "CLEAR"}, words[0])
}

// startsJob says what kind of job a statement starts; "" for none.
func startsJob(words []string) string {
	switch words[0] {
	case "SELECT", "WITH", "VALUES", "TABLE", "(":
		return "query"
	case "INSERT", "UPDATE", "DELETE", "BEGIN":
		return "insert"
	case "EXECUTE":
		if len(words) > 1 && words[1] != "STATEMENT" && words[1] != "PLAN" && words[1] != "INSERT" {
			return "query"
		}
		return "insert"
	case "COMPILE":
		if len(words) > 1 && words[1] == "AND" {
			return "insert"
		}
	case "ANALYZE":
		return "insert"
	case "CREATE", "REPLACE", "ALTER":
		// TABLE may also be what a view selects, and MATERIALIZED a name.
		i := 1
		for i < len(words) && slices.Contains([]string{"OR", "REPLACE", "ALTER", "TEMPORARY"}, words[i]) {
			i++
		}
		switch {
		case i == len(words):
		case words[i] == "MATERIALIZED":
			return "materialized"
		case words[i] == "TABLE" && words[0] != "ALTER" && asQuery(words):
			return "insert"
		}
	}
	return ""
}

// once reports whether a statement changes data each time it runs, so that a
// script, which runs whenever its application starts, may do harm with it.
func once(words []string) bool { return words[0] == "TRUNCATE" || words[0] == "CALL" }

// caveat is what is worth a note of a statement; "" where nothing is.
func caveat(words []string) string {
	if once(words) {
		return words[0] + " runs again whenever the JobManager starts: at each restart and upgrade"
	}
	for i, path := range words[1:] {
		// ADD JAR, and CREATE FUNCTION … USING JAR.
		if words[i] == "JAR" && path[0] == '\'' && (!strings.Contains(path, "://") || strings.HasPrefix(path, "'FILE:")) {
			return "a jar without a host or a bucket has to be in the image: none of this computer is copied"
		}
	}
	return ""
}

// asQuery reports whether a CREATE TABLE has its rows from a query.
func asQuery(words []string) bool {
	depth := 0
	for i, word := range words {
		switch {
		case word == "(":
			depth++
		case word == ")":
			depth--
		case depth == 0 && word == "AS" && i+1 < len(words):
			return true
		}
	}
	return false
}

// rule is what is known of a setting in a script.
type rule struct {
	why    string
	refuse bool
}

// prefixRules are of settings that a script can't, or shouldn't, set. The first
// that fits counts.
var prefixRules = []struct {
	prefixes []string
	rule
}{
	{[]string{"execution.savepoint.", "execution.state-recovery."}, rule{"the job would start from that state at each restart and upgrade; give --from", true}},
	{[]string{"execution.checkpointing.dir", "state.checkpoints.dir", "execution.checkpointing.savepoint-dir", "state.savepoints.dir"}, rule{"the operator looks for the directory in the FlinkDeployment, and upgrades need it there; give it with --set", true}},
	{[]string{"execution.target", "execution.attached", "execution.shutdown-on-", "$internal."}, rule{"how an application runs is the operator's", true}},
	{[]string{"high-availability", "kubernetes.", "jobmanager.", "taskmanager.", "rest.", "security.", "blob.", "env.", "process.", "plugin.", "fs.", "s3.", "io.tmp", "web.", "user.artifacts.", "cluster.", "heartbeat."}, rule{"it is the cluster's, which is running by the time the script is read; give it with --set", true}},
	{[]string{"pipeline.jars"}, rule{"give jars with --jar", true}},
	{[]string{"sql-client."}, rule{"it is the SQL client's, and without effect here", false}},
	{[]string{"table.dml-sync"}, rule{"an application doesn't wait for its job in the script; it is without effect here at best", false}},
	{[]string{"parallelism.default"}, rule{"it wins over the parallelism of the FlinkDeployment: kubectl flink scale and the autoscaler will have no effect", false}},
}

func judge(key string) rule {
	for _, one := range prefixRules {
		for _, prefix := range one.prefixes {
			if strings.HasPrefix(key, prefix) {
				return one.rule
			}
		}
	}
	return rule{}
}
