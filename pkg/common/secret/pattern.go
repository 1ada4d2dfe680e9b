package secret

import "strings"

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
	token := f.text[i:min(f.run, i+longest)]
	if at := hook(token); at > 0 {
		return f.hide(i+at, f.tokenEnd(i+at, "/@.:"))
	}
	authority := token
	if stop := strings.IndexAny(token, "/?#;"); stop >= 0 {
		authority = token[:stop]
	}
	colon, at := strings.IndexByte(authority, ':'), strings.LastIndexByte(authority, '@')
	switch {
	case at >= 0 && colon >= 0 && colon < at:
		return f.hide(i+colon+1, i+at)
	case at >= 20 && colon < 0 && f.takesTokens(i):
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

// takesTokens reports whether a token is given in the place of a user in URLs of
// the scheme that ends at i. Containers of Azure stand there, too.
func (f *finder) takesTokens(i int) bool {
	for _, scheme := range []string{"https://", "http://", "nats://", "tls://", "redis://", "rediss://"} {
		if strings.HasSuffix(f.text[:i], scheme) {
			return true
		}
	}
	return false
}

// login hides the password in user:password@host without a scheme, the @ being
// at i.
func (f *finder) login(i int) int {
	if n := len(f.spans); n > 0 && f.spans[n-1].end >= i {
		return i + 1
	}
	if f.has(i+1, "sha256:") || f.has(i+1, "sha512:") {
		return i + 1
	}
	start := f.loginStart(i)
	before := f.text[start:i]
	if at := strings.Index(before, "jdbc:oracle:"); at >= 0 {
		if slash := strings.IndexByte(before[at:], '/'); slash >= 0 && !strings.HasPrefix(before[at+slash:], "//") {
			return f.hide(start+at+slash+1, i) // jdbc:oracle:thin:scott/tiger@host
		}
		return i + 1
	}
	if !f.has(i+1, "//") && !f.isHost(i+1) {
		return i + 1
	}
	if user, password, found := strings.Cut(before, "/"); found && isName(before) && !strings.ContainsAny(user, "./") && !strings.ContainsAny(password, "/.") && user != "" && f.isService(i+1) {
		return f.hide(i-len(password), i) // scott/tiger@host:1521/service
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

// loginStart is where the word begins that ends at i. What was looked at for the
// @ before isn't looked at again.
func (f *finder) loginStart(i int) int {
	start := i
	for start > f.before.end && i-start < longest && !isSpace(f.text[start-1]) && strings.IndexByte("\"'`<>()[]{},;=&|", f.text[start-1]) < 0 {
		start--
	}
	if start == f.before.end {
		start = max(f.before.start, i-longest)
	}
	f.before = span{start, i}
	return start
}

// isService reports whether host:port/name begins at i, as Oracle's services have
// it.
func (f *finder) isService(i int) bool {
	if f.has(i, "//") {
		return true
	}
	host := i
	for i < len(f.text) && i-host < farthest && (isAlnum(f.text[i]) || f.text[i] == '-' || f.text[i] == '.') {
		i++
	}
	if i >= len(f.text) || f.text[i] != ':' {
		return false
	}
	port := i + 1
	for i = port; i < len(f.text) && isDigit(f.text[i]) && i-port < 6; {
		i++
	}
	return i > port && i < len(f.text) && f.text[i] == '/'
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
	if f.has(i, "%20") {
		start += 3
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

// mixed reports whether a token is no word of a sentence.
func mixed(token string) bool {
	digit := strings.ContainsAny(token, "0123456789")
	capital := strings.ContainsFunc(token[1:], func(r rune) bool { return r >= 'A' && r <= 'Z' })
	small := strings.ContainsFunc(token, func(r rune) bool { return r >= 'a' && r <= 'z' })
	return digit || capital && small || len(token) >= 20
}
