package logs

import (
	"regexp"
	"strings"
)

// Pattern is a layout that a logging configuration names, ready to read lines.
type Pattern struct {
	line *regexp.Regexp
	// level is the group of the level.
	level int
}

// patternIn are the ways in which log4j 1 and 2 (properties, XML, YAML, JSON)
// and logback name a layout's pattern.
var patternIn = []*regexp.Regexp{
	regexp.MustCompile(`(?m)^\s*[\w.]*layout\.(?:pattern|[cC]onversion[pP]attern)\s*[=:]\s*(.+?)\s*$`),
	regexp.MustCompile(`(?s)<(?:[pP]attern|[cC]onversion[pP]attern)>\s*(.+?)\s*</`),
	regexp.MustCompile(`(?i)<PatternLayout[^>]*\bpattern="([^"]+)"`),
	regexp.MustCompile(`(?im)^[\s-]*"?(?:pattern|conversionpattern)"?\s*:\s*(.+?)\s*,?\s*$`),
}

// variable is ${NAME} or ${NAME:-default} in a configuration, and the lines
// that define one.
var (
	variable = regexp.MustCompile(`\$\{([\w.:-]+?)(?::-([^}]*))?\}`)
	defines  = regexp.MustCompile(`(?m)(?:^\s*(?:property\.)?([\w.-]+)\s*=\s*(.+?)\s*$|<(?:p|P)roperty\s+name="([\w.-]+)"\s+value="([^"]*)"|<Property\s+name="([\w.-]+)">([^<]*)<)`)
)

// maxPatterns and maxConfig bound what is read of configurations.
const (
	maxPatterns = 16
	maxConfig   = 1 << 20
)

// Patterns are the layouts that the text of a logging configuration names.
func Patterns(config string) []Pattern {
	if len(config) > maxConfig {
		return nil
	}
	values := map[string]string{}
	for _, m := range defines.FindAllStringSubmatch(config, -1) {
		for i := 1; i+1 < len(m); i += 2 {
			if m[i] != "" {
				values[m[i]] = m[i+1]
			}
		}
	}
	var out []Pattern
	seen := map[string]bool{}
	for _, in := range patternIn {
		for _, m := range in.FindAllStringSubmatch(config, -1) {
			text := strings.Trim(m[1], `"'`)
			for range 3 { // a variable may name another
				text = variable.ReplaceAllStringFunc(text, func(name string) string {
					parts := variable.FindStringSubmatch(name)
					if value, ok := values[parts[1]]; ok {
						return value
					}
					return parts[2]
				})
			}
			text = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&", `\t`, "\t").Replace(text)
			if p, ok := compile(text); ok && !seen[text] && len(out) < maxPatterns {
				seen[text] = true
				out = append(out, p)
			}
		}
	}
	return out
}

// conversion is %-5.10word{options}, of log4j and logback.
var conversion = regexp.MustCompile(`^%([-0]?\d*)(\.-?\d+)?([A-Za-z]*)`)

// lastPart is what may follow the message: line breaks and stack traces.
var lastPart = regexp.MustCompile(`(?:\s|%n|%(?:throwable|(?:x|r|w|nop)?[eE]x(?:ception)?)(?:\{[^}]*\})*)+$`)

// compile makes a Pattern of a layout; ok is false where it has no level.
func compile(layout string) (Pattern, bool) {
	var out strings.Builder
	out.WriteString("^")
	translate(&out, lastPart.ReplaceAllString(layout, ""))
	line, err := regexp.Compile(out.String())
	if err != nil {
		return Pattern{}, false
	}
	level := line.SubexpIndex("level")
	return Pattern{line, level}, level > 0
}

func translate(out *strings.Builder, layout string) {
	for layout != "" {
		if layout[0] == '\\' && len(layout) > 1 {
			out.WriteString(regexp.QuoteMeta(layout[1:2]))
			layout = layout[2:]
			continue
		}
		m := conversion.FindStringSubmatch(layout)
		switch {
		case strings.HasPrefix(layout, "%%"):
			out.WriteString("%")
			layout = layout[2:]
			continue
		case m == nil:
			text := layout[:1]
			if text == " " || text == "\t" {
				text = layout[:len(layout)-len(strings.TrimLeft(layout, " \t"))]
				out.WriteString(`\s+`)
			} else {
				out.WriteString(regexp.QuoteMeta(text))
			}
			layout = layout[len(text):]
			continue
		}
		layout = layout[len(m[0]):]
		var options []string
		for layout != "" && (layout[0] == '{' || layout[0] == '(') {
			inner, rest := enclosed(layout)
			if rest == layout {
				break
			}
			options, layout = append(options, inner), rest
		}
		if strings.Trim(m[1], "-0") != "" {
			out.WriteString(`\s*`) // padding
		}
		convert(out, m[3], m[2] == ".1" || m[2] == ".-1", options)
		if strings.Trim(m[1], "-0") != "" {
			out.WriteString(`\s*`)
		}
	}
}

// convert writes what a conversion word stands for.
func convert(out *strings.Builder, word string, cut bool, options []string) {
	switch word {
	case "", "highlight", "style", "clr", "notEmpty", "varsNotEmpty", "maxLen", "maxLength", "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white", "gray", "boldRed", "boldGreen", "boldYellow", "boldBlue", "boldMagenta", "boldCyan", "boldWhite", "replace", "enc", "encode", "equals", "equalsIgnoreCase":
		if len(options) > 0 {
			out.WriteString("(?:")
			translate(out, options[0])
			out.WriteString(")")
			if word == "notEmpty" || word == "varsNotEmpty" {
				out.WriteString("?")
			}
		}
	case "p", "level", "le":
		if cut {
			out.WriteString("(?P<level>[TDIWEFCS])")
			return
		}
		out.WriteString("(?P<level>" + levelWords + ")")
	case "d", "date", "utcdate":
		out.WriteString(`\[?[A-Za-z]{0,3}[ ,]*\d[\w\p{L}:.,/+ -]*?`)
	case "c", "lo", "logger", "C", "class", "F", "file", "L", "line", "M", "method", "r", "relative", "T", "tid", "threadId", "sn", "sequenceNumber", "pid", "processId", "N", "nano":
		out.WriteString(`\S*?`)
	case "n", "m", "msg", "message", "ex", "exception", "throwable", "xEx", "xException", "xThrowable", "rEx", "rException", "rThrowable", "wEx", "wex", "rootException", "nopex", "nopexception":
		out.WriteString(`.*`)
	default: // threads, contexts, what isn't known
		out.WriteString(`.*?`)
	}
}

// levelWords are all names of levels, as a regular expression.
var levelWords = func() string {
	var all []string
	for word := range words {
		all = append(all, word)
	}
	return `(?i:` + strings.Join(all, "|") + `)\b`
}()

// enclosed is what stands between the brackets that text begins with, and what
// comes after them; the rest is text itself where they aren't closed.
func enclosed(text string) (inner, rest string) {
	open := text[0]
	closing := map[byte]byte{'{': '}', '(': ')', '[': ']'}[open]
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case open:
			depth++
		case closing:
			if depth--; depth == 0 {
				return text[1:i], text[i+1:]
			}
		}
	}
	return "", text
}

// read reads the level of a line that the pattern fits.
func (p Pattern) read(line string) (level string, ok bool) {
	m := p.line.FindStringSubmatch(line)
	if m == nil {
		return "", false
	}
	if level = levelOf(m[p.level]); level == "" {
		level = letters[m[p.level]]
	}
	return level, level != ""
}
