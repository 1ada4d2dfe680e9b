package operator

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Item is one object of a list.
type Item struct {
	Summary
	// Object is nil unless the selection asked for objects.
	Object *unstructured.Unstructured
}

// Summaries lists the objects of a kind in the API server's order. Of each
// object it keeps only what a Summary has, so that thousands of jobs need
// little memory; while one chunk is decoded the next one is on its way.
func (c *Client) Summaries(ctx context.Context, kind Kind, selection Selection) ([]Item, error) {
	items, err := c.chunks(ctx, kind, selection, chunk)
	if apierrors.IsResourceExpired(err) {
		// The list took longer than etcd keeps old revisions: read it anew and
		// whole, as kubectl does.
		items, err = c.chunks(ctx, kind, selection, 0)
	}
	if apierrors.IsNotFound(err) {
		return nil, c.explainMissingKind(ctx, kind, err)
	}
	return items, err
}

func (c *Client) chunks(ctx context.Context, kind Kind, selection Selection, limit int) ([]Item, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var items []Item
	page := c.fetch(ctx, kind, selection, limit, "")
	for {
		got := <-page
		if got.err != nil {
			return nil, got.err
		}
		guess := nextToken(got.data)
		if guess != "" {
			page = c.fetch(ctx, kind, selection, limit, guess)
		}
		token, err := readList(bytes.NewReader(got.data), kind, selection.Objects, func(item Item) { items = append(items, item) })
		if err != nil {
			return nil, fmt.Errorf("read the list of %s: %w", kind.Plural, err)
		}
		if token == "" {
			return items, nil
		}
		if token != guess {
			page = c.fetch(ctx, kind, selection, limit, token)
		}
	}
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

// fetch asks for one chunk and gives the answer when it is there.
func (c *Client) fetch(ctx context.Context, kind Kind, selection Selection, limit int, token string) <-chan body {
	path := []string{"/apis", Group, Version}
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
		request = request.Param("limit", strconv.Itoa(limit))
	}
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
func readList(body io.Reader, kind Kind, objects bool, add func(Item)) (token string, err error) {
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
			if err := readItems(decoder, kind, objects, add); err != nil {
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

func readItems(decoder *json.Decoder, kind Kind, objects bool, add func(Item)) error {
	first, err := decoder.Token()
	if err != nil || first == nil { // "items": null is an empty list
		return err
	}
	for decoder.More() {
		var item Item
		if objects {
			var raw json.RawMessage
			if err := decoder.Decode(&raw); err != nil {
				return err
			}
			item.Object = &unstructured.Unstructured{}
			if err := item.Object.UnmarshalJSON(raw); err != nil {
				return err
			}
			if item.Summary, err = summarize(kind, raw); err != nil {
				return err
			}
		} else {
			var w wire
			if err := decoder.Decode(&w); err != nil {
				return err
			}
			item.Summary = w.summary(kind)
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
