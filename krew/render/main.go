// Command render makes krew manifests of the templates in krew/ for a release:
// the version, the addresses of the archives and their checksums.
//
//	go run ./krew/render --tag v1.2.3 --checksums dist/checksums.txt --out dist/krew
//
// The workflow hands the results to krew-release-bot, and puts them into
// plugins/, which makes this repository a krew index of its own.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

func main() {
	tag := flag.String("tag", "", "Version of the release, as in v1.2.3")
	checksums := flag.String("checksums", "dist/checksums.txt", "goreleaser's list of checksums")
	base := flag.String("base", "", "Address that archives are below (default the release's on GitHub)")
	templates := flag.String("templates", "krew", "Directory of the templates")
	out := flag.String("out", "dist/krew", "Directory to write to")
	flag.Parse()
	if err := render(*tag, *checksums, *base, *templates, *out); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

func render(tag, checksums, base, templates, out string) error {
	if !strings.HasPrefix(tag, "v") {
		return fmt.Errorf("--tag %q is no version that begins with v", tag)
	}
	if base == "" {
		base = "https://github.com/kubectl-flink/kubectl-flink/releases/download/" + tag
	}
	sums, err := readSums(checksums)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(templates, "*.yaml"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("no templates in %s", templates)
	}
	for _, file := range files {
		archive := func(name string) (string, error) {
			sum, ok := sums[name]
			if !ok {
				return "", fmt.Errorf("%s has no checksum of %s", checksums, name)
			}
			// Quoted: a checksum may look like a number.
			return fmt.Sprintf("uri: %s/%s\n      sha256: %q", base, name, sum), nil
		}
		t, err := template.New(filepath.Base(file)).Funcs(template.FuncMap{"archive": archive}).ParseFiles(file)
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := t.Execute(&b, map[string]string{"TagName": tag}); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(out, filepath.Base(file)), b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// readSums reads sha256sum's format: checksums by file name.
func readSums(file string) (map[string]string, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sums := map[string]string{}
	for line := range strings.SplitSeq(string(content), "\n") {
		if sum, name, ok := strings.Cut(line, "  "); ok {
			sums[name] = sum
		}
	}
	return sums, nil
}
