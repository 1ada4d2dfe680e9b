package statement

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/plugins/kubectl-cmf/cmf"
)

// Values are read by the types that CMF gives with them, and shown as they are
// where they don't fit.
func TestValues(t *testing.T) {
	for name, c := range map[string]struct{ kind, value, want string }{
		"a number":            {`{"type":"BIGINT"}`, `"9223372036854775807"`, "json.Number 9223372036854775807"},
		"no number":           {`{"type":"BIGINT"}`, `"many"`, "string many"},
		"not a number":        {`{"type":"DOUBLE"}`, `"NaN"`, "string NaN"},
		"a decimal":           {`{"type":"DECIMAL","precision":4,"scale":2}`, `"01.20"`, "string 01.20"},
		"true":                {`{"type":"BOOLEAN"}`, `"TRUE"`, "bool true"},
		"false":               {`{"type":"BOOLEAN"}`, `"false"`, "bool false"},
		"neither":             {`{"type":"BOOLEAN"}`, `"maybe"`, "string maybe"},
		"nothing":             {`{"type":"INT"}`, `null`, "<nil> <nil>"},
		"a list":              {`{"type":"ARRAY","elementType":{"type":"INT"}}`, `["1",null]`, "[]interface {} [1 <nil>]"},
		"a row":               {`{"type":"ROW","fields":[{"name":"a","fieldType":{"type":"INT"}},{"name":"b","fieldType":{"type":"BOOLEAN"}}]}`, `["1","true","left over"]`, "[]interface {} [1 true left over]"},
		"a map":               {`{"type":"MAP","keyType":{"type":"VARCHAR"},"valueType":{"type":"INT"}}`, `[["k","1"]]`, "[]sqlshell.Pair [{k 1}]"},
		"a multiset":          {`{"type":"MULTISET","elementType":{"type":"VARCHAR"}}`, `[["k","2"]]`, "[]sqlshell.Pair [{k 2}]"},
		"a map that is none":  {`{"type":"MAP","keyType":{"type":"VARCHAR"},"valueType":{"type":"INT"}}`, `["k"]`, "string [k]"},
		"a map without types": {`{"type":"MAP"}`, `[["k","1"]]`, "string [[k 1]]"},
		"an unknown type":     {`{"type":"GEOGRAPHY"}`, `"x"`, "string x"},
	} {
		o, err := cmf.Decode([]byte(`{"type":` + c.kind + `,"value":` + c.value + `}`))
		if err != nil {
			t.Fatal(err)
		}
		value := valueOf(o["value"], typeOf(o.Map("type")))
		if got := fmt.Sprintf("%T %v", value, value); got != c.want {
			t.Errorf("%s is %s, want %s", name, got, c.want)
		}
	}
}

func TestTypes(t *testing.T) {
	plain := func(name string) sqlshell.Type {
		return sqlshell.Type{Name: name, Nullable: true, Precision: -1, Scale: -1, Length: -1}
	}
	for text, want := range map[string]sqlshell.Type{
		`{"type":"DECIMAL","precision":10,"scale":2,"nullable":false}`: {Name: "DECIMAL", Precision: 10, Scale: 2, Length: -1},
		`{"type":"VARCHAR","length":20,"nullable":true}`:               {Name: "VARCHAR", Nullable: true, Precision: -1, Scale: -1, Length: 20},
		`{"type":"INTERVAL_DAY_TIME","precision":2,"fractionalPrecision":6}`: {
			Name: sqlshell.TypeName("INTERVAL_DAY_TIME"), Nullable: true, Precision: 2, Scale: 6, Length: -1,
		},
		`{"type":"ARRAY","elementType":{"type":"INT"}}`: func() sqlshell.Type {
			list, element := plain("ARRAY"), plain("INT")
			list.Element = &element
			return list
		}(),
		`{"type":"MAP","keyType":{"type":"INT"},"valueType":{"type":"BIGINT"}}`: func() sqlshell.Type {
			pairs, key, value := plain("MAP"), plain("INT"), plain("BIGINT")
			pairs.Key, pairs.Element = &key, &value
			return pairs
		}(),
		`{"type":"ROW","fields":[{"name":"a","fieldType":{"type":"INT"}}]}`: func() sqlshell.Type {
			row := plain("ROW")
			row.Fields = []sqlshell.Column{{Name: "a", Type: plain("INT")}}
			return row
		}(),
		// What isn't as it should be says nothing.
		`{"type":7,"length":"x","elementType":[]}`: plain(sqlshell.TypeName("")),
	} {
		o, err := cmf.Decode([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := typeOf(o); !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %+v, want %+v", text, got, want)
		}
	}
}
