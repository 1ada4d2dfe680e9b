package untrusted

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

func TestNeeded(t *testing.T) {
	// A page of 500 jobs has some 5 MiB, 60 objects and 350 values each.
	job := `{"a":"` + strings.Repeat("x", 5000) + `"` + strings.Repeat(`,"k":{"a":"b","c":"d"}`, 59) + strings.Repeat(`,"k":"v"`, 200) + "}"
	if needed := Needed([]byte(strings.Repeat(job, 500))); needed > MaxNeeded {
		t.Errorf("a page of 500 jobs would need %d MiB", needed>>20)
	}
	for _, text := range []string{"{},", "[],", "1,", `"a",`} {
		if needed := Needed([]byte(strings.Repeat(text, 6<<20/len(text)))); needed <= MaxNeeded {
			t.Errorf("%s needs %d MiB", text, needed>>20)
		}
	}
}

func TestNeededOfProtobuf(t *testing.T) {
	// A pod has some 150 fields, most of which are texts.
	container := "\x12\x50" + strings.Repeat("\x0a\x06/a/b/c", 10)
	pod := "\x0a\x40" + strings.Repeat("\x0a\x06abcdef", 8) + strings.Repeat(container, 3) + strings.Repeat("\x1a\x00", 1)
	item := "\x12" + string([]byte{byte(len(pod)&0x7f | 0x80), byte(len(pod) >> 7)}) + pod
	if needed := NeededOfProtobuf([]byte(strings.Repeat(item, 500)), MaxNeeded); needed > MaxNeeded {
		t.Errorf("500 pods would need %d MiB", needed>>20)
	}
	for name, list := range map[string]string{
		"empty pods": strings.Repeat("\x12\x00", 100_000), "pods with unknown fields": strings.Repeat("\x12\x02\x78\x01", 100_000),
		"empty containers": "\x12\xc0\x9a\x0c" + strings.Repeat("\x12\x00", 100_000),
	} {
		if needed := NeededOfProtobuf([]byte(list), MaxNeeded); needed <= MaxNeeded {
			t.Errorf("%s need %d MiB", name, needed>>20)
		}
	}
	for _, garbage := range []string{"", "\x00", "\xff\xff\xff", "\x12\xff\xff\xff\xff\x0f", "\x12", "\x0b"} {
		NeededOfProtobuf([]byte(garbage), MaxNeeded) // no panic
	}
}

func TestRoomIsForOne(t *testing.T) {
	var one, other Room
	if err := one.Take(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := one.Take(context.Background()); err != nil {
		t.Errorf("again: %v", err)
	}
	gone := errors.New("gone")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(gone)
	if err := other.Take(ctx); !errors.Is(err, gone) {
		t.Errorf("the other's turn: %v", err)
	}
	one.Leave()
	one.Leave()
	if err := other.Take(context.Background()); err != nil {
		t.Error(err)
	}
	other.Leave()
	kept := make([][]byte, 0, 200)
	for range cap(kept) {
		kept = append(kept, make([]byte, 1<<20))
	}
	var full *MemoryError
	if err := one.Take(context.Background()); !errors.As(err, &full) {
		t.Errorf("with %d MiB in memory: %v", len(kept), err)
	}
	runtime.KeepAlive(kept)
}

func TestMemoryIsWatched(t *testing.T) {
	var told atomic.Int64
	WatchMemory(0, func(uint64) { told.Add(1) })
	for deadline := time.Now().Add(20 * time.Second); told.Load() < 2; {
		runtime.GC()
		runtime.Gosched()
		if time.Now().After(deadline) {
			t.Fatalf("told %d times", told.Load())
		}
	}
}
