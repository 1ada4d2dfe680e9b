package source

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestFilesOfADirectory(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a.yaml"), "a")
	write(t, filepath.Join(dir, "b.JSON"), "b")
	write(t, filepath.Join(dir, "c.txt"), "c")
	write(t, filepath.Join(dir, "sub", "d.yml"), "d")
	write(t, filepath.Join(dir, ".git", "e.yml"), "e")
	if err := os.Symlink(filepath.Join(dir, "a.yaml"), filepath.Join(dir, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	for recursive, want := range map[bool]string{false: "a.yaml b.JSON link.yaml", true: "a.yaml b.JSON link.yaml sub/d.yml"} {
		files, err := Files(dir, recursive)
		var names []string
		for _, f := range files {
			name, _ := filepath.Rel(dir, f)
			names = append(names, filepath.ToSlash(name))
		}
		if got := strings.Join(names, " "); err != nil || got != want {
			t.Errorf("recursive %v: %q %v", recursive, got, err)
		}
	}
}

func TestReadHasABound(t *testing.T) {
	file := write(t, filepath.Join(t.TempDir(), "f"), strings.Repeat("x", 2<<20))
	if data, err := Read(t.Context(), file, nil, 2<<20); err != nil || len(data) != 2<<20 {
		t.Errorf("%d %v", len(data), err)
	}
	if _, err := Read(t.Context(), file, nil, 1<<20); err == nil || err.Error() != "larger than 1 MiB" {
		t.Error(err)
	}
	if _, err := Read(t.Context(), filepath.Dir(file), nil, 1<<20); err == nil {
		t.Error("a directory was read")
	}
	if data, err := Read(t.Context(), "-", strings.NewReader("text"), 1<<20); err != nil || string(data) != "text" {
		t.Errorf("%q %v", data, err)
	}
}

func TestCtrlCEndsAReadThatNeverComes(t *testing.T) {
	silent, writer := io.Pipe()
	defer writer.Close()
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted")
	cancel(interrupted)
	if _, err := Read(ctx, "-", silent, 1<<20); !errors.Is(err, interrupted) {
		t.Error(err)
	}
}

func TestFetchKeepsToHTTPS(t *testing.T) {
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "evil") }))
	defer plain.Close()
	to := plain.URL
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/there" {
			io.WriteString(w, "good")
			return
		}
		http.Redirect(w, r, to, http.StatusFound)
	}))
	defer secure.Close()
	if data, err := fetch(t.Context(), secure.Client().Transport, secure.URL, 1<<20); err == nil || !strings.Contains(err.Error(), "from https to http://") {
		t.Errorf("%q %v", data, err)
	}
	to = secure.URL + "/there"
	if data, err := fetch(t.Context(), secure.Client().Transport, secure.URL, 1<<20); err != nil || string(data) != "good" {
		t.Errorf("%q %v", data, err)
	}
}

// The password of an address goes to its own server, and not unencrypted.
func TestFetchKeepsThePassword(t *testing.T) {
	other := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, _, ok := r.BasicAuth(); ok {
			t.Errorf("the login of %s went to another server", user)
		}
		io.WriteString(w, "good")
	}))
	defer other.Close()
	asked := false
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, password, _ := r.BasicAuth()
		asked = password == "secret"
		http.Redirect(w, r, other.URL, http.StatusFound)
	}))
	defer secure.Close()
	transport := secure.Client().Transport.(*http.Transport).Clone()
	transport.TLSClientConfig.InsecureSkipVerify = true
	with := strings.Replace(secure.URL, "https://", "https://me:secret@", 1)
	if data, err := fetch(t.Context(), transport, with, 1<<20); err != nil || string(data) != "good" || !asked {
		t.Errorf("%q %v, asked with the password %v", data, err, asked)
	}
	for _, address := range []string{"http://me:secret@example.com/x.yaml", "http://me:secret@127.1/x", "HTTP://me:secret@localhost.example/x", "http://me@10.0.0.1/x"} {
		sent := roundTrips(func(*http.Request) (*http.Response, error) {
			t.Errorf("%s was asked for", Shown(address))
			return nil, errors.New("sent")
		})
		if _, err := fetch(t.Context(), sent, address, 1<<20); err == nil || !strings.Contains(err.Error(), "unencrypted") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", Shown(address), err)
		}
	}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") }))
	defer plain.Close()
	if data, err := fetch(t.Context(), http.DefaultTransport, strings.Replace(plain.URL, "http://", "http://me:secret@", 1), 1<<20); err != nil || string(data) != "here" {
		t.Errorf("loopback: %q %v", data, err)
	}
}

type roundTrips func(*http.Request) (*http.Response, error)

func (r roundTrips) RoundTrip(request *http.Request) (*http.Response, error) { return r(request) }

func TestShownAddressHasNoPassword(t *testing.T) {
	if got := Shown("https://me:secret@host/x.yaml"); strings.Contains(got, "secret") {
		t.Error(got)
	}
}

func TestARegularFileIsReadTwice(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, again := range map[string]string{name: "text", os.DevNull: ""} {
		file, err := Open(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		if _, err := io.ReadAll(file); err != nil {
			t.Fatal(err)
		}
		_, err = file.(io.Seeker).Seek(0, io.SeekStart)
		text, _ := io.ReadAll(file)
		if (err == nil) != (again != "") || string(text) != again {
			t.Errorf("%s: %q, %v", path, text, err)
		}
	}
}
