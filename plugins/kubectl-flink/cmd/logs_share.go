package cmd

import (
	"fmt"
	"io"
	"sync"

	"github.com/kubectl-flink/kubectl-flink/pkg/flink/logs"
)

// levelShare counts the records that --level judges, and those of them whose
// level isn't known. Several logs count at once.
type levelShare struct {
	mu            sync.Mutex
	seen, unknown int
}

// count notes a record, and tells at once of the first whose level isn't known
// where out isn't nil.
func (s *levelShare) count(r logs.Record, out io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen++
	if r.Level != "" {
		return
	}
	if s.unknown++; s.unknown == 1 && out != nil {
		fmt.Fprintln(out, "# --level: messages whose level can't be recognized are shown, too")
	}
}

// tell says of how many records the level wasn't known.
func (s *levelShare) tell(out io.Writer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.unknown > 0 {
		fmt.Fprintf(out, "# --level: %d of %d messages (%d%%) have no level that can be recognized; they are shown\n", s.unknown, s.seen, max(s.unknown*100/s.seen, 1))
	}
}
