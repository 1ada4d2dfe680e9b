package api

import (
	"fmt"
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

// ShellWord is a word as a POSIX shell takes it.
func ShellWord(word string) string {
	if word != "" && strings.Trim(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:/._-+=@%,") == "" {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// Bytes is a size as people say it.
func Bytes(n int64) string {
	size, unit := float64(n), 0
	for size >= 1024 && unit < 5 {
		size /= 1024
		unit++
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTP"[unit-1])
}
