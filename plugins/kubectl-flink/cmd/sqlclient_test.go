package cmd

import (
	"bytes"
	"testing"
)

func TestColorsAreLeftOut(t *testing.T) {
	const text = "\x1b[34;1m[INFO] Executing\x1b[0m\nplain [m ü\x1b[2K\x1b[31mred\x1b[0m\x1b"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := &plainWriter{out: &out}
		for rest := []byte(text); len(rest) > 0; {
			n, err := w.Write(rest[:min(size, len(rest))])
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if want := "[INFO] Executing\nplain [m ü\x1b[2Kred"; out.String() != want {
			t.Errorf("in portions of %d bytes: %q", size, out.String())
		}
	}
}
