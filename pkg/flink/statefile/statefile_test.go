package statefile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// samples are the recorded _metadata of real jobs, by name.
func samples(t testing.TB) map[string][]byte {
	t.Helper()
	files, err := filepath.Glob("testdata/*/*/_metadata")
	if err != nil || len(files) < 27 {
		t.Fatalf("only %d recorded files: %v", len(files), err)
	}
	out := map[string][]byte{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := strings.CutPrefix(filepath.ToSlash(filepath.Dir(file)), "testdata/")
		out[name] = data
	}
	return out
}

func lines(t *testing.T, name, file string) [][]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", filepath.FromSlash(name), file))
	if err != nil {
		t.Fatal(err)
	}
	var out [][]string
	for line := range strings.Lines(string(data)) {
		out = append(out, strings.Split(strings.TrimSuffix(line, "\n"), "\t"))
	}
	return out
}

// What is read is what Flink's own reader said of the same file.
func TestReadAsFlinkDoes(t *testing.T) {
	for name, data := range samples(t) {
		t.Run(name, func(t *testing.T) {
			summary, err := Summarize(bytes.NewReader(data), nil)
			if err != nil {
				t.Fatal(err)
			}
			var got, want [][]string
			for _, line := range lines(t, name, "flink.txt") {
				switch line[0] {
				case "checkpoint":
					if line[1] != fmt.Sprint(summary.CheckpointID) {
						t.Errorf("checkpoint %d, want %s", summary.CheckpointID, line[1])
					}
				case "savepoint":
					if p := summary.Properties; summary.Version < 4 {
						if p != nil {
							t.Errorf("version %d has properties %+v", summary.Version, p)
						}
					} else if p == nil || fmt.Sprint(p.Savepoint) != line[1] || p.Name != line[2] {
						t.Errorf("properties %+v, want %s", p, line)
					}
				case "operator":
					want = append(want, line[1:])
				}
			}
			for _, o := range summary.Operators {
				size := func(kind Kind) string { return fmt.Sprint(o.Kinds[kind].Size) }
				got = append(got, []string{
					o.ID, o.Name, o.UID, fmt.Sprint(o.Parallelism), fmt.Sprint(o.MaxParallelism), fmt.Sprint(o.Subtasks), fmt.Sprint(o.FullyFinished), fmt.Sprint(o.Size),
					size(Coordinator), size(ManagedKeyed), size(RawKeyed), size(ManagedOperator), size(RawOperator), size(InputChannel), size(ResultChannel),
				})
			}
			if !slices.EqualFunc(got, want, slices.Equal) {
				t.Errorf("operators\n%s\nwant\n%s", table(got), table(want))
			}
		})
	}
}

func table(rows [][]string) string {
	var out strings.Builder
	for _, row := range rows {
		fmt.Fprintln(&out, strings.Join(row, " "))
	}
	return out.String()
}

// Every file that the metadata names was in the store, with that size, and
// every file of the store is named, apart from those of older checkpoints.
func TestFilesAreThoseOfTheStore(t *testing.T) {
	for name, data := range samples(t) {
		t.Run(name, func(t *testing.T) {
			stored := map[string]int64{}
			dir := ""
			for _, line := range lines(t, name, "files.txt") {
				if at, ok := strings.CutPrefix(line[0], "# "); ok {
					dir = at
					continue
				}
				size, err := strconv.ParseInt(line[1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				stored[line[0]] = size
			}
			named := map[string]int64{}
			summary, err := Summarize(bytes.NewReader(data), func(_ *Operator, p *Piece, _ bool) error {
				at := p.Path
				switch p.Place {
				case Inline:
					return nil
				case Relative:
					at = path.Join(dir, p.Path)
				default:
					at = path.Clean("/" + strings.TrimLeft(strings.TrimPrefix(at, "file:"), "/"))
				}
				size, ok := stored[at]
				if !ok {
					t.Errorf("%s is named, but wasn't in the store", at)
				}
				switch {
				// A file of changes has a byte before them that Flink doesn't count.
				case p.Place == Segment && p.Start+p.Size > size, p.Form == ChangelogFiles && p.Size > size,
					p.Place != Segment && p.Form != ChangelogFiles && p.Size != size:
					t.Errorf("%s: %d bytes from %d on, but the file has %d", at, p.Size, p.Start, size)
				}
				named[at] = size
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if n := summary.Own.Files + summary.Shared.Files; n != len(named) {
				t.Errorf("the summary counts %d files, there are %d", n, len(named))
			}
			for at := range stored {
				if _, ok := named[at]; !ok && path.Base(at) != "_metadata" && path.Dir(at) == dir {
					t.Errorf("%s was in the store, but isn't named", at)
				}
			}
		})
	}
}

// What the file says of how it was taken comes out in words.
func TestSorts(t *testing.T) {
	all := samples(t)
	for name, want := range map[string]struct {
		version     int
		sort        string
		form        Form
		relocatable bool
	}{
		"1.20/hashmap-checkpoint":       {4, CheckpointOnly, KeyGroups, true},
		"1.20/hashmap-inline":           {4, CheckpointOnly, KeyGroups, true},
		"1.20/rocksdb-full":             {4, CheckpointOnly, BackendFiles, true},
		"1.20/rocksdb-incremental":      {4, CheckpointOnly, BackendFiles, false},
		"1.20/savepoint-canonical":      {4, CanonicalSavepoint, SavepointKeyGroups, true},
		"1.20/savepoint-canonical-v3":   {3, CanonicalSavepoint, SavepointKeyGroups, true},
		"1.20/savepoint-native-rocksdb": {4, NativeSavepoint, BackendFiles, true},
		"1.20/savepoint-native-hashmap": {4, NativeSavepoint, KeyGroups, true},
		"1.20/unaligned":                {4, CheckpointOnly, Channel, true},
		"1.20/changelog":                {4, CheckpointOnly, Changelog, false},
		"1.20/changelog-memory":         {4, CheckpointOnly, ChangelogInline, true},
		"1.20/file-merging":             {4, CheckpointOnly, MergedPartitionable, false},
		"2.3/rocksdb-incremental":       {6, CheckpointOnly, BackendFiles, false},
		"2.3/rocksdb-incremental-v5":    {5, CheckpointOnly, BackendFiles, false},
		"2.3/savepoint-canonical":       {6, CanonicalSavepoint, SavepointKeyGroups, true},
		"2.3/savepoint-native-rocksdb":  {6, NativeSavepoint, BackendFiles, true},
		"2.3/unaligned":                 {6, CheckpointOnly, MergedChannel, true},
		"2.3/changelog":                 {6, CheckpointOnly, Changelog, false},
		"2.3/forst":                     {6, CheckpointOnly, BackendFiles, false},
	} {
		summary, err := Summarize(bytes.NewReader(all[name]), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if summary.Version != want.version || summary.Sort() != want.sort || !summary.Has(want.form) || summary.Relocatable != want.relocatable {
			t.Errorf("%s: version %d, %s, relocatable %v, %+v; want %+v", name, summary.Version, summary.Sort(), summary.Relocatable, summary.Operators, want)
		}
	}
	finished, err := Summarize(bytes.NewReader(all["2.3/finished"]), nil)
	if err != nil || !slices.ContainsFunc(finished.Operators, func(o OperatorSummary) bool { return o.FullyFinished && o.UID == "few" }) {
		t.Errorf("no operator had ended: %+v, %v", finished, err)
	}
	slow, err := Summarize(bytes.NewReader(all["2.3/savepoint-canonical"]), nil)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(slow.Operators, func(o OperatorSummary) bool { return o.UID == "slow" })
	if at < 0 || !slices.Contains(slow.Operators[at].States, StateName{"rules", "broadcast"}) || !slices.Contains(slow.Operators[at].States, StateName{"all-counts", "union"}) {
		t.Errorf("states of %+v", slow.Operators)
	}
}

// A file that ends anywhere is told to end too early, never read as whole.
func TestCutOff(t *testing.T) {
	for name, data := range samples(t) {
		step := 1 + len(data)/400 // small files at every byte
		for n := 0; n < len(data); n += step {
			_, err := Summarize(bytes.NewReader(data[:n]), nil)
			if n < 4 && errors.Is(err, ErrNotMetadata) {
				continue
			}
			if !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s: the first %d of %d bytes: %v", name, n, len(data), err)
				break
			}
		}
	}
}

// writer writes what Java's DataOutput does.
type writer struct{ bytes.Buffer }

func (w *writer) put(values ...any) *writer {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			w.Write(binary.BigEndian.AppendUint16(w.AvailableBuffer(), uint16(len(v))))
			w.WriteString(v)
		case byte:
			w.WriteByte(v)
		case int:
			w.Write(binary.BigEndian.AppendUint32(w.AvailableBuffer(), uint32(v)))
		case int64:
			w.Write(binary.BigEndian.AppendUint64(w.AvailableBuffer(), uint64(v)))
		default:
			_ = binary.Write(w, binary.BigEndian, v)
		}
	}
	return w
}

func head(version int) *writer {
	return new(writer).put(uint32(magic), version, int64(7))
}

// operatorHead is the beginning of an operator up to version 4.
func (w *writer) operatorHead(parallelism, most int) *writer {
	return w.put(int64(1), int64(2), parallelism, most)
}

// Version 2 has no coordinators and no channel state, and fields of its own.
func TestVersion2(t *testing.T) {
	w := head(2).put(1, uint32(masterMagic), 4+2+4+4+3, 5, "hook", 3).put(byte(1), byte(2), byte(3))
	w.put(1).operatorHead(1, 128).put(1, 1).put(0, int64(-1), 0, 0, 0)
	w.put(byte(keyGroupsHandle), 0, 2, int64(0), int64(9), byte(fileHandle), int64(1234), "hdfs://name/dir/file", byte(nullHandle))
	var pieces []Piece
	summary, err := Summarize(bytes.NewReader(w.Bytes()), func(_ *Operator, p *Piece, _ bool) error {
		pieces = append(pieces, *p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := (MasterState{"hook", 5, 3}); len(summary.MasterStates) != 1 || summary.MasterStates[0] != want {
		t.Errorf("master states %+v", summary.MasterStates)
	}
	want := Piece{Kind: ManagedKeyed, Form: KeyGroups, Place: Absolute, Path: "hdfs://name/dir/file", Size: 1234}
	if len(pieces) != 1 || pieces[0] != want || summary.Size != 1234 || summary.Operators[0].ID != "00000000000000010000000000000002" {
		t.Errorf("pieces %+v of %+v", pieces, summary)
	}
}

// Forged lengths and depths are found before anything is made of them.
func TestForged(t *testing.T) {
	deep := head(4).put(0, 1).operatorHead(1, 128).put(byte(nullHandle), 1, 0, 0, 0)
	for range 1000 {
		deep.put(byte(changelogHandle2), 0, 1, int64(0), 1)
	}
	nested := head(4).put(0, 1).operatorHead(1, 128).put(byte(nullHandle), 1, 0, 0, 0, byte(keyGroupsHandle), 0, 0)
	for range 1000 {
		nested.put(byte(keyGroupsHandle), 0, 0)
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"not metadata":        {[]byte("PK\x03\x04 a jar"), "not a _metadata"},
		"empty":               {nil, "not a _metadata"},
		"version 1":           {new(writer).put(uint32(magic), 1).Bytes(), "before 1.3"},
		"version 7":           {new(writer).put(uint32(magic), 7).Bytes(), "versions 2 to 6"},
		"negative checkpoint": {new(writer).put(uint32(magic), 4, int64(-1)).Bytes(), "checkpoint ID -1"},
		"negative operators":  {head(4).put(0, -5).Bytes(), "-5 operators"},
		"many operators":      {head(4).put(0, 1<<31-1).Bytes(), "ends too early"},
		"parallelism 0":       {head(4).put(0, 1).operatorHead(0, 128).Bytes(), "parallelism 0"},
		"parallelism":         {head(4).put(0, 1).operatorHead(200, 128).Bytes(), "parallelism 200"},
		"max parallelism":     {head(4).put(0, 1).operatorHead(2, 1<<15+1).Bytes(), "max parallelism 32769"},
		"subtasks":            {head(4).put(0, 1).operatorHead(2, 128).put(byte(0), 3).Bytes(), "has 3 subtasks"},
		"subtask":             {head(4).put(0, 1).operatorHead(2, 128).put(byte(0), 1, 2).Bytes(), "subtask 2 of 2"},
		"ended subtask":       {head(4).put(0, 1).operatorHead(2, 128).put(byte(0), 1, -4).Bytes(), "subtask 3 of 2"},
		"lowest subtask":      {head(4).put(0, 1).operatorHead(2, 128).put(byte(0), 1, -1<<31).Bytes(), "subtask 2147483647 of 2"},
		"key groups":          {head(4).put(0, 1).operatorHead(1, 128).put(byte(0), 1, 0, 0, 0, byte(keyGroupsHandle), 1, 1<<31-1).Bytes(), "2147483647 key groups"},
		"inline":              {head(4).put(0, 1).operatorHead(1, 128).put(byte(byteStreamHandle), "x", 1<<31-1).Bytes(), "ends too early"},
		"coordinator":         {head(4).put(0, 1).operatorHead(1, 128).put(byte(fileHandle)).Bytes(), "coordinator"},
		"file":                {head(4).put(0, 1).operatorHead(1, 128).put(byte(0), 1, 0, 0, 0, byte(keyGroupsHandle), 0, 0, byte(fileHandle), int64(-2), "x").Bytes(), "-2 bytes"},
		"state":               {head(4).put(0, 1).operatorHead(1, 128).put(byte(0), 1, 0, 0, 0, byte(99)).Bytes(), "kind 99"},
		"mode":                {head(4).put(0, 1).operatorHead(1, 128).put(byte(0), 1, 0, 1, byte(partitionableHandle), 1, "x", byte(3), 0).Bytes(), "mode 3"},
		"master":              {head(4).put(1, 3).Bytes(), "mark"},
		"master length":       {head(4).put(1, uint32(masterMagic), 1<<31-1, 1, "x", 1).Bytes(), "says that it has"},
		"text":                {head(5).put(0, 1, "\xff\xff").Bytes(), "Java's UTF-8"},
		"deep":                {deep.Bytes(), "deep in each other"},
		"nested":              {nested.Bytes(), "deep in each other"},
	} {
		_, err := Summarize(bytes.NewReader(c.data), nil)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	// Sizes that are larger together than any number.
	huge := head(3).put(0, 1).operatorHead(2, 128).put(byte(0), 2)
	for i := range 2 {
		huge.put(i, 0, 0, byte(keyGroupsHandle), 0, 0, byte(fileHandle), int64(1<<63-1), "/x"+fmt.Sprint(i), byte(0), 0, 0)
	}
	summary, err := Summarize(bytes.NewReader(huge.Bytes()), nil)
	if err != nil || summary.Size != 1<<63-1 || summary.Own.Size != 1<<63-1 {
		t.Errorf("%+v, %v", summary, err)
	}
	// Properties that aren't understood are left out, and nothing else.
	odd := head(4).put(0, 0, uint32(javaMark), byte(javaObject), byte(0x01))
	if summary, err := Summarize(bytes.NewReader(odd.Bytes()), nil); err != nil || summary.Properties != nil || summary.CheckpointID != 7 {
		t.Errorf("%+v, %v", summary, err)
	}
}

func TestJavasUTF8(t *testing.T) {
	for raw, want := range map[string]string{
		"plain": "plain", "\xc0\x80": "\x00", "caf\xc3\xa9": "café", "\xe2\x82\xac": "€",
		"\xed\xa0\xbd\xed\xb8\x80": "😀", "\xed\xa0\xbdx": "\uFFFDx", "\xed\xa0\xbd": "\uFFFD",
	} {
		if got, ok := decode([]byte(raw)); !ok || got != want {
			t.Errorf("%x: %q %v, want %q", raw, got, ok, want)
		}
	}
	for _, raw := range []string{"\x80", "\xf0\x9f\x98\x80", "\xc3", "\xe2\x82", "\xc3x"} {
		if got, ok := decode([]byte(raw)); ok {
			t.Errorf("%x is read as %q", raw, got)
		}
	}
}

// endless is a _metadata that is made while it is read.
type endless struct {
	parts func() []byte // nil at the end
	left  []byte
	zeros int64
	made  int64
}

func (e *endless) Read(p []byte) (int, error) {
	for len(e.left) == 0 && e.zeros == 0 {
		if e.left = e.parts(); e.left == nil {
			return 0, io.EOF
		}
	}
	n := copy(p, e.left)
	if e.left = e.left[n:]; n == 0 {
		n = int(min(int64(len(p)), e.zeros))
		clear(p[:n])
		e.zeros -= int64(n)
	}
	e.made += int64(n)
	return n, nil
}

// A _metadata of a gigabyte, with inline state and a million files, takes at
// most 64 MiB. Under the race detector, which reads ten times slower and has
// memory of its own, a tenth of it is read and only its contents are compared.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a gigabyte")
	}
	const files, inline = 10_000, 10 << 20
	operators := 100
	if underRace {
		operators = 10
	}
	in := &endless{}
	op, file := 0, -2
	in.parts = func() []byte {
		w := new(writer)
		switch {
		case op == operators:
			return nil
		case file == -2 && op == 0:
			w = head(3).put(0, operators)
			fallthrough
		case file == -2:
			w.operatorHead(1, 128).put(byte(byteStreamHandle), "state", inline)
			in.zeros, file = inline, -1
		case file == -1:
			w.put(1, 0, 0, 0, byte(incrementalHandle), int64(1), "backend", 0, 128, byte(nullHandle), files)
			file = 0
		case file == files:
			w.put(0, byte(nullHandle), 0, 0)
			op, file = op+1, -2
		default:
			w.put("000042.sst", byte(fileHandle), int64(1), fmt.Sprintf("s3://bucket/checkpoints/0123456789abcdef/shared/%d-%d", op, file))
			file++
		}
		return w.Bytes()
	}
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	peak, n := uint64(0), 0
	summary, err := Summarize(in, func(*Operator, *Piece, bool) error {
		if n++; n%10_000 == 0 {
			runtime.ReadMemStats(&now)
			peak = max(peak, now.HeapInuse)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if summary.Inline != int64(operators)*inline || len(summary.Operators) != operators || n != operators*(files+1) {
		t.Errorf("inline %d, %d operators, %d pieces", summary.Inline, len(summary.Operators), n)
	}
	used := int64(peak) - int64(before.HeapInuse)
	t.Logf("%d MB read, %d pieces, %.1f MiB of memory", in.made/1e6, n, float64(used)/(1<<20))
	if !underRace && (in.made < 1e9 || used > 64<<20) {
		t.Errorf("%d bytes read, %d bytes of memory used", in.made, used)
	}
}

func FuzzSummarize(f *testing.F) {
	for _, data := range samples(f) {
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		pieces, size := 0, int64(0)
		summary, err := Summarize(bytes.NewReader(data), func(op *Operator, p *Piece, _ bool) error {
			pieces++
			if op == nil || p.Size < -1 || p.Subtask >= op.Parallelism {
				t.Errorf("piece %+v of %+v", p, op)
			}
			return nil
		})
		for _, o := range summary.Operators {
			size = add(size, o.Size)
			if len(o.ID) != 32 || o.Subtasks > o.Parallelism || o.Finished > o.Subtasks {
				t.Errorf("operator %+v", o)
			}
		}
		// Every piece takes at least a byte of the file.
		if err == nil && (size != summary.Size || summary.Inline > int64(len(data)) || pieces > len(data)) {
			t.Errorf("sizes %d and %d, %d inline, %d pieces in %d bytes", size, summary.Size, summary.Inline, pieces, len(data))
		}
	})
}

// Two snapshots are compared operator by operator.
func TestCompare(t *testing.T) {
	op := func(id, name string, size int64, parallelism int, states ...StateName) OperatorSummary {
		return OperatorSummary{
			Operator: Operator{ID: id, Name: name, Parallelism: parallelism, MaxParallelism: 128}, Size: size,
			Kinds: map[Kind]Amount{ManagedKeyed: {1, size}}, States: states,
		}
	}
	was := Summary{Operators: []OperatorSummary{op("a", "kept", 10, 2), op("b", "gone", 5, 2), op("c", "grown", 10, 2), op("d", "scaled", 7, 2, StateName{"x", "split"})}}
	is := Summary{Operators: []OperatorSummary{op("e", "new", 3, 2), op("a", "kept", 10, 2), op("d", "scaled", 7, 4, StateName{"x", "union"}), op("c", "grown", 30, 2)}}
	var got []string
	for _, c := range Compare(was, is) {
		got = append(got, fmt.Sprintf("%s %s %d %d %s", c.What, c.Name, c.Was, c.Is, strings.Join(c.Notes, "; ")))
	}
	want := []string{"went gone 5 0 ", "came new 0 3 ", "changed grown 10 30 ", `changed scaled 7 7 parallelism 2 → 4; state "x" (split) went; state "x" (union) came`, "same kept 10 10 "}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
}

// A version that Flink can't read and a parallelism that is too high are told.
func TestProblems(t *testing.T) {
	all := samples(t)
	for _, c := range []struct {
		name   string
		target Target
		want   string
	}{
		{"1.20/savepoint-canonical", Target{"v1_20", 16}, ""},
		{"1.20/savepoint-canonical", Target{"v2_3", 16}, ""},
		{"1.20/savepoint-canonical", Target{"v1_14", 0}, "can't be read by Flink 1.14: it needs 1.15"},
		{"1.20/savepoint-canonical", Target{"v1_20", 17}, "has max parallelism 16, and the job has parallelism 17"},
		{"2.3/savepoint-canonical", Target{"2.0.1", 0}, "can't be read by Flink 2.0: it needs 2.1"},
		{"2.3/savepoint-canonical", Target{"v1_20", 0}, "it needs 2.1"},
		{"2.3/savepoint-canonical", Target{"", 0}, ""},
		{"2.3/rocksdb-incremental-v5", Target{"v2_0", 0}, ""},
	} {
		summary, err := Summarize(bytes.NewReader(all[c.name]), nil)
		if err != nil {
			t.Fatal(err)
		}
		got := strings.Join(summary.Problems(c.target), "\n")
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s in %+v: %q, want %q", c.name, c.target, got, c.want)
		}
	}
}
