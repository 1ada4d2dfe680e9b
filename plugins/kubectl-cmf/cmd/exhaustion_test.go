package cmd

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// endless writes text again and again until the reader goes away.
func endless(w io.Writer, text string) {
	chunk := []byte(strings.Repeat(text, 1+64<<10/len(text)))
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// page is a page of items, which says nothing of its size.
func page(out http.ResponseWriter, r *http.Request, item string) {
	var size int
	_, _ = fmt.Sscan(r.URL.Query().Get("size"), &size)
	var items []string
	for i := range size {
		items = append(items, strings.ReplaceAll(item, "NAME", fmt.Sprintf("n-%s-%d", r.URL.Query().Get("page"), i)))
	}
	fmt.Fprintf(out, `{"items":[%s]}`, strings.Join(items, ","))
}

func TestExhaustion(t *testing.T) {
	const name = `{"metadata":{"name":"NAME"}}`
	for what, tc := range map[string]struct {
		answer http.HandlerFunc
		args   []string
		words  []string
	}{
		"endless pages": {func(w http.ResponseWriter, r *http.Request) { page(w, r, name) }, nil, []string{"list secrets: more than 50000 items", "-l or --filter"}},
		"endless pages of objects": {func(w http.ResponseWriter, r *http.Request) {
			page(w, r, `{"metadata":{"name":"NAME"},"spec":{"x":[`+strings.Repeat(`{"a":1},`, 500)+`1]}}`)
		}, nil, []string{"of memory needed", "-l or --filter"}},
		"endless page": {func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":["`); endless(w, "x") }, nil, []string{"pages of more than 48.0 MiB|larger than 32 MiB|needs", "-l or --filter"}},
		"gzip bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb(200 << 20))
		}, nil, []string{"-l or --filter"}},
		"a page of small objects": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"items":[{"metadata":{"name":"a"},"x":[%s1]}]}`, strings.Repeat(`{"a":1},`, 1<<20))
		}, nil, []string{"of memory needed"}},
		"one resource of small objects": {func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"metadata":{"name":"a"},"x":[%s1]}`, strings.Repeat(`{"a":1},`, 1<<20))
		}, []string{"secret", "get", "a"}, []string{"it would need more than 96 MiB of memory"}},
		"a long error": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(100<<20))
			w.WriteHeader(http.StatusBadRequest)
			endless(w, "error ")
		}, nil, []string{"error error", "(cut; 100.0 MiB in all)"}},
		"an error of many messages": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"errors":[%s{"message":"last"}]}`, strings.Repeat(`{"message":"no"},`, 20_000))
		}, nil, []string{"no; no", "and 19991 more messages"}},
		"an error of 1 MiB with escapes": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprintf(w, `{"errors":[{"message":"%s"}]}`, strings.Repeat(`\u001b[31mé`, 90_000))
		}, nil, []string{"(cut; "}},
	} {
		t.Run(what, func(t *testing.T) {
			cmf := newRecorder(t, false, func(out http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, "/system-information") {
					emptyCMF(out, r)
					return
				}
				tc.answer(out, r)
			})
			args := tc.args
			if args == nil {
				args = []string{"secret", "list"}
			}
			started := time.Now()
			got := newUser(t).run(append(args, "--cmf-url", cmf.URL)...)
			if got.code != 1 {
				t.Errorf("exit code %d: %.300s", got.code, got.err)
			}
			for _, words := range tc.words {
				found := false
				for word := range strings.SplitSeq(words, "|") {
					found = found || strings.Contains(got.err, word)
				}
				if !found {
					t.Errorf("%q is not in %.500s", words, got.err)
				}
			}
			if len(got.err) > 8<<10 {
				t.Errorf("%d bytes are shown", len(got.err))
			}
			t.Logf("%s: %.300s", time.Since(started).Round(time.Millisecond), got.err)
		})
	}
}

// bomb is n zeros, compressed.
func bomb(n int) []byte {
	var out bytes.Buffer
	zip, _ := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	chunk := make([]byte, 1<<20)
	for range n / len(chunk) {
		_, _ = zip.Write(chunk)
	}
	_ = zip.Close()
	return out.Bytes()
}

func TestADownloadIsNotUnpacked(t *testing.T) {
	cmf := newRecorder(t, false, func(out http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/content") {
			out.Header().Set("Content-Encoding", "gzip")
			_, _ = out.Write(bomb(64 << 20))
			return
		}
		emptyCMF(out, r)
	})
	u := newUser(t)
	target := filepath.Join(u.home, "f.jar")
	contains(t, u.fails(1, "artifact", "download", "funcs", "-e", "dev", "--version", "1", "--to", target, "--cmf-url", cmf.URL), `encoding "gzip"`)
	if _, err := os.Stat(target); err == nil {
		t.Error("a file was written")
	}
}
