package statement

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// columnsOf are the columns of a statement's result.
func columnsOf(object cmf.Object) []sqlshell.Column {
	list, _ := object.At("status.traits.schema.columns")
	items, _ := list.([]any)
	var out []sqlshell.Column
	for _, item := range items {
		column := asObject(item)
		out = append(out, sqlshell.Column{Name: column.Text("name"), Type: typeOf(column.Map("type"))})
	}
	return out
}

func asObject(value any) cmf.Object {
	fields, _ := value.(map[string]any)
	return fields
}

// typeOf reads a DataType.
func typeOf(raw map[string]any) sqlshell.Type {
	number := func(name string) int {
		n, ok := raw[name].(json.Number)
		i, err := n.Int64()
		if !ok || err != nil {
			return -1
		}
		return int(i)
	}
	inner := func(name string) *sqlshell.Type {
		fields, ok := raw[name].(map[string]any)
		if !ok {
			return nil
		}
		t := typeOf(fields)
		return &t
	}
	name, _ := raw["type"].(string)
	nullable, given := raw["nullable"].(bool)
	t := sqlshell.Type{
		Name: sqlshell.TypeName(name), Nullable: nullable || !given,
		Precision: number("precision"), Scale: number("scale"), Length: number("length"),
		Key: inner("keyType"), Element: inner("elementType"),
	}
	if fraction := number("fractionalPrecision"); fraction >= 0 {
		t.Scale = fraction
	}
	if value := inner("valueType"); value != nil {
		t.Element = value
	}
	fields, _ := raw["fields"].([]any)
	for _, item := range fields {
		field := asObject(item)
		t.Fields = append(t.Fields, sqlshell.Column{Name: field.Text("name"), Type: typeOf(field.Map("fieldType"))})
	}
	return t
}

// rowsOf are the raw rows at path; ok says that there are results at all.
func rowsOf(object cmf.Object, path string) (rows []any, ok bool) {
	data, ok := object.At(path)
	if !ok {
		return nil, false
	}
	rows, ok = data.([]any)
	return rows, ok
}

// readRows reads rows as {"op":0,"row":[…]}; op may be missing.
func readRows(columns []sqlshell.Column, data []any) ([]sqlshell.Row, error) {
	out := make([]sqlshell.Row, 0, len(data))
	for _, item := range data {
		fields := asObject(item)
		values, ok := fields["row"].([]any)
		if !ok || len(columns) > 0 && len(values) != len(columns) {
			return nil, fmt.Errorf("CMF sent a row that doesn't fit the %d columns of the result", len(columns))
		}
		row := sqlshell.Row{Fields: make([]any, len(values))}
		if op, given := fields["op"].(json.Number); given {
			n, err := op.Int64()
			if err != nil || n < int64(sqlshell.Insert) || n > int64(sqlshell.Delete) {
				return nil, fmt.Errorf("CMF sent a row of the unknown kind %s", op)
			}
			row.Change = sqlshell.Change(n)
		}
		for i, value := range values {
			t := sqlshell.Type{}
			if i < len(columns) {
				t = columns[i].Type
			}
			row.Fields[i] = valueOf(value, t)
		}
		out = append(out, row)
	}
	return out, nil
}

// valueOf reads one value: text, or lists for ARRAY, ROW and MAP.
func valueOf(value any, t sqlshell.Type) any {
	switch v := value.(type) {
	case string:
		switch t.Name {
		case "BOOLEAN":
			if strings.EqualFold(v, "true") || strings.EqualFold(v, "false") {
				return strings.EqualFold(v, "true")
			}
		case "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE":
			if json.Valid([]byte(v)) {
				return json.Number(v)
			}
		}
		return v
	case []any:
		if t.Name == "MAP" || t.Name == "MULTISET" {
			return pairsOf(v, t)
		}
		out := make([]any, len(v))
		for i, element := range v {
			inner := sqlshell.Type{}
			switch {
			case i < len(t.Fields):
				inner = t.Fields[i].Type
			case t.Element != nil:
				inner = *t.Element
			}
			out[i] = valueOf(element, inner)
		}
		return out
	}
	return value
}

func pairsOf(entries []any, t sqlshell.Type) any {
	key, element := t.Key, t.Element
	if t.Name == "MULTISET" {
		key, element = t.Element, &sqlshell.Type{Name: "INT"}
	}
	out := []sqlshell.Pair{}
	for _, entry := range entries {
		pair, ok := entry.([]any)
		if !ok || len(pair) != 2 || key == nil || element == nil {
			return fmt.Sprint(entries)
		}
		out = append(out, sqlshell.Pair{Key: valueOf(pair[0], *key), Value: valueOf(pair[1], *element)})
	}
	return out
}
