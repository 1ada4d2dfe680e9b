package cmf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"k8s.io/apimachinery/pkg/labels"
)

// PageSize is how many items a page is asked for.
const PageSize = 100

// ahead is how many pages are asked for at once after a full first one. No
// page says how many there are, so the last ones may be empty.
const ahead = 4

// maxPages bounds a server that never comes to an end.
const maxPages = 10_000

// ListOptions select what a list has.
type ListOptions struct {
	// Selector selects by labels; CMF 2.3 and newer help with that.
	Selector labels.Selector
	// Filter is an expression in CMF's own language (2.3 and newer).
	Filter string
	// Query has further parameters.
	Query url.Values
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
	l := lister{client: c, path: path, query: query, seen: map[string]bool{}}
	items, err := l.all(ctx)
	if err != nil {
		return nil, c.listError(ctx, kind, scope, err)
	}
	if options.Selector == nil || options.Selector.Empty() {
		return items, nil
	}
	var out []Object
	for _, item := range items {
		if options.Selector.Matches(labels.Set(item.Strings("metadata.labels"))) {
			out = append(out, item)
		}
	}
	return out, nil
}

func (c *Client) listError(ctx context.Context, kind *Kind, scope Scope, err error) error {
	if StatusOf(err) == 0 {
		return err
	}
	if IsNotFound(err) {
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
		}
	}
	return out
}

// lister fetches the pages of one collection.
type lister struct {
	client *Client
	path   string
	query  url.Values
	seen   map[string]bool
	items  []Object
}

// page is one page of a collection.
type page struct {
	items []Object
	// last says that nothing can follow.
	last bool
}

func (l *lister) all(ctx context.Context) ([]Object, error) {
	first, err := l.fetch(ctx, 0)
	if err != nil {
		return nil, err
	}
	if !l.add(first) {
		return l.items, nil
	}
	for next := 1; next < maxPages; next += ahead {
		pages := make([]page, ahead)
		errs := make([]error, ahead)
		var group sync.WaitGroup
		for i := range pages {
			group.Go(func() { pages[i], errs[i] = l.fetch(ctx, next+i) })
		}
		group.Wait()
		for i := range pages {
			// What lies beyond the end doesn't matter, not even its error.
			if errs[i] != nil {
				return nil, errs[i]
			}
			if !l.add(pages[i]) {
				return l.items, nil
			}
		}
	}
	return nil, fmt.Errorf("the list doesn't end after %d pages", maxPages)
}

// add appends what is new on p and reports whether more may follow. A server
// that ignores the page number, or one whose list moves on while it is read,
// sends again what is known.
func (l *lister) add(p page) bool {
	fresh := false
	for _, item := range p.items {
		key := item.Text("metadata.uid|metadata.name|name")
		if key == "" {
			// Nothing names it; what is equal counts as the same.
			data, err := item.Encode()
			if err != nil {
				continue
			}
			key = string(data)
		}
		if l.seen[key] {
			continue
		}
		l.seen[key] = true
		l.items = append(l.items, item)
		fresh = true
	}
	return fresh && !p.last
}

func (l *lister) fetch(ctx context.Context, number int) (page, error) {
	query := url.Values{}
	maps.Copy(query, l.query)
	query.Set("page", strconv.Itoa(number))
	query.Set("size", strconv.Itoa(PageSize))
	got, err := l.client.do(ctx, request{method: http.MethodGet, path: l.path, query: query, repeat: true})
	if err != nil {
		return page{}, err
	}
	object, err := got.object(http.MethodGet, l.client.url(l.path, nil))
	if err != nil {
		return page{}, err
	}
	p, err := readPage(object)
	if err != nil {
		return page{}, &AnswerError{Method: http.MethodGet, URL: l.client.url(l.path, nil), Err: err}
	}
	return p, nil
}

func readPage(object Object) (page, error) {
	value, ok := object["items"]
	if !ok {
		return page{}, errors.New("it has no items")
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
