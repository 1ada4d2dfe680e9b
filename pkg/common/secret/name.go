package secret

import (
	"slices"
	"strings"
)

// maxName bounds a name: of a longer one the end decides.
const maxName = 256

// secretParts make a word of a name secret wherever they stand in it.
var secretParts = []string{
	"password", "passwd", "passphrase", "passcode", "secret", "credential", "jaas", "apikey", "accesskey", "privatekey", "accountkey",
	"servicekey", "sharedkey", "storagekey", "saskey", "signingkey", "encryptionkey", "authparams", "httpheaders", "userinfo", "dockerconfigjson", "dockercfg", "accesssignature", "jsessionid",
	"passwort", "kennwort", "motdepasse", "contrasena",
}

// secretWords are whole words that make a name secret.
var secretWords = []string{"pass", "pwd", "pw", "psk", "sas", "sig", "auths", "cred", "creds", "bearer"}

// secretPhrases are words beside each other that do.
var secretPhrases = [][2]string{
	{"user", "info"},
	{"basic", "auth"},
	{"auth", "params"},
	{"http", "headers"},
	{"client", "authorization"},
	{"amz", "signature"},
	{"goog", "signature"},
	{"access", "signature"},
	{"set", "cookie"},
	{"security", "cookie"},
	{"keytab", "base64"},
	{"oss", "signature"},
	{"q", "signature"},
}

// keyOwners are the words before "key" that make it a secret one.
var keyOwners = []string{
	"api", "access", "secret", "private", "account", "shared", "storage", "service", "encryption", "decryption", "signing", "master",
	"license", "sas", "subscription", "auth", "ssh", "pgp", "gpg", "application", "app", "client", "session", "hmac", "instrumentation",
	"jwt", "aes", "rsa", "tls", "cipher",
}

// plainKeys are the words before "key" that name a key of data, or one that
// everybody may know.
var plainKeys = []string{
	"primary", "foreign", "partition", "partitioning", "sort", "config", "routing", "row", "group", "grouping", "message", "record", "hash", "cache", "by",
	"index", "map", "topology", "label", "annotation", "object", "lookup", "join", "distribution", "bucket", "document", "field",
	"fields", "natural", "unique", "composite", "event", "state", "range", "sequence", "merge", "dedup", "deduplication", "upsert",
	"order", "shuffle", "sink", "source", "table", "column", "data", "public", "idempotency", "feature", "resource", "property",
	"option", "env", "search", "image", "metadata", "header", "tag", "any", "no", "the", "of",
	"batch", "window", "shard", "sharding", "cluster", "clustering", "surrogate", "business", "job", "topic", "queue", "stream", "filter", "aggregate",
	"result", "default", "hot", "short", "entity", "item", "correlation", "logical", "physical", "secondary", "distinct", "conflict", "timestamp",
	"limit", "metric", "dimension", "set", "get", "list", "first", "last", "left", "right", "parent", "child", "value",
}

// plainEnds are last words of names that say where a secret is, or something
// about it.
var plainEnds = []string{
	"name", "names", "ref", "refs", "file", "files", "path", "paths", "dir", "directory", "location", "provider", "providers", "class",
	"classes", "classname", "type", "types", "alias", "aliases", "algorithm", "algorithms", "mechanism", "mechanisms", "enabled", "enable", "disabled",
	"interval", "expiration", "expires", "expiry", "lifetime", "ratio", "timeout", "ttl", "uri", "url", "endpoint", "endpoints",
	"format", "size", "length", "count", "source", "version", "renewal", "policy", "mode", "required", "issuer", "audience", "delay",
	"backoff", "retries", "attempts", "method", "prefix", "suffix", "charset", "encoding", "kind", "namespace", "namespaces",
	"ms", "millis", "seconds", "minutes", "hours", "exception", "error", "errors", "failure", "manager", "factory", "handler",
	"validator", "java", "scala", "kt",
}

// plainPhrases are words beside each other that only look secret.
var plainPhrases = [][2]string{
	{"delegation", "token"},
	{"delegation", "tokens"},
	{"existing", "secret"},
	{"pull", "secret"},
	{"pull", "secrets"},
	{"kubernetes", "secrets"},
	{"sql", "secrets"},
	{"show", "secrets"},
	{"pass", "through"},
	{"pass", "thru"},
	{"pass", "by"},
	{"pass", "rate"},
	{"pass", "over"},
	{"pass", "fail"},
	{"max", "tokens"},
	{"min", "tokens"},
	{"num", "tokens"},
	{"total", "tokens"},
	{"input", "tokens"},
	{"output", "tokens"},
}

// plainPass are words that end in "pass" and are none.
var plainPass = []string{"bypass", "compass", "overpass", "underpass", "trespass", "surpass", "encompass", "lowpass", "highpass", "multipass"}

// Name reports whether what is called name is a secret: an option, a field, a
// variable of a container or a parameter of a URL.
func Name(name string) bool {
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	return hinted(name) && named(words(name))
}

// hinted reports cheaply whether name may be secret at all.
func hinted(name string) bool {
	for i := 0; i+2 <= len(name); i++ {
		hint := ""
		switch name[i] | 0x20 {
		case 'b':
			hint = "bearer"
		case 'm':
			hint = "motdepasse"
		case 'p':
			hint = "pass|pwd|pw|psk"
		case 's':
			hint = "secret|sas|sig"
		case 't':
			hint = "token"
		case 'k':
			hint = "key|kennwort"
		case 'c':
			hint = "cred|cookie|contrasena"
		case 'j':
			hint = "jaas|jsession"
		case 'a':
			hint = "auth"
		case 'u':
			hint = "user"
		case 'h':
			hint = "http"
		case 'd':
			hint = "docker"
		}
		for hint != "" {
			word, rest, _ := strings.Cut(hint, "|")
			if len(name)-i >= len(word) && strings.EqualFold(name[i:i+len(word)], word) {
				return true
			}
			hint = rest
		}
	}
	return false
}

// word is a word of a name, in lower case.
type word struct {
	text string
	// inner says that it is a part of a name in camel case, as Key in sortKey.
	inner bool
}

// words are those of a name: what separators and capital letters part.
func words(name string) []word {
	if rest, found := strings.CutPrefix(strings.TrimLeft(name, "-"), "D"); found && strings.HasPrefix(name, "-") {
		name = rest // a property of a JVM
	}
	var out []word
	start, inner := -1, false
	end := func(i int) {
		if start >= 0 {
			out = append(out, word{strings.ToLower(name[start:i]), inner})
		}
		start = -1
	}
	for i := range len(name) {
		c := name[i]
		if !isAlnum(c) {
			end(i)
			continue
		}
		capital := isUpper(c) && start >= 0 && (!isUpper(name[i-1]) || i+1 < len(name) && isLower(name[i+1]))
		if capital {
			end(i)
		}
		if start < 0 {
			start, inner = i, capital
		}
	}
	end(len(name))
	return out
}

// named reports whether words name a secret.
func named(all []word) bool {
	if len(all) == 0 {
		return false
	}
	last := all[len(all)-1]
	switch {
	case slices.Contains(plainEnds, last.text):
		return false
	case last.text == "id" && last.inner && len(all) > 1 && all[len(all)-2].text == "secret":
		return false // connectionSecretId
	case last.text == "token" && last.inner && len(all) > 2 && all[len(all)-2].text == "account" && all[len(all)-3].text == "service":
		return false // serviceAccountToken of a volume
	}
	for i, w := range all {
		before := ""
		if i > 0 {
			before = all[i-1].text
		}
		after := ""
		if i+1 < len(all) {
			after = all[i+1].text
		}
		if slices.Contains(plainPhrases, [2]string{before, w.text}) || slices.Contains(plainPhrases, [2]string{w.text, after}) {
			continue
		}
		if secretWord(w, before, i == len(all)-1) {
			return true
		}
	}
	return false
}

// generated reports whether a word is made of what Kubernetes makes up for names,
// with a digit in it. Words like db2pw are, too.
func generated(text string) bool {
	for i := range len(text) {
		if strings.IndexByte("bcdfghjklmnpqrstvwxz2456789", text[i]) < 0 {
			return false
		}
	}
	return strings.ContainsAny(text, "2456789")
}

// podSuffix reports whether two words are the end of a pod's name, as the last
// ones of web-6d5f49f8d4-68bpw: a hash and five random characters.
func podSuffix(hash, random string) bool {
	return len(random) == 5 && len(hash) >= 5 && len(hash) <= 10 && generated(hash) && generated(random)
}

func secretWord(w word, before string, last bool) bool {
	if podSuffix(before, w.text) {
		return false
	}
	text := strings.TrimRight(w.text, "0123456789")
	switch {
	case slices.Contains(secretWords, text), slices.Contains(secretPhrases, [2]string{before, text}):
		return true
	case strings.HasSuffix(text, "pwd") || strings.HasSuffix(text, "pw") || strings.HasSuffix(text, "pass") && !slices.Contains(plainPass, text):
		return true
	case strings.HasSuffix(text, "token") || last && text == "tokens":
		return true
	case last && (text == "authorization" || text == "cookie"):
		return true
	case text == "key" || last && text == "keys":
		if slices.Contains(keyOwners, before) {
			return true
		}
		return last && text == "key" && before != "" && !w.inner && !slices.Contains(plainKeys, before)
	}
	for _, part := range secretParts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// endsSecret reports whether the secret is what the name ends with, as in
// db-password and accessKeyId; it isn't in TokenManager.
func endsSecret(name string) bool {
	all := words(name)
	if len(all) == 0 || !named(all) {
		return false
	}
	return named(all[max(0, len(all)-3):]) || strings.HasPrefix(name, "fs.")
}

// objectName reports whether name may be that of an object, as password-reset and
// token-service are: it is made as Kubernetes has them, and what it ends with is
// no secret.
func objectName(name string) bool {
	for i := range len(name) {
		if c := name[i]; !isLower(c) && !isDigit(c) && c != '-' {
			return false
		}
	}
	all := words(name)
	switch all[len(all)-1].text {
	case "id", "word", "value", "data", "text", "base64", "prod", "dev", "test", "staging":
		return false
	}
	end := all[len(all)-1:]
	return !named(end) && end[0].text != "key" && end[0].text != "keys"
}

// weak are names that alone are words of any sentence.
func weak(name string) bool {
	switch strings.ToLower(name) {
	case "token", "tokens", "secret", "secrets", "credential", "credentials", "pass", "key", "sig", "sas", "cookie":
		return true
	}
	return false
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool { return isUpper(c) || isLower(c) || isDigit(c) }
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
