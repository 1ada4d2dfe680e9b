package sqlgateway

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

const (
	fakeSession   = "11111111-20bb-4c49-926f-b9890b1a964c"
	fakeOperation = "22222222-20bb-4c49-926f-b9890b1a964c"
	// settingOperation is that of statements which set the time zone.
	settingOperation = "33333333-20bb-4c49-926f-b9890b1a964c"
	fakeJob          = "0123456789abcdef0123456789abcdef"
)

// fake is a gateway with switches for what real ones do rarely. Its requests
// are held to the published document of the newest version.
type fake struct {
	t        *testing.T
	versions string
	router   routers.Router

	mu sync.Mutex
	// pages are what each token gives, as JSON; a function may fail first.
	pages []func(w http.ResponseWriter, r *http.Request)
	// asked are the requests, without bodies.
	asked []string
	// statements are those that were sent.
	statements []string
	properties map[string]string
	sessions   int
	gone       bool
	// zone is the session's time zone; "" is none of its own. plan answers
	// EXPLAIN.
	zone, plan string
	// refuseZone has statements fail that set the zone.
	refuseZone, explained bool
}

func newFake(t *testing.T) *fake {
	t.Helper()
	return &fake{t: t, versions: `["V1","V2","V3","V4"]`, router: published(t, "2.2-rest_v4_sql_gateway.yml"), zone: "GMT+02:00"}
}

// documents are the routers of documents by their names: to read one takes
// longer than most tests.
var documents sync.Map

// published is the router of a document of ../shared, beside the repository;
// nil where that isn't there, except in CI.
func published(t *testing.T, name string) routers.Router {
	t.Helper()
	if router, ok := documents.Load(name); ok {
		return router.(routers.Router)
	}
	path, err := filepath.Abs(filepath.Join("..", "..", "..", "..", "shared", "specs", "flink-rest", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and in CI it must be", path)
		}
		t.Logf("NOT HELD TO THE DOCUMENT: %s is not there", path)
		return nil
	}
	document, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	document.Servers = openapi3.Servers{{URL: "http://sql-gateway/v4"}}
	// Handles are called objects there and are strings on the wire.
	for _, name := range []string{"SessionHandle", "OperationHandle"} {
		document.Components.Schemas[name].Value = openapi3.NewUUIDSchema()
	}
	for _, item := range document.Paths.Map() {
		for _, operation := range item.Operations() {
			for _, parameter := range operation.Parameters {
				if schema := parameter.Value.Schema; strings.HasSuffix(schema.Ref, "Handle") {
					parameter.Value.Schema = openapi3.NewSchemaRef("", openapi3.NewUUIDSchema())
				}
			}
		}
	}
	router, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatal(err)
	}
	documents.Store(name, router)
	return router
}

func (f *fake) check(r *http.Request, body []byte) {
	if f.router == nil || !strings.HasPrefix(r.URL.Path, "/v4/") {
		return
	}
	copied := r.Clone(r.Context())
	copied.URL.Scheme, copied.URL.Host, copied.Host = "http", "sql-gateway", "sql-gateway"
	copied.Body = io.NopCloser(bytes.NewReader(body))
	route, parameters, err := f.router.FindRoute(copied)
	if err == nil {
		err = openapi3filter.ValidateRequest(r.Context(), &openapi3filter.RequestValidationInput{Request: copied, PathParams: parameters, Route: route})
	}
	if err != nil {
		f.t.Errorf("%s %s breaks the contract: %v\n%s", r.Method, r.URL, err, body)
	}
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	f.check(r, body)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, r.Method+" "+r.URL.RequestURI())
	w.Header().Set("Content-Type", "application/json")
	_, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	session, operation := "sessions/"+fakeSession, "sessions/"+fakeSession+"/operations/"+fakeOperation
	var in struct {
		Statement  string            `json:"statement"`
		Properties map[string]string `json:"properties"`
	}
	_ = json.Unmarshal(body, &in)
	if f.gone && strings.HasPrefix(path, session) {
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"errors":["Internal server error.","<Exception on server side:\njava.lang.X\n\tat a.b(C.java:1)\nCaused by: o.a.SqlGatewayException: Session '%s' does not exist.\n\tat x.y(Z.java:2)\n\nEnd of exception on server side>"]}`, fakeSession)
		return
	}
	switch {
	case r.URL.Path == "/api_versions":
		fmt.Fprintf(w, `{"versions":%s}`, f.versions)
	case path == "info":
		io.WriteString(w, `{"productName":"Apache Flink","version":"2.3.0"}`)
	case path == "sessions" && r.Method == http.MethodPost:
		f.sessions++
		f.gone = false
		f.properties = in.Properties
		fmt.Fprintf(w, `{"sessionHandle":"%s"}`, fakeSession)
	case path == session:
		properties := maps.Clone(f.properties)
		if f.zone != "" {
			properties[zoneOption] = f.zone
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"properties": properties})
	case path == session+"/heartbeat":
		io.WriteString(w, `{}`)
	case path == session+"/statements":
		f.statements = append(f.statements, in.Statement)
		option, zone, set := strings.Cut(in.Statement, " = ")
		if strings.Contains(option, zoneOption) {
			if f.refuseZone {
				w.WriteHeader(http.StatusInternalServerError)
				io.WriteString(w, `{"errors":["refused"]}`)
				return
			}
			if f.zone = ""; set {
				f.zone = strings.Trim(zone, "'")
			}
		}
		if strings.Contains(option, zoneOption) || strings.HasPrefix(in.Statement, "EXPLAIN ") {
			f.explained = strings.HasPrefix(in.Statement, "EXPLAIN ")
			fmt.Fprintf(w, `{"operationHandle":"%s"}`, settingOperation)
			return
		}
		fmt.Fprintf(w, `{"operationHandle":"%s"}`, fakeOperation)
	case path == "sessions/"+fakeSession+"/operations/"+settingOperation+"/result/0":
		text, kind := "OK", "SUCCESS"
		if f.explained {
			text, kind = f.plan, "SUCCESS_WITH_CONTENT"
		}
		value, _ := json.Marshal(text)
		fmt.Fprintf(w, `{"resultType":"EOS","isQueryResult":false,"resultKind":%q,"results":{"columns":[{"name":"result","logicalType":{"type":"VARCHAR","length":2147483647}}],"rowFormat":"JSON","data":[%s]}}`, kind, rowOf(string(value)))
	case path == "sessions/"+fakeSession+"/operations/"+settingOperation+"/close":
		io.WriteString(w, `{"status":"CLOSED"}`)
	case strings.HasPrefix(path, operation+"/result/"):
		var token int
		fmt.Sscan(strings.TrimPrefix(path, operation+"/result/"), &token)
		if token >= len(f.pages) {
			f.t.Errorf("token %d was asked for, and there are %d pages", token, len(f.pages))
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		f.pages[token](w, r)
	case path == operation+"/close", path == operation+"/cancel":
		io.WriteString(w, `{"status":"CLOSED"}`)
	default:
		w.WriteHeader(http.StatusNotFound)
		io.WriteString(w, `{"errors":["Not found."]}`)
	}
}

// fakePage is a page of a query's result with columns and rows as JSON.
func fakePage(next int, columns, rows string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		version, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		kind, link := "EOS", ""
		format := r.URL.Query().Get("rowFormat")
		if next > 0 {
			kind = "PAYLOAD"
			link = fmt.Sprintf(`,"nextResultUri":"/%s/sessions/%s/operations/%s/result/%d?rowFormat=%s"`, version, fakeSession, fakeOperation, next, format)
		}
		if format == "" {
			format = "JSON"
		}
		fmt.Fprintf(w, `{"resultType":%q,"isQueryResult":true,"jobID":%q,"resultKind":"SUCCESS_WITH_CONTENT","results":{"columns":[%s],"rowFormat":%q,"data":[%s]}%s}`,
			kind, fakeJob, columns, format, rows, link)
	}
}

func notReady(token int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"resultType":"NOT_READY","nextResultUri":"/v4/sessions/%s/operations/%s/result/%d?rowFormat=JSON"}`, fakeSession, fakeOperation, token)
	}
}

// times does first n times, and then second.
func times(n int, first, second func(http.ResponseWriter, *http.Request)) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		if n--; n >= 0 {
			first(w, r)
			return
		}
		second(w, r)
	}
}

func answer(code int, body string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(code)
		io.WriteString(w, body)
	}
}

// cutOff ends the connection in the middle of an answer.
func cutOff(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"resultType":`)
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}

type redirected struct{ to *url.URL }

func (r redirected) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.URL.Scheme, request.URL.Host = r.to.Scheme, r.to.Host
	return http.DefaultTransport.RoundTrip(request)
}

// transportTo leads to handler, whatever the host.
func transportTo(t *testing.T, handler http.Handler) http.RoundTripper {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return redirected{base}
}

// session opens a session with the fake.
func (f *fake) session(options Options) *Session {
	f.t.Helper()
	client, err := Connect(f.t.Context(), transportTo(f.t, f))
	if err != nil {
		f.t.Fatal(err)
	}
	s, err := Open(f.t.Context(), client, options)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		if err := s.Close(f.t.Context()); err != nil && f.t.Context().Err() == nil {
			f.t.Error(err)
		}
	})
	return s
}
