package sqlshell

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// contents are the rows of a picture, sorted.
func contents(p *picture) []string {
	var all []string
	for _, row := range p.snapshot() {
		all = append(all, string(appendKey(nil, row.fields)))
	}
	slices.Sort(all)
	return all
}

// The picture holds what a multiset does that adds at +I and +U and takes away
// at -U and -D.
func TestPictureIsTheMultisetOfItsChanges(t *testing.T) {
	for seed := range uint64(500) {
		random := rand.New(rand.NewPCG(seed, 2))
		p := newPicture(1000, 1<<30)
		var model []string
		var there [][]any
		for range 200 {
			fields := []any{fmt.Sprint(random.IntN(5)), nil, []any{random.IntN(2) == 0}}
			change := Change(random.IntN(4))
			if change == UpdateBefore || change == Delete {
				if len(there) == 0 {
					continue
				}
				at := random.IntN(len(there))
				fields = there[at]
				there = slices.Delete(there, at, at+1)
				gone := slices.Index(model, string(appendKey(nil, fields)))
				model = slices.Delete(model, gone, gone+1)
			} else {
				there = append(there, fields)
				model = append(model, string(appendKey(nil, fields)))
			}
			p.apply(Row{Change: change, Fields: fields})
			if p.len() != len(model) {
				t.Fatalf("seed %d: %d rows, not %d", seed, p.len(), len(model))
			}
		}
		slices.Sort(model)
		if got := contents(p); !slices.Equal(got, model) {
			t.Fatalf("seed %d:\ngot  %q\nwant %q", seed, got, model)
		}
		if p.dropped != 0 {
			t.Fatalf("seed %d: dropped %d", seed, p.dropped)
		}
	}
}

func TestAnUpdatedRowKeepsItsPlace(t *testing.T) {
	p := newPicture(10, 1<<20)
	for _, key := range []string{"a", "b", "c"} {
		p.apply(plus(key, "1"))
	}
	p.apply(Row{Change: UpdateBefore, Fields: []any{"a", "1"}})
	p.apply(Row{Change: UpdateBefore, Fields: []any{"b", "1"}})
	p.apply(Row{Change: UpdateAfter, Fields: []any{"a", "2"}})
	p.apply(Row{Change: UpdateAfter, Fields: []any{"b", "2"}})
	p.apply(Row{Change: Delete, Fields: []any{"c", "1"}})
	got := fmt.Sprint(p.snapshot()[0].fields, p.snapshot()[1].fields, p.len())
	if got != "[a 2] [b 2] 2" {
		t.Error(got)
	}
}

func TestAPictureDropsTheOldestRows(t *testing.T) {
	p := newPicture(3, 1<<20)
	for i := range 5 {
		p.apply(plus(fmt.Sprint(i)))
	}
	if p.len() != 3 || p.dropped != 2 || p.snapshot()[0].fields[0] != "2" {
		t.Errorf("%d rows, %d dropped, first %v", p.len(), p.dropped, p.snapshot()[0].fields)
	}
	// A row that was dropped is deleted.
	p.apply(Row{Change: Delete, Fields: []any{"0"}})
	if p.len() != 3 || p.dropped != 1 {
		t.Errorf("%d rows, %d dropped", p.len(), p.dropped)
	}
}

func TestDifferentRowsHaveDifferentKeys(t *testing.T) {
	seen := map[string]any{}
	for _, fields := range []any{
		[]any{"a", "b"},
		[]any{"ab"},
		[]any{"a", nil},
		[]any{"a", "NULL"},
		[]any{[]any{"a", "b"}},
		[]any{[]any{"a"}, "b"},
		[]any{[]byte("a")},
		[]any{"a"},
		[]any{true},
		[]any{"true"},
		[]any{[]Pair{{"a", "b"}}},
		[]any{[]any{}},
		[]any{},
	} {
		key := string(appendKey(nil, fields))
		if other, ok := seen[key]; ok {
			t.Errorf("%v and %v have the same key", fields, other)
		}
		seen[key] = fields
	}
}

// A picture that drops rows still knows how many there are, and holds none that
// the changes took away.
func FuzzPicture(f *testing.F) {
	f.Add([]byte{0, 4, 8, 1, 5}, uint8(3))
	f.Add([]byte{0, 1, 2, 0, 16, 17, 2, 3, 6, 7, 11}, uint8(1))
	f.Add([]byte("+I-U+U-D"), uint8(200))
	f.Fuzz(func(t *testing.T, changes []byte, most uint8) {
		if most == 0 {
			most = 1
		}
		p := newPicture(int(most), 1<<30)
		truth, size, everDropped := map[string]int{}, 0, false
		for _, b := range changes {
			fields := []any{fmt.Sprint(b >> 2 & 15), nil}
			key := string(appendKey(nil, fields))
			change := Change(b % 4)
			switch {
			case change == Insert || change == UpdateAfter:
				truth[key]++
				size++
			case truth[key] == 0:
				continue // no query takes away what isn't there
			default:
				truth[key]--
				size--
			}
			p.apply(Row{Change: change, Fields: fields})
			everDropped = everDropped || p.dropped > 0
			if p.len() > int(most) || p.len()+p.dropped != size {
				t.Fatalf("%v: %d rows and %d dropped ones, of %d, at most %d", changes, p.len(), p.dropped, size, most)
			}
		}
		held, bytes, indexed := map[string]int{}, 0, 0
		for _, key := range contents(p) {
			held[key]++
			bytes += cost(key)
			if held[key] > truth[key] {
				t.Fatalf("%v: holds %d of %q, not %d", changes, held[key], key, truth[key])
			}
		}
		for _, same := range p.byKey {
			indexed += len(same)
		}
		if p.bytes != bytes || indexed != p.len() || !everDropped && p.len() != size {
			t.Fatalf("%v: %d bytes and %d indexed of %d rows with %d bytes", changes, p.bytes, indexed, p.len(), bytes)
		}
	})
}
