package cmf

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/term"
)

const (
	// maxMemory bounds what one answer, or all pages of a list together, may
	// need when decoded, in bytes as memory estimates them.
	maxMemory = 96 << 20
	// maxList bounds the pages of a list that are in memory as they came, in bytes.
	maxList = 48 << 20
	// maxItems bounds the items of a list.
	maxItems = 50_000
)

// What decoded values take, in bytes.
const (
	objectSize = 336 // the least of a map with one field
	listSize   = 40
	valueSize  = 48 // an interface, and what it points to
)

// memoryOf estimates how many bytes a decoded value takes.
func memoryOf(value any) int64 {
	needed := int64(valueSize)
	switch v := value.(type) {
	case string:
		needed += int64(len(v))
	case json.Number:
		needed += int64(len(v))
	case []any:
		needed += listSize
		for _, item := range v {
			needed += memoryOf(item)
		}
	case map[string]any:
		needed += objectSize
		for name, item := range v {
			needed += int64(len(name)) + memoryOf(item)
		}
	}
	return needed
}

// memory estimates how many bytes a JSON text needs when it is decoded, before
// that is done: a few characters can become a hundred times as much. It counts
// what opens, names and separates values outside of strings.
func memory(data []byte) int64 {
	needed, inString := int64(len(data)), false
	for i := 0; i < len(data); i++ {
		c := data[i]
		switch {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{':
			needed += objectSize
		case c == '[':
			needed += listSize
		case c == ',' || c == ':':
			needed += valueSize
		}
	}
	return needed
}

// The bounds of what is shown of a server's text.
const (
	// maxMessage is of one message, in columns.
	maxMessage = 300
	// maxMessages is how many there are of one error.
	maxMessages = 10
	// maxCause is of what a resource says about its failure, in bytes.
	maxCause = 4 << 10
)

// shorten makes one safe line of a server's text, and says how long the text
// is where something is missing.
func shorten(text string) string { return shortenOf(text, sizeText(int64(len(text)))) }

// shortenOf is shorten for the beginning of a text whose size is given in words.
func shortenOf(text, size string) string {
	// What is looked at is bounded first: most of a long text isn't shown.
	begin := beginning(text, 16*maxMessage)
	line := term.SafeLine(begin)
	shown := term.Cut(line, maxMessage)
	if shown == line && len(begin) == len(text) {
		return line
	}
	return fmt.Sprintf("%s… (cut; %s in all)", strings.TrimSuffix(shown, "…"), size)
}

// beginning is at most limit bytes of text, without half a character at its end.
func beginning(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	for limit > 0 && !utf8.RuneStart(text[limit]) {
		limit--
	}
	return text[:limit]
}

// sizeText is a number of bytes for people.
func sizeText(n int64) string {
	switch {
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
