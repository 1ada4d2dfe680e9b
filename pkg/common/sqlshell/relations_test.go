package sqlshell

import (
	"slices"
	"strings"
	"testing"
)

func TestPatterns(t *testing.T) {
	for pattern, names := range map[string]struct{ match, not string }{
		"orders":       {"orders", "order border orders2"},
		"ord*":         {"orders ord", "border"},
		"*er*":         {"orders er", "lines"},
		"order?":       {"orders order1", "order orders1"},
		"*":            {"x", ""},
		"a*b*c":        {"abc aXXbYYc abcbc", "ac abcd"},
		`a\*b`:         {"a*b", "axb"},
		`\?`:           {"?", "x"},
		"ü*":           {"übung", "ubung"},
		"*a*a*a*a*a*b": {"aaaaab", strings.Repeat("a", 200)},
	} {
		for name := range strings.FieldsSeq(names.match) {
			if !matches(pattern, name) {
				t.Errorf("%s doesn't match %s", pattern, name)
			}
		}
		for name := range strings.FieldsSeq(names.not) {
			if matches(pattern, name) {
				t.Errorf("%s matches %s", pattern, name)
			}
		}
	}
	for text, want := range map[string][]string{
		"": {""}, "ord*": {"ord*"}, "db.ord*": {"db", "ord*"}, "c.d.*": {"c", "d", "*"}, "`a.b*`.x": {`a.b\*`, "x"},
	} {
		place, pattern := splitPattern(text)
		if got := slices.Concat(place, []string{pattern}); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

func TestLists(t *testing.T) {
	names := func(kind string, names ...string) answer {
		a := answer{schema: Schema{Columns: []Column{column(kind+" name", "STRING")}}}
		for _, name := range names {
			a.batches = append(a.batches, []Row{plus(name)})
		}
		return a
	}
	backend := &fake{answers: map[string]answer{
		"SHOW TABLES":            names("table", "orders", "Order_lines", "customers"),
		"SHOW TABLES IN `sales`": names("table", "invoices", "orders"),
		"SHOW VIEWS":             names("view", "big"),
		"SHOW DATABASES":         names("database", "default_database", "sales"),
		"SHOW CATALOGS":          names("catalog", "default_catalog"),
		"SHOW USER FUNCTIONS":    names("function", "mine"),
		"SHOW FUNCTIONS":         names("function", "abs", "mine", "upper"),
		"SHOW MODULES":           names("module", "core"),
	}}
	for command, want := range map[string]string{
		`\d`: "table name orders Order_lines customers", `\d ord*`: "table name orders Order_lines", `\dt`: "table name orders Order_lines customers",
		`\dt orders`: "table name orders", `\dt sales.in*`: "table name invoices", `\dt none*`: "table name",
		`\dv`: "view name big", `\dn s*`: "database name sales", `\l`: "database name default_database sales", `\dc`: "catalog name default_catalog",
		`\df`: "function name mine", `\df *a*`: "function name", `\dfS *s`: "function name abs", `\dm`: "module name core",
	} {
		out, _, err := script(t, backend, command, Options{Format: CSV})
		if got := strings.Join(strings.Fields(out), " "); err != nil || got != want {
			t.Errorf("%s: %v\ngot  %q\nwant %q", command, err, got, want)
		}
	}
	if _, _, err := script(t, backend, `\df a.b*`, Options{}); err == nil || !strings.Contains(err.Error(), "jobs.sql:1:1") {
		t.Error(err)
	}
}

func TestATableIsDescribed(t *testing.T) {
	create := func(text string) answer {
		return answer{schema: Schema{Columns: []Column{column("result", "STRING")}}, batches: rows(plus(text))}
	}
	backend := &fake{answers: map[string]answer{
		"DESCRIBE": {
			schema:  Schema{Columns: []Column{column("name", "STRING"), column("type", "STRING"), column("null", "BOOLEAN"), column("key", "STRING"), column("watermark", "STRING")}},
			batches: rows(plus("id", "INT", false, "PRI(id)", nil), plus("at", "TIMESTAMP(3)", true, nil, "`at` - INTERVAL '5' SECOND")),
		},
		"SHOW CREATE TABLE orders": create("CREATE TABLE `c`.`d`.`orders` (\n  `id` INT NOT NULL,\n  `as` STRING COMMENT 'with (x)',\n  CONSTRAINT `k` PRIMARY KEY (`id`) NOT ENFORCED\n) COMMENT 'all of them'\nPARTITIONED BY (`id`)\nWITH (\n  'connector' = 'kafka',\n  'topic' = 'it''s, here',\n  'properties.sasl.password' = 'hunter2'\n)\n"),
		"SHOW CREATE TABLE big":    {refuse: &Error{Root: "it is a view"}},
		"SHOW CREATE VIEW big":     create("CREATE VIEW `c`.`d`.`big` (\n  `id`\n)\nAS SELECT `id` -- ü\nFROM `orders`"),
		"SHOW CREATE TABLE bare":   {refuse: &Error{Root: "no"}},
		"SHOW CREATE VIEW bare":    {refuse: &Error{Root: "no"}},
	}}
	for name, wants := range map[string][]string{
		"orders": {"PRI(id)", "`at` - INTERVAL '5' SECOND", "\npartitioned                BY ( `id` )\n", "\nconnector                  kafka\n", "\ntopic                      it's, here\n", "\nproperties.sasl.password   ******\n"},
		"big":    {"PRI(id)", "\nquery    SELECT `id` -- ü↵FROM `orders`\n"},
		"bare":   {"PRI(id)"},
	} {
		out, _, err := script(t, backend, `\d `+name, Options{Format: Table})
		for _, want := range wants {
			if err != nil || !strings.Contains(out, want) {
				t.Errorf("%s: %v lacks %q\n%s", name, err, want, out)
			}
		}
		if strings.Contains(out, "hunter2") {
			t.Error(out)
		}
	}
	if out, _, err := script(t, backend, `\d orders`, Options{Format: CSV}); err != nil || strings.Contains(out, "connector") || strings.Count(out, "\n") != 3 {
		t.Errorf("%v\n%s", err, out)
	}
}
