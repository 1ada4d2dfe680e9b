package sqlshell

import (
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

// keywords are the words of Flink SQL that are colored and completed, sorted.
var keywords = strings.Fields(`
ADD AFTER ALL ALTER ANALYZE AND ANTI ANY APPEND ARRAY AS ASC BATCH BEGIN BETWEEN BIGINT BINARY BOOLEAN BY BYTES
CALL CASE CAST CATALOG CATALOGS CHANGELOG_MODE CHAR CLEAR COLUMN COLUMNS COMMENT COMPILE COMPUTE CONSTRAINT CREATE CROSS CUMULATE
CURRENT CURRENT_DATE CURRENT_TIME CURRENT_TIMESTAMP DATABASE DATABASES DATE DAY DECIMAL DEFAULT DELETE DESC DESCRIBE DESCRIPTOR DETAILS
DISTINCT DISTRIBUTED DOUBLE DROP ELSE END ENFORCED ESCAPE ESTIMATED_COST EXCEPT EXECUTE EXISTS EXIT EXPLAIN EXTENDED EXTRACT FALSE FETCH
FIRST FLOAT FOLLOWING FOR FROM FULL FUNCTION FUNCTIONS GROUP GROUPING HAVING HELP HOP HOUR IF IN INNER INSERT INT INTEGER
INTERSECT INTERVAL INTO IS JAR JARS JOB JOBS JOIN JSON_EXECUTION_PLAN KEY LANGUAGE LAST LATERAL LEFT LIKE LIMIT LOAD MAP MATCHES
MATCH_RECOGNIZE MATERIALIZED MEASURES METADATA MINUTE MODEL MODELS MODIFY MODULE MODULES MONTH MULTISET NATURAL NOT NULL NULLS OF OFFSET
ON OPTIONS OR ORDER OUTER OVER OVERWRITE PARTITION PARTITIONED PARTITIONS PATTERN PERCENT PLAN PLAN_ADVICE PRECEDING PRECISION
PRIMARY PROCEDURE PROCEDURES QUIT RANGE REMOVE RENAME REPLACE RESET RIGHT ROLLUP ROW ROWS ROW_NUMBER SECOND SELECT SEMI SESSION SET SETS
SHOW SMALLINT SOME START STATEMENT STATISTICS STOP STREAM STREAMING STRING SYSTEM SYSTEM_TIME TABLE TABLES TEMPORARY THEN TIME TIMESTAMP TIMESTAMP_LTZ
TINYINT TO TRUE TRUNCATE TUMBLE UNBOUNDED UNION UNIQUE UNLOAD UNNEST UPDATE USE USER USING VALUES VARBINARY VARCHAR VIEW VIEWS
VIRTUAL WATERMARK WHEN WHERE WINDOW WITH WITHIN WITHOUT YEAR ZONE`)

func isKeyword(word string) bool {
	_, found := slices.BinarySearch(keywords, strings.ToUpper(word))
	return found
}

// highlight paints SQL: keywords, strings, names in quotes, comments. The text
// must be safe already; it stays the same but for colors.
func highlight(sql string, palette term.Palette) string {
	if !palette.On {
		return sql
	}
	var out strings.Builder
	for _, t := range tokens(sql) {
		switch {
		case t.kind == tokenComment:
			out.WriteString(paintLines(palette, term.Dim, t.text))
		case t.kind == tokenString:
			out.WriteString(paintLines(palette, term.Green, t.text))
		case t.kind == tokenName:
			out.WriteString(paintLines(palette, term.Cyan, t.text))
		case t.kind == tokenNumber:
			out.WriteString(palette.Paint(term.Yellow, t.text))
		case t.kind == tokenWord && isKeyword(t.text):
			out.WriteString(palette.Paint(term.Blue, t.text))
		default:
			out.WriteString(t.text)
		}
	}
	return out.String()
}

// paintLines paints each line for itself: an editor draws lines one by one.
func paintLines(palette term.Palette, color term.Color, text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = palette.Paint(color, line)
	}
	return strings.Join(lines, "\n")
}
