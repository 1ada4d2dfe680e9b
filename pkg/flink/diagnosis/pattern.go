package diagnosis

import (
	"regexp"
	"sync"
)

// lazy is a regular expression that is compiled when it is needed first: the
// rules have more than a hundred, and most starts of a command need none.
type lazy struct {
	text string
	once sync.Once
	re   *regexp.Regexp
}

// patterns are all that there are, so that a test can compile them.
var patterns []*lazy

// pattern isn't inlined: at each of its calls it would be 300 bytes of code.
//
//go:noinline
func pattern(text string) *lazy {
	p := &lazy{text: text}
	patterns = append(patterns, p)
	return p
}

func (p *lazy) get() *regexp.Regexp {
	p.once.Do(func() { p.re = regexp.MustCompile(p.text) })
	return p.re
}

// String is the expression.
func (p *lazy) String() string { return p.text }

// MatchString reports whether a text has a match.
func (p *lazy) MatchString(text string) bool { return p.get().MatchString(text) }

// FindStringSubmatch is the first match with its groups; nil where there is none.
func (p *lazy) FindStringSubmatch(text string) []string { return p.get().FindStringSubmatch(text) }

// FindAllStringSubmatch are the first n matches, all where n is negative.
func (p *lazy) FindAllStringSubmatch(text string, n int) [][]string {
	return p.get().FindAllStringSubmatch(text, n)
}

// ReplaceAllString is the text with every match replaced.
func (p *lazy) ReplaceAllString(text, by string) string { return p.get().ReplaceAllString(text, by) }
