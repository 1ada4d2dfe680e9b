package progress

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPlainLinesOnlyOnChange(t *testing.T) {
	var out bytes.Buffer
	l := start(&out, false, false, time.Now)
	l.Set("waiting for %s", "a")
	l.Set("waiting for %s", "a")
	l.Print("kept")
	l.Set("waiting for \x1b[31mb\nc")
	l.Done()
	l.Done()
	want := "waiting for a\nkept\nwaiting for b c\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestNoSecretsAreShown(t *testing.T) {
	for _, live := range []bool{false, true} {
		var out bytes.Buffer
		l := start(&out, false, live, time.Now)
		l.Set("waiting for https://me:hunter2@host")
		l.Print("patched (s3.secret-key: hunter2)")
		l.Done()
		if strings.Contains(out.String(), "hunter2") || !strings.Contains(out.String(), "https://me:******@host") {
			t.Errorf("got %q", out.String())
		}
	}
}

func TestQuietPrintsNothing(t *testing.T) {
	var out bytes.Buffer
	l := New(&out, true)
	l.Set("x")
	l.Print("y")
	l.Done()
	if out.Len() != 0 {
		t.Errorf("got %q", out.String())
	}
}

func TestLiveLineIsRemoved(t *testing.T) {
	var out bytes.Buffer
	clock := time.Unix(100, 0)
	l := start(&out, false, true, func() time.Time { return clock })
	l.Set("waiting")
	l.Print("done with one")
	l.Done()
	got := out.String()
	if !strings.Contains(got, "waiting 0s") || !strings.Contains(got, "done with one\n") {
		t.Errorf("got %q", got)
	}
	if !strings.HasSuffix(got, "\r\x1b[2K") {
		t.Errorf("the live line stays: %q", got)
	}
}

// While another program asks something on the terminal, its question isn't erased.
func TestAHeldLineIsNotDrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { tryHeldLine(t) })
}

func tryHeldLine(t *testing.T) {
	t.Helper()
	var out bytes.Buffer
	l := start(&out, false, true, time.Now)
	l.Set("waiting")
	release := Hold()
	before := out.String()
	if !strings.Contains(before, "waiting 0s") || !strings.HasSuffix(before, "\r\x1b[2K") {
		t.Errorf("the line stays: %q", before)
	}
	l.Set("waiting for more")
	time.Sleep(time.Minute) // of the test's clock
	if got := out.String(); got != before {
		t.Errorf("drawn all the same: %q", got)
	}
	release()
	l.Set("waiting again")
	l.Done()
	if got := out.String(); !strings.Contains(got, "waiting again") {
		t.Errorf("not drawn any more: %q", got)
	}
}

// What stays may be copied, so that it is completed first.
func TestLinesThatStayGoThroughARewrite(t *testing.T) {
	for _, live := range []bool{false, true} {
		var out bytes.Buffer
		l := start(&out, false, live, time.Now).Through(func(s string) string { return s + " --context prod" })
		l.Print("go on: kubectl flink status a -n ns")
		l.Done()
		if got := out.String(); !strings.Contains(got, "kubectl flink status a -n ns --context prod\n") {
			t.Errorf("live %v: %q", live, got)
		}
	}
	New(nil, true).Through(nil).Print("x")
}
