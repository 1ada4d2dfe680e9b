//go:build unix

package sqlshell

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/interrupt"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/kube"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/screen/screentest"
)

// TestMain makes the test's binary the prompt itself where asked to: the line
// editor needs a process and a terminal of its own.
func TestMain(m *testing.M) {
	if os.Getenv("SQLSHELL_PROMPT") == "" {
		os.Exit(m.Run())
	}
	os.Exit(promptMain())
}

func promptMain() int {
	ctx, cancel := context.WithCancelCause(context.Background())
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			if s != os.Interrupt || !interrupt.Deliver() {
				cancel(errInterrupted)
			}
		}
	}()
	number := func(n int) string { return fmt.Sprint(n) }
	backend := &fake{
		jobs: []Job{{ID: "5f0c", Name: "insert-into_sink", State: "RUNNING"}},
		names: map[string][]string{
			"": {"default_catalog", "paimon"}, "default_catalog": {"default_database"},
			"default_catalog.default_database":        {"orders", "order_lines"},
			"default_catalog.default_database.orders": {"order_id", "amount"},
		},
		answers: map[string]answer{
			"SELECT 1": {schema: Schema{Query: true, Columns: []Column{column("EXPR$0", "INTEGER"), column("name", "VARCHAR")}}, batches: rows(plus("1", nil), plus("22", "two \x1b[31mred"))},
			"SELECT wrong": {refuse: &Error{
				Root: "Column 'wrong' not found in any table", Full: "org.apache.calcite… the whole story",
				Line: 1, Column: 8,
			}},
			"SELECT never": {schema: Schema{Query: true, Columns: []Column{column("n", "BIGINT")}}, wait: true},
			"SELECT * FROM orders": {
				schema: Schema{Query: true, Columns: []Column{column("order_id", "BIGINT"), column("customer", "VARCHAR"), column("total", "DECIMAL")}},
				more: func(n int) ([]Row, error) {
					time.Sleep(20 * time.Millisecond)
					return []Row{plus(number(n), fmt.Sprintf("customer %d", n%7), fmt.Sprintf("%d.50", n*3))}, nil
				},
			},
			"SELECT customer, COUNT(*) FROM orders GROUP BY customer": {
				schema: Schema{Query: true, Columns: []Column{column("customer", "VARCHAR"), column("count", "BIGINT")}},
				more: func(n int) ([]Row, error) {
					time.Sleep(20 * time.Millisecond)
					key := fmt.Sprintf("customer %d", n%7)
					if n < 7 {
						return []Row{plus(key, "1")}, nil
					}
					return []Row{{Change: UpdateBefore, Fields: []any{key, number(n / 7)}}, {Change: UpdateAfter, Fields: []any{key, number(n/7 + 1)}}}, nil
				},
			},
			"SELECT tall": {schema: Schema{Query: true, Columns: []Column{column("n", "BIGINT"), column("text", "VARCHAR")}}, batches: [][]Row{manyRows(50), {plus("50", "\x1b]0;title\a\x1b[31mred")}}},
			"SELECT wide": {schema: Schema{Query: true, Columns: []Column{column("n", "BIGINT"), column("text", "VARCHAR")}}, batches: rows(plus("1", strings.Repeat("wide ", 20)))},
			"SHOW JOBS":   {schema: Schema{Columns: []Column{column("job id", "STRING"), column("job name", "STRING"), column("status", "STRING"), column("start time", "TIMESTAMP_LTZ")}}, batches: rows(plus("0123456789abcdef0123456789abcdef", "insert-into_default_catalog.default_database.some_long_sink", "RUNNING", "2026-11-29 12:00:00.000Z"))},
			"SHOW":        {schema: Schema{Columns: []Column{column("table name", "VARCHAR")}}, batches: rows(plus("orders"), plus("order_lines"))},
			"INSERT":      {schema: Schema{Job: true}, job: "5f0c"},
			"SLOW": {schema: Schema{Query: true, Columns: []Column{column("n", "BIGINT")}}, more: func(n int) ([]Row, error) {
				if n == 2 {
					return nil, io.EOF
				}
				time.Sleep(600 * time.Millisecond)
				return []Row{plus(number(n))}, nil
			}},
		},
	}
	err := Run(ctx, backend, Options{IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}, HistoryFile: os.Getenv("SQLSHELL_HISTORY"), Prompt: "session-example"})
	if err != nil {
		fmt.Fprintln(os.Stderr, kube.Message(err))
	}
	backend.mu.Lock()
	defer backend.mu.Unlock()
	fmt.Fprintf(os.Stderr, "ran %q\ncanceled %q\n", backend.ran, backend.canceled)
	return exit.Code(err)
}

// startPrompt runs the prompt on a terminal of 80×24.
func startPrompt(t *testing.T) (terminal *screentest.Terminal, command *exec.Cmd, history string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	history = filepath.Join(t.TempDir(), "state", "history")
	terminal = screentest.Open(t, 80, 24)
	command = exec.Command(self)
	command.Env = append(os.Environ(), "SQLSHELL_PROMPT=1", "SQLSHELL_HISTORY="+history, "TERM="+cmp.Or(os.Getenv("SQLSHELL_TERM"), "xterm-256color"), "INPUTRC=/dev/null", "PAGER="+os.Getenv("SQLSHELL_PAGER"), "EDITOR="+os.Getenv("SQLSHELL_EDITOR"), "VISUAL=", "KUBE_EDITOR=")
	terminal.Start(command)
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_, _ = command.Process.Wait()
	})
	terminal.Sees("session-example>")
	return terminal, command, history
}

// prompted waits for an empty prompt: what is typed before would be echoed.
func prompted(terminal *screentest.Terminal) {
	terminal.Until("an empty prompt", func(text string) bool {
		return !terminal.Alternate() && strings.HasSuffix(text, "session-example>")
	})
}

func TestPromptRunsAStatement(t *testing.T) {
	terminal, command, _ := startPrompt(t)
	terminal.Press("SELECT 1;\r")
	terminal.Sees("EXPR$0 │ name", "1 │ NULL", "22 │ two red", "(2 rows)")
	prompted(terminal)
	terminal.Press("SELECT wrong;\r")
	terminal.Sees("error: Column 'wrong' not found in any table\n  SELECT wrong\n         ^")
	prompted(terminal)
	terminal.Press("\\full\r")
	terminal.Sees("the whole story")
	prompted(terminal)
	terminal.Press("\\x\r")
	terminal.Sees("Expanded display is on")
	prompted(terminal)
	terminal.Press("SELECT\r1")
	terminal.Sees("session-example> SELECT\n                 1")
	terminal.Press("\x03")
	prompted(terminal)
	terminal.Press("SELECT 1;\r")
	terminal.Sees("-[ row 2 ]-", "name   | two red")
	prompted(terminal)
	terminal.Press("quit\r")
	terminal.Sees("Jobs of this session that go on:", "5f0c  RUNNING  insert-into_sink", "stop it with: stop 5f0c")
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}

func TestCtrlCEndsTheQueryAndLeavesThePrompt(t *testing.T) {
	terminal, command, _ := startPrompt(t)
	terminal.Press("SELECT never;\r")
	terminal.Sees("SELECT never 0s")
	terminal.Press("\x03")
	terminal.Sees("canceled")
	prompted(terminal)
	terminal.Press("SELECT half")
	terminal.Sees("SELECT half")
	terminal.Press("\x03")
	prompted(terminal)
	terminal.Press("SELECT 1;\r")
	terminal.Sees("(2 rows)")
	prompted(terminal)
	terminal.Press("\x04")
	terminal.Sees(`canceled ["SELECT never"]`)
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
}

func TestUnboundedQueryIsWatched(t *testing.T) {
	terminal, _, _ := startPrompt(t)
	terminal.Press("SELECT customer, COUNT(*) FROM orders GROUP BY customer;\r")
	terminal.Sees("running", "7 rows", "customer 6", "q quit")
	if !terminal.Alternate() {
		t.Error("not on the alternate screen")
	}
	terminal.Press("ss")
	terminal.Sees("by count ↑")
	terminal.Press("r")
	terminal.Sees("by count ↓")
	terminal.Press("q")
	prompted(terminal)
	if text := terminal.Text(); !strings.Contains(text, "customer 6") {
		t.Errorf("the last picture is gone:\n%s", text)
	}
	terminal.Press("SELECT * FROM orders;\r")
	terminal.Sees("newest first", "customer 3")
	terminal.Press("\x03")
	prompted(terminal)
	terminal.Press("SLOW;\r")
	terminal.Sees("(2 rows)")
	prompted(terminal)
	terminal.Press("\x04")
	terminal.Sees(`canceled ["SELECT customer, COUNT(*) FROM orders GROUP BY customer" "SELECT *`)
}

// replacingEditor is a program that replaces the 1 in a file by 22.
func replacingEditor(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "editor")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nsed 's/1/22/' \"$1\" >\"$1.new\" && mv \"$1.new\" \"$1\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCommandsToTheShell(t *testing.T) {
	t.Setenv("SQLSHELL_EDITOR", replacingEditor(t))
	terminal, command, _ := startPrompt(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "in.sql")
	if err := os.WriteFile(file, []byte("SHOW;\n\nSELECT\n  1;\n SELECT wrong;\nSHOW;"), 0o600); err != nil {
		t.Fatal(err)
	}
	terminal.Press("SELECT 1;\r")
	terminal.Sees("(2 rows)")
	prompted(terminal)
	terminal.Press("\\e\r")
	terminal.Sees("\nSELECT 22;\nOK")
	prompted(terminal)
	terminal.Press("\\timing\r")
	terminal.Sees("Timing is on")
	prompted(terminal)
	terminal.Press("\\i " + file + "\r")
	terminal.Until("an error with the file's name", func(text string) bool {
		// Lines are broken where the terminal ends.
		return strings.Contains(strings.ReplaceAll(text, "\n", ""), "in.sql:5:9: Column 'wrong' not") && strings.Contains(text, "(2 rows) Time: 0.")
	})
	prompted(terminal)
	// An exported file has the format of its name, however results are shown
	// on the terminal.
	terminal.Press("\\x on\r")
	terminal.Sees("Expanded display is on")
	prompted(terminal)
	exported := filepath.Join(dir, "out.csv")
	terminal.Press("\\export " + exported + "\r")
	terminal.Sees("until \\export")
	prompted(terminal)
	terminal.Press("SELECT 1;\r")
	prompted(terminal)
	terminal.Press("\\export\r")
	terminal.Sees("is written")
	prompted(terminal)
	terminal.Press("\\export " + exported + "\r")
	terminal.Sees("exists already")
	prompted(terminal)
	terminal.Press("\\q\r")
	if err := command.Wait(); err != nil {
		t.Error(err)
	}
	content, err := os.ReadFile(exported)
	if want := "EXPR$0,name\n1,\n22,two \x1b[31mred\n"; err != nil || string(content) != want {
		t.Errorf("%v, the file has\n%q", err, content)
	}
}

func TestHistoryIsPrivateAndKeepsNoSecrets(t *testing.T) {
	terminal, _, history := startPrompt(t)
	terminal.Press("SET 'sasl.password' = 'hunter2';\r")
	terminal.Sees("OK")
	prompted(terminal)
	terminal.Press("SELECT\r  1;\r")
	terminal.Sees("OK\nsession-example> SELECT\n")
	prompted(terminal)
	terminal.Press("\x04")
	terminal.Sees("ran [")
	info, err := os.Stat(history)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %o", info.Mode().Perm())
	}
	content, err := os.ReadFile(history)
	if err != nil {
		t.Fatal(err)
	}
	if want := "\"SET 'sasl.password' = '******';\"\n\"SELECT\\n  1;\"\n"; string(content) != want {
		t.Errorf("history:\n%s", content)
	}
}

func TestTabCompletes(t *testing.T) {
	terminal, _, _ := startPrompt(t)
	terminal.Press("SELECT amo\x1b[200~ FROM orders\x1b[201~" + strings.Repeat("\x1b[D", len(" FROM orders")) + "\t")
	terminal.Sees("SELECT amount FROM orders")
	terminal.Press("\x03")
	prompted(terminal)
	terminal.Press("DESCRIBE ord\t")
	terminal.Sees("order_lines", "orders")
}
