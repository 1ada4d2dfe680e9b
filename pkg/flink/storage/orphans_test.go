package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	otherRun = "fedcba9876543210fedcba9876543210"
	noRun    = "00000000000000000000000000000abc"
)

// shelf is a store of recorded _metadata.
type shelf map[string][]byte

func (s shelf) Open(_ context.Context, file string) (io.ReadCloser, error) {
	data, ok := s[file]
	if !ok {
		return nil, notThere(file, "on the shelf")
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (s shelf) Stat(_ context.Context, file string) (Entry, error) {
	data, ok := s[file]
	if !ok {
		return Entry{}, notThere(file, "on the shelf")
	}
	return Entry{Path: file, Size: int64(len(data))}, nil
}

func (s shelf) List(context.Context, string, func(Entry) error) error {
	return errors.New("not asked for")
}
func (s shelf) Where() string { return "on the shelf" }

// What a _metadata names is known again wherever the volume is mounted, and an
// incremental checkpoint's files among what its run shares are.
func TestNamed(t *testing.T) {
	const name = "1.20/rocksdb-incremental"
	dir, files := stored(t, name)
	var named Named
	if named.Has(dir + "/x") {
		t.Error("nothing was read yet")
	}
	if err := named.AddMetadata(context.Background(), shelf{dir + "/_metadata": sample(t, name)}, dir); err != nil {
		t.Fatal(err)
	}
	shared := 0
	for file := range files {
		if Base(file) == MetadataFile {
			continue
		}
		run := RunOf(dir)
		_, below, _ := strings.Cut(file, run)
		elsewhere := "s3p://bucket/else/where/" + run + below
		for _, at := range []string{file, "file:" + file, "file://" + file, elsewhere} {
			if !named.Has(at) {
				t.Errorf("%s isn't known to be named", at)
			}
		}
		if strings.Contains(file, "/shared/") {
			shared++
			if by := named.Others(file, Dir(dir)+"/chk-1"); by != dir {
				t.Errorf("%s is needed by %q, want %s", file, by, dir)
			}
			if by := named.Others(file, "file://"+dir); by != "" {
				t.Errorf("%s is needed by %q beside its own", file, by)
			}
		}
	}
	if shared == 0 {
		t.Error("the sample shares nothing")
	}
	if named.Has(dir+"/other") || named.Has(strings.Replace(dir, RunOf(dir), noRun, 1)+"/x") {
		t.Error("what isn't named is known")
	}
	broken := shelf{"/s/savepoint-012345-1/_metadata": sample(t, name)[:200]}
	if err := named.AddMetadata(context.Background(), broken, "/s/savepoint-012345-1"); err == nil {
		t.Error("a _metadata that ends early was taken for whole")
	}
	if err := named.AddMetadata(context.Background(), broken, "/s/none"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// surveyOf is a survey of files that are all ten days old.
func surveyOf(now time.Time, files ...string) Survey {
	s := Survey{Named: &Named{}, Runs: map[string]Run{}, Owners: &Owners{}}
	for _, file := range files {
		s.Files = append(s.Files, SurveyFile{Dir: "s3://b/c", Entry: Entry{Path: "s3://b/c/" + file, Size: 10, Modified: now.Add(-10 * 24 * time.Hour)}})
	}
	return s
}

// Each reason to keep a file, one at a time: with none of them it is an orphan.
func TestOrphanGuards(t *testing.T) {
	now := time.Unix(2e9, 0)
	own := Run{Job: "flinkdeployment/shop", Own: true}
	live := func(change func(*Run)) map[string]Run {
		r := Run{Job: "flinkdeployment/shop", Own: true, Live: true, Since: now.Add(-time.Minute), Newest: 7}
		if change != nil {
			change(&r)
		}
		return map[string]Run{aRun: r}
	}
	const (
		sharedFile = aRun + "/shared/1"
		chk        = aRun + "/chk-5/1"
		save       = "savepoint-012345-9f/1"
	)
	for name, c := range map[string]struct {
		files  []string
		runs   map[string]Run
		rule   OrphanRule
		change func(*Survey)
		want   string
	}{
		"shared, of a run that is over":                              {files: []string{sharedFile}, want: "orphan 1"},
		"a checkpoint without _metadata":                             {files: []string{chk}, want: "orphan 1"},
		"a savepoint without _metadata":                              {files: []string{save}, want: "orphan 1"},
		"changes of a run that is over":                              {files: []string{aRun + "/dstl/1"}, want: "orphan 1"},
		"shared, of the running job":                                 {files: []string{sharedFile}, runs: live(nil), want: "orphan 1"},
		"an old checkpoint of a running job":                         {files: []string{chk}, runs: live(nil), want: "orphan 1"},
		"a whole checkpoint":                                         {files: []string{chk, aRun + "/chk-5/_metadata"}},
		"a whole savepoint":                                          {files: []string{save, "savepoint-012345-9f/_metadata"}},
		"a file with a form of its own":                              {files: []string{"stray", "x/y", "backup/_metadata"}},
		"a checkpoint outside of a run":                              {files: []string{"chk-5/1", "shared/1"}},
		"the next checkpoint of a running job":                       {files: []string{aRun + "/chk-7/1", aRun + "/chk-8/1"}, runs: live(nil)},
		"before the first checkpoint":                                {files: []string{sharedFile, chk}, runs: live(func(r *Run) { r.Since = time.Time{} })},
		"a job that merges files":                                    {files: []string{sharedFile, chk}, runs: live(func(r *Run) { r.Held = "it merges" })},
		"a savepoint is being taken":                                 {files: []string{save}, runs: live(func(r *Run) { r.Saving = true })},
		"written since the newest checkpoint":                        {files: []string{sharedFile, chk, save}, runs: live(func(r *Run) { r.Since = now.Add(-10*24*time.Hour - time.Second) })},
		"as old as the clocks may be apart":                          {files: []string{sharedFile}, runs: live(func(r *Run) { r.Since = now.Add(-10*24*time.Hour + clockSlack - time.Second) })},
		"another job's run":                                          {files: []string{sharedFile, chk, save}, runs: map[string]Run{aRun: {Job: "flinkdeployment/other"}}},
		"another job's run, though named":                            {files: []string{sharedFile}, runs: map[string]Run{aRun: {Job: "flinkdeployment/other"}}, rule: OrphanRule{Runs: []string{aRun}}},
		"digits of two runs":                                         {files: []string{save}, runs: map[string]Run{aRun: own, "012345" + otherRun[6:]: {Job: "flinkdeployment/other"}}},
		"nobody's run":                                               {files: []string{sharedFile, chk, save}, runs: map[string]Run{}, want: "unknown 1, unknown 1, unknown 1"},
		"nobody's run that is over":                                  {files: []string{sharedFile, chk, save}, runs: map[string]Run{}, rule: OrphanRule{Runs: []string{aRun}}, want: "orphan 1, orphan 1, orphan 1"},
		"the user means another run":                                 {files: []string{sharedFile}, runs: map[string]Run{}, rule: OrphanRule{Runs: []string{otherRun}}, want: "unknown 1"},
		"what tasks own":                                             {files: []string{aRun + "/taskowned/1"}, want: "unknown 1"},
		"what tasks own, of a run that is over and has a checkpoint": {files: []string{aRun + "/taskowned/1", aRun + "/chk-1/_metadata"}, runs: map[string]Run{}, rule: OrphanRule{Runs: []string{aRun}}, want: "unknown 1"},
		"what tasks own, of a run that is over and has none":         {files: []string{aRun + "/taskowned/1"}, runs: map[string]Run{}, rule: OrphanRule{Runs: []string{aRun}}, want: "orphan 1"},
		"younger than the limit":                                     {files: []string{sharedFile}, rule: OrphanRule{OlderThan: 11 * 24 * time.Hour}, want: "young 1"},
		"a young file beside":                                        {files: []string{chk, aRun + "/chk-5/2"}, change: func(s *Survey) { s.Files[1].Modified = now }, want: "young 2"},
		"a young shared file":                                        {files: []string{sharedFile, aRun + "/shared/2"}, change: func(s *Survey) { s.Files[1].Modified = now }, want: "orphan 1"},
		"of no known age":                                            {files: []string{sharedFile, chk}, change: func(s *Survey) { s.Files[0].Modified, s.Files[1].Modified = time.Time{}, time.Time{} }},
		"a snapshot refers to it":                                    {files: []string{save}, change: func(s *Survey) { s.Owners.AddPath("s3a://b/c/savepoint-012345-9f", "a snapshot") }},
		"a spec refers to what is above":                             {files: []string{chk}, change: func(s *Survey) { s.Owners.AddPath("s3://b/c/"+aRun, "a spec") }},
		"high availability's":                                        {files: []string{sharedFile, chk}, change: func(s *Survey) { s.Files[0].HA, s.Files[1].HA = true, true }},
		"named": {files: []string{sharedFile, chk, save}, change: func(s *Survey) {
			s.Named = namedFiles(t, "s3://b/c/"+sharedFile, "file:/elsewhere/"+chk, "/x/"+save)
		}},
		"one of two is named": {files: []string{chk, aRun + "/chk-5/2", sharedFile, aRun + "/shared/2"}, change: func(s *Survey) {
			s.Named = namedFiles(t, "s3://b/c/"+chk, "s3://b/c/"+sharedFile)
		}, want: "orphan 1"},
	} {
		s := surveyOf(now, c.files...)
		if s.Runs = c.runs; c.runs == nil {
			s.Runs = map[string]Run{aRun: own}
		}
		if c.change != nil {
			c.change(&s)
		}
		c.rule.Now = now
		if c.rule.OlderThan == 0 {
			c.rule.OlderThan = 7 * 24 * time.Hour
		}
		var got []string
		for _, o := range s.Orphans(c.rule) {
			got = append(got, fmt.Sprint(o.Verdict, " ", o.Count))
			if o.Size != int64(10*o.Count) || len(o.Files) != o.Count || o.Run == "" || o.Why == "" {
				t.Errorf("%s: %+v", name, o)
			}
		}
		slices.Sort(got)
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: %q, want %q", name, strings.Join(got, ", "), c.want)
		}
	}
}

// namedFiles is as if one _metadata named these.
func namedFiles(t *testing.T, files ...string) *Named {
	t.Helper()
	n := &Named{}
	_ = n.AddMetadata(context.Background(), shelf{}, "/none") // makes it ready
	n.names = append(n.names, "/by")
	for _, file := range files {
		if err := n.add(0, file); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// Only what is an orphan both times, and the same, is left to delete.
func TestStill(t *testing.T) {
	at := time.Unix(1e9, 0)
	entry := func(path string, size int64) Entry { return Entry{Path: path, Size: size, Modified: at} }
	orphan := func(verdict string, files ...Entry) Orphan {
		return Orphan{Kind: SharedUnit, Path: "s3://b/c/shared", Verdict: verdict, Files: files}
	}
	first := []Orphan{
		orphan(IsOrphan, entry("s3://b/1", 1), entry("s3://b/2", 2), entry("s3://b/3", 3), entry("s3://b/4", 4)),
		orphan(IsUnknown, entry("s3://b/5", 5)), orphan(IsYoung, entry("s3://b/6", 6)),
	}
	later := entry("s3://b/3", 3)
	later.Modified = at.Add(time.Second)
	second := []Orphan{
		orphan(IsOrphan, entry("s3://b/1", 1), entry("s3://b/2", 22), later, entry("s3://b/5", 5), entry("s3://b/6", 6), entry("s3://b/7", 7)),
		orphan(IsUnknown, entry("s3://b/4", 4)),
	}
	got := Still(first, second)
	if len(got) != 1 || got[0].Count != 1 || got[0].Size != 1 || got[0].Files[0].Path != "s3://b/1" {
		t.Errorf("%+v", got)
	}
	if len(Still(first, nil)) != 0 {
		t.Error("what is no orphan at the second look is deleted")
	}
}

// Who refers to a savepoint or checkpoint is known before it is deleted.
func TestSaveds(t *testing.T) {
	now := time.Unix(2e9, 0)
	s := surveyOf(now, "savepoint-012345-9f/_metadata", "savepoint-012345-9f/a", aRun+"/chk-5/1", aRun+"/chk-5/_metadata", aRun+"/chk-6/1", otherRun+"/chk-1/_metadata", noRun+"/chk-1/_metadata", aRun+"/shared/1", "stray/_metadata")
	s.Runs = map[string]Run{aRun: {Job: "shop", Own: true}, otherRun: {Job: "other", Live: true}}
	find := func(path string) Doomed {
		t.Helper()
		all := s.Saveds()
		at := slices.IndexFunc(all, func(d Doomed) bool { return d.Path == "s3://b/c/"+path })
		if at < 0 {
			t.Fatalf("no %s in %+v", path, all)
		}
		return all[at]
	}
	if n := len(s.Saveds()); n != 5 {
		t.Errorf("%d are savepoints or checkpoints", n)
	}
	save := find("savepoint-012345-9f")
	if !save.Own || save.Unknown || len(save.Refers) > 0 || len(save.Entries) != 2 || Base(save.Entries[0].Path) != MetadataFile {
		t.Errorf("%+v", save)
	}
	if d := find(aRun + "/chk-6"); !d.Incomplete || !d.Own {
		t.Errorf("%+v", d)
	}
	if d := find(noRun + "/chk-1"); !d.Unknown || d.Own {
		t.Errorf("%+v", d)
	}
	refers := func(path, want string) {
		t.Helper()
		if d := find(path); len(d.Refers) != 1 || !strings.Contains(d.Refers[0], want) {
			t.Errorf("%s: %q, want %q", path, d.Refers, want)
		}
	}
	refers(otherRun+"/chk-1", "the running other")
	s.Owners.AddPath("s3p://b/c/savepoint-012345-9f/", "flinkstatesnapshot/nightly")
	refers("savepoint-012345-9f", "flinkstatesnapshot/nightly")
	s.Runs[aRun] = Run{Job: "shop", Own: true, Recoverable: true}
	refers(aRun+"/chk-5", "high-availability data of shop")
	s.Runs[aRun] = Run{Job: "shop", Own: true}
	s.Named = namedFiles(t, "s3://b/c/"+aRun+"/chk-5/1")
	refers(aRun+"/chk-5", "/by, which needs its files")
}

// Files are deleted for good in a pod and in an object store, with names that
// programs could take for options, and directories only where they are empty.
func TestRemove(t *testing.T) {
	ctx := context.Background()
	root := filepath.ToSlash(t.TempDir())
	for _, file := range []string{"chk-1/-rf", "chk-1/a b'$(x)", "chk-2/keep", "chk-2/go"} {
		if err := os.MkdirAll(filepath.Dir(root+"/"+file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(root+"/"+file, []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var gone []string
	pod := asInPod(t)
	note := func(file string) { gone = append(gone, file) }
	if err := pod.Remove(ctx, []string{"file://" + root + "/chk-1/-rf", root + "/chk-1/a b'$(x)", root + "/chk-2/go", root + "/none"}, note); err != nil || len(gone) != 4 {
		t.Fatalf("%q %v", gone, err)
	}
	if err := pod.Clear(ctx, []string{root + "/chk-1", root + "/chk-2", root + "/chk-3"}); err != nil {
		t.Fatal(err)
	}
	var left []string
	_ = filepath.WalkDir(root, func(path string, _ fs.DirEntry, _ error) error {
		left = append(left, strings.TrimPrefix(filepath.ToSlash(path), root))
		return nil
	})
	if got := strings.Join(left, " "); got != " /chk-2 /chk-2/keep" {
		t.Errorf("left %q", got)
	}
	for _, path := range []string{"s3://b/x", "relative", "file:x", "/a\nb"} {
		if err := pod.Remove(ctx, []string{path}, note); err == nil {
			t.Errorf("%q was deleted", path)
		}
	}

	b, store := newBucket(t, accessKey)
	for _, key := range []string{"c/1", "c/2", "c/3"} {
		b.objects[key] = "x"
	}
	gone = nil
	if err := store.Remove(ctx, []string{"s3://flink/c/1", "s3a://flink/c/3"}, note); err != nil {
		t.Fatal(err)
	}
	slices.Sort(gone)
	if _, kept := b.objects["c/2"]; !kept || len(b.objects) != 1 || strings.Join(gone, " ") != "s3://flink/c/1 s3a://flink/c/3" {
		t.Errorf("%v gone, left %v", gone, b.objects)
	}
	b.locked = true
	err := store.Remove(ctx, []string{"s3://flink/c/2"}, func(string) { t.Error("told gone") })
	if err == nil || !strings.Contains(err.Error(), "may not delete there") || len(b.objects) != 1 {
		t.Errorf("%v", err)
	}
	for _, path := range []string{"s3://flink/", "s3://flink/c/", "file:/c/2", "s3://flink/../c/2"} {
		if err := store.Remove(ctx, []string{path}, note); err == nil {
			t.Errorf("%q was deleted", path)
		}
	}
}

// A listing in which a directory couldn't be entered isn't taken for whole
// because a file went meanwhile as well.
func TestListingIsWholeOrFails(t *testing.T) {
	list := func(said string) error {
		pod := &Pod{Name: "p", Exec: func(_ context.Context, _ []string, _, errOut io.Writer) error {
			_, _ = io.WriteString(errOut, said)
			return errors.New("exit code 1")
		}}
		return pod.List(context.Background(), "/d", func(Entry) error { return nil })
	}
	if err := list("stat: cannot statx '/d/a': No such file or directory\nfind: '/d/b': No such file or directory\n"); err != nil {
		t.Error(err)
	}
	for _, said := range []string{
		"find: '/d/b': Permission denied\nstat: cannot statx '/d/a': No such file or directory\n", "find: '/d': No such file or directory",
		strings.Repeat("stat: cannot statx '/d/a': No such file or directory\n", 2000), "",
	} {
		if err := list(said); err == nil {
			t.Errorf("%.80q was taken for a whole listing", said)
		}
	}
}
