package jvm

import (
	"bufio"
	"regexp"
	"strconv"
	"strings"
)

// Class is one class of a Histogram: how many objects of it are in the heap, and
// how many bytes they take without what they refer to.
type Class struct {
	Name      string `json:"class"`
	Instances int64  `json:"instances"`
	Bytes     int64  `json:"bytes"`
}

// Histogram is what is in a heap, by class, the largest first.
type Histogram struct {
	Classes   []Class
	Instances int64
	Bytes     int64
}

// maxClasses bounds a Histogram; a large job loads some tens of thousands.
const maxClasses = 200_000

// histogramLine is a line as "   1:   17270   575360  [B (java.base@17.0.15)".
var histogramLine = regexp.MustCompile(`^\s*\d+:\s+(\d+)\s+(\d+)\s+(\S.*)$`)

// ParseHistogram reads what jcmd prints for GC.class_histogram. ok is false where
// that is no histogram, or isn't whole.
func ParseHistogram(text string) (h Histogram, ok bool) {
	lines := bufio.NewScanner(strings.NewReader(text))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if found := histogramLine.FindStringSubmatch(line); found != nil && len(h.Classes) < maxClasses {
			instances, err1 := strconv.ParseInt(found[1], 10, 64)
			bytes, err2 := strconv.ParseInt(found[2], 10, 64)
			if err1 == nil && err2 == nil {
				h.Classes = append(h.Classes, Class{Name: ClassName(found[3]), Instances: instances, Bytes: bytes})
			}
			continue
		}
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "Total" {
			instances, err1 := strconv.ParseInt(fields[1], 10, 64)
			bytes, err2 := strconv.ParseInt(fields[2], 10, 64)
			if err1 == nil && err2 == nil {
				h.Instances, h.Bytes = instances, bytes
				return h, len(h.Classes) > 0
			}
		}
	}
	return h, false
}

// primitives are the types that arrays have letters for.
var primitives = map[byte]string{
	'B': "byte", 'C': "char", 'D': "double", 'F': "float", 'I': "int", 'J': "long", 'S': "short", 'Z': "boolean",
}

// ClassName is a class as it is written in Java: byte[] for [B. The module, which
// the JVM names behind it, is left out.
func ClassName(text string) string {
	name := text
	if i := strings.LastIndex(text, " ("); i > 0 && strings.HasSuffix(text, ")") {
		name = text[:i]
	}
	element := strings.TrimLeft(name, "[")
	depth := len(name) - len(element)
	if depth == 0 || element == "" {
		return name
	}
	if primitive, ok := primitives[element[0]]; ok && len(element) == 1 {
		element = primitive
	} else if strings.HasPrefix(element, "L") && strings.HasSuffix(element, ";") {
		element = element[1 : len(element)-1]
	} else {
		return name
	}
	return element + strings.Repeat("[]", depth)
}

// heapUsed is how a garbage collector says what is used of its part of the heap:
// "total 131072K, used 2026K", "ZHeap           used 6M," or "2304K used".
var heapUsed = regexp.MustCompile(`(?:\bused (\d+)([BKMG])\b|\b(\d+)([BKMG]) used\b)`)

// HeapUsed reads what jcmd prints for GC.heap_info: how many bytes of the heap are
// used, garbage included. ok is false where it says no number.
func HeapUsed(text string) (used int64, ok bool) {
	units := map[string]int64{"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		if strings.HasPrefix(trimmed, "Metaspace") || strings.HasPrefix(trimmed, "class space") {
			continue
		}
		found := heapUsed.FindStringSubmatch(trimmed)
		if found == nil {
			continue
		}
		n, err := strconv.ParseInt(found[1]+found[3], 10, 64)
		unit := units[found[2]+found[4]]
		if err != nil || n > 1<<62/unit {
			continue
		}
		used += n * unit
		ok = true
	}
	return used, ok
}

// DumpMade reports whether jcmd's answer to GC.heap_dump says that the file was
// written; else why is the JVM's reason, "" where it says none.
func DumpMade(text string) (made bool, why string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "Heap dump file created"):
			return true, ""
		case line == "", strings.HasSuffix(line, ":") && !strings.Contains(line, " "), strings.HasPrefix(line, "Dumping heap to"):
		case why == "":
			why = line
		}
	}
	return false, why
}

// AttachRefused is why a JVM didn't let jcmd in, in words; "" where jcmd's answer
// says nothing of the kind.
func AttachRefused(text string) string {
	switch {
	case strings.Contains(text, "doesn't respond within"), strings.Contains(text, "Unable to open socket file"):
		return "it doesn't answer: attaching is switched off (-XX:+DisableAttachMechanism), it hangs, or its /tmp can't be written to"
	case strings.Contains(text, "Operation not permitted"), strings.Contains(text, "Permission denied"), strings.Contains(text, "file owner"), strings.Contains(text, "is not secure"):
		return "it runs as another user than the container with the JDK, or a security module of the node keeps processes apart"
	case strings.Contains(text, "No such process"):
		return "it has ended"
	case strings.Contains(text, "AttachNotSupportedException"), strings.Contains(text, "AttachOperationFailedException"):
		return "attaching failed"
	}
	return ""
}

// Found is a Java process of Flink's, as FindScript prints it.
type Found struct {
	PID, UID, GID int
	// Class is the entry point.
	Class string
	// Version is Java's, "" where it isn't known.
	Version string
	// NoAttach says that -XX:+DisableAttachMechanism is set.
	NoAttach bool
}

// Room is where a dump would be written.
type Room struct {
	// Free is in bytes.
	Free int64
	// Memory says that the directory is in memory.
	Memory bool
}

// FindScript is a shell script that prints Flink's Java processes and the room in
// /tmp. Of command lines, which may have secrets, it prints the entry point alone.
const FindScript = `
for d in /proc/[0-9]*; do
  [ "$(cat "$d/comm" 2>/dev/null)" = java ] || continue
  class=$(tr '\0' '\n' <"$d/cmdline" 2>/dev/null | grep -E '^org\.apache\.flink\.[A-Za-z0-9_.]*(Entry[pP]oint|TaskExecutorRunner|TaskManagerRunner)$' | head -n 1)
  [ "$class" ] || continue
  attach=yes
  if tr '\0' '\n' <"$d/cmdline" | grep -q '^-XX:+DisableAttachMechanism$'; then attach=no; fi
  uid= gid=
  while read -r key real effective rest; do
    case $key in
      Uid:) uid=$effective ;;
      Gid:) gid=$effective ;;
    esac
  done <"$d/status"
  exe=$(readlink "$d/exe" 2>/dev/null)
  version=$(grep -h '^JAVA_VERSION=' "${exe%/bin/java}/release" "${exe%/jre/bin/java}/release" 2>/dev/null | head -n 1 | tr -d 'A-Za-z_="')
  echo "jvm ${d#/proc/} $uid $gid $class $attach ${version:--}"
done
echo "room $(df -P -k /tmp | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4) $(stat -f -c %T /tmp 2>/dev/null || echo -)"
`

// ParseFound reads what FindScript prints.
func ParseFound(text string) (found []Found, room Room, err error) {
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 7 && fields[0] == "jvm":
			var numbers [3]int
			for i := range numbers {
				if numbers[i], err = strconv.Atoi(fields[i+1]); err != nil || numbers[i] < 0 {
					return nil, room, &strconv.NumError{Func: "read a process", Num: fields[i+1], Err: strconv.ErrSyntax}
				}
			}
			version := fields[6]
			if version == "-" {
				version = ""
			}
			found = append(found, Found{PID: numbers[0], UID: numbers[1], GID: numbers[2], Class: fields[4], NoAttach: fields[5] == "no", Version: version})
		case len(fields) == 3 && fields[0] == "room":
			kib, err := strconv.ParseInt(fields[1], 10, 64)
			if err != nil || kib < 0 || kib > 1<<52 {
				return nil, room, &strconv.NumError{Func: "read the room in /tmp", Num: fields[1], Err: strconv.ErrSyntax}
			}
			room = Room{Free: kib << 10, Memory: fields[2] == "tmpfs" || fields[2] == "ramfs"}
		}
	}
	return found, room, nil
}
