package logs

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
)

const trace = `2026-11-25 01:00:00,100 WARN  org.apache.flink.runtime.taskmanager.Task [] - Sink (1/2) switched from RUNNING to FAILED with failure cause:
java.io.IOException: outer
	at org.example.A.b(A.java:1)
	at org.example.C.<init>(C.java:2)
Caused by: java.lang.IllegalStateException: inner ERROR
	at org.example.D.e(D.java:3)
	... 12 more
2026-11-25 01:00:01,000 INFO  org.apache.flink.X [] - next`

func records(t *testing.T, text string) []Record {
	t.Helper()
	var out []Record
	err := File(t.Context(), strings.NewReader(text), Record{Pod: "p"}, nil, func(r Record) error {
		out = append(out, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestStackTracesBelongToTheirMessage(t *testing.T) {
	got := records(t, trace)
	if len(got) != 2 || got[0].Level != "WARN" || got[1].Level != "INFO" || len(got[0].Lines) != 7 {
		t.Fatalf("%q", got)
	}
	lines, left := got[0].Folded()
	if left != 4 || len(lines) != 3 || lines[2] != "Caused by: java.lang.IllegalStateException: inner ERROR" {
		t.Errorf("%d left of %q", left, lines)
	}
	if want := time.Date(2026, 11, 25, 1, 0, 0, 1e8, time.UTC); !got[0].Time.Equal(want) {
		t.Errorf("time %s", got[0].Time)
	}
}

func TestOtherLayouts(t *testing.T) {
	for line, level := range map[string]string{
		"\x1b[33m2026-11-25 01:00:00,100\x1b[m \x1b[36mo.a.f.k.o.X\x1b[m \x1b[1;31m[ERROR][ns/name] text\x1b[m": "ERROR",
		`{"@timestamp":"2026-11-25T01:00:00Z","level":"warning","message":"m"}`:                                 "WARN",
		"2026-11-25T01:00:00.5Z DEBUG x":                 "DEBUG",
		"no level here":                                  "",
		"2026-11-25 01:00:00,1 INFO  x - an ERROR of it": "INFO",
	} {
		got := records(t, line)
		if len(got) != 1 || got[0].Level != level {
			t.Errorf("%q: %q", line, got)
		}
	}
	// Lines of standard output, without any layout, are messages of their own.
	if got := records(t, "one\ntwo\n  more of two\n"); len(got) != 2 || len(got[1].Lines) != 2 {
		t.Errorf("%q", got)
	}
}

func TestALevelAndWhatIsGraver(t *testing.T) {
	for level, want := range map[string]bool{"INFO": false, "WARN": true, "FATAL": true, "": true} {
		if got := (Record{Level: level}).AtLeast("WARN"); got != want {
			t.Errorf("%q: %v", level, got)
		}
	}
	if level, err := ParseLevel("warning"); err != nil || level != "WARN" {
		t.Error(level, err)
	}
	if _, err := ParseLevel("loud"); err == nil {
		t.Error("no error")
	}
}

func at(n int) time.Time { return time.Unix(int64(n), 0) }

func TestMergedByTime(t *testing.T) {
	m := NewMerger()
	m.Patience = time.Minute
	for _, times := range [][]int{{1, 4, 5}, {2, 3, 6}, {}} {
		put, end := m.Stream(t.Context())
		go func() {
			defer end()
			for _, n := range times {
				put(&Record{Time: at(n)})
			}
		}()
	}
	m.Close()
	var got []int64
	if err := m.Run(t.Context(), func(r Record) error { got = append(got, r.Time.Unix()); return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[1 2 3 4 5 6]" {
		t.Error(got)
	}
}

// A stream that says nothing costs the others one wait, not one a record.
func TestASlowStreamDoesNotHoldTheOthers(t *testing.T) {
	m := NewMerger()
	m.Patience = 50 * time.Millisecond
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, endSlow := m.Stream(ctx)
	put, end := m.Stream(ctx)
	const n = 20 * ahead
	go func() {
		defer end()
		for i := range n {
			put(&Record{Time: at(i)})
		}
	}()
	m.Close()
	began, got := time.Now(), 0
	err := m.Run(ctx, func(Record) error {
		if got++; got == n {
			endSlow()
		}
		return nil
	})
	if err != nil || got != n {
		t.Fatal(got, err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%d records took %s", n, took)
	}
}

// fakePods is a cluster whose pods come, write, restart and go.
type fakePods struct {
	pods   []corev1.Pod
	script func(tell func(watch.EventType, *corev1.Pod))
	logs   map[string]string // pod and restart count → what it wrote
}

func (f fakePods) List(context.Context, string, string) ([]corev1.Pod, error) { return f.pods, nil }

func (f fakePods) Follow(ctx context.Context, _, _ string, handle func(watch.EventType, *corev1.Pod)) error {
	f.script(handle)
	<-ctx.Done()
	return context.Cause(ctx)
}

func (f fakePods) Open(_ context.Context, _, pod string, options *corev1.PodLogOptions) (io.ReadCloser, error) {
	if options.SinceTime != nil {
		return io.NopCloser(strings.NewReader("")), nil
	}
	if text, ok := f.logs[pod]; ok {
		return io.NopCloser(strings.NewReader(text)), nil
	}
	return nil, fmt.Errorf("no log of %s", pod)
}

func pod(name string, restarts int32, running bool) *corev1.Pod {
	status := corev1.ContainerStatus{Name: "c", RestartCount: restarts}
	if running {
		status.State.Running = &corev1.ContainerStateRunning{}
	} else {
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
	}
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{status}}}
}

func chooseAll(*corev1.Pod) (role, container string, ok bool) { return "taskmanager", "c", true }

func TestPodsThatComeAreFollowed(t *testing.T) {
	pods := fakePods{
		logs: map[string]string{"a": "2026-11-25T01:00:01Z from a\n", "b": "2026-11-25T01:00:02Z from b\n"},
		script: func(tell func(watch.EventType, *corev1.Pod)) {
			tell(watch.Added, pod("a", 0, true))
			tell(watch.Bookmark, nil)
			tell(watch.Added, pod("b", 0, false))
			tell(watch.Modified, pod("b", 0, true))
			tell(watch.Modified, pod("b", 0, true))
			tell(watch.Deleted, pod("a", 0, true))
		},
	}
	told := make(chan string, 10)
	r := Reading{Pods: pods, Follow: true, Tail: -1, Tell: func(format string, args ...any) { told <- fmt.Sprintf(format, args...) }}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	got := map[string]int{}
	err := r.Read(ctx, []Source{{Choose: chooseAll}}, func(record Record) error {
		got[record.Text()]++
		if len(got) == 2 {
			cancel()
		}
		return nil
	})
	if err == nil || got["from a"] != 1 || got["from b"] != 1 {
		t.Errorf("%v %v", got, err)
	}
	if first, second := <-told, <-told; first != "b is new" || second != "a is gone" {
		t.Error(first, second)
	}
}

func TestOneUnreadableLogDoesNotHideTheOthers(t *testing.T) {
	pods := fakePods{pods: []corev1.Pod{*pod("a", 0, true), *pod("x", 0, true), *pod("w", 0, false)}, logs: map[string]string{"a": "2026-11-25T01:00:01Z one\n2026-11-25T01:00:01Z \ttwo"}}
	var mu sync.Mutex
	var told []string
	var got []Record
	r := Reading{Pods: pods, Tail: -1, Tell: func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf(format, args...))
	}}
	err := r.Read(t.Context(), []Source{{Choose: chooseAll}}, func(record Record) error { got = append(got, record); return nil })
	if err != nil || len(got) != 1 || got[0].Text() != "one\n\ttwo" {
		t.Errorf("%q %v", got, err)
	}
	if fmt.Sprint(told) != "[w hasn't started: ContainerCreating log of x: no log of x]" {
		t.Error(told)
	}
	pods.pods = pods.pods[1:2]
	if err := (Reading{Pods: pods, Tail: -1, Tell: r.Tell}).Read(t.Context(), []Source{{Choose: chooseAll}}, nil); err == nil || err.Error() != "log of x: no log of x" {
		t.Error(err)
	}
}

// A trace of long lines, and streams that wait for another, cost little memory.
func TestRecordsAheadHaveABound(t *testing.T) {
	var a assembler
	lines, long := 0, "\tat "+strings.Repeat("x", 100<<10)
	for range 100 {
		made := a.add(time.Time{}, long)
		for _, r := range made {
			lines += len(r.Lines)
			if r.size() > maxRecord {
				t.Fatalf("a record of %d bytes", r.size())
			}
		}
	}
	for _, r := range a.flush() {
		lines += len(r.Lines)
	}
	if lines != 100 {
		t.Errorf("%d lines came out", lines)
	}
	m := NewMerger()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 200 {
		put, end := m.Stream(ctx)
		group.Go(func() {
			defer end()
			for put(&Record{Lines: []string{long}}) {
			}
		})
	}
	seen := 0
	_ = m.Run(ctx, func(Record) error {
		m.mu.Lock()
		bytes := m.bytes
		m.mu.Unlock()
		if bytes > bytesAhead+200*len(long) {
			t.Errorf("%d bytes are ahead", bytes)
		}
		if seen++; seen == 2000 {
			cancel()
		}
		return nil
	})
	group.Wait()
}
