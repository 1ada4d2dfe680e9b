package printer

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

type job struct {
	Kind   string `json:"kind"`
	Status struct {
		Path string `json:"path"`
		ID   int64  `json:"id"`
	} `json:"status"`
}

func sample(path string) job {
	j := job{Kind: "Job"}
	j.Status.Path = path
	j.Status.ID = 1764000000000000001
	return j
}

func render(t *testing.T, output string, r Result) string {
	t.Helper()
	var flags Flags
	flags.AddFlags(&cobra.Command{})
	flags.Output = output
	if err := flags.Validate(); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := flags.Print(&out, r); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEveryFormatOfOneResult(t *testing.T) {
	r := Result{
		Object: sample("s3://b/sp-1"),
		Names:  []string{"job/a"},
		Table: &Table{
			Columns: []Column{{Name: "NAME"}, {Name: "PATH"}, {Name: "NODE", Wide: true}},
			Rows:    [][]Cell{{C("a"), C("s3://b/\x1b[31msp-1"), C("")}},
		},
	}
	for output, want := range map[string]string{
		"":                               "NAME   PATH\na      s3://b/sp-1\n",
		"wide":                           "NAME   PATH          NODE\na      s3://b/sp-1   <none>\n",
		"name":                           "job/a\n",
		"json":                           "{\n    \"kind\": \"Job\",\n    \"status\": {\n        \"path\": \"s3://b/sp-1\",\n        \"id\": 1764000000000000001\n    }\n}\n",
		"yaml":                           "kind: Job\nstatus:\n  id: 1764000000000000001\n  path: s3://b/sp-1\n",
		"jsonpath={.status.path}":        "s3://b/sp-1",
		"jsonpath={.status.id}":          "1764000000000000001",
		"jsonpath={.status.nope}":        "",
		"custom-columns=P:status.id":     "P\n1764000000000000001\n",
		"custom-columns=P:{.no},K:.kind": "P        K\n<none>   Job\n",
	} {
		if got := render(t, output, r); got != want {
			t.Errorf("-o %s: got %q, want %q", output, got, want)
		}
	}
}

func TestLists(t *testing.T) {
	r := Result{Object: List([]job{sample("a"), sample("b")})}
	if got := render(t, "jsonpath={.items[*].status.path}", r); got != "a b" {
		t.Errorf("got %q", got)
	}
	if got := render(t, "custom-columns=PATH:.status.path", r); got != "PATH\na\nb\n" {
		t.Errorf("got %q", got)
	}
	if got := render(t, "jsonpath={.items}", Result{Object: List[job](nil)}); got != "[]" {
		t.Errorf("an empty list must be a list: %q", got)
	}
}

func TestColourDoesNotShiftColumns(t *testing.T) {
	table := &Table{
		Columns: []Column{{Name: "STATE"}, {Name: "X"}},
		Rows:    [][]Cell{{{Text: "UP", Color: term.Green}, C("1")}},
		Palette: term.Palette{On: true},
	}
	var out bytes.Buffer
	if err := table.print(&out, false, true); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); got != "\x1b[32mUP\x1b[0m   1\n" {
		t.Errorf("got %q", got)
	}
}

func TestWrongFormatsAreUsageErrors(t *testing.T) {
	for _, output := range []string{"xml", "jsonpath", "jsonpath={.a", "custom-columns=", "custom-columns=A", "json=x"} {
		var flags Flags
		flags.AddFlags(&cobra.Command{})
		flags.Output = output
		err := flags.Validate()
		if exit.Code(err) != exit.Usage || !strings.Contains(err.Error(), "--output") {
			t.Errorf("-o %s: %v", output, err)
		}
	}
}

func TestFormsThatOnlyOneCommandHas(t *testing.T) {
	r := Result{Object: sample("a"), Forms: map[string]func(io.Writer) error{
		"svg": func(w io.Writer) error { _, err := io.WriteString(w, "<svg/>"); return err },
	}}
	var flags Flags
	flags.AddFlags(&cobra.Command{}, "svg", JSON)
	flags.Output = "svg"
	var out bytes.Buffer
	if err := errors.Join(flags.Validate(), flags.Print(&out, r)); err != nil || out.String() != "<svg/>" {
		t.Errorf("%q %v", out.String(), err)
	}
	flags.Output = "dot"
	if err := flags.Validate(); exit.Code(err) != exit.Usage {
		t.Errorf("a form that isn't there: %v", err)
	}
}
