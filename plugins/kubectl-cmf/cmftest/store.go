package cmftest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a resource.
type object map[string]any

func (o object) at(path string) (any, bool) {
	var value any = map[string]any(o)
	for step := range strings.SplitSeq(path, ".") {
		fields, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = fields[step]; !ok {
			return nil, false
		}
	}
	return value, true
}

func (o object) text(path string) string {
	value, _ := o.at(path)
	switch v := value.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}

func (o object) name() string {
	if name := o.text("metadata.name"); name != "" {
		return name
	}
	return o.text("name")
}

func (o object) fields(key string) map[string]any {
	fields, ok := o[key].(map[string]any)
	if !ok {
		fields = map[string]any{}
		o[key] = fields
	}
	return fields
}

// copy keeps what is stored from being changed by what is answered.
func (o object) copy() object {
	data, err := json.Marshal(o)
	if err != nil {
		panic(err) // it was JSON before
	}
	out, err := parseObject(data)
	if err != nil {
		panic(err)
	}
	return out
}

func parseObject(data []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var o object
	if err := decoder.Decode(&o); err != nil {
		return nil, fmt.Errorf("JSON parse error: %w", err)
	}
	return o, nil
}

// entry is one stored resource.
type entry struct {
	// broken is why a statement does not compile; "" where it does.
	broken string
	name   string
	scope  []string
	object object
	// created is when it was made, changed when its spec last was: the phases
	// follow from that.
	created, changed time.Time
	uid              string
	deployment       deployment
	// path is where a real savepoint is.
	path string
	// deleting is when a deletion that takes time began.
	deleting time.Time
	contents [][]byte // of an artifact, by version
	pages    int      // of a statement's results that were fetched
}

// collection is the resources at one path, in order of creation.
type collection struct {
	rule    *rule
	path    string
	scope   []string
	entries []*entry
}

func (c *collection) find(name string) *entry {
	for _, e := range c.entries {
		if e.name == name {
			return e
		}
	}
	return nil
}

// in is the collection at path, made where there is none yet. s.mu is held.
func (s *Server) in(path string) *collection {
	c, ok := s.store[path]
	if !ok {
		words := strings.Split(path, "/")
		c = &collection{path: path, rule: rules[words[len(words)-1]]}
		for i := 1; i < len(words)-1; i += 2 {
			c.scope = append(c.scope, words[i])
		}
		if strings.HasPrefix(path, "catalogs/kafka/") {
			c.scope = []string{words[2]}
		}
		s.store[path] = c
	}
	return c
}

// drop forgets everything below path.
func (s *Server) drop(path string) {
	for key := range s.store {
		if strings.HasPrefix(key, path+"/") {
			delete(s.store, key)
		}
	}
}

// list answers a page.
func (s *Server) list(c *collection, r *http.Request) reply {
	query := r.URL.Query()
	number, size := 0, 20
	for key, target := range map[string]*int{"page": &number, "size": &size} {
		if text := query.Get(key); text != "" {
			n, err := strconv.Atoi(text)
			if err != nil || n < 0 || key == "size" && n == 0 {
				return failure(http.StatusBadRequest, "%s: must be a number", key)
			}
			*target = n
		}
	}
	size = min(size, s.options.MaxPage)
	if (query.Get("search") == "") != (query.Get("searchScope") == "") && s.version.has(c.rule.filter) {
		return failure(http.StatusBadRequest, "search and searchScope must be provided together")
	}
	selects := func(object) bool { return true }
	if text := query.Get("filter"); text != "" && s.version.has(c.rule.filter) {
		var err error
		if selects, err = parseFilter(text); err != nil {
			return failure(http.StatusBadRequest, "%s", err)
		}
	}
	var items []any
	for _, e := range slices.Clone(c.entries) {
		o := s.view(c, e)
		if o == nil || !selects(o) {
			continue
		}
		if phase := query.Get("phase"); phase != "" && !strings.EqualFold(o.text("status.phase"), phase) {
			continue
		}
		if pool := query.Get("compute-pool"); pool != "" && o.text("spec.computePoolName") != pool {
			continue
		}
		if c.rule.kind == "Environment" {
			delete(o, "secrets") // "not included in the list call yet"
		}
		items = append(items, o)
	}
	if c.rule.kind == "FlinkApplicationEvent" {
		slices.Reverse(items)
	}
	from := min(number*size, len(items))
	items = items[from:min(from+size, len(items))]
	if items == nil {
		items = []any{}
	}
	page := map[string]any{"metadata": map[string]any{"size": len(items)}, "items": items}
	if c.rule.page && !s.options.NoPageable {
		page["pageable"] = map[string]any{"page": number, "size": size, "sort": map[string]any{"sorted": false, "unsorted": true, "empty": true}}
	}
	answer := jsonReply(http.StatusOK, page)
	if c.rule.etag {
		tag := etag(answer.body)
		if r.Header.Get("If-None-Match") == tag {
			return reply{status: http.StatusNotModified, header: map[string]string{"ETag": tag}}
		}
		answer.header = map[string]string{"ETag": tag}
	}
	return answer
}

// parseFilter reads what of CMF's filter language the tests use.
func parseFilter(text string) (func(object) bool, error) {
	var tests []func(object) bool
	for part := range strings.SplitSeq(text, ",") {
		key, want, equals := strings.Cut(strings.TrimSpace(part), "=")
		label, isLabel := strings.CutPrefix(key, "labels.")
		switch {
		case isLabel:
			tests = append(tests, func(o object) bool {
				got, has := o.at("metadata.labels")
				labels, _ := got.(map[string]any)
				value, has2 := labels[label]
				return has && has2 && (!equals || value == want)
			})
		case key == "name" && equals:
			tests = append(tests, func(o object) bool { return glob(want, o.name()) })
		case (key == "phase" || key == "state") && equals:
			tests = append(tests, func(o object) bool {
				return o.text("status."+key) == want || o.text("status.jobStatus."+key) == want
			})
		default:
			return nil, fmt.Errorf("Invalid filter expression: %s", part) //nolint:staticcheck // CMF's words
		}
	}
	return func(o object) bool {
		for _, test := range tests {
			if !test(o) {
				return false
			}
		}
		return true
	}, nil
}

func glob(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, ok := strings.Cut(text, part)
		if !ok {
			return false
		}
		text = after
	}
	return strings.HasSuffix(text, parts[len(parts)-1])
}
