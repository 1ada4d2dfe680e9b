//go:build e2e && long

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
)

// A job that runs a compiled plan keeps the state of what is unchanged in a new
// script, where an INSERT's would not start.
func TestSQLByACompiledPlan(t *testing.T) {
	t.Parallel()
	ns := main.flinkNamespace(t, "sql-plan")
	file := func(name, text string) string {
		path := filepath.Join(t.TempDir(), name)
		must(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	script := func(job string) string {
		return file("counter.sql", `CREATE TABLE src (a INT, b INT) WITH ('connector'='datagen','rows-per-second'='20','fields.a.min'='1','fields.a.max'='3');
CREATE TABLE sums (n BIGINT) WITH ('connector'='blackhole');
CREATE TABLE counts (a INT, n BIGINT) WITH ('connector'='print');
`+job)
	}
	const count = "INSERT INTO counts SELECT a, COUNT(*) AS n FROM src GROUP BY a;"
	main.run(t, "flink", "submit", "counter", "--sql", script(count), "-f", file("base.yaml", scriptBase(t, ns, "counter")), "-n", ns, "--compiled-plan").wants(t, 0)
	printed := regexp.MustCompile(`\+[IU]\[\d, (\d+)\]`)
	counted := func(worse func(int, int) int, tail string) int {
		out := 0
		for n, parts := range printed.FindAllStringSubmatch(main.run(t, "logs", "-n", ns, "-l", "app=counter,component=taskmanager", "--tail="+tail).out, -1) {
			one, _ := strconv.Atoi(parts[1])
			if out = worse(out, one); n == 0 {
				out = one
			}
		}
		return out
	}
	highest := func(a, b int) int { return max(a, b) }
	eventually(t, "the counter is over 50", "true", func() string { return strconv.FormatBool(counted(highest, "50") > 50) })

	main.run(t, "flink", "upgrade", "counter", "--sql", script("INSERT INTO counts SELECT a, MAX(b) AS n FROM src GROUP BY a;"), "-n", ns, "--check").wants(t, 3, "gone     GroupAggregate", "COUNT(*)")

	r := main.run(t, "flink", "upgrade", "counter", "-n", ns, "--stable-for", "0s", "-o", "jsonpath={.status.restoredFrom.kind} {.status.restoredFrom.proven}",
		"--sql", script("EXECUTE STATEMENT SET BEGIN\nINSERT INTO sums SELECT SUM(b) FROM src WHERE b > 9;\n"+count+"\nEND;")).
		wants(t, 0, "State, by Flink 2.3's plans", "kept     GroupAggregate(groupBy=[a]", "new      GroupAggregate")
	if r.out != "savepoint true" {
		t.Error(r)
	}
	// What a new TaskManager prints first would be 1 without the state.
	eventually(t, "the counter goes on", "true", func() string { return strconv.FormatBool(counted(highest, "-1") > 0) })
	if lowest := counted(func(a, b int) int { return min(a, b) }, "-1"); lowest < 10 {
		t.Errorf("the counter began again, at %d", lowest)
	}
	main.run(t, "flink", "delete", "counter", "-n", ns, "--yes").wants(t, 0)
}
