//go:build e2e && long

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// oneVersion leads to a gateway as if it spoke only one version of its REST
// API.
type oneVersion struct{ address, version string }

func (o oneVersion) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == "/api_versions" {
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(`{"versions":["` + o.version + `"]}`)), Request: r}, nil
	}
	r = r.Clone(r.Context())
	r.URL.Host = o.address
	return http.DefaultTransport.RoundTrip(r)
}

// heldGateway is a gateway that runs until the test ends, and its pod.
func heldGateway(t *testing.T, namespace string, args ...string) (pod string, statements io.WriteCloser, done func() result) {
	t.Helper()
	return heldGatewayAfter(t, namespace, "", args...)
}

// heldGatewayAfter is heldGateway with statements that its session runs at once.
func heldGatewayAfter(t *testing.T, namespace, first string, args ...string) (pod string, statements io.WriteCloser, done func() result) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := main.command(ctx, append([]string{"flink", "sql", "session-example", "-n", namespace, "--start-gateway", "-o", "csv", "-f", "-"}, args...)...)
	var out, errOut bytes.Buffer
	command.Stdout, command.Stderr = &out, &errOut
	statements, err := command.StdinPipe()
	must(t, err)
	must(t, command.Start())
	_, err = io.WriteString(statements, first)
	must(t, err)
	ended := false
	done = func() result {
		if !ended {
			ended = true
			_ = statements.Close()
			_ = command.Wait()
			cancel()
		}
		return result{out.String(), errOut.String(), command.ProcessState.ExitCode()}
	}
	t.Cleanup(func() { done() })
	eventually(t, "the gateway's pod", "1", func() string {
		pod = strings.TrimSpace(main.run(t, "get", "pods", "-n", namespace, "-l", "app.kubernetes.io/name=flink-sql-gateway", "--field-selector", "status.phase=Running", "-o", "jsonpath={.items[*].metadata.name}").out)
		return strconv.Itoa(len(strings.Fields(pod)))
	})
	eventually(t, "the session that holds the gateway", "true", func() string {
		return strconv.FormatBool(strings.Contains(main.run(t, "logs", pod, "-n", namespace).out, "is opened"))
	})
	return pod, statements, done
}

// forwarded is the address at which kubectl forwards to a gateway's pod.
func forwarded(t *testing.T, namespace, pod string) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	command := main.command(ctx, "port-forward", "-n", namespace, "pod/"+pod, ":8083")
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	_, rest, _ := strings.Cut(line, "Forwarding from ")
	address, _, ok := strings.Cut(rest, " ")
	if !ok {
		t.Fatal(line)
	}
	eventually(t, "the gateway's answer", "200", func() string {
		response, err := http.Get("http://" + address + "/info")
		if err != nil {
			return err.Error()
		}
		_ = response.Body.Close()
		return strconv.Itoa(response.StatusCode)
	})
	return address
}

// sqlTypes are statements over all types, and the rows that they give as
// NDJSON. REST v1 has no other row format than JSON, which can't hold those
// that are plain.
var sqlTypes = []struct {
	plain     bool
	sql, want string
}{
	{
		false, `SELECT CAST(true AS BOOLEAN) AS b, CAST(1 AS TINYINT) AS ti, CAST(-2 AS SMALLINT) AS si, 3 AS i, CAST(9007199254740993 AS BIGINT) AS bi, CAST(1.5 AS FLOAT) AS f, CAST(2.5E300 AS DOUBLE) AS d`,
		`{"b":true,"ti":1,"si":-2,"i":3,"bi":9007199254740993,"f":1.5,"d":2.5E300}`,
	},
	{
		false, `SELECT CAST(x AS DOUBLE) AS nan, CAST(y AS FLOAT) AS inf FROM (VALUES ('NaN', '-Infinity')) AS t(x, y)`,
		`{"nan":"NaN","inf":"-Infinity"}`,
	},
	{
		false, `SELECT CAST('12345678901234567890.123456789' AS DECIMAL(38,9)) AS a, CAST(5 AS DECIMAL(10,2)) AS b, CAST('0.0000000001' AS DECIMAL(20,10)) AS c, CAST(-7 AS DECIMAL(5,0)) AS d`,
		`{"a":12345678901234567890.123456789,"b":5.00,"c":0.0000000001,"d":-7}`,
	},
	{
		false, `SELECT CAST('abc' AS CHAR(5)) AS c, CAST('abcdef' AS VARCHAR(5)) AS vc, U&'\00fc"\005c' AS s, '' AS e`,
		`{"c":"abc  ","vc":"abcde","s":"ü\"\\","e":""}`,
	},
	{
		false, `SELECT X'00FF' AS b, CAST(X'01' AS VARBINARY(4)) AS v, CAST(X'' AS BYTES) AS e`,
		`{"b":"AP8=","v":"AQ==","e":""}`,
	},
	{
		false, `SELECT DATE '2024-02-29' AS d, TIME '12:34:56' AS t, TIME '12:00:00' AS t0, TIMESTAMP '2024-02-29 12:34:56.123456' AS ts, CAST(TIMESTAMP '2024-02-29 12:34:00' AS TIMESTAMP(0)) AS ts0, CAST(TIMESTAMP '2024-02-29 12:34:00.1' AS TIMESTAMP(9)) AS ts9`,
		`{"d":"2024-02-29","t":"12:34:56","t0":"12:00:00","ts":"2024-02-29 12:34:56.123456","ts0":"2024-02-29 12:34:00","ts9":"2024-02-29 12:34:00.100000000"}`,
	},
	{
		false, `SELECT CAST(TIMESTAMP '2024-02-29 12:34:56.12' AS TIMESTAMP_LTZ(3)) AS l, CAST(TIMESTAMP '2024-02-29 00:00:00' AS TIMESTAMP_LTZ(0)) AS l0`,
		`{"l":"2024-02-29 12:34:56.120Z","l0":"2024-02-29 00:00:00Z"}`,
	},
	{
		false, `SELECT INTERVAL '1-2' YEAR TO MONTH AS ym, INTERVAL '-14' MONTH AS m, INTERVAL '3 04:05:06.789' DAY TO SECOND AS ds, INTERVAL '-5' HOUR AS h`,
		`{"ym":"+1-02","m":"-1-02","ds":"+3 04:05:06.789","h":"-0 05:00:00.000"}`,
	},
	{
		false, `SELECT ARRAY[1, CAST(NULL AS INT)] AS a, ARRAY['x', 'y,z'] AS s, ARRAY[ARRAY[1], ARRAY[2]] AS aa, MAP['k', CAST(NULL AS INT)] AS m, CAST(ROW(1, 'x') AS ROW<a INT, b STRING>) AS r, CAST(ROW(1, ROW('y', DATE '2024-01-01')) AS ROW<a INT, b ROW<c STRING, d DATE>>) AS rr, MAP['k', ARRAY[ROW(1)]] AS mar`,
		`{"a":[1,null],"s":["x","y,z"],"aa":[[1],[2]],"m":{"k":null},"r":{"a":1,"b":"x"},"rr":{"a":1,"b":{"c":"y","d":"2024-01-01"}},"mar":{"k":[{"EXPR$0":1}]}}`,
	},
	{
		false, `SELECT CAST(NULL AS BOOLEAN) AS a, CAST(NULL AS DECIMAL(5,2)) AS b, CAST(NULL AS STRING) AS c, CAST(NULL AS BYTES) AS d, CAST(NULL AS TIMESTAMP_LTZ(3)) AS e, CAST(NULL AS ARRAY<INT>) AS f, CAST(NULL AS MAP<STRING,INT>) AS g, CAST(NULL AS ROW<a INT>) AS h, CAST(NULL AS INTERVAL DAY) AS i`,
		`{"a":null,"b":null,"c":null,"d":null,"e":null,"f":null,"g":null,"h":null,"i":null}`,
	},
	{false, `SET 'table.local-time-zone' = 'GMT+02:00'`, ``},
	{
		false, `SELECT CAST(TO_TIMESTAMP_LTZ(1709210096120, 3) AS TIMESTAMP_LTZ(3)) AS l`,
		`{"l":"2024-02-29 14:34:56.120+02:00"}`,
	},
	{
		true, `SELECT CAST(TO_TIMESTAMP_LTZ(1709210096120, 3) AS TIMESTAMP_LTZ(3)) AS l, MAP[1, ARRAY[2, 3]] AS m`,
		`{"l":"2024-02-29 14:34:56.120+02:00","m":{"1":[2,3]}}`,
	},
	{false, `SET 'execution.runtime-mode' = 'batch'`, ``},
	{false, `SELECT COLLECT(x) AS ms FROM (VALUES ('a'), ('a')) AS t(x)`, `{"ms":{"a":2}}`},
	{true, `SELECT COLLECT(x) AS ms FROM (VALUES (1), (1)) AS t(x)`, `{"ms":{"1":2}}`},
}

func typesRoundTrip(t *testing.T, address string, versions ...string) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			client, err := sqlgateway.Connect(t.Context(), oneVersion{address, version})
			must(t, err)
			session, err := sqlgateway.Open(t.Context(), client, sqlgateway.Options{Name: "types"})
			must(t, err)
			defer session.Close(t.Context()) //nolint:errcheck // the gateway ends with the test
			for _, c := range sqlTypes {
				var out bytes.Buffer
				err := sqlshell.Script(t.Context(), session, []sqlshell.Source{{Name: "types", Text: strings.NewReader(c.sql)}},
					sqlshell.Options{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: &out, ErrOut: io.Discard}, Format: sqlshell.NDJSON})
				if c.plain && version == "V1" {
					if err == nil || !strings.Contains(err.Error(), "CAST maps") {
						t.Errorf("%s: %v\n%s", c.sql, err, out.String())
					}
					continue
				}
				if got := strings.TrimSpace(out.String()); err != nil || got != c.want {
					t.Errorf("%s: %v\ngot  %s\nwant %s", c.sql, err, got, c.want)
				}
			}
		})
	}
}

// noSQLJobs waits until no job of the session cluster runs.
func noSQLJobs(t *testing.T, namespace string) {
	t.Helper()
	eventually(t, "jobs that run", "", func() string {
		var left []string
		for id, state := range main.sqlJobs(t, namespace) {
			if !slices.Contains([]string{"FINISHED", "CANCELED", "FAILED"}, state) {
				left = append(left, id+" "+state)
			}
		}
		return strings.Join(left, ", ")
	})
}

func TestLongSQLOnFlink1(t *testing.T) {
	const namespace = "sql-long-1"
	// With the processors' limits of the example, five million rows take minutes.
	main.sqlSession(t, namespace, "1.20", "v1_20", "  flinkConfiguration:", "  flinkConfiguration:\n"+
		"    kubernetes.jobmanager.cpu.limit-factor: \"10\"\n    kubernetes.taskmanager.cpu.limit-factor: \"5\"")
	t.Run("types", func(t *testing.T) {
		pod, _, _ := heldGateway(t, namespace)
		typesRoundTrip(t, forwarded(t, namespace, pod), "V1", "V2", "V3")
	})
	t.Run("values and limits", func(t *testing.T) { exactSQL(t, namespace) })
	t.Run("an output without reader", func(t *testing.T) { brokenPipeSQL(t, namespace) })
	t.Run("memory is constant", func(t *testing.T) { memoryOfMillions(t, namespace) })
	t.Run("a JobManager that fails", func(t *testing.T) { queryThroughFailover(t, namespace) })
	t.Run("a gateway that dies", func(t *testing.T) { deadGateway(t, namespace) })
	t.Run("a session that expires", func(t *testing.T) { expiredSession(t, namespace) })
	t.Run("the prompt", func(t *testing.T) { realPrompt(t, namespace) })
	t.Run("a killed sql-client", func(t *testing.T) { killedSQLClient(t, namespace) })
	t.Run("in the JobManager", func(t *testing.T) {
		r := main.run(t, "flink", "sql", "session-example", "-n", namespace, "--start-gateway", "--in-jobmanager", "-o", "csv", "-e", "SELECT 1 AS x").wants(t, 0, "shares the memory of the JobManager")
		if r.out != "x\n1\n" {
			t.Error(r)
		}
	})
	t.Run("sql-client with a jar", func(t *testing.T) { clientWithJar(t, namespace) })
}

func TestLongSQLOnFlink2(t *testing.T) {
	const namespace = "sql-long-2"
	main.sqlSession(t, namespace, "2.3", "v2_3")
	pod, _, _ := heldGateway(t, namespace)
	typesRoundTrip(t, forwarded(t, namespace, pod), "V1", "V2", "V3", "V4")
}

// numbers is a table of the numbers 1 to 100,000, of which so many come a second.
func numbers(perSecond int) string {
	return "CREATE TABLE numbers (id INT) WITH ('connector'='datagen','number-of-rows'='100000'," +
		"'fields.id.kind'='sequence','fields.id.start'='1','fields.id.end'='100000','rows-per-second'='" + strconv.Itoa(perSecond) + "');\n"
}

// memoryOfMillions reads 100,000 rows and then 5 million, and compares the
// peaks of the plugin's memory.
func memoryOfMillions(t *testing.T, namespace string) {
	peak := func(rows int) int64 {
		command := main.command(t.Context(), "flink", "sql", "session-example", "-n", namespace, "--start-gateway", "-q", "-o", "csv", "-e",
			// With exactly-once checkpoints a gateway keeps all rows since the last one in its
			// memory, and in batch mode there is none. A sequence of millions is too much for
			// Flink: the source keeps all numbers to come in its state. datagen's default is
			// 10,000 rows a second.
			"SET 'execution.checkpointing.mode' = 'AT_LEAST_ONCE';\n"+
				"CREATE TABLE numbers (id INT) WITH ('connector'='datagen','number-of-rows'='"+strconv.Itoa(rows)+"','rows-per-second'='1000000');\n"+
				"SELECT id, 'some text beside the number' AS t FROM numbers")
		out, err := command.StdoutPipe()
		must(t, err)
		var errOut bytes.Buffer
		command.Stderr = &errOut
		must(t, command.Start())
		lines, kib := 0, int64(0)
		for scanner := bufio.NewScanner(out); scanner.Scan(); {
			if lines++; lines > 1 && !strings.HasSuffix(scanner.Text(), ",some text beside the number") {
				t.Fatalf("line %d is %q", lines, scanner.Text())
			}
			if lines%10_000 == 0 {
				kib = highWater(t, command.Process.Pid)
			}
		}
		if err := command.Wait(); err != nil || lines != rows+1 {
			t.Fatalf("%d lines: %v\n%s", lines, err, errOut.String())
		}
		return kib
	}
	few, many := peak(100_000), peak(5_000_000)
	t.Logf("peak memory: %d MiB for 100,000 rows, %d MiB for 5,000,000", few>>10, many>>10)
	if many > few*3/2 {
		t.Errorf("memory grows with the rows: %d KiB for 100,000, %d KiB for 5,000,000", few, many)
	}
	noSQLJobs(t, namespace)
}

// highWater is the most memory that a process has had since its exec, in KiB.
// What wait tells is also that of the program before.
func highWater(t *testing.T, pid int) int64 {
	t.Helper()
	kib := highWaterNow(pid)
	if kib == 0 {
		t.Fatalf("no peak in the status of process %d", pid)
	}
	return kib
}

// highWaterNow is highWater, or 0 of a process that has ended.
func highWaterNow(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseInt(strings.Fields(rest + " 0")[0], 10, 64)
	if err != nil {
		return 0
	}
	return kib
}

// queryThroughFailover kills the JobManager while rows come: they go on, each
// once.
func queryThroughFailover(t *testing.T, namespace string) {
	command := main.command(t.Context(), "flink", "sql", "session-example", "-n", namespace, "--start-gateway", "-q", "-o", "tsv", "-e",
		numbers(5)+"SELECT id FROM numbers")
	out, err := command.StdoutPipe()
	must(t, err)
	var errOut bytes.Buffer
	command.Stderr = &errOut
	must(t, command.Start())
	rows := 0
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if lines.Text() == "id" {
			continue
		}
		if rows++; lines.Text() != strconv.Itoa(rows) {
			t.Errorf("row %d is %s", rows, lines.Text())
		}
		switch rows {
		case 10:
			main.kubectl(t, "delete", "pod", "-n", namespace, "-l", "app=session-example,component=jobmanager", "--grace-period=0", "--force", "--wait=false")
		case 300:
			must(t, command.Process.Signal(os.Interrupt))
		}
	}
	_ = command.Wait()
	if r := (result{"", errOut.String(), command.ProcessState.ExitCode()}); rows < 300 || r.code != 130 {
		t.Errorf("%d rows, %s", rows, r)
	}
	noSQLJobs(t, namespace)
}

// deadGateway kills a session's gateway while rows come: the command ends, says
// why, and cancels the query's job.
func deadGateway(t *testing.T, namespace string) {
	command := main.command(t.Context(), "flink", "sql", "session-example", "-n", namespace, "--start-gateway", "-q", "-o", "tsv", "-e", numbers(5)+"SELECT id FROM numbers")
	out, err := command.StdoutPipe()
	must(t, err)
	var errOut bytes.Buffer
	command.Stderr = &errOut
	must(t, command.Start())
	rows := 0
	for lines := bufio.NewScanner(out); lines.Scan(); rows++ {
		if rows == 10 {
			pod := strings.TrimSpace(main.kubectl(t, "get", "pods", "-n", namespace, "-l", "app.kubernetes.io/name=flink-sql-gateway", "--field-selector", "status.phase=Running", "-o", "name"))
			main.kubectl(t, "exec", "-n", namespace, pod, "-c", "flink-main-container", "--", "bash", "-c", "pkill -9 java")
		}
	}
	_ = command.Wait()
	r := result{"", errOut.String(), command.ProcessState.ExitCode()}
	r.wants(t, 1, "the SQL gateway of this session has ended", "exit code 137")
	noSQLJobs(t, namespace)
}

// expiredSession lets a session be idle for longer than its gateway allows, which is
// less than the time between two heartbeats.
func expiredSession(t *testing.T, namespace string) {
	pod, statements, done := heldGatewayAfter(t, namespace, "SHOW CATALOGS;\n", "-D", "sql-gateway.session.idle-timeout=3s", "-D", "sql-gateway.session.check-interval=1s")
	eventually(t, "the end of the session", "true", func() string {
		return strconv.FormatBool(regexp.MustCompile(`Session:? .*is closed`).MatchString(main.run(t, "logs", pod, "-n", namespace).out))
	})
	_, err := io.WriteString(statements, "SHOW TABLES;\n")
	must(t, err)
	r := done().wants(t, 1, "-:2:", "doesn't know this session any more", "idle for too long")
	if !strings.Contains(r.out, "default_catalog") {
		t.Error(r)
	}
}

// realPrompt does at the prompt what a user does, on a terminal of 80×24.
func realPrompt(t *testing.T, namespace string) {
	terminal := screentest.Open(t, 80, 24)
	command := main.command(t.Context(), "flink", "sql", "session-example", "-n", namespace, "--start-gateway")
	command.Env = append(command.Env, "XDG_STATE_HOME="+t.TempDir(), "TERM=xterm-256color", "INPUTRC=/dev/null")
	terminal.Start(command)
	sees := func(wants ...string) string {
		t.Helper()
		text := ""
		eventually(t, strings.Join(wants, ", "), "seen", func() string {
			text = terminal.Text()
			for _, want := range wants {
				if !strings.Contains(text, want) {
					return text
				}
			}
			return "seen"
		})
		return text
	}
	prompted := func() {
		t.Helper()
		eventually(t, "an empty prompt", "true", func() string {
			return strconv.FormatBool(!terminal.Alternate() && strings.HasSuffix(terminal.Text(), "session-example>"))
		})
	}
	prompted()
	terminal.Press("CREATE TABLE orders (id INT, who STRING) WITH ('connector'='datagen','rows-per-second'='20','fields.id.kind'='sequence','fields.id.start'='1','fields.id.end'='100000');\r")
	sees("OK\nsession-example>")
	terminal.Press("SELECT id, CHAR_LENGTH(who) AS n FROM ord\t;\r")
	sees("running", "newest first", "q quit")
	terminal.Press("s")
	sees("by id ↑", "\n   1 │ 100")
	terminal.Press("q")
	prompted()
	if text := terminal.Text(); !strings.Contains(text, "more rows") || !strings.Contains(text, " │ 100") {
		t.Errorf("the last picture is gone:\n%s", text)
	}
	noSQLJobs(t, namespace)
	terminal.Press("SELECT MOD(id, 3) AS rest, COUNT(*) AS n FROM orders GROUP BY MOD(id, 3);\r")
	sees("running", "3 rows", "rest")
	terminal.Press("\x03")
	sees("canceled")
	prompted()
	noSQLJobs(t, namespace)
	terminal.Press("SELECT 40 + 2 AS answer;\r")
	sees("answer", "42", "(1 row)")
	prompted()
	terminal.Press("\x04")
	must(t, command.Wait())
}

// killedSQLClient kills Flink's own client while rows come: its JVM, its files
// and its query end by themselves.
func killedSQLClient(t *testing.T, namespace string) {
	file := filepath.Join(t.TempDir(), "f.sql")
	must(t, os.WriteFile(file, []byte("SET 'sql-client.execution.result-mode'='tableau';\n"+numbers(5)+"SELECT id FROM numbers;\n"), 0o600))
	command := main.command(t.Context(), "flink", "sql-client", "session-example", "-n", namespace, "-q", "-f", file)
	out, err := command.StdoutPipe()
	must(t, err)
	must(t, command.Start())
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.Contains(lines.Text(), "| +I |"); {
	}
	must(t, command.Process.Kill())
	_ = command.Wait()
	eventually(t, "files and processes of sql-client", "", func() string {
		return main.kubectl(t, "exec", "deployment/session-example", "-n", namespace, "--", "bash", "-c", "ls /tmp | grep kubectl-flink; pgrep -f '[t]able.client.SqlClient'; true")
	})
	noSQLJobs(t, namespace)
}

// clientWithJar runs Flink's client with a jar of this computer: the session
// has it, and the next one doesn't.
func clientWithJar(t *testing.T, namespace string) {
	dir := t.TempDir()
	jar := filepath.Join(dir, "a jar.jar")
	raw, err := exec.Command(filepath.Join(kubectl, "kubectl"), "--kubeconfig", main.kubeconfig, "exec", "-n", namespace, "deployment/session-example", "-c", "flink-main-container", "--",
		"cat", "/opt/flink/examples/streaming/TopSpeedWindowing.jar").Output()
	must(t, err)
	must(t, os.WriteFile(jar, raw, 0o600))
	file := filepath.Join(dir, "f.sql")
	must(t, os.WriteFile(file, []byte("SHOW VIEWS;\nSET;\n"), 0o600))
	initial := filepath.Join(dir, "init.sql")
	must(t, os.WriteFile(initial, []byte("CREATE TEMPORARY VIEW made_before AS SELECT 1 AS a;\n"), 0o600))
	client := func(more ...string) string {
		r := main.run(t, append([]string{"flink", "sql-client", "session-example", "-n", namespace, "-f", file}, more...)...).wants(t, 0)
		if strings.Contains(r.out, "\x1b[") {
			t.Error(r)
		}
		return r.out
	}
	if out := client("-i", initial, "--jar", jar); !strings.Contains(out, "made_before") || !strings.Contains(out, "jar.jar") {
		t.Error(out)
	}
	if out := client(); strings.Contains(out, "made_before") || strings.Contains(out, "jar.jar") {
		t.Error(out)
	}
}
