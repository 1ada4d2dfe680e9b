package view

import (
	"bytes"
	"strings"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/jvm"
)

func TestHeapPage(t *testing.T) {
	page := HeapPage{
		Job: "flinkdeployment/a", Pod: "tm", Java: "17.0.15", Top: 1, Text: "1: raw\x1b[2J\n",
		Histogram: jvm.Histogram{Bytes: 4 << 20, Instances: 12, Classes: []jvm.Class{{Name: "byte[]", Instances: 10, Bytes: 3 << 20}, {Name: "a.B\x1b[2J", Instances: 2, Bytes: 1 << 20}}},
	}
	for output, want := range map[string][]string{
		"":     {"tm: 4.0 MiB in 12 objects of 2 classes are reachable; the largest 1\n", "BYTES     SHARE   INSTANCES   CLASS\n3.0 MiB   75.0%   10          byte[]\n"},
		"json": {`"class": "byte[]"`, `"classes": 2`, `"java": "17.0.15"`},
		"text": {"1: raw"},
	} {
		var out bytes.Buffer
		if err := (&printer.Flags{Output: output}).Print(&out, page.Result()); err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(out.String(), part) || strings.Contains(out.String(), "a.B") || strings.Contains(out.String(), "\x1b") {
				t.Errorf("%s lacks %q:\n%s", output, part, out.String())
			}
		}
	}
	page.Top = 0
	var out bytes.Buffer
	if err := (&printer.Flags{}).Print(&out, page.Result()); err != nil || !strings.Contains(out.String(), "a.B") || strings.Contains(out.String(), "the largest") || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
