// Package probe finds out from inside the cluster what only Flink itself can tell:
// StateProbe tries a job's directories of state through Flink's own file systems,
// GraphProbe makes a job's graph. The package has the programs, the commands that run
// them in a container of the job's image, and reads what they say.
//
// The programs are Java, because plugins, credentials and the job's own code are only
// real there; their sources are in java, and `make probe` builds the classes beside
// them. Flink's images have no compiler, and `go install` has none either, so the
// classes are in the repository as built.
package probe

import (
	"bufio"
	_ "embed" // the programs
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

//go:embed java/StateProbe.class
var stateProbe []byte

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
// Ready the file in it that says that the container's entry point is through:
// that puts plugins in place.
const (
	Room  = "/tmp/kubectl-flink-probe"
	Ready = Room + "/ready"
)

// script runs a program: its name, itself, what Java gets besides, and its arguments.
// Settings come on standard input, so that no list of processes shows them.
const script = `room=$1; ready=$2; name=$3; class=$4; opts=$5; shift 5
n=0; while [ ! -e "$ready" ] && [ "$n" -lt 300 ]; do n=$((n+1)); sleep 0.1; done
cd "${FLINK_HOME:=/opt/flink}"
export FLINK_HOME FLINK_PLUGINS_DIR="${FLINK_PLUGINS_DIR:-$FLINK_HOME/plugins}" FLINK_OPT_DIR="${FLINK_OPT_DIR:-$FLINK_HOME/opt}"
unset FLINK_CONF_DIR
printf %s "$class" | base64 -d > "$room/$name.class"
java=java; if [ -n "$JAVA_HOME" ] && [ -x "$JAVA_HOME/bin/java" ]; then java=$JAVA_HOME/bin/java; fi
exec "$java" $opts -cp "$room:${FLINK_LIB_DIR:-$FLINK_HOME/lib}/*:$HADOOP_CLASSPATH" "$name" "$@"`

// command is what is run in the container for a program.
func command(name string, class []byte, options string, args ...string) []string {
	return append([]string{"sh", "-ec", script, "sh", Room, Ready, name, base64.StdEncoding.EncodeToString(class), options}, args...)
}

// Command is what is run in the container for directories; name is that of the
// file that is written there, component whose options for Java count: "jobmanager"
// or "taskmanager".
func Command(name string, config map[string]string, component string, dirs []string) []string {
	args := append([]string{name, fmt.Sprint(int(StepLimit.Seconds()))}, dirs...)
	return command("StateProbe", stateProbe, strings.TrimSpace("-Xmx192m "+javaOptions(config, component)), args...)
}

// OptionsDiffer reports whether Java gets other options in a TaskManager than in a
// JobManager, of those that Command passes on.
func OptionsDiffer(config map[string]string) bool {
	return javaOptions(config, "jobmanager") != javaOptions(config, "taskmanager")
}

// javaOptions are those of a component's options for Java that open modules: without
// them some file systems can't be loaded.
func javaOptions(config map[string]string, component string) string {
	var out []string
	for _, key := range []string{"env.java.opts.all", "env.java.opts." + component} {
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
	return strings.NewReader(settings(all))
}

// settings are a line each, up to an empty one.
func settings(config map[string]string) string {
	var out strings.Builder
	for _, key := range slices.Sorted(maps.Keys(config)) {
		if value := config[key]; !strings.ContainsAny(key+value, "\n\r") && !strings.Contains(key, "=") {
			out.WriteString(key + "=" + value + "\n")
		}
	}
	return out.String() + "\n"
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
	for parts := range said(in, mark) {
		switch {
		case len(parts) != 4:
		case parts[1] == "end":
			return out, true
		case slices.Contains(Steps, parts[1]):
			out = append(out, Outcome{Dir: parts[0], Step: parts[1], OK: parts[2] == "ok", TimedOut: parts[2] == "timeout", Trace: parts[3]})
		}
	}
	return out, false
}

// said are the lines that a program marked, taken apart. Other lines are of what
// runs beside it.
func said(in io.Reader, mark string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		lines := bufio.NewScanner(in)
		lines.Buffer(nil, mostLine)
		for lines.Scan() {
			parts := strings.Split(lines.Text(), "\t")
			if parts[0] != mark {
				continue
			}
			good := true
			for n, part := range parts[1:] {
				data, err := base64.StdEncoding.DecodeString(part)
				parts[n+1], good = string(data), good && err == nil
			}
			if good && !yield(parts[1:]) {
				return
			}
		}
	}
}
