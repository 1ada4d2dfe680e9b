package cmf

import (
	"net/http"
	"testing"
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
		`{"type":"about:blank","title":"Invalid","errors":5,"detail":"x"}`:                                                       "CMF failed (HTTP 500): x",
	} {
		got := parseError(&http.Response{StatusCode: http.StatusInternalServerError, Header: http.Header{}}, []byte(body), "").Error()
		if got != want {
			t.Errorf("%s:\n%s\nwant %s", body, got, want)
		}
	}
}
