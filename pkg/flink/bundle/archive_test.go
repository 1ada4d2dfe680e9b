package bundle

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

var now = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func read(t *testing.T, data []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil || f.Mode().Perm() != 0o600 || f.Modified.Year() != 2026 {
			t.Errorf("%s: %v, %v, %v", f.Name, err, f.Mode(), f.Modified)
		}
		out[f.Name] = string(text)
	}
	return out
}

func noise(lines int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	var out bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&out, "line %d %x%x%x%x\n", i, random.Uint64(), random.Uint64(), random.Uint64(), random.Uint64())
	}
	return out.Bytes()
}

// A bundle isn't larger than it may be; of logs for which there is no room the
// newest part is kept, and that is said.
func TestArchiveKeepsTheNewestWithinItsSize(t *testing.T) {
	const limit = 1 << 20
	var out bytes.Buffer
	a := NewArchive(&out, "x", limit, now)
	log := noise(20_000)
	const logs = 4
	for i := range logs {
		a.Log(fmt.Sprintf("logs/%d.log", i), "log", log, a.Left()/int64(logs-i), false)
	}
	a.Text("huge.txt", "something huge", log)
	if err := a.Close(func(bool) []byte { return []byte("page") }); err != nil {
		t.Fatal(err)
	}
	if out.Len() > limit || out.Len() < limit/3 || a.Size() != int64(out.Len()) {
		t.Errorf("%d bytes, told %d", out.Len(), a.Size())
	}
	files := read(t, out.Bytes())
	for i := range logs {
		text := files[fmt.Sprintf("x/logs/%d.log", i)]
		if len(text) < 50_000 || !strings.HasPrefix(text, "line ") || !strings.Contains(text, "line 19999 ") || strings.Contains(text, "line 0 ") {
			t.Errorf("log %d has %d bytes: %.40q", i, len(text), text)
		}
	}
	missing := fmt.Sprint(a.Missing())
	if files["x/huge.txt"] != "" || files["x/index.html"] != "page" || !strings.Contains(missing, "something huge") || !strings.Contains(missing, "its beginning is left out") {
		t.Errorf("missing are %s", missing)
	}
}

// Foreign names lead nowhere, and two that become one stay two.
func TestArchiveNames(t *testing.T) {
	for name, want := range map[string]string{"../../etc/passwd": "_.._etc_passwd", "": "_", "..": "_", `a\b:c`: "a_b_c", "orders.x-1": "orders.x-1", "ü": "_"} {
		if got := Clean(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if got := Clean(strings.Repeat("a", 1000)); len(got) > 130 {
		t.Errorf("%d bytes", len(got))
	}
	var out bytes.Buffer
	a := NewArchive(&out, "../up", 1<<20, now)
	a.Text(Join("logs", "a/b")+".log", "one", []byte("1"))
	a.Text(Join("logs", "a b")+".log", "two", []byte("2"))
	if err := a.Close(func(bool) []byte { return nil }); err != nil {
		t.Fatal(err)
	}
	files := read(t, out.Bytes())
	if files["_up/logs/a_b.log"] != "1" || files["_up/logs/a_b-2.log"] != "2" {
		t.Errorf("%v", files)
	}
}

// What is known as a secret in one file is hidden in all.
func TestArchiveHides(t *testing.T) {
	var out bytes.Buffer
	a := NewArchive(&out, "x", 1<<20, now)
	a.Secrets.AddIn(map[string]any{"password": "hunter2-known"})
	a.Secrets.Seal()
	a.Object("o.yaml", "object hunter2-known", map[string]any{"note": "it is hunter2-known", "token": "abc"})
	a.JSON("j.json", "json", []byte(`{"x":"hunter2-known","password":"other"}`))
	a.JSON("broken.json", "json", []byte(`{"password":"cut-off`))
	a.Log("l.log", "log", []byte("hunter2-known\n"), 1<<10, false)
	a.Miss("x", "error with hunter2-known")
	if err := a.Close(func(bool) []byte { return nil }); err != nil {
		t.Fatal(err)
	}
	all := fmt.Sprint(read(t, out.Bytes()), a.Files(), a.Missing())
	for _, secret := range []string{"hunter2", "abc", "other", "cut-off"} {
		if strings.Contains(all, secret) {
			t.Errorf("%s stays: %s", secret, all)
		}
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// A disk that is full is reported, at once.
func TestArchiveOnAFullDisk(t *testing.T) {
	a := NewArchive(full{}, "x", 1<<20, now)
	a.Text("a.txt", "a", []byte("a"))
	if err := a.Err(); err == nil {
		t.Error("nothing is told")
	}
	if err := a.Close(func(bool) []byte { return nil }); err == nil || !strings.Contains(err.Error(), "no space") {
		t.Errorf("%v", err)
	}
}

// endless is a log that never ends.
type endless struct{ n int }

func (e *endless) Read(p []byte) (int, error) {
	e.n += len(p)
	return copy(p, bytes.Repeat([]byte("x\n"), len(p)/2)), nil
}

func TestReadNewest(t *testing.T) {
	log := noise(1000)
	text, cut, err := readNewest(bytes.NewReader(log), 1000)
	if err != nil || !cut || len(text) > 1000 || !bytes.HasSuffix(log, text) || !bytes.HasPrefix(text, []byte("line ")) {
		t.Errorf("%d bytes, %v, %v", len(text), cut, err)
	}
	text, cut, err = readNewest(bytes.NewReader(log), 1<<20)
	if err != nil || cut || !bytes.Equal(text, log) {
		t.Errorf("%d bytes, %v, %v", len(text), cut, err)
	}
	var e endless
	if text, _, err := readNewest(&e, 1000); err == nil || len(text) > 1000 || e.n > mostRead {
		t.Errorf("%d of %d bytes, %v", len(text), e.n, err)
	}
}
