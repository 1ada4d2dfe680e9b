package hostile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// Recording is what an honest API server and JobManager answer, as test/record
// writes it.
type Recording struct {
	Namespace string                     `json:"namespace"`
	Answers   map[string]json.RawMessage `json:"answers"`
}

// Load reads a recording.
func Load(file string) (Recording, error) {
	var out Recording
	data, err := os.ReadFile(file)
	if err != nil {
		return out, err
	}
	return out, json.Unmarshal(data, &out)
}

// Server is a hostile server. Close it.
type Server struct {
	*httptest.Server
	attack Attack
	honest func(r *http.Request, body []byte) (code int, answer any)

	mu sync.Mutex
	// asked are the requests' methods and paths, as they came.
	asked  []string
	serial atomic.Int64
	// Sent are the bytes that clients took, Taken those of answers without an
	// end, unpacked.
	Sent, Taken atomic.Int64
}

// NewCluster is an API server with one namespace, the JobManager and SQL
// gateway in it behind services/proxy, and no port-forward.
func NewCluster(recording Recording, attack Attack) *Server {
	c := &cluster{Recording: recording}
	s := &Server{attack: attack, honest: c.answer}
	s.Server = httptest.NewServer(s)
	return s
}

// NewCMF is a CMF, with an MDS below /security, that has one of everything.
func NewCMF(attack Attack) *Server {
	s := &Server{attack: attack, honest: cmfAnswer}
	s.Server = httptest.NewServer(s)
	return s
}

// Kubeconfig writes one for the server into dir and returns its path.
func (s *Server) Kubeconfig(dir, namespace string) (string, error) {
	file := filepath.Join(dir, "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"h","clusters":[{"name":"h","cluster":{"server":%q}}],
"users":[{"name":"h","user":{}}],"contexts":[{"name":"h","context":{"cluster":"h","user":"h","namespace":%q}}]}`, s.URL, namespace)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// Asked are the requests that came.
func (s *Server) Asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asked)
}

// Strayed is the first request that leads away from where the command was
// sent; "" if none does.
func (s *Server) Strayed() string {
	for _, request := range s.Asked() {
		_, path, _ := strings.Cut(request, " ")
		path, _, _ = strings.Cut(path, "?")
		if untrusted.CheckPath(path) != nil || strings.Contains(path, Away) {
			return request
		}
	}
	return ""
}

// counted counts what a client takes.
type counted struct {
	http.ResponseWriter
	s *Server
}

func (c counted) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	c.s.Sent.Add(int64(n))
	return n, err
}

func (c counted) Flush() { c.ResponseWriter.(http.Flusher).Flush() }

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w = counted{w, s}
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.RequestURI)
	s.mu.Unlock()
	var body bytes.Buffer
	_, _ = body.ReadFrom(http.MaxBytesReader(w, r.Body, 1<<20))
	if s.attack.Flood != nil && s.attack.Where(r) {
		s.Taken.Add(s.attack.Flood(w, r))
		return
	}
	code, answer := s.honest(r, body.Bytes())
	if text, ok := answer.(string); ok {
		w.WriteHeader(code)
		if s.attack.Spoil != nil {
			text = s.attack.Spoil("message", text)
		}
		fmt.Fprint(w, text)
		return
	}
	answer = plain(answer)
	if s.attack.Spoil != nil {
		answer = spoilt("", answer, s.attack.Spoil)
	}
	list, _ := answer.(map[string]any)
	_, isList := list["items"].([]any)
	switch {
	case isList && r.URL.Query().Has("watch"):
		s.watch(w, r, list["items"].([]any))
		return
	case isList && s.attack.Endless:
		metadata, _ := list["metadata"].(map[string]any)
		if metadata == nil {
			metadata = map[string]any{}
		}
		metadata["continue"] = fmt.Sprint(s.serial.Add(1))
		if r.URL.Query().Get("continue") != "" {
			list["items"] = []any{} // the bound on objects has tests of its own
		}
		list["metadata"] = metadata
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(answer)
}

// watch reports each item once, and then nothing until the client goes.
func (s *Server) watch(w http.ResponseWriter, r *http.Request, items []any) {
	w.Header().Set("Content-Type", "application/json")
	for _, item := range items {
		object, _ := item.(map[string]any)
		if object["kind"] == nil {
			continue
		}
		if json.NewEncoder(w).Encode(map[string]any{"type": "MODIFIED", "object": object}) != nil {
			return
		}
	}
	w.(http.Flusher).Flush()
	<-r.Context().Done()
}

// plain is a value as encoding/json decodes it.
func plain(value any) any {
	data, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	var out any
	_ = json.Unmarshal(data, &out)
	return out
}

// cluster is the honest API server.
type cluster struct{ Recording }

func failure(code int, reason string) (int, any) {
	return code, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": "no such thing here", "errors": []any{"not here"}}
}

func (c *cluster) answer(r *http.Request, body []byte) (int, any) {
	path := r.URL.Path
	proxied, inside, isProxied := strings.Cut(path, "/proxy/")
	switch {
	case isProxied && strings.Contains(proxied, "gateway"):
		return gatewayAnswer(inside)
	case isProxied && r.Method != http.MethodGet:
		return http.StatusAccepted, map[string]any{"request-id": "0123456789abcdef0123456789abcdef"}
	case isProxied && (strings.Contains(inside, "/savepoints/") || strings.Contains(inside, "/checkpoints/0123456789")):
		return 200, map[string]any{"status": map[string]any{"id": "COMPLETED"}, "operation": map[string]any{"location": "file:/savepoints/a", "checkpointId": 7}}
	case isProxied && strings.HasSuffix(inside, "/flamegraph"):
		return 200, map[string]any{"endTimestamp": time.Now().Add(time.Hour).UnixMilli(), "data": flameNode}
	case isProxied && jvmAnswers[inside] != nil:
		return 200, jvmAnswers[inside]
	case path == "/version":
		return 200, map[string]any{"gitVersion": "v1.34.0"}
	case strings.HasSuffix(path, "/log"):
		return 200, "2026-11-25T01:56:11.581010916Z 2026-11-25 01:56:11,581 ERROR org.apache.flink.X - it failed\n"
	case strings.HasSuffix(path, "/portforward") || strings.HasSuffix(path, "/exec"):
		return failure(http.StatusForbidden, "Forbidden")
	case strings.Contains(path, "authorization.k8s.io"):
		review := map[string]any{"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview"}
		_ = json.Unmarshal(body, &review) // clients may send protobuf
		review["status"] = map[string]any{"allowed": true}
		return http.StatusCreated, review
	}
	if raw, ok := c.recorded(r); ok {
		return 200, raw
	}
	switch r.Method {
	case http.MethodPost:
		var object map[string]any
		_ = json.Unmarshal(body, &object)
		return http.StatusCreated, object
	case http.MethodDelete:
		return 200, map[string]any{"kind": "Status", "apiVersion": "v1", "status": "Success"}
	}
	list, name := path[:max(strings.LastIndex(path, "/"), 0)], path[strings.LastIndex(path, "/")+1:]
	var items struct{ Items []map[string]any }
	_ = json.Unmarshal(c.Answers[list], &items)
	for _, item := range items.Items {
		if metadata, _ := item["metadata"].(map[string]any); metadata["name"] == name {
			return 200, item
		}
	}
	return failure(http.StatusNotFound, "NotFound")
}

// recorded finds an answer by its path, with or without the query.
func (c *cluster) recorded(r *http.Request) (json.RawMessage, bool) {
	if r.Method != http.MethodGet {
		return nil, false
	}
	query, _ := url.QueryUnescape(r.URL.RawQuery)
	for _, key := range []string{r.URL.RequestURI(), r.URL.Path + "?" + query, r.URL.Path} {
		if raw, ok := c.Answers[key]; ok {
			return raw, true
		}
	}
	for key, raw := range c.Answers {
		if path, _, ok := strings.Cut(key, "?"); ok && path == r.URL.Path {
			return raw, true
		}
	}
	return nil, false
}

// jvmAnswers are what a JobManager says of its JVMs, by path.
var jvmAnswers = map[string]any{
	"taskmanagers": map[string]any{"taskmanagers": []any{map[string]any{"id": "basic-example-taskmanager-1-1"}}},
	"taskmanagers/basic-example-taskmanager-1-1/thread-dump": threadDump,
	"jobmanager/thread-dump":                                 threadDump,
}

var flameNode = map[string]any{"name": "root", "value": 2, "children": []any{
	map[string]any{"name": "a.B.c:1", "value": 2, "children": []any{map[string]any{"name": "d.E.f:-2", "value": 1, "children": []any{}}}},
}}

var threadDump = map[string]any{"threadInfos": []any{
	map[string]any{"threadName": "a", "stringifiedThreadInfo": "\"a\" Id=1 BLOCKED on x.Y@2 owned by \"b\" Id=2\n\tat a.B.c(B.java:1)\n"},
	map[string]any{"threadName": "b", "stringifiedThreadInfo": "\"b\" Id=2 BLOCKED on x.Y@1 owned by \"a\" Id=1\n\tat a.B.c(B.java:1)\n"},
}}

const (
	session   = "11111111-20bb-4c49-926f-b9890b1a964c"
	operation = "22222222-20bb-4c49-926f-b9890b1a964c"
)

// gatewayAnswer is a SQL gateway's in which every statement gives one row.
func gatewayAnswer(path string) (int, any) {
	switch {
	case path == "api_versions":
		return 200, map[string]any{"versions": []any{"V1", "V2"}}
	case strings.HasSuffix(path, "/info"):
		return 200, map[string]any{"productName": "Apache Flink", "version": "1.20.5"}
	case strings.HasSuffix(path, "/sessions"):
		return 200, map[string]any{"sessionHandle": session}
	case strings.HasSuffix(path, "/statements"):
		return 200, map[string]any{"operationHandle": operation}
	case strings.Contains(path, "/result/"):
		return 200, map[string]any{"resultType": "EOS", "isQueryResult": true, "resultKind": "SUCCESS_WITH_CONTENT", "results": map[string]any{
			"columns":   []any{map[string]any{"name": "c", "logicalType": map[string]any{"type": "VARCHAR", "nullable": true, "length": 20}, "comment": ""}},
			"rowFormat": "JSON", "data": []any{map[string]any{"kind": "INSERT", "fields": []any{"text"}}},
		}}
	}
	return 200, map[string]any{"status": "OK", "properties": map[string]any{}}
}

// cmfAnswer is a CMF's: where a path ends in a collection a page with one
// object, else that object.
func cmfAnswer(r *http.Request, body []byte) (int, any) {
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case strings.HasPrefix(r.URL.Path, "/security/"):
		return 200, map[string]any{"auth_token": "token", "token_type": "Bearer", "expires_in": 3600}
	case strings.HasSuffix(r.URL.Path, "/system-information"):
		return 200, map[string]any{"status": map[string]any{"version": "2.4.0"}}
	case len(body) > 0 && json.Valid(body):
		return 200, json.RawMessage(body)
	}
	// /cmf/api/v1/COLLECTION/NAME/COLLECTION/NAME
	name := "basic-example"
	object := map[string]any{
		"apiVersion": "cmf.confluent.io/v1", "kind": "Object", "name": name,
		"metadata": map[string]any{"name": name, "uid": "1", "creationTimestamp": "2026-11-25T01:56:11Z", "labels": map[string]any{"a": "b"}, "annotations": map[string]any{"a": "b"}},
		"spec":     map[string]any{"statement": "SELECT 1", "image": "flink", "flinkConfiguration": map[string]any{"s3.secret-key": "x"}, "job": map[string]any{"jarURI": "local:///a.jar", "args": []any{"--a"}}},
		"status": map[string]any{
			"phase": "RUNNING", "detail": "all is well", "message": "all is well", "path": "file:/a", "jobStatus": map[string]any{"jobId": "0123456789abcdef0123456789abcdef", "state": "RUNNING"},
			"lifecycleState": "STABLE", "error": "it failed", "jobManagerDeploymentStatus": "READY",
		},
	}
	if len(parts)%2 == 0 && len(parts) > 3 {
		return 200, map[string]any{"metadata": map[string]any{"size": 1}, "items": []any{object}, "pageable": map[string]any{"page": 0, "size": 100}}
	}
	return 200, object
}
