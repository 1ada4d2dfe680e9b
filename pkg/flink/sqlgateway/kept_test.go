package sqlgateway

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// A session can be left open and gone on with, and has its own time zone then.
func TestASessionIsComeBackTo(t *testing.T) {
	f := newFake(t)
	f.pages = []func(http.ResponseWriter, *http.Request){fakePage(0, `{"name":"t","logicalType":{"type":"TIMESTAMP_WITH_LOCAL_TIME_ZONE","nullable":true,"precision":3}}`, rowOf(`"2024-01-01T00:00:00Z"`))}
	client, err := Connect(t.Context(), transportTo(t, f))
	if err != nil {
		t.Fatal(err)
	}
	first, err := Open(t.Context(), client, Options{Keep: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.ask(t.Context(), "SELECT t FROM x"); err != nil {
		t.Fatal(err)
	}
	if f.zone != "UTC" {
		t.Errorf("read in %s", f.zone)
	}
	handle := first.Handle()
	if err := first.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if f.zone != "GMT+02:00" || slices.Contains(f.asked, "DELETE /v4/sessions/"+fakeSession) {
		t.Errorf("the zone is %s, asked %q", f.zone, f.asked)
	}
	second, err := Open(t.Context(), client, Options{Keep: true, Handle: handle})
	if err != nil || second.Handle() != handle || f.sessions != 1 {
		t.Fatalf("%v, %d sessions", err, f.sessions)
	}
	second.Forget()
	if err := second.Close(t.Context()); err != nil || !slices.Contains(f.asked, "DELETE /v4/sessions/"+fakeSession) {
		t.Errorf("%v, asked %q", err, f.asked)
	}
	f.mu.Lock()
	f.gone = true
	f.mu.Unlock()
	if _, err := Open(t.Context(), client, Options{Handle: handle}); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	for _, wrong := range []string{"../../v1/sessions", "x", strings.ToUpper(handle) + "0"} {
		asked := len(f.asked)
		if _, err := Open(t.Context(), client, Options{Handle: wrong}); err == nil || len(f.asked) != asked {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

func TestASessionIsRenewed(t *testing.T) {
	f := newFake(t)
	s := f.session(Options{})
	if s.Lost() {
		t.Error("lost from the start")
	}
	f.mu.Lock()
	f.gone = true
	f.mu.Unlock()
	if _, err := s.Run(t.Context(), "SHOW TABLES"); err == nil || !s.Lost() || s.Over() {
		t.Errorf("%v, lost %v, over %v", err, s.Lost(), s.Over())
	}
	if err := s.Renew(t.Context()); err != nil || s.Lost() || f.sessions != 2 {
		t.Errorf("%v, lost %v, %d sessions", err, s.Lost(), f.sessions)
	}
}

// A heartbeat finds out first that the session has ended: the next statement
// would run without what was set and created, so that it must fail.
func TestAnEndThatAHeartbeatFindsIsTold(t *testing.T) {
	f := newFake(t)
	s := f.session(Options{})
	s.untell(s.Handle())
	if !s.Lost() {
		t.Error("it isn't lost")
	}
	if _, err := s.Run(t.Context(), "SHOW TABLES"); err == nil || !strings.Contains(err.Error(), "is lost; the next statement begins a new one") {
		t.Error(err)
	}
	if f.sessions != 1 {
		t.Errorf("%d sessions before another was asked for", f.sessions)
	}
	if _, err := s.Run(t.Context(), "SHOW TABLES"); err != nil || f.sessions != 2 {
		t.Errorf("%v, %d sessions", err, f.sessions)
	}
	s.untell(s.Handle())
	if err := s.Renew(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := s.Run(t.Context(), "SHOW TABLES"); err != nil || f.sessions != 3 {
		t.Errorf("told after it was renewed: %v, %d sessions", err, f.sessions)
	}
}

// Completion asks for names beside what the user does, and shows no error.
func TestAnEndThatCompletionFindsIsTold(t *testing.T) {
	f := newFake(t)
	s := f.session(Options{})
	f.mu.Lock()
	f.gone = true
	f.mu.Unlock()
	for range 2 {
		if names, err := s.Names(t.Context()); err == nil || f.sessions != 1 {
			t.Errorf("%q, %v, %d sessions", names, err, f.sessions)
		}
	}
	if _, err := s.Run(t.Context(), "SHOW TABLES"); err == nil || !strings.Contains(err.Error(), "is lost; the next statement begins a new one") {
		t.Error(err)
	}
	if _, err := s.Run(t.Context(), "SHOW TABLES"); err != nil || f.sessions != 2 {
		t.Errorf("%v, %d sessions", err, f.sessions)
	}
}
