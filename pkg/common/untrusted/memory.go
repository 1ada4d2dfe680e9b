package untrusted

import (
	"bytes"
	"context"
	"fmt"
	"runtime"
	"runtime/metrics"
)

const (
	// MaxNeeded bounds how much memory one answer may need when it is decoded, in
	// bytes, as Needed has it.
	MaxNeeded = 48 << 20
	// maxLive bounds what is in memory when another large answer is taken in, in
	// bytes.
	maxLive = 144 << 20
)

// What JSON takes in memory, in bytes: the least of a map or a struct, and of a
// value that is one of several.
const (
	objectSize = 512
	valueSize  = 48
)

// Needed estimates how much memory JSON needs when it is decoded, in bytes: two
// characters may become a thousand bytes. Pieces of a text may be given one by one.
func Needed(text []byte) int64 {
	return 2*int64(len(text)) + objectSize*int64(bytes.Count(text, []byte{'{'})) + valueSize*int64(bytes.Count(text, []byte{'['})+bytes.Count(text, []byte{','}))
}

// MemoryError is an answer for which there is no room beside what is in memory.
type MemoryError struct {
	// Limit is in bytes.
	Limit uint64
}

func (e *MemoryError) Error() string {
	return fmt.Sprintf("what servers answered takes more than %d MiB of memory together: select less with -l, -n or --limit where the command has them", e.Limit>>20)
}

// Room holds the turn of one large answer. Answers that come at the same time are
// read and decoded one after another where they are large. Its zero value is
// ready; it is for one goroutine at a time.
type Room struct{ taken bool }

// Take waits until no other large answer is being read. It fails where what is in
// memory already leaves no room.
func (r *Room) Take(ctx context.Context) error {
	if r.taken {
		return nil
	}
	select {
	case largeAnswer <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	r.taken = true
	if inUse("/memory/classes/heap/objects:bytes") > maxLive {
		runtime.GC()
		if inUse("/gc/heap/live:bytes") > maxLive {
			r.Leave()
			return &MemoryError{Limit: maxLive}
		}
	}
	return nil
}

// Leave lets the next one take its turn.
func (r *Room) Leave() {
	if r.taken {
		r.taken = false
		<-largeAnswer
	}
}

// inUse is a number of bytes of the runtime.
func inUse(name string) uint64 {
	sample := []metrics.Sample{{Name: name}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

type sentinel struct{ more func() }

// WatchMemory calls exceeded, with the bytes that are in use, after each
// collection of garbage that left more than limit in use. It costs nothing between
// them.
func WatchMemory(limit uint64, exceeded func(inUse uint64)) {
	s := &sentinel{}
	s.more = func() {
		if live := inUse("/gc/heap/live:bytes"); live > limit {
			exceeded(live)
		}
	}
	runtime.SetFinalizer(s, again)
}

func again(s *sentinel) {
	s.more()
	runtime.SetFinalizer(s, again)
}
