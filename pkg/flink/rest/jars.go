package rest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"path"
	"regexp"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// Jar is one that was uploaded to a session cluster.
type Jar struct {
	// ID is as in JarID.
	ID string `json:"id"`
	// Name is that of the file that was uploaded.
	Name     string `json:"name"`
	Uploaded Millis `json:"uploaded"`
	// Entries are the classes that its manifest names to be run.
	Entries []struct {
		Name string `json:"name"`
	} `json:"entry"`
}

var jarID = regexp.MustCompile(`^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}_[^/\\\x00-\x1f\x7f]{1,250}\.jar$`)

// IsJarID reports whether a text is an id as Flink gives them to jars: a UUID, _
// and the file's name.
func IsJarID(text string) bool { return jarID.MatchString(text) }

// Jars asks for the jars that were uploaded. Only session clusters have any, and
// only with web.submit.enable: for others the error is NotFound.
func (c *Client) Jars(ctx context.Context) ([]Jar, error) {
	var out struct {
		Files []Jar `json:"files"`
	}
	err := c.call(ctx, http.MethodGet, httpapi.Path("jars"), nil, &out)
	return out.Files, err
}

// DeleteJar deletes one. Jobs that were started of it go on.
func (c *Client) DeleteJar(ctx context.Context, id string) error {
	if !IsJarID(id) {
		return fmt.Errorf("%q is not an id that Flink gives to a jar", id)
	}
	return c.call(ctx, http.MethodDelete, httpapi.Path("jars", id), nil, nil)
}

// UploadJar sends a jar of size bytes and returns its id.
func (c *Client) UploadJar(ctx context.Context, name string, in io.Reader, size int64) (string, error) {
	var frame bytes.Buffer
	form := multipart.NewWriter(&frame)
	header := textproto.MIMEHeader{}
	header.Set("Content-Disposition", multipart.FileContentDisposition("jarfile", name))
	header.Set("Content-Type", "application/x-java-archive")
	if _, err := form.CreatePart(header); err != nil {
		return "", err
	}
	before := frame.Len()
	if err := form.Close(); err != nil {
		return "", err
	}
	head, tail := frame.Bytes()[:before], frame.Bytes()[before:]
	body := &httpapi.Sized{
		Reader: io.MultiReader(bytes.NewReader(head), io.LimitReader(in, size), bytes.NewReader(tail)),
		Length: int64(frame.Len()) + size,
	}
	var out struct {
		File   string `json:"filename"`
		Status string `json:"status"`
	}
	to := httpapi.Path("jars", "upload")
	if err := named(c.api.Upload(ctx, to, form.FormDataContentType(), body, &out), http.MethodPost, to); err != nil {
		return "", err
	}
	id := path.Base(strings.ReplaceAll(out.File, `\`, "/"))
	if out.Status != "success" || !IsJarID(id) {
		return "", fmt.Errorf("the JobManager didn't take the jar: it answers status %q and file %q", out.Status, out.File)
	}
	return id, nil
}
