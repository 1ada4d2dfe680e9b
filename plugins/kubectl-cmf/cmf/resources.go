package cmf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Get fetches one resource.
func (c *Client) Get(ctx context.Context, ref Ref) (Object, error) {
	path, err := ref.path()
	if err != nil {
		return nil, err
	}
	object, err := c.get(ctx, path, nil)
	if err == nil && object.Name() == "" {
		// Whatever answers 200 to all isn't CMF.
		err = c.unreadable(request{method: http.MethodGet, path: path}, fmt.Errorf("it has no name, so that it is no %s; check the address and what stands before CMF", ref.Kind.Name))
	}
	if err != nil {
		return nil, c.named(ctx, ref, err)
	}
	return object, nil
}

// Create creates one; where the kind's POST updates too, it may do that. The
// answer is what CMF made of it, or object itself where it answers nothing.
func (c *Client) Create(ctx context.Context, ref Ref, object Object) (Object, error) {
	if !ref.Kind.Create || ref.Kind.Files {
		return nil, fmt.Errorf("a %s can't be created this way", ref.Kind.Name)
	}
	path, err := ref.Kind.collection(ref.Scope)
	if err != nil {
		return nil, err
	}
	return c.send(ctx, ref, request{method: http.MethodPost, path: path, repeat: ref.Kind.Upsert}, object)
}

// Update replaces one.
func (c *Client) Update(ctx context.Context, ref Ref, object Object) (Object, error) {
	if ref.Kind.Upsert {
		return c.Create(ctx, ref, object)
	}
	if ref.Kind.UpdateSince == nil {
		return nil, fmt.Errorf("%s: CMF can't update a %s; delete and create it", ref, ref.Kind.Name)
	}
	if err := c.Needs(ctx, *ref.Kind.UpdateSince, "updating a "+ref.Kind.Name); err != nil {
		return nil, err
	}
	path, err := ref.path()
	if err != nil {
		return nil, err
	}
	return c.send(ctx, ref, request{method: http.MethodPut, path: path, repeat: true}, object)
}

func (c *Client) send(ctx context.Context, ref Ref, r request, object Object) (Object, error) {
	body, err := object.Encode()
	if err != nil {
		return nil, err
	}
	r.body = body
	got, err := c.do(ctx, r)
	if err != nil {
		err = c.named(ctx, ref, hide(err, object))
		var about *ResourceError
		if errors.As(err, &about) {
			about.creating = r.method == http.MethodPost
		}
		return nil, err
	}
	answer, err := c.object(r, got)
	if err != nil {
		return nil, fmt.Errorf("%s was sent, but %w", ref, err)
	}
	if answer == nil {
		return object, nil
	}
	return answer, nil
}

// DeleteOptions change how a resource is deleted.
type DeleteOptions struct {
	// MetadataOnly removes CMF's record without touching what runs.
	MetadataOnly bool
}

// Delete deletes one. gone is false where CMF still works on it.
func (c *Client) Delete(ctx context.Context, ref Ref, options DeleteOptions) (gone bool, err error) {
	if !ref.Kind.Delete {
		return false, fmt.Errorf("a %s can't be deleted", ref.Kind.Name)
	}
	path, err := ref.path()
	if err != nil {
		return false, err
	}
	r := request{method: http.MethodDelete, path: path, repeat: true}
	if options.MetadataOnly {
		if ref.Kind.ForceSince == nil {
			return false, fmt.Errorf("--metadata-only does not apply to a %s: nothing of it runs anywhere", ref.Kind.Name)
		}
		if err := c.Needs(ctx, *ref.Kind.ForceSince, "--metadata-only"); err != nil {
			return false, err
		}
		r.query = url.Values{"force": {"true"}}
	}
	got, err := c.do(ctx, r)
	if err != nil {
		return false, c.named(ctx, ref, err)
	}
	// 304 is in CMF's documents for a deletion; whatever it means, nothing was deleted.
	return got.status != http.StatusAccepted && got.status != http.StatusNotModified, c.noPage(r, got)
}

// Act posts a verb on a resource, as in applications/x/suspend.
func (c *Client) Act(ctx context.Context, ref Ref, verb string, query url.Values) (Object, error) {
	path, err := ref.path()
	if err != nil {
		return nil, err
	}
	r := request{method: http.MethodPost, path: append(path, verb), query: query}
	got, err := c.do(ctx, r)
	if err != nil {
		return nil, c.named(ctx, ref, err)
	}
	return c.object(r, got)
}

// Results fetches a page of a statement's results; token is that of the page,
// "" of the first. CMF gives each page once, in order.
func (c *Client) Results(ctx context.Context, ref Ref, token string) (Object, error) {
	path, err := ref.path()
	if err != nil {
		return nil, err
	}
	query := url.Values{}
	if token != "" {
		query.Set("page-token", token)
	}
	object, err := c.get(ctx, append(path, "results"), query)
	return object, c.named(ctx, ref, err)
}

// Read fetches any path of the API below /cmf/api, as in v1, c3, whoami.
func (c *Client) Read(ctx context.Context, path ...string) (Object, error) {
	return c.get(ctx, path, nil)
}

func (r Ref) path() ([]string, error) {
	path, err := r.Kind.collection(r.Scope)
	if err != nil {
		return nil, err
	}
	if err := CheckName(r.Kind.Name, r.Name); err != nil {
		return nil, err
	}
	return append(path, r.Name), nil
}

// named says which resource err is about, and whether this CMF is only too
// old for its kind.
func (c *Client) named(ctx context.Context, ref Ref, err error) error {
	if err == nil {
		return nil
	}
	if StatusOf(err) == 0 {
		return err
	}
	if StatusOf(err) == http.StatusNotFound {
		if old := c.Needs(ctx, ref.Kind.Since, "kubectl cmf "+ref.Kind.Name); IsUnsupported(old) {
			return old
		}
	}
	return &ResourceError{Ref: ref, Err: err}
}

// ResourceError is the server's error about one resource.
type ResourceError struct {
	Ref Ref
	Err error
	// creating says that it was to be created: what isn't found is what it would be in.
	creating bool
}

func (e *ResourceError) Error() string {
	var status *StatusError
	if IsNotFound(e.Err) && errors.As(e.Err, &status) {
		line := e.Ref.Where() + " not found"
		if e.creating {
			line = e.Ref.Where() + " can't be created: what it belongs to is not found"
		}
		if len(status.Messages) > 0 {
			line += " (CMF: " + strings.Join(status.Messages, "; ") + ")"
		}
		return line
	}
	return fmt.Sprintf("%s: %v", e.Ref.Where(), e.Err)
}

// Unwrap gives the server's error.
func (e *ResourceError) Unwrap() error { return e.Err }

// Exceptions are the last ones of a statement, as CMF keeps them.
func (c *Client) Exceptions(ctx context.Context, ref Ref) ([]Object, error) {
	path, err := ref.path()
	if err != nil {
		return nil, err
	}
	object, err := c.get(ctx, append(path, "exceptions"), nil)
	if err != nil {
		return nil, c.named(ctx, ref, err)
	}
	list, _ := object["data"].([]any)
	var out []Object
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			out = append(out, fields)
		}
	}
	return out, nil
}

// DeleteVersion deletes one version of an artifact.
func (c *Client) DeleteVersion(ctx context.Context, ref Ref, version int) error {
	path, err := ref.path()
	if err != nil {
		return err
	}
	r := request{method: http.MethodDelete, path: path, query: url.Values{"version": {strconv.Itoa(version)}}, repeat: true}
	got, err := c.do(ctx, r)
	if err != nil {
		return c.named(ctx, ref, err)
	}
	return c.noPage(r, got)
}

// Pruned is the outcome for savepoints that were deleted together.
type Pruned struct {
	Deleted int64
	// Failed are those that weren't, with the reasons.
	Failed []Failure
	// MoreFailed counts failures that CMF doesn't name.
	MoreFailed int64
}

// Failure is one savepoint that couldn't be deleted.
type Failure struct{ Name, Reason string }

// DeleteSavepoints deletes the savepoints of an application or a statement that
// query selects (CMF 2.4 and newer).
func (c *Client) DeleteSavepoints(ctx context.Context, scope Scope, query url.Values) (Pruned, error) {
	kind := Must("savepoint")
	if err := c.Needs(ctx, V24, "deleting savepoints together"); err != nil {
		return Pruned{}, err
	}
	path, err := kind.collection(scope)
	if err != nil {
		return Pruned{}, err
	}
	r := request{method: http.MethodDelete, path: path, query: query, repeat: true}
	got, err := c.do(ctx, r)
	if err != nil {
		return Pruned{}, fmt.Errorf("delete savepoints%s: %w", scope.in(kind), err)
	}
	object, err := c.object(r, got)
	if err != nil {
		return Pruned{}, fmt.Errorf("the savepoints were to be deleted, but %w", err)
	}
	var out Pruned
	out.Deleted, _ = strconv.ParseInt(object.Text("deletedCount"), 10, 64)
	failed, _ := strconv.ParseInt(object.Text("failedCount"), 10, 64)
	list, _ := object["failures"].([]any)
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			out.Failed = append(out.Failed, Failure{Object(fields).Text("name"), Object(fields).Text("reason")})
		}
	}
	out.MoreFailed = max(failed-int64(len(out.Failed)), 0)
	return out, nil
}

// Entries are all items of a collection that is no kind of its own, at path.
func (c *Client) Entries(ctx context.Context, path ...string) ([]Object, error) {
	l := lister{client: c, path: path, query: url.Values{}, budget: NewBudget(), seen: map[string]bool{}}
	return l.all(ctx)
}
