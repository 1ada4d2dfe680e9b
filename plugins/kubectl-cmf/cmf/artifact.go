package cmf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"path/filepath"
	"strconv"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// Upload sends a file as an artifact, or as the next version of one. The file
// is streamed, so that the request isn't repeated on its own.
func (c *Client) Upload(ctx context.Context, ref Ref, name string, file io.ReadSeeker, update bool) (Object, error) {
	r, err := request{method: http.MethodPost}, error(nil)
	if update {
		r.method = http.MethodPut
		r.path, err = ref.path()
	} else {
		r.path, err = ref.Kind.collection(ref.Scope)
	}
	if err != nil {
		return nil, err
	}
	head, tail, contentType, err := envelope(ref, filepath.Base(name))
	if err != nil {
		return nil, err
	}
	length, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	request, err := c.request(ctx, r, io.MultiReader(bytes.NewReader(head), io.LimitReader(file, length), bytes.NewReader(tail)))
	if err != nil {
		return nil, err
	}
	request.ContentLength = int64(len(head)) + length + int64(len(tail))
	request.Header.Set("Content-Type", contentType)
	var left sent
	response, err := c.raw(request.WithContext(left.watch(ctx)))
	if err != nil {
		return nil, c.named(ctx, ref, left.unknown(r.method, err))
	}
	defer response.Body.Close()
	body, err := untrusted.ReadAll(response.Body, maxBody)
	if err != nil {
		return nil, c.unreadable(r, err)
	}
	return c.object(r, &answer{status: response.StatusCode, body: body, header: response.Header})
}

// envelope is what comes before and after the file in the request.
func envelope(ref Ref, fileName string) (head, tail []byte, contentType string, err error) {
	description, err := Object{"apiVersion": Group + "/v1", "kind": ref.Kind.Kind, "metadata": map[string]any{"name": ref.Name}, "spec": map[string]any{}}.Encode()
	if err != nil {
		return nil, nil, "", err
	}
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="artifact"`}, "Content-Type": {"application/json"}})
	if err == nil {
		_, err = part.Write(description)
	}
	if err == nil {
		_, err = w.CreateFormFile("file", fileName)
	}
	if err != nil {
		return nil, nil, "", err
	}
	head = bytes.Clone(out.Bytes())
	if err := w.Close(); err != nil {
		return nil, nil, "", err
	}
	return head, out.Bytes()[len(head):], w.FormDataContentType(), nil
}

// Download writes an artifact's file to w and returns its length in bytes.
func (c *Client) Download(ctx context.Context, ref Ref, number string, w io.Writer) (int64, error) {
	path, err := ref.path()
	if err != nil {
		return 0, err
	}
	request, err := c.request(ctx, request{method: http.MethodGet, path: append(path, "content"), query: url.Values{"version": {number}}}, http.NoBody)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Accept", "application/octet-stream")
	// A compressed answer has no length that could be checked, nor an end that
	// can be foreseen.
	request.Header.Set("Accept-Encoding", "identity")
	response, err := c.raw(request)
	if err != nil {
		return 0, c.named(ctx, ref, err)
	}
	defer response.Body.Close()
	if coding := response.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return 0, fmt.Errorf("download %s: the file comes in the encoding %q, which was not asked for", ref.Where(), shorten(coding))
	}
	if kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type")); kind == "text/html" {
		return 0, fmt.Errorf("download %s: a web page came, not the file; check the address and what stands before CMF", ref.Where())
	}
	n, err := io.Copy(w, response.Body)
	if err != nil {
		return n, fmt.Errorf("download %s: %w", ref.Where(), err)
	}
	if want, err := strconv.ParseInt(response.Header.Get("Content-Length"), 10, 64); err == nil && want != n {
		return n, errors.New("the file ends too early")
	}
	return n, nil
}

// raw sends a request once and turns an answer other than 2xx into an error.
func (c *Client) raw(request *http.Request) (*http.Response, error) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, explain(err)
	}
	if response.StatusCode/100 == 2 {
		return response, nil
	}
	defer response.Body.Close()
	return nil, c.refused(response)
}
