package cmd

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/exit"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/progress"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/sqlgateway"
)

// sessionGateway is a gateway that has sessions and nothing else.
type sessionGateway struct {
	mu   sync.Mutex
	n    int
	open map[string]bool
}

func (g *sessionGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch {
	case r.URL.Path == "/api_versions":
		fmt.Fprint(w, `{"versions":["V4"]}`)
	case len(parts) == 2 && parts[1] == "info":
		fmt.Fprint(w, `{"version":"2.3.0"}`)
	case r.Method == http.MethodPost && len(parts) == 2:
		g.n++
		handle := fmt.Sprintf("%08d-20bb-4c49-926f-b9890b1a964c", g.n)
		g.open[handle] = true
		fmt.Fprintf(w, `{"sessionHandle":%q}`, handle)
	case !g.open[parts[2]]:
		w.WriteHeader(http.StatusInternalServerError)
		fmt.Fprintf(w, `{"errors":["Session '%s' does not exist."]}`, parts[2])
	case r.Method == http.MethodDelete:
		delete(g.open, parts[2])
		fmt.Fprint(w, `{"status":"CLOSED"}`)
	default:
		fmt.Fprint(w, `{}`)
	}
}

type toServer struct{ to *url.URL }

func (r toServer) RoundTrip(request *http.Request) (*http.Response, error) {
	request = request.Clone(request.Context())
	request.URL.Scheme, request.URL.Host = r.to.Scheme, r.to.Host
	return http.DefaultTransport.RoundTrip(request)
}

func statement(t *testing.T, sql string) sqlshell.Statement {
	t.Helper()
	s, err := sqlshell.NewSplitter("", strings.NewReader(sql)).Next()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNamedSessions(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	g := &sessionGateway{open: map[string]bool{}}
	server := httptest.NewServer(g)
	defer server.Close()
	base, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	client, err := sqlgateway.Connect(t.Context(), toServer{base})
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	line := progress.New(&said, false)
	begin := func(name string, interactive bool) (*namedSession, *sqlgateway.Session, error) {
		t.Helper()
		said.Reset()
		n, err := openNamed(name, "https://server", "ns", "session-example")
		if err != nil {
			t.Fatal(err)
		}
		s, err := n.open(t.Context(), client, sqlgateway.Options{}, "svc/x", interactive, line)
		return n, s, err
	}
	end := func(n *namedSession, s *sqlgateway.Session) {
		t.Helper()
		handle := s.Handle()
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := n.leave(handle, true, line); err != nil {
			t.Fatal(err)
		}
	}

	n, s, err := begin("orders", true)
	if err != nil || n.resumed || n.ended {
		t.Fatal(err, n)
	}
	for _, sql := range []string{"CREATE TEMPORARY TABLE t (a INT)", "SELECT 1", "SET 'x.password' = 'hunter2'", "INSERT INTO t SELECT 1"} {
		if err := n.ran(s, statement(t, sql)); err != nil {
			t.Fatal(err)
		}
	}
	end(n, s)
	info, err := os.Stat(n.file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", err, info.Mode())
	}
	content, err := os.ReadFile(n.file)
	if err != nil || strings.Contains(string(content), "hunter2") || !strings.Contains(string(content), "TEMPORARY TABLE") || strings.Contains(string(content), "INSERT") {
		t.Errorf("%v %s", err, content)
	}

	// Another command is in the same session, another name isn't.
	again, s2, err := begin("orders", false)
	if err != nil || !again.resumed || s2.Handle() != s.Handle() && s2.Handle() == "" || g.n != 1 || !strings.Contains(said.String(), "Back in the session orders") {
		t.Fatalf("%v, %d sessions: %s", err, g.n, said.String())
	}
	end(again, s2)
	other, s3, err := begin("others", false)
	if err != nil || other.resumed || g.n != 2 {
		t.Fatal(err, g.n)
	}
	end(other, s3)

	// The gateway has forgotten it.
	g.mu.Lock()
	g.open = map[string]bool{}
	g.mu.Unlock()
	if _, _, err := begin("orders", false); exit.Code(err) != exit.Failed || !strings.Contains(err.Error(), "nothing ran") || g.n != 2 {
		t.Errorf("%v, %d sessions", err, g.n)
	}
	gone, s4, err := begin("orders", true)
	if err != nil || !gone.ended || len(gone.statements) != 1 || !strings.Contains(said.String(), "The session orders has ended") || !strings.Contains(said.String(), "were not kept (1)") {
		t.Fatalf("%v %+v: %s", err, gone, said.String())
	}
	var shell sqlshell.Options
	gone.attach(&sqlLink{session: s4, line: line}, &shell)
	if len(shell.Offer) != 1 || shell.Offer[0].Text != "CREATE TEMPORARY TABLE t (a INT)" {
		t.Errorf("offered %v", shell.Offer)
	}
	shell.Succeeded(statement(t, "USE d"))
	end(gone, s4)
	last, s5, err := begin("orders", true)
	if err != nil || !last.resumed || len(last.statements) != 1 || last.statements[0].Text != "USE d" {
		t.Fatalf("%v %+v", err, last)
	}
	shell = sqlshell.Options{}
	last.attach(&sqlLink{session: s5, line: line}, &shell)
	if len(shell.Offer) != 0 || len(shell.Had) != 1 {
		t.Errorf("offered %v, had %v", shell.Offer, shell.Had)
	}
	if err := shell.Commands[0].Run(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	end(last, s5)
	if _, err := os.Stat(last.file); !os.IsNotExist(err) || len(g.open) != 0 {
		t.Errorf("%v, open: %v", err, g.open)
	}
}

func TestAFileOfASessionThatIsNotOurs(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	n, err := openNamed("x", "a")
	if err != nil {
		t.Fatal(err)
	}
	if err := n.save("11111111-20bb-4c49-926f-b9890b1a964c"); err != nil {
		t.Fatal(err)
	}
	bad, err := json.Marshal(sessionRecord{Handle: "../../../etc"})
	if err != nil {
		t.Fatal(err)
	}
	for _, content := range []string{"{", string(bad), "[]"} {
		if err := os.WriteFile(n.file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openNamed("x", "a"); err == nil || !strings.Contains(err.Error(), "is not what this program writes") {
			t.Errorf("%s: %v", content, err)
		}
	}
	// What isn't a definition is never run again, whoever has written it there.
	foreign, err := json.Marshal(sessionRecord{Statements: []string{"INSERT INTO t SELECT 1", "DROP TABLE t", "SET 'a' = 'b'"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.file, foreign, 0o600); err != nil {
		t.Fatal(err)
	}
	if n, err = openNamed("x", "a"); err != nil || len(n.statements) != 1 {
		t.Errorf("%v %v", err, n)
	}
}

func TestNamesOfSessions(t *testing.T) {
	for name, ok := range map[string]bool{"": true, "orders": true, "a.b-c_1": true, "../x": false, "-x": false, strings.Repeat("x", 64): false, "a b": false} {
		if err := (&sqlOptions{session: name}).checkSession(); (err == nil) != ok || err != nil && exit.Code(err) != exit.Usage {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := (&sqlOptions{session: "x", startGateway: true}).checkSession(); err == nil || !strings.Contains(err.Error(), "ends with this command") {
		t.Error(err)
	}
}
