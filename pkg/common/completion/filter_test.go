package completion

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

func TestFilterLeavesOutWhatShellsInterpret(t *testing.T) {
	for _, good := range []string{
		"basic-example", "flinkdeployment/a.b-c", "file:/flink-data/savepoints/savepoint-d65a1a-c083", "s3://bucket/a_b/chk-7", "me@cluster:8443",
		"arn:aws:eks:eu-1:12:cluster/x", "größe", "key=value", "a%20b", ":4", ":36",
	} {
		if got := filtered(t, good+"\tdescribed", ""); got != good+"\tdescribed\n" {
			t.Errorf("%q became %q", good, got)
		}
	}
	for _, bad := range []string{
		"$(touch x)", "(touch x)", "`id`", "a;b", "a|b", "a&b", "a b", "a>b", "{a,b}", "a*", "a?", "[a]", "~root", "=ls", "%self", "-rf", "--token=x",
		"_activeHelp_ $(touch x)", "_activeHelp_ a", "a'b", `a"b`, `a\b`, "!x", "#x", "a\x1b[31m", "a\u202eb", "a\u00a0b", "^x",
	} {
		if got := filtered(t, bad, ""); got != "" {
			t.Errorf("%q is offered: %q", bad, got)
		}
	}
	if got := filtered(t, "--context\tthe \x1b[31mcontext", "--c"); got != "--context\tthe context\n" {
		t.Errorf("%q", got)
	}
}

func filtered(t *testing.T, line, word string) string {
	t.Helper()
	var out bytes.Buffer
	w := Filter(&out, word)
	// In portions, as a program may write.
	for _, part := range []string{line[:len(line)/2], line[len(line)/2:], "\n"} {
		if _, err := io.WriteString(w, part); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestScriptForFishEvaluatesNoWordUnquoted(t *testing.T) {
	var out bytes.Buffer
	if err := Fish(&cobra.Command{Use: "kubectl-x"}, &out); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); strings.Contains(text, "__complete $args") || !strings.Contains(text, "set -l quoted (string escape -- $args)\n    set -l requestComp \"") {
		t.Error(text)
	}
}
