package cmftest

import (
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// columnsOf is the shape of a statement's result: that of SHOW, or three
// columns for every query.
func columnsOf(sql string) []any {
	column := func(name, kind string, more map[string]any) any {
		t := map[string]any{"type": kind, "nullable": true}
		maps.Copy(t, more)
		return map[string]any{"name": name, "type": t}
	}
	switch {
	case strings.HasPrefix(sql, "SHOW"):
		return []any{column("name", "VARCHAR", map[string]any{"length": 2147483647})}
	case strings.HasPrefix(sql, "SELECT"), strings.HasPrefix(sql, "WITH"):
		return []any{
			column("id", "BIGINT", nil), column("name", "VARCHAR", map[string]any{"length": 10}),
			column("tags", "MAP", map[string]any{
				"keyType":   map[string]any{"type": "VARCHAR", "nullable": false},
				"valueType": map[string]any{"type": "ARRAY", "nullable": true, "elementType": map[string]any{"type": "INTEGER", "nullable": true}},
			}),
		}
	}
	return nil
}

// shown are the rows of a statement that CMF answers itself.
func shown(sql string) []any {
	switch {
	case strings.HasPrefix(sql, "SHOW CATALOGS"):
		return rowsOf("kafka-1", "kafka-2")
	case strings.HasPrefix(sql, "SHOW DATABASES"):
		return rowsOf("main")
	case strings.HasPrefix(sql, "SHOW TABLES"):
		return rowsOf("clicks", "orders")
	}
	return nil
}

func rowsOf(names ...string) []any {
	var out []any
	for _, name := range names {
		out = append(out, map[string]any{"op": 0, "row": []any{name}})
	}
	return out
}

// page is one page of results, and where the next is.
func (s *Server) page(e *entry, rows []any, next string) map[string]any {
	metadata := map[string]any{"creationTimestamp": s.timestamp(e.created)}
	if next != "" {
		metadata["annotations"] = map[string]any{"nextPageToken": next}
	}
	return map[string]any{"apiVersion": "cmf.confluent.io/v1", "kind": "StatementResult", "metadata": metadata, "results": map[string]any{"data": rows}}
}

// results are two rows a page: three pages, the second empty, or pages without
// end where the text says ENDLESS. A page can be had once.
func (s *Server) results(e *entry, token string) reply {
	sql := strings.ToUpper(e.object.text("spec.statement"))
	if !strings.HasPrefix(sql, "SELECT") && !strings.HasPrefix(sql, "WITH") {
		return failure(http.StatusBadRequest, "Statement '%s' does not return results.", e.name)
	}
	asked := 0
	if token != "" {
		var err error
		if asked, err = strconv.Atoi(strings.TrimPrefix(token, "page-")); err != nil {
			return failure(http.StatusBadRequest, "Page token '%s' is not valid.", token)
		}
	}
	if asked != e.pages {
		return failure(http.StatusGone, "Results of page '%s' are gone.", token)
	}
	e.pages++
	next := fmt.Sprintf("page-%d", e.pages)
	endless := strings.Contains(sql, "ENDLESS")
	if asked == 2 && !endless {
		next = ""
	}
	rows := []any{}
	if asked != 1 {
		n := strconv.Itoa(asked)
		rows = []any{
			map[string]any{"row": []any{"1" + n, "it's " + n, []any{[]any{"k", []any{"1", nil}}}}},
			map[string]any{"op": 0, "row": []any{"2" + n, nil, []any{}}},
		}
	}
	return jsonReply(http.StatusOK, s.page(e, rows, next))
}
