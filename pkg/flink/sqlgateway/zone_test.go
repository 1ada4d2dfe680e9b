package sqlgateway

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

func TestZones(t *testing.T) {
	at := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, want := range map[string]int{
		"UTC": 0, "Z": 0, "GMT": 0, "Etc/UTC": 0, "GMT+00:00": 0, "GMT-08:30": -(8*60 + 30) * 60, "GMT+02:00": 7200, "UTC+9": 32400, "UT-05": -18000,
		"+09:00": 32400, "-0330": -12600, "+01:02:03": 3723, "Asia/Tokyo": 32400, "Europe/Berlin": 3600, "America/New_York": -18000,
	} {
		location := parseZone(name)
		if location == nil {
			t.Errorf("%s isn't known", name)
			continue
		}
		if _, got := at.In(location).Zone(); got != want {
			t.Errorf("%s: %d, want %d", name, got, want)
		}
	}
	for _, name := range []string{"", "default", "Local", "nonsense", "../UTC", "+25:00", "+1:2:3:4", "GMT+99", "+123", "+-1"} {
		if location := parseZone(name); location != nil {
			t.Errorf("%q is %s", name, location)
		}
	}
}

// written is an instant as a gateway writes it at top level, inside of arrays
// and maps (in the session's zone) and inside of rows (in UTC), with a Z in any
// case.
func written(at time.Time, zone string, inRow bool) string {
	if location := parseZone(zone); location != nil && !inRow {
		at = at.In(location)
	}
	return at.Format("2006-01-02T15:04:05.999999999") + "Z"
}

// ltzShapes are a type around TIMESTAMP_LTZ at every place, with what it looks
// like as JSON of the gateway and of ours, where %s is the time.
var ltzShapes = []struct {
	name, kind, json, want string
	inRow                  bool
}{
	{"alone", `%s`, `"%s"`, `"%s"`, false},
	{"in an array", `{"type":"ARRAY","elementType":%s}`, `["%s",null]`, `["%s",null]`, false},
	{"in a map", `{"type":"MAP","keyType":{"type":"VARCHAR","length":9},"valueType":%s}`, `{"k":"%s"}`, `{"k":"%s"}`, false},
	{"in a row", `{"type":"ROW","fields":[{"name":"f","fieldType":%s}]}`, `{"f":"%s"}`, `{"f":"%s"}`, true},
	{"in a row in an array", `{"type":"ARRAY","elementType":{"type":"ROW","fields":[{"name":"f","fieldType":%s}]}}`, `[{"f":"%s"}]`, `[{"f":"%s"}]`, true},
	{"in an array in a row", `{"type":"ROW","fields":[{"name":"f","fieldType":{"type":"ARRAY","elementType":%s}}]}`, `{"f":["%s"]}`, `{"f":["%s"]}`, true},
	{"in a row in a map", `{"type":"MAP","keyType":{"type":"CHAR","length":1},"valueType":{"type":"ROW","fields":[{"name":"f","fieldType":%s}]}}`, `{"k":{"f":"%s"}}`, `{"k":{"f":"%s"}}`, true},
	{"in an array in an array", `{"type":"ARRAY","elementType":{"type":"ARRAY","elementType":%s}}`, `[["%s"]]`, `[["%s"]]`, false},
}

// A local timestamp is the same instant wherever it stands, in every zone, also
// in the hour that is there twice and before there was standard time.
func TestLocalTimestampsAreTheirInstant(t *testing.T) {
	instants := []string{
		"1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "1874-12-07T18:40:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
		"2024-10-27T00:30:00Z", "2024-10-27T01:30:00Z", // Berlin's 02:30, twice
		"2024-11-03T05:30:00.5Z", "2024-11-03T06:30:00.5Z", // New York's 01:30, twice
		"2024-03-31T00:59:59Z", "2024-03-31T01:00:00Z", "2024-07-01T12:00:00.123456Z",
	}
	for _, zone := range []string{"Asia/Tokyo", "Europe/Berlin", "America/New_York", "GMT+05:45", "UTC", "", "SystemV/EST5", "Asia/Kathmandu"} {
		for _, precision := range []int{0, 3, 6, 9} {
			for _, shape := range ltzShapes {
				kind := fmt.Sprintf(shape.kind, fmt.Sprintf(`{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":%d}`, precision))
				f := newFake(t)
				f.zone = zone
				page := func(w http.ResponseWriter, r *http.Request) {
					var rows []string
					for _, instant := range instants {
						rows = append(rows, rowOf(fmt.Sprintf(shape.json, written(parsed(t, instant, precision), f.zone, shape.inRow))))
					}
					fakePage(0, `{"name":"t","logicalType":`+kind+`}`, strings.Join(rows, ","))(w, r)
				}
				f.pages = append(f.pages, page)
				schema, rows, err := all(t, f.session(Options{}), "SELECT t")
				if err != nil || len(rows) != len(instants) {
					t.Fatalf("%s, %s: %d rows, %v", zone, shape.name, len(rows), err)
				}
				for i, instant := range instants {
					at := parsed(t, instant, precision)
					text := timestampIn(t, schema.Columns[0].Type, rows[i].Fields[0])
					if got, err := time.Parse("2006-01-02 15:04:05.999999999Z07:00:00", withOffsetSeconds(text)); err != nil && at.Year() > 0 && at.Year() < 9999 || err == nil && !got.Equal(at) {
						t.Errorf("%s, %s, precision %d: %s became %s (%v)", zone, shape.name, precision, instant, text, err)
					}
					if location := parseZone(zone); location != nil && !strings.HasPrefix(text, at.In(location).Format("2006-01-02 15:04:05")) {
						t.Errorf("%s, %s: %s is not in the session's zone: %s", zone, shape.name, instant, text)
					}
				}
			}
		}
	}
}

func parsed(t *testing.T, instant string, precision int) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, instant)
	if err != nil {
		t.Fatal(err)
	}
	unit := time.Second
	for range precision {
		unit /= 10
	}
	return at.Truncate(unit)
}

// withOffsetSeconds completes an offset, so that one layout reads all.
func withOffsetSeconds(text string) string {
	if n := len(text); n > 6 && !strings.HasSuffix(text, "Z") && text[n-9] != '+' && text[n-9] != '-' {
		return text + ":00"
	}
	return text
}

// timestampIn is the only text in a value.
func timestampIn(t *testing.T, kind sqlshell.Type, value any) string {
	t.Helper()
	switch v := value.(type) {
	case string:
		return v
	case []any:
		return timestampIn(t, kind, v[0])
	case []sqlshell.Pair:
		return timestampIn(t, kind, v[0].Value)
	}
	t.Fatalf("%#v", value)
	return ""
}

// The session's zone is another one only while rows are read.
func TestTheZoneIsSetBack(t *testing.T) {
	const ltz = `{"name":"t","logicalType":{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","precision":3}}`
	for zone, back := range map[string]string{"Asia/Tokyo": "SET 'table.local-time-zone' = 'Asia/Tokyo'", "": "RESET 'table.local-time-zone'"} {
		f := newFake(t)
		f.zone = zone
		f.pages = append(f.pages, fakePage(1, ltz, rowOf(`"1970-01-01T00:00:00Z"`)), fakePage(0, ltz, rowOf(`"1970-01-01T00:00:01Z"`)))
		s := f.session(Options{})
		for range 2 {
			if _, rows, err := all(t, s, "SELECT t"); err != nil || len(rows) != 2 {
				t.Fatal(rows, err)
			}
		}
		want := []string{"SELECT t", "SET 'table.local-time-zone' = 'UTC'", back, "SELECT t", "SET 'table.local-time-zone' = 'UTC'"}
		if !slices.Equal(f.statements, want) {
			t.Errorf("%q", f.statements)
		}
		// Where it can't be set back nothing runs in the wrong zone.
		f.refuseZone = true
		if _, err := s.Run(t.Context(), "SELECT 2"); err == nil || !strings.Contains(err.Error(), "can't be set back") || slices.Contains(f.statements, "SELECT 2") {
			t.Errorf("%v, %q", err, f.statements)
		}
		f.refuseZone = false
		if _, _, err := all(t, s, "SELECT 2"); err != nil || f.zone != "UTC" {
			t.Errorf("%v, %q", err, f.statements)
		}
	}
	f := newFake(t)
	f.refuseZone = true
	f.pages = append(f.pages, fakePage(0, ltz, rowOf(`"1970-01-01T00:00:00Z"`)))
	if _, rows, err := all(t, f.session(Options{}), "SELECT t"); err == nil || len(rows) != 0 || !strings.Contains(err.Error(), "local timestamps can't be read") {
		t.Errorf("%v, %v", rows, err)
	}
}

// In plain text a time has no offset. It gets none where two are possible.
func TestOffsetsOfPlainText(t *testing.T) {
	berlin := parseZone("Europe/Berlin")
	for clock, want := range map[string]string{
		"2024-10-27 01:59:59.000": "+02:00", "2024-10-27 02:30:00.000": "", "2024-10-27 03:00:00": "+01:00", "2024-07-01 12:00": "+02:00",
		"1800-01-01 00:00:00": "+00:53:28", "not a time": "",
	} {
		if got := withOffset(clock, berlin); got != clock+want {
			t.Errorf("%s: %s, want %s", clock, got, want)
		}
	}
	if got := withOffset("2024-07-01 12:00:00", nil); got != "2024-07-01 12:00:00" {
		t.Error(got)
	}
}

// A column's JSON has the same shape whatever stands beside it, or there is none.
func TestColumnsThatCannotBeReadBesideOthers(t *testing.T) {
	const (
		array  = `{"name":"a","logicalType":{"type":"ARRAY","elementType":{"type":"CHAR","length":1}}}`
		ints   = `{"name":"i","logicalType":{"type":"ARRAY","elementType":{"type":"INTEGER"}}}`
		intMap = `{"name":"z","logicalType":{"type":"MAP","keyType":{"type":"INTEGER"},"valueType":{"type":"INTEGER"}}}`
		clock  = `{"name":"c","logicalType":{"type":"TIME_WITHOUT_TIME_ZONE","precision":3}}`
	)
	for columns, refused := range map[string]bool{
		array: false, ints + "," + intMap: false, intMap: false, array + "," + intMap: true, intMap + "," + array: true, array + "," + clock: true, ints + "," + clock: false,
	} {
		f := newFake(t)
		f.pages = append(f.pages, fakePage(0, columns, ""))
		schema, _, err := all(t, f.session(Options{}), "SELECT 1")
		if err != nil || (schema.Opaque != "") != refused {
			t.Errorf("%s: %q, %v", columns, schema.Opaque, err)
		}
		if refused && (!strings.Contains(schema.Opaque, `column "a" (ARRAY)`) || !strings.Contains(schema.Opaque, "CAST")) {
			t.Error(schema.Opaque)
		}
	}
}

func TestQueriesThatOnlyAddRows(t *testing.T) {
	plan := func(root string) string {
		return "== Abstract Syntax Tree ==\nLogicalX\n\n== Optimized Physical Plan ==\n" + root + "\n+- Values(changelogMode=[I])\n\n== Optimized Execution Plan ==\nX"
	}
	for text, want := range map[string]bool{
		plan("Calc(select=[1 AS c], changelogMode=[I])"):                                            true,
		plan("GroupAggregate(select=[COUNT(*) AS c], changelogMode=[I,UA])"):                        false,
		plan("Join(select=[a], changelogMode=[I,UB,UA,D])\n:- Values(changelogMode=[I])"):           false,
		plan("Calc(select=[_UTF-16LE'changelogMode=[I]' AS c, COUNT(*)], changelogMode=[I,UB,UA])"): false,
		plan("SortAggregate(isMerge=[true])"):                                                       false,
		"":                                                                                          false,
	} {
		f := newFake(t)
		f.plan = text
		f.pages = append(f.pages, fakePage(0, intColumn, rowOf("1")))
		s := f.session(Options{})
		e, err := s.run(t.Context(), "SELECT 1")
		if err != nil {
			t.Fatal(err)
		}
		if got := e.AppendOnly(t.Context()); got != want || !slices.Contains(f.statements, "EXPLAIN CHANGELOG_MODE SELECT 1") {
			t.Errorf("%v for\n%s", got, text)
		}
	}
	// EXPLAIN takes the query alone.
	f := newFake(t)
	f.plan = plan("Calc(changelogMode=[I])")
	e, err := f.session(Options{}).run(t.Context(), "execute\nSELECT 1")
	if err != nil || !e.AppendOnly(t.Context()) || !slices.Contains(f.statements, "EXPLAIN CHANGELOG_MODE SELECT 1") {
		t.Error(f.statements, err)
	}
	f = newFake(t)
	s := f.session(Options{Properties: map[string]string{"execution.runtime-mode": "BATCH"}})
	e, err = s.run(t.Context(), "SELECT 1")
	if err != nil || !e.AppendOnly(t.Context()) {
		t.Error("a query in batch mode", err)
	}
}

func FuzzOffsets(f *testing.F) {
	f.Add("2024-10-27 02:30:00", "Europe/Berlin")
	f.Fuzz(func(t *testing.T, clock, zone string) {
		location := parseZone(zone)
		if got := withOffset(clock, location); !strings.HasPrefix(got, clock) {
			t.Errorf("%q in %q: %q", clock, zone, got)
		}
		if _, err := json.Marshal(inZone(sqlshell.Type{Precision: 3}, clock, location)); err != nil {
			t.Error(err)
		}
	})
}
