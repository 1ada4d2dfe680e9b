package storage

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// bucket is a fake S3 server with one bucket, which knows one key and gives
// pages of two objects.
type bucket struct {
	objects map[string]string
	asked   []string
	// locked lets no file be deleted.
	locked bool
}

const accessKey = "reader"

func (b *bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.asked = append(b.asked, r.Method+" "+r.URL.RequestURI())
	fail := func(status int, code string) {
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>said by the server</Message></Error>", code)
		}
	}
	if !strings.Contains(r.Header.Get("Authorization"), "Credential="+accessKey+"/") {
		fail(http.StatusForbidden, "InvalidAccessKeyId")
		return
	}
	name, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case name == "private":
		fail(http.StatusForbidden, "AccessDenied")
		return
	case name != "flink":
		fail(http.StatusNotFound, "NoSuchBucket")
		return
	}
	if key == "" && r.Method == http.MethodPost && r.URL.Query().Has("delete") {
		b.remove(w, r)
		return
	}
	if key == "" {
		b.list(w, r)
		return
	}
	content, ok := b.objects[key]
	if !ok {
		fail(http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("ETag", `"x"`)
	w.Header().Set("Last-Modified", time.Unix(1_700_000_000, 0).UTC().Format(http.TimeFormat))
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, content)
	}
}

func (b *bucket) remove(w http.ResponseWriter, r *http.Request) {
	type key struct{ Key string }
	type failure struct{ Key, Code, Message string }
	var in struct {
		Object []key
	}
	if err := xml.NewDecoder(r.Body).Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var out struct {
		XMLName xml.Name `xml:"DeleteResult"`
		Deleted []key
		Error   []failure
	}
	for _, object := range in.Object {
		if b.locked {
			out.Error = append(out.Error, failure{object.Key, "AccessDenied", "said by the server"})
			continue
		}
		delete(b.objects, object.Key)
		out.Deleted = append(out.Deleted, object)
	}
	_ = xml.NewEncoder(w).Encode(out)
}

func (b *bucket) list(w http.ResponseWriter, r *http.Request) {
	type content struct {
		Key          string
		Size         int
		LastModified string
	}
	var out struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		IsTruncated           bool
		NextContinuationToken string
		Contents              []content
	}
	query := r.URL.Query()
	for _, key := range slices.Sorted(maps.Keys(b.objects)) {
		if !strings.HasPrefix(key, query.Get("prefix")) || key <= query.Get("continuation-token") {
			continue
		}
		if len(out.Contents) == 2 {
			out.IsTruncated, out.NextContinuationToken = true, out.Contents[1].Key
			break
		}
		out.Contents = append(out.Contents, content{key, len(b.objects[key]), "2023-11-14T22:13:20Z"})
	}
	_ = xml.NewEncoder(w).Encode(out)
}

func newBucket(t *testing.T, key string) (*bucket, *S3) {
	t.Helper()
	b := &bucket{objects: map[string]string{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	store, err := NewS3(S3Options{Endpoint: server.URL, PathStyle: true, Credentials: Key(key, "secret", ""), CredentialsFrom: "the test"})
	if err != nil {
		t.Fatal(err)
	}
	return b, store
}

// asInPod runs programs on this machine as a container would.
func asInPod(t *testing.T) *Pod {
	t.Helper()
	for _, name := range []string{"cat", "stat", "find"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("this machine has no %s: %v", name, err)
		}
	}
	return &Pod{Name: "jobmanager-0", Exec: func(ctx context.Context, args []string, out, errOut io.Writer) error {
		command := exec.CommandContext(ctx, args[0], args[1:]...)
		command.Env = append(os.Environ(), "LC_ALL=C")
		command.Stdout, command.Stderr = out, errOut
		return command.Run()
	}}
}

// sample is a recorded savepoint or checkpoint.
func sample(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../statefile/testdata", filepath.FromSlash(name), MetadataFile))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// stored are the files beside a recorded _metadata, with contents of their
// sizes.
func stored(t *testing.T, name string) (dir string, files map[string]int) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../statefile/testdata", filepath.FromSlash(name), "files.txt"))
	if err != nil {
		t.Fatal(err)
	}
	files = map[string]int{}
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if at, ok := strings.CutPrefix(line, "# "); ok {
			dir = at
			continue
		}
		file, size, _ := strings.Cut(line, "\t")
		n := 0
		if _, err := fmt.Sscan(size, &n); err != nil {
			t.Fatal(err)
		}
		files[file] = n
	}
	return dir, files
}

// The same savepoint is read in each kind of store, its files are found, and one
// that was taken away is missed.
func TestInspectEverywhere(t *testing.T) {
	const name = "2.3/savepoint-native-rocksdb"
	dir, files := stored(t, name)
	root := t.TempDir()
	b, s3 := newBucket(t, accessKey)
	put := func(file, content string) {
		at := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		b.objects["state/"+file] = content
	}
	victim, n := "", 0
	for file, size := range files {
		inside, ok := strings.CutPrefix(file, dir+"/")
		if !ok {
			continue
		}
		n++
		put(inside, strings.Repeat("x", size))
		if inside != MetadataFile && size > 0 && (victim == "" || inside < victim) {
			victim = inside
		}
	}
	put(MetadataFile, string(sample(t, name)))
	put("stray", "not named")
	slashed := filepath.ToSlash(root)
	look := func(want int, missing ...string) {
		t.Helper()
		for _, c := range []struct {
			store Store
			path  string
		}{
			{Local{}, slashed},
			{Local{}, slashed + "/_metadata"},
			{asInPod(t), "file:" + slashed},
			{asInPod(t), slashed + "/"},
			{s3, "s3://flink/state"},
			{s3, "s3a://flink/state/"},
			{s3, "s3://flink/state/_metadata"},
		} {
			got, err := Inspect(context.Background(), c.store, c.path)
			if err != nil {
				t.Errorf("%s %s: %v", c.path, c.store.Where(), err)
				continue
			}
			var gone []string
			for _, file := range got.Missing {
				gone = append(gone, file.Path+" "+file.State)
			}
			if got.Checked != want || got.Unchecked != "" || got.Unnamed != 1 || !slices.Equal(gone, missing) || got.Sort() != "native savepoint" || got.Taken.IsZero() {
				t.Errorf("%s %s: %d files looked for (%s), missing %q, %d unnamed, %s; want %d, missing %q", c.path, c.store.Where(), got.Checked, got.Unchecked, gone, got.Unnamed, got.Sort(), want, missing)
			}
		}
	}
	look(n - 1)
	put(victim, "")
	look(n-1, victim+" shorter")
	delete(b.objects, "state/"+victim)
	if err := os.Remove(filepath.Join(root, victim)); err != nil {
		t.Fatal(err)
	}
	look(n-1, victim+" missing")
}

// Files with paths of their own are looked for where those lead, and said not to
// be where that isn't from here.
func TestSharedFiles(t *testing.T) {
	const name = "1.20/rocksdb-incremental"
	dir, files := stored(t, name)
	metadata := sample(t, name)
	pod := &Pod{Name: "jobmanager-0", Exec: func(_ context.Context, args []string, out, _ io.Writer) error {
		switch args[0] {
		case "stat":
			fmt.Fprintf(out, "%d 1700000000 %s\n", len(metadata), args[len(args)-1])
		case "cat":
			_, err := out.Write(metadata)
			return err
		case "find":
			for file, size := range files {
				if strings.HasPrefix(file, args[1]+"/") {
					fmt.Fprintf(out, "%d 1700000000 %s\n", size, file)
				}
			}
		}
		return nil
	}}
	got, err := Inspect(context.Background(), pod, "file:"+dir)
	if err != nil || got.Checked != len(got.Files) || len(got.Missing) > 0 || got.Unchecked != "" || got.Shared.Files == 0 {
		t.Errorf("%d of %d looked for (%s), missing %v, %v", got.Checked, len(got.Files), got.Unchecked, got.Missing, err)
	}
	if same := CompareFiles(got, got); same.Both.Files != len(got.Files) || same.Before.Files+same.Now.Files != 0 {
		t.Errorf("the same is different: %+v", same)
	}
	moved := got
	moved.Dir = "/elsewhere"
	if other := CompareFiles(got, moved); other.Before.Files == 0 || other.Before != other.Now || other.Both.Files+other.Now.Files != len(got.Files) {
		t.Errorf("beside another _metadata are other files: %+v", other)
	}
	b, s3 := newBucket(t, accessKey)
	b.objects["copy/_metadata"] = string(metadata)
	got, err = Inspect(context.Background(), s3, "s3://flink/copy")
	if err != nil || !strings.Contains(got.Unchecked, "file:/flink-data/") || len(got.Missing) != got.Checked || got.Checked == len(got.Files) {
		t.Errorf("%d of %d looked for (%s), missing %d, %v", got.Checked, len(got.Files), got.Unchecked, len(got.Missing), err)
	}
}

// What can't be read is told with its reason, and without the secret.
func TestErrors(t *testing.T) {
	_, s3 := newBucket(t, accessKey)
	_, stranger := newBucket(t, "somebody")
	for _, c := range []struct {
		store Store
		path  string
		want  string
		gone  bool
	}{
		{s3, "s3://flink/nothing", "no savepoint or checkpoint at s3://flink/nothing", true},
		{s3, "s3://private/x", "those of the test; they may not read there", false},
		{s3, "s3://other/x", "s3://other/x", true},
		{stranger, "s3://flink/x", "the test", false},
		{s3, "s3:flink/x", "no path of S3", false},
		{s3, "s3://flink/a/../b", "isn't asked for", false},
		{Local{}, filepath.ToSlash(t.TempDir()), "no savepoint or checkpoint", true},
		{asInPod(t), filepath.ToSlash(t.TempDir()), "no savepoint or checkpoint", true},
		{asInPod(t), "--version", "no path of a file", false},
		{asInPod(t), "s3://flink/x", "no path of a file", false},
	} {
		_, err := Inspect(context.Background(), c.store, c.path)
		if err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, fs.ErrNotExist) != c.gone || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s %s: %v, want %q", c.path, c.store.Where(), err, c.want)
		}
	}
}

// A pod whose program fails or stops says why; closing early ends the program.
func TestPodPrograms(t *testing.T) {
	pod := &Pod{Name: "p", Exec: func(_ context.Context, _ []string, _, errOut io.Writer) error {
		fmt.Fprint(errOut, "cat: /x: Permission denied")
		return errors.New("exit code 1")
	}}
	in, err := pod.Open(context.Background(), "/x")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(in); err == nil || !strings.Contains(err.Error(), "Permission denied") {
		t.Errorf("%v", err)
	}
	ended := make(chan error, 1)
	pod.Exec = func(ctx context.Context, _ []string, out, _ io.Writer) error {
		for {
			if _, err := out.Write(make([]byte, 1024)); err != nil {
				ended <- ctx.Err()
				return err
			}
		}
	}
	if in, err = pod.Open(context.Background(), "/x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(in, make([]byte, 5000)); err != nil {
		t.Fatal(err)
	}
	if err := in.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("the program was not told to end")
		}
	case <-time.After(5 * time.Second):
		t.Error("the program goes on")
	}
	// A listing without end is given up.
	pod.Exec = func(_ context.Context, _ []string, out, _ io.Writer) error {
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(out, "1 1 /d/%d\n", i); err != nil {
				return err
			}
		}
	}
	n := 0
	if err := pod.List(context.Background(), "/d", func(Entry) error { n++; return nil }); !errors.Is(err, ErrTooMany) || n != MaxEntries {
		t.Errorf("%v after %d", err, n)
	}
}

// Of a job's run the checkpoint with the highest number is the newest, where it
// is whole.
func TestNewestCheckpoint(t *testing.T) {
	b, s3 := newBucket(t, accessKey)
	root := t.TempDir()
	for _, file := range []string{"chk-9/_metadata", "chk-10/_metadata", "chk-11/half", "shared/x", "chk-x/_metadata"} {
		b.objects["run/"+file] = "x"
		at := filepath.Join(root, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	root = filepath.ToSlash(root)
	for _, c := range []struct {
		store Store
		dir   string
	}{{s3, "s3://flink/run"}, {asInPod(t), "file:" + root}, {Local{}, root}} {
		if got, err := NewestCheckpoint(t.Context(), c.store, c.dir); err != nil || got != c.dir+"/chk-10" {
			t.Errorf("%s: %q, %v", c.dir, got, err)
		}
		if got, err := NewestCheckpoint(t.Context(), c.store, c.dir+"/shared"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s/shared: %q, %v", c.dir, got, err)
		}
	}
}

func TestPaths(t *testing.T) {
	for path, want := range map[string][2]string{
		"s3://b/k": {"s3", "//b/k"}, "S3A://b/k": {"s3a", "//b/k"}, "file:/x": {"file", "/x"}, "/x:y": {"", "/x:y"}, "/x": {"", "/x"},
	} {
		if scheme, rest := Split(path); scheme != want[0] || rest != want[1] {
			t.Errorf("%s: %q %q", path, scheme, rest)
		}
	}
	for endpoint, want := range map[string]bool{
		"": true, "https://s3.eu-central-1.amazonaws.com": true, "s3.amazonaws.com": true, "http://minio:9000": false,
		"https://amazonaws.com.example.org": false, "https://evil-amazonaws.com": false,
	} {
		if got := AmazonHost(endpoint); got != want {
			t.Errorf("%s: %v", endpoint, got)
		}
	}
	if err := error(&UnreadableError{"gs://b/x", "gs"}); !strings.Contains(err.Error(), "Google Cloud Storage") {
		t.Error(err)
	}
}
