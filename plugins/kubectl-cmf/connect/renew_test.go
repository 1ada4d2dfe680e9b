package connect

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// renewing is a server whose tokens are called t1, t2 and so on; it takes the one
// that is valid.
type renewing struct {
	*httptest.Server
	logins, valid int
	down          bool
	bodies        []string
}

func newRenewing(t *testing.T) *renewing {
	r := &renewing{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		switch body, _ := io.ReadAll(q.Body); {
		case q.URL.Path != "/security/1.0/authenticate":
			r.bodies = append(r.bodies, string(body))
			if q.Header.Get("Authorization") != fmt.Sprintf("Bearer t%d", r.valid) {
				w.WriteHeader(http.StatusUnauthorized)
			}
		case r.down:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			r.logins++
			fmt.Fprintf(w, `{"auth_token":"t%d","expires_in":3600}`, r.logins)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// send is the status of a request with a body.
func (r *renewing) send(t *testing.T, tokens tokens) int {
	t.Helper()
	server, err := url.Parse(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Transport: &authorize{next: http.DefaultTransport, tokens: tokens, server: server}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, r.URL+"/x", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

func TestALoginIsRenewed(t *testing.T) {
	r := newRenewing(t)
	l := &mdsLogin{url: r.URL, user: "u", password: "p", client: r.Client()}
	r.valid = 1
	if status := r.send(t, l); status != 200 || r.logins != 1 {
		t.Fatalf("HTTP %d, %d logins", status, r.logins)
	}
	// It ended before its time: the request is sent again, with its body.
	r.valid = 2
	if status := r.send(t, l); status != 200 || r.logins != 2 || strings.Join(r.bodies, " ") != "body body body" {
		t.Errorf("HTTP %d, %d logins, %q", status, r.logins, r.bodies)
	}
	// What is refused with a new one, too, is refused.
	r.valid = 0
	if status := r.send(t, l); status != 401 || r.logins != 3 {
		t.Errorf("HTTP %d, %d logins", status, r.logins)
	}
	// A server that is away when a token is to be renewed doesn't end what goes on.
	r.valid, r.down, l.renew = 3, true, time.Now().Add(-time.Minute)
	if status := r.send(t, l); status != 200 {
		t.Errorf("HTTP %d", status)
	}
	l.expires = time.Now().Add(-time.Second)
	if _, err := l.token(t.Context()); err == nil || !strings.Contains(err.Error(), "HTTP 503") {
		t.Error(err)
	}
}

func TestATokenFileThatIsRenewed(t *testing.T) {
	r := newRenewing(t)
	path := filepath.Join(t.TempDir(), "token")
	old := time.Now().Add(-time.Hour)
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		// As on a file system whose times are coarse.
		if err := os.Chtimes(path, old, old); err != nil {
			t.Fatal(err)
		}
	}
	write("t1\n")
	f := &tokenFile{path: path}
	r.valid = 1
	if status := r.send(t, f); status != 200 {
		t.Fatalf("HTTP %d", status)
	}
	write("t2\n")
	r.valid = 2
	if status := r.send(t, f); status != 200 {
		t.Errorf("HTTP %d", status)
	}
	// Emptied before it is written again.
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if status := r.send(t, f); status != 200 {
		t.Errorf("HTTP %d", status)
	}
	if _, err := (&tokenFile{path: path}).token(t.Context()); err == nil {
		t.Error("an empty file has a token")
	}
}
