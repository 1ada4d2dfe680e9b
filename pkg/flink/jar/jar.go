// Package jar checks a jar before it is sent anywhere, and says whether what is to
// run it can fetch it from where it is.
package jar

import (
	"archive/zip"
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

const (
	// MaxSize bounds a jar, in bytes.
	MaxSize = 4 << 30
	// maxDirectory bounds what is read of a jar to know its files, in bytes, and
	// maxManifest its manifest.
	maxDirectory = 128 << 20
	maxManifest  = 1 << 20
)

// Info is what a jar says of itself.
type Info struct {
	// Main is the class that its manifest names to be run; "" for none.
	Main string
	// Classes is how many classes it has.
	Classes int
}

var className = regexp.MustCompile(`^[\pL_$][\pL\pN_$]*(\.[\pL_$][\pL\pN_$]*)*$`)

// CheckClass finds what can't be a class's name.
func CheckClass(name string) error {
	if len(name) > 1000 || !className.MatchString(name) {
		return fmt.Errorf("%q is no name of a class, as in org.example.Job", name)
	}
	return nil
}

// Check reads the directory of a jar of size bytes, and its manifest. It fails
// where it is no jar, or doesn't have the class; "" is the one that the manifest
// names, if it names one.
func Check(in io.ReaderAt, size int64, class string) (Info, error) {
	switch {
	case size == 0:
		return Info{}, errors.New("it is empty")
	case size > MaxSize:
		return Info{}, fmt.Errorf("it has %d bytes, and more than %d aren't taken for a jar", size, int64(MaxSize))
	}
	archive, err := zip.NewReader(&bounded{in, maxDirectory}, size)
	switch {
	case errors.Is(err, errBound):
		return Info{}, err
	case err != nil:
		return Info{}, fmt.Errorf("it is no jar, or not whole (%w)", err)
	}
	var info Info
	files := map[string]bool{}
	for _, file := range archive.File {
		files[file.Name] = true
		if strings.HasSuffix(file.Name, ".class") {
			info.Classes++
		}
		if strings.EqualFold(file.Name, "META-INF/MANIFEST.MF") && info.Main == "" {
			if info.Main, err = mainClass(file); err != nil {
				return info, fmt.Errorf("its manifest can't be read: %w", err)
			}
		}
	}
	if info.Classes == 0 {
		return info, errors.New("it has no class in it")
	}
	wanted, who := class, "the class to run"
	if class == "" {
		wanted, who = info.Main, "which its manifest names to be run"
	}
	if wanted != "" && !files[strings.ReplaceAll(wanted, ".", "/")+".class"] {
		return info, fmt.Errorf("it has no class %s, %s", wanted, who)
	}
	return info, nil
}

// mainClass is what a manifest names to be run: for Flink by program-class, else
// as for Java.
func mainClass(file *zip.File) (string, error) {
	in, err := file.Open()
	if err != nil {
		return "", err
	}
	defer in.Close()
	lines := bufio.NewScanner(io.LimitReader(in, maxManifest))
	found := map[string]string{}
	last := ""
	for lines.Scan() {
		line := lines.Text()
		if more, ok := strings.CutPrefix(line, " "); ok {
			// A line has at most 72 bytes, and goes on in the next.
			found[last] += more
			continue
		}
		if line == "" {
			break // what follows is about single files
		}
		key, value, _ := strings.Cut(line, ":")
		last = strings.ToLower(key)
		found[last] = strings.TrimPrefix(value, " ")
	}
	if class := found["program-class"]; class != "" {
		return strings.TrimSpace(class), lines.Err()
	}
	return strings.TrimSpace(found["main-class"]), lines.Err()
}

var errBound = fmt.Errorf("its directory has more than %d bytes", int64(maxDirectory))

// bounded reads no more than left bytes.
type bounded struct {
	io.ReaderAt
	left int64
}

func (b *bounded) ReadAt(p []byte, at int64) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		return 0, errBound
	}
	return b.ReaderAt.ReadAt(p, at)
}
