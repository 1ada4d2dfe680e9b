//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sqlSession is a session cluster in a namespace of its own.
func (c *cluster) sqlSession(t *testing.T, namespace, version, flinkVersion string, changes ...string) {
	t.Helper()
	c.flinkNamespace(t, namespace)
	c.apply(t, namespace, exampleIn(t, namespace, "session-example.yaml", append(changes, "flink:1.20", "flink:"+version, "v1_20", flinkVersion)...))
	eventually(t, "the session cluster", "READY", func() string {
		return strings.TrimSpace(c.run(t, "get", "flinkdeployment", "session-example", "-n", namespace, "-o", "jsonpath={.status.jobManagerDeploymentStatus}").out)
	})
}

// sqlJobs are the states of the jobs of the session cluster, by name.
func (c *cluster) sqlJobs(t *testing.T, namespace string) map[string]string {
	t.Helper()
	r := c.run(t, "flink", "rest", "session-example", "/jobs/overview", "-n", namespace).wants(t, 0)
	var answer struct {
		Jobs []struct{ Jid, Name, State string }
	}
	must(t, json.Unmarshal([]byte(r.out), &answer))
	out := map[string]string{}
	for _, job := range answer.Jobs {
		out[job.Jid] = job.State
	}
	return out
}

// Every type of SQL, written as NDJSON.
const everyType = `SELECT CAST(true AS BOOLEAN) AS b, CAST(1 AS TINYINT) AS ti, CAST(2 AS SMALLINT) AS si, 3 AS i,
 CAST(9007199254740993 AS BIGINT) AS bi, CAST(1.5 AS FLOAT) AS f, CAST(2.5E300 AS DOUBLE) AS d,
 CAST('12345678901234567890.123456789' AS DECIMAL(38,9)) AS de, CAST('abc' AS CHAR(5)) AS c, CAST('abc' AS VARCHAR(5)) AS vc,
 'ü' AS s, X'00FF' AS bin, DATE '2024-02-29' AS dt, TIME '12:34:56' AS tm, TIMESTAMP '2024-02-29 12:34:56.123456' AS ts,
 CAST(TIMESTAMP '2024-02-29 12:34:56.12' AS TIMESTAMP_LTZ(3)) AS ltz, INTERVAL '1-2' YEAR TO MONTH AS iy,
 INTERVAL '3 04:05:06.789' DAY TO SECOND AS ids, ARRAY[1, CAST(NULL AS INT)] AS a, MAP['k', 1] AS m,
 CAST(ROW(1, 'x') AS ROW<a INT, b STRING>) AS r, CAST(NULL AS STRING) AS n;
SELECT MAP[1, ARRAY[2, 3]] AS m;`

func testSQL(t *testing.T, namespace, version, flinkVersion string) {
	main.sqlSession(t, namespace, version, flinkVersion)
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	sql := func(args ...string) result {
		return main.run(t, append([]string{"flink", "sql", "session-example", "-n", namespace}, args...)...)
	}
	sql("-e", "SELECT 1").wants(t, 1, "no SQL gateway found", "--start-gateway")

	// What is left of a client that is killed ends by itself, beside the rest of
	// this test.
	killedSQL(t, namespace)

	// One gateway for the types, the DDL, the queries and the jobs.
	r := sql("--start-gateway", "-o", "ndjson", "-e", everyType).wants(t, 0)
	lines := strings.Split(strings.TrimSpace(r.out), "\n")
	if len(lines) != 2 {
		t.Fatal(r)
	}
	for _, want := range []string{
		`"b":true`, `"ti":1`, `"bi":9007199254740993`, `"d":2.5E300`, `12345678901234567890.123456789`, `"c":"abc  "`, `"s":"ü"`,
		`"dt":"2024-02-29"`, `"tm":"12:34:56"`, `"ts":"2024-02-29 12:34:56.123456"`, `"ltz":"2024-02-29 12:34:56.120Z"`,
		`"iy":"+1-02"`, `"ids":"+3 04:05:06.789"`, `"a":[1,null]`, `"m":{"k":1}`, `"r":{"a":1,"b":"x"}`, `"n":null`,
	} {
		if !strings.Contains(lines[0], want) {
			t.Errorf("lacks %s:\n%s", want, lines[0])
		}
	}
	if !strings.Contains(lines[1], "[2,3]") {
		t.Error(lines[1])
	}

	r = sql("--start-gateway", "-o", "csv", "-e", `CREATE TABLE three (a INT) WITH ('connector'='datagen','number-of-rows'='3','fields.a.kind'='sequence','fields.a.start'='1','fields.a.end'='3');
		CREATE TABLE endless (a INT) WITH ('connector'='datagen','rows-per-second'='50');
		CREATE TABLE hole (a INT) WITH ('connector'='blackhole');
		CREATE TABLE pit (a INT) WITH ('connector'='blackhole');
		EXPLAIN SELECT a FROM three;
		SELECT a FROM three;
		SELECT a FROM endless LIMIT 2;
		EXECUTE STATEMENT SET BEGIN INSERT INTO hole SELECT a FROM three; INSERT INTO pit SELECT a FROM three; END;`, "--wait").wants(t, 0)
	if !strings.Contains(r.out, "Optimized Physical Plan") || !strings.Contains(r.out, "job id") {
		t.Error(r)
	}
	r = sql("--start-gateway", "--limit", "5", "-o", "tsv", "-e", `CREATE TABLE endless (a INT) WITH ('connector'='datagen','rows-per-second'='50');
		SELECT a FROM endless`).wants(t, 0)
	if n := len(strings.Split(strings.TrimSpace(r.out), "\n")); n != 6 {
		t.Errorf("%d lines, want a header and 5 rows\n%s", n, r)
	}

	broken := file("broken.sql", "SHOW CATALOGS;\n\n\n-- nothing here\nCREATE TABLE t (a INT)\nWITH ('connector'='datagen'); SELECT a,\n  nope FROM t;\nSHOW TABLES;\n")
	r = sql("--start-gateway", "-f", broken).wants(t, 1, broken+":7:3", "nope", "^")
	if strings.Contains(r.err, "\tat ") || strings.Contains(r.out, "table name") {
		t.Error(r)
	}

	t.Run("Ctrl-C ends the query and its job", func(t *testing.T) { interruptSQL(t, namespace) })
	if version != "1.20" { // on which the long tests run them: each gateway takes half a minute to start
		t.Run("values and limits", func(t *testing.T) { exactSQL(t, namespace) })
		t.Run("an output without reader", func(t *testing.T) { brokenPipeSQL(t, namespace) })
	}

	// An INSERT goes on; the JobManager ends it here.
	r = sql("--start-gateway", "-o", "csv", "-e", `CREATE TABLE endless (a INT) WITH ('connector'='datagen','rows-per-second'='5');
		CREATE TABLE hole (a INT) WITH ('connector'='blackhole');
		INSERT INTO hole SELECT a FROM endless`).wants(t, 0)
	fields := strings.Fields(r.out)
	id := fields[len(fields)-1]
	eventually(t, "the job that INSERT started", "RUNNING", func() string { return main.sqlJobs(t, namespace)[id] })
	r = main.run(t, "flink", "top", "--once", "-n", namespace, "-o", "jsonpath={range .items[?(@.jobID==\""+id+"\")]}{.name} {.unmanaged} {.state}{\"\\n\"}{end}").wants(t, 0)
	if want := "session-example true RUNNING\n"; r.out != want {
		t.Errorf("want %q\n%s", want, r)
	}
	main.run(t, "flink", "rest", "session-example", "/jobs/"+id+"?mode=cancel", "-X", "PATCH", "-n", namespace).wants(t, 0)

	ok := file("ok.sql", "SHOW CATALOGS;\n")
	r = main.run(t, "flink", "sql-client", "session-example", "-n", namespace, "-f", ok).wants(t, 0)
	if !strings.Contains(r.out, "default_catalog") {
		t.Error(r)
	}
	main.run(t, "flink", "sql-client", "session-example", "-n", namespace, "-f", broken).wants(t, 1)

	// Nothing is left behind: no gateway, no job, no file.
	nothingLeft(t, namespace)
	if out := main.kubectl(t, "exec", "deployment/session-example", "-n", namespace, "--", "bash", "-c", "ls /tmp | grep kubectl-flink || true"); out != "" {
		t.Error(out)
	}
}

func interruptSQL(t *testing.T, namespace string) {
	before := main.sqlJobs(t, namespace)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := main.command(ctx, "flink", "sql", "session-example", "-n", namespace, "--start-gateway", "-o", "tsv", "-e",
		"CREATE TABLE endless (a INT) WITH ('connector'='datagen','rows-per-second'='20'); SELECT a FROM endless")
	stdout, err := command.StdoutPipe()
	must(t, err)
	var errOut bytes.Buffer
	command.Stderr = &errOut
	must(t, command.Start())
	rows := 0
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		if rows++; rows == 5 {
			must(t, command.Process.Signal(os.Interrupt))
		}
	}
	_ = command.Wait()
	result{"", errOut.String(), command.ProcessState.ExitCode()}.wants(t, 130)
	for id, state := range main.sqlJobs(t, namespace) {
		if _, others := before[id]; !others && state != "FINISHED" && state != "CANCELED" {
			t.Errorf("job %s is %s", id, state)
		}
	}
}

// exactSQL holds what a gateway sends against what is printed: instants in rows,
// in the hour that is there twice, and limits of rows that change.
func exactSQL(t *testing.T, namespace string) {
	sql := func(args ...string) result {
		return main.run(t, append([]string{"flink", "sql", "session-example", "-n", namespace, "--start-gateway"}, args...)...)
	}
	r := sql("-q", "-o", "ndjson", "-e", `SET 'table.local-time-zone'='Europe/Berlin';
		SELECT t, ARRAY[t] AS ar, ROW(t) AS rw FROM (SELECT TO_TIMESTAMP_LTZ(x,3) AS t FROM (VALUES (1729989000000)) v(x));
		SELECT ROW(TO_TIMESTAMP_LTZ(1729992600000,3)) AS rw;
		SELECT CAST(TO_TIMESTAMP_LTZ(0,3) AS STRING) AS s;
		SELECT k AS op, COUNT(*) c FROM (VALUES ('a'),('a')) t(k) GROUP BY k`).wants(t, 0)
	for _, want := range []string{
		`{"t":"2024-10-27 02:30:00.000+02:00","ar":["2024-10-27 02:30:00.000+02:00"],"rw":{"EXPR$0":"2024-10-27 02:30:00.000+02:00"}}`,
		`{"rw":{"EXPR$0":"2024-10-27 02:30:00.000+01:00"}}`, `{"s":"1970-01-01 01:00:00.000"}`, `{"_op":"-U","op":"a","c":1}`,
	} {
		if !strings.Contains(r.out, want+"\n") {
			t.Errorf("lacks %s:\n%s", want, r)
		}
	}
	const count = "SELECT COUNT(*) c FROM (VALUES (1),(2),(3)) t(x)"
	if r := sql("-q", "-o", "csv", "--limit", "1", "-e", count).wants(t, 0); r.out != "c\n3\n" {
		t.Error(r)
	}
	if r := sql("-q", "-o", "ndjson", "--limit", "1", "-e", count).wants(t, 1, "can't end this query"); r.out != "" {
		t.Error(r)
	}
	sql("-q", "-e", "BEGIN STATEMENT SET; CREATE TABLE bh1 WITH ('connector'='blackhole') AS SELECT 1 AS a; END; HELP; BEGIN STATEMENT SET; END;", "--wait").wants(t, 0)
}

// endlessSQL reads rows that don't end, in a process of its own; two were read.
func endlessSQL(t *testing.T, namespace string) (*exec.Cmd, io.Closer) {
	t.Helper()
	command := main.command(t.Context(), "flink", "sql", "session-example", "-n", namespace, "--start-gateway", "-q", "-o", "csv", "-e",
		"CREATE TABLE endless (a INT) WITH ('connector'='datagen','rows-per-second'='5'); SELECT a FROM endless")
	stdout, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	lines := bufio.NewScanner(stdout)
	for range 2 {
		if !lines.Scan() {
			t.Fatal("no rows came")
		}
	}
	return command, stdout
}

// nothingLeft waits until no job of SQL runs and nothing of a gateway is there.
func nothingLeft(t *testing.T, namespace string) {
	t.Helper()
	eventually(t, "jobs that run and what is left of gateways", "", func() string {
		left := strings.TrimSpace(main.run(t, "get", "pods,jobs", "-n", namespace, "-l", "app.kubernetes.io/name=flink-sql-gateway", "-o", "name").out)
		for id, state := range main.sqlJobs(t, namespace) {
			if state != "FINISHED" && state != "CANCELED" && state != "FAILED" {
				left += " " + id + " " + state
			}
		}
		return left
	})
}

func brokenPipeSQL(t *testing.T, namespace string) {
	command, stdout := endlessSQL(t, namespace)
	must(t, stdout.Close())
	_ = command.Wait()
	if code := command.ProcessState.ExitCode(); code != 141 {
		t.Errorf("exit code %d", code)
	}
}

// killedSQL leaves a gateway alone: the query, the gateway and its objects end
// by themselves.
func killedSQL(t *testing.T, namespace string) {
	t.Helper()
	command, _ := endlessSQL(t, namespace)
	// kubectl has become the plugin: there is one process.
	must(t, command.Process.Kill())
	_ = command.Wait()
}

func TestSQLOnFlink1(t *testing.T) {
	t.Parallel()
	testSQL(t, "sql-1", "1.20", "v1_20")
}

func TestSQLOnFlink2(t *testing.T) {
	t.Parallel()
	testSQL(t, "sql-2", "2.3", "v2_3")
}

func TestSQLOnAnApplicationCluster(t *testing.T) {
	t.Parallel()
	main.basic(t)
	for _, verb := range []string{"sql", "sql-client"} {
		main.run(t, "flink", verb, "basic-example").wants(t, 1, "is an application cluster", "session cluster")
	}
}

// scriptBase is a FlinkDeployment for a script's application: all but the job.
func scriptBase(t *testing.T, namespace, name string) string {
	t.Helper()
	base, _, _ := strings.Cut(exampleIn(t, namespace, "flink-2-example.yaml", "flink-2-example", name), "  job:\n")
	return base
}

// A SQL script becomes an application, is changed with its state kept, and goes
// back to the script before where the new one doesn't run.
func TestSQLAsAnApplication(t *testing.T) {
	t.Parallel()
	ns := main.flinkNamespace(t, "sql-app")
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	script := func(rows, query string) string {
		return file("counter.sql", `-- it's counted; and kept
SET 'pipeline.name' = 'counter';
CREATE TABLE src (a INT) WITH ('connector'='datagen','rows-per-second'='`+rows+`');
CREATE TABLE sink (n BIGINT) WITH ('connector'='print');
`+query)
	}
	const count = "INSERT INTO sink SELECT COUNT(*) FROM src"
	base := file("base.yaml", scriptBase(t, ns, "counter"))
	main.run(t, "flink", "submit", "counter", "--sql", script("10", count+";\n"+count), "-f", base, "-n", ns).wants(t, 2, "starts 2 jobs")
	r := main.run(t, "flink", "submit", "counter", "--sql", script("10", count), "-f", base, "-n", ns).wants(t, 0)
	if !strings.Contains(r.out, "counter running") {
		t.Error(r)
	}
	// The highest number that the sink printed of late.
	printed := regexp.MustCompile(`\+[IU]\[(\d+)\]`)
	counted := func() int {
		highest := 0
		for _, parts := range printed.FindAllStringSubmatch(main.run(t, "logs", "-n", ns, "-l", "app=counter,component=taskmanager", "--tail=50").out, -1) {
			n, _ := strconv.Atoi(parts[1])
			highest = max(highest, n)
		}
		return highest
	}
	eventually(t, "the counter is over 50", "true", func() string { return strconv.FormatBool(counted() > 50) })
	before := counted()
	r = main.run(t, "flink", "upgrade", "counter", "--sql", script("20", count), "-n", ns, "--stable-for", "0s",
		"-o", "jsonpath={.status.restoredFrom.kind} {.status.restoredFrom.proven}").wants(t, 0, "-CREATE TABLE src", "State, by Flink 2.3's plans", "kept     GroupAggregate")
	if r.out != "savepoint true" {
		t.Error(r)
	}
	eventually(t, "the counter goes on", "true", func() string { return strconv.FormatBool(counted() > 0) })
	if after := counted(); after < before {
		t.Errorf("the counter is %d, was %d", after, before)
	}
	main.run(t, "flink", "upgrade", "counter", "--sql", script("20", "INSERT INTO nowhere SELECT a FROM src"), "-n", ns, "--rollback-on-failure").wants(t, 1, "nowhere", "Rolled back")
	if again := counted(); again < before {
		t.Errorf("the counter is %d, was %d", again, before)
	}
	main.run(t, "flink", "delete", "counter", "-n", ns, "--yes").wants(t, 0)
	eventually(t, "scripts that are left", "", func() string {
		return strings.TrimSpace(main.run(t, "get", "configmaps", "-n", ns, "-l", "app.kubernetes.io/name=flink-sql-script", "-o", "name").out)
	})
}
