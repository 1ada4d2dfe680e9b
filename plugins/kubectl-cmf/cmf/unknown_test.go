package cmf

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// A change that was sent and whose answer got lost may have been made.
func TestAChangeWithoutAnAnswer(t *testing.T) {
	app := Ref{Kind: Must("app"), Scope: Scope{Environment: "e"}, Name: "a"}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	for name, tc := range map[string]struct {
		status  int
		address string
		answer  http.HandlerFunc
		unknown bool
	}{
		"the connection ends":  {answer: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, unknown: true},
		"the gateway gives up": {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGatewayTimeout) }, unknown: true, status: 504},
		"Ctrl-C":               {answer: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, unknown: true},
		"CMF refuses":          {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) }, status: 409},
		"CMF isn't available":  {answer: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, status: 503},
		"a redirect": {answer: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example/", http.StatusFound)
		}},
		"never sent": {address: closed.URL},
	} {
		t.Run(name, func(t *testing.T) {
			address := tc.address
			if address == "" {
				web := httptest.NewServer(tc.answer)
				defer web.Close()
				address = web.URL
			}
			client, err := NewClient(address, http.DefaultTransport.(*http.Transport).Clone(), false)
			if err != nil {
				t.Fatal(err)
			}
			client.Backoff = func(int) time.Duration { return time.Millisecond }
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if name == "Ctrl-C" {
				time.AfterFunc(100*time.Millisecond, cancel)
			}
			_, err = client.Act(ctx, app, "suspend", nil)
			var unknown *UnknownError
			if err == nil || errors.As(err, &unknown) != tc.unknown || StatusOf(err) != tc.status || strings.Contains(err.Error(), "isn't known") != tc.unknown {
				t.Errorf("%v", err)
			}
			if _, err := client.Get(ctx, app); err == nil || errors.As(err, &unknown) && strings.Contains(err.Error(), "look before") {
				t.Errorf("a question: %v", err)
			}
		})
	}
}

// What one attempt may have done, the next one's failure doesn't undo.
func TestARepeatedChangeThatFailsOtherwise(t *testing.T) {
	var asked atomic.Int32
	web := httptest.NewUnstartedServer(nil)
	listener := web.Listener
	web.Config.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		asked.Add(1)
		_ = listener.Close()
		panic(http.ErrAbortHandler)
	})
	web.Start()
	defer web.Close()
	client, err := NewClient(web.URL, &http.Transport{DisableKeepAlives: true}, false)
	if err != nil {
		t.Fatal(err)
	}
	client.Backoff = func(int) time.Duration { return time.Millisecond }
	_, err = client.Delete(t.Context(), Ref{Kind: Must("app"), Scope: Scope{Environment: "e"}, Name: "a"}, DeleteOptions{})
	var unknown *UnknownError
	if asked.Load() != 1 || !errors.As(err, &unknown) || !strings.Contains(err.Error(), "refused") {
		t.Errorf("%d requests: %v", asked.Load(), err)
	}
}
