package operator

import "strings"

// CauseChain are the exceptions of a Java stack trace, outermost first, one
// line each, without their frames.
func CauseChain(trace string) []string {
	var out []string
	for i, part := range strings.Split(strings.TrimSpace(trace), "Caused by: ") {
		// "Suppressed:" and other blocks follow a frame, so that RootCause,
		// which stops there, leaves them out.
		line := RootCause(part)
		if line == "" || i > 0 && len(out) > 0 && out[len(out)-1] == line {
			continue
		}
		out = append(out, line)
	}
	return out
}
