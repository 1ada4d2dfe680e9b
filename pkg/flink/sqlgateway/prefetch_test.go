package sqlgateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// numbers are the rows from first on that fill a page.
func numbers(first int) string {
	rows := make([]string, fullPage)
	for i := range rows {
		rows[i] = rowOf(strconv.Itoa(first + i))
	}
	return strings.Join(rows, ",")
}

func pageRequest(token int) string {
	return fmt.Sprintf("GET /v4/sessions/%s/operations/%s/result/%d?rowFormat=JSON", fakeSession, fakeOperation, token)
}

// waitForRequest waits until a page is requested.
func (f *fake) waitForRequest(token int) {
	f.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		f.mu.Lock()
		asked := slices.Contains(f.asked, pageRequest(token))
		f.mu.Unlock()
		if asked {
			return
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("page %d is not asked for", token)
		}
	}
}

// hang answers when the client has canceled its request.
func (f *fake) hang(_ http.ResponseWriter, r *http.Request) {
	f.mu.Unlock()
	defer f.mu.Lock()
	<-r.Context().Done()
}

// While the rows of a full page are written, the gateway makes the next one.
func TestPagesArePrefetched(t *testing.T) {
	f := newFake(t)
	f.pages = append(f.pages,
		fakePage(1, intColumn, numbers(0)),
		times(1, cutOff, fakePage(2, intColumn, numbers(fullPage))),
		fakePage(3, intColumn, numbers(2*fullPage)),
		fakePage(0, intColumn, ""))
	e, err := f.session(Options{}).Run(t.Context(), "SELECT a FROM t")
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for page := 1; page <= 3; page++ {
		rows, err := e.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		f.waitForRequest(page)
		for _, row := range rows {
			if want := json.Number(strconv.Itoa(seen)); row.Fields[0] != want {
				t.Fatalf("%v instead of %s", row.Fields[0], want)
			}
			seen++
		}
	}
	if seen != 3*fullPage {
		t.Errorf("%d rows", seen)
	}
	if err := e.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// A prefetch delays no cancellation, and ends with its statement.
func TestPrefetchEndsWithItsStatement(t *testing.T) {
	f := newFake(t)
	ended := make(chan struct{})
	f.pages = append(f.pages, fakePage(1, intColumn, numbers(0)), func(w http.ResponseWriter, r *http.Request) {
		f.hang(w, r)
		close(ended)
	})
	e, err := f.session(Options{}).Run(t.Context(), "SELECT a FROM t")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Next(t.Context()); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := e.Next(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if err := e.Cancel(t.Context()); err != nil {
		t.Error(err)
	}
	<-ended
}

// A page whose prefetch was canceled is requested again.
func TestCanceledPrefetchLosesNoPage(t *testing.T) {
	f := newFake(t)
	f.pages = append(f.pages, fakePage(1, intColumn, numbers(0)),
		times(1, f.hang, fakePage(0, intColumn, numbers(fullPage))))
	e, err := f.session(Options{}).Run(t.Context(), "SELECT a FROM t")
	if err != nil {
		t.Fatal(err)
	}
	first, cancel := context.WithCancel(t.Context())
	if _, err := e.Next(first); err != nil {
		t.Fatal(err)
	}
	f.waitForRequest(1)
	cancel()
	rows, err := e.Next(t.Context())
	if err != nil || len(rows) != fullPage || rows[0].Fields[0] != json.Number(strconv.Itoa(fullPage)) {
		t.Error(len(rows), err)
	}
}
