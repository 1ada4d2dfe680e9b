package cmftest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

// upload is POST and PUT of an artifact: a part with its description and, for
// a new version, one with the file.
func (s *Server) upload(c *collection, e *entry, name string, r *http.Request, body []byte) reply {
	r.Body = io.NopCloser(bytes.NewReader(body))
	reader, err := r.MultipartReader()
	if err != nil {
		return failure(http.StatusBadRequest, "Current request is not a multipart request")
	}
	var o object
	var content []byte
	for {
		part, err := reader.NextPart()
		if err != nil {
			break
		}
		data, err := io.ReadAll(part)
		if err != nil {
			return failure(http.StatusBadRequest, "%s", err)
		}
		switch part.FormName() {
		case "artifact":
			if o, err = parseObject(data); err != nil {
				return failure(http.StatusBadRequest, "artifact: %s", err)
			}
		case "file":
			content = append([]byte{}, data...)
		}
	}
	if o == nil {
		return failure(http.StatusBadRequest, "Required part 'artifact' is not present.")
	}
	status := http.StatusCreated
	if e == nil {
		name = o.name()
		if problem := s.checkName(c.rule, name); problem != nil {
			return *problem
		}
		if content == nil {
			return failure(http.StatusBadRequest, "Required part 'file' is not present.")
		}
		if c.find(name) != nil {
			return failure(http.StatusConflict, "Artifact '%s' already exists.", name)
		}
		e = s.put(c, nil, name, o)
	} else {
		s.put(c, e, name, o)
		if content == nil || bytes.Equal(content, e.contents[len(e.contents)-1]) {
			return jsonReply(http.StatusOK, s.view(c, e))
		}
	}
	e.contents = append(e.contents, content)
	e.changed = s.options.Now()
	return jsonReply(status, s.view(c, e))
}

func artifactStatus(s *Server, e *entry, o object) {
	if o["spec"] == nil {
		o["spec"] = map[string]any{}
	}
	content := e.contents[len(e.contents)-1]
	o["status"] = map[string]any{
		"version": len(e.contents), "creationTimestamp": s.timestamp(e.changed), "phase": "READY",
		"path": fmt.Sprintf("s3://artifacts/%s/%d", e.name, len(e.contents)),
		"size": len(content), "checksum": fmt.Sprintf("sha256:%x", sha256.Sum256(content)),
	}
}

func (s *Server) removeArtifact(c *collection, e *entry, r *http.Request) reply {
	text := r.URL.Query().Get("version")
	if text == "" || text == "all" || len(e.contents) == 1 {
		s.forget(c, e)
		return reply{status: http.StatusNoContent}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > len(e.contents) {
		return failure(http.StatusNotFound, "Version '%s' not found.", text)
	}
	e.contents = append(e.contents[:n-1:n-1], e.contents[n:]...)
	return reply{status: http.StatusNoContent}
}

func (s *Server) artifactAction(c *collection, e *entry, action string, r *http.Request) reply {
	version := len(e.contents)
	if text := r.URL.Query().Get("version"); text != "" && text != "latest" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > len(e.contents) {
			return failure(http.StatusNotFound, "Version '%s' not found.", text)
		}
		version = n
	}
	switch action {
	case "content":
		return reply{status: http.StatusOK, body: e.contents[version-1], header: map[string]string{
			"Content-Type":        "application/octet-stream",
			"Content-Disposition": fmt.Sprintf(`attachment; filename="%s-v%d.jar"`, e.name, version),
		}}
	case "versions":
		items := []any{}
		for n := range e.contents {
			// All of one artifact have its name and uid.
			of := *e
			of.contents = e.contents[:n+1]
			items = append(items, s.view(c, &of))
		}
		return jsonReply(http.StatusOK, map[string]any{"metadata": map[string]any{"size": len(items)}, "items": items})
	}
	return noResource([]string{c.path, e.name, action})
}
