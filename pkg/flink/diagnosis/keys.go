package diagnosis

import (
	"bufio"
	"bytes"
	"compress/gzip"
	_ "embed"
	"strings"
	"sync"
)

// configKeys are the options of Flink 1.20 and 2.3 and of operator 1.16, as
// their own classes declare them: a line with a namespace ("." is none), and below
// it the keys in it, each with the kind of its value, the major versions that
// read it, and what it is called now. They are packed, which keeps 43 kB out of the
// binary: gzip -9nk configkeys.tsv.
//
//go:embed configkeys.tsv.gz
var configKeys []byte

// knownKey is a configuration key.
type knownKey struct {
	// kind is bool, int, float, duration, memory, map, list, string or
	// enum:A,B.
	kind string
	// one and two say whether Flink 1.x and 2.x read it.
	one, two bool
	// now is its new name, instead what to use in place of one that is gone.
	now, instead string
}

// keys are all known keys; prefixes are those that take others below them.
var keys = sync.OnceValues(func() (all map[string]knownKey, prefixes map[string]bool) {
	all, prefixes = map[string]knownKey{}, map[string]bool{}
	namespace := ""
	unpacked, err := gzip.NewReader(bytes.NewReader(configKeys))
	if err != nil {
		return all, prefixes // a test holds the file against its source
	}
	for lines := bufio.NewScanner(unpacked); lines.Scan(); {
		line, below := strings.CutPrefix(lines.Text(), "\t")
		if !below {
			namespace = strings.TrimPrefix(line, ".")
			continue
		}
		fields := strings.Split(line, "\t")
		if len(fields) < 3 {
			continue
		}
		k := knownKey{kind: fields[1], one: strings.Contains(fields[2], "1"), two: strings.Contains(fields[2], "2")}
		if len(fields) > 3 {
			if instead, gone := strings.CutPrefix(fields[3], "!"); gone {
				k.instead = instead
			} else {
				k.now = fields[3]
			}
		}
		key := namespace + fields[0]
		all[key] = k
		if k.kind == "map" {
			prefixes[key] = true
		}
	}
	return all, prefixes
})

// open are namespaces in which connectors, reporters, filesystems and users
// have keys of their own.
var open = []string{
	"metrics.", "traces.", "events.", "containerized.", "flink.hadoop.", "hadoop.", "s3.", "s3a.", "s3p.", "fs.", "gs.", "oss.", "azure.", "python.", "sql-",
	"external-resource.", "security.delegation.token", "security.module", "security.context", "job-status-changed-listeners", "yarn.", "internal.", "$internal.", "web.tmpdir.",
	"kubernetes.operator.metrics.", "kubernetes.operator.plugins.", "kubernetes.operator.default-configuration.", "kubernetes.decorator",
}

// closed are namespaces that are Flink's or the operator's alone.
var closed = []string{"taskmanager.", "jobmanager.", "execution.", "kubernetes.", "job.autoscaler.", "parallelism.", "heartbeat.", "slot.", "task.", "resourcemanager.", "pekko.", "akka."}

// isKnown reports whether a key is one of Flink's, or below one that takes
// others.
func isKnown(key string) bool {
	all, prefixes := keys()
	if _, ok := all[key]; ok {
		return true
	}
	for i := strings.LastIndexByte(key, '.'); i > 0; i = strings.LastIndexByte(key[:i], '.') {
		if prefixes[key[:i]] {
			return true
		}
	}
	return false
}

func inAny(key string, namespaces []string) bool {
	for _, n := range namespaces {
		if strings.HasPrefix(key, n) {
			return true
		}
	}
	return false
}

// nearestKey is the real key that a misspelt one is nearest to; "" where none
// is near enough to be meant.
func nearestKey(key string) string {
	all, _ := keys()
	folded := fold(key)
	limit := min(max(len(key)/8, 1), 3)
	best, distance := "", limit+1
	for known := range all {
		if fold(known) == folded {
			return known // spelled with other dashes, dots or capitals
		}
		if len(known) > len(key)+limit || len(known) < len(key)-limit {
			continue
		}
		if d := editDistance(key, known, distance+1); d < distance || d == distance && d <= limit && (best == "" || known < best) {
			best, distance = known, d
		}
	}
	return best
}

var folder = strings.NewReplacer("-", "", ".", "", "_", "")

func fold(key string) string { return strings.ToLower(folder.Replace(key)) }

// editDistance is how many letters have to be changed, added, left out or
// swapped; at least limit where it is that many or more.
func editDistance(a, b string, limit int) int {
	previous, before := make([]int, len(b)+1), make([]int, len(b)+1)
	row := make([]int, len(b)+1)
	for k := range previous {
		previous[k] = k
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		least := i
		for k := 1; k <= len(b); k++ {
			cost := 1
			if a[i-1] == b[k-1] {
				cost = 0
			}
			row[k] = min(previous[k]+1, row[k-1]+1, previous[k-1]+cost)
			if i > 1 && k > 1 && a[i-1] == b[k-2] && a[i-2] == b[k-1] {
				row[k] = min(row[k], before[k-2]+1)
			}
			least = min(least, row[k])
		}
		if least > limit {
			return limit
		}
		before, previous, row = previous, row, before
	}
	return previous[len(b)]
}
