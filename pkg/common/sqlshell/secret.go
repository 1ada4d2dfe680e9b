package sqlshell

import (
	"strings"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
)

// hidden stands for a secret in the history and in messages.
const hidden = "'" + secret.Hidden + "'"

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
		case equals && secret.Name(name) && (t.kind == tokenString || t.kind == tokenWord || t.kind == tokenNumber || t.kind == tokenName):
			out.WriteString(hidden)
		case t.kind == tokenString:
			out.WriteString(secret.Text(t.text))
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
