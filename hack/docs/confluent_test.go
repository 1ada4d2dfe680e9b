package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// What the page names is there.
func TestConfluentPageNamesCommandsThatAre(t *testing.T) {
	for _, d := range doors {
		root := newRoot["kubectl-cmf"]()
		var words []string
		for word := range strings.FieldsSeq(d.ours) {
			if word == strings.ToUpper(word) || strings.HasPrefix(word, "-") || strings.Contains(word, "/") {
				break
			}
			words = append(words, word)
		}
		cmd, rest, err := root.Find(words)
		if err != nil || len(rest) > 0 || cmd == root {
			t.Errorf("%s: there is no %q (%v)", d.theirs, d.ours, err)
			continue
		}
		for flag := range d.flags {
			name, _, _ := strings.Cut(strings.TrimPrefix(d.here(flag), "--"), ",")
			if strings.HasPrefix(d.here(flag), "--") && cmd.Flag(name) == nil {
				t.Errorf("%s: %q has no %s", d.theirs, d.ours, name)
			}
		}
	}
	root := newRoot["kubectl-cmf"]()
	for theirs, ours := range everywhere {
		if name, ok := strings.CutPrefix(ours, "--"); ok && root.PersistentFlags().Lookup(name) == nil {
			t.Errorf("%s: there is no %s", theirs, ours)
		}
	}
}

var (
	theirCommand = regexp.MustCompile("^\\| `([^`]+)`")
	theirFlag    = regexp.MustCompile(`--[a-z][-a-z]+`)
)

// The list was read off Confluent's sources; it lies beside the repository.
func TestConfluentPageHasEveryCommandAndFlag(t *testing.T) {
	path := filepath.Join("..", "..", "..", "shared", "facts", "cmf.md")
	data, err := os.ReadFile(path)
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not there, and in CI it must be", path)
		}
		t.Skipf("NOT TESTED: %s is not there", path)
	}
	_, section, _ := strings.Cut(string(data), "\n# 2. ")
	section, _, _ = strings.Cut(section, "\n## 2.1")
	known := map[string]door{}
	for _, d := range doors {
		known[d.theirs] = d
	}
	seen := 0
	for line := range strings.Lines(section) {
		m := theirCommand.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		words := strings.Fields(m[1])
		before := strings.Join(words[:len(words)-1], " ")
		var flags []string
		for verb := range strings.SplitSeq(words[len(words)-1], "|") {
			name := strings.TrimSpace(before + " " + verb)
			d, ok := known[name]
			if !ok {
				t.Errorf("confluent flink %s is not on the page", name)
			}
			seen++
			for flag := range d.flags {
				flags = append(flags, flag)
			}
		}
		for _, flag := range theirFlag.FindAllString(line, -1) {
			if _, common := everywhere[flag]; !common && !slices.Contains(flags, flag) {
				t.Errorf("%s of confluent flink %s is not on the page", flag, m[1])
			}
		}
	}
	if seen < len(doors) {
		t.Errorf("the list has %d commands, the page %d", seen, len(doors))
	}
}
