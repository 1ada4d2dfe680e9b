package secret

import (
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/sorting"
)

// span is a part of a text that is hidden.
type span struct{ start, end int }

// farthest bounds what is looked at around a place of a text, in bytes, so that
// no text takes more than time in proportion to its length.
const farthest = 128

// finder finds the secrets of a text in one pass.
type finder struct {
	text  string
	spans []span
	// noEnd says that no private key ends any more, noElement the same of XML's
	// elements.
	noEnd, noElement bool
	pair             pair
	// manifest says that the text has the kind Secret in it, looked that this was
	// found out.
	manifest, looked bool
	// word is what stands before the last @.
	before span
	// run is the end of the run of characters that a URL may have, as far as
	// one was looked at.
	run int
}

// find are the parts of text that are secret, in order, without overlaps.
func find(text string) []span {
	f := finder{text: text}
	for i := 0; i < len(text); {
		i = max(f.at(i), i+1)
	}
	sorting.By(f.spans, func(a, b span) int { return a.start - b.start })
	var out []span
	for _, s := range f.spans {
		switch n := len(out); {
		case harmless(text[s.start:s.end]):
		case n > 0 && s.start < out[n-1].end:
			out[n-1].end = max(out[n-1].end, s.end)
		default:
			out = append(out, s)
		}
	}
	return out
}

// hide notes a secret and returns its end.
func (f *finder) hide(start, end int) int {
	if start < end {
		f.spans = append(f.spans, span{start, end})
	}
	return end
}

// at looks for a secret that shows at i and returns where to go on.
func (f *finder) at(i int) int {
	switch c := f.text[i]; c {
	case '=':
		return f.assignment(i, 1)
	case '%':
		if f.has(i, "%3D") || f.has(i, "%3d") {
			return f.assignment(i, 3)
		}
	case ':':
		if f.has(i, "://") {
			return f.url(i + 3)
		}
		return f.field(i)
	case '-':
		if f.has(i, "-----BEGIN ") {
			return f.privateKey(i)
		}
		return f.option(i)
	case '>':
		return f.element(i)
	case '@':
		return f.login(i)
	}
	switch c := f.text[i]; {
	case !begins(c) || !f.wordStart(i):
		return i + 1
	case c|0x20 == 'b':
		return f.scheme(i)
	case c|0x20 == 'p' || c|0x20 == 'i':
		return f.clause(i)
	}
	return f.token(i)
}

func (f *finder) has(i int, what string) bool { return strings.HasPrefix(f.text[i:], what) }

func (f *finder) wordStart(i int) bool { return i == 0 || !isAlnum(f.text[i-1]) && f.text[i-1] != '_' }

// key is a name before a place of a text.
type key struct {
	name   string
	start  int
	quoted bool
}

func isQuote(c byte) bool { return c == '"' || c == '\'' || c == '`' }

func nameByte(c byte) bool {
	return isAlnum(c) || c == '_' || c == '.' || c == '-' || c == '$' || c == '/'
}

// keyBefore is the name that ends at i, in quotes or not; spaces may be between.
func (f *finder) keyBefore(i int, spaces bool) key {
	j := i
	for spaces && j > 0 && i-j < farthest && (f.text[j-1] == ' ' || f.text[j-1] == '\t') {
		j--
	}
	least := max(0, j-farthest)
	if j > 0 && isQuote(f.text[j-1]) {
		quote := f.text[j-1]
		end := j - 1
		for end > least && f.text[end-1] == '\\' {
			end--
		}
		for start := end; start > least; start-- {
			switch c := f.text[start-1]; {
			case c == quote:
				return key{f.text[start:end], start, true}
			case isQuote(c) || c == '\n' || c == '\\':
				return key{}
			}
		}
		if end-least < farthest/2 {
			return key{}
		}
		return key{f.text[least:end], least, true} // of a long one the end
	}
	start := j
	for start > least && nameByte(f.text[start-1]) {
		start--
	}
	// JSON of Go has \u0026 for &.
	if name := f.text[start:j]; start > 0 && f.text[start-1] == '\\' && len(name) > 5 && strings.HasPrefix(name, "u00") {
		start += 5
	}
	return key{f.text[start:j], start, false}
}

// assignment hides the value in password=x; sign is the length of "=".
func (f *finder) assignment(i, sign int) int {
	k := f.keyBefore(i, true)
	if k.name == "" {
		return i + 1
	}
	at := i + sign
	if at < len(f.text) && (f.text[at] == '=' || f.text[at] == '>') {
		at++
	}
	if !Name(k.name) {
		if end, found := f.told(k, at); found {
			return end
		}
		return f.paired(k, at, i+1)
	}
	v := f.value(at, k.name, false)
	if counted(k.name, f.text[v.start:v.end]) || workingDir(k.name, f.text[v.start:v.end]) {
		return v.next
	}
	f.hide(v.start, v.end)
	return max(v.next, i+1)
}

// field hides the value in "password": x of JSON, YAML and headers. A name with a
// slash is an object's, as in secret/x: it isn't there.
func (f *finder) field(i int) int {
	k := f.keyBefore(i, true)
	if k.name == "" || f.has(i, ":=") {
		return i + 1 // the sign is looked at where it ends
	}
	if i > 0 && isSpace(f.text[i-1]) && !k.quoted && !f.startsLine(k) {
		return i + 1 // a sentence
	}
	if k.quoted && f.ofObject(k) {
		return i + 1
	}
	spaced := i+1 >= len(f.text) || isSpace(f.text[i+1])
	lineStart := f.startsLine(k)
	switch {
	case k.quoted && Name(k.name), k.quoted && f.secretData(k.name) && f.opens(i+1):
	case lineStart && f.secretData(k.name):
		if end, found := f.indented(k, i+1); found {
			return end
		}
		return i + 1
	case !k.quoted && Name(k.name) && endsSecret(k.name) && !objectName(k.name) && (lineStart && spaced || !weak(k.name)) && !strings.Contains(k.name, "/"):
	case k.quoted || lineStart && spaced:
		if end, found := f.told(k, i+1); found {
			return end
		}
		return f.paired(k, i+1, i+1)
	default:
		if spaced {
			return f.paired(k, i+1, i+1)
		}
		return i + 1
	}
	if reference(k.name) && f.opens(i+1) {
		return i + 1
	}
	if end, found := f.blockScalar(k, i+1); found {
		return end
	}
	if end, found := f.nextLine(k, i+1); found && lineStart {
		return end
	}
	if !k.quoted && f.ends(i+1) {
		return i + 1
	}
	at := i + 1
	for k.quoted && at < len(f.text) && at-i < 16 && isSpace(f.text[at]) {
		at++
	}
	if at >= len(f.text) || !isQuote(f.text[at]) {
		at = i + 1
	}
	v := f.value(at, k.name, lineStart && !k.quoted && spaced)
	if counted(k.name, f.text[v.start:v.end]) || !k.quoted && prose(f.text[v.start:v.end]) {
		return i + 1
	}
	f.hide(v.start, v.end)
	return max(v.next, i+1)
}

// ofObject reports whether a quoted name is an object's in a sentence, as in
// MountVolume.SetUp failed for volume "secrets" : what went wrong.
func (f *finder) ofObject(k key) bool {
	before := strings.TrimRight(f.text[max(0, k.start-24):k.start], " \"'")
	word := before[strings.LastIndexFunc(before, func(r rune) bool { return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z') })+1:]
	switch strings.ToLower(word) {
	case "volume", "volumes", "configmap", "configmaps", "pod", "pods", "container", "serviceaccount", "namespace", "claim", "persistentvolumeclaim":
		return len(before) < k.start && len(word) < len(before)
	}
	return false
}

// secretData reports whether name is that of the contents of a Kubernetes Secret,
// where the text is about one.
func (f *finder) secretData(name string) bool {
	if name != "data" && name != "stringData" {
		return false
	}
	if !f.looked {
		f.looked = true
		f.manifest = strings.Contains(f.text, `"Secret"`) || strings.Contains(f.text, `\"Secret\"`) || strings.Contains(f.text, "kind: Secret\n") || strings.HasSuffix(f.text, "kind: Secret")
	}
	return f.manifest
}

// opens reports whether an object or a list begins at i.
func (f *finder) opens(i int) bool {
	for i < len(f.text) && isSpace(f.text[i]) {
		i++
	}
	return i < len(f.text) && (f.text[i] == '{' || f.text[i] == '[')
}

// startsLine reports whether nothing but white space and the sign of a list is
// before a name on its line.
func (f *finder) startsLine(k key) bool {
	for j := k.start - 1; j >= 0 && k.start-j < farthest; j-- {
		switch f.text[j] {
		case '\n':
			return true
		case '{':
			return j == k.start-1
		case ' ', '\t', '-':
		default:
			return false
		}
	}
	return k.start < farthest
}

// prose reports whether what is where a value would be is a sentence that goes
// on, as in "password: must not be empty".
func prose(value string) bool {
	first, _, _ := strings.Cut(value, " ")
	if strings.HasPrefix(strings.ToLower(value), "authorization failed") {
		return true // a registry's refusal, which containerd quotes behind "authorization:"
	}
	switch strings.ToLower(strings.TrimRight(first, ".,;:")) {
	case "to", "and", "or", "is", "for", "with", "in", "from", "as", "the", "a", "an", "instead", "needs", "must", "can", "cannot", "can't", "isn't",
		"are", "not", "if", "when", "which", "that", "it", "has", "have", "was", "will", "should", "may", "file", "invalid", "expected", "required",
		"missing", "unexpected", "of", "on", "no", "failed":
		return true
	}
	return false
}

// option hides what follows an option of a program: --db-password x.
func (f *finder) option(i int) int {
	if i > 0 && !isSpace(f.text[i-1]) && strings.IndexByte(";,\"'`([{=|", f.text[i-1]) < 0 {
		return i + 1
	}
	start := i
	for start < len(f.text) && f.text[start] == '-' && start-i < 2 {
		start++
	}
	end := start
	for end < len(f.text) && end-start < farthest && nameByte(f.text[end]) {
		end++
	}
	if end == start || !isAlnum(f.text[start]) {
		return i + 1
	}
	if !Name(f.text[i:end]) {
		return f.userOption(f.text[start:end], end)
	}
	at, quoted := end, false
	for at < len(f.text) && f.text[at] == '\\' {
		at++
	}
	if at < len(f.text) && isQuote(f.text[at]) {
		at++
		quoted = true
	} else {
		at = end
	}
	separated := at
	for at < len(f.text) && at-separated < farthest && (isSpace(f.text[at]) || f.text[at] == ',' || f.text[at] == ';') {
		newline := f.text[at] == '\n'
		at++
		if newline {
			// The next item of a list in YAML.
			item := at
			for item < len(f.text) && item-at < farthest && (f.text[item] == ' ' || f.text[item] == '\t') {
				item++
			}
			if f.has(item, "- ") {
				at = item + 2
			}
		}
	}
	if at == separated || at >= len(f.text) || f.text[at] == '=' {
		return end
	}
	v := f.value(at, "", false)
	value := f.text[v.start:v.end]
	if strings.HasPrefix(value, "--") || isOption(value) || !quoted && prose(value) || value == "" {
		return end
	}
	f.hide(v.start, v.end)
	return max(v.next, end)
}

// isOption reports whether value is a short option or a property of a JVM.
func isOption(value string) bool {
	return len(value) == 2 && value[0] == '-' && isAlnum(value[1]) || strings.HasPrefix(value, "-D") && strings.Contains(value, "=")
}
