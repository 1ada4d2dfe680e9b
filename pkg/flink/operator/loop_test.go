package operator

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// judged runs a loop whose judge is done after a number of things were taken in.
func judged(ctx context.Context, l *Loop, enough int, taken *int) (bool, error) {
	return l.Run(ctx, func() (bool, error) { return *taken == enough, nil })
}

func TestLoopTakesInOneThingAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLoop(t.Context())
		taken := 0
		for range 20 {
			l.Go(func(context.Context) { l.Tell(func() { taken++ }) })
		}
		if done, err := judged(t.Context(), l, 20, &taken); !done || err != nil {
			t.Error(done, err)
		}
		l.Close()
	})
}

// What is found after the end holds up nobody, and Close waits for who finds it.
func TestLoopJoinsItsGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLoop(t.Context())
		ended := 0
		l.Go(func(ctx context.Context) {
			<-ctx.Done()
			l.Tell(func() { t.Error("taken in after the end") })
			ended++
		})
		if done, err := l.Run(t.Context(), func() (bool, error) { return true, nil }); !done || err != nil {
			t.Error(done, err)
		}
		if ended != 0 {
			t.Error("a goroutine ended before the loop was closed")
		}
		l.Close()
		if ended != 1 {
			t.Error("Close didn't wait")
		}
	})
}

func TestLoopJudgesAsTimeGoesBy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLoop(t.Context())
		defer l.Close()
		began := time.Now()
		late := errors.New("too late")
		done, err := l.Run(t.Context(), func() (bool, error) {
			if time.Since(began) >= 3*time.Second {
				return false, late
			}
			return false, nil
		})
		if took := time.Since(began); !done || !errors.Is(err, late) || took != 3*time.Second {
			t.Error(done, err, took)
		}
	})
}

func TestLoopEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLoop(t.Context())
		defer l.Close()
		interrupted := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(90*time.Second, func() { cancel(interrupted) })
		taken := 0
		if done, err := judged(ctx, l, 1, &taken); done || !errors.Is(err, interrupted) {
			t.Error(done, err)
		}
	})
}

func TestSilence(t *testing.T) {
	start := time.Unix(1_764_000_000, 0)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	limit := int(SilenceLimit / time.Second)
	var s Silence
	if s.Due(at(1000)) {
		t.Error("due before it began")
	}
	s.Begin(at(0))
	for _, c := range []struct {
		at  int
		due bool
	}{{limit - 1, false}, {limit, true}, {limit + 1, false}, {2*limit - 1, false}, {2 * limit, true}} {
		if got := s.Due(at(c.at)); got != c.due {
			t.Errorf("after %d s: %v", c.at, got)
		}
	}
	if s.Reacted() || !s.Found("it is away") || s.Found("it is away") || s.Finding() != "it is away" {
		t.Errorf("%+v", s)
	}
	s.Active(at(3 * limit))
	if !s.Reacted() || s.Finding() != "" || s.Due(at(4*limit-1)) || !s.Due(at(4*limit)) {
		t.Errorf("%+v", s)
	}
	s.Begin(at(5 * limit))
	if s.Due(at(6*limit-1)) || !s.Reacted() {
		t.Errorf("%+v", s)
	}
}
