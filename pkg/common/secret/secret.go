// Package secret knows which options hold what nobody should read on a screen,
// by their names and by the look of their values.
package secret

import (
	"regexp"
	"strings"
)

// Hidden stands for a secret.
const Hidden = "******"

// secretWords are parts of names of options whose values nobody should read.
// Those that Flink hides itself are among them (GlobalConfiguration).
var secretWords = []string{
	"password", "passwd", "secret", "token", "apikey", "api-key", "api_key", "api.key", "access-key", "access.key", "accesskey",
	"private-key", "private.key", "privatekey", "account-key", "account.key", "service-key", "credential", "jaas.config",
	"basic-auth", "basic.auth", "auth-params", "client.authorization", "http-headers", "user-info", "user.info", "passphrase",
	"sas-key", "shared-key", "keytab",
}

// plainWords are parts of names that only look like secrets'.
var plainWords = []string{
	"key.format", "key.fields", "primary-key", "config-key",
	// Flink's: when tokens are renewed, and the names of Kubernetes Secrets.
	"delegation.tokens.enabled", "tokens.renewal.", "fetch.delegation-token", "kubernetes.secrets", "kubernetes.env.secretkeyref", "pull-secrets",
}

// Name reports whether the option called name holds a secret.
func Name(name string) bool {
	name = strings.ToLower(name)
	for _, word := range plainWords {
		if strings.Contains(name, word) {
			return false
		}
	}
	for _, word := range secretWords {
		if strings.Contains(name, word) {
			return true
		}
	}
	return strings.HasSuffix(name, ".key") || strings.HasSuffix(name, "-key") || strings.HasSuffix(name, "_key") || name == "key"
}

// Value is the value of the option called name, fit to be read: hidden where
// the name says that it is secret, else without the secrets in it. A switch
// (true, false) is no secret whatever its name.
func Value(name, value string) string {
	switch strings.ToLower(value) {
	case "", "true", "false":
		return value
	}
	if Name(name) {
		return Hidden
	}
	return Text(value)
}

var (
	// privateKey is a key in PEM form; its end may be cut off.
	privateKey = regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(-----END|$)`)
	// argument is an option of a program, as in --db-password x, -Dapi.key=x
	// and, in a list that the operator joined, --token;x.
	argument = regexp.MustCompile(`(?i)((?:^|[\s;,"'])-{1,2}[\w.-]*(?:password|passwd|secret|token|api[-_.]?key|access[-_.]?key|account[-_.]?key|credentials?|passphrase)[\w.-]*[=;\s]\s*)("[^"]*"|'[^']*'|[^\s;,"']+)`)
)

// Text is a text without the secrets that show by their form: passwords in
// URLs, password=… parameters, options of programs, private keys.
func Text(text string) string {
	text = privateKey.ReplaceAllString(text, "${1}"+Hidden+"${2}")
	text = argument.ReplaceAllString(text, "${1}"+Hidden)
	return parameters(urls(text))
}

// urls hides the passwords of the URLs in text, such as
// jdbc:mysql://user:secret@host, and the secret parameters behind them.
func urls(text string) string {
	var out strings.Builder
	for {
		scheme := strings.Index(text, "://")
		if scheme < 0 {
			break
		}
		out.WriteString(text[:scheme+3])
		text = text[scheme+3:]
		end := strings.IndexAny(text, "/?#' \"\n")
		if end < 0 {
			end = len(text)
		}
		at := strings.LastIndexByte(text[:end], '@')
		colon := strings.IndexByte(text, ':')
		if at >= 0 && colon >= 0 && colon < at {
			out.WriteString(text[:colon+1] + Hidden)
			text = text[at:]
		}
	}
	return out.String() + text
}

// parameters hides password=… within a text, as in JDBC URLs and JAAS
// configurations.
func parameters(text string) string {
	lower := strings.ToLower(text)
	for _, word := range []string{"password=", "secret=", "token="} {
		from := 0
		for {
			at := strings.Index(lower[from:], word)
			if at < 0 {
				break
			}
			start := from + at + len(word)
			end := start
			if end < len(text) && text[end] == '"' {
				end++
				for end < len(text) && text[end] != '"' {
					end++
				}
			}
			for end < len(text) && !strings.ContainsRune("&;' ,\n", rune(text[end])) {
				end++
			}
			text = text[:start] + Hidden + text[end:]
			lower = strings.ToLower(text)
			from = start + len(Hidden)
		}
	}
	return text
}
