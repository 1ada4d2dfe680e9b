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
		"CREATE TABLE a (x INT, y AS (x + 1)) WITH ('k'='v')":                    true,
		"CREATE TABLE a (x INT, y AS (SELECT 1))":                                true,
		"CREATE TABLE `as` (`as (` INT)":                                         true,
		"CREATE TABLE a (x INT) -- as (select)":                                  true,
		"CREATE TABLE a /* as select 1 */ (x INT)":                               true,
		"CREATE TABLE a (PRIMARY KEY (x) NOT ENFORCED) AS SELECT 1 AS x":         false,
		"CREATE OR REPLACE TABLE a AS (SELECT 1)":                                false,
		"CREATE FUNCTION f AS 'x.Y'":                                             true,
		"\ufeff\n INSERT INTO a SELECT 1":                                        false,
		"INSERT/* x */INTO a SELECT 1":                                           false,
		"SELECT\n1":                                                              false,
		"SELECT*FROM a":                                                          false,
		"(SELECT 1)":                                                             false,
		"":                                                                       true,
	} {
		if got := definesTable(Object{"spec": map[string]any{"statement": sql}}); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}

func TestTablesThatAJobMakes(t *testing.T) {
	for sql, want := range map[string]string{
		"CREATE TABLE a AS SELECT 1":                                          "a",
		"-- x\ncreate  table if not exists `c`.`d`.`big orders` AS\nSELECT 1": "big orders",
		"CREATE OR REPLACE TABLE c . d . e WITH ('x'='y') AS (SELECT 1)":      "e",
		"CREATE TABLE a (x INT)":                                              "",
		"CREATE VIEW a AS SELECT 1":                                           "",
		"INSERT INTO a SELECT 1":                                              "",
	} {
		if got := madeTable(Object{"spec": map[string]any{"statement": sql}}); got != want {
			t.Errorf("%q: %q", sql, got)
		}
	}
	for sql, want := range map[string]bool{
		"INSERT INTO x SELECT * FROM `c`.`orders`": true,
		"INSERT INTO x SELECT * FROM my_orders":    false,
		"INSERT INTO x SELECT * FROM orders2":      false,
	} {
		if got := namesTable(Object{"spec": map[string]any{"statement": sql}}, "orders"); got != want {
			t.Errorf("%q: %v", sql, got)
		}
	}
}
