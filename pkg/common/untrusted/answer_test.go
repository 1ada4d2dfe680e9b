package untrusted

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestReadJSONHasBounds(t *testing.T) {
	for name, tc := range map[string]struct {
		text  string
		limit int64
		want  string
	}{
		"small":              {`{}`, 8, ""},
		"as large as it may": {strings.Repeat("x", 3<<20), 3 << 20, ""},
		"larger":             {strings.Repeat("x", 3<<20+1), 3 << 20, "larger than 3 MiB"},
		"empty objects":      {"[{}" + strings.Repeat(",{}", most/objectSize) + "]", 8 << 20, "more than the program takes"},
		"numbers":            {"[1" + strings.Repeat(",1", most/valueSize) + "]", 8 << 20, "more than the program takes"},
	} {
		err := ReadJSON(context.Background(), strings.NewReader(tc.text), tc.limit, func(data []byte) error {
			if string(data) != tc.text {
				t.Errorf("%s: %d bytes", name, len(data))
			}
			return nil
		})
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Sixteen JobManagers may be asked at once, and all of them may be hostile.
func TestLargeAnswersComeOneAfterAnother(t *testing.T) {
	var mu sync.Mutex
	most, now := 0, 0
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			_ = ReadJSON(context.Background(), strings.NewReader(strings.Repeat("x", 2<<20)), 4<<20, func([]byte) error {
				mu.Lock()
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(time.Millisecond)
				mu.Lock()
				now--
				mu.Unlock()
				return nil
			})
		})
	}
	group.Wait()
	if most != 1 {
		t.Errorf("%d large answers were in memory at once", most)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	gone := errors.New("gone")
	err := ReadJSON(ctx, strings.NewReader(strings.Repeat("x", 2<<20)), 4<<20, func([]byte) error {
		cancel(gone)
		return ReadJSON(ctx, strings.NewReader(strings.Repeat("x", 2<<20)), 4<<20, func([]byte) error { return nil })
	})
	if !errors.Is(err, gone) {
		t.Errorf("waiting for another's answer ended with %v", err)
	}
}

func TestReadFailureIsCut(t *testing.T) {
	data, err := ReadFailure(io.LimitReader(zeros{}, 100<<20))
	if len(data) != MaxFailure || err != nil {
		t.Errorf("%d %v", len(data), err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }
