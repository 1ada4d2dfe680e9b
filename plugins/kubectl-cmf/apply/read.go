// Package apply brings a CMF to the state that files describe: it reads them,
// orders them, compares them with what is there and changes what differs. It
// works on the registry of kinds only and knows none of them by name.
package apply

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/source"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// maxFile bounds one file, in bytes.
const maxFile = 64 << 20

// Document is one object of a file.
type Document struct {
	Object cmf.Object
	// Source is the file, the URL or "stdin"; Line where the document starts
	// (from 1); Index which one it is (from 1), 0 where it is alone.
	Source string
	Line   int
	Index  int
}

// Location says where the document stands, for messages.
func (d Document) Location() string {
	if d.Index == 0 {
		return d.Source
	}
	return fmt.Sprintf("%s:%d (document %d)", d.Source, d.Line, d.Index)
}

// Input is where documents come from.
type Input struct {
	// Files are files, directories, http(s) addresses, or "-" for standard
	// input.
	Files     []string
	Recursive bool
	Stdin     io.Reader
}

// Read reads all documents, in the order of the files.
func (in Input) Read(ctx context.Context) ([]Document, error) {
	if len(in.Files) == 0 {
		return nil, exit.Usagef("say what to read: -f FILE, -f DIRECTORY, -f URL or -f - for standard input")
	}
	var out []Document
	var problems []error
	for _, name := range in.Files {
		documents, err := in.one(ctx, name)
		out = append(out, documents...)
		if err != nil {
			problems = append(problems, err)
		}
	}
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("%s: no objects there", strings.Join(in.Files, ", "))
	}
	return out, nil
}

func (in Input) one(ctx context.Context, name string) ([]Document, error) {
	if info, err := os.Stat(name); name != "-" && !source.IsURL(name) && err == nil && info.IsDir() {
		return in.directory(ctx, name)
	}
	return in.file(ctx, name)
}

func (in Input) directory(ctx context.Context, root string) ([]Document, error) {
	files, err := source.Files(root, in.Recursive)
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	var out []Document
	var problems []error
	for _, path := range files {
		documents, err := in.file(ctx, path)
		out = append(out, documents...)
		if err != nil {
			problems = append(problems, err)
		}
	}
	return out, errors.Join(problems...)
}

func (in Input) file(ctx context.Context, name string) ([]Document, error) {
	data, err := source.Read(ctx, name, in.Stdin, maxFile)
	shown := source.Shown(name)
	if name == "-" {
		shown = "standard input"
	}
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, exit.With(exit.Usage, fmt.Errorf("%s: %w", shown, err))
	case name == "-":
		shown = "stdin"
	}
	return Parse(shown, data)
}

// Parse reads the documents in data: YAML documents separated by ---, JSON
// objects one after the other, lists of objects.
func Parse(source string, data []byte) ([]Document, error) {
	data = bytes.TrimPrefix(fromUTF16(data), []byte("\xef\xbb\xbf"))
	var out []Document
	var err error
	if text := bytes.TrimSpace(data); len(text) > 0 && (text[0] == '{' || text[0] == '[') {
		out, err = parseJSON(source, data)
		// YAML's flow style starts like JSON.
		if err != nil && !strings.EqualFold(filepath.Ext(source), ".json") {
			if documents, yamlErr := parseYAML(source, data); yamlErr == nil {
				out, err = documents, nil
			}
		}
	} else {
		out, err = parseYAML(source, data)
	}
	if err != nil {
		return nil, exit.With(exit.Usage, err)
	}
	if len(out) > 1 {
		for i := range out {
			out[i].Index = i + 1
		}
	}
	return out, nil
}

func parseJSON(source string, data []byte) ([]Document, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var out []Document
	for {
		// What is left after an object starts with white space.
		offset := int(decoder.InputOffset())
		offset += len(data[offset:]) - len(bytes.TrimLeft(data[offset:], " \t\r\n"))
		line := 1 + bytes.Count(data[:offset], []byte("\n"))
		var value any
		err := decoder.Decode(&value)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			var syntax *json.SyntaxError
			if errors.As(err, &syntax) {
				line = 1 + bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n"))
			}
			return nil, fmt.Errorf("%s:%d: not valid JSON: %w%s", source, line, err, jsonHint(data, err))
		}
		// The decoder takes the last of two, which drops the first unsaid.
		if key, at := doubleKey(data[offset:decoder.InputOffset()]); at >= 0 {
			line += bytes.Count(data[offset:offset+at], []byte("\n"))
			return nil, fmt.Errorf("%s:%d: not valid JSON: key %q already set", source, line, key)
		}
		if out, err = collect(out, source, line, value); err != nil {
			return nil, err
		}
	}
}

func parseYAML(source string, data []byte) ([]Document, error) {
	var out []Document
	for _, part := range splitYAML(data) {
		text, err := yaml.YAMLToJSONStrict(part.data)
		if err != nil && strings.Contains(err.Error(), "already set in map") {
			if merged, mergeErr := mergedYAML(part.data); mergeErr == nil {
				text, err = merged, nil
			}
		}
		if err != nil {
			return nil, fmt.Errorf("%s:%d: not valid YAML: %s%s", source, part.line, yamlError(err, part.line), yamlHint(part.data))
		}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			return nil, fmt.Errorf("%s:%d: not valid YAML: %w", source, part.line, err)
		}
		if value == nil {
			continue // only comments
		}
		if out, err = collect(out, source, part.line, value); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// yamlError makes the parser's line numbers, which count from the start of the
// document, those of the file.
func yamlError(err error, first int) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimPrefix(strings.ReplaceAll(text, "\n", ";"), "unmarshal errors:;")
	var out []string
	for word := range strings.FieldsSeq(text) {
		if len(out) > 0 && out[len(out)-1] == "line" {
			var n int
			if rest, ok := strings.CutSuffix(word, ":"); ok {
				if _, scanErr := fmt.Sscanf(rest, "%d", &n); scanErr == nil {
					word = fmt.Sprintf("%d:", n+first-1)
				}
			}
		}
		out = append(out, word)
	}
	return strings.Join(out, " ")
}

// collect appends value, or the items of a list of objects.
func collect(out []Document, source string, line int, value any) ([]Document, error) {
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			var err error
			if out, err = collect(out, source, line, item); err != nil {
				return nil, err
			}
		}
		return out, nil
	case map[string]any:
		_, named := v["name"]
		_, spec := v["spec"]
		items, isList := v["items"].([]any)
		if value, has := v["items"]; (isList || has && value == nil) && !named && !spec {
			return collect(out, source, line, items)
		}
		return append(out, Document{Object: v, Source: source, Line: line}), nil
	}
	hint := ""
	if text, ok := value.(string); ok && strings.HasPrefix(strings.TrimSpace(text), "//") {
		hint = noComments
	}
	return nil, fmt.Errorf("%s:%d: not a CMF resource: expected an object, got %s%s", source, line, cmf.TypeName(value), hint)
}
