package secret

import "strings"

// found is a value in a text, and where to go on behind it.
type found struct{ start, end, next int }

// value is the value that begins at i, behind the name of a secret. line says
// that it goes on to the end of its line, as in YAML.
func (f *finder) value(i int, name string, line bool) found {
	for i < len(f.text) && (f.text[i] == ' ' || f.text[i] == '\t' || f.has(i, `\t`)) {
		if f.text[i] == '\\' {
			i++
		}
		i++
	}
	if i >= len(f.text) {
		return found{i, i, i}
	}
	if f.has(i, "-----BEGIN ") {
		if stop := strings.Index(f.text[i+5:], "-----END "); stop >= 0 && !f.noEnd {
			end := i + 5 + stop + 9
			if dashes := strings.Index(f.text[end:min(len(f.text), end+farthest)], "-----"); dashes >= 0 {
				end += dashes + 5
			}
			return found{i, end, end}
		}
		return f.bare(i, true, true)
	}
	for _, mark := range []string{"<redacted>", "<masked>"} {
		if f.has(i, mark) {
			return found{i, i + len(mark), i + len(mark)}
		}
	}
	quote := i
	for quote < len(f.text) && f.text[quote] == '\\' {
		quote++
	}
	switch {
	case quote < len(f.text) && isQuote(f.text[quote]):
		v := f.quoted(i, quote)
		for quote == i && f.has(v.next-1, `'"'"'`) {
			v.end = f.quoted(v.next+3, v.next+3).end // one quote within quotes of a shell
			v.next = v.end + 1
		}
		return v
	case f.prefixed(i) > 0:
		quote = i + f.prefixed(i)
		return f.quoted(quote, quote)
	case f.text[i] == '{' || f.text[i] == '[':
		if end := f.bracketed(i); !strings.HasPrefix(f.text[i:end], "{{") {
			return found{i, end, end}
		}
	case f.has(i, "${") || f.has(i, "$("):
		if end := strings.IndexAny(f.text[i:min(len(f.text), i+farthest)], ")}"); end > 0 && variable(f.text[i:i+end+1]) {
			return found{i, i + end + 1, i + end + 1}
		}
	}
	return f.bare(i, line, whole(name))
}

// prefixed is the length of what stands before the quote of a string in SQL,
// Python and shells: U&'x', N'x', b"x", $'x'.
func (f *finder) prefixed(i int) int {
	n := 1
	if f.has(i, "U&") || f.has(i, "u&") {
		n = 2
	} else if i >= len(f.text) || strings.IndexByte("nNeEbBrRuUfFxX$", f.text[i]) < 0 {
		return 0
	}
	if i+n < len(f.text) && (f.text[i+n] == '\'' || f.text[i+n] == '"') {
		return n
	}
	return 0
}

// ends reports whether nothing is where a value would be: the quotes close around
// it, as in "Enter password: ".
func (f *finder) ends(i int) bool {
	for i < len(f.text) && (f.text[i] == ' ' || f.text[i] == '\t' || f.text[i] == '\\') {
		i++
	}
	if i >= len(f.text) || !isQuote(f.text[i]) {
		return false
	}
	i++
	return i >= len(f.text) || isSpace(f.text[i]) || strings.IndexByte(",]})", f.text[i]) >= 0
}

// whole reports whether the value of name is all that is left of a line: a
// header, or a JAAS configuration.
func whole(name string) bool {
	lower := strings.ToLower(name)
	return strings.HasSuffix(lower, "authorization") || strings.HasSuffix(lower, "cookie") || strings.HasSuffix(lower, "jaas.config") || strings.HasSuffix(lower, "jaas_config") || strings.HasSuffix(lower, "http-headers")
}

// quoted is a value in quotes; the first of them is at quote, and each level of
// JSON within JSON has put backslashes before it.
func (f *finder) quoted(start, quote int) found {
	q := f.text[quote]
	if triple := strings.Repeat(string(q), 3); quote == start && q != '`' && f.has(start, triple) {
		if stop := strings.Index(f.text[start+3:min(len(f.text), start+3+longest)], triple); stop >= 0 {
			return found{start + 3, start + 3 + stop, start + stop + 6}
		}
	}
	level := 0
	for n := quote - start; n > 0; n /= 2 {
		level++
	}
	slashes := 0
	for i := quote + 1; i < len(f.text); i++ {
		switch c := f.text[i]; {
		case c == '\\':
			slashes++
			continue
		case c == q && q == '\'' && slashes == 0 && i+1 < len(f.text) && f.text[i+1] == q:
			i++ // doubled, as in SQL and YAML
		case c == q && closes(slashes, level):
			return found{quote + 1, i - slashesOf(slashes, level), i + 1}
		}
		slashes = 0
	}
	return found{quote + 1, len(f.text), len(f.text)}
}

// closes reports whether a quote behind so many backslashes ends what began at
// a level of JSON within JSON.
func closes(slashes, level int) bool {
	for range level {
		if slashes%2 == 0 {
			return true
		}
		slashes /= 2
	}
	return slashes%2 == 0
}

// slashesOf is how many of the backslashes before a closing quote are its own.
func slashesOf(slashes, level int) int { return min(slashes, 1<<level-1) }

// bracketed is the end of an object or a list that begins at i; without an end
// it is cut off.
func (f *finder) bracketed(i int) int {
	depth := 0
	for i < len(f.text) {
		switch f.text[i] {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			start := i
			for start > 0 && f.text[start-1] == '\\' && i-start < farthest {
				start--
			}
			i = f.quoted(start, i).next
			continue
		}
		i++
	}
	return i
}

// bare is a value without quotes.
func (f *finder) bare(i int, line, rest bool) found {
	end := i
loop:
	for ; end < len(f.text); end++ {
		switch c := f.text[end]; c {
		case '\n', '\r':
			break loop
		case ' ', '\t':
			if !line && !rest || f.has(end+1, "#") && !rest {
				break loop
			}
		case '"', '\'', '`', '<':
			if rest && c != '<' {
				// One that opens is within the value, as in a JAAS configuration.
				start := end
				for start > i && f.text[start-1] == '\\' {
					start--
				}
				if start > i && (f.text[start-1] == '=' || f.text[start-1] == ' ') {
					end = f.quoted(start, end).next - 1
					continue
				}
				if !line {
					end = start
				}
			}
			if !line {
				break loop
			}
		case '\\':
			if f.has(end, `\ `) || f.has(end, "\\\n") {
				end++ // a shell takes it for a part of the word
				continue
			}
			if f.escapes(end) && !rest && !line {
				break loop
			}
		case '%':
			if f.has(end, "%26") && !line {
				break loop
			}
		case ',', ';', '&':
			if !line && !rest && f.nextBegins(end+1) {
				break loop
			}
		}
	}
	for end > i && (line || rest) && isSpace(f.text[end-1]) {
		end--
	}
	next := end
	if !line && !rest {
		// Brackets around all of it, as in {user=me, password=x}.
		for end > i+1 && strings.IndexByte(")]}>", f.text[end-1]) >= 0 {
			end--
		}
	}
	return found{i, end, next}
}

// escapes reports whether the backslashes at i stand before a quote or a line
// break of a text that is within another.
func (f *finder) escapes(i int) bool {
	for i < len(f.text) && f.text[i] == '\\' {
		i++
	}
	return i < len(f.text) && (isQuote(f.text[i]) || f.text[i] == 'n' || f.text[i] == 'r' || f.text[i] == 't')
}

// nextBegins reports whether something else begins at i, behind a separator:
// the next option, parameter or field.
func (f *finder) nextBegins(i int) bool {
	if i >= len(f.text) {
		return true
	}
	c := f.text[i]
	if isSpace(c) || isQuote(c) || c == '-' || c == '{' || c == '[' || c == '\\' || c == '}' || c == ')' || c == ']' {
		return true
	}
	end := i
	for end < len(f.text) && end-i < farthest && nameByte(f.text[end]) {
		end++
	}
	return end > i && end < len(f.text) && (f.text[end] == '=' || f.text[end] == ':')
}

// blockScalar hides the lines of a text in YAML: key: | and what is indented
// below it.
func (f *finder) blockScalar(k key, i int) (end int, ok bool) {
	for i < len(f.text) && f.text[i] == ' ' {
		i++
	}
	if i >= len(f.text) || f.text[i] != '|' && f.text[i] != '>' {
		return 0, false
	}
	i++
	for i < len(f.text) && (isDigit(f.text[i]) || f.text[i] == '+' || f.text[i] == '-') {
		i++
	}
	if i >= len(f.text) || f.text[i] != '\n' {
		return 0, false
	}
	indent := f.indent(k)
	body := i + 1
	first := -1
	for body < len(f.text) {
		stop := strings.IndexByte(f.text[body:], '\n')
		if stop < 0 {
			stop = len(f.text) - body
		}
		line := f.text[body : body+stop]
		trimmed := strings.TrimLeft(line, " ")
		if trimmed != "" && len(line)-len(trimmed) <= indent {
			break
		}
		if first < 0 {
			first = body + len(line) - len(trimmed)
		}
		i = body + stop
		body = i + 1
	}
	if first < 0 || first >= i {
		return i, true
	}
	return f.hide(first, i), true
}

// nextLine hides a value that is alone on the line below its key, as YAML may
// have it.
func (f *finder) nextLine(k key, i int) (end int, ok bool) {
	for i < len(f.text) && (f.text[i] == ' ' || f.text[i] == '\r') {
		i++
	}
	if i >= len(f.text) || f.text[i] != '\n' {
		return 0, false
	}
	start := i + 1
	for start < len(f.text) && start-i < farthest && f.text[start] == ' ' {
		start++
	}
	if start-i-1 <= f.indent(k) {
		return 0, false
	}
	end = start
	for end < len(f.text) && f.text[end] != '\n' {
		end++
	}
	line := f.text[start:end]
	if line == "" || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "#") || strings.Contains(line, ": ") || strings.HasSuffix(line, ":") {
		return 0, false
	}
	return f.hide(start, end), true
}

// indent is how far a name is indented, the sign of a list counted.
func (f *finder) indent(k key) int {
	start := k.start
	for start > 0 && k.start-start < farthest && f.text[start-1] != '\n' {
		start--
	}
	return k.start - start
}

// indented hides the values of what is indented below a key in YAML.
func (f *finder) indented(k key, i int) (end int, ok bool) {
	if i >= len(f.text) || f.text[i] != '\n' && !f.has(i, "\r\n") {
		return 0, false
	}
	indent := f.indent(k)
	stop := strings.IndexByte(f.text[i:], '\n') + i
	for at := stop + 1; at < len(f.text); {
		end := strings.IndexByte(f.text[at:], '\n')
		if end < 0 {
			end = len(f.text) - at
		}
		line := f.text[at : at+end]
		trimmed := strings.TrimLeft(line, " ")
		if trimmed != "" && len(line)-len(trimmed) <= indent {
			break
		}
		if name, value, found := strings.Cut(line, ": "); found && isName(strings.TrimSpace(name)) {
			f.hide(at+len(line)-len(value), at+len(line))
		} else if trimmed != "" && !strings.HasSuffix(line, ":") {
			f.hide(at+len(line)-len(trimmed), at+len(line))
		}
		stop = at + end
		at = stop + 1
	}
	return stop, true
}

// reference reports whether a name may hold the name of a Kubernetes Secret in
// an object of its own.
func reference(name string) bool {
	return strings.EqualFold(name, "secret") || strings.EqualFold(name, "secrets")
}
