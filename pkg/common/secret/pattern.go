package secret

import (
	"bytes"
	"encoding/base64"
	"strings"
)

// privateKey hides a private key in PEM form that begins at i. Its end may be
// cut off, its line breaks may be escaped.
func (f *finder) privateKey(i int) int {
	const begin, end = "-----BEGIN ", "-----END"
	dashes := strings.Index(f.text[i+len(begin):min(len(f.text), i+farthest)], "-----")
	if dashes < 0 || !strings.Contains(f.text[i+len(begin):i+len(begin)+dashes], "PRIVATE KEY") {
		return i + 1
	}
	body := i + len(begin) + dashes + 5
	if !f.noEnd {
		if stop := strings.Index(f.text[body:], end); stop >= 0 {
			return f.hide(body, body+stop)
		}
		f.noEnd = true
	}
	stop := strings.IndexAny(f.text[body:], `"'`)
	if stop < 0 {
		stop = len(f.text) - body
	}
	return f.hide(body, body+stop)
}

// url hides the password of a URL whose authority begins at i.
func (f *finder) url(i int) int {
	for f.run = max(f.run, i); f.run < len(f.text) && !isSpace(f.text[f.run]) && strings.IndexByte("\"'`<>\\", f.text[f.run]) < 0; {
		f.run++
	}
	token := f.text[i:min(f.run, i+2*farthest)]
	authority := token
	if stop := strings.IndexAny(token, "/?#;"); stop >= 0 {
		authority = token[:stop]
	}
	colon, at := strings.IndexByte(authority, ':'), strings.LastIndexByte(authority, '@')
	switch {
	case at >= 0 && colon >= 0 && colon < at:
		return f.hide(i+colon+1, i+at)
	case at >= 20 && colon < 0 && (f.endsWith(i, "https://") || f.endsWith(i, "http://")):
		return f.hide(i, i+at) // a token in the place of a user
	case colon >= 0 && at < 0:
		port := token[colon+1:]
		for port != "" && isDigit(port[0]) {
			port = port[1:]
		}
		if port == "" || strings.IndexByte("/?#;,", port[0]) >= 0 {
			return i
		}
		// A password with a slash or the like in it, or cut off.
		rest := token
		if next := strings.Index(rest, "://"); next >= 0 {
			rest = rest[:next]
		}
		if at := strings.LastIndexByte(rest, '@'); at > colon {
			return f.hide(i+colon+1, i+at)
		}
		if cut := strings.Index(authority, "…"); cut > colon {
			return f.hide(i+colon+1, i+cut)
		}
	}
	return i
}

func (f *finder) endsWith(i int, what string) bool { return strings.HasSuffix(f.text[:i], what) }

// login hides the password in user:password@host without a scheme, the @ being
// at i.
func (f *finder) login(i int) int {
	if n := len(f.spans); n > 0 && f.spans[n-1].end >= i {
		return i + 1
	}
	if f.has(i+1, "sha256:") || f.has(i+1, "sha512:") || !f.has(i+1, "//") && !f.isHost(i+1) {
		return i + 1
	}
	start := i
	for start > 0 && i-start < farthest && !isSpace(f.text[start-1]) && strings.IndexByte("\"'`<>()[]{},;=&|", f.text[start-1]) < 0 {
		start--
	}
	before := f.text[start:i]
	if strings.Contains(before, "jdbc:oracle:") {
		if slash := strings.IndexByte(before, '/'); slash >= 0 {
			return f.hide(start+slash+1, i) // jdbc:oracle:thin:scott/tiger@host
		}
		return i + 1
	}
	slash := strings.LastIndexByte(before, '/')
	user, password, found := strings.Cut(before[slash+1:], ":")
	if !found || user == "" || password == "" || !strings.ContainsFunc(user, func(r rune) bool { return r >= 'A' && r <= 'z' }) {
		return i + 1
	}
	switch strings.ToLower(user) {
	case "mailto", "email", "owner", "author", "contact", "from", "to", "by", "user", "cc":
		return i + 1
	}
	return f.hide(i-len(password), i)
}

// isHost reports whether the name of a host begins at i, with a domain or a
// port.
func (f *finder) isHost(i int) bool {
	end := i
	for end < len(f.text) && end-i < farthest && (isAlnum(f.text[end]) || f.text[end] == '-' || f.text[end] == '.') {
		end++
	}
	host := strings.TrimRight(f.text[i:end], ".")
	if host == "localhost" || strings.Contains(host, ".") {
		return true
	}
	return host != "" && end+1 < len(f.text) && f.text[end] == ':' && isDigit(f.text[end+1])
}

// form is how a token looks: what it begins with, and how many characters it
// has at least behind that.
type form struct {
	prefix string
	least  int
}

// forms are those of tokens that show by themselves.
var forms = []form{
	{"AKIA", 16},
	{"ASIA", 16},
	{"AIza", 35},
	{"ghp_", 20},
	{"gho_", 20},
	{"ghu_", 20},
	{"ghs_", 20},
	{"ghr_", 20},
	{"github_pat_", 20},
	{"glpat-", 20},
	{"xoxa-", 10},
	{"xoxb-", 10},
	{"xoxp-", 10},
	{"xoxr-", 10},
	{"xoxs-", 10},
	{"xapp-", 10},
	{"sk_live_", 16},
	{"sk-ant-", 20},
	{"sk-proj-", 20},
	{"hvs.", 20},
	{"npm_", 30},
	{"hf_", 30},
	{"SG.", 30},
}

// token hides a token that begins at i.
func (f *finder) token(i int) int {
	if f.has(i, "eyJ") {
		return f.jwt(i)
	}
	if hook := "hooks.slack.com/services/"; f.has(i, hook) {
		return f.hide(i+len(hook), f.tokenEnd(i+len(hook), "/"))
	}
	for _, form := range forms {
		if !f.has(i, form.prefix) {
			continue
		}
		body := i + len(form.prefix)
		if end := f.tokenEnd(body, "."); end-body >= form.least {
			return f.hide(i, end)
		}
	}
	return i + 1
}

func (f *finder) tokenEnd(i int, more string) int {
	for i < len(f.text) && (isAlnum(f.text[i]) || f.text[i] == '_' || f.text[i] == '-' || strings.IndexByte(more, f.text[i]) >= 0) {
		i++
	}
	return i
}

// jwt hides a JSON web token, whole or cut off.
func (f *finder) jwt(i int) int {
	end := f.tokenEnd(i, ".")
	for end > i && f.text[end-1] == '.' {
		end--
	}
	header, rest, dotted := strings.Cut(f.text[i:end], ".")
	if dotted && len(header) >= 6 && strings.HasPrefix(rest, "eyJ") || len(header) >= 20 {
		return f.hide(i, end)
	}
	return end
}

// scheme hides what follows Bearer and Basic.
func (f *finder) scheme(i int) int {
	basic := false
	switch {
	case len(f.text)-i > 7 && strings.EqualFold(f.text[i:i+6], "bearer"):
		i += 6
	case len(f.text)-i > 6 && strings.EqualFold(f.text[i:i+5], "basic"):
		i += 5
		basic = true
	default:
		return i + 1
	}
	start := i
	for start < len(f.text) && start-i < farthest && (f.text[start] == ' ' || f.text[start] == '\t') {
		start++
	}
	if start == i {
		return i
	}
	end := start
	for end < len(f.text) && (isAlnum(f.text[end]) || strings.IndexByte("._~+/=-", f.text[end]) >= 0) {
		end++
	}
	token := f.text[start:end]
	if len(token) < 6 || strings.HasPrefix(token, "realm=") || basic && !isUserAndPassword(token) || !basic && !mixed(token) {
		return start
	}
	return f.hide(start, end)
}

// isUserAndPassword reports whether a token is user:password in base64, as HTTP's
// basic authentication has it. The word basic also stands before other words,
// and is a name of jobs.
func isUserAndPassword(token string) bool {
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(token, "="))
	return err == nil && bytes.IndexByte(plain, ':') > 0
}

// mixed reports whether a token is no word of a sentence.
func mixed(token string) bool {
	digit := strings.ContainsAny(token, "0123456789")
	capital := strings.ContainsFunc(token[1:], func(r rune) bool { return r >= 'A' && r <= 'Z' })
	small := strings.ContainsFunc(token, func(r rune) bool { return r >= 'a' && r <= 'z' })
	return digit || capital && small || len(token) >= 20
}
