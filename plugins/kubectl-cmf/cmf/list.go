package cmf

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// PageSize is how many items a page is asked for: a list of a few hundred is one
// question, and as many large applications stay below maxBody.
const PageSize = 250

// ahead is how many pages are asked for at once after a full first one. No
// page says how many there are, so the last ones may be empty.
const ahead = 4

// maxPages bounds a server that never comes to an end.
const maxPages = 10_000

// maxKey is how long the text is by which an item is known again, in bytes.
const maxKey = 256

// ListOptions select what a list has.
type ListOptions struct {
	// Selector selects by labels; CMF 2.3 and newer help with that.
	Selector labels.Selector
	// Filter is an expression in CMF's own language (2.3 and newer).
	Filter string
	// Query has further parameters.
	Query url.Values
	// Budget is what several lists may need together; nil is one of its own.
	Budget *Budget
}

// Budget bounds what lists hold in memory: together, where they share it.
type Budget struct {
	// bytes is how much more of pages may be in memory as they came, memory
	// estimates what was kept of them, items counts them.
	bytes, memory, items atomic.Int64
}

// NewBudget is one of which nothing is used.
func NewBudget() *Budget {
	b := &Budget{}
	b.bytes.Store(maxList)
	return b
}

// List fetches a whole collection, page after page.
func (c *Client) List(ctx context.Context, kind *Kind, scope Scope, options ListOptions) ([]Object, error) {
	path, err := kind.collection(scope)
	if err != nil {
		return nil, err
	}
	query, err := c.listQuery(ctx, kind, options)
	if err != nil {
		return nil, err
	}
	l := lister{client: c, path: path, query: query, selector: options.Selector, budget: options.Budget, seen: map[string]bool{}}
	if l.budget == nil {
		l.budget = NewBudget()
	}
	items, err := l.all(ctx)
	if tooMuch(err) {
		return nil, fmt.Errorf("list %ss%s: %w", kind.Name, scope.in(kind), l.tooMany(kind, err))
	}
	if err != nil {
		return nil, c.listError(ctx, kind, scope, err)
	}
	return items, nil
}

// Versions are all versions of an artifact.
func (c *Client) Versions(ctx context.Context, ref Ref) ([]Object, error) {
	path, err := ref.path()
	if err != nil {
		return nil, err
	}
	l := lister{client: c, path: append(path, "versions"), query: url.Values{}, budget: NewBudget(), seen: map[string]bool{}, versions: true}
	items, err := l.all(ctx)
	if tooMuch(err) {
		return nil, fmt.Errorf("%s: %w", ref.Where(), err)
	}
	return items, c.named(ctx, ref, err)
}

// errMemory says that the items of a list need too much memory.
var errMemory = errors.New("the items need too much memory together")

// errItems says that a list has too many items.
var errItems = errors.New("too many items")

func tooMuch(err error) bool {
	var large *untrusted.TooLargeError
	return errors.As(err, &large) || errors.Is(err, errBudget) || errors.Is(err, errMemory) || errors.Is(err, errItems)
}

// tooMany says what to do about a list that is too large.
func (l *lister) tooMany(kind *Kind, err error) error {
	advice := "select some with -l"
	if kind.Filter != nil {
		advice += " or --filter"
	}
	what := fmt.Sprintf("pages of more than %s", sizeText(maxList))
	switch {
	case errors.Is(err, errItems):
		what = fmt.Sprintf("more than %d items", maxItems)
	case errors.Is(err, errMemory):
		what = fmt.Sprintf("more than %s of memory needed", sizeText(maxMemory))
	}
	return fmt.Errorf("%s, after %d items: %s", what, len(l.items), advice)
}

func (c *Client) listError(ctx context.Context, kind *Kind, scope Scope, err error) error {
	if StatusOf(err) == 0 {
		return err
	}
	if StatusOf(err) == http.StatusNotFound {
		if old := c.Needs(ctx, kind.Since, "kubectl cmf "+kind.Name); IsUnsupported(old) {
			return old
		}
	}
	return fmt.Errorf("list %ss%s: %w", kind.Name, scope.in(kind), err)
}

func (c *Client) listQuery(ctx context.Context, kind *Kind, options ListOptions) (url.Values, error) {
	query := url.Values{}
	maps.Copy(query, options.Query)
	selects := options.Selector != nil && !options.Selector.Empty()
	if !selects && options.Filter == "" {
		return query, nil
	}
	if kind.Filter == nil {
		if options.Filter != "" {
			return nil, fmt.Errorf("--filter: CMF has no filter for %ss", kind.Name)
		}
		return query, nil
	}
	server, err := c.Server(ctx)
	if err != nil {
		return nil, err
	}
	old := server.Version.Before(*kind.Filter)
	if options.Filter != "" && old {
		return nil, &UnsupportedError{What: "--filter on " + kind.Name, Since: *kind.Filter, Server: server.Version}
	}
	filter := options.Filter
	if selects && !old {
		for _, part := range serverFilter(options.Selector) {
			if filter != "" {
				filter += ","
			}
			filter += part
		}
	}
	if filter != "" {
		query.Set("filter", filter)
	}
	return query, nil
}

// serverFilter is what of a selector CMF surely understands in the same way.
// The rest is left to Matches: whether labels.k!=v in CMF selects what has no
// k isn't documented, in kubectl it does.
func serverFilter(selector labels.Selector) []string {
	requirements, selectable := selector.Requirements()
	if !selectable {
		return nil
	}
	var out []string
	for _, r := range requirements {
		values := r.ValuesUnsorted()
		switch r.Operator() {
		case "=", "==":
			if len(values) == 1 && values[0] != "" {
				out = append(out, fmt.Sprintf("labels.%s=%s", r.Key(), values[0]))
			}
		case "exists":
			out = append(out, "labels."+r.Key())
		default: // CMF has no parameter for it
		}
	}
	return out
}

// lister fetches the pages of one collection.
type lister struct {
	client *Client
	path   []string
	query  url.Values
	seen   map[string]bool
	items  []Object
	// selector selects by labels; nil is all.
	selector labels.Selector
	budget   *Budget
	// versions says that the items are versions of one thing.
	versions bool
}

// page is one page of a collection.
type page struct {
	items []Object
	// last says that nothing can follow.
	last bool
	// size is how many bytes of answer it was.
	size int64
}

func (l *lister) all(ctx context.Context) ([]Object, error) {
	more, err := l.batch(ctx, 0, 1)
	for next := 1; err == nil && more; next += ahead {
		if next >= maxPages {
			return nil, fmt.Errorf("the list doesn't end after %d pages", maxPages)
		}
		more, err = l.batch(ctx, next, ahead)
	}
	return l.items, err
}

// batch fetches count pages at once and reports whether more may follow.
func (l *lister) batch(ctx context.Context, first, count int) (more bool, err error) {
	pages := make([]page, count)
	errs := make([]error, count)
	var group sync.WaitGroup
	for i := range pages {
		group.Go(func() { pages[i], errs[i] = l.fetch(ctx, first+i) })
	}
	group.Wait()
	defer func() {
		for _, p := range pages {
			l.budget.bytes.Add(p.size)
		}
	}()
	for i := range pages {
		// What lies beyond the end doesn't matter, not even its error.
		if errs[i] != nil {
			return false, errs[i]
		}
		if more, err := l.add(pages[i]); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// add appends what is new on p and reports whether more may follow. A server
// that ignores the page number, or one whose list moves on while it is read,
// sends again what is known.
func (l *lister) add(p page) (more bool, err error) {
	fresh := false
	for _, item := range p.items {
		key := item.Text("metadata.uid|metadata.name|name")
		if l.versions && key != "" {
			key += " " + item.Text("status.version")
		}
		if key == "" {
			// Nothing names it; what is equal counts as the same.
			data, err := item.Encode()
			if err != nil {
				continue
			}
			key = string(data)
		}
		if len(key) > maxKey {
			sum := sha256.Sum256([]byte(key))
			key = string(sum[:])
		}
		if l.seen[key] {
			continue
		}
		l.seen[key] = true
		fresh = true
		if l.budget.items.Add(1) > maxItems {
			return false, errItems
		}
		if l.selector == nil || l.selector.Matches(labels.Set(item.Strings("metadata.labels"))) {
			l.items = append(l.items, item)
			l.budget.memory.Add(memoryOf(map[string]any(item)))
		}
		if l.budget.memory.Load() > maxMemory {
			return false, errMemory
		}
	}
	return fresh && !p.last, nil
}

func (l *lister) fetch(ctx context.Context, number int) (page, error) {
	query := url.Values{}
	maps.Copy(query, l.query)
	query.Set("page", strconv.Itoa(number))
	query.Set("size", strconv.Itoa(PageSize))
	r := request{method: http.MethodGet, path: l.path, query: query, repeat: true, budget: &l.budget.bytes}
	got, err := l.client.do(ctx, r)
	if number > 0 && IsNotFound(err) {
		// The first page was there: this server has no page behind the last one.
		return page{last: true}, nil
	}
	if err != nil {
		return page{}, err
	}
	if memory(got.body) > maxMemory {
		return page{}, errMemory
	}
	if text := bytes.TrimSpace(got.body); string(text) == "null" {
		return page{last: true}, nil
	}
	object, err := l.client.object(r, got)
	if err != nil {
		return page{}, err
	}
	p, err := readPage(object, number)
	if err != nil {
		return page{}, l.client.unreadable(r, err)
	}
	p.size = int64(len(got.body))
	return p, nil
}

// pagingFields are what a page has beside its items, in CMF's words and in those of
// servers that are made with the same tools.
var pagingFields = []string{
	"apiVersion", "kind", "metadata", "pageable", "page", "size", "sort", "first", "last", "empty", "total", "totalSize", "totalCount",
	"totalElements", "totalItems", "totalPages", "numberOfElements", "number", "count", "offset", "limit", "hasNext", "hasMore", "next",
	"nextPage", "nextPageToken", "_links", "links",
}

// onlyPaging checks that an answer without items is a page all the same, and an
// empty one.
func onlyPaging(object Object, number int) error {
	for _, field := range slices.Sorted(maps.Keys(object)) {
		if slices.Contains(pagingFields, field) {
			continue
		}
		if texts := (bodyReader{http.StatusOK}).read(map[string]any{field: object[field]}); len(texts) > 0 && field != "title" && field != "status" {
			return fmt.Errorf("it has no items, but %q: %s", field, shorten(texts[0]))
		}
		return fmt.Errorf("it has no items, but %q", field)
	}
	for _, field := range []string{"total", "totalSize", "totalCount", "totalElements", "totalItems", "numberOfElements", "count"} {
		if n, ok := object[field].(json.Number); ok && number == 0 && n != "0" {
			return fmt.Errorf("it has no items, but says that %s is %s", field, shorten(string(n)))
		}
	}
	return nil
}

func readPage(object Object, number int) (page, error) {
	value, ok := object["items"]
	if !ok {
		// No page has to have items (Confluent's SDK leaves out an empty list),
		// but an answer of something else hasn't them either.
		if err := onlyPaging(object, number); err != nil {
			return page{}, err
		}
	}
	list, ok := value.([]any)
	if !ok && value != nil {
		return page{}, fmt.Errorf("items is %s, not a list", TypeName(value))
	}
	var p page
	for i, item := range list {
		fields, ok := item.(map[string]any)
		if !ok {
			return page{}, fmt.Errorf("items[%d] is %s, not an object", i, TypeName(item))
		}
		p.items = append(p.items, fields)
	}
	// metadata.size isn't a total, and the server may give fewer items than it
	// was asked for: only its own page size says that a page is the last.
	size, known := PageSize, false
	if n, ok := object.At("pageable.size"); ok {
		if number, isNumber := n.(json.Number); isNumber {
			if v, err := number.Int64(); err == nil && v > 0 {
				size, known = min(PageSize, int(min(v, PageSize))), true
			}
		}
	}
	p.last = len(p.items) == 0 || known && len(p.items) < size
	return p, nil
}
