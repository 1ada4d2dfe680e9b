package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/clientset"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// Item is one object of a list.
type Item struct {
	api.Summary
	// Object is nil unless the selection asked for objects.
	Object *unstructured.Unstructured
}

// Summaries lists the objects of a kind in the API server's order. Of each
// object it keeps only what a Summary has, so that thousands of jobs need
// little memory; while one chunk is decoded the next one is on its way. What
// selection.Budget has no room for is an error.
func (c *Client) Summaries(ctx context.Context, kind api.Kind, selection Selection) ([]Item, error) {
	if selection.Budget == nil {
		selection.Budget = NewBudget()
	}
	before := selection.Budget.left.Load()
	items, err := c.chunks(ctx, kind, selection)
	if apierrors.IsResourceExpired(err) {
		// The list took longer than etcd keeps old revisions: read it again and
		// whole, as kubectl does.
		selection.Budget.left.Store(before)
		items, err = c.unchunked(ctx, kind, selection)
	}
	return items, c.listError(ctx, kind, err)
}

// maxChunks bounds how often a list goes on, also without any objects.
const maxChunks = 400

func (c *Client) chunks(ctx context.Context, kind api.Kind, selection Selection) ([]Item, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var items []Item
	limit, token := int64(chunk), ""
	page := c.fetch(ctx, kind, selection, limit, token)
	for range maxChunks {
		got := <-page
		if smaller := clientset.SmallerPage(limit); clientset.TooLarge(got.err) && smaller > 0 {
			limit = smaller
			page = c.fetch(ctx, kind, selection, limit, token)
			continue
		}
		if got.err != nil {
			return nil, got.err
		}
		guess := nextToken(got.data)
		if guess != "" && guess != token {
			page = c.fetch(ctx, kind, selection, limit, guess)
		}
		next, err := readPage(ctx, got.data, kind, selection, func(item Item) { items = append(items, item) })
		switch {
		case err != nil:
			return nil, err
		case next == "":
			return items, nil
		case next == token:
			return nil, &clientset.ListTooLongError{What: "one page that is followed by itself"}
		case next != guess:
			page = c.fetch(ctx, kind, selection, limit, next)
		}
		token = next
	}
	return nil, &clientset.ListTooLongError{What: fmt.Sprintf("%d pages", maxChunks)}
}

// largePage is how large a page is that is decoded while no other is, in bytes.
const largePage = 4 << 20

func readPage(ctx context.Context, data []byte, kind api.Kind, selection Selection, add func(Item)) (string, error) {
	var room untrusted.Room
	defer room.Leave()
	if len(data) > largePage {
		if err := room.Take(ctx); err != nil {
			return "", err
		}
	}
	return readList(bytes.NewReader(data), kind, selection, add)
}

// maxList bounds a list that comes in one answer, in bytes; one of 5,000 jobs
// has 35 MiB.
const maxList = 64 << 20

// unchunked reads the list with one request, while it comes.
func (c *Client) unchunked(ctx context.Context, kind api.Kind, selection Selection) ([]Item, error) {
	stream, err := c.request(kind, selection, 0, "").Stream(clientset.Streamed(ctx))
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	var items []Item
	if _, err := readList(clientset.AtMost(stream, maxList, kind.Plural), kind, selection, func(item Item) { items = append(items, item) }); err != nil {
		return nil, err
	}
	return items, nil
}

const (
	acceptObjects  = "application/json"
	acceptMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// body is one answered request.
type body struct {
	data []byte
	err  error
}

// request asks for one chunk; limit 0 is the whole list.
func (c *Client) request(kind api.Kind, selection Selection, limit int64, token string) *rest.Request {
	path := []string{"/apis", api.Group, api.Version}
	if selection.Namespace != "" {
		path = append(path, "namespaces", selection.Namespace)
	}
	accept := acceptObjects
	if selection.Metadata {
		accept = acceptMetadata
	}
	request := c.core.CoreV1().RESTClient().Get().AbsPath(append(path, kind.Plural)...).SetHeader("Accept", accept)
	for name, value := range map[string]string{
		"labelSelector": selection.Labels, "fieldSelector": selection.Fields, "continue": token,
	} {
		if value != "" {
			request = request.Param(name, value)
		}
	}
	if limit > 0 {
		request = request.Param("limit", strconv.FormatInt(limit, 10))
	}
	return request
}

// fetch sends the request for one chunk and gives the answer when it is there.
func (c *Client) fetch(ctx context.Context, kind api.Kind, selection Selection, limit int64, token string) <-chan body {
	request := c.request(kind, selection, limit, token)
	answer := make(chan body, 1)
	go func() {
		data, err := request.DoRaw(ctx)
		answer <- body{data, err}
	}()
	return answer
}

// tail is how many bytes at the end of an answer hold the list's own metadata.
const tail = 2048

var continueToken = regexp.MustCompile(`"continue":"([A-Za-z0-9+/=_-]+)"`)

// nextToken finds the next chunk's token without decoding the chunk: the API
// server writes a list's metadata behind its items. It is a guess, which the
// decoded token confirms.
func nextToken(data []byte) string {
	found := continueToken.FindAllSubmatch(data[max(0, len(data)-tail):], -1)
	if len(found) == 0 {
		return ""
	}
	return string(found[len(found)-1][1])
}

// readList decodes a list item by item.
func readList(body io.Reader, kind api.Kind, selection Selection, add func(Item)) (token string, err error) {
	defer func() {
		var long *clientset.ListTooLongError
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			wrong.Value = term.Short(wrong.Value, 100) // of a number it has each digit
		}
		if err != nil && !errors.As(err, &long) {
			err = fmt.Errorf("read the list of %s: %w", kind.Plural, err)
		}
	}()
	decoder := json.NewDecoder(body)
	if err := expect(decoder, json.Delim('{')); err != nil {
		return "", err
	}
	for decoder.More() {
		key, err := decoder.Token()
		if err != nil {
			return "", err
		}
		switch key {
		case "items":
			if err := readItems(decoder, kind, selection, add); err != nil {
				return "", err
			}
		case "metadata":
			var metadata struct {
				Continue string `json:"continue"`
			}
			if err := decoder.Decode(&metadata); err != nil {
				return "", err
			}
			token = metadata.Continue
		default:
			var skipped json.RawMessage
			if err := decoder.Decode(&skipped); err != nil {
				return "", err
			}
		}
	}
	return token, nil
}

func readItems(decoder *json.Decoder, kind api.Kind, selection Selection, add func(Item)) error {
	first, err := decoder.Token()
	if err != nil || first == nil { // "items": null is an empty list
		return err
	}
	for decoder.More() {
		var item Item
		if selection.Objects {
			var raw json.RawMessage
			if err := decoder.Decode(&raw); err != nil {
				return err
			}
			item.Object = &unstructured.Unstructured{}
			if err := item.Object.UnmarshalJSON(raw); err != nil {
				return err
			}
			if item.Summary, err = api.SummarizeJSON(kind, raw); err != nil {
				return err
			}
		} else {
			var w api.Wire
			if err := decoder.Decode(&w); err != nil {
				return err
			}
			item.Summary = w.Summary(kind)
		}
		if err := selection.Budget.take(item.weight()); err != nil {
			return err
		}
		add(item)
	}
	return expect(decoder, json.Delim(']'))
}

func expect(decoder *json.Decoder, want json.Delim) error {
	got, err := decoder.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v where %v belongs", got, want)
	}
	return err
}

// Selection is what to list.
type Selection struct {
	// Namespace is "" for all.
	Namespace string
	Labels    string
	Fields    string
	// Objects wants whole objects beside their summaries.
	Objects bool
	// Budget bounds the memory that this list takes, with others that have the
	// same; nil is one of its own.
	Budget *Budget
	// Metadata wants objects without spec and status, which is enough for
	// labels and ages.
	Metadata bool
}

func (s Selection) options() metav1.ListOptions {
	return metav1.ListOptions{LabelSelector: s.Labels, FieldSelector: s.Fields}
}
