package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// dialect are words that readers who aren't native speakers stumble over, and
// British spellings: Kubernetes and Go write American English. Each is spelled
// with a gap, so that this list isn't found by itself.
var dialect = regexp.MustCompile(`(?i)\b(` + strings.Join([]string{
	"an" + "ew", "who" + "lly", "colo" + "u?rless", "kno" + "ck(s|ed|ing)?", "un" + "heard", "colo" + "urs?", "behavio" + "urs?",
	"favo" + "urs?", "hono" + "urs?", "cancel" + "led", "cancel" + "ling", "label" + "led", "initial" + "is(e|es|ed|ing)",
	"recogn" + "is(e|es|ed|ing)", "organ" + "is(e|es|ed|ing|ation)", "serial" + "is(e|es|ed|ing)", "normal" + "is(e|es|ed|ing)", "catalog" + "ue",
}, "|") + `)\b`)

// foreignWords are lines that have such a word because somebody else has it.
var foreignWords = []string{
	"jobs-cancelled",     // Flink's REST API
	"Edit cancelled, no", // kubectl's own words
	"CANCELLING",         // a state of Flink's
}

// The words of code, messages and documentation are plain ones.
func TestPlainWords(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "-C", root, "ls-files", "-z", "*.go", "*.md", "Makefile").Output()
	if err != nil {
		t.Logf("no git checkout, so nothing says which files belong to it: %v", err)
		return
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil || strings.Contains(name, "/testdata/") {
			continue // deleted, and not committed yet; or recorded from others
		}
		for i, line := range strings.Split(string(data), "\n") {
			word := dialect.FindString(line)
			if word == "" {
				continue
			}
			foreign := false
			for _, theirs := range foreignWords {
				foreign = foreign || strings.Contains(line, theirs)
			}
			if !foreign {
				t.Errorf("%s:%d: %q: use a plain word, in American spelling", name, i+1, word)
			}
		}
	}
}
