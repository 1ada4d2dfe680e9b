package secret

import (
	"encoding/base64"
	"strings"
)

// longest bounds a password in a URL and the like, in bytes. Tokens that clouds
// give in the place of passwords have thousands.
const longest = 8 << 10

// telling reports whether the value of what is called name shows that it is a
// secret, where the name alone doesn't: auth=aHVudGVyOjI= is one and auth=none
// isn't, ?key=id isn't and ?key=5f3a09… is.
func telling(name, value string) bool {
	switch strings.ToLower(lastWord(name)) {
	case "auth":
		return isUserAndPassword(value) && len(value) >= 8 || random(value) || login(value)
	case "signature":
		return random(value)
	case "ak", "sk":
		return random(value)
	}
	return false
}

// told hides the value that begins at i, if it shows that it is a secret.
func (f *finder) told(k key, i int) (end int, ok bool) {
	switch strings.ToLower(lastWord(k.name)) {
	case "auth", "signature", "ak", "sk", "key", "code":
	default:
		return 0, false
	}
	v := f.value(i, k.name, false)
	if !f.telling(k, f.text[v.start:v.end]) {
		return 0, false
	}
	f.hide(v.start, v.end)
	return max(v.next, i), true
}

// telling is that of the package for what is within a text: parameters of a URL
// have names that mean something else in other places.
func (f *finder) telling(k key, value string) bool {
	if telling(k.name, value) {
		return true
	}
	parameter := k.start > 0 && (strings.IndexByte("?&", f.text[k.start-1]) >= 0 || strings.HasSuffix(f.text[:k.start], `\u0026`))
	switch strings.ToLower(k.name) {
	case "signature":
		return (parameter || k.start > 0 && f.text[k.start-1] == ' ') && len(value) >= 6 && !strings.ContainsAny(value, "()") && f.text[k.start+len(k.name)] == '='
	case "key", "code":
		return parameter && random(value)
	}
	return false
}

// lastWord is what a name ends with, behind its last separator.
func lastWord(name string) string {
	return name[strings.LastIndexAny(name, "._-")+1:]
}

// random reports whether value is no word: 16 characters or more, of those that keys
// have, with letters and digits.
func random(value string) bool {
	letters, digits := false, false
	for i := range len(value) {
		switch c := value[i]; {
		case isDigit(c):
			digits = true
		case isAlnum(c):
			letters = true
		case strings.IndexByte("+/=_-%~", c) < 0:
			return false
		}
	}
	return letters && digits && len(value) >= 16 && value[0] != '/'
}

// login reports whether value is user:password, as ZooKeeper has it behind the
// name of a scheme.
func login(value string) bool {
	value = strings.TrimPrefix(value, "digest:")
	user, password, found := strings.Cut(value, ":")
	return found && user != "" && len(password) >= 4 && isName(user) && !strings.HasPrefix(password, "/") && !isNumber(password) && !strings.ContainsAny(value, " ")
}

func isNumber(text string) bool {
	for i := range len(text) {
		if !isDigit(text[i]) {
			return false
		}
	}
	return text != ""
}

// userOption hides the password of -u user:password; option is its name, without
// dashes, and ends at i.
func (f *finder) userOption(option string, i int) int {
	switch option {
	case "u", "user", "proxy-user", "userpass", "login", "auth", "basic-auth":
	default:
		return i
	}
	at := i
	for at < len(f.text) && at-i < farthest && (f.text[at] == ' ' || f.text[at] == '=' || f.text[at] == '"' || f.text[at] == '\'' || f.text[at] == ',') {
		at++
	}
	if at == i {
		return i
	}
	end := at
	for end < len(f.text) && end-at < longest && !isSpace(f.text[end]) && !isQuote(f.text[end]) && f.text[end] != '\\' {
		end++
	}
	user, password, found := strings.Cut(f.text[at:end], ":")
	if !found || !isName(user) || isNumber(user) || password == "" || isNumber(password) && len(password) < 6 || user == password || password[0] == '/' {
		return i
	}
	return f.hide(end-len(password), end)
}

// clause hides the string in clauses of SQL that set a password, PASSWORD 'x' and
// IDENTIFIED BY 'x', the first word of which begins at i.
func (f *finder) clause(i int) int {
	at := 0
	for _, words := range []string{"password is", "password was", "password", "passwd", "passphrase", "identified by"} {
		if len(f.text)-i > len(words) && strings.EqualFold(f.text[i:i+len(words)], words) && f.text[i+len(words)] == ' ' {
			at = i + len(words)
			break
		}
	}
	if at == 0 {
		return f.token(i)
	}
	for at < len(f.text) && at-i < farthest && (f.text[at] == ' ' || f.text[at] == '\\') {
		at++
	}
	if at >= len(f.text) || f.text[at] != '\'' && f.text[at] != '"' || f.ends(at) {
		return i + 1
	}
	slashes := at
	for f.text[slashes-1] == '\\' {
		slashes--
	}
	v := f.quoted(slashes, at)
	if value := f.text[v.start:v.end]; value == "" || strings.ContainsAny(value, " \n") {
		return i + 1 // quotes that are no longer about it
	}
	f.hide(v.start, v.end)
	return v.next
}

// isUserAndPassword reports whether a token is user:password in base64, as HTTP's
// basic authentication has it. The word basic also stands before other words,
// and is a name of jobs.
func isUserAndPassword(token string) bool {
	plain, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(token, "="))
	return err == nil && strings.IndexByte(string(plain), ':') > 0 && printable(string(plain))
}

func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return false
		}
	}
	return true
}
