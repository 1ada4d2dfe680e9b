package sqlshell

import (
	"slices"
	"strings"
	"testing"
)

func TestCandidates(t *testing.T) {
	backend := &fake{names: map[string][]string{
		"": {"default_catalog", "paimon"}, "default_catalog": {"default_database", "sales"}, "paimon": {"lake"},
		"default_catalog.default_database": {"orders", "order lines", "select"}, "default_catalog.sales": {"invoices"},
		"paimon.lake": {"fish"}, "default_catalog.default_database.orders": {"order_id", "amount"},
		"paimon.lake.fish": {"weight"},
	}}
	for sql, want := range map[string]string{
		"sel|":                            "select",
		"SEL|":                            "SELECT",
		"SELECT * FROM ord|":              "`order lines` orders",
		"SELECT * FROM `ord|":             "`order lines` `orders`",
		"SELECT * FROM sel|":              "`select`",
		"SELECT * FROM sales.|":           "invoices",
		"SELECT * FROM paimon.lake.|":     "fish",
		"SELECT * FROM paimon.l|":         "lake",
		"USE CATALOG p|":                  "paimon",
		"USE s|":                          "sales",
		"SELECT am| FROM orders":          "amount",
		"SELECT o.| FROM orders AS o":     "amount order_id",
		"SELECT orders.| FROM orders":     "amount order_id",
		"SELECT `orders`.am| FROM orders": "amount",
		"SELECT o.| FROM paimon.lake.fish f, orders AS o":       "amount order_id",
		"SELECT f.| FROM orders o JOIN paimon.lake.fish f ON 1": "weight",
		"SELECT `my o`.| FROM orders `my o`":                    "amount order_id",
		"SELECT * FROM orders o WHERE o.a|":                     "amount",
		"SELECT * FROM orders o, paimon.lake.fish f WHERE f.|":  "weight",
		"SELECT nobody.| FROM orders":                           "",
		"SELECT f.w| FROM paimon.lake.fish f; SELECT 1":         "weight",
		"SELECT 1; DESCRIBE orders|":                            "",
		"SELECT 'ord|":                                          "",
		"SELECT 1 -- ord|":                                      "",
	} {
		before, after, _ := strings.Cut(sql, "|")
		values, _ := newNames(backend).candidates(t.Context(), before, after)
		if got := strings.Join(values, " "); got != want {
			t.Errorf("%s: %q, want %q", sql, got, want)
		}
	}
}

func TestNamesAreAskedForOnce(t *testing.T) {
	backend := &fake{names: map[string][]string{"": {"paimon"}}}
	n := newNames(backend)
	if len(backend.asked) != 0 {
		t.Error("asked before it was needed")
	}
	for range 3 {
		n.candidates(t.Context(), "USE CATALOG ", "")
	}
	if !slices.Equal(backend.asked, []string{""}) {
		t.Errorf("asked %q", backend.asked)
	}
	n.forget()
	n.candidates(t.Context(), "USE CATALOG ", "")
	if len(backend.asked) != 2 {
		t.Errorf("asked %q", backend.asked)
	}
}

func TestSecretsAreHidden(t *testing.T) {
	for sql, want := range map[string]string{
		"SET 'sasl.password' = 'a''b'":                                            "SET 'sasl.password' = '******'",
		"SET s3.secret-key = abc":                                                 "SET s3.secret-key = '******'",
		"WITH ('password' = 'x', 'topic' = 'y')":                                  "WITH ('password' = '******', 'topic' = 'y')",
		"WITH ('properties.sasl.jaas.config'='M')":                                "WITH ('properties.sasl.jaas.config'='******')",
		"/*+ OPTIONS('api-key'='x') */":                                           "/*+ OPTIONS('api-key'='******') */",
		"'key.format' = 'json', 'access.key'='k'":                                 "'key.format' = 'json', 'access.key'='******'",
		"'url' = 'jdbc:mysql://u:secret@h/db'":                                    "'url' = 'jdbc:mysql://u:******@h/db'",
		"'url' = 'jdbc:p://h/db?password=x&a=b'":                                  "'url' = 'jdbc:p://h/db?password=******&a=b'",
		"'token' = 'unclosed":                                                     "'token' = '******'",
		"SELECT token, secret FROM t WHERE a = 'b'":                               "SELECT token, secret FROM t WHERE a = 'b'",
		"SET 'primary-key' = 'id'":                                                "SET 'primary-key' = 'id'",
		`\set s3.secret-key hunter2`:                                              `\set s3.secret-key ******`,
		`\set s3.secret-key=hunter2 x;`:                                           `\set s3.secret-key ******`,
		`\set parallelism.default 2`:                                              `\set parallelism.default 2`,
		"SET s3.secret-key = abc/def+ghi-j; SELECT 1":                             "SET s3.secret-key = '******'; SELECT 1",
		"SET s3.secret-key abc def":                                               "SET s3.secret-key '******'",
		"SELECT 1 -- SET 's3.secret-key' = 'x'":                                   "SELECT 1 -- SET 's3.secret-key' = '******'",
		"/* password: x y */ SELECT 1":                                            "/* password: ****** */ SELECT 1",
		"-- jdbc:mysql://u:x@h/db\nSELECT 1":                                      "-- jdbc:mysql://u:******@h/db\nSELECT 1",
		"CREATE CATALOG c WITH ('type'='jdbc','username'='u','password'='x y')":   "CREATE CATALOG c WITH ('type'='jdbc','username'='u','password'='******')",
		"CREATE TABLE t (a INT) WITH ('c' = 'x', 'account.key' = 'x') -- token=x": "CREATE TABLE t (a INT) WITH ('c' = 'x', 'account.key' = '******') -- token='******'",
	} {
		if got := redact(sql); got != want {
			t.Errorf("%s: %s", sql, got)
		}
	}
}
