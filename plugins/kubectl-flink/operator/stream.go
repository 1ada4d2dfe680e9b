package operator

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
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

// Summaries lists the objects of a kind in the API server's order. It reads
// the answers as they arrive and keeps of each object only what a Summary has,
// so that thousands of jobs need little memory.
func (c *Client) Summaries(ctx context.Context, kind Kind, selection Selection) ([]Item, error) {
	var items []Item
	limit, next := chunk, ""
	for {
		var err error
		next, err = c.page(ctx, kind, selection, limit, next, func(item Item) { items = append(items, item) })
		switch {
		case apierrors.IsResourceExpired(err) && limit > 0:
			// The list took longer than etcd keeps old revisions: read it anew
			// and whole, as kubectl does.
			items, limit, next = nil, 0, ""
			continue
		case apierrors.IsNotFound(err):
			return nil, c.explainMissingKind(ctx, kind, err)
		case err != nil:
			return nil, err
		case next == "":
			return items, nil
		}
	}
}

const (
	acceptObjects  = "application/json"
	acceptMetadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
)

// page reads one chunk and gives the token of the next one, "" at the end.
func (c *Client) page(ctx context.Context, kind Kind, selection Selection, limit int, token string, add func(Item)) (string, error) {
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
	body, err := request.Stream(ctx)
	if err != nil {
		return "", err
	}
	defer body.Close()
	token, err = readList(body, kind, selection.Objects, add)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("read the list of %s: %w", kind.Plural, err)
	}
	return token, err
}

// readList decodes a list item by item.
func readList(body io.Reader, kind Kind, objects bool, add func(Item)) (token string, err error) {
	decoder := json.NewDecoder(bufio.NewReaderSize(body, 64<<10))
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
