package rest

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

const anID = "7d1f0c5e-3e1b-4c8e-9d53-0a5d3c1b2e4f_top speed.jar"

func TestJars(t *testing.T) {
	var stored string
	c := jobManager(t, "/flink", func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "POST /flink/jars/upload":
			length := r.ContentLength
			file, header, err := r.FormFile("jarfile")
			if err != nil {
				t.Error(err)
				return
			}
			data, _ := io.ReadAll(file)
			if header.Header.Get("Content-Type") != "application/x-java-archive" || length < int64(len(data)) {
				t.Errorf("%v, length %d", header.Header, length)
			}
			stored = header.Filename + ":" + string(data)
			fmt.Fprintf(w, `{"filename":"/tmp/flink-web-upload/%s","status":"success"}`, anID)
		case "GET /flink/jars":
			fmt.Fprintf(w, `{"address":"http://localhost:8081","files":[{"id":%q,"name":"top speed.jar","uploaded":1795404277750,"entry":[{"name":"org.example.Job","description":null}]}]}`, anID)
		case "DELETE /flink/jars/" + anID:
			stored = ""
			_, _ = io.WriteString(w, "{}")
		default:
			w.WriteHeader(http.StatusNotFound)
			_, _ = io.WriteString(w, `{"errors":["Not found: `+r.URL.Path+`"]}`)
		}
	})
	id, err := c.UploadJar(t.Context(), "top speed.jar", strings.NewReader("bytes and more"), 5)
	if err != nil || id != anID || stored != "top speed.jar:bytes" {
		t.Errorf("%q, %v; stored %q", id, err, stored)
	}
	jars, err := c.Jars(t.Context())
	if err != nil || len(jars) != 1 || jars[0].ID != anID || jars[0].Entries[0].Name != "org.example.Job" || jars[0].Uploaded.Time().IsZero() {
		t.Errorf("%+v, %v", jars, err)
	}
	if err := c.DeleteJar(t.Context(), "../jobs"); err == nil || NotFound(err) {
		t.Errorf("what is no id is asked for: %v", err)
	}
	if err := c.DeleteJar(t.Context(), anID); err != nil || stored != "" {
		t.Error(err)
	}
}

// An answer that isn't what Flink sends is no success.
func TestUploadJarAnswers(t *testing.T) {
	for answer, want := range map[string]string{
		`{"filename":"/tmp/x.jar","status":"success"}`:               "didn't take the jar",
		`{"filename":"/tmp/` + anID + `","status":"failed"}`:         "didn't take the jar",
		`{"filename":"` + anID + `/../../x.jar","status":"success"}`: "didn't take the jar",
		`<html>`: "isn't what Flink sends",
	} {
		c := jobManager(t, "", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, answer)
		})
		if id, err := c.UploadJar(t.Context(), "x.jar", strings.NewReader("x"), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v", answer, id, err)
		}
	}
}

func TestIsJarID(t *testing.T) {
	for id, ok := range map[string]bool{
		anID: true, strings.Replace(anID, "top speed", "größe", 1): true,
		"x.jar": false, strings.ToUpper(anID): false, strings.Replace(anID, "top speed", "a/b", 1): false,
		strings.Replace(anID, "top", "a\nb", 1): false, strings.TrimSuffix(anID, ".jar"): false, "": false, "..": false,
	} {
		if IsJarID(id) != ok {
			t.Errorf("%q: %v", id, !ok)
		}
	}
}
