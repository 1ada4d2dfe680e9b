package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// docs/testing.md says of each end-to-end test what it proves.
func TestEndToEndTestsAreDescribed(t *testing.T) {
	page, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	described, former, ok := strings.Cut(string(page), "\n## Where former tests went\n")
	if !ok {
		t.Fatal("no table of former tests")
	}
	files, err := filepath.Glob("../e2e/*_test.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	there := map[string]bool{}
	for _, file := range files {
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(t \*testing\.T\)`).FindAllStringSubmatch(string(source), -1) {
			there[found[1]] = true
		}
	}
	name := regexp.MustCompile(`\bTest[A-Z]\w+`)
	named := map[string]bool{}
	for _, n := range name.FindAllString(described, -1) {
		named[n] = true
		if !there[n] {
			t.Errorf("docs/testing.md describes %s, which isn't there", n)
		}
	}
	for n := range there {
		if !named[n] {
			t.Errorf("docs/testing.md doesn't say what %s proves", n)
		}
	}
	for line := range strings.Lines(former) {
		if cells := strings.Split(line, "|"); len(cells) == 4 {
			for _, n := range name.FindAllString(cells[2], -1) {
				if !there[n] {
					t.Errorf("docs/testing.md: what is now in %s, which isn't there", n)
				}
			}
		}
	}
}
