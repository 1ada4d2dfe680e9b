package cmf

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestErrorsInEveryForm(t *testing.T) {
	for body, want := range map[string]string{
		`{"errors":[{"message":"pool is in use"}]}`:                                                                              "CMF failed (HTTP 500): pool is in use",
		`{"errors":[{"message":"must not be null","field":"spec"}]}`:                                                             "CMF failed (HTTP 500): spec: must not be null",
		`{"errors":["a","b"]}`:                                                                                                   "CMF failed (HTTP 500): a; b",
		`{"timestamp":1,"status":500,"error":"Internal Server Error","message":"no disk"}`:                                       "CMF failed (HTTP 500): no disk",
		`{"type":"about:blank","title":"Internal Server Error","status":500,"detail":"database is locked"}`:                      "CMF failed (HTTP 500): database is locked",
		`{"type":"about:blank","title":"Too many pools","status":500}`:                                                           "CMF failed (HTTP 500): Too many pools",
		`{"type":"about:blank","title":"Internal Server Error","status":500}`:                                                    "CMF failed (HTTP 500)",
		`{"title":"Invalid","detail":"the body is not valid","validation":[{"location":["body"],"message":"spec is required"}]}`: "CMF failed (HTTP 500): the body is not valid; spec is required",
		`{"title":"Invalid","errors":{"spec.type":["must not be null","must not be blank"],"name":"too short"}}`:                 "CMF failed (HTTP 500): name: too short; spec.type: must not be null; spec.type: must not be blank",
		`{"title":"Invalid","invalid-params":[{"name":"age","reason":"must be positive"}]}`:                                      "CMF failed (HTTP 500): Invalid; age: must be positive",
		`[{"code":"E1","message":"disk full"},{"message":"no inodes"}]`:                                                          "CMF failed (HTTP 500): disk full; no inodes",
		`"no disk"`:                              "CMF failed (HTTP 500): no disk",
		"\xef\xbb\xbf" + `{"message":"no disk"}`: "CMF failed (HTTP 500): no disk",
		`{"error":{"code":500,"message":"no disk","status":"INTERNAL"}}`:    "CMF failed (HTTP 500): no disk",
		`{"error":"invalid_grant","error_description":"the token expired"}`: "CMF failed (HTTP 500): the token expired",
		`{"errors":"no disk"}`:                                                                          "CMF failed (HTTP 500): no disk",
		`{"message":["no disk","no memory"]}`:                                                           "CMF failed (HTTP 500): no disk; no memory",
		`{"message":"Internal Server Error","detail":"no disk"}`:                                        "CMF failed (HTTP 500): no disk",
		`{"Title":"Internal Server Error","Detail":"no disk"}`:                                          "CMF failed (HTTP 500): no disk",
		`{"detail":"invalid","errors":[{"field":"spec.size","defaultMessage":"must not be null"}]}`:     "CMF failed (HTTP 500): spec.size: must not be null",
		`{"detail":[{"loc":["body","spec",0],"msg":"field required"}]}`:                                 "CMF failed (HTTP 500): body.spec: field required",
		`{"errors":[{"detail":"must be positive","source":{"pointer":"/spec/size"}}]}`:                  "CMF failed (HTTP 500): spec.size: must be positive",
		`{"title":"Invalid","invalidParams":[{"name":"age","reason":"must be positive"}]}`:              "CMF failed (HTTP 500): Invalid; age: must be positive",
		`{"message":"invalid","fieldErrors":[{"field":"age","message":"must be positive"}]}`:            "CMF failed (HTTP 500): invalid; age: must be positive",
		`{"errors":[null,{"message":"no disk"}]}`:                                                       "CMF failed (HTTP 500): no disk",
		`{"status":{"code":400,"message":"no disk"}}`:                                                   "CMF failed (HTTP 500): no disk",
		`{"status":"error","reason":"no disk"}`:                                                         "CMF failed (HTTP 500): no disk",
		`{"timestamp":1,"status":500,"error":"Internal Server Error","message":"No message available"}`: "CMF failed (HTTP 500)",
		`{"timestamp":1,"status":500,"error":"Internal Server Error","path":"/cmf"}`:                    "CMF failed (HTTP 500)",
		`{"detail":{"why":1}}`: `CMF failed (HTTP 500): {"detail":{"why":1}}`,
		`null`:                 "CMF failed (HTTP 500)",
		`{}`:                   "CMF failed (HTTP 500)",
		`{"message":"cut`:      `CMF failed (HTTP 500): {"message":"cut`,
		`{"type":"about:blank","title":"Invalid","errors":5,"detail":"x"}`: "CMF failed (HTTP 500): x",
	} {
		got := parseError(&http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}}, []byte(body), "").Error()
		if got != want {
			t.Errorf("%s:\n%s\nwant %s", body, got, want)
		}
	}
}

func TestWhoWroteAnError(t *testing.T) {
	const proxy = " — this answer does not come from CMF but from something before it, such as a proxy or an ingress"
	for _, c := range []struct {
		status     int
		kind, body string
		want       string
		missing    bool
	}{
		{404, "application/json", `{"errors":[{"message":"no pool p"}]}`, "not found (HTTP 404): no pool p", true},
		{404, "application/json", `{"status":404,"error":"Not Found","path":"/cmf/api/v1/x"}`, "not found (HTTP 404)", true},
		{404, "", "", "not found (HTTP 404)", true},
		{404, "text/plain", "404 page not found\n", "not found (HTTP 404): 404 page not found" + proxy, false},
		{404, "text/plain", "default backend - 404", "not found (HTTP 404): default backend - 404" + proxy, false},
		{404, "application/json", `{"message":"no Route matched with those values"}`, "not found (HTTP 404): no Route matched with those values" + proxy, false},
		{404, "text/html", "<html><head><title>404 Not Found</title></head><body>nginx</body></html>", "not found (HTTP 404): 404 Not Found" + proxy, false},
		{
			404, "application/problem+json", `{"title":"Not Found","status":404,"detail":"No static resource cmf/api/v1/x."}`,
			"not found (HTTP 404): No static resource cmf/api/v1/x.; this server has no such path: is the address CMF's, and CMF new enough?", false,
		},
		{503, "text/plain", "no healthy upstream", "not available now (HTTP 503): no healthy upstream" + proxy, false},
		{503, "text/plain", "the database starts", "not available now (HTTP 503): the database starts", false},
		{
			400, "text/html;charset=utf-8", "<!doctype html><html><head><title>HTTP Status 400 – Bad Request</title></head><body><h1>HTTP Status 400</h1><p><b>Type</b> Exception Report</p><p><b>Message</b> Invalid character found</p></body></html>",
			"CMF rejects the request (HTTP 400): Invalid character found", false,
		},
		{
			500, "application/problem+xml", `<problem xmlns="urn:ietf:rfc:7807"><title>Internal Server Error</title><detail>no disk</detail></problem>`,
			"CMF failed (HTTP 500): no disk", false,
		},
		{500, "application/xml", `<Error><Message>no disk</Message></Error>`, "CMF failed (HTTP 500): no disk" + proxy, false},
	} {
		err := parseError(&http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {c.kind}}}, []byte(c.body), "")
		if got := err.Error(); got != c.want || IsNotFound(err) != c.missing {
			t.Errorf("%d %s:\n%s, missing %v\nwant %s, %v", c.status, c.body, got, IsNotFound(err), c.want, c.missing)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                              0,
		"7":                             7 * time.Second,
		"-7":                            0,
		"99999999999":                   time.Hour,
		"Fri, 02 Jan 2026 03:04:15 GMT": 10 * time.Second,
		"Thu, 01 Jan 2026 03:04:15 GMT": 0,
		"Sun, 02 Jan 2028 03:04:15 GMT": time.Hour,
		"soon":                          0,
	} {
		if got := retryAfter(header, now); got != want {
			t.Errorf("%q: %s, want %s", header, got, want)
		}
	}
}

// The address of CMF is often copied with a part of the API's path.
func TestAPathInTheAddressIsNamedWhereNothingIsThere(t *testing.T) {
	for address, want := range map[string]string{
		"http://cmf/cmf":    "below the path /cmf of the address",
		"http://cmf/api/v1": "below the path /api/v1 of the address",
		"http://cmf":        "",
	} {
		c, err := NewClient(address, &canned{status: http.StatusNotFound, bodies: []string{`{"errors":[{"message":"No static resource x."}]}`}}, false)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Get(t.Context(), Ref{Kind: Must("env"), Name: "e"})
		if err == nil || strings.Contains(err.Error(), "of the address") != (want != "") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
		if _, err := c.Server(t.Context()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", address, err)
		}
	}
}
