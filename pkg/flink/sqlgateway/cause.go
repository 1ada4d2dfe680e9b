package sqlgateway

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sqlshell"
)

// expected is the most that is shown of what a parser would have taken.
const expected = 6

var (
	// Calcite tells a place in three ways; the first number pair is its start.
	// "Line 5, Column 10" is in the Java that Flink makes of SQL.
	place = regexp.MustCompile(`\b(?:[Ff]rom|[Aa]t)?\s*line (\d+), column (\d+)(?: to line \d+, column \d+)?`)
	// class is the name of a Java exception before its message.
	class = regexp.MustCompile(`^(?:[a-z_][\w]*\.)+[A-Z][\w$]*(?:Exception|Error|Throwable)?(?:: |$)`)
	// prefixes say again what the exception's kind says.
	prefixes = regexp.MustCompile(`^(?:SQL validation failed\.|SQL parse failed\.)\s*`)
	// operation is what a gateway says of each statement that fails.
	operation = regexp.MustCompile(`^Failed to (?:execute the operation [0-9a-f-]+|fetchResults)\.?$`)
	// submitting is what Flink says around a failure to bring a job to the
	// cluster; unreachable is how such a failure of the network looks.
	submitting  = regexp.MustCompile(`^Failed to submit (?:JobGraph|StreamGraph|ExecutionPlan|job)`)
	unreachable = regexp.MustCompile(`^Connection (?:refused|reset|timed out|is not established)|Name or service not known|Temporary failure in name resolution|^connection timed out|[Nn]o route to host`)

	frame = regexp.MustCompile(`^\s*(?:at [\w$.]+[/\w$.<>]*\(|\.\.\. \d+ (?:more|common frames))`)
)

// reduce finds in a gateway's messages, which are mostly Java's nested stack
// traces, the innermost reason and the place in the statement.
func reduce(messages []string) *sqlshell.Error {
	full := strings.Join(messages, "\n")
	e := &sqlshell.Error{Full: full}
	var chain []string
	for _, message := range messages {
		chain = append(chain, causes(message)...)
	}
	for _, c := range slices.Backward(chain) {
		if e.Root == "" {
			e.Root = c
		}
		// The innermost exception often lacks the place that those around it
		// tell, with the same words.
		if m := place.FindStringSubmatch(c); m != nil && e.Line == 0 {
			e.Line, _ = strconv.Atoi(m[1])
			e.Column, _ = strconv.Atoi(m[2])
		}
	}
	// The one around it often says the same with more of it: to which address a
	// connection was refused.
	inner := len(chain) - 1
	for inner > 0 && strings.HasPrefix(chain[inner-1], e.Root) {
		inner--
		e.Root = chain[inner]
	}
	// Java's own exceptions say what broke, and those of Flink around them
	// what was being done.
	switch {
	case unreachable.MatchString(e.Root) && slices.ContainsFunc(chain, submitting.MatchString):
		e.Root = "the SQL gateway can't reach the JobManager to submit the job: " + e.Root
	case inner > 0 && (vague(e.Root) || len(e.Root) < 12):
		e.Root = strings.TrimRight(chain[inner-1], ".: ") + ": " + e.Root
	}
	if e.Line > 0 {
		e.Root = withoutPlace(e.Root)
	}
	return e
}

// vague reports whether a reason means little without what was being done.
func vague(reason string) bool {
	for _, start := range []string{"Argument bytes must", "null", "Index ", "No value present", "Line "} {
		if strings.HasPrefix(reason, start) {
			return true
		}
	}
	return false
}

// withoutPlace takes the place out of a reason: it is shown beside it.
func withoutPlace(reason string) string {
	loc := place.FindStringIndex(reason)
	if loc == nil {
		return reason
	}
	before, after := strings.TrimSpace(reason[:loc[0]]), strings.TrimLeft(reason[loc[1]:], ":. ")
	switch {
	case before == "":
		return after
	case after == "":
		return before
	case strings.HasPrefix(after, "\n"):
		return before + after
	}
	return before + " " + after
}

// causes are the reasons in a stack trace, outermost first, without frames and
// without those that only say that something failed.
func causes(trace string) []string {
	trace = strings.TrimPrefix(trace, "<Exception on server side:\n")
	trace, _, _ = strings.Cut(trace, "\nEnd of exception on server side>")
	var out []string
	for part := range strings.SplitSeq("\n"+trace, "\nCaused by: ") {
		var lines []string
		for line := range strings.SplitSeq(strings.TrimLeft(part, "\n"), "\n") {
			if frame.MatchString(line) || strings.HasPrefix(strings.TrimSpace(line), "Suppressed: ") {
				break
			}
			lines = append(lines, line)
		}
		reason := strings.TrimSpace(strings.Join(lines, "\n"))
		for class.MatchString(reason) {
			loc := class.FindStringIndex(reason)
			if loc[1] == len(reason) {
				// No message: the exception's name is all there is.
				reason = reason[strings.LastIndexByte(reason, '.')+1:]
				break
			}
			reason = reason[loc[1]:]
		}
		reason = shorten(prefixes.ReplaceAllString(reason, ""))
		if reason == "" || operation.MatchString(reason) || len(out) > 0 && out[len(out)-1] == reason {
			continue
		}
		out = append(out, reason)
	}
	return out
}

// shorten keeps a few of the hundreds of tokens that Calcite would have taken.
func shorten(reason string) string {
	before, list, ok := strings.Cut(reason, "Was expecting one of:\n")
	if !ok {
		return reason
	}
	var tokens []string
	for line := range strings.SplitSeq(list, "\n") {
		token := strings.TrimSuffix(strings.TrimSpace(line), " ...")
		if token == "" || strings.Contains(token, `" "`) || strings.Contains(token, `" <`) {
			continue
		}
		tokens = append(tokens, token)
	}
	more := ""
	if len(tokens) > expected {
		tokens, more = tokens[:expected], ", …"
	}
	if len(tokens) == 0 {
		return strings.TrimSpace(before)
	}
	return strings.TrimSpace(before) + "\nExpected one of: " + strings.Join(tokens, ", ") + more
}
