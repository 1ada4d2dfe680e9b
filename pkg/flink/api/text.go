package api

import (
	"strings"
)

// FirstLine is the first line of a text that isn't empty.
func FirstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// Because is a reason as the end of a sentence: ": why"; "" where there is none.
func Because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + why
}
