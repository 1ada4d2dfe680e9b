package term

import (
	"fmt"
	"unicode/utf8"
)

// MaxShown is how much of one foreign text is shown, in bytes.
const MaxShown = 16 << 10

// Short is the beginning of a text that has more than most bytes, and how long
// all of it is: a mebibyte isn't read, and printing one takes seconds.
func Short(text string, most int) string {
	if len(text) <= most {
		return text
	}
	end := most
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + fmt.Sprintf("… (%s, cut)", size(len(text)))
}

func size(n int) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
