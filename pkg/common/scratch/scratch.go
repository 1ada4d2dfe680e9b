// Package scratch makes directories for files that a user edits, and removes
// those that a command left which was killed.
package scratch

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// kept is the file that says that a directory is the user's from now on.
const kept = ".kept"

// Dir makes a directory that only the user can read, whose name begins with
// prefix. Those of processes of this computer that have ended are removed
// first, except where Keep was called.
func Dir(prefix string) (string, error) {
	// Containers may share a directory for temporary files, and their processes
	// have numbers of their own.
	host, _ := os.Hostname()
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(host))
	prefix += fmt.Sprintf("%08x-", hash.Sum32())
	sweep(prefix)
	return os.MkdirTemp("", prefix+strconv.Itoa(os.Getpid())+"-")
}

// Keep leaves a directory of Dir to the user.
func Keep(dir string) error { return os.WriteFile(filepath.Join(dir, kept), nil, 0o600) }

func sweep(prefix string) {
	entries, err := os.ReadDir(os.TempDir())
	if err != nil {
		return
	}
	for _, entry := range entries {
		rest, ok := strings.CutPrefix(entry.Name(), prefix)
		number, _, _ := strings.Cut(rest, "-")
		pid, err := strconv.Atoi(number)
		if !ok || err != nil || !entry.IsDir() || alive(pid) {
			continue
		}
		dir := filepath.Join(os.TempDir(), entry.Name())
		if _, err := os.Lstat(filepath.Join(dir, kept)); errors.Is(err, os.ErrNotExist) {
			_ = os.RemoveAll(dir) // one of another user stays
		}
	}
}

// alive reports whether a process runs, as far as is known.
func alive(pid int) bool {
	process, err := os.FindProcess(pid)
	if err != nil {
		return false // on Windows
	}
	err = process.Signal(syscall.Signal(0))
	return !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, syscall.ESRCH)
}
