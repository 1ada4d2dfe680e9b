// Package printer prints one result in every form kubectl users expect: as a
// table or text for people, as names, JSON, YAML, JSONPath or custom columns
// for scripts. All forms come from the same Result, so that they can't
// disagree.
package printer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	"k8s.io/cli-runtime/pkg/genericclioptions"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/completion"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// Result is all that a command has to say on standard output.
type Result struct {
	// Object is what json, yaml, jsonpath and custom-columns print: anything
	// that encodes to a JSON object.
	Object any
	// Names are what -o name prints, as TYPE.GROUP/NAME.
	Names []string
	// Table is what people see by default and with -o wide.
	Table *Table
	// Text, where set, is what people see by default instead of Table.
	Text func(w io.Writer) error
	// Forms are further formats, by name, that only this command has.
	Forms map[string]func(w io.Writer) error
	// AsIs says that Object is what the server has, or what is applied again:
	// json, yaml, jsonpath and custom-columns print it with the secrets that are
	// in it, as kubectl does. The command's help says so. Without it, secrets
	// are hidden in every format.
	AsIs bool
	// ShowSecrets hides none in tables and texts either; the user asked for it.
	ShowSecrets bool
}

// List makes one list object of several, as kubectl prints them.
func List[T any](items []T) any {
	if items == nil {
		items = []T{}
	}
	return map[string]any{"apiVersion": "v1", "kind": "List", "metadata": map[string]any{"resourceVersion": ""}, "items": items}
}

// The formats that need nothing after them.
const (
	Human = ""
	Wide  = "wide"
	Name  = "name"
	JSON  = "json"
	YAML  = "yaml"
)

var templated = []string{"jsonpath", "jsonpath-file", "jsonpath-as-json", "custom-columns", "custom-columns-file"}

// Flags are the output flags of one command.
type Flags struct {
	Output    string
	NoHeaders bool

	allowed []string
}

// AddFlags adds -o; without formats it allows all of them.
func (f *Flags) AddFlags(cmd *cobra.Command, formats ...string) {
	f.allowed = formats
	if len(formats) == 0 {
		f.allowed = append([]string{Wide, Name, JSON, YAML}, templated...)
	}
	cmd.Flags().StringVarP(&f.Output, "output", "o", "", "Output format. One of: ("+strings.Join(f.allowed, ", ")+")")
	_ = cmd.RegisterFlagCompletionFunc("output", completion.Fixed(f.allowed...))
}

// AddTableFlags adds the flags that only tables have.
func (f *Flags) AddTableFlags(flags *pflag.FlagSet) {
	flags.BoolVar(&f.NoHeaders, "no-headers", false, "Print a table without its header line")
}

// Format is the format's name without its template.
func (f *Flags) Format() string {
	format, _, _ := strings.Cut(f.Output, "=")
	return format
}

// IsHuman reports whether a person reads the output.
func (f *Flags) IsHuman() bool { return f.Output == Human || f.Output == Wide }

// Validate finds a wrong -o before anything is done.
func (f *Flags) Validate() error {
	format := f.Format()
	if f.Output == Human {
		return nil
	}
	if !slices.Contains(f.allowed, format) {
		return exit.Usagef("--output: unknown format %q; use one of: %s", f.Output, strings.Join(f.allowed, ", "))
	}
	if slices.Contains(templated, format) {
		_, err := f.templatePrinter()
		return exit.With(exit.Usage, err)
	}
	if format != f.Output {
		return exit.Usagef("--output: %s takes no template", format)
	}
	return nil
}

// Print writes the result to w in the chosen format.
func (f *Flags) Print(w io.Writer, r Result) error {
	if form, ok := r.Forms[f.Output]; ok {
		return r.hidden(w, form)
	}
	switch f.Format() {
	case Human:
		if r.Text != nil {
			return r.hidden(w, r.Text)
		}
		return r.table().print(w, false, f.NoHeaders)
	case Wide:
		if r.Table == nil && r.Text != nil {
			return r.hidden(w, r.Text)
		}
		return r.table().print(w, true, f.NoHeaders)
	case Name:
		for _, name := range r.Names {
			if _, err := fmt.Fprintln(w, name); err != nil {
				return err
			}
		}
		return nil
	case JSON:
		return r.writeJSON(w)
	case YAML:
		return r.writeYAML(w)
	}
	print, err := f.templatePrinter()
	if err != nil {
		return err
	}
	generic, err := r.generic()
	if err != nil {
		return err
	}
	return print(w, generic)
}

// hidden prints a text without the secrets in it.
func (r Result) hidden(w io.Writer, print func(io.Writer) error) error {
	if r.ShowSecrets {
		return print(w)
	}
	var text bytes.Buffer
	err := print(&text)
	if _, written := io.WriteString(w, secret.Text(text.String())); err == nil {
		err = written
	}
	return err
}

// document is the object as JSON, without secrets where they have no place.
func (r Result) document() ([]byte, error) {
	document, err := json.Marshal(r.Object)
	if err != nil || r.AsIs || r.ShowSecrets {
		return document, err
	}
	return secret.JSON(document), nil
}

func (r Result) table() *Table {
	if r.Table == nil {
		return &Table{}
	}
	if r.ShowSecrets {
		shown := *r.Table
		shown.ShowSecrets = true
		return &shown
	}
	return r.Table
}

// generic turns any object into what templates walk through. Numbers stay
// whole: a long id must not become 1e+18.
func (r Result) generic() (map[string]any, error) {
	if u, ok := r.Object.(*unstructured.Unstructured); ok && (r.AsIs || r.ShowSecrets) {
		return u.Object, nil
	}
	data, err := r.document()
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := utiljson.Unmarshal(data, &out); err != nil {
		return nil, fmt.Errorf("this result is not an object: %w", err)
	}
	return out, nil
}

type templatePrinter func(w io.Writer, object map[string]any) error

func (f *Flags) templatePrinter() (templatePrinter, error) {
	format, template, _ := strings.Cut(f.Output, "=")
	if strings.HasPrefix(format, "custom-columns") {
		columns, err := parseColumns(format, template)
		if err != nil {
			return nil, err
		}
		return func(w io.Writer, object map[string]any) error { return columns.print(w, object, f.NoHeaders) }, nil
	}
	if template == "" {
		return nil, fmt.Errorf("--output: %s needs a template, as in -o %s='{.metadata.name}'", format, format)
	}
	// kubectl's own JSONPath printer, so that templates mean the same here.
	missing, argument := true, ""
	flags := genericclioptions.JSONPathPrintFlags{AllowMissingKeys: &missing, TemplateArgument: &argument}
	p, err := flags.ToPrinter(f.Output)
	if err != nil {
		return nil, fmt.Errorf("--output: %w", err)
	}
	return func(w io.Writer, object map[string]any) error {
		return p.PrintObj(&unstructured.Unstructured{Object: object}, w)
	}, nil
}
