package sqlgateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/httpapi"
)

// lookForEnd is how long an answer may take before the gateway is looked at,
// and how often after that.
const lookForEnd = 2 * time.Second

// endedError says that the gateway is no more, and why.
type endedError struct{ why error }

func (e *endedError) Error() string {
	return "the SQL gateway of this session has ended: " + e.why.Error() +
		"\nWhat the session had set and created for itself is lost. Start again for a new one"
}
func (e *endedError) Unwrap() error { return e.why }

func hasEnded(err error) bool {
	var ended *endedError
	return errors.As(err, &ended)
}

// call asks the gateway. An answer that doesn't come from a gateway that is no
// more is not waited for, as one that may come back is.
func (s *Session) call(ctx context.Context, method string, to httpapi.Address, in, out any) error {
	if err := s.isOver(); err != nil {
		return err
	}
	if s.options.Ended == nil {
		return s.client.call(ctx, method, to, in, out)
	}
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	defer watch.Wait()
	defer cancel()
	watch.Go(func() {
		for sleep(ctx, lookForEnd) == nil {
			if s.look(ctx) != nil {
				cancel()
			}
		}
	})
	err := s.client.call(ctx, method, to, in, out)
	if err == nil {
		return nil
	}
	if over := s.isOver(); over != nil {
		return over
	}
	if passing(err) && ctx.Err() == nil {
		if over := s.look(ctx); over != nil {
			return over
		}
	}
	return err
}

// isOver is the *endedError of a gateway that is known to be no more.
func (s *Session) isOver() error {
	s.ending.Lock()
	defer s.ending.Unlock()
	return s.over
}

// look finds out whether the gateway is no more.
func (s *Session) look(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, lookForEnd)
	defer cancel()
	why := s.options.Ended(limited)
	if why == nil {
		return nil
	}
	s.ending.Lock()
	defer s.ending.Unlock()
	if s.over == nil {
		s.over = &endedError{why}
	}
	return s.over
}
