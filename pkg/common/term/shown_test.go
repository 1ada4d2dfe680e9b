package term

import (
	"strings"
	"testing"
)

// Emoji of several stay whole; joiners elsewhere, floods of marks and characters
// that show as nothing don't reach a terminal.
func TestPicturesAndMarks(t *testing.T) {
	const gone = "\ufffd"
	marks := func(n int) string { return "e" + strings.Repeat("\u0301", n) }
	for text, want := range map[string]string{
		"👨\u200d👩\u200d👧 👍🏽 🏳\ufe0f\u200d🌈 🧑🏽\u200d🚀": "👨\u200d👩\u200d👧 👍🏽 🏳\ufe0f\u200d🌈 🧑🏽\u200d🚀",
		"a\u200db":             "a" + gone + "b",
		"می\u200cخواهم":        "می\u200cخواهم",
		"क्\u200dष ශ්\u200dරී": "क्\u200dष ශ්\u200dරී",
		"می\u200c":             "می" + gone,
		"می\u200c\u200cخ":      "می" + gone + gone + "خ",
		"می\u200cb":            "می" + gone + "b",
		"a\u200cb":             "a" + gone + "b",
		"\u200cخ":              gone + "خ",
		// They are no way past the bound on marks.
		"ب" + strings.Repeat("\u064e", 9) + "\u200cب":      "ب" + strings.Repeat("\u064e", 8) + gone + gone + "ب",
		"ب" + strings.Repeat("\u064e\u200c", 9) + "\u064e": "ب" + strings.Repeat("\u064e"+gone, 9) + "\u064e",
		"ក\u17b4\u200cក":                                   "ក" + gone + gone + "ក",
		"👨\u200da":                                         "👨" + gone + "a",
		"👨\u200d":                                          "👨" + gone,
		"\u200d\u200d👨":                                    gone + gone + "👨",
		marks(3) + "f":                                     marks(3) + "f",
		marks(mostMarks):                                   marks(mostMarks),
		marks(200) + "f":                                   marks(mostMarks) + strings.Repeat(gone, 200-mostMarks) + "f",
		"a\u17b4\u2065b":                                   "a" + gone + gone + "b",
		"a\ufff0\u2800b":                                   "a" + gone + gone + "b",
		"\u0928\u093f हिन्दी":                              "\u0928\u093f हिन्दी",
	} {
		if got := Safe(text); got != want {
			t.Errorf("Safe(%q) = %q, want %q", text, got, want)
		}
		if got := Clean(text); got != want {
			t.Errorf("Clean(%q) = %q, want %q", text, got, want)
		}
	}
}
