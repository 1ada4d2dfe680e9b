package term

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// hostile are texts that do something else than show themselves on some
// terminal.
var hostile = []string{
	"\x1b[31mred", "\x1b]0;title\x07", "\x1b]8;;http://x\x1b\\link", "\x1bP+q544e\x1b\\", "\x1b[2K", "\x1b[1A", "\x1b[8m", "\x1bc",
	"\u009b31m", "\u009d0;t\u009c", "\u0085", "\x7f", "\b", "\x07", "\x0e", "a\rb",
	"\u202e", "\u2066", "\u061c", "\u2060", "\u2064", "\u200b", "\ufeff", "\u00ad", "\u2028", "\u180e", "\u115f", "\u3164",
	"\U000e0041", "\U000e0001", "\U000e0100", "\xff", "\xc3",
}

func TestGuardedTerminalShowsNothingButTextAndColors(t *testing.T) {
	for _, bad := range hostile {
		// However a command writes it: at once, or byte by byte.
		for _, portion := range []int{len(bad), 1} {
			var out bytes.Buffer
			g := &guarded{file: &out}
			text := "name " + Palette{On: true}.Paint(Green, "ok") + " é " + bad + " end"
			for i := 0; i < len(text); i += portion {
				n, err := g.Write([]byte(text[i:min(i+portion, len(text))]))
				if err != nil || n != len(text[i:min(i+portion, len(text))]) {
					t.Fatal(n, err)
				}
			}
			got := out.String()
			if !strings.HasPrefix(got, "name \x1b[32mok\x1b[0m é ") || !strings.HasSuffix(got, " end") {
				t.Errorf("%q in portions of %d: %q", bad, portion, got)
			}
			for _, color := range paints {
				got = strings.ReplaceAll(got, color, "")
			}
			for _, r := range got {
				if r != utf8.RuneError && unsafe(r) {
					t.Errorf("%q in portions of %d lets %U through: %q", bad, portion, r, out.String())
				}
			}
		}
	}
}

func TestGuardShowsAPromptAtOnce(t *testing.T) {
	var out bytes.Buffer
	g := &guarded{file: &out}
	if _, err := g.Write([]byte("Go on? [y/N] ")); err != nil || out.String() != "Go on? [y/N] " {
		t.Errorf("%q %v", out.String(), err)
	}
}

func TestSafeLeavesNoHiddenCharacters(t *testing.T) {
	for _, bad := range hostile {
		for _, r := range Safe("a" + bad + "b") {
			if r != utf8.RuneError && unsafe(r) && r != '\n' {
				t.Errorf("%q: %U", bad, r)
			}
		}
	}
	for _, good := range []string{"größe", "東京", "العربية ١٢", "\u0601", "🙂", "a\tb\nc"} {
		if got := Safe(good); got != good {
			t.Errorf("%q became %q", good, got)
		}
	}
}

func TestEscapedJSONMeansTheSame(t *testing.T) {
	for _, text := range append(hostile, "größe 東京 🙂", "plain") {
		if !utf8.ValidString(text) {
			continue
		}
		data, err := json.Marshal(map[string]string{text: text})
		if err != nil {
			t.Fatal(err)
		}
		escaped := EscapeJSON(data)
		var back map[string]string
		if err := json.Unmarshal(escaped, &back); err != nil || back[text] != text {
			t.Errorf("%q: %v %v", text, back, err)
		}
		if Clean(string(escaped)) != string(escaped) {
			t.Errorf("%q is still unsafe: %q", text, escaped)
		}
	}
}

func FuzzClean(f *testing.F) {
	for _, bad := range append(hostile, "می\u200cخ", "ක්\u200dර") {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := Clean(text)
		if Clean(got) != got {
			t.Errorf("%q: %q is cleaned again to %q", text, got, Clean(got))
		}
		for _, color := range paints {
			got = strings.ReplaceAll(got, color, "")
		}
		for _, r := range got {
			if r != utf8.RuneError && r != '\n' && r != '\t' && r != joiner && r != nonJoiner && unsafe(r) {
				t.Errorf("%q lets %U through: %q", text, r, got)
			}
		}
	})
}
