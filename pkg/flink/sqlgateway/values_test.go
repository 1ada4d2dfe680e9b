package sqlgateway

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// The types and values are those of Flink 1.20.5's gateway.
func TestValues(t *testing.T) {
	east := time.FixedZone("", 2*60*60)
	for _, c := range []struct {
		kind, json string
		want       any
		plain      string // the same value in the text format; "" isn't tested
	}{
		{`{"type":"BOOLEAN"}`, `true`, true, "TRUE"},
		{`{"type":"TINYINT"}`, `1`, json.Number("1"), "1"},
		{`{"type":"BIGINT"}`, `9223372036854775807`, json.Number("9223372036854775807"), "9223372036854775807"},
		{`{"type":"DOUBLE"}`, `2.5E300`, json.Number("2.5E300"), "2.5E300"},
		{`{"type":"DOUBLE"}`, `"NaN"`, "NaN", "NaN"},
		{`{"type":"DECIMAL","precision":38,"scale":9}`, `12345678901234567890.123456789`, "12345678901234567890.123456789", "12345678901234567890.123456789"},
		{`{"type":"DECIMAL","precision":10,"scale":2}`, `1E+3`, "1000.00", ""},
		{`{"type":"DECIMAL","precision":10,"scale":2}`, `5`, "5.00", "5.00"},
		{`{"type":"DECIMAL","precision":10,"scale":3}`, `-0.5`, "-0.500", "-0.500"},
		{`{"type":"DECIMAL","precision":10,"scale":0}`, `5`, "5", "5"},
		{`{"type":"CHAR","length":5}`, `"abc  "`, "abc  ", "abc  "},
		{`{"type":"VARCHAR","length":2147483647}`, `"a\n\"ü"`, "a\n\"ü", ""},
		{`{"type":"VARCHAR","length":5}`, `null`, nil, ""},
		{`{"type":"BINARY","length":2}`, `"AP8="`, []byte{0, 255}, "x'00ff'"},
		{`{"type":"DATE"}`, `"2024-02-29"`, "2024-02-29", "2024-02-29"},
		{`{"type":"TIME_WITHOUT_TIME_ZONE","precision":0}`, `"12:34:56"`, "12:34:56", "12:34:56"},
		{`{"type":"TIME_WITHOUT_TIME_ZONE","precision":3}`, `"12:34"`, "12:34:00", ""},
		{`{"type":"TIME_WITHOUT_TIME_ZONE","precision":3}`, `"12:34:56.7"`, "12:34:56.700", "12:34:56.700"},
		{`{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":3}`, `"2024-02-29T12:34:56"`, "2024-02-29 12:34:56.000", ""},
		{`{"type":"TIMESTAMP_WITHOUT_TIME_ZONE","precision":9}`, `"2024-02-29T12:34:56.123456789"`, "2024-02-29 12:34:56.123456789", "2024-02-29 12:34:56.123456789"},
		{`{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":3}`, `"2024-02-29T23:34:56.12Z"`, "2024-03-01 01:34:56.120+02:00", "2024-03-01 01:34:56.120"},
		{
			`{"type":"ARRAY","elementType":{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":0}}`, `["2024-02-29T23:34:56Z"]`,
			[]any{"2024-03-01 01:34:56+02:00"},
			"[2024-03-01 01:34:56]",
		},
		{`{"type":"INTERVAL_YEAR_MONTH","precision":2,"resolution":"MONTH"}`, `14`, "+1-02", "+1-02"},
		{`{"type":"INTERVAL_YEAR_MONTH","precision":2,"resolution":"MONTH"}`, `-14`, "-1-02", ""},
		{`{"type":"INTERVAL_DAY_TIME","precision":2,"fractionalPrecision":3}`, `273906789`, "+3 04:05:06.789", "+3 04:05:06.789"},
		{`{"type":"ARRAY","elementType":{"type":"INTEGER"}}`, `[1,null]`, []any{json.Number("1"), nil}, "[1, NULL]"},
		{
			`{"type":"MAP","keyType":{"type":"CHAR","length":1},"valueType":{"type":"INTEGER"}}`, `{"l":2,"k":null}`,
			[]sqlshell.Pair{{Key: "l", Value: json.Number("2")}, {Key: "k"}},
			"",
		},
		{`{"type":"MULTISET","elementType":{"type":"VARCHAR","length":1}}`, `{"x":2}`, []sqlshell.Pair{{Key: "x", Value: json.Number("2")}}, ""},
		{
			`{"type":"ROW","fields":[{"name":"b","fieldType":{"type":"INTEGER"}},{"name":"a","fieldType":{"type":"BINARY","length":1}}]}`,
			`{"b":1,"a":null}`,
			[]any{json.Number("1"), nil},
			"(1, NULL)",
		},
		{`{"type":"RAW","class":"X"}`, `{"any":1}`, `{"any":1}`, ""},
	} {
		var l logicalType
		if err := json.Unmarshal([]byte(c.kind), &l); err != nil {
			t.Fatal(c.kind, err)
		}
		got, err := value(l.ours(), json.RawMessage(c.json), east)
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s %s: %v %s", c.kind, c.json, err, diff)
		}
		if c.plain == "" {
			continue
		}
		if diff := cmp.Diff(c.want, plain(l.ours(), c.plain, east)); diff != "" {
			t.Errorf("%s %s: %s", c.kind, c.plain, diff)
		}
	}
}

// What can't be told apart stays as it came.
func TestPlainTextInsideOfOthersStaysText(t *testing.T) {
	var l logicalType
	if err := json.Unmarshal([]byte(`{"type":"MAP","keyType":{"type":"INTEGER"},"valueType":{"type":"VARCHAR","length":9}}`), &l); err != nil {
		t.Fatal(err)
	}
	if got := plain(l.ours(), "{1=a, 2=b}", nil); got != "{1=a, 2=b}" {
		t.Errorf("%#v", got)
	}
	array := sqlshell.Type{Name: "ARRAY", Element: &sqlshell.Type{Name: "INT"}}
	for _, broken := range []string{"[1", "1]", "[1;2]x", "", "["} {
		if got := plain(array, broken, nil); got != broken {
			t.Errorf("%q became %#v", broken, got)
		}
	}
}

func FuzzPlain(f *testing.F) {
	for _, seed := range []string{"[1, 2]", "{1=2, 3=NULL}", "(1, [TRUE])", "{}", "[", "{1=", "NULL"} {
		f.Add(seed)
	}
	inner := sqlshell.Type{Name: "INT"}
	types := []sqlshell.Type{
		{Name: "ARRAY", Element: &inner},
		{Name: "MAP", Key: &inner, Element: &inner},
		{Name: "MULTISET", Element: &inner},
		{Name: "ROW", Fields: []sqlshell.Column{{Type: inner}, {Type: sqlshell.Type{Name: "ARRAY", Element: &inner}}}},
	}
	f.Fuzz(func(_ *testing.T, s string) {
		for _, kind := range types {
			plain(kind, s, nil)
			_, _ = value(kind, json.RawMessage(s), nil)
		}
	})
}
