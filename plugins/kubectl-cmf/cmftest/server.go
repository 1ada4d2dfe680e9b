// Package cmftest is a stand-in for Confluent Manager for Apache Flink: it
// keeps what it is given, behaves like the versions 2.0 to 2.4, wants
// authentication when told to, and fails on request. Tests and demos run
// against it; it shares no code with the client, so that neither repeats the
// other's mistakes.
package cmftest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options are a server's switches.
type Options struct {
	// Version is 2.0, 2.1, 2.2.3, 2.3.1 or 2.4.0 and so on; 2.4.0 where empty.
	Version string
	// Token, where set, is the bearer token that each request must carry.
	Token string
	// Users may fetch that token from /security/1.0/authenticate.
	Users map[string]string
	// Certificates says that requests must come with a client certificate; the
	// TLS listener checks it.
	Certificates bool
	// Step is how long each phase of an application, a statement or a
	// savepoint lasts.
	Step time.Duration
	// MaxPage bounds the size of a page; 0 is 1000.
	MaxPage int
	// NoPageable leaves the page's own description away, as events do.
	NoPageable bool
	// Namespaces, where set, are the Kubernetes namespaces that exist.
	Namespaces []string
	// Clusters are the Kubernetes clusters that have registered (CMF 2.3 and
	// newer).
	Clusters []string
	// Now is the clock.
	Now func() time.Time
	// Backend, where set, runs applications for real.
	Backend Backend
}

// Fault is an answer that the server gives instead of its own.
type Fault struct {
	// Method and Path select requests; Path is a part of the path. Empty ones
	// select all.
	Method, Path string
	// Times is how many requests it hits; 0 is all.
	Times int
	// Skip lets that many go by first.
	Skip int
	// Status, Body, ContentType and Header make the answer. Status 0 lets the
	// request through, after Delay.
	Status      int
	Body        string
	ContentType string
	Header      map[string]string
	// Cut breaks the connection in the middle of the answer.
	Cut bool
	// After does the work first and then gives the fault's answer: the client
	// can't know that it was done.
	After bool
	Delay time.Duration
	// Hook, where set, is called when the fault hits.
	Hook func()
}

// Request is one that the server has seen.
type Request struct {
	Method, Path string
	Query        url.Values
	Header       http.Header
	Body         []byte
}

// Server is one CMF. It is an http.Handler.
type Server struct {
	options Options
	version version

	mu       sync.Mutex
	store    map[string]*collection
	faults   []*Fault
	requests []Request
	serial   int
}

// New makes a server with nothing in it.
func New(o Options) (*Server, error) {
	if o.Version == "" {
		o.Version = "2.4.0"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.MaxPage == 0 {
		o.MaxPage = 1000
	}
	v, err := parseVersion(o.Version)
	if err != nil {
		return nil, err
	}
	s := &Server{options: o, version: v, store: map[string]*collection{}}
	for _, name := range o.Clusters {
		s.put(s.in("kubernetes-clusters"), nil, name, object{
			"apiVersion": "cmf.confluent.io/v1", "kind": "KubernetesCluster",
			"metadata": map[string]any{"name": name}, "spec": map[string]any{"lifecycleState": "ACTIVE"},
		})
	}
	return s, nil
}

// version is major, minor.
type version [2]int

func parseVersion(text string) (version, error) {
	parts := strings.Split(text, ".")
	if len(parts) < 2 {
		return version{}, fmt.Errorf("%q is not a version such as 2.3.1", text)
	}
	var v version
	for i := range v {
		n, err := strconv.Atoi(parts[i])
		if err != nil {
			return version{}, fmt.Errorf("%q is not a version such as 2.3.1", text)
		}
		v[i] = n
	}
	return v, nil
}

func (v version) has(minor int) bool { return v[0] > 2 || v[0] == 2 && v[1] >= minor }

// Inject adds a fault; the first that fits a request hits it.
func (s *Server) Inject(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &f)
}

// Heal removes all faults.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

// Requests are those seen so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Forget empties the list of requests.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func (s *Server) fault(r *http.Request) *Fault {
	for i, f := range s.faults {
		if f.Method != "" && f.Method != r.Method || !strings.Contains(r.URL.Path, f.Path) {
			continue
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		hit := *f
		if f.Times > 0 {
			if f.Times--; f.Times == 0 {
				s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
			}
		}
		return &hit
	}
	return nil
}

// ServeHTTP answers as CMF does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	s.mu.Lock()
	s.requests = append(s.requests, Request{r.Method, r.URL.Path, r.URL.Query(), r.Header.Clone(), body})
	fault := s.fault(r)
	s.mu.Unlock()
	if fault != nil {
		if fault.Hook != nil {
			fault.Hook()
		}
		if fault.Delay > 0 {
			select {
			case <-time.After(fault.Delay):
			case <-r.Context().Done():
				return
			}
		}
		if fault.Status != 0 || fault.Cut {
			if fault.After {
				s.answer(r, body)
			}
			fault.serve(w, func() reply { return s.answer(r, body) })
			return
		}
	}
	s.answer(r, body).write(w)
}

func (f *Fault) serve(w http.ResponseWriter, real func() reply) {
	for key, value := range f.Header {
		w.Header().Set(key, value)
	}
	if f.ContentType != "" {
		w.Header().Set("Content-Type", f.ContentType)
	}
	if !f.Cut {
		w.WriteHeader(f.Status)
		_, _ = io.WriteString(w, f.Body)
		return
	}
	full := []byte(f.Body)
	if len(full) == 0 {
		full = real().body
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(full)+1))
	w.WriteHeader(max(f.Status, http.StatusOK))
	_, _ = w.Write(full[:len(full)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// reply is an answer.
type reply struct {
	status int
	body   []byte
	header map[string]string
}

func (a reply) write(w http.ResponseWriter) {
	for key, value := range a.header {
		w.Header().Set(key, value)
	}
	if len(a.body) > 0 && w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

func jsonReply(status int, value any) reply {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return failure(http.StatusInternalServerError, "%s", err)
	}
	return reply{status: status, body: out.Bytes()}
}

func failure(status int, format string, args ...any) reply {
	return jsonReply(status, map[string]any{"errors": []any{map[string]any{"message": fmt.Sprintf(format, args...)}}})
}

// answer checks who asks and finds the resource.
func (s *Server) answer(r *http.Request, body []byte) reply {
	if r.URL.Path == "/security/1.0/authenticate" {
		return s.login(r)
	}
	path, alpha := strings.CutPrefix(r.URL.Path, "/cmf/api/v1alpha1/")
	if !alpha {
		var ok bool
		if path, ok = strings.CutPrefix(r.URL.Path, "/cmf/api/v1/"); !ok {
			return failure(http.StatusNotFound, "No static resource %s.", strings.TrimPrefix(r.URL.Path, "/"))
		}
	}
	if path != "c3/auth-config" {
		if problem := s.unauthorized(r); problem != nil {
			return *problem
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.route(r, strings.Split(strings.TrimSuffix(path, "/"), "/"), alpha, body)
}

func (s *Server) unauthorized(r *http.Request) *reply {
	if s.options.Certificates && (r.TLS == nil || len(r.TLS.PeerCertificates) == 0) {
		return &reply{status: http.StatusUnauthorized}
	}
	if s.options.Token != "" && r.Header.Get("Authorization") != "Bearer "+s.options.Token {
		return &reply{status: http.StatusUnauthorized, header: map[string]string{"WWW-Authenticate": "Bearer"}}
	}
	return nil
}

func (s *Server) login(r *http.Request) reply {
	user, password, ok := r.BasicAuth()
	if !s.version.has(4) || s.options.Users == nil {
		return failure(http.StatusNotFound, "No static resource security/1.0/authenticate.")
	}
	if want, known := s.options.Users[user]; !ok || !known || want != password {
		return reply{status: http.StatusUnauthorized}
	}
	return jsonReply(http.StatusOK, map[string]any{"auth_token": s.options.Token, "token_type": "Bearer", "expires_in": 3600})
}

func etag(body []byte) string { return fmt.Sprintf(`"%x"`, sha256.Sum256(body)) }

// timestamp is a Java Instant.
func (s *Server) timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// uid is one that no other object has.
func (s *Server) uid() string {
	s.serial++
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", s.serial)
}
