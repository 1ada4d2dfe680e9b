package api

import (
	"regexp"
	"strings"
)

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

// wrappers are exceptions that only carry others.
var wrappers = regexp.MustCompile(`^(CompletionException|ExecutionException|SerializedThrowable|RuntimeException|UncheckedIOException|UndeclaredThrowableException|InvocationTargetException|JobException|ProgramInvocationException|FlinkRuntimeException|RestClientException|ReconciliationException|Exception)$`)

// naming is a word that names something: a path, a host, a class, a quoted
// name, a number.
var naming = regexp.MustCompile(`[/"'0-9=@]|\w[._:-]\w`)

// Telling is the innermost exception of a chain, with the one above that names
// what it is about where the innermost doesn't.
func Telling(chain []string) string {
	if len(chain) == 0 {
		return ""
	}
	root := chain[len(chain)-1]
	_, message, _ := strings.Cut(root, ": ")
	if naming.MatchString(message) {
		return root
	}
	for i := len(chain) - 2; i >= 0; i-- {
		name, above, hasMessage := strings.Cut(chain[i], ": ")
		if !hasMessage || wrappers.MatchString(name) && !naming.MatchString(above) || message != "" && strings.Contains(above, message) || !naming.MatchString(above) {
			continue
		}
		return root + " (in " + chain[i] + ")"
	}
	return root
}
