package view

import (
	"fmt"
	"hash/fnv"
	"io"
	"regexp"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/printer"
	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/rest"
)

// LogPrinter prints records of logs as they come.
type LogPrinter struct {
	Out     io.Writer
	Palette term.Palette
	// Full prints stack traces with their frames.
	Full bool
	// JSON prints each record as an object on a line.
	JSON bool
	// Bare leaves out the prefix.
	Bare bool
	// Clusters are the FlinkDeployments whose name is left out of prefixes.
	Clusters []string

	width int
}

// LogLine is a record for scripts.
type LogLine struct {
	Time      *time.Time `json:"time,omitempty"`
	Pod       string     `json:"pod"`
	Role      string     `json:"role"`
	Container string     `json:"container,omitempty"`
	Level     string     `json:"level,omitempty"`
	// Message is the whole record, stack trace included.
	Message string `json:"message"`
}

var (
	levelWord = regexp.MustCompile(`\b(TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b`)
	sources   = []term.Color{term.Cyan, term.Green, term.Blue, term.Magenta, term.BoldCyan, term.BoldGreen, term.BoldBlue, term.BoldMagenta}
)

// Print prints one record.
func (p *LogPrinter) Print(r logs.Record) error {
	if p.JSON {
		line := LogLine{Pod: r.Pod, Role: r.Role, Container: r.Container, Level: r.Level, Message: term.Safe(r.Text()), Time: moment(r.Time)}
		encoder := printer.JSONEncoder(p.Out)
		return encoder.Encode(line)
	}
	lines, left := r.Lines, 0
	if !p.Full {
		lines, left = r.Folded()
	}
	prefix := ""
	if !p.Bare {
		name := p.short(r)
		p.width = max(p.width, term.DisplayWidth(name))
		prefix = p.Palette.Paint(colorOf(r.Pod), term.Pad(name, p.width)) + " "
	}
	var out strings.Builder
	for i, line := range lines {
		// Carriage returns and line separators must not make lines without a prefix.
		line = strings.ReplaceAll(term.Safe(line), "\n", " ")
		switch {
		case i == 0:
			line = p.paintLevel(r.Level, line)
		case strings.HasPrefix(line, "Caused by:"):
			line = p.Palette.Paint(term.Red, line)
		}
		out.WriteString(prefix + line + "\n")
	}
	if left > 0 {
		fmt.Fprintf(&out, "%s%s\n", prefix, p.Palette.Paint(term.Dim, fmt.Sprintf("    … %d lines of stack trace (--full)", left)))
	}
	_, err := io.WriteString(p.Out, out.String())
	return err
}

func (p *LogPrinter) paintLevel(level, line string) string {
	color := term.Color("")
	switch level {
	case "ERROR", "FATAL":
		color = term.Red
	case "WARN":
		color = term.Yellow
	case "DEBUG", "TRACE":
		color = term.Dim
	}
	at := levelWord.FindStringIndex(line)
	if color == "" || at == nil || line[at[0]:at[1]] != level {
		return line
	}
	return line[:at[0]] + p.Palette.Paint(color, level) + line[at[1]:]
}

// short is a pod's name as people tell the pods of a job apart: jm-x7k2p,
// tm-1-2, in front of which a blue/green deployment's has its color.
func (p *LogPrinter) short(r logs.Record) string {
	name := term.SafeLine(r.Pod)
	if r.Role == "operator" {
		return "operator"
	}
	for _, cluster := range p.Clusters {
		rest, ok := strings.CutPrefix(name, cluster+"-")
		if !ok {
			continue
		}
		tail := rest[strings.LastIndex(rest, "-")+1:]
		switch {
		case r.Role == "jobmanager":
			name = "jm-" + tail
		case strings.HasPrefix(rest, "taskmanager-"):
			name = "tm-" + strings.TrimPrefix(rest, "taskmanager-")
		}
		if len(p.Clusters) > 1 {
			name = cluster[strings.LastIndex(cluster, "-")+1:] + "/" + name
		}
		break
	}
	return name
}

func colorOf(pod string) term.Color {
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(pod))
	return sources[sum.Sum32()%uint32(len(sources))]
}

// PodLogFile is a log file of a JobManager or TaskManager.
type PodLogFile struct {
	Pod string `json:"pod"`
	rest.LogFile
}

// LogFiles lists log files.
func LogFiles(files []PodLogFile, now time.Time) printer.Result {
	table := &printer.Table{Columns: []printer.Column{{Name: "POD"}, {Name: "FILE"}, {Name: "SIZE"}, {Name: "CHANGED"}}}
	for _, f := range files {
		changed := "-"
		if f.MTime > 0 {
			changed = age(f.MTime.Time(), now)
		}
		table.Rows = append(table.Rows, []printer.Cell{printer.C(f.Pod), printer.C(f.Name), printer.C(Bytes(f.Size)), printer.C(changed)})
	}
	return printer.Result{Object: printer.List(files), Table: table}
}
