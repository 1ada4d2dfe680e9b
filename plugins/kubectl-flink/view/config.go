package view

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/conf"
)

// Config is what `kubectl flink config` knows. Secrets are hidden in it.
type Config struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Job        string `json:"job"`
	JobID      string `json:"jobID,omitempty"`
	// Cluster is the FlinkDeployment that the job runs in.
	Cluster      string `json:"cluster,omitempty"`
	FlinkVersion string `json:"flinkVersion,omitempty"`
	// Asked says that the JobManager reported what it runs with.
	Asked bool           `json:"jobManagerAsked"`
	Items []conf.Setting `json:"items"`
	// Restarts and Parameters are what the job's code set beside the keys.
	Restarts   string            `json:"restartStrategy,omitempty"`
	Parameters map[string]string `json:"jobParameters,omitempty"`
	// Unknown says what couldn't be read, and why.
	Unknown []string `json:"unknown,omitempty"`
}

// Hide hides the secrets among the job's parameters.
func (c *Config) Hide() {
	for key, value := range c.Parameters {
		c.Parameters[key] = secret.Value(key, value)
	}
	c.Restarts = secret.Text(c.Restarts)
}

// ConfigPage prints a configuration for people.
type ConfigPage struct {
	Palette term.Palette
	// Width cuts long values; 0 leaves them whole.
	Width int
	// Brief leaves out what only the whole configuration needs.
	Brief bool
}

// Result is the configuration in every format.
func (p ConfigPage) Result(c Config) printer.Result {
	names := make([]string, len(c.Items))
	for i, item := range c.Items {
		names[i] = item.Key
	}
	return printer.Result{Object: c, Names: names, Table: p.table(c), Text: func(w io.Writer) error { return p.text(w, c) }}
}

func (p ConfigPage) text(w io.Writer, c Config) error {
	var out strings.Builder
	if !p.Brief {
		p.head(&out, c)
	}
	p.rows(&out, c)
	p.notes(&out, c)
	if !p.Brief {
		p.inCode(&out, c)
	}
	for _, unknown := range c.Unknown {
		fmt.Fprintf(&out, "\n%s %s\n", p.Palette.Paint(term.Yellow, "Not known:"), term.SafeLine(unknown))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func (p ConfigPage) head(out *strings.Builder, c Config) {
	line := p.Palette.Paint(term.Bold, term.SafeLine(c.Job))
	if c.Cluster != "" && c.Cluster != c.Job {
		line += " in " + term.SafeLine(c.Cluster)
	}
	if c.FlinkVersion != "" {
		line += "  Flink " + term.SafeLine(c.FlinkVersion)
	}
	said := "as its JobManager runs"
	if !c.Asked {
		said = "from the objects alone: no JobManager was asked"
	}
	fmt.Fprintf(out, "%s  %s\n\n", line, p.Palette.Paint(term.Dim, said))
}

// table is all of the settings, for -o wide.
func (p ConfigPage) table(c Config) *printer.Table {
	table := &printer.Table{Palette: p.Palette, Columns: []printer.Column{{Name: "KEY"}, {Name: "SOURCE"}, {Name: "FROM"}, {Name: "NOTE"}, {Name: "VALUE"}}}
	for _, item := range c.Items {
		value, color := shownValue(item)
		table.Rows = append(table.Rows, []printer.Cell{
			{Text: item.Key, Color: keyColor(item)},
			{Text: item.Source},
			{Text: item.From},
			{Text: cmp.Or(strings.Join(item.Notes, "; "), "-")},
			{Text: value, Color: color},
		})
	}
	return table
}

// rows are the settings in a page. On a terminal a long key takes the room of
// its own value only.
func (p ConfigPage) rows(out *strings.Builder, c Config) {
	if len(c.Items) == 0 {
		return
	}
	const sourceWidth, gap, least = len(conf.FromOperator), 2, 16
	keyWidth := 0
	for _, item := range c.Items {
		keyWidth = max(keyWidth, term.DisplayWidth(term.SafeLine(item.Key)))
	}
	if p.Width > 0 {
		keyWidth = min(keyWidth, max(p.Width-2*gap-sourceWidth-2*least, 2*least))
	}
	row := func(key, source, value string, keyColor, color term.Color) {
		key = term.Pad(key, keyWidth)
		used := term.DisplayWidth(key) + 2*gap + sourceWidth
		line := p.Palette.Paint(keyColor, key) + strings.Repeat(" ", gap) + p.Palette.Paint(term.Dim, term.Pad(source, sourceWidth)) + strings.Repeat(" ", gap)
		switch {
		case p.Width <= 0 || used+term.DisplayWidth(value) <= p.Width:
		case p.Width-used >= least:
			value = term.Cut(value, p.Width-used)
		default:
			out.WriteString(strings.TrimRight(line, " ") + "\n")
			line, value = strings.Repeat(" ", 2*gap), term.Cut(value, p.Width-2*gap)
		}
		out.WriteString(line + p.Palette.Paint(color, value) + "\n")
	}
	row("KEY", "SOURCE", "VALUE", "", "")
	for _, item := range c.Items {
		value, color := shownValue(item)
		row(term.SafeLine(item.Key), item.Source, value, keyColor(item), color)
	}
}

func keyColor(item conf.Setting) term.Color {
	if item.Deprecated != nil {
		return term.Yellow
	}
	return ""
}

// shownValue is the value as a person reads it: "-" where there is none.
func shownValue(item conf.Setting) (string, term.Color) {
	value := term.SafeLine(item.Value)
	switch {
	case value == "" && (item.Standard || item.Spec != nil):
		value = "-"
	case value == "":
		value = `""`
	}
	switch {
	case item.Standard:
		return value, term.Dim
	case item.Differs():
		return value, term.Yellow
	}
	return value, ""
}

// notes are what is remarkable about single keys.
func (p ConfigPage) notes(out *strings.Builder, c Config) {
	first := true
	for _, item := range c.Items {
		for _, note := range item.Notes {
			if first {
				out.WriteString("\nNotes\n")
				first = false
			}
			p.writeText(out, term.SafeLine(item.Key)+": ", term.SafeLine(note))
		}
	}
}

// inCode is what the job's code set that has no key.
func (p ConfigPage) inCode(out *strings.Builder, c Config) {
	restarts := c.Restarts
	if strings.HasPrefix(restarts, "Cluster level default") {
		restarts = ""
	}
	if restarts == "" && len(c.Parameters) == 0 {
		return
	}
	out.WriteString("\nIn the job's code\n")
	if restarts != "" {
		p.writeText(out, "restart strategy: ", term.SafeLine(restarts))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Parameters)) {
		p.writeText(out, "parameter "+term.SafeLine(key)+": ", term.SafeLine(c.Parameters[key]))
	}
}

// writeText writes a text that goes on, indented, on the next line.
func (p ConfigPage) writeText(out *strings.Builder, label, text string) {
	width := p.Width
	if width <= 0 {
		width = 1 << 20
	}
	for i, line := range wrapped(label+text, width-4) {
		out.WriteString(strings.Repeat(" ", 2+2*min(i, 1)) + line + "\n")
	}
}
