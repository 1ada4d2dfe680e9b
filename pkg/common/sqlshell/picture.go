package sqlshell

import (
	"container/list"
	"encoding/json"
	"fmt"
	"strconv"
)

// picture is what a changelog leads to: the rows that are there now, in the
// order in which they came. A row that replaces another one takes its place.
// It holds at most most rows and about mostBytes of them; beyond that the
// oldest ones are dropped and counted.
type picture struct {
	most      int
	mostBytes int

	rows  *list.List // of *held
	byKey map[string][]*list.Element
	// places are where rows were that an update took away: its new row goes
	// there. A changelog may take several away before it gives the new ones.
	places []*list.Element
	bytes  int
	// dropped rows were the oldest of a picture that grew too large.
	dropped int
	// changes counts what was applied.
	changes int
	nextID  int
}

type held struct {
	fields []any
	key    string
	// id tells rows with the same content apart; it goes on to the row that
	// replaces this one.
	id int
	// gone says that an update took the row away and its place is kept.
	gone bool
	// changed is the number of the change that the row came with.
	changed int
}

// mostPlaces bounds how many rows may be between being taken away and being
// replaced.
const mostPlaces = 1000

func newPicture(most, mostBytes int) *picture {
	return &picture{most: most, mostBytes: mostBytes, rows: list.New(), byKey: map[string][]*list.Element{}}
}

// len is the number of rows in the picture.
func (p *picture) len() int { return p.rows.Len() - len(p.places) }

func (p *picture) apply(row Row) {
	p.changes++
	key := string(appendKey(nil, row.Fields))
	switch row.Change {
	case Insert:
		p.add(row.Fields, key)
	case UpdateAfter:
		if len(p.places) == 0 {
			p.add(row.Fields, key)
			return
		}
		at := p.places[0]
		p.places = p.places[1:]
		h := at.Value.(*held)
		h.fields, h.key, h.gone, h.changed = row.Fields, key, false, p.changes
		p.keep(at)
	case UpdateBefore, Delete:
		at := p.take(key)
		switch {
		case at == nil:
			// Of a row that was dropped, if any.
			p.dropped = max(p.dropped-1, 0)
		case row.Change == Delete:
			p.rows.Remove(at)
		default:
			at.Value.(*held).gone = true
			p.places = append(p.places, at)
			if len(p.places) > mostPlaces {
				p.rows.Remove(p.places[0])
				p.places = p.places[1:]
			}
		}
	}
}

// add puts a row at the end.
func (p *picture) add(fields []any, key string) {
	p.nextID++
	p.keep(p.rows.PushBack(&held{fields: fields, key: key, id: p.nextID, changed: p.changes}))
}

func (p *picture) keep(at *list.Element) {
	key := at.Value.(*held).key
	p.byKey[key] = append(p.byKey[key], at)
	p.bytes += cost(key)
	for p.len() > p.most || p.bytes > p.mostBytes && p.len() > 1 {
		if !p.drop() {
			return
		}
	}
}

// cost is about how many bytes a row with such a key takes.
func cost(key string) int { return 200 + 3*len(key) }

// drop forgets the oldest row.
func (p *picture) drop() bool {
	at := p.rows.Front()
	for at != nil && at.Value.(*held).gone {
		at = at.Next()
	}
	if at == nil {
		return false
	}
	h := at.Value.(*held)
	same := p.byKey[h.key]
	for i, other := range same {
		if other == at {
			p.forget(h.key, append(same[:i:i], same[i+1:]...))
			break
		}
	}
	p.rows.Remove(at)
	p.dropped++
	return true
}

// take finds the newest row with the key and takes it out of the index.
func (p *picture) take(key string) *list.Element {
	same := p.byKey[key]
	if len(same) == 0 {
		return nil
	}
	at := same[len(same)-1]
	p.forget(key, same[:len(same)-1])
	return at
}

func (p *picture) forget(key string, rest []*list.Element) {
	p.bytes -= cost(key)
	if len(rest) == 0 {
		delete(p.byKey, key)
		return
	}
	p.byKey[key] = rest
}

// snapshot are the rows that are there now.
func (p *picture) snapshot() []held {
	all := make([]held, 0, p.len())
	for at := p.rows.Front(); at != nil; at = at.Next() {
		if h := at.Value.(*held); !h.gone {
			all = append(all, *h)
		}
	}
	return all
}

// appendKey encodes values so that different ones differ.
func appendKey(out []byte, value any) []byte {
	sized := func(kind byte, s string) []byte {
		out = append(out, kind)
		out = strconv.AppendInt(out, int64(len(s)), 10)
		out = append(out, ':')
		return append(out, s...)
	}
	switch v := value.(type) {
	case nil:
		return append(out, 'n')
	case bool:
		if v {
			return append(out, 't')
		}
		return append(out, 'f')
	case json.Number:
		return sized('d', string(v))
	case string:
		return sized('s', v)
	case []byte:
		return sized('b', string(v))
	case []any:
		out = append(strconv.AppendInt(append(out, 'a'), int64(len(v)), 10), ':')
		for _, element := range v {
			out = appendKey(out, element)
		}
		return out
	case []Pair:
		out = append(strconv.AppendInt(append(out, 'm'), int64(len(v)), 10), ':')
		for _, pair := range v {
			out = appendKey(appendKey(out, pair.Key), pair.Value)
		}
		return out
	}
	return sized('x', fmt.Sprint(value))
}
