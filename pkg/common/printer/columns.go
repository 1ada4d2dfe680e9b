package printer

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/client-go/util/jsonpath"
)

// customColumns is -o custom-columns=HEADER:.path,…
type customColumns struct {
	headers []string
	paths   []*jsonpath.JSONPath
}

func parseColumns(format, spec string) (*customColumns, error) {
	if format == "custom-columns-file" {
		data, err := os.ReadFile(spec)
		if err != nil {
			return nil, fmt.Errorf("--output: %w", err)
		}
		lines := strings.Split(strings.TrimSpace(string(data)), "\n")
		if len(lines) != 2 {
			return nil, errors.New("--output: a custom-columns-file has two lines: the headings, and a path for each")
		}
		headers, paths := strings.Fields(lines[0]), strings.Fields(lines[1])
		if len(headers) != len(paths) {
			return nil, fmt.Errorf("--output: custom-columns-file has %d headings and %d paths", len(headers), len(paths))
		}
		pairs := make([]string, len(headers))
		for i := range headers {
			pairs[i] = headers[i] + ":" + paths[i]
		}
		spec = strings.Join(pairs, ",")
	}
	if spec == "" {
		return nil, errors.New("--output: custom-columns needs columns, as in -o custom-columns=NAME:.metadata.name")
	}
	var out customColumns
	for pair := range strings.SplitSeq(spec, ",") {
		header, path, ok := strings.Cut(pair, ":")
		if !ok || header == "" || path == "" {
			return nil, fmt.Errorf("--output: custom-columns: %q is not HEADER:.path", pair)
		}
		p := jsonpath.New(header).AllowMissingKeys(true)
		if err := p.Parse(braced(path)); err != nil {
			return nil, fmt.Errorf("--output: custom-columns: %s: %w", header, err)
		}
		out.headers = append(out.headers, header)
		out.paths = append(out.paths, p)
	}
	return &out, nil
}

// braced makes x.y, .x.y and {.x.y} the same, as kubectl does.
func braced(path string) string {
	path = strings.TrimSuffix(strings.TrimPrefix(path, "{"), "}")
	return "{." + strings.TrimPrefix(path, ".") + "}"
}

func (c *customColumns) print(w io.Writer, object map[string]any, noHeaders bool) error {
	// The object has no secrets any more, or is printed as it is.
	table := Table{ShowSecrets: true}
	for _, header := range c.headers {
		table.Columns = append(table.Columns, Column{Name: header})
	}
	objects := []any{object}
	if items, ok := object["items"].([]any); ok {
		objects = items
	}
	for _, item := range objects {
		row := make([]Cell, len(c.paths))
		for i, path := range c.paths {
			results, err := path.FindResults(item)
			if err != nil {
				return err
			}
			var values []string
			for _, set := range results {
				for _, value := range set {
					values = append(values, fmt.Sprint(value.Interface()))
				}
			}
			row[i] = C(strings.Join(values, ","))
		}
		table.Rows = append(table.Rows, row)
	}
	return table.print(w, false, noHeaders)
}
