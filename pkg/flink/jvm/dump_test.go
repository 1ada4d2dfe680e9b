package jvm

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// dumped are the threads of a dump that a JVM wrote, in the form of Flink's
// REST API.
func dumped(t testing.TB, file string) []Thread {
	t.Helper()
	data, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	var dump struct {
		Infos []struct {
			Name string `json:"threadName"`
			Text string `json:"stringifiedThreadInfo"`
		} `json:"threadInfos"`
	}
	if err := json.Unmarshal(data, &dump); err != nil {
		t.Fatal(err)
	}
	var out []Thread
	for _, info := range dump.Infos {
		out = append(out, ParseThread(info.Name, info.Text))
	}
	return out
}

func named(t *testing.T, threads []Thread, name string) Thread {
	t.Helper()
	i := slices.IndexFunc(threads, func(t Thread) bool { return t.Name == name })
	if i < 0 {
		t.Fatalf("no thread %q", name)
	}
	return threads[i]
}

// The dump is that of a JVM with two deadlocks, one of monitors and one of locks,
// and with names that look like what comes behind names.
func TestADumpOfAJVM(t *testing.T) {
	threads := dumped(t, "deadlock.json")
	if len(threads) != 15 {
		t.Fatalf("%d threads", len(threads))
	}
	for _, thread := range threads {
		if thread.ID == 0 || thread.State == "" {
			t.Errorf("not understood: %+v", thread)
		}
	}
	a := named(t, threads, `order "A" (1/2)#0`)
	if a.State != Blocked || a.ID != 12 || a.Lock != "java.lang.Object@2a84aee7" || a.Owner != "Sink: B Id=7 RUNNABLE (1/1)#0" || a.OwnerID != 13 {
		t.Errorf("%+v", a)
	}
	if !slices.Equal(a.Held, []string{"java.lang.Object@27716f4"}) || a.Frames[0].String() != "D.lambda$main$0:21" || a.Cut {
		t.Errorf("%+v", a)
	}
	c := named(t, threads, "lock C")
	if len(c.Held) != 1 || !strings.HasPrefix(c.Held[0], "java.util.concurrent.locks.ReentrantLock$NonfairSync@") || c.Frames[0].String() != "jdk.internal.misc.Unsafe.park" {
		t.Errorf("%+v", c)
	}
	// Classes of lambdas have another number in each JVM.
	spin := named(t, threads, "Source: Events (1/1)#0")
	if got := stackKey(spin.Frames); got != "D.spin:18\nD$$Lambda.run\njava.lang.Thread.run:840\n" || !spin.OnCPU() {
		t.Errorf("%q", got)
	}
	if main := named(t, threads, "main"); main.OnCPU() {
		t.Error("the thread that makes the dump isn't one that works")
	}
}

func TestDeadlocksAreNamed(t *testing.T) {
	threads := dumped(t, "deadlock.json")
	found := Deadlocks(threads)
	if len(found) != 2 {
		t.Fatalf("%d deadlocks: %+v", len(found), found)
	}
	for i, want := range []struct {
		names  string
		behind int
	}{{`order "A" (1/2)#0|Sink: B Id=7 RUNNABLE (1/1)#0`, 1}, {"lock C|lock D", 0}} {
		var names []string
		for _, t := range found[i].Threads {
			names = append(names, t.Name)
		}
		if got := strings.Join(names, "|"); got != want.names || found[i].Behind != want.behind {
			t.Errorf("%s, %d behind; want %+v", got, found[i].Behind, want)
		}
	}
	if got := Contended(threads); len(got) != 0 {
		t.Errorf("locks of deadlocks are told twice: %+v", got)
	}
}

// waiting is a thread that waits for a lock of another one.
func waiting(id, owner int64) Thread {
	return Thread{Name: fmt.Sprint("t", id), ID: id, State: Blocked, Lock: fmt.Sprint("L@", owner), OwnerID: owner}
}

func TestWhoWaitsForWhom(t *testing.T) {
	for name, tc := range map[string]struct {
		threads   []Thread
		deadlocks string
		contended string
	}{
		"nobody":          {[]Thread{{ID: 1, State: Runnable}, {ID: 2, State: Waiting, Lock: "L@1"}}, "", ""},
		"a chain":         {[]Thread{waiting(1, 2), waiting(2, 3), {ID: 3, State: Runnable}}, "", ""},
		"an owner away":   {[]Thread{waiting(1, 9)}, "", ""},
		"itself":          {[]Thread{waiting(1, 1)}, "", ""},
		"three":           {[]Thread{waiting(3, 1), waiting(1, 2), waiting(2, 3)}, "t3 t1 t2 +0;", ""},
		"a tail":          {[]Thread{waiting(5, 4), waiting(4, 1), waiting(1, 2), waiting(2, 1), waiting(6, 5)}, "t1 t2 +3;", ""},
		"two":             {[]Thread{waiting(1, 2), waiting(2, 1), waiting(3, 4), waiting(4, 3), waiting(5, 3)}, "t1 t2 +0;t3 t4 +1;", ""},
		"a lock in use":   {[]Thread{waiting(1, 3), waiting(2, 3), {ID: 3, Name: "owner", State: Runnable}}, "", "L@3"},
		"it goes on":      {[]Thread{{ID: 1, State: Runnable, OwnerID: 2}, waiting(2, 1)}, "", ""},
		"without numbers": {[]Thread{{Name: "a", State: Blocked}, {Name: "b", State: Blocked}}, "", ""},
	} {
		var deadlocks, contended string
		for _, d := range Deadlocks(tc.threads) {
			for _, thread := range d.Threads {
				deadlocks += thread.Name + " "
			}
			deadlocks += fmt.Sprintf("+%d;", d.Behind)
		}
		for _, c := range Contended(tc.threads) {
			contended += c.Lock
		}
		if deadlocks != tc.deadlocks || contended != tc.contended {
			t.Errorf("%s: deadlocks %q, contended %q", name, deadlocks, contended)
		}
	}
}

func TestThreadsAtOnePlaceAreOneGroup(t *testing.T) {
	threads := dumped(t, "deadlock.json")
	groups := Groups(threads)
	first := groups[0]
	if len(first.Threads) != 3 || first.State != Waiting || first.Threads[0].Name != "Flat Map -> Sink: Print (1/3)#0" {
		t.Errorf("%+v", first)
	}
	n := 0
	for _, g := range groups {
		n += len(g.Threads)
	}
	if n != len(threads) || States(threads)[Blocked] != 3 || groups[1].State != Blocked {
		t.Errorf("%d of %d threads, %v, then %s", n, len(threads), States(threads), groups[1].State)
	}
	if got := Matching(threads, func(text string) bool { return strings.Contains(text, "D.spin") }); len(got) != 1 || got[0].Name != "Source: Events (1/1)#0" {
		t.Errorf("%+v", got)
	}
}

func TestWhoWorks(t *testing.T) {
	at := func(calls ...string) []Thread {
		out := []Thread{{Name: "poll", ID: 1, State: Runnable, Native: true, Frames: []Frame{{Call: "sun.nio.ch.EPoll.wait"}}}}
		for i, call := range calls {
			state := Runnable
			if call == "" {
				state, call = Waiting, "java.lang.Object.wait"
			}
			out = append(out, Thread{Name: fmt.Sprint("w", i), ID: int64(i + 2), State: state, Frames: []Frame{{Call: call, Line: 7}}})
		}
		return out
	}
	got := Busy([][]Thread{at("a.b", ""), at("a.b", "c.d"), at("e.f", ""), at("a.b", "", "late.one")})
	text := ""
	for _, w := range got {
		text += fmt.Sprintf("%s %.2f %v;", w.Name, w.Share(), w.Places)
	}
	if want := "w0 1.00 [{a.b:7 3} {e.f:7 1}];w1 0.25 [{c.d:7 1}];w2 0.25 [{late.one:7 1}];"; text != want {
		t.Errorf("%s", text)
	}
	if got := Busy(nil); len(got) != 0 {
		t.Error(got)
	}
}

func TestFormsOfThreads(t *testing.T) {
	for text, want := range map[string]Thread{
		// JDK 21's own, with a class loader and a native method.
		"\"w\" daemon prio=5 Id=31 RUNNABLE (in native)\n\tat java.base@21/sun.nio.ch.EPoll.wait(Native Method)\n\t...\n\n": {
			ID: 31, State: Runnable, Native: true, Cut: true, Frames: []Frame{{Call: "sun.nio.ch.EPoll.wait"}},
		},
		"\"w\" Id=1 TIMED_WAITING on x.Y@1f (suspended)\n\tat a.B.c(B.java:-2)\n\t-  waiting on x.Y@1f\n": {
			ID: 1, State: TimedWaiting, Lock: "x.Y@1f", Frames: []Frame{{Call: "a.B.c"}},
		},
		// The number of the thread is beyond what fits; JDK 8 has numbers in lambdas.
		"\"w\" Id=99999999999999999999999 RUNNABLE\r\n\tat p.Q$$Lambda$773/605293351.accept(Unknown Source)\r\n": {
			ID: 1<<63 - 1, State: Runnable, Frames: []Frame{{Call: "p.Q$$Lambda.accept"}},
		},
		"\"other\" Id=4 NEW\n": {ID: 4, State: "NEW"},
		"":                     {},
		"nonsense\n\tat \n":    {Frames: []Frame{{}}},
	} {
		want.Name = "w"
		if got := ParseThread("w", text); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%q:\n%+v\n%+v", text, got, want)
		}
	}
}

func TestHugeThreadsAreCut(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	thread := ParseThread(long, `"`+long+`" Id=1 RUNNABLE`+"\n"+strings.Repeat("\tat a.b(C.java:1)\n", 100_000)+strings.Repeat("\t-  locked "+long+"\n", 3)+"\tat "+long+"\n")
	if len(thread.Frames) != maxFrames || !thread.Cut || len(thread.Name) > maxText+3 || thread.ID != 1 {
		t.Errorf("%d frames, %d letters", len(thread.Frames), len(thread.Name))
	}
	for _, lock := range thread.Held {
		if len(lock) > maxText+3 {
			t.Errorf("%d letters", len(lock))
		}
	}
}

func FuzzParseThread(f *testing.F) {
	for _, thread := range dumped(f, "deadlock.json") {
		f.Add(thread.Name, fmt.Sprintf("%q Id=%d %s on %s owned by %q Id=%d\n\tat %s(X.java:1)\n\t-  locked %s\n", thread.Name, thread.ID, thread.State, thread.Lock, thread.Owner, thread.OwnerID, stackKey(thread.Frames), thread.Held))
	}
	f.Fuzz(func(t *testing.T, name, text string) {
		thread := ParseThread(name, text)
		all := []Thread{thread, thread, ParseThread("b", text)}
		if n := len(Groups(all)); n < 1 || n > 3 {
			t.Errorf("%d groups", n)
		}
		for _, d := range Deadlocks(all) {
			if len(d.Threads) < 2 {
				t.Errorf("a deadlock of %d", len(d.Threads))
			}
		}
		if len(thread.Frames) > maxFrames || thread.ID < 0 {
			t.Errorf("%d frames, id %d", len(thread.Frames), thread.ID)
		}
	})
}

func TestThreadsOfTasks(t *testing.T) {
	for name, want := range map[string]string{
		"Source: Events Generator Source (1/2)#0":     "Source: Events Generator Source 0",
		"Legacy Source Thread - Source: x (12/100)#3": "Source: x 11",
		"Flat Map (a) (b/c) -> Sink: Print (2/2)#0":   "Flat Map (a) (b/c) -> Sink: Print 1",
		"flink-pekko.actor.default-dispatcher-16":     "",
		"x (0/1)#0":                    "",
		"x (99999999999999999999/1)#0": "",
		"AsyncOperations-thread-1 for Flat Map (1/2)#0 ": "",
	} {
		got := ""
		if task, ok := (Thread{Name: name}).Task(); ok {
			got = fmt.Sprint(task.Vertex, " ", task.Subtask)
		}
		if got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}
