package logs

import (
	"regexp"
	"strings"
	"time"
)

// layout is how the lines of one log are read: by the patterns of its logging
// configuration where they fit, else by what its lines have in common.
type layout struct {
	patterns []Pattern
	// byLogger says that the level stands before a logger's name, as most
	// lines show: other words of levels are parts of threads' names.
	byLogger bool
	// letter says that a single letter after the time is the level, first that
	// lines begin with the level, none that the lines have no level.
	letter, first, none bool
}

const (
	month = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*\.?`
	clock = `\d{1,2}:\d\d:\d\d(?:[.,]\d{1,9})?`
	zone  = `(?:\s?(?:Z|UTC|[+-]\d\d:?\d\d|[AP]M))?`
)

var (
	// began is a time at the beginning of a line, in the ways that loggers
	// write it.
	began = regexp.MustCompile(`^\[?\s*(?:` +
		`\d{1,9}\.\d{1,9}s|` +
		`\d{4}[-/.]\d\d[-/.]\d\d[ T_]` + clock + zone + `|` +
		`\d\d[-/.]\d\d[-/.]\d{2,4}[ T]` + clock + zone + `|` +
		`\d{1,2}[ -]` + month + `[ -]\d{4}[ :]` + clock + zone + `|` +
		`(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),? )?` + month + ` \d{1,2},? (?:\d{4} )?` + clock + zone + `|` +
		clock + zone + `|` +
		`\d{13})\]?(?:\s|$|\|)\s*`)
	// standard is the time whose fields are known.
	standard = regexp.MustCompile(`^\[?(\d{4})[-/.](\d\d)[-/.](\d\d)[ T](\d\d:\d\d:\d\d)(?:[.,](\d{1,9}))?`)
	// glog is the beginning of a line of Google's loggers.
	glog = regexp.MustCompile(`^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+`)
	// levelFirst is a level at the beginning of a line.
	levelFirst = regexp.MustCompile(`^\[?\s*([A-Z]{3,9})\s*\]?[\s:|]`)
	// assigned is logfmt's level.
	assigned = regexp.MustCompile(`(?:^|\s)(?:level|lvl|severity|log\.level)="?([A-Za-z]+)"?(?:\s|$)`)
	// logger is a logger's name, mostly a class with its package.
	logger = regexp.MustCompile(`^\[?[\w$]+(?:\.[\w$<>]+)+\]?:?$`)
)

// head reads the begin of a message; ok is false where line doesn't begin one
// in a layout that is known.
func (l *layout) head(line string) (at time.Time, level string, ok bool) {
	if strings.HasPrefix(line, "{") {
		return jsonHead(line)
	}
	for _, p := range l.patterns {
		if level, ok := p.read(line); ok {
			return timeOf(line), level, true
		}
	}
	if m := glog.FindStringSubmatch(line); m != nil {
		return time.Time{}, letters[m[1]], true
	}
	stamp := began.FindString(line)
	if stamp == "" {
		if m := levelFirst.FindStringSubmatch(line); m != nil && l.first && levelOf(m[1]) != "" {
			return time.Time{}, levelOf(m[1]), true
		}
		if m := assigned.FindStringSubmatch(line); m != nil && levelOf(m[1]) != "" {
			return time.Time{}, levelOf(m[1]), true
		}
		return time.Time{}, "", false
	}
	return timeOf(line), l.level(after(line, stamp)), true
}

func timeOf(line string) time.Time {
	m := standard.FindStringSubmatch(line)
	if m == nil {
		return time.Time{}
	}
	at, _ := time.Parse("2006-01-02 15:04:05.999999999", strings.TrimSuffix(m[1]+"-"+m[2]+"-"+m[3]+" "+m[4]+"."+m[5], "."))
	return at
}

// level finds the level in what comes after the time.
func (l *layout) level(text string) string {
	if l.none {
		return ""
	}
	if m := assigned.FindStringSubmatch(text); m != nil && levelOf(m[1]) != "" {
		return levelOf(m[1])
	}
	found := candidates(text)
	if l.letter && found.letter != "" {
		return found.letter
	}
	if l.byLogger && found.byLogger != "" {
		return found.byLogger
	}
	return found.first
}

// found are the words of a line that may be its level.
type found struct {
	// first is the first, byLogger the first that stands before a logger's
	// name, letter a single letter right after the time.
	first, byLogger, letter string
}

// mostParts bounds how many words of a line are looked at.
const mostParts = 60

// candidates looks at the words of a line after its time. What stands between
// brackets is a thread's name, unless it is a level alone.
func candidates(text string) (out found) {
	if level := between(text); level != "" {
		return found{first: level, byLogger: level}
	}
	parts := split(text)
	for i, part := range parts {
		bare, bracketed := part, false
		if len(part) > 1 && part[0] == '[' {
			bare, bracketed = strings.TrimSpace(strings.Trim(part, "[]")), true
		}
		bare = strings.TrimRight(bare, ":|")
		level := levelOf(bare)
		switch {
		case i == 0 && len(bare) == 1 && letters[bare] != "":
			out.letter = letters[bare]
			continue
		case bracketed && len(bare) == 1 && letters[bare] != "" && out.letter == "":
			out.letter = letters[bare]
			continue
		case level == "" || bare != strings.ToUpper(bare) && !bracketed && i > 0:
			continue // a word of the message
		}
		if out.first == "" {
			out.first = level
		}
		if i+1 < len(parts) && logger.MatchString(parts[i+1]) && out.byLogger == "" {
			out.byLogger = level
		}
	}
	return out
}

// after is what comes after a line's time, with the bar that ends the time.
func after(line, stamp string) string {
	text := line[len(stamp):]
	if strings.HasSuffix(strings.TrimSpace(stamp), "|") {
		return "|" + text
	}
	return text
}

// between is the first field that is a level alone where a line has its fields
// between bars; "" where it has none.
func between(text string) string {
	if !strings.HasPrefix(text, "|") {
		return ""
	}
	fields := strings.SplitN(text, "|", mostFields)
	for i := 0; i < len(fields)-1; i++ {
		if field := strings.TrimSpace(fields[i]); field == strings.ToUpper(field) && levelOf(field) != "" {
			return levelOf(field)
		}
	}
	return ""
}

// mostFields bounds how many fields between bars are looked at.
const mostFields = 8

// split splits a line into words, of which what is between brackets is one,
// also where it has brackets itself.
func split(text string) []string {
	var out []string
	for text = strings.TrimLeft(text, " \t|"); text != "" && len(out) < mostParts; text = strings.TrimLeft(text, " \t|") {
		if text[0] == '[' {
			if _, rest := enclosed(text); len(rest) < len(text) {
				out = append(out, text[:len(text)-len(rest)])
				text = rest
				continue
			}
		}
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		out = append(out, text[:end])
		text = text[end:]
	}
	return out
}

// learn looks at many lines of a log for what they have in common.
func (l *layout) learn(lines []string) {
	var stamped, known, byLogger, letter, first, other int
	for i, line := range lines {
		stamp := began.FindString(line)
		if stamp == "" {
			if i > 0 && afterName.MatchString(line) && began.MatchString(lines[i-1]) {
				continue // a second line
			}
			if !goesOn.MatchString(line) && !thrown.MatchString(line) {
				other++
				if m := levelFirst.FindStringSubmatch(line); m != nil && levelOf(m[1]) != "" {
					first++
				}
			}
			continue
		}
		stamped++
		c := candidates(after(line, stamp))
		if c.first != "" || assigned.MatchString(line) {
			known++
		}
		if c.byLogger != "" {
			byLogger++
		}
		if c.letter != "" {
			letter++
		}
	}
	l.byLogger = byLogger*2 >= known && byLogger > 0
	l.letter = letter*5 >= stamped*4 && letter > 1
	l.first = first*2 >= other && first > 1 || first == other && first > 0 && stamped == 0
	l.none = stamped >= enoughToDeny && known*5 < stamped && !l.letter
}

// enoughToDeny is how many lines must lack a level for the layout to have none.
const enoughToDeny = 10
