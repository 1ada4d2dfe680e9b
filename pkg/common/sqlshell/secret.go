package sqlshell

import (
	"strings"
)

// hidden stands for a secret in the history and in messages.
const hidden = "'******'"

// secretWords are parts of option names whose values nobody should read.
var secretWords = []string{"password", "passwd", "secret", "token", "apikey", "api-key", "api_key", "api.key", "access-key", "access.key", "accesskey", "private-key", "private.key", "privatekey", "account-key", "account.key", "credential", "sasl.jaas.config", "basic-auth", "basic.auth", "user-info", "user.info", "passphrase", "sas-key", "shared-key", "keytab"}

// plainWords are option names that only look like secrets'.
var plainWords = []string{"key.format", "key.fields", "primary-key"}

func secretName(name string) bool {
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

// redact hides the values of options whose names say that they are secret, and
// credentials in URLs: 'name' = 'value' and name = 'value', as in SET, WITH
// and hints.
func redact(sql string) string {
	all := tokens(sql)
	var out strings.Builder
	out.Grow(len(sql))
	// name and equals are the tokens before, without the blank ones.
	name, equals := "", false
	for _, t := range all {
		if t.blank() {
			out.WriteString(t.text)
			continue
		}
		switch {
		case t.kind == tokenSymbol && t.text == "=":
			equals = true
			out.WriteString(t.text)
			continue
		case equals && secretName(name) && (t.kind == tokenString || t.kind == tokenWord || t.kind == tokenNumber || t.kind == tokenName):
			out.WriteString(hidden)
		case t.kind == tokenString:
			out.WriteString(redactURL(t.text))
		default:
			out.WriteString(t.text)
		}
		switch {
		case equals:
			name = ""
		case t.kind == tokenString || t.kind == tokenName:
			name = strings.Trim(t.text, "'`\"")
		case t.kind == tokenWord || t.kind == tokenSymbol && (t.text == "." || t.text == "-"):
			// SET sasl.jaas.config = … without quotes is several tokens.
			if t.kind == tokenWord && !strings.HasSuffix(name, ".") && !strings.HasSuffix(name, "-") {
				name = ""
			}
			name += t.text
		default:
			name = ""
		}
		equals = false
	}
	return out.String()
}

// redactURL hides the password of a URL such as jdbc:mysql://user:secret@host.
func redactURL(quoted string) string {
	scheme := strings.Index(quoted, "://")
	if scheme < 0 {
		return redactParameters(quoted)
	}
	rest := quoted[scheme+3:]
	end := strings.IndexAny(rest, "/?#' ")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	colon := strings.IndexByte(rest, ':')
	if at < 0 || colon < 0 || colon > at {
		return redactParameters(quoted)
	}
	return redactParameters(quoted[:scheme+3] + rest[:colon+1] + "******" + rest[at:])
}

// redactParameters hides password=… within a string, as in JDBC URLs and JAAS
// configurations.
func redactParameters(quoted string) string {
	lower := strings.ToLower(quoted)
	for _, word := range []string{"password=", "secret=", "token="} {
		from := 0
		for {
			at := strings.Index(lower[from:], word)
			if at < 0 {
				break
			}
			start := from + at + len(word)
			end := start
			if end < len(quoted) && quoted[end] == '"' {
				end++
				for end < len(quoted) && quoted[end] != '"' {
					end++
				}
			}
			for end < len(quoted) && !strings.ContainsRune("&;' ,", rune(quoted[end])) {
				end++
			}
			quoted = quoted[:start] + "******" + quoted[end:]
			lower = strings.ToLower(quoted)
			from = start + 6
		}
	}
	return quoted
}
