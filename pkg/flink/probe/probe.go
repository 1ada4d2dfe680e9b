// Package probe tries a job's directories of state from inside the cluster,
// through Flink's own file systems: it has the program that does it, the command
// that runs it in a container of the job's image, and reads what it says.
//
// The program is Java, because plugins and credentials are only real there; its
// source is java/StateProbe.java, and `make probe` builds the class beside it.
// Flink's images have no compiler, and `go install` has none either, so the class
// is in the repository as built.
package probe

import (
	"bufio"
	_ "embed" // the program
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"
)

//go:embed java/StateProbe.class
var class []byte

// The steps of a probe, in their order.
const (
	Open   = "open"
	Write  = "write"
	Read   = "read"
	List   = "list"
	Delete = "delete"
)

// Steps are all steps.
var Steps = []string{Open, Write, Read, List, Delete}

// StepLimit bounds a step; the program then goes on with the next directory.
const StepLimit = 40 * time.Second

// Room is the directory, a volume of the container, that the program may use, and
// Ready the file in it that tells that the container's entry point is through:
// that puts plugins in place.
const (
	Room  = "/tmp/kubectl-flink-probe"
	Ready = Room + "/ready"
)

// script runs the program: $1 is it, $2 what Java gets besides, and the rest its
// arguments. Settings come on standard input, so that no list of processes shows
// them.
const script = `room=$1; ready=$2; class=$3; opts=$4; shift 4
n=0; while [ ! -e "$ready" ] && [ "$n" -lt 300 ]; do n=$((n+1)); sleep 0.1; done
cd "${FLINK_HOME:=/opt/flink}"
export FLINK_HOME FLINK_PLUGINS_DIR="${FLINK_PLUGINS_DIR:-$FLINK_HOME/plugins}"
unset FLINK_CONF_DIR
printf %s "$class" | base64 -d > "$room/StateProbe.class"
java=java; if [ -n "$JAVA_HOME" ] && [ -x "$JAVA_HOME/bin/java" ]; then java=$JAVA_HOME/bin/java; fi
exec "$java" -Xmx192m $opts -cp "$room:${FLINK_LIB_DIR:-$FLINK_HOME/lib}/*:$HADOOP_CLASSPATH" StateProbe "$@"`

// Command is what is run in the container for directories; name is that of the
// file that is written there.
func Command(name string, config map[string]string, dirs []string) []string {
	args := []string{"sh", "-ec", script, "sh", Room, Ready, base64.StdEncoding.EncodeToString(class), javaOptions(config), name, fmt.Sprint(int(StepLimit.Seconds()))}
	return append(args, dirs...)
}

// javaOptions are those of a job's options for Java that open modules: without
// them some file systems can't be loaded.
func javaOptions(config map[string]string) string {
	var out []string
	for _, key := range []string{"env.java.opts.all", "env.java.opts.jobmanager"} {
		for word := range strings.FieldsSeq(strings.Trim(config[key], `"`)) {
			if (strings.HasPrefix(word, "--add-opens=") || strings.HasPrefix(word, "--add-exports=")) && !strings.ContainsAny(word, `*?[]"'\`) && !slices.Contains(out, word) {
				out = append(out, word)
			}
		}
	}
	return strings.Join(out, " ")
}

// fewTries keep a store that doesn't answer from being asked for minutes. What a
// job sets itself stays.
var fewTries = map[string]string{
	"s3.attempts.maximum": "2", "s3.retry.limit": "1", "s3.connection.establish.timeout": "8000", "s3.connection.timeout": "12000",
	"s3.max-client-retries": "1", "s3.max-error-retries": "1", "s3.max-retry-time": "15s", "s3.connect-timeout": "8s", "s3.socket-timeout": "12s",
}

// Input are the settings for the program's standard input.
func Input(config map[string]string) io.Reader {
	all := maps.Clone(fewTries)
	maps.Copy(all, config)
	keys := make([]string, 0, len(all))
	for key := range all {
		if !strings.ContainsAny(key+all[key], "\n\r") && !strings.Contains(key, "=") {
			keys = append(keys, key)
		}
	}
	sort.Strings(keys)
	var out strings.Builder
	for _, key := range keys {
		out.WriteString(key + "=" + all[key] + "\n")
	}
	out.WriteString("\n")
	return strings.NewReader(out.String())
}

// Outcome is how a step went.
type Outcome struct {
	Dir  string
	Step string
	// OK says that it went well, TimedOut that it didn't end.
	OK       bool
	TimedOut bool
	// Trace is the exception of a step that failed.
	Trace string
}

const mark = "kubectl-flink-probe"

// mostLine is in bytes: a step's exception is at most 32 KiB, times four thirds.
const mostLine = 256 << 10

// ReadOutcomes reads what the program said. whole is false where it ended early.
func ReadOutcomes(in io.Reader) (out []Outcome, whole bool) {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, mostLine)
	for lines.Scan() {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) != 5 || parts[0] != mark {
			continue
		}
		var text [4]string
		good := true
		for n, part := range parts[1:] {
			data, err := base64.StdEncoding.DecodeString(part)
			text[n], good = string(data), good && err == nil
		}
		switch {
		case !good:
		case text[1] == "end":
			return out, true
		case slices.Contains(Steps, text[1]):
			out = append(out, Outcome{Dir: text[0], Step: text[1], OK: text[2] == "ok", TimedOut: text[2] == "timeout", Trace: text[3]})
		}
	}
	return out, false
}
