package operator

import (
	"bufio"
	"context"
	"io"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// crashLines is how much of a crashed container's log is read.
const crashLines = 300

// crashCause is why a pod's Flink container ended, as its log says; "" where
// that can't be read or says nothing.
func (c *Client) crashCause(ctx context.Context, namespace string, pod Pod) string {
	ctx, cancel := context.WithTimeout(ctx, causeLimit)
	defer cancel()
	lines := int64(crashLines)
	stream, err := c.core.CoreV1().Pods(namespace).GetLogs(pod.Name, &corev1.PodLogOptions{
		Container: mainContainer, Previous: pod.Restarts > 0, TailLines: &lines,
	}).Stream(ctx)
	if err != nil {
		return ""
	}
	defer stream.Close()
	return lastException(stream)
}

// exceptionLine is a line that begins with a Java exception, as printed by a
// stack trace or by the JVM.
var exceptionLine = regexp.MustCompile(`^(Caused by: |Exception in thread "[^"]*" )?([a-z]\w*(\.\w+)+(Exception|Error)\w*(: .*)?)$`)

// lastException is the innermost cause of the last stack trace of a log, or
// its last line that reports an error.
func lastException(log io.Reader) string {
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, logLimit)
	var root, complaint string
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		switch found := exceptionLine.FindStringSubmatch(line); {
		case found != nil:
			root = shortenTypes(found[2])
		case strings.HasPrefix(line, "Error:") || strings.HasPrefix(line, "ERROR:"):
			complaint = line
		}
	}
	if root != "" {
		return root
	}
	return complaint
}
