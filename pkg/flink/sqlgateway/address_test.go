package sqlgateway

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// hostileGateway answers with the handles, the job and the next page that it
// has, and notes what it is asked.
type hostileGateway struct {
	session, operation, job, next string

	mu    sync.Mutex
	asked []string
}

func (g *hostileGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	g.asked = append(g.asked, r.Method+" "+r.RequestURI)
	g.mu.Unlock()
	switch {
	case r.URL.Path == "/api_versions":
		io.WriteString(w, `{"versions":["V2"]}`)
	case r.URL.Path == "/v2/sessions":
		fmt.Fprintf(w, `{"sessionHandle":%q}`, g.session)
	case strings.HasSuffix(r.URL.Path, "/statements"):
		fmt.Fprintf(w, `{"operationHandle":%q}`, g.operation)
	case strings.Contains(r.URL.Path, "/result/"):
		fmt.Fprintf(w, `{"resultType":"PAYLOAD","jobID":%q,"results":{"columns":[],"data":[]},"nextResultUri":%q}`, g.job, g.next)
	default:
		io.WriteString(w, "{}")
	}
}

// What a gateway names leads to no request but for the session and statement
// that it was asked for.
func TestWhatAGatewayNamesLeadsNowhereElse(t *testing.T) {
	below := "/v2/sessions/" + fakeSession + "/operations/" + fakeOperation + "/result/"
	const victim = "../../../../../configmaps/victim"
	for _, test := range []struct {
		name    string
		gateway *hostileGateway
	}{
		{"session", &hostileGateway{session: victim}},
		{"session with a query", &hostileGateway{session: fakeSession + "?x=1"}},
		{"no session", &hostileGateway{session: ""}},
		{"operation", &hostileGateway{session: fakeSession, operation: victim}},
		{"escaped operation", &hostileGateway{session: fakeSession, operation: "%2e%2e%2fx"}},
		{"job", &hostileGateway{session: fakeSession, operation: fakeOperation, job: victim, next: below + "1"}},
		{"job for a shell", &hostileGateway{session: fakeSession, operation: fakeOperation, job: "$(reboot)", next: below + "1"}},
		{"other host", &hostileGateway{session: fakeSession, operation: fakeOperation, next: "http://other" + below + "1"}},
		{"other host without scheme", &hostileGateway{session: fakeSession, operation: fakeOperation, next: "//other" + below + "1"}},
		{"other session", &hostileGateway{session: fakeSession, operation: fakeOperation, next: "/v2/sessions/x/operations/" + fakeOperation + "/result/1"}},
		{"elsewhere", &hostileGateway{session: fakeSession, operation: fakeOperation, next: "/../../api/v1/result/1"}},
		{"dots in the token", &hostileGateway{session: fakeSession, operation: fakeOperation, next: below + "../1"}},
		{"negative token", &hostileGateway{session: fakeSession, operation: fakeOperation, next: below + "-1"}},
		{"no version", &hostileGateway{session: fakeSession, operation: fakeOperation, next: strings.Replace(below, "/v2", "/v", 1) + "1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			gateway := test.gateway
			client, err := Connect(t.Context(), transportTo(t, gateway))
			if err != nil {
				t.Fatal(err)
			}
			s, err := Open(t.Context(), client, Options{})
			if err == nil {
				_, _, err = all(t, s, "SELECT 1")
				s.Close(t.Context())
			}
			if err == nil || !strings.Contains(err.Error(), "the SQL gateway ") {
				t.Errorf("got %v, want a refusal that names the gateway", err)
			}
			own := []string{
				"/api_versions", "/v2/info", "/v2/sessions", "/v2/sessions/" + fakeSession, "/v2/sessions/" + fakeSession + "/statements", below + "0?rowFormat=JSON",
				strings.TrimSuffix(below, "result/") + "close", strings.TrimSuffix(below, "result/") + "cancel",
			}
			for _, asked := range gateway.asked {
				if _, uri, _ := strings.Cut(asked, " "); !slices.Contains(own, uri) {
					t.Errorf("the gateway led to %s", asked)
				}
			}
		})
	}
}

func TestNextToken(t *testing.T) {
	operation := httpapi.Path("sessions", fakeSession, "operations", fakeOperation)
	for _, next := range []string{"/v1" + operation.Escaped() + "/result/7", "/v4" + operation.Escaped() + "/result/7?rowFormat=JSON"} {
		if token, ok, err := nextToken(next, operation); token != 7 || !ok || err != nil {
			t.Errorf("%s: got %d, %v, %v", next, token, ok, err)
		}
	}
	if _, ok, err := nextToken("", operation); ok || err != nil {
		t.Errorf("the last page: got %v, %v", ok, err)
	}
}
