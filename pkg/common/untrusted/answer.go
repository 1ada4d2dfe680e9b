package untrusted

import (
	"bytes"
	"context"
	"fmt"
	"io"
)

const (
	// MaxFailure bounds an answer that says what went wrong, in bytes; the rest
	// of a longer one is cut.
	MaxFailure = 1 << 20

	// large is how many bytes an answer may have beside others. Of those that
	// are larger one is in memory at a time.
	large = 1 << 20
	// most bounds what an answer may need. Types are smaller than Needed has it.
	most = 2 * MaxNeeded
)

// largeAnswer is held by who has a large answer in memory.
var largeAnswer = make(chan struct{}, 1)

// ReadJSON reads a JSON answer to its end and has decode take it; more than
// limit bytes, or than any answer has values, are an error. Answers that are
// read by many at once are in memory one after another where they are large.
func ReadJSON(ctx context.Context, r io.Reader, limit int64, decode func([]byte) error) error {
	var room Room
	defer room.Leave()
	data, err := io.ReadAll(io.LimitReader(r, min(limit, large)+1))
	if err != nil {
		return err
	}
	if int64(len(data)) > large && limit > large {
		if err := room.Take(ctx); err != nil {
			return err
		}
		more := bytes.NewBuffer(data)
		if _, err := more.ReadFrom(io.LimitReader(r, limit+1-int64(len(data)))); err != nil {
			return err
		}
		data = more.Bytes()
	}
	if int64(len(data)) > limit {
		return &TooLargeError{Limit: limit}
	}
	switch needed := Needed(data); {
	case needed > most:
		return fmt.Errorf("the answer would need %d MiB of memory, more than the program takes", needed>>20)
	case needed > 4*large:
		if err := room.Take(ctx); err != nil {
			return err
		}
	}
	return decode(data)
}

// ReadFailure reads an answer that says what went wrong; what is longer than
// MaxFailure is cut.
func ReadFailure(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, MaxFailure))
}
