package sqlgateway

import (
	"encoding/json"
	"math"

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

// plainOnly reports whether the gateway can't write values of t as JSON: its
// JSON has maps with text keys only, and an error for a page with others.
func plainOnly(t sqlshell.Type) bool {
	switch t.Name {
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
