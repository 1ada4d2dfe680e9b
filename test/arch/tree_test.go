package arch

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// largestFile is the size in bytes of the largest file that belongs in the
// repository; a picture of the documentation is the largest that is needed.
const largestFile = 1 << 20

// A binary that was built in the root and checked in stays in the history for
// good, and a release takes modes from it.
func TestNothingBuiltIsCheckedIn(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, ".git")); err != nil {
		t.Logf("no git checkout, so nothing says which files belong to it: %v", err)
		return
	}
	out, err := exec.Command("git", "-C", root, "ls-files", "-z").Output()
	if err != nil {
		t.Fatal(err)
	}
	for name := range strings.SplitSeq(strings.TrimRight(string(out), "\x00"), "\x00") {
		info, err := os.Lstat(filepath.Join(root, name))
		if err != nil {
			continue // deleted, and not committed yet
		}
		if info.Mode().IsRegular() && info.Size() > largestFile {
			t.Errorf("%s has %d bytes: nothing that large belongs in the repository", name, info.Size())
		}
	}
}
