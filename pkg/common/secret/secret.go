// Package secret keeps secrets out of what is printed and kept:
// it knows secrets by the names of what holds them and by the look of texts.
//
// What is printed for people and scripts passes through it where it leaves the
// program: tables, pages and models in package printer, what is waited for in
// progress, errors and the log of -v in kube, the history of SQL in sqlshell.
// Data, and what is applied again, doesn't: a manifest without its secrets
// restores nothing.
package secret

import (
	"slices"
	"strings"
)

// Hidden stands for a secret.
const Hidden = "******"

// Shown is what a command says on standard error where it prints secrets because
// the user asked for them.
const Shown = "warning: --show-secrets: passwords and keys are printed"

// Value is the value of what is called name, fit to be read: hidden where the
// name says that it is secret, else without the secrets in it. A switch (true,
// false), an empty value and a reference to a variable are no secrets whatever
// their name.
func Value(name, value string) string { return valueAs(name, value, Hidden) }

func valueAs(name, value, mark string) string {
	if Name(name) && !workingDir(name, value) && !counted(name, value) {
		if harmless(value) {
			return value
		}
		return mark
	}
	return TextAs(value, mark)
}

// workingDir reports whether name is that of the directory that a shell works
// in, which ODBC calls a password.
func workingDir(name, value string) bool {
	return (name == "PWD" || name == "OLDPWD") && strings.HasPrefix(value, "/")
}

// counted reports whether value is how many tokens there are: max_tokens and
// rate.tokens have no secret.
func counted(name, value string) bool {
	if len(value) > 7 || value == "" || !strings.HasSuffix(strings.ToLower(name), "tokens") {
		return false
	}
	for i := range len(value) {
		if !isDigit(value[i]) {
			return false
		}
	}
	return true
}

// Text is a text without the secrets that show by their form: URLs, connection
// strings, options of programs, JSON, YAML and SQL, signatures, tokens and
// private keys. It takes time in proportion to the text's length.
func Text(text string) string { return TextAs(text, Hidden) }

// mostPasses bounds how often a text is gone through: what was hidden may show
// where another secret is.
const mostPasses = 8

// TextAs is Text with another mark than Hidden.
func TextAs(text, mark string) string {
	for range mostPasses {
		found := find(text)
		if len(found) == 0 {
			return text
		}
		var out strings.Builder
		out.Grow(len(text))
		at := 0
		for _, s := range found {
			out.WriteString(text[at:s.start])
			out.WriteString(mark)
			at = s.end
		}
		out.WriteString(text[at:])
		text = out.String()
	}
	return text
}

// Find are the secrets in a text, each once, in the order of their places.
func Find(text string) []string {
	var out []string
	for _, s := range find(text) {
		if part := text[s.start:s.end]; !slices.Contains(out, part) {
			out = append(out, part)
		}
	}
	return out
}

// harmless reports whether a value is none that has to be hidden: nothing, a
// switch, the name of a variable, or hidden already.
func harmless(value string) bool {
	switch strings.ToLower(value) {
	case "", "true", "false", "null", "nil", "none", "<none>", "<nil>", "<unset>", "-", "<redacted>", "<masked>", "[redacted]", "redacted", "…":
		return true
	}
	return strings.Trim(value, "*") == "" && len(value) >= 3 || variable(value)
}

// variable reports whether value is a reference to a variable and nothing else:
// ${X}, $(X) or $X. One with a default, as in ${X:-hunter2}, is none.
func variable(value string) bool {
	name, found := strings.CutPrefix(value, "$")
	if !found {
		return false
	}
	braced := false
	for _, pair := range []string{"{}", "()"} {
		if len(name) > 2 && name[0] == pair[0] && name[len(name)-1] == pair[1] {
			name, braced = name[1:len(name)-1], true
		}
	}
	if name == "" || isDigit(name[0]) {
		return false
	}
	for i := range len(name) {
		c := name[i]
		if !isUpper(c) && !isDigit(c) && c != '_' && (!braced || !isLower(c) && c != '.' && c != '-' && c != '/' && c != ':') {
			return false
		}
		// ${env:NAME} and ${file:/path:key} are references, ${NAME:-x} has a default.
		if c == ':' && i+1 < len(name) && (name[i+1] == '-' || name[i+1] == '=') {
			return false
		}
	}
	// ${NAME:default}, as Spring has it.
	if prefix, _, found := strings.Cut(name, ":"); found && prefix != "env" && prefix != "file" && prefix != "secret" && prefix != "vault" {
		return false
	}
	return true
}
