package probe

import (
	_ "embed" // the program
	"encoding/base64"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed java/GraphProbe.class
var graphProbe []byte

// GraphLimit bounds how long a job's main method may take.
const GraphLimit = 2 * time.Minute

// GraphMemory and GraphRoom are what the program needs in bytes: memory for Flink's
// planner, and a place for the planner's and the job's jars.
const (
	GraphMemory = 1280 << 20
	GraphRoom   = 3 << 30
)

// Program is the job of which a graph is made.
type Program struct {
	// Jar is its address; "" where the class is in Flink's library directory.
	Jar string
	// Class has the main method; "" for the one that the jar names.
	Class       string
	Parallelism int
	Args        []string
	// Files are written first: their content by path.
	Files map[string]string
}

// GraphCommand is what is run in the container.
func GraphCommand(config map[string]string) []string {
	options := "-Xmx640m -Djava.io.tmpdir=" + Room + " " + javaOptions(config, "jobmanager")
	return command("GraphProbe", graphProbe, strings.TrimSpace(options), Room, fmt.Sprint(int(GraphLimit.Seconds())))
}

// GraphInput is the program's standard input.
func GraphInput(config map[string]string, p Program) io.Reader {
	text := settings(config)
	lines := []string{p.Jar, p.Class, strconv.Itoa(max(p.Parallelism, 1)), strconv.Itoa(len(p.Files))}
	for _, path := range slices.Sorted(maps.Keys(p.Files)) {
		lines = append(lines, path, p.Files[path])
	}
	for _, line := range append(lines, p.Args...) {
		text += base64.StdEncoding.EncodeToString([]byte(line)) + "\n"
	}
	return strings.NewReader(text)
}

// Operator is one of a graph.
type Operator struct {
	// ID is made of the operator's uid, or of the graph; UserID is a hash that the
	// program sets itself, "" for none. Flink finds state by either. Both are 32
	// hexadecimal digits.
	ID, UserID string
	// Name and UID are the operator's; "" where this Flink doesn't say.
	Name, UID string
	// Vertex is the name of the vertex that it is in.
	Vertex      string
	Parallelism int
	// MaxParallelism is what the program sets; -1 where it doesn't.
	MaxParallelism int
}

// Graph is what the program said.
type Graph struct {
	Operators []Operator
	// Whole says that these are all.
	Whole bool
	// Step is what failed, Trace the exception or, with TimedOut, where the program
	// stood.
	Step, Trace string
	TimedOut    bool
}

const graphMark = "kubectl-flink-graph"

// mostOperators bounds a graph.
const mostOperators = 100_000

// ReadGraph reads what the program said.
func ReadGraph(in io.Reader) Graph {
	var out Graph
	for parts := range said(in, graphMark) {
		switch {
		case parts[0] == "end" && len(parts) == 1:
			out.Whole = len(out.Operators) > 0
			return out
		case (parts[0] == "failed" || parts[0] == "timeout") && len(parts) == 3:
			out.Step, out.Trace, out.TimedOut = parts[1], parts[2], parts[0] == "timeout"
			return out
		case parts[0] == "operator" && len(parts) == 8 && len(out.Operators) < mostOperators:
			parallelism, err := strconv.Atoi(parts[6])
			most, err2 := strconv.Atoi(parts[7])
			if err != nil || err2 != nil {
				return out
			}
			out.Operators = append(out.Operators, Operator{ID: parts[1], UserID: parts[2], Name: parts[3], UID: parts[4], Vertex: parts[5], Parallelism: parallelism, MaxParallelism: most})
		}
	}
	return out
}
