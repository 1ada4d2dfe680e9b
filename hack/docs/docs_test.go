package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

// What is committed is what the commands say of themselves.
func TestReferenceIsUpToDate(t *testing.T) {
	want := Reference()
	dir := filepath.Join("..", "..", "docs", "reference")
	found := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		name = filepath.ToSlash(name)
		found[name] = true
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if page, ok := want[name]; !ok {
			t.Errorf("docs/reference/%s: no such command any more", name)
		} else if !bytes.Equal(bytes.ReplaceAll(content, []byte("\r\n"), []byte("\n")), page) {
			t.Errorf("docs/reference/%s differs from what --help says", name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		if !found[name] {
			t.Errorf("docs/reference/%s is missing", name)
		}
	}
	if t.Failed() {
		t.Log("make docs renews them")
	}
}

func TestReferenceNamesNoMachine(t *testing.T) {
	home, err := os.UserHomeDir()
	if err != nil {
		t.Fatal(err)
	}
	for name, page := range Reference() {
		if bytes.Contains(page, []byte(home+"/")) {
			t.Errorf("%s names %s", name, home)
		}
	}
}

func TestReleaseFilesAreReproducible(t *testing.T) {
	date := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	first, err := release(date)
	if err != nil {
		t.Fatal(err)
	}
	again, err := release(date)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range first {
		if !bytes.Equal(content, again[name]) {
			t.Errorf("%s differs from one run to the next", name)
		}
	}
	page := string(first["kubectl-flink/man/kubectl-flink-savepoint.1"])
	for _, want := range []string{`.TH "KUBECTL-FLINK-SAVEPOINT" "1" "Jan 2026"`, "SYNOPSIS", `kubectl flink savepoint`, "EXAMPLE"} {
		if !strings.Contains(page, want) {
			t.Errorf("the man page of savepoint lacks %q", want)
		}
	}
}

// scripts are commands whose help needs no three examples.
var scripts = map[string]bool{"completion": true, "options": true, "help": true}

// Each command says in one line what it is for, and shows how it is called.
func TestHelp(t *testing.T) {
	for _, root := range roots() {
		// Related verbs stand together.
		for _, cmd := range root.Commands() {
			if cmd.IsAvailableCommand() && cmd.GroupID == "" {
				t.Errorf("%s is in no group of %s --help", cmd.Name(), root.CommandPath())
			}
		}
		each(root, func(cmd *cobra.Command) {
			path := cmd.CommandPath()
			short := cmd.Short
			if short == "" || strings.ContainsAny(short, "\n") || strings.HasSuffix(short, ".") || short[:1] != strings.ToUpper(short[:1]) || len(short) > 90 {
				t.Errorf("%s: purpose %q: one line of at most 90 characters that begins in upper case and has no full stop at its end", path, short)
			}
			if !cmd.Runnable() || cmd.HasAvailableSubCommands() {
				return
			}
			for up := cmd; up.HasParent(); up = up.Parent() {
				if scripts[up.Name()] {
					return
				}
			}
			examples := calls(root, cmd.Example)
			if len(examples) < 3 {
				t.Errorf("%s: %d examples, wanted 3 that begin with %q:\n%s", path, len(examples), root.CommandPath(), cmd.Example)
			}
			for _, words := range examples {
				for i, word := range words { // a shell's variable, set on the line before
					if strings.HasPrefix(word, "$") {
						words[i] = "1"
					}
				}
				if err := parses(root.Name(), words); err != nil {
					t.Errorf("%s: example %q: %v", path, strings.Join(words, " "), err)
				}
			}
		})
	}
}

func TestWords(t *testing.T) {
	for line, want := range map[string]string{
		`get a -o jsonpath='{.a b}' > file`:   "get|a|-o|jsonpath={.a b}",
		`get "$(kubectl x -o y)" -o z | less`: "get|1|-o|z",
		`get $(a $(b) c) d # why`:             "get|1|d",
		`get '$(a)' "b c"`:                    "get|$(a)|b c",
		`get --id "$an_id" x`:                 "get|--id|1|x",
		`apply -f - < file`:                   "apply|-f|-",
	} {
		if got := strings.Join(words(line), "|"); got != want {
			t.Errorf("%s: %s, want %s", line, got, want)
		}
	}
}
