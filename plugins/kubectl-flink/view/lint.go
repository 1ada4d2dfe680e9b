package view

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/version"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/diagnosis"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/reach"
)

// SARIF is the output format that code scanners read.
const SARIF = "sarif"

// LintItem is one manifest with what is wrong with it.
type LintItem struct {
	File      string              `json:"file"`
	Kind      string              `json:"kind"`
	Namespace string              `json:"namespace,omitempty"`
	Name      string              `json:"name"`
	Findings  []diagnosis.Finding `json:"findings"`
}

// LintReport is what was found in manifests.
type LintReport struct {
	Items []LintItem
	// Errors and Warnings count findings; those that others explain don't count.
	Errors, Warnings int
	// Others counts the objects that aren't the operator's.
	Others int
	// Unread is what the cluster didn't answer.
	Unread []reach.Unread
}

// Miss takes in what the cluster didn't answer; what several manifests miss, once.
func (r *LintReport) Miss(unread []reach.Unread) {
	for _, u := range unread {
		u.Why = secret.Text(u.Why)
		if !slices.Contains(r.Unread, u) {
			r.Unread = append(r.Unread, u)
		}
	}
}

// Add takes in one manifest's findings.
func (r *LintReport) Add(file string, object *unstructured.Unstructured, findings []diagnosis.Finding) {
	if findings == nil {
		findings = []diagnosis.Finding{}
	}
	for _, f := range findings {
		switch f.Severity {
		case diagnosis.Error:
			r.Errors++
		case diagnosis.Warning:
			r.Warnings++
		case diagnosis.Info:
		}
	}
	r.Items = append(r.Items, LintItem{File: file, Kind: object.GetKind(), Namespace: object.GetNamespace(), Name: object.GetName(), Findings: findings})
}

// LintPage prints a LintReport for people.
type LintPage struct {
	Palette term.Palette
	// Width is the number of columns of the terminal; 0 where there is none, and
	// then nothing is broken.
	Width int
}

// Result is the report in every format.
func (p LintPage) Result(r LintReport) printer.Result {
	object := map[string]any{"apiVersion": "kubectl-flink/v1", "kind": "Lint", "errors": r.Errors, "warnings": r.Warnings, "items": r.Items}
	var missing []string
	if len(r.Unread) > 0 {
		object["unread"] = r.Unread
		for _, u := range r.Unread {
			missing = append(missing, string(u.Source)+": "+string(u.Mark)+" ("+u.Why+")")
		}
	}
	return printer.Result{
		Object: object,
		Text:   func(w io.Writer) error { _, err := io.WriteString(w, p.text(r)); return err },
		Forms:  map[string]func(io.Writer) error{SARIF: func(w io.Writer) error { return writeSARIF(w, r.sarif(), missing...) }},
	}
}

func (p LintPage) text(r LintReport) string {
	var out strings.Builder
	infos := 0
	page := DoctorPage{Palette: p.Palette, Width: p.Width}
	for _, item := range r.Items {
		if len(item.Findings) == 0 {
			continue
		}
		fmt.Fprintf(&out, "%s: %s\n", term.SafeLine(item.File), p.Palette.Paint(term.Bold, term.SafeLine(item.Kind+" "+item.Name)))
		for _, f := range item.Findings {
			if f.Severity == diagnosis.Info {
				infos++
			}
			page.finding(&out, f, nil, "  ")
		}
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "%s looked at: %s, %s", Count(len(r.Items), "manifest"), Count(r.Errors, "error"), Count(r.Warnings, "warning"))
	if infos > 0 {
		fmt.Fprintf(&out, ", %s", Count(infos, "note"))
	}
	if r.Others > 0 {
		fmt.Fprintf(&out, "; %s of other kinds not", Count(r.Others, "object"))
	}
	out.WriteByte('\n')
	for i, u := range r.Unread {
		if i == 0 {
			out.WriteString("Not answered by the cluster, so that what it would show isn't known:\n")
		}
		page.write(&out, "  ", "", string(u.Source)+": "+string(u.Mark)+" ("+u.Why+")")
	}
	return out.String()
}

var severityColors = map[diagnosis.Severity]term.Color{diagnosis.Error: term.Red, diagnosis.Warning: term.Yellow, diagnosis.Info: term.Dim}

// Count is "1 error", "2 errors".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// sarifResult is one result of a SARIF log. File is "" for what is in a
// cluster; Object is its full name there.
type sarifResult struct {
	Finding      diagnosis.Finding
	File, Object string
	// Context is the kubeconfig's, where there are several.
	Context string
}

func (r LintReport) sarif() []sarifResult {
	var out []sarifResult
	for _, item := range r.Items {
		for _, f := range item.Findings {
			out = append(out, sarifResult{Finding: f, File: item.File, Object: item.Kind + "/" + item.Name})
		}
	}
	return out
}

// writeSARIF writes findings as a SARIF 2.1.0 log: the format of the OASIS
// standard that code scanners and editors show. What couldn't be looked at is a
// notification of the run.
func writeSARIF(w io.Writer, results []sarifResult, missing ...string) error {
	levels := map[diagnosis.Severity]string{diagnosis.Error: "error", diagnosis.Warning: "warning", diagnosis.Info: "note"}
	rules, index := []any{}, map[string]int{}
	items := []any{}
	for _, r := range results {
		f := r.Finding
		at, known := index[f.Rule]
		if !known {
			at = len(rules)
			index[f.Rule] = at
			rule := map[string]any{"id": f.Rule, "shortDescription": map[string]any{"text": f.Title}}
			if known, ok := diagnosis.Explain(f.Rule); ok {
				rule["fullDescription"] = map[string]any{"text": known.Explain}
				rule["helpUri"] = known.Link
			}
			rules = append(rules, rule)
		}
		text := f.Means
		for _, e := range f.Evidence {
			text += "\n" + e.Source + ": " + e.Text
		}
		for _, c := range f.Cures {
			text += "\nCure: " + c.Text
			if c.Command != "" {
				text += "\n  " + c.Command
			}
		}
		name := r.Object + ": " + f.Subject
		if r.Context != "" {
			name = r.Context + ": " + name
		}
		location := map[string]any{"logicalLocations": []any{map[string]any{"fullyQualifiedName": name}}}
		if r.File != "" && r.File != "-" {
			location["physicalLocation"] = map[string]any{"artifactLocation": map[string]any{"uri": filepath.ToSlash(r.File)}}
		}
		item := map[string]any{
			"ruleId": f.Rule, "ruleIndex": at, "level": levels[f.Severity],
			"message": map[string]any{"text": text}, "locations": []any{location},
		}
		if r.Context != "" {
			item["properties"] = map[string]any{"context": r.Context}
		}
		items = append(items, item)
	}
	run := map[string]any{
		"tool":    map[string]any{"driver": map[string]any{"name": "kubectl-flink", "version": version.Get().Version, "informationUri": "https://github.com/kubectl-flink/kubectl-flink", "rules": rules}},
		"results": items,
	}
	if len(missing) > 0 {
		notes := []any{}
		for _, text := range missing {
			notes = append(notes, map[string]any{"level": "error", "message": map[string]any{"text": text}})
		}
		run["invocations"] = []any{map[string]any{"executionSuccessful": false, "toolExecutionNotifications": notes}}
	}
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(map[string]any{
		"$schema": "https://json.schemastore.org/sarif-2.1.0.json",
		"version": "2.1.0",
		"runs":    []any{run},
	})
}
