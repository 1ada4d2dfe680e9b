package completion

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"k8s.io/client-go/tools/clientcmd"
)

// Lifetime is how long an answer may be given again: somebody who presses Tab
// twice, or after another letter, asks the same thing.
const Lifetime = 5 * time.Second

// answers is where answers of this process are kept; "" keeps none.
var answers struct{ dir, key string }

// KeepAnswers makes this process's completion of args, and those of others
// with the same words before the last one, share what they find for Lifetime.
func KeepAnswers(args []string) {
	dir, err := os.UserCacheDir()
	if err != nil || len(args) < 2 {
		return
	}
	dir = filepath.Join(dir, "kubectl-flink", "completion")
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	answers.dir, answers.key = dir, place(args[1:len(args)-1])
}

// place is what decides about an answer: the words before, and what the
// kubeconfig says, which `kubectl config use-context` may just have changed.
func place(words []string) string {
	text := fmt.Sprintf("%q", append([]string{filepath.Base(os.Args[0])}, words...))
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	files := rules.Precedence
	for i, word := range words {
		if file, ok := strings.CutPrefix(word, "--kubeconfig="); ok {
			files = append(files, file)
		} else if word == "--kubeconfig" && i+1 < len(words) {
			files = append(files, words[i+1])
		}
	}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil {
			text += fmt.Sprintf("\n%s %d %d", file, info.Size(), info.ModTime().UnixNano())
		}
	}
	for _, name := range []string{"CONFLUENT_CMF_URL", "KUBECTL_FLINK_CONFIG"} {
		text += "\n" + os.Getenv(name)
	}
	return text
}

func path(prefix string) string {
	// What comes before a slash decides which names there are to choose from.
	kind := ""
	if at := strings.LastIndex(prefix, "/"); at >= 0 {
		kind = prefix[:at+1]
	} else if at := strings.Index(prefix, "="); at >= 0 {
		kind = prefix[:at+1]
	}
	sum := sha256.Sum256([]byte(answers.key + "\n" + kind))
	return filepath.Join(answers.dir, hex.EncodeToString(sum[:16])+".json")
}

// kept are the choices that were found a moment ago.
func kept(prefix string) ([]Choice, bool) {
	if answers.dir == "" {
		return nil, false
	}
	file := path(prefix)
	info, err := os.Stat(file)
	if err != nil || time.Since(info.ModTime()) > Lifetime || time.Until(info.ModTime()) > 0 {
		return nil, false
	}
	content, err := os.ReadFile(file)
	var choices []Choice
	if err != nil || json.Unmarshal(content, &choices) != nil {
		return nil, false
	}
	return choices, true
}

// keep keeps choices for a moment and drops what is older.
func keep(prefix string, choices []Choice) {
	if answers.dir == "" {
		return
	}
	if old, err := os.ReadDir(answers.dir); err == nil {
		for _, entry := range old {
			if info, err := entry.Info(); err == nil && time.Since(info.ModTime()) > Lifetime {
				_ = os.Remove(filepath.Join(answers.dir, entry.Name()))
			}
		}
	}
	content, err := json.Marshal(choices)
	if err != nil {
		return
	}
	// Written under another name and renamed, so that no reader sees half of it.
	temporary, err := os.CreateTemp(answers.dir, "new-*")
	if err != nil {
		return
	}
	_, err = temporary.Write(content)
	if closing := temporary.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temporary.Name(), path(prefix))
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
}
