package term

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestSafe(t *testing.T) {
	for name, tc := range map[string]struct{ in, want string }{
		"plain":              {"a b\tc\nd", "a b\tc\nd"},
		"color":              {"\x1b[31mred\x1b[0m", "red"},
		"window title":       {"a\x1b]0;pwned\x07b", "ab"},
		"carriage return":    {"good\rbad", "goodbad"},
		"bell":               {"a\x07b", "a\uFFFDb"},
		"backspace":          {"ab\x08", "ab\uFFFD"},
		"right to left":      {"user\u202Etxt", "user\uFFFDtxt"},
		"invalid utf-8":      {"a\xffb", "a\uFFFDb"},
		"unicode is kept":    {"größe 東京", "größe 東京"},
		"zero width joiner":  {"a\u200Bb", "a\uFFFDb"},
		"unfinished escape":  {"a\x1b[", "a"},
		"delete character":   {"a\x7fb", "a\uFFFDb"},
		"8-bit control code": {"a\u009b31mb", "a\uFFFD31mb"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Safe(tc.in); got != tc.want {
				t.Errorf("Safe(%q) = %q, want %q", tc.in, got, tc.want)
			}
		})
	}
}

func FuzzSafe(f *testing.F) {
	f.Add("a\x1b[31mb")
	f.Add("\x9b2J\u202e")
	f.Fuzz(func(t *testing.T, in string) {
		out := Safe(in)
		if !utf8.ValidString(out) {
			t.Errorf("Safe(%q) is not UTF-8: %q", in, out)
		}
		if i := strings.IndexFunc(out, func(r rune) bool {
			return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r <= 0x9f || r == 0x202e
		}); i >= 0 {
			t.Errorf("Safe(%q) lets a control character through: %q", in, out)
		}
	})
}

func TestSafeLine(t *testing.T) {
	if got := SafeLine("a\n  b\tc "); got != "a b c" {
		t.Errorf("got %q", got)
	}
}

func TestCutAndPadCountColumns(t *testing.T) {
	if got := Cut("東京タワー", 5); got != "東京…" {
		t.Errorf("Cut = %q", got)
	}
	if got := Cut("short", 10); got != "short" {
		t.Errorf("Cut = %q", got)
	}
	if got := Pad("東京", 6); got != "東京  " {
		t.Errorf("Pad = %q", got)
	}
}

func TestPalette(t *testing.T) {
	var pipe bytes.Buffer
	t.Setenv("NO_COLOR", "")
	t.Setenv("CLICOLOR_FORCE", "")
	auto, err := NewPalette("auto", &pipe)
	if err != nil || auto.On {
		t.Errorf("color in a pipe: %v %v", auto, err)
	}
	always, _ := NewPalette("always", &pipe)
	if got := always.Paint(Red, "x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("got %q", got)
	}
	if _, err := NewPalette("sometimes", &pipe); err == nil {
		t.Error("an unknown mode is accepted")
	}
	t.Setenv("CLICOLOR_FORCE", "1")
	t.Setenv("NO_COLOR", "1")
	if p, _ := NewPalette("auto", &pipe); p.On {
		t.Error("NO_COLOR must win")
	}
}
