// Package bundle makes a support bundle of jobs and of the operator's
// installation: one zip within a size, without secrets, in which what is missing
// is listed. Nothing is changed in the cluster.
package bundle

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-flink/kubectl-flink/pkg/common/secret"
	"github.com/kubectl-flink/kubectl-flink/pkg/flink/api"
)

// File is one file of a bundle.
type File struct {
	// Path is within the bundle; its parts are made of harmless characters.
	Path string `json:"path"`
	// What says what is in it. It may hold foreign names.
	What string `json:"what"`
	// Size is in bytes, unpacked.
	Size int64 `json:"size"`
	// Cut says that the beginning is left out, because there was no room.
	Cut bool `json:"cut,omitempty"`
}

// Missing is what could not be put into a bundle.
type Missing struct {
	// What and Why may hold foreign text.
	What string `json:"what"`
	Why  string `json:"why"`
}

// Archive is a zip that is written as it is filled. Everything goes through Secrets
// before. It is safe for use by several goroutines.
type Archive struct {
	// Secrets are hidden wherever they stand. They are all known before the first
	// file.
	Secrets *secret.Known

	mu      sync.Mutex
	out     *counter
	zip     *zip.Writer
	dir     string
	limit   int64
	now     time.Time
	taken   map[string]bool
	files   []File
	missing []Missing
	err     error
}

// counter counts what is written.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// perFile is what a file takes beside its content: two headers with its name.
const perFile = 512

// NewArchive writes a zip of at most limit bytes to w, in which all is below dir.
func NewArchive(w io.Writer, dir string, limit int64, now time.Time) *Archive {
	out := &counter{w: w}
	return &Archive{Secrets: &secret.Known{}, out: out, zip: zip.NewWriter(out), dir: Clean(dir), limit: limit, now: now, taken: map[string]bool{}}
}

// Clean is a name as a part of a path: nothing in it leads elsewhere, on any
// system.
func Clean(name string) string {
	var out strings.Builder
	for _, r := range name {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.':
			out.WriteRune(r)
		default:
			out.WriteByte('_')
		}
		if out.Len() >= 120 {
			break
		}
	}
	text := strings.Trim(out.String(), ".")
	if text == "" {
		return "_"
	}
	return text
}

// Join is a path within a bundle of names that are foreign.
func Join(names ...string) string {
	for i := range names {
		names[i] = Clean(names[i])
	}
	return path.Join(names...)
}

// Miss notes that something is missing; the same is noted once.
func (a *Archive) Miss(what, why string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.miss(what, why)
}

// mostMissing bounds what is listed as missing.
const mostMissing = 1000

func (a *Archive) miss(what, why string) {
	one := Missing{a.Secrets.Hide(what), a.Secrets.Hide(short(api.FirstLine(why)))}
	if len(a.missing) < mostMissing && !slices.Contains(a.missing, one) {
		a.missing = append(a.missing, one)
	}
}

func short(text string) string {
	const most = 1 << 10
	if len(text) > most {
		return strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Files are those that were put in.
func (a *Archive) Files() []File {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]File{}, a.files...)
}

// Missing is what is missing.
func (a *Archive) Missing() []Missing {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]Missing{}, a.missing...)
}

// Left is how many bytes there is room for.
func (a *Archive) Left() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.left()
}

// reserve is kept for the page that is written last.
func (a *Archive) reserve() int64 { return min(a.limit/4, 2<<20) }

func (a *Archive) left() int64 {
	directory := int64(len(a.files)+1) * perFile
	return max(a.limit-a.reserve()-a.out.n-directory, 0)
}

// Object puts in an object as YAML, without the secrets in it.
func (a *Archive) Object(name, what string, object any) {
	plain, err := decoded(object)
	if err == nil {
		var text []byte
		if text, err = yaml.Marshal(a.Secrets.HideIn(plain)); err == nil {
			a.put(name, what, text, 0, false)
			return
		}
	}
	a.Miss(what, err.Error())
}

// decoded is a value as JSON is decoded.
func decoded(object any) (plain any, err error) {
	switch object.(type) {
	case map[string]any, []any:
		return object, nil
	}
	text, err := json.Marshal(object)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	err = decoder.Decode(&plain)
	return plain, err
}

// Value puts in a value as indented JSON, without the secrets in it.
func (a *Archive) Value(name, what string, value any) {
	plain, err := decoded(value)
	if err == nil {
		var out bytes.Buffer
		encoder := json.NewEncoder(&out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err = encoder.Encode(a.Secrets.HideIn(plain)); err == nil {
			a.put(name, what, out.Bytes(), 0, false)
			return
		}
	}
	a.Miss(what, err.Error())
}

// JSON puts in a document of JSON that a server sent, indented, without the secrets
// in it; what is no JSON is a text.
func (a *Archive) JSON(name, what string, document []byte) {
	var plain any
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.UseNumber()
	if decoder.Decode(&plain) != nil {
		a.Text(name, what, document)
		return
	}
	a.Value(name, what, plain)
}

// Text puts in a text, without the secrets in it.
func (a *Archive) Text(name, what string, text []byte) {
	a.put(name, what, []byte(a.Secrets.Hide(string(text))), 0, false)
}

// Log puts in a log, without the secrets in it, in at most room bytes of the zip:
// of a longer one the newest part. cut says that its beginning is missing already.
func (a *Archive) Log(name, what string, text []byte, room int64, cut bool) {
	a.put(name, what, []byte(a.Secrets.Hide(string(text))), max(room, 1), cut)
}

// put packs a file and writes it if there is room. With room, the beginning of the
// text is left out until it fits.
func (a *Archive) put(name, what string, text []byte, room int64, cut bool) {
	packed, err := pack(text)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.err != nil {
		return
	}
	most := a.left()
	if room > 0 {
		most = min(most, room)
		for tries := 0; err == nil && int64(len(packed)) > most && len(text) > 1<<10 && tries < 8; tries++ {
			keep := min(int(float64(len(text))*float64(most)/float64(len(packed))*0.9), len(text)/2)
			text, cut = newest(text, max(keep, 0)), true
			packed, err = pack(text)
		}
	}
	switch {
	case err != nil:
		a.miss(what, err.Error())
		return
	case int64(len(packed)) > most:
		a.miss(what, "there is no room for it; see --max-size")
		return
	case cut:
		a.miss(what, "its beginning is left out, the newest is there")
	}
	a.write(name, what, text, packed, cut)
}

// newest is the end of a text, from the beginning of a line on.
func newest(text []byte, keep int) []byte {
	if keep >= len(text) {
		return text
	}
	end := text[len(text)-keep:]
	if i := bytes.IndexByte(end, '\n'); i >= 0 && i < len(end)-1 {
		return end[i+1:]
	}
	for len(end) > 0 && !utf8.RuneStart(end[0]) {
		end = end[1:]
	}
	return end
}

func pack(text []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err = w.Close()
	return out.Bytes(), err
}

// write writes a packed file; mu is held.
func (a *Archive) write(name, what string, text, packed []byte, cut bool) {
	extension := path.Ext(name)
	for n := 2; a.taken[name]; n++ {
		name = strings.TrimSuffix(name, extension) + fmt.Sprintf("-%d", n) + extension
	}
	a.taken[name] = true
	header := &zip.FileHeader{
		Name: a.dir + "/" + name, Method: zip.Deflate, Modified: a.now,
		CRC32: crc32.ChecksumIEEE(text), CompressedSize64: uint64(len(packed)), UncompressedSize64: uint64(len(text)),
	}
	header.SetMode(0o600)
	header.SetModTime(a.now) //nolint:staticcheck // CreateRaw doesn't look at Modified
	w, err := a.zip.CreateRaw(header)
	if err == nil {
		_, err = w.Write(packed)
	}
	if err == nil {
		// What doesn't arrive, as on a full disk, is known at once.
		err = a.zip.Flush()
	}
	if err != nil {
		a.err = err
		return
	}
	a.files = append(a.files, File{Path: name, What: a.Secrets.Hide(what), Size: int64(len(text)), Cut: cut})
}

// Close puts in the page, which page makes without secrets and as short as it is
// asked to be, and ends the zip.
func (a *Archive) Close(page func(brief bool) []byte) error {
	for _, brief := range []bool{false, true} {
		text := page(brief)
		packed, err := pack(text)
		if err != nil {
			return err
		}
		if int64(len(packed)) <= a.reserve() {
			a.mu.Lock()
			a.write("index.html", "this page", text, packed, false)
			a.mu.Unlock()
			break
		}
	}
	if a.err != nil {
		return a.err
	}
	return a.zip.Close()
}

// Size is how many bytes were written.
func (a *Archive) Size() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.out.n
}

// Err is why nothing more can be written; nil where it can.
func (a *Archive) Err() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.err
}
