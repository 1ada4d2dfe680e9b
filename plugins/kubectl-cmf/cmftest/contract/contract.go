// Package contract holds requests and answers against CMF's published OpenAPI
// documents. Only tests import it.
package contract

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/gorillamux"
)

// Shared is the path of a file of ../shared, beside the repository. Without
// it a test that needs it is skipped, but in CI it fails.
func Shared(t testing.TB, parts ...string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the working directory")
		}
		dir = parent
	}
	path := filepath.Join(append([]string{filepath.Dir(dir), "shared"}, parts...)...)
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and in CI it must be", path)
		}
		t.Skipf("NOT TESTED: %s is not there", path)
	}
	return path
}

var (
	mu      sync.Mutex
	parsed  = map[string]routers.Router{}
	allowed = []int{http.StatusUnauthorized, http.StatusNotFound, http.StatusMethodNotAllowed}
)

// router is the document's for a version of CMF: 2.3.1's is the oldest that is
// published, and says no less than those before.
func router(t testing.TB, version string) routers.Router {
	t.Helper()
	name := "cmf-openapi.yaml"
	if strings.HasPrefix(version, "2.4") || version == "" {
		name = "cmf-openapi-2.4-reconstructed.yaml"
	}
	path := Shared(t, "specs", name)
	mu.Lock()
	defer mu.Unlock()
	if r, ok := parsed[path]; ok {
		return r
	}
	document, err := openapi3.NewLoader().LoadFromFile(path)
	if err != nil {
		t.Fatal(err)
	}
	document.Servers = nil // the server's address is each test's own
	// The alternatives of an event's data have no required fields, so that each
	// fits any object; oneOf can't be met.
	if data := document.Components.Schemas["EventData"]; data != nil && data.Value != nil {
		data.Value.AnyOf, data.Value.OneOf = data.Value.OneOf, nil
	}
	r, err := gorillamux.NewRouter(document)
	if err != nil {
		t.Fatal(err)
	}
	parsed[path] = r
	return r
}

// Check wraps next so that each request and each answer is validated. What is
// wrong fails the test.
func Check(t testing.TB, version string, next http.Handler) http.Handler {
	t.Helper()
	r := router(t, version)
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return
		}
		request.Body = io.NopCloser(bytes.NewReader(body))
		recorder := httptest.NewRecorder()
		input, problem := validateRequest(r, request, body)
		request.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(recorder, request)
		switch {
		case problem != nil && recorder.Code < 400:
			t.Errorf("%s %s breaks the contract: %v\n%s", request.Method, request.URL, problem, body)
		case input != nil && !slices.Contains(allowed, recorder.Code):
			if err := validateAnswer(input, recorder); err != nil {
				t.Errorf("the stand-in's answer %d to %s %s breaks the contract: %v\n%s", recorder.Code, request.Method, request.URL, err, recorder.Body)
			}
		}
		maps.Copy(w.Header(), recorder.Header())
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(recorder.Body.Bytes())
	})
}

// options: write-only properties may come back, because the document marks the
// spec of a secret mapping so, which Confluent's CLI shows in its lists.
func options() *openapi3filter.Options {
	return &openapi3filter.Options{
		AuthenticationFunc:          openapi3filter.NoopAuthenticationFunc,
		IncludeResponseStatus:       true,
		ExcludeWriteOnlyValidations: true,
	}
}

func validateRequest(r routers.Router, request *http.Request, body []byte) (*openapi3filter.RequestValidationInput, error) {
	route, parameters, err := r.FindRoute(request)
	if err != nil {
		return nil, fmt.Errorf("no such operation: %w", err)
	}
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route, Options: options()}
	err = openapi3filter.ValidateRequest(request.Context(), input)
	request.Body = io.NopCloser(bytes.NewReader(body))
	return input, err
}

func validateAnswer(input *openapi3filter.RequestValidationInput, recorder *httptest.ResponseRecorder) error {
	answer := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: recorder.Code, Header: recorder.Header(), Options: options(),
	}
	answer.SetBodyBytes(recorder.Body.Bytes())
	return openapi3filter.ValidateResponse(input.Request.Context(), answer)
}
