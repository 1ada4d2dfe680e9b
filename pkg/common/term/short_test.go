package term

import (
	"strings"
	"testing"
)

func TestShort(t *testing.T) {
	for _, tc := range []struct {
		text string
		most int
		want string
	}{
		{"", 4, ""},
		{"four", 4, "four"},
		{"fünf and more", 2, "f… (0.0 KiB, cut)"},
		{strings.Repeat("x", 1<<20), 3, "xxx… (1.0 MiB, cut)"},
		{strings.Repeat("x", 5<<9), 3, "xxx… (2.5 KiB, cut)"},
	} {
		if got := Short(tc.text, tc.most); got != tc.want {
			t.Errorf("%.20q to %d: %.80q, want %q", tc.text, tc.most, got, tc.want)
		}
	}
}
