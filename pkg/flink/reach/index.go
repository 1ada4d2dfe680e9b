package reach

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/portforward"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/operator"
)

// Index serves the dashboards of all jobs of a namespace, each below
// /TYPE/NAME/, and a page at / that lists them. Flink's dashboard asks for
// everything relative to its own address, so it works below any path.
type Index struct {
	client    *operator.Client
	tunnel    *portforward.Tunnel
	namespace string
	files     TLSFiles

	mu     sync.Mutex
	fronts map[api.Ref]*indexed
}

type indexed struct {
	front   *Front
	handler http.Handler
}

// staleAfter is how long a place is believed.
const staleAfter = 5 * time.Second

// NewIndex serves namespace.
func NewIndex(client *operator.Client, tunnel *portforward.Tunnel, namespace string, files TLSFiles) *Index {
	return &Index{client: client, tunnel: tunnel, namespace: namespace, files: files, fronts: map[api.Ref]*indexed{}}
}

func (x *Index) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/" {
		x.list(w, r)
		return
	}
	parts := strings.SplitN(strings.TrimPrefix(r.URL.Path, "/"), "/", 3)
	kind, ok := api.ParseKind(parts[0], api.JobKinds...)
	if !ok || len(parts) < 2 || parts[1] == "" {
		http.NotFound(w, r)
		return
	}
	if len(parts) < 3 {
		http.Redirect(w, r, "/"+parts[0]+"/"+parts[1]+"/", http.StatusFound)
		return
	}
	entry, err := x.front(r.Context(), api.Ref{Kind: kind, Namespace: x.namespace, Name: parts[1]})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	http.StripPrefix("/"+parts[0]+"/"+parts[1], entry.handler).ServeHTTP(w, r)
}

func (x *Index) front(ctx context.Context, ref api.Ref) (*indexed, error) {
	x.mu.Lock()
	entry := x.fronts[ref]
	x.mu.Unlock()
	if entry != nil {
		entry.front.mu.Lock()
		stale := time.Since(entry.front.looked) > staleAfter
		entry.front.looked = time.Now() // one request looks, the others go on
		entry.front.mu.Unlock()
		if stale {
			entry.front.refresh(ctx)
		}
		return entry, nil
	}
	place, err := Find(ctx, x.client, ref)
	if err != nil {
		return nil, err
	}
	front, err := NewFront(x.client, x.tunnel, place, x.files, nil)
	if err != nil {
		return nil, err
	}
	entry = &indexed{front: front, handler: portforward.NewProxy(front)}
	x.mu.Lock()
	defer x.mu.Unlock()
	if other := x.fronts[ref]; other != nil {
		return other, nil
	}
	x.fronts[ref] = entry
	return entry, nil
}

func (x *Index) list(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 15*time.Second)
	defer cancel()
	jobs, err := x.client.Jobs(ctx, x.namespace, metav1.ListOptions{})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, indexPage(x.namespace, jobs, time.Now()))
}

// indexPage is written by hand: html/template would cost 10 MB of binary.
func indexPage(namespace string, jobs []api.Job, now time.Time) string {
	var b strings.Builder
	title := html.EscapeString("Flink jobs in " + namespace)
	fmt.Fprintf(&b, `<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>%s</title>
<style>body{font-family:sans-serif;margin:2em}td,th{text-align:left;padding:.3em 1.5em .3em 0}</style>
<h1>%s</h1><table><tr><th>Job<th>Type<th>State`, title, title)
	for _, job := range jobs {
		ref := job.Ref()
		place := Place{Job: job, Cluster: job, JobID: job.JobID()}
		link := "/" + ref.Kind.Singular + "/" + ref.Name + place.Page()
		fmt.Fprintf(&b, "\n<tr><td><a href=\"%s\">%s</a><td>%s<td>%s",
			html.EscapeString(link), html.EscapeString(ref.Name), html.EscapeString(ref.Kind.Name), html.EscapeString(job.Describe(now)))
	}
	if len(jobs) == 0 {
		b.WriteString("\n<tr><td colspan=3>No jobs.")
	}
	b.WriteString("\n</table>\n")
	return b.String()
}
