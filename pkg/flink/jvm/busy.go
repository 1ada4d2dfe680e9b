package jvm

import (
	"cmp"
	"slices"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// waits are calls in which a thread that the JVM calls RUNNABLE waits for the
// operating system, or isn't of the program.
var waits = []string{
	"sun.nio.ch.EPoll.wait", "sun.nio.ch.EPollArrayWrapper.epollWait", "sun.nio.ch.KQueue.poll", "sun.nio.ch.WEPoll.wait",
	"sun.nio.ch.Net.poll", "sun.nio.ch.Net.accept", "sun.nio.ch.ServerSocketChannelImpl.accept0",
	"sun.nio.ch.SocketDispatcher.read0", "java.net.SocketInputStream.socketRead0", "java.net.PlainSocketImpl.socketAccept",
	"java.lang.ref.Reference.waitForReferencePendingList", "java.lang.ref.Reference.tryHandlePending",
	"jdk.internal.misc.Unsafe.park", "sun.misc.Unsafe.park", "java.lang.Object.wait", "java.lang.Object.wait0", "java.lang.Thread.sleep", "java.lang.Thread.sleep0",
	"java.lang.ProcessHandleImpl.waitForProcessExit0", "java.lang.UNIXProcess.waitForProcessExit",
	"sun.management.ThreadImpl.dumpThreads0", "sun.management.ThreadImpl.getThreadInfo1", // who makes the dump
}

// OnCPU reports whether a thread computes, as far as a dump shows: it may also
// wait for a processor, or for a disk.
func (t Thread) OnCPU() bool {
	if t.State != Runnable || len(t.Frames) == 0 {
		return false
	}
	call := t.Frames[0].Call
	// Netty's own polling, under whatever name it is shaded.
	return !slices.Contains(waits, call) && !strings.Contains(call, ".channel.epoll.Native.epollWait") && !strings.Contains(call, ".channel.kqueue.Native.")
}

// Work is how much of the time a thread computes.
type Work struct {
	Name string
	ID   int64
	// Busy of Samples dumps found it computing.
	Busy, Samples int
	// Places are the innermost calls in those, the most frequent first.
	Places []Place
}

// Share is the part of the time, 0 to 1.
func (w Work) Share() float64 {
	if w.Samples == 0 {
		return 0
	}
	return float64(w.Busy) / float64(w.Samples)
}

// Place is a call that a thread was found in.
type Place struct {
	Frame Frame
	Times int
}

// Busy are the threads that computed in dumps of one JVM, the busiest first.
func Busy(dumps [][]Thread) []Work {
	type who struct {
		id   int64
		name string
	}
	type found struct {
		Work
		places map[Frame]int
	}
	all := map[who]*found{}
	for _, dump := range dumps {
		for _, t := range dump {
			key := who{t.ID, t.Name}
			w := all[key]
			if w == nil {
				w = &found{Work: Work{Name: t.Name, ID: t.ID, Samples: len(dumps)}, places: map[Frame]int{}}
				all[key] = w
			}
			if t.OnCPU() {
				w.Busy++
				w.places[t.Frames[0]]++
			}
		}
	}
	out := []Work{}
	for _, w := range all {
		if w.Busy == 0 {
			continue
		}
		for frame, times := range w.places {
			w.Places = append(w.Places, Place{frame, times})
		}
		sorting.By(w.Places, func(a, b Place) int {
			return cmp.Or(cmp.Compare(b.Times, a.Times), cmp.Compare(a.Frame.String(), b.Frame.String()))
		})
		out = append(out, w.Work)
	}
	sorting.By(out, func(a, b Work) int {
		return cmp.Or(cmp.Compare(b.Busy, a.Busy), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return out
}
