package sqlshell

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// names are what completion knows of the catalogs. They are asked for when
// they are first needed, and kept until a statement may have changed them.
type names struct {
	backend Backend
	mu      sync.Mutex
	known   map[string][]string
}

// naming bounds how long a Tab waits.
const naming = 2 * time.Second

func newNames(backend Backend) *names {
	return &names{backend: backend, known: map[string][]string{}}
}

func (n *names) forget() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known = map[string][]string{}
}

// below are the names below path; none where the backend doesn't say in time.
func (n *names) below(ctx context.Context, path ...string) []string {
	key := strings.Join(path, "\x00")
	return n.get(key, func(ctx context.Context) ([]string, error) { return n.backend.Names(ctx, path...) }, ctx)
}

// current is the catalog and the database of unqualified names.
func (n *names) current(ctx context.Context) (catalog, database string) {
	both := n.get("\x00current", func(ctx context.Context) ([]string, error) {
		catalog, database, err := n.backend.Current(ctx)
		return []string{catalog, database}, err
	}, ctx)
	if len(both) != 2 {
		return "", ""
	}
	return both[0], both[1]
}

func (n *names) get(key string, ask func(context.Context) ([]string, error), ctx context.Context) []string {
	n.mu.Lock()
	known, ok := n.known[key]
	n.mu.Unlock()
	if ok {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, naming)
	defer cancel()
	known, err := ask(ctx)
	if err != nil {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[key] = known
	return known
}

// candidates are what can stand between sql and rest, and the part of sql that
// they replace.
func (n *names) candidates(ctx context.Context, sql, rest string) (values []string, prefix string) {
	all := tokens(sql)
	if len(all) > 0 {
		switch last := all[len(all)-1]; {
		case last.open && last.kind != tokenName, last.kind == tokenComment && strings.HasPrefix(last.text, "-"):
			return nil, ""
		}
	}
	var words []token
	for _, t := range statementTokens(all) {
		if !t.blank() {
			words = append(words, t)
		}
	}
	// The path before the cursor: a.b.pre
	var path []string
	blankEnd := len(all) > 0 && all[len(all)-1].blank()
	if !blankEnd && len(words) > 0 {
		last := words[len(words)-1]
		switch {
		case last.kind == tokenWord || last.kind == tokenName && last.open:
			prefix = last.text
			words = words[:len(words)-1]
		case last.kind == tokenSymbol && last.text == ".":
		case last.kind == tokenNumber || last.kind == tokenString || last.kind == tokenName:
			return nil, ""
		}
		for len(words) >= 2 && words[len(words)-1].text == "." && (words[len(words)-2].kind == tokenWord || words[len(words)-2].kind == tokenName) {
			path = append([]string{unquote(words[len(words)-2].text)}, path...)
			words = words[:len(words)-2]
		}
	}
	for i := range len(prefix) {
		if prefix[i] >= 0x80 {
			return nil, ""
		}
	}
	var after []token
	for _, t := range tokens(rest) {
		if t.kind == tokenSemicolon {
			break
		}
		if !t.blank() {
			after = append(after, t)
		}
	}
	found := n.at(ctx, words, after, path, prefix)
	fold := strings.ToLower(strings.TrimPrefix(prefix, "`"))
	for _, value := range found {
		if !strings.HasPrefix(strings.ToLower(value.text), fold) || len(value.text) == len(fold) && value.text == fold {
			continue
		}
		text := value.text
		if value.name {
			text = quoteName(text, strings.HasPrefix(prefix, "`"))
		} else if prefix != "" && prefix == strings.ToLower(prefix) {
			// Who types small letters gets small ones.
			text = strings.ToLower(text)
		}
		values = append(values, text)
	}
	slices.Sort(values)
	return slices.Compact(values), prefix
}

type candidate struct {
	text string
	// name says that it may need quotes.
	name bool
}

func asNames(texts []string) []candidate {
	var all []candidate
	for _, text := range texts {
		all = append(all, candidate{text, true})
	}
	return all
}

// at are the candidates after words, below path.
func (n *names) at(ctx context.Context, words, after []token, path []string, prefix string) []candidate {
	before := func(i int) string {
		if len(words) < i {
			return ""
		}
		return strings.ToUpper(words[len(words)-i].text)
	}
	catalog, database := "", ""
	here := func() { catalog, database = n.current(ctx) }
	switch before(1) {
	case "CATALOG":
		return asNames(n.below(ctx))
	case "USE", "DATABASE":
		switch len(path) {
		case 0:
			here()
			all := asNames(n.below(ctx, catalog))
			if before(1) == "USE" {
				all = append(all, candidate{text: "CATALOG"}, candidate{text: "MODULES"})
			}
			return all
		case 1:
			return asNames(n.below(ctx, path[0]))
		}
		return nil
	case "FROM", "JOIN", "INTO", "TABLE", "VIEW", "DESCRIBE", "DESC", "UPDATE", "ANALYZE", "OVERWRITE":
		switch len(path) {
		case 0:
			here()
			all := asNames(n.below(ctx, catalog, database))
			all = append(all, asNames(n.below(ctx, catalog))...)
			all = append(all, asNames(n.below(ctx))...)
			for _, word := range []string{"TABLE", "LATERAL", "CATALOG", "DATABASE"} {
				if prefix != "" {
					all = append(all, candidate{text: word})
				}
			}
			return all
		case 1:
			here()
			return append(asNames(n.below(ctx, catalog, path[0])), asNames(n.below(ctx, path[0]))...)
		case 2:
			return asNames(n.below(ctx, path...))
		}
		return nil
	}
	if len(words) == 0 && len(path) == 0 {
		return starts
	}
	here()
	tables := append(tablesIn(words), tablesIn(after)...)
	if len(path) > 0 {
		// A table, or an alias of one.
		alias := path[len(path)-1]
		var all []candidate
		for _, table := range tables {
			if strings.EqualFold(table.alias, alias) {
				all = append(all, asNames(n.below(ctx, table.full(catalog, database)...))...)
			}
		}
		return all
	}
	var all []candidate
	for _, table := range tables {
		all = append(all, asNames(n.below(ctx, table.full(catalog, database)...))...)
	}
	if prefix == "" {
		return all // all keywords would be no help
	}
	for _, keyword := range keywords {
		all = append(all, candidate{text: keyword})
	}
	return all
}

// starts are the words that begin a statement.
var starts = func() []candidate {
	var all []candidate
	for word := range strings.FieldsSeq("ADD ALTER ANALYZE BEGIN CALL COMPILE CREATE DELETE DESCRIBE DROP EXECUTE EXPLAIN HELP INSERT LOAD QUIT REMOVE RESET SELECT SET SHOW STOP TRUNCATE UNLOAD UPDATE USE VALUES WITH") {
		all = append(all, candidate{text: word})
	}
	return all
}()

// statementTokens are those of the last statement begun.
func statementTokens(all []token) []token {
	for i, a := range slices.Backward(all) {
		if a.kind == tokenSemicolon {
			return all[i+1:]
		}
	}
	return all
}

// reference is a table that a statement names.
type reference struct {
	path  []string
	alias string
}

func (r reference) full(catalog, database string) []string {
	switch len(r.path) {
	case 1:
		return []string{catalog, database, r.path[0]}
	case 2:
		return []string{catalog, r.path[0], r.path[1]}
	}
	return r.path
}

// tablesIn are the tables after FROM, JOIN, INTO and UPDATE, those behind commas
// too.
func tablesIn(words []token) []reference {
	var all []reference
	for i := range words {
		switch strings.ToUpper(words[i].text) {
		case "FROM", "JOIN", "INTO", "UPDATE":
		default:
			continue
		}
		for j := i + 1; ; j++ {
			r, next := tableAt(words, j)
			if len(r.path) > 0 && len(r.path) <= 3 {
				all = append(all, r)
			}
			if j = next; j >= len(words) || words[j].text != "," {
				break
			}
		}
	}
	return all
}

// tableAt is the table that words name from j on, with its alias, and the place
// behind it.
func tableAt(words []token, j int) (reference, int) {
	var r reference
	for j < len(words) && (words[j].kind == tokenName || words[j].kind == tokenWord && !isKeyword(words[j].text)) {
		r.path = append(r.path, unquote(words[j].text))
		if j+1 >= len(words) || words[j+1].text != "." {
			j++
			break
		}
		j += 2
	}
	if len(r.path) == 0 {
		return r, j
	}
	r.alias = r.path[len(r.path)-1]
	if j < len(words) && words[j].is("AS") {
		j++
	}
	if j < len(words) && (words[j].kind == tokenName || words[j].kind == tokenWord && !isKeyword(words[j].text)) {
		r.alias = unquote(words[j].text)
		j++
	}
	return r, j
}

func unquote(name string) string {
	if len(name) >= 2 && name[0] == '`' && name[len(name)-1] == '`' {
		return strings.ReplaceAll(name[1:len(name)-1], "``", "`")
	}
	return strings.TrimPrefix(name, "`")
}

// quoteName writes a name as SQL needs it: in backquotes where it is no plain
// word, or a keyword.
func quoteName(name string, always bool) string {
	plain := name != "" && !isKeyword(name)
	for i, r := range name {
		if r >= 0x80 || i == 0 && !wordStart(r) || !wordPart(r) {
			plain = false
		}
	}
	if plain && !always {
		return name
	}
	return "`" + strings.ReplaceAll(name, "`", "``") + "`"
}

// Identifier is path, as in catalog, database and table, as one identifier in a
// statement.
func Identifier(path ...string) string {
	parts := make([]string, len(path))
	for i, name := range path {
		parts[i] = quoteName(name, true)
	}
	return strings.Join(parts, ".")
}
