package jvm

import (
	"os/exec"
	"strings"
	"testing"
)

const histogram = `26887:
 num     #instances         #bytes  class name (module)
-------------------------------------------------------
   1:         17270         575360  [B (java.base@17.0.15)
   2:         17185         412440  java.lang.String (java.base@17.0.15)
   3:            12            384  [[Ljava.lang.Object; (java.base@17.0.15)
   4:             1             16  org.example.Job$$Lambda$1/0x000000
Total         34468         988200
`

func TestParseHistogram(t *testing.T) {
	h, ok := ParseHistogram(histogram)
	if !ok || h.Instances != 34468 || h.Bytes != 988200 || len(h.Classes) != 4 {
		t.Fatalf("%v: %+v", ok, h)
	}
	for i, want := range []Class{{"byte[]", 17270, 575360}, {"java.lang.String", 17185, 412440}, {"java.lang.Object[][]", 12, 384}, {"org.example.Job$$Lambda$1/0x000000", 1, 16}} {
		if h.Classes[i] != want {
			t.Errorf("%+v, want %+v", h.Classes[i], want)
		}
	}
	cut, _, _ := strings.Cut(histogram, "Total")
	for name, text := range map[string]string{
		"nothing": "", "cut": cut, "an error": "26887:\ncom.sun.tools.attach.AttachNotSupportedException: x\n",
		"a long line": strings.Repeat("x", 2<<20) + "\n" + histogram, "numbers that are too large": "   1:  99999999999999999999  1  a\nTotal 1 1\n",
	} {
		if h, ok := ParseHistogram(text); ok {
			t.Errorf("%s is a histogram: %+v", name, h)
		}
	}
}

func TestClassName(t *testing.T) {
	for text, want := range map[string]string{
		"[B (java.base@17.0.15)": "byte[]", "[[J": "long[][]", "[Ljava.util.HashMap$Node;": "java.util.HashMap$Node[]",
		"a.B": "a.B", "": "", "[": "[", "[X": "[X", "[Lopen": "[Lopen", "B": "B",
	} {
		if got := ClassName(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// The lines of OpenJDK 17's collectors.
func TestHeapUsed(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want int64
	}{
		"G1":         {"1:\n garbage-first heap   total 131072K, used 2026K [0x1, 0x2)\n  region size 1024K, 2 young (2048K), 0 survivors (0K)\n Metaspace       used 171K, committed 384K\n  class space    used 6K, committed 128K\n", 2026 << 10},
		"Serial":     {" def new generation   total 137664K, used 13081K [0x1)\n  eden space 122432K,   7% used [0x1)\n tenured generation   total 305856K, used 43696K [0x1)\n   the space 305856K,  14% used [0x1)\n Metaspace       used 86556K\n", (13081 + 43696) << 10},
		"Parallel":   {" PSYoungGen      total 38400K, used 1997K [0x1)\n  eden space 33280K, 6% used [0x1)\n ParOldGen       total 87552K, used 10K [0x1)\n", 2007 << 10},
		"ZGC":        {" ZHeap           used 6M, capacity 128M, max capacity 128M\n Metaspace       used 219K\n", 6 << 20},
		"Shenandoah": {"Shenandoah Heap\n 128M max, 128M soft max, 128M committed, 2304K used\n 512 x 256K regions\n", 2304 << 10},
	} {
		if got, ok := HeapUsed(tc.text); !ok || got != tc.want {
			t.Errorf("%s: %d, %v, want %d", name, got, ok, tc.want)
		}
	}
	for _, text := range []string{"", "1:\njava.io.IOException: No such process\n", " x used 99999999999999999999K\n", " x used 9223372036854775807G\n"} {
		if got, ok := HeapUsed(text); ok {
			t.Errorf("%q: %d", text, got)
		}
	}
}

func TestDumpMade(t *testing.T) {
	if made, _ := DumpMade("1:\nDumping heap to /tmp/d.hprof ...\nHeap dump file created [4062334 bytes in 0.015 secs]\n"); !made {
		t.Error("it was made")
	}
	for text, want := range map[string]string{
		"1:\nDumping heap to /tmp/d.hprof ...\nUnable to create /tmp/d.hprof: File exists\n": "Unable to create /tmp/d.hprof: File exists",
		"1:\nNo space left on device\nmore\n":                                                "No space left on device", "": "",
	} {
		if made, why := DumpMade(text); made || why != want {
			t.Errorf("%q: %v, %q", text, made, why)
		}
	}
}

func TestAttachRefused(t *testing.T) {
	for text, want := range map[string]string{
		"1:\ncom.sun.tools.attach.AttachNotSupportedException: Unable to open socket file /tmp/.java_pid1: target process 1 doesn't respond within 10500ms or HotSpot VM not loaded\n": "DisableAttachMechanism",
		"1:\njava.io.IOException: Operation not permitted\n": "another user", "1:\njava.io.IOException: No such process\n": "it has ended",
		"1:\ncom.sun.tools.attach.AttachNotSupportedException: other\n": "attaching failed",
	} {
		if got := AttachRefused(text); !strings.Contains(got, want) {
			t.Errorf("%q: %q", text, got)
		}
	}
	if got := AttachRefused(histogram); got != "" {
		t.Error(got)
	}
}

func TestParseFound(t *testing.T) {
	found, room, err := ParseFound("jvm 1 9999 9998 org.apache.flink.runtime.taskexecutor.TaskManagerRunner yes 17.0.15\njvm 7 0 0 org.apache.flink.A no -\nnoise\nroom 2048 ext2/ext3\n")
	if err != nil || len(found) != 2 || found[0] != (Found{PID: 1, UID: 9999, GID: 9998, Class: "org.apache.flink.runtime.taskexecutor.TaskManagerRunner", Version: "17.0.15"}) ||
		!found[1].NoAttach || found[1].Version != "" || room != (Room{Free: 2 << 20}) {
		t.Errorf("%+v, %+v, %v", found, room, err)
	}
	if _, room, err := ParseFound("room 1 tmpfs\n"); err != nil || !room.Memory {
		t.Error(room, err)
	}
	for _, text := range []string{"jvm x 1 1 c yes -\n", "jvm 1 -1 1 c yes -\n", "room x ext4\n", "room -1 ext4\n", "room 99999999999999999 ext4\n"} {
		if found, room, err := ParseFound(text); err == nil {
			t.Errorf("%q: %+v, %+v", text, found, room)
		}
	}
}

// The script runs in any shell, and what it prints is read.
func TestFindScript(t *testing.T) {
	out, err := exec.Command("sh", "-c", FindScript).Output()
	if err != nil {
		t.Skip("no shell that can: ", err)
	}
	if _, room, err := ParseFound(string(out)); err != nil || room.Free <= 0 {
		t.Errorf("%+v, %v of %s", room, err, out)
	}
}
