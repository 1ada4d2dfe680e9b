package sqlgateway

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// logicalType is a type as the gateway writes it
// (LogicalTypeJsonSerializer of flink-sql-gateway).
type logicalType struct {
	Type                string        `json:"type"`
	Nullable            *bool         `json:"nullable"`
	Length              *int          `json:"length"`
	Precision           *int          `json:"precision"`
	Scale               *int          `json:"scale"`
	FractionalPrecision *int          `json:"fractionalPrecision"`
	Resolution          string        `json:"resolution"`
	KeyType             *logicalType  `json:"keyType"`
	ValueType           *logicalType  `json:"valueType"`
	ElementType         *logicalType  `json:"elementType"`
	Fields              []fieldOfType `json:"fields"`
	Class               string        `json:"class"`
}

type fieldOfType struct {
	Name string       `json:"name"`
	Type *logicalType `json:"fieldType"`
}

type column struct {
	Name string      `json:"name"`
	Type logicalType `json:"logicalType"`
}

// ours is the type in the shell's terms.
func (t logicalType) ours() sqlshell.Type {
	out := sqlshell.Type{Name: sqlshell.TypeName(t.Type), Nullable: t.Nullable == nil || *t.Nullable, Precision: -1, Scale: -1, Length: -1}
	set := func(to *int, from *int) {
		if from != nil {
			*to = *from
		}
	}
	set(&out.Precision, t.Precision)
	set(&out.Scale, t.Scale)
	set(&out.Length, t.Length)
	set(&out.Scale, t.FractionalPrecision)
	switch {
	case t.Type == "VARCHAR" && out.Length == math.MaxInt32:
		out.Name, out.Length = "STRING", -1
	case t.Type == "VARBINARY" && out.Length == math.MaxInt32:
		out.Name, out.Length = "BYTES", -1
	}
	pointer := func(from *logicalType) *sqlshell.Type {
		if from == nil {
			return nil
		}
		inner := from.ours()
		return &inner
	}
	out.Key = pointer(t.KeyType)
	out.Element = pointer(t.ElementType)
	if t.ValueType != nil {
		out.Element = pointer(t.ValueType)
	}
	for _, field := range t.Fields {
		inner := sqlshell.Column{Name: field.Name}
		if field.Type != nil {
			inner.Type = field.Type.ours()
		}
		out.Fields = append(out.Fields, inner)
	}
	return out
}

// UnmarshalJSON also takes a type that is only a name.
func (t *logicalType) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, &t.Type)
	}
	type plain logicalType
	return json.Unmarshal(data, (*plain)(t))
}

// opaque says why JSON of columns that come as plain text isn't possible: the
// gateway sends all columns of a result in one way, and nested ones with text in
// them can't be read from plain text. "" where none is hit but those that are
// never JSON, whatever is beside them.
func opaque(columns []sqlshell.Column) string {
	cause := slices.IndexFunc(columns, func(c sqlshell.Column) bool { return plainOnly(c.Type) || !nested(c.Type) && c.Type.Name == "RAW" })
	hit := slices.IndexFunc(columns, func(c sqlshell.Column) bool { return nested(c.Type) && hasText(c.Type) && !plainOnly(c.Type) })
	if hit < 0 {
		return ""
	}
	beside := "what stands beside it"
	if cause >= 0 {
		beside = fmt.Sprintf("column %q (%s)", columns[cause].Name, columns[cause].Type.Name)
	}
	return fmt.Sprintf("column %q (%s) can't be printed as JSON here: the SQL gateway has no JSON for %s, and then sends all columns as plain text, "+
		"in which the texts inside of %q can't be told apart\nCAST the other column to STRING in the query (of a MAP, MAP_KEYS and MAP_VALUES are JSON), or use -o csv or table",
		columns[hit].Name, columns[hit].Type.Name, beside, columns[hit].Name)
}

// plainOnly reports whether the gateway can't write values of t as JSON: its
// JSON has maps with text keys only, and an error for a page with others, and
// times of day without the fraction of a second.
func plainOnly(t sqlshell.Type) bool {
	switch t.Name {
	case "TIME":
		return t.Precision > 0
	case "MAP":
		if t.Key != nil && !textual(*t.Key) {
			return true
		}
	case "MULTISET":
		if t.Element != nil && !textual(*t.Element) {
			return true
		}
	}
	for _, inner := range []*sqlshell.Type{t.Key, t.Element} {
		if inner != nil && plainOnly(*inner) {
			return true
		}
	}
	for _, field := range t.Fields {
		if plainOnly(field.Type) {
			return true
		}
	}
	return false
}

func textual(t sqlshell.Type) bool {
	return t.Name == "CHAR" || t.Name == "VARCHAR" || t.Name == "STRING"
}
