package logs

import (
	"context"
	"sync"
	"time"
)

const (
	// ahead is how many records of a stream are read ahead of the others.
	ahead = 256
	// bytesAhead is how many bytes of all streams are; each may have one record
	// beyond that.
	bytesAhead = 32 << 20
	// DefaultPatience is how long a record waits for those of slower streams
	// that may be older.
	DefaultPatience = 300 * time.Millisecond
)

// Merger brings the records of several streams in the order of their time. A
// stream that has nothing to say, or falls behind, holds the others up for
// Patience once, not for each record; what it says later comes late.
type Merger struct {
	Patience time.Duration

	mu      sync.Mutex
	streams []*queue
	bytes   int
	changed chan struct{}
	closed  bool
}

// queue is one stream's records.
type queue struct {
	records []*Record
	arrived []time.Time
	// quiet says that the stream was waited for without result since its last record.
	quiet bool
	ended bool
	room  chan struct{}
}

// NewMerger merges streams that are added later, too.
func NewMerger() *Merger {
	return &Merger{Patience: DefaultPatience, changed: make(chan struct{}, 1)}
}

func (m *Merger) wake() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

// Stream adds a stream. put waits while the stream is far ahead of the others;
// it is false once ctx ends. end must be called.
func (m *Merger) Stream(ctx context.Context) (put func(*Record) bool, end func()) {
	q := &queue{room: make(chan struct{}, 1)}
	m.mu.Lock()
	m.streams = append(m.streams, q)
	m.mu.Unlock()
	put = func(r *Record) bool {
		for {
			m.mu.Lock()
			if size := r.size(); len(q.records) == 0 || len(q.records) < ahead && m.bytes+size <= bytesAhead {
				m.bytes += size
				q.records, q.arrived, q.quiet = append(q.records, r), append(q.arrived, time.Now()), false
				m.mu.Unlock()
				m.wake()
				return ctx.Err() == nil
			}
			m.mu.Unlock()
			select {
			case <-q.room:
			case <-ctx.Done():
				return false
			}
		}
	}
	return put, func() {
		m.mu.Lock()
		q.ended = true
		m.mu.Unlock()
		m.wake()
	}
}

// Close says that no more streams are added; Run ends with the last of them.
func (m *Merger) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.wake()
}

// Run hands the records to each, one after another, until all streams have
// ended (nil), ctx has (its cause), or each fails.
func (m *Merger) Run(ctx context.Context, each func(Record) error) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		record, wait, over := m.next(time.Now())
		switch {
		case over:
			return nil
		case record != nil:
			if err := each(*record); err != nil {
				return err
			}
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			continue
		}
		timer.Reset(wait)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.changed:
		case <-timer.C:
		}
	}
}

// next is the oldest record if it may go, else how long to wait for others.
func (m *Merger) next(now time.Time) (record *Record, wait time.Duration, over bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var first *queue
	missing := false
	open := m.streams[:0]
	for _, q := range m.streams {
		if len(q.records) == 0 {
			if q.ended {
				continue
			}
			missing = missing || !q.quiet
		} else if first == nil || q.records[0].Time.Before(first.records[0].Time) {
			first = q
		}
		open = append(open, q)
	}
	m.streams = open
	if first == nil {
		return nil, time.Hour, m.closed && len(open) == 0
	}
	if missing {
		if wait = m.Patience - now.Sub(first.arrived[0]); wait > 0 {
			return nil, wait, false
		}
		for _, q := range m.streams {
			q.quiet = len(q.records) == 0
		}
	}
	record = first.records[0]
	m.bytes -= record.size()
	first.records[0] = nil
	first.records, first.arrived = first.records[1:], first.arrived[1:]
	select {
	case first.room <- struct{}{}:
	default:
	}
	return record, 0, false
}
