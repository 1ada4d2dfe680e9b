// Package source reads what users name with -f: files, directories, http(s)
// addresses and standard input, within bounds and until Ctrl-C.
package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/untrusted"
)

// downloadLimit bounds the time that an address may take.
const downloadLimit = time.Minute

// maxRedirects is how many redirects of an address are followed.
const maxRedirects = 5

// IsURL reports whether name is an address to fetch.
func IsURL(name string) bool {
	return strings.HasPrefix(name, "https://") || strings.HasPrefix(name, "http://")
}

// Shown is name as messages may show it: an address without its password.
func Shown(name string) string {
	if !IsURL(name) {
		return name
	}
	address, err := url.Parse(name)
	if err != nil {
		return "the address"
	}
	return address.Redacted()
}

// Files are the *.yaml, *.yml and *.json files of a directory, sorted; with
// recursive also those below it, but not of hidden directories. Anything of
// such a name that is no regular file, as a named pipe or a device, is an
// error: reading it could take forever.
func Files(dir string, recursive bool) ([]string, error) {
	var out []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return Cause(err)
		case entry.IsDir() && path != dir && (!recursive || strings.HasPrefix(entry.Name(), ".")):
			return filepath.SkipDir
		case entry.IsDir() || !slices.Contains([]string{".json", ".yaml", ".yml"}, strings.ToLower(filepath.Ext(path))):
			return nil
		}
		info, err := os.Stat(path) // what a link leads to
		switch {
		case err != nil:
			return fmt.Errorf("%s: %w", path, Cause(err))
		case info.IsDir():
			return nil
		case !info.Mode().IsRegular():
			return fmt.Errorf("%s is no regular file; to read from a pipe or a device, name it with -f itself", path)
		}
		out = append(out, path)
		return nil
	})
	return out, err
}

// Cause is err without the operation and the path that Go's file functions add.
func Cause(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Read reads all of name, at most limit bytes: "-" is in, http:// and https://
// are fetched, the rest are files. A directory is an error. It returns the cause
// of ctx as soon as ctx ends, even while a pipe or a terminal says nothing.
func Read(ctx context.Context, name string, in io.Reader, limit int64) ([]byte, error) {
	type answer struct {
		data []byte
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		// Opening a pipe blocks too. Where ctx ends first this goroutine is left
		// behind: nothing ends a read of a terminal, and the program ends.
		data, err := read1(ctx, name, in, limit)
		read <- answer{data, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case got := <-read:
		var large *untrusted.TooLargeError
		if errors.As(got.err, &large) {
			return nil, fmt.Errorf("larger than %d MiB", limit>>20)
		}
		return got.data, got.err
	}
}

// Data is what a flag like curl's --data names: the text itself, @FILE or @- for
// in; nil where text is empty. More than limit bytes of a file are an error.
func Data(ctx context.Context, text string, in io.Reader, limit int64) ([]byte, error) {
	name, file := strings.CutPrefix(text, "@")
	switch {
	case text == "":
		return nil, nil
	case !file:
		return []byte(text), nil
	}
	data, err := Read(ctx, name, in, limit)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	if data == nil {
		data = []byte{}
	}
	return data, err
}

func read1(ctx context.Context, name string, in io.Reader, limit int64) ([]byte, error) {
	switch {
	case name == "-" && in == nil:
		return nil, errors.New("there is no standard input")
	case name == "-":
		return untrusted.ReadAll(in, limit)
	case IsURL(name):
		return fetch(ctx, http.DefaultTransport, name, limit)
	}
	file, err := os.Open(name)
	if err != nil {
		return nil, Cause(err)
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("is a directory")
	}
	data, err := untrusted.ReadAll(file, limit)
	return data, Cause(err)
}

// fetch reads an address. Redirects are followed, as those of release pages,
// but never from https to http: what comes back is applied.
func fetch(ctx context.Context, transport http.RoundTripper, address string, limit int64) ([]byte, error) {
	client := &http.Client{Transport: transport, Timeout: downloadLimit, CheckRedirect: func(to *http.Request, via []*http.Request) error {
		switch {
		case via[len(via)-1].URL.Scheme == "https" && to.URL.Scheme != "https":
			return fmt.Errorf("it redirects from https to %s://%s, which is not followed", to.URL.Scheme, to.URL.Host)
		case len(via) > maxRedirects:
			return fmt.Errorf("it redirects more than %d times", maxRedirects)
		}
		return nil
	}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("not an address")
	}
	if request.URL.User != nil && request.URL.Scheme == "http" && !loopback(request.URL.Hostname()) {
		return nil, errors.New("the password in the address would be sent unencrypted: use https, or fetch it another way and name the file")
	}
	response, err := client.Do(request)
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // the address in it may hold a password
		}
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s", response.Status)
	}
	return untrusted.ReadAll(response.Body, limit)
}

// loopback reports whether host is this computer by its very name.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Open opens the file called name for reading. Opening and each read end with
// the cause of ctx when ctx ends, as for a named pipe into which nothing is
// written. A directory is an error.
func Open(ctx context.Context, name string) (io.ReadCloser, error) {
	type answer struct {
		file *os.File
		err  error
	}
	opened := make(chan answer, 1)
	go func() {
		file, err := os.Open(name)
		opened <- answer{file, err}
	}()
	select {
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case got := <-opened:
		if got.err != nil {
			return nil, got.err
		}
		if info, err := got.file.Stat(); err == nil && info.IsDir() {
			_ = got.file.Close()
			return nil, fmt.Errorf("%s is a directory", name)
		}
		return &interruptible{ctx: ctx, file: got.file}, nil
	}
}

// interruptible is a file whose reads end with a context.
type interruptible struct {
	ctx  context.Context //nolint:containedctx // io.Reader has no place for it
	file *os.File
}

func (r *interruptible) Close() error { return r.file.Close() }

// Seek makes a regular file one that can be read twice; others can't.
func (r *interruptible) Seek(offset int64, whence int) (int64, error) {
	info, err := r.file.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is no regular file", r.file.Name())
	}
	return r.file.Seek(offset, whence)
}

func (r *interruptible) Read(p []byte) (int, error) {
	type answer struct {
		n   int
		err error
	}
	// A buffer of its own: p belongs to the caller again once ctx has ended.
	buffer := make([]byte, len(p))
	read := make(chan answer, 1)
	go func() {
		n, err := r.file.Read(buffer)
		read <- answer{n, err}
	}()
	select {
	case <-r.ctx.Done():
		return 0, context.Cause(r.ctx)
	case got := <-read:
		return copy(p, buffer[:got.n]), got.err
	}
}
