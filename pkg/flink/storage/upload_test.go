package storage

import (
	"bytes"
	"context"
	"crypto/md5" //nolint:gosec // as S3 does
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// uploads is a fake S3 server that files are written to.
type uploads struct {
	mu      sync.Mutex
	objects map[string][]byte
	tags    map[string]string
	// open are the uploads in parts that have begun.
	open map[string]map[int][]byte
	// conditions says that If-None-Match is known.
	conditions bool
	// encrypted gives tags that are no checksums.
	encrypted bool
	// part is called before a part is taken; its error is an answer 500.
	part func(n int) error
	read int
}

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client went away
	}
	fail := func(status int, code string) {
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said by the server</Message></Error>", code)
		}
	}
	_, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	query := r.URL.Query()
	u.mu.Lock()
	part := u.part
	u.mu.Unlock()
	if n, err := strconv.Atoi(query.Get("partNumber")); err == nil && part != nil {
		if err := part(n); err != nil {
			fail(http.StatusForbidden, "AccessDenied")
			return
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if sum := sha256.Sum256(body); r.Method == http.MethodPut && r.Header.Get("X-Amz-Content-Sha256") != hex.EncodeToString(sum[:]) {
		fail(http.StatusBadRequest, "XAmzContentSHA256Mismatch")
		return
	}
	writes := r.Method == http.MethodPut && !query.Has("uploadId") || r.Method == http.MethodPost && query.Has("uploadId")
	if r.Header.Get("If-None-Match") != "" && writes {
		switch {
		case !u.conditions:
			fail(http.StatusNotImplemented, "NotImplemented")
			return
		case u.objects[key] != nil:
			fail(http.StatusPreconditionFailed, "PreconditionFailed")
			return
		}
	}
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		id := fmt.Sprintf("id%d", len(u.open))
		u.open[id] = map[int][]byte{}
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPut && query.Has("uploadId"):
		n, _ := strconv.Atoi(query.Get("partNumber"))
		u.open[query.Get("uploadId")][n] = body
		w.Header().Set("ETag", `"`+sum5(body)+`"`)
	case r.Method == http.MethodPost && query.Has("uploadId"):
		var in struct{ Part []struct{ PartNumber int } }
		if err := xml.Unmarshal(body, &in); err != nil {
			fail(http.StatusBadRequest, "MalformedXML")
			return
		}
		var all, sums []byte
		for _, part := range in.Part {
			data := u.open[query.Get("uploadId")][part.PartNumber]
			all = append(all, data...)
			one := md5.Sum(data) //nolint:gosec // as S3 does
			sums = append(sums, one[:]...)
		}
		delete(u.open, query.Get("uploadId"))
		u.objects[key], u.tags[key] = all, fmt.Sprintf("%s-%d", sum5(sums), len(in.Part))
		fmt.Fprint(w, "<CompleteMultipartUploadResult><Bucket>flink</Bucket><ETag>x</ETag></CompleteMultipartUploadResult>")
	case r.Method == http.MethodDelete && query.Has("uploadId"):
		delete(u.open, query.Get("uploadId"))
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPut:
		u.objects[key], u.tags[key] = body, sum5(body)
	case u.objects[key] == nil:
		fail(http.StatusNotFound, "NoSuchKey")
	default:
		tag := u.tags[key]
		if u.encrypted {
			tag = "0123456789abcdef0123456789abcdef"
		}
		w.Header().Set("ETag", `"`+tag+`"`)
		w.Header().Set("Last-Modified", "Tue, 14 Nov 2023 22:13:20 GMT")
		w.Header().Set("Content-Length", strconv.Itoa(len(u.objects[key])))
		if r.Method == http.MethodGet {
			u.read++
			_, _ = w.Write(u.objects[key])
		}
	}
}

func sum5(data []byte) string {
	sum := md5.Sum(data) //nolint:gosec // as S3 does
	return hex.EncodeToString(sum[:])
}

func newUploads(t *testing.T) (*uploads, *S3) {
	t.Helper()
	u := &uploads{objects: map[string][]byte{}, tags: map[string]string{}, open: map[string]map[int][]byte{}, conditions: true}
	server := httptest.NewServer(u)
	t.Cleanup(server.Close)
	store, err := NewS3(S3Options{Endpoint: server.URL, PathStyle: true, Credentials: Key("writer", "hush", ""), CredentialsFrom: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	return u, store
}

func digestOf(t *testing.T, data []byte) *Digest {
	t.Helper()
	d, err := DigestOf(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A file of any number of parts is there whole afterwards, and is known again by
// the store's tag, or by its bytes where that is none.
func TestPut(t *testing.T) {
	large := bytes.Repeat([]byte("0123456789abcdef"), (2*PartSize+PartSize/2)/16)
	for _, data := range [][]byte{{}, []byte("small"), large[:PartSize], large[:PartSize+1], large} {
		for _, conditions := range []bool{true, false} {
			u, s3 := newUploads(t)
			u.conditions = conditions
			d := digestOf(t, data)
			if there, _, err := s3.Holds(t.Context(), "s3://flink/a.jar", d); err != nil || there {
				t.Fatalf("%d bytes: there %v, %v", len(data), there, err)
			}
			var sent atomic.Int64
			err := s3.Put(t.Context(), "s3://flink/a.jar", bytes.NewReader(data), d, Upload{Sent: func(n int64) {
				for old := sent.Load(); n > old && !sent.CompareAndSwap(old, n); old = sent.Load() {
				}
			}})
			if err != nil || !bytes.Equal(u.objects["a.jar"], data) || len(u.open) > 0 || sent.Load() != int64(len(data)) {
				t.Errorf("%d bytes: %v, %d are there, %d open, %d sent", len(data), err, len(u.objects["a.jar"]), len(u.open), sent.Load())
			}
			for _, u.encrypted = range []bool{false, true} {
				there, same, err := s3.Holds(t.Context(), "s3://flink/a.jar", d)
				if err != nil || !there || !same || (u.read > 0) != u.encrypted {
					t.Errorf("%d bytes: there %v, same %v, %v, read %d times", len(data), there, same, err, u.read)
				}
			}
		}
	}
}

func TestHoldsTellsOthers(t *testing.T) {
	u, s3 := newUploads(t)
	for other, same := range map[string]bool{"abc": true, "abd": false, "ab": false, "abcd": false} {
		u.objects["a.jar"], u.tags["a.jar"] = []byte(other), "of-another-kind"
		there, got, err := s3.Holds(t.Context(), "s3://flink/a.jar", digestOf(t, []byte("abc")))
		if err != nil || !there || got != same {
			t.Errorf("%q: there %v, same %v, %v", other, there, got, err)
		}
	}
}

// What came to be there meanwhile isn't replaced unasked.
func TestPutReplacesOnlyAsked(t *testing.T) {
	large := bytes.Repeat([]byte("x"), PartSize+1)
	for _, data := range [][]byte{[]byte("new"), large} {
		u, s3 := newUploads(t)
		u.objects["a.jar"] = []byte("old")
		d := digestOf(t, data)
		if err := s3.Put(t.Context(), "s3://flink/a.jar", bytes.NewReader(data), d, Upload{}); !errors.Is(err, ErrExists) || string(u.objects["a.jar"]) != "old" || len(u.open) > 0 {
			t.Errorf("%v; %d bytes are there, %d open", err, len(u.objects["a.jar"]), len(u.open))
		}
		if err := s3.Put(t.Context(), "s3://flink/a.jar", bytes.NewReader(data), d, Upload{Replace: true}); err != nil || !bytes.Equal(u.objects["a.jar"], data) {
			t.Error(err)
		}
	}
}

// meet sets what parts meet from now on. Requests of an upload that was broken
// off may still be on their way.
func (u *uploads) meet(part func(n int) error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.part = part
}

// An upload that is interrupted, or fails, leaves nothing, and can be begun again.
func TestPutLeavesNothing(t *testing.T) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 5*PartSize/16)
	d := digestOf(t, data)
	interrupted := errors.New("interrupted")
	u, s3 := newUploads(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	for name, c := range map[string]struct {
		ctx  context.Context
		part func(int) error
		want string
	}{
		"interrupted": {ctx, func(n int) error {
			if n == 3 {
				cancel(interrupted)
				<-ctx.Done()
			}
			return nil
		}, "interrupted"},
		"refused": {t.Context(), func(n int) error {
			if n == 4 {
				return errors.New("no")
			}
			return nil
		}, "those of the test; they may not write there"},
	} {
		u.meet(c.part)
		err := s3.Put(c.ctx, "s3://flink/a.jar", bytes.NewReader(data), d, Upload{})
		u.mu.Lock()
		if err == nil || !strings.Contains(err.Error(), c.want) || len(u.open) > 0 || len(u.objects) > 0 || strings.Contains(err.Error(), "hush") {
			t.Errorf("%s: %v; %d open, %v are there", name, err, len(u.open), slices.Collect(maps.Keys(u.objects)))
		}
		u.mu.Unlock()
	}
	u.meet(nil)
	if err := s3.Put(t.Context(), "s3://flink/a.jar", bytes.NewReader(data), d, Upload{}); err != nil || !bytes.Equal(u.objects["a.jar"], data) {
		t.Errorf("once more: %v", err)
	}
}

// A file that changes after its checksums were made is refused by the store.
func TestPutOfAFileThatChanges(t *testing.T) {
	for _, size := range []int{10, PartSize + 10} {
		u, s3 := newUploads(t)
		data := bytes.Repeat([]byte("a"), size)
		d := digestOf(t, data)
		data[size-1] = 'b'
		if err := s3.Put(t.Context(), "s3://flink/a.jar", bytes.NewReader(data), d, Upload{}); err == nil || len(u.objects)+len(u.open) > 0 {
			t.Errorf("%d bytes: %v, %d are there, %d open", size, err, len(u.objects), len(u.open))
		}
	}
	if _, err := DigestOf(t.Context(), bytes.NewReader([]byte("abc")), 5); err == nil || !strings.Contains(err.Error(), "it is being written") {
		t.Error(err)
	}
}

func TestCheckAddress(t *testing.T) {
	for path, ok := range map[string]bool{
		"s3://b/k.jar": true, "s3a://b/d/k.jar": true, "s3://b": false, "s3://b/": false, "s3://b/d/": false, "s3://b/../k.jar": false, "file:/k.jar": false, "s3:b/k.jar": false,
	} {
		if err := CheckAddress(path); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
}
