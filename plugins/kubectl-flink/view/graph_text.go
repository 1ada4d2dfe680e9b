package view

import (
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// exportedName is how long a vertex's name may be in a picture that somebody
// else draws.
const exportedName = 90

// exported is what is written into a vertex's box, line by line.
func (v GraphVertex) exported(source, sink bool) []string {
	lines := wrapName(v.Name, exportedName/nameLines, nameLines)
	for _, group := range v.notes(source, sink) {
		var parts []string
		for _, n := range group {
			parts = append(parts, n.text)
		}
		lines = append(lines, strings.Join(parts, "  "))
	}
	return lines
}

// dotText escapes what has a meaning in a string of dot: it knows entities of
// HTML, and a backslash makes \N the node's name.
var dotText = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "&", "&amp;", "<", "&lt;", ">", "&gt;")

// dot is the graph in Graphviz's language.
func dot(g JobGraph) string {
	flows := g.flows()
	source, sink := ends(len(g.Vertices), flows)
	var out strings.Builder
	fmt.Fprintf(&out, "digraph \"%s\" {\n", dotText.Replace(term.SafeLine(g.Metadata.Name)))
	out.WriteString("  rankdir=TB;\n  node [shape=box, style=rounded, fontname=\"sans-serif\"];\n  edge [fontname=\"sans-serif\", fontsize=10];\n")
	for i, v := range g.Vertices {
		lines := v.exported(source[i], sink[i])
		for n, line := range lines {
			lines[n] = dotText.Replace(line)
		}
		color := ""
		if c, ok := hexColors[v.worry()]; ok {
			color = fmt.Sprintf(", color=\"%s\", penwidth=2", c)
		}
		fmt.Fprintf(&out, "  v%d [label=\"%s\", tooltip=\"%s\"%s];\n", i+1, strings.Join(lines, `\n`), dotText.Replace(term.SafeLine(v.Name)), color)
	}
	for _, f := range flows {
		fmt.Fprintf(&out, "  v%d -> v%d [label=\"%s\"];\n", f.from+1, f.to+1, dotText.Replace(f.label))
	}
	out.WriteString("}\n")
	return out.String()
}

// hexColors are what terminals' colors are in other pictures.
var hexColors = map[term.Color]string{term.Red: "#cf222e", term.Yellow: "#bf8700"}

// mermaidText writes every character that might have a meaning, in Mermaid or
// in the HTML that it makes, as Mermaid's entity; so, too, what begins a list
// of Markdown.
func mermaidText(text string) string {
	var out strings.Builder
	list := true
	for _, r := range text {
		if strings.ContainsRune("\"#&;<>`\\|[]{}()*_~$%", r) || list && strings.ContainsRune("-+.", r) {
			fmt.Fprintf(&out, "#%d;", r)
		} else {
			out.WriteRune(r)
		}
		list = list && r >= '0' && r <= '9'
	}
	return out.String()
}

// mermaid is the graph as a flow chart of Mermaid, which GitHub and others
// draw.
func mermaid(g JobGraph) string {
	flows := g.flows()
	source, sink := ends(len(g.Vertices), flows)
	var out strings.Builder
	out.WriteString("flowchart TB\n")
	for i, v := range g.Vertices {
		lines := v.exported(source[i], sink[i])
		for n, line := range lines {
			lines[n] = mermaidText(line)
		}
		fmt.Fprintf(&out, "    v%d[\"%s\"]\n", i+1, strings.Join(lines, "<br/>"))
	}
	for _, f := range flows {
		label := ""
		if f.label != "" {
			label = "|\"" + mermaidText(f.label) + "\"|"
		}
		fmt.Fprintf(&out, "    v%d -->%s v%d\n", f.from+1, label, f.to+1)
	}
	for i, v := range g.Vertices {
		if color, ok := hexColors[v.worry()]; ok {
			fmt.Fprintf(&out, "    style v%d stroke:%s,stroke-width:3px\n", i+1, color)
		}
	}
	return out.String()
}
