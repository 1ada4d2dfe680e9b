package cmf

import "testing"

func TestStatementsThatOthersNeed(t *testing.T) {
	for sql, want := range map[string]bool{
		"CREATE TABLE a (x INT)":                                      true,
		"create view v as select 1":                                   true,
		"CREATE TABLE a (x STRING COMMENT 'as (old)') WITH ('a'='b')": true,
		"DROP TABLE a":                                                true,
		"ALTER TABLE a ADD (y INT)":                                   true,
		"USE CATALOG c":                                               true,
		"-- makes it\n/* really */ CREATE TABLE a (x INT)":            true,
		"INSERT INTO a SELECT 1":                                      false,
		"-- x\ninsert into a values (1)":                              false,
		"CREATE TABLE a AS SELECT * FROM b":                           false,
		"CREATE TABLE a WITH ('x'='y') AS\nWITH q AS (SELECT 1) SELECT * FROM q": false,
		"EXECUTE STATEMENT SET BEGIN INSERT INTO a SELECT 1; END":                false,
		"(SELECT 1)": false,
		"":           true,
	} {
		if got := definesTable(Object{"spec": map[string]any{"statement": sql}}); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}
