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

func TestColorDoesNotShiftColumns(t *testing.T) {
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

func TestSecretsAreHiddenInEveryFormat(t *testing.T) {
	type model struct {
		Password int64  `json:"password"`
		URL      string `json:"url"`
		Key      string `json:"key"`
		Value    string `json:"value"`
	}
	result := func() Result {
		return Result{
			Object: map[string]any{"items": []any{model{hunter, "x://me:hunter2@h", "s3.secret-key", "hunter2"}}},
			Table:  &Table{Columns: []Column{{Name: "A"}, {Name: "B", Wide: true}}, Rows: [][]Cell{{C("password=hunter2"), C("x://me:hunter2@h")}}},
			Forms:  map[string]func(io.Writer) error{"dot": func(w io.Writer) error { _, err := io.WriteString(w, "x://me:hunter2@h"); return err }},
		}
	}
	text := result()
	text.Text = func(w io.Writer) error { _, err := io.WriteString(w, "password: hunter2\n"); return err }
	shows := func(r Result, output string) bool {
		var out bytes.Buffer
		if err := (&Flags{Output: output}).Print(&out, r); err != nil || out.Len() == 0 {
			t.Errorf("-o %s: %v %q", output, err, out.String())
		}
		return strings.Contains(out.String(), "hunter2") || strings.Contains(out.String(), "4711")
	}
	objects := []string{JSON, YAML, "jsonpath={.items}", "custom-columns=X:.url,Y:.value,Z:.password"}
	for _, output := range append([]string{Human, Wide, "dot"}, objects...) {
		if shows(result(), output) || shows(text, output) {
			t.Errorf("-o %s prints a secret", output)
		}
		asked := result()
		asked.ShowSecrets = true
		if !shows(asked, output) && output != "dot" {
			t.Errorf("-o %s hides what was asked for", output)
		}
	}
	for _, output := range objects {
		asIs := result()
		asIs.AsIs = true
		if !shows(asIs, output) {
			t.Errorf("-o %s changes an object of the server", output)
		}
	}
	asIs := result()
	asIs.AsIs = true
	if shows(asIs, Wide) {
		t.Error("the table of an object prints a secret")
	}
}

const hunter = 4711
