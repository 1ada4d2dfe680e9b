package podexec

import "bytes"

// Bounded keeps the first Most bytes that a command writes, and drops the rest.
type Bounded struct {
	Most int
	kept bytes.Buffer
}

// Write takes all of p.
func (b *Bounded) Write(p []byte) (int, error) {
	b.kept.Write(p[:min(len(p), max(b.Most-b.kept.Len(), 0))])
	return len(p), nil
}

// Bytes are those that were kept.
func (b *Bounded) Bytes() []byte { return b.kept.Bytes() }
